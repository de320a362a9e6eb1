//! Where the hub keeps things, and the addresses it uses.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The bridge that pods and the API server hang on.
pub const BRIDGE: &str = "hub0";
/// The machine's own address on the bridge; the API server, the kubelet and node ports bind here only.
pub const ADDRESS: &str = "10.88.0.1";
/// Pods get their addresses from this subnet.
pub const POD_CIDR: &str = "10.88.0.0/16";
/// Services get their addresses from this range.
pub const SERVICE_CIDR: &str = "10.96.0.0/16";
/// Address of the `kubernetes` service, the first of the range.
pub const KUBERNETES_SERVICE: &str = "10.96.0.1";
/// Address of the DNS service.
pub const DNS_SERVICE: &str = "10.96.0.10";
/// Address and port of the registry.
pub const REGISTRY: &str = "10.96.0.50:5000";
/// Addresses of Services that are known before they are there, `${address:NAME}` in manifests: who uses them, such as
/// a container runtime or another cluster, does not know the hub's names.
const SERVICES: [(&str, &str); 4] = [
    ("registry", "10.96.0.50"),
    ("s3", "10.96.0.51"),
    ("victoria-metrics", "10.96.0.52"),
    ("testbed-ingest", "10.96.0.53"),
];

/// The address of one of these Services.
#[must_use]
pub fn service_address(name: &str) -> Option<&'static str> {
    SERVICES.iter().find(|(service, _)| *service == name).map(|(_, address)| *address)
}
/// Name of the only node.
pub const NODE: &str = "hub";
/// Parent of every cgroup of the hub, below the root of each hierarchy.
pub const CGROUP: &str = "testbed";
/// Name of our nftables table, family `inet`.
pub const NFT_TABLE: &str = "testbed";
/// User and group of the hub's own images and of the volumes they write to.
pub const NONROOT: u32 = 65532;

/// What went wrong while looking for the project.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot find `hub/parts.yaml`, which says what the hub is made of\n\nhint: run `testbed` inside the project's folder, or name it with `--root`"
)]
pub struct RootNotFound;

/// The folders of one hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The project: the folder that holds `hub/parts.yaml`.
    pub root: PathBuf,
    /// What can be made again: built parts and, while they are built, everything of Go.
    pub cache: PathBuf,
    /// What a hub must keep: certificates, data, logs.
    pub state: PathBuf,
    /// Sockets, locks and mounts, gone after a reboot.
    pub run: PathBuf,
}

impl Layout {
    /// What the hub puts into the cache folder.
    pub(crate) const CACHED: [&str; 2] = ["go", "parts"];
    /// What the hub puts into the state folder.
    pub(crate) const KEPT: [&str; 11] = [
        "config",
        "data",
        "elsewhere",
        "hub.json",
        "kubeconfig",
        "kubectl",
        "logs",
        "pki",
        "pod-logs",
        "sysctl.json",
        "volumes",
    ];
    /// What the hub puts into the runtime folder.
    pub(crate) const RUNNING: [&str; 6] =
        ["cni-addresses", "containerd", "mounts", "status.json", "supervisor.lock", "units.json"];

    /// Reads `TESTBED_CACHE`, `TESTBED_STATE` and `TESTBED_RUN`, and finds the project.
    ///
    /// # Errors
    /// If no `hub/parts.yaml` is found in `root`, above the working folder or above the executable.
    pub fn find(root: Option<&Path>) -> Result<Self, RootNotFound> {
        Ok(Self { root: find_root(root).ok_or(RootNotFound)?, ..Self::without_root() })
    }

    /// The folders of the hub where the project does not matter: to stop, purge or ask it.
    #[must_use]
    pub fn without_root() -> Self {
        let folder = |key: &str, default: &str| {
            resolved(&env::var_os(key).map_or_else(|| default.into(), PathBuf::from))
        };
        Self {
            root: PathBuf::new(),
            cache: folder("TESTBED_CACHE", "/var/cache/testbed"),
            state: folder("TESTBED_STATE", "/var/lib/testbed"),
            run: folder("TESTBED_RUN", "/run/testbed"),
        }
    }

