//! `WorkflowSucceeded` of a run with trials: one workflow after the other, each a trial with a record of its own.
//!
//! ```text
//! begin ─► reset ─► the subject is ready ─► its workflow runs ─► it is over ─► its record is stored ─► next
//! ```
//!
//! Every arrow is a fact in status before what follows it is done. At most one trial is under way, and the next one
//! follows from what is recorded alone, so that a crash changes neither the number of trials nor their order.

use super::budget::{self, Money};
use super::collect::{Attempt, COLLECT_HALF, SETTLE};
use super::template::pinned_template;
use super::{ChildKind, Effect, MeasureRequest, ObjectRef, Pass, Step, questions, target};
use crate::build::{self, WORKFLOW_NAMESPACE};
use crate::observed::{PodFacts, Reach, WorkflowFacts};
use crate::schedule::{self, Next, Schedule, Timing};
use crate::selector::Selector;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use std::time::Duration;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::record::{Pod, Slot};
use testbed_api::status::{ExperimentStatus, Stop, TrialEnd, TrialStatus, TrialsStatus, WorkflowStatus};
use testbed_api::trials::{Reset, Trials, Variant};

/// How much longer than its load the workflow of a trial may take.
const TRIAL_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// Runs the trials one by one until none is left to run.
pub(super) fn run_trials(pass: &Pass<'_>, trials: &Trials, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    let seed = schedule::seed(trials, pass.run.uid);
    let Some(schedule) = Schedule::of(pass.run.spec, seed) else { return step };
    let lost = target::lost(pass, status);
    let known = status.trials.get_or_insert_with(|| TrialsStatus {
        seed,
        planned_block_count: schedule.planned_blocks(),
        ..TrialsStatus::default()
    });
    known.valid_count = count(&known.begun, |trial| trial.void.is_none());
    known.void_count = count(&known.begun, |trial| trial.void.is_some());
    let (workflows, pods) = match (pass.seen.workflows.known(), pass.seen.pods.known()) {
        (Ok(workflows), Ok(pods)) => (workflows, pods),
        (Err(reason), _) | (_, Err(reason)) => {
            step.unreadable(pass, format!("the trial cannot be looked at: {reason}"));
            return step;
        }
    };
    let world = World { pass, trials, schedule: &schedule, workflows, pods };
    if let Some(trial) = known.begun.last_mut().filter(|trial| trial.record.is_none()) {
        let step = match (&lost, &trial.end) {
            // What was measured of it so far may be of a cluster that was dying.
            (Some((target, why)), None) => {
                world.end(trial, step, Some(format!("target {target} was lost: {why}")), None)
            }
            _ => world.advance(trial, step),
        };
        return reported(status, step);
    }
    if let Some((target, why)) = lost {
        return step.fail(Reason::TargetLost, format!("{target}: {why}"));
    }
    for done in workflows {
        // What it recorded is stored.
        if !done.deleting {
            step.effect(Effect::Delete(workflow_ref(done)));
        }
        if done.finished_at.is_none() {
            step.wait(Reason::TrialPreparing, format!("workflow {} is being removed", done.name));
        }
    }
    let created = pass.seen.experiment.metadata.creation_timestamp.as_ref().map_or(pass.now, |time| time.0);
    let next = schedule::next(pass.run.spec, known, created, pass.now);
    let money = budget::between_trials(pass, &schedule, &next);
    // What does not go is waited for, but not beyond what was asked for.
    if !step.is_done() && !pass.run.spec.aborted && !matches!(money, Money::Spent(_)) {
        return reported(status, step);
    }
    if pass.run.spec.paused
        && known.stopped.is_none()
        && !pass.run.spec.aborted
        && !matches!(money, Money::Spent(_))
    {
        step.wait(Reason::Paused, format!("paused after {}", said(known)));
        return reported(status, step);
    }
    let next = match money {
        Money::Enough => next,
        Money::Spent(stop) => Next::Stop(stop),
        Money::Hold(until, message) => {
            step.wait(Reason::BudgetReached, format!("{}; {message}", said(known)));
            step.wake(until);
            return reported(status, step);
        }
    };
    match next {
        Next::Begin(slot) => {
            step.wait(Reason::TrialPreparing, format!("trial {} is being prepared", slot.trial));
            known.begun.push(world.begin(slot));
        }
        Next::Stop(stop) => {
            step = step_done(step, known, stop);
        }
    }
    reported(status, step)
}

