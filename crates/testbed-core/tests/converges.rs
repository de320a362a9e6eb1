//! Eventually stable: from creation, with a crash after any effect, a conflict on any write, and a deletion at any time,
//! a run ends with nothing left of it, having submitted its load once and stored its result before it tore anything down.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{
    catalog, experiment, experiment_with_clusters, experiment_with_clusters_and_trials,
    experiment_with_trials, start, template,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use testbed_api::Experiment;
use testbed_api::conditions::ConditionType;
use testbed_api::labels;
use testbed_api::record::{LoadReport, Pod, RecordRef};
use testbed_api::status::StopReason;
use testbed_api::status::{Phase, StoredResults, Window, WindowSource};
use testbed_core::observed::{
    ApplicationFacts, ClusterFacts, NamespaceFacts, ObjectFacts, Observed, PodFacts, Reach, RemoteFacts,
    Seen, ServiceFacts, WorkflowFacts,
};
use testbed_core::plan::{ChildKind, Effect, Fact, looks, plan};
use testbed_core::schedule::Schedule;
use testbed_core::status;

/// Passes after which a run that is still not over never will be.
const PASSES: usize = 600;

/// The world outside of the operator, as small state machines.
struct World {
    now: Timestamp,
    experiment: Option<Experiment>,
    namespaces: BTreeMap<String, NamespaceFacts>,
    applications: BTreeMap<String, ApplicationFacts>,
    workflows: BTreeMap<String, WorkflowFacts>,
    stored: Vec<String>,
    submissions: usize,
    /// Names of trials, in the order in which their workflows were submitted.
    trials: Vec<String>,
    /// Pods of the subjects, by UID.
    pods: BTreeMap<String, PodFacts>,
    workflow_fails: bool,
    /// No pod of a subject ever appears.
    subjects_vanish: bool,
    /// Trials that will not count.
    void_trials: Vec<String>,
    next_uid: usize,
    history: Vec<(Phase, bool)>,
    /// Clusters, by name; those nobody has claimed have no owner.
    clusters: BTreeMap<String, ClusterFacts>,
    /// How many steps each cluster has lived, by name.
    ages: BTreeMap<String, usize>,
    /// What each cluster answers, by the name of the cluster.
    remote: BTreeMap<String, RemoteFacts>,
    /// Clusters whose API server does not answer.
    silent: Vec<String>,
    /// What clusters were made of, and is not gone yet.
    leftovers: Vec<String>,
    registrations: BTreeMap<String, ObjectFacts>,
    projects: BTreeMap<String, ObjectFacts>,
    kubeconfigs: BTreeMap<String, ObjectFacts>,
    /// How many clusters were ever made or claimed for each target.
    provided: BTreeMap<String, usize>,
    /// Clusters never become ready.
    clusters_hang: bool,
}

impl World {
    fn new(workflow_fails: bool) -> Self {
        Self {
            now: start(),
            experiment: Some(experiment()),
            namespaces: BTreeMap::new(),
            applications: BTreeMap::new(),
            workflows: BTreeMap::new(),
            stored: Vec::new(),
            submissions: 0,
            trials: Vec::new(),
            pods: BTreeMap::new(),
            workflow_fails,
            subjects_vanish: false,
            void_trials: Vec::new(),
            next_uid: 0,
            history: Vec::new(),
            clusters: BTreeMap::new(),
            ages: BTreeMap::new(),
            remote: BTreeMap::new(),
            silent: Vec::new(),
            leftovers: Vec::new(),
            registrations: BTreeMap::new(),
            projects: BTreeMap::new(),
            kubeconfigs: BTreeMap::new(),
            provided: BTreeMap::new(),
            clusters_hang: false,
        }
    }

    fn with_clusters() -> Self {
        Self { experiment: Some(experiment_with_clusters()), ..Self::new(false) }
    }

    fn with_clusters_and_trials() -> Self {
        Self { experiment: Some(experiment_with_clusters_and_trials()), ..Self::new(false) }
    }

    /// Two clusters that were made before anyone asked.
    fn with_warm_clusters() -> Self {
        let mut world = Self::with_clusters();
        for name in ["warm-a", "warm-b"] {
            let spec = serde_json::json!({"type": "local", "nodeCount": 1, "spot": false});
            let warm = Some(labels::WARM_FREE.to_owned());
            world.new_cluster(ClusterFacts { name: name.into(), spec, warm, ..ClusterFacts::default() });
        }
        world.passes_by();
        world.passes_by();
        world
    }

    fn new_cluster(&mut self, facts: ClusterFacts) {
        let uid = self.uid();
        let resources =
            vec![format!("v1/Pod/{}-0", facts.name), format!("v1/Secret/{}-kubeconfig", facts.name)];
        self.leftovers.extend(resources.clone());
        let facts = ClusterFacts {
            uid: uid.clone(),
            resource_version: uid,
            created_at: Some(Time(self.now)),
            synced: true,
            message: Some("its nodes start".into()),
            resources,
            ..facts
        };
        self.clusters.insert(facts.name.clone(), facts);
    }

