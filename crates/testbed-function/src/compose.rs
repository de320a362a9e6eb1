//! From a composite, and what is there of it, to the objects it wants: a pure function.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use testbed_api::experiment::ClusterType;
use testbed_core::machines;

use crate::{
    aks, eks, gke,
    keys::{KeyError, Keys},
    local,
};

/// Labels that go from the composite to everything that is made for it.
const LABEL_PREFIX: &str = "experiments.illm.io/";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Key of the kubeconfig in its Secret, whatever the type.
pub const KUBECONFIG: &str = "kubeconfig";

/// A composite cannot be composed; nothing that exists is touched.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The composite or the settings are not what the schema says.
    #[error("the {what} cannot be read: {why}")]
    Unreadable {
        /// Which of them.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// Nobody knows how large that machine is.
    #[error("machine type `{0}` is not known, so a local cluster cannot be as large")]
    Machine(String),
    /// A cloud has no such zone.
    #[error("zone `{zone}` is not one of {cloud}, for example `{example}`")]
    Zone {
        /// What was asked for.
        zone: String,
        /// The cloud.
        cloud: &'static str,
        /// What it could be.
        example: &'static str,
    },
    /// A key or certificate could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// `input` of the Composition's step.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Image of a node of a local cluster.
    pub cluster_image: String,
    /// Registry that local clusters pull from.
    pub registry: String,
}

/// What the function does not make up by itself.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// The time.
    pub now: Timestamp,
    /// Where keys come from.
    pub keys: &'a dyn Keys,
}

/// Where a cluster is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// In pods of the hub.
    Local,
    /// By Google.
    Gke,
    /// By Amazon.
    Eks,
    /// By Microsoft.
    Aks,
}

impl Type {
    /// The same as an Experiment says it.
    const fn kind(self) -> ClusterType {
        match self {
            Self::Local => ClusterType::Local,
            Self::Gke => ClusterType::Gke,
            Self::Eks => ClusterType::Eks,
            Self::Aks => ClusterType::Aks,
        }
    }

    /// Machine type of nodes that name none.
    pub(crate) fn default_machine(self) -> &'static str {
        machines::default_machine(self.kind()).unwrap_or_default()
    }

    /// Zone of a cluster that names none; nothing for one that is in no cloud.
    pub(crate) fn default_zone(self) -> &'static str {
        machines::default_zone(self.kind()).unwrap_or_default()
    }
}

/// `spec` of an ExperimentCluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Where it is made.
    pub r#type: Type,
    /// How many nodes.
    #[serde(default = "node_count")]
    pub node_count: u32,
    /// How large each is.
    pub machine_type: Option<String>,
    /// Where exactly.
    pub zone: Option<String>,
    /// Whether nodes may be taken away, for less money.
    #[serde(default)]
    pub spot: bool,
    /// Disk of each node in GiB.
    pub disk_size_gb: Option<u32>,
    /// Version of Kubernetes.
    pub version: Option<String>,
}

fn node_count() -> u32 {
    machines::NODE_COUNT
}

// What the Experiment does not say is what its price was reckoned with.
impl Spec {
    /// How large each node is.
    pub(crate) fn machine_type(&self) -> String {
        self.machine_type.clone().unwrap_or_else(|| self.r#type.default_machine().into())
    }

    /// Where exactly it is made.
    pub(crate) fn zone(&self) -> String {
        self.zone.clone().unwrap_or_else(|| self.r#type.default_zone().into())
    }

    /// Disk of each node in GiB.
    pub(crate) fn disk_gb(&self) -> u32 {
        self.disk_size_gb.unwrap_or(machines::DISK_SIZE_GB)
    }
}

/// `status` of an ExperimentCluster, as far as it is ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// URL of its API server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Secret beside the composite that holds its kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret: Option<String>,
    /// Machine type in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_type: Option<String>,
    /// Zone in effect; a local cluster has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Number of nodes in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_count: Option<u32>,
    /// What it waits for, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Pods that were seen. One that is gone is known by this, and is not made again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
}

/// A pod that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Which of those that had the name.
    pub uid: String,
}

