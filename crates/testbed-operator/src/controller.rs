//! The driver: look, decide, act, record. It makes no decisions of its own.

use crate::apply::{self, apply};
use crate::clients::{Clients, RunMeta, argo, cluster, reference};
use crate::observe::observe;
use crate::outside::Clock;
use crate::report::report;
use anyhow::Result;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, ObjectMeta, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher;
use kube::{Error as KubeError, ResourceExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testbed_api::status::ExperimentStatus;
use testbed_api::{Experiment, labels};
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_core::plan::{Effect, plan};
use testbed_core::status::differ_in_words;
use tokio::sync::watch;

/// How long an unchanged Experiment is left alone. A watch that lost an event is healed by this, nothing relies on it.
const SAFETY: Duration = Duration::from_mins(10);
/// How long words in status may be out of date. Who changes them a hundred times a second, as Argo CD may, makes us
/// write once.
const WORDS: Duration = Duration::from_secs(1);
/// First pause after a failed pass; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after a failed pass.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a pass failed. It is run again.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to read the Experiment")]
    Observe(#[source] KubeError),
    #[error("failed to carry the plan out")]
    Apply(#[source] apply::Error),
    #[error("failed to write the status")]
    Report(#[source] KubeError),
}

impl Error {
    const fn category(&self) -> &'static str {
        match self {
            Self::Observe(_) => "observe",
            Self::Apply(error) => error.category(),
            Self::Report(_) => "report",
        }
    }
}

struct Context {
    clients: Arc<Clients>,
    /// Failed passes in a row, by Experiment: kube gives an error policy no count of attempts.
    failures: Mutex<HashMap<ObjectRef<RunMeta>, u32>>,
    /// When a status was written, of those that were so a moment ago.
    written: Mutex<HashMap<ObjectRef<RunMeta>, Timestamp>>,
}

impl Context {
    /// Returns how long to wait before a status is written: a moment, if only words changed and it was just written.
    fn hold(&self, experiment: &Experiment, status: &ExperimentStatus) -> Option<Duration> {
        experiment.status.as_ref().filter(|before| differ_in_words(before, status))?;
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let at = written.get(&reference(experiment))?;
        let since = Duration::try_from(self.clients.clock.now().duration_since(*at)).unwrap_or_default();
        WORDS.checked_sub(since).filter(|left| !left.is_zero())
    }

    fn wrote(&self, experiment: &Experiment) {
        let now = self.clients.clock.now();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, at| Duration::try_from(now.duration_since(*at)).is_ok_and(|since| since < WORDS));
        written.insert(reference(experiment), now);
    }
}

/// Watches Experiments and what they made, until stopped.
pub(crate) async fn run(
    clients: Arc<Clients>,
    woken: impl Stream<Item = ObjectRef<RunMeta>> + Send + 'static,
    concurrency: u16,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let experiments: Api<RunMeta> = Api::all(clients.kube.clone());
    let applications = clients.dynamic(&argo("Application"), Some(ARGOCD_NAMESPACE));
    let workflows = clients.dynamic(&argo("Workflow"), Some(WORKFLOW_NAMESPACE));
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(clients.kube.clone());
    // Of workflows and of clusters; only their disappearance matters.
    let pods: Api<PartialObjectMeta<Pod>> = Api::all(clients.kube.clone());
    // Subjects bear no label of ours: whose they are is told by the namespace they are in.
    let subjects: Api<PartialObjectMeta<Pod>> = Api::all(clients.kube.clone());
    let owners: Arc<Mutex<HashMap<String, ObjectRef<RunMeta>>>> = Arc::default();
    let (known, by_namespace) = (owners.clone(), owners);
    let clusters = clients.dynamic(&cluster(), Some(CLUSTER_NAMESPACE));
    let projects = clients.dynamic(&argo("AppProject"), Some(ARGOCD_NAMESPACE));
    let context =
        Arc::new(Context { clients: clients.clone(), failures: Mutex::default(), written: Mutex::default() });
    let (known_runs, keeper) = reflector::store();
    let runs = watcher(experiments, watcher::Config::default())
        .default_backoff()
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
        .touched_objects();
    Controller::for_stream(runs, known_runs)
        .with_config(Config::default().concurrency(concurrency))
        .watches_with(applications, argo("Application"), ours(), owner)
        .watches_with(workflows, argo("Workflow"), ours(), owner)
        .watches(namespaces, ours(), move |namespace| {
            let (name, going) = (namespace.name_any(), namespace.metadata.deletion_timestamp.is_some());
            let owner = owner(namespace)?;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if going {
                known.remove(&name);
            } else {
                known.insert(name, owner.clone());
            }
            Some(owner)
        })
        .watches(pods, ours(), gone)
        .watches_with(clusters, cluster(), ours(), owner)
        .watches_with(projects, argo("AppProject"), ours(), gone)
        .reconcile_on(woken)
        .watches(subjects, foreign(), move |pod| {
            let owners = by_namespace.lock().unwrap_or_else(PoisonError::into_inner);
            owners.get(&pod.namespace()?).cloned()
        })
        .graceful_shutdown_on(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        })
        .run(reconcile, retry, context)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "a pass ended early");
            }
        })
        .await;
    Ok(())
}

