//! From what was observed to what should be done: the centre of the lab.
//!
//! [`STAGES`] are run in order until one waits or fails. A stage establishes one condition.
//! Two rules keep the lab from leaking and from lying, both checked by exploring every interleaving (see the ADR):
//! what cannot be undone is planned only from facts already persisted in `status` (*latch, then act*),
//! and the Experiment is read afresh before every pass.

mod accept;
mod budget;
mod collect;
mod deploy;
mod looks;
mod made;
mod provision;
mod publish;
mod questions;
mod run_workflow;
mod target;
mod teardown;
mod template;
mod trials;

pub use collect::SETTLE;
pub use questions::{Answer, CollectRequest, MeasureRequest, Purpose, Question, Series, Store};
pub(crate) use questions::{HUB, Whom};

use crate::certificate;
use crate::observed::Observed;
use crate::run::{self, Run};
use crate::status::{self, Truth};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
pub use looks::{Looks, looks};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use testbed_api::certificate::{LeftBehind, Made};
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::experiment::CompletionMode;
use testbed_api::labels;
use testbed_api::record::{Bucket, RecordRef};
use testbed_api::status::{ExperimentStatus, Failure};

/// How long a cluster of a cloud may take to become ready.
pub const CLOUD_DEADLINE: SignedDuration = SignedDuration::from_mins(30);
/// How long a cluster on the hub's own machine, or one that is already there, may take.
pub const LOCAL_DEADLINE: SignedDuration = SignedDuration::from_mins(4);
/// How long Crossplane may be unable to apply what a cluster is made of: its own caches need moments, not minutes.
pub const REFUSED_DEADLINE: SignedDuration = SignedDuration::from_mins(1);
/// When to look again at what no watch may tell of.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How long a target may be silent before it is taken for lost.
pub const SILENCE: SignedDuration = SignedDuration::from_secs(60);
/// How long teardown may take before it says that someone should look.
pub const TEARDOWN_ALARM: SignedDuration = SignedDuration::from_mins(15);
/// How long after the begin of teardown a disk of a cloud may appear that was ordered before. It takes seconds to make one.
pub const SETTLES: SignedDuration = SignedDuration::from_mins(1);
/// What may outlive a cluster of a cloud that does not say what there is.
pub const OUTLIVES: &str = "what its cloud made for it, such as load balancers and disks";
/// How long components may take to become ready.
pub const DEPLOY_DEADLINE: SignedDuration = SignedDuration::from_mins(20);
/// How long a workflow may run.
pub const RUN_DEADLINE: SignedDuration = SignedDuration::from_hours(6);
/// How long reading metrics and storing the result may be retried.
pub const COLLECT_DEADLINE: SignedDuration = SignedDuration::from_mins(10);

/// One write to the world. Each is idempotent: its name or key is a function of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Put our finalizer on the Experiment.
    AddFinalizer,
    /// Server-side apply.
    Apply(Value),
    /// Server-side apply in the cluster of a target.
    ApplyIn {
        /// The target.
        target: String,
        /// The object.
        object: Value,
    },
    /// Make a warm cluster that of a target, if nobody changed it since it was seen.
    Claim {
        /// Name of the cluster.
        name: String,
        /// Version of it that was seen.
        resource_version: String,
        /// Labels that it is given.
        labels: Value,
    },
    /// Register the cluster of a target with Argo CD, by the credentials it is reached with.
    Register {
        /// The target.
        target: String,
        /// Name it is registered under.
        name: String,
    },
    /// Put the token for remote write into the run's namespace in a target.
    GrantWrite {
        /// The target.
        target: String,
    },
    /// Put the credentials by which a target joins the tailnet into it.
    GrantTailnet {
        /// The target.
        target: String,
    },
    /// Put the kubeconfig of a target beside the Experiment, for its user.
    ShowKubeconfig {
        /// The target.
        target: String,
        /// Name of the Secret.
        name: String,
    },
    /// Have Argo CD look at an Application again, now.
    Refresh(ObjectRef),
    /// Have Argo CD end the sync of an Application that is under way.
    StopSync(ObjectRef),
    /// Delete one object, if it is still the one that was seen.
    Delete(ObjectRef),
    /// Delete one object in the cluster of a target, if it is still the one that was seen.
    DeleteIn {
        /// The target.
        target: String,
        /// The object.
        object: ObjectRef,
    },
    /// Read the samples of a trial, judge it, store its record.
    Measure(Box<MeasureRequest>),
    /// Read the metrics, write the summary, store it.
    Collect(Box<CollectRequest>),
    /// Look once more whether anything is left, and store the proof that nothing is.
    Certify(Box<CertifyRequest>),
    /// Remove everything under a prefix of the results' store.
    DeleteResults {
        /// The prefix.
        prefix: String,
    },
    /// Delete the Experiment itself: its time to live is over.
    DeleteExperiment,
    /// Take our finalizer off the Experiment: nothing of it is left.
    RemoveFinalizer,
}

