//! Trials on the real hub: what counts, what does not, and what is decided from it.

use crate::crashes::{kill_operator, operator_ready};
use crate::lab::{
    as_before, client, empty, is_over, objects, phase, result_of, runs, submit_with, testbed, testbed_ok,
    wait_for,
};
use crate::machine::Machine;
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::{Value, json};
use testbed_api::Experiment;
use testbed_api::status::{Phase, StopReason, TrialsStatus};
use testbed_api::summary::{Decision, Summary};
use testbed_core::schedule::Schedule;

/// The smallest trials that measure anything: no trial that is void is run again.
const ONCE: [&str; 2] = ["trials.blocks=1", "trials.retries=0"];
/// A busy machine may make a trial void that a test needs.
const PATIENT: &str = "trials.retries=3";

fn trials(run: &Experiment) -> TrialsStatus {
    run.status.as_ref().and_then(|status| status.trials.clone()).unwrap_or_default()
}

fn recorded(run: &Experiment) -> usize {
    trials(run).begun.iter().filter(|trial| trial.record.is_some()).count()
}

/// Returns the namespace of the one target of `noise-floor`.
fn namespace(run: &Experiment) -> Result<String> {
    let targets = run.status.as_ref().map(|status| &status.targets[..]).unwrap_or_default();
    targets.first().and_then(|target| target.namespace.clone()).context("the run has no target yet")
}

/// Waits until the first trial drives its load.
async fn in_the_first_trial(client: &Client, name: &str) -> Result<Experiment> {
    let running =
        |run: &Experiment| trials(run).begun.first().is_some_and(|trial| trial.workflow_uid.is_some());
    wait_for(client, name, 60, running).await
}

/// Follows a run to its end, and expects that it decides nothing, for a reason that holds `why`.
async fn is_insufficient(client: &Client, name: &str, why: &str) -> Result<Summary> {
    let run = wait_for(client, name, 300, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Complete), "{:?}", run.status);
    let summary = result_of(name).await?;
    ensure!(summary.verdict.decision == Some(Decision::Insufficient), "{:?}", summary.verdict);
    ensure!(summary.verdict.reason.contains(why), "the reason is not `{why}`: {}", summary.verdict.reason);
    let shown = testbed_ok(&["results", name]).await?;
    ensure!(shown.contains("insufficient") && shown.contains(why), "{shown}");
    Ok(summary)
}

#[tokio::test]
async fn a_thing_compared_with_itself_gets_an_interval_that_anyone_can_compute_again() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    let machine = Machine::watch()?;
    let output = testbed(&["run", "noise-floor", "--set", PATIENT]).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "ended with {}", output.status);

    let summary = result_of("noise-floor").await?;
    let analysis = summary.analysis.as_ref().context("no analysis")?;
    let pair = &analysis.metrics["latency_p50_seconds"].pairs[0];
    // A figure that follows from the samples.
    let derived = if machine.left_enough(&summary, 6)? {
        let interval = pair.interval.context("no interval")?;
        ensure!(interval.low <= interval.high && pair.ratios.len() == 6, "{pair:?}");
        ensure!(text.contains("95 % interval"), "no interval is shown");
        "/analysis/metrics/latency_p50_seconds/pairs/0/interval/low"
    } else {
        ensure!(summary.verdict.decision == Some(Decision::Insufficient), "{:?}", summary.verdict);
        ensure!(text.contains("no interval") && pair.interval.is_none(), "an interval of too few blocks");
        "/analysis/trials/validBlockCount"
    };

    // Offline, from a file, with nothing but the samples.
    let folder = std::env::temp_dir().join(format!("testbed-e2e-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("summary.json");
    let stored = testbed_ok(&["results", "noise-floor", "-o", "json"]).await?;
    let mut stored: Value = serde_json::from_str(&stored)?;
    std::fs::write(&file, stored.to_string())?;
    testbed_ok(&["verify", &file.to_string_lossy()]).await?;
    let figure = stored.pointer_mut(derived).with_context(|| format!("no {derived}"))?;
    // Counts become others, and of what is measured a thousandth is enough to be told.
    *figure = match figure.as_u64() {
        Some(count) => json!(count + 1),
        None => json!(figure.as_f64().context("not a number")? * 1.001),
    };
    std::fs::write(&file, stored.to_string())?;
    let told = testbed(&["verify", &file.to_string_lossy()]).await?;
    ensure!(!told.status.success(), "a changed {derived} was not told");
    std::fs::remove_dir_all(&folder)?;

    testbed_ok(&["compare", "noise-floor", "noise-floor"]).await?;
    testbed_ok(&["delete", &summary.name]).await?;
    as_before(&client, &before).await
}

#[tokio::test]
async fn a_subject_that_is_removed_makes_the_verdict_insufficient() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let name = submit_with("noise-floor", &ONCE).await?;
    let run = in_the_first_trial(&client, &name).await?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace(&run)?);
    deployments.delete("hello-app", &DeleteParams::foreground()).await?;
    let summary = is_insufficient(&client, &name, "0 of 1 planned blocks are valid").await?;
    let void = summary.trials.context("no trials")?.records[0].void.clone().unwrap_or_default();
    ensure!(void.contains("pod hello-app"), "{void}");
    testbed_ok(&["delete", &name]).await.map(drop)
}

