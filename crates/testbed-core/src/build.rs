//! The objects a run wants in the world, as they are applied.

use crate::names;
use crate::run::Run;
use crate::schedule::Schedule;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use testbed_api::component::{Helm, Source};
use testbed_api::experiment::{ExperimentSpec, Target};
use testbed_api::labels;
use testbed_api::record::Slot;
use testbed_api::status::ComponentStatus;
use testbed_api::trials::{Trials, Variant};

/// Namespace of Argo CD and its Applications.
pub const ARGOCD_NAMESPACE: &str = "argocd";
/// Namespace of workflows and their templates.
pub const WORKFLOW_NAMESPACE: &str = "argo-workflows";
/// AppProject of everything the lab deploys.
pub const PROJECT: &str = "experiments";
/// Service account that workflows run as.
const WORKFLOW_ACCOUNT: &str = "argo-workflow";
/// Annotation with the digest of the specification we applied: what differs from it is applied again.
pub const SPEC_DIGEST: &str = "experiments.illm.io/spec-digest";

/// Labels that say whose an object is.
fn owner_labels(run: &Run<'_>) -> Map<String, Value> {
    let pairs = [
        (labels::MANAGED_BY, labels::MANAGED_BY_VALUE),
        (labels::EXPERIMENT, run.name),
        (labels::EXPERIMENT_NAMESPACE, run.namespace),
        (labels::EXPERIMENT_UID, run.uid),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
}

/// Returns the namespace of a target on the hub.
#[must_use]
pub fn namespace(run: &Run<'_>, target: &Target) -> Value {
    let mut labels = owner_labels(run);
    labels.insert(labels::TARGET.into(), json!(target.name));
    // Subjects of benchmarks are other people's programs: baseline keeps them off the host, restricted would refuse many.
    labels.insert("pod-security.kubernetes.io/enforce".into(), json!("baseline"));
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": run.namespace_of(&target.name), "labels": labels},
    })
}

/// Returns the Application of a pinned component.
///
/// # Errors
/// A value that refers to something that is not there; the first stage refuses such a run.
pub fn application(run: &Run<'_>, target: &Target, component: &ComponentStatus) -> Result<Value, String> {
    let values = component
        .values
        .iter()
        .map(|(name, value)| Ok((name.as_str(), resolve(run, value)?)))
        .collect::<Result<BTreeMap<_, _>, String>>()?;
    let sources: Vec<Value> =
        component.sources.iter().map(|from| source(from, &component.name, &values)).collect();
    let spec = json!({
        "project": PROJECT,
        "sources": sources,
        "destination": {"server": "https://kubernetes.default.svc", "namespace": run.namespace_of(&target.name)},
        "syncPolicy": {
            "automated": {"prune": true, "selfHeal": true},
            "syncOptions": ["ServerSideApply=true"],
            "retry": {"limit": -1, "backoff": {"duration": "1s", "factor": 2, "maxDuration": "30s"}},
        },
    });
    let mut labels = owner_labels(run);
    labels.insert(labels::TARGET.into(), json!(target.name));
    labels.insert(labels::COMPONENT.into(), json!(component.name));
    Ok(json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": run.application_of(&target.name, &component.name),
            "namespace": ARGOCD_NAMESPACE,
            "labels": labels,
            "annotations": {SPEC_DIGEST: spec_digest(&spec)},
            // Without it, deleting the Application would leave what it deployed.
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": spec,
    }))
}

/// Returns the digest that [`SPEC_DIGEST`] bears.
#[must_use]
pub fn spec_digest(spec: &Value) -> String {
    names::sha256(spec.to_string().as_bytes())[..16].to_owned()
}

fn resolve(run: &Run<'_>, value: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => run.interpolate(text).map(Value::String),
        other => Ok(other.clone()),
    }
}

fn source(from: &Source, component: &str, values: &BTreeMap<&str, Value>) -> Value {
    let mut source = json!({
        "repoURL": from.repo_url,
        "targetRevision": from.target_revision.as_deref().unwrap_or("HEAD"),
    });
    if let Some(path) = &from.path {
        source["path"] = json!(path);
    }
    if let Some(chart) = &from.chart {
        source["chart"] = json!(chart);
    }
    if let Some(helm) = &from.helm {
        source["helm"] = helm_settings(helm, component, values);
    }
    source
}

/// Returns Helm's settings. Values go in as an object, so that no text of a user is ever read as YAML.
fn helm_settings(helm: &Helm, component: &str, values: &BTreeMap<&str, Value>) -> Value {
    let mut tree = Value::Object(Map::new());
    for parameter in &helm.parameters {
        insert(&mut tree, &parameter.name, Value::String(parameter.value.clone()));
    }
    for (name, value) in values {
        insert(&mut tree, name, value.clone());
    }
    let files: Vec<&String> = helm.value_files.iter().chain(&helm.values_files).collect();
    let mut settings =
        json!({"releaseName": helm.release_name.as_deref().unwrap_or(component), "valuesObject": tree});
    if !files.is_empty() {
        settings["valueFiles"] = json!(files);
    }
    settings
}

