//! The record of one trial: what was planned, what was seen, what was measured, and whether it counts.
//!
//! It is stored as soon as its trial is over, and holds everything that a judge needs: `testbed verify` computes gates
//! and values from it again.

use crate::experiment::{Aggregation, QueryType};
use crate::status::Window;
use crate::summary::ExpectationResult;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One trial: one measured execution of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialRecord {
    /// Its place in the schedule.
    #[serde(flatten)]
    pub slot: Slot,
    /// When its preparation began.
    pub begun_at: MicroTime,
    /// When its workflow was seen to be over, or it was given up.
    pub ended_at: MicroTime,
    /// Why it could not be run to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Its workflow, as it was submitted and as it ended; absent if it was never submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<TrialWorkflow>,
    /// The time that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Pods of the subject before the window.
    pub before: Vec<Pod>,
    /// Pods of the subject after the window.
    pub after: Vec<Pod>,
    /// What the load generator says of itself; absent if it said nothing that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadReport>,
    /// The machine it ran on.
    pub machine: Fingerprint,
    /// What was noted beside the samples: throttling, and what else may disturb.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Reading>,
    /// One sample for each metric.
    pub samples: BTreeMap<String, Sample>,
    /// Whether it counts, gate by gate.
    pub gates: Vec<Gate>,
    /// Why it does not count; absent if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

/// The place of a trial in the schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// Its name, unique within the run: `b03-2-prometheus`, or `a01-1-prometheus` in a block against itself.
    pub trial: String,
    /// Its block; blocks of a variant against itself are numbered by themselves.
    pub block: u32,
    /// Its position within the block, from 1.
    pub position: u32,
    /// The variant it measures.
    pub variant: String,
    /// It is of a block in which one variant runs against itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aa: bool,
}

/// The workflow of a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialWorkflow {
    /// Its name.
    pub name: String,
    /// Its phase in Argo's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What it said of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its parameters, as given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// A pod of the subject, at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its UID: a pod that was replaced by one of the same name is another.
    pub uid: String,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The node it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// It was ready.
    pub ready: bool,
    /// Since when it was ready, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Restarts of its containers, together.
    pub restarts: i32,
    /// Why a container of it ended last: `OOMKilled`, `Error` ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_end: Option<String>,
    /// Why the pod itself ended: `Evicted` ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// It was being deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
    /// Images of its containers, by container, as digests where the runtime knows them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
}

/// The machine of a trial: trials of unlike machines are not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Fingerprint {
    /// Model of the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Number of processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// Memory of the node, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_kib: Option<u64>,
    /// Frequency governor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Version of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Processor architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Type of the node, as its cloud names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_type: Option<String>,
    /// Version of the kubelet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<String>,
    /// Version of the container runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Nodes that the subject's pods were on; more than one of them is told by count, not by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_count: Option<u32>,
}

/// What the load generator says of one window, as far as it is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadReport {
    /// Requests per second that were meant to start.
    #[serde(alias = "rateIntended", skip_serializing_if = "Option::is_none")]
    pub rate_intended_per_second: Option<f64>,
    /// Requests per second of the window that were answered as expected, in it or at most a twentieth of it later.
    #[serde(alias = "rateAchieved", skip_serializing_if = "Option::is_none")]
    pub rate_achieved_per_second: Option<f64>,
    /// How many requests there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
    /// Requests that started 5 ms or more after their intended start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_starts: Option<u64>,
    /// From the intended to the real start, by quantile, in seconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub start_delay_seconds: BTreeMap<String, f64>,
    /// From the intended start to the last byte, by quantile, in seconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub latency_seconds: BTreeMap<String, f64>,
    /// CPU time of the generator within the window, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// Length of the window, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<f64>,
    /// How much the wall clock moved against the steady one, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_shift_seconds: Option<f64>,
    /// Seed of its arrivals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The machine it ran on, over the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineReport>,
}

/// How many requests a window had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Requests {
    /// Meant to start.
    pub intended: u64,
    /// Of these, started.
    pub sent: u64,
    /// Of these, answered as expected.
    pub succeeded: u64,
    /// Intended, not answered as expected.
    pub failed: u64,
    /// The failed ones by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, u64>,
}

/// The machine, as the load generator saw it over the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MachineReport {
    /// Model of the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Number of processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Version of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Frequency governor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Share of CPU time that the hypervisor gave to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steal_ratio: Option<f64>,
    /// Share of the window in which something waited for CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_pressure_ratio: Option<f64>,
    /// Share of the window in which something waited for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_pressure_ratio: Option<f64>,
    /// Share of the window in which something waited for a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_pressure_ratio: Option<f64>,
}

/// One value with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// One metric of one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Unit of its values; `1` for a pure number.
    pub unit: String,
    /// The one value of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// The query, with variables filled in.
    pub query: String,
    /// Which store answered.
    pub source: String,
    /// How it was asked.
    #[serde(rename = "type")]
    pub kind: QueryType,
    /// How the points became the value.
    #[serde(default, skip_serializing_if = "Aggregation::is_default")]
    pub aggregation: Aggregation,
    /// The answer.
    pub series: Vec<Series>,
    /// Distance of the points of a range query, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<f64>,
    /// Samples that the store holds of what the query reads, within the window; of the series that has fewest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_count: Option<u64>,
    /// Fewest samples with which the value means something.
    #[serde(default)]
    pub needed_count: u64,
    /// The bucket that a quantile of a histogram falls into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// How the value stands to what the load was meant to make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<ExpectationResult>,
}

/// One series of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its points, in order of time.
    pub points: Vec<SeriesPoint>,
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesPoint {
    /// Instant.
    pub timestamp: MicroTime,
    /// Value; absent where the store answered what is not a number.
    pub value: Option<f64>,
}

/// The bucket of a histogram that a quantile falls into: between its bounds nothing is known. Of a query over time, what the
/// lower and the upper bounds of its points become, as the points become the value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Its lower bound, in the metric's unit; absent if it has none, or none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Its upper bound, in the metric's unit; absent for the last one, which has none, or if none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<f64>,
    /// Unit of the bounds.
    pub unit: String,
}

/// A condition that a trial must meet to count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Which one.
    pub gate: GateKind,
    /// It is met.
    pub passed: bool,
    /// What that rests on, in a sentence with numbers.
    pub evidence: String,
}

/// The conditions, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GateKind {
    /// The trial ran to its end and recorded a window.
    Ran,
    /// The subject was there, the same, ready before, during and after the window.
    SubjectPresent,
    /// The load was the intended one, and the generator not the bottleneck.
    LoadReal,
    /// Every metric has samples over the window.
    DataThere,
    /// The samples are numbers that can mean what they are said to mean.
    DataSane,
    /// The machine is the one of the other trials, and nothing else disturbed it.
    SameMachine,
}

impl GateKind {
    /// Returns the words people read.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ran => "trial ran",
            Self::SubjectPresent => "subject present",
            Self::LoadReal => "load real",
            Self::DataThere => "data there",
            Self::DataSane => "data sane",
            Self::SameMachine => "same machine",
        }
    }
}

/// Where the record of a trial lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordRef {
    /// Key in the store of results; it contains the digest.
    pub key: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}
