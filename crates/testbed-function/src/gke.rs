//! A cluster of Google: a network of its own, a zonal cluster, one node pool.
//!
//! Kinds and fields are those of the namespaced managed resources of Upbound's provider family for Google
//! (`*.gcp.m.upbound.io/v1beta1`): read from its published definitions (NodePool of provider-upjet-gcp at 0428c762, in
//! part) and checked against the schema they are generated from, Terraform's google 6.50.0 (`tests/providers.rs`). The
//! key `kubeconfig` of the connection Secret, with the client certificate, is of its `config/namespaced/container`.

use serde_json::{Value, json};

use crate::compose::{Cloud, Cluster, ComposeError, Composed, Observed, Type, Used, short};

const COMPUTE: &str = "compute.gcp.m.upbound.io/v1beta1";
const CONTAINER: &str = "container.gcp.m.upbound.io/v1beta1";
/// Google's limit for names of clusters and node pools.
const NAME: usize = 40;

pub(crate) fn compose(cluster: &Cluster, observed: &Observed) -> Result<Composed, ComposeError> {
    let spec = &cluster.spec;
    let zone = spec.zone();
    let machine_type = spec.machine_type();
    let region = region(&zone)?;
    let mut cloud = Cloud::new(cluster, observed);

    cloud.add(
        "network",
        COMPUTE,
        "Network",
        json!({"forProvider": {"autoCreateSubnetworks": false, "routingMode": "REGIONAL"}}),
    );
    let network = cloud.reference("network");
    cloud.add(
        "subnetwork",
        COMPUTE,
        "Subnetwork",
        json!({"forProvider": {
            "region": region,
            "networkRef": network,
            "ipCidrRange": "10.0.0.0/20",
            "privateIpGoogleAccess": true,
            "secondaryIpRange": [
                {"rangeName": "pods", "ipCidrRange": "10.1.0.0/16"},
                {"rangeName": "services", "ipCidrRange": "10.2.0.0/20"},
            ],
        }}),
    );
    let subnetwork = cloud.reference("subnetwork");
    let mut wanted = json!({
        "location": zone,
        "networkRef": network,
        "subnetworkRef": subnetwork,
        "networkingMode": "VPC_NATIVE",
        "ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "services"},
        // Nodes are of the size that was asked for, and no other, or a measurement may run on the wrong machine.
        "initialNodeCount": 1,
        "removeDefaultNodePool": true,
        "deletionProtection": false,
        // What the experiment measures is collected by ourselves; Google's agents would take their part of the nodes.
        "loggingService": "none",
        "monitoringService": "none",
        "releaseChannel": {"channel": "REGULAR"},
        "masterAuth": {"clientCertificateConfig": {"issueClientCertificate": true}},
        // The certificate's user has no rights of its own, and giving it some takes a token of Google's, so a way to
        // the credentials of the account. Attribute-based rules let every authenticated user do everything: right
        // only for a cluster that is thrown away.
        "enableLegacyAbac": true,
    });
    if let Some(version) = &spec.version {
        wanted["minMasterVersion"] = version.clone().into();
    }
    let body = json!({"forProvider": wanted, "writeConnectionSecretToRef": cloud.kubeconfig()});
    cloud.add("cluster", CONTAINER, "Cluster", body);
    let cluster_ref = cloud.reference("cluster");
    // While the default pool is being removed, Google refuses another.
    cloud.add_after(
        &["cluster"],
        "nodes",
        CONTAINER,
        "NodePool",
        json!({"forProvider": {
            "location": zone,
            "clusterRef": cluster_ref,
            "nodeCount": spec.node_count,
            "management": {"autoRepair": true, "autoUpgrade": true},
            "upgradeSettings": {"maxSurge": 1, "maxUnavailable": 0},
            "nodeConfig": {
                "machineType": machine_type,
                "diskSizeGb": spec.disk_gb(),
                "spot": spec.spot,
                "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
                "shieldedInstanceConfig": {"enableSecureBoot": true, "enableIntegrityMonitoring": true},
            },
        }}),
    );
    let endpoint = cloud.text("cluster", "/status/atProvider/endpoint").map(|host| format!("https://{host}"));
    let mut composed = cloud.done("cluster", endpoint, Used { machine_type, zone });
    for name in ["cluster", "nodes"] {
        if let Some(wanted) = composed.resources.get_mut(name) {
            limit_name(&mut wanted.object);
        }
    }
    Ok(composed)
}

/// An object whose name is too long for Google has another one there.
fn limit_name(object: &mut Value) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if name.len() > NAME {
        object["metadata"]["annotations"] = json!({"crossplane.io/external-name": short(name, NAME)});
    }
}

/// `us-central1-a` is in `us-central1`.
fn region(zone: &str) -> Result<&str, ComposeError> {
    match zone.rsplit_once('-') {
        Some((region, letter)) if letter.len() == 1 && region.contains('-') => Ok(region),
        _ => {
            Err(ComposeError::Zone { zone: zone.into(), cloud: "Google", example: Type::Gke.default_zone() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_no_zone() {
        assert_eq!(region("europe-west4-b").unwrap(), "europe-west4");
        for wrong in ["us-central1", "us-east-1a", "a", "", "local"] {
            assert!(region(wrong).is_err(), "{wrong}");
        }
    }
}