    /// Clusters become ready with time, and go with all they were made of.
    fn clusters_live_on(&mut self) {
        let gone: Vec<ClusterFacts> =
            self.clusters.values().filter(|cluster| cluster.deleting).cloned().collect();
        for cluster in gone {
            // The object goes before what it is made of.
            if self.clusters.remove(&cluster.name).is_none() || cluster.warm.is_none() {
                self.remote.remove(&cluster.name);
            }
        }
        let there: Vec<String> =
            self.clusters.values().flat_map(|cluster| cluster.resources.clone()).collect();
        if let Some(place) = self.leftovers.iter().position(|resource| !there.contains(resource)) {
            self.leftovers.remove(place);
        }
        for cluster in self.clusters.values_mut() {
            let age = self.ages.entry(cluster.name.clone()).or_default();
            *age += 1;
            if *age >= 2 && !self.clusters_hang && !cluster.dead {
                cluster.ready = true;
                cluster.endpoint = Some(format!("https://{}", cluster.name));
                cluster.kubeconfig_secret = Some(format!("{}-kubeconfig", cluster.name));
                self.remote.entry(cluster.name.clone()).or_insert_with(|| RemoteFacts {
                    cluster_id: format!("id-of-{}", cluster.uid),
                    server: format!("https://{}", cluster.name),
                    credentials: "first".into(),
                    addresses: vec!["10.88.0.9".into()],
                    ..RemoteFacts::default()
                });
            }
        }
    }

    /// What the target's own cluster answers, for those that are ready.
    fn reach(&self) -> BTreeMap<String, Reach> {
        let owned = self.clusters.values().filter(|cluster| cluster.owner.is_some() && cluster.ready);
        owned
            .map(|cluster| {
                let answer = match self.remote.get(&cluster.name) {
                    Some(facts) if !self.silent.contains(&cluster.name) => {
                        let mut facts = facts.clone();
                        self.services_of(&cluster.target, &mut facts);
                        Reach::Answers(Box::new(facts))
                    }
                    _ => Reach::Silent("connection refused".into()),
                };
                (cluster.target.clone(), answer)
            })
            .collect()
    }

    /// Every component that Argo CD has synced has a Service.
    fn services_of(&self, target: &str, facts: &mut RemoteFacts) {
        let synced = self.applications.values().filter(|seen| seen.target == target && seen.sync.is_some());
        facts.services.extend(synced.map(|seen| ServiceFacts {
            name: seen.component.clone(),
            namespace: facts.namespaces.first().map(|namespace| namespace.name.clone()).unwrap_or_default(),
            ports: vec![serde_json::json!({"port": 8080, "targetPort": 8080, "protocol": "TCP"})],
            ..ServiceFacts::default()
        }));
    }

    fn cluster_of(&mut self, target: &str) -> Option<&mut RemoteFacts> {
        let name = self.clusters.values().find(|cluster| cluster.target == target)?.name.clone();
        self.remote.get_mut(&name)
    }

    /// An object that the operator makes of a target's credentials.
    fn made_of_credentials(&mut self, target: &str, name: &str) -> ObjectFacts {
        let digest = self.cluster_of(target).map(|facts| facts.credentials.clone());
        ObjectFacts { name: name.into(), uid: self.uid(), target: target.into(), digest, deleting: false }
    }

    fn apply_in(&mut self, target: &str, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let label = |key: &str| object["metadata"]["labels"][key].as_str().map(str::to_owned);
        let (owner, exposes) = (label(labels::EXPERIMENT_UID), label(labels::EXPOSES));
        let uid = self.uid();
        let facts = self.cluster_of(target).unwrap();
        match object["kind"].as_str().unwrap() {
            "Namespace" => {
                facts.namespaces.push(NamespaceFacts { name, uid, owner, deleting: false, message: None });
            }
            "Service" => {
                let ports = vec![serde_json::json!({"port": 8080, "nodePort": 30080})];
                facts.services.push(ServiceFacts { name, uid, exposes, ports, ..ServiceFacts::default() });
            }
            other => panic!("nothing is known of {other} in targets"),
        }
    }

    fn with_trials() -> Self {
        Self { experiment: Some(experiment_with_trials()), ..Self::new(false) }
    }

    fn observed(&self) -> Option<Observed> {
        let owned = |wanted: bool| {
            let clusters = self.clusters.values().filter(move |cluster| cluster.owner.is_some() == wanted);
            Seen::Known(clusters.cloned().collect::<Vec<_>>())
        };
        let kept = self.clusters.values().filter(|cluster| cluster.owner.is_none());
        let kept: Vec<String> = kept.flat_map(|cluster| cluster.resources.clone()).collect();
        Some(Observed {
            catalog: Seen::Known(catalog()),
            template: Seen::Known(Some(template())),
            namespaces: Seen::Known(self.namespaces.values().cloned().collect()),
            applications: Seen::Known(self.applications.values().cloned().collect()),
            workflows: Seen::Known(self.workflows.values().cloned().collect()),
            workflow_pods: Seen::Known(Vec::new()),
            pods: Seen::Known(self.pods.values().cloned().collect()),
            clusters: owned(true),
            warm: owned(false),
            remote: self.reach(),
            registrations: Seen::Known(self.registrations.values().cloned().collect()),
            projects: Seen::Known(self.projects.values().cloned().collect()),
            kubeconfigs: Seen::Known(self.kubeconfigs.values().cloned().collect()),
            leftovers: Seen::Known(
                self.leftovers.iter().filter(|resource| !kept.contains(resource)).cloned().collect(),
            ),
            ..Observed::of(self.experiment.clone()?)
        })
    }

