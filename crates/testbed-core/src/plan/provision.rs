//! `ClustersReady`: every target has a reachable cluster.

use super::{Pass, Step};
use testbed_api::conditions::Reason;
use testbed_api::experiment::ClusterType;
use testbed_api::status::ExperimentStatus;

/// Checks that every target's cluster is there; a target of type hub always is.
pub(super) fn provision(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    for target in pass.run.targets() {
        let kind = target.cluster.kind;
        if kind != ClusterType::Hub {
            let message =
                format!("{}: this version makes no clusters of type {}", target.name, kind.as_str());
            return Step::done("").fail(Reason::ClusterTypeUnsupported, message);
        }
    }
    for target in &mut status.targets {
        target.cluster_name = Some("hub".into());
        target.phase = Some("Ready".into());
    }
    Step::done("").because(Reason::ClusterReady)
}
