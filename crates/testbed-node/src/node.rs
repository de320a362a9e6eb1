//! Puts the node together and keeps it running.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, UdpSocket},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use testbed_hub::{
    Layout,
    inner::{
        Applier, Built, Cgroups, Containerd, INDEX_LABEL, Inner, Keeper, Machine as Facts, Manifests, Pki,
        Site, client, create_network, files, node_cidr, route, substitute, units,
    },
};
use tokio::time::sleep;

use crate::{machine::Machine, ready::Readiness, settings::Settings};

/// The volume with everything that is written.
const STATE: &str = "/state";
/// Where the pod finds the authority of its cluster.
const AUTHORITY: &str = "/etc/testbed/ca";
/// Images that lie in this one, and the references of others.
const IMAGES: &str = "/images";
/// Where our binaries are.
const PREFIX: &str = "/usr/local";
/// How often the control plane is asked whether it answers yet.
const LOOK: Duration = Duration::from_millis(100);
/// Manifests that the hub and a cluster share.
const COREDNS: &str = include_str!("../../../hub/manifests/coredns.yaml");
/// Manifests of a cluster alone.
const CLUSTER: &str = include_str!("cluster.yaml");

/// Makes the node and watches over it; returns only if it cannot be made.
pub(crate) async fn run(settings: &Settings, readiness: &Readiness) -> Result<()> {
    let layout = Layout { root: "/".into(), cache: "/".into(), state: STATE.into(), run: "/run".into() };
    let cgroups = Cgroups::inside()?;
    cgroups.vacate()?;
    cgroups.create("")?;
    let site = site(settings, &cgroups)?;
    let references = references()?;
    let configured = configure(&layout, &site, &references)?;

    let mut keeper = Keeper::new(&layout);
    for mut unit in units(&layout, &site, &configured, |_| String::new()) {
        if unit.name == "kubelet" {
            unit.after.extend(["network".into(), "pause".into()]);
        }
        keeper.keep(unit);
    }
    let network = async {
        create_network(&site).await?;
        keeper.is_ready("network");
        Ok::<_, anyhow::Error>(())
    };
    let pause = async {
        keeper.ready("containerd").await;
        let ctr = Path::new(PREFIX).join("bin/ctr");
        let containerd = Containerd { ctr, socket: layout.containerd_socket() };
        containerd.import_archive(&Path::new(IMAGES).join("pause.tar")).await?;
        keeper.is_ready("pause");
        Ok::<_, anyhow::Error>(())
    };
    let cluster = async {
        let client = client(&layout.kubeconfig()).await?;
        if !site.is_control_plane() {
            wait_for_control_plane(&client).await;
            keeper.is_ready("kube-apiserver");
        }
        keeper.ready("kube-apiserver").await;
        let first = async {
            if site.is_control_plane() {
                apply(&client, &site, &references).await?;
                readiness.applied();
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::try_join!(first, watch_nodes(&client, settings, readiness))?;
        Ok::<_, anyhow::Error>(())
    };
    tokio::try_join!(network, pause, cluster)?;
    Ok(())
}

/// What this node is, in the words of the hub's library.
fn site(settings: &Settings, cgroups: &Cgroups) -> Result<Site> {
    let (machine, limits) = (Machine::look(Path::new(STATE))?, cgroups.limits());
    if let Some(meminfo) = machine.meminfo(limits) {
        let shown = &Path::new(STATE).join("meminfo");
        fs::write(shown, meminfo).context("cannot write the node's memory")?;
        mount_bind(shown, "/proc/meminfo").context("cannot show the node's memory")?;
    }
    Ok(Site::inner(Inner {
        cluster: settings.cluster.clone(),
        node: settings.node(),
        index: settings.index,
        address: address()?.to_string(),
        control_plane: settings.control_plane.clone(),
        cgroup_root: cgroups.root(),
        reserved: machine.reserved(limits, settings),
        registry: settings.registry.clone(),
    }))
}

/// The pod's own address: the one it would send from.
fn address() -> Result<IpAddr> {
    // Nothing is sent: the kernel only looks for the way to an address that no machine has.
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect("192.0.2.1:9").context("the pod has no way out")?;
    Ok(socket.local_addr()?.ip())
}

/// References of images by name.
fn references() -> Result<BTreeMap<String, String>> {
    let path = Path::new(IMAGES).join("references.json");
    let text = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("`{}` is not a list of images", path.display()))
}

/// Writes certificates and configuration, and returns the parts that the node is made of.
fn configure(
    layout: &Layout,
    site: &Site,
    references: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Built>> {
    // The mounts of pods have to be seen by everything in here, and by nothing outside.
    let flags = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    mount_change("/", flags).context("cannot share mounts among the node's components")?;
    let pki = Pki::new(layout);
    pki.adopt(Path::new(AUTHORITY))?;
    pki.ensure(site)?;
    let around = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let resolv_conf = layout.config().join("resolv.conf");
    let facts = Facts { resolv_conf: resolv_conf.clone(), ..Facts::look() };
    let pause = references.get("pause").map(String::as_str).unwrap_or_default();
    let mut all = files(layout, site, &facts, pause, None);
    all.insert(resolv_conf, servers(&around));
    for (path, content) in all {
        write(&path, &content)?;
    }
    for folder in [layout.logs(), layout.pod_logs(), layout.data()] {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    let built = |name: &str| Built {
        name: name.into(),
        version: String::new(),
        key: String::new(),
        folder: PREFIX.into(),
    };
    Ok(["containerd", "etcd", "kubernetes"].map(|name| (name.to_owned(), built(name))).into())
}

fn write(path: &PathBuf, content: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("cannot write `{}`", path.display()))
}

/// The name servers of a resolver's configuration: names of the cluster around are not searched for inside.
fn servers(resolv_conf: &str) -> String {
    resolv_conf
        .lines()
        .filter(|line| line.starts_with("nameserver"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Waits until the API server of another node answers.
async fn wait_for_control_plane(client: &Client) {
    while client.apiserver_version().await.is_err() {
        sleep(LOOK).await;
    }
}

/// Applies what the cluster begins with.
async fn apply(client: &Client, site: &Site, references: &BTreeMap<String, String>) -> Result<()> {
    let value = |name: &str| match name {
        "digest" => Some("1".to_owned()),
        "dns" => Some(site.dns_service.clone()),
        "priority" => Some("system-cluster-critical".to_owned()),
        _ => references.get(name.strip_prefix("image:")?).cloned(),
    };
    let coredns = substitute(COREDNS, value).map_err(anyhow::Error::msg)?;
    let texts = [("coredns.yaml".to_owned(), coredns), ("cluster.yaml".to_owned(), CLUSTER.to_owned())];
    let manifests = Manifests::parse("cluster", None, &texts)?;
    Applier::new(client.clone()).apply_all(&manifests).await?;
    Ok(())
}

/// Follows the nodes of the cluster: which are ready, and which way their pods are.
async fn watch_nodes(client: &Client, settings: &Settings, readiness: &Readiness) -> Result<()> {
    let api: Api<Node> = Api::all(client.clone());
    let events = watcher(api, watcher::Config::default()).default_backoff();
    // An error is retried by the watch itself.
    let mut nodes = events.applied_objects().filter_map(|node| async { node.ok() }).boxed();
    let mut ways = BTreeMap::new();
    while let Some(node) = nodes.next().await {
        let name = node.metadata.name.clone().unwrap_or_default();
        if name != settings.node()
            && let Some((pods, address)) = way(&node)
            && ways.get(&pods) != Some(&address)
        {
            route(&pods, &address).await?;
            ways.insert(pods, address);
        }
        readiness.node(&name, is_ready(&node));
    }
    Ok(())
}

/// The pods of a node and the address behind which they are.
fn way(node: &Node) -> Option<(String, String)> {
    let index = node.metadata.labels.as_ref()?.get(INDEX_LABEL)?.parse().ok()?;
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let address = addresses.iter().find(|address| address.type_ == "InternalIP")?.address.clone();
    Some((node_cidr(index), address))
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_way_to_a_nodes_pods_is_by_its_index_and_address() {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": "left-2", "labels": {"illm.io/node": "2"}},
            "status": {
                "addresses": [{"type": "Hostname", "address": "left-2"}, {"type": "InternalIP", "address": "10.88.0.9"}],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }))
        .unwrap();
        assert_eq!(way(&node), Some(("10.98.2.0/24".into(), "10.88.0.9".into())));
        assert!(is_ready(&node));
        assert_eq!(way(&Node::default()), None);
    }

    #[test]
    fn only_name_servers_are_taken_over() {
        let around = "search testbed-clusters.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        assert_eq!(servers(around), "nameserver 10.96.0.10\n");
    }

    #[test]
    fn every_name_in_the_shared_manifests_has_a_value() {
        let known = ["digest", "dns", "priority", "image:coredns"];
        substitute(COREDNS, |name| known.contains(&name).then(|| "x".to_owned())).unwrap();
    }
}
