//! The Component: a unit of the catalog that targets deploy.

#![allow(
    clippy::duplicated_attributes,
    reason = "columns share words, and are told apart by the list they stand in"
)]

use kube_derive::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A reusable building block, referenced by `spec.targets[].components[].app` of an Experiment.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "experiments.illm.io",
    version = "v1alpha1",
    kind = "Component",
    status = "ComponentStatus",
    derive = "PartialEq",
    shortname = "comp",
    category = "testbed",
    doc = "A reusable building block of experiments",
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(
        name = "Revision",
        type_ = "string",
        json_path = ".spec.sources[0].targetRevision",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct ComponentSpec {
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Kind of building block.
    #[serde(default, rename = "type")]
    pub kind: ComponentKind,
    /// Where its manifests come from: a list of sources, or the short form `{helm: {repo, chart, version}}`.
    #[serde(default)]
    #[schemars(schema_with = "anything")]
    pub sources: Value,
    /// What may be set: a list of `{name, type, default, required, description}`, or a map from name to default.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "anything")]
    pub parameters: Value,
    /// How it is observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<ComponentObservability>,
    /// The Service by which other parts of a run reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

/// Schema of a field with two accepted shapes; the rules for both are checked on admission.
fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

/// Kind of building block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ComponentKind {
    /// Something that runs.
    #[default]
    App,
    /// WorkflowTemplates.
    Workflow,
    /// Configuration of others.
    Config,
}

/// How a component is observed. Pods are scraped as their annotations `prometheus.io/scrape`, `prometheus.io/port` and
/// `prometheus.io/path` say; what stands here says the same to people, but for `metricsStore`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentObservability {
    /// Ask for a ServiceMonitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_monitor: Option<bool>,
    /// Ask for a PodMonitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_monitor: Option<bool>,
    /// Labels that select its pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_labels: Option<std::collections::BTreeMap<String, String>>,
    /// HTTP path of its metrics; `/metrics` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_path: Option<String>,
    /// Port of its metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_port: Option<i32>,
    /// The component answers PromQL for its whole target: collection asks it first.
    /// A store that is itself the subject of an experiment must not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_store: Option<bool>,
}

/// A Service and port within the namespace of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Name of the Service.
    pub service: String,
    /// Port of the Service.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Scheme of its URL.
    #[serde(default = "http")]
    pub scheme: String,
}

fn http() -> String {
    "http".into()
}

/// One place manifests come from, in the words of Argo CD.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Git repository, Helm repository or `oci://` reference.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Branch, tag, chart version or digest; `HEAD` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_revision: Option<String>,
    /// Folder within a Git repository or artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Chart of a Helm repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// Helm settings; present, the source is rendered by Helm and takes params.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<Helm>,
}

/// Settings of a source that Helm renders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Helm {
    /// Release name; the component's name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_name: Option<String>,
    /// Files of values within the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value_files: Vec<String>,
    /// The same, under the name the original used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Values set by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<HelmParameter>,
}

/// One value given to Helm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelmParameter {
    /// Dotted path of the value.
    pub name: String,
    /// The value.
    pub value: String,
    /// Keep the value a string even if it reads as a number or a boolean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_string: Option<bool>,
}

/// One thing that may be set on a component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// Dotted path of the value.
    pub name: String,
    /// Type of the value.
    #[serde(default, rename = "type")]
    pub kind: ParameterKind,
    /// Value if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A value must be given.
    #[serde(default)]
    pub required: bool,
    /// Why setting it changes nothing: it is accepted for the sake of experiments that set it, and this is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_effect: Option<String>,
}

/// Type of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    /// Text.
    #[default]
    String,
    /// Whole number.
    Int,
    /// `true` or `false`.
    Bool,
}

/// Observed state of a Component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition>,
}
