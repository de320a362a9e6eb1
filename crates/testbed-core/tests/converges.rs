//! Eventually stable: from creation, with a crash after any effect, a conflict on any write, and a deletion at any time,
//! a run ends with nothing left of it, having submitted its load once and stored its result before it tore anything down.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files, and panics when it cannot go on"
)]

mod common;
#[path = "converges/stories.rs"]
mod stories;
#[path = "converges/world.rs"]
mod world;

use common::{experiment_with_trials, start};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use testbed_api::conditions::ConditionType;
use testbed_api::labels;
use testbed_api::status::{ExperimentStatus, Phase, StopReason, TrialStatus};
use testbed_core::observed::{Seen, ServiceFacts};
use testbed_core::plan::{ChildKind, DEPLOY_DEADLINE, Effect, Fact, Plan, TEARDOWN_ALARM, plan};
use testbed_core::run::Run;
use testbed_core::schedule::Schedule;
use testbed_core::{build, status};
use world::{PASSES, World};

#[test]
fn a_run_goes_through_its_phases_in_order_and_leaves_nothing() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    let mut phases: Vec<Phase> = world.history.iter().map(|(phase, _)| *phase).collect();
    phases.dedup();
    assert_eq!(phases, [Phase::Pending, Phase::Provisioning, Phase::Ready, Phase::Running, Phase::Complete]);
    assert!(world.is_empty());
    assert_eq!((world.submissions, world.stored.len()), (1, 1));
}

#[test]
fn a_run_that_is_over_is_left_alone() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    let before = world.experiment.clone();
    for _ in 0..5 {
        assert_eq!(world.pass(None), 0, "an effect on a run that is over");
        assert_eq!(world.experiment, before, "a write on a run that is over");
        world.passes_by();
    }
}

#[test]
fn a_failed_workflow_ends_failed_with_its_result_stored_and_nothing_left() {
    let mut world = World::new(true);
    world.run(|_| None, World::cleaned);
    let status = world.status();
    assert_eq!(status.phase, Some(Phase::Failed));
    assert_eq!(status.failure.unwrap().reason, "WorkflowFailed");
    assert_eq!(world.stored.len(), 1);
    assert!(world.is_empty());
}

#[test]
fn an_expired_run_deletes_itself() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    world.now = start().checked_add(SignedDuration::from_hours(25)).unwrap();
    world.run(|_| None, |world| world.experiment.is_none());
    assert_eq!(world.stored.len(), 1, "its result stays");
}

#[test]
fn a_run_that_expires_under_way_is_torn_down_and_deleted() {
    for passes in 0..12 {
        let mut world = World::new(false);
        for _ in 0..passes {
            world.pass(None);
            world.passes_by();
        }
        world.now = start().checked_add(SignedDuration::from_hours(25)).unwrap();
        world.run(|_| None, |world| world.experiment.is_none());
        assert!(world.is_empty());
    }
}

#[test]
fn a_run_deleted_after_any_pass_leaves_nothing() {
    for passes in 0..20 {
        let mut world = World::new(false);
        for _ in 0..passes {
            world.pass(None);
            world.passes_by();
        }
        world.delete_experiment();
        world.run(|_| None, |world| world.experiment.is_none());
        assert!(world.is_empty(), "deleted after {passes} passes");
    }
}

#[test]
fn a_deletion_that_asks_for_it_takes_the_result_along() {
    let mut world = World::new(false);
    world.run(|_| None, World::cleaned);
    let annotations = [(labels::DELETE_RESULTS.to_owned(), "true".to_owned())].into();
    world.experiment.as_mut().unwrap().metadata.annotations = Some(annotations);
    world.delete_experiment();
    world.run(|_| None, |world| world.experiment.is_none());
    assert_eq!(world.stored, Vec::<String>::new());
}

