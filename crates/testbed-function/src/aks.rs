//! A cluster of Microsoft: a resource group, and in it the cluster with its node pools.
//!
//! Kinds and fields are those of the namespaced managed resources of Upbound's provider family for Azure
//! (`*.azure.m.upbound.io/v1beta1`): read from its published definitions (KubernetesClusterNodePool of
//! provider-upjet-azure at 333c980c, in part; the key `kubeconfig` of the connection Secret at 069ff5ca) and checked
//! against the schema they are generated from (`tests/providers.rs`).

use serde_json::{Value, json};
use testbed_core::machines::DISK_SIZE_GB;

use crate::compose::{Cloud, Cluster, ComposeError, Composed, Observed, Type, Used, short};

const AZURE: &str = "azure.m.upbound.io/v1beta1";
const CONTAINER: &str = "containerservice.azure.m.upbound.io/v1beta1";
/// Microsoft's limit for the first part of the API server's name.
const PREFIX: usize = 54;

pub(crate) fn compose(cluster: &Cluster, observed: &Observed) -> Result<Composed, ComposeError> {
    let spec = &cluster.spec;
    let zone = spec.zone();
    let machine_type = spec.machine_type();
    let (location, zones) = location(&zone)?;
    let disk = spec.disk_gb();
    let mut cloud = Cloud::new(cluster, observed);

    cloud.add("group", AZURE, "ResourceGroup", json!({"forProvider": {"location": location}}));
    let group = cloud.reference("group");

    let mut pool = json!({
        "name": "nodes",
        "vmSize": machine_type,
        "nodeCount": spec.node_count,
        "osDiskSizeGb": disk,
    });
    if spec.spot {
        // The first pool cannot be taken away. It is as small as can be and keeps the experiment off, which would
        // otherwise be measured on the wrong machine.
        pool = json!({
            "name": "system",
            "vmSize": Type::Aks.default_machine(),
            "nodeCount": 1,
            "osDiskSizeGb": DISK_SIZE_GB,
            "onlyCriticalAddonsEnabled": true,
        });
    }
    if let Some(zones) = &zones {
        pool["zones"] = zones.clone();
    }
    let mut wanted = json!({
        "location": location,
        "resourceGroupNameRef": group,
        "dnsPrefix": short(&cluster.name, PREFIX),
        "defaultNodePool": pool,
        "identity": {"type": "SystemAssigned"},
    });
    if let Some(version) = &spec.version {
        wanted["kubernetesVersion"] = version.clone().into();
    }
    let body = json!({"forProvider": wanted, "writeConnectionSecretToRef": cloud.kubeconfig()});
    cloud.add("cluster", CONTAINER, "KubernetesCluster", body);

    if spec.spot {
        let mut wanted = json!({
            "kubernetesClusterIdRef": cloud.reference("cluster"),
            "mode": "User",
            "vmSize": machine_type,
            "nodeCount": spec.node_count,
            "osDiskSizeGb": disk,
            "priority": "Spot",
            "evictionPolicy": "Delete",
            // Whatever it costs now: never more than the same machine that stays.
            "spotMaxPrice": -1,
            // Microsoft sets both by itself; said here, or they would be taken for drift.
            "nodeLabels": {"kubernetes.azure.com/scalesetpriority": "spot"},
            "nodeTaints": ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"],
        });
        if let Some(zones) = zones {
            wanted["zones"] = zones;
        }
        cloud.add_after(
            &["cluster"],
            "spot",
            CONTAINER,
            "KubernetesClusterNodePool",
            json!({"forProvider": wanted}),
        );
    }
    let endpoint = cloud.text("cluster", "/status/atProvider/fqdn").map(|host| format!("https://{host}:443"));
    let mut composed = cloud.done("cluster", endpoint, Used { machine_type, zone });
    // Names of pools are at most twelve letters and digits, and are unique within their cluster only.
    if let Some(wanted) = composed.resources.get_mut("spot") {
        wanted.object["metadata"]["annotations"] = json!({"crossplane.io/external-name": "spot"});
    }
    if spec.spot && cluster.status.message.is_none() && observed.is_empty() {
        composed.warnings.push(
            "what runs on spot nodes of AKS has to tolerate the taint kubernetes.azure.com/scalesetpriority=spot"
                .into(),
        );
    }
    Ok(composed)
}

/// `eastus` is a location, `eastus-1` the first zone in it.
fn location(zone: &str) -> Result<(&str, Option<Value>), ComposeError> {
    let is_location = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match zone.rsplit_once('-') {
        None if is_location(zone) => Ok((zone, None)),
        Some((location, number @ ("1" | "2" | "3"))) if is_location(location) => {
            Ok((location, Some(json!([number]))))
        }
        _ => Err(ComposeError::Zone {
            zone: zone.into(),
            cloud: "Microsoft",
            example: Type::Aks.default_zone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_location_and_perhaps_a_number() {
        assert_eq!(location("westeurope").unwrap(), ("westeurope", None));
        assert_eq!(location("eastus2-3").unwrap(), ("eastus2", Some(json!(["3"]))));
        for wrong in ["us-east-1a", "us-central1-a", "eastus-4", ""] {
            assert!(location(wrong).is_err(), "{wrong}");
        }
    }
}
