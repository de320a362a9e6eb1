//! Carries effects out. Each is idempotent; after the first that fails nothing more is made, and the pass is run again.

use crate::bundle;
use crate::certify::certify;
use crate::clients::{Clients, argo, child, cluster, dynamic, namespace};
use crate::observe;
use crate::targets::{self, PATIENCE, Way};
use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::{Client, Error as KubeError, Resource, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testbed_api::record::{RecordRef, TrialRecord};
use testbed_api::status::ExperimentStatus;
use testbed_api::{Experiment, Summary, labels};
use testbed_core::agent::{TAILNET_NAMESPACE, TAILNET_SECRET};
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, TOKEN_SECRET};
use testbed_core::kubeconfig::Credentials;
use testbed_core::observed::Observed;
use testbed_core::plan::{
    Answer, ChildKind, CollectRequest, Effect, Fact, MeasureRequest, ObjectRef, Question, Store,
};
use testbed_core::run::Run;
use testbed_core::schedule::Schedule;
use testbed_core::{build, bundle as core_bundle, gates, names, record, summary};
use tokio::time::timeout;

/// Questions asked at once.
const QUESTIONS_AT_ONCE: usize = 16;

/// Why an effect could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server refused, or could not be reached.
    #[error("failed to write to the API server")]
    Kube(#[from] KubeError),
    /// A metrics store could not be reached, and there is time to try again.
    #[error("failed to read metric {metric}: {reason}")]
    Metrics {
        /// The metric.
        metric: String,
        /// The reason.
        reason: String,
    },
    /// The results' store could not be reached.
    #[error("failed to store or delete the result")]
    Results(#[source] anyhow::Error),
    /// A target cannot be reached, or not with the credentials there are.
    #[error("failed in a target: {0}")]
    Target(String),
    /// The plan names an object that cannot be applied.
    #[error("failed to read the plan's object: {0}")]
    Object(String),
}

impl Error {
    /// Returns one word for logs and metrics.
    pub(crate) const fn category(&self) -> &'static str {
        match self {
            Self::Kube(_) => "kube",
            Self::Metrics { .. } => "metrics",
            Self::Results(_) => "results",
            Self::Target(_) => "target",
            Self::Object(_) => "object",
        }
    }

    /// Returns why it was not done, for people to read while it is tried again; absent for what is usually over by then. It
    /// is the same each time: whatever changes in a condition is a write.
    pub(crate) fn explanation(&self) -> Option<String> {
        match self {
            Self::Kube(KubeError::Api(status)) if is_final(status.code) => {
                Some(format!("the API server refuses what is next: {}", status.message))
            }
            Self::Kube(_) => None,
            Self::Metrics { metric, reason } => Some(format!("metric {metric} cannot be read: {reason}")),
            Self::Results(_) => Some(
                "the store of results cannot be used, which is tried again; why stands in the operator's log"
                    .into(),
            ),
            Self::Target(reason) | Self::Object(reason) => Some(reason.clone()),
        }
    }
}

/// Carries effects out in order; returns what was learned of each, and the first failure, if there was one.
///
/// What takes something away goes on after a refusal to take away something else: none depends on another, and a cluster
/// costs for as long as it stays.
pub(crate) async fn apply(
    clients: &Clients,
    seen: &Observed,
    effects: &[Effect],
) -> (Vec<Fact>, Option<Error>) {
    let mut facts = Vec::with_capacity(effects.len());
    let mut failed = None;
    for effect in effects {
        if failed.is_some() && !takes_away(effect) {
            facts.push(Fact::Missed);
            continue;
        }
        match carry_out(clients, seen, effect).await {
            Ok(fact) => facts.push(fact),
            Err(error) => {
                facts.push(Fact::Missed);
                let is_of_one = matches!(error, Error::Kube(KubeError::Api(_)) | Error::Target(_));
                let goes_on = is_of_one && (takes_away(effect) || matches!(effect, Effect::Register { .. }));
                failed.get_or_insert(error);
                if !goes_on {
                    break;
                }
            }
        }
    }
    (facts, failed)
}

/// Returns whether an effect is there for something to go.
const fn takes_away(effect: &Effect) -> bool {
    matches!(effect, Effect::Delete(_) | Effect::DeleteIn { .. } | Effect::Refresh(_) | Effect::StopSync(_))
}

