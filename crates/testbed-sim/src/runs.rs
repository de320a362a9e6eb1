//! The runs that are simulated: an Experiment, what goes otherwise in its world, and when it is deleted.

use crate::players::{Behavior, FOR_GOOD, THEIRS};
use serde_json::{Value, json};
use std::time::Duration;
use testbed_api::labels;
use testbed_api::status::Phase;

/// A run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What is created.
    pub experiment: Value,
    /// What goes otherwise.
    pub behavior: Behavior,
    /// It is deleted once it reached this phase; else at the end.
    pub delete_in: Option<Phase>,
    /// Whoever deletes it takes our finalizer off, too, and what was made for it has nobody.
    pub is_orphaned: bool,
    /// How it ends if it is not deleted before.
    pub ends: Phase,
}

impl Scenario {
    /// Returns whether a cluster of someone else takes part.
    #[must_use]
    pub fn has_theirs(&self) -> bool {
        let targets = self.experiment["spec"]["targets"].as_array();
        targets.into_iter().flatten().any(|target| target["cluster"]["type"] == "existing")
    }

    /// Returns whether it can be lived around a real API server: it takes minutes rather than hours, nobody else is in
    /// the place of its targets, and none is in a cluster of someone else, which must not be at this machine.
    #[must_use]
    pub fn is_for_real(&self) -> bool {
        let unfit = self.has_theirs()
            || self.behavior.never_healthy
            || self.behavior.clusters_hang
            || self.behavior.store_truncates
            || self.behavior.store_away.is_some()
            || self.behavior.metrics_away.is_some()
            || self.behavior.disks.is_some()
            || self.behavior.hooks
            || self.behavior.refuses
            || self.behavior.place_taken;
        !unfit && !self.name.starts_with("expires")
    }
}

/// How long stores are away that come back.
const AWAY: Duration = Duration::from_mins(3);

/// An object that bears labels of a run that never was, by someone else's hand.
pub const FORGED: &str = "forged";

/// Returns every run that is simulated.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let run = |name, experiment: &Value| Scenario {
        name,
        experiment: experiment.clone(),
        behavior: Behavior::default(),
        delete_in: None,
        is_orphaned: false,
        ends: Phase::Complete,
    };
    let (hub, trials) = (on_hub(), with_trials(on_hub()));
    let (one, two) = (in_clusters(one_target()), in_clusters(on_hub()));
    let failing = |name, experiment: &Value, behavior| Scenario {
        behavior,
        ends: Phase::Failed,
        ..run(name, experiment)
    };
    let mut all = vec![
        run("hub", &hub),
        run("one-on-hub", &one_target()),
        run("expires", &until_deleted(one_target())),
        run("expires-in-cluster", &until_deleted(one.clone())),
        run("trials", &trials),
        run("cluster", &one),
        run("clusters", &two),
        run("clusters-trials", &in_clusters(with_trials(on_hub()))),
        failing("load-fails", &hub, Behavior { workflow_fails: true, ..Behavior::default() }),
        failing("place-taken", &with_a_third(), Behavior { place_taken: true, ..Behavior::default() }),
        failing("never-healthy", &hub, Behavior { never_healthy: true, ..Behavior::default() }),
        failing("cluster-hangs", &one, Behavior { clusters_hang: true, ..Behavior::default() }),
        failing(
            "cluster-dies",
            &two,
            Behavior { cluster_dies: Some(Duration::from_secs(7)), ..Behavior::default() },
        ),
    ];
    for (name, behavior) in [
        ("store-away", Behavior { store_away: Some(AWAY), ..Behavior::default() }),
        ("metrics-away", Behavior { metrics_away: Some(AWAY), ..Behavior::default() }),
        ("metrics-lost", Behavior { metrics_away: Some(FOR_GOOD), ..Behavior::default() }),
    ] {
        all.push(Scenario { behavior, ..run(name, &hub) });
    }
    for (name, behavior) in [
        ("store-lost", Behavior { store_away: Some(FOR_GOOD), ..Behavior::default() }),
        ("store-truncates", Behavior { store_truncates: true, ..Behavior::default() }),
    ] {
        all.push(failing(name, &one, behavior));
    }
    let disks = |takes| Behavior { disks: Some(Duration::from_secs(takes)), ..Behavior::default() };
    all.push(Scenario { behavior: disks(0), ..run("cloud", &in_a_cloud(one_target())) });
    all.push(Scenario {
        delete_in: Some(Phase::Ready),
        behavior: disks(20),
        ..run("deleted-in-a-cloud", &in_a_cloud(on_hub()))
    });
    all.push(Scenario { behavior: Behavior { hooks: true, ..Behavior::default() }, ..run("hooks", &hub) });
    all.push(failing("refused", &hub, Behavior { refuses: true, ..Behavior::default() }));
    let others = beside_others(on_hub());
    all.push(run("others", &others));
    let silent = Behavior { theirs_silent: true, ..Behavior::default() };
    all.push(Scenario { behavior: silent, ..run("others-silent", &others) });
    all.push(Scenario {
        delete_in: Some(Phase::Running),
        behavior: silent,
        ..run("deleted-when-others-are-silent", &others)
    });
    all.push(Scenario {
        delete_in: Some(Phase::Running),
        behavior: Behavior { theirs_closed: true, ..Behavior::default() },
        ..run("deleted-with-its-namespace", &others)
    });
    for (name, experiment, phase) in [
        ("deleted-at-once", &hub, Phase::Pending),
        ("deleted-in-provisioning", &two, Phase::Provisioning),
        ("deleted-when-ready", &two, Phase::Ready),
        ("deleted-in-running", &trials, Phase::Running),
        ("deleted-when-complete", &two, Phase::Complete),
    ] {
        all.push(Scenario { delete_in: Some(phase), ..run(name, experiment) });
    }
    for (name, experiment) in [("orphaned-on-hub", &hub), ("orphaned-in-clusters", &two)] {
        all.push(Scenario { delete_in: Some(Phase::Running), is_orphaned: true, ..run(name, experiment) });
    }
    all.push(Scenario {
        delete_in: Some(Phase::Ready),
        is_orphaned: true,
        behavior: disks(20),
        ..run("orphaned-in-a-cloud", &in_a_cloud(on_hub()))
    });
    all
}

