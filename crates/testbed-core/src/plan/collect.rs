//! `ResultsStored`: metrics are read over the recorded windows and the summary is stored under its digest.

use super::{COLLECT_DEADLINE, CollectRequest, Effect, Ending, Pass, Step, is_manual, questions};
use crate::status;
use jiff::{SignedDuration, Timestamp};
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::record::RecordRef;
use testbed_api::status::ExperimentStatus;

/// How long after a window's end its last samples may still arrive: two scrapes of 2 s and one flush of the store.
pub const SETTLE: SignedDuration = SignedDuration::from_secs(5);

/// How long a store that cannot be reached is asked again before what it holds is recorded as missing.
pub(super) const COLLECT_HALF: SignedDuration = SignedDuration::from_mins(5);

/// Reads the metrics once their last samples have arrived, and stores the summary.
pub(super) fn collect(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    let windows = status.workflow_status.as_ref().map(|workflow| &workflow.windows[..]).unwrap_or_default();
    let end = windows.iter().map(|window| window.end.0).max();
    // Who says that a window ends after its workflow has no clock to be waited for.
    let end = end.map(|end| end.min(began(pass).unwrap_or(pass.now)));
    let settled = end.and_then(|end| end.checked_add(SETTLE).ok());
    if let Some(settled) = settled.filter(|settled| pass.now < *settled) {
        step.wait(Reason::SamplesSettling, "the last samples of the window are still arriving");
        step.wake(settled);
        return step;
    }
    if !may_begin(pass) {
        step.wait(Reason::NotReached, "begins once the end of the workflow is recorded");
        return step;
    }
    let attempt = Attempt::of(pass, ConditionType::ResultsStored, began(pass));
    if attempt == Attempt::Over {
        return step.fail(Reason::ResultsLost, "the result could not be stored within the deadline");
    }
    let half = began(pass).and_then(|at| at.checked_add(COLLECT_HALF).ok());
    step.effect(Effect::Collect(Box::new(CollectRequest {
        questions: questions::of_run(pass, windows),
        records: records(status),
        prefix: pass.run.results_prefix(),
        give_up: half.is_some_and(|half| pass.now >= half),
    })));
    if let Attempt::OneOf { until } = attempt {
        step.wait(Reason::Collecting, "metrics are being read and the result written");
        step.wake(until);
    } else {
        let message = "the deadline has passed: one last attempt to store the result is made";
        step.wait(Reason::LastAttempt, message);
    }
    step
}

/// What is still tried with a store that takes nothing, while clusters cost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It is asked again and again until then.
    OneOf { until: Timestamp },
    /// It is asked for the last time.
    Last,
    /// It is given up.
    Over,
}

impl Attempt {
    /// Returns what a stage still tries that has had something to store since `began`. Time may have passed while nobody
    /// looked: it is given up only after an attempt beyond the deadline failed.
    pub(super) fn of(pass: &Pass<'_>, stage: ConditionType, began: Option<Timestamp>) -> Self {
        let tried = status::get(pass.persisted, stage)
            .is_some_and(|condition| condition.reason == Reason::LastAttempt.as_str());
        match began.and_then(|at| at.checked_add(COLLECT_DEADLINE).ok()) {
            Some(until) if pass.now < until => Self::OneOf { until },
            Some(_) if tried => Self::Over,
            _ => Self::Last,
        }
    }
}

/// Returns whether a run that ends still owes a result.
pub(super) fn owed(pass: &Pass<'_>, ending: Option<Ending>) -> bool {
    let persisted = pass.persisted;
    if persisted.results.is_some() || lost(persisted) {
        return false;
    }
    let unwanted = super::unwanted(pass);
    match ending {
        None => true,
        // A specification that could not be run has no result.
        Some(Ending::Failed) => persisted
            .failure
            .as_ref()
            .is_some_and(|failure| failure.stage != ConditionType::Accepted.as_str()),
        // What was measured to its end is kept; and in manual mode the end is the deletion.
        Some(Ending::Deleted | Ending::Expired) => {
            let watched = is_manual(&pass.run) && persisted.workflow_status.is_some();
            let measured = watched
                || !records(persisted).is_empty()
                || status::holds(persisted, ConditionType::WorkflowSucceeded);
            measured && !unwanted
        }
    }
}

/// Returns whether collecting was given up, persistedly.
fn lost(persisted: &ExperimentStatus) -> bool {
    status::get(persisted, ConditionType::ResultsStored)
        .is_some_and(|condition| condition.reason == Reason::ResultsLost.as_str())
}

/// The summary speaks of the end of the run as it was recorded, so that record must be persisted first.
fn may_begin(pass: &Pass<'_>) -> bool {
    began(pass).is_some()
}

/// Returns when the end of the run was recorded.
fn began(pass: &Pass<'_>) -> Option<Timestamp> {
    let persisted = pass.persisted;
    let metadata = &pass.seen.experiment.metadata;
    status::since(persisted, ConditionType::WorkflowSucceeded)
        .or_else(|| persisted.failure.as_ref().and(persisted.completed_at.as_ref()).map(|time| time.0))
        .or_else(|| metadata.deletion_timestamp.as_ref().map(|time| time.0))
        .or_else(|| super::expiry(&pass.seen.experiment).filter(|expiry| pass.now >= *expiry))
}

/// Returns where the records of the trials lie, in the order of the trials.
fn records(status: &ExperimentStatus) -> Vec<RecordRef> {
    let begun = status.trials.iter().flat_map(|trials| &trials.begun);
    begun.filter_map(|trial| trial.record.clone()).collect()
}
