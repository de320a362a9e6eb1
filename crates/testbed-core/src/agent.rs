//! What the lab brings into a target with a cluster of its own, to observe it from the hub.

use crate::run::Run;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::experiment::{ClusterType, ExperimentSpec, Target, Transport};
use testbed_api::trials::Variant;

/// How a hub observes targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Component that collects metrics in a target and sends them to the hub.
    pub component: String,
    /// Address that it sends them to.
    pub remote_write_url: String,
    /// Name of the hub's gateway in the tailnet.
    pub tailnet_name: String,
}

/// Address of the hub's gateway in a target that reaches it through a tailnet: a Service beside the agent.
const EGRESS_URL: &str = "http://testbed-ingest:8080/api/v1/write";
/// Component that joins a target to a tailnet, and what shows it the hub there.
const TAILNET_OPERATOR: &str = "tailscale-operator";
const TAILNET_EGRESS: &str = "metrics-egress";
/// Namespace of what joins a target to a tailnet, which wants more than a namespace of a run allows.
pub const TAILNET_NAMESPACE: &str = "tailscale";
/// Secret with the credentials by which it joins.
pub const TAILNET_SECRET: &str = "operator-oauth";

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            component: "metrics-agent".into(),
            // The gateway's Service in the embedded hub.
            remote_write_url: "http://10.96.0.53:8080/api/v1/write".into(),
            tailnet_name: "testbed-ingest".into(),
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
        Some(Transport::Tailscale) => {
            vec![TAILNET_OPERATOR.to_owned(), TAILNET_EGRESS.to_owned(), settings.component.clone()]
        }
    }
}

/// Returns the names of all components that are deployed for an experiment: those it names, and those that are brought.
#[must_use]
pub fn needed(spec: &ExperimentSpec, settings: &AgentSettings) -> BTreeSet<String> {
    let named = spec.targets.iter().flat_map(|target| &target.components);
    let brought = spec.targets.iter().flat_map(|target| components(target, settings));
    named.map(|reference| reference.name().to_owned()).chain(brought).collect()
}

/// Returns what is set on such a component.
#[must_use]
pub fn values(
    run: &Run<'_>,
    target: &Target,
    name: &str,
    settings: &AgentSettings,
) -> BTreeMap<String, String> {
    match name {
        TAILNET_OPERATOR => {
            return [("operatorConfig.hostname".to_owned(), run.cluster_of(&target.name))].into();
        }
        TAILNET_EGRESS => return [("tailnetFqdn".to_owned(), settings.tailnet_name.clone())].into(),
        _ => {}
    }
    let url = match transport(target) {
        Some(Transport::Tailscale) => EGRESS_URL,
        _ => &settings.remote_write_url,
    };
    let mut values = BTreeMap::from([
        ("experiment".to_owned(), run.name.to_owned()),
        ("target".to_owned(), target.name.clone()),
        ("cluster".to_owned(), run.cluster_of(&target.name)),
        ("remoteWriteUrl".to_owned(), url.to_owned()),
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

/// Returns the namespace of its own that such a component goes into, if it has one.
#[must_use]
pub fn namespace(component: &str) -> Option<&'static str> {
    (component == TAILNET_OPERATOR).then_some(TAILNET_NAMESPACE)
}

/// Returns whether a component takes away what others of its target made elsewhere, so that it goes after them: the operator
/// of a tailnet removes their devices, and the finalizers of their Services.
#[must_use]
pub fn clears_up(component: &str) -> bool {
    component == TAILNET_OPERATOR
}

/// Returns whether a target joins a tailnet.
#[must_use]
pub fn joins_tailnet(target: &Target) -> bool {
    transport(target) == Some(Transport::Tailscale)
}
