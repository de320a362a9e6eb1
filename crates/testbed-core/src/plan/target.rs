//! Where a target is, and whether it still is what it was when it was found ready.

use super::{Pass, SILENCE};
use crate::observed::{ClusterFacts, NamespaceFacts, Reach, RemoteFacts};
use crate::{agent, build};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;
use std::collections::BTreeMap;
use testbed_api::experiment::{ClusterType, Target};
use testbed_api::status::{ExperimentStatus, TargetStatus};

/// Where the components of a target are.
pub(super) enum Place<'a> {
    /// On the hub.
    Hub,
    /// In a cluster of its own, which answers.
    Remote(&'a RemoteFacts),
    /// In a cluster of its own, which does not answer now.
    Silent(&'a str),
}

/// Returns where a target is.
pub(super) fn place<'a>(pass: &'a Pass<'_>, target: &Target) -> Place<'a> {
    if target.cluster.kind == ClusterType::Hub {
        return Place::Hub;
    }
    match pass.seen.remote.get(&target.name) {
        Some(Reach::Answers(facts)) => Place::Remote(facts),
        Some(Reach::Silent(reason) | Reach::Closed(reason)) => Place::Silent(reason),
        None => Place::Silent("there is no way to it yet"),
    }
}

/// Returns what was persisted of a target.
pub(super) fn known<'a>(pass: &'a Pass<'_>, name: &str) -> Option<&'a TargetStatus> {
    pass.persisted.targets.iter().find(|target| target.name == name)
}

/// Returns what is about to be recorded of a target.
pub(super) fn recorded<'a>(status: &'a mut ExperimentStatus, name: &str) -> Option<&'a mut TargetStatus> {
    status.targets.iter_mut().find(|known| known.name == name)
}

/// Returns the cluster that was made for a target, or claimed.
pub(super) fn cluster<'a>(clusters: &'a [ClusterFacts], target: &str) -> Option<&'a ClusterFacts> {
    clusters.iter().find(|cluster| cluster.target == target)
}

/// Notes that a cluster is there, and what it is made of. What was made once costs, and is looked for at the end, even if
/// it is no longer wanted by then.
pub(super) fn latch(known: &mut TargetStatus, cluster: &ClusterFacts, now: Timestamp) {
    // Whoever asked for it may not have been able to say so. One that was claimed has cost its run nothing before.
    let asked = cluster.created_at.clone().filter(|_| cluster.warm.is_none()).unwrap_or(Time(now));
    known.cluster_created_at.get_or_insert(asked);
    known.cluster_name = Some(cluster.name.clone());
    for resource in &cluster.resources {
        if !known.resources.contains(resource) {
            known.resources.push(resource.clone());
        }
    }
}

/// Returns the addresses of the API servers of the clusters that were found ready, by target.
pub(super) fn servers<'a>(pass: &'a Pass<'_>) -> BTreeMap<&'a str, String> {
    let own = |name: &str| !pass.run.is_on_hub(name);
    let known = pass.persisted.targets.iter().filter(|target| own(&target.name));
    known.filter_map(|target| Some((target.name.as_str(), target.endpoint.clone()?))).collect()
}

/// What to do where a cluster is in a tailnet already.
const TAILNET_HINT: &str = "; a cluster joins a tailnet once, so let this agent write by transport `direct`";

/// Returns what is said where a namespace that a target needs is someone else's, or another target's. Nothing is made
/// beside it then: what was there before would be taken over, and removed at the end.
pub(super) fn taken(pass: &Pass<'_>, on_hub: &[NamespaceFacts]) -> Option<String> {
    let theirs = pass.run.targets().into_iter().find_map(|target| {
        let seen = match place(pass, target) {
            Place::Hub => on_hub,
            Place::Remote(facts) => &facts.namespaces,
            Place::Silent(_) => return None,
        };
        let needed = build::namespaces(&pass.run, target);
        let is_theirs = |seen: &&NamespaceFacts| seen.owner.as_deref() != Some(pass.run.uid);
        let theirs = among(&needed, seen).find(is_theirs)?;
        let hint = if theirs.name == agent::TAILNET_NAMESPACE { TAILNET_HINT } else { "" };
        Some(format!("{}: namespace {} exists and is not of this run{hint}", target.name, theirs.name))
    });
    theirs.or_else(|| joined_twice(pass))
}

