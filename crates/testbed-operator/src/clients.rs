//! Everything the operator talks to, made once.

use crate::bundle::Registry;
use crate::prometheus::Prometheus;
use crate::results::{self, Results};
use anyhow::Result;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::events::{Recorder, Reporter};
use testbed_api::labels;
use testbed_core::plan::ChildKind;

/// Everything the operator talks to.
pub(crate) struct Clients {
    pub(crate) kube: Client,
    pub(crate) metrics: Prometheus,
    pub(crate) registry: Registry,
    pub(crate) results: Results,
    pub(crate) events: Recorder,
}

impl Clients {
    /// Makes the clients; nothing is contacted yet.
    pub(crate) fn new(
        kube: Client,
        metrics_url: &str,
        registry: &str,
        results: &results::Settings,
    ) -> Result<Self> {
        let reporter =
            Reporter { controller: labels::OPERATOR.into(), instance: std::env::var("HOSTNAME").ok() };
        Ok(Self {
            metrics: Prometheus::new(metrics_url)?,
            registry: Registry::new(registry)?,
            results: Results::new(results)?,
            events: Recorder::new(kube.clone(), reporter),
            kube,
        })
    }

    /// Returns the API of a kind that is not ours, in a namespace or in the whole cluster.
    pub(crate) fn dynamic(&self, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.kube.clone(), namespace, resource),
            None => Api::all_with(self.kube.clone(), resource),
        }
    }
}

/// Returns what names a kind of Argo's to the API server.
pub(crate) fn argo(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind))
}

/// Returns what names a namespace to the API server.
pub(crate) fn namespace() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"))
}

/// Returns what names a pod to the API server.
fn pod() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"))
}

/// Returns what names the kind of a child to the API server.
pub(crate) fn child(kind: ChildKind) -> ApiResource {
    match kind {
        ChildKind::Application => argo("Application"),
        ChildKind::Workflow => argo("Workflow"),
        ChildKind::Namespace => namespace(),
        ChildKind::Pod => pod(),
    }
}