#[test]
fn what_cannot_be_read_is_never_taken_for_gone() {
    let mut world = World::new(false);
    world.run(|_| None, |world| !world.workflows.is_empty());
    world.delete_experiment();
    let mut seen = world.observed().unwrap();
    seen.applications = Seen::Unknown("the API server is away".into());
    let plan = plan(&seen, world.now);
    assert_eq!(plan.effects, []);
    let condition = status::get(&plan.status, ConditionType::CleanedUp).unwrap();
    assert_eq!(condition.reason, "NotReadable");
}

/// Returns the world in which the run was deleted after as many passes, with crashes before and after.
fn deleted_after(mut world: World, passes: usize, crashes: &[Option<usize>]) -> World {
    for pass in 0..passes {
        world.pass(crashes.get(pass).copied().flatten());
        world.passes_by();
    }
    world.delete_experiment();
    world.run(|pass| crashes.get(pass + passes).copied().flatten(), |world| world.experiment.is_none());
    world
}

/// Returns the trials as they are planned.
fn planned() -> Vec<String> {
    let experiment = experiment_with_trials();
    Schedule::of(&experiment.spec, 7).unwrap().slots().into_iter().map(|slot| slot.trial).collect()
}

#[test]
fn trials_run_one_by_one_in_the_planned_order() {
    let mut world = World::with_trials();
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials, planned());
    let status = world.status();
    let trials = status.trials.unwrap();
    assert_eq!((trials.valid_count, trials.void_count), (10, 0));
    assert_eq!(trials.stopped.unwrap().reason, StopReason::Completed);
    assert_eq!(status.phase, Some(Phase::Complete));
    assert!(world.is_empty());
}

#[test]
fn a_subject_that_keeps_state_starts_each_trial_from_a_new_pod_and_no_other_does() {
    let mut world = World::with_trials();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..PASSES {
        world.pass(None);
        world.passes_by();
        let status = world.status();
        let trials = status.trials.iter().flat_map(|trials| &trials.begun);
        for trial in trials {
            for pod in trial.before.iter().flatten() {
                let pods = seen.entry(trial.slot.trial.clone()).or_default();
                if !pods.contains(&pod.uid) {
                    pods.push(pod.uid.clone());
                }
            }
        }
    }
    let of = |variant: &str| -> Vec<&String> {
        seen.iter().filter(|(trial, _)| trial.ends_with(variant)).flat_map(|(_, pods)| pods).collect()
    };
    let (left, right) = (of("left"), of("right"));
    let distinct = |pods: &[&String]| pods.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!((left.len(), distinct(&left)), (5, 1));
    assert_eq!((right.len(), distinct(&right)), (5, 5));
}

/// Returns a world whose next trial is one of a variant that starts from a new pod.
fn before_a_restart() -> World {
    let mut world = World::with_trials();
    world.run(
        |_| None,
        |world| {
            let begun = begun(world).len();
            begun > 1 && planned().get(begun).is_some_and(|trial| trial.ends_with("right"))
        },
    );
    world
}

fn begun(world: &World) -> Vec<TrialStatus> {
    let status = world.experiment.as_ref().unwrap().status.clone().unwrap_or_default();
    status.trials.map(|trials| trials.begun).unwrap_or_default()
}

#[test]
fn a_trial_waits_while_the_pods_that_it_must_not_start_from_cannot_be_seen() {
    let mut world = before_a_restart();
    let known = begun(&world).len();
    let old: Vec<String> = world.pods.keys().cloned().collect();
    world.pods_unseen = ["right".to_owned()].into();
    while begun(&world).len() == known {
        world.pass(None);
        world.passes_by();
    }
    for _ in 0..3 {
        world.pass(None);
        world.passes_by();
    }
    assert_eq!((begun(&world).len(), begun(&world)[known].before.clone()), (known + 1, None));
    world.pods_unseen.clear();
    world.run(|_| None, |world| begun(world)[known].before.is_some());
    let from = begun(&world)[known].before.clone().unwrap();
    assert!(!from.is_empty() && from.iter().all(|pod| !old.contains(&pod.uid)), "{from:?} of {old:?}");
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials, planned());
}

