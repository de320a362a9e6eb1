//! Finds what was left behind by runs that are no more: of a finalizer that was removed by hand, or of a store that was
//! restored from yesterday.
//!
//! A label says whose an object is, and anyone may write one. So nothing is deleted on the word of labels alone: our own
//! field manager must have set them, the run must be missing from a fresh list, and both must have been seen twice, apart.
//! What others have made, or cannot be read, is left alone.

use crate::plan::{ChildKind, OUTLIVES, ObjectRef, SETTLES, TEARDOWN_ALARM};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testbed_api::labels;

/// Kinds of which a run makes objects on the hub, in the order in which they are deleted: load before what it is driven at,
/// workloads before the places they are in, ways into clusters at the very end. A kubeconfig beside an Experiment goes
/// with it by its owner reference, and what is in a cluster of a target goes with its Application.
pub const KINDS: [ChildKind; 6] = [
    ChildKind::Workflow,
    ChildKind::Application,
    ChildKind::Namespace,
    ChildKind::Project,
    ChildKind::Cluster,
    ChildKind::Secret,
];
/// How long an object must have been without its run: longer than any list could lag behind.
pub const APART: Duration = Duration::from_secs(30);
/// When to look again if nothing is suspected.
pub const IDLE: Duration = Duration::from_secs(60);
/// When to look again while something is.
pub const SUSPICIOUS: Duration = Duration::from_secs(20);
/// When to look again after deletions: what comes after them waits for their end.
pub const DELETING: Duration = Duration::from_secs(5);
/// No pause is shorter: suspicion ripens at a moment that is reached a little late.
const SHORTEST: Duration = Duration::from_millis(100);
/// How long a cluster of a cloud is without its run at the least when it goes. Whatever ordered disks in it was asked to go
/// after [`APART`].
const SETTLED: Duration = APART.saturating_add(SETTLES.unsigned_abs());
/// How long clusters, and the ways to them, wait for Applications that do not go away: as long as in a teardown.
const PATIENCE: Duration = TEARDOWN_ALARM.unsigned_abs();

/// One object that says it belongs to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The object.
    pub object: ObjectRef,
    /// Version of it that was seen.
    pub resource_version: String,
    /// UID of the run that it names.
    pub run: String,
    /// It is being deleted already.
    pub deleting: bool,
}

impl Found {
    /// Returns what an object says of itself; nothing if it is not one that we made for a run.
    #[must_use]
    pub fn of(kind: ChildKind, meta: &ObjectMeta) -> Option<Self> {
        let label = |key: &str| meta.labels.as_ref()?.get(key).filter(|value| !value.is_empty());
        let is_managed = label(labels::MANAGED_BY).is_some_and(|value| value == labels::MANAGED_BY_VALUE);
        let run = label(labels::EXPERIMENT_UID).filter(|_| is_managed)?;
        // Also the second one: else whoever relabels what is ours could have it deleted.
        let ours = [labels::MANAGED_BY, labels::EXPERIMENT_UID].iter().all(|key| is_set_by_us(meta, key));
        ours.then_some(())?;
        Some(Self {
            object: ObjectRef {
                kind,
                namespace: meta.namespace.clone(),
                name: meta.name.clone()?,
                uid: meta.uid.clone()?,
            },
            resource_version: meta.resource_version.clone()?,
            run: run.clone(),
            deleting: meta.deletion_timestamp.is_some(),
        })
    }

    fn key(&self) -> (String, String) {
        (self.object.uid.clone(), self.run.clone())
    }
}

/// Whether the API server has noted our field manager as the one that set a label.
fn is_set_by_us(meta: &ObjectMeta, label: &str) -> bool {
    let entries = meta.managed_fields.iter().flatten();
    let ours = entries.filter(|entry| {
        entry.manager.as_deref() == Some(labels::OPERATOR)
            && entry.subresource.as_deref().unwrap_or("").is_empty()
    });
    ours.filter_map(|entry| entry.fields_v1.as_ref())
        .any(|fields| !fields.0["f:metadata"]["f:labels"][format!("f:{label}")].is_null())
}

/// Objects whose run is missing, by their UID and that of the run, each with when that was first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects(BTreeMap<(String, String), Duration>);