/// One object to delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// What it is.
    pub kind: ChildKind,
    /// Its namespace, if it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its UID: another object of the same name is not touched.
    pub uid: String,
}

/// Kinds of objects a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ChildKind {
    /// Application of Argo CD.
    Application,
    /// Cluster of a target.
    Cluster,
    /// Namespace.
    Namespace,
    /// Pod of a subject that starts its next trial from a new one.
    Pod,
    /// Project of Argo CD.
    Project,
    /// Registration of a cluster with Argo CD, or kubeconfig beside the Experiment: a Secret.
    Secret,
    /// Service that shows another one to the outside.
    Service,
    /// Workflow of Argo Workflows.
    Workflow,
}

/// What is to be proven of a teardown, and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertifyRequest {
    /// Everything that is known to have been made.
    pub made: Vec<Made>,
    /// What may be there still.
    pub left_behind: Vec<LeftBehind>,
    /// Targets in clusters of someone else, which must say that nothing is left in them.
    pub asked: Vec<String>,
    /// Prefix of the run's results; absent if none of them are wanted.
    pub prefix: Option<String>,
    /// A store that cannot be reached has held up the end for long enough: what is gone is gone, also without proof.
    pub give_up: bool,
}

/// What carrying an effect out taught.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// It was done; what changed will be seen.
    Done,
    /// Someone was faster, or it failed: nothing was done, and another look tells what to do instead.
    Missed,
    /// The workflow is there.
    Submitted {
        /// Its UID.
        uid: String,
    },
    /// The record of a trial is stored.
    Measured {
        /// Name of the trial.
        trial: String,
        /// Where its record lies.
        record: RecordRef,
        /// Why it does not count, if it does not.
        void: Option<String>,
        /// It does not count for what the machine did alone.
        disturbed: bool,
        /// Values of the metrics that criteria speak of.
        values: BTreeMap<String, f64>,
        /// Where those lie that are quantiles of histograms.
        buckets: BTreeMap<String, Bucket>,
    },
    /// Nothing is left of the run.
    Certified {
        /// Where the proof lies, if it could be stored and was wanted.
        certificate: Option<RecordRef>,
    },
    /// The result is stored.
    Stored {
        /// Where.
        results: testbed_api::status::StoredResults,
        /// Address of it, for people.
        url: String,
        /// What the machine decided, if anything was claimed.
        decision: Option<testbed_api::summary::Decision>,
        /// The reason, in a sentence.
        reason: String,
    },
}

/// What should be done, and what should be said of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Writes to the world, in order. After the first that fails, nothing more is made.
    pub effects: Vec<Effect>,
    /// The status to write, before the facts of the effects are in it.
    pub status: ExperimentStatus,
    /// When to look again even if nothing changes: a deadline, never a poll.
    pub wake_at: Option<Timestamp>,
    generation: Option<i64>,
    now: Timestamp,
    /// The stage that waits or fails.
    stage: Option<ConditionType>,
    /// It fails with this plan, and not before.
    fails: bool,
}

/// Names what a cloud made for a Service of a cluster.
#[must_use]
pub fn balancer(service: &str) -> String {
    format!("load balancer of Service {service}")
}

