//! Everything the operator talks to, made once.

use crate::bundle::Registry;
use crate::fence::Fence;
use crate::prometheus::Prometheus;
use crate::results::{self, Results};
use crate::targets::Targets;
use anyhow::Result;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::events::{Recorder, Reporter};
use testbed_api::labels;
use testbed_core::agent::AgentSettings;
use testbed_core::ingest;
use testbed_core::plan::ChildKind;

/// Everything the operator talks to.
pub(crate) struct Clients {
    pub(crate) kube: Client,
    /// What clients that are made later write through.
    pub(crate) fence: Fence,
    pub(crate) metrics: Prometheus,
    pub(crate) registry: Registry,
    pub(crate) results: Results,
    pub(crate) events: Recorder,
    pub(crate) targets: Targets,
    pub(crate) settings: Settings,
}

/// What the operator is told about its hub.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Settings {
    /// Component that collects metrics in targets with a cluster of their own
    #[arg(long, env = "AGENT_COMPONENT", default_value = "metrics-agent")]
    agent_component: String,
    /// Address at which such a target reaches the hub's gateway for remote write
    #[arg(long, env = "REMOTE_WRITE_URL", default_value_t = AgentSettings::default().remote_write_url)]
    remote_write_url: String,
    /// Name of that gateway in the tailnet, for targets that reach it so
    #[arg(long, env = "TAILNET_NAME", default_value_t = AgentSettings::default().tailnet_name)]
    tailnet_name: String,
    /// Key that the tokens for remote write are signed with; without it no target is given one
    #[arg(long, env = "INGEST_KEY", hide_env_values = true, default_value = "")]
    ingest_key: String,
}

impl Settings {
    /// Returns how this hub observes targets.
    pub(crate) fn agent(&self) -> AgentSettings {
        AgentSettings {
            component: self.agent_component.clone(),
            remote_write_url: self.remote_write_url.clone(),
            tailnet_name: self.tailnet_name.clone(),
        }
    }

    /// Returns the token by which the agents of a run write to the hub.
    pub(crate) fn token(&self, uid: &str) -> Option<String> {
        (!self.ingest_key.is_empty()).then(|| ingest::token(self.ingest_key.as_bytes(), uid))
    }
}

impl Clients {
    /// Makes the clients; nothing is contacted yet.
    pub(crate) fn new(
        kube: Client,
        fence: Fence,
        metrics_url: &str,
        registry: &str,
        results: &results::Settings,
        targets: Targets,
        settings: Settings,
    ) -> Result<Self> {
        let reporter =
            Reporter { controller: labels::OPERATOR.into(), instance: std::env::var("HOSTNAME").ok() };
        Ok(Self {
            metrics: Prometheus::new(metrics_url)?,
            registry: Registry::new(registry)?,
            results: Results::new(results)?,
            events: Recorder::new(kube.clone(), reporter),
            kube,
            fence,
            targets,
            settings,
        })
    }

    /// Returns the API of a kind that is not ours, in a namespace or in the whole cluster.
    pub(crate) fn dynamic(&self, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
        dynamic(self.kube.clone(), resource, namespace)
    }
}

/// Returns the API of a kind in the cluster of that client, in a namespace or in the whole cluster.
pub(crate) fn dynamic(kube: Client, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(kube, namespace, resource),
        None => Api::all_with(kube, resource),
    }
}

/// Returns what names a kind of Argo's to the API server.
pub(crate) fn argo(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind))
}

/// Returns what names a namespace to the API server.
pub(crate) fn namespace() -> ApiResource {
    core("Namespace")
}

/// Returns what names a cluster to the API server.
pub(crate) fn cluster() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("illm.io", "v1alpha1", "ExperimentCluster"))
}

/// Returns what names a kind of the core group to the API server.
fn core(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind))
}

/// Returns what names the kind of a child to the API server.
pub(crate) fn child(kind: ChildKind) -> ApiResource {
    match kind {
        ChildKind::Application => argo("Application"),
        ChildKind::Cluster => cluster(),
        ChildKind::Namespace => namespace(),
        ChildKind::Pod => core("Pod"),
        ChildKind::Project => argo("AppProject"),
        ChildKind::Secret => core("Secret"),
        ChildKind::Service => core("Service"),
        ChildKind::Workflow => argo("Workflow"),
    }
}
