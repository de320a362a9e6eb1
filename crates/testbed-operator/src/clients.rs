//! Everything the operator talks to, made once.

use crate::bundle::Registry;
use crate::outside::{Clock, Outside};
use crate::prometheus::Prometheus;
use crate::results::Results;
use crate::targets::{Targets, Woken};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::ObjectRef;
use kube::{Client, ResourceExt};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use testbed_api::{Experiment, labels};
use testbed_core::agent::AgentSettings;
use testbed_core::ingest;
use testbed_core::plan::ChildKind;
use testbed_core::schedule;
use tokio::sync::Notify;

/// Everything the operator talks to.
pub struct Clients {
    pub(crate) kube: Client,
    pub(crate) metrics: Prometheus,
    pub(crate) registry: Registry,
    pub(crate) results: Results,
    pub(crate) events: Recorder,
    pub(crate) targets: Targets,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    /// An Experiment that is not over appeared, changed, or is over.
    pub(crate) run_changed: Notify,
    /// An Experiment that was not over is no more.
    pub(crate) run_gone: Notify,
    woken: Mutex<Option<Woken>>,
}

/// Where the stores of the hub are.
#[derive(clap::Args, Clone, Debug)]
pub struct Addresses {
    /// Metrics store of the hub
    #[arg(long, env = "METRICS_URL", default_value = "http://victoria-metrics.observability.svc:8428")]
    pub metrics_url: String,
    /// Registry of the hub, whose artifacts are taken into bundles
    #[arg(long, env = "REGISTRY", default_value = "registry.registry.svc.cluster.local:5000")]
    pub registry: String,
}

/// What the operator is told about its hub.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
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
    /// How long an Experiment is left alone of which nothing changes: heals what no watch told of
    #[arg(long, env = "SAFETY_LOOK", default_value = "10m", value_parser = duration)]
    pub(crate) safety_look: Duration,
}

/// Reads for how long something is left alone, such as 90s or 10m. Who leaves it alone for no time does nothing else.
fn duration(text: &str) -> Result<Duration, String> {
    let long = schedule::duration(text)?;
    if long >= Duration::from_secs(1) { Ok(long) } else { Err("at least 1s is expected".into()) }
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
    /// Makes the clients; nothing is contacted yet. Results are said to lie in `bucket`.
    #[must_use]
    pub fn new(outside: Outside, addresses: &Addresses, bucket: &str, settings: Settings) -> Self {
        let Outside { kube, connect, http, store, clock } = outside;
        let (targets, woken) = Targets::new(connect, clock.clone());
        let reporter =
            Reporter { controller: labels::OPERATOR.into(), instance: std::env::var("HOSTNAME").ok() };
        Self {
            metrics: Prometheus::new(http.clone(), &addresses.metrics_url),
            registry: Registry::new(http, &addresses.registry),
            results: Results::new(store, bucket),
            events: Recorder::new(kube.clone(), reporter),
            kube,
            targets,
            settings,
            clock,
            run_changed: Notify::new(),
            run_gone: Notify::new(),
            woken: Mutex::new(Some(woken)),
        }
    }

    /// Returns the stream of Experiments in whose targets something changed; once.
    pub(crate) fn woken(&self) -> Option<Woken> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).take()
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

/// Selects the Experiments of which something could be left.
pub(crate) const LIVE: &str = "status.resourcesCleaned!=true";
/// Selects the Experiments of which nothing is left but themselves.
pub(crate) const OVER: &str = "status.resourcesCleaned=true";

/// What is known of each live Experiment at all times: that it is there. Whatever else there is to know is read when it
/// is looked at.
pub(crate) type RunMeta = PartialObjectMeta<Experiment>;

/// Names an Experiment.
pub(crate) type Run = ObjectRef<RunMeta>;

/// Returns what the run is known by.
pub(crate) fn reference(experiment: &Experiment) -> Run {
    Run::new(&experiment.name_any()).within(&experiment.namespace().unwrap_or_default())
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
