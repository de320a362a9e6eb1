//! How long local clusters take to be ready, one, two and four at a time, made and claimed, and what the phases cost.
//!
//! `make bench-clusters`; needs a hub that is up and idle. Arguments: how often each is repeated (8), and how often a
//! claim is (5).

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on panics")]

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config, ResourceExt};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testbed_api::Experiment;
use testbed_api::conditions::ConditionType;
use testbed_core::status;
use tokio::time::sleep;

const NAMESPACE: &str = "testbed-clusters";
/// How often the API server is asked; the error of every figure here.
const LOOK: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (repeat, claims) = (arguments.next().unwrap_or(8), arguments.next().unwrap_or(5));
    let path = testbed_hub::kubeconfig().context("the hub is not up: `make hub`")?;
    let config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    println!("seconds; p99 of few values is their largest");
    println!("{:<28} {:>3} {:>7} {:>7}", "", "n", "p50", "p99");
    for together in [1, 2, 4] {
        let mut phases: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for _ in 0..repeat {
            for (phase, seconds) in made(&client, together).await? {
                phases.entry(phase).or_default().push(seconds);
            }
        }
        for (phase, seconds) in phases {
            line(&format!("{together} at a time: {phase}"), seconds);
        }
    }
    for together in [1, 2] {
        let mut seconds = Vec::new();
        for _ in 0..claims {
            seconds.push(claimed(&client, together).await?);
        }
        line(&format!("{together} at a time: claimed by a run"), seconds);
    }
    keep(&client, 0).await
}

fn line(what: &str, mut seconds: Vec<f64>) {
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "few values"
        )]
        let place = (share * seconds.len() as f64).ceil() as usize;
        seconds[place.clamp(1, seconds.len()) - 1]
    };
    println!("{what:<28} {:>3} {:>7.2} {:>7.2}", seconds.len(), at(0.5), at(0.99));
}

fn clusters(client: &Client) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("illm.io", "v1alpha1", "ExperimentCluster"));
    Api::namespaced_with(client.clone(), NAMESPACE, &kind)
}

/// Makes that many clusters at once and takes them away again; returns the seconds of each phase of each.
async fn made(client: &Client, together: usize) -> Result<Vec<(&'static str, f64)>> {
    let api = clusters(client);
    let begun = Instant::now();
    let created = try_join_all((0..together).map(async |_| {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "illm.io/v1alpha1", "kind": "ExperimentCluster",
            "metadata": {"generateName": "bench-", "namespace": NAMESPACE},
            "spec": {"type": "local", "nodeCount": 1},
        }))?;
        anyhow::Ok(api.create(&PostParams::default(), &object).await?.name_any())
    }))
    .await?;
    let mut phases = Vec::new();
    for seen in join_all(created.iter().map(|name| ready(client, name, begun))).await {
        phases.extend(seen?);
    }
    let ended = Instant::now();
    for name in &created {
        api.delete(name, &DeleteParams::foreground()).await?;
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    while !pods.list_metadata(&ListParams::default()).await?.items.is_empty()
        || !api.list_metadata(&ListParams::default()).await?.items.is_empty()
    {
        sleep(LOOK).await;
    }
    phases.push(("5 all gone", ended.elapsed().as_secs_f64()));
    Ok(phases)
}

/// Watches one cluster come up.
async fn ready(client: &Client, name: &str, begun: Instant) -> Result<Vec<(&'static str, f64)>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let api = clusters(client);
    let mut phases: Vec<(&'static str, f64)> = Vec::new();
    let reached = |phase: &'static str, phases: &mut Vec<(&'static str, f64)>| {
        if !phases.iter().any(|(known, _)| *known == phase) {
            phases.push((phase, begun.elapsed().as_secs_f64()));
        }
    };
    loop {
        ensure!(begun.elapsed() < Duration::from_secs(180), "{name} is not ready after 180 s");
        let pod = pods.get_opt(&format!("{name}-0")).await?;
        if let Some(pod) = &pod {
            reached("1 pod composed", &mut phases);
            let status = pod.status.clone().unwrap_or_default();
            if status.phase.as_deref() == Some("Running") {
                reached("2 pod running", &mut phases);
            }
            let ready = |kind: &str, truth: &str| kind == "Ready" && truth == "True";
            if status.conditions.iter().flatten().any(|c| ready(&c.type_, &c.status)) {
                reached("3 cluster answers", &mut phases);
            }
        }
        let cluster = api.get(name).await?;
        let conditions = cluster.data.pointer("/status/conditions").and_then(|all| all.as_array());
        if conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True") {
            reached("4 ready", &mut phases);
            return Ok(phases);
        }
        sleep(LOOK).await;
    }
}

async fn keep(client: &Client, count: usize) -> Result<()> {
    let settings = testbed_hub::Settings { warm_clusters: Some(count) };
    testbed_hub::change_settings(&testbed_hub::Layout::without_root(), &settings).await?;
    let warm = |cluster: &DynamicObject| {
        let conditions = cluster.data.pointer("/status/conditions").and_then(|all| all.as_array());
        conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    for _ in 0..1200 {
        let found = clusters(client).list(&ListParams::default()).await?;
        if found.items.len() == count && found.iter().all(warm) {
            return Ok(());
        }
        sleep(LOOK * 2).await;
    }
    anyhow::bail!("there are not {count} warm clusters after two minutes")
}

/// Has a run claim that many warm clusters; returns the seconds from its creation until all of them were recorded ready.
async fn claimed(client: &Client, together: usize) -> Result<f64> {
    keep(client, together).await?;
    let target = |index: usize| json!({"name": format!("t{index}"), "cluster": {"type": "local"}});
    let run: Experiment = serde_json::from_value(json!({
        "apiVersion": "experiments.illm.io/v1alpha1", "kind": "Experiment",
        "metadata": {"generateName": "bench-"},
        "spec": {"targets": (0..together).map(target).collect::<Vec<_>>(),
            "workflow": {"template": "experiment-lifecycle", "completion": {"mode": "workflow"},
                "params": {"url": "http://127.0.0.1/"}}},
    }))?;
    let api: Api<Experiment> = Api::namespaced(client.clone(), "experiments");
    let name = api.create(&PostParams::default(), &run).await?.name_any();
    let begun = Instant::now();
    let took = loop {
        ensure!(begun.elapsed() < Duration::from_secs(60), "no cluster was claimed within 60 s");
        let run = api.get(&name).await?;
        let ready = run.status.as_ref().and_then(|known| status::since(known, ConditionType::ClustersReady));
        if ready.is_some() {
            break begun.elapsed().as_secs_f64();
        }
        sleep(LOOK).await;
    };
    api.delete(&name, &DeleteParams::default()).await?;
    while api.get_opt(&name).await?.is_some() {
        sleep(LOOK).await;
    }
    Ok(took)
}
