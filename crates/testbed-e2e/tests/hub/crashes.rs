//! Whatever dies at whatever moment: a run is only delayed.

use crate::lab::{
    client, empty, hub_up, is_over, is_ready, left_over, objects, phase, submit, testbed_ok, wait_for,
};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams};
use std::fs;
use std::time::Duration;
use testbed_api::status::Phase;
use tokio::process::Command;

/// Returns the process of the operator: the one whose executable bears its name, in a cgroup of the hub's pods, and that
/// was not told to be the gateway for metrics, which is the same program.
fn operator() -> Option<u32> {
    fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).find(
        |pid: &u32| {
            let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let is_gateway = words.split('\0').any(|word| word == "ingest");
            executable.ends_with("testbed-operator") && cgroup.contains("/testbed/") && !is_gateway
        },
    )
}

async fn kill(pids: &[u32]) -> Result<()> {
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let _ = Command::new("kill").arg("-9").args(&pids).status().await?;
    Ok(())
}

/// Ends the operator as the kernel would.
pub async fn kill_operator() -> Result<()> {
    kill(&[operator().context("the operator is not running")?]).await
}

/// Waits until the operator is there again.
pub async fn operator_ready(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "testbed-system");
    for _ in 0..600 {
        let found =
            pods.list(&ListParams::default().labels("app.kubernetes.io/name=testbed-operator")).await?;
        if found.iter().any(is_ready) && operator().is_some() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the operator did not come back within a minute")
}

#[tokio::test]
async fn sigkill_of_the_operator_at_any_moment_only_delays_a_run() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    // Moments in milliseconds after submission: spread over the whole of a run.
    for moment in [0, 1500, 4000, 8000] {
        operator_ready(&client).await?;
        let name = submit("hello-app").await?;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        kill_operator().await?;
        let run = wait_for(&client, &name, 180, is_over)
            .await
            .with_context(|| format!("killed after {moment} ms"))?;
        ensure!(phase(&run) == Some(Phase::Complete), "killed after {moment} ms: {:?}", run.status);
        testbed_ok(&["results", &name]).await?;
        testbed_ok(&["delete", &name]).await?;
        operator_ready(&client).await?;
        // Its own pod may have been replaced, and is not of the run.
        let left: Vec<String> = left_over(&client, &before)
            .await?
            .into_iter()
            .filter(|object| !object.contains("testbed-system/"))
            .collect();
        ensure!(left.is_empty(), "killed after {moment} ms, left over: {left:?}");
    }
    Ok(())
}

/// The network of a pod that is no more, still on the bridge, as the kernel keeps one whose connections it has not given
/// up yet. Whoever asks for its address may find it instead of the pod that has the address now.
struct Ghost;

impl Ghost {
    const NAME: &str = "testbed-ghost";

    fn appear() -> Result<Self> {
        // A test that was killed leaves it.
        Self::vanish();
        let ghost = Self;
        ip(&format!("netns add {}", Self::NAME))?;
        ip(&format!("link add {} type veth peer name eth0 netns {}", Self::NAME, Self::NAME))?;
        ip(&format!("link set {} master hub0 up", Self::NAME))?;
        ip(&format!("-n {} address add 10.88.0.2/16 dev eth0", Self::NAME))?;
        ip(&format!("-n {} link set eth0 up", Self::NAME))?;
        Ok(ghost)
    }

    /// Removes it if it is there.
    fn vanish() {
        let _ = ip(&format!("netns delete {}", Self::NAME));
    }
}

impl Drop for Ghost {
    fn drop(&mut self) {
        Self::vanish();
    }
}

fn ip(arguments: &str) -> Result<()> {
    let output = std::process::Command::new("ip").args(arguments.split(' ')).output()?;
    ensure!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn sigkill_of_the_whole_hub_only_delays_a_run() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let name = submit("hello-app").await?;
    wait_for(&client, &name, 60, |run| phase(run).is_some_and(|phase| phase >= Phase::Running)).await?;
    let everything: Vec<u32> = testbed_hub::Cgroups::find()?.processes("").into_iter().collect();
    ensure!(everything.len() > 10, "only {} processes are in the hub's cgroups", everything.len());
    kill(&everything).await?;

    let _ghost = Ghost::appear()?;
    hub_up().await?;
    ensure!(ip(&format!("link show {}", Ghost::NAME)).is_err(), "what died is still on the hub's bridge");
    let client = crate::lab::client().await?;
    let run = wait_for(&client, &name, 300, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Complete), "{:?}", run.status);
    testbed_ok(&["results", &name]).await?;
    testbed_ok(&["delete", &name]).await?;
    Ok(())
}
