//! Objects in a cluster that someone else made: which kinds it knows, what carries our label, what is in the way.

use crate::error::Failure;
use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::discovery::verbs;
use kube::discovery::{Discovery, Scope};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use testbed_hub::chart::LABEL;

/// Requests made at once.
const AT_ONCE: usize = 8;
/// How many objects an error names.
const NAMED: usize = 6;

/// The label of everything we bring.
pub(crate) fn label() -> Value {
    json!({LABEL.0: LABEL.1})
}

/// Returns whether we brought it.
pub(crate) fn is_ours(metadata: &ObjectMeta) -> bool {
    let labels = metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(LABEL.0)).is_some_and(|value| value == LABEL.1)
}

/// The kinds a cluster knows and can list.
pub(crate) struct Kinds {
    pub(crate) all: Vec<(ApiResource, Scope)>,
}

impl Kinds {
    /// Asks the cluster.
    pub(crate) async fn discover(client: &Client) -> Result<Self> {
        let discovery = Discovery::new(client.clone()).run().await?;
        // Of each kind the most stable version: what a group prefers may know only some of them.
        let kinds = discovery.groups().flat_map(|group| group.resources_by_stability());
        let listed = kinds.filter(|(_, can)| can.supports_operation(verbs::LIST));
        Ok(Self { all: listed.map(|(resource, can)| (resource, can.scope)).collect() })
    }

    /// Returns a kind.
    pub(crate) fn find(&self, group: &str, kind: &str) -> Option<&ApiResource> {
        let found = self.all.iter().find(|(resource, _)| resource.group == group && resource.kind == kind);
        found.map(|(resource, _)| resource)
    }
}

/// An object that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) resource: ApiResource,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) ours: bool,
    /// Whether something is to be done before it can vanish.
    pub(crate) held: bool,
}

impl Found {
    /// The API of its kind, where it is.
    pub(crate) fn api(&self, client: &Client) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }

    /// Kind, namespace and name.
    pub(crate) fn words(&self) -> String {
        let namespace =
            self.namespace.as_deref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        format!("{} {namespace}{}", self.resource.kind, self.name)
    }
}

/// Returns all objects of a kind, or those with our label.
pub(crate) async fn list(client: &Client, resource: &ApiResource, only_ours: bool) -> Result<Vec<Found>> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let mut params = ListParams::default();
    if only_ours {
        params = params.labels(&format!("{}={}", LABEL.0, LABEL.1));
    }
    let listed = match api.list_metadata(&params).await {
        Ok(listed) => listed,
        // The kind went away in between, or says that it can be listed and cannot.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 405 => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let found = |object: kube::api::PartialObjectMeta<DynamicObject>| Found {
        resource: resource.clone(),
        namespace: object.namespace(),
        name: object.name_any(),
        ours: is_ours(&object.metadata),
        held: object.metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty()),
    };
    Ok(listed.items.into_iter().map(found).collect())
}

/// Returns everything that carries our label.
pub(crate) async fn ours(client: &Client, kinds: &Kinds) -> Result<Vec<Found>> {
    let lists = stream::iter(&kinds.all).map(|(resource, _)| list(client, resource, true));
    let lists: Vec<Vec<Found>> = lists.buffered(AT_ONCE).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

/// Refuses a cluster that has something of these names that is not ours: it would be changed now, and removed later.
pub(crate) async fn refuse_what_is_there<'a>(
    client: &Client,
    kinds: &Kinds,
    wanted: impl Iterator<Item = &'a Value>,
) -> Result<()> {
    let mut by_kind: BTreeMap<(String, String), BTreeSet<(String, String)>> = BTreeMap::new();
    for object in wanted {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = text(&object["apiVersion"]);
        let group = version.split_once('/').map(|(group, _)| group).unwrap_or_default();
        let metadata = &object["metadata"];
        by_kind
            .entry((group.to_owned(), text(&object["kind"])))
            .or_default()
            .insert((text(&metadata["namespace"]), text(&metadata["name"])));
    }
    let mut there = Vec::new();
    for ((group, kind), names) in by_kind {
        let Some(resource) = kinds.find(&group, &kind) else { continue };
        let found = list(client, resource, false).await?.into_iter().filter(|found| !found.ours);
        there.extend(found.filter(|found| {
            names.contains(&(found.namespace.clone().unwrap_or_default(), found.name.clone()))
        }));
    }
    if there.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = there.iter().map(Found::words).collect();
    let systems = systems(&there);
    let what = if systems.is_empty() { "something".to_owned() } else { systems.join(", ") };
    Err(Failure::failed(format!(
        "the cluster has {what} already, not of a hub that was installed: {}",
        few(&names)
    ))
    .hint("install into another cluster, or take what is there away first: a hub brings its own")
    .into())
}

/// What people call the definitions that were found.
fn systems(found: &[Found]) -> Vec<&'static str> {
    const SYSTEMS: [(&str, &str); 4] = [
        ("experiments.illm.io", "a testbed hub"),
        ("applications.argoproj.io", "Argo CD"),
        ("workflows.argoproj.io", "Argo Workflows"),
        ("crossplane.io", "Crossplane"),
    ];
    let has = |end: &str| {
        found
            .iter()
            .any(|found| found.resource.kind == "CustomResourceDefinition" && found.name.ends_with(end))
    };
    SYSTEMS.iter().filter(|(end, _)| has(end)).map(|(_, name)| *name).collect()
}

/// The first few of them, and how many more there are.
pub(crate) fn few(names: &[String]) -> String {
    let first = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED { format!("{first} and {} more", names.len() - NAMED) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str) -> Found {
        Found {
            resource: ApiResource::erase::<
                k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
            >(&()),
            namespace: None,
            name: name.into(),
            ours: false,
            held: false,
        }
    }

    #[test]
    fn what_is_in_the_way_is_called_by_its_name() {
        let found = [definition("applications.argoproj.io"), definition("locks.pkg.crossplane.io")];
        assert_eq!(systems(&found), ["Argo CD", "Crossplane"]);
        assert!(systems(&[definition("certificates.cert-manager.io")]).is_empty());
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<String> = (0..8).map(|n| n.to_string()).collect();
        assert_eq!(few(&names), "0, 1, 2, 3, 4, 5 and 2 more");
        assert_eq!(few(&names[..2]), "0, 1");
    }
}