impl Suspects {
    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns for how long an object has been one, at a moment on the clock of the looks; absent if it is none.
    #[must_use]
    pub fn age(&self, object: &Found, now: Duration) -> Option<Duration> {
        self.0.get(&object.key()).map(|first| now.saturating_sub(*first))
    }
}

/// What a look at the hub led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What is to be deleted, in this order, if it is still as it was seen.
    pub delete: Vec<Found>,
    /// What is to be remembered until the next look.
    pub suspects: Suspects,
    /// How long until then.
    pub again: Duration,
}

/// Returns what is to be deleted of what was found, and what is to be remembered.
///
/// `live` are the UIDs of all Experiments, listed after the objects were: whoever made one of these was there by then.
/// `began` and `ended` are the moments of the look on a clock that never goes back; `before` is what the last one led to.
#[must_use]
pub fn sweep(
    found: &[Found],
    live: &BTreeSet<String>,
    before: &Suspects,
    began: Duration,
    ended: Duration,
) -> Look {
    let orphans: Vec<&Found> = found.iter().filter(|found| !live.contains(&found.run)).collect();
    // What was not an orphan in between is a suspect from the beginning.
    let first = |orphan: &Found| before.0.get(&orphan.key()).copied();
    let suspects = orphans.iter().map(|orphan| (orphan.key(), first(orphan).unwrap_or(ended))).collect();
    let age = |orphan: &Found| before.age(orphan, began);
    let waits = |orphan: &Found| {
        let applications = orphans
            .iter()
            .filter(|other| other.run == orphan.run && other.object.kind == ChildKind::Application);
        match orphan.object.kind {
            // An Application is in its project until it is gone.
            ChildKind::Project => applications.count() > 0,
            // It takes what it deployed along, for which it needs the cluster and the way to it. One whose cluster has
            // died never can: then Argo CD lets go of it once the way is gone.
            ChildKind::Cluster | ChildKind::Secret => {
                applications.filter(|other| age(other).is_none_or(|age| age < PATIENCE)).count() > 0
            }
            _ => false,
        }
    };
    let is_due = |orphan: &Found| age(orphan).is_some_and(|age| age >= APART);
    let mut delete: Vec<Found> = orphans
        .iter()
        .filter(|orphan| !orphan.deleting && is_due(orphan) && !waits(orphan))
        .map(|orphan| (*orphan).clone())
        .collect();
    delete.sort_by_key(|orphan| rank(orphan.object.kind));
    let ripening = orphans.iter().filter(|orphan| !orphan.deleting && !is_due(orphan));
    let ripe = ripening.map(|orphan| APART.saturating_sub(age(orphan).unwrap_or_default())).min();
    let again = match (orphans.is_empty(), delete.is_empty()) {
        (true, _) => IDLE,
        (false, false) => DELETING,
        (false, true) => ripe.unwrap_or(SUSPICIOUS).clamp(SHORTEST, SUSPICIOUS),
    };
    Look { delete, suspects: Suspects(suspects), again }
}

/// What a cluster holds that its cloud would keep without it: load balancers and disks, which go with the namespaces of the
/// run, but not with the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Nothing was ever made in it, or it is not of a cloud.
    Nothing,
    /// Nothing any more, unless a disk is being made.
    Empty,
    /// The run's namespaces are there still, or these.
    Holds(Vec<String>),
    /// It does not say.
    Silent,
}

/// Whether an orphaned cluster goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// It goes, with all there is.
    Goes,
    /// It stays until the next look, because of this.
    Stays(String),
    /// It goes, and this may outlive it.
    GoesWithout(String),
}

/// Returns whether a cluster goes that is due otherwise, `age` after it was first seen without its run.
#[must_use]
pub fn parting(inside: &Inside, age: Duration) -> Parting {
    let is_late = age >= PATIENCE;
    match inside {
        Inside::Empty if age < SETTLED => Parting::Stays("a disk may be being made".into()),
        Inside::Nothing | Inside::Empty => Parting::Goes,
        Inside::Holds(what) if what.is_empty() && is_late => Parting::Goes,
        Inside::Holds(what) if what.is_empty() => Parting::Stays("its namespaces are being removed".into()),
        Inside::Holds(what) if is_late => Parting::GoesWithout(what.join(", ")),
        Inside::Holds(what) => Parting::Stays(format!("{} must go before", what.join(", "))),
        Inside::Silent if is_late => Parting::GoesWithout(OUTLIVES.into()),
        Inside::Silent => Parting::Stays("it does not say what its cloud made for it".into()),
    }
}

