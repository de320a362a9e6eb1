//! `ResultsStored`: metrics are read over the recorded windows and the summary is stored under its digest.

use super::{COLLECT_DEADLINE, Effect, Ending, Pass, Step, is_manual};
use crate::query::{self, Values};
use crate::run;
use crate::status;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::experiment::{ClusterType, Metric, QueryType};
use testbed_api::labels;
use testbed_api::status::{ExperimentStatus, Window};

/// How long after a window's end its last samples may still arrive: two scrapes of 2 s and one flush of the store.
pub const SETTLE: SignedDuration = SignedDuration::from_secs(5);

/// Points that a range query asks for over its window.
const RANGE_POINTS: u32 = 200;

/// What to read, and where to store the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectRequest {
    /// What to ask.
    pub questions: Vec<Question>,
    /// Prefix of the keys of this run's results.
    pub prefix: String,
    /// The deadline is near: what cannot be reached is recorded as missing rather than tried again.
    pub give_up: bool,
}

/// One question to a store.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Name of the metric.
    pub metric: String,
    /// The target it is asked for; the whole run if absent.
    pub target: Option<String>,
    /// Who is asked.
    pub store: Store,
    /// At the window's end, or over it.
    pub kind: QueryType,
    /// The query, variables filled in.
    pub query: String,
    /// The window.
    pub window: Window,
    /// Distance of the points of a range query.
    pub step: Duration,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Store {
    /// The hub's VictoriaMetrics.
    Hub,
    /// The component of a target that answers for it.
    Target {
        /// Its address, `host:port`.
        address: String,
        /// `<namespace>/<service>`, for people.
        name: String,
    },
}

impl Store {
    /// Returns how the summary names it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Hub => "hub".into(),
            Self::Target { name, .. } => format!("target:{name}"),
        }
    }
}

/// What a store answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Series, possibly none.
    Series(Vec<Series>),
    /// It will not answer this question: asking again is no use.
    Refused(String),
    /// It could not be asked.
    Unreachable(String),
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its points, in order of time.
    pub points: Vec<(Timestamp, f64)>,
}

/// Reads the metrics once their last samples have arrived, and stores the summary.
pub(super) fn collect(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    if !may_begin(pass) {
        step.wait(Reason::NotReached, "begins once the end of the workflow is recorded");
        return step;
    }
    let deadline = began(pass).and_then(|at| at.checked_add(COLLECT_DEADLINE).ok());
    // Time may have passed while nobody looked: a result is given up only after an attempt beyond the deadline failed.
    let overdue = deadline.is_some_and(|deadline| pass.now >= deadline);
    let tried = status::get(pass.persisted, ConditionType::ResultsStored)
        .is_some_and(|condition| condition.reason == Reason::LastAttempt.as_str());
    if overdue && tried {
        return step.fail(Reason::ResultsLost, "the result could not be stored within the deadline");
    }
    let windows = status.workflow_status.as_ref().map(|workflow| &workflow.windows[..]).unwrap_or_default();
    let settled =
        windows.iter().map(|window| window.end.0).max().and_then(|end| end.checked_add(SETTLE).ok());
    if let Some(settled) = settled.filter(|settled| pass.now < *settled) {
        step.wait(Reason::SamplesSettling, "the last samples of the window are still arriving");
        step.wake(settled);
        return step;
    }
    let half = deadline.and_then(|deadline| deadline.checked_sub(COLLECT_DEADLINE / 2).ok());
    step.effect(Effect::Collect(Box::new(CollectRequest {
        questions: questions(pass, windows),
        prefix: pass.run.results_prefix(),
        give_up: half.is_some_and(|half| pass.now >= half),
    })));
    match deadline {
        Some(deadline) if !overdue => {
            step.wait(Reason::Collecting, "metrics are being read and the result written");
            step.wake(deadline);
        }
        _ => step.wait(
            Reason::LastAttempt,
            "the deadline has passed: one last attempt to store the result is made",
        ),
    }
    step
}