/// Returns a run of which something loses the label by which it is found. Whose that is then, no invariant could tell, so it
/// is not swept.
#[must_use]
pub fn with_a_lost_label() -> Option<Scenario> {
    let run = named("hub")?;
    Some(Scenario { name: "label-lost", behavior: Behavior { label_lost: true, ..run.behavior }, ..run })
}

/// Returns a run on the hub and in a cluster, of which the namespace on the hub cannot be deleted for twenty minutes.
#[must_use]
pub fn with_a_namespace_that_stays() -> Option<Scenario> {
    let run = named("clusters")?;
    let mut experiment = run.experiment;
    experiment["spec"]["targets"][1]["cluster"]["type"] = json!("hub");
    let behavior = Behavior { namespaces_stay: Some(Duration::from_mins(20)), ..run.behavior };
    Some(Scenario { name: "namespace-stays", experiment, behavior, ..run })
}

/// Returns the run of this name.
#[must_use]
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|run| run.name == name)
}

fn on_hub() -> Value {
    json!({
        "apiVersion": "experiments.illm.io/v1alpha1", "kind": "Experiment",
        "metadata": {"name": "sim", "namespace": "experiments"},
        "spec": {
            "targets": [
                {"name": "left", "cluster": {"type": "hub"}, "components": [{"app": "metrics-app"}]},
                {"name": "right", "cluster": {"type": "hub"}, "depends": ["left"],
                 "components": [{"app": "store", "params": {"target": "${targets.left.metrics-app.address}"}}]},
            ],
            "workflow": {"template": "compare", "completion": {"mode": "workflow"},
                "params": {"url": "${targets.right.store.endpoint}"}},
            "metrics": [{"name": "memory_bytes", "unit": "bytes", "query": "sum(mem{namespace=\"$NAMESPACE\"})"}],
            "hypothesis": {"claim": "right needs less", "criteria": [
                {"metric": "memory_bytes", "compare": ["right", "left"], "operator": "lt", "value": 0.5}]},
        },
    })
}

