//! Keeps as many warm clusters as the hub's setting says.

use crate::answers::if_defined;
use crate::clients::{Clients, LIVE, cluster};
use crate::observe::warm;
use anyhow::{Context, Result};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PartialObjectMeta, PostParams, Preconditions};
use kube::runtime::{WatchStreamExt, watcher};
use std::sync::Arc;
use std::time::Duration;
use testbed_api::{Experiment, labels};
use testbed_core::build::CLUSTER_NAMESPACE;
use testbed_core::pool::{PoolEffect, keep};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// The hub's settings, in the operator's own namespace.
const SETTINGS: &str = "testbed-settings";
/// Namespace of the hub's settings.
const NAMESPACE: &str = "testbed-system";
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(5);
/// Events that come together are answered together.
const GATHER: Duration = Duration::from_millis(200);

/// Keeps the pool, until stopped.
pub(crate) async fn run(clients: Arc<Clients>, mut stopped: watch::Receiver<bool>) -> Result<()> {
    let settings: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(clients.kube.clone(), NAMESPACE);
    let clusters = clients.dynamic(&cluster(), Some(CLUSTER_NAMESPACE));
    let only = watcher::Config::default().fields(&format!("metadata.name={SETTINGS}"));
    let free = watcher::Config::default().labels(&format!("{}={}", labels::WARM, labels::WARM_FREE));
    let settings = watcher(settings, only).default_backoff().map(|event| event.is_ok());
    let clusters = watcher(clusters, free).default_backoff().map(|event| event.is_ok());
    let mut events = Box::pin(futures::stream::select(settings, clusters));
    let (mut next_look, mut keeps) = (None, true);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
            () = sleep_until(next_look.unwrap_or_else(Instant::now)), if next_look.is_some() => {}
            // Where no cluster is kept, it does not matter whether someone could need it.
            () = clients.run_changed.notified(), if keeps => {}
            event = events.next() => match event {
                None => return Ok(()),
                Some(false) => continue,
                Some(true) => {}
            },
        }
        // Whatever else has happened meanwhile is part of what is looked at now.
        let _ = timeout(GATHER, async { while events.next().await.is_some() {} }).await;
        let _ = clients.run_changed.notified().now_or_never();
        let pause = match attend(&clients).await {
            Ok(kept) => {
                keeps = kept.is_some();
                kept.and_then(|kept| kept.wake_at).map(|at| clients.clock.until(at))
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the pool of warm clusters cannot be kept");
                Some(PAUSE)
            }
        };
        next_look = pause.map(|pause| Instant::now() + pause);
    }
}

/// Returns whether a run is not over.
async fn is_busy(clients: &Clients) -> Result<bool, kube::Error> {
    let experiments: Api<Experiment> = Api::all(clients.kube.clone());
    Ok(!experiments.list_metadata(&ListParams::default().fields(LIVE).limit(1)).await?.items.is_empty())
}

/// A pool that has clusters, or is to have some.
struct Kept {
    /// When to look again even if nothing happens.
    wake_at: Option<Timestamp>,
}

/// Does what is to be done; returns nothing if no cluster is kept.
async fn attend(clients: &Clients) -> Result<Option<Kept>> {
    let settings: Api<ConfigMap> = Api::namespaced(clients.kube.clone(), NAMESPACE);
    let settings = settings.get_opt(SETTINGS).await.context("the hub's settings cannot be read")?;
    let wanted =
        settings.and_then(|settings| settings.data?.get("warmClusters")?.trim().parse().ok()).unwrap_or(0);
    let free = if_defined(&clients.kube, &cluster(), warm(clients).await).await;
    // A hub without Crossplane has no clusters to keep.
    let Some(free) = free.context("the warm clusters cannot be listed")? else { return Ok(None) };
    if wanted == 0 && free.is_empty() {
        return Ok(None);
    }
    let busy = is_busy(clients).await.context("the runs cannot be listed")?;
    let api = clients.dynamic(&cluster(), Some(CLUSTER_NAMESPACE));
    let steps = keep(wanted, &free, busy, clients.clock.now());
    for effect in steps.effects {
        match effect {
            PoolEffect::Make(object) => {
                let object = serde_json::from_value(object).context("a cluster cannot be described")?;
                // Should the run that claims it be lost, the sweeper asks who labeled it.
                let ours =
                    PostParams { field_manager: Some(labels::OPERATOR.into()), ..PostParams::default() };
                let made = api.create(&ours, &object).await.context("a cluster cannot be made")?;
                tracing::info!(cluster = made.metadata.name, "a warm cluster is being made");
            }
            PoolEffect::Delete { name, uid, resource_version } => {
                let parameters = DeleteParams {
                    preconditions: Some(Preconditions {
                        uid: Some(uid),
                        resource_version: Some(resource_version),
                    }),
                    ..DeleteParams::foreground()
                };
                match api.delete(&name, &parameters).await {
                    Ok(_) => tracing::info!(cluster = name, "a warm cluster is of no use"),
                    // A run was faster, or it is gone already.
                    Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                    Err(error) => return Err(error).context("a warm cluster cannot be deleted"),
                }
            }
        }
    }
    Ok(Some(Kept { wake_at: steps.wake_at }))
}
