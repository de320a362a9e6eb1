//! The stories of whole runs, as people would see them: what is done and said at every step, and the status at the end.
//!
//! `TESTBED_UPDATE=1` writes them anew, and the difference to before is what a change means.

use crate::common::start;
use crate::world::World;
use jiff::SignedDuration;
use rstest::rstest;
use std::path::Path;
use std::{env, fs};
use testbed_api::experiment::CompletionMode;
use testbed_api::labels;

/// So many steps without anything new mean that nobody but the run can change anything.
const QUIET: usize = 12;
/// Less than others take to do something.
const SOON: SignedDuration = SignedDuration::from_secs(6);

/// A run that succeeds.
fn undisturbed(_: &mut World) {}

/// Lives on for some steps.
fn live(world: &mut World, steps: usize) {
    for _ in 0..steps {
        world.pass(None);
        world.passes_by();
    }
}

fn live_until(world: &mut World, until: impl Fn(&World) -> bool) {
    world.run(|_| None, until);
}

fn fails(world: &mut World) {
    world.workflow_fails = true;
}

fn is_deleted_while_it_runs(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    live(world, 1);
    world.delete_experiment();
}

fn is_deleted_while_it_deploys(world: &mut World) {
    live_until(world, |world| !world.applications.is_empty());
    world.delete_experiment();
}

fn is_deleted_with_its_results(world: &mut World) {
    live_until(world, World::cleaned);
    let annotations = [(labels::DELETE_RESULTS.to_owned(), "true".to_owned())].into();
    world.experiment.as_mut().unwrap().metadata.annotations = Some(annotations);
    world.delete_experiment();
}

fn expires(world: &mut World) {
    live_until(world, World::cleaned);
    world.now = start().checked_add(SignedDuration::from_hours(25)).unwrap();
}

fn expires_under_way(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    world.now = start().checked_add(SignedDuration::from_hours(25)).unwrap();
}

fn hangs(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    world.workflow_hangs = true;
}

fn is_by_hand(world: &mut World) {
    world.experiment.as_mut().unwrap().spec.workflow.completion.mode = CompletionMode::Manual;
    live(world, 30);
    world.now = start().checked_add(SignedDuration::from_hours(20)).unwrap();
    live(world, 2);
    world.delete_experiment();
}

fn loses_its_workflow(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    live(world, 1);
    world.workflows.clear();
}

fn loses_its_workflow_slowly(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    live(world, 1);
    world.workflows.values_mut().for_each(|workflow| workflow.deleting = true);
}

fn finds_no_store(world: &mut World) {
    world.store_fails = true;
}

fn finds_no_store_and_is_deleted(world: &mut World) {
    finds_no_store(world);
    live_until(world, |world| !world.workflows.is_empty());
    live(world, 6);
    world.delete_experiment();
}

fn gets_its_addresses_late(world: &mut World) {
    world.balancers_hang = true;
    live(world, 12);
    world.balancers_hang = false;
}

fn has_windows_of_targets(world: &mut World) {
    world.windows_of_targets = true;
}

fn is_refused_its_clusters(world: &mut World) {
    world.clusters_are_refused = true;
}

fn loses_the_way(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    world.silent.push("left".into());
    world.closed.push("left".into());
}

fn is_deleted_before_it_began_where_others_are_silent(world: &mut World) {
    world.clusters_hang = true;
    live(world, 5);
    world.silent.push("left".into());
    world.delete_experiment();
}

fn falls_silent_where_it_was_not_made(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    world.silent.push("left".into());
    live(world, 4);
    world.delete_experiment();
    live(world, 30);
    world.silent.clear();
}

fn has_a_void_trial(world: &mut World) {
    world.void_trials = vec!["b02-1-left".into(), "b02-1-right".into()];
}

fn has_no_subject(world: &mut World) {
    world.subjects_vanish = true;
}

fn is_paused_and_resumed(world: &mut World) {
    live_until(world, |world| world.trials.len() == 2);
    world.experiment.as_mut().unwrap().spec.paused = true;
    live(world, 12);
    world.experiment.as_mut().unwrap().spec.paused = false;
}

fn is_aborted(world: &mut World) {
    live_until(world, |world| world.trials.len() == 3);
    world.experiment.as_mut().unwrap().spec.aborted = true;
}

fn finds_its_warm_clusters_ended(world: &mut World) {
    let mut warm = world.clusters.values_mut();
    warm.next().unwrap().dead = true;
    warm.next().unwrap().deleting = true;
}