#[test]
fn a_target_that_never_tells_of_its_pods_makes_trials_void_and_holds_nothing_up() {
    let mut world = before_a_restart();
    world.pods_unseen = ["right".to_owned()].into();
    world.run(|_| None, World::cleaned);
    let void = begun(&world).iter().filter(|trial| trial.void.is_some()).count();
    assert!(void > 0, "{:?}", begun(&world));
}

#[rstest::rstest]
#[case::without_trials(World::new(false))]
#[case::that_failed(World::new(true))]
#[case::with_trials(World::with_trials())]
fn a_window_that_ends_in_the_future_holds_nothing_up(#[case] mut world: World) {
    world.windows_end_ahead = true;
    let begun = world.now;
    world.run(|_| None, World::cleaned);
    assert!(world.now.duration_since(begun).as_hours() < 2, "{}", world.now);
}

#[test]
fn a_void_trial_has_its_block_run_again() {
    let mut world = World::with_trials();
    world.void_trials = planned().into_iter().filter(|trial| trial.starts_with("b02-1")).collect();
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials.len(), 12);
    assert!(world.trials[10].starts_with("b04-1"), "{:?}", world.trials);
}

#[test]
fn a_paused_run_begins_no_trial_until_it_is_resumed() {
    let mut world = World::with_trials();
    world.run(|_| None, |world| world.trials.len() == 3);
    world.experiment.as_mut().unwrap().spec.paused = true;
    for _ in 0..40 {
        world.pass(None);
        world.passes_by();
    }
    assert_eq!(world.trials.len(), 3);
    let status = world.status();
    let condition = status::get(&status, ConditionType::WorkflowSucceeded).unwrap();
    assert_eq!(
        (condition.reason.as_str(), condition.message.as_str()),
        ("Paused", "paused after 3 trials of which 0 void")
    );
    world.experiment.as_mut().unwrap().spec.paused = false;
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials, planned());
}

#[test]
fn an_aborted_run_decides_from_what_it_has_and_cleans_up() {
    let mut world = World::with_trials();
    world.run(|_| None, |world| world.trials.len() == 3);
    world.experiment.as_mut().unwrap().spec.aborted = true;
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials.len(), 3);
    assert_eq!(world.stored.len(), 1);
    let trials = world.status().trials.unwrap();
    assert_eq!(trials.stopped.unwrap().reason, StopReason::Aborted);
}

#[test]
fn a_run_deleted_between_trials_keeps_what_it_measured() {
    let mut world = World::with_trials();
    world.run(|_| None, |world| world.trials.len() == 4);
    world.delete_experiment();
    world.run(|_| None, |world| world.experiment.is_none());
    assert_eq!(world.stored.len(), 1);
    assert!(world.is_empty());
}

#[test]
fn a_subject_that_is_not_there_makes_its_trial_void_in_bounded_time() {
    let mut world = World::with_trials();
    world.subjects_vanish = true;
    world.run(|_| None, World::cleaned);
    assert_eq!(world.trials, Vec::<String>::new(), "load without a subject");
    let trials = world.status().trials.unwrap();
    assert_eq!(trials.stopped.unwrap().reason, StopReason::TooManyVoid);
    assert_eq!(world.stored.len(), 1);
}

#[test]
fn a_run_in_clusters_of_its_own_leaves_neither_them_nor_what_they_were_made_of() {
    let mut world = World::with_clusters();
    world.run(|_| None, World::cleaned);
    let status = world.status();
    assert_eq!(status.phase, Some(Phase::Complete), "{status:#?}");
    assert_eq!(world.provided, [("left".to_owned(), 1), ("right".to_owned(), 1)].into());
    assert!(world.is_empty());
    for target in &status.targets {
        assert_eq!(target.resources.len(), 2);
        assert!(target.cluster_gone_at.is_some());
    }
    // The load is driven from the hub, so it is given an address that the hub can reach.
    let right = status.targets.iter().find(|target| target.name == "right").unwrap();
    let store = right.components.iter().find(|component| component.name == "store").unwrap();
    assert_eq!(store.address.as_deref(), Some("10.88.0.9:30080"));
}

