//! Targets with clusters of their own: made, used, watched, and proven gone, whatever dies in between.

use crate::crashes::{kill_operator, operator_ready};
use crate::lab::{
    CLUSTERS, NAMESPACE, as_before, client, empty, is_over, is_ready, left_over, objects, phase, result_of,
    runs, submit_with, testbed_ok, wait_for,
};
use crate::machine::Machine;
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testbed_api::Experiment;
use testbed_api::status::Phase;
use testbed_core::status;

/// One short block, which decides nothing and shows everything.
const SHORT: [&str; 4] = ["trials.blocks=1", "trials.warmup=1s", "trials.window=8s", "trials.cooldown=1s"];
/// What is neither of a run nor of the hub's making: pods that replaced those that a test killed, and their logs.
const OF_THE_HUB: [&str; 4] = ["testbed-system/", "argocd/", "crossplane-system/", "observability/"];

/// Returns how long a run took from its creation until its clusters were ready, in seconds.
fn until_ready(run: &Experiment) -> Option<f64> {
    let created = run.metadata.creation_timestamp.as_ref()?.0;
    let ready = status::since(run.status.as_ref()?, testbed_api::conditions::ConditionType::ClustersReady)?;
    Some(ready.duration_since(created).as_secs_f64())
}

/// Returns the control groups of clusters in pods: those below a pod's own that are a kubelet's.
fn nested_groups() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = open.pop() {
        let nested = folder.to_string_lossy().matches("kubepods").count() > 1;
        if nested {
            found.insert(folder);
            continue;
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        open.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()),
        );
    }
    found
}

/// Returns the number of links of pods on the hub's bridge.
fn links() -> usize {
    let entries = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    entries.filter(|entry| Path::new(&entry.path()).join("brport").exists()).count()
}

