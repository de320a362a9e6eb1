//! The status of an Experiment: facts, conditions, and the phase people read.

use crate::component::{Endpoint, Source};
use crate::record::{Bucket, Pod, RecordRef, Slot};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of a run. Facts in it are latched: what may not be undone is done only on the strength of them.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct ExperimentStatus {
    /// Where the run stands, for people. Nothing decides on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Generation of the specification this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What is true of the run, one condition for each stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub targets: Vec<TargetStatus>,
    /// The workflow template as it was when the run was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PinnedTemplate>,
    /// Its project of Argo CD, once it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_status: Option<WorkflowStatus>,
    /// The trials, in the order in which they were begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<TrialsStatus>,
    /// Why the run failed. Once set it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostStatus>,
    /// The stored result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<StoredResults>,
    /// Where the result lies.
    #[serde(default, rename = "resultsURL", skip_serializing_if = "Option::is_none")]
    pub results_url: Option<String>,
    /// What the machine decided: `supported`, `refuted` or `insufficient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis_result: Option<String>,
    /// When the last stage but teardown ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// When teardown began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown_began_at: Option<Time>,
    /// Nothing of the run is left but the Experiment and its stored result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources_cleaned: Option<bool>,
    /// Where the proof of that lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown_certificate: Option<RecordRef>,
    /// When each stage ended, by condition type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stage_times: BTreeMap<String, MicroTime>,
    /// Access for a person who follows along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tutorial_status: Option<TutorialStatus>,
    /// The result is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
    /// Branch of the publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_branch: Option<String>,
    /// Number of the pull request.
    #[serde(default, rename = "publishPRNumber", skip_serializing_if = "Option::is_none")]
    pub publish_pr_number: Option<i64>,
    /// Address of the pull request.
    #[serde(default, rename = "publishPRURL", skip_serializing_if = "Option::is_none")]
    pub publish_pr_url: Option<String>,
    /// Name of the analyzer's Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis_job_name: Option<String>,
    /// Where the analysis stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis_phase: Option<String>,
    /// Where the review stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_phase: Option<String>,
    /// Where the collection of data stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration_status: Option<IterationStatus>,
}

/// Where a run stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Not accepted yet.
    Pending,
    /// Clusters and components are being made.
    Provisioning,
    /// Everything is there; the workflow is about to start.
    Ready,
    /// The workflow runs, or a user follows along.
    Running,
    /// The run succeeded.
    Complete,
    /// The run failed.
    Failed,
}

impl Phase {
    /// Returns the word as it stands in status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Provisioning => "Provisioning",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
        }
    }
}

/// One target of a run.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Name of the target.
    pub name: String,
    /// Where it stands, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Namespace its components are deployed into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Namespaces that were made for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Secret by which Argo CD knows its cluster, once it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
    /// Name of its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Address of its API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Machine type in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_type: Option<String>,
    /// Number of nodes in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_count: Option<u32>,
    /// Secret that holds its kubeconfig, in the namespace of clusters; of a cluster that someone else owns, beside the
    /// Experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret: Option<String>,
    /// Who its cluster is: the UID of its namespace `kube-system`. Another cluster at the same address is not it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// When its cluster was asked for, and so began to cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_created_at: Option<Time>,
    /// When the lab let its cluster go. One that others deleted was not asked to take away what its cloud made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_released_at: Option<Time>,
    /// When its cluster was seen to be gone, with all it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_gone_at: Option<Time>,
    /// Since when its API server has not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Time>,
    /// Since when Crossplane could not apply what its cluster is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsynced_since: Option<Time>,
    /// What its cluster, or the cloud that this was in, may hold still, now that the run is cleaned up: the cluster could not
    /// be asked any more, or it did not go when it was asked to. Each as `<kind> <name>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
    /// What its cluster is made of, each as `<apiVersion>/<kind>/<name>`: our own list, by which teardown is proven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Its components, pinned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub components: Vec<ComponentStatus>,
}

/// What a run costs, at list prices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostStatus {
    /// Currency of every amount: `USD`.
    pub currency: String,
    /// Day of the oldest list of prices that was used; absent when nothing is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// What all targets cost together, per hour; absent when a price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_usd: Option<f64>,
    /// What the run was expected to cost when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_usd: Option<f64>,
    /// What it costs if it lasts until its time to live ends, with spot nodes at their price on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_usd: Option<f64>,
    /// What its clusters cost until `countedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_usd: Option<f64>,
    /// Instant up to which `runningUsd` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Time>,
    /// What its clusters cost, once all of them are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_usd: Option<f64>,
    /// Why a price is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// One component of a target, pinned when the run was accepted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Name of the Component.
    pub name: String,
    /// Its sources as they were when the run was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Values set on it: defaults, overlaid with the experiment's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, serde_json::Value>,
    /// The Service by which it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Its address from outside its cluster, `host:port`, once it is known and if someone outside refers to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// It answers PromQL for its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_store: Option<bool>,
    /// The experiment does not name it: the lab brings it, to observe the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<bool>,
    /// Name of its Argo CD Application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Health as Argo CD sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// Sync state as Argo CD sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<String>,
}

