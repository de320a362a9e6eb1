//! The Experiment: a question, what is deployed to answer it, and how the answer is measured.

#![allow(
    clippy::duplicated_attributes,
    reason = "columns share words, and are told apart by the list they stand in"
)]

use crate::status::ExperimentStatus;
use crate::trials::{Budget, Trials, Variant};
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is asked, deployed, run and measured. What it asks is fixed at creation; `ttlDays`, `paused`, `aborted` and
/// `budget` say how it goes on, and may change.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "experiments.illm.io",
    version = "v1alpha1",
    kind = "Experiment",
    namespaced,
    status = "ExperimentStatus",
    derive = "PartialEq",
    shortname = "exp",
    category = "testbed",
    // Of ten thousand runs that are over nobody needs to hear who asks for those that are not.
    selectable = ".status.resourcesCleaned",
    doc = "One benchmark run: its question, its targets, its load, its metrics and its result",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.hypothesisResult"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".spec.targets[*].name", priority = 1),
    printcolumn(
        name = "Workflow",
        type_ = "string",
        json_path = ".status.workflowStatus.phase",
        priority = 1
    ),
    printcolumn(name = "Cleaned", type_ = "boolean", json_path = ".status.resourcesCleaned", priority = 1),
    printcolumn(name = "ResultsURL", type_ = "string", json_path = ".status.resultsURL", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.targets) || self.targets.all(t, !has(t.depends) || t.depends.all(d, d != t.name && self.targets.exists(u, u.name == d)))")
        .message("targets[].depends must name other targets of this experiment"),
    validation = Rule::new("!has(self.tutorial) || !has(self.tutorial.services) || self.tutorial.services.all(s, self.targets.exists(t, t.name == s.target))")
        .message("tutorial.services[].target must name a target of this experiment"),
    validation = Rule::new("self.targets == oldSelf.targets").message("targets cannot change after creation: create a new Experiment"),
    validation = Rule::new("self.workflow == oldSelf.workflow").message("workflow cannot change after creation: create a new Experiment"),
    validation = Rule::new("has(self.metrics) == has(oldSelf.metrics) && (!has(self.metrics) || self.metrics == oldSelf.metrics)")
        .message("metrics cannot change after creation: create a new Experiment"),
    validation = Rule::new("has(self.tutorial) == has(oldSelf.tutorial) && (!has(self.tutorial) || self.tutorial == oldSelf.tutorial)")
        .message("tutorial cannot change after creation: create a new Experiment"),
    validation = Rule::new("has(self.hypothesis) == has(oldSelf.hypothesis) && (!has(self.hypothesis) || self.hypothesis == oldSelf.hypothesis)")
        .message("hypothesis cannot change after creation: create a new Experiment"),
    validation = Rule::new("has(self.variants) == has(oldSelf.variants) && (!has(self.variants) || self.variants == oldSelf.variants)")
        .message("variants cannot change after creation: create a new Experiment"),
    validation = Rule::new("has(self.trials) == has(oldSelf.trials) && (!has(self.trials) || self.trials == oldSelf.trials)")
        .message("trials cannot change after creation: create a new Experiment"),
    validation = Rule::new("!has(oldSelf.aborted) || !oldSelf.aborted || (has(self.aborted) && self.aborted)")
        .message("aborted cannot be taken back: create a new Experiment"),
)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentSpec {
    /// Title of the page and the pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub title: Option<String>,
    /// What the experiment is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
    /// Words by which the site groups experiments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 63)))]
    pub tags: Vec<String>,
    /// Series of experiments it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub series: Option<String>,
    /// Publish the result to the benchmark site and have it analyzed.
    #[serde(default)]
    pub publish: bool,
    /// Days after creation at which the Experiment is torn down and deleted. Stored results stay.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 365))]
    pub ttl_days: u32,
    /// Where things are deployed.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(min = 1, max = 16))]
    pub targets: Vec<Target>,
    /// What drives the load.
    pub workflow: Workflow,
    /// What is measured; CPU and memory per pod if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 50))]
    pub metrics: Vec<Metric>,
    /// The claim that the result is to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<Hypothesis>,
    /// The things under comparison; each trial measures one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 8))]
    pub variants: Vec<Variant>,
    /// How often, in which order and for how long each variant is measured.
    /// Without it the workflow runs once, and what it yields are observations, never a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<Trials>,
    /// What the run may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Begin no further trial until this is false again; the trial that runs goes on to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Begin no further trial, decide from what is measured, and clean up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborted: bool,
    /// Access for a person who follows along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tutorial: Option<Tutorial>,
    /// How complete the data must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_gate: Option<QualityGate>,
    /// Code shown on the page.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub code_snippets: BTreeMap<String, CodeSnippet>,
    /// Which parts of the analysis are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analyzer_config: Option<AnalyzerConfig>,
}