/// Fails if the machine has control groups of clusters in pods, or more links of pods than before. The kernel and the
/// kubelet take a moment after the last object is gone.
async fn machine_as_before(links_before: usize) -> Result<()> {
    for _ in 0..80 {
        if nested_groups().is_empty() && links() <= links_before {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    ensure!(nested_groups().is_empty(), "control groups are left: {:?}", nested_groups());
    ensure!(links() <= links_before, "{} links of pods, and {links_before} before", links());
    Ok(())
}

/// Returns how many series of a run were written in the last ten seconds.
async fn still_written(client: &Client, uid: &str) -> Result<usize> {
    let query = format!("count_over_time({{experiment_uid=\"{uid}\"}}[10s])");
    let request = http::Request::get(format!(
        "/api/v1/namespaces/observability/services/victoria-metrics:8428/proxy/api/v1/query?query={}",
        query.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>()
    ))
    .body(Vec::new())?;
    let answer: Value = client.request(request).await?;
    Ok(answer["data"]["result"].as_array().map_or(0, Vec::len))
}

/// Nothing of a run is left: no object, no control group, no link.
async fn nothing_left(
    client: &Client,
    before: &BTreeSet<String>,
    links_before: usize,
    run: &Experiment,
) -> Result<()> {
    let left: Vec<String> = left_over(client, before)
        .await?
        .into_iter()
        .filter(|object| !OF_THE_HUB.iter().any(|space| object.contains(space)))
        .filter(|object| *object != format!("Experiment {NAMESPACE}/{}", run.name_any()))
        .collect();
    ensure!(left.is_empty(), "left over: {left:?}");
    machine_as_before(links_before).await?;
    for target in run.status.iter().flat_map(|status| &status.targets) {
        ensure!(!target.resources.is_empty() && target.cluster_gone_at.is_some(), "{target:?}");
    }
    Ok(())
}

/// Nobody writes the series of these runs any more.
async fn nothing_written(client: &Client, runs: &[Experiment]) -> Result<()> {
    tokio::time::sleep(Duration::from_secs(11)).await;
    for run in runs {
        let written = still_written(client, &run.uid().unwrap_or_default()).await?;
        ensure!(written == 0, "{written} series of {} are still being written", run.name_any());
    }
    Ok(())
}

/// Deletes a pod as if its machine had died: at once, and without a word to it.
async fn kill_pods(client: &Client, namespace: &str, labels: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let found = pods.list(&ListParams::default().labels(labels)).await?;
    ensure!(!found.items.is_empty(), "no pod of {labels} in {namespace}");
    for pod in found {
        pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn two_clusters_side_by_side_are_made_compared_and_gone() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let (before, links_before) = (objects(&client).await?, links());
    let machine = Machine::watch()?;
    let sets = ["trials.blocks=2", "trials.warmup=1s", "trials.cooldown=1s", "trials.window=6s"];
    let name = submit_with("cluster-comparison", &sets).await?;
    let run = wait_for(&client, &name, 600, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Complete), "{:#?}", run.status);
    println!(
        "both clusters were ready {:.1} s after the run was created",
        until_ready(&run).context("no time")?
    );

    let result = result_of(&name).await?;
    machine.left_enough(&result, 2)?;
    let trials = result.trials.as_ref().context("no trials")?;
    // What the agents in both clusters sent, under the labels that no agent can forge.
    for record in trials.records.iter().filter(|record| record.void.is_none()) {
        for metric in ["cpu_cores", "memory_bytes"] {
            let sample = &record.samples[metric];
            ensure!(sample.value.is_some() && sample.source == "hub", "{metric}: {sample:?}");
        }
    }
    ensure!(result.verdict.decision.is_some(), "{:?}", result.verdict);
    testbed_ok(&["verify", &name]).await?;
    nothing_left(&client, &before, links_before, &run).await?;
    nothing_written(&client, &[run]).await?;
    testbed_ok(&["delete", &name]).await?;
    as_before(&client, &before).await.context("left over after delete")
}

/// Sets how many warm clusters the hub keeps.
async fn keep_warm(count: usize) -> Result<()> {
    testbed_ok(&["hub", "settings", "--warm-clusters", &count.to_string()]).await.map(drop)
}

/// Waits until that many pods of clusters are ready, and no more are there.
async fn clusters_ready(client: &Client, count: usize, seconds: u64) -> Result<BTreeSet<String>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), CLUSTERS);
    for _ in 0..seconds * 5 {
        let found = pods.list(&ListParams::default()).await?;
        if found.iter().filter(|pod| is_ready(pod)).count() == count && found.items.len() == count {
            // Crossplane says so a moment later.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Ok(found.iter().map(ResourceExt::name_any).collect());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let found = pods.list(&ListParams::default()).await?;
    let said: Vec<String> = found.iter().map(|pod| format!("{} {:?}", pod.name_any(), pod.status)).collect();
    // Tests that follow count what is there.
    keep_warm(0).await?;
    anyhow::bail!("there are not {count} ready clusters after {seconds} s, but {said:#?}")
}

#[tokio::test]
async fn warm_clusters_are_claimed_at_once_and_never_used_twice() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let links_before = links();
    let before: BTreeSet<String> = objects(&client).await?;
    keep_warm(2).await?;
    let first = clusters_ready(&client, 2, 240).await?;
    let sets = [&SHORT[..], &["targets.*.cluster.machineType=null"]].concat();
    let name = submit_with("cluster-comparison", &sets).await?;
    let run = wait_for(&client, &name, 300, |run| until_ready(run).is_some()).await?;
    let took = until_ready(&run).context("no time")?;
    println!("both warm clusters were claimed {took:.1} s after the run was created");
    let claimed: BTreeSet<String> = run
        .status
        .iter()
        .flat_map(|status| &status.targets)
        .filter_map(|target| Some(format!("{}-0", target.cluster_name.as_ref()?)))
        .collect();
    ensure!(claimed == first, "claimed {claimed:?}, and {first:?} were warm");
    let run = wait_for(&client, &name, 300, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Complete), "{:#?}", run.status);
    // Others take their place, and only now: while a run measures, none is made.
    let second = clusters_ready(&client, 2, 240).await?;
    ensure!(first.is_disjoint(&second), "{first:?} and {second:?}");
    keep_warm(0).await?;
    clusters_ready(&client, 0, 60).await?;
    let settings: Api<ConfigMap> = Api::namespaced(client.clone(), "testbed-system");
    settings.delete("testbed-settings", &DeleteParams::default()).await?;
    nothing_left(&client, &before, links_before, &run).await?;
    nothing_written(&client, &[run]).await?;
    testbed_ok(&["delete", &name]).await.map(drop)
}