async fn carry_out(clients: &Clients, seen: &Observed, effect: &Effect) -> Result<Fact, Error> {
    match effect {
        Effect::AddFinalizer => set_finalizer(clients, &seen.experiment, true).await,
        Effect::RemoveFinalizer => set_finalizer(clients, &seen.experiment, false).await,
        Effect::Apply(object) => apply_object(clients, object).await,
        Effect::ApplyIn { target, object } => apply_in(clients, &seen.experiment, target, object).await,
        Effect::Claim { name, resource_version, labels } => {
            claim(clients, name, resource_version, labels).await
        }
        Effect::Register { target, name } => register(clients, &seen.experiment, target, name).await,
        Effect::GrantTailnet { target } => grant_tailnet(clients, &seen.experiment, target).await,
        Effect::GrantWrite { target } => grant_write(clients, &seen.experiment, target).await,
        Effect::ShowKubeconfig { target, name } => {
            show_kubeconfig(clients, &seen.experiment, target, name).await
        }
        Effect::Refresh(object) => refresh(clients, object).await,
        Effect::StopSync(object) => stop_sync(clients, object).await,
        Effect::Delete(object) => delete_object(clients, object).await,
        Effect::DeleteIn { target, object } => {
            let kube = way(clients, &seen.experiment, target)?.client;
            in_time(target, delete_in(kube, object)).await
        }
        Effect::Measure(request) => measure(clients, seen, request).await,
        Effect::Collect(request) => collect(clients, seen, request).await,
        Effect::Certify(request) => certify(clients, seen, request).await,
        Effect::DeleteResults { prefix } => {
            clients.results.delete(prefix).await.map(|()| Fact::Done).map_err(Error::Results)
        }
        Effect::DeleteExperiment => delete_experiment(clients, &seen.experiment).await,
    }
}

fn experiments(clients: &Clients, experiment: &Experiment) -> Api<Experiment> {
    Api::namespaced(clients.kube.clone(), &experiment.namespace().unwrap_or_default())
}

/// Puts our finalizer on, or takes it off, leaving those of others; refused if the Experiment changed meanwhile.
async fn set_finalizer(clients: &Clients, experiment: &Experiment, wanted: bool) -> Result<Fact, Error> {
    let others = experiment.finalizers().iter().filter(|finalizer| *finalizer != labels::OPERATOR);
    let finalizers: Vec<&str> =
        others.map(String::as_str).chain(wanted.then_some(labels::OPERATOR)).collect();
    let patch =
        json!({"metadata": {"resourceVersion": experiment.resource_version(), "finalizers": finalizers}});
    let api = experiments(clients, experiment);
    match api.patch_metadata(&experiment.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(Fact::Done),
        Err(error) if is_gone(&error) && !wanted => Ok(Fact::Done),
        Err(error) => Err(error.into()),
    }
}

async fn apply_object(clients: &Clients, object: &Value) -> Result<Fact, Error> {
    let object: DynamicObject =
        serde_json::from_value(object.clone()).map_err(|error| Error::Object(error.to_string()))?;
    let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
    let resource = match kind.as_str() {
        "Namespace" => namespace(),
        "Application" | "AppProject" | "Workflow" => argo(&kind),
        "ExperimentCluster" => cluster(),
        other => return Err(Error::Object(format!("nothing is known of kind `{other}`"))),
    };
    let api = clients.dynamic(&resource, object.namespace().as_deref());
    // We alone own what we apply, so a conflict is settled in our favor.
    let made = api.patch(&object.name_any(), &applying(), &Patch::Apply(&object)).await?;
    Ok(made.uid().filter(|_| kind == "Workflow").map_or(Fact::Done, |uid| Fact::Submitted { uid }))
}

/// Asks for the end of a sync as `argocd app terminate-op` does; another object of the same name is not touched.
async fn stop_sync(clients: &Clients, object: &ObjectRef) -> Result<Fact, Error> {
    let api = clients.dynamic(&child(object.kind), object.namespace.as_deref());
    let patch =
        json!({"metadata": {"uid": object.uid}, "status": {"operationState": {"phase": "Terminating"}}});
    unless_moved_on(api.patch(&object.name, &PatchParams::default(), &Patch::Merge(patch)).await)
}

async fn delete_object(clients: &Clients, object: &ObjectRef) -> Result<Fact, Error> {
    delete_in(clients.kube.clone(), object).await
}

pub(crate) async fn delete_in(kube: Client, object: &ObjectRef) -> Result<Fact, Error> {
    let api = dynamic(kube, &child(object.kind), object.namespace.as_deref());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(object.uid.clone()), resource_version: None }),
        propagation_policy: Some(propagation(object.kind)),
        ..DeleteParams::default()
    };
    unless_gone(api.delete(&object.name, &parameters).await)
}