/// The composite, read.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name, which all names of its objects begin with.
    pub name: String,
    /// Its namespace, which all its objects are in.
    pub namespace: String,
    /// Those of its labels that all its objects bear.
    pub labels: BTreeMap<String, String>,
    /// What is asked for.
    pub spec: Spec,
    /// What was said of it before.
    pub status: Status,
}

impl Cluster {
    fn read(composite: &Value) -> Result<Self, ComposeError> {
        let unreadable = |why: String| ComposeError::Unreadable { what: "ExperimentCluster", why };
        let text = |at: &str| composite.pointer(at).and_then(Value::as_str).map(ToOwned::to_owned);
        let labels = composite.pointer("/metadata/labels").and_then(Value::as_object);
        let labels = labels
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.starts_with(LABEL_PREFIX) || *key == MANAGED_BY)
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        let status = composite.get("status").cloned().unwrap_or_else(|| json!({}));
        Ok(Self {
            name: text("/metadata/name").ok_or_else(|| unreadable("it has no name".into()))?,
            namespace: text("/metadata/namespace").ok_or_else(|| unreadable("it has no namespace".into()))?,
            labels,
            spec: Spec::deserialize(composite.get("spec").unwrap_or(&Value::Null))
                .map_err(|error| unreadable(error.to_string()))?,
            status: Status::deserialize(status).map_err(|error| unreadable(error.to_string()))?,
        })
    }

    /// Metadata of an object that is made for it.
    pub(crate) fn metadata(&self, name: &str) -> Map<String, Value> {
        let mut metadata = Map::new();
        metadata.insert("name".into(), name.into());
        metadata.insert("namespace".into(), self.namespace.clone().into());
        if !self.labels.is_empty() {
            metadata.insert("labels".into(), json!(self.labels));
        }
        metadata
    }

    /// The Secret that holds its kubeconfig.
    pub(crate) fn kubeconfig_secret(&self) -> String {
        format!("{}-kubeconfig", self.name)
    }
}

/// What is there, by the names that the objects have in the composition.
pub type Observed = BTreeMap<String, Value>;

/// An object that is wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wanted {
    /// Whether it does its work.
    pub ready: bool,
    /// The object: exactly the fields we own.
    pub object: Value,
}

/// What is wanted of a composite.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Composed {
    /// Whether the cluster can be used.
    pub ready: bool,
    /// Why it can never be used again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
    /// What is said of it.
    pub status: Status,
    /// Its objects by their names in the composition.
    pub resources: BTreeMap<String, Wanted>,
    /// What people should know, without anything being wrong with the cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// From a composite, and what is there of it, to the objects it wants.
///
/// # Errors
/// If what is asked for makes no sense. Then everything stays as it is.
pub fn compose(
    composite: &Value,
    observed: &Observed,
    settings: &Settings,
    tools: Tools<'_>,
) -> Result<Composed, ComposeError> {
    let cluster = Cluster::read(composite)?;
    match cluster.spec.r#type {
        Type::Local => local::compose(&cluster, observed, settings, tools),
        Type::Gke => gke::compose(&cluster, observed),
        Type::Eks => eks::compose(&cluster, observed),
        Type::Aks => aks::compose(&cluster, observed),
    }
}

/// Objects of a cloud, which depend on each other.
pub(crate) struct Cloud<'a> {
    cluster: &'a Cluster,
    observed: &'a Observed,
    resources: BTreeMap<String, Wanted>,
    /// What is not asked for yet, since it would only be refused.
    later: BTreeSet<String>,
    message: Option<String>,
}

impl<'a> Cloud<'a> {
    pub(crate) fn new(cluster: &'a Cluster, observed: &'a Observed) -> Self {
        Self { cluster, observed, resources: BTreeMap::new(), later: BTreeSet::new(), message: None }
    }

    /// Adds a managed resource that can be asked for at once. `name` is its name in the composition, and ends its own.
    pub(crate) fn add(&mut self, name: &str, api_version: &str, kind: &str, spec: Value) {
        self.add_after(&[], name, api_version, kind, spec);
    }