/// What dies.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// The operator and Crossplane together while clusters are made, Argo CD while components are.
    Lab,
    Target,
}

#[tokio::test]
async fn whoever_dies_a_run_in_clusters_ends_and_nothing_is_left() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let mut over = Vec::new();
    for victim in [Victim::Lab, Victim::Target] {
        operator_ready(&client).await?;
        let (before, links_before) = (objects(&client).await?, links());
        let name = submit_with("cluster-comparison", &SHORT).await?;
        let reached = |wanted: Phase| move |run: &Experiment| phase(run).is_some_and(|phase| phase >= wanted);
        match victim {
            Victim::Lab => {
                wait_for(&client, &name, 60, |run| !clusters_of(run).is_empty()).await?;
                kill_operator().await?;
                kill_pods(&client, "crossplane-system", "app.kubernetes.io/name=crossplane").await?;
                wait_for(&client, &name, 90, |run| until_ready(run).is_some()).await?;
                kill_pods(&client, "argocd", "app.kubernetes.io/name=argocd-application-controller").await?;
            }
            Victim::Target => {
                let run = wait_for(&client, &name, 180, reached(Phase::Running)).await?;
                tokio::time::sleep(Duration::from_secs(2)).await;
                let target = clusters_of(&run).pop().context("no cluster")?;
                kill_pods(&client, CLUSTERS, &format!("illm.io/cluster={target}")).await?;
            }
        }
        let run = wait_for(&client, &name, 420, is_over).await.with_context(|| format!("{victim:?} died"))?;
        let status = run.status.clone().unwrap_or_default();
        if matches!(victim, Victim::Target) {
            let failure = status.failure.context("a run whose target died did not fail")?;
            ensure!(failure.reason == "TargetLost", "{failure:?}");
            let void =
                status.trials.iter().flat_map(|trials| &trials.begun).filter_map(|trial| trial.void.as_ref());
            ensure!(void.clone().any(|why| why.contains("was lost")), "{:?}", void.collect::<Vec<_>>());
        } else {
            ensure!(phase(&run) == Some(Phase::Complete), "{victim:?} died: {status:#?}");
        }
        nothing_left(&client, &before, links_before, &run)
            .await
            .with_context(|| format!("{victim:?} died"))?;
        testbed_ok(&["delete", &name]).await?;
        over.push(run);
    }
    nothing_written(&client, &over).await
}

fn clusters_of(run: &Experiment) -> Vec<String> {
    let targets = run.status.iter().flat_map(|status| &status.targets);
    targets.filter_map(|target| target.cluster_name.clone()).collect()
}

#[tokio::test]
async fn a_run_in_clusters_deleted_at_any_moment_leaves_nothing() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    for moment in [300, 6000, 14000] {
        let (before, links_before) = (objects(&client).await?, links());
        let name = submit_with("cluster-comparison", &SHORT).await?;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        runs(&client).delete(&name, &DeleteParams::default()).await?;
        crate::lab::wait_gone(&client, &name, 120)
            .await
            .with_context(|| format!("deleted after {moment} ms"))?;
        as_before(&client, &before).await.with_context(|| format!("deleted after {moment} ms"))?;
        machine_as_before(links_before).await.with_context(|| format!("deleted after {moment} ms"))?;
    }
    Ok(())
}

/// A run as the API server takes it.
fn run_in(target: &Value) -> Result<Experiment> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "experiments.illm.io/v1alpha1", "kind": "Experiment",
        "metadata": {"generateName": "cluster-", "namespace": NAMESPACE},
        "spec": {
            "targets": [target],
            "workflow": {"template": "experiment-lifecycle", "completion": {"mode": "workflow"},
                "params": {"url": "${targets.app.hello-app.endpoint}/", "rate": "20/s", "warmup": "1s", "window": "3s", "cooldown": "1s"}},
        },
    }))?)
}

/// Waits for a run that is to fail, and returns why it did.
async fn failure(client: &Client, run: &Experiment, seconds: u64) -> Result<testbed_api::status::Failure> {
    let over = wait_for(client, &run.name_any(), seconds, is_over).await?;
    over.status.and_then(|status| status.failure).context("it did not fail")
}