/// The workflow stays visible until its pods are gone, and a cluster until what it is made of is.
pub(crate) const fn propagation(kind: ChildKind) -> PropagationPolicy {
    match kind {
        ChildKind::Workflow | ChildKind::Cluster => PropagationPolicy::Foreground,
        ChildKind::Application
        | ChildKind::Namespace
        | ChildKind::Pod
        | ChildKind::Project
        | ChildKind::Secret
        | ChildKind::Service => PropagationPolicy::Background,
    }
}

/// Returns the way to a target that was found in this pass.
fn way(clients: &Clients, experiment: &Experiment, target: &str) -> Result<Way, Error> {
    let key = (experiment.uid().unwrap_or_default(), target.to_owned());
    clients.targets.known(&key).ok_or_else(|| Error::Target(format!("there is no way to target {target}")))
}

async fn apply_in(
    clients: &Clients,
    experiment: &Experiment,
    target: &str,
    object: &Value,
) -> Result<Fact, Error> {
    let object: DynamicObject =
        serde_json::from_value(object.clone()).map_err(|error| Error::Object(error.to_string()))?;
    let kind = match object.types.as_ref().map(|types| types.kind.as_str()) {
        Some("Namespace") => ChildKind::Namespace,
        Some("Service") => ChildKind::Service,
        other => return Err(Error::Object(format!("nothing of kind {other:?} is applied in targets"))),
    };
    let kube = way(clients, experiment, target)?.client;
    let api = dynamic(kube, &child(kind), object.namespace().as_deref());
    in_time(target, api.patch(&object.name_any(), &applying(), &Patch::Apply(&object))).await?;
    Ok(Fact::Done)
}

/// A target that does not answer, or asks to be asked again in a year, must not hold up other targets and runs.
pub(crate) async fn in_time<T, E: Into<Error>>(
    target: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    match timeout(PATIENCE, work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => {
            Err(Error::Target(format!("target {target} did not answer within {} s", PATIENCE.as_secs())))
        }
    }
}

fn applying() -> PatchParams {
    PatchParams::apply(labels::OPERATOR).force()
}

/// Makes a warm cluster ours, unless someone was faster: then another one is looked for.
async fn claim(clients: &Clients, name: &str, resource_version: &str, labels: &Value) -> Result<Fact, Error> {
    let api = clients.dynamic(&cluster(), Some(CLUSTER_NAMESPACE));
    let patch = json!({"metadata": {"resourceVersion": resource_version, "labels": labels}});
    // Whose labels these are is what the sweeper goes by.
    let parameters = PatchParams { field_manager: Some(labels::OPERATOR.into()), ..PatchParams::default() };
    match api.patch_metadata(name, &parameters, &Patch::Merge(patch)).await {
        Err(error) if has_moved_on(&error) => Ok(Fact::Missed),
        claimed => claimed.map(|_| Fact::Done).map_err(Error::Kube),
    }
}

/// Returns the content of the kubeconfig that a target is reached with, and the labels of what is made of it.
async fn credentials(
    clients: &Clients,
    seen: &Experiment,
    target: &str,
) -> Result<(String, Credentials, Value), Error> {
    let known = seen.status.iter().flat_map(|status| &status.targets).find(|known| known.name == target);
    let spec = seen.spec.targets.iter().find(|spec| spec.name == target);
    let (known, spec) =
        known.zip(spec).ok_or_else(|| Error::Target(format!("nothing is known of target {target}")))?;
    let own = seen.namespace().unwrap_or_default();
    let namespace = if spec.cluster.kind.is_made() { CLUSTER_NAMESPACE } else { own.as_str() };
    let secrets: Api<Secret> = Api::namespaced(clients.kube.clone(), namespace);
    let secret = secrets.get(known.kubeconfig_secret.as_deref().unwrap_or_default()).await?;
    let text = targets::text(&secret).map_err(|error| Error::Target(format!("{error:#}")))?;
    let endpoint = known.endpoint.as_deref().filter(|_| spec.cluster.kind.is_made());
    let read = targets::read(&text, endpoint).map_err(|error| Error::Target(format!("{error:#}")))?;
    let run = Run::of(seen).map_err(|_| Error::Object("the Experiment has no identity".into()))?;
    let labels = build::target_labels(&run, target);
    Ok((text, read, labels))
}