fn never_gets_its_clusters(world: &mut World) {
    world.clusters_hang = true;
}

fn loses_a_cluster(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    world.lose_cluster();
}

fn finds_another_cluster(world: &mut World) {
    live_until(world, |world| !world.applications.is_empty());
    world.remote.values_mut().for_each(|facts| facts.cluster_id = "another".into());
}

fn has_a_cluster_that_is_silent_for_a_moment(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    world.fall_silent();
    live(world, 4);
    world.silent.clear();
}

fn has_new_credentials(world: &mut World) {
    live_until(world, |world| !world.workflows.is_empty());
    world.remote.values_mut().for_each(|facts| facts.credentials = "second".into());
}

fn is_torn_down_beside_a_silent_cluster(world: &mut World) {
    live_until(world, |world| !world.stored.is_empty());
    world.fall_silent();
}

#[rstest]
#[case::a_run("a-run", World::new(false), undisturbed)]
#[case::a_load_that_fails("a-load-that-fails", World::new(false), fails)]
#[case::a_load_that_hangs("a-load-that-hangs", World::new(false), hangs)]
#[case::a_load_that_vanishes("a-load-that-vanishes", World::new(false), loses_its_workflow)]
#[case::deleted_while_it_runs("deleted-while-it-runs", World::new(false), is_deleted_while_it_runs)]
#[case::deleted_while_it_deploys("deleted-while-it-deploys", World::new(false), is_deleted_while_it_deploys)]
#[case::deleted_with_its_results("deleted-with-its-results", World::new(false), is_deleted_with_its_results)]
#[case::expired("expired", World::new(false), expires)]
#[case::expired_under_way("expired-under-way", World::new(false), expires_under_way)]
#[case::by_hand("by-hand", World::new(false), is_by_hand)]
#[case::trials("trials", World::with_trials(), undisturbed)]
#[case::a_histogram("a-histogram", World::with_a_histogram(), undisturbed)]
#[case::a_void_trial("a-void-trial", World::with_trials(), has_a_void_trial)]
#[case::a_trial_that_fails("a-trial-that-fails", World::with_trials(), fails)]
#[case::a_trial_that_hangs("a-trial-that-hangs", World::with_trials(), hangs)]
#[case::a_trial_that_vanishes("a-trial-that-vanishes", World::with_trials(), loses_its_workflow)]
#[case::no_subject("no-subject", World::with_trials(), has_no_subject)]
#[case::paused("paused", World::with_trials(), is_paused_and_resumed)]
#[case::aborted("aborted", World::with_trials(), is_aborted)]
#[case::trials_deleted("trials-deleted", World::with_trials(), is_deleted_while_it_runs)]
#[case::clusters("clusters", World::with_clusters(), undisturbed)]
#[case::warm_clusters("warm-clusters", World::with_warm_clusters(), undisturbed)]
#[case::warm_clusters_that_ended(
    "warm-clusters-that-ended",
    World::with_warm_clusters(),
    finds_its_warm_clusters_ended
)]
#[case::no_clusters("no-clusters", World::with_clusters(), never_gets_its_clusters)]
#[case::a_cluster_that_dies("a-cluster-that-dies", World::with_clusters(), loses_a_cluster)]
#[case::a_cluster_that_dies_among_trials(
    "a-cluster-that-dies-among-trials",
    World::with_clusters_and_trials(),
    loses_a_cluster
)]
#[case::another_cluster("another-cluster", World::with_clusters(), finds_another_cluster)]
#[case::a_silent_cluster(
    "a-silent-cluster",
    World::with_clusters(),
    has_a_cluster_that_is_silent_for_a_moment
)]
#[case::new_credentials("new-credentials", World::with_clusters(), has_new_credentials)]
#[case::a_silent_cluster_at_the_end(
    "a-silent-cluster-at-the-end",
    World::with_clusters(),
    is_torn_down_beside_a_silent_cluster
)]
#[case::clusters_deleted_while_it_runs(
    "clusters-deleted-while-it-runs",
    World::with_clusters(),
    is_deleted_while_it_runs
)]
#[case::a_load_that_is_deleted("a-load-that-is-deleted", World::new(false), loses_its_workflow_slowly)]
#[case::a_trial_that_is_deleted("a-trial-that-is-deleted", World::with_trials(), loses_its_workflow_slowly)]
#[case::no_store("no-store", World::new(false), finds_no_store)]
#[case::no_store_and_deleted("no-store-and-deleted", World::with_trials(), finds_no_store_and_is_deleted)]
#[case::a_store_of_its_own(
    "a-store-of-its-own",
    World::with_a_store_of_its_own(World::new(false)),
    undisturbed
)]
#[case::trials_with_a_store_of_their_own(
    "trials-with-a-store-of-their-own",
    World::with_a_store_of_its_own(World::with_trials()),
    undisturbed
)]
#[case::refused_clusters("refused-clusters", World::with_clusters(), is_refused_its_clusters)]
#[case::in_a_cloud("in-a-cloud", World::in_a_cloud(), undisturbed)]
#[case::in_a_cloud_with_late_addresses(
    "in-a-cloud-with-late-addresses",
    World::in_a_cloud(),
    gets_its_addresses_late
)]
#[case::windows_of_targets("windows-of-targets", World::with_trials(), has_windows_of_targets)]
#[case::in_a_cloud_and_deleted("in-a-cloud-and-deleted", World::in_a_cloud(), is_deleted_while_it_runs)]
#[case::in_a_cloud_that_is_silent_at_the_end(
    "in-a-cloud-that-is-silent-at-the-end",
    World::in_a_cloud(),
    is_torn_down_beside_a_silent_cluster
)]
#[case::beside_others("beside-others", World::beside_others(), undisturbed)]
#[case::beside_others_and_deleted(
    "beside-others-and-deleted",
    World::beside_others(),
    is_deleted_while_it_runs
)]
#[case::beside_others_in_a_tailnet(
    "beside-others-in-a-tailnet",
    World::beside_others_in_a_tailnet(),
    undisturbed
)]
#[case::beside_others_who_have_a_tailnet(
    "beside-others-who-have-a-tailnet",
    World::beside_others_who_have_a_tailnet(),
    undisturbed
)]
#[case::twice_in_a_tailnet("twice-in-a-tailnet", World::twice_in_a_tailnet(), undisturbed)]
#[case::beside_others_who_close_the_way_to_a_tailnet(
    "beside-others-who-close-the-way-to-a-tailnet",
    World::beside_others_in_a_tailnet(),
    loses_the_way
)]
#[case::beside_others_who_close_the_way(
    "beside-others-who-close-the-way",
    World::beside_others(),
    loses_the_way
)]
#[case::beside_others_who_are_silent_before_it_began(
    "beside-others-who-are-silent-before-it-began",
    World::beside_others(),
    is_deleted_before_it_began_where_others_are_silent
)]
#[case::beside_others_who_are_silent(
    "beside-others-who-are-silent",
    World::beside_others(),
    falls_silent_where_it_was_not_made
)]
fn a_run_is_told_as_it_was_before(
    #[case] name: &str,
    #[case] mut world: World,
    #[case] happens: fn(&mut World),
) {
    world.story = Some(String::new());
    happens(&mut world);
    let (mut at_last, mut quiet) = (None, 0);
    for _ in 0..400 {
        let Some(run) = &world.experiment else { break };
        at_last.clone_from(&run.status);
        let told = world.told();
        let is_done = world.pass(None) == 0 && world.cleaned();
        if is_done && world.experiment.as_ref().is_some_and(|run| run.metadata.deletion_timestamp.is_none()) {
            break;
        }
        quiet = if world.told() == told { quiet + 1 } else { 0 };
        // A run that wants to be looked at again is, at that moment: soon, or when nobody else can change anything.
        match world.wake_at.filter(|wake| *wake > world.now) {
            Some(wake) if quiet >= QUIET || wake.duration_since(world.now) < SOON => {
                world.now = wake;
                quiet = 0;
            }
            _ => world.passes_by(),
        }
    }
    let mut status = at_last.unwrap();
    // They are in the story.
    status.conditions.clear();
    let status = serde_saphyr::to_string(&status).unwrap();
    let found = format!("{}\nThe status at last:\n{status}", world.story.unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories").join(name).with_extension("story");
    if env::var_os("TESTBED_UPDATE").is_some() {
        fs::write(&file, &found).unwrap();
    }
    let wanted = fs::read_to_string(&file).unwrap_or_default();
    assert!(wanted == found, "{}:\n{}", file.display(), difference(&wanted, &found));
}

/// Returns the first lines that differ.
fn difference(wanted: &str, found: &str) -> String {
    let mut lines = wanted.lines().zip(found.lines()).enumerate();
    match lines.find(|(_, (wanted, found))| wanted != found) {
        Some((number, (wanted, found))) => format!("line {}\n-{wanted}\n+{found}", number + 1),
        None => "one has more lines than the other".into(),
    }
}
