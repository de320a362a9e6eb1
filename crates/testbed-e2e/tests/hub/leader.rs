//! One operator acts, whatever happens to it, and what runs leave behind goes away; what others made stays.

use crate::crashes::operator_ready;
use crate::lab::{
    NAMESPACE, as_before, client, empty, is_over, objects, phase, runs, submit, testbed_ok, wait_for,
};
use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};
use testbed_api::labels;
use testbed_api::status::Phase;
use tokio::process::Command;
use tokio::time::sleep;

/// Namespace, and name of the Deployment and of the Lease.
const OPERATOR: (&str, &str) = ("testbed-system", "testbed-operator");
/// How long the end of a run waits for its orphans.
const ORPHANS: Duration = Duration::from_secs(90);

/// Sets the number of operators, and waits until they are there.
async fn scale(client: &Client, replicas: usize) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), OPERATOR.0);
    let patch = json!({"spec": {"replicas": replicas}});
    api.patch(OPERATOR.1, &PatchParams::default(), &Patch::Merge(patch)).await?;
    for _ in 0..600 {
        let status = api.get(OPERATOR.1).await?.status.unwrap_or_default();
        let there =
            |count: Option<i32>| count.unwrap_or_default() == i32::try_from(replicas).unwrap_or_default();
        if there(status.replicas) && there(status.ready_replicas) {
            return operator_ready(client).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!("there are no {replicas} operators after a minute")
}

/// Returns who holds the Lease.
async fn holder(client: &Client) -> Result<Option<String>> {
    let api: Api<Lease> = Api::namespaced(client.clone(), OPERATOR.0);
    let lease = api.get_opt(OPERATOR.1).await?;
    Ok(lease.and_then(|lease| lease.spec?.holder_identity).filter(|holder| !holder.is_empty()))
}

/// Waits until another one than `before` holds the Lease; returns who, and how long that took.
async fn successor(client: &Client, before: &str) -> Result<(String, Duration)> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if let Some(now) = holder(client).await?.filter(|now| now != before) {
            return Ok((now, begun.elapsed()));
        }
        sleep(Duration::from_millis(10)).await;
    }
    bail!("nobody followed {before}")
}

/// Returns the UID of the pod of a holder, which is in its name.
fn pod(holder: &str) -> Result<&str> {
    holder.split('_').nth(1).context("the holder names no pod")
}

/// Returns the process of a holder: cgroups of pods are named by the pod's UID.
fn process(holder: &str) -> Result<u32> {
    let uid = pod(holder)?;
    let processes = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let of_pod = |pid: &u32| {
        let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default().replace('_', "-");
        executable.ends_with("testbed-operator") && cgroup.contains(uid)
    };
    processes.into_iter().find(of_pod).with_context(|| format!("{holder} has no process"))
}

async fn signal(holder: &str, signal: &str) -> Result<()> {
    let pid = process(holder)?.to_string();
    let done = Command::new("kill").args([signal, &pid]).status().await?;
    ensure!(done.success(), "kill {signal} {pid} ended with {done}");
    Ok(())
}

/// Runs an experiment with two operators, does something to the one that leads while load runs, and expects that the run
/// completes and leaves nothing.
async fn disturbed(disturb: impl AsyncFnOnce(&Client, &str) -> Result<()>) -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    scale(&client, 2).await?;
    let outcome = async {
        let name = submit("hello-app").await?;
        wait_for(&client, &name, 60, |run| phase(run).is_some_and(|phase| phase >= Phase::Running)).await?;
        let leader = holder(&client).await?.context("nobody leads")?;
        disturb(&client, &leader).await?;
        let run = wait_for(&client, &name, 180, is_over).await?;
        ensure!(phase(&run) == Some(Phase::Complete), "{:?}", run.status);
        testbed_ok(&["results", &name]).await?;
        testbed_ok(&["delete", &name]).await.map(drop)
    };
    let outcome = outcome.await;
    // Also if it failed: the tests after this one expect one operator.
    scale(&client, 1).await?;
    outcome
}

