//! Carries effects out. Each is idempotent; the first that fails ends the pass, and the pass is run again.

use crate::bundle;
use crate::clients::{Clients, argo, child, namespace};
use crate::observe;
use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::{Error as KubeError, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testbed_api::record::{RecordRef, TrialRecord};
use testbed_api::status::ExperimentStatus;
use testbed_api::{Experiment, Summary, labels};
use testbed_core::observed::Observed;
use testbed_core::plan::{
    Answer, ChildKind, CollectRequest, Effect, Fact, MeasureRequest, ObjectRef, Question,
};
use testbed_core::run::Run;
use testbed_core::schedule::Schedule;
use testbed_core::{build, bundle as core_bundle, names, record, summary};

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
            Self::Object(_) => "object",
        }
    }
}

/// Carries effects out in order; returns what was learned, and the failure that ended it, if one did.
pub(crate) async fn apply(
    clients: &Clients,
    seen: &Observed,
    effects: &[Effect],
) -> (Vec<Fact>, Option<Error>) {
    let mut facts = Vec::with_capacity(effects.len());
    for effect in effects {
        match carry_out(clients, seen, effect).await {
            Ok(fact) => facts.push(fact),
            Err(error) => return (facts, Some(error)),
        }
    }
    (facts, None)
}

async fn carry_out(clients: &Clients, seen: &Observed, effect: &Effect) -> Result<Fact, Error> {
    match effect {
        Effect::AddFinalizer => set_finalizer(clients, &seen.experiment, true).await,
        Effect::RemoveFinalizer => set_finalizer(clients, &seen.experiment, false).await,
        Effect::Apply(object) => apply_object(clients, object).await,
        Effect::StopSync(object) => stop_sync(clients, object).await,
        Effect::Delete(object) => delete_object(clients, object).await,
        Effect::Measure(request) => measure(clients, seen, request).await,
        Effect::Collect(request) => collect(clients, seen, request).await,
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
        "Application" | "Workflow" => argo(&kind),
        other => return Err(Error::Object(format!("nothing is known of kind `{other}`"))),
    };
    let api = clients.dynamic(&resource, object.namespace().as_deref());
    // We alone own what we apply, so a conflict is settled in our favor.
    api.patch(&object.name_any(), &PatchParams::apply(labels::OPERATOR).force(), &Patch::Apply(&object))
        .await?;
    Ok(Fact::Done)
}

/// Asks for the end of a sync as `argocd app terminate-op` does; another object of the same name is not touched.
async fn stop_sync(clients: &Clients, object: &ObjectRef) -> Result<Fact, Error> {
    let api = clients.dynamic(&child(object.kind), object.namespace.as_deref());
    let patch =
        json!({"metadata": {"uid": object.uid}, "status": {"operationState": {"phase": "Terminating"}}});
    match api.patch(&object.name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(Fact::Done),
        Err(error) if is_gone(&error) || is_conflict(&error) => Ok(Fact::Done),
        Err(error) => Err(error.into()),
    }
}

async fn delete_object(clients: &Clients, object: &ObjectRef) -> Result<Fact, Error> {
    let api = clients.dynamic(&child(object.kind), object.namespace.as_deref());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(object.uid.clone()), resource_version: None }),
        // The workflow stays visible until its pods are gone.
        propagation_policy: Some(match object.kind {
            ChildKind::Workflow => PropagationPolicy::Foreground,
            ChildKind::Application | ChildKind::Namespace | ChildKind::Pod => PropagationPolicy::Background,
        }),
        ..DeleteParams::default()
    };
    match api.delete(&object.name, &parameters).await {
        Ok(_) => Ok(Fact::Done),
        // Gone, or another object bears its name now: either way ours is not there.
        Err(error) if is_gone(&error) || is_conflict(&error) => Ok(Fact::Done),
        Err(error) => Err(error.into()),
    }
}

async fn delete_experiment(clients: &Clients, experiment: &Experiment) -> Result<Fact, Error> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: experiment.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    match experiments(clients, experiment).delete(&experiment.name_any(), &parameters).await {
        Ok(_) => Ok(Fact::Done),
        Err(error) if is_gone(&error) || is_conflict(&error) => Ok(Fact::Done),
        Err(error) => Err(error.into()),
    }
}

/// Asks the stores, and says so if one cannot be asked and there is time to try again.
async fn ask(
    clients: &Clients,
    questions: &[Question],
    give_up: bool,
) -> Result<Vec<(Question, Answer)>, Error> {
    let answers: Vec<_> = stream::iter(questions.to_vec())
        .map(async |question| {
            let answer = clients.metrics.ask(&question).await;
            (question, answer)
        })
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
    let answers = ask(clients, &request.questions, request.give_up).await?;
    let nodes: BTreeSet<String> = trial.before.iter().flatten().filter_map(|pod| pod.node.clone()).collect();
    let nodes = observe::nodes(clients, &nodes).await?;
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
        record: RecordRef { key, sha256 },
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
    let answers = ask(clients, &request.questions, request.give_up).await?;
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

fn is_gone(error: &KubeError) -> bool {
    matches!(error, KubeError::Api(status) if status.code == 404)
}

fn is_conflict(error: &KubeError) -> bool {
    matches!(error, KubeError::Api(status) if status.code == 409)
}
