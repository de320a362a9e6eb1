//! Clusters that are made before anyone asks, so that a run finds them ready.

use crate::build::{self, CLUSTER_NAMESPACE};
use crate::observed::ClusterFacts;
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

/// Returns what is to be done so that `wanted` clusters wait for runs; `free` are those that nobody has claimed.
///
/// While a run is `busy` none is made: what a cluster takes of the machine while it starts would be measured.
#[must_use]
pub fn keep(wanted: usize, free: &[ClusterFacts], busy: bool) -> Vec<PoolEffect> {
    let (mut useful, broken): (Vec<_>, Vec<_>) =
        free.iter().filter(|cluster| !cluster.deleting).partition(|cluster| !cluster.dead && fits(cluster));
    // Those that are ready stay longest, and of these the oldest.
    useful.sort_by_key(|cluster| {
        (!cluster.ready, cluster.created_at.as_ref().map(|time| time.0), cluster.name.clone())
    });
    let surplus = useful.iter().skip(wanted.min(MOST)).copied();
    let mut effects: Vec<PoolEffect> = broken.into_iter().chain(surplus).map(delete).collect();
    if !busy {
        let missing = wanted.min(MOST).saturating_sub(useful.len());
        effects.extend((0..missing).map(|_| PoolEffect::Make(cluster())));
    }
    effects
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
    use rstest::rstest;

    fn free(name: &str, ready: bool) -> ClusterFacts {
        ClusterFacts { name: name.into(), uid: name.into(), ready, spec: spec(), ..ClusterFacts::default() }
    }

    fn said(effects: &[PoolEffect]) -> Vec<String> {
        let say = |effect: &PoolEffect| match effect {
            PoolEffect::Make(_) => "make".to_owned(),
            PoolEffect::Delete { name, .. } => format!("delete {name}"),
        };
        effects.iter().map(say).collect()
    }

    #[rstest]
    #[case::none_wanted(0, vec![], vec![])]
    #[case::all_missing(2, vec![], vec!["make", "make"])]
    #[case::one_missing(2, vec![free("a", false)], vec!["make"])]
    #[case::enough(1, vec![free("a", true)], vec![])]
    #[case::too_many(1, vec![free("a", false), free("b", true)], vec!["delete a"])]
    #[case::dead(1, vec![ClusterFacts { dead: true, ..free("a", true) }], vec!["delete a", "make"])]
    #[case::of_another_size(1, vec![ClusterFacts { spec: json!({}), ..free("a", true) }], vec!["delete a", "make"])]
    #[case::going(1, vec![ClusterFacts { deleting: true, ..free("a", true) }], vec!["make"])]
    fn as_many_as_are_wanted_are_kept(
        #[case] wanted: usize,
        #[case] there: Vec<ClusterFacts>,
        #[case] expected: Vec<&str>,
    ) {
        assert_eq!(said(&keep(wanted, &there, false)), expected);
    }

    #[test]
    fn none_is_made_while_a_run_could_measure_it() {
        assert_eq!(keep(2, &[], true), []);
        assert_eq!(said(&keep(0, &[free("a", true)], true)), ["delete a"]);
    }
}