fn ours() -> watcher::Config {
    watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE))
}

/// Pods that we did not make: subjects are among them.
fn foreign() -> watcher::Config {
    watcher::Config::default().labels(&format!("{}!={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE))
}

/// Children live in other namespaces than their Experiment, so they name it by labels.
fn owner<K: ResourceExt>(child: K) -> Option<ObjectRef<RunMeta>> {
    let name = child.labels().get(labels::EXPERIMENT)?;
    let space = child.labels().get(labels::EXPERIMENT_NAMESPACE)?;
    Some(ObjectRef::new(name).within(space))
}

/// Of what has no life of its own, or whose life is told by another object, only the disappearance matters.
fn gone<K: ResourceExt>(child: K) -> Option<ObjectRef<RunMeta>> {
    child.meta().deletion_timestamp.as_ref()?;
    owner(child)
}

/// Look, decide, act, record.
async fn reconcile(experiment: Arc<RunMeta>, context: Arc<Context>) -> Result<Action, Error> {
    let clients = &context.clients;
    let (name, space) = (experiment.name_any(), experiment.namespace().unwrap_or_default());
    let Some(seen) = observe(clients, &name, &space).await.map_err(Error::Observe)? else {
        return Ok(Action::await_change());
    };
    let plan = plan(&seen, clients.clock.now());
    let (facts, failed) = apply(clients, &seen, &plan.effects).await;
    // These two changed the object itself: what there is to say is said in the pass that its change brings.
    let own = |effect: &Effect| {
        matches!(effect, Effect::AddFinalizer | Effect::RemoveFinalizer | Effect::DeleteExperiment)
    };
    if failed.is_none() && plan.effects.iter().any(own) {
        log(&name, &plan.effects);
        settled(&context, &seen.experiment);
        return Ok(Action::requeue(SAFETY));
    }
    let status = plan.status_with(&facts);
    let held = context.hold(&seen.experiment, &status);
    if held.is_none() && report(clients, &seen.experiment, &status).await.map_err(Error::Report)? {
        context.wrote(&seen.experiment);
    }
    log(&name, &plan.effects[..facts.len()]);
    match failed {
        Some(error) => Err(Error::Apply(error)),
        None => {
            settled(&context, &seen.experiment);
            let is_over = status.resources_cleaned == Some(true);
            let pause = until(plan.wake_at, &clients.clock, is_over);
            Ok(held.or(pause).map_or_else(Action::await_change, Action::requeue))
        }
    }
}

/// Returns how long to leave an Experiment alone: until its next deadline, and while something of it could be left never
/// longer than [`SAFETY`].
fn until(wake_at: Option<Timestamp>, clock: &Clock, is_over: bool) -> Option<Duration> {
    let left = wake_at.map(|at| clock.until(at));
    if is_over { left } else { Some(left.unwrap_or(SAFETY).min(SAFETY)) }
}

fn log(experiment: &str, effects: &[Effect]) {
    for effect in effects {
        let effect = match effect {
            Effect::Apply(object) => format!("apply {} {}", object["kind"], object["metadata"]["name"]),
            Effect::ApplyIn { target, object } => {
                format!("apply {} {} in target {target}", object["kind"], object["metadata"]["name"])
            }
            Effect::Claim { name, .. } => format!("claim cluster {name}"),
            Effect::Refresh(object) => format!("refresh {}", object.name),
            Effect::DeleteIn { target, object } => {
                format!("delete {:?} {} in target {target}", object.kind, object.name)
            }
            Effect::StopSync(object) => format!("stop the sync of {}", object.name),
            Effect::Delete(object) => format!("delete {:?} {}", object.kind, object.name),
            Effect::Measure(request) => format!("record trial {}", request.trial),
            Effect::Collect(request) => {
                format!("collect {} answers and {} records", request.questions.len(), request.records.len())
            }
            other => format!("{other:?}"),
        };
        tracing::info!(experiment, effect, "done");
    }
}

fn settled(context: &Context, experiment: &Experiment) {
    context.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&reference(experiment));
}

/// Returns when to run a failed pass again: after a pause that doubles with every failure in a row.
fn retry(experiment: Arc<RunMeta>, error: &Error, context: Arc<Context>) -> Action {
    let mut failures = context.failures.lock().unwrap_or_else(PoisonError::into_inner);
    let count = failures.entry(ObjectRef::from_obj(&*experiment)).or_insert(0);
    let pause = (FIRST_PAUSE * 2_u32.saturating_pow(*count)).min(LONGEST_PAUSE);
    *count += 1;
    let conflict = matches!(error, Error::Report(KubeError::Api(status)) if status.code == 409);
    if !conflict {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(experiment = experiment.name_any(), category = error.category(), %error, cause, ?pause, "will try again");
    }
    Action::requeue(pause)
}
