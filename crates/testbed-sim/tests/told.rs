//! What a run waits for is said while it waits, not only once it has failed of it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use rstest::rstest;
use testbed_api::Experiment;
use testbed_sim::runs;
use testbed_sim::world::{Ground, live};

#[rstest]
#[case::of_results("store-away", "ResultsStored", "the store of results cannot be used")]
#[case::of_metrics("metrics-away", "ResultsStored", "cannot be read: ")]
#[case::of_results_for_good("store-lost", "ResultsStored", "the store of results cannot be used")]
fn a_run_that_waits_for_a_store_says_so(#[case] name: &str, #[case] stage: &str, #[case] why: &str) {
    let outcome = live(&Ground::Memory, &runs::named(name).unwrap(), &[]);
    let runs = outcome.history.iter().filter(|entry| entry.key.kind == "Experiment");
    let runs: Vec<Experiment> =
        runs.map(|entry| serde_json::from_value((*entry.object).clone()).unwrap()).collect();
    let conditions = runs.iter().filter_map(|run| run.status.as_ref()).flat_map(|status| &status.conditions);
    let said: Vec<&str> = conditions
        .filter(|condition| condition.type_ == stage && condition.status == "False")
        .map(|condition| condition.message.as_str())
        .collect();
    assert!(said.iter().any(|said| said.contains(why)), "{said:#?}");
}
