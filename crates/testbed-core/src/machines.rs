//! Machine types, and what a cluster is made of when the Experiment does not say.
//!
//! The table is `data/machines.txt`, one type to a line, compiled in: a change of it reads well in a review, and a type
//! that is not in it is refused, never guessed.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use testbed_api::experiment::{Cluster, ClusterType};

/// Nodes of a cluster that names no number.
pub const NODE_COUNT: u32 = 1;
/// Disk of a node, in GB, that names no size.
pub const DISK_SIZE_GB: u32 = 50;

/// The table: see the comment at its head.
const TABLE: &str = include_str!("../data/machines.txt");

/// One machine type.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Its name, such as `e2-medium`.
    pub name: &'static str,
    /// The kind of cluster whose nodes it can be. A local cluster takes those of every cloud as sizes.
    pub cloud: ClusterType,
    /// CPU that it has all the time, in vCPU: less than a whole one for types that share their cores.
    pub cpu: f64,
    /// CPU that it may use for a while, in vCPU.
    pub burst_cpu: f64,
    /// Memory, in MiB.
    pub memory_mib: u64,
}

static MACHINES: LazyLock<BTreeMap<&'static str, Machine>> = LazyLock::new(|| {
    // A line that cannot be read is found by a test, so that none is ever left out.
    rows(TABLE).filter_map(|row| read(&row)).map(|machine| (machine.name, machine)).collect()
});

/// Returns the fields of every line of a table that is neither empty nor a comment.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
}

fn read(row: &[&'static str]) -> Option<Machine> {
    let [cloud, name, cpu, burst_cpu, memory] = row else { return None };
    let memory: f64 = memory.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand GiB at most")]
    let memory_mib = (memory * 1024.0).round() as u64;
    Some(Machine {
        name,
        cloud: cluster_type(cloud)?,
        cpu: cpu.parse().ok()?,
        burst_cpu: burst_cpu.parse().ok()?,
        memory_mib,
    })
}

/// Returns the kind of cluster of a word in a table.
pub(crate) fn cluster_type(word: &str) -> Option<ClusterType> {
    [ClusterType::Local, ClusterType::Gke, ClusterType::Eks, ClusterType::Aks]
        .into_iter()
        .find(|kind| kind.as_str() == word)
}

/// Returns a machine type by its name.
#[must_use]
pub fn machine(name: &str) -> Option<&'static Machine> {
    MACHINES.get(name)
}

/// Returns the names of the machine types that nodes of a kind of cluster can be, in order.
pub fn names(kind: ClusterType) -> impl Iterator<Item = &'static str> {
    MACHINES.values().filter(move |machine| is_of(machine, kind)).map(|machine| machine.name)
}

/// Returns whether nodes of a kind of cluster can be of this type.
#[must_use]
pub fn is_of(machine: &Machine, kind: ClusterType) -> bool {
    machine.cloud == kind || kind == ClusterType::Local
}

/// Returns the machine type of nodes that name none; none for clusters that nobody makes.
#[must_use]
pub fn default_machine(kind: ClusterType) -> Option<&'static str> {
    match kind {
        ClusterType::Hub | ClusterType::Existing => None,
        ClusterType::Local => Some("local-medium"),
        ClusterType::Gke => Some("e2-medium"),
        ClusterType::Eks => Some("t3.medium"),
        ClusterType::Aks => Some("Standard_B2s"),
    }
}

/// Returns the zone of a cluster that names none; none for clusters that are in no cloud.
/// Of Azure it is a region: its zones are numbers within one.
#[must_use]
pub fn default_zone(kind: ClusterType) -> Option<&'static str> {
    match kind {
        ClusterType::Hub | ClusterType::Local | ClusterType::Existing => None,
        ClusterType::Gke => Some("us-central1-a"),
        ClusterType::Eks => Some("us-east-1a"),
        ClusterType::Aks => Some("eastus"),
    }
}

/// What a cluster is made of, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape<'a> {
    /// Machine type of its nodes; none for clusters that nobody makes.
    pub machine_type: Option<&'a str>,
    /// Zone, of Azure the region; none for clusters that are in no cloud.
    pub zone: Option<&'a str>,
    /// Number of nodes.
    pub node_count: u32,
    /// Disk of each node, in GB.
    pub disk_size_gb: u32,
    /// Spot nodes.
    pub spot: bool,
}

impl<'a> Shape<'a> {
    /// Returns what a cluster is made of.
    #[must_use]
    pub fn of(cluster: &'a Cluster) -> Self {
        Self {
            machine_type: cluster.machine_type.as_deref().or(default_machine(cluster.kind)),
            zone: cluster.zone.as_deref().or(default_zone(cluster.kind)),
            node_count: cluster.node_count.unwrap_or(NODE_COUNT),
            disk_size_gb: cluster.disk_size_gb.unwrap_or(DISK_SIZE_GB),
            spot: cluster.preemptible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_no_type_stands_in_it_twice() {
        for row in rows(TABLE) {
            assert!(read(&row).is_some(), "{row:?}");
        }
        assert_eq!(MACHINES.len(), rows(TABLE).count());
    }

    #[test]
    fn every_type_can_hold_something_and_bursts_to_no_less_than_it_has() {
        for machine in MACHINES.values() {
            assert!(machine.cpu > 0.0 && machine.cpu <= machine.burst_cpu, "{machine:?}");
            assert!(machine.memory_mib >= 512, "{machine:?}");
        }
    }

    #[test]
    fn the_default_of_every_kind_of_cluster_is_a_type_of_it() {
        for kind in [ClusterType::Local, ClusterType::Gke, ClusterType::Eks, ClusterType::Aks] {
            let found = machine(default_machine(kind).unwrap()).unwrap();
            assert_eq!(found.cloud, kind);
        }
        assert_eq!(default_machine(ClusterType::Hub), None);
    }

    #[test]
    fn a_shared_core_type_counts_as_the_share_it_has() {
        let small = machine("e2-small").unwrap();
        assert_eq!((small.cpu, small.burst_cpu, small.memory_mib), (0.5, 2.0, 2048));
        let local = machine("local-small").unwrap();
        assert_eq!((local.cpu, local.memory_mib), (1.0, 1536));
        assert_eq!(machine("a3-megagpu-8g"), None);
    }

    #[test]
    fn a_local_cluster_takes_the_types_of_every_cloud_as_sizes() {
        assert!(names(ClusterType::Local).any(|name| name == "e2-medium"));
        assert!(!names(ClusterType::Eks).any(|name| name == "e2-medium"));
    }
}