/// Inserts a value at a dotted path; `\.` is a dot within a key, as Helm writes it.
fn insert(tree: &mut Value, path: &str, value: Value) {
    let mut keys: Vec<String> = Vec::new();
    let mut key = String::new();
    let mut letters = path.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'.') => key.extend(letters.next()),
            '.' => keys.push(std::mem::take(&mut key)),
            other => key.push(other),
        }
    }
    keys.push(key);
    let mut node = tree;
    for key in keys {
        if !node.is_object() {
            *node = Value::Object(Map::new());
        }
        node = &mut node[key.as_str()];
    }
    *node = value;
}

/// Parameters that every workflow of a trial is given.
const OF_TRIALS: [&str; 6] = ["variant-name", "trial-name", "warmup", "window", "cooldown", "seed"];

/// Returns whether the lab itself gives a workflow the parameter `name`.
#[must_use]
pub fn provides(spec: &ExperimentSpec, name: &str) -> bool {
    name == "experiment-name"
        || name == "target-name"
        || (spec.trials.is_some() && OF_TRIALS.contains(&name))
        || spec.targets.iter().any(|target| {
            name.strip_prefix(target.name.as_str())
                .is_some_and(|rest| rest == "-name" || rest == "-namespace")
        })
}

/// Returns the parameters of the workflow of a run without trials.
///
/// # Errors
/// A parameter that refers to something that is not there; the first stage refuses such a run.
pub fn parameters(run: &Run<'_>) -> Result<BTreeMap<String, String>, String> {
    let mut parameters = BTreeMap::from([("experiment-name".to_owned(), run.name.to_owned())]);
    for target in &run.spec.targets {
        parameters.entry("target-name".into()).or_insert_with(|| target.name.clone());
        parameters.insert(format!("{}-name", target.name), target.name.clone());
        parameters.insert(format!("{}-namespace", target.name), run.namespace_of(&target.name));
    }
    for (name, value) in &run.spec.workflow.params {
        parameters.insert(name.clone(), run.interpolate(value)?);
    }
    Ok(parameters)
}

/// Returns the parameters of the workflow of a trial: those of the run, over them the variant's, over them the trial's.
///
/// # Errors
/// A parameter that refers to something that is not there; the first stage refuses such a run.
pub fn trial_parameters(
    run: &Run<'_>,
    schedule: &Schedule<'_>,
    trials: &Trials,
    slot: &Slot,
) -> Result<BTreeMap<String, String>, String> {
    let mut parameters = parameters(run)?;
    let variant = run.spec.variant(&slot.variant);
    for (name, value) in variant.into_iter().flat_map(|variant| &variant.params) {
        parameters.insert(name.clone(), run.interpolate(value)?);
    }
    let target = variant.map_or(slot.variant.as_str(), Variant::target);
    let of_trial = [
        ("target-name", target.to_owned()),
        ("variant-name", slot.variant.clone()),
        ("trial-name", slot.trial.clone()),
        ("warmup", trials.warmup.clone()),
        ("window", trials.window.clone()),
        ("cooldown", trials.cooldown.clone()),
        ("seed", schedule.load_seed(slot).to_string()),
    ];
    parameters.extend(of_trial.map(|(name, value)| (name.to_owned(), value)));
    Ok(parameters)
}

/// Returns a workflow: the template's specification itself, so that what runs is what was pinned, whatever becomes of
/// the template or of what Argo Workflows remembers of it.
#[must_use]
pub fn workflow(
    run: &Run<'_>,
    name: &str,
    trial: Option<&Slot>,
    template: &Value,
    parameters: &BTreeMap<String, String>,
) -> Value {
    let mut labels = owner_labels(run);
    if let Some(slot) = trial {
        labels.insert(labels::TRIAL.into(), json!(slot.trial));
    }
    let mut spec = template.clone();
    if !spec.is_object() {
        spec = json!({});
    }
    let declared =
        spec.pointer("/arguments/parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let given = |name: &Value| name.as_str().is_some_and(|name| parameters.contains_key(name));
    let mut arguments: Vec<Value> =
        parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    arguments.extend(declared.into_iter().filter(|parameter| !given(&parameter["name"])));
    spec["arguments"]["parameters"] = json!(arguments);
    spec["serviceAccountName"] = json!(WORKFLOW_ACCOUNT);
    // By this label teardown finds pods that outlive their workflow.
    for (key, value) in &labels {
        spec["podMetadata"]["labels"][key] = value.clone();
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": WORKFLOW_NAMESPACE, "labels": labels},
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_names_become_a_tree_and_escaped_dots_stay() {
        let mut tree = json!({});
        insert(&mut tree, "grafana.enabled", json!(true));
        insert(&mut tree, "grafana.size", json!(1));
        insert(&mut tree, r"labels.app\.kubernetes\.io/name", json!("x"));
        assert_eq!(
            tree,
            json!({"grafana": {"enabled": true, "size": 1}, "labels": {"app.kubernetes.io/name": "x"}})
        );
    }

    #[test]
    fn text_of_a_user_stays_text() {
        let mut tree = json!({});
        insert(&mut tree, "note", json!("\n- evil: {{ .Files.Get \"x\" }}"));
        assert_eq!(tree["note"], json!("\n- evil: {{ .Files.Get \"x\" }}"));
    }
}
