//! The result of a run: `summary.json`, a superset of what the original wrote.
//!
//! Every figure in it carries its unit and the query it came from; what was not measured is absent, never zero.
//! It holds no time but those that the run itself recorded, so collecting twice gives the same bytes.

use crate::analysis::{Analysis, Interval};
use crate::experiment::{Cluster, ExperimentSpec, Hypothesis, QueryType};
use crate::record::{Slot, TrialRecord};
use crate::status::{ComponentStatus, Failure, PinnedTemplate, Stop, Window};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of this schema, raised on every change that a reader could notice.
pub const SCHEMA_VERSION: &str = "testbed/v2";

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Version of this schema.
    pub schema: String,
    /// Version of testbed that wrote it.
    pub testbed_version: String,
    /// Name of the Experiment.
    pub name: String,
    /// Namespace of the Experiment.
    pub namespace: String,
    /// UID of the Experiment.
    pub uid: String,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the experiment is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words by which the site groups experiments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Series of experiments it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// When the Experiment was created.
    pub created_at: Time,
    /// When its workflow ended, or the run failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<MicroTime>,
    /// Seconds from creation to completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// `Complete` or `Failed`.
    pub phase: String,
    /// Why the run failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The claim, as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<Hypothesis>,
    /// What was deployed where, pinned.
    pub targets: Vec<SummaryTarget>,
    /// What drove the load.
    pub workflow: SummaryWorkflow,
    /// What was measured in a run without trials; absent when nothing could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// The trials, each with what it measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<Trials>,
    /// What the statistics say of the trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// What the machine decided.
    pub verdict: Verdict,
    /// What the lab itself cost in time.
    pub overhead: Overhead,
    /// What its clusters cost; absent when nothing was paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The specification, as run.
    pub spec: ExperimentSpec,
}

/// The trials of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trials {
    /// Seed of the order and of the resampling.
    pub seed: u64,
    /// The schedule as it was planned: blocks that were run again because of a void trial come after it.
    pub schedule: Vec<Slot>,
    /// Why no further trial was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
    /// The trials that were begun, in order, void ones too.
    pub records: Vec<TrialRecord>,
}

/// One target, as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryTarget {
    /// Its name.
    pub name: String,
    /// Name of its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Kind of cluster.
    pub cluster_type: String,
    /// The cluster, as asked.
    pub cluster: Cluster,
    /// Namespace its components were in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its components, pinned.
    pub components: Vec<ComponentStatus>,
}

/// What drove the load, as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryWorkflow {
    /// Its name; absent if it was never submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its template.
    pub template: String,
    /// Its template, pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<PinnedTemplate>,
    /// Its parameters, as given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Its phase in Argo's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// The windows it recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Which stores answered.
    pub source: String,
    /// From the first window's start to the last one's end.
    pub time_range: TimeRange,
    /// Each metric, by name.
    pub queries: BTreeMap<String, MetricResult>,
}

/// A span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeRange {
    /// First instant.
    pub start: MicroTime,
    /// Last instant.
    pub end: MicroTime,
    /// Its length, such as `47m30.147s`.
    pub duration: String,
    /// Distance of samples of range queries, in seconds.
    pub step_seconds: f64,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricResult {
    /// The query, as asked for in the Experiment.
    pub query: String,
    /// How it was asked.
    #[serde(rename = "type")]
    pub kind: QueryType,
    /// Unit of its values; `1` for a pure number.
    pub unit: String,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its answers: one for each target it was asked for, or one for the whole run.
    pub cells: Vec<Cell>,
    /// All points, flat, as the original wrote them.
    pub data: Vec<Point>,
}

/// A metric of one target, or of the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The target; absent when it speaks of the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Which store answered: `hub`, or `target:<namespace>/<service>`.
    pub source: String,
    /// The query, with variables filled in.
    pub query: String,
    /// The window it was asked over.
    pub window: Window,
    /// Number of series that answered.
    pub series: usize,
    /// Number of points that answered.
    pub points: usize,
    /// The one value of it: the point of a single-series instant query, the mean over time of a single-series range query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// How the value stands to what the load was meant to make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<ExpectationResult>,
}

/// How a value stands to what the load was meant to make it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectationResult {
    /// The intended value.
    pub intended: f64,
    /// Largest relative deviation that counts, from 0 to 1.
    pub tolerance_ratio: f64,
    /// Unit of the intended value.
    pub unit: String,
    /// Whether the value is within it; absent when there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
}

impl ExpectationResult {
    /// Returns whether a value is within the tolerance.
    #[must_use]
    pub fn is_met_by(&self, value: f64) -> bool {
        (value - self.intended).abs() <= self.tolerance_ratio * self.intended.abs()
    }
}

/// One point of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Labels of the series, with the target it was asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Instant.
    pub timestamp: MicroTime,
    /// Value, in the metric's unit.
    pub value: f64,
}

/// What the machine decided of one criterion, or of the whole claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The data stand on the claimed side.
    Supported,
    /// The data stand on the other side.
    Refuted,
    /// The data do not decide.
    Insufficient,
}

impl Decision {
    /// Returns the word as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Insufficient => "insufficient",
        }
    }
}

/// What the machine decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The decision; absent when the Experiment claims nothing that a machine can decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// One sentence with its reason.
    pub reason: String,
    /// How sure it can be: says how many trials there were and whether there is an interval.
    pub certainty: String,
    /// Each criterion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<CriterionResult>,
}

/// What the machine decided of one criterion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriterionResult {
    /// The metric.
    pub metric: String,
    /// What was asked, such as `memory_bytes: victoriametrics / prometheus < 0.5`.
    pub asked: String,
    /// The variant whose value and interval these are, where each one's value is held against a constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The decision.
    pub decision: Decision,
    /// The ratio or value that was compared with the bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// Its interval, at the confidence that this criterion's step among all asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// p-value of Wilcoxon's signed-rank test that it is the bound, and of the sign test where trials were lost, adjusted
    /// after Holm for the number of criteria.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted_p_ratio: Option<f64>,
    /// Relative difference from the bound that a thing compared with itself would show by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_ratio: Option<f64>,
    /// Blocks, or trials, that it rests on.
    #[serde(default)]
    pub block_count: u32,
    /// Unit of the observed value; `ratio` for a ratio.
    pub unit: String,
    /// The bound.
    pub bound: f64,
    /// One sentence with numbers.
    pub reason: String,
}

/// What the clusters of a run cost, at list prices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Currency of every amount: `USD`.
    pub currency: String,
    /// Day of the oldest list of prices that was used.
    pub as_of: String,
    /// From the making of each cluster until `countedTo`; absent when a price is not known, or no cluster was made.
    /// Removing them comes on top, and is in the status of the Experiment once they are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// The instant up to which `usd` counts: when the run was over or failed, or, if it had not come to its end, when it
    /// was deleted or its time to live was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_to: Option<MicroTime>,
    /// What all clusters cost together, per hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_usd: Option<f64>,
    /// What the run was expected to cost when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_usd: Option<f64>,
    /// Why a price is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// What the lab itself cost in time, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overhead {
    /// From creation until everything was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_seconds: Option<f64>,
    /// From everything deployed until the workflow ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_seconds: Option<f64>,
    /// Within that, the windows that were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_seconds: Option<f64>,
}
