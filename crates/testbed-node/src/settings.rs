//! What the pod is told: its environment.

use anyhow::{Context, Result, bail};

/// The most nodes a cluster may have.
const MOST_NODES: u8 = 10;

/// The node's place in its cluster, and where to find the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Name of the cluster.
    pub(crate) cluster: String,
    /// Which of its nodes this is; 0 is the control plane.
    pub(crate) index: u8,
    /// How many nodes it has.
    pub(crate) count: u8,
    /// Host name of the API server.
    pub(crate) control_plane: String,
    /// `address:port` of the hub's registry.
    pub(crate) registry: String,
    /// What its disk is to look like, in gibibytes.
    pub(crate) disk_gib: Option<u64>,
}

impl Settings {
    /// Reads the environment.
    pub(crate) fn read(value: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let text = |key: &str| value(key).with_context(|| format!("`{key}` is not set"));
        let number = |key: &str| -> Result<u8> {
            text(key)?.parse().with_context(|| format!("`{key}` is not a small number"))
        };
        let settings = Self {
            cluster: text("CLUSTER_NAME")?,
            index: number("NODE_INDEX")?,
            count: number("NODE_COUNT")?,
            control_plane: text("CONTROL_PLANE")?,
            registry: text("REGISTRY")?,
            disk_gib: value("DISK_SIZE_GB").and_then(|size| size.parse().ok()),
        };
        if !(1..=MOST_NODES).contains(&settings.count) || settings.index >= settings.count {
            bail!(
                "node {} of {} is none: a cluster has 1 to {MOST_NODES} nodes, counted from 0",
                settings.index,
                settings.count
            );
        }
        Ok(settings)
    }

    /// Name of the node, which is that of its pod.
    pub(crate) fn node(&self) -> String {
        format!("{}-{}", self.cluster, self.index)
    }

    /// Whether the API server runs here.
    pub(crate) fn is_control_plane(&self) -> bool {
        self.index == 0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(index: &str, count: &str) -> Result<Settings> {
        Settings::read(|key| {
            let value = match key {
                "CLUSTER_NAME" => "left",
                "NODE_INDEX" => index,
                "NODE_COUNT" => count,
                "CONTROL_PLANE" => "left.testbed-clusters.svc.cluster.local",
                "REGISTRY" => "10.96.0.50:5000",
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[test]
    fn a_node_is_one_of_those_that_are_counted() {
        assert_eq!(settings("1", "2").unwrap().node(), "left-1");
        assert!(settings("2", "2").is_err());
        assert!(settings("0", "11").is_err());
        assert!(settings("x", "1").unwrap_err().to_string().contains("NODE_INDEX"));
    }
}