impl ExperimentSpec {
    /// Returns a variant by its name.
    #[must_use]
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// Returns the target of a variant: without variants each target is one.
    #[must_use]
    pub fn target_of<'a>(&'a self, variant: &'a str) -> &'a str {
        self.variant(variant).map_or(variant, Variant::target)
    }
}

fn one() -> u32 {
    1
}

/// One place where components are deployed.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Name, unique within the experiment.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The cluster it is.
    pub cluster: Cluster,
    /// What is deployed into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub components: Vec<ComponentRef>,
    /// How it is observed from the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<Observability>,
    /// Targets whose components must be ready first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 40)))]
    pub depends: Vec<String>,
}

/// The cluster of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Kind of cluster.
    #[serde(rename = "type")]
    pub kind: ClusterType,
    /// Zone of the cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub zone: Option<String>,
    /// Number of nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub node_count: Option<u32>,
    /// Machine type of the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$"))]
    pub machine_type: Option<String>,
    /// Disk of a node, in GB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 2000))]
    pub disk_size_gb: Option<u32>,
    /// Use spot nodes.
    #[serde(default)]
    pub preemptible: bool,
    /// Version of Kubernetes, such as `1.33`; what the provider takes by itself if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[0-9]+\.[0-9]+([-.A-Za-z0-9]*)$"))]
    pub version: Option<String>,
    /// Of a target of type `existing`: the Secret beside the Experiment whose key `kubeconfig` leads to the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub kubeconfig_secret: Option<String>,
}

/// Kind of cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterType {
    /// The cluster the lab itself runs in; nothing is made or paid for.
    #[default]
    Hub,
    /// A throw-away cluster on the hub's machine.
    Local,
    /// A cluster someone else owns, reached by a kubeconfig Secret.
    Existing,
    /// Google Kubernetes Engine.
    Gke,
    /// Amazon Elastic Kubernetes Service.
    Eks,
    /// Azure Kubernetes Service.
    Aks,
}

impl ClusterType {
    /// Returns whether the lab makes it, and so has to take it away again.
    #[must_use]
    pub const fn is_made(self) -> bool {
        !matches!(self, Self::Hub | Self::Existing)
    }

    /// Returns whether it is made in a cloud, which costs, and which makes load balancers and disks for it that do not go
    /// with it.
    #[must_use]
    pub const fn is_of_a_cloud(self) -> bool {
        matches!(self, Self::Gke | Self::Eks | Self::Aks)
    }

    /// Returns whether it runs on other machines than the hub's.
    #[must_use]
    pub const fn is_elsewhere(self) -> bool {
        !matches!(self, Self::Hub | Self::Local)
    }

    /// Returns the word as it stands in an Experiment.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Local => "local",
            Self::Existing => "existing",
            Self::Gke => "gke",
            Self::Eks => "eks",
            Self::Aks => "aks",
        }
    }
}

