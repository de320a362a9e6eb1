//! What scenarios and the simulated world share: an Experiment, and the catalog it refers to.

use jiff::Timestamp;
use serde_json::{Value, json};
use testbed_api::Experiment;
use testbed_core::agent::AgentSettings;
use testbed_core::names;
use testbed_core::observed::{CatalogFacts, TemplateFacts};
use testbed_core::plan::{Effect, Question};

/// When every test begins.
pub fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// An Experiment as the API server holds it: two targets, the second after the first, and a claim.
pub fn experiment() -> Experiment {
    serde_json::from_value(json!({
        "apiVersion": "experiments.illm.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": "tsdb-x7k2q", "namespace": "experiments", "uid": "11111111-2222-3333-4444-555555555555",
            "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "targets": [
                {"name": "left", "cluster": {"type": "hub"}, "components": [{"app": "metrics-app"}]},
                {"name": "right", "cluster": {"type": "hub"}, "depends": ["left"],
                 "components": [{"app": "store", "params": {"target": "${targets.left.metrics-app.address}"}}]},
            ],
            "workflow": {"template": "compare", "completion": {"mode": "workflow"}, "params": {"url": "${targets.right.store.endpoint}"}},
            "metrics": [
                {"name": "memory_bytes", "unit": "bytes", "query": "sum(mem{namespace=\"$NAMESPACE\"})"},
                {"name": "cpu_cores", "kind": "counter", "unit": "cores", "type": "range",
                 "query": "sum(rate(cpu_seconds_total{namespace=\"$NAMESPACE\"}[$DURATION]))"}],
            "hypothesis": {"claim": "right needs less", "criteria": [
                {"metric": "memory_bytes", "compare": ["right", "left"], "operator": "lt", "value": 0.5}]},
        },
    }))
    .unwrap()
}

/// A metric that is a quantile of a histogram.
#[allow(dead_code, reason = "not every test has a histogram")]
pub fn latency() -> testbed_api::experiment::Metric {
    serde_json::from_value(json!({
        "name": "latency_p99_seconds", "unit": "seconds",
        "query": "histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket{namespace=\"$NAMESPACE\"}[$DURATION])))",
    }))
    .unwrap()
}

/// The components that the Experiment refers to.
pub fn catalog() -> CatalogFacts {
    let component = |name: &str, parameters: Value| {
        serde_json::from_value(json!({
            "type": "app",
            "sources": [{"repoURL": format!("oci://registry/components/{name}"), "targetRevision": "sha256:abc", "path": ".", "helm": {}}],
            "parameters": parameters,
            "endpoint": {"service": name, "port": 8080},
        }))
        .unwrap()
    };
    CatalogFacts {
        components: [
            (
                "metrics-app".to_owned(),
                component("metrics-app", json!([{"name": "series", "type": "int", "default": 10}])),
            ),
            ("store".to_owned(), component("store", json!([{"name": "target", "required": true}]))),
            ("metrics-agent".to_owned(), agent()),
        ]
        .into(),
        agent: AgentSettings::default(),
    }
}

/// The component that the lab brings into targets.
fn agent() -> testbed_api::component::ComponentSpec {
    serde_json::from_value(json!({
        "type": "app",
        "sources": [{"repoURL": "oci://registry/components/metrics-agent", "targetRevision": "sha256:abc", "path": ".", "helm": {}}],
    }))
    .unwrap()
}

/// The same Experiment in two clusters that the lab makes, both observed, and with kubeconfigs for its user.
#[allow(dead_code, reason = "not every test makes clusters")]
pub fn experiment_with_clusters() -> Experiment {
    in_clusters(&experiment(), "local")
}

/// The Experiment in two clusters, with trials.
#[allow(dead_code, reason = "not every test makes clusters")]
pub fn experiment_with_clusters_and_trials() -> Experiment {
    in_clusters(&experiment_with_trials(), "local")
}

/// The Experiment in two clusters of a cloud, one target in each.
#[allow(dead_code, reason = "not every test makes clusters")]
pub fn experiment_in_a_cloud() -> Experiment {
    let mut value = serde_json::to_value(in_clusters(&experiment(), "gke")).unwrap();
    value["spec"]["targets"][1]["observability"]["transport"] = json!("tailscale");
    serde_json::from_value(value).unwrap()
}

/// The Experiment in a cluster of someone else, and in one that the lab makes.
#[allow(dead_code, reason = "not every test makes clusters")]
pub fn experiment_beside_others() -> Experiment {
    let mut value = serde_json::to_value(experiment_with_clusters()).unwrap();
    value["spec"]["targets"][0]["cluster"] = json!({"type": "existing", "kubeconfigSecret": "mine"});
    serde_json::from_value(value).unwrap()
}

