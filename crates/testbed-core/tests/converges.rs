//! Eventually stable: from creation, with a crash after any effect, a conflict on any write, and a deletion at any time,
//! a run ends with nothing left of it, having submitted its load once and stored its result before it tore anything down.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{catalog, experiment, experiment_with_trials, start, template};
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
use testbed_core::observed::{ApplicationFacts, NamespaceFacts, Observed, PodFacts, Seen, WorkflowFacts};
use testbed_core::plan::{ChildKind, Effect, Fact, plan};
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
        }
    }

    fn with_trials() -> Self {
        Self { experiment: Some(experiment_with_trials()), ..Self::new(false) }
    }

    fn observed(&self) -> Option<Observed> {
        Some(Observed {
            experiment: self.experiment.clone()?,
            catalog: Seen::Known(catalog()),
            template: Seen::Known(Some(template())),
            namespaces: Seen::Known(self.namespaces.values().cloned().collect()),
            applications: Seen::Known(self.applications.values().cloned().collect()),
            workflows: Seen::Known(self.workflows.values().cloned().collect()),
            workflow_pods: Seen::Known(Vec::new()),
            pods: Seen::Known(self.pods.values().cloned().collect()),
        })
    }

    /// Things that happen on their own: each call moves every machine one step.
    fn passes_by(&mut self) {
        self.now = self.now.checked_add(SignedDuration::from_secs(3)).unwrap();
        self.namespaces.retain(|_, namespace| !namespace.deleting);
        // Argo CD ends the sync it began before it deletes; in a namespace that is going, that sync never succeeds.
        self.applications.retain(|_, application| {
            !application.deleting || application.operation.as_deref() == Some("Running")
        });
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
        self.pods.retain(|_, facts| !facts.pod.deleting && self.namespaces.contains_key(&facts.namespace));
        for facts in self.pods.values_mut() {
            facts.pod.ready = true;
        }
        let missing: Vec<String> = self
            .namespaces
            .keys()
            .filter(|name| {
                !self.subjects_vanish && !self.pods.values().any(|facts| facts.namespace == **name)
            })
            .cloned()
            .collect();
        for namespace in missing {
            let uid = self.uid();
            let labels = [("app".to_owned(), "store".to_owned())].into();
            let pod = Pod { name: format!("pod-{uid}"), uid: uid.clone(), labels, ..Pod::default() };
            self.pods.insert(uid, PodFacts { namespace, pod });
        }
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
            Effect::Apply(object) => self.apply(object),
            Effect::StopSync(object) => {
                if let Some(application) = self.applications.get_mut(&object.name) {
                    application.operation = Some("Terminating".into());
                }
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
                    ChildKind::Pod => None,
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
            "Application" => {
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
                assert!(ready && self.applications.len() == 2, "load before everything is ready");
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
        self.namespaces.is_empty() && self.applications.is_empty() && self.workflows.is_empty()
    }

    /// One pass; with `crash`, the process dies after that many effects, before it writes status.
    fn pass(&mut self, crash: Option<usize>) -> usize {
        let Some(seen) = self.observed() else { return 0 };
        let plan = plan(&seen, self.now);
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
