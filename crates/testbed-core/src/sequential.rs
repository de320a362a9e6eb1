//! Stopping early by a rule that is fixed beforehand: every look at the data spends a part of the error that the
//! verdict may have, so that looking often does not make it wrong more often.

use crate::analysis::{self, Observation};
use testbed_api::ExperimentSpec;
use testbed_api::status::TrialsStatus;
use testbed_api::summary::Decision;
use testbed_api::trials::{Trials, Until};

/// Returns the numbers of valid blocks after which the data are looked at.
fn looks(until: &Until) -> Vec<u32> {
    // A look close before the last one would leave nothing for it to spend.
    let mut looks: Vec<u32> =
        (1..).map(|look| look * until.every).take_while(|at| at + until.every <= until.max_blocks).collect();
    looks.retain(|at| *at < until.max_blocks);
    // Fewer have no interval, and a look that cannot decide would waste what it spends.
    looks.retain(|at| *at as usize >= testbed_stats::MIN_RATIOS);
    looks.push(until.max_blocks);
    looks
}

/// Returns the error rate that the verdict after `blocks` valid blocks may have.
///
/// Without a rule that stops early it is all of it. With one it is what the look at `blocks`, or the next one, may
/// spend by O'Brien and Fleming's spending function in the form of Lan and DeMets (1983); the rates of all looks sum to
/// what the whole may err by.
#[must_use]
pub fn alpha(trials: &Trials, blocks: u32) -> f64 {
    let all = 1.0 - trials.confidence;
    let Some(until) = &trials.until else { return all };
    let looks = looks(until);
    let spent = testbed_stats::looks(all, &looks, until.max_blocks);
    let index = looks.iter().position(|at| *at >= blocks).unwrap_or(looks.len().saturating_sub(1));
    spent.get(index).copied().unwrap_or(all)
}

/// Returns why a run stops after `blocks` valid blocks, if its rule says so.
#[must_use]
pub fn stops(spec: &ExperimentSpec, status: &TrialsStatus, blocks: u32) -> Option<String> {
    let trials = spec.trials.as_ref()?;
    let until = trials.until.as_ref()?;
    if !looks(until).contains(&blocks) {
        return None;
    }
    let observations: Vec<Observation<'_>> = status.begun.iter().map(Observation::of_status).collect();
    let criteria = analysis::criteria(spec, status.seed, &observations, alpha(trials, blocks));
    if criteria.is_empty() {
        return None;
    }
    if criteria.iter().all(|criterion| criterion.decision != Decision::Insufficient) {
        return Some(format!("every criterion is decided after {blocks} blocks"));
    }
    let is_narrow = |criterion: &testbed_api::summary::CriterionResult| {
        let width = criterion.interval.map(|interval| interval.high - interval.low);
        width.zip(criterion.observed).is_some_and(|(width, at)| width <= until.width * at.abs())
    };
    criteria.iter().all(is_narrow).then(|| {
        let width = crate::figure::percent(until.width);
        format!("after {blocks} blocks no interval is wider than {width} of its estimate")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_all_looks_is_no_more_than_that_of_one() {
        let until = Until { width: 0.1, max_blocks: 30, every: 4 };
        let trials = Trials { until: Some(until.clone()), ..Trials::default() };
        let total: f64 = looks(&until).into_iter().map(|blocks| alpha(&trials, blocks)).sum();
        assert!(total <= 0.05 + 1e-12, "{total}");
        assert!(alpha(&trials, 30) > 0.01, "the last look is left with too little: {}", alpha(&trials, 30));
        assert_eq!(looks(&until).first(), Some(&8));
    }

    #[test]
    fn without_a_rule_the_verdict_may_err_by_all_of_it() {
        assert!((alpha(&Trials::default(), 7) - 0.05).abs() < 1e-12);
    }
}
