//! Configuration files and command lines of the components: pure functions of where things are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    layout::Layout,
    parts::Built,
    pki::Pki,
    site::{Role, Site},
    unit::{Ready, Unit},
};

/// Base URL of the hub's API server.
pub const API_SERVER: &str = "https://10.88.0.1:6443";
/// containerd's socket inside of the mount namespace.
const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
/// Where system programs are; the environment of the person who starts the hub does not matter.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Facts about the machine that change the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Without this capability no process may lower its `oom_score_adj`, and containers must not try.
    pub may_lower_oom_score: bool,
    /// The list of name servers for pods; not one that points to the loopback address.
    pub resolv_conf: PathBuf,
}

impl Machine {
    /// Looks.
    #[must_use]
    pub fn look() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stub = Path::new("/run/systemd/resolve/resolv.conf");
        Self {
            may_lower_oom_score: has_sys_resource(&status),
            resolv_conf: if stub.exists() { stub.into() } else { "/etc/resolv.conf".into() },
        }
    }
}

fn has_sys_resource(status: &str) -> bool {
    const CAP_SYS_RESOURCE: u32 = 24;
    status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok())
        .is_some_and(|capabilities| capabilities >> CAP_SYS_RESOURCE & 1 == 1)
}

/// Clients of the API server that get a kubeconfig, first those of its own node: file name and certificate.
const CLIENTS: [(&str, &str); 4] = [
    ("controller-manager.kubeconfig", "controller-manager"),
    ("scheduler.kubeconfig", "scheduler"),
    ("kubelet.kubeconfig", "kubelet-client"),
    ("kube-proxy.kubeconfig", "kube-proxy"),
];
/// How many of them are on the API server's own node only.
const CONTROL_PLANE_CLIENTS: usize = 2;

/// A kubeconfig for the client certificate of that name. It carries paths, so a renewed certificate needs no new file.
#[must_use]
pub fn kubeconfig(site: &Site, pki: &Pki, cert: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": site.cluster, "cluster": {
            "server": site.api_server,
            "certificate-authority": pki.cert("ca"),
        }}],
        "users": [{"name": cert, "user": {
            "client-certificate": pki.cert(cert),
            "client-key": pki.key(cert),
        }}],
        "contexts": [{"name": site.cluster, "context": {"cluster": site.cluster, "user": cert}}],
        "current-context": site.cluster,
    });
    pretty(&config)
}

/// Every configuration file: path to content. `encryption_key` is base64 of 32 bytes; without it nothing is encrypted.
#[must_use]
pub fn files(
    layout: &Layout,
    site: &Site,
    machine: &Machine,
    pause: &str,
    encryption_key: Option<&str>,
) -> BTreeMap<PathBuf, String> {
    let pki = Pki::new(layout);
    let config = layout.config();
    let mut files = BTreeMap::new();
    for (name, cert) in &CLIENTS[if site.is_control_plane() { 0 } else { CONTROL_PLANE_CLIENTS }..] {
        files.insert(config.join(name), kubeconfig(site, &pki, cert));
    }
    files.insert(layout.kubeconfig(), kubeconfig(site, &pki, "admin"));
    if let Some(key) = encryption_key {
        files.insert(config.join("encryption.json"), pretty(&encryption(key)));
    }
    if site.is_lasting() {
        files.insert(config.join("audit.json"), pretty(&audit_policy()));
    }
    files.insert(config.join("kubelet.json"), pretty(&kubelet(layout, site, machine, &pki)));
    files.insert(config.join("kube-proxy.json"), pretty(&kube_proxy(layout, site)));
    files.insert(config.join("containerd.toml"), containerd(layout, site, machine, pause));
    files.insert(config.join("cni/10-testbed.conflist"), pretty(&cni(layout, site)));
    if let Some(registry) = &site.registry {
        files.insert(registries(layout).join("testbed.local/hosts.toml"), mirror(registry));
    }
    files
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn encryption(key: &str) -> Value {
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{
            "resources": ["secrets"],
            "providers": [
                {"secretbox": {"keys": [{"name": "hub", "secret": key}]}},
                {"identity": {}},
            ],
        }],
    })
}