/// Names what a cloud made for a PersistentVolume of a cluster.
#[must_use]
pub fn disk(volume: &str) -> String {
    format!("disk of PersistentVolume {volume}")
}

impl Plan {
    /// Returns the status with what the first effects taught, where the next could not be carried out and may not be until
    /// someone changes something: the stage that wants it says why.
    #[must_use]
    pub fn status_explained(&self, facts: &[Fact], why: &str) -> ExperimentStatus {
        let mut status = self.status_with(facts);
        let Some(stage) = self.stage else { return status };
        let add = |message: &mut String| {
            let said = std::mem::take(message);
            *message = status::cut(if said.is_empty() { why.to_owned() } else { format!("{said}; {why}") });
        };
        for condition in &mut status.conditions {
            let is_said_by = |kind: ConditionType| condition.type_ == kind.as_str();
            if is_said_by(stage) || (self.fails && is_said_by(ConditionType::Succeeded)) {
                add(&mut condition.message);
            }
        }
        if let Some(failure) = status.failure.as_mut().filter(|_| self.fails) {
            add(&mut failure.message);
        }
        status
    }

    /// Returns the status with what carrying out the effects taught.
    #[must_use]
    pub fn status_with(&self, facts: &[Fact]) -> ExperimentStatus {
        let mut status = self.status.clone();
        // There is a fact for each effect that was come to.
        for (effect, _) in self.effects.iter().zip(facts).filter(|(_, fact)| **fact != Fact::Missed) {
            made::note_effect(&mut status, effect);
        }
        for fact in facts {
            if let Fact::Measured { trial, record, void, disturbed, values, buckets } = fact {
                let begun = status.trials.iter_mut().flat_map(|trials| &mut trials.begun);
                for known in begun.filter(|known| known.slot.trial == *trial) {
                    // All else that was seen of it stands in its record now.
                    (known.before, known.end) = (None, None);
                    known.doomed.clear();
                    known.record = Some(record.clone());
                    known.void.clone_from(void);
                    known.disturbed = *disturbed;
                    known.values.clone_from(values);
                    known.buckets.clone_from(buckets);
                }
            }
            if let Fact::Submitted { uid } = fact {
                // Known at once, and not only when it is seen: what was there once is never submitted again.
                let trial = status.trials.iter_mut().flat_map(|trials| trials.begun.last_mut()).next();
                if let Some(trial) = trial {
                    trial.workflow_uid = Some(uid.clone());
                } else if let Some(workflow) = &mut status.workflow_status {
                    workflow.uid = Some(uid.clone());
                }
            }
            if let Fact::Certified { certificate } = fact {
                status.teardown_certificate.clone_from(certificate);
                status.resources_cleaned = Some(true);
                let is_bare = status.targets.iter().all(|target| target.left_behind.is_empty());
                let reason = if is_bare { Reason::NothingLeft } else { Reason::LeftBehind };
                let message = certificate::remains(&status, "the run");
                status::set(
                    &mut status,
                    self.generation,
                    ConditionType::CleanedUp,
                    Truth::True,
                    reason,
                    message,
                    self.now,
                );
            }
            if let Fact::Stored { results, url, decision, reason } = fact {
                status.results = Some(results.clone());
                status.results_url = Some(url.clone());
                status.hypothesis_result = decision.map(|decision| decision.as_str().to_owned());
                status::set(
                    &mut status,
                    self.generation,
                    ConditionType::ResultsStored,
                    Truth::True,
                    Reason::Done,
                    reason.clone(),
                    self.now,
                );
                settle_success(&mut status, self.generation, self.now);
            }
        }
        status.phase = Some(status::phase(&status));
        status
    }
}

/// Why a run is brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A stage failed, and that is persisted.
    Failed,
    /// The user deleted it.
    Deleted,
    /// Its time to live is over.
    Expired,
}

/// Outcome of a stage.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// The condition holds.
    Done {
        reason: Reason,
        message: String,
    },
    /// The condition does not hold, and the run goes on without it.
    Without {
        reason: Reason,
        message: String,
    },
    Wait {
        reason: Reason,
        message: String,
    },
    Fail {
        reason: Reason,
        message: String,
    },
}