#[test]
fn warm_clusters_are_claimed_one_for_each_target_and_never_used_again() {
    let mut world = World::with_warm_clusters();
    world.run(|_| None, World::cleaned);
    assert_eq!(world.provided, [("left".to_owned(), 1), ("right".to_owned(), 1)].into());
    assert!(world.clusters.is_empty(), "a cluster that a run used is still there");
    assert!(world.is_empty());
}

#[test]
fn a_warm_cluster_that_another_run_was_faster_to_claim_is_not_said_to_be_made_for_this_one() {
    let mut world = World::with_warm_clusters();
    let claims = |world: &World| {
        let effects = plan(&world.observed().unwrap(), world.now).effects;
        effects.iter().any(|effect| matches!(effect, Effect::Claim { .. }))
    };
    world.run(|_| None, claims);
    let plan = plan(&world.observed().unwrap(), world.now);
    let named = |fact: Fact| {
        let facts: Vec<Fact> = plan.effects.iter().map(|_| fact.clone()).collect();
        let names = plan.status_with(&facts).targets.into_iter().filter_map(|target| target.cluster_name);
        names.count()
    };
    assert_eq!((named(Fact::Done), named(Fact::Missed)), (2, 0));
}

#[test]
fn a_cluster_that_never_becomes_ready_fails_the_run_in_bounded_time_and_is_taken_away() {
    let mut world = World::with_clusters();
    world.clusters_hang = true;
    world.run(|_| None, World::cleaned);
    let failure = world.status().failure.unwrap();
    assert_eq!((failure.stage.as_str(), failure.reason.as_str()), ("ClustersReady", "DeadlineExceeded"));
    assert!(world.is_empty());
}

#[test]
fn a_target_that_dies_among_trials_makes_the_trial_void_and_the_run_failed_and_clean() {
    let mut world = World::with_clusters_and_trials();
    world.run(|_| None, |world| world.trials.len() == 3);
    world.lose_cluster();
    world.run(|_| None, World::cleaned);
    let status = world.status();
    assert_eq!(status.failure.unwrap().reason, "TargetLost");
    let last = status.trials.unwrap().begun.pop().unwrap();
    assert!(last.void.unwrap().contains("was lost"), "the trial in which it died must not count");
    assert_eq!(world.stored.len(), 1, "what was measured before is kept");
    assert!(world.is_empty());
}

#[test]
fn a_target_that_falls_silent_for_a_moment_is_not_lost() {
    let mut world = World::with_clusters_and_trials();
    world.run(|_| None, |world| world.trials.len() == 2);
    world.fall_silent();
    for _ in 0..5 {
        world.pass(None);
        world.passes_by();
    }
    world.silent.clear();
    world.run(|_| None, World::cleaned);
    let status = world.status();
    assert_eq!(status.phase, Some(Phase::Complete), "{:?}", status.failure);
}

#[test]
fn another_cluster_in_the_place_of_its_own_is_not_taken_for_it() {
    let mut world = World::with_clusters();
    world.run(|_| None, |world| !world.applications.is_empty());
    world.remote.values_mut().for_each(|facts| facts.cluster_id = "another".into());
    world.run(|_| None, World::cleaned);
    let failure = world.status().failure.unwrap();
    assert_eq!(failure.reason, "TargetLost");
    assert!(world.is_empty());
}

#[test]
fn a_cluster_of_a_cloud_goes_once_the_disks_of_what_was_deployed_are_gone() {
    let mut world = World::in_a_cloud();
    world.run(|_| None, |world| world.submissions == 1);
    assert!(world.remote.values().all(|facts| !facts.volumes.is_empty()), "there are none");
    world.run(|_| None, World::cleaned);
    let status = world.status();
    assert!(status.targets.iter().all(|target| target.left_behind.is_empty()), "{status:#?}");
    assert!(world.is_empty());
}