/// Returns whether a run that ends still owes a result.
pub(super) fn owed(pass: &Pass<'_>, ending: Option<Ending>) -> bool {
    let persisted = pass.persisted;
    if persisted.results.is_some() || lost(persisted) {
        return false;
    }
    let annotations = pass.seen.experiment.metadata.annotations.as_ref();
    let unwanted =
        annotations.and_then(|all| all.get(labels::DELETE_RESULTS)).is_some_and(|value| value == "true");
    match ending {
        None => true,
        // A specification that could not be run has no result.
        Some(Ending::Failed) => persisted
            .failure
            .as_ref()
            .is_some_and(|failure| failure.stage != ConditionType::Accepted.as_str()),
        // What was measured to its end is kept; and in manual mode the end is the deletion.
        Some(Ending::Deleted | Ending::Expired) => {
            let watched = is_manual(&pass.run) && persisted.workflow_status.is_some();
            (watched || status::holds(persisted, ConditionType::WorkflowSucceeded)) && !unwanted
        }
    }
}

/// Returns whether collecting was given up, persistedly.
fn lost(persisted: &ExperimentStatus) -> bool {
    status::get(persisted, ConditionType::ResultsStored)
        .is_some_and(|condition| condition.reason == Reason::ResultsLost.as_str())
}

/// The summary speaks of the end of the run as it was recorded, so that record must be persisted first.
fn may_begin(pass: &Pass<'_>) -> bool {
    began(pass).is_some()
}

/// Returns when the end of the run was recorded.
fn began(pass: &Pass<'_>) -> Option<Timestamp> {
    let persisted = pass.persisted;
    let metadata = &pass.seen.experiment.metadata;
    status::since(persisted, ConditionType::WorkflowSucceeded)
        .or_else(|| persisted.failure.as_ref().and(persisted.completed_at.as_ref()).map(|time| time.0))
        .or_else(|| metadata.deletion_timestamp.as_ref().map(|time| time.0))
        .or_else(|| super::expiry(&pass.seen.experiment).filter(|expiry| pass.now >= *expiry))
}

fn questions(pass: &Pass<'_>, windows: &[Window]) -> Vec<Question> {
    let metrics = run::metrics(pass.run.spec);
    metrics.iter().flat_map(|metric| metric_questions(pass, metric, windows)).collect()
}

fn metric_questions(pass: &Pass<'_>, metric: &Metric, windows: &[Window]) -> Vec<Question> {
    let targets = run::targets_of(pass.run.spec, metric);
    targets
        .into_iter()
        .filter_map(|target| question(pass, metric, target, window_of(windows, target)?))
        .collect()
}

fn question(pass: &Pass<'_>, metric: &Metric, target: Option<&str>, window: Window) -> Option<Question> {
    let length = Duration::try_from(window.end.0.duration_since(window.start.0)).unwrap_or_default();
    let namespace = target.map(|target| pass.run.namespace_of(target)).unwrap_or_default();
    let values = Values {
        experiment: pass.run.name,
        namespace: &namespace,
        target: target.unwrap_or_default(),
        duration: length,
    };
    Some(Question {
        metric: metric.name.clone(),
        target: target.map(str::to_owned),
        store: target.and_then(|target| store_of(pass, target)).unwrap_or(Store::Hub),
        kind: metric.kind,
        // The first stage refused every query that cannot be filled in.
        query: query::fill(&metric.query, &values).ok()?,
        step: (length / RANGE_POINTS).max(Duration::from_secs(1)),
        window,
    })
}

/// Returns the window of a target: its own, else one that is of all targets. Of the whole run: from first start to last end.
fn window_of(windows: &[Window], target: Option<&str>) -> Option<Window> {
    let own =
        target.and_then(|target| windows.iter().find(|window| window.target.as_deref() == Some(target)));
    if let Some(window) = own.or_else(|| windows.iter().find(|window| window.target.is_none())) {
        return Some(window.clone());
    }
    let first = windows.iter().min_by_key(|window| window.start.0)?;
    let last = windows.iter().max_by_key(|window| window.end.0)?;
    Some(Window {
        target: None,
        start: first.start.clone(),
        end: last.end.clone(),
        recorded_by: first.recorded_by,
    })
}

/// Returns the store of a target's own, if a component of it says that it is one.
fn store_of(pass: &Pass<'_>, target: &str) -> Option<Store> {
    let spec = pass.run.spec.targets.iter().find(|candidate| candidate.name == target)?;
    if spec.cluster.kind != ClusterType::Hub {
        return None;
    }
    let component =
        pass.run.components(target).iter().find(|component| component.metrics_store == Some(true))?;
    let endpoint = component.endpoint.as_ref()?;
    let namespace = pass.run.namespace_of(target);
    Some(Store::Target {
        address: format!("{}.{namespace}.svc:{}", endpoint.service, endpoint.port),
        name: format!("{namespace}/{}", endpoint.service),
    })
}
