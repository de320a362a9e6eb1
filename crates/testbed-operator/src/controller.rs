//! Wakes the driver for every Experiment that is not over, when it or something that it made changes.

use crate::changes::{changes, owner, told};
use crate::clients::{Clients, LIVE, Run, RunMeta, argo, cluster};
use crate::observe::{application_facts, cluster_facts, workflow_facts};
use crate::pass::{Driver, Error, Left};
use anyhow::Result;
use futures::future::ready;
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
    let applications = clients.dynamic(&argo("Application"), Some(ARGOCD_NAMESPACE));
    let workflows = clients.dynamic(&argo("Workflow"), Some(WORKFLOW_NAMESPACE));
    let clusters = clients.dynamic(&cluster(), Some(CLUSTER_NAMESPACE));
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(clients.kube.clone());
    // Of workflows and of clusters.
    let pods: Api<PartialObjectMeta<Pod>> = Api::all(clients.kube.clone());
    // Subjects bear no label of ours: whose they are is told by the namespace they are in.
    let subjects: Api<PartialObjectMeta<Pod>> = Api::all(clients.kube.clone());
    let owners: Arc<Mutex<HashMap<String, Run>>> = Arc::default();
    let (known, by_namespace) = (owners.clone(), owners);
    let projects = clients.dynamic(&argo("AppProject"), Some(ARGOCD_NAMESPACE));
    let subjects = told(watcher(subjects, foreign()).default_backoff().touched_objects());
    let subjects = subjects.filter_map(move |pod| {
        let owners = by_namespace.lock().unwrap_or_else(PoisonError::into_inner);
        ready(pod.namespace().and_then(|namespace| owners.get(&namespace).cloned()))
    });
    let woken = stream::select_all([
        changes(applications, |application| Some(application_facts(application))).boxed(),
        changes(workflows, |workflow| Some(workflow_facts(workflow))).boxed(),
        changes(clusters, |cluster| {
            // Every write changes it, and whoever needs it reads it.
            Some(ClusterFacts { resource_version: String::new(), ..cluster_facts(cluster) })
        })
        .boxed(),
        changes(namespaces, move |namespace| {
            let (name, going) = (namespace.name_any(), namespace.metadata.deletion_timestamp.is_some());
            let owner = owner(&namespace).filter(|_| !going);
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            match owner {
                Some(owner) => drop(known.insert(name, owner)),
                None => drop(known.remove(&name)),
            }
            namespace.resource_version()
        })
        .boxed(),
        changes(pods, going).boxed(),
        changes(projects, going).boxed(),
        subjects.boxed(),
        woken.boxed(),
    ]);
    let (known_runs, keeper) = reflector::store();
    let told_of = clients.clone();
    let runs = told(watcher(experiments, watcher::Config::default().fields(LIVE)).default_backoff())
        .map(Ok)
        .inspect_ok(move |event| {
            told_of.run_changed.notify_one();
            if let Event::Delete(run) = event {
                if may_be_gone(run) {
                    told_of.run_gone.notify_one();
                }
                // Once more, after the pass that may be under way: to find it gone.
                told_of.targets.wake(ObjectRef::from_obj(run));
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
        .reconcile_on(woken)
        .graceful_shutdown_on(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        })
        .run(reconcile, retry, driver)
        .for_each(|result| async {
            match result {
                // No pass will find that it has no targets any more, and whoever watched them has their credentials.
                Err(controller::Error::ObjectNotFound(run)) => {
                    let run = Run::new(&run.name).within(run.namespace.as_deref().unwrap_or_default());
                    clients.targets.forget(&run);
                }
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
fn going<K: ResourceExt>(child: K) -> Option<()> {
    child.meta().deletion_timestamp.as_ref().map(|_| ())
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