    /// Things that happen on their own: each call moves every machine one step.
    fn passes_by(&mut self) {
        self.now = self.now.checked_add(SignedDuration::from_secs(3)).unwrap();
        self.namespaces.retain(|_, namespace| !namespace.deleting);
        // Argo CD ends the sync it began before it deletes; in a namespace that is going, that sync never succeeds.
        // And it waits for ever for a cluster that is registered and does not answer.
        let stuck: Vec<String> = self
            .registrations
            .values()
            .filter(|registration| {
                let cluster = self.clusters.values().find(|cluster| cluster.target == registration.target);
                cluster.is_none_or(|cluster| self.silent.contains(&cluster.name))
            })
            .map(|registration| registration.target.clone())
            .collect();
        self.applications.retain(|_, application| {
            !application.deleting
                || application.operation.as_deref() == Some("Running")
                || stuck.contains(&application.target)
        });
        self.registrations.retain(|_, registration| !registration.deleting);
        self.projects.retain(|_, project| !project.deleting);
        self.kubeconfigs.retain(|_, kubeconfig| !kubeconfig.deleting);
        self.clusters_live_on();
        self.workflows.retain(|_, workflow| !workflow.deleting);
        for application in self.applications.values_mut().filter(|application| !application.deleting) {
            let healthy = application.sync.is_some();
            application.sync = Some("Synced".into());
            application.revisions = vec!["sha256:abc".into()];
            application.health = Some(if healthy { "Healthy" } else { "Progressing" }.into());
            application.operation = Some(if healthy { "Succeeded" } else { "Running" }.into());
        }
        self.subjects_live_on();
        for workflow in self.workflows.values_mut() {
            let phase = match workflow.phase.as_deref() {
                None => "Running",
                Some("Running") if self.workflow_fails => "Failed",
                _ => "Succeeded",
            };
            if phase != "Running" && workflow.finished_at.is_none() {
                workflow.finished_at = Some(Time(self.now));
                let begin = self.now.checked_sub(SignedDuration::from_secs(2)).unwrap();
                workflow.load = Some(LoadReport::default());
                workflow.windows = vec![Window {
                    target: None,
                    start: MicroTime(begin),
                    end: MicroTime(self.now),
                    recorded_by: WindowSource::Workload,
                }];
            }
            workflow.started_at.get_or_insert(Time(self.now));
            workflow.phase = Some(phase.into());
        }
        let gone = self.experiment.as_ref().is_some_and(|experiment| {
            experiment.metadata.deletion_timestamp.is_some()
                && experiment.metadata.finalizers.iter().flatten().next().is_none()
        });
        if gone {
            self.experiment = None;
        }
    }

    /// Every target that is deployed has one pod; one that is deleted is replaced, and becomes ready a step later.
    fn subjects_live_on(&mut self) {
        let places = self.places();
        self.pods.retain(|_, facts| !facts.pod.deleting && places.contains(&facts.namespace));
        for facts in self.pods.values_mut() {
            facts.pod.ready = true;
        }
        let missing: Vec<String> = self
            .places()
            .into_iter()
            .filter(|name| !self.subjects_vanish && !self.pods.values().any(|facts| facts.namespace == *name))
            .collect();
        for namespace in missing {
            let uid = self.uid();
            let labels = [("app".to_owned(), "store".to_owned())].into();
            let pod = Pod { name: format!("pod-{uid}"), uid: uid.clone(), labels, ..Pod::default() };
            self.pods.insert(uid, PodFacts { namespace, pod });
        }
    }

    /// Namespaces that subjects live in, here and in clusters that answer.
    fn places(&self) -> Vec<String> {
        let there = self.remote.iter().filter(|(name, _)| !self.silent.contains(name));
        let there = there.flat_map(|(_, facts)| &facts.namespaces).map(|namespace| namespace.name.clone());
        self.namespaces.keys().cloned().chain(there).collect()
    }

    fn delete_experiment(&mut self) {
        let now = self.now;
        if let Some(experiment) = &mut self.experiment {
            experiment.metadata.deletion_timestamp.get_or_insert(Time(now));
        }
    }

    fn uid(&mut self) -> String {
        self.next_uid += 1;
        format!("uid-{}", self.next_uid)
    }

