//! From answers to the summary that is stored: pure, and free of any time but what the run recorded.

use crate::names;
use crate::plan::{Answer, Question, Series};
use crate::run;
use crate::status as conditions;
use crate::verdict;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::conditions::ConditionType;
use testbed_api::experiment::{Experiment, Metric, QueryType};
use testbed_api::status::{ExperimentStatus, Phase, Window};
use testbed_api::summary::{
    Cell, ExpectationResult, MetricResult, Metrics, Overhead, Point, SCHEMA_VERSION, Summary, SummaryTarget,
    SummaryWorkflow, TimeRange,
};

/// Most points of one metric that are kept; what is left out is said.
const MAX_POINTS: usize = 50_000;

/// Why there is no summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unidentified;

/// Returns the summary of a run, from its status as persisted and what the stores answered.
///
/// # Errors
/// The Experiment has no name, namespace, UID or time of creation.
pub fn summary(
    experiment: &Experiment,
    status: &ExperimentStatus,
    answers: &[(Question, Answer)],
    version: &str,
) -> Result<Summary, Unidentified> {
    let metadata = &experiment.metadata;
    let spec = &experiment.spec;
    let created = metadata.creation_timestamp.clone().ok_or(Unidentified)?;
    let queries = queries(spec, answers);
    let failure = status.failure.as_ref();
    let completed = completed(status);
    Ok(Summary {
        schema: SCHEMA_VERSION.into(),
        testbed_version: version.into(),
        name: metadata.name.clone().ok_or(Unidentified)?,
        namespace: metadata.namespace.clone().ok_or(Unidentified)?,
        uid: metadata.uid.clone().ok_or(Unidentified)?,
        title: spec.title.clone(),
        description: spec.description.clone(),
        tags: spec.tags.clone(),
        series: spec.series.clone(),
        duration_seconds: completed.map(|end| end.duration_since(created.0).as_secs_f64()),
        completed_at: completed.map(MicroTime),
        created_at: created.clone(),
        phase: if failure.is_some() { Phase::Failed } else { Phase::Complete }.as_str().into(),
        verdict: verdict::verdict(
            spec.hypothesis.as_ref(),
            &queries,
            failure.map(|failure| failure.message.as_str()),
        ),
        hypothesis: spec.hypothesis.clone(),
        failure: failure.cloned(),
        targets: targets(experiment, status),
        workflow: workflow(experiment, status),
        metrics: metrics(answers, queries),
        overhead: overhead(status, &created),
    })
}

/// Returns the bytes that are stored and their SHA-256.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn encode(summary: &Summary) -> Result<(Vec<u8>, String), serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(summary)?;
    bytes.push(b'\n');
    let digest = names::sha256(&bytes);
    Ok((bytes, digest))
}

/// Returns the key under which a summary is stored: it contains the digest, so that no two contents share one.
#[must_use]
pub fn key(prefix: &str, sha256: &str) -> String {
    format!("{prefix}summary-{sha256}.json")
}

fn completed(status: &ExperimentStatus) -> Option<Timestamp> {
    let workflow = status.workflow_status.as_ref().and_then(|workflow| workflow.finished_at.as_ref());
    workflow.or(status.completed_at.as_ref()).map(|time| time.0)
}

fn targets(experiment: &Experiment, status: &ExperimentStatus) -> Vec<SummaryTarget> {
    let of = |name: &str| status.targets.iter().find(|target| target.name == name);
    experiment
        .spec
        .targets
        .iter()
        .map(|target| SummaryTarget {
            name: target.name.clone(),
            cluster_name: of(&target.name).and_then(|seen| seen.cluster_name.clone()),
            cluster_type: target.cluster.kind.as_str().into(),
            cluster: target.cluster.clone(),
            namespace: of(&target.name).and_then(|seen| seen.namespace.clone()),
            components: of(&target.name).map(|seen| seen.components.clone()).unwrap_or_default(),
        })
        .collect()
}

fn workflow(experiment: &Experiment, status: &ExperimentStatus) -> SummaryWorkflow {
    let seen = status.workflow_status.clone().unwrap_or_default();
    SummaryWorkflow {
        name: (!seen.name.is_empty()).then_some(seen.name),
        template: experiment.spec.workflow.template.clone(),
        pinned: status.template.clone(),
        params: experiment.spec.workflow.params.clone(),
        phase: seen.phase,
        started_at: seen.started_at,
        finished_at: seen.finished_at,
        windows: seen.windows,
    }
}

fn queries(
    spec: &testbed_api::ExperimentSpec,
    answers: &[(Question, Answer)],
) -> BTreeMap<String, MetricResult> {
    let of = |metric: &Metric| -> Vec<&(Question, Answer)> {
        answers.iter().filter(|(question, _)| question.metric == metric.name).collect()
    };
    run::metrics(spec)
        .iter()
        .map(|metric| (metric.name.clone(), metric_result(metric, &of(metric))))
        .collect()
}

fn metric_result(metric: &Metric, answers: &[&(Question, Answer)]) -> MetricResult {
    let mut data: Vec<Point> =
        answers.iter().flat_map(|(question, answer)| points(question, answer)).collect();
    data.truncate(MAX_POINTS);
    MetricResult {
        query: metric.query.clone(),
        kind: metric.kind,
        unit: metric.unit.clone().unwrap_or_else(|| "1".into()),
        description: metric.description.clone(),
        cells: answers.iter().map(|(question, answer)| cell(metric, question, answer)).collect(),
        data,
    }
}

