//! The objects a run wants in the world, as they are applied.

use crate::agent;
use crate::names;
use crate::observed::ServiceFacts;
use crate::run::Run;
use crate::schedule::Schedule;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use testbed_api::component::{Helm, Source};
use testbed_api::experiment::{Cluster, ClusterType, ExperimentSpec, Target};
use testbed_api::labels;
use testbed_api::record::Slot;
use testbed_api::status::ComponentStatus;
use testbed_api::trials::Trials;

/// Namespace of Argo CD and its Applications.
pub const ARGOCD_NAMESPACE: &str = "argocd";
/// Namespace of workflows and their templates.
pub const WORKFLOW_NAMESPACE: &str = "argo-workflows";
/// Namespace of clusters, and of what they are made of.
pub const CLUSTER_NAMESPACE: &str = "testbed-clusters";
/// AppProject of what the lab itself brings into targets, and which needs rights in the whole of a cluster.
pub const AGENT_PROJECT: &str = "testbed-agents";
/// Secret in a target with the token by which its agent writes to the hub.
pub const TOKEN_SECRET: &str = "testbed-remote-write";
/// API server of the hub, as Argo CD knows it.
const HUB_SERVER: &str = "https://kubernetes.default.svc";
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

fn labels_in(run: &Run<'_>, target: &str) -> Map<String, Value> {
    let mut labels = owner_labels(run);
    labels.insert(labels::TARGET.into(), json!(target));
    labels
}

/// Returns labels that say whose an object is, and of which target.
#[must_use]
pub fn target_labels(run: &Run<'_>, target: &str) -> Value {
    Value::Object(labels_in(run, target))
}

/// Returns the namespaces of a target: its components', and that of what joins it to a tailnet if it does.
#[must_use]
pub fn namespaces(run: &Run<'_>, target: &Target) -> Vec<Value> {
    let namespace = |name: &str, security: &str| {
        let mut labels = labels_in(run, &target.name);
        labels.insert("pod-security.kubernetes.io/enforce".into(), json!(security));
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    };
    // Subjects of benchmarks are other people's programs: baseline keeps them off the host, restricted would refuse many.
    let mut namespaces = vec![namespace(&run.namespace_of(&target.name), "baseline")];
    if agent::joins_tailnet(target) {
        namespaces.push(namespace(agent::TAILNET_NAMESPACE, "privileged"));
    }
    namespaces
}

/// Returns the cluster of a target.
#[must_use]
pub fn cluster(run: &Run<'_>, target: &Target) -> Value {
    let labels = labels_in(run, &target.name);
    json!({
        "apiVersion": "illm.io/v1alpha1",
        "kind": "ExperimentCluster",
        "metadata": {"name": run.cluster_of(&target.name), "namespace": CLUSTER_NAMESPACE, "labels": labels},
        "spec": cluster_spec(&target.cluster),
    })
}

/// Returns what is asked of whoever makes a cluster. What is not said is left out: its defaults are its own.
#[must_use]
pub fn cluster_spec(cluster: &Cluster) -> Value {
    let mut spec = json!({
        "type": cluster.kind.as_str(),
        "nodeCount": cluster.node_count.unwrap_or(1),
        "spot": cluster.preemptible,
    });
    let given = [
        ("machineType", cluster.machine_type.as_ref().map(|value| json!(value))),
        ("zone", cluster.zone.as_ref().map(|value| json!(value))),
        ("diskSizeGb", cluster.disk_size_gb.map(|value| json!(value))),
        ("version", cluster.version.as_ref().map(|value| json!(value))),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            spec[name] = value;
        }
    }
    spec
}

/// Returns the labels by which a warm cluster becomes that of a target.
#[must_use]
pub fn claim_labels(run: &Run<'_>, target: &Target) -> Value {
    let mut labels = labels_in(run, &target.name);
    labels.insert(labels::WARM.into(), json!(labels::WARM_CLAIMED));
    Value::Object(labels)
}