    fn carry_out(&mut self, effect: &Effect) -> Fact {
        let results_owed = self.results_owed();
        match effect {
            Effect::AddFinalizer => self.finalizers(vec![labels::OPERATOR.to_owned()]),
            Effect::RemoveFinalizer => {
                assert!(self.is_empty(), "the finalizer goes while something is left");
                self.finalizers(Vec::new());
            }
            Effect::Apply(object) => {
                self.apply(object);
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if let Some(workflow) = self.workflows.get(name).filter(|_| object["kind"] == "Workflow") {
                    return Fact::Submitted { uid: workflow.uid.clone() };
                }
            }
            Effect::StopSync(object) => {
                if let Some(application) = self.applications.get_mut(&object.name) {
                    application.operation = Some("Terminating".into());
                }
            }
            Effect::ApplyIn { target, object } => self.apply_in(target, object),
            Effect::Claim { name, resource_version, labels: given } => {
                let cluster = self.clusters.get_mut(name).unwrap();
                if cluster.resource_version == *resource_version {
                    let text = |key: &str| given[key].as_str().unwrap().to_owned();
                    cluster.owner = Some(text(labels::EXPERIMENT_UID));
                    cluster.target = text(labels::TARGET);
                    cluster.warm = Some(text(labels::WARM));
                    cluster.resource_version = format!("{resource_version}-claimed");
                    *self.provided.entry(cluster.target.clone()).or_default() += 1;
                }
            }
            Effect::Register { target, name } => {
                let facts = self.made_of_credentials(target, name);
                self.registrations.insert(name.clone(), facts);
            }
            Effect::GrantWrite { target } => self.cluster_of(target).unwrap().token = Some("token".into()),
            Effect::ShowKubeconfig { target, name } => {
                let facts = self.made_of_credentials(target, name);
                self.kubeconfigs.insert(name.clone(), facts);
            }
            Effect::Refresh(_) | Effect::GrantTailnet { .. } => {}
            Effect::DeleteIn { object, .. } if object.kind == ChildKind::Pod => {
                if let Some(facts) = self.pods.get_mut(&object.uid) {
                    facts.pod.deleting = true;
                }
            }
            Effect::DeleteIn { object, .. } => {
                panic!("{object:?} is deleted in a cluster that goes as a whole")
            }
            Effect::Delete(object) if object.kind == ChildKind::Pod => {
                if let Some(facts) = self.pods.get_mut(&object.uid) {
                    facts.pod.deleting = true;
                }
            }
            Effect::Delete(object) => {
                assert!(!results_owed, "{object:?} is torn down before the result is stored");
                let deleting = match object.kind {
                    ChildKind::Namespace => {
                        self.namespaces.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Application => {
                        self.applications.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Cluster => {
                        assert!(
                            self.applications.is_empty(),
                            "a cluster goes before what is deployed into it"
                        );
                        self.clusters.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Project => {
                        assert!(self.applications.is_empty(), "a project goes before its Applications");
                        self.projects.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Secret => self
                        .registrations
                        .get_mut(&object.name)
                        .or_else(|| self.kubeconfigs.get_mut(&object.name))
                        .map(|child| (&child.uid, &mut child.deleting)),
                    ChildKind::Pod | ChildKind::Service => None,
                    ChildKind::Workflow => {
                        self.workflows.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                };
                if let Some((uid, deleting)) = deleting.filter(|(uid, _)| **uid == object.uid) {
                    assert!(!uid.is_empty());
                    *deleting = true;
                }
            }
            Effect::Measure(request) => {
                let key = format!("{}trials/{}.json", request.prefix, request.trial);
                let status = self.experiment.as_ref().and_then(|run| run.status.as_ref());
                let begun = status.and_then(|status| status.trials.as_ref()).map(|trials| &trials.begun);
                let trial =
                    begun.and_then(|begun| begun.iter().find(|trial| trial.slot.trial == request.trial));
                let failed = trial.and_then(|trial| trial.end.as_ref()?.failed.clone());
                let disturbed = self.void_trials.contains(&request.trial);
                let void = failed.or_else(|| disturbed.then(|| "it was disturbed".to_owned()));
                return Fact::Measured {
                    trial: request.trial.clone(),
                    record: RecordRef { key, sha256: "00".into() },
                    void,
                    values: BTreeMap::new(),
                };
            }
            Effect::Collect(request) => {
                let key = format!("{}summary.json", request.prefix);
                self.stored.push(key.clone());
                return Fact::Stored {
                    results: StoredResults {
                        bucket: "results".into(),
                        key,
                        sha256: "00".into(),
                        size: 1,
                        bundle: None,
                    },
                    url: "s3://results".into(),
                    decision: None,
                    reason: "stored".into(),
                };
            }
            Effect::Certify(request) => {
                let certificate = request
                    .prefix
                    .as_ref()
                    .map(|prefix| RecordRef { key: format!("{prefix}teardown.json"), sha256: "00".into() });
                return Fact::Certified { certificate };
            }
            Effect::DeleteResults { prefix } => self.stored.retain(|key| !key.starts_with(prefix)),
            Effect::DeleteExperiment => self.delete_experiment(),
        }
        Fact::Done
    }

    /// A run that went to its end owes its result before anything of it is removed.
    fn results_owed(&self) -> bool {
        let Some(experiment) = &self.experiment else { return false };
        let status = experiment.status.clone().unwrap_or_default();
        let succeeded = status::holds(&status, ConditionType::WorkflowSucceeded);
        succeeded && self.stored.is_empty()
    }

    fn finalizers(&mut self, finalizers: Vec<String>) {
        if let Some(experiment) = &mut self.experiment {
            experiment.metadata.finalizers = Some(finalizers);
        }
    }

    fn apply(&mut self, object: &Value) {
        let experiment = self.experiment.as_ref().unwrap();
        assert!(
            experiment.metadata.finalizers.iter().flatten().any(|f| f == labels::OPERATOR),
            "a child before the finalizer"
        );
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let label = |key: &str| object["metadata"]["labels"][key].as_str().unwrap_or_default().to_owned();
        let uid = self.uid();
        match object["kind"].as_str().unwrap() {
            "Namespace" => {
                let owner = Some(label(labels::EXPERIMENT_UID));
                self.namespaces.entry(name.clone()).or_insert(NamespaceFacts {
                    name,
                    uid,
                    owner,
                    deleting: false,
                    message: None,
                });
            }
            "ExperimentCluster" => {
                if !self.clusters.contains_key(&name) {
                    let (target, owner) = (label(labels::TARGET), Some(label(labels::EXPERIMENT_UID)));
                    *self.provided.entry(target.clone()).or_default() += 1;
                    let spec = object["spec"].clone();
                    self.new_cluster(ClusterFacts { name, target, owner, spec, ..ClusterFacts::default() });
                }
            }
            "AppProject" => {
                let digest = object["metadata"]["annotations"]["experiments.illm.io/spec-digest"].as_str();
                let digest = digest.map(str::to_owned);
                self.projects
                    .insert(name.clone(), ObjectFacts { name, uid, digest, ..ObjectFacts::default() });
            }
            "Application" => {
                assert!(!self.projects.is_empty(), "an Application before its project");
                let digest = object["metadata"]["annotations"]["experiments.illm.io/spec-digest"]
                    .as_str()
                    .map(str::to_owned);
                self.applications.entry(name.clone()).or_insert(ApplicationFacts {
                    name,
                    uid,
                    target: label(labels::TARGET),
                    component: label(labels::COMPONENT),
                    spec_digest: digest,
                    ..ApplicationFacts::default()
                });
            }
            "Workflow" => {
                let ready = self
                    .applications
                    .values()
                    .all(|application| application.health.as_deref() == Some("Healthy"));
                let wanted = if self.provided.is_empty() { 2 } else { 4 };
                assert!(ready && self.applications.len() == wanted, "load before everything is ready");
                if !self.workflows.contains_key(&name) {
                    let busy = self.workflows.values().any(|workflow| workflow.finished_at.is_none());
                    assert!(!busy, "two workflows drive load at once");
                    self.trials.push(label(labels::TRIAL));
                    self.submissions += 1;
                    self.workflows
                        .insert(name.clone(), WorkflowFacts { name, uid, ..WorkflowFacts::default() });
                }
            }
            other => panic!("nothing is known of {other}"),
        }
    }

    fn is_empty(&self) -> bool {
        let kept = self.clusters.values().filter(|cluster| cluster.owner.is_none());
        let kept: usize = kept.map(|cluster| cluster.resources.len()).sum();
        self.namespaces.is_empty()
            && self.applications.is_empty()
            && self.workflows.is_empty()
            && self.clusters.values().all(|cluster| cluster.owner.is_none())
            && self.leftovers.len() == kept
            && self.registrations.is_empty()
            && self.projects.is_empty()
            && self.kubeconfigs.is_empty()
    }

    /// One pass; with `crash`, the process dies after that many effects, before it writes status.
    fn pass(&mut self, crash: Option<usize>) -> usize {
        let Some(seen) = self.observed() else { return 0 };
        let plan = plan(&seen, self.now);
        let less = testbed_core::plan::plan(&unasked(&seen, self.now), self.now);
        assert_eq!(
            (&less.effects, &less.status),
            (&plan.effects, &plan.status),
            "something decides that is not looked at"
        );
        let mut facts = Vec::new();
        for (index, effect) in plan.effects.iter().enumerate() {
            if crash == Some(index) {
                return plan.effects.len();
            }
            facts.push(self.carry_out(effect));
        }
        if crash.is_some() {
            return plan.effects.len();
        }
        let status = plan.status_with(&facts);
        self.history.push((status.phase.unwrap(), status.failure.is_some()));
        if let Some(experiment) = &mut self.experiment {
            experiment.status = Some(status);
        }
        plan.effects.len()
    }

    fn run(&mut self, mut crash: impl FnMut(usize) -> Option<usize>, until: impl Fn(&Self) -> bool) {
        for index in 0..PASSES {
            if until(self) {
                return;
            }
            self.pass(crash(index));
            self.passes_by();
        }
        let status = self.experiment.as_ref().and_then(|experiment| experiment.status.clone());
        panic!("not over after {PASSES} passes: {status:#?}");
    }

    fn cleaned(&self) -> bool {
        self.experiment.as_ref().is_some_and(|run| {
            run.status.as_ref().is_some_and(|status| status.resources_cleaned == Some(true))
        })
    }
}

#[test]
fn a_run_goes_through_its_phases_in_order_and_leaves_nothing() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    let mut phases: Vec<Phase> = world.history.iter().map(|(phase, _)| *phase).collect();
    phases.dedup();
    assert_eq!(phases, [Phase::Pending, Phase::Provisioning, Phase::Ready, Phase::Running, Phase::Complete]);
    assert!(world.is_empty());
    assert_eq!((world.submissions, world.stored.len()), (1, 1));
}

#[test]
fn a_run_that_is_over_is_left_alone() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    let before = world.experiment.clone();
    for _ in 0..5 {
        assert_eq!(world.pass(None), 0, "an effect on a run that is over");
        assert_eq!(world.experiment, before, "a write on a run that is over");
        world.passes_by();
    }
}

#[test]
fn a_failed_workflow_ends_failed_with_its_result_stored_and_nothing_left() {
    let mut world = World::new(true);
    world.run(|_| None, World::cleaned);
    let status = world.experiment.clone().unwrap().status.unwrap();
    assert_eq!(status.phase, Some(Phase::Failed));
    assert_eq!(status.failure.unwrap().reason, "WorkflowFailed");
    assert_eq!(world.stored.len(), 1);
    assert!(world.is_empty());
}

#[test]
fn an_expired_run_deletes_itself() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    world.now = start().checked_add(SignedDuration::from_hours(25)).unwrap();
    world.run(|_| None, |world| world.experiment.is_none());
    assert_eq!(world.stored.len(), 1, "its result stays");
}

#[test]
fn a_run_that_expires_under_way_is_torn_down_and_deleted() {
    for passes in 0..12 {
        let mut world = World::new(false);
        for _ in 0..passes {
            world.pass(None);
            world.passes_by();
        }
        world.now = start().checked_add(SignedDuration::from_hours(25)).unwrap();
        world.run(|_| None, |world| world.experiment.is_none());
        assert!(world.is_empty());
    }
}

#[test]
fn a_run_deleted_after_any_pass_leaves_nothing() {
    for passes in 0..20 {
        let mut world = World::new(false);
        for _ in 0..passes {
            world.pass(None);
            world.passes_by();
        }
        world.delete_experiment();
        world.run(|_| None, |world| world.experiment.is_none());
        assert!(world.is_empty(), "deleted after {passes} passes");
    }
}

#[test]
fn a_deletion_that_asks_for_it_takes_the_result_along() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    let annotations = [(labels::DELETE_RESULTS.to_owned(), "true".to_owned())].into();
    world.experiment.as_mut().unwrap().metadata.annotations = Some(annotations);
    world.delete_experiment();
    world.run(|_| None, |world| world.experiment.is_none());
    assert_eq!(world.stored, Vec::<String>::new());
}

/// Returns what is seen where only that is looked at which a stage asks for.
fn unasked(seen: &Observed, now: Timestamp) -> Observed {
    fn only<T: Clone>(looked: bool, seen: &Seen<T>) -> Seen<T> {
        if looked { seen.clone() } else { Seen::Unknown("nobody looks".into()) }
    }
    let looks = looks(&seen.experiment, now);
    Observed {
        catalog: only(looks.catalog, &seen.catalog),
        template: only(looks.template, &seen.template),
        namespaces: only(looks.deployed, &seen.namespaces),
        applications: only(looks.deployed, &seen.applications),
        projects: only(looks.deployed, &seen.projects),
        registrations: only(looks.deployed, &seen.registrations),
        kubeconfigs: only(looks.deployed, &seen.kubeconfigs),
        workflows: only(looks.workflows, &seen.workflows),
        workflow_pods: only(looks.left, &seen.workflow_pods),
        leftovers: only(looks.left, &seen.leftovers),
        ..seen.clone()
    }
}

#[test]
fn what_cannot_be_read_is_never_taken_for_gone() {
    let mut world = World::new(false);
    world.run(|_| None, |world| !world.workflows.is_empty());
    world.delete_experiment();
    let mut seen = world.observed().unwrap();
    seen.applications = Seen::Unknown("the API server is away".into());
    let plan = plan(&seen, world.now);
    assert_eq!(plan.effects, []);
    let condition = status::get(&plan.status, ConditionType::CleanedUp).unwrap();
    assert_eq!(condition.reason, "NotReadable");
}

/// Returns the world in which the run was deleted after as many passes, with crashes before and after.
fn deleted_after(mut world: World, passes: usize, crashes: &[Option<usize>]) -> World {
    for pass in 0..passes {
        world.pass(crashes.get(pass).copied().flatten());
        world.passes_by();
    }
    world.delete_experiment();
    world.run(|pass| crashes.get(pass + passes).copied().flatten(), |world| world.experiment.is_none());
    world
}

/// Returns the trials as they are planned.
fn planned() -> Vec<String> {
    let experiment = experiment_with_trials();
    Schedule::of(&experiment.spec, 7).unwrap().slots().into_iter().map(|slot| slot.trial).collect()
}

#[test]
fn trials_run_one_by_one_in_the_planned_order() {
    let mut world = World::with_trials();
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials, planned());
    let status = world.experiment.clone().unwrap().status.unwrap();
    let trials = status.trials.unwrap();
    assert_eq!((trials.valid_count, trials.void_count), (10, 0));
    assert_eq!(trials.stopped.unwrap().reason, StopReason::Completed);
    assert_eq!(status.phase, Some(Phase::Complete));
    assert!(world.is_empty());
}

