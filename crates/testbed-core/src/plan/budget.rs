//! Money: what a run has cost so far, and what its budget still allows. See ADR 010.

use super::Pass;
use crate::price::{self, Standing};
use crate::schedule::{Next, Schedule};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use testbed_api::conditions::ConditionType;
use testbed_api::record::Slot;
use testbed_api::status::{ExperimentStatus, Stop, StopReason};

/// Seconds to which running cost is counted: status is written when it changes, and every write is looked at again.
const STEP: i64 = 60;

/// Writes into status what the clusters of a run have cost so far, or in the end.
pub(super) fn count(pass: &Pass<'_>, status: &mut ExperimentStatus) {
    let spec = pass.run.spec;
    let lifetimes = price::lifetimes(status);
    if lifetimes.is_empty() || !spec.targets.iter().any(|target| price::is_paid(target.cluster.kind)) {
        return;
    }
    let all_gone = lifetimes.iter().map(|lifetime| lifetime.gone).collect::<Option<Vec<_>>>();
    let last = all_gone.and_then(|gone| gone.into_iter().max());
    let first = lifetimes.iter().map(|lifetime| lifetime.created).min().unwrap_or(pass.now);
    let minute = Timestamp::from_second(pass.now.as_second().div_euclid(STEP) * STEP).unwrap_or(pass.now);
    let counted = last.unwrap_or_else(|| minute.max(first));
    let usd = price::accrued(spec, &lifetimes, counted).map(price::rounded);
    let cost = status.cost.get_or_insert_with(|| price::status(spec));
    cost.running_usd = usd;
    cost.counted_at = Some(Time(counted));
    cost.final_usd = last.and(usd);
}

/// Returns how a run stands to its budget, from what is persisted.
pub(super) fn standing(pass: &Pass<'_>) -> Option<Standing> {
    price::standing(pass.run.spec, &price::lifetimes(pass.persisted), pass.now)
}

/// Returns why a stage ends for want of money, if it does. Trials end by themselves, with what they measured.
pub(super) fn exhausted(pass: &Pass<'_>, kind: ConditionType) -> Option<String> {
    let is_costly = match kind {
        ConditionType::ClustersReady | ConditionType::ComponentsReady => true,
        ConditionType::WorkflowSucceeded => pass.run.spec.trials.is_none(),
        _ => false,
    };
    let standing = standing(pass).filter(|_| is_costly)?;
    (!lasts(&standing, pass.now)).then(|| spent(&standing))
}

/// Returns whether the clusters can be kept for a while.
fn lasts(standing: &Standing, now: Timestamp) -> bool {
    standing.until.is_none_or(|until| until > now)
}

fn spent(standing: &Standing) -> String {
    format!(
        "the clusters cost up to {} so far, and removing them {}: more does not fit into spec.budget.usd, {}",
        price::shown(standing.accrued),
        price::shown(standing.teardown),
        price::shown(standing.budget)
    )
}

/// What money allows between two trials.
pub(super) enum Money {
    /// Going on as planned.
    Enough,
    /// Waiting until then for the budget to be raised.
    Hold(Timestamp, String),
    /// Nothing more.
    Spent(Stop),
}

/// Returns what money allows before `next` is done.
pub(super) fn between_trials(pass: &Pass<'_>, schedule: &Schedule<'_>, next: &Next) -> Money {
    let (Some(standing), Next::Begin(slot)) = (standing(pass), next) else { return Money::Enough };
    if !lasts(&standing, pass.now) {
        return Money::Spent(Stop { reason: StopReason::Budget, message: spent(&standing) });
    }
    // A pause costs as long as it lasts, and begins nothing.
    let needed = if pass.run.spec.paused { std::time::Duration::ZERO } else { rest_of_block(schedule, slot) };
    match standing.until {
        Some(until) if !standing.allows(needed) => {
            let message = format!(
                "another block, of about {} s, does not fit into spec.budget.usd, {}: raise it before {until:.0} to go on",
                needed.as_secs(),
                price::shown(standing.budget),
            );
            Money::Hold(until, message)
        }
        _ => Money::Enough,
    }
}

/// Returns about how long the block of a slot still takes.
fn rest_of_block(schedule: &Schedule<'_>, slot: &Slot) -> std::time::Duration {
    let trials = schedule.trials_of_block(slot.aa);
    schedule.block_time() / schedule.trials_of_block(false) * trials.saturating_sub(slot.position - 1)
}