/// Who changed what, without the content; leases and events would be most of it and say nothing.
fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "resources": [
                {"group": "coordination.k8s.io", "resources": ["leases"]},
                {"group": "", "resources": ["events"]},
                {"group": "events.k8s.io", "resources": ["events"]},
                {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
                {"group": "authorization.k8s.io", "resources": ["subjectaccessreviews"]},
            ]},
            {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
            {"level": "None"},
        ],
    })
}

/// The folder that tells containerd where images come from.
fn registries(layout: &Layout) -> PathBuf {
    layout.config().join("registries")
}

/// Our images have the name of no real host: they come from the hub's registry, over plain HTTP.
fn mirror(registry: &str) -> String {
    format!(
        "server = \"http://{registry}\"\n\n[host.\"http://{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    )
}

fn kubelet(layout: &Layout, site: &Site, machine: &Machine, pki: &Pki) -> Value {
    let mut config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": site.address,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.cert("ca")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": site.cgroup_root,
        "clusterDNS": [site.dns_service],
        "clusterDomain": "cluster.local",
        "containerLogMaxFiles": 3,
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD_SOCKET}"),
        // The hub's add-ons may start before what they need and then die at once; minutes of pause help nobody here.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "10s"},
        "enforceNodeAllocatable": [],
        "eventRecordQPS": 0,
        // Absolute, because a share of a big disk is a lot of good space.
        "evictionHard": {"memory.available": site.eviction_memory, "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        "failCgroupV1": false,
        "failSwapOn": false,
        "healthzBindAddress": "127.0.0.1",
        // Our images come from no registry: one that is collected as garbage cannot be pulled again.
        "imageGCHighThresholdPercent": 100,
        "kubeAPIBurst": 200,
        "kubeAPIQPS": 100,
        "makeIPTablesUtilChains": false,
        "maxPods": 250,
        "podLogsDir": layout.pod_logs(),
        "registerNode": true,
        "resolvConf": machine.resolv_conf,
        "seccompDefault": true,
        "serializeImagePulls": false,
        "tlsCertFile": pki.cert("kubelet"),
        "tlsPrivateKeyFile": pki.key("kubelet"),
        "volumePluginDir": layout.data().join("kubelet-plugins"),
    });
    if !site.reserved.is_empty() {
        config["systemReserved"] = json!(site.reserved);
    }
    config
}

fn kube_proxy(layout: &Layout, site: &Site) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": layout.config().join("kube-proxy.kubeconfig")},
        "clusterCIDR": site.pod_cidr,
        // The machine's connection tracking is not ours to size.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": site.node,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "100ms"},
        "nodePortAddresses": [format!("{}/32", site.address)],
    })
}

