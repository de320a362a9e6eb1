//! What a number of blocks can show, before anything is run.

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
    let alpha = (1.0 - trials.confidence) / count.max(1) as f64;
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
            let needed = |log: f64| {
                let blocks = stats::blocks_needed(sd?, log, alpha, POWER).ok()?;
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
                    .map(|ratio| ratio - 1.0),
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
