//! The hub under test, and what tests do with it.

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::core::discovery::verbs;
use kube::discovery::{Discovery, Scope};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config, ResourceExt};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use testbed_api::status::Phase;
use testbed_api::{Experiment, Summary};
use tokio::process::Command;
use tokio::time::timeout;

/// Where users create runs.
pub const NAMESPACE: &str = "experiments";
/// Where clusters of runs are.
pub const CLUSTERS: &str = "testbed-clusters";

/// Returns the project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Runs `testbed` as a user does: the binary that `make build` made.
pub async fn testbed(arguments: &[&str]) -> Result<Output> {
    let binary = std::env::var_os("TESTBED").map_or_else(|| root().join("bin/testbed"), PathBuf::from);
    let output = Command::new(&binary).args(arguments).current_dir(root()).output().await;
    output.with_context(|| format!("failed to run {}", binary.display()))
}

/// Runs `testbed`, expects success, returns its standard output.
pub async fn testbed_ok(arguments: &[&str]) -> Result<String> {
    let output = testbed(arguments).await?;
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "testbed {arguments:?} ended with {}:\n{out}\n{error}", output.status);
    Ok(out.into_owned())
}

/// Brings the hub up, which takes a moment if it is up already.
pub async fn hub_up() -> Result<()> {
    testbed_ok(&["hub", "up"]).await.map(drop)
}

/// Returns a client of the hub's administrator.
pub async fn client() -> Result<Client> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if testbed_hub::kubeconfig().is_none() {
        hub_up().await?;
    }
    let path = testbed_hub::kubeconfig().context("the hub is not up")?;
    let config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Returns the API of runs.
pub fn runs(client: &Client) -> Api<Experiment> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// Returns the API of clusters.
pub fn composites(client: &Client) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("illm.io", "v1alpha1", "ExperimentCluster"));
    Api::namespaced_with(client.clone(), CLUSTERS, &kind)
}

/// Submits an experiment of the catalog and returns the run's name.
pub async fn submit(experiment: &str) -> Result<String> {
    Ok(testbed_ok(&["run", experiment, "--detach"]).await?.trim().to_owned())
}

/// Submits an experiment of the catalog with fields set, and returns the run's name.
pub async fn submit_with(experiment: &str, sets: &[&str]) -> Result<String> {
    let mut arguments = vec!["run", experiment, "--detach"];
    for set in sets {
        arguments.extend(["--set", set]);
    }
    Ok(testbed_ok(&arguments).await?.trim().to_owned())
}

/// Returns the stored result of a run.
pub async fn result_of(name: &str) -> Result<Summary> {
    Ok(serde_json::from_str(&testbed_ok(&["results", name, "-o", "json"]).await?)?)
}

/// Watches a run until `until` is true of it; fails after `seconds`, saying what was seen last.
pub async fn wait_for(
    client: &Client,
    name: &str,
    seconds: u64,
    until: impl Fn(&Experiment) -> bool,
) -> Result<Experiment> {
    let mut last = None;
    let waiting = async {
        loop {
            let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
            let mut seen = watcher(runs(client), config).default_backoff().applied_objects().boxed();
            // A watch that is lost is taken up again: tests kill the API server too.
            while let Ok(Some(run)) = seen.try_next().await {
                last = Some(run.clone());
                if until(&run) {
                    return run;
                }
            }
        }
    };
    match timeout(Duration::from_secs(seconds), waiting).await {
        Ok(run) => Ok(run),
        Err(_) => bail!(
            "{name} did not get there within {seconds} s; last seen: {:#?}",
            last.and_then(|run| run.status)
        ),
    }
}

/// Returns whether nothing is left of a run.
pub fn is_over(run: &Experiment) -> bool {
    run.status.as_ref().is_some_and(|status| status.resources_cleaned == Some(true))
}

/// Returns the phase of a run.
pub fn phase(run: &Experiment) -> Option<Phase> {
    run.status.as_ref().and_then(|status| status.phase)
}

/// Waits until a run is gone.
pub async fn wait_gone(client: &Client, name: &str, seconds: u64) -> Result<()> {
    let gone = async {
        while runs(client).get_opt(name).await?.is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    timeout(Duration::from_secs(seconds), gone)
        .await
        .with_context(|| format!("{name} is still there after {seconds} s"))?
}

/// Deletes every run of earlier tests, so that each begins with an empty lab.
pub async fn empty(client: &Client) -> Result<()> {
    for run in runs(client).list(&ListParams::default()).await? {
        testbed_ok(&["delete", &run.name_any()]).await?;
    }
    Ok(())
}

/// Returns every object of the hub: kind, namespace and name.
///
/// Left out is what the hub itself makes, renews and forgets whether or not a run is there.
pub async fn objects(client: &Client) -> Result<BTreeSet<String>> {
    const OF_THE_HUB: [&str; 4] = ["Event", "Lease", "PodMetrics", "NodeMetrics"];
    let discovery = Discovery::new(client.clone()).run().await?;
    let mut found = BTreeSet::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group.resources_by_stability() {
            let skipped =
                OF_THE_HUB.contains(&resource.kind.as_str()) || !capabilities.supports_operation(verbs::LIST);
            if !skipped && matches!(capabilities.scope, Scope::Cluster | Scope::Namespaced) {
                found.extend(names(client, &resource).await?);
            }
        }
    }
    Ok(found)
}

async fn names(client: &Client, resource: &ApiResource) -> Result<Vec<String>> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let listed = match api.list_metadata(&ListParams::default()).await {
        Ok(listed) => listed,
        // Some kinds say that they can be listed, and cannot in this cluster.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 405 => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let name = |object: &kube::api::PartialObjectMeta<DynamicObject>| {
        format!("{} {}/{}", resource.kind, object.namespace().unwrap_or_default(), object.name_any())
    };
    Ok(listed.items.iter().map(name).collect())
}

/// Returns what is there now and was not before, once things that vanish by themselves had a moment to do so.
pub async fn left_over(client: &Client, before: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for _ in 0..20 {
        let now = objects(client).await?;
        left = now.difference(before).cloned().collect();
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(left)
}

/// Fails if anything is there that was not before.
pub async fn as_before(client: &Client, before: &BTreeSet<String>) -> Result<()> {
    let left = left_over(client, before).await?;
    ensure!(left.is_empty(), "left over: {left:?}");
    Ok(())
}

/// Returns every object of a cluster that was just made, once its own controllers have made theirs: when there are pods,
/// and nothing changed for five seconds.
pub async fn settled(client: &Client) -> Result<BTreeSet<String>> {
    let mut seen = objects(client).await?;
    for _ in 0..24 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let now = objects(client).await?;
        if now == seen && now.iter().any(|object| object.starts_with("Pod ")) {
            return Ok(now);
        }
        seen = now;
    }
    bail!("the cluster is still making objects after two minutes")
}

/// Returns whether a pod is ready.
pub fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
