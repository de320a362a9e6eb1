//! The experiments of the catalog, whole.

use crate::lab::{as_before, client, empty, objects, result_of, submit_with, testbed, testbed_ok, wait_for};
use anyhow::{Context, Result, ensure};
use testbed_api::Experiment;
use testbed_api::status::TrialStatus;
use testbed_api::summary::Decision;

/// An interval needs so many valid blocks.
const ENOUGH: u32 = 6;
/// The same as `make demo`, but patient: a busy machine may make many a trial void.
const SHORT: [&str; 8] = [
    "trials.retries=8",
    "trials.blocks=6",
    "trials.aa=false",
    "trials.aaBlocks=null",
    "trials.warmup=2s",
    "trials.window=10s",
    "trials.cooldown=2s",
    "variants.*.reset=none",
];

#[tokio::test]
async fn tsdb_comparison_ends_with_a_verdict_on_real_series() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    let mut arguments = vec!["run", "tsdb-comparison"];
    for set in SHORT {
        arguments.extend(["--set", set]);
    }
    let output = testbed(&arguments).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let summary = result_of("tsdb-comparison").await?;
    let decision = summary.verdict.decision.context("no decision")?;
    let analysis = summary.analysis.as_ref().context("no analysis")?;
    let valid = analysis.trials.valid_block_count;
    if valid < ENOUGH {
        // Others use this machine's processors: what is right then is to say so, and to decide nothing.
        println!("only {valid} blocks are valid on this machine: {}", summary.verdict.reason);
        ensure!(valid > 0, "no block at all is valid: {}", summary.verdict.reason);
        ensure!(decision == Decision::Insufficient, "{decision:?} on {valid} valid blocks");
        ensure!(text.contains("no interval"), "an interval of {valid} valid blocks");
    } else {
        ensure!(output.status.success(), "ended with {}", output.status);
        ensure!(text.contains("95 % interval"), "the verdict has no interval");
        ensure!(decision != Decision::Insufficient, "insufficient: {}", summary.verdict.reason);
    }
    // Five minutes for the twelve that are planned; a machine that others use makes some void, which are run again.
    let trials = summary.trials.as_ref().context("no trials")?.records.len().max(12);
    let bar = 300.0 / 12.0 * f64::from(u32::try_from(trials)?);
    ensure!(
        summary.overhead.workflow_seconds.is_some_and(|seconds| seconds <= bar),
        "{:?} of {trials} trials",
        summary.overhead
    );
    for variant in ["prometheus", "victoriametrics"] {
        let mean = |metric: &str| Some(analysis.metrics.get(metric)?.variants.get(variant)?.mean);
        // The series that were driven are the series that arrived.
        ensure!(
            mean("arrived_series") == Some(10_000.0),
            "{variant}: {:?} series arrived",
            mean("arrived_series")
        );
        let memory = mean("memory_bytes").context("no memory")?;
        ensure!((10e6..2e9).contains(&memory), "{variant}: {memory} bytes are not the memory of a store");
    }
    testbed_ok(&["verify", &summary.name]).await?;
    testbed_ok(&["delete", &summary.name]).await?;
    as_before(&client, &before).await
}

#[tokio::test]
async fn every_gateway_passes_the_load_on() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let sets = [
        "trials.blocks=1",
        "trials.retries=12",
        "trials.aa=false",
        "trials.aaBlocks=null",
        "trials.window=6s",
    ];
    let name = submit_with("gateway-comparison", &sets).await?;
    // Whether a trial counts is the machine's affair: one whose processors others use makes all of them void.
    let passed_on = |run: &Experiment, variant: &str| {
        let trials = run.status.iter().flat_map(|status| &status.trials).flat_map(|trials| &trials.begun);
        let latency = |trial: &TrialStatus| trial.values.get("latency_p99_seconds").copied();
        trials.filter(|trial| trial.slot.variant == variant).filter_map(latency).any(|seconds| seconds > 0.0)
    };
    let variants = ["nginx", "haproxy", "caddy", "direct"];
    wait_for(&client, &name, 300, |run| variants.iter().all(|variant| passed_on(run, variant))).await?;
    testbed_ok(&["delete", &name]).await.map(drop)
}