/// A WorkflowTemplate as it was when the run was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedTemplate {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// SHA-256 of its specification, in hexadecimal: alike on every hub that has the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Where the trials of a run stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialsStatus {
    /// Seed of the order and of the resampling.
    pub seed: u64,
    /// Blocks that are planned.
    pub planned_block_count: u32,
    /// Trials that count so far.
    #[serde(default)]
    pub valid_count: u32,
    /// Trials that do not count so far.
    #[serde(default)]
    pub void_count: u32,
    /// The trials that were begun, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub begun: Vec<TrialStatus>,
    /// Why no further trial is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
}

/// Why no further trial is begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// One word for machines.
    pub reason: StopReason,
    /// A sentence for people.
    pub message: String,
}

/// Why no further trial is begun, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StopReason {
    /// Every planned block was run, and void ones again.
    Completed,
    /// The rule that was fixed beforehand says that it is decided, or narrow enough.
    Decided,
    /// More blocks were void than may be run again.
    TooManyVoid,
    /// The budget does not allow another block.
    Budget,
    /// The user ended it.
    Aborted,
}

/// One trial that was begun. What it became is in its record, once it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialStatus {
    /// Its place in the schedule.
    #[serde(flatten)]
    pub slot: Slot,
    /// When its preparation began.
    pub begun_at: MicroTime,
    /// Which pods those are that must be replaced before it starts could not be seen yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pods_unseen: bool,
    /// UIDs of the pods that must be replaced before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doomed: Vec<String>,
    /// From when on the subject has its time to become ready: since it was first looked at, and the pods that must be
    /// replaced were asked to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_from: Option<MicroTime>,
    /// Pods of the subject as they were before the window; present once they were ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Vec<Pod>>,
    /// UID of its workflow, once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_uid: Option<String>,
    /// How it ended, once it did; taken out again when the record is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<TrialEnd>,
    /// Its record, once it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordRef>,
    /// Why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
    /// It does not count for what the machine did alone: the subject had no part in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disturbed: bool,
    /// Values of the metrics that criteria speak of, by metric and in its unit: a rule that stops early looks at them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, f64>,
    /// Where those lie that are quantiles of histograms.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub buckets: BTreeMap<String, Bucket>,
}

impl TrialStatus {
    /// Returns a trial that was just begun.
    #[must_use]
    pub fn begun(slot: Slot, at: MicroTime) -> Self {
        Self {
            slot,
            begun_at: at,
            pods_unseen: false,
            doomed: Vec::new(),
            expected_from: None,
            before: None,
            workflow_uid: None,
            end: None,
            record: None,
            void: None,
            disturbed: false,
            values: BTreeMap::new(),
            buckets: BTreeMap::new(),
        }
    }
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialEnd {
    /// When that was seen.
    pub at: MicroTime,
    /// Why it could not be run to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The window it recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Pods of the subject as they were then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Pod>,
    /// By how many seconds the clock of the target's API server was ahead of the hub's then; absent on the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_seconds: Option<f64>,
}

/// The workflow of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStatus {
    /// Its name, in namespace `argo-workflows`.
    pub name: String,
    /// Its UID, once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Its phase in Argo's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// The windows it recorded, over which metrics are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
}

/// A span of time over which metrics are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Target it belongs to; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// First instant.
    pub start: MicroTime,
    /// Last instant.
    pub end: MicroTime,
    /// Who recorded the bounds: the workload itself, or Argo Workflows around its pod.
    pub recorded_by: WindowSource,
}

impl Window {
    /// Returns how long it is; zero if it ends before it begins.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::try_from(self.end.0.duration_since(self.start.0)).unwrap_or_default()
    }
}

/// Who recorded the bounds of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WindowSource {
    /// The workload, in output parameters of its step.
    Workload,
    /// Argo Workflows: start and end of the step's pod, to the second.
    Step,
    /// Argo Workflows: start and end of the whole workflow, as no step is named for a window.
    Workflow,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Condition that could not be made true.
    pub stage: String,
    /// One word for machines.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

/// The stored result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredResults {
    /// Bucket of the store.
    pub bucket: String,
    /// Key of `summary.json`; it contains the digest.
    pub key: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// The bundle by which the run can be run again, once it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<RecordRef>,
}

/// Access for a person who follows along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TutorialStatus {
    /// Services and their addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<TutorialServiceStatus>,
    /// Secrets with kubeconfigs, by target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kubeconfig_secrets: BTreeMap<String, String>,
}

/// A Service and its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TutorialServiceStatus {
    /// Name for people.
    pub name: String,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// It is there.
    #[serde(default)]
    pub ready: bool,
}

/// Where the collection of data stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IterationStatus {
    /// Number of this collection.
    pub current_iteration: u32,
    /// Largest number of collections.
    pub max_iterations: u32,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}
