//! A cluster of Amazon: a network of its own with a way out, the roles, the cluster and one node group.
//!
//! Kinds and fields are those of the namespaced managed resources of Upbound's provider family for Amazon
//! (`*.aws.m.upbound.io/v1beta1`): read from its published definitions and examples (Cluster of provider-upjet-aws at
//! 07c4b80e, in part; ClusterAuth, which Terraform does not have, at 0b694acf) and checked against the schema they are
//! generated from (`tests/providers.rs`).

use serde_json::{Value, json};

use crate::compose::{Cloud, Cluster, ComposeError, Composed, Observed, Type, Used};

const EC2: &str = "ec2.aws.m.upbound.io/v1beta1";
const IAM: &str = "iam.aws.m.upbound.io/v1beta1";
const EKS: &str = "eks.aws.m.upbound.io/v1beta1";

pub(crate) fn compose(cluster: &Cluster, observed: &Observed) -> Result<Composed, ComposeError> {
    let spec = &cluster.spec;
    let zone = spec.zone();
    let machine_type = spec.machine_type();
    let (region, letter) = split(&zone)?;
    // The control plane insists on two zones; nodes are in the first.
    let second = format!("{region}{}", if letter == 'a' { 'b' } else { 'a' });
    let mut cloud = Cloud::new(cluster, observed);

    network(&mut cloud, region, [&zone, &second]);
    roles(&mut cloud);

    let subnets = [cloud.reference("subnet-a"), cloud.reference("subnet-b")];
    let mut wanted = json!({
        "region": region,
        "roleArnRef": cloud.reference("cluster-role"),
        // Who makes the cluster is its administrator: the provider, whose ClusterAuth writes the kubeconfig.
        "accessConfig": {
            "authenticationMode": "API_AND_CONFIG_MAP",
            "bootstrapClusterCreatorAdminPermissions": true,
        },
        "vpcConfig": {
            "subnetIdRefs": subnets,
            "endpointPublicAccess": true,
            "endpointPrivateAccess": true,
        },
    });
    if let Some(version) = &spec.version {
        wanted["version"] = version.clone().into();
    }
    cloud.add_after(&["cluster-policy"], "cluster", EKS, "Cluster", json!({"forProvider": wanted}));
    let cluster_ref = cloud.reference("cluster");
    let kubeconfig = cloud.kubeconfig();
    cloud.add_after(
        &["cluster"],
        "auth",
        EKS,
        "ClusterAuth",
        json!({
            "forProvider": {"region": region, "clusterNameRef": cluster_ref},
            "writeConnectionSecretToRef": kubeconfig,
        }),
    );
    let nodes = json!({"forProvider": {
        "region": region,
        "clusterNameRef": cluster_ref,
        "nodeRoleArnRef": cloud.reference("node-role"),
        "subnetIdRefs": [cloud.reference("subnet-a")],
        "capacityType": if spec.spot { "SPOT" } else { "ON_DEMAND" },
        "instanceTypes": [machine_type],
        "diskSize": spec.disk_gb(),
        "scalingConfig": {
            "desiredSize": spec.node_count,
            "minSize": spec.node_count,
            "maxSize": spec.node_count,
        },
    }});
    // Nodes that cannot reach the world or lack a right never join, and the group fails after a long while.
    let needs = ["cluster", "default-route", "route-a", "worker-policy", "cni-policy", "registry-policy"];
    cloud.add_after(&needs, "nodes", EKS, "NodeGroup", nodes);

    let endpoint = cloud.text("cluster", "/status/atProvider/endpoint").map(Into::into);
    Ok(cloud.done("auth", endpoint, Used { machine_type, zone }))
}

fn network(cloud: &mut Cloud<'_>, region: &str, zones: [&str; 2]) {
    cloud.add(
        "vpc",
        EC2,
        "VPC",
        json!({"forProvider": {
            "region": region,
            "cidrBlock": "10.0.0.0/16",
            "enableDnsSupport": true,
            "enableDnsHostnames": true,
        }}),
    );
    let vpc = cloud.reference("vpc");
    cloud.add("gateway", EC2, "InternetGateway", json!({"forProvider": {"region": region, "vpcIdRef": vpc}}));
    cloud.add("routes", EC2, "RouteTable", json!({"forProvider": {"region": region, "vpcIdRef": vpc}}));
    let (gateway, routes) = (cloud.reference("gateway"), cloud.reference("routes"));
    cloud.add(
        "default-route",
        EC2,
        "Route",
        json!({"forProvider": {
            "region": region,
            "routeTableIdRef": routes,
            "destinationCidrBlock": "0.0.0.0/0",
            "gatewayIdRef": gateway,
        }}),
    );
    for (letter, zone, block) in [("a", zones[0], "10.0.0.0/20"), ("b", zones[1], "10.0.16.0/20")] {
        let name = format!("subnet-{letter}");
        cloud.add(
            &name,
            EC2,
            "Subnet",
            json!({"forProvider": {
                "region": region,
                "vpcIdRef": vpc,
                "availabilityZone": zone,
                "cidrBlock": block,
                // Nodes reach images and the hub without a NAT gateway, which costs more than they do.
                "mapPublicIpOnLaunch": true,
            }}),
        );
        let subnet = cloud.reference(&name);
        cloud.add(
            &format!("route-{letter}"),
            EC2,
            "RouteTableAssociation",
            json!({"forProvider": {"region": region, "routeTableIdRef": routes, "subnetIdRef": subnet}}),
        );
    }
}

fn roles(cloud: &mut Cloud<'_>) {
    for (role, service) in [("cluster-role", "eks.amazonaws.com"), ("node-role", "ec2.amazonaws.com")] {
        cloud.add(role, IAM, "Role", json!({"forProvider": {"assumeRolePolicy": assumed_by(service)}}));
    }
    for (name, role, policy) in [
        ("cluster-policy", "cluster-role", "AmazonEKSClusterPolicy"),
        ("worker-policy", "node-role", "AmazonEKSWorkerNodePolicy"),
        ("cni-policy", "node-role", "AmazonEKS_CNI_Policy"),
        ("registry-policy", "node-role", "AmazonEC2ContainerRegistryReadOnly"),
    ] {
        let role = cloud.reference(role);
        cloud.add(
            name,
            IAM,
            "RolePolicyAttachment",
            json!({"forProvider": {"roleRef": role, "policyArn": format!("arn:aws:iam::aws:policy/{policy}")}}),
        );
    }
}

/// A policy is a text that holds JSON.
fn assumed_by(service: &str) -> Value {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}],
    });
    policy.to_string().into()
}

/// `us-east-1a` is zone `a` of `us-east-1`.
fn split(zone: &str) -> Result<(&str, char), ComposeError> {
    let wrong =
        || ComposeError::Zone { zone: zone.into(), cloud: "Amazon", example: Type::Eks.default_zone() };
    let letter = zone.chars().last().filter(char::is_ascii_lowercase).ok_or_else(wrong)?;
    let region = &zone[..zone.len() - 1];
    let numbered = region.chars().last().is_some_and(|last| last.is_ascii_digit());
    // Two parts and a number; Google's `us-central1-a` has its number elsewhere.
    if numbered && region.matches('-').count() >= 2 { Ok((region, letter)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_region_and_a_letter() {
        assert_eq!(split("eu-central-1c").unwrap(), ("eu-central-1", 'c'));
        for wrong in ["us-east-1", "us-central1-a", "eastus", "", "local"] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }
}
