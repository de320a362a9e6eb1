//! The hub's network: a bridge, a table of nftables, a few kernel settings; all of it can be taken away.

use std::{collections::BTreeMap, fs, net::Ipv4Addr, path::Path, process::Stdio};

use serde::{Deserialize, Serialize};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    command::{self, CommandError},
    files::{self, FileError},
    layout::{ADDRESS, BRIDGE, Layout, NFT_TABLE, POD_CIDR, SERVICE_CIDR},
    site::{INNER_POD_CIDR, Site},
};

/// The network could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Kernel settings the hub needs: pods are routed, and their traffic on the bridge is seen by nftables,
/// without which a service cannot send a pod's packet to a neighbour on the same bridge.
const SETTINGS: [(&str, &str); 2] =
    [("net/ipv4/ip_forward", "1"), ("net/bridge/bridge-nf-call-iptables", "1")];

/// What the kubelet sets of the machine as it needs it; put back with the others.
const OF_THE_KUBELET: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// Kernel modules behind the network and the images; on many machines they are built in.
const MODULES: [&str; 4] = ["br_netfilter", "overlay", "nf_conntrack", "nft_masq"];

/// Ports on the hub's address that its components take.
pub const PORTS: [(u16, &str); 2] = [(6443, "kube-apiserver"), (10250, "kubelet")];
/// Ports on the loopback address that its components take.
pub const LOOPBACK_PORTS: [(u16, &str); 8] = [
    (2379, "etcd"),
    (2380, "etcd"),
    (2381, "etcd"),
    (10248, "kubelet"),
    (10249, "kube-proxy"),
    (10256, "kube-proxy"),
    (10257, "kube-controller-manager"),
    (10259, "kube-scheduler"),
];

/// The rules of our table.
///
/// The kernel answers for any of its addresses on any of its links, and forwards between links; so packets for the
/// hub's addresses that come from beyond the machine are dropped before anything else sees them.
/// Clusters inside of the hub have the same addresses: what goes between their nodes must not share one memory of
/// connections, and needs none.
#[must_use]
pub fn rules() -> String {
    format!(
        "table inet {NFT_TABLE} {{
    chain guard {{
        type filter hook prerouting priority mangle; policy accept;
        iifname != {{ \"lo\", \"{BRIDGE}\" }} ip daddr {{ {POD_CIDR}, {SERVICE_CIDR} }} ct state new counter drop
    }}
    chain clusters {{
        type filter hook prerouting priority raw; policy accept;
        ip saddr {INNER_POD_CIDR} ip daddr {INNER_POD_CIDR} notrack
    }}
    chain leave {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {POD_CIDR} ip daddr != {POD_CIDR} oifname != \"{BRIDGE}\" masquerade
    }}
}}
"
    )
}

/// The rules of our table in the network of a pod: what leaves the cluster does so under the pod's address.
#[must_use]
pub fn inner_rules(site: &Site) -> String {
    let (pods, bridge) = (&site.pod_cidr, &site.bridge);
    format!(
        "table inet {NFT_TABLE} {{
    chain leave {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {pods} ip daddr != {pods} oifname != \"{bridge}\" masquerade
    }}
}}
"
    )
}

/// Makes bridge and table in the network of a pod, where nobody else is and nothing has to be put back.
///
/// # Errors
/// If a program fails or a setting cannot be written.
pub async fn create_inside(site: &Site) -> Result<(), NetError> {
    let gateway = site.node_cidr.replace(".0/", ".1/");
    if !Path::new("/sys/class/net").join(&site.bridge).exists() {
        ip(&["link", "add", &site.bridge, "type", "bridge"]).await?;
    }
    ip(&["address", "replace", &gateway, "dev", &site.bridge]).await?;
    ip(&["link", "set", &site.bridge, "up"]).await?;
    nft(&format!("add table inet {NFT_TABLE}\ndelete table inet {NFT_TABLE}\n{}", inner_rules(site))).await?;
    for (name, value) in SETTINGS {
        let path = Path::new("/proc/sys").join(name);
        fs::write(&path, value).map_err(files::at("write", &path))?;
    }
    Ok(())
}

/// Sends what is for the pods of another node to that node.
///
/// # Errors
/// If a program fails.
pub async fn route(pods: &str, node: &str) -> Result<(), NetError> {
    ip(&["route", "replace", pods, "via", node]).await?;
    Ok(())
}

/// Marks our rules in a chain that is not ours.
const MARK: &str = "testbed-hub";