fn one_target() -> Value {
    let mut experiment = on_hub();
    experiment["spec"]["targets"] =
        json!([{"name": "only", "cluster": {"type": "hub"}, "components": [{"app": "metrics-app"}]}]);
    experiment["spec"]["workflow"]["params"]["url"] = json!("${targets.only.metrics-app.endpoint}");
    if let Some(spec) = experiment["spec"].as_object_mut() {
        spec.remove("hypothesis");
    }
    experiment
}

/// Two targets wait for the first.
fn with_a_third() -> Value {
    let mut experiment = on_hub();
    if let Some(targets) = experiment["spec"]["targets"].as_array_mut() {
        targets.push(json!({"name": "last", "cluster": {"type": "hub"}, "depends": ["left"],
            "components": [{"app": "metrics-app"}]}));
    }
    experiment
}

fn until_deleted(mut experiment: Value) -> Value {
    experiment["spec"]["workflow"]["completion"]["mode"] = json!("manual");
    experiment
}

fn in_clusters(mut experiment: Value) -> Value {
    for target in experiment["spec"]["targets"].as_array_mut().into_iter().flatten() {
        target["cluster"]["type"] = json!("local");
        target["observability"] = json!({"enabled": true, "transport": "direct"});
    }
    experiment["spec"]["tutorial"] = json!({"exposeKubeconfig": true});
    experiment
}

/// Each target in a cluster of a cloud, whose prices the lab knows.
fn in_a_cloud(experiment: Value) -> Value {
    let mut experiment = in_clusters(experiment);
    for target in experiment["spec"]["targets"].as_array_mut().into_iter().flatten() {
        target["cluster"]["type"] = json!("gke");
    }
    experiment
}

/// The first target in a cluster of someone else, the second in one that is made.
fn beside_others(experiment: Value) -> Value {
    let mut experiment = in_clusters(experiment);
    experiment["spec"]["targets"][0]["cluster"] = json!({"type": "existing", "kubeconfigSecret": THEIRS});
    experiment
}

fn with_trials(mut experiment: Value) -> Value {
    experiment["spec"]["variants"] = json!([
        {"name": "left", "params": {"url": "${targets.left.metrics-app.endpoint}"}},
        {"name": "right", "reset": "restart", "present": {"selector": "app=store", "minReady": 1, "within": "30s"}},
    ]);
    experiment["spec"]["trials"] = json!({"blocks": 2, "aa": false, "seed": 7,
        // Around real programs a load takes a tenth of its time: a window of as much less than this still counts.
        "warmup": "1s", "window": "1s", "cooldown": "2s", "retries": 1});
    experiment
}

/// Returns the objects that the runs refer to: kind and object.
#[must_use]
pub fn catalog() -> Vec<(&'static str, &'static str, Value)> {
    let component = |name: &str, parameters: Value| {
        json!({"metadata": {"name": name}, "spec": {
            "type": "app", "parameters": parameters, "endpoint": {"service": name, "port": 8080},
            "sources": [{"repoURL": format!("oci://registry/components/{name}"), "targetRevision": "sha256:abc", "path": ".", "helm": {}}],
        }})
    };
    let template = json!({"metadata": {"name": "compare"}, "spec": {"entrypoint": "main",
        "arguments": {"parameters": [{"name": "url"}, {"name": "duration", "value": "10s"}]}}});
    let forged = json!({"metadata": {"name": FORGED, "labels": {labels::MANAGED_BY: labels::MANAGED_BY_VALUE,
        labels::EXPERIMENT: FORGED, labels::EXPERIMENT_NAMESPACE: "experiments", labels::EXPERIMENT_UID: FORGED}}});
    vec![
        (
            "Component",
            "",
            component("metrics-app", json!([{"name": "series", "type": "int", "default": 10}])),
        ),
        ("Component", "", component("store", json!([{"name": "target", "required": true}]))),
        ("Component", "", component("metrics-agent", json!([]))),
        ("WorkflowTemplate", testbed_core::build::WORKFLOW_NAMESPACE, template),
        ("Node", "", json!({"metadata": {"name": "node"}})),
        ("Namespace", "", forged),
    ]
}
