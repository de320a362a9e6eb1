//! What a run waits for is said while it waits, not only once it has failed of it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use rstest::rstest;
use std::time::Duration;
use testbed_api::Experiment;
use testbed_sim::fault::Sent;
use testbed_sim::runs;
use testbed_sim::store::{Change, Entry};
use testbed_sim::world::{Ground, Outcome, live};

/// Returns what a stage that was not over said of itself, time after time.
fn said(outcome: &Outcome, stage: &str) -> Vec<String> {
    let runs = outcome.history.iter().filter(|entry| entry.key.kind == "Experiment");
    let runs: Vec<Experiment> =
        runs.map(|entry| serde_json::from_value((*entry.object).clone()).unwrap()).collect();
    let conditions = runs.iter().filter_map(|run| run.status.as_ref()).flat_map(|status| &status.conditions);
    conditions
        .filter(|condition| condition.type_ == stage && condition.status == "False")
        .map(|condition| condition.message.clone())
        .collect()
}

#[test]
fn what_lost_the_label_by_which_it_is_found_is_asked_for_by_its_name() {
    let outcome = live(&Ground::Memory, &runs::with_a_lost_label().unwrap(), &[]);
    let said = said(&outcome, "CleanedUp");
    assert!(
        said.iter().any(|said| said.contains("is still there, and no label says whose it is")),
        "{said:#?}"
    );
    let gone = |entry: &Entry| entry.key.kind == "AppProject" && entry.change == Change::Deleted;
    let over = |entry: &Entry| entry.object["status"]["resourcesCleaned"] == true;
    let (gone, over) = (outcome.history.iter().position(gone), outcome.history.iter().position(over));
    assert!(gone.unwrap() < over.unwrap(), "the run was over before its project was gone");
}

#[test]
fn a_cluster_does_not_wait_for_a_namespace_that_may_not_be_deleted() {
    let outcome = live(&Ground::Memory, &runs::with_a_namespace_that_stays().unwrap(), &[]);
    assert_eq!(outcome.broken, Vec::<String>::new());
    let first = |what: &str| {
        let asked = |sent: &&Sent| sent.line.starts_with("DELETE") && sent.line.contains(what);
        outcome.sent.iter().find(asked).unwrap_or_else(|| panic!("nobody deletes {what}")).at
    };
    let later = first("/experimentclusters/").duration_since(first("/applications/"));
    assert!(later < Duration::from_secs(60), "the cluster costs for {later:?}");
}

#[rstest]
#[case::of_results("store-away", "ResultsStored", "the store of results cannot be used")]
#[case::of_metrics("metrics-away", "ResultsStored", "cannot be read: ")]
#[case::of_results_for_good("store-lost", "ResultsStored", "the store of results cannot be used")]
fn a_run_that_waits_for_a_store_says_so(#[case] name: &str, #[case] stage: &str, #[case] why: &str) {
    let outcome = live(&Ground::Memory, &runs::named(name).unwrap(), &[]);
    let said = said(&outcome, stage);
    assert!(said.iter().any(|said| said.contains(why)), "{said:#?}");
}
