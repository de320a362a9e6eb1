//! Runs in the cluster: submit, list, find, delete.

use super::follow;
use crate::error::Failure;
use anyhow::Result;
use jiff::Timestamp;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::path::{Component, Path};
use testbed_api::{Experiment, labels};
use testbed_core::plan::looks;
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

/// Returns the name of a run, which can name a file: the API server checks names, and whose API server it is we do not know.
pub(crate) fn file_name(run: &Experiment) -> Result<String> {
    let name = run.name_any();
    let mut parts = Path::new(&name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(only)), None) if only == name.as_str() => Ok(name),
        _ => Err(Failure::failed(format!("run `{name}` cannot name a file")).into()),
    }
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
    // As long as the operator looks at it, something is still to be run from it.
    let needs = |run: &Experiment| {
        let failed = run.status.as_ref().is_some_and(|status| status.failure.is_some());
        let goes = run.metadata.deletion_timestamp.is_some();
        !failed && !goes && !follow::is_over(run) && looks(run, Timestamp::now()).template
    };
    Ok(runs.into_iter().find(|run| run.spec.workflow.template == template && needs(run)))
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
    if matches!(deleted, Err(kube::Error::Api(_))) && !keep_results {
        // Else the result would go at the end of the time to live of a run that was not deleted.
        let before = run.annotations().get(labels::DELETE_RESULTS).map_or(Value::Null, |wish| json!(wish));
        let _ = wish(before).await;
    }
    deleted?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;
    use http::{Method, Request, Response, StatusCode};
    use kube::client::Body;
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    fn run(change: &Value) -> Value {
        let mut run = json!({"apiVersion": "experiments.illm.io/v1alpha1", "kind": "Experiment",
            "metadata": {"name": "r", "namespace": "n", "uid": "u", "finalizers": ["experiments.illm.io/operator"]},
            "spec": {"targets": [], "workflow": {"template": "t", "completion": {"mode": "workflow"}}}});
        for (path, value) in change.as_object().into_iter().flatten() {
            let (parent, key) = path.rsplit_once('/').unwrap();
            run.pointer_mut(parent).unwrap()[key] = value.clone();
        }
        run
    }

    /// Method and body of each request.
    type Asked = Arc<Mutex<Vec<(Method, String)>>>;

    /// A client of an API server that holds one run, and what it is asked. Deletions are answered so.
    fn holding(run: &Value, deletion: u16) -> (Client, Asked) {
        let asked: Asked = Arc::default();
        let (seen, run) = (asked.clone(), run.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (seen, run) = (seen.clone(), run.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = String::from_utf8(body.collect_bytes().await.unwrap().to_vec()).unwrap();
                seen.lock().unwrap().push((parts.method.clone(), body));
                let refused =
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": deletion});
                let list = json!({"apiVersion": "experiments.illm.io/v1alpha1", "kind": "ExperimentList",
                    "metadata": {}, "items": [run]});
                let (code, answer) = match parts.method {
                    Method::GET => (200, list),
                    Method::DELETE if deletion != 200 => (deletion, refused),
                    _ => (200, run),
                };
                let mut answer = Response::new(Body::from(answer.to_string().into_bytes()));
                *answer.status_mut() = StatusCode::from_u16(code).unwrap();
                Ok::<_, Infallible>(answer)
            }
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test]
    async fn a_template_is_in_use_as_long_as_something_is_still_to_be_run_from_it() {
        for (change, uses) in [
            (json!({}), true),
            (json!({"/spec/workflow": {"template": "other", "completion": {"mode": "workflow"}}}), false),
            (json!({"/status": {"resourcesCleaned": true}}), false),
            (json!({"/metadata/deletionTimestamp": "2026-01-01T00:00:00Z"}), false),
            (
                json!({"/status": {"failure": {"stage": "Accepted", "reason": "InvalidSpec", "message": "no"}}}),
                false,
            ),
            (
                json!({"/status": {"conditions": [{"type": "Accepted", "status": "True", "reason": "r", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                    "workflowStatus": {"name": "w", "uid": "w1"}}}),
                false,
            ),
        ] {
            let (client, _) = holding(&run(&change), 200);
            assert_eq!(user_of(&client, "t").await.unwrap().is_some(), uses, "{change}");
        }
    }

    /// Returns what was wished about the results of a run that is deleted so.
    async fn wishes(before: Option<&str>, keep_results: bool, deletion: u16) -> Vec<Value> {
        let change =
            before.map_or(json!({}), |wish| json!({"/metadata/annotations": {labels::DELETE_RESULTS: wish}}));
        let run = run(&change);
        let (client, asked) = holding(&run, deletion);
        let deleted = delete(&client, &serde_json::from_value(run).unwrap(), keep_results).await;
        assert_eq!(deleted.is_ok(), deletion == 200);
        let asked = asked.lock().unwrap();
        let patches = asked.iter().filter(|(method, _)| *method == Method::PATCH);
        let wish = |(_, body): &(Method, String)| {
            serde_json::from_str::<Value>(body).unwrap()["metadata"]["annotations"][labels::DELETE_RESULTS]
                .take()
        };
        patches.map(wish).collect()
    }

    #[tokio::test]
    async fn results_go_or_stay_as_was_wished_last() {
        assert_eq!(wishes(None, false, 200).await, [json!("true")]);
        assert_eq!(wishes(None, true, 200).await, Vec::<Value>::new());
        assert_eq!(wishes(Some("true"), true, 200).await, [Value::Null], "an earlier wish is taken back");
        assert_eq!(wishes(None, false, 403).await, [json!("true"), Value::Null], "it was not deleted");
        assert_eq!(wishes(Some("true"), false, 403).await, [json!("true"), json!("true")]);
    }
}