fn rank(kind: ChildKind) -> usize {
    KINDS.iter().position(|other| *other == kind).unwrap_or(KINDS.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn found(kind: ChildKind, name: &str, run: &str) -> Found {
        Found {
            object: ObjectRef { kind, namespace: None, name: name.into(), uid: format!("uid of {name}") },
            resource_version: "7".into(),
            run: run.into(),
            deleting: false,
        }
    }

    fn look(found: &[Found], live: &[&str], before: &Suspects, at: u64) -> Look {
        let live = live.iter().map(|uid| (*uid).to_owned()).collect();
        sweep(found, &live, before, seconds(at), seconds(at))
    }

    fn names(look: &Look) -> Vec<&str> {
        look.delete.iter().map(|orphan| orphan.object.name.as_str()).collect()
    }

    /// An object with our labels, which that manager set.
    fn labeled(manager: &str, keys: &[&str]) -> ObjectMeta {
        let fields: serde_json::Map<String, Value> =
            keys.iter().map(|key| (format!("f:{key}"), json!({}))).collect();
        ObjectMeta {
            name: Some("left".into()),
            uid: Some("u".into()),
            resource_version: Some("7".into()),
            labels: Some(BTreeMap::from([
                (labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_VALUE.to_owned()),
                (labels::EXPERIMENT_UID.to_owned(), "gone".to_owned()),
            ])),
            managed_fields: Some(vec![ManagedFieldsEntry {
                manager: Some(manager.into()),
                fields_v1: Some(FieldsV1(json!({"f:metadata": {"f:labels": fields}}))),
                ..ManagedFieldsEntry::default()
            }]),
            ..ObjectMeta::default()
        }
    }

    const BOTH: [&str; 2] = [labels::MANAGED_BY, labels::EXPERIMENT_UID];

    #[rstest]
    #[case::ours(labeled(labels::OPERATOR, &BOTH), true)]
    #[case::forged_by_another(labeled("kubectl-create", &BOTH), false)]
    #[case::with_only_one_label_of_ours(labeled(labels::OPERATOR, &BOTH[..1]), false)]
    #[case::relabeled_by_another(labeled(labels::OPERATOR, &BOTH[1..]), false)]
    #[case::of_unknown_origin(ObjectMeta { managed_fields: None, ..labeled(labels::OPERATOR, &BOTH) }, false)]
    #[case::without_labels(ObjectMeta { labels: None, ..labeled(labels::OPERATOR, &BOTH) }, false)]
    #[case::without_a_uid(ObjectMeta { uid: None, ..labeled(labels::OPERATOR, &BOTH) }, false)]
    fn only_what_we_labeled_ourselves_is_looked_at(#[case] meta: ObjectMeta, #[case] expected: bool) {
        assert_eq!(Found::of(ChildKind::Namespace, &meta).is_some(), expected);
    }

    #[test]
    fn labels_set_in_two_steps_are_ours_as_well() {
        let mut meta = labeled(labels::OPERATOR, &BOTH[..1]);
        let claimed = labeled(labels::OPERATOR, &BOTH[1..]).managed_fields.into_iter().flatten();
        meta.managed_fields.get_or_insert_default().extend(claimed);
        assert!(Found::of(ChildKind::Cluster, &meta).is_some());
    }

    #[test]
    fn a_warm_cluster_that_nobody_claimed_belongs_to_no_run() {
        let mut meta = labeled(labels::OPERATOR, &BOTH);
        meta.labels.get_or_insert_default().remove(labels::EXPERIMENT_UID);
        assert_eq!(Found::of(ChildKind::Cluster, &meta), None);
    }

    #[test]
    fn what_is_being_deleted_says_so() {
        let meta = ObjectMeta {
            deletion_timestamp: Some(Time(jiff::Timestamp::UNIX_EPOCH)),
            ..labeled(labels::OPERATOR, &BOTH)
        };
        assert!(Found::of(ChildKind::Namespace, &meta).is_some_and(|found| found.deleting));
    }

    #[test]
    fn an_orphan_is_deleted_when_it_is_seen_a_second_time_half_a_minute_later() {
        let left = [found(ChildKind::Namespace, "left", "gone")];
        let first = look(&left, &["other"], &Suspects::default(), 100);
        assert_eq!((names(&first), first.again), (vec![], SUSPICIOUS));
        let second = look(&left, &["other"], &first.suspects, 120);
        assert_eq!((names(&second), second.again), (vec![], seconds(10)));
        let third = look(&left, &["other"], &second.suspects, 130);
        assert_eq!((names(&third), third.again), (vec!["left"], DELETING));
        let last = look(&[], &["other"], &third.suspects, 135);
        assert_eq!((last.again, last.suspects.is_empty()), (IDLE, true));
    }

    #[test]
    fn one_whose_run_reappears_is_a_suspect_anew() {
        let left = [found(ChildKind::Namespace, "left", "u")];
        let first = look(&left, &[], &Suspects::default(), 0);
        let back = look(&left, &["u"], &first.suspects, 20);
        let again = look(&left, &[], &back.suspects, 40);
        assert_eq!(names(&look(&left, &[], &again.suspects, 60)), [""; 0]);
        assert_eq!(names(&look(&left, &[], &again.suspects, 70)), ["left"]);
    }

    #[test]
    fn another_object_of_the_same_name_is_a_suspect_of_its_own() {
        let first = look(&[found(ChildKind::Namespace, "left", "gone")], &[], &Suspects::default(), 0);
        let mut other = found(ChildKind::Namespace, "left", "gone");
        other.object.uid = "another".into();
        assert_eq!(names(&look(&[other], &[], &first.suspects, 60)), [""; 0]);
    }

    #[test]
    fn the_time_a_look_takes_does_not_count() {
        let left = [found(ChildKind::Namespace, "left", "gone")];
        let live = BTreeSet::new();
        let first = sweep(&left, &live, &Suspects::default(), seconds(0), seconds(10));
        let second = sweep(&left, &live, &first.suspects, seconds(35), seconds(50));
        assert_eq!(names(&second), [""; 0]);
    }

    #[test]
    fn load_goes_first_and_the_ways_into_clusters_last() {
        let left: Vec<Found> =
            KINDS.iter().rev().map(|kind| found(*kind, &format!("{kind:?}"), "gone")).collect();
        let first = look(&left, &[], &Suspects::default(), 0);
        let second = look(&left, &[], &first.suspects, 30);
        assert_eq!(names(&second), ["Workflow", "Application", "Namespace"]);
        let rest: Vec<Found> = left.into_iter().filter(|left| rank(left.object.kind) > 2).collect();
        let third = look(&rest, &[], &second.suspects, 35);
        assert_eq!(names(&third), ["Project", "Cluster", "Secret"]);
    }

    #[test]
    fn an_application_that_cannot_go_holds_up_the_way_to_its_cluster_only_so_long() {
        let stuck = Found { deleting: true, ..found(ChildKind::Application, "stuck", "gone") };
        let left = [
            stuck,
            found(ChildKind::Secret, "way", "gone"),
            found(ChildKind::Project, "project", "gone"),
            found(ChildKind::Cluster, "of another run", "gone too"),
        ];
        let first = look(&left, &[], &Suspects::default(), 0);
        assert_eq!(names(&look(&left, &[], &first.suspects, 60)), ["of another run"]);
        assert_eq!(names(&look(&left[..3], &[], &first.suspects, 899)), [""; 0]);
        assert_eq!(names(&look(&left[..3], &[], &first.suspects, 900)), ["way"]);
    }

    #[rstest]
    #[case::with_nothing_in_it(Inside::Nothing, 30, Some(""))]
    #[case::in_which_a_disk_may_be_being_made(Inside::Empty, 89, None)]
    #[case::in_which_none_can_be_any_more(Inside::Empty, 90, Some(""))]
    #[case::with_namespaces(Inside::Holds(vec![]), 899, None)]
    #[case::with_namespaces_that_stay(Inside::Holds(vec![]), 900, Some(""))]
    #[case::with_disks(Inside::Holds(vec!["a".into(), "b".into()]), 899, None)]
    #[case::with_disks_that_stay(Inside::Holds(vec!["a".into(), "b".into()]), 900, Some("a, b"))]
    #[case::that_is_silent(Inside::Silent, 899, None)]
    #[case::that_stays_silent(
        Inside::Silent,
        900,
        Some("what its cloud made for it, such as load balancers and disks")
    )]
    fn a_cluster_of_a_cloud_goes_when_nothing_is_left_that_would_outlive_it_or_after_a_quarter_of_an_hour(
        #[case] inside: Inside,
        #[case] age: u64,
        #[case] goes_without: Option<&str>,
    ) {
        let parting = parting(&inside, seconds(age));
        let expected = match goes_without {
            None => return assert!(matches!(parting, Parting::Stays(_)), "{parting:?}"),
            Some("") => Parting::Goes,
            Some(what) => Parting::GoesWithout(what.into()),
        };
        assert_eq!(parting, expected);
    }

    #[test]
    fn a_suspect_is_as_old_as_its_first_sighting() {
        let left = found(ChildKind::Cluster, "left", "gone");
        let first = look(std::slice::from_ref(&left), &[], &Suspects::default(), 100);
        let second = look(std::slice::from_ref(&left), &[], &first.suspects, 130);
        assert_eq!(second.suspects.age(&left, seconds(190)), Some(seconds(90)));
    }

    fn any_kind() -> impl Strategy<Value = ChildKind> {
        prop::sample::select(KINDS.to_vec())
    }

    proptest! {
        /// Runs come and go, lists fail, and looks are taken at any time: what is deleted was seen without its run at
        /// least half a minute before, and in every look since.
        #[test]
        fn nothing_is_deleted_on_one_sighting_or_of_a_living_run(
            objects in prop::collection::vec((any_kind(), 0_usize..4), 1..8),
            looks in prop::collection::vec((1_u64..40, prop::collection::btree_set(0_usize..4, 0..4), any::<bool>()), 1..20),
        ) {
            let objects: Vec<Found> = objects
                .iter()
                .enumerate()
                .map(|(index, (kind, run))| found(*kind, &index.to_string(), &run.to_string()))
                .collect();
            let (mut now, mut suspects) = (0, Suspects::default());
            let mut alone: BTreeMap<String, u64> = BTreeMap::new();
            for (pause, live, failed) in looks {
                now += pause;
                if failed {
                    continue;
                }
                let live: BTreeSet<String> = live.iter().map(ToString::to_string).collect();
                let taken = sweep(&objects, &live, &suspects, seconds(now), seconds(now));
                for orphan in &taken.delete {
                    prop_assert!(!live.contains(&orphan.run));
                    prop_assert!(alone.get(&orphan.object.name).is_some_and(|since| now - since >= APART.as_secs()));
                }
                for object in &objects {
                    if live.contains(&object.run) {
                        alone.remove(&object.object.name);
                    } else {
                        alone.entry(object.object.name.clone()).or_insert(now);
                    }
                }
                prop_assert!(taken.again >= SHORTEST && taken.again <= IDLE);
                suspects = taken.suspects;
            }
        }

        /// Whatever a run left, and however slow it goes: all of it goes, in an order in which it can, and soon.
        #[test]
        fn everything_that_was_left_goes_away(
            left in prop::collection::vec((any_kind(), 0_usize..3), 1..12),
            slowness in 1_u64..20,
        ) {
            let mut left: Vec<(Found, Option<u64>)> = left
                .iter()
                .enumerate()
                .map(|(index, (kind, run))| (found(*kind, &index.to_string(), &run.to_string()), None))
                .collect();
            let (mut now, mut suspects) = (Duration::ZERO, Suspects::default());
            while !left.is_empty() {
                prop_assert!(now <= APART + seconds(2 * slowness) + 4 * SUSPICIOUS, "still there: {left:?}");
                left.retain(|(_, gone)| gone.is_none_or(|gone| seconds(gone) > now));
                let seen: Vec<Found> = left.iter().map(|(found, _)| found.clone()).collect();
                let taken = sweep(&seen, &BTreeSet::new(), &suspects, now, now);
                for orphan in &taken.delete {
                    let applies = |other: &Found| {
                        other.object.kind == ChildKind::Application && other.run == orphan.run
                    };
                    prop_assert!(rank(orphan.object.kind) < 3 || !seen.iter().any(applies));
                    for (found, gone) in left.iter_mut().filter(|(found, _)| found.object == orphan.object) {
                        found.deleting = true;
                        *gone = Some(now.as_secs() + slowness);
                    }
                }
                suspects = taken.suspects;
                now += taken.again;
            }
        }
    }
}
