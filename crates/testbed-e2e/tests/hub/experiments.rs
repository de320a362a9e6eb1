//! The experiments of the catalog, whole.

use crate::lab::{
    as_before, client, empty, is_over, objects, result_of, submit_with, testbed, testbed_ok, wait_for,
};
use anyhow::{Context, Result, ensure};
use testbed_api::summary::Decision;

/// The same as `make demo`, but patient: a busy machine may make many a trial void.
const SHORT: [&str; 8] = [
    "trials.retries=12",
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
    ensure!(output.status.success(), "ended with {}", output.status);
    ensure!(text.contains("95 % interval"), "the verdict has no interval");

    let summary = result_of("tsdb-comparison").await?;
    let decision = summary.verdict.decision.context("no decision")?;
    ensure!(decision != Decision::Insufficient, "insufficient: {}", summary.verdict.reason);
    let analysis = summary.analysis.as_ref().context("no analysis")?;
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
        "trials.retries=4",
        "trials.aa=false",
        "trials.aaBlocks=null",
        "trials.window=6s",
    ];
    let name = submit_with("gateway-comparison", &sets).await?;
    wait_for(&client, &name, 300, is_over).await?;
    let summary = result_of(&name).await?;
    let analysis = summary.analysis.context("no analysis")?;
    ensure!(analysis.trials.valid_block_count == 1, "{:?}", summary.verdict);
    for variant in ["nginx", "haproxy", "caddy", "direct"] {
        let latency = analysis.metrics["latency_p99_seconds"].variants.get(variant);
        ensure!(latency.is_some_and(|latency| latency.mean > 0.0), "{variant} passed nothing on");
    }
    testbed_ok(&["delete", &name]).await.map(drop)
}