#[test]
fn a_cluster_of_a_cloud_stays_for_a_disk_that_was_being_made_when_its_claim_went() {
    let mut world = World::in_a_cloud();
    world.without_disks = true;
    world.run(|_| None, |world| world.status().teardown_began_at.is_some());
    let began = world.status().teardown_began_at.unwrap().0;
    world.run(|_| None, |world| world.remote.values().all(|facts| facts.namespaces.is_empty()));
    world.pass(None);
    world.volumes_stay = true;
    world.cluster_of("left").unwrap().volumes.push("pvc-late".into());
    world.run(|_| None, |world| world.clusters.len() == 1);
    assert!(
        world.now.duration_since(began) >= SignedDuration::from_mins(1),
        "nothing could appear meanwhile"
    );
    assert!(world.clusters.values().all(|cluster| cluster.target == "left" && !cluster.deleting));
    world.volumes_stay = false;
    world.run(|_| None, World::cleaned);
    let status = world.status();
    assert!(status.targets.iter().all(|target| target.left_behind.is_empty()), "{status:#?}");
}

#[test]
fn a_cluster_of_a_cloud_stays_though_nobody_could_write_down_when_teardown_began() {
    let mut world = World::in_a_cloud();
    world.without_disks = true;
    world.run(|_| None, |world| world.status().teardown_began_at.is_some());
    world.run(|_| None, |world| world.remote.values().all(|facts| facts.namespaces.is_empty()));
    world.pass(None);
    world.experiment.as_mut().unwrap().status.as_mut().unwrap().teardown_began_at = None;
    let plan = plan(&world.observed().unwrap(), world.now);
    let goes =
        |effect: &&Effect| matches!(effect, Effect::Delete(object) if object.kind == ChildKind::Cluster);
    assert_eq!(plan.effects.iter().find(goes), None);
    assert!(plan.wake_at.is_some_and(|at| at.duration_since(world.now) <= SignedDuration::from_mins(1)));
}

#[test]
fn what_is_run_last_of_a_component_is_run_before_its_namespace_goes() {
    for hooked in ["left", "right"] {
        for mut world in [World::new(false), World::beside_others(), World::in_a_cloud()] {
            world.last_hooks = Some(hooked);
            world.run(|_| None, World::cleaned);
            assert!(world.is_empty());
        }
    }
}

#[test]
fn the_namespace_of_another_target_in_the_same_cluster_stays_for_what_is_run_last_there() {
    let mut world = World::twice_in_a_tailnet();
    for target in &mut world.experiment.as_mut().unwrap().spec.targets {
        target.observability = None;
    }
    world.last_hooks = Some("right");
    world.run(|_| None, |world| !world.stored.is_empty());
    while world.status().teardown_began_at.is_none() {
        world.pass(None);
    }
    let others = world.remote["right"].namespaces.clone();
    assert!(world.applications.values().any(|seen| seen.target == "right" && seen.has_last_hooks));
    world.cluster_of("left").unwrap().namespaces.extend(others.clone());
    for _ in 0..3 {
        world.pass(None);
    }
    let seen = &world.remote["left"].namespaces;
    let stays =
        seen.iter().filter(|seen| others.iter().any(|other| other.name == seen.name && !seen.deleting));
    assert_eq!((others.len(), stays.count()), (1, 1), "{seen:?}");
}

#[test]
fn what_a_cloud_made_for_a_cluster_that_others_deleted_may_be_there_still() {
    let mut world = World::in_a_cloud();
    world.run(|_| None, |world| world.submissions == 1);
    world.clusters.values_mut().find(|cluster| cluster.target == "left").unwrap().deleting = true;
    world.run(|_| None, World::cleaned);
    let status = world.status();
    let left_behind: Vec<usize> = status.targets.iter().map(|target| target.left_behind.len()).collect();
    assert_eq!(left_behind, [1, 0], "{status:#?}");
    assert_eq!(status::get(&status, ConditionType::CleanedUp).unwrap().reason, "LeftBehind");
}

