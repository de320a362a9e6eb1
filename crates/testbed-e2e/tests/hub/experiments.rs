//! The experiments of the catalog, whole.

use crate::lab::{client, empty, is_over, left_over, objects, phase, submit, testbed, testbed_ok, wait_for};
use anyhow::{Context, Result, ensure};
use testbed_api::status::Phase;
use testbed_api::summary::{Decision, Summary};

#[tokio::test]
async fn tsdb_comparison_ends_with_a_verdict_on_real_series() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    let output = testbed(&["run", "tsdb-comparison"]).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "ended with {}", output.status);
    ensure!(text.contains("one trial, no interval"), "the verdict hides that there was one trial");

    let summary: Summary =
        serde_json::from_str(&testbed_ok(&["results", "tsdb-comparison", "-o", "json"]).await?)?;
    let decision = summary.verdict.decision.context("no decision")?;
    ensure!(decision != Decision::Insufficient, "insufficient: {}", summary.verdict.reason);
    let metrics = summary.metrics.context("no metrics")?;
    for target in ["prometheus", "victoriametrics"] {
        let value = |metric: &str| {
            let cells = &metrics.queries[metric].cells;
            cells.iter().find(|cell| cell.target.as_deref() == Some(target)).and_then(|cell| cell.value)
        };
        // The series that were driven are the series that arrived.
        ensure!(
            value("arrived_series") == Some(10_000.0),
            "{target}: {:?} series arrived",
            value("arrived_series")
        );
        let memory = value("memory_bytes").context("no memory")?;
        ensure!((10e6..2e9).contains(&memory), "{target}: {memory} bytes are not the memory of a store");
    }
    testbed_ok(&["delete", &summary.name]).await?;
    let left = left_over(&client, &before).await?;
    ensure!(left.is_empty(), "left over: {left:?}");
    Ok(())
}

#[tokio::test]
async fn a_target_that_cannot_be_made_fails_at_once_and_cleans_up() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let file = std::env::temp_dir().join(format!("testbed-e2e-{}.yaml", std::process::id()));
    let text = std::fs::read_to_string(crate::lab::root().join("experiments/hello-app/experiment.yaml"))?;
    std::fs::write(&file, text.replace("type: hub", "type: gke"))?;
    let name = testbed_ok(&["run", "-f", &file.to_string_lossy(), "--detach"]).await?.trim().to_owned();
    std::fs::remove_file(&file)?;
    let run = wait_for(&client, &name, 30, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Failed));
    ensure!(
        run.status
            .and_then(|status| status.failure)
            .is_some_and(|failure| failure.reason == "ClusterTypeUnsupported")
    );
    let why = testbed_ok(&["why", &name]).await?;
    ensure!(why.contains("no clusters of type gke"), "{why}");
    let _ = submit;
    Ok(())
}