#[tokio::test]
async fn a_load_that_is_absent_makes_the_verdict_insufficient() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let name = submit_with("noise-floor", &[&ONCE[..], &["workflow.params.url=''"]].concat()).await?;
    is_insufficient(&client, &name, "there was no load").await?;
    testbed_ok(&["delete", &name]).await.map(drop)
}

#[tokio::test]
async fn a_metric_that_is_mute_makes_the_verdict_insufficient() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    // The series is there for every container but the one that is asked for.
    let mute = "metrics.latency_p50_seconds.query=container_memory_working_set_bytes{namespace=\"$NAMESPACE\",container=\"gone\"}";
    let sets = [&ONCE[..], &[mute, "metrics.latency_p50_seconds.unit=bytes"]].concat();
    let name = submit_with("noise-floor", &sets).await?;
    is_insufficient(&client, &name, "latency_p50_seconds is missing: no data").await?;
    testbed_ok(&["delete", &name]).await.map(drop)
}

#[tokio::test]
async fn too_few_blocks_make_the_verdict_insufficient() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let machine = Machine::watch()?;
    let name = submit_with("noise-floor", &["trials.blocks=2", PATIENT]).await?;
    let summary = is_insufficient(&client, &name, "blocks are").await?;
    if machine.left_enough(&summary, 2)? {
        ensure!(summary.verdict.reason.contains("2 valid blocks are"), "{:?}", summary.verdict);
    }
    testbed_ok(&["delete", &name]).await.map(drop)
}

#[tokio::test]
async fn a_void_trial_is_kept_in_the_record_and_its_block_is_run_again() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let machine = Machine::watch()?;
    let name = submit_with("noise-floor", &["trials.blocks=1", PATIENT]).await?;
    let run = in_the_first_trial(&client, &name).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace(&run)?);
    pods.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    let run = wait_for(&client, &name, 300, is_over).await?;
    let known = trials(&run);
    let summary = result_of(&name).await?;
    if machine.left_enough(&summary, 1)? {
        ensure!(known.stopped.as_ref().is_some_and(|stop| stop.reason == StopReason::Completed), "{known:?}");
    }
    let counts = summary.analysis.context("no analysis")?.trials;
    ensure!(counts.void_trial_count >= 1, "{counts:?}");
    ensure!(counts.trial_count >= 4, "the block was not run again: {counts:?}");
    testbed_ok(&["delete", &name]).await.map(drop)
}