/// Rules for a chain of the machine that drops what it forwards, as Docker sets it up; it sees what goes from pod to pod
/// on the bridge too. Empty if the chain is not like that, or has the rules.
fn exceptions(chain: &str) -> String {
    if !chain.contains("policy drop") || chain.contains(MARK) {
        return String::new();
    }
    ["iifname", "oifname"]
        .map(|link| {
            format!("insert rule ip filter FORWARD {link} \"{BRIDGE}\" counter accept comment \"{MARK}\"\n")
        })
        .concat()
}

/// The script that takes our rules out of that chain, of which this is the listing with handles.
fn without_exceptions(chain: &str) -> String {
    let ours = chain.lines().filter(|line| line.contains(MARK));
    let handles = ours.filter_map(|line| line.rsplit_once("# handle ").map(|(_, handle)| handle.trim()));
    handles.map(|handle| format!("delete rule ip filter FORWARD handle {handle}\n")).collect()
}

/// Tables to remove, of those that are there: none unless our own is, for without it a kube-proxy is not ours.
fn our_tables(tables: &str) -> String {
    let ours = ["inet testbed", "ip kube-proxy", "ip6 kube-proxy"];
    let there = |table: &str| tables.lines().any(|line| line.trim() == format!("table {table}"));
    if !there(ours[0]) {
        return String::new();
    }
    ours.into_iter().filter(|table| there(table)).map(|table| format!("delete table {table}\n")).collect()
}

/// Whether another kube-proxy works on this machine, whose tables ours would take over.
#[must_use]
pub async fn foreign_kube_proxy() -> bool {
    let tables = command::run("nft", &["list", "tables"]).await.unwrap_or_default();
    tables.contains("kube-proxy") && our_tables(&tables).is_empty()
}

/// The chain of the machine that decides what is forwarded; empty if there is none.
async fn forward_chain() -> String {
    command::run("nft", &["--handle", "list", "chain", "ip", "filter", "FORWARD"]).await.unwrap_or_default()
}

/// Makes bridge, table and settings; what is there already stays.
///
/// # Errors
/// If a program fails or a setting cannot be written.
pub async fn create(layout: &Layout) -> Result<(), NetError> {
    for module in MODULES {
        // Built into the kernel, or no modules at all: what is really missing shows in the settings below.
        let _ = command::run("modprobe", &["--quiet", module]).await;
    }
    if !Path::new("/sys/class/net").join(BRIDGE).exists() {
        ip(&["link", "add", BRIDGE, "type", "bridge"]).await?;
    }
    ip(&["address", "replace", &format!("{ADDRESS}/16"), "dev", BRIDGE]).await?;
    ip(&["link", "set", BRIDGE, "up"]).await?;
    let exceptions = exceptions(&forward_chain().await);
    // Adding first makes the deletion of an absent table no error.
    nft(&format!("add table inet {NFT_TABLE}\ndelete table inet {NFT_TABLE}\n{}{exceptions}", rules()))
        .await?;
    save_settings(layout)?;
    for (name, value) in SETTINGS {
        let path = Path::new("/proc/sys").join(name);
        fs::write(&path, value).map_err(files::at("write", &path))?;
    }
    Ok(())
}

/// Removes bridge, links to pods and tables (ours, and kube-proxy's). Absent is fine.
///
/// # Errors
/// If a program fails.
pub async fn remove() -> Result<(), NetError> {
    // Pods' links are removed by the kernel with their namespaces, some of them late; what is left hangs on the bridge.
    for entry in
        fs::read_dir(Path::new("/sys/class/net").join(BRIDGE).join("brif")).into_iter().flatten().flatten()
    {
        let _ = ip(&["link", "delete", &entry.file_name().to_string_lossy()]).await;
    }
    if Path::new("/sys/class/net").join(BRIDGE).exists() {
        ip(&["link", "delete", BRIDGE]).await?;
    }
    let tables = command::run("nft", &["list", "tables"]).await.unwrap_or_default();
    nft(&(our_tables(&tables) + &without_exceptions(&forward_chain().await))).await
}

/// The kernel settings as they were before the hub.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Settings(BTreeMap<String, String>);