#[tokio::test]
async fn a_cluster_of_someone_else_is_used_and_left_as_it_was() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    // The someone else is another run, which stays until it is deleted.
    let owner = submit_with("prometheus-tutorial", &["targets.*.cluster.machineType=null"]).await?;
    let lent = wait_for(&client, &owner, 180, |run| {
        run.status
            .iter()
            .filter_map(|status| status.tutorial_status.as_ref())
            .any(|tutorial| !tutorial.kubeconfig_secrets.is_empty())
            && phase(run).is_some_and(|phase| phase >= Phase::Running)
    })
    .await?;
    let secret = lent
        .status
        .and_then(|status| status.tutorial_status?.kubeconfig_secrets.into_values().next())
        .context("no kubeconfig")?;
    let target = |secret: &str| {
        json!({"name": "app", "cluster": {"type": "existing", "kubeconfigSecret": secret},
               "components": [{"app": "hello-app"}], "observability": {"enabled": true, "transport": "direct"}})
    };
    let theirs = their_objects(&client, &secret).await?;
    let run = runs(&client).create(&PostParams::default(), &run_in(&target(&secret))?).await?;
    let over = wait_for(&client, &run.name_any(), 240, is_over).await?;
    ensure!(phase(&over) == Some(Phase::Complete), "{:#?}", over.status);
    let left: Vec<String> = their_objects(&client, &secret).await?.difference(&theirs).cloned().collect();
    ensure!(left.is_empty(), "left over in the cluster of someone else: {left:?}");

    silent_at_the_end(&client, &secret, run_in(&target("borrowed"))?).await?;
    let left: Vec<String> = their_objects(&client, &secret).await?.difference(&theirs).cloned().collect();
    ensure!(left.is_empty(), "left over in a cluster that was silent: {left:?}");

    // A kubeconfig that leads nowhere, and one that would run a program.
    for (content, said) in [
        (json!({"kubeconfig": "apiVersion: v1\nkind: Config\n"}), "kubeconfig"),
        (json!({"wrong-key": "x"}), "no key `kubeconfig`"),
    ] {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
        let wrong: Secret = serde_json::from_value(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong-kubeconfig"}, "stringData": content}),
        )?;
        secrets.create(&PostParams::default(), &wrong).await?;
        let run = runs(&client).create(&PostParams::default(), &run_in(&target("wrong-kubeconfig"))?).await?;
        let wrong = run.name_any();
        let waits = wait_for(&client, &wrong, 60, |run| {
            run.status
                .iter()
                .flat_map(|status| &status.conditions)
                .any(|condition| condition.reason == "ClusterUnreachable" && condition.message.contains(said))
        });
        waits.await?;
        testbed_ok(&["delete", &wrong]).await?;
        secrets.delete("wrong-kubeconfig", &DeleteParams::default()).await?;
    }
    testbed_ok(&["delete", &over.name_any()]).await?;
    testbed_ok(&["delete", &owner]).await?;
    as_before(&client, &before).await
}

/// A run is deleted while the cluster it is in does not answer; `lent` is the Secret with the way to that. It waits, and
/// says for what.
async fn silent_at_the_end(client: &Client, lent: &str, run: Experiment) -> Result<()> {
    const BORROWED: &str = "borrowed";
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let way = kubeconfig(client, lent).await?;
    let secret = |way: String| -> Result<Secret> {
        Ok(serde_json::from_value(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": BORROWED}, "stringData": {"kubeconfig": way}}),
        )?)
    };
    secrets.create(&PostParams::default(), &secret(way.clone())?).await?;
    let name = runs(client).create(&PostParams::default(), &run).await?.name_any();
    wait_for(client, &name, 120, |run| phase(run).is_some_and(|phase| phase >= Phase::Running)).await?;

    ensure!(way.contains(":6443"), "the way is another than it was");
    secrets.replace(BORROWED, &PostParams::default(), &secret(way.replace(":6443", ":1"))?).await?;
    runs(client).delete(&name, &DeleteParams::default()).await?;
    let waits = wait_for(client, &name, 60, |run| {
        let mut conditions = run.status.iter().flat_map(|status| &status.conditions);
        conditions
            .any(|condition| condition.type_ == "CleanedUp" && condition.message.contains("does not answer"))
    });
    waits.await?;
    // Longer than it takes to look again.
    tokio::time::sleep(Duration::from_secs(20)).await;
    ensure!(
        runs(client).get_opt(&name).await?.is_some(),
        "it went while its namespace was in the cluster still"
    );

    secrets.replace(BORROWED, &PostParams::default(), &secret(way)?).await?;
    crate::lab::wait_gone(client, &name, 90).await?;
    secrets.delete(BORROWED, &DeleteParams::default()).await?;
    Ok(())
}