/// A component to deploy, with what is set on it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("(has(self.app) ? 1 : 0) + (has(self.workflow) ? 1 : 0) + (has(self.config) ? 1 : 0) == 1")
        .message("exactly one of app, workflow and config must be given")
)]
#[serde(rename_all = "camelCase")]
pub struct ComponentRef {
    /// Name of a Component that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub app: Option<String>,
    /// Name of a Component that holds workflows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub workflow: Option<String>,
    /// Name of a Component that holds configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub config: Option<String>,
    /// Values set on it, by dotted path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

impl ComponentRef {
    /// Returns the name of the Component, whichever of the three fields holds it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.app.as_deref().or(self.workflow.as_deref()).or(self.config.as_deref()).unwrap_or_default()
    }
}

/// How a target is observed from the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observability {
    /// Bring the agent that sends metrics to the hub.
    pub enabled: bool,
    /// Way from the target to the hub.
    pub transport: Transport,
    /// Tenant of the metrics store; without effect in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub tenant: Option<String>,
}

/// Way from a target to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// The hub is reachable from the target.
    Direct,
    /// Through a tailnet.
    Tailscale,
}

/// What drives the load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// Name of an Argo WorkflowTemplate in namespace `argo-workflows`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub template: String,
    /// When the run ends.
    pub completion: Completion,
    /// Parameters of the workflow. Values may name `${targets.<target>.namespace}`,
    /// `${targets.<target>.<component>.endpoint}` (a URL) and `${targets.<target>.<component>.address}` (host:port).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// When a run ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completion {
    /// What ends it.
    pub mode: CompletionMode,
}

/// What ends a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CompletionMode {
    /// The workflow's end.
    #[default]
    Workflow,
    /// The user's deletion, or the time to live.
    Manual,
}

/// One thing that is measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Key in the result.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub name: String,
    /// PromQL. Knows `$EXPERIMENT`, `$NAMESPACE`, `$TARGET` and `$DURATION` (length of the window); in trials also
    /// `$VARIANT` and `$TRIAL`. A query that names `$NAMESPACE` or `$TARGET` is asked once for each target, in trials
    /// every query once for each trial.
    #[schemars(length(min = 1, max = 16384))]
    pub query: String,
    /// Targets it is asked for; if absent, all of them for a query that names `$NAMESPACE` or `$TARGET`,
    /// and once for the whole run otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 40)))]
    pub targets: Vec<String>,
    /// At the end of the window, or over it.
    #[serde(default, rename = "type")]
    pub kind: QueryType,
    /// What the series is by nature. Checked against how the query reads it.
    #[serde(default, rename = "kind", skip_serializing_if = "Option::is_none")]
    pub nature: Option<MetricKind>,
    /// How the points of a range query become one value.
    #[serde(default, skip_serializing_if = "Aggregation::is_default")]
    pub aggregation: Aggregation,
    /// Unit of the values: `bytes`, `seconds`, `cores`, `samples/s` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub unit: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// Group on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub group: Option<String>,
    /// What the load is meant to make this be. A trial with a value outside is void, and its block is run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expectation>,
}

impl Metric {
    /// Returns the unit of its values; `1` for a pure number.
    #[must_use]
    pub fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or("1")
    }

    /// Returns whether it is asked for a target.
    #[must_use]
    pub fn is_of(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target)
    }
}

/// An intended value and how far from it still counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Expectation {
    /// The intended value, in the metric's unit.
    pub value: f64,
    /// Largest relative deviation that still counts as the intended value.
    #[serde(default = "five_percent")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
}

fn five_percent() -> f64 {
    0.05
}

/// How a query is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueryType {
    /// Once, at the end of the window.
    #[default]
    Instant,
    /// At steps over the window.
    Range,
}

/// What a series is by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A count that only grows, but for restarts.
    Counter,
    /// Counts of observations by bucket.
    Histogram,
    /// Quantiles that the subject computed itself.
    Summary,
}

impl MetricKind {
    /// Returns the word as it stands in an Experiment.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// How the points of a range query become one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aggregation {
    /// Their arithmetic mean.
    #[default]
    Mean,
    /// Their median.
    Median,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The last.
    Last,
}