/// What a stage wants done, and how far it is.
#[derive(Clone, Debug)]
pub struct Step {
    outcome: Outcome,
    effects: Vec<Effect>,
    wake_at: Option<Timestamp>,
}

impl Step {
    /// A stage that is done unless it waits or fails.
    fn done(message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Done { reason: Reason::Done, message: message.into() },
            effects: Vec::new(),
            wake_at: None,
        }
    }

    /// A stage that the run goes on without.
    fn without(reason: Reason, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Without { reason, message: message.into() }, ..Self::done("") }
    }

    fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. })
    }

    fn because(mut self, why: Reason) -> Self {
        if let Outcome::Done { reason, .. } = &mut self.outcome {
            *reason = why;
        }
        self
    }

    /// Something is still missing. The first reason is the one that is shown.
    fn wait(&mut self, reason: Reason, message: impl Into<String>) {
        if matches!(self.outcome, Outcome::Done { .. }) {
            self.outcome = Outcome::Wait { reason, message: message.into() };
        }
    }

    /// What it needs to know cannot be read, and no watch will tell when it can.
    fn unreadable(&mut self, pass: &Pass<'_>, message: impl Into<String>) {
        self.wait(Reason::NotReadable, message);
        self.look_again(pass.now);
    }

    /// Gives another reason for waiting, in the same words.
    fn reword(&mut self, from: Reason, to: Reason) {
        if let Outcome::Wait { reason, .. } = &mut self.outcome
            && *reason == from
        {
            *reason = to;
        }
    }

    /// It cannot be done.
    fn fail(mut self, reason: Reason, message: impl Into<String>) -> Self {
        self.outcome = Outcome::Fail { reason, message: message.into() };
        self
    }

    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Has a deadline so long after `since`, if that is known.
    fn within(self, since: Option<Timestamp>, limit: SignedDuration, now: Timestamp) -> Self {
        match since.and_then(|at| at.checked_add(limit).ok()) {
            Some(deadline) => self.deadline(deadline, now),
            None => self,
        }
    }

    /// Looks again at `deadline`; fails if it has passed while the stage still waits.
    fn deadline(mut self, deadline: Timestamp, now: Timestamp) -> Self {
        let Outcome::Wait { message, .. } = &self.outcome else { return self };
        if now < deadline {
            self.wake(deadline);
            return self;
        }
        let message = format!("not ready within the deadline: {message}");
        self.fail(Reason::DeadlineExceeded, message)
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = earliest(self.wake_at, Some(at));
    }

    /// Looks again soon, should no watch tell of what is waited for.
    fn look_again(&mut self, now: Timestamp) {
        self.wake(now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX));
    }
}

/// What a stage is given.
struct Pass<'a> {
    run: Run<'a>,
    seen: &'a Observed,
    /// The status as it was persisted: what may justify what cannot be undone.
    persisted: &'a ExperimentStatus,
    now: Timestamp,
}