fn points<'a>(question: &'a Question, answer: &'a Answer) -> impl Iterator<Item = Point> + 'a {
    let series = match answer {
        Answer::Series(series) => &series[..],
        Answer::Refused(_) | Answer::Unreachable(_) => &[],
    };
    series.iter().flat_map(move |series| {
        let mut labels = series.labels.clone();
        if let Some(target) = &question.target {
            labels.insert("target".into(), target.clone());
        }
        series.points.iter().filter(|(_, value)| value.is_finite()).map(move |(time, value)| Point {
            labels: labels.clone(),
            timestamp: MicroTime(*time),
            value: *value,
        })
    })
}

fn cell(metric: &Metric, question: &Question, answer: &Answer) -> Cell {
    let (value, missing) = match single(question.kind, answer) {
        Ok(value) => (Some(value), None),
        Err(reason) => (None, Some(reason)),
    };
    let series = match answer {
        Answer::Series(series) => &series[..],
        Answer::Refused(_) | Answer::Unreachable(_) => &[],
    };
    Cell {
        target: question.target.clone(),
        source: question.store.name(),
        query: question.query.clone(),
        window: question.window.clone(),
        series: series.len(),
        points: series.iter().map(|series| series.points.len()).sum(),
        expectation: metric.expect.as_ref().map(|expect| ExpectationResult {
            intended: expect.value,
            tolerance: expect.tolerance,
            met: value.map(|value| (value - expect.value).abs() <= expect.tolerance * expect.value.abs()),
        }),
        value,
        missing,
    }
}

/// Returns the one value of an answer: a single point, or the mean over time of a single series.
fn single(kind: QueryType, answer: &Answer) -> Result<f64, String> {
    let series: &[Series] = match answer {
        Answer::Series(series) => series,
        Answer::Refused(reason) => return Err(format!("the store refused the query: {reason}")),
        Answer::Unreachable(reason) => return Err(format!("the store could not be asked: {reason}")),
    };
    match series {
        [] => Err("no data".into()),
        [only] => mean(kind, only),
        many => Err(format!("{} series, so there is no single value", many.len())),
    }
}

fn mean(kind: QueryType, series: &Series) -> Result<f64, String> {
    let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
    if values.is_empty() {
        return Err("no data".into());
    }
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(format!("the store answered {value}"));
    }
    match (kind, &values[..]) {
        (QueryType::Instant, [value]) => Ok(*value),
        (QueryType::Instant, many) => Err(format!("{} points for one instant", many.len())),
        #[expect(clippy::cast_precision_loss, reason = "far fewer points than 2^52")]
        (QueryType::Range, many) => Ok(many.iter().sum::<f64>() / many.len() as f64),
    }
}

fn metrics(answers: &[(Question, Answer)], queries: BTreeMap<String, MetricResult>) -> Option<Metrics> {
    let start = answers.iter().map(|(question, _)| question.window.start.0).min()?;
    let end = answers.iter().map(|(question, _)| question.window.end.0).max()?;
    let sources: BTreeSet<String> = answers.iter().map(|(question, _)| question.store.name()).collect();
    let step = answers.iter().map(|(question, _)| question.step).max().unwrap_or_default();
    Some(Metrics {
        source: sources.into_iter().collect::<Vec<_>>().join(", "),
        time_range: TimeRange {
            start: MicroTime(start),
            end: MicroTime(end),
            duration: go_duration(end.duration_since(start)),
            step_seconds: step.as_secs_f64(),
        },
        queries,
    })
}

/// Returns a duration as the original wrote it: `47m30.147s`.
fn go_duration(duration: SignedDuration) -> String {
    let milliseconds = duration.as_millis().max(0);
    let (hours, minutes, rest) =
        (milliseconds / 3_600_000, milliseconds / 60_000 % 60, milliseconds % 60_000);
    let seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn overhead(status: &ExperimentStatus, created: &Time) -> Overhead {
    let deployed = conditions::since(status, ConditionType::ComponentsReady);
    let between = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64().max(0.0);
    let windows = status.workflow_status.as_ref().map(|workflow| &workflow.windows[..]).unwrap_or_default();
    let ended = conditions::since(status, ConditionType::WorkflowSucceeded);
    Overhead {
        setup_seconds: deployed.map(|at| between(created.0, at)),
        workflow_seconds: deployed.zip(ended).map(|(from, to)| between(from, to)),
        measured_seconds: (!windows.is_empty()).then(|| covered(windows)),
    }
}

/// Returns the seconds that at least one window covers.
fn covered(windows: &[Window]) -> f64 {
    let mut spans: Vec<(Timestamp, Timestamp)> =
        windows.iter().map(|window| (window.start.0, window.end.0)).collect();
    spans.sort_unstable();
    let mut total = 0.0;
    let mut until: Option<Timestamp> = None;
    for (start, end) in spans {
        let from = until.map_or(start, |until| until.max(start));
        total += end.duration_since(from).as_secs_f64().max(0.0);
        until = Some(until.map_or(end, |until| until.max(end)));
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_the_original_wrote_them() {
        assert_eq!(go_duration(SignedDuration::from_millis(2_850_147)), "47m30.147s");
        assert_eq!(go_duration(SignedDuration::from_secs(40)), "40s");
        assert_eq!(go_duration(SignedDuration::from_secs(3600)), "1h0m0s");
    }
}