/// The same, where the cluster of someone else writes its metrics through a tailnet.
#[allow(dead_code, reason = "not every test makes clusters")]
pub fn experiment_beside_others_in_a_tailnet() -> Experiment {
    let mut value = serde_json::to_value(experiment_beside_others()).unwrap();
    value["spec"]["targets"][0]["observability"]["transport"] = json!("tailscale");
    serde_json::from_value(value).unwrap()
}

/// The same, where both targets are in clusters of someone else and write through a tailnet.
#[allow(dead_code, reason = "not every test makes clusters")]
pub fn experiment_twice_in_a_tailnet() -> Experiment {
    let mut value = serde_json::to_value(experiment_beside_others_in_a_tailnet()).unwrap();
    value["spec"]["targets"][1]["cluster"] = json!({"type": "existing", "kubeconfigSecret": "mine-too"});
    value["spec"]["targets"][1]["observability"]["transport"] = json!("tailscale");
    serde_json::from_value(value).unwrap()
}

fn in_clusters(experiment: &Experiment, kind: &str) -> Experiment {
    let mut value = serde_json::to_value(experiment).unwrap();
    for target in value["spec"]["targets"].as_array_mut().unwrap() {
        target["cluster"]["type"] = json!(kind);
        target["observability"] = json!({"enabled": true, "transport": "direct"});
    }
    value["spec"]["tutorial"] = json!({"exposeKubeconfig": true});
    serde_json::from_value(value).unwrap()
}

/// The template that the Experiment refers to.
pub fn template() -> TemplateFacts {
    TemplateFacts {
        name: "compare".into(),
        uid: "template-uid".into(),
        generation: 3,
        spec: json!({"entrypoint": "main", "arguments": {"parameters": [
            {"name": "url"}, {"name": "duration", "value": "10s"}]}}),
    }
}

/// The same Experiment with trials: two variants, three blocks and two of a variant against itself.
#[allow(dead_code, reason = "not every test has trials")]
pub fn experiment_with_trials() -> Experiment {
    let mut value = serde_json::to_value(experiment()).unwrap();
    value["spec"]["variants"] = json!([
        {"name": "left", "params": {"url": "${targets.left.metrics-app.endpoint}"}},
        {"name": "right", "reset": "restart", "present": {"selector": "app=store", "minReady": 1, "within": "30s"}},
    ]);
    value["spec"]["trials"] = json!({"blocks": 3, "aa": true, "aaBlocks": 2, "seed": 7,
        "warmup": "5s", "window": "20s", "cooldown": "5s", "retries": 2});
    serde_json::from_value(value).unwrap()
}

/// Returns what an effect is, in a line.
#[allow(dead_code, reason = "not every test shows effects")]
pub fn shown(effect: &Effect) -> String {
    let last = |give_up: bool| if give_up { " for the last time" } else { "" };
    match effect {
        Effect::Apply(object) => format!("apply {}", named(object)),
        Effect::ApplyIn { target, object } => format!("apply {} in {target}", named(object)),
        Effect::Claim { name, resource_version, .. } => format!("claim {name} at {resource_version}"),
        Effect::Delete(object) => format!("delete {:?} {} ({})", object.kind, object.name, object.uid),
        Effect::Collect(request) => format!(
            "collect{} beside {} records: {}",
            last(request.give_up),
            request.records.len(),
            asked(&request.questions)
        ),
        Effect::Measure(request) => {
            format!("measure{} {}: {}", last(request.give_up), request.trial, asked(&request.questions))
        }
        Effect::Certify(request) => {
            let made: Vec<String> =
                request.made.iter().map(|made| format!("{} {}", made.kind, made.name)).collect();
            let left: Vec<String> = request
                .left_behind
                .iter()
                .map(|left| format!("; {} may be left in {}", left.what, left.target))
                .collect();
            let asked: Vec<String> =
                request.asked.iter().map(|target| format!("; {target} is asked")).collect();
            format!(
                "certify under {:?}{}: {}{}{}",
                request.prefix,
                last(request.give_up),
                made.join(", "),
                left.concat(),
                asked.concat()
            )
        }
        other => format!("{other:?}"),
    }
}

fn asked(questions: &[Question]) -> String {
    let asked = questions.iter().map(|question| {
        let over = question.window.end.0.duration_since(question.window.start.0);
        let step = question.step;
        let (query, purpose, store) = (&question.query, &question.purpose, question.store.name());
        let (metric, kind) = (&question.metric, question.kind);
        format!("{metric}: {kind:?} {query} over {over:#} by {step:?} of {store} as {purpose:?}")
    });
    asked.collect::<Vec<_>>().join(" and ")
}

/// What is applied, and a digest of all that it says.
fn named(object: &Value) -> String {
    let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    format!("{kind} {name} [{}]", names::short_digest(&object.to_string()))
}