type Stage = (ConditionType, fn(&Pass<'_>, &mut ExperimentStatus) -> Step);

/// The stages, in order, each with the condition it makes true.
const STAGES: [Stage; 7] = [
    (ConditionType::Accepted, accept::accept),
    (ConditionType::ClustersReady, provision::provision),
    (ConditionType::ComponentsReady, deploy::deploy),
    (ConditionType::WorkflowSucceeded, run_workflow::run_workflow),
    (ConditionType::ResultsStored, collect::collect),
    (ConditionType::Published, publish::publish),
    (ConditionType::CleanedUp, teardown::teardown),
];

/// Returns what should be done about a run, and what should be said of it.
///
/// Total: waiting is a value, and so is failure. Calling it again for the same world gives the same plan.
#[must_use]
pub fn plan(seen: &Observed, now: Timestamp) -> Plan {
    let experiment = &seen.experiment;
    let persisted = run::status(experiment);
    let mut plan = Plan {
        effects: Vec::new(),
        status: persisted.clone(),
        wake_at: None,
        generation: experiment.metadata.generation,
        now,
        stage: None,
        fails: false,
    };
    let Ok(run) = Run::of(experiment) else { return plan };
    plan.status.observed_generation = plan.generation;
    if plan.status.conditions.is_empty() {
        begin(&mut plan);
    }

    let has_finalizer =
        experiment.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == labels::OPERATOR);
    let deleting = experiment.metadata.deletion_timestamp.is_some();
    if !has_finalizer {
        // The finalizer stands, acknowledged, before the first child is made; it is never put on what is being deleted.
        if !deleting {
            plan.effects.push(Effect::AddFinalizer);
        }
        plan.status.phase = Some(status::phase(&plan.status));
        return plan;
    }

    let pass = Pass { run, seen, persisted: &persisted, now };
    let expiry = expiry(experiment);
    let ending = ending(&pass, expiry);
    if persisted.resources_cleaned == Some(true) {
        finish(&pass, ending, expiry, &mut plan);
    } else {
        advance(&pass, ending, &mut plan);
        if ending.is_none() {
            wake(&mut plan, expiry);
            let is_over = status::holds(&persisted, ConditionType::WorkflowSucceeded);
            // One that is past is not waited for: a trial that is under way goes on to its end.
            let spent_at = budget::standing(&pass).and_then(|standing| standing.until);
            wake(&mut plan, spent_at.filter(|at| !is_over && *at > now));
        }
    }
    budget::count(&pass, &mut plan.status);
    plan.status.phase = Some(status::phase(&plan.status));
    plan
}

/// Says of every condition that it is not reached.
fn begin(plan: &mut Plan) {
    for kind in ConditionType::ALL {
        status::set(
            &mut plan.status,
            plan.generation,
            kind,
            Truth::Unknown,
            Reason::NotReached,
            "",
            plan.now,
        );
    }
}

/// Runs the stages until one waits or fails.
fn advance(pass: &Pass<'_>, ending: Option<Ending>, plan: &mut Plan) {
    target::note(pass, &mut plan.status);
    for (kind, stage) in STAGES {
        if status::holds(pass.persisted, kind) && kind != ConditionType::CleanedUp {
            continue;
        }
        if let Some(reason) = skipped(pass, ending, kind) {
            if !was_decided(pass.persisted, kind) {
                status::set(&mut plan.status, plan.generation, kind, Truth::False, reason, "", plan.now);
            }
            continue;
        }
        if let Some(message) = budget::exhausted(pass, kind).filter(|_| ending.is_none()) {
            fail(plan, kind, Reason::BudgetReached, message);
            return;
        }
        let step = stage(pass, &mut plan.status);
        plan.effects.extend(step.effects);
        wake(plan, step.wake_at);
        match step.outcome {
            Outcome::Done { reason, message } => {
                status::set(&mut plan.status, plan.generation, kind, Truth::True, reason, message, plan.now);
            }
            Outcome::Without { reason, message } => {
                status::set(&mut plan.status, plan.generation, kind, Truth::False, reason, message, plan.now);
            }
            Outcome::Wait { reason, message } => {
                status::set(&mut plan.status, plan.generation, kind, Truth::False, reason, message, plan.now);
                plan.stage = Some(kind);
                return;
            }
            Outcome::Fail { reason, message } => {
                fail(plan, kind, reason, message);
                return;
            }
        }
    }
}

/// Returns why a stage is passed over, if it is: a run that ends is only collected from and torn down.
fn skipped(pass: &Pass<'_>, ending: Option<Ending>, kind: ConditionType) -> Option<Reason> {
    let reason = match ending? {
        Ending::Failed => Reason::Skipped,
        Ending::Deleted => Reason::Deleted,
        Ending::Expired => Reason::Expired,
    };
    match kind {
        ConditionType::CleanedUp => None,
        ConditionType::ResultsStored if collect::owed(pass, ending) => None,
        _ => Some(reason),
    }
}

/// Returns whether a stage has said something that its being passed over must not hide: what failed, or was given up.
fn was_decided(persisted: &ExperimentStatus, kind: ConditionType) -> bool {
    let failed_here = persisted.failure.as_ref().is_some_and(|failure| failure.stage == kind.as_str());
    let given_up = status::get(persisted, kind)
        .is_some_and(|condition| condition.reason == Reason::ResultsLost.as_str());
    failed_here || given_up
}

/// Records a failure. It is acted on in the next pass, once it is persisted.
fn fail(plan: &mut Plan, kind: ConditionType, reason: Reason, message: String) {
    status::set(&mut plan.status, plan.generation, kind, Truth::False, reason, message.clone(), plan.now);
    plan.stage = Some(kind);
    if plan.status.failure.is_none() {
        plan.fails = true;
        let message = status::cut(message);
        status::set(
            &mut plan.status,
            plan.generation,
            ConditionType::Succeeded,
            Truth::False,
            reason,
            message.clone(),
            plan.now,
        );
        plan.status.completed_at.get_or_insert(Time(plan.now));
        plan.status.failure =
            Some(Failure { stage: kind.as_str().into(), reason: reason.as_str().into(), message });
    }
}

/// A run whose workflow succeeded and whose result is stored succeeded.
fn settle_success(status: &mut ExperimentStatus, generation: Option<i64>, now: Timestamp) {
    if status.failure.is_none() && status::holds(status, ConditionType::WorkflowSucceeded) {
        status.completed_at.get_or_insert(Time(now));
        status::set(
            status,
            generation,
            ConditionType::Succeeded,
            Truth::True,
            Reason::Done,
            "the result is stored",
            now,
        );
    }
}

/// Nothing is left of the run: what remains is the Experiment itself.
fn finish(pass: &Pass<'_>, ending: Option<Ending>, expiry: Option<Timestamp>, plan: &mut Plan) {
    if pass.seen.experiment.metadata.deletion_timestamp.is_some() {
        if unwanted(pass) {
            plan.effects.push(Effect::DeleteResults { prefix: pass.run.results_prefix() });
        }
        plan.effects.push(Effect::RemoveFinalizer);
    } else if ending == Some(Ending::Expired) || expiry.is_some_and(|expiry| pass.now >= expiry) {
        plan.effects.push(Effect::DeleteExperiment);
    } else {
        wake(plan, expiry);
    }
}

/// Returns whether results are to go with the run.
fn unwanted(pass: &Pass<'_>) -> bool {
    let annotations = pass.seen.experiment.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(labels::DELETE_RESULTS)).is_some_and(|value| value == "true")
}