#[tokio::test]
async fn when_the_leader_is_asked_to_end_another_leads_at_once() -> Result<()> {
    disturbed(async |client, leader| {
        signal(leader, "-TERM").await?;
        let (next, took) = successor(client, leader).await?;
        println!("fail-over after SIGTERM took {took:.1?}");
        // It was handed over: neither did it run out, which takes three seconds more after a renewal, nor did kubelet
        // start the process again, which would have been the next one of the same pod.
        ensure!(pod(&next)? != pod(leader)?, "{next} followed {leader}");
        ensure!(took <= Duration::from_secs(2), "it took {took:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn when_the_leader_is_killed_another_leads_within_five_seconds() -> Result<()> {
    disturbed(async |client, leader| {
        signal(leader, "-KILL").await?;
        let (_, took) = successor(client, leader).await?;
        println!("fail-over after SIGKILL took {took:.1?}");
        ensure!(took <= Duration::from_secs(5), "it took {took:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leader_that_was_suspended_and_continues_changes_nothing_any_more() -> Result<()> {
    disturbed(async |client, leader| {
        signal(leader, "-STOP").await?;
        let (next, took) = successor(client, leader).await?;
        println!("fail-over after SIGSTOP took {took:.1?}");
        // While the other one acts; not for so long that kubelet ends what does not answer.
        sleep(Duration::from_secs(10)).await;
        signal(leader, "-CONT").await?;
        // It finds out, ends, and comes back as one that waits.
        sleep(Duration::from_secs(5)).await;
        ensure!(holder(client).await?.as_deref() == Some(&next), "the suspended one took the Lease back");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_left_of_a_run_whose_finalizer_was_removed_by_hand_goes_away_and_nothing_of_others()
-> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let forged = Forged::plant(&client).await?;
    let outcome = orphaned(&client).await;
    // Seen as often as the orphans were.
    let stays = forged.remove().await?;
    outcome?;
    ensure!(stays, "an object that others labeled as ours was deleted");
    let events: Api<Event> = Api::namespaced(client, OPERATOR.0);
    let told = events.list(&ListParams::default().fields("reason=OrphanDeleted")).await?;
    ensure!(!told.items.is_empty(), "no Event tells of it");
    Ok(())
}

/// Deletes a run at work and takes its finalizer; returns when all it had made is gone.
async fn orphaned(client: &Client) -> Result<()> {
    let before = objects(client).await?;
    let name = submit("hello-app").await?;
    wait_for(client, &name, 60, |run| phase(run).is_some_and(|phase| phase >= Phase::Running)).await?;
    // In one request each, as often as it takes: the operator puts its finalizer back on what is not being deleted.
    let (without, gone) = (json!({"metadata": {"finalizers": null}}), Instant::now());
    runs(client).delete(&name, &DeleteParams::default()).await?;
    while runs(client).get_opt(&name).await?.is_some() {
        let _ = runs(client).patch(&name, &PatchParams::default(), &Patch::Merge(&without)).await;
    }
    loop {
        match as_before(client, &before).await {
            Ok(()) => break,
            Err(error) if gone.elapsed() > ORPHANS => return Err(error),
            Err(_) => sleep(Duration::from_secs(1)).await,
        }
    }
    println!("orphans were gone after {:.1?}", gone.elapsed());
    Ok(())
}

/// Objects with labels of a run that never was, made by somebody else.
struct Forged {
    namespaces: Api<Namespace>,
    maps: Api<ConfigMap>,
}

impl Forged {
    const NAME: &str = "forged";

    async fn plant(client: &Client) -> Result<Self> {
        let labels = json!({
            labels::MANAGED_BY: labels::MANAGED_BY_VALUE, labels::EXPERIMENT: Self::NAME,
            labels::EXPERIMENT_NAMESPACE: NAMESPACE,
            labels::EXPERIMENT_UID: "00000000-0000-0000-0000-000000000000",
        });
        let object = json!({"metadata": {"name": Self::NAME, "labels": labels}});
        let planted =
            Self { namespaces: Api::all(client.clone()), maps: Api::namespaced(client.clone(), NAMESPACE) };
        planted.namespaces.create(&PostParams::default(), &serde_json::from_value(object.clone())?).await?;
        planted.maps.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
        Ok(planted)
    }

    /// Deletes them; returns whether they were still there.
    async fn remove(self) -> Result<bool> {
        let there = [
            self.namespaces.get_opt(Self::NAME).await?.map(|namespace| namespace.metadata),
            self.maps.get_opt(Self::NAME).await?.map(|map| map.metadata),
        ];
        let _ = self.namespaces.delete(Self::NAME, &DeleteParams::default()).await;
        let _ = self.maps.delete(Self::NAME, &DeleteParams::default()).await;
        Ok(there
            .iter()
            .all(|object| object.as_ref().is_some_and(|object| object.deletion_timestamp.is_none())))
    }
}
