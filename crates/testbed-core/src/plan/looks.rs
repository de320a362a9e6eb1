//! What a pass looks at: what no stage asks for is not read, for each list is work for the API server.

use super::teardown;
use crate::run;
use crate::status;
use jiff::{SignedDuration, Timestamp};
use testbed_api::Experiment;
use testbed_api::conditions::ConditionType;

/// What is due so soon is looked at already: the lists are read before the plan is made.
const AHEAD: SignedDuration = SignedDuration::from_secs(10);

/// What is read for the next pass over an Experiment. Whatever is not is unknown to it, never absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a list that is read or not")]
pub struct Looks {
    /// Components that it refers to.
    pub catalog: bool,
    /// Its workflow template.
    pub template: bool,
    /// Namespaces, Applications and the project of the run.
    pub deployed: bool,
    /// Workflows of the run.
    pub workflows: bool,
    /// What would be left of both: pods of workflows, and what clusters were made of.
    pub left: bool,
}

/// Returns what the stages will ask for that are not passed yet.
#[must_use]
pub fn looks(experiment: &Experiment, now: Timestamp) -> Looks {
    let persisted = run::status(experiment);
    let holds = |kind| status::holds(&persisted, kind);
    let soon = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let accepted = holds(ConditionType::Accepted);
    let ready = holds(ConditionType::ComponentsReady);
    let leaves = teardown::may_begin(experiment, &persisted, soon);
    let runs = ready && !holds(ConditionType::WorkflowSucceeded);
    // Trials submit until the last one is over; a run without them submits once.
    let submitted = if experiment.spec.trials.is_some() {
        persisted.trials.as_ref().is_some_and(|trials| trials.stopped.is_some())
    } else {
        persisted.workflow_status.as_ref().is_some_and(|workflow| workflow.uid.is_some())
    };
    Looks {
        catalog: !accepted,
        template: !accepted || (runs && !submitted),
        deployed: leaves || (holds(ConditionType::ClustersReady) && !ready),
        workflows: leaves || runs,
        left: leaves,
    }
}