fn containerd(layout: &Layout, site: &Site, machine: &Machine, pause: &str) -> String {
    let registries = match site.registry {
        Some(_) => format!(
            "  [plugins.'io.containerd.cri.v1.images'.registry]\n    config_path = \"{}\"\n",
            registries(layout).display()
        ),
        None => String::new(),
    };
    let root = layout.data().join("containerd");
    let unused = layout.data().join("containerd-opt");
    let conf = layout.config().join("cni");
    format!(
        r#"version = 4
root = "{root}"
state = "/run/containerd"
imports = []
disabled_plugins = [
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
]

[plugins.'io.containerd.server.v1.grpc']
  address = "{CONTAINERD_SOCKET}"

[plugins.'io.containerd.nri.v1.nri']
  disable = true

[plugins.'io.containerd.internal.v1.opt']
  path = "{unused}"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{pause}"
{registries}
[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = "127.0.0.1"

[plugins.'io.containerd.cri.v1.runtime']
  # A container that is not root may serve DNS or HTTP on their usual ports: each has a network of its own.
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = {restrict}
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "{conf}"
    use_internal_loopback = true
"#,
        root = root.display(),
        unused = unused.display(),
        conf = conf.display(),
        restrict = !machine.may_lower_oom_score,
    )
}

fn cni(layout: &Layout, site: &Site) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "testbed",
        "plugins": [{
            "type": "bridge",
            "bridge": site.bridge,
            "isGateway": true,
            // Our own table does this, once for all pods.
            "ipMasq": false,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": layout.run.join("cni-addresses"),
                "ranges": [[{"subnet": site.node_cidr}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
}

/// Parts a unit needs, its own first.
#[must_use]
pub fn needs(unit: &str) -> &'static [&'static str] {
    match unit {
        "etcd" => &["etcd"],
        "containerd" => &["containerd"],
        "kubelet" => &["kubernetes", "containerd"],
        _ => &["kubernetes"],
    }
}

/// The units that can run with the parts that are there, in the order they start.
///
/// `inputs` digests the files that a unit reads.
#[must_use]
pub fn units(
    layout: &Layout,
    site: &Site,
    parts: &BTreeMap<String, Built>,
    inputs: impl Fn(&[PathBuf]) -> String,
) -> Vec<Unit> {
    let pki = Pki::new(layout);
    let config = |name: &str| layout.config().join(name);
    let bin = |part: &str, name: &str| parts.get(part).map(|built| built.bin(name)).unwrap_or_default();
    let kubernetes = |name: &str| bin("kubernetes", name);
    let shims = bin("containerd", "").display().to_string();
    let shims = shims.trim_end_matches('/');

    let mut etcd = Draft::new("etcd", bin("etcd", "etcd"))
        .path("--data-dir", layout.data().join("etcd"))
        .flag("--name", "hub")
        .flag("--listen-client-urls", "https://127.0.0.1:2379")
        .flag("--advertise-client-urls", "https://127.0.0.1:2379")
        .flag("--listen-peer-urls", "https://127.0.0.1:2380")
        .flag("--initial-advertise-peer-urls", "https://127.0.0.1:2380")
        .flag("--initial-cluster", "hub=https://127.0.0.1:2380")
        .flag("--listen-metrics-urls", "http://127.0.0.1:2381")
        .flag("--client-cert-auth", "true")
        .flag("--peer-client-cert-auth", "true")
        .file("--trusted-ca-file", pki.cert("etcd-ca"))
        .file("--cert-file", pki.cert("etcd"))
        .file("--key-file", pki.key("etcd"))
        .file("--peer-trusted-ca-file", pki.cert("etcd-ca"))
        .file("--peer-cert-file", pki.cert("etcd-peer"))
        .file("--peer-key-file", pki.key("etcd-peer"))
        // History is only needed by watches that fell behind; a lab writes a lot and looks back little.
        .flag("--auto-compaction-mode", "periodic")
        .flag("--auto-compaction-retention", "10m")
        .flag("--log-level", "warn")
        // Alone, it needs no second of silence to know that it leads.
        .flag("--heartbeat-interval", "25")
        .flag("--election-timeout", "125")
        .ready(http("127.0.0.1:2381", "/readyz"));
    if !site.is_lasting() {
        etcd = etcd.flag("--unsafe-no-fsync", "true");
    }

    let mut apiserver = Draft::new("kube-apiserver", kubernetes("kube-apiserver"))
        .flag("--etcd-servers", "https://127.0.0.1:2379")
        .file("--etcd-cafile", pki.cert("etcd-ca"))
        .file("--etcd-certfile", pki.cert("apiserver-etcd-client"))
        .file("--etcd-keyfile", pki.key("apiserver-etcd-client"))
        .flag("--bind-address", &site.address)
        .flag("--advertise-address", &site.address)
        .flag("--secure-port", "6443")
        .flag("--service-cluster-ip-range", &site.service_cidr)
        .file("--client-ca-file", pki.cert("ca"))
        .file("--tls-cert-file", pki.cert("apiserver"))
        .file("--tls-private-key-file", pki.key("apiserver"))
        .file("--service-account-key-file", pki.service_account_public())
        .file("--service-account-signing-key-file", pki.key("service-account"))
        .flag("--service-account-issuer", "https://kubernetes.default.svc.cluster.local")
        .flag("--authorization-mode", "Node,RBAC")
        .flag("--anonymous-auth", "false")
        .flag("--enable-admission-plugins", "NodeRestriction")
        .flag("--allow-privileged", "true")
        .file("--kubelet-certificate-authority", pki.cert("ca"))
        .file("--kubelet-client-certificate", pki.cert("apiserver-kubelet-client"))
        .file("--kubelet-client-key", pki.key("apiserver-kubelet-client"))
        .flag("--kubelet-preferred-address-types", "InternalIP");
    if site.is_lasting() {
        apiserver = apiserver
            .file("--encryption-provider-config", config("encryption.json"))
            .file("--audit-policy-file", config("audit.json"))
            .path("--audit-log-path", layout.logs().join("audit.log"))
            .flag("--audit-log-maxsize", "10")
            .flag("--audit-log-maxbackup", "3");
    }
    let apiserver = apiserver
        .flag("--profiling", "false")
        // It keeps nothing, and would wait for clients that watch and never leave.
        .stop_seconds(2)
        .ready(Ready::Https {
            url: site.api_server.clone(),
            // What it makes at its first start it looks for at every start, a second late; nothing waits for that.
            path: "/readyz?exclude=poststarthook/rbac/bootstrap-roles\
                   &exclude=poststarthook/scheduling/bootstrap-system-priority-classes"
                .into(),
            kubeconfig: Some(layout.kubeconfig()),
        });

    let controller_manager = Draft::new("kube-controller-manager", kubernetes("kube-controller-manager"))
        .after(&["kube-apiserver"])
        .file("--kubeconfig", config("controller-manager.kubeconfig"))
        .files(&[pki.cert("controller-manager"), pki.key("controller-manager")])
        .flag("--bind-address", "127.0.0.1")
        .flag("--leader-elect", "false")
        .flag("--use-service-account-credentials", "true")
        .file("--service-account-private-key-file", pki.key("service-account"))
        .file("--root-ca-file", pki.cert("ca"))
        .file("--cluster-signing-cert-file", pki.cert("ca"))
        .file("--cluster-signing-key-file", pki.key("ca"))
        .flag("--kube-api-qps", "100")
        .flag("--kube-api-burst", "200")
        .flag("--terminated-pod-gc-threshold", "200")
        // It looks for plugins in a folder of the machine otherwise, and makes it.
        .path("--flex-volume-plugin-dir", layout.data().join("kubelet-plugins"))
        .flag("--profiling", "false")
        .ready(loopback(10257));

    let scheduler = Draft::new("kube-scheduler", kubernetes("kube-scheduler"))
        .after(&["kube-apiserver"])
        .file("--kubeconfig", config("scheduler.kubeconfig"))
        .files(&[pki.cert("scheduler"), pki.key("scheduler")])
        .flag("--bind-address", "127.0.0.1")
        .flag("--leader-elect", "false")
        .flag("--profiling", "false")
        .ready(loopback(10259));

    let containerd = Draft::new("containerd", bin("containerd", "containerd"))
        .env("PATH", &format!("{shims}:{PATH}"))
        .file("--config", config("containerd.toml"))
        .files(&[config("cni/10-testbed.conflist")])
        .flag("--log-level", "warn")
        .private_mounts()
        .ready(Ready::Socket { path: layout.containerd_socket() });

    let labels: Vec<_> = site.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let kubelet_root = match site.role {
        // A place in the hub's mount namespace.
        Role::Hub => "/var/lib/kubelet".into(),
        // Not on the pod's own overlay: volumes belong where there is space.
        Role::ControlPlane | Role::Worker => layout.data().join("kubelet"),
    };
    let mut kubelet = Draft::new("kubelet", kubernetes("kubelet"))
        .after(&["containerd", "kube-apiserver"])
        .file("--config", config("kubelet.json"))
        .file("--kubeconfig", config("kubelet.kubeconfig"))
        .files(&[
            pki.cert("kubelet-client"),
            pki.key("kubelet-client"),
            pki.cert("kubelet"),
            pki.key("kubelet"),
        ])
        .flag("--hostname-override", &site.node)
        .flag("--node-ip", &site.address)
        .path("--root-dir", kubelet_root)
        // Experiments read usage per container every two seconds.
        .flag("--housekeeping-interval", "2s")
        .private_mounts()
        // For each group of a container that died with the machine it would wait seconds for the container's process.
        .prune("kubepods")
        .ready(http("127.0.0.1:10248", "/healthz"));
    if !labels.is_empty() {
        kubelet = kubelet.flag("--node-labels", &labels.join(","));
    }

    let proxy = Draft::new("kube-proxy", kubernetes("kube-proxy"))
        .after(&["kube-apiserver"])
        .file("--config", config("kube-proxy.json"))
        .files(&[config("kube-proxy.kubeconfig"), pki.cert("kube-proxy"), pki.key("kube-proxy")])
        .ready(http("127.0.0.1:10256", "/livez"));

    let control_plane = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    [etcd, containerd, apiserver, controller_manager, scheduler, kubelet, proxy]
        .into_iter()
        .filter(|draft| site.is_control_plane() || !control_plane.contains(&draft.unit.name.as_str()))
        .filter(|draft| needs(&draft.unit.name).iter().all(|part| parts.contains_key(*part)))
        .map(|draft| draft.finish(&inputs))
        .collect()
}

fn http(address: &str, path: &str) -> Ready {
    Ready::Http { address: address.into(), path: path.into() }
}

fn loopback(port: u16) -> Ready {
    Ready::Https { url: format!("https://127.0.0.1:{port}"), path: "/healthz".into(), kubeconfig: None }
}

struct Draft {
    unit: Unit,
    reads: Vec<PathBuf>,
}

impl Draft {
    fn new(name: &str, program: PathBuf) -> Self {
        let env = [("PATH", PATH), ("HOME", "/")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self {
            unit: Unit {
                name: name.into(),
                command: vec![program.display().to_string()],
                env: env.into(),
                after: Vec::new(),
                ready: http("", ""),
                private_mounts: false,
                prune: None,
                inputs: String::new(),
                stop_seconds: 10,
            },
            reads: Vec::new(),
        }
    }
    fn flag(mut self, name: &str, value: &str) -> Self {
        self.unit.command.push(format!("{name}={value}"));
        self
    }
    /// A path that the component writes to.
    fn path(self, name: &str, value: PathBuf) -> Self {
        self.flag(name, &value.display().to_string())
    }
    /// A file that the component reads, named in a flag.
    fn file(mut self, name: &str, value: PathBuf) -> Self {
        self.reads.push(value.clone());
        self.path(name, value)
    }
    /// Files that the component reads because another file names them.
    fn files(mut self, files: &[PathBuf]) -> Self {
        self.reads.extend_from_slice(files);
        self
    }
    fn after(mut self, units: &[&str]) -> Self {
        self.unit.after = units.iter().map(|&unit| unit.into()).collect();
        self
    }
    fn env(mut self, key: &str, value: &str) -> Self {
        self.unit.env.insert(key.into(), value.into());
        self
    }
    fn stop_seconds(mut self, seconds: u64) -> Self {
        self.unit.stop_seconds = seconds;
        self
    }
    fn private_mounts(mut self) -> Self {
        self.unit.private_mounts = true;
        self
    }
    fn prune(mut self, cgroup: &str) -> Self {
        self.unit.prune = Some(cgroup.into());
        self
    }
    fn ready(mut self, ready: Ready) -> Self {
        self.unit.ready = ready;
        self
    }
    fn finish(mut self, inputs: &impl Fn(&[PathBuf]) -> String) -> Unit {
        self.unit.inputs = inputs(&self.reads);
        self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout {
            root: "/project".into(),
            cache: "/cache".into(),
            state: "/state".into(),
            run: "/run/hub".into(),
        }
    }

    fn built(names: &[&str]) -> BTreeMap<String, Built> {
        let part = |name: &str| Built {
            name: name.into(),
            version: "v1".into(),
            key: "key".into(),
            folder: format!("/cache/parts/{name}-key").into(),
        };
        names.iter().map(|&name| (name.to_owned(), part(name))).collect()
    }

    fn machine() -> Machine {
        Machine { may_lower_oom_score: false, resolv_conf: "/etc/resolv.conf".into() }
    }

    #[test]
    fn command_lines_are_as_reviewed() {
        let units = units(&layout(), &Site::hub(), &built(&["etcd", "kubernetes", "containerd"]), |_| {
            "digest".into()
        });
        insta::assert_yaml_snapshot!(units);
    }

    #[test]
    fn configuration_files_are_as_reviewed() {
        insta::assert_yaml_snapshot!(files(
            &layout(),
            &Site::hub(),
            &machine(),
            "testbed.local/pause:1",
            Some("a2V5")
        ));
    }

    #[test]
    fn a_cluster_in_a_pod_is_as_reviewed() {
        let site = crate::site::tests::inner(0);
        let parts = built(&["etcd", "kubernetes", "containerd"]);
        let commands: BTreeMap<_, _> = units(&layout(), &site, &parts, |_| String::new())
            .into_iter()
            .map(|unit| (unit.name, unit.command))
            .collect();
        insta::assert_yaml_snapshot!(commands);
        let files = files(&layout(), &site, &machine(), "testbed.local/pause:1", None);
        insta::assert_yaml_snapshot!(files);
    }

    #[test]
    fn a_worker_runs_no_control_plane_and_knows_none_of_its_secrets() {
        let site = crate::site::tests::inner(1);
        let names: Vec<_> =
            units(&layout(), &site, &built(&["etcd", "kubernetes", "containerd"]), |_| String::new())
                .into_iter()
                .map(|unit| unit.name)
                .collect();
        assert_eq!(names, ["containerd", "kubelet", "kube-proxy"]);
        let files = files(&layout(), &site, &machine(), "testbed.local/pause:1", None);
        assert!(!files.keys().any(|path| path.ends_with("scheduler.kubeconfig")));
    }

    #[test]
    fn a_unit_without_its_part_is_left_out_and_the_others_are_not() {
        let names: Vec<_> = units(&layout(), &Site::hub(), &built(&["etcd"]), |_| String::new())
            .into_iter()
            .map(|unit| unit.name)
            .collect();
        assert_eq!(names, ["etcd"]);
    }

    #[test]
    fn nothing_listens_beyond_the_machine() {
        let units =
            units(&layout(), &Site::hub(), &built(&["etcd", "kubernetes", "containerd"]), |_| String::new());
        let files = files(&layout(), &Site::hub(), &machine(), "testbed.local/pause:1", Some("a2V5"));
        let said = format!("{units:?} {files:?}");
        assert!(!said.contains("0.0.0.0:") && !said.contains("=0.0.0.0") && !said.contains("[::]"), "{said}");
    }

    #[test]
    fn a_missing_capability_is_seen() {
        assert!(!has_sys_resource("Name: x\nCapEff:\t000001fffeffffff\n"));
        assert!(has_sys_resource("Name: x\nCapEff:\t000001ffffffffff\n"));
    }
}
