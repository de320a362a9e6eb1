//! The certificate of a teardown: what was made for a run, and the proof that it is gone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of this document.
pub const SCHEMA_VERSION: &str = "testbed-teardown/v1";

/// What was made for a run, and the proof that it is gone. Stored beside the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("$id" = "testbed-teardown/v1"))]
pub struct Certificate {
    /// [`SCHEMA_VERSION`].
    pub schema: String,
    /// Version of the operator that looked.
    pub testbed_version: String,
    /// Name of the Experiment.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID, which every object of the run is labeled with.
    pub uid: String,
    /// When the Experiment was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When it was seen that nothing is left.
    pub at: MicroTime,
    /// What was made, as far as it is on record.
    pub made: Vec<Made>,
    /// Lists in which whatever is left would have been.
    pub looks: Vec<Look>,
    /// What may be there still, because the cluster of its target could not be asked any more, or it did not go when it was
    /// asked to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<LeftBehind>,
}

/// What may be in the cluster of a target still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftBehind {
    /// Name of the target.
    pub target: String,
    /// What it is: `<kind> <name>`.
    pub what: String,
}

/// One object that was made for a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// Its kind.
    pub kind: String,
    /// Its name; of the resources of a cluster, API version, kind and name.
    pub name: String,
    /// Its namespace, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The target in whose cluster it was; absent for the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// One list, read from a quorum of the store, that was empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Kind that was listed.
    pub kind: String,
    /// Namespace that was looked into; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The target whose cluster was asked; absent for the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Selector of labels.
    pub labels: String,
    /// State of the store that was looked at.
    pub resource_version: String,
}