/// Registers a cluster with Argo CD, as its own documentation says: a Secret with a certain label.
async fn register(clients: &Clients, seen: &Experiment, target: &str, name: &str) -> Result<Fact, Error> {
    let (text, credentials, mut labels) = credentials(clients, seen, target).await?;
    labels["argocd.argoproj.io/secret-type"] = json!("cluster");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": names::registration(name), "namespace": ARGOCD_NAMESPACE, "labels": labels,
            "annotations": {labels::CREDENTIALS: names::short_digest(&text)},
        },
        "stringData": {"name": name, "server": credentials.server, "config": credentials.argo().to_string()},
    });
    apply_secret(clients.kube.clone(), ARGOCD_NAMESPACE, &secret).await
}

async fn apply_secret(kube: Client, namespace: &str, secret: &Value) -> Result<Fact, Error> {
    let api: Api<Secret> = Api::namespaced(kube, namespace);
    let name = secret["metadata"]["name"].as_str().unwrap_or_default();
    api.patch(name, &applying(), &Patch::Apply(secret)).await?;
    Ok(Fact::Done)
}

/// Lets the agent of a target write to the hub, as this run and no other.
async fn grant_write(clients: &Clients, seen: &Experiment, target: &str) -> Result<Fact, Error> {
    let run = Run::of(seen).map_err(|_| Error::Object("the Experiment has no identity".into()))?;
    let token = clients.settings.token(run.uid).ok_or_else(|| {
        Error::Target("this hub takes no metrics from targets: the operator was given no INGEST_KEY".into())
    })?;
    let namespace = run.namespace_of(target);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": TOKEN_SECRET, "namespace": namespace, "labels": build::target_labels(&run, target),
            "annotations": {labels::CREDENTIALS: names::short_digest(&token)},
        },
        "stringData": {"token": token},
    });
    let kube = way(clients, seen, target)?.client;
    let api: Api<Secret> = Api::namespaced(kube, &namespace);
    in_time(target, api.patch(TOKEN_SECRET, &applying(), &Patch::Apply(&secret))).await?;
    Ok(Fact::Done)
}

/// Lets a target join the tailnet with the hub's own credentials, which lie in the operator's namespace.
async fn grant_tailnet(clients: &Clients, seen: &Experiment, target: &str) -> Result<Fact, Error> {
    let own: Api<Secret> = Api::default_namespaced(clients.kube.clone());
    let given = own.get_opt(TAILNET_SECRET).await?.and_then(|secret| secret.data).ok_or_else(|| {
        Error::Target(format!(
            "this hub has no Secret {TAILNET_SECRET}, by which target {target} could join a tailnet"
        ))
    })?;
    let run = Run::of(seen).map_err(|_| Error::Object("the Experiment has no identity".into()))?;
    let labels = build::target_labels(&run, target);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": TAILNET_SECRET, "namespace": TAILNET_NAMESPACE, "labels": labels},
        "data": given,
    });
    let kube = way(clients, seen, target)?.client;
    let api: Api<Secret> = Api::namespaced(kube, TAILNET_NAMESPACE);
    in_time(target, api.patch(TAILNET_SECRET, &applying(), &Patch::Apply(&secret))).await?;
    Ok(Fact::Done)
}

/// Puts the kubeconfig of a target beside the Experiment. It goes with the Experiment, should we not be there to delete it.
async fn show_kubeconfig(
    clients: &Clients,
    seen: &Experiment,
    target: &str,
    name: &str,
) -> Result<Fact, Error> {
    let (text, _, labels) = credentials(clients, seen, target).await?;
    let namespace = seen.namespace().unwrap_or_default();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": name, "namespace": namespace, "labels": labels,
            "annotations": {labels::CREDENTIALS: names::short_digest(&text)},
            "ownerReferences": [{
                "apiVersion": Experiment::api_version(&()), "kind": Experiment::kind(&()),
                "name": seen.name_any(), "uid": seen.uid().unwrap_or_default(),
            }],
        },
        "stringData": {"kubeconfig": text},
    });
    apply_secret(clients.kube.clone(), &namespace, &secret).await
}

/// Has Argo CD look again, now, at an Application whose cluster it no longer knows: then it lets go of it.
async fn refresh(clients: &Clients, object: &ObjectRef) -> Result<Fact, Error> {
    let api = clients.dynamic(&child(object.kind), object.namespace.as_deref());
    let annotations = json!({
        "argocd.argoproj.io/refresh": "normal", labels::REFRESHED_AT: clients.clock.now().to_string(),
    });
    let patch = json!({"metadata": {"uid": object.uid, "annotations": annotations}});
    unless_moved_on(api.patch_metadata(&object.name, &PatchParams::default(), &Patch::Merge(patch)).await)
}

