//! What is compared and how often: variants, and the trials that measure them.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing under comparison: a target with what is deployed in it, and what the workload is told of it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Variant {
    /// Name, unique within the experiment.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The target it is deployed in; the one of its own name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub target: Option<String>,
    /// Parameters of the workflow in its trials, over those of `workflow.params`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// How its presence is told; one ready pod in its target if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<Present>,
    /// What it starts each trial from.
    #[serde(default)]
    pub reset: Reset,
}

impl Variant {
    /// Returns the name of the target it is deployed in.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.as_deref().unwrap_or(&self.name)
    }
}

/// How the presence of a variant's subject is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Present {
    /// Labels of its pods, such as `app=prometheus,role=store`; all pods of its target if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub selector: Option<String>,
    /// Pods that must be ready before, during and after the window.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub min_ready: u32,
    /// How long they may take to become ready before a trial.
    #[serde(default = "a_minute")]
    #[schemars(length(max = 20), regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub within: String,
}

impl Default for Present {
    fn default() -> Self {
        Self { selector: None, min_ready: one(), within: a_minute() }
    }
}

fn one() -> u32 {
    1
}

fn a_minute() -> String {
    "60s".into()
}

/// What a subject starts each trial from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reset {
    /// From where the trial before left it: for subjects without state.
    #[default]
    None,
    /// From new pods: what they kept in memory and in `emptyDir` volumes is gone.
    Restart,
}

/// How often, in which order and for how long each variant is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trials {
    /// Number of blocks: each is one trial of every variant, close in time.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub blocks: u32,
    /// Stop earlier, or go on beyond `blocks`, by a rule that is fixed beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Order of the variants within each block.
    #[serde(default)]
    pub order: Order,
    /// Seed of the order and of the resampling; derived from the run's UID if absent, and always recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    pub seed: Option<u64>,
    /// Load before the window, not measured.
    #[serde(default = "ten_seconds")]
    #[schemars(length(max = 20), regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub warmup: String,
    /// The time that is measured.
    #[serde(default = "thirty_seconds")]
    #[schemars(length(max = 20), regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub window: String,
    /// Load after the window, not measured: nothing changes before the window's last samples are taken.
    #[serde(default = "five_seconds")]
    #[schemars(length(max = 20), regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub cooldown: String,
    /// Add blocks in which one variant runs against itself: they give the floor below which a difference is noise.
    #[serde(default)]
    pub aa: bool,
    /// Number of these blocks; a third of `blocks`, and at least three, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub aa_blocks: Option<u32>,
    /// Blocks that may be run again because a trial of them was void; half of all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub retries: Option<u32>,
    /// Confidence of the verdict: one minus the largest probability of a wrong one.
    #[serde(default = "ninety_five_percent")]
    #[schemars(range(min = 0.8, max = 0.999))]
    pub confidence: f64,
    /// Known spread of the ratio between blocks, as a relative standard deviation: `testbed plan` says from it how many
    /// blocks are needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0001, max = 10.0))]
    pub spread: Option<f64>,
}

impl Default for Trials {
    fn default() -> Self {
        Self {
            blocks: ten(),
            until: None,
            order: Order::default(),
            seed: None,
            warmup: ten_seconds(),
            window: thirty_seconds(),
            cooldown: five_seconds(),
            aa: false,
            aa_blocks: None,
            retries: None,
            confidence: ninety_five_percent(),
            spread: None,
        }
    }
}

impl Trials {
    /// Returns the number of blocks that are planned, without those in which a variant runs against itself.
    #[must_use]
    pub fn planned_blocks(&self) -> u32 {
        self.until.as_ref().map_or(self.blocks, |until| until.max_blocks)
    }

    /// Returns the number of blocks in which a variant runs against itself.
    #[must_use]
    pub fn aa_blocks(&self) -> u32 {
        if self.aa { self.aa_blocks.unwrap_or_else(|| (self.blocks / 3).max(3)) } else { 0 }
    }

    /// Returns the number of blocks that may be run again.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.retries.unwrap_or_else(|| (self.blocks + self.aa_blocks()).div_ceil(2))
    }
}

fn ten() -> u32 {
    10
}

fn ten_seconds() -> String {
    "10s".into()
}

fn thirty_seconds() -> String {
    "30s".into()
}

fn five_seconds() -> String {
    "5s".into()
}

fn ninety_five_percent() -> f64 {
    0.95
}

/// A rule by which a run stops between two blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Until {
    /// Stop when the interval of every criterion is no wider than this share of its estimate, or when all are decided.
    #[schemars(range(min = 0.001, max = 10.0))]
    pub width: f64,
    /// Blocks after which it stops in any case.
    #[schemars(range(min = 1, max = 100))]
    pub max_blocks: u32,
    /// Blocks between two looks at the data: every look costs a part of the error that the verdict may have.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 100))]
    pub every: u32,
}

fn four() -> u32 {
    4
}

/// Order of the variants within each block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Shuffled in every block.
    #[default]
    Random,
    /// Rotated, so that every variant is first, second and so on equally often; which rotation a block gets is random.
    Balanced,
}

/// What a run may cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Money for clusters, in US dollars at list prices. A run that is expected to cost more is refused; one that would
    /// begin to cost more ends with what it measured. It may be raised while the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub usd: Option<f64>,
    /// Time from creation until no further block is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub duration: Option<String>,
}
