//! The experiments of the catalog, whole.

use crate::lab::{
    as_before, client, empty, is_over, objects, result_of, submit_with, testbed, testbed_ok, wait_for,
};
use crate::machine::Machine;
use anyhow::{Context, Result, ensure};
use testbed_api::Summary;
use testbed_api::record::TrialRecord;
use testbed_api::summary::Decision;
use testbed_core::gates;

/// The same as `make demo`, but patient: a busy machine may make many a trial void. And with a bound that is far from what is
/// measured, which was 0.4 to 0.9 on different machines: near to it, six blocks decide on some days only.
const SHORT: [&str; 9] = [
    "hypothesis.criteria.*.value=2",
    "trials.retries=2",
    "trials.blocks=6",
    "trials.aa=false",
    "trials.aaBlocks=null",
    "trials.warmup=2s",
    "trials.window=10s",
    "trials.cooldown=2s",
    "variants.*.reset=none",
];

/// Returns what a metric was in each trial of a variant, void ones included.
fn values<'a>(summary: &'a Summary, variant: &'a str, metric: &'a str) -> Vec<Option<f64>> {
    let records = summary.trials.iter().flat_map(|trials| &trials.records);
    let of_variant = records.filter(|record: &&TrialRecord| record.slot.variant == variant);
    of_variant.map(|record| record.samples.get(metric).and_then(|sample| sample.value)).collect()
}

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
    let machine = Machine::watch()?;
    let output = testbed(&arguments).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{text}\n{}", String::from_utf8_lossy(&output.stderr));

    let summary = result_of("tsdb-comparison").await?;
    let decision = summary.verdict.decision.context("no decision")?;
    if machine.left_enough(&summary, 6)? {
        ensure!(output.status.success(), "ended with {}", output.status);
        ensure!(text.contains("95 % interval"), "the verdict has no interval");
        // Of six blocks none may be lost for how its subject, or its generator, fared.
        let records = summary.trials.iter().flat_map(|trials| &trials.records);
        let mut lost = records.filter(|record| record.void.is_some() && !gates::is_disturbed(record));
        ensure!(
            decision != Decision::Insufficient || lost.next().is_some(),
            "insufficient: {}",
            summary.verdict.reason
        );
    } else {
        ensure!(text.contains("no interval"), "an interval of too few blocks");
        ensure!(decision == Decision::Insufficient, "{decision:?} on too few blocks");
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
        // The series that were driven are the series that arrived, in each trial.
        let series = values(&summary, variant, "arrived_series");
        ensure!(series.len() >= 3, "{variant} had {} trials", series.len());
        ensure!(
            series.iter().all(|series| *series == Some(10_000.0)),
            "{variant}: {series:?} series arrived"
        );
        let memory = values(&summary, variant, "memory_bytes");
        let is_of_a_store = |memory: &Option<f64>| memory.is_some_and(|memory| (10e6..2e9).contains(&memory));
        ensure!(
            memory.iter().all(is_of_a_store),
            "{variant}: {memory:?} bytes are not the memory of a store"
        );
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
        "trials.retries=2",
        "trials.aa=false",
        "trials.aaBlocks=null",
        "trials.window=6s",
    ];
    let machine = Machine::watch()?;
    let name = submit_with("gateway-comparison", &sets).await?;
    wait_for(&client, &name, 300, is_over).await?;
    let summary = result_of(&name).await?;
    machine.left_enough(&summary, 1)?;
    for variant in ["nginx", "haproxy", "caddy", "direct"] {
        let latencies = values(&summary, variant, "latency_p99_seconds");
        let passed_on = latencies.iter().all(|latency| latency.is_some_and(|latency| latency > 0.0));
        ensure!(!latencies.is_empty() && passed_on, "{variant} passed nothing on: {latencies:?}");
    }
    testbed_ok(&["delete", &name]).await.map(drop)
}