#[tokio::test]
async fn sigkill_of_the_operator_between_any_two_trials_changes_neither_their_number_nor_their_order()
-> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let name = submit_with("noise-floor", &["trials.blocks=2", "trials.seed=11", PATIENT]).await?;
    for done in 1..=3 {
        wait_for(&client, &name, 120, |run| recorded(run) >= done).await?;
        kill_operator().await?;
        operator_ready(&client).await?;
    }
    let run = wait_for(&client, &name, 300, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Complete), "{:?}", run.status);
    let summary = result_of(&name).await?;
    let records = &summary.trials.as_ref().context("no trials")?.records;
    let ran: Vec<&str> = records.iter().map(|record| record.slot.trial.as_str()).collect();
    let planned: Vec<String> = Schedule::of(&run.spec, 11)
        .context("no schedule")?
        .slots()
        .into_iter()
        .map(|slot| slot.trial)
        .collect();
    // Blocks that were void for other reasons are run again after those that were planned.
    ensure!(ran.get(..planned.len()).is_some_and(|ran| ran == planned), "ran {ran:?}, planned {planned:?}");
    testbed_ok(&["verify", &name]).await?;
    testbed_ok(&["delete", &name]).await.map(drop)
}

#[tokio::test]
async fn a_run_can_be_paused_resumed_and_aborted_with_what_it_measured() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let name = submit_with("noise-floor", &["trials.blocks=4"]).await?;
    wait_for(&client, &name, 120, |run| recorded(run) >= 1).await?;
    testbed_ok(&["pause", &name]).await?;
    let paused = |run: &Experiment| {
        let conditions = run.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|condition| condition.reason == "Paused")
    };
    let run = wait_for(&client, &name, 60, paused).await?;
    let before = trials(&run).begun.len();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    ensure!(trials(&runs(&client).get(&name).await?).begun.len() == before, "a trial began while paused");
    let why = testbed_ok(&["why", &name]).await?;
    ensure!(why.contains("paused after"), "{why}");
    testbed_ok(&["resume", &name]).await?;
    wait_for(&client, &name, 60, |run| trials(run).begun.len() > before).await?;
    testbed_ok(&["abort", &name]).await?;
    let summary = is_insufficient(&client, &name, "the user ended it").await?;
    ensure!(summary.trials.is_some_and(|trials| trials.records.len() > before));
    testbed_ok(&["delete", &name]).await.map(drop)
}

#[tokio::test]
async fn a_bundle_is_enough_to_run_the_same_again_and_compare() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let machine = Machine::watch()?;
    let name = submit_with("noise-floor", &["trials.blocks=1", PATIENT]).await?;
    wait_for(&client, &name, 300, is_over).await?;
    let folder = std::env::temp_dir().join(format!("testbed-e2e-bundle-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("bundle.json");
    let file = file.to_str().context("the folder has no name")?;
    testbed_ok(&["bundle", &name, "--output-file", file]).await?;
    testbed_ok(&["verify", file]).await?;
    // Nothing of the catalog is needed but what is in the bundle.
    testbed_ok(&["hub", "kubectl", "delete", "component", "hello-app"]).await?;
    testbed_ok(&[
        "hub",
        "kubectl",
        "delete",
        "workflowtemplate",
        "-n",
        "argo-workflows",
        "experiment-lifecycle",
    ])
    .await?;
    let again = testbed_ok(&["replay", file, "--detach"]).await?.trim().to_owned();
    wait_for(&client, &again, 300, is_over).await?;
    let (first, second) = (result_of(&name).await?, result_of(&again).await?);
    let order = |summary: &Summary| -> Vec<String> {
        let records = summary.trials.iter().flat_map(|trials| &trials.records);
        records.take(2).map(|record| record.slot.trial.clone()).collect()
    };
    ensure!(order(&first) == order(&second) && order(&first).len() == 2, "{:?}", order(&second));
    let compared = testbed_ok(&["compare", file, &again]).await?;
    ensure!(!compared.contains("unlike"), "{compared}");
    if machine.left_enough(&first, 1)? && machine.left_enough(&second, 1)? {
        ensure!(compared.contains("latency_p50_seconds"), "{compared}");
    }
    std::fs::remove_dir_all(&folder)?;
    for name in [&name, &again] {
        testbed_ok(&["delete", name]).await?;
    }
    Ok(())
}
