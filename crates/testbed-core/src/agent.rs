//! What the lab brings into a target with a cluster of its own, to observe it from the hub.

use crate::run::Run;
use std::collections::BTreeMap;
use testbed_api::experiment::{ClusterType, Target, Transport};
use testbed_api::trials::Variant;

/// Component that joins a target to a tailnet.
const TAILNET: &str = "tailscale-operator";

/// How a hub observes targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Component that collects metrics in a target and sends them to the hub.
    pub component: String,
    /// Address that it sends them to.
    pub remote_write_url: String,
    /// Address that it sends them to through the tailnet.
    pub tailnet_url: String,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            component: "metrics-agent".into(),
            // The gateway's Service in the embedded hub.
            remote_write_url: "http://10.96.0.53:8080/api/v1/write".into(),
            tailnet_url: "http://testbed-ingest:8080/api/v1/write".into(),
        }
    }
}

/// Returns whether a target is observed by an agent of its own. The hub observes itself.
#[must_use]
pub fn is_observed(target: &Target) -> bool {
    target.cluster.kind != ClusterType::Hub
        && target.observability.as_ref().is_some_and(|observability| observability.enabled)
}

fn transport(target: &Target) -> Option<Transport> {
    target.observability.as_ref().map(|observability| observability.transport).filter(|_| is_observed(target))
}

/// Returns the names of the components that are brought into a target, in the order in which they are needed.
#[must_use]
pub fn components(target: &Target, settings: &AgentSettings) -> Vec<String> {
    match transport(target) {
        None => Vec::new(),
        Some(Transport::Direct) => vec![settings.component.clone()],
        Some(Transport::Tailscale) => vec![TAILNET.to_owned(), settings.component.clone()],
    }
}

/// Returns what is set on such a component.
#[must_use]
pub fn values(
    run: &Run<'_>,
    target: &Target,
    name: &str,
    settings: &AgentSettings,
) -> BTreeMap<String, String> {
    if name != settings.component {
        return BTreeMap::new();
    }
    let url = match transport(target) {
        Some(Transport::Tailscale) => &settings.tailnet_url,
        _ => &settings.remote_write_url,
    };
    let mut values = BTreeMap::from([
        ("experiment".to_owned(), run.name.to_owned()),
        ("target".to_owned(), target.name.clone()),
        ("cluster".to_owned(), run.cluster_of(&target.name)),
        ("remoteWriteUrl".to_owned(), url.clone()),
    ]);
    if target.cluster.kind == ClusterType::Existing {
        // What others run in it is not ours to look at.
        values.insert("scope".to_owned(), "namespace".to_owned());
    }
    let mut variants = run.spec.variants.iter().filter(|variant| variant.target() == target.name);
    if let (Some(Variant { name, .. }), None) = (variants.next(), variants.next()) {
        values.insert("variant".to_owned(), name.clone());
    }
    values
}