#[test]
fn a_subject_that_keeps_state_starts_each_trial_from_a_new_pod_and_no_other_does() {
    let mut world = World::with_trials();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..PASSES {
        world.pass(None);
        world.passes_by();
        let status = world.experiment.as_ref().unwrap().status.clone().unwrap();
        let trials = status.trials.iter().flat_map(|trials| &trials.begun);
        for trial in trials {
            for pod in trial.before.iter().flatten() {
                let pods = seen.entry(trial.slot.trial.clone()).or_default();
                if !pods.contains(&pod.uid) {
                    pods.push(pod.uid.clone());
                }
            }
        }
    }
    let of = |variant: &str| -> Vec<&String> {
        seen.iter().filter(|(trial, _)| trial.ends_with(variant)).flat_map(|(_, pods)| pods).collect()
    };
    let (left, right) = (of("left"), of("right"));
    let distinct = |pods: &[&String]| pods.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!((left.len(), distinct(&left)), (5, 1));
    assert_eq!((right.len(), distinct(&right)), (5, 5));
}

#[test]
fn a_void_trial_has_its_block_run_again() {
    let mut world = World::with_trials();
    world.void_trials = planned().into_iter().filter(|trial| trial.starts_with("b02-1")).collect();
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials.len(), 12);
    assert!(world.trials[10].starts_with("b04-1"), "{:?}", world.trials);
}

