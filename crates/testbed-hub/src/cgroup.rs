//! Control groups: every process of the hub is in one below `/testbed`, in version 1, 2 and the mix of both. Inside of a
//! pod the groups lie below the pod's own, whose limits therefore hold for all of them.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    files::{self, FileError},
    layout::CGROUP,
};

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hierarchy {
    mount: PathBuf,
    /// Controllers of version 1; empty for the unified hierarchy and for named ones.
    controllers: Vec<String>,
    unified: bool,
    /// Path of the group that ours lie in, below the mount.
    own: PathBuf,
}

impl Hierarchy {
    /// The folder that ours lie in.
    fn base(&self) -> PathBuf {
        self.mount.join(&self.own)
    }
}

/// The hierarchies of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups {
    hierarchies: Vec<Hierarchy>,
    /// Name of the group above all of ours.
    top: String,
}

/// What a group may use at most; nothing where there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Thousandths of a processor.
    pub cpu_milli: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
}

/// The group above those of the pods of a cluster inside of a pod.
const INNER_TOP: &str = "cluster";
/// The group that takes the processes of the pod itself: in version 2 a group with groups below it holds none.
const INNER_PROCESSES: &str = "node";

/// Version 1 controllers kubelet and runc insist on.
const NEEDED: [&str; 6] = ["cpu", "cpuacct", "cpuset", "memory", "devices", "pids"];

impl Cgroups {
    /// Looks at what is mounted.
    ///
    /// # Errors
    /// If the list of mounts cannot be read.
    pub fn find() -> Result<Self, FileError> {
        let path = Path::new("/proc/self/mountinfo");
        let text = fs::read_to_string(path).map_err(files::at("read", path))?;
        Ok(Self { hierarchies: parse_mounts(&text, is_whole), top: CGROUP.into() })
    }

    /// Looks at what is mounted inside of a pod, which may use its own group and what it makes below.
    ///
    /// # Errors
    /// If the list of mounts cannot be read.
    pub fn inside() -> Result<Self, FileError> {
        let read = |path: &str| fs::read_to_string(path).map_err(files::at("read", Path::new(path)));
        let (mounts, own) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
        let mut hierarchies =
            parse_mounts(&mounts, |_, mount| Path::new(mount).starts_with("/sys/fs/cgroup"));
        // Version 1 shows a container its own group as if it were the root. Version 2 may show all of them.
        for hierarchy in hierarchies.iter_mut().filter(|hierarchy| hierarchy.unified) {
            let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
            let own = own.trim_end_matches(INNER_PROCESSES).trim_end_matches('/');
            if !own.is_empty() && hierarchy.mount.join(own).is_dir() {
                hierarchy.own = own.into();
            }
        }
        Ok(Self { hierarchies, top: INNER_TOP.into() })
    }

    /// What the kubelet is to call the group above those of its pods.
    #[must_use]
    pub fn root(&self) -> String {
        let own = self.with("memory").map(|hierarchy| hierarchy.own.clone()).unwrap_or_default();
        Path::new("/").join(own).join(&self.top).display().to_string()
    }

    /// Moves the processes of the pod into a group of their own where they stand in the way of groups below.
    ///
    /// # Errors
    /// If the group cannot be made.
    pub fn vacate(&self) -> Result<(), FileError> {
        for hierarchy in self.hierarchies.iter().filter(|hierarchy| hierarchy.unified) {
            let leaf = hierarchy.base().join(INNER_PROCESSES);
            fs::create_dir_all(&leaf).map_err(files::at("create", &leaf))?;
            let procs = fs::read_to_string(hierarchy.base().join("cgroup.procs")).unwrap_or_default();
            for pid in procs.lines() {
                // One that ended meanwhile needs no place.
                let _ = fs::write(leaf.join("cgroup.procs"), pid);
            }
        }
        Ok(())
    }

