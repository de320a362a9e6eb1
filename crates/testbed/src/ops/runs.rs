//! Runs in the cluster: submit, list, find, delete.

use super::follow;
use crate::error::Failure;
use anyhow::Result;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use testbed_api::{Experiment, labels};
use testbed_core::problem::did_you_mean;

/// Returns the API of runs.
pub(crate) fn api(client: &Client, namespace: &str) -> Api<Experiment> {
    Api::namespaced(client.clone(), namespace)
}

/// Creates a run.
pub(crate) async fn submit(client: &Client, namespace: &str, experiment: &Experiment) -> Result<Experiment> {
    let mut experiment = experiment.clone();
    experiment.metadata.namespace = Some(namespace.to_owned());
    Ok(api(client, namespace).create(&PostParams::default(), &experiment).await?)
}

/// Returns all runs, oldest first.
pub(crate) async fn list(client: &Client, namespace: &str) -> Result<Vec<Experiment>> {
    let mut runs = api(client, namespace).list(&ListParams::default()).await?.items;
    runs.sort_by_key(|run| (run.metadata.creation_timestamp.as_ref().map(|time| time.0), run.name_any()));
    Ok(runs)
}

/// Returns a run by its name, or the newest run of the experiment of that name.
pub(crate) async fn find(client: &Client, namespace: &str, name: &str) -> Result<Experiment> {
    if let Some(run) = api(client, namespace).get_opt(name).await? {
        return Ok(run);
    }
    let runs = list(client, namespace).await?;
    let prefix = format!("{name}-");
    let of_experiment = |run: &&Experiment| run.metadata.generate_name.as_deref() == Some(&prefix);
    if let Some(run) = runs.iter().rev().find(of_experiment) {
        return Ok(run.clone());
    }
    let names: Vec<String> = runs.iter().map(ResourceExt::name_any).collect();
    let failure = Failure::usage(format!("no run is named `{name}` in namespace {namespace}"));
    Err(match did_you_mean(name, names.iter().map(String::as_str)) {
        Some(close) => failure.hint(format!("did you mean `{close}`?")),
        None => failure.hint("see `testbed list`"),
    }
    .into())
}

/// Sets a field of a run's specification that may change while it goes on.
pub(crate) async fn set(client: &Client, run: &Experiment, field: &str, value: bool) -> Result<Experiment> {
    let api = api(client, &run.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"uid": run.uid()}, "spec": {field: value}});
    Ok(api.patch(&run.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?)
}

/// Returns a run of any namespace that still needs a template as it is.
pub(crate) async fn user_of(client: &Client, template: &str) -> Result<Option<Experiment>> {
    let all: Api<Experiment> = Api::all(client.clone());
    let runs = all.list(&ListParams::default()).await?;
    Ok(runs.into_iter().find(|run| run.spec.workflow.template == template && !follow::is_over(run)))
}

/// Says that a template cannot be replaced now, because a run needs it as it is.
pub(crate) fn in_use(template: &str, user: &Experiment) -> Failure {
    let name = user.name_any();
    Failure::failed(format!(
        "WorkflowTemplate {template} on this hub is another one, and run {name} still uses it"
    ))
    .hint(format!("`testbed watch {name}` says when it is over; then try again"))
}

/// Deletes a run; its stored result goes with it unless it is to be kept, whatever was wished before.
pub(crate) async fn delete(client: &Client, run: &Experiment, keep_results: bool) -> Result<()> {
    let api = api(client, &run.namespace().unwrap_or_default());
    let name = run.name_any();
    let wish = async |value: Value| {
        let patch = json!({"metadata": {"annotations": {labels::DELETE_RESULTS: value}}});
        api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await
    };
    if !keep_results {
        wish(json!("true")).await?;
    } else if run.annotations().contains_key(labels::DELETE_RESULTS) {
        wish(Value::Null).await?;
    }
    let deleted = api.delete(&name, &DeleteParams::default()).await;
    if deleted.is_err() && !keep_results {
        // Else the result would go at the end of the time to live of a run that was not deleted.
        let _ = wish(Value::Null).await;
    }
    deleted?;
    Ok(())
}