/// The last trial was recorded: the stage is done, and says why there is no further one.
fn step_done(step: Step, known: &mut TrialsStatus, stop: Stop) -> Step {
    let message = format!("{}; {}", said(known), stop.message);
    known.stopped.get_or_insert(stop);
    let mut done = Step::done(message).because(Reason::TrialsDone);
    done.effects = step.effects;
    done
}

fn said(known: &TrialsStatus) -> String {
    let (valid, void) = (known.valid_count, known.void_count);
    let total = valid + void;
    format!("{total} trial{} of which {void} void", if total == 1 { "" } else { "s" })
}

fn count(begun: &[TrialStatus], which: impl Fn(&TrialStatus) -> bool) -> u32 {
    let found = begun.iter().filter(|trial| trial.record.is_some() && which(trial)).count();
    u32::try_from(found).unwrap_or(u32::MAX)
}

/// Shows the trials as one workflow, as those who read the columns know it.
fn reported(status: &mut ExperimentStatus, step: Step) -> Step {
    let Some(trials) = &status.trials else { return step };
    let time = |at: &MicroTime| Time(at.0);
    status.workflow_status = Some(WorkflowStatus {
        name: trials.begun.last().map(|trial| trial.slot.trial.clone()).unwrap_or_default(),
        phase: Some(if trials.stopped.is_some() { "Succeeded" } else { "Running" }.into()),
        started_at: trials.begun.first().map(|trial| time(&trial.begun_at)),
        ..WorkflowStatus::default()
    });
    step
}

/// What a trial is advanced in.
struct World<'a> {
    pass: &'a Pass<'a>,
    trials: &'a Trials,
    schedule: &'a Schedule<'a>,
    workflows: &'a [WorkflowFacts],
    pods: &'a [PodFacts],
}