#[test]
fn a_paused_run_begins_no_trial_until_it_is_resumed() {
    let mut world = World::with_trials();
    world.run(|_| None, |world| world.trials.len() == 3);
    world.experiment.as_mut().unwrap().spec.paused = true;
    for _ in 0..40 {
        world.pass(None);
        world.passes_by();
    }
    assert_eq!(world.trials.len(), 3);
    let status = world.experiment.clone().unwrap().status.unwrap();
    let condition = status::get(&status, ConditionType::WorkflowSucceeded).unwrap();
    assert_eq!(
        (condition.reason.as_str(), condition.message.as_str()),
        ("Paused", "paused after 3 trials of which 0 void")
    );
    world.experiment.as_mut().unwrap().spec.paused = false;
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials, planned());
}

#[test]
fn an_aborted_run_decides_from_what_it_has_and_cleans_up() {
    let mut world = World::with_trials();
    world.run(|_| None, |world| world.trials.len() == 3);
    world.experiment.as_mut().unwrap().spec.aborted = true;
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials.len(), 3);
    assert_eq!(world.stored.len(), 1);
    let trials = world.experiment.clone().unwrap().status.unwrap().trials.unwrap();
    assert_eq!(trials.stopped.unwrap().reason, StopReason::Aborted);
}

