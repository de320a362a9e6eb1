//! Clusters of clouds, whose provider is played here: Crossplane, our function, the API server and its garbage collector
//! are real.

use crate::lab::{CLUSTERS, as_before, client, composites, empty, objects, root};
use anyhow::{Context, Result, ensure};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;
use testbed_sim::store::Kind;
use tokio::time::{Instant, sleep};

/// The cluster.
const NAME: &str = "proof-eks";
/// What keeps an object until the cloud says that it is gone.
const FINALIZER: &str = "finalizer.managedresource.crossplane.io";
/// Kinds of Amazon that a cluster consists of.
const AMAZON: [Kind; 11] = [
    kind("ec2.aws.m.upbound.io/v1beta1", "vpcs", "VPC"),
    kind("ec2.aws.m.upbound.io/v1beta1", "subnets", "Subnet"),
    kind("ec2.aws.m.upbound.io/v1beta1", "internetgateways", "InternetGateway"),
    kind("ec2.aws.m.upbound.io/v1beta1", "routetables", "RouteTable"),
    kind("ec2.aws.m.upbound.io/v1beta1", "routes", "Route"),
    kind("ec2.aws.m.upbound.io/v1beta1", "routetableassociations", "RouteTableAssociation"),
    kind("iam.aws.m.upbound.io/v1beta1", "roles", "Role"),
    kind("iam.aws.m.upbound.io/v1beta1", "rolepolicyattachments", "RolePolicyAttachment"),
    kind("eks.aws.m.upbound.io/v1beta1", "clusters", "Cluster"),
    kind("eks.aws.m.upbound.io/v1beta1", "clusterauths", "ClusterAuth"),
    kind("eks.aws.m.upbound.io/v1beta1", "nodegroups", "NodeGroup"),
];

const fn kind(api_version: &'static str, plural: &'static str, kind: &'static str) -> Kind {
    Kind { api_version, plural, kind, namespaced: true, status: true }
}

/// The manifests in the guide of clouds that have this in them.
fn in_the_guide(what: &str) -> Result<Vec<Value>> {
    let guide = fs::read_to_string(root().join("docs/guides/clouds.md"))?;
    let blocks = guide.split("<<'YAML'\n").skip(1).filter_map(|rest| rest.split("\nYAML\n").next());
    let block =
        blocks.into_iter().find(|block| block.contains(what)).context("the guide does not have it")?;
    block.split("\n---\n").map(|text| Ok(serde_saphyr::from_str(text)?)).collect()
}

/// Creates objects in no namespace, and returns where each is.
async fn create(client: &Client, all: &[Value]) -> Result<Vec<(Api<DynamicObject>, String)>> {
    let mut made = Vec::new();
    for object in all {
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let types = object.types.as_ref().context("an object has a kind")?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        api.create(&PostParams::default(), &object).await?;
        made.push((api, object.name_any()));
    }
    Ok(made)
}

/// Managed resources: the kind and name of each, and whether it is asked to go.
type There = BTreeSet<(&'static str, String, bool)>;

/// A provider: what it is asked for is there at once, and what is to go is gone at once if the cloud lets it.
struct Provider {
    kinds: Vec<(&'static Kind, Api<DynamicObject>)>,
}

impl Provider {
    fn new(client: &Client) -> Self {
        let api = |kind: &'static Kind| {
            let (group, version) = kind.api_version.split_once('/').unwrap_or_default();
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind.kind));
            (kind, Api::namespaced_with(client.clone(), CLUSTERS, &resource))
        };
        Self { kinds: AMAZON.iter().map(api).collect() }
    }

    /// Does what is to be done, and returns what was there.
    async fn pass(&self, keeps: impl Fn(&str) -> bool) -> Result<There> {
        let mut there = There::new();
        for (kind, api) in &self.kinds {
            let listed = match api.list(&ListParams::default()).await {
                // Its definition is gone.
                Err(kube::Error::Api(status)) if status.code == 404 => continue,
                listed => listed?,
            };
            for object in listed {
                let (name, going) = (object.name_any(), object.metadata.deletion_timestamp.is_some());
                let is_new = !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
                if going && is_new {
                    // The garbage collector's turn.
                } else if going && !keeps(kind.kind) {
                    let left: Vec<_> = object.finalizers().iter().filter(|one| *one != FINALIZER).collect();
                    let patch = Patch::Merge(json!({"metadata": {"finalizers": left}}));
                    api.patch(&name, &PatchParams::default(), &patch).await?;
                } else if is_new {
                    let patch = Patch::Merge(json!({"metadata": {"finalizers": [FINALIZER]}}));
                    api.patch(&name, &PatchParams::default(), &patch).await?;
                    let condition = |kind: &str| {
                        json!({"type": kind, "status": "True", "reason": "Played",
                            "lastTransitionTime": "2026-01-01T00:00:00Z"})
                    };
                    let status = json!({"conditions": [condition("Ready"), condition("Synced")]});
                    let patch = Patch::Merge(json!({"status": status}));
                    api.patch_status(&name, &PatchParams::default(), &patch).await?;
                }
                there.insert((kind.kind, name, going));
            }
        }
        Ok(there)
    }
}