/// Returns the kubeconfig in a Secret beside the Experiments.
async fn kubeconfig(client: &Client, secret: &str) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let data = secrets.get(secret).await?.data.unwrap_or_default();
    Ok(String::from_utf8(data.get("kubeconfig").context("no kubeconfig")?.0.clone())?)
}

/// Returns what there is in the cluster that a kubeconfig beside the Experiment leads to.
async fn their_objects(client: &Client, secret: &str) -> Result<BTreeSet<String>> {
    let text = kubeconfig(client, secret).await?;
    let mut config = kube::config::Kubeconfig::from_yaml(&text)?;
    let cluster = config.clusters[0].cluster.as_mut().context("no cluster")?;
    // The machine does not know the hub's names: it goes by the address, and checks the name.
    let host = cluster.server.clone().unwrap_or_default();
    let host = host.trim_start_matches("https://").split(':').next().unwrap_or_default().to_owned();
    let services: Api<k8s_openapi::api::core::v1::Service> = Api::namespaced(client.clone(), CLUSTERS);
    let service = services.get(host.split('.').next().unwrap_or_default()).await?;
    let address = service.spec.and_then(|spec| spec.cluster_ip).context("no address")?;
    cluster.server = Some(format!("https://{address}:6443"));
    cluster.tls_server_name = Some(host);
    let config =
        kube::Config::from_custom_kubeconfig(config, &kube::config::KubeConfigOptions::default()).await?;
    let all = objects(&Client::try_from(config)?).await?;
    // What comes and goes with the cluster's own life.
    Ok(all
        .into_iter()
        .filter(|object| !object.contains("kube-system/") && !object.starts_with("Pod "))
        .collect())
}

#[tokio::test]
async fn a_cluster_that_crossplane_cannot_make_fails_the_run_in_its_words() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    let (before, begun) = (objects(&client).await?, Timestamp::now());
    let target = json!({"name": "app", "cluster": {"type": "gke"}, "components": [{"app": "hello-app"}]});
    let run = runs(&client).create(&PostParams::default(), &run_in(&target)?).await?;
    let failure = failure(&client, &run, 240).await?;
    ensure!(failure.reason == "ClusterFailed", "{failure:?}");
    ensure!(failure.message.contains("no matches for kind"), "{failure:?}");
    println!("refused after {:.0} s", Timestamp::now().duration_since(begun).as_secs_f64());
    testbed_ok(&["delete", &run.name_any()]).await?;
    as_before(&client, &before).await
}

/// Returns the project's folder of experiments in tests.
fn fixture() -> PathBuf {
    crate::lab::root().join("crates/testbed/tests/fixtures/seed-readme.yaml")
}

#[tokio::test]
async fn the_example_of_the_seed_runs_unchanged_in_local_clusters() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    let file = fixture();
    let file = file.to_str().context("a path that is text")?;
    let name =
        testbed_ok(&["run", "-f", file, "--target-type", "local", "--detach"]).await?.trim().to_owned();
    let run = wait_for(&client, &name, 420, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Complete), "{:#?}", run.status);
    ensure!(result_of(&name).await?.metrics.is_some(), "nothing was measured");
    testbed_ok(&["delete", &name]).await?;
    as_before(&client, &before).await
}

#[tokio::test]
async fn a_component_in_one_cluster_is_reached_from_another() -> Result<()> {
    let client = client().await?;
    empty(&client).await?;
    testbed_ok(&["catalog", "push"]).await?;
    let before = objects(&client).await?;
    let machine = Machine::watch()?;
    let name = submit_with("multi-cluster", &SHORT).await?;
    let run = wait_for(&client, &name, 420, is_over).await?;
    ensure!(phase(&run) == Some(Phase::Complete), "{:#?}", run.status);
    machine.left_enough(&result_of(&name).await?, 1)?;
    testbed_ok(&["delete", &name]).await?;
    as_before(&client, &before).await
}
