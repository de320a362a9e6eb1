//! From answers to the summary that is stored: pure, and free of any time but what the run recorded.

use crate::analysis::{self, Observation};
use crate::answer;
use crate::names;
use crate::plan::{self, Answer, Question};
use crate::price;
use crate::run;
use crate::schedule::Schedule;
use crate::status as conditions;
use crate::verdict;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::ExperimentSpec;
use testbed_api::analysis::Analysis;
use testbed_api::conditions::ConditionType;
use testbed_api::experiment::{Experiment, Metric};
use testbed_api::record::TrialRecord;
use testbed_api::status::{ExperimentStatus, Failure, Phase, Window};
use testbed_api::summary::{
    Cell, Cost, MetricResult, Metrics, Overhead, Point, SCHEMA_VERSION, Summary, SummaryTarget,
    SummaryWorkflow, TimeRange, Trials, Verdict,
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
    records: Vec<TrialRecord>,
    version: &str,
) -> Result<Summary, Unidentified> {
    let metadata = &experiment.metadata;
    let spec = &experiment.spec;
    let created = metadata.creation_timestamp.clone().ok_or(Unidentified)?;
    let queries = queries(spec, answers);
    let failure = status.failure.as_ref();
    let completed = completed(status);
    let trials = trials(spec, status, records);
    let (analysis, verdict) = decided(spec, trials.as_ref(), &queries, failure);
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
        verdict,
        analysis,
        overhead: overhead(status, &created, trials.as_ref()),
        cost: cost(experiment, status, completed),
        trials,
        spec: spec.clone(),
        hypothesis: spec.hypothesis.clone(),
        failure: failure.cloned(),
        targets: targets(experiment, status),
        workflow: workflow(experiment, status),
        metrics: metrics(answers, queries),
    })
}

/// Returns what the clusters of a run cost until it was over, if anything was paid for.
fn cost(experiment: &Experiment, status: &ExperimentStatus, completed: Option<Timestamp>) -> Option<Cost> {
    let spec = &experiment.spec;
    let estimate = price::estimate(spec);
    let lifetimes = price::lifetimes(status);
    let to = cut_short(experiment, status).or(completed);
    let usd = to.filter(|_| !lifetimes.is_empty()).and_then(|to| price::accrued(spec, &lifetimes, to));
    Some(Cost {
        currency: price::CURRENCY.into(),
        as_of: estimate.as_of()?.to_owned(),
        usd: usd.map(price::rounded),
        counted_to: to.map(MicroTime),
        hourly_usd: estimate.hourly_usd.map(price::rounded),
        estimate_usd: status.cost.as_ref().and_then(|cost| cost.estimate_usd),
        unknown: estimate.unknown,
    })
}

/// Returns when a run was ended that had not come to its end: by its deletion or its time to live. One that its user ends
/// pays for its clusters until then, however long ago the last of the load was.
fn cut_short(experiment: &Experiment, status: &ExperimentStatus) -> Option<Timestamp> {
    if status.failure.is_some() || conditions::holds(status, ConditionType::WorkflowSucceeded) {
        return None;
    }
    let deleted = experiment.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    [deleted, plan::expiry(experiment)].into_iter().flatten().min()
}

/// Returns the trials of a run, if it was to have any.
fn trials(spec: &ExperimentSpec, status: &ExperimentStatus, records: Vec<TrialRecord>) -> Option<Trials> {
    let known = status.trials.as_ref()?;
    Some(Trials {
        seed: known.seed,
        schedule: Schedule::of(spec, known.seed)?.slots(),
        stopped: known.stopped.clone(),
        records,
    })
}

/// Returns what the records of the trials, or the observations of a run without any, decide.
///
/// It is a function of what the summary itself holds, so that `testbed verify` can repeat it.
#[must_use]
pub fn decided(
    spec: &ExperimentSpec,
    trials: Option<&Trials>,
    queries: &BTreeMap<String, MetricResult>,
    failure: Option<&Failure>,
) -> (Option<Analysis>, Verdict) {
    let failure = failure.map(|failure| failure.message.as_str());
    let Some(trials) = trials else {
        return (None, verdict::of_observations(spec.hypothesis.as_ref(), queries, failure));
    };
    let observations: Vec<Observation<'_>> = trials.records.iter().map(Observation::of_record).collect();
    let analysis = analysis::analysis(spec, trials.seed, &observations);
    let void: Vec<String> = trials.records.iter().filter_map(|record| record.void.clone()).collect();
    let basis =
        verdict::Basis { spec, seed: trials.seed, stopped: trials.stopped.as_ref(), void: &void, failure };
    let verdict = verdict::of_trials(&basis, &observations, &analysis);
    (Some(analysis), verdict)
}

/// Returns the bytes that are stored and their SHA-256.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn encode(summary: &Summary) -> Result<(Vec<u8>, String), serde_json::Error> {
    names::document(summary)
}

/// Returns the key under which a summary is stored: it contains the digest, so that no two contents share one.
#[must_use]
pub fn key(prefix: &str, sha256: &str) -> String {
    format!("{prefix}summary-{sha256}.json")
}