    /// The limits of the group that ours lie in.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let read = |controller: &str, file: &str| -> Option<String> {
            let text = fs::read_to_string(self.with(controller)?.base().join(file)).ok()?;
            Some(text.trim().to_owned())
        };
        let quota = read("cpu", "cpu.max").or_else(|| {
            Some(format!("{} {}", read("cpu", "cpu.cfs_quota_us")?, read("cpu", "cpu.cfs_period_us")?))
        });
        let memory = read("memory", "memory.max").or_else(|| read("memory", "memory.limit_in_bytes"));
        Limits {
            cpu_milli: quota.and_then(|quota| milli(&quota)),
            memory: memory.and_then(|limit| limit.parse().ok()),
        }
    }

    /// Controllers that are needed and not to be had.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        if self.hierarchies.iter().all(|hierarchy| hierarchy.unified) {
            let Some(root) = self.hierarchies.first() else { return NEEDED.map(Into::into).to_vec() };
            let there = fs::read_to_string(root.mount.join("cgroup.controllers")).unwrap_or_default();
            let there: BTreeSet<_> = there.split_whitespace().collect();
            return ["cpu", "cpuset", "memory", "pids"]
                .into_iter()
                .filter(|name| !there.contains(name))
                .map(Into::into)
                .collect();
        }
        let there: BTreeSet<_> =
            self.hierarchies.iter().flat_map(|hierarchy| &hierarchy.controllers).collect();
        NEEDED.into_iter().map(String::from).filter(|name| !there.contains(name)).collect()
    }

    /// Makes `/testbed/<name>` in every hierarchy, or `/testbed` itself if `name` is empty.
    ///
    /// # Errors
    /// If a folder cannot be made.
    pub fn create(&self, name: &str) -> Result<(), FileError> {
        for hierarchy in &self.hierarchies {
            let mut parent = hierarchy.base();
            for step in [self.top.as_str(), name].into_iter().filter(|step| !step.is_empty()) {
                if hierarchy.unified {
                    delegate(&parent);
                }
                let child = parent.join(step);
                if !child.is_dir() {
                    match fs::create_dir(&child) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                            return Err(files::at("create", &child)(error));
                        }
                        _ => {}
                    }
                }
                if hierarchy.controllers.iter().any(|name| name == "cpuset") {
                    inherit_cpuset(&parent, &child)?;
                }
                parent = child;
            }
            if name.is_empty() && hierarchy.unified {
                delegate(&parent);
            }
        }
        Ok(())
    }

    /// Moves a process to `/testbed/<name>` in every hierarchy.
    ///
    /// # Errors
    /// If the group is not there or the kernel refuses.
    pub fn enter(&self, name: &str, pid: u32) -> Result<(), FileError> {
        for hierarchy in &self.hierarchies {
            let procs = hierarchy.base().join(&self.top).join(name).join("cgroup.procs");
            fs::write(&procs, pid.to_string()).map_err(files::at("write", &procs))?;
        }
        Ok(())
    }

    /// Processes in `/testbed/<name>` and below, in any hierarchy.
    #[must_use]
    pub fn processes(&self, name: &str) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for hierarchy in &self.hierarchies {
            let mut open = vec![hierarchy.base().join(&self.top).join(name)];
            while let Some(folder) = open.pop() {
                let procs = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
                found.extend(procs.lines().filter_map(|line| line.parse::<u32>().ok()));
                open.extend(children(&folder));
            }
        }
        found
    }

    /// Names of the groups directly below `/testbed`.
    #[must_use]
    pub fn groups(&self) -> BTreeSet<String> {
        self.hierarchies
            .iter()
            .flat_map(|hierarchy| children(&hierarchy.base().join(&self.top)))
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect()
    }

    /// Containers that run: names of the innermost groups below `/testbed/kubepods` that hold a process.
    #[must_use]
    pub fn running_containers(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let Some(hierarchy) = self.with("memory") else { return found };
        let mut open = vec![hierarchy.base().join(&self.top).join("kubepods")];
        while let Some(folder) = open.pop() {
            let procs = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            if !procs.is_empty() {
                found.extend(folder.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
            open.extend(children(&folder));
        }
        found
    }

    /// Memory that `/testbed/<name>` needs, in bytes: what it uses without file pages that can be dropped.
    #[must_use]
    pub fn memory(&self, name: &str) -> Option<u64> {
        let hierarchy = self.with("memory")?;
        let folder = hierarchy.base().join(&self.top).join(name);
        let (usage, inactive) = if hierarchy.unified {
            ("memory.current", "inactive_file ")
        } else {
            ("memory.usage_in_bytes", "total_inactive_file ")
        };
        let usage: u64 = fs::read_to_string(folder.join(usage)).ok()?.trim().parse().ok()?;
        let stat = fs::read_to_string(folder.join("memory.stat")).ok()?;
        let inactive =
            stat.lines().find_map(|line| line.strip_prefix(inactive)?.trim().parse().ok()).unwrap_or(0);
        Some(usage.saturating_sub(inactive))
    }

    /// Removes `/testbed/<name>`, or `/testbed` itself if `name` is empty, from every hierarchy. Groups that hold
    /// processes are left, with what is above them; it returns those.
    pub fn remove(&self, name: &str) -> Vec<PathBuf> {
        let mut left = Vec::new();
        for hierarchy in &self.hierarchies {
            let top = [self.top.as_str(), name].into_iter().filter(|step| !step.is_empty());
            let mut all = vec![top.fold(hierarchy.base(), |path, step| path.join(step))];
            let mut next = 0;
            while let Some(folder) = all.get(next).cloned() {
                all.extend(children(&folder));
                next += 1;
            }
            // Children come after their parents, so the other way round each is empty when its turn comes.
            for folder in all.into_iter().rev() {
                match fs::remove_dir(&folder) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => left.push(folder),
                    _ => {}
                }
            }
        }
        left
    }

    fn with(&self, controller: &str) -> Option<&Hierarchy> {
        let v1 = self
            .hierarchies
            .iter()
            .find(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller));
        v1.or_else(|| self.hierarchies.iter().find(|hierarchy| hierarchy.unified))
    }
}

