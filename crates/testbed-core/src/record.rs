//! From what was seen and answered to the record of a trial.

use crate::answer::{expectation, value};
use crate::gates;
use crate::names;
use crate::observed::{NodeFacts, WorkflowFacts};
use crate::plan::{Answer, Purpose, Question};
use crate::run;
use crate::schedule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::ExperimentSpec;
use testbed_api::experiment::{Aggregation, Metric, QueryType};
use testbed_api::record::{
    Bucket, Fingerprint, LoadReport, Reading, Sample, SeriesPoint, TrialRecord, TrialWorkflow,
};
use testbed_api::status::TrialStatus;

/// Everything that is known of a trial that is over.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The trial as it stands in status, with its end.
    pub trial: &'a TrialStatus,
    /// Its workflow, if there was one.
    pub workflow: Option<&'a WorkflowFacts>,
    /// The parameters its workflow was given.
    pub parameters: BTreeMap<String, String>,
    /// The nodes of its subject.
    pub nodes: &'a [NodeFacts],
    /// What the stores answered.
    pub answers: &'a [(Question, Answer)],
}

/// Returns the record of a trial that is over; nothing of one that is not.
#[must_use]
pub fn record(spec: &ExperimentSpec, evidence: &Evidence<'_>) -> Option<TrialRecord> {
    let trial = evidence.trial;
    let end = trial.end.clone()?;
    let before = trial.before.clone().unwrap_or_default();
    let load = evidence.workflow.and_then(|workflow| workflow.load.clone());
    let nodes: BTreeSet<&str> = before.iter().filter_map(|pod| pod.node.as_deref()).collect();
    let mut record = TrialRecord {
        slot: trial.slot.clone(),
        begun_at: trial.begun_at.clone(),
        ended_at: end.at,
        failed: end.failed,
        workflow: evidence.workflow.map(|workflow| TrialWorkflow {
            name: workflow.name.clone(),
            phase: workflow.phase.clone(),
            message: workflow.message.clone(),
            params: evidence.parameters.clone(),
            started_at: workflow.started_at.clone(),
            finished_at: workflow.finished_at.clone(),
        }),
        window: end.window,
        machine: fingerprint(&nodes, evidence.nodes, load.as_ref()),
        before,
        after: end.after,
        load,
        environment: environment(evidence.answers),
        samples: samples(spec, evidence.answers),
        gates: Vec::new(),
        void: None,
    };
    gates::judge(spec, &mut record);
    Some(record)
}

/// Returns the bytes of a record, its digest, and the key under which it is stored.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn encode(prefix: &str, record: &TrialRecord) -> Result<(Vec<u8>, String, String), serde_json::Error> {
    let mut bytes = serde_json::to_vec(record)?;
    bytes.push(b'\n');
    let digest = names::sha256(&bytes);
    let key = format!("{prefix}trials/{}-{digest}.json", record.slot.trial);
    Ok((bytes, digest, key))
}

/// Returns the values of the metrics that criteria speak of.
#[must_use]
pub fn decisive_values(spec: &ExperimentSpec, record: &TrialRecord) -> BTreeMap<String, f64> {
    let decisive = schedule::decisive(spec);
    record
        .samples
        .iter()
        .filter(|(name, _)| decisive.contains(*name))
        .filter_map(|(name, sample)| Some((name.clone(), sample.value?)))
        .collect()
}

/// The machine is that of the subject's node; what only a process on it can see, the load generator saw.
fn fingerprint(names: &BTreeSet<&str>, nodes: &[NodeFacts], load: Option<&LoadReport>) -> Fingerprint {
    let node = nodes.iter().find(|node| names.contains(node.name.as_str()));
    let mut machine = node.map(|node| node.machine.clone()).unwrap_or_default();
    machine.node_count = (names.len() > 1).then(|| u32::try_from(names.len()).unwrap_or(u32::MAX));
    if let Some(seen) = load.and_then(|load| load.machine.as_ref()) {
        machine.cpu_model = machine.cpu_model.or_else(|| seen.cpu_model.clone());
        machine.governor = machine.governor.or_else(|| seen.governor.clone());
        machine.kernel = machine.kernel.or_else(|| seen.kernel.clone());
        machine.cpu_count = machine.cpu_count.or(seen.cpus);
    }
    machine
}