    /// Adds a managed resource once those it needs are ready. What is there stays wanted whatever becomes of them.
    pub(crate) fn add_after(
        &mut self,
        needs: &[&str],
        name: &str,
        api_version: &str,
        kind: &str,
        spec: Value,
    ) {
        let there = self.observed.get(name);
        if there.is_none() && !needs.iter().all(|need| self.is_ready(need)) {
            self.later.insert(name.into());
            return;
        }
        let ready = there.is_some_and(|object| condition(object, "Ready") == Some("True"));
        if !ready && self.message.is_none() {
            self.message = Some(waits_for(kind, &self.name(name), there));
        }
        let object = json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": self.cluster.metadata(&self.name(name)),
            "spec": spec,
        });
        self.resources.insert(name.into(), Wanted { ready, object });
    }

    /// Full name of what is called `name` in the composition.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.cluster.name)
    }

    /// Reference to what is called `name` in the composition.
    pub(crate) fn reference(&self, name: &str) -> Value {
        json!({"name": self.name(name)})
    }

    /// Where a provider puts the kubeconfig: always beside the object, so without a namespace.
    pub(crate) fn kubeconfig(&self) -> Value {
        json!({"name": self.cluster.kubeconfig_secret()})
    }

    pub(crate) fn is_ready(&self, name: &str) -> bool {
        self.resources.get(name).is_some_and(|wanted| wanted.ready)
    }

    /// A text in the observed object.
    pub(crate) fn text(&self, name: &str, at: &str) -> Option<&'a str> {
        self.observed.get(name)?.pointer(at)?.as_str()
    }

    /// Everything is added. `kubeconfig` is the object that writes the Secret.
    pub(crate) fn done(self, kubeconfig: &str, endpoint: Option<String>, used: Used) -> Composed {
        // Once it was written it stays known, and with it the address: by them whoever empties the cluster finds in.
        let written = self.is_ready(kubeconfig) || self.cluster.status.kubeconfig_secret.is_some();
        let ready = self.later.is_empty() && self.resources.values().all(|wanted| wanted.ready);
        Composed {
            ready,
            dead: None,
            status: Status {
                endpoint: endpoint.or_else(|| self.cluster.status.endpoint.clone()),
                kubeconfig_secret: written.then(|| self.cluster.kubeconfig_secret()),
                machine_type: Some(used.machine_type),
                zone: Some(used.zone),
                node_count: Some(self.cluster.spec.node_count),
                message: if ready { None } else { self.message },
                nodes: Vec::new(),
            },
            resources: self.resources,
            warnings: Vec::new(),
        }
    }
}

/// What of the spec, or of the defaults, is in effect.
pub(crate) struct Used {
    pub(crate) machine_type: String,
    pub(crate) zone: String,
}

/// Status of a condition.
pub(crate) fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    conditions(object).find(|one| one["type"] == name)?.get("status")?.as_str()
}

fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten()
}

/// What a managed resource says it waits for: a refusal first, for nothing else will help it.
fn waits_for(kind: &str, name: &str, there: Option<&Value>) -> String {
    let Some(object) = there else { return format!("{kind} {name} is being created") };
    let said = |kind: &str| {
        conditions(object)
            .find(|one| one["type"] == kind && one["status"] == "False")
            .and_then(|one| one["message"].as_str())
            .filter(|message| !message.is_empty())
    };
    let why = ["Synced", "LastAsyncOperation", "Ready"].iter().find_map(|kind| said(kind));
    why.map_or_else(
        || format!("{kind} {name} is not ready yet"),
        |why| format!("{kind} {name} is not ready yet: {why}"),
    )
}

/// A name of at most `most` bytes that stays different from others: a number made of all of it stands for the rest.
pub(crate) fn short(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    // FNV-1a: stable for ever, unlike the standard library's hash.
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let kept: String = name.chars().take(most - 9).collect();
    format!("{}-{hash:08x}", kept.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_stays_different() {
        assert_eq!(short("short", 40), "short");
        let (one, other) = (short(&"a".repeat(50), 40), short(&"a".repeat(51), 40));
        assert!(one.len() <= 40 && other.len() <= 40 && one != other);
    }
}
