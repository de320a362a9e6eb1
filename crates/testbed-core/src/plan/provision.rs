//! `ClustersReady`: every target has a reachable cluster.

use super::target::{self, Place, place};
use super::{CLOUD_DEADLINE, Effect, LOCAL_DEADLINE, Pass, REFUSED_DEADLINE, Step};
use crate::build;
use crate::observed::{ClusterFacts, RemoteFacts};
use crate::status;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::experiment::{ClusterType, Target};
use testbed_api::status::{ExperimentStatus, TargetStatus};

/// Has a cluster made for every target that wants one, all at once, and waits until each answers as the one it is.
pub(super) fn provision(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("").because(Reason::ClusterReady);
    let own = pass.run.spec.targets.iter().any(|target| target.cluster.kind != ClusterType::Hub);
    if own && !status::holds(pass.persisted, ConditionType::Accepted) {
        // What is made costs, so that it is wanted stands in status before.
        step.wait(Reason::NotReached, "starts once the pins are recorded");
        return step;
    }
    // What is known before anything is made: of clusters that others own.
    if let Some(message) = target::taken(pass, &[]) {
        return step.fail(Reason::NamespaceTaken, message);
    }
    let since = status::since(pass.persisted, ConditionType::Accepted).filter(|_| own);
    let in_time = |step: Step| step.within(since, deadline(pass), pass.now);
    let clusters = match pass.seen.clusters.known() {
        Ok(clusters) => clusters,
        Err(reason) => {
            step.unreadable(pass, format!("the clusters cannot be read: {reason}"));
            return in_time(step);
        }
    };
    let mut free = Free::of(pass);
    for target in pass.run.targets() {
        let Some(known) = target::recorded(status, &target.name) else { continue };
        let ready = match target.cluster.kind {
            ClusterType::Hub => {
                known.cluster_name = Some("hub".into());
                Ok(())
            }
            ClusterType::Existing => existing(pass, target, known, &mut step),
            _ => made(pass, target, clusters, &mut free, known, &mut step),
        };
        match ready {
            Ok(()) => {}
            Err((reason, message)) => return step.fail(reason, format!("{}: {message}", target.name)),
        }
        known.phase = Some(
            if known.cluster_name.is_some() && is_ready(target, known) { "Ready" } else { "Creating" }.into(),
        );
    }
    in_time(step)
}

fn is_ready(target: &Target, known: &TargetStatus) -> bool {
    target.cluster.kind == ClusterType::Hub || known.cluster_id.is_some()
}

fn deadline(pass: &Pass<'_>) -> SignedDuration {
    let mut targets = pass.run.spec.targets.iter();
    if targets.any(|target| target.cluster.kind.is_of_a_cloud()) { CLOUD_DEADLINE } else { LOCAL_DEADLINE }
}

/// Warm clusters that nobody has claimed; each is taken once.
struct Free<'a>(Vec<&'a ClusterFacts>);

impl<'a> Free<'a> {
    fn of(pass: &'a Pass<'_>) -> Self {
        let warm = pass.seen.warm.known().map(Vec::as_slice).unwrap_or_default();
        Self(warm.iter().filter(|cluster| cluster.ready && !cluster.dead && !cluster.deleting).collect())
    }

    /// Takes one that is what the target asks for.
    fn take(&mut self, target: &Target) -> Option<&'a ClusterFacts> {
        let wanted = build::cluster_spec(&target.cluster);
        let place = self.0.iter().position(|cluster| cluster.spec == wanted)?;
        Some(self.0.remove(place))
    }
}

/// A cluster that the lab makes, and takes away again.
fn made(
    pass: &Pass<'_>,
    target: &Target,
    clusters: &[ClusterFacts],
    free: &mut Free<'_>,
    known: &mut TargetStatus,
    step: &mut Step,
) -> Result<(), (Reason, String)> {
    let Some(seen) = target::cluster(clusters, &target.name) else {
        if known.cluster_id.is_some() {
            return Err((Reason::TargetLost, "its cluster is gone".into()));
        }
        let message = if let Some(warm) = free.take(target) {
            step.effect(Effect::Claim {
                name: warm.name.clone(),
                resource_version: warm.resource_version.clone(),
                labels: build::claim_labels(&pass.run, target),
            });
            format!("{}: cluster {} is being claimed", target.name, warm.name)
        } else {
            step.effect(Effect::Apply(build::cluster(&pass.run, target)));
            format!("{}: a cluster is being made", target.name)
        };
        known.cluster_created_at.get_or_insert(Time(pass.now));
        step.wait(Reason::ClusterCreating, message);
        return Ok(());
    };
    target::latch(known, seen, pass.now);
    known.endpoint.clone_from(&seen.endpoint);
    known.machine_type.clone_from(&seen.machine_type);
    known.node_count = seen.node_count;
    known.kubeconfig_secret.clone_from(&seen.kubeconfig_secret);
    let said = seen.message.clone().unwrap_or_else(|| "it has said nothing yet".into());
    if seen.deleting {
        return Err((Reason::TargetLost, "its cluster is being deleted".into()));
    }
    if seen.dead {
        return Err((Reason::ClusterFailed, format!("cluster {} has ended: {said}", seen.name)));
    }
    if seen.refused {
        // Ours, not what its condition says: there it begins anew with each other word of what is wrong.
        let since = known.unsynced_since.get_or_insert(Time(pass.now)).0;
        let refused = since.saturating_add(REFUSED_DEADLINE).unwrap_or(Timestamp::MAX);
        if pass.now >= refused {
            return Err((Reason::ClusterFailed, format!("cluster {} cannot be made: {said}", seen.name)));
        }
        step.wake(refused);
    } else {
        known.unsynced_since = None;
    }
    if !seen.ready || !seen.synced {
        step.wait(Reason::ClusterCreating, format!("{}: cluster {}: {said}", target.name, seen.name));
        return Ok(());
    }
    answers(pass, target, known, step)
}

/// A cluster that someone else owns.
fn existing(
    pass: &Pass<'_>,
    target: &Target,
    known: &mut TargetStatus,
    step: &mut Step,
) -> Result<(), (Reason, String)> {
    known.cluster_name = Some(pass.run.cluster_of(&target.name));
    known.kubeconfig_secret.clone_from(&target.cluster.kubeconfig_secret);
    answers(pass, target, known, step)
}

/// Its API server answers, and is the one that answered first.
fn answers(
    pass: &Pass<'_>,
    target: &Target,
    known: &mut TargetStatus,
    step: &mut Step,
) -> Result<(), (Reason, String)> {
    match place(pass, target) {
        Place::Remote(RemoteFacts { cluster_id, server, .. }) => {
            if known.cluster_id.as_ref().is_some_and(|id| id != cluster_id) {
                return Err((Reason::TargetLost, "another cluster has taken the place of its own".into()));
            }
            known.cluster_id = Some(cluster_id.clone());
            known.endpoint.get_or_insert_with(|| server.clone());
        }
        Place::Silent(reason) => {
            step.wait(Reason::ClusterUnreachable, format!("{}: {reason}", target.name));
        }
        Place::Hub => {}
    }
    Ok(())
}