#[test]
fn a_run_deleted_between_trials_keeps_what_it_measured() {
    let mut world = World::with_trials();
    world.run(|_| None, |world| world.trials.len() == 4);
    world.delete_experiment();
    world.run(|_| None, |world| world.experiment.is_none());
    assert_eq!(world.stored.len(), 1);
    assert!(world.is_empty());
}

#[test]
fn a_subject_that_is_not_there_makes_its_trial_void_in_bounded_time() {
    let mut world = World::with_trials();
    world.subjects_vanish = true;
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials, Vec::<String>::new(), "load without a subject");
    let trials = world.experiment.clone().unwrap().status.unwrap().trials.unwrap();
    assert_eq!(trials.stopped.unwrap().reason, StopReason::TooManyVoid);
    assert_eq!(world.stored.len(), 1);
}

#[test]
fn a_run_in_clusters_of_its_own_leaves_neither_them_nor_what_they_were_made_of() {
    let mut world = World::with_clusters();
    world.run(|_| None, World::cleaned);
    let status = world.experiment.clone().unwrap().status.unwrap();
    assert_eq!(status.phase, Some(Phase::Complete), "{status:#?}");
    assert_eq!(world.provided, [("left".to_owned(), 1), ("right".to_owned(), 1)].into());
    assert!(world.is_empty());
    for target in &status.targets {
        assert_eq!(target.resources.len(), 2);
        assert!(target.cluster_gone_at.is_some());
    }
    // The load is driven from the hub, so it is given an address that the hub can reach.
    let right = status.targets.iter().find(|target| target.name == "right").unwrap();
    let store = right.components.iter().find(|component| component.name == "store").unwrap();
    assert_eq!(store.address.as_deref(), Some("10.88.0.9:30080"));
}

#[test]
fn warm_clusters_are_claimed_one_for_each_target_and_never_used_again() {
    let mut world = World::with_warm_clusters();
    world.run(|_| None, World::cleaned);
    assert_eq!(world.provided, [("left".to_owned(), 1), ("right".to_owned(), 1)].into());
    assert!(world.clusters.is_empty(), "a cluster that a run used is still there");
    assert!(world.is_empty());
}

