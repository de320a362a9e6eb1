//! Wakes the driver for every Experiment that is not over, when it or something that it made changes.

use crate::changes::{changes, ours, owner, tell_end};
use crate::clients::{Clients, LIVE, Run, RunMeta, argo, cluster};
use crate::observe::{application_facts, cluster_facts, workflow_facts};
use crate::pass::{Driver, Error, Left};
use anyhow::Result;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::ResourceExt;
use kube::api::{Api, ObjectMeta, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{self, Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, Event, watcher};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use testbed_api::labels;
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_core::observed::ClusterFacts;
use tokio::sync::watch;

/// Whether a run that left the watch may be gone without having been torn down. The API server tells of what leaves as it
/// was before: one whose finalizer was removed by hand bears it still, and differs from one that is over only in that it
/// was asked to go. One that was torn down was asked as well: a look too many.
fn may_be_gone(run: &RunMeta) -> bool {
    run.metadata.deletion_timestamp.is_some() || run.finalizers().is_empty()
}

/// Watches Experiments that are not over, and what they made, until stopped.
pub(crate) async fn run(
    clients: Arc<Clients>,
    driver: Arc<Driver>,
    woken: impl Stream<Item = Run> + Send + 'static,
    concurrency: u16,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let experiments: Api<RunMeta> = Api::all(clients.kube.clone());
    let applications =
        changes(clients.dynamic(&argo("Application"), Some(ARGOCD_NAMESPACE)), application_facts);
    let workflows = changes(clients.dynamic(&argo("Workflow"), Some(WORKFLOW_NAMESPACE)), workflow_facts);
    let clusters = changes(clients.dynamic(&cluster(), Some(CLUSTER_NAMESPACE)), |cluster| ClusterFacts {
        // Every write changes it, and whoever needs it reads it.
        resource_version: String::new(),
        ..cluster_facts(cluster)
    });
    let woken =
        stream::select_all([applications.boxed(), workflows.boxed(), clusters.boxed(), woken.boxed()]);
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(clients.kube.clone());
    // Of workflows and of clusters; only their disappearance matters.
    let pods: Api<PartialObjectMeta<Pod>> = Api::all(clients.kube.clone());
    // Subjects bear no label of ours: whose they are is told by the namespace they are in.
    let subjects: Api<PartialObjectMeta<Pod>> = Api::all(clients.kube.clone());
    let owners: Arc<Mutex<HashMap<String, Run>>> = Arc::default();
    let (known, by_namespace) = (owners.clone(), owners);
    let projects = clients.dynamic(&argo("AppProject"), Some(ARGOCD_NAMESPACE));
    let (known_runs, keeper) = reflector::store();
    let runs = watcher(experiments, watcher::Config::default().fields(LIVE))
        .default_backoff()
        .inspect_ok(move |event| {
            clients.run_changed.notify_one();
            if matches!(event, Event::Delete(run) if may_be_gone(run)) {
                clients.run_gone.notify_one();
            }
        })
        .modify(|run| {
            let own = std::mem::take(&mut run.metadata);
            run.metadata = ObjectMeta {
                name: own.name,
                namespace: own.namespace,
                uid: own.uid,
                ..ObjectMeta::default()
            };
        })
        .reflect(keeper)
        .applied_objects();
    Controller::for_stream(runs, known_runs)
        .with_config(Config::default().concurrency(concurrency))
        .watches(namespaces, ours(), move |namespace| {
            let (name, going) = (namespace.name_any(), namespace.metadata.deletion_timestamp.is_some());
            let owner = owner(&namespace)?;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if going {
                known.remove(&name);
            } else {
                known.insert(name, owner.clone());
            }
            Some(owner)
        })
        .watches(pods, ours(), gone)
        .watches_with(projects, argo("AppProject"), ours(), gone)
        .reconcile_on(woken)
        .watches(subjects, foreign(), move |pod| {
            let owners = by_namespace.lock().unwrap_or_else(PoisonError::into_inner);
            owners.get(&pod.namespace()?).cloned()
        })
        .graceful_shutdown_on(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        })
        .run(reconcile, retry, driver)
        .for_each(|result| async move {
            match result {
                Err(controller::Error::QueueError(error)) => tell_end(&error),
                Err(error) => tracing::debug!(%error, "a pass ended early"),
                Ok(_) => {}
            }
        })
        .await;
    Ok(())
}

/// Pods that we did not make: subjects are among them.
fn foreign() -> watcher::Config {
    watcher::Config::default().labels(&format!("{}!={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE))
}

/// Of what has no life of its own, or whose life is told by another object, only the disappearance matters.
fn gone<K: ResourceExt>(child: K) -> Option<Run> {
    child.meta().deletion_timestamp.as_ref()?;
    owner(&child)
}

async fn reconcile(run: Arc<RunMeta>, driver: Arc<Driver>) -> Result<Action, Error> {
    Ok(match driver.pass(&ObjectRef::from_obj(&*run)).await? {
        Left::Live(pause) => Action::requeue(pause),
        // What becomes of a run that is over is watched elsewhere.
        Left::Over(_) | Left::Gone => Action::await_change(),
    })
}

fn retry(run: Arc<RunMeta>, error: &Error, driver: Arc<Driver>) -> Action {
    Action::requeue(driver.pause(&ObjectRef::from_obj(&*run), error))
}