async fn delete_experiment(clients: &Clients, experiment: &Experiment) -> Result<Fact, Error> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: experiment.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    unless_gone(experiments(clients, experiment).delete(&experiment.name_any(), &parameters).await)
}

/// Asks a target's own store first, where it has one, and the hub next; the question that comes back says who answered.
async fn ask_one(clients: &Clients, uid: &str, question: Question, give_up: bool) -> (Question, Answer) {
    let answer = clients.metrics.ask(&question, uid).await;
    let own = matches!(question.store, Store::Target { .. });
    let nothing = match &answer {
        Answer::Series(series) => series.is_empty(),
        Answer::Unreachable(_) => give_up,
        Answer::Refused(_) => false,
    };
    if !(own && nothing) {
        return (question, answer);
    }
    let next = question.of_store(Store::Hub);
    match clients.metrics.ask(&next, uid).await {
        Answer::Series(series) if !series.is_empty() => (next, Answer::Series(series)),
        _ => (question, answer),
    }
}

/// Asks the stores, and says so if one cannot be asked and there is time to try again.
async fn ask(
    clients: &Clients,
    uid: &str,
    questions: &[Question],
    give_up: bool,
) -> Result<Vec<(Question, Answer)>, Error> {
    if let Some(question) = questions.iter().find(|question| question.store == Store::Hub)
        && let Err(reason) = clients.metrics.settle().await
        && !give_up
    {
        return Err(Error::Metrics { metric: question.metric.clone(), reason });
    }
    let answers: Vec<_> = stream::iter(questions.to_vec())
        .map(|question| ask_one(clients, uid, question, give_up))
        .buffered(QUESTIONS_AT_ONCE)
        .collect()
        .await;
    let unreachable = answers.iter().filter(|_| !give_up).find_map(|(question, answer)| match answer {
        Answer::Unreachable(reason) => Some((question.metric.clone(), reason.clone())),
        Answer::Series(_) | Answer::Refused(_) => None,
    });
    match unreachable {
        Some((metric, reason)) => Err(Error::Metrics { metric, reason }),
        None => Ok(answers),
    }
}

/// Reads the samples of a trial, lets core judge, stores the record.
async fn measure(clients: &Clients, seen: &Observed, request: &MeasureRequest) -> Result<Fact, Error> {
    let lost = |what: &str| Error::Object(format!("{what} of trial {} is not there", request.trial));
    let experiment = &seen.experiment;
    let run = Run::of(experiment).map_err(|_| lost("the identity"))?;
    let known = experiment.status.as_ref().and_then(|status| status.trials.as_ref());
    let trial = known.and_then(|known| known.begun.iter().find(|trial| trial.slot.trial == request.trial));
    let (known, trial) = known.zip(trial).ok_or_else(|| lost("the status"))?;
    let answers = ask(clients, run.uid, &request.questions, request.give_up).await?;
    let nodes: BTreeSet<String> = trial.before.iter().flatten().filter_map(|pod| pod.node.clone()).collect();
    let target = run.spec.target_of(&trial.slot.variant);
    let nodes = if run.is_on_hub(target) {
        observe::nodes(clients.kube.clone(), &nodes).await?
    } else {
        // A target that died leaves a record that says so, not one that is never written.
        match way(clients, experiment, target) {
            Ok(way) => match in_time(target, observe::nodes(way.client, &nodes)).await {
                // Machines that nobody knows would pass for alike.
                Err(error) if !request.give_up => return Err(error),
                read => read.unwrap_or_default(),
            },
            Err(_) => Vec::new(),
        }
    };
    let name = run.trial_workflow(&request.trial);
    let workflows = seen.workflows.known().map(Vec::as_slice).unwrap_or_default();
    let parameters = Schedule::of(run.spec, known.seed)
        .zip(run.spec.trials.as_ref())
        .and_then(|(schedule, trials)| build::trial_parameters(&run, &schedule, trials, &trial.slot).ok());
    let evidence = record::Evidence {
        trial,
        workflow: workflows.iter().find(|workflow| workflow.name == name),
        parameters: parameters.unwrap_or_default(),
        nodes: &nodes,
        answers: &answers,
    };
    let record = record::record(run.spec, &evidence).ok_or_else(|| lost("the end"))?;
    let (bytes, sha256, key) =
        record::encode(&request.prefix, &record).map_err(|error| Error::Object(error.to_string()))?;
    clients.results.store(&key, bytes, sha256.clone()).await.map_err(Error::Results)?;
    Ok(Fact::Measured {
        trial: request.trial.clone(),
        values: record::decisive_values(run.spec, &record),
        buckets: record::decisive_buckets(run.spec, &record),
        record: RecordRef { key, sha256 },
        disturbed: gates::is_disturbed(&record),
        void: record.void,
    })
}