fn environment(answers: &[(Question, Answer)]) -> BTreeMap<String, Reading> {
    answers
        .iter()
        .filter_map(|(question, answer)| {
            let Purpose::Environment { unit } = &question.purpose else { return None };
            let value = value(question.kind, Aggregation::Mean, answer).ok()?;
            Some((question.metric.clone(), Reading { value, unit: unit.clone() }))
        })
        .collect()
}

fn samples(spec: &ExperimentSpec, answers: &[(Question, Answer)]) -> BTreeMap<String, Sample> {
    run::metrics(spec)
        .iter()
        .filter_map(|metric| {
            let of_metric = || answers.iter().filter(|(question, _)| question.metric == metric.name);
            let (question, answer) = of_metric().find(|(question, _)| question.purpose == Purpose::Value)?;
            let sample = sample(metric, question, answer, of_metric());
            Some((metric.name.clone(), sample))
        })
        .collect()
}

fn sample<'a>(
    metric: &Metric,
    question: &Question,
    answer: &Answer,
    all: impl Iterator<Item = &'a (Question, Answer)>,
) -> Sample {
    let (value, missing) = match value(question.kind, metric.aggregation, answer) {
        Ok(value) => (Some(value), None),
        Err(reason) => (None, Some(reason)),
    };
    let unit = metric.unit().to_owned();
    let (mut raw_count, mut needed_count, mut bucket) = (None, 0, None);
    for (asked, answered) in all {
        match &asked.purpose {
            Purpose::RawCount { needed } => {
                let count = count(answered);
                needed_count = needed_count.max(*needed);
                raw_count = match (raw_count, count) {
                    (Some(least), Some(count)) => Some(u64::min(least, count)),
                    (least, count) => least.or(count),
                };
            }
            Purpose::Buckets => {
                bucket = value.and_then(|value| bucket_of(value, answered, &unit));
            }
            Purpose::Value | Purpose::Environment { .. } => {}
        }
    }
    Sample {
        value,
        missing,
        query: question.query.clone(),
        source: question.store.name(),
        kind: question.kind,
        aggregation: metric.aggregation,
        series: series(answer),
        step_seconds: (question.kind == QueryType::Range).then_some(question.step.as_secs_f64()),
        raw_count,
        needed_count,
        bucket,
        expectation: expectation(metric, value),
        unit,
    }
}

/// Returns the number of samples that a count answered; none where the store did not answer.
fn count(answer: &Answer) -> Option<u64> {
    match answer {
        Answer::Series(series) => {
            let value = series.first().and_then(|series| series.points.first()).map_or(0.0, |point| point.1);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count, cut at zero"
            )]
            let count = value.max(0.0) as u64;
            Some(count)
        }
        Answer::Refused(_) | Answer::Unreachable(_) => None,
    }
}

/// Returns the bucket whose bounds hold `value`, from an answer with one series for each bound.
fn bucket_of(value: f64, answer: &Answer, unit: &str) -> Option<Bucket> {
    let Answer::Series(series) = answer else { return None };
    let mut bounds: Vec<f64> =
        series.iter().filter_map(|series| series.labels.get("le")?.parse().ok()).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    let index = bounds.iter().position(|bound| value <= *bound)?;
    Some(Bucket {
        above: index.checked_sub(1).map(|below| bounds[below]),
        up_to: bounds.get(index).copied().filter(|bound| bound.is_finite()),
        unit: unit.to_owned(),
    })
}

fn series(answer: &Answer) -> Vec<testbed_api::record::Series> {
    let Answer::Series(series) = answer else { return Vec::new() };
    let point = |(at, value): &(jiff::Timestamp, f64)| SeriesPoint {
        timestamp: MicroTime(*at),
        value: value.is_finite().then_some(*value),
    };
    series
        .iter()
        .map(|series| testbed_api::record::Series {
            labels: series.labels.clone(),
            points: series.points.iter().map(point).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Series;
    use jiff::Timestamp;

    #[test]
    fn a_quantile_says_the_bucket_it_falls_into() {
        let bucket = |le: &str| Series {
            labels: [("le".to_owned(), le.to_owned())].into(),
            points: vec![(Timestamp::UNIX_EPOCH, 1.0)],
        };
        let buckets = Answer::Series(["0.5", "0.25", "+Inf"].map(bucket).into());
        let found = bucket_of(0.3, &buckets, "seconds").unwrap();
        assert_eq!((found.above, found.up_to), (Some(0.25), Some(0.5)));
        let last = bucket_of(0.7, &buckets, "seconds").unwrap();
        assert_eq!((last.above, last.up_to), (Some(0.5), None));
    }
}