/// Returns what is said where two targets would join one cluster to a tailnet. All else that a target needs bears its name.
fn joined_twice(pass: &Pass<'_>) -> Option<String> {
    let mut joined: BTreeMap<&str, &str> = BTreeMap::new();
    pass.run.targets().into_iter().filter(|target| agent::joins_tailnet(target)).find_map(|target| {
        let Place::Remote(facts) = place(pass, target) else { return None };
        let other = joined.insert(&facts.cluster_id, &target.name)?;
        let namespace = agent::TAILNET_NAMESPACE;
        Some(format!(
            "{}: namespace {namespace} is that of target {other}, which is in the same cluster{TAILNET_HINT}",
            target.name
        ))
    })
}

/// Returns those of the namespaces that are there which bear a name that is needed.
pub(super) fn among<'a>(
    needed: &'a [Value],
    seen: &'a [NamespaceFacts],
) -> impl Iterator<Item = &'a NamespaceFacts> {
    seen.iter().filter(|seen| needed.iter().any(|needed| is_named(needed, &seen.name)))
}

/// Returns whether an object bears a name.
pub(super) fn is_named(object: &Value, name: &str) -> bool {
    object["metadata"]["name"] == name
}

/// Notes since when each target has been silent, and forgets it when it answers.
pub(super) fn note(pass: &Pass<'_>, status: &mut ExperimentStatus) {
    for known in status.targets.iter_mut().filter(|known| known.cluster_id.is_some()) {
        match pass.seen.remote.get(&known.name) {
            Some(Reach::Answers(_)) => known.silent_since = None,
            Some(Reach::Silent(_) | Reach::Closed(_)) => {
                known.silent_since.get_or_insert(Time(pass.now));
            }
            None => {}
        }
    }
}

/// Returns why a target that was ready can no longer be relied on, if so.
///
/// Who it is tells its own API server; that the object which stands for it is gone, or dead, is the word of Crossplane.
/// Silence is none of these until it has lasted.
pub(super) fn lost(pass: &Pass<'_>, status: &ExperimentStatus) -> Option<(String, String)> {
    status.targets.iter().find_map(|known| Some((known.name.clone(), lost_one(pass, known)?)))
}

fn lost_one(pass: &Pass<'_>, known: &TargetStatus) -> Option<String> {
    let id = known.cluster_id.as_ref()?;
    let spec = pass.run.spec.targets.iter().find(|target| target.name == known.name)?;
    if spec.cluster.kind.is_made()
        && let Ok(clusters) = pass.seen.clusters.known()
    {
        match cluster(clusters, &known.name) {
            None => return Some("its cluster is gone".into()),
            Some(cluster) if cluster.deleting => return Some("its cluster is being deleted".into()),
            Some(cluster) if cluster.dead => {
                let said = cluster.message.as_deref().unwrap_or("nobody said why");
                return Some(format!("its cluster has ended: {said}"));
            }
            Some(_) => {}
        }
    }
    match pass.seen.remote.get(&known.name) {
        Some(Reach::Answers(facts)) if facts.cluster_id != *id => {
            Some("another cluster has taken the place of its own".into())
        }
        Some(Reach::Silent(reason) | Reach::Closed(reason)) => {
            let since = known.silent_since.as_ref()?;
            let over = silence_ends(since)?;
            (pass.now >= over)
                .then(|| format!("its API server has not answered for {} s: {reason}", SILENCE.as_secs()))
        }
        _ => None,
    }
}

/// Returns when the silence of a target that is silent now will have lasted too long.
pub(super) fn next_loss(status: &ExperimentStatus) -> Option<Timestamp> {
    status.targets.iter().filter_map(|known| silence_ends(known.silent_since.as_ref()?)).min()
}

fn silence_ends(since: &Time) -> Option<Timestamp> {
    since.0.checked_add(SILENCE).ok()
}
