//! Conditions and phase: how a status changes, and what people read from it.

use crate::problem;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::status::{ExperimentStatus, Phase};

/// Longest message of a condition, in bytes: half of what Kubernetes allows. A longer one would make the whole status
/// one that cannot be written, and what others say of themselves has no limit.
const LONGEST_MESSAGE: usize = 16 << 10;

/// Value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known yet.
    Unknown,
}

impl Truth {
    /// Returns the word as it stands in status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Returns a message as it may stand in a condition.
#[must_use]
pub fn cut(message: String) -> String {
    problem::cut(message, LONGEST_MESSAGE)
}

/// Sets a condition; the time of its transition changes only if its value does.
pub fn set(
    status: &mut ExperimentStatus,
    generation: Option<i64>,
    kind: ConditionType,
    truth: Truth,
    reason: Reason,
    message: impl Into<String>,
    now: Timestamp,
) {
    let existing = status.conditions.iter().position(|condition| condition.type_ == kind.as_str());
    let transition = existing
        .map(|index| &status.conditions[index])
        .filter(|condition| condition.status == truth.as_str())
        .map_or(Time(now), |condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: kind.as_str().into(),
        status: truth.as_str().into(),
        reason: reason.as_str().into(),
        message: cut(message.into()),
        observed_generation: generation,
        last_transition_time: transition,
    };
    match existing {
        Some(index) => status.conditions[index] = condition,
        None => status.conditions.push(condition),
    }
    status
        .conditions
        .sort_by_key(|condition| ConditionType::ALL.iter().position(|kind| kind.as_str() == condition.type_));
    if truth == Truth::True {
        status.stage_times.entry(kind.as_str().into()).or_insert(MicroTime(now));
    }
}

/// Returns a condition.
#[must_use]
pub fn get(status: &ExperimentStatus, kind: ConditionType) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind.as_str())
}

/// Returns whether a condition is True.
#[must_use]
pub fn holds(status: &ExperimentStatus, kind: ConditionType) -> bool {
    get(status, kind).is_some_and(|condition| condition.status == Truth::True.as_str())
}

/// Returns when a condition became true first.
#[must_use]
pub fn since(status: &ExperimentStatus, kind: ConditionType) -> Option<Timestamp> {
    status.stage_times.get(kind.as_str()).map(|time| time.0)
}

/// Returns whether two statuses are the same but for words: messages, and what Argo CD says of a component while it is
/// being deployed. Nothing is decided on these.
#[must_use]
pub fn differ_in_words(one: &ExperimentStatus, other: &ExperimentStatus) -> bool {
    let without_words = |status: &ExperimentStatus| {
        let mut bare = status.clone();
        bare.conditions.iter_mut().for_each(|condition| condition.message.clear());
        for component in bare.targets.iter_mut().flat_map(|target| &mut target.components) {
            (component.health, component.sync) = (None, None);
        }
        bare
    };
    one != other && without_words(one) == without_words(other)
}

/// Returns the phase people read. Nothing decides on it.
#[must_use]
pub fn phase(status: &ExperimentStatus) -> Phase {
    use ConditionType::{Accepted, ComponentsReady, Succeeded};
    if status.failure.is_some() {
        Phase::Failed
    } else if holds(status, Succeeded) {
        Phase::Complete
    } else if status.workflow_status.is_some() || status.trials.is_some() {
        Phase::Running
    } else if holds(status, ComponentsReady) {
        Phase::Ready
    } else if holds(status, Accepted) {
        Phase::Provisioning
    } else {
        Phase::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_time_of_a_transition_stays_while_the_value_stays() {
        let mut status = ExperimentStatus::default();
        let kind = ConditionType::ComponentsReady;
        set(&mut status, None, kind, Truth::False, Reason::ComponentDeploying, "left waits", at(1));
        set(&mut status, None, kind, Truth::False, Reason::ComponentDeploying, "right waits", at(2));
        assert_eq!(get(&status, kind).unwrap().last_transition_time.0, at(1));
        set(&mut status, None, kind, Truth::True, Reason::Done, "", at(3));
        assert_eq!(get(&status, kind).unwrap().last_transition_time.0, at(3));
        assert_eq!(since(&status, kind), Some(at(3)));
    }

    #[test]
    fn words_are_what_nothing_is_decided_on() {
        let mut status = ExperimentStatus::default();
        let kind = ConditionType::ComponentsReady;
        set(&mut status, None, kind, Truth::False, Reason::ComponentDeploying, "left waits", at(1));
        let (mut other_words, mut other_reason) = (status.clone(), status.clone());
        set(&mut other_words, None, kind, Truth::False, Reason::ComponentDeploying, "right waits", at(2));
        set(&mut other_reason, None, kind, Truth::False, Reason::WaitingForDependency, "left waits", at(2));
        assert!(differ_in_words(&status, &other_words));
        assert!(!differ_in_words(&status, &other_reason));
        assert!(!differ_in_words(&status, &status));
    }

    #[test]
    fn conditions_stand_in_the_order_of_their_stages() {
        let mut status = ExperimentStatus::default();
        for kind in ConditionType::ALL.into_iter().rev() {
            set(&mut status, None, kind, Truth::Unknown, Reason::NotReached, "", at(1));
        }
        let order: Vec<&str> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(order, ConditionType::ALL.map(ConditionType::as_str));
    }
}