#[tokio::test]
async fn roles_of_eks_go_after_their_cluster() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let before = objects(&client).await?;
    let definitions: Vec<Value> = AMAZON.iter().map(Kind::definition).collect();
    let mut made = create(&client, &definitions).await?;
    made.extend(create(&client, &in_the_guide("ValidatingAdmissionPolicy")?).await?);
    let provider = Provider::new(&client);
    let lived = roles_last(&client, &provider).await;
    if lived.is_err() {
        let _ = composites(&client).delete(NAME, &DeleteParams::default()).await;
    }
    for (api, name) in made.iter().rev() {
        api.delete(name, &DeleteParams::default()).await?;
    }
    // What a failure left is asked to go with its definition.
    while provider.pass(|_| false).await.is_ok_and(|there| !there.is_empty()) {
        sleep(Duration::from_millis(500)).await;
    }
    // For a moment a group is named still whose kinds are gone.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) && objects(&client).await.is_err() {
        sleep(Duration::from_millis(500)).await;
    }
    lived?;
    as_before(&client, &before).await
}

/// Waits until the garbage collector knows of kinds that are new; it looks every half minute.
async fn collected(provider: &Provider) -> Result<()> {
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "none"});
    for (kind, api) in &provider.kinds {
        let mut orphan = json!({"metadata": {"name": "orphan", "ownerReferences": [owner]}});
        kind.name(&mut orphan);
        api.create(&PostParams::default(), &serde_json::from_value(orphan)?).await?;
    }
    let begun = Instant::now();
    for (kind, api) in &provider.kinds {
        while api.get_opt("orphan").await?.is_some() {
            ensure!(begun.elapsed() < Duration::from_mins(2), "nobody collects any {}", kind.plural);
            sleep(Duration::from_millis(500)).await;
        }
    }
    Ok(())
}

async fn roles_last(client: &Client, provider: &Provider) -> Result<()> {
    collected(provider).await?;
    let clusters = composites(client);
    let cluster = json!({"apiVersion": "illm.io/v1alpha1", "kind": "ExperimentCluster",
        "metadata": {"name": NAME}, "spec": {"type": "eks"}});
    clusters.create(&PostParams::default(), &serde_json::from_value(cluster)?).await?;
    let begun = Instant::now();
    let mut there = There::new();
    while there.iter().filter(|(kind, ..)| ["NodeGroup", "ClusterAuth"].contains(kind)).count() < 2 {
        ensure!(begun.elapsed() < Duration::from_mins(3), "it is not made: {there:?}");
        sleep(Duration::from_millis(500)).await;
        there = provider.pass(|_| false).await?;
    }
    ensure!(there.len() == 17, "{there:?}");

    // As a run lets go of it. Amazon takes its time.
    clusters.delete(NAME, &DeleteParams::foreground()).await?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        there = provider.pass(|kind| kind == "Cluster").await?;
        sleep(Duration::from_millis(500)).await;
    }
    let left: Vec<(&str, bool)> = there.iter().map(|(kind, _, going)| (*kind, *going)).collect();
    let (role, policy) = (("Role", false), ("RolePolicyAttachment", false));
    ensure!(left == [("Cluster", true), role, role, policy, policy, policy, policy], "{there:?}");
    ensure!(clusters.get_opt(NAME).await?.is_some(), "it was gone before its parts");

    let begun = Instant::now();
    while clusters.get_opt(NAME).await?.is_some() {
        ensure!(begun.elapsed() < Duration::from_mins(2), "it does not go: {there:?}");
        there = provider.pass(|_| false).await?;
        sleep(Duration::from_millis(200)).await;
    }
    println!("gone {:.1} s after the cluster was", begun.elapsed().as_secs_f64());
    there = provider.pass(|_| false).await?;
    ensure!(there.is_empty(), "left: {there:?}");
    Ok(())
}