/// A hierarchy may be mounted in part (inside a container's files, say): only a whole one is the system's.
fn is_whole(root: &str, _mount: &str) -> bool {
    root == "/"
}

/// A quota of version 2 (`<quota> <period>` in microseconds) in thousandths of a processor.
fn milli(quota: &str) -> Option<u64> {
    let (quota, period) = quota.split_once(' ')?;
    (quota.parse::<u64>().ok()? * 1000).checked_div(period.parse().ok()?)
}

/// The mounted hierarchies whose root and mount point are `wanted`, each once.
fn parse_mounts(mountinfo: &str, wanted: impl Fn(&str, &str) -> bool) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (Some(root), Some(mount)) = (left.split(' ').nth(3), left.split(' ').nth(4)) else { continue };
        let mut right = right.split(' ');
        let (kind, _source, options) = (right.next(), right.next(), right.next().unwrap_or_default());
        let unified = match kind {
            Some("cgroup2") => true,
            Some("cgroup") => false,
            _ => continue,
        };
        let controllers: Vec<String> = if unified {
            Vec::new()
        } else {
            options
                .split(',')
                .filter(|option| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children" | "noprefix"))
                .filter(|option| !option.starts_with("name=") && !option.starts_with("release_agent="))
                .map(Into::into)
                .collect()
        };
        let hierarchy = Hierarchy { mount: mount.into(), controllers, unified, own: PathBuf::new() };
        let again = found.iter().any(|known| {
            known.mount == hierarchy.mount
                || (known.unified && unified)
                || (!unified
                    && !hierarchy.controllers.is_empty()
                    && known.controllers == hierarchy.controllers)
        });
        if wanted(root, mount) && !again {
            found.push(hierarchy);
        }
    }
    found
}

/// Lets children of a version 2 group use every controller. What cannot be had is reported by `missing`.
fn delegate(folder: &Path) {
    let there = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    for name in there.split_whitespace() {
        let _ = fs::write(folder.join("cgroup.subtree_control"), format!("+{name}"));
    }
}

/// A new cpuset of version 1 is empty and takes no process until it is told its processors and memory nodes.
fn inherit_cpuset(parent: &Path, child: &Path) -> Result<(), FileError> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let own = child.join(name);
        if !fs::read_to_string(&own).unwrap_or_default().trim().is_empty() {
            continue;
        }
        let inherited =
            fs::read_to_string(parent.join(name)).map_err(files::at("read", &parent.join(name)))?;
        fs::write(&own, inherited.trim()).map_err(files::at("write", &own))?;
    }
    Ok(())
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// The executable of a process; a deleted one by the path it had.
pub(crate) fn executable(pid: u32) -> Option<PathBuf> {
    let link = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let text = link.to_string_lossy();
    Some(text.strip_suffix(" (deleted)").unwrap_or(&text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
23 1 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
24 23 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
25 23 0:23 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
26 23 0:24 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
27 23 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
28 23 0:23 /docker/1 /elsewhere rw,relatime - cgroup cgroup rw,memory
29 23 0:23 / /again rw,relatime - cgroup cgroup rw,memory
";

    #[test]
    fn each_hierarchy_is_found_once_and_only_from_its_root() {
        let found = parse_mounts(HYBRID, is_whole);
        let mounts: Vec<_> = found.iter().map(|hierarchy| hierarchy.mount.to_str().unwrap()).collect();
        assert_eq!(
            mounts,
            [
                "/sys/fs/cgroup/cpu,cpuacct",
                "/sys/fs/cgroup/memory",
                "/sys/fs/cgroup/systemd",
                "/sys/fs/cgroup/unified"
            ]
        );
        assert_eq!(found[0].controllers, ["cpu", "cpuacct"]);
        assert!(found[2].controllers.is_empty() && !found[2].unified);
    }

    #[test]
    fn a_quota_is_a_share_of_processors_and_none_is_no_limit() {
        assert_eq!(milli("150000 100000"), Some(1500));
        assert_eq!(milli("max 100000"), None);
        assert_eq!(milli("-1 100000"), None);
    }

    #[test]
    fn missing_controllers_are_named() {
        let cgroups = Cgroups { hierarchies: parse_mounts(HYBRID, is_whole), top: CGROUP.into() };
        assert_eq!(cgroups.missing(), ["cpuset", "devices", "pids"]);
    }
}