impl World<'_> {
    /// Returns whether the pods of a trial's subject cannot be seen now.
    fn is_unseen(&self, slot: &Slot) -> bool {
        self.variant(slot).is_some_and(|variant| self.pass.seen.pods_unseen.contains(variant.target()))
    }

    /// Returns the trial as it is when it is begun: with the pods it must not start from.
    fn begin(&self, slot: Slot) -> TrialStatus {
        let restarts = self.variant(&slot).is_some_and(|variant| variant.reset == Reset::Restart);
        let pods_unseen = restarts && self.is_unseen(&slot);
        let doomed = if restarts { self.uids(&slot) } else { Vec::new() };
        TrialStatus { doomed, pods_unseen, ..TrialStatus::begun(slot, MicroTime(self.pass.now)) }
    }

    /// Returns the UIDs of the pods of a trial's subject.
    fn uids(&self, slot: &Slot) -> Vec<String> {
        self.subject(self.variant(slot)).into_iter().map(|pod| pod.uid.clone()).collect()
    }

    /// Takes a trial that is recorded in status one step further.
    fn advance(&self, trial: &mut TrialStatus, step: Step) -> Step {
        if trial.end.is_some() {
            return self.measure(trial, step);
        }
        match (&trial.before, self.workflow(&trial.slot)) {
            (_, Some(seen)) => self.follow(trial, seen, step),
            (None, None) => self.prepare(trial, step),
            (Some(_), None) if trial.workflow_uid.is_some() => {
                self.end(trial, step, Some("its workflow was deleted while it ran".into()), None)
            }
            (Some(_), None) => self.submit(trial, step),
        }
    }

    /// Replaces the pods that it must not start from, and waits for the subject.
    fn prepare(&self, trial: &mut TrialStatus, mut step: Step) -> Step {
        if trial.pods_unseen && !self.is_unseen(&trial.slot) {
            (trial.pods_unseen, trial.doomed) = (false, self.uids(&trial.slot));
            let message =
                format!("trial {}: the pods that it must not start from are seen", trial.slot.trial);
            step.wait(Reason::TrialPreparing, message);
            return step;
        }
        let variant = self.variant(&trial.slot);
        let present = variant.and_then(|variant| variant.present.clone()).unwrap_or_default();
        let subject = self.subject(variant);
        let doomed: Vec<&PodFacts> =
            self.pods.iter().filter(|facts| trial.doomed.contains(&facts.pod.uid)).collect();
        let target = self.pass.run.spec.target_of(&trial.slot.variant);
        for facts in doomed.iter().filter(|facts| !facts.pod.deleting) {
            let object = ObjectRef {
                kind: ChildKind::Pod,
                namespace: Some(facts.namespace.clone()),
                name: facts.pod.name.clone(),
                uid: facts.pod.uid.clone(),
            };
            step.effect(if self.pass.run.is_on_hub(target) {
                Effect::Delete(object)
            } else {
                Effect::DeleteIn { target: target.to_owned(), object }
            });
        }
        let ready = subject.iter().filter(|pod| is_ready(pod)).count();
        let all_ready = subject.iter().all(|pod| is_ready(pod));
        if !trial.pods_unseen && doomed.is_empty() && ready >= present.min_ready as usize && all_ready {
            trial.before = Some(subject.into_iter().cloned().collect());
            trial.expected_from = None;
            step.wait(Reason::TrialPreparing, format!("trial {}: the subject is ready", trial.slot.trial));
            return step;
        }
        let within = schedule::duration(&present.within).unwrap_or(Duration::from_secs(60));
        // Who looks late is no proof that the subject was: its time begins with the first look, and with what is asked then.
        if !trial.pods_unseen
            && (trial.expected_from.is_none() || doomed.iter().any(|facts| !facts.pod.deleting))
        {
            trial.expected_from = Some(MicroTime(self.pass.now));
        }
        let last = later(after(trial.begun_at.0, within), TRIAL_MARGIN);
        let deadline = trial.expected_from.as_ref().map_or(last, |from| after(from.0, within).min(last));
        let mut what = format!("{ready} of {} pods of {} ready", present.min_ready, self.described(variant));
        if !doomed.is_empty() {
            what += &format!(", {} that must be replaced still there", doomed.len());
        }
        if self.pass.now >= deadline {
            let message = format!("the subject was absent: {what} within {}", present.within);
            return self.end(trial, step, Some(message), None);
        }
        step.wait(Reason::TrialPreparing, format!("trial {}: {what}", trial.slot.trial));
        step.wake(deadline);
        step
    }

    fn submit(&self, trial: &mut TrialStatus, mut step: Step) -> Step {
        let template = match pinned_template(self.pass) {
            Ok(template) => template,
            Err((Reason::NotReadable, message)) => {
                step.unreadable(self.pass, message);
                return step;
            }
            Err((reason, message)) => return step.fail(reason, message),
        };
        let name = self.pass.run.trial_workflow(&trial.slot.trial);
        match build::trial_parameters(&self.pass.run, self.schedule, self.trials, &trial.slot) {
            Ok(parameters) => {
                let slot = Some(&trial.slot);
                let workflow = build::workflow(&self.pass.run, &name, slot, &template.spec, &parameters);
                step.effect(Effect::Apply(workflow));
            }
            Err(message) => return step.fail(Reason::InvalidSpec, message),
        }
        step.wait(Reason::TrialRunning, self.progress(trial, "is submitted"));
        step
    }

    fn follow(&self, trial: &mut TrialStatus, seen: &WorkflowFacts, mut step: Step) -> Step {
        trial.workflow_uid.get_or_insert_with(|| seen.uid.clone());
        let said = seen.message.as_deref().map_or_else(String::new, |message| format!(": {message}"));
        let name = &trial.slot.trial;
        if trial.before.is_none() {
            return self.end(
                trial,
                step,
                Some("its workflow ran before its subject was looked at".into()),
                None,
            );
        }
        match seen.phase.as_deref() {
            _ if seen.deleting => {
                self.end(trial, step, Some("its workflow was deleted while it ran".into()), None)
            }
            Some("Succeeded") if self.is_unseen(&trial.slot) && self.pass.now < self.ends(trial) => {
                step.wait(
                    Reason::TrialRunning,
                    self.progress(trial, "is over, and its subject cannot be seen"),
                );
                step.look_again(self.pass.now);
                step
            }
            Some("Succeeded") => self.end(trial, step, None, Some(seen)),
            Some(phase @ ("Failed" | "Error")) => {
                let message = format!("its workflow ended as {phase}{said}");
                self.end(trial, step, Some(message), Some(seen))
            }
            phase => {
                let deadline = self.ends(trial);
                if self.pass.now >= deadline {
                    let message = format!("{name} did not end within its deadline{said}");
                    return self.end(trial, step, Some(message), Some(seen));
                }
                let state = phase.unwrap_or("Pending").to_lowercase();
                step.wait(Reason::TrialRunning, self.progress(trial, &format!("is {state}{said}")));
                step.wake(deadline);
                step
            }
        }
    }

    /// Returns when a trial is over, come what may.
    fn ends(&self, trial: &TrialStatus) -> Timestamp {
        let load = SignedDuration::try_from(Timing::of(self.trials).total()).unwrap_or_default();
        later(trial.begun_at.0, load.saturating_add(TRIAL_MARGIN))
    }

    /// Records how it ended, with the subject as it is now.
    fn end(
        &self,
        trial: &mut TrialStatus,
        mut step: Step,
        failed: Option<String>,
        seen: Option<&WorkflowFacts>,
    ) -> Step {
        let variant = self.variant(&trial.slot);
        let target = self.pass.run.spec.target_of(&trial.slot.variant);
        let windows = seen.map(|seen| &seen.windows[..]).unwrap_or_default();
        let own = windows.iter().find(|window| window.target.as_deref() == Some(target));
        let window = own.or_else(|| windows.iter().find(|window| window.target.is_none())).cloned();
        let failed = failed.or_else(|| window.is_none().then(|| "its workflow recorded no window".into()));
        trial.expected_from = None;
        trial.end = Some(TrialEnd {
            at: MicroTime(self.pass.now),
            failed,
            window,
            after: self.subject(variant).into_iter().cloned().collect(),
            clock_ahead_seconds: match self.pass.seen.remote.get(target) {
                Some(Reach::Answers(facts)) => facts.clock_ahead.map(|ahead| ahead.as_secs_f64()),
                _ => None,
            },
        });
        if !self.is_settling(trial, &mut step) {
            step.wait(Reason::TrialMeasuring, self.progress(trial, "is over"));
        }
        step
    }

    /// Waits while the last samples of a trial that is over may still arrive; returns whether it does.
    fn is_settling(&self, trial: &TrialStatus, step: &mut Step) -> bool {
        let end = trial.end.as_ref().filter(|end| end.failed.is_none());
        let Some((end, window)) = end.and_then(|end| Some((end, end.window.as_ref()?))) else { return false };
        // Who says that a window ends after its workflow has no clock to be waited for.
        let settled = later(window.end.0.min(end.at.0), SETTLE);
        if self.pass.now >= settled {
            return false;
        }
        let message = self.progress(trial, "is over, and its last samples are still arriving");
        step.wait(Reason::SamplesSettling, message);
        step.wake(settled);
        true
    }

    /// Reads the samples of a trial that is over, and stores its record.
    fn measure(&self, trial: &TrialStatus, mut step: Step) -> Step {
        let persisted = self.pass.persisted.trials.as_ref().and_then(|trials| trials.begun.last());
        let Some(end) = persisted.and_then(|trial| trial.end.as_ref()) else {
            step.wait(Reason::TrialMeasuring, "its end is being recorded");
            return step;
        };
        if self.is_settling(trial, &mut step) {
            return step;
        }
        let attempt = Attempt::of(self.pass, ConditionType::WorkflowSucceeded, Some(end.at.0));
        if attempt == Attempt::Over {
            let message = format!("the record of trial {} could not be stored in time", trial.slot.trial);
            return step.fail(Reason::ResultsLost, message);
        }
        let half = later(end.at.0, COLLECT_HALF);
        let window = end.window.as_ref().filter(|_| end.failed.is_none());
        let asked =
            window.map(|window| questions::of_trial(self.pass, &trial.slot, window)).unwrap_or_default();
        step.effect(Effect::Measure(Box::new(MeasureRequest {
            trial: trial.slot.trial.clone(),
            questions: asked,
            prefix: self.pass.run.results_prefix(),
            give_up: self.pass.now >= half,
        })));
        if let Attempt::OneOf { until } = attempt {
            let message = self.progress(trial, "is over, and its samples are being read");
            step.wait(Reason::TrialMeasuring, message);
            step.wake(if self.pass.now < half { half } else { until });
        } else {
            let message = self.progress(trial, "is over; one last attempt to store its record is made");
            step.wait(Reason::LastAttempt, message);
        }
        step
    }

    fn progress(&self, trial: &TrialStatus, what: &str) -> String {
        let known = self.pass.persisted.trials.as_ref();
        let (valid, void) = known.map_or((0, 0), |known| (known.valid_count, known.void_count));
        let begun = known.map_or(&[][..], |known| &known.begun[..]);
        let all = self.schedule.trial_count(begun);
        let over = valid + void;
        let void = if void > 0 { format!(", {void} of them void") } else { String::new() };
        format!("trial {} {what} ({over} of {all} trials are over{void})", trial.slot.trial)
    }

    fn variant(&self, slot: &Slot) -> Option<&Variant> {
        self.pass.run.spec.variant(&slot.variant)
    }

    /// Returns the pods of a variant's subject that have not run to their end.
    fn subject(&self, variant: Option<&Variant>) -> Vec<&Pod> {
        let Some(variant) = variant else { return Vec::new() };
        let namespace = self.pass.run.namespace_of(variant.target());
        let selector =
            variant.present.as_ref().and_then(|present| present.selector.as_deref()).unwrap_or_default();
        // One that cannot be read was refused on admission.
        let selector = Selector::parse(selector).unwrap_or_default();
        self.pods
            .iter()
            .filter(|facts| facts.namespace == namespace && selector.matches(&facts.pod.labels))
            .map(|facts| &facts.pod)
            .collect()
    }

    fn described(&self, variant: Option<&Variant>) -> String {
        let selector = variant.and_then(|variant| variant.present.as_ref()?.selector.clone());
        let target = variant.map_or("?", Variant::target);
        selector
            .map_or_else(|| format!("target {target}"), |selector| format!("{selector} in target {target}"))
    }

    fn workflow(&self, slot: &Slot) -> Option<&WorkflowFacts> {
        let name = self.pass.run.trial_workflow(&slot.trial);
        self.workflows.iter().find(|workflow| workflow.name == name)
    }
}

fn is_ready(pod: &Pod) -> bool {
    pod.ready && !pod.deleting
}

fn after(from: Timestamp, duration: Duration) -> Timestamp {
    later(from, SignedDuration::try_from(duration).unwrap_or_default())
}

fn later(from: Timestamp, duration: SignedDuration) -> Timestamp {
    from.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

fn workflow_ref(workflow: &WorkflowFacts) -> ObjectRef {
    ObjectRef {
        kind: ChildKind::Workflow,
        namespace: Some(WORKFLOW_NAMESPACE.into()),
        name: workflow.name.clone(),
        uid: workflow.uid.clone(),
    }
}
