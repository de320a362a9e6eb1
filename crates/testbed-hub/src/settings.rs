//! What a person may set of a hub while it runs: a ConfigMap, which whoever it concerns watches.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde::Serialize;
use serde_json::json;

use crate::{
    cluster::{self, Applier, ClusterError, request},
    layout::Layout,
};

/// The ConfigMap, in the hub's own namespace.
const NAME: &str = "testbed-settings";
/// Key of the number of clusters that are kept warm.
const WARM_CLUSTERS: &str = "warmClusters";

/// Settings of a hub; what is absent is not set, or not to be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How many local clusters are made before anyone asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_clusters: Option<usize>,
}

/// Reads the settings of the hub that runs.
///
/// # Errors
/// If its API server cannot be asked.
pub async fn settings(layout: &Layout) -> Result<Settings, ClusterError> {
    read(&cluster::client(&layout.kubeconfig()).await?).await
}

/// Changes the settings of the hub that runs, those that are given; returns what holds then.
///
/// # Errors
/// If its API server cannot be asked, or refuses.
pub async fn change_settings(layout: &Layout, wanted: &Settings) -> Result<Settings, ClusterError> {
    let client = cluster::client(&layout.kubeconfig()).await?;
    change(&Applier::new(client.clone()), wanted).await?;
    read(&client).await
}

pub(crate) async fn read(client: &Client) -> Result<Settings, ClusterError> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), cluster::NAMESPACE);
    let found = maps.get_opt(NAME).await.map_err(request("read", format!("config map `{NAME}`")))?;
    let data = found.and_then(|map| map.data).unwrap_or_default();
    // Who acts on it takes what is no number for none, too.
    Ok(Settings { warm_clusters: data.get(WARM_CLUSTERS).and_then(|count| count.trim().parse().ok()) })
}

pub(crate) async fn change(applier: &Applier, wanted: &Settings) -> Result<(), ClusterError> {
    let Some(count) = wanted.warm_clusters else { return Ok(()) };
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": cluster::NAMESPACE},
        "data": {WARM_CLUSTERS: count.to_string()},
    });
    applier.apply_object(&map).await
}