/// Returns when the last of the load was over; of a run that failed before, when it failed.
fn completed(status: &ExperimentStatus) -> Option<Timestamp> {
    let workflow = status.workflow_status.as_ref().and_then(|workflow| workflow.finished_at.as_ref());
    let ended = || conditions::since(status, ConditionType::WorkflowSucceeded);
    workflow.map(|time| time.0).or_else(ended).or_else(|| status.completed_at.as_ref().map(|time| time.0))
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

fn queries(spec: &ExperimentSpec, answers: &[(Question, Answer)]) -> BTreeMap<String, MetricResult> {
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
        unit: metric.unit().to_owned(),
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
    let (value, missing) = match answer::value(question.kind, metric.aggregation, answer) {
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
        expectation: answer::expectation(metric, value),
        value,
        missing,
    }
}

/// Returns the cells of every metric, their values computed again from the points that are kept. What rests on points that
/// are not kept stays as it is.
#[must_use]
pub fn cells(spec: &ExperimentSpec, queries: &BTreeMap<String, MetricResult>) -> BTreeMap<String, Vec<Cell>> {
    let metrics = run::metrics(spec);
    let again = |name: &String, result: &MetricResult| {
        let metric = metrics.iter().find(|metric| metric.name == *name);
        result.cells.iter().map(|cell| cell_again(metric, result, cell)).collect()
    };
    queries.iter().map(|(name, result)| (name.clone(), again(name, result))).collect()
}

fn cell_again(metric: Option<&Metric>, result: &MetricResult, cell: &Cell) -> Cell {
    let mut again = cell.clone();
    let is_of = |point: &&Point| cell.target.is_none() || point.labels.get("target") == cell.target.as_ref();
    let points: Vec<f64> = result.data.iter().filter(is_of).map(|point| point.value).collect();
    let is_cut = result.data.len() >= MAX_POINTS;
    again.value = match metric {
        Some(metric) if cell.series == 1 && points.len() == cell.points => {
            answer::aggregate(metric.kind, metric.aggregation, &points).ok()
        }
        Some(_) if is_cut && cell.series == 1 => cell.value,
        // Of none or of several series, or of what is no number, nothing is made.
        _ => None,
    };
    again.expectation = metric.and_then(|metric| answer::expectation(metric, again.value));
    again
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

fn overhead(status: &ExperimentStatus, created: &Time, trials: Option<&Trials>) -> Overhead {
    let deployed = conditions::since(status, ConditionType::ComponentsReady);
    let between = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64().max(0.0);
    let of_trials = trials.into_iter().flat_map(|trials| &trials.records).filter_map(|r| r.window.clone());
    let of_run = status.workflow_status.iter().flat_map(|workflow| workflow.windows.iter().cloned());
    let windows: Vec<Window> = of_run.chain(of_trials).collect();
    let ended = conditions::since(status, ConditionType::WorkflowSucceeded);
    Overhead {
        setup_seconds: deployed.map(|at| between(created.0, at)),
        workflow_seconds: deployed.zip(ended).map(|(from, to)| between(from, to)),
        measured_seconds: (!windows.is_empty()).then(|| covered(&windows)),
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
    use crate::status::Truth;
    use testbed_api::conditions::Reason;

    #[test]
    fn durations_read_as_the_original_wrote_them() {
        assert_eq!(go_duration(SignedDuration::from_millis(2_850_147)), "47m30.147s");
        assert_eq!(go_duration(SignedDuration::from_secs(40)), "40s");
        assert_eq!(go_duration(SignedDuration::from_secs(3600)), "1h0m0s");
    }

    #[test]
    fn clusters_of_a_run_that_its_user_ends_are_paid_for_until_then() {
        let mut experiment: Experiment = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"targets": [{"name": "a", "cluster": {"type": "gke", "zone": "europe-west4-a"}}], "ttlDays": 1,
                "workflow": {"template": "t", "completion": {"mode": "manual"}}},
        }))
        .unwrap();
        let status: ExperimentStatus = serde_json::from_value(serde_json::json!({
            "workflowStatus": {"name": "w", "phase": "Succeeded", "finishedAt": "2026-01-01T00:30:00Z"},
            "targets": [{"name": "a", "clusterCreatedAt": "2026-01-01T00:00:00Z"}],
        }))
        .unwrap();
        let paid = |experiment: &Experiment, status: &ExperimentStatus| {
            let cost = cost(experiment, status, completed(status)).unwrap();
            (cost.counted_to.unwrap().0.to_string(), cost.usd.unwrap() / cost.hourly_usd.unwrap())
        };
        let (to, hours) = paid(&experiment, &status);
        assert_eq!(to, "2026-01-02T00:00:00Z", "its time to live was over");
        assert!((hours - 24.0).abs() < 0.1, "{hours}");
        experiment.metadata.deletion_timestamp = Some(Time("2026-01-01T12:00:00Z".parse().unwrap()));
        let (to, hours) = paid(&experiment, &status);
        assert_eq!(to, "2026-01-01T12:00:00Z", "it was deleted");
        assert!((hours - 12.0).abs() < 0.1, "{hours}");
        let mut over = status.clone();
        let now = "2026-01-01T00:30:01Z".parse().unwrap();
        let (kind, truth, reason) = (ConditionType::WorkflowSucceeded, Truth::True, Reason::Done);
        conditions::set(&mut over, None, kind, truth, reason, "", now);
        assert_eq!(paid(&experiment, &over).0, "2026-01-01T00:30:00Z", "it came to its end by itself");
    }
}
