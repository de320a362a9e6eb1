//! What differs between the hub and a cluster that lives in pods of it: names, addresses, and how much is worth keeping.

use std::collections::BTreeMap;

use crate::layout::{ADDRESS, BRIDGE, CGROUP, DNS_SERVICE, KUBERNETES_SERVICE, NODE, POD_CIDR, SERVICE_CIDR};

/// Pods of a cluster inside of the hub get their addresses from this subnet, each of its nodes from a slice of it.
pub const INNER_POD_CIDR: &str = "10.98.0.0/16";
/// Services of a cluster inside of the hub get their addresses from this range.
pub const INNER_SERVICE_CIDR: &str = "10.97.0.0/16";
/// Address of its `kubernetes` service.
const INNER_KUBERNETES_SERVICE: &str = "10.97.0.1";
/// Address of its DNS service.
const INNER_DNS_SERVICE: &str = "10.97.0.10";
/// The bridge its pods hang on, in the network of the node's pod.
const INNER_BRIDGE: &str = "pods0";
/// Label of its nodes: their index, which names their slice of the subnet of pods.
pub const INDEX_LABEL: &str = "illm.io/node";

/// What a node is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The hub: control plane and node on the machine itself, whose data outlives everything.
    Hub,
    /// Control plane and node of a cluster in a pod: gone with the pod, so nothing of it is made to last.
    ControlPlane,
    /// A node that joins such a cluster.
    Worker,
}

/// One node and the cluster it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What it is there for.
    pub role: Role,
    /// Name of the cluster, in kubeconfigs.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// Labels of the node.
    pub labels: BTreeMap<String, String>,
    /// The node's own address; the API server, the kubelet and node ports bind here only.
    pub address: String,
    /// The bridge that pods hang on.
    pub bridge: String,
    /// All pods of the cluster get their addresses from this subnet.
    pub pod_cidr: String,
    /// Those of this node from this part of it.
    pub node_cidr: String,
    /// Services get their addresses from this range.
    pub service_cidr: String,
    /// Address of the `kubernetes` service, the first of the range.
    pub kubernetes_service: String,
    /// Address of the DNS service.
    pub dns_service: String,
    /// Parent of the cgroups of pods.
    pub cgroup_root: String,
    /// Base URL of the API server.
    pub api_server: String,
    /// Names and addresses of the API server, beyond those every API server has.
    pub api_server_names: Vec<String>,
    /// Memory below which the kubelet evicts pods.
    pub eviction_memory: String,
    /// What pods cannot have, by resource: how much the machine that the kubelet sees is bigger than the node.
    pub reserved: BTreeMap<String, String>,
    /// `address:port` of a registry that has the images of `testbed.local`; without it they have to be imported.
    pub registry: Option<String>,
}

/// What has to be known to make a node inside of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// Which node of the cluster: 0 is the control plane.
    pub index: u8,
    /// The pod's address.
    pub address: String,
    /// Host name by which the API server is reached.
    pub control_plane: String,
    /// Parent of the cgroups of pods.
    pub cgroup_root: String,
    /// What pods cannot have.
    pub reserved: BTreeMap<String, String>,
    /// `address:port` of the hub's registry.
    pub registry: String,
}

impl Site {
    /// The hub.
    #[must_use]
    pub fn hub() -> Self {
        Self {
            role: Role::Hub,
            cluster: "testbed-hub".into(),
            node: NODE.into(),
            labels: BTreeMap::new(),
            address: ADDRESS.into(),
            bridge: BRIDGE.into(),
            pod_cidr: POD_CIDR.into(),
            node_cidr: POD_CIDR.into(),
            service_cidr: SERVICE_CIDR.into(),
            kubernetes_service: KUBERNETES_SERVICE.into(),
            dns_service: DNS_SERVICE.into(),
            cgroup_root: format!("/{CGROUP}"),
            api_server: crate::config::API_SERVER.into(),
            api_server_names: Vec::new(),
            eviction_memory: "200Mi".into(),
            reserved: BTreeMap::new(),
            registry: None,
        }
    }

    /// A node inside of a pod.
    #[must_use]
    pub fn inner(inner: Inner) -> Self {
        let Inner { cluster, node, index, address, control_plane, cgroup_root, reserved, registry } = inner;
        let role = if index == 0 { Role::ControlPlane } else { Role::Worker };
        // By address on the node itself: it needs no name server to become ready.
        let host = if index == 0 { &address } else { &control_plane };
        // Every suffix that a resolver may be told to leave away.
        let short = control_plane.trim_end_matches(".cluster.local");
        let mut names = vec![cluster.clone(), control_plane.clone(), "127.0.0.1".into()];
        names.extend((short != control_plane).then(|| short.to_owned()));
        Self {
            role,
            api_server: format!("https://{host}:6443"),
            api_server_names: names,
            cluster,
            node,
            labels: [(INDEX_LABEL.to_owned(), index.to_string())].into(),
            address,
            bridge: INNER_BRIDGE.into(),
            pod_cidr: INNER_POD_CIDR.into(),
            node_cidr: node_cidr(index),
            service_cidr: INNER_SERVICE_CIDR.into(),
            kubernetes_service: INNER_KUBERNETES_SERVICE.into(),
            dns_service: INNER_DNS_SERVICE.into(),
            cgroup_root,
            // A small node has little to spare.
            eviction_memory: "100Mi".into(),
            reserved,
            registry: Some(registry),
        }
    }

    /// Whether etcd and the API server run here.
    #[must_use]
    pub fn is_control_plane(&self) -> bool {
        self.role != Role::Worker
    }

    /// Whether what it stores is meant to outlive a loss of power, and is worth a lock and a record.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.role == Role::Hub
    }
}

/// The slice of [`INNER_POD_CIDR`] that belongs to the node of that index.
#[must_use]
pub fn node_cidr(index: u8) -> String {
    format!("10.98.{index}.0/24")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn inner(index: u8) -> Site {
        Site::inner(Inner {
            cluster: "left".into(),
            node: format!("left-{index}"),
            index,
            address: "10.88.0.7".into(),
            control_plane: "left.testbed-clusters.svc.cluster.local".into(),
            cgroup_root: "/cluster".into(),
            reserved: [("cpu".to_owned(), "1000m".to_owned())].into(),
            registry: "10.96.0.50:5000".into(),
        })
    }

    #[test]
    fn a_worker_reaches_the_api_server_by_name_and_the_control_plane_by_address() {
        assert_eq!(inner(0).api_server, "https://10.88.0.7:6443");
        assert_eq!(inner(2).api_server, "https://left.testbed-clusters.svc.cluster.local:6443");
        assert_eq!(inner(2).node_cidr, "10.98.2.0/24");
        assert!(inner(0).api_server_names.contains(&"left.testbed-clusters.svc".to_owned()));
    }
}