#[test]
fn clusters_go_though_nobody_may_read_beside_the_experiment() {
    for mut world in [World::with_clusters(), World::in_a_cloud()] {
        world.run(|_| None, |world| world.submissions == 1);
        world.kubeconfigs_unread = true;
        world.delete_experiment();
        world.run(|_| None, |world| world.clusters.is_empty() && world.leftovers.is_empty());
        world.pass(None);
        let reason = status::get(&world.status(), ConditionType::CleanedUp).unwrap().reason.clone();
        assert_eq!((reason.as_str(), world.cleaned()), ("NotReadable", false));
        let soon = world.wake_at.unwrap().duration_since(world.now);
        assert!(soon <= SignedDuration::from_secs(15), "nobody would notice that it can be read");
        world.kubeconfigs_unread = false;
        world.run(|_| None, |world| world.experiment.is_none());
        assert!(world.is_empty());
    }
}

#[test]
fn a_run_that_may_not_read_what_it_shows_ends_in_bounded_time() {
    let mut world = World::with_clusters();
    world.kubeconfigs_unread = true;
    let begun = world.now;
    world.run(|_| None, |world| world.status().failure.is_some());
    assert_eq!(world.status().failure.unwrap().reason, "DeadlineExceeded");
    world.run(|_| None, |world| world.clusters.is_empty());
    assert!(world.now.duration_since(begun).as_hours() < 1, "{}", world.now);
}

#[test]
fn a_record_that_cannot_be_stored_keeps_the_clusters_for_a_while_only() {
    let mut world = World::with_clusters_and_trials();
    world.run(|_| None, |world| world.trials.len() == 2);
    (world.records_fail, world.store_fails) = (true, true);
    let begun = world.now;
    world.run(|_| None, |world| world.status().failure.is_some());
    assert_eq!(world.status().failure.unwrap().reason, "ResultsLost");
    world.run(|_| None, World::cleaned);
    assert!(world.now.duration_since(begun).as_mins() < 40, "{}", world.now);
    assert!(world.is_empty());
}

#[test]
fn a_cluster_of_a_cloud_goes_once_the_namespaces_in_it_are_gone_also_where_nothing_has_a_disk() {
    let mut world = World::in_a_cloud();
    world.without_disks = true;
    world.run(|_| None, World::cleaned);
    assert!(world.is_empty());
}

#[test]
fn teardown_is_looked_at_when_it_is_to_say_that_it_is_stuck_whatever_it_waits_for() {
    let mut world = World::new(false);
    world.applications_hang = true;
    let began = |world: &World| world.status().teardown_began_at;
    world.run(|_| None, |world| began(world).is_some());
    for _ in 0..10 {
        world.pass(None);
        world.passes_by();
    }
    let alarm = began(&world).unwrap().0.checked_add(TEARDOWN_ALARM).unwrap();
    let seen = world.observed().unwrap();
    assert_eq!(plan(&seen, world.now).wake_at, Some(alarm));
    let late = plan(&seen, alarm).status;
    assert_eq!(status::get(&late, ConditionType::CleanedUp).unwrap().reason, "TeardownStuck");
}

#[test]
fn a_proof_that_cannot_be_had_is_asked_for_again_and_called_stuck_in_the_end() {
    let mut world = World::new(false);
    let asks = |plan: &Plan| plan.effects.iter().any(|effect| matches!(effect, Effect::Certify(_)));
    world.run(|_| None, |world| asks(&plan(&world.observed().unwrap(), world.now)));
    let alarm = world.status().teardown_began_at.unwrap().0.checked_add(TEARDOWN_ALARM).unwrap();
    let late = plan(&world.observed().unwrap(), alarm);
    assert_eq!(status::get(&late.status, ConditionType::CleanedUp).unwrap().reason, "TeardownStuck");
    assert!(asks(&late), "nobody asks any more");
}

