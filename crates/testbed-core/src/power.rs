//! What a number of blocks can show, before anything is run.

use crate::sequential;
use crate::validate::least_blocks;
use serde::Serialize;
use testbed_api::ExperimentSpec;
use testbed_api::Summary;
use testbed_stats as stats;

/// Share of runs that are to show an effect that is there.
pub const POWER: f64 = crate::analysis::POWER;
/// Our intervals are wider than Student's, from which plans are made, by up to this: see `testbed_stats::ratio_interval`.
const WIDER: f64 = 1.1;
/// Differences from the bound that a plan speaks of, as shares.
const EFFECTS: [f64; 5] = [0.01, 0.02, 0.05, 0.1, 0.2];

/// What the planned blocks can show of one criterion.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Power {
    /// What is asked, such as `memory_bytes: a / b < 0.5 ×`.
    pub asked: String,
    /// Relative standard deviation of the ratio between blocks; absent if it is not known.
    pub spread_ratio: Option<f64>,
    /// Where that is known from.
    pub spread_from: String,
    /// Blocks that are planned.
    pub planned_block_count: u32,
    /// Fewest blocks with which this criterion can be decided at all.
    pub least_block_count: u32,
    /// Smallest relative difference from the bound that the planned blocks show; absent if the spread is not known.
    pub detectable_ratio: Option<f64>,
    /// The part of it that a thing would show against itself; absent if no block of a variant against itself is planned.
    pub floor_ratio: Option<f64>,
    /// Blocks needed for a relative difference from the bound.
    pub needed: Vec<Needed>,
    /// Blocks needed if the ratio is what the earlier run found.
    pub needed_as_found: Option<NeededAsFound>,
}

/// Blocks needed for one difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Needed {
    /// Relative difference from the bound.
    pub effect_ratio: f64,
    /// Blocks; absent if no number is enough.
    pub block_count: Option<u32>,
}

/// Blocks needed for the ratio that an earlier run found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NeededAsFound {
    /// The ratio it found.
    pub found_ratio: f64,
    /// Blocks; absent if no number is enough.
    pub block_count: Option<u32>,
}

/// Returns what the planned blocks can show of each criterion, by the spread that is stated, or that an earlier run found.
#[must_use]
pub fn power(spec: &ExperimentSpec, earlier: Option<&Summary>) -> Vec<Power> {
    let (Some(trials), Some(hypothesis)) = (&spec.trials, &spec.hypothesis) else { return Vec::new() };
    let count = hypothesis.criteria.len() + hypothesis.success_criteria.len();
    #[expect(clippy::cast_precision_loss, reason = "at most forty criteria")]
    let alpha = sequential::alpha(trials, trials.planned_blocks()) / count.max(1) as f64;
    let least = least_blocks(trials, count);
    let planned = trials.planned_blocks();
    hypothesis
        .criteria
        .iter()
        .map(|criterion| {
            let [first, second] =
                [0, 1].map(|index| criterion.compare.get(index).cloned().unwrap_or_default());
            let found = earlier.and_then(|earlier| {
                let metric = earlier.analysis.as_ref()?.metrics.get(&criterion.metric)?;
                metric.pairs.iter().find(|pair| pair.first == first && pair.second == second)
            });
            let (spread, from) = match (found.and_then(|pair| pair.spread_ratio), trials.spread) {
                (Some(spread), _) => {
                    (Some(spread), earlier.map_or_else(String::new, |run| format!("run {}", run.name)))
                }
                (None, Some(spread)) => (Some(spread), "spec.trials.spread".to_owned()),
                (None, None) => (None, "nothing".to_owned()),
            };
            let sd = spread.map(|spread| spread * WIDER);
            // What the earlier run showed of a thing against itself, else as much as the blocks differ.
            let known =
                earlier.and_then(|run| run.analysis.as_ref()?.metrics.get(&criterion.metric)?.aa.as_ref());
            let against_itself = known.and_then(|aa| spread_against_itself(aa.ratios.values())).or(spread);
            let floor = |blocks: u32| floor(against_itself?, trials.aa_blocks(), blocks, 1.0 - alpha);
            let needed = |log: f64| {
                let floor = |blocks| floor(blocks).unwrap_or(0.0);
                let blocks = stats::blocks_needed(sd?, log, floor, alpha, POWER).ok()?;
                Some(blocks.max(least))
            };
            Power {
                asked: format!(
                    "{}: {first} / {second} {} {}",
                    criterion.metric,
                    criterion.operator.sign(),
                    crate::figure::with_unit(criterion.value, "ratio")
                ),
                spread_ratio: spread,
                spread_from: from,
                planned_block_count: planned,
                least_block_count: least,
                detectable_ratio: sd
                    .and_then(|sd| stats::detectable_effect(sd, planned, alpha, POWER).ok())
                    .map(|ratio| ratio * libm::exp(floor(planned).unwrap_or(0.0)) - 1.0),
                floor_ratio: floor(planned).map(libm::expm1),
                needed: EFFECTS
                    .iter()
                    .filter(|_| sd.is_some())
                    .map(|effect| Needed { effect_ratio: *effect, block_count: needed(libm::log1p(*effect)) })
                    .collect(),
                needed_as_found: found.and_then(|pair| {
                    let found_ratio = pair.estimate?;
                    let log = libm::log(found_ratio / criterion.value);
                    Some(NeededAsFound { found_ratio, block_count: needed(log) })
                }),
            }
        })
        .collect()
}