/// Reads the records of the trials back.
async fn records(clients: &Clients, stored: &[RecordRef]) -> Result<Vec<TrialRecord>, Error> {
    let read = stream::iter(stored.to_vec()).map(async |stored| {
        let bytes = clients.results.read(&stored.key, &stored.sha256).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is not a record", stored.key))
    });
    read.buffered(QUESTIONS_AT_ONCE).try_collect().await.map_err(Error::Results)
}

/// Reads, lets core judge, stores.
async fn collect(clients: &Clients, seen: &Observed, request: &CollectRequest) -> Result<Fact, Error> {
    let uid = seen.experiment.metadata.uid.as_deref().unwrap_or_default();
    let answers = ask(clients, uid, &request.questions, request.give_up).await?;
    let records = records(clients, &request.records).await?;
    let status: &ExperimentStatus = &seen.experiment.status.clone().unwrap_or_default();
    let summary = summary::summary(&seen.experiment, status, &answers, records, env!("CARGO_PKG_VERSION"))
        .map_err(|_| Error::Object("the Experiment has no identity".into()))?;
    let (bytes, sha256) = summary::encode(&summary).map_err(|error| Error::Object(error.to_string()))?;
    let key = summary::key(&request.prefix, &sha256);
    let mut results = clients.results.store(&key, bytes.clone(), sha256).await.map_err(Error::Results)?;
    results.bundle = match store_bundle(clients, seen, request, &summary, &bytes).await {
        Ok(stored) => Some(stored),
        // A result without a bundle is better than none.
        Err(error) if request.give_up => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(experiment = summary.name, %error, cause, "the run has no bundle");
            None
        }
        Err(error) => return Err(error),
    };
    Ok(Fact::Stored {
        url: clients.results.url(&key),
        results,
        decision: summary.verdict.decision,
        reason: summary.verdict.reason,
    })
}

/// Stores all that is needed to run the experiment again, while what was deployed is still there.
async fn store_bundle(
    clients: &Clients,
    seen: &Observed,
    request: &CollectRequest,
    summary: &Summary,
    bytes: &[u8],
) -> Result<RecordRef, Error> {
    let _turn = clients.registry.turn().await;
    let bundle = bundle::gather(clients, &seen.experiment, summary, &names::sha256(bytes)).await;
    let (bytes, sha256) =
        core_bundle::encode(&bundle, bytes).map_err(|error| Error::Object(error.to_string()))?;
    drop(bundle);
    let key = core_bundle::key(&request.prefix, &sha256);
    clients.results.store(&key, bytes, sha256.clone()).await.map_err(Error::Results)?;
    Ok(RecordRef { key, sha256 })
}

/// What was asked of one object in one state has no addressee any more if that is gone, or another bears its name, or it
/// changed: there is nothing to do, and what there is now is for the next pass.
fn unless_moved_on<T>(answer: Result<T, KubeError>) -> Result<Fact, Error> {
    match answer {
        Err(error) if !has_moved_on(&error) => Err(error.into()),
        _ => Ok(Fact::Done),
    }
}

fn has_moved_on(error: &KubeError) -> bool {
    matches!(error, KubeError::Api(status) if matches!(status.code, 404 | 409))
}

/// What is to be deleted by its UID may be gone already. A conflict says either that another bears its name or that the
/// API server lost a race: only another look tells, and no event may come to prompt one.
fn unless_gone<T>(answer: Result<T, KubeError>) -> Result<Fact, Error> {
    match answer {
        Err(error) if !is_gone(&error) => Err(error.into()),
        _ => Ok(Fact::Done),
    }
}

/// Returns whether the same request will be answered in the same way. Whoever is not known now, or not allowed so much, may
/// be soon; and a conflict is solved by the next look.
const fn is_final(code: u16) -> bool {
    matches!(code, 400..500) && !matches!(code, 401 | 408 | 409 | 429)
}

pub(crate) fn is_gone(error: &KubeError) -> bool {
    matches!(error, KubeError::Api(status) if status.code == 404)
}
