//! The bundle of a run: all that it takes to run the same experiment again, in one file.
//!
//! It holds what was asked, what was deployed and what was measured, and never a Secret. What could not be taken along
//! is named in it, with the reason.

use crate::summary::Summary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of this schema, raised on every change that a reader could notice.
pub const SCHEMA_VERSION: &str = "testbed-bundle/v1";

/// Everything that is needed to run an experiment again and to compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// Version of this schema.
    pub schema: String,
    /// Version of testbed that wrote it.
    pub testbed_version: String,
    /// The summary, whole: the specification as run, schedule, seed, samples, statistics and verdict.
    /// In the stored file it stands letter for letter as it is stored by itself, but for the line feed at its end.
    pub summary: Summary,
    /// SHA-256 of the summary as it is stored by itself, in hexadecimal.
    pub summary_sha256: String,
    /// Specifications of the Components by name, with their sources as they were pinned.
    pub components: BTreeMap<String, Value>,
    /// The workflow template as it was pinned; absent if it was another one by the time of collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<BundledTemplate>,
    /// Content of the pinned sources that are in the registry of the hub.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// The objects that were deployed, as the API server had them at the end of the run: Deployments, StatefulSets,
    /// DaemonSets, Services and ConfigMaps, without what only a server reads.
    #[serde(default)]
    pub manifests: Vec<Value>,
    /// What is not in it although it belongs to the run, each with the reason.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// A workflow template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundledTemplate {
    /// Its name.
    pub name: String,
    /// Its specification.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub spec: Value,
}

/// An artifact of an OCI registry, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Its repository, such as `oci://registry.registry.svc.cluster.local:5000/components/hello-app`.
    pub reference: String,
    /// Digest of its manifest, as sources name it: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Media type of its manifest.
    pub media_type: String,
    /// Its manifest, in Base64.
    pub manifest: String,
    /// What its manifest refers to: its configuration, then its layers.
    pub blobs: Vec<Blob>,
}

/// A blob of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blob {
    /// Its digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its content, in Base64.
    pub data: String,
}