fn save_settings(layout: &Layout) -> Result<(), FileError> {
    let path = layout.state.join("sysctl.json");
    if path.exists() {
        return Ok(());
    }
    let read = |name: &str| fs::read_to_string(Path::new("/proc/sys").join(name)).ok();
    let names = SETTINGS.iter().map(|(name, _)| *name).chain(OF_THE_KUBELET);
    let before = names.filter_map(|name| Some((name.to_owned(), read(name)?.trim().to_owned()))).collect();
    files::write(&path, serde_json::to_vec_pretty(&Settings(before)).unwrap_or_default())?;
    Ok(())
}

/// Puts the kernel settings back to what they were.
pub fn restore_settings(layout: &Layout) {
    let saved = fs::read(layout.state.join("sysctl.json")).unwrap_or_default();
    let before: Settings = serde_json::from_slice(&saved).unwrap_or_default();
    for (name, value) in before.0 {
        let _ = fs::write(Path::new("/proc/sys").join(name), value);
    }
}

/// A network of the machine that overlaps with the hub's: the line of the routing table.
#[must_use]
pub fn overlapping_routes(routes: &str) -> Vec<String> {
    routes
        .lines()
        .filter(|line| !line.contains(&format!("dev {BRIDGE}")))
        .filter(|line| {
            // The target is the first word, after the kind of route where there is one; `default` is none of ours.
            let target =
                line.split_whitespace().take(2).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
            target.is_some_and(|target| {
                !line.starts_with("default")
                    && [POD_CIDR, SERVICE_CIDR].iter().any(|ours| overlap(target, ours))
            })
        })
        .map(|line| line.trim().into())
        .collect()
}

fn overlap(left: &str, right: &str) -> bool {
    let parse = |text: &str| -> Option<(u32, u32)> {
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        Some((address.parse::<Ipv4Addr>().ok()?.to_bits(), bits.parse().ok()?))
    };
    let (Some((left, left_bits)), Some((right, right_bits))) = (parse(left), parse(right)) else {
        return false;
    };
    let common = left_bits.min(right_bits);
    common == 0 || (left ^ right) >> (32 - common) == 0
}

async fn ip(args: &[&str]) -> Result<String, CommandError> {
    command::run("ip", args).await
}

/// Runs a script of nftables: all of it, or nothing.
async fn nft(script: &str) -> Result<(), NetError> {
    let spawn = |source| CommandError::Spawn { program: "nft".into(), source };
    let mut command = Command::new("nft");
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(spawn)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(script.as_bytes()).await.map_err(spawn)?;
    }
    let done = child.wait_with_output().await.map_err(spawn)?;
    if done.status.success() {
        return Ok(());
    }
    Err(CommandError::Failed { line: "nft -f -".into(), output: command::tail(&done.stderr, 20) }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_into_the_hubs_subnets_is_seen_and_the_default_route_is_not() {
        let routes = "default via 192.0.2.1 dev eth0\n\
                      10.88.0.0/16 dev hub0 proto kernel scope link src 10.88.0.1\n\
                      10.0.0.0/8 via 192.0.2.7 dev eth0\n\
                      unreachable 10.96.3.0/24\n\
                      10.97.0.0/16 dev eth1\n";
        let found = overlapping_routes(routes);
        assert_eq!(found, ["10.0.0.0/8 via 192.0.2.7 dev eth0", "unreachable 10.96.3.0/24"]);
    }

    #[test]
    fn a_chain_that_drops_gets_our_exceptions_once_and_loses_them_again() {
        let docker = "table ip filter {\n\tchain FORWARD { # handle 2\n\t\ttype filter hook forward; policy drop;\n\t}\n}";
        assert_eq!(exceptions(docker).lines().count(), 2);
        assert!(exceptions("").is_empty());
        assert!(exceptions("policy accept").is_empty());
        let with_ours =
            docker.replace("policy drop;", "policy drop;\n\t\taccept comment \"testbed-hub\" # handle 7");
        assert!(exceptions(&with_ours).is_empty());
        assert_eq!(without_exceptions(&with_ours), "delete rule ip filter FORWARD handle 7\n");
        assert!(without_exceptions(docker).is_empty());
    }

    #[test]
    fn the_tables_of_another_kube_proxy_are_left_alone() {
        assert!(our_tables("table ip kube-proxy\n").is_empty());
        assert_eq!(
            our_tables("table inet testbed\ntable ip kube-proxy\ntable ip filter\n"),
            "delete table inet testbed\ndelete table ip kube-proxy\n"
        );
    }

    #[test]
    fn our_table_guards_both_subnets_against_the_world() {
        insta::assert_snapshot!(rules());
    }
}