/// Returns the run's project of Argo CD: its sources, its destinations, and nothing else.
///
/// `servers` has the API server of each target with a cluster of its own. What lies in no namespace may be made only where
/// nobody else lives: Argo CD would take over what bears its name, and remove it at the end. So a run with a target on the
/// hub, or in a cluster of someone else, gets none of it anywhere.
#[must_use]
pub fn project(run: &Run<'_>, servers: &BTreeMap<&str, String>) -> Value {
    let targets = &run.spec.targets;
    let mut sources: Vec<&str> = targets
        .iter()
        .flat_map(|target| run.components(&target.name))
        .flat_map(|component| &component.sources)
        .map(|source| source.repo_url.as_str())
        .collect();
    sources.sort_unstable();
    sources.dedup();
    let destinations: Vec<Value> = targets
        .iter()
        .map(|target| destination(run, &target.name, servers.get(target.name.as_str())))
        .collect();
    let is_shared = targets.iter().any(|target| !target.cluster.kind.is_made());
    let everything = json!([{"group": "*", "kind": "*"}]);
    let spec = json!({
        "description": format!("What run {}/{} deploys", run.namespace, run.name),
        "sourceRepos": sources,
        "destinations": destinations,
        "clusterResourceWhitelist": if is_shared { json!([]) } else { everything },
    });
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": run.project(),
            "namespace": ARGOCD_NAMESPACE,
            "labels": owner_labels(run),
            "annotations": {SPEC_DIGEST: spec_digest(&spec)},
        },
        "spec": spec,
    })
}

/// Returns where Argo CD deploys what is of a target: into its own cluster, or here.
///
/// By address and not by name: Argo CD knows a cluster by its address, and takes the names of two registrations of one
/// cluster, which two runs may use at once, for each other.
fn destination(run: &Run<'_>, target: &str, server: Option<&String>) -> Value {
    let server = server.map_or(HUB_SERVER, String::as_str);
    json!({"server": server, "namespace": run.namespace_of(target)})
}

/// Returns the Application of a pinned component; `server` is the API server of its target's own cluster.
///
/// # Errors
/// A value that refers to something that is not there; the first stage refuses such a run.
pub fn application(
    run: &Run<'_>,
    target: &Target,
    server: Option<&String>,
    component: &ComponentStatus,
) -> Result<Value, String> {
    let values = component
        .values
        .iter()
        .map(|(name, value)| Ok((name.as_str(), resolve(run, &target.name, value)?)))
        .collect::<Result<BTreeMap<_, _>, String>>()?;
    let sources: Vec<Value> =
        component.sources.iter().map(|from| source(from, &component.name, &values)).collect();
    let project = if component.injected == Some(true) { AGENT_PROJECT.to_owned() } else { run.project() };
    let mut destination = destination(run, &target.name, server);
    if let Some(own) = agent::namespace(&component.name).filter(|_| component.injected == Some(true)) {
        destination["namespace"] = json!(own);
    }
    let spec = json!({
        "project": project,
        "sources": sources,
        "destination": destination,
        "syncPolicy": {
            "automated": {"prune": true, "selfHeal": true},
            "syncOptions": ["ServerSideApply=true"],
            "retry": {"limit": -1, "backoff": {"duration": "1s", "factor": 2, "maxDuration": "30s"}},
        },
    });
    let mut labels = labels_in(run, &target.name);
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

/// Returns the Service that shows another one of a target to the outside: by a load balancer where a cloud has one, by a
/// port of the nodes elsewhere.
#[must_use]
pub fn exposure(run: &Run<'_>, target: &Target, service: &ServiceFacts, port: Option<u16>) -> Option<Value> {
    let is_it = |candidate: &&Value| port.is_none_or(|port| candidate["port"] == json!(port));
    let shown = service.ports.iter().find(is_it)?;
    let kind = match target.cluster.kind {
        ClusterType::Gke | ClusterType::Eks | ClusterType::Aks => "LoadBalancer",
        ClusterType::Hub | ClusterType::Local | ClusterType::Existing => "NodePort",
    };
    let mut labels = labels_in(run, &target.name);
    labels.insert(labels::EXPOSES.into(), json!(service.name));
    Some(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names::child(run.uid, "exposure", &[&service.name]),
            "namespace": service.namespace,
            "labels": labels,
        },
        "spec": {
            "type": kind,
            "selector": service.selector,
            "ports": [{"name": "shown", "port": shown["port"], "targetPort": shown["targetPort"],
                       "protocol": shown["protocol"].as_str().unwrap_or("TCP")}],
        },
    }))
}

