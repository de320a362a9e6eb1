//! A run from creation to nothing left.

use crate::lab::{
    as_before, client, empty, is_over, left_over, objects, phase, root, runs, submit, testbed, testbed_ok,
    wait_for, wait_gone,
};
use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams};
use kube::runtime::{WatchStreamExt, watcher};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use testbed_api::Experiment;
use testbed_api::status::Phase;
use testbed_api::summary::Summary;
use tokio::fs;
use tokio::process::Command;
use tokio::time::timeout;

#[tokio::test]
async fn hello_app_completes_and_leaves_nothing_but_itself_and_its_result() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    // What the first run of an experiment publishes stays, so it is published before anything is counted.
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;

    let begun = Instant::now();
    let text = testbed_ok(&["run", "hello-app"]).await?;
    let took = begun.elapsed();
    ensure!(text.contains("cpu_by_pod") || text.contains("METRIC"), "no table in:\n{text}");
    println!("hello-app took {took:.1?} from command to cleaned up");

    let run = runs(&client).list(&ListParams::default()).await?.items.pop().context("the run is gone")?;
    ensure!(phase(&run) == Some(Phase::Complete) && is_over(&run), "{:?}", run.status);
    let left: Vec<String> = left_over(&client, &before).await?;
    ensure!(left == [format!("Experiment experiments/{}", run.name_any())], "left over: {left:?}");

    let name = run.name_any();
    let summary: Summary = serde_json::from_str(&testbed_ok(&["results", &name, "-o", "json"]).await?)?;
    ensure!(summary.metrics.is_some(), "nothing was measured");
    testbed_ok(&["delete", &name]).await?;
    as_before(&client, &before).await.context("left over after delete")?;
    let gone = testbed(&["results", &name]).await?;
    ensure!(!gone.status.success(), "the result of a deleted run can still be read");
    Ok(())
}

#[tokio::test]
async fn a_watch_shows_every_phase_in_order_and_why_answers_in_each() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let name = submit("hello-app").await?;
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut seen = watcher(runs(&client), config).default_backoff().applied_objects().boxed();
    let mut phases = Vec::new();
    let mut answers = BTreeMap::new();
    let watching = async {
        while let Some(run) = seen.try_next().await? {
            let Some(phase) = phase(&run) else { continue };
            if phases.last() != Some(&phase) {
                phases.push(phase);
                answers.insert(phase, testbed_ok(&["why", &name]).await?);
            }
            if is_over(&run) {
                break;
            }
        }
        anyhow::Ok(())
    };
    timeout(Duration::from_secs(90), watching).await??;
    // A watch may begin after the first write, and merges none of the later ones.
    let expected = [Phase::Pending, Phase::Provisioning, Phase::Ready, Phase::Running, Phase::Complete];
    let from = usize::from(phases.first() != Some(&Phase::Pending));
    ensure!(phases == expected[from..], "{phases:?}");
    for (phase, answer) in answers {
        ensure!(answer.contains(&name), "why says nothing in phase {phase:?}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_run_deleted_in_any_phase_leaves_nothing() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    for wanted in [Phase::Pending, Phase::Provisioning, Phase::Ready, Phase::Running, Phase::Complete] {
        let name = submit("hello-app").await?;
        wait_for(&client, &name, 60, |run| phase(run).is_some_and(|phase| phase >= wanted)).await?;
        runs(&client).delete(&name, &DeleteParams::default()).await?;
        wait_gone(&client, &name, 60).await.with_context(|| format!("deleted in {wanted:?}"))?;
        let left = left_over(&client, &before).await?;
        ensure!(left.is_empty(), "left over after a deletion in {wanted:?}: {left:?}");
    }
    Ok(())
}

/// What Argo CD is to make last of a component, in the namespace that this was in.
const LAST: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: last
  annotations: {argocd.argoproj.io/hook: PostDelete}
";

/// Copies what a run of hello-app needs into a project of its own, whose component has a hook that is run last.
async fn with_a_last_hook(folder: &Path) -> Result<()> {
    for part in ["components/apps/hello-app", "experiments/hello-app", "Cargo.toml", "hub", "platform"] {
        let to = folder.join(part);
        fs::create_dir_all(to.parent().context("no parent")?).await?;
        let copied = Command::new("cp").arg("-r").arg(root().join(part)).arg(&to).status().await?;
        ensure!(copied.success(), "{part} cannot be copied");
    }
    let templates = folder.join("components/apps/hello-app/chart/templates");
    Ok(fs::write(templates.join("last.yaml"), LAST).await?)
}

#[tokio::test]
async fn what_argo_cd_runs_last_of_a_component_is_run_before_its_namespace_goes() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let project = tempfile::tempdir()?;
    with_a_last_hook(project.path()).await?;
    let folder = project.path().to_str().context("a folder that is not text")?;
    testbed_ok(&["catalog", "push", "--root", folder]).await?;
    let before = objects(&client).await?;
    let name = testbed_ok(&["run", "hello-app", "--root", folder, "--detach"]).await?.trim().to_owned();
    let is_ready = |run: &Experiment| phase(run).is_some_and(|phase| phase >= Phase::Running);
    wait_for(&client, &name, 60, is_ready).await?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"));
    let applications: Api<DynamicObject> = Api::namespaced_with(client.clone(), "argocd", &resource);
    let made = applications.list(&ListParams::default()).await?.items;
    let is_hooked = |made: &DynamicObject| made.finalizers().iter().any(|name| name.contains("post-delete"));
    ensure!(made.iter().any(is_hooked), "Argo CD knows of no hook: {made:#?}");
    runs(&client).delete(&name, &DeleteParams::default()).await?;
    wait_gone(&client, &name, 60).await?;
    let left = left_over(&client, &before).await?;
    ensure!(left.is_empty(), "left over: {left:?}");
    testbed_ok(&["catalog", "push"]).await.map(drop)
}

#[tokio::test]
async fn nothing_of_the_hub_listens_beyond_the_machine() -> Result<()> {
    client().await?;
    let outside = testbed_hub::listeners_outside(&testbed_hub::Cgroups::find()?);
    ensure!(outside.is_empty(), "{outside:?}");
    Ok(())
}