    /// Sources and objects of the Go tool, while parts are built.
    #[must_use]
    pub fn go(&self) -> PathBuf {
        self.cache.join("go")
    }

    /// `hub/` of the project.
    #[must_use]
    pub fn hub(&self) -> PathBuf {
        self.root.join("hub")
    }
    /// Built parts, one folder per part and key.
    #[must_use]
    pub fn parts(&self) -> PathBuf {
        self.cache.join("parts")
    }
    /// Kubeconfig of the hub's administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }
    /// What runs had outside of the hub when it was stopped, a line each.
    #[must_use]
    pub fn elsewhere(&self) -> PathBuf {
        self.state.join("elsewhere")
    }
    /// What the hub that was last started is made of.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.state.join("hub.json")
    }
    /// Certificates and keys.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.state.join("pki")
    }
    /// Configuration of the components.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.state.join("config")
    }
    /// Data of the components.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.state.join("data")
    }
    /// Volumes of the add-ons that outlive their pods.
    #[must_use]
    pub fn volumes(&self) -> PathBuf {
        self.state.join("volumes")
    }
    /// One log per component.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }
    /// Logs of pods.
    #[must_use]
    pub fn pod_logs(&self) -> PathBuf {
        self.state.join("pod-logs")
    }
    /// The units that the supervisor is to run.
    #[must_use]
    pub fn units(&self) -> PathBuf {
        self.run.join("units.json")
    }
    /// What the supervisor says about its units.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.run.join("status.json")
    }
    /// Held by the supervisor; contains its process id.
    #[must_use]
    pub fn supervisor_lock(&self) -> PathBuf {
        self.run.join("supervisor.lock")
    }
    /// The file that keeps the hub's mount namespace alive.
    #[must_use]
    pub fn mounts(&self) -> PathBuf {
        self.run.join("mounts").join("namespace")
    }
    /// containerd's runtime state, `/run/containerd` inside the mount namespace.
    #[must_use]
    pub fn containerd_run(&self) -> PathBuf {
        self.run.join("containerd")
    }
    /// containerd's socket, as seen from outside of the mount namespace.
    #[must_use]
    pub fn containerd_socket(&self) -> PathBuf {
        self.containerd_run().join("containerd.sock")
    }
}

/// Returns where a folder really is, that need not be there: components run in another working folder, and the table of
/// mounts knows no links.
fn resolved(folder: &Path) -> PathBuf {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let real = whole.ancestors().find_map(|ancestor| {
        let rest = whole.strip_prefix(ancestor).ok()?;
        // By components, as joining nothing would leave a slash.
        Some(ancestor.canonicalize().ok()?.components().chain(rest.components()).collect())
    });
    real.unwrap_or(whole)
}

fn find_root(named: Option<&Path>) -> Option<PathBuf> {
    let holds = |folder: &Path| folder.join("hub/parts.yaml").is_file();
    if let Some(named) = named {
        return holds(named).then(|| std::path::absolute(named).unwrap_or_else(|_| named.to_owned()));
    }
    let start = [env::current_dir().ok(), env::current_exe().ok()];
    start
        .iter()
        .flatten()
        .flat_map(|path| path.ancestors())
        .find(|folder| holds(folder))
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_where_it_really_is() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("disk");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
        assert_eq!(resolved(&folder.path().join("link")), real);
        assert_eq!(resolved(&folder.path().join("link/new/er")), real.join("new/er"));
        assert_eq!(
            resolved(Path::new("here")),
            env::current_dir().unwrap().canonicalize().unwrap().join("here")
        );
    }

    #[test]
    fn a_named_root_without_parts_is_not_a_project() {
        let empty = tempfile::tempdir().unwrap();
        assert!(find_root(Some(empty.path())).is_none());
    }

    #[test]
    fn a_named_root_with_parts_is_the_project() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("hub")).unwrap();
        std::fs::write(root.path().join("hub/parts.yaml"), "parts: []").unwrap();
        assert_eq!(find_root(Some(root.path())).as_deref(), Some(root.path()));
    }
}
