//! What the statistics say: estimates with intervals, from the records of trials alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The statistics of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// SHA-256 of the source of the analysis, in hexadecimal.
    pub code_sha256: String,
    /// Seed of the resampling.
    pub seed: u64,
    /// Number of resamples of each interval.
    pub resamples_count: u32,
    /// Confidence of the intervals in the tables, from 0 to 1.
    pub level_ratio: f64,
    /// How the trials went.
    pub trials: TrialCounts,
    /// Each metric, by name.
    pub metrics: BTreeMap<String, MetricAnalysis>,
}

/// How the trials of a run went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialCounts {
    /// Blocks that were planned.
    pub planned_block_count: u32,
    /// Blocks of which every trial counts.
    pub valid_block_count: u32,
    /// Blocks of a variant against itself, of which both trials count.
    pub valid_aa_block_count: u32,
    /// Trials that were begun.
    pub trial_count: u32,
    /// Of these, those that do not count.
    pub void_trial_count: u32,
    /// Kinds of machine the trials ran on.
    pub machine_count: u32,
}

/// The statistics of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricAnalysis {
    /// Unit of its values.
    pub unit: String,
    /// Each variant by itself.
    pub variants: BTreeMap<String, VariantStatistics>,
    /// Variants against each other.
    pub pairs: Vec<PairStatistics>,
    /// What variants against themselves say of the noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aa: Option<AaStatistics>,
}

/// One variant by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariantStatistics {
    /// Number of trials.
    pub trial_count: u32,
    /// Arithmetic mean of the blocks: of a block against itself, the mean of its two trials is one value.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Standard deviation; absent for one trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// Interval of the mean; absent where there are too few blocks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Unit of all of them.
    pub unit: String,
}

/// A confidence interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interval {
    /// Lower bound, in the unit of the estimate.
    pub low: f64,
    /// Upper bound, in the unit of the estimate.
    pub high: f64,
    /// Confidence, from 0 to 1.
    pub level_ratio: f64,
}

/// Two variants, block by block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairStatistics {
    /// Numerator.
    pub first: String,
    /// Denominator.
    pub second: String,
    /// Unit of everything here: `ratio`.
    pub unit: String,
    /// Ratio of each block, by its number.
    pub ratios: BTreeMap<u32, f64>,
    /// Geometric mean of the ratios; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<f64>,
    /// Its interval; absent where there are too few blocks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Hodges-Lehmann estimate of the ratio: the median of the geometric means of all pairs of blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hodges_lehmann: Option<f64>,
    /// Two-sided p-value of Wilcoxon's signed-rank test of a ratio of 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wilcoxon_p_ratio: Option<f64>,
    /// Relative standard deviation of the ratio between blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_ratio: Option<f64>,
    /// Smallest relative difference that this many blocks with this spread would have shown in four of five runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable_ratio: Option<f64>,
    /// p-value of the difference between blocks in which the first came first and those in which it came last:
    /// what carries over from trial to trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry_over_p_ratio: Option<f64>,
    /// Why there is no estimate or no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Variants against themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AaStatistics {
    /// Unit of everything here: `ratio`.
    pub unit: String,
    /// Ratio of the second to the first trial of each block, by its number.
    pub ratios: BTreeMap<u32, f64>,
    /// The floor: the relative difference that a comparison of a thing with itself would show by chance, with as many
    /// blocks as this run has, in one of twenty runs at 95 % confidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_ratio: Option<f64>,
}