/// Returns the digest that [`SPEC_DIGEST`] bears.
#[must_use]
pub fn spec_digest(spec: &Value) -> String {
    names::sha256(spec.to_string().as_bytes())[..16].to_owned()
}

fn resolve(run: &Run<'_>, target: &str, value: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => run.interpolate(text, Some(target)).map(Value::String),
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
    let mut parameters = BTreeMap::new();
    for target in &run.spec.targets {
        parameters.insert(format!("{}-name", target.name), target.name.clone());
        parameters.insert(format!("{}-namespace", target.name), run.namespace_of(&target.name));
    }
    // After those of targets: one may be called `experiment`, and series would bear its name in place of the run's.
    parameters.extend(run.spec.targets.first().map(|first| ("target-name".to_owned(), first.name.clone())));
    parameters.insert("experiment-name".into(), run.name.to_owned());
    for (name, value) in &run.spec.workflow.params {
        parameters.insert(name.clone(), run.interpolate(value, None)?);
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
        parameters.insert(name.clone(), run.interpolate(value, None)?);
    }
    let target = run.spec.target_of(&slot.variant);
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

/// Makes an object of what lies at a path within objects, if it is none: nobody has checked what a template says.
fn make_object(value: &mut Value, path: &[&str]) {
    let mut found = value;
    for name in path {
        found = &mut found[*name];
    }
    if !found.is_object() {
        *found = json!({});
    }
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
    for path in [&[][..], &["arguments"], &["podMetadata"], &["podMetadata", "labels"]] {
        make_object(&mut spec, path);
    }
    let declared =
        spec.pointer("/arguments/parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let given = |name: &Value| name.as_str().is_some_and(|name| parameters.contains_key(name));
    let mut arguments: Vec<Value> =
        parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    arguments.extend(declared.into_iter().filter(|parameter| !given(&parameter["name"])));
    spec["arguments"]["parameters"] = json!(arguments);
    spec["serviceAccountName"] = json!(WORKFLOW_ACCOUNT);
    // When it goes is for teardown to say: one that is gone before it was read is lost.
    spec.as_object_mut().and_then(|spec| spec.remove("ttlStrategy"));
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
    fn a_template_that_has_its_workflows_go_by_themselves_does_not_have_ours_do_so() {
        let experiment: testbed_api::Experiment = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "experiments", "uid": "u"},
            "spec": {"targets": [], "workflow": {"template": "t", "completion": {"mode": "workflow"}}},
        }))
        .unwrap();
        let run = Run::of(&experiment).unwrap();
        let template = json!({"entrypoint": "main", "ttlStrategy": {"secondsAfterCompletion": 0}});
        let made = workflow(&run, "w", None, &template, &BTreeMap::new());
        assert_eq!(
            (&made["spec"]["entrypoint"], &made["spec"]["ttlStrategy"]),
            (&json!("main"), &json!(null))
        );
    }

    #[test]
    fn a_template_of_other_types_than_argo_reads_stops_nobody() {
        for template in [
            json!([]),
            json!({"arguments": []}),
            json!({"podMetadata": "x"}),
            json!({"podMetadata": {"labels": ["app"]}}),
        ] {
            let mut found = template.clone();
            for path in [&[][..], &["arguments"], &["podMetadata"], &["podMetadata", "labels"]] {
                make_object(&mut found, path);
            }
            found["arguments"]["parameters"] = json!([]);
            found["podMetadata"]["labels"]["a"] = json!("b");
            assert_eq!(found["podMetadata"]["labels"], json!({"a": "b"}), "{template}");
        }
    }

    #[test]
    fn text_of_a_user_stays_text() {
        let mut tree = json!({});
        insert(&mut tree, "note", json!("\n- evil: {{ .Files.Get \"x\" }}"));
        assert_eq!(tree["note"], json!("\n- evil: {{ .Files.Get \"x\" }}"));
    }
}