#[test]
fn a_cluster_that_never_becomes_ready_fails_the_run_in_bounded_time_and_is_taken_away() {
    let mut world = World::with_clusters();
    world.clusters_hang = true;
    world.run(|_| None, World::cleaned);
    let failure = world.experiment.clone().unwrap().status.unwrap().failure.unwrap();
    assert_eq!((failure.stage.as_str(), failure.reason.as_str()), ("ClustersReady", "DeadlineExceeded"));
    assert!(world.is_empty());
}

#[test]
fn a_target_that_dies_among_trials_makes_the_trial_void_and_the_run_failed_and_clean() {
    let mut world = World::with_clusters_and_trials();
    world.run(|_| None, |world| world.trials.len() == 3);
    let dead = world.clusters.values_mut().next().unwrap();
    dead.dead = true;
    let name = dead.name.clone();
    world.silent.push(name);
    world.run(|_| None, World::cleaned);
    let status = world.experiment.clone().unwrap().status.unwrap();
    assert_eq!(status.failure.unwrap().reason, "TargetLost");
    let last = status.trials.unwrap().begun.pop().unwrap();
    assert!(last.void.unwrap().contains("was lost"), "the trial in which it died must not count");
    assert_eq!(world.stored.len(), 1, "what was measured before is kept");
    assert!(world.is_empty());
}

#[test]
fn a_target_that_falls_silent_for_a_moment_is_not_lost() {
    let mut world = World::with_clusters_and_trials();
    world.run(|_| None, |world| world.trials.len() == 2);
    let name = world.clusters.keys().next().unwrap().clone();
    world.silent.push(name);
    for _ in 0..5 {
        world.pass(None);
        world.passes_by();
    }
    world.silent.clear();
    world.run(|_| None, World::cleaned);
    let status = world.experiment.clone().unwrap().status.unwrap();
    assert_eq!(status.phase, Some(Phase::Complete), "{:?}", status.failure);
}

#[test]
fn another_cluster_in_the_place_of_its_own_is_not_taken_for_it() {
    let mut world = World::with_clusters();
    world.run(|_| None, |world| !world.applications.is_empty());
    world.remote.values_mut().for_each(|facts| facts.cluster_id = "another".into());
    world.run(|_| None, World::cleaned);
    let failure = world.experiment.clone().unwrap().status.unwrap().failure.unwrap();
    assert_eq!(failure.reason, "TargetLost");
    assert!(world.is_empty());
}

#[test]
fn a_run_in_clusters_that_is_deleted_after_any_pass_leaves_nothing() {
    for passes in 0..40 {
        let world = deleted_after(World::with_clusters(), passes, &[]);
        assert!(world.is_empty(), "deleted after {passes} passes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_crash_at_any_time_changes_neither_the_number_of_trials_nor_their_order(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 200),
    ) {
        let mut world = World::with_trials();
        world.run(|pass| crashes.get(pass).copied().flatten(), World::cleaned);
        prop_assert_eq!(&world.trials, &planned());
        prop_assert!(world.is_empty());
    }

    #[test]
    fn a_deletion_and_crashes_among_trials_leave_nothing(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 60),
        deleted in 0_usize..80,
    ) {
        let world = deleted_after(World::with_trials(), deleted, &crashes);
        prop_assert!(world.is_empty());
    }

    #[test]
    fn a_crash_at_any_time_makes_no_second_cluster_and_leaves_none(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..6), 120),
        warm in any::<bool>(),
        deleted in prop::option::of(0_usize..60),
    ) {
        let world = || if warm { World::with_warm_clusters() } else { World::with_clusters() };
        let world = match deleted {
            Some(passes) => deleted_after(world(), passes, &crashes),
            None => {
                let mut world = world();
                world.run(|pass| crashes.get(pass).copied().flatten(), World::cleaned);
                prop_assert_eq!(world.submissions, 1);
                world
            }
        };
        prop_assert!(world.is_empty());
        prop_assert!(world.provided.values().all(|count| *count == 1), "{:?}", world.provided);
    }

    #[test]
    fn a_crash_after_any_effects_only_delays(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 60),
        fails in any::<bool>(),
    ) {
        let mut world = World::new(fails);
        world.run(|pass| crashes.get(pass).copied().flatten(), World::cleaned);
        prop_assert!(world.is_empty());
        prop_assert_eq!(world.submissions, 1);
        prop_assert!(!world.stored.is_empty());
        let mut phases: Vec<Phase> = world.history.iter().map(|(phase, _)| *phase).collect();
        phases.dedup();
        prop_assert!(phases.is_sorted(), "{:?}", phases);
    }

    #[test]
    fn a_deletion_and_crashes_at_any_time_leave_nothing(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 60),
        deleted in 0_usize..25,
    ) {
        let world = deleted_after(World::new(false), deleted, &crashes);
        prop_assert!(world.is_empty());
        prop_assert!(world.submissions <= 1);
    }
}
