//! Clusters that are made before anyone asks, so that a run finds them ready.

use crate::build::{self, CLUSTER_NAMESPACE};
use crate::observed::ClusterFacts;
use crate::plan::LOCAL_DEADLINE;
use jiff::Timestamp;
use serde_json::{Value, json};
use testbed_api::experiment::{Cluster, ClusterType};
use testbed_api::labels;

/// Most clusters that are kept: each takes the memory of a control plane whether it is used or not.
pub const MOST: usize = 16;

/// One step towards as many warm clusters as are wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolEffect {
    /// Make one.
    Make(Value),
    /// Delete one, if nobody changed it since it was seen: a run may just have claimed it.
    Delete {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
        /// Version of it that was seen.
        resource_version: String,
    },
}

/// What is to be done now, and when to look again even if nothing happens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    /// What is to be done.
    pub effects: Vec<PoolEffect>,
    /// When one that is not ready has had its time.
    pub wake_at: Option<Timestamp>,
}

/// Returns what is to be done so that `wanted` clusters wait for runs; `free` are those that nobody has claimed.
///
/// One that does not get ready within [`LOCAL_DEADLINE`], or is not for so long, is replaced: it serves nobody, and would
/// keep its place for ever. While a run is `busy` none is made: what a cluster takes of the machine while it starts would
/// be measured.
#[must_use]
pub fn keep(wanted: usize, free: &[ClusterFacts], busy: bool, now: Timestamp) -> Steps {
    let is_useful = |cluster: &&ClusterFacts| {
        !cluster.dead && fits(cluster) && deadline(cluster).is_none_or(|deadline| now < deadline)
    };
    let (mut useful, broken): (Vec<_>, Vec<_>) =
        free.iter().filter(|cluster| !cluster.deleting).partition(is_useful);
    // Those that are ready stay longest, and of these the oldest.
    useful.sort_by_key(|cluster| {
        (!cluster.ready, cluster.created_at.as_ref().map(|time| time.0), cluster.name.clone())
    });
    let missing = wanted.min(MOST).saturating_sub(useful.len());
    let surplus = useful.split_off(useful.len().min(wanted.min(MOST)));
    let mut effects: Vec<PoolEffect> = broken.into_iter().chain(surplus).map(delete).collect();
    if !busy {
        effects.extend((0..missing).map(|_| PoolEffect::Make(cluster())));
    }
    Steps { effects, wake_at: useful.into_iter().filter_map(deadline).min() }
}

/// Returns until when one that is not ready is waited for.
fn deadline(cluster: &ClusterFacts) -> Option<Timestamp> {
    let since =
        cluster.ready_changed_at.as_ref().or(cluster.created_at.as_ref()).filter(|_| !cluster.ready)?;
    since.0.checked_add(LOCAL_DEADLINE).ok()
}

/// Whether it is what would be made now: what was made for an older setting serves nobody.
fn fits(cluster: &ClusterFacts) -> bool {
    cluster.spec == spec()
}

fn spec() -> Value {
    build::cluster_spec(&Cluster { kind: ClusterType::Local, ..Cluster::default() })
}

fn cluster() -> Value {
    json!({
        "apiVersion": "illm.io/v1alpha1",
        "kind": "ExperimentCluster",
        "metadata": {
            "generateName": "warm-",
            "namespace": CLUSTER_NAMESPACE,
            "labels": {labels::MANAGED_BY: labels::MANAGED_BY_VALUE, labels::WARM: labels::WARM_FREE},
        },
        "spec": spec(),
    })
}

fn delete(cluster: &ClusterFacts) -> PoolEffect {
    PoolEffect::Delete {
        name: cluster.name.clone(),
        uid: cluster.uid.clone(),
        resource_version: cluster.resource_version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use rstest::rstest;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn ago(seconds: i64) -> Option<Time> {
        Some(Time(Timestamp::from_second(-seconds).unwrap()))
    }

    fn free(name: &str, ready: bool) -> ClusterFacts {
        ClusterFacts { name: name.into(), uid: name.into(), ready, spec: spec(), ..ClusterFacts::default() }
    }

    /// Made so many seconds ago, and then, if ever, not ready any more.
    fn starting(made: i64, lost: Option<i64>) -> ClusterFacts {
        ClusterFacts { created_at: ago(made), ready_changed_at: lost.and_then(ago), ..free("a", false) }
    }

    fn said(steps: &Steps) -> Vec<String> {
        let say = |effect: &PoolEffect| match effect {
            PoolEffect::Make(_) => "make".to_owned(),
            PoolEffect::Delete { name, .. } => format!("delete {name}"),
        };
        steps.effects.iter().map(say).collect()
    }

    #[rstest]
    #[case::none_wanted(0, vec![], vec![])]
    #[case::all_missing(2, vec![], vec!["make", "make"])]
    #[case::one_missing(2, vec![free("a", false)], vec!["make"])]
    #[case::enough(1, vec![free("a", true)], vec![])]
    #[case::too_many(1, vec![free("a", false), free("b", true)], vec!["delete a"])]
    #[case::dead(1, vec![ClusterFacts { dead: true, ..free("a", true) }], vec!["delete a", "make"])]
    #[case::of_another_size(1, vec![ClusterFacts { spec: json!({}), ..free("a", true) }], vec!["delete a", "make"])]
    #[case::starting(1, vec![starting(239, None)], vec![])]
    #[case::never_ready(1, vec![starting(240, None)], vec!["delete a", "make"])]
    #[case::not_ready_for_a_moment(1, vec![starting(9000, Some(10))], vec![])]
    #[case::no_longer_ready(1, vec![starting(9000, Some(240))], vec!["delete a", "make"])]
    #[case::going(1, vec![ClusterFacts { deleting: true, ..free("a", true) }], vec!["make"])]
    fn as_many_as_are_wanted_are_kept(
        #[case] wanted: usize,
        #[case] there: Vec<ClusterFacts>,
        #[case] expected: Vec<&str>,
    ) {
        assert_eq!(said(&keep(wanted, &there, false, NOW)), expected);
    }

    #[test]
    fn none_is_made_while_a_run_could_measure_it() {
        assert_eq!(keep(2, &[], true, NOW), Steps::default());
        assert_eq!(said(&keep(0, &[free("a", true)], true, NOW)), ["delete a"]);
    }

    #[test]
    fn one_that_is_not_ready_is_looked_at_when_its_time_ends_and_a_ready_one_never() {
        let steps = keep(2, &[starting(40, None), free("b", true)], false, NOW);
        assert_eq!(steps.wake_at, Timestamp::from_second(200).ok());
        assert_eq!(
            keep(1, &[ClusterFacts { ready_changed_at: ago(900), ..free("b", true) }], false, NOW).wake_at,
            None
        );
    }
}