impl Aggregation {
    /// Returns whether it is what is done unless something else is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The claim that the result is to decide.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hypothesis {
    /// The claim, in a sentence.
    #[schemars(length(min = 1, max = 1024))]
    pub claim: String,
    /// Questions the text should answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 1024)))]
    pub questions: Vec<String>,
    /// What the text should look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 1024)))]
    pub focus: Vec<String>,
    /// Comparisons between variants. The hypothesis is supported only if all of them are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub criteria: Vec<Criterion>,
    /// Comparisons of a metric with a constant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub success_criteria: Vec<SuccessCriterion>,
}

/// The ratio of a metric between two variants, against a bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Criterion {
    /// Name of the metric.
    #[schemars(length(min = 1, max = 63))]
    pub metric: String,
    /// Two variants: the ratio is first over second. Without trials, two targets.
    #[schemars(length(min = 2, max = 2))]
    pub compare: Vec<String>,
    /// How the ratio must stand to the bound.
    pub operator: Operator,
    /// The bound of the ratio.
    pub value: f64,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
}

/// A metric against a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuccessCriterion {
    /// Name of the metric.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub metric: String,
    /// How the value must stand to the bound.
    pub operator: Operator,
    /// The bound, a number written as text, in the metric's unit.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"))]
    pub value: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
}

/// How a value must stand to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
}

impl Operator {
    /// Returns whether `value` stands to `bound` as asked.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Lt => value < bound,
            Self::Lte => value <= bound,
            Self::Gt => value > bound,
            Self::Gte => value >= bound,
        }
    }

    /// Returns the sign people write.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "≤",
            Self::Gt => ">",
            Self::Gte => "≥",
        }
    }
}

/// Access for a person who follows along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tutorial {
    /// Put each target's kubeconfig into a Secret beside the Experiment.
    #[serde(default)]
    pub expose_kubeconfig: bool,
    /// File with the tutorial's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub path: Option<String>,
    /// Services whose address is put into status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub services: Vec<TutorialService>,
}

/// A Service whose address is put into status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TutorialService {
    /// Name for people.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Target it is in.
    #[schemars(length(min = 1, max = 40))]
    pub target: String,
    /// Name of the Service.
    #[schemars(length(min = 1, max = 63))]
    pub service: String,
    /// Namespace of the Service.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Port of the Service; its first one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
}

/// How complete the data must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualityGate {
    /// Judge at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Largest number of collections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5))]
    pub max_iterations: Option<u32>,
    /// Smallest share of metrics with data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_data_coverage: Option<f64>,
    /// Seconds before collecting again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub recollect_delay_seconds: Option<u32>,
}

fn yes() -> bool {
    true
}

/// Code shown on the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeSnippet {
    /// Name for people.
    #[schemars(length(max = 200))]
    pub name: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// Language it is written in.
    #[schemars(length(max = 40))]
    pub language: String,
    /// Repository it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub repo: Option<String>,
    /// File it is in.
    #[schemars(length(max = 1024))]
    pub path: String,
    /// First line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub start_line: Option<u32>,
    /// Last line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub end_line: Option<u32>,
    /// Revision.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub reference: Option<String>,
    /// Targets that run it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub used_by: Vec<String>,
}

/// Which parts of the analysis are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalyzerConfig {
    /// The parts; an empty list asks for none.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub sections: Vec<AnalyzerSection>,
}

/// One part of the analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AnalyzerSection {
    /// A few sentences that open with the verdict.
    Abstract,
    /// Each target by itself.
    TargetAnalysis,
    /// Performance findings.
    PerformanceAnalysis,
    /// A sentence for each metric.
    MetricInsights,
    /// What it would cost in production.
    FinopsAnalysis,
    /// What it means for security.
    SecopsAnalysis,
    /// The narrative.
    Body,
    /// Table of capabilities.
    CapabilitiesMatrix,
    /// What to do next.
    Feedback,
    /// A picture of what ran.
    ArchitectureDiagram,
    /// Words explained.
    Glossary,
}