#[test]
fn what_lies_in_no_namespace_is_made_only_where_nobody_else_lives() {
    let nothing = json!([]);
    for (world, is_refused) in [
        (World::new(false), true),
        (World::beside_others(), true),
        (World::with_clusters(), false),
        (World::in_a_cloud(), false),
    ] {
        let experiment = world.experiment.unwrap();
        let project = build::project(&Run::of(&experiment).unwrap(), &BTreeMap::new());
        let allowed = &project["spec"]["clusterResourceWhitelist"];
        assert_eq!(*allowed == nothing, is_refused, "{:?}", experiment.spec.targets);
    }
}

#[test]
fn a_run_that_is_being_taken_away_is_not_called_back_by_a_longer_time_to_live() {
    let mut world = World::new(false);
    world.run(|_| None, |world| world.submissions == 1);
    world.now = world.now.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
    world.run(|_| None, |world| world.status().teardown_began_at.is_some());
    world.experiment.as_mut().unwrap().spec.ttl_days = 90;
    world.run(|_| None, World::cleaned);
    assert!(world.is_empty() && world.submissions == 1);
    let status = world.status();
    assert_eq!(status::get(&status, ConditionType::ResultsStored).unwrap().reason, "Expired");
}

/// It has an address or not yet: a cloud may have made it.
#[rstest::rstest]
#[case(Some("203.0.113.9"))]
#[case(None)]
fn a_load_balancer_of_a_component_s_own_that_does_not_go_is_on_record(#[case] ingress: Option<&str>) {
    let mut world = World::in_a_cloud();
    world.without_disks = true;
    world.namespaces_stay = true;
    world.run(|_| None, |world| world.submissions == 1);
    let ingress = ingress.map(str::to_owned);
    let own = ServiceFacts {
        name: "own".into(),
        is_balancer: true,
        ingress,
        ports: vec![json!({})],
        ..ServiceFacts::default()
    };
    world.cluster_of("left").unwrap().services.push(own);
    world.run(|_| None, World::cleaned);
    let left_behind: Vec<Vec<String>> =
        world.status().targets.into_iter().map(|target| target.left_behind).collect();
    assert_eq!(left_behind, [vec!["load balancer of Service own".to_owned()], vec![]]);
}

/// What in a cluster does not go keeps it, which costs, for no longer than until the alarm.
#[rstest::rstest]
#[case::disks(World::in_a_cloud(), |world: &mut World| world.volumes_stay = true, true)]
#[case::applications(World::in_a_cloud(), |world: &mut World| world.applications_hang = true, false)]
#[case::applications_at_home(World::with_clusters(), |world: &mut World| world.applications_hang = true, false)]
fn a_cluster_goes_in_bounded_time_and_what_may_outlive_it_is_on_record(
    #[case] mut world: World,
    #[case] happens: fn(&mut World),
    #[case] outlives: bool,
) {
    happens(&mut world);
    world.run(|_| None, |world| !world.stored.is_empty());
    let begun = world.now;
    world.run(|pass| (pass % 3 == 0).then_some(pass % 7), World::cleaned);
    assert!(world.now.duration_since(begun).as_mins() < 20, "{}", world.now);
    let status = world.status();
    for target in &status.targets {
        assert_eq!(!target.left_behind.is_empty(), outlives, "{:?}", target.left_behind);
    }
    assert!(world.is_empty());
}