/// Returns how far from 1 a thing against itself was, as the standard deviation of the logarithms around 0.
fn spread_against_itself<'a>(ratios: impl Iterator<Item = &'a f64>) -> Option<f64> {
    let squares: Vec<f64> = ratios.map(|ratio| libm::pow(libm::log(*ratio), 2.0)).collect();
    stats::mean(&squares).ok().map(f64::sqrt)
}

/// Returns the floor that so many blocks of a thing against itself will give of `blocks` blocks, as a logarithm, if they
/// differ as expected; none if there are none of those.
fn floor(spread: f64, against_itself: u32, blocks: u32, level: f64) -> Option<f64> {
    // Ratios that differ by exactly so much.
    let ratios = vec![libm::exp(spread); against_itself as usize];
    stats::floor(&ratios, blocks, level).ok().map(libm::log1p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn planned(trials: &Value) -> Power {
        let spec: ExperimentSpec = serde_json::from_value(json!({
            "targets": [{"name": "a", "cluster": {"type": "hub"}}, {"name": "b", "cluster": {"type": "hub"}}],
            "variants": [{"name": "a"}, {"name": "b"}],
            "trials": trials,
            "workflow": {"template": "t", "completion": {"mode": "workflow"}},
            "metrics": [{"name": "latency", "query": "x", "unit": "seconds"}],
            "hypothesis": {"claim": "c", "criteria": [
                {"metric": "latency", "compare": ["a", "b"], "operator": "lt", "value": 1.0}]},
        }))
        .unwrap();
        power(&spec, None).remove(0)
    }

    /// 20,000 simulated runs, with a floor of four blocks of the same spread, showed 80 % at about 9.5 %.
    #[test]
    fn what_is_shown_lies_beyond_the_floor() {
        let without = planned(&json!({"blocks": 12, "spread": 0.05}));
        let with = planned(&json!({"blocks": 12, "spread": 0.05, "aa": true, "aaBlocks": 4}));
        assert!((without.detectable_ratio.unwrap() - 0.05).abs() < 0.002, "{without:?}");
        assert!((with.detectable_ratio.unwrap() - 0.095).abs() < 0.003, "{with:?}");
        assert_eq!(without.floor_ratio, None);
        assert!((with.floor_ratio.unwrap() - 0.041).abs() < 0.001, "{with:?}");
    }

    #[test]
    fn with_the_blocks_that_are_needed_the_difference_is_what_they_show() {
        for aa in [false, true] {
            let trials = |blocks: u32| json!({"blocks": blocks, "spread": 0.05, "aa": aa, "aaBlocks": 4});
            let needed =
                planned(&trials(12)).needed.into_iter().find(|needed| needed.effect_ratio > 0.04).unwrap();
            let blocks = needed.block_count.unwrap();
            let shown = |blocks| planned(&trials(blocks)).detectable_ratio.unwrap();
            assert!(shown(blocks) <= 0.05 + 1e-9 && shown(blocks - 1) > 0.05, "{aa}: {blocks}");
        }
    }

    #[test]
    fn a_rule_that_stops_early_leaves_less_to_err_by() {
        let trials = json!({"spread": 0.05, "until": {"width": 0.1, "maxBlocks": 12, "every": 2}});
        let until = planned(&trials).detectable_ratio.unwrap();
        assert!(until > planned(&json!({"blocks": 12, "spread": 0.05})).detectable_ratio.unwrap());
    }
}
