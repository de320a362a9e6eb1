//! The size of the node: the kubelet sees the whole machine, and the node is only the pod's share of it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use testbed_hub::inner::Limits;

use crate::settings::Settings;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// What the control plane and the node's own components need of its memory: pods cannot have it.
const CONTROL_PLANE_MIB: u64 = 700;
/// The same of a node without a control plane.
const WORKER_MIB: u64 = 200;

/// The machine as the kernel shows it.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Content of `/proc/meminfo`.
    meminfo: String,
    /// Processors.
    processors: u64,
    /// Bytes of the file system that volumes, images and logs are on.
    disk: u64,
}

impl Machine {
    /// Looks.
    pub(crate) fn look(state: &Path) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"));
        let processors = read("/proc/cpuinfo")?.lines().filter(|line| line.starts_with("processor")).count();
        let disk = rustix::fs::statvfs(state).context("cannot ask for the size of the disk")?;
        Ok(Self {
            meminfo: read("/proc/meminfo")?,
            processors: processors as u64,
            disk: disk.f_blocks * disk.f_frsize,
        })
    }

    /// What `/proc/meminfo` would say if the machine had no more memory than the pod may use. The kubelet takes the
    /// node's capacity from there, and with it decides when memory is short.
    pub(crate) fn meminfo(&self, limits: Limits) -> Option<String> {
        let limit = limits.memory? / 1024;
        if limit >= self.memory_kib()? {
            return None;
        }
        let line = |line: &str| {
            let (name, value) = line.split_once(':')?;
            let known: u64 = value.trim().trim_end_matches(" kB").parse().ok()?;
            let shown = if name.starts_with("Swap") { 0 } else { known.min(limit) };
            let shown = if name == "MemTotal" { limit } else { shown };
            Some(format!("{:<16}{shown:>8} kB\n", format!("{name}:")))
        };
        Some(self.meminfo.lines().filter(|text| text.ends_with(" kB")).filter_map(line).collect())
    }

    fn memory_kib(&self) -> Option<u64> {
        let line = self.meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    /// What pods cannot have, so that a scheduler gives away no more than there is.
    pub(crate) fn reserved(&self, limits: Limits, settings: &Settings) -> BTreeMap<String, String> {
        let mut reserved = BTreeMap::new();
        let cpu = limits.cpu_milli.map_or(0, |limit| (self.processors * 1000).saturating_sub(limit));
        if cpu > 0 {
            reserved.insert("cpu".into(), format!("{cpu}m"));
        }
        let machine = self.memory_kib().unwrap_or(0) / 1024;
        let memory = limits.memory.map_or(machine, |limit| machine.min(limit / MIB));
        let own = if settings.is_control_plane() { CONTROL_PLANE_MIB } else { WORKER_MIB };
        // On a tiny node the half is left for pods, even if that is more than it can bear.
        reserved.insert("memory".into(), format!("{}Mi", own.min(memory / 2)));
        let disk = settings.disk_gib.map_or(0, |size| self.disk.saturating_sub(size * GIB));
        if disk > 0 {
            reserved.insert("ephemeral-storage".into(), format!("{}Mi", disk / MIB));
        }
        reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn machine() -> Machine {
        let meminfo = "MemTotal:       24682796 kB\nMemFree:         9000000 kB\nBuffers:            1000 kB\n\
                       SwapTotal:       1000000 kB\nHugePages_Total:       0\n";
        Machine { meminfo: meminfo.into(), processors: 2, disk: 100 * GIB }
    }

    fn limits(cpu: u64, gib: u64) -> Limits {
        Limits { cpu_milli: Some(cpu), memory: Some(gib * GIB) }
    }

    #[test]
    fn the_kubelet_is_shown_the_memory_of_the_pod() {
        let shown = machine().meminfo(limits(1000, 3)).unwrap();
        insta::assert_snapshot!(shown);
        assert!(machine().meminfo(limits(1000, 64)).is_none());
        assert!(machine().meminfo(Limits::default()).is_none());
    }

    #[test]
    fn pods_get_what_neither_the_rest_of_the_machine_nor_the_control_plane_needs() {
        let control_plane = settings("0", "2").unwrap();
        let reserved = machine().reserved(limits(1500, 3), &control_plane);
        assert_eq!(reserved, [("cpu".into(), "500m".into()), ("memory".into(), "700Mi".into())].into());

        let worker = Settings { disk_gib: Some(50), ..settings("1", "2").unwrap() };
        let reserved = machine().reserved(limits(4000, 3), &worker);
        let disk = ("ephemeral-storage".into(), "51200Mi".into());
        assert_eq!(reserved, [disk, ("memory".into(), "200Mi".into())].into());
    }
}