#[test]
fn what_is_refused_is_said_where_it_is_wanted_and_where_the_run_fails_of_it() {
    const WHY: &str = "the API server refuses what is next: no more Applications, says a policy";
    let mut world = World::new(false);
    let wants = |world: &World| {
        let plan = plan(&world.observed().unwrap(), world.now);
        plan.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Apply(object) if object["kind"] == "Application"))
    };
    world.run(|_| None, wants);
    let said = |status: &ExperimentStatus, kind| status::get(status, kind).unwrap().message.clone();
    let waiting = plan(&world.observed().unwrap(), world.now).status_explained(&[], WHY);
    assert!(said(&waiting, ConditionType::ComponentsReady).ends_with(WHY));
    assert_eq!((said(&waiting, ConditionType::Succeeded), waiting.failure), (String::new(), None));
    world.now = world.now.checked_add(DEPLOY_DEADLINE).unwrap();
    let failed = plan(&world.observed().unwrap(), world.now).status_explained(&[], WHY);
    for kind in [ConditionType::ComponentsReady, ConditionType::Succeeded] {
        assert!(said(&failed, kind).ends_with(WHY), "{}", said(&failed, kind));
    }
    let failure = failed.failure.clone().unwrap();
    assert!(failure.message.starts_with("not ready within the deadline") && failure.message.ends_with(WHY));
    // What is refused later is no other reason for the failure.
    world.experiment.as_mut().unwrap().status = Some(failed);
    let leaving = plan(&world.observed().unwrap(), world.now).status_explained(&[], WHY);
    assert!(said(&leaving, ConditionType::ResultsStored).ends_with(WHY));
    assert_eq!(leaving.failure, Some(failure));
}

#[test]
fn a_run_in_clusters_that_is_deleted_after_any_pass_leaves_nothing() {
    for passes in 0..40 {
        let world = deleted_after(World::with_clusters(), passes, &[]);
        assert!(world.is_empty(), "deleted after {passes} passes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_crash_at_any_time_changes_neither_the_number_of_trials_nor_their_order(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 200),
    ) {
        let mut world = World::with_trials();
        world.run(|pass| crashes.get(pass).copied().flatten(), World::cleaned);
        prop_assert_eq!(&world.trials, &planned());
        prop_assert!(world.is_empty());
    }

    #[test]
    fn a_deletion_and_crashes_among_trials_leave_nothing(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 60),
        deleted in 0_usize..80,
    ) {
        let world = deleted_after(World::with_trials(), deleted, &crashes);
        prop_assert!(world.is_empty());
    }

    #[test]
    fn a_crash_at_any_time_makes_no_second_cluster_and_leaves_none(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..6), 120),
        warm in any::<bool>(),
        deleted in prop::option::of(0_usize..60),
    ) {
        let world = || if warm { World::with_warm_clusters() } else { World::with_clusters() };
        let world = match deleted {
            Some(passes) => deleted_after(world(), passes, &crashes),
            None => {
                let mut world = world();
                world.run(|pass| crashes.get(pass).copied().flatten(), World::cleaned);
                prop_assert_eq!(world.submissions, 1);
                world
            }
        };
        prop_assert!(world.is_empty());
        prop_assert!(world.provided.values().all(|count| *count == 1), "{:?}", world.provided);
        // Whoever made one may have died before it could say so: it costs all the same.
        let status = world.experiment.and_then(|run| run.status).unwrap_or_default();
        for target in status.targets.iter().filter(|target| world.provided.contains_key(&target.name)) {
            prop_assert!(target.cluster_created_at.is_some(), "{target:?}");
        }
    }

    #[test]
    fn a_crash_after_any_effects_only_delays(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 60),
        fails in any::<bool>(),
    ) {
        let mut world = World::new(fails);
        world.run(|pass| crashes.get(pass).copied().flatten(), World::cleaned);
        prop_assert!(world.is_empty());
        prop_assert_eq!(world.submissions, 1);
        prop_assert!(!world.stored.is_empty());
        let mut phases: Vec<Phase> = world.history.iter().map(|(phase, _)| *phase).collect();
        phases.dedup();
        prop_assert!(phases.is_sorted(), "{:?}", phases);
    }

    #[test]
    fn a_deletion_and_crashes_at_any_time_leave_nothing(
        crashes in prop::collection::vec(prop::option::weighted(0.4, 0_usize..4), 60),
        deleted in 0_usize..25,
    ) {
        let world = deleted_after(World::new(false), deleted, &crashes);
        prop_assert!(world.is_empty());
        prop_assert!(world.submissions <= 1);
    }
}