/// Returns why the run is brought to its end, if it is.
fn ending(pass: &Pass<'_>, expiry: Option<Timestamp>) -> Option<Ending> {
    if pass.seen.experiment.metadata.deletion_timestamp.is_some() {
        Some(Ending::Deleted)
    } else if pass.persisted.failure.is_some() {
        Some(Ending::Failed)
    } else if expiry.is_some_and(|expiry| pass.now >= expiry)
        && !status::holds(pass.persisted, ConditionType::Succeeded)
        || is_half_gone(pass.persisted)
    {
        Some(Ending::Expired)
    } else {
        None
    }
}

/// Returns whether the end of a time to live has begun to take the run away: to make it longer then is too late.
fn is_half_gone(persisted: &ExperimentStatus) -> bool {
    persisted.teardown_began_at.is_some() && !status::holds(persisted, ConditionType::ResultsStored)
}

/// Returns when the time to live ends.
pub(crate) fn expiry(experiment: &testbed_api::Experiment) -> Option<Timestamp> {
    lives_until(experiment.metadata.creation_timestamp.as_ref()?.0, experiment.spec.ttl_days)
}

/// Returns when the time to live of what was created then ends; absent if that is beyond all time.
#[must_use]
pub fn lives_until(created: Timestamp, ttl_days: u32) -> Option<Timestamp> {
    created.checked_add(SignedDuration::from_hours(24 * i64::from(ttl_days))).ok()
}

fn wake(plan: &mut Plan, at: Option<Timestamp>) {
    plan.wake_at = earliest(plan.wake_at, at);
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Returns whether a run stays until its user is done with it.
fn is_manual(run: &Run<'_>) -> bool {
    run.spec.workflow.completion.mode == CompletionMode::Manual
}
