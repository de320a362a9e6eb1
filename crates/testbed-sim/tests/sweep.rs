//! Runs in the simulated world. `make sweep` lives every plan; here is every run once, and some plans by chance.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use testbed_core::names::keyed;
use testbed_sim::fault::{Fault, Mode};
use testbed_sim::runs::{self, Scenario};
use testbed_sim::sweep;
use testbed_sim::world::{Ground, live};

/// Plans that are lived in one test.
const PLANS: usize = 48;

fn named(name: &str) -> Scenario {
    runs::named(name).unwrap()
}

#[test]
fn every_run_ends_as_it_should_and_leaves_nothing() {
    for scenario in runs::all() {
        let outcome = live(&Ground::Memory, &scenario, &[]);
        assert!(outcome.broken.is_empty(), "{}: {:#?}", scenario.name, outcome.broken);
    }
}

#[test]
fn faults_chosen_by_chance_change_nothing_but_the_time() {
    let seed = sweep::seed();
    let all = runs::all();
    for scenario in &all {
        let reference = live(&Ground::Memory, scenario, &[]);
        let plans: Vec<Vec<Fault>> = (0..PLANS / all.len() + 1)
            .map(|number| {
                sweep::random(&Ground::Memory, keyed(seed, &[scenario.name]), number, reference.writes)
            })
            .collect();
        let failures = sweep::run(&Ground::Memory, scenario, &reference, &plans, |_, _| ());
        let said: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert!(failures.is_empty(), "seed {seed}:\n{}", said.join("\n"));
    }
}

#[test]
fn what_once_broke_something_breaks_nothing() {
    for (name, plan) in [
        ("deleted-at-once", "restored@13,conflict@18"),
        ("deleted-in-running", "403-reads@19,500@20"),
        ("place-taken", "crash-after@15"),
        ("cluster-dies", "woken@44"),
        ("cluster-dies", "crash-after@3,403-reads@4"),
        ("orphaned-on-hub", "woken@16"),
        ("trials", "unanswered@13"),
        ("trials", "blind@13"),
    ] {
        let scenario = named(name);
        let reference = live(&Ground::Memory, &scenario, &[]);
        let faults: Vec<Fault> = plan.split(',').map(|fault| fault.parse().unwrap()).collect();
        let failures = sweep::run(&Ground::Memory, &scenario, &reference, &[faults], |_, _| ());
        let said: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert!(failures.is_empty(), "{}", said.join("\n"));
    }
}

#[test]
fn the_same_faults_make_the_same_history() {
    // But for a refusal that is tried again: the client's pauses are drawn by chance.
    let plan = [Fault { point: 5, mode: Mode::CrashAfter }, Fault { point: 19, mode: Mode::Conflict }];
    let history = || {
        let outcome = live(&Ground::Memory, &named("hub"), &plan);
        let entries = outcome.history.iter().filter(|entry| entry.key.kind != "Event");
        entries.map(|entry| format!("{} {:?} {:?}", entry.at, entry.change, entry.key)).collect::<Vec<_>>()
    };
    assert_eq!(history(), history());
}

#[test]
fn a_run_that_cannot_end_is_noticed() {
    // The load of this run fails, so it cannot be Complete: that it is said to end so must be seen as broken.
    let scenario = Scenario { ends: testbed_api::status::Phase::Complete, ..named("load-fails") };
    let broken = live(&Ground::Memory, &scenario, &[]).broken;
    assert!(broken.iter().any(|said| said.starts_with("I12")), "{broken:?}");
}
