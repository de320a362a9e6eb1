//! What a hub holds outside of itself: it costs and runs on when the hub is away, and only the hub knows of it.

use super::follow::is_over;
use super::foreign::{Found, Kinds, list};
use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::discovery::Scope;
use kube::{Client, ResourceExt};
use serde::Deserialize;
use testbed_api::Experiment;
use testbed_api::experiment::ClusterType;

/// Groups of what Crossplane's providers make in clouds end with it.
const PROVIDERS: &str = ".upbound.io";
/// Kinds of theirs that stand for nothing in a cloud.
const NOT_IN_A_CLOUD: &str = "ProviderConfig";
const AT_ONCE: usize = 8;

/// Returns, in words, the runs and clusters that something outside of the hub belongs to, or may belong to.
///
/// # Errors
/// If the hub cannot be asked.
pub(crate) async fn held(client: &Client) -> Result<Vec<String>> {
    let kinds = Kinds::discover(client).await?;
    let mut held = Vec::new();
    if kinds.find("experiments.illm.io", "Experiment").is_some() {
        let runs = Api::<Experiment>::all(client.clone()).list(&ListParams::default()).await?;
        held.extend(runs.iter().filter_map(of_run));
    }
    if let Some(resource) = kinds.find("illm.io", "ExperimentCluster") {
        let clusters: Api<DynamicObject> = Api::all_with(client.clone(), resource);
        held.extend(clusters.list(&ListParams::default()).await?.iter().filter_map(of_cluster));
    }
    held.extend(in_clouds(client, &kinds).await?.iter().map(Found::words));
    Ok(held)
}

/// Returns what providers of Crossplane hold in clouds.
pub(crate) async fn in_clouds(client: &Client, kinds: &Kinds) -> Result<Vec<Found>> {
    let is_of_a_cloud = |(resource, _): &&(ApiResource, Scope)| {
        resource.group.ends_with(PROVIDERS) && !resource.kind.contains(NOT_IN_A_CLOUD)
    };
    let lists = stream::iter(kinds.all.iter().filter(is_of_a_cloud));
    let lists = lists.map(|(resource, _)| list(client, resource, false)).buffered(AT_ONCE);
    Ok(lists.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
}

/// A run that is not over, and has targets elsewhere.
fn of_run(run: &Experiment) -> Option<String> {
    let mut kinds: Vec<&str> = run
        .spec
        .targets
        .iter()
        .map(|target| target.cluster.kind)
        .filter(|kind| kind.is_elsewhere())
        .map(ClusterType::as_str)
        .collect();
    kinds.dedup();
    (!is_over(run) && !kinds.is_empty()).then(|| format!("run {} ({})", run.name_any(), kinds.join(", ")))
}

fn of_cluster(cluster: &DynamicObject) -> Option<String> {
    let kind = ClusterType::deserialize(&cluster.data["spec"]["type"]).ok()?;
    kind.is_of_a_cloud().then(|| format!("cluster {} ({})", cluster.name_any(), kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(kinds: &[&str], cleaned: bool) -> Option<String> {
        let targets: Vec<Value> = kinds
            .iter()
            .enumerate()
            .map(|(index, kind)| json!({"name": format!("t{index}"), "cluster": {"type": kind}}))
            .collect();
        let run = json!({
            "apiVersion": "experiments.illm.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "r"},
            "spec": {"targets": targets, "workflow": {"template": "t", "completion": {"mode": "workflow"}}},
            "status": {"resourcesCleaned": cleaned},
        });
        of_run(&serde_json::from_value(run).unwrap())
    }

    #[test]
    fn a_run_holds_something_elsewhere_until_it_is_cleaned_up() {
        assert_eq!(run(&["hub", "local"], false), None);
        assert_eq!(run(&["hub", "gke", "gke", "existing"], false), Some("run r (gke, existing)".into()));
        assert_eq!(run(&["gke"], true), None);
    }

    #[test]
    fn a_cluster_of_a_cloud_is_held_whoever_made_it() {
        let cluster = |kind: &str| {
            let cluster = json!({"metadata": {"name": "c"}, "spec": {"type": kind}});
            of_cluster(&serde_json::from_value(cluster).unwrap())
        };
        assert_eq!((cluster("local"), cluster("eks")), (None, Some("cluster c (eks)".into())));
    }
}
