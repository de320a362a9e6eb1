//! Scenarios: what was observed, as YAML, and the plan it leads to. Anyone can add one: a file in `scenarios/`.
//!
//! A file says how it differs from a plain run that was just created. `TESTBED_UPDATE=1` writes the expected plans.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files, and panics when it cannot go on"
)]

mod common;

use common::{catalog, experiment, shown, start, template};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};
use testbed_core::observed::{
    ApplicationFacts, ClusterFacts, NamespaceFacts, Observed, PodFacts, Reach, Seen, WorkflowFacts,
};
use testbed_core::plan::plan;
use testbed_core::status;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scenario {
    /// What the scenario shows, in a sentence.
    shows: String,
    /// Seconds after creation.
    #[serde(default)]
    after: i64,
    /// Merged over the Experiment.
    #[serde(default)]
    experiment: Value,
    #[serde(default)]
    namespaces: Option<Vec<NamespaceFacts>>,
    #[serde(default)]
    applications: Option<Vec<ApplicationFacts>>,
    #[serde(default)]
    workflows: Option<Vec<WorkflowFacts>>,
    #[serde(default)]
    pods: Option<Vec<PodFacts>>,
    #[serde(default)]
    clusters: Option<Vec<ClusterFacts>>,
    #[serde(default)]
    warm: Option<Vec<ClusterFacts>>,
    #[serde(default)]
    remote: BTreeMap<String, Reach>,
    /// What cannot be read, by its name here.
    #[serde(default)]
    unreadable: Vec<String>,
    /// Components that are not there.
    #[serde(default)]
    without: Vec<String>,
    /// Earlier passes of the same world, so that status need not be written by hand.
    #[serde(default)]
    passes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    phase: Option<String>,
    effects: Vec<String>,
    conditions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wakes_after: Option<i64>,
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn seen<T: Default>(scenario: &Scenario, name: &str, value: T) -> Seen<T> {
    if scenario.unreadable.iter().any(|unreadable| unreadable == name) {
        Seen::Unknown("the API server is away".into())
    } else {
        Seen::Known(value)
    }
}

fn observed(scenario: &Scenario) -> Observed {
    let mut value = serde_json::to_value(experiment()).unwrap();
    value["metadata"]["finalizers"] = serde_json::json!(["experiments.illm.io/operator"]);
    if !scenario.experiment.is_null() {
        merge(&mut value, &scenario.experiment);
    }
    let mut components = catalog();
    components.components.retain(|name, _| !scenario.without.contains(name));
    let experiment = serde_json::from_value(value).unwrap();
    Observed {
        catalog: seen(scenario, "catalog", components),
        template: seen(scenario, "template", (!scenario.without.contains(&"compare".into())).then(template)),
        namespaces: seen(scenario, "namespaces", scenario.namespaces.clone().unwrap_or_default()),
        applications: seen(scenario, "applications", scenario.applications.clone().unwrap_or_default()),
        workflows: seen(scenario, "workflows", scenario.workflows.clone().unwrap_or_default()),
        workflow_pods: seen(scenario, "workflowPods", Vec::new()),
        pods: seen(scenario, "pods", scenario.pods.clone().unwrap_or_default()),
        clusters: seen(scenario, "clusters", scenario.clusters.clone().unwrap_or_default()),
        warm: seen(scenario, "warm", scenario.warm.clone().unwrap_or_default()),
        remote: scenario.remote.clone(),
        ..Observed::of(experiment)
    }
}

fn outcome(scenario: &Scenario) -> Outcome {
    let now: Timestamp = start().checked_add(jiff::SignedDuration::from_secs(scenario.after)).unwrap();
    let mut seen = observed(scenario);
    for _ in 0..scenario.passes {
        seen.experiment.status = Some(plan(&seen, start()).status_with(&[]));
    }
    let plan = plan(&seen, now);
    let after = plan.status_with(&[]);
    Outcome {
        phase: after.phase.map(|phase| phase.as_str().to_owned()),
        effects: plan.effects.iter().map(shown).collect(),
        conditions: after
            .conditions
            .iter()
            .filter(|condition| condition.reason != "NotReached" || !condition.message.is_empty())
            .map(|c| format!("{} {} {} {}", c.type_, c.status, c.reason, c.message).trim().to_owned())
            .collect(),
        failure: after.failure.as_ref().map(|failure| format!("{}: {}", failure.stage, failure.reason)),
        wakes_after: plan.wake_at.map(|at| at.duration_since(start()).as_secs()),
    }
}

#[test]
fn every_scenario_leads_to_its_plan() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml")) {
        let text = fs::read_to_string(file).unwrap();
        let scenario: Scenario =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let found =
            format!("# {}\n{}", scenario.shows, serde_saphyr::to_string(&outcome(&scenario)).unwrap());
        let expected = file.with_extension("plan");
        if env::var_os("TESTBED_UPDATE").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted != found {
            wrong.push(format!("{}:\n--- expected\n{wanted}\n--- found\n{found}", file.display()));
        }
    }
    assert!(!files.is_empty());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // Silence what only other tests use of the shared module.
    let _ = status::get;
}
