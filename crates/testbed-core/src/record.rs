//! From what was seen and answered to the record of a trial.

use crate::answer::{aggregate, expectation, value};
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
    Bucket, Fingerprint, LoadReport, MachineReport, Reading, Sample, SeriesPoint, TrialRecord, TrialWorkflow,
};
use testbed_api::status::TrialStatus;

/// Name of the reading that says by how much the clock of a target is ahead of the hub's.
pub(crate) const CLOCK_AHEAD: &str = "clock_ahead_seconds";

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
        machine: fingerprint(&nodes, evidence.nodes, seen_by(spec, &trial.slot.variant, load.as_ref())),
        before,
        after: end.after,
        load,
        environment: environment(evidence.answers, end.clock_ahead_seconds),
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
    decisive(spec, record, |sample| sample.value)
}

/// Returns where the values of those metrics lie that are quantiles of histograms.
#[must_use]
pub fn decisive_buckets(spec: &ExperimentSpec, record: &TrialRecord) -> BTreeMap<String, Bucket> {
    decisive(spec, record, |sample| sample.bucket.clone())
}

/// Returns something of the samples of the metrics that criteria speak of.
fn decisive<T>(
    spec: &ExperimentSpec,
    record: &TrialRecord,
    of: impl Fn(&Sample) -> Option<T>,
) -> BTreeMap<String, T> {
    let decisive = schedule::decisive(spec, &record.slot.variant);
    let samples = record.samples.iter().filter(|(name, _)| decisive.contains(*name));
    samples.filter_map(|(name, sample)| Some((name.clone(), of(sample)?))).collect()
}

/// Returns the machine as the load generator saw it, if that is the subject's: it runs on the hub, and so does a subject in
/// the hub or in a local cluster. What another cluster is made of it cannot see.
fn seen_by<'a>(
    spec: &ExperimentSpec,
    variant: &str,
    load: Option<&'a LoadReport>,
) -> Option<&'a MachineReport> {
    let target = spec.target_of(variant);
    let target = spec.targets.iter().find(|known| known.name == target)?;
    load.filter(|_| !target.cluster.kind.is_elsewhere())?.machine.as_ref()
}

/// The machine is that of the subject's node; what only a process on it can see, the load generator saw.
fn fingerprint(names: &BTreeSet<&str>, nodes: &[NodeFacts], seen: Option<&MachineReport>) -> Fingerprint {
    let own = nodes.iter().filter(|node| names.contains(node.name.as_str()));
    let mut machine = all_of(&own.map(|node| &node.machine).collect::<Vec<_>>());
    machine.node_count = (names.len() > 1).then(|| u32::try_from(names.len()).unwrap_or(u32::MAX));
    if let Some(seen) = seen {
        machine.cpu_model = machine.cpu_model.or_else(|| seen.cpu_model.clone());
        machine.governor = machine.governor.or_else(|| seen.governor.clone());
        machine.kernel = machine.kernel.or_else(|| seen.kernel.clone());
        machine.cpu_count = machine.cpu_count.or(seen.cpus);
    }
    machine
}

/// Returns what machines are together: of what they do not have in common, each kind is named, and no number is.
fn all_of(machines: &[&Fingerprint]) -> Fingerprint {
    fn number<T: Copy + PartialEq>(
        machines: &[&Fingerprint],
        of: fn(&Fingerprint) -> Option<T>,
    ) -> Option<T> {
        let first = of(machines.first()?)?;
        machines.iter().all(|machine| of(machine) == Some(first)).then_some(first)
    }
    let words = |of: fn(&Fingerprint) -> Option<&String>| {
        let each: BTreeSet<&str> =
            machines.iter().filter_map(|machine| of(machine)).map(String::as_str).collect();
        (!each.is_empty()).then(|| each.into_iter().collect::<Vec<_>>().join(" + "))
    };
    Fingerprint {
        cpu_model: words(|machine| machine.cpu_model.as_ref()),
        cpu_count: number(machines, |machine| machine.cpu_count),
        memory_kib: number(machines, |machine| machine.memory_kib),
        governor: words(|machine| machine.governor.as_ref()),
        kernel: words(|machine| machine.kernel.as_ref()),
        architecture: words(|machine| machine.architecture.as_ref()),
        node_type: words(|machine| machine.node_type.as_ref()),
        kubelet: words(|machine| machine.kubelet.as_ref()),
        runtime: words(|machine| machine.runtime.as_ref()),
        node_count: None,
    }
}

fn environment(answers: &[(Question, Answer)], clock_ahead: Option<f64>) -> BTreeMap<String, Reading> {
    let ahead = clock_ahead.map(|value| (CLOCK_AHEAD.to_owned(), Reading { value, unit: "seconds".into() }));
    answers
        .iter()
        .filter_map(|(question, answer)| {
            let Purpose::Environment { unit } = &question.purpose else { return None };
            let value = value(question.kind, Aggregation::Mean, answer).ok()?;
            Some((question.metric.clone(), Reading { value, unit: unit.clone() }))
        })
        .chain(ahead)
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
    let (mut counts, mut needed_count, mut bucket) = (Vec::new(), 0, None);
    for (asked, answered) in all {
        // A question that one store has no answer to is asked of another: what that holds says nothing of this value.
        let is_of_the_same = asked.store == question.store;
        match &asked.purpose {
            Purpose::RawCount { needed } => {
                needed_count = needed_count.max(*needed);
                counts.push(if is_of_the_same { count(answered) } else { Some(0) });
            }
            Purpose::Buckets if is_of_the_same => {
                bucket = value.map(|_| bucket_of(question.kind, metric.aggregation, answer, answered, &unit));
            }
            Purpose::Buckets => bucket = value.map(|_| Bucket { unit: unit.clone(), ..Bucket::default() }),
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
        // What one of its series rests on and nobody tells is not known of it.
        raw_count: counts
            .into_iter()
            .collect::<Option<Vec<u64>>>()
            .and_then(|counts| counts.into_iter().min()),
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

/// Returns between which values a quantile lies that was estimated from a histogram: each point anywhere in its bucket,
/// and the whole as its points. Without a bound where nothing is known of the buckets.
fn bucket_of(
    kind: QueryType,
    aggregation: Aggregation,
    answer: &Answer,
    buckets: &Answer,
    unit: &str,
) -> Bucket {
    let found = ranges(buckets);
    let held: Vec<Range> = match answer {
        Answer::Series(series) => {
            series.iter().flat_map(|series| &series.points).map(|point| held(&found, point.1)).collect()
        }
        Answer::Refused(_) | Answer::Unreachable(_) => Vec::new(),
    };
    // None of what points are made to be falls when one of them rises: the lowest make the lowest.
    let bound = |end: fn(&Range) -> Option<f64>| {
        let ends: Option<Vec<f64>> = held.iter().map(end).collect();
        aggregate(kind, aggregation, &ends?).ok()
    };
    Bucket { above: bound(|range| range.above), up_to: bound(|range| range.up_to), unit: unit.to_owned() }
}

/// What lies in one bucket of a histogram: more than one bound, and at most the other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Range {
    above: Option<f64>,
    up_to: Option<f64>,
}

/// Returns the buckets of a histogram in ascending order, from an answer with one series for each of them: by upper bound,
/// as Prometheus has them, or by both, as VictoriaMetrics has its own.
fn ranges(answer: &Answer) -> Vec<Range> {
    let Answer::Series(series) = answer else { return Vec::new() };
    let number = |text: &str| text.parse::<f64>().ok().filter(|bound| !bound.is_nan());
    let finite = |bound: f64| Some(bound).filter(|bound| bound.is_finite());
    let label = |name: &'static str| series.iter().filter_map(move |series| series.labels.get(name));
    let mut both: Vec<(f64, f64)> = label("vmrange")
        .filter_map(|range| range.split_once("..."))
        .filter_map(|(above, up_to)| Some((number(above)?, number(up_to)?)))
        .collect();
    if both.is_empty() {
        let mut bounds: Vec<f64> = label("le").filter_map(|bound| number(bound)).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        // A histogram of what is never negative begins at zero.
        let first = bounds.first().map_or(0.0, |first| if *first > 0.0 { 0.0 } else { f64::NEG_INFINITY });
        both = [first].iter().chain(&bounds).copied().zip(bounds.iter().copied()).collect();
    }
    both.sort_by(|a, b| a.1.total_cmp(&b.1));
    both.into_iter().map(|(above, up_to)| Range { above: finite(above), up_to: finite(up_to) }).collect()
}

/// Returns the bucket that holds the quantile of which `value` is the estimate; without bounds if there is none.
fn held(buckets: &[Range], value: f64) -> Range {
    // Of what lies beyond the last bound, stores answer that bound.
    if let Some(last) =
        buckets.last().filter(|last| last.up_to.is_none() && last.above.is_some_and(|above| value >= above))
    {
        return *last;
    }
    buckets
        .iter()
        .find(|bucket| bucket.up_to.is_some_and(|up_to| value <= up_to))
        .filter(|bucket| bucket.above.is_none_or(|above| above <= value))
        .copied()
        .unwrap_or_default()
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
    use crate::plan::{Series, Store};
    use jiff::Timestamp;
    use rstest::rstest;
    use std::time::Duration;
    use testbed_api::status::{Window, WindowSource};

    #[rstest]
    #[case("hub", true)]
    #[case("local", true)]
    #[case("existing", false)]
    #[case("gke", false)]
    fn what_the_generator_saw_of_its_machine_is_the_subjects_only_on_the_hub(
        #[case] kind: &str,
        #[case] beside: bool,
    ) {
        let spec = serde_json::from_value(serde_json::json!({
            "targets": [{"name": "a", "cluster": {"type": kind}}],
            "variants": [{"name": "fast", "target": "a"}],
            "workflow": {"template": "t", "completion": {"mode": "workflow"}},
        }))
        .unwrap();
        let machine = MachineReport { cpu_model: Some("of the hub".into()), ..MachineReport::default() };
        let load = LoadReport { machine: Some(machine.clone()), ..LoadReport::default() };
        assert_eq!(seen_by(&spec, "fast", Some(&load)), beside.then_some(&machine));
    }

    #[test]
    fn a_subject_on_unlike_machines_is_described_by_all_of_them() {
        let node = |name: &str, kind: &str, cpus| NodeFacts {
            name: name.into(),
            machine: Fingerprint {
                node_type: Some(kind.into()),
                cpu_count: Some(cpus),
                ..Fingerprint::default()
            },
        };
        let nodes = [node("n1", "m5", 4), node("n2", "c5", 8), node("n3", "m5", 4)];
        let on = |names: &[&str]| {
            let machine = fingerprint(&names.iter().copied().collect(), &nodes, None);
            (machine.node_type.unwrap(), machine.cpu_count, machine.node_count)
        };
        assert_eq!(on(&["n1"]), ("m5".into(), Some(4), None));
        assert_eq!(on(&["n1", "n3"]), ("m5".into(), Some(4), Some(2)));
        assert_eq!(on(&["n1", "n2"]), ("c5 + m5".into(), None, Some(2)));
    }

    fn of(label: &str, buckets: &[&str]) -> Answer {
        let bucket = |bound: &&str| Series {
            labels: [(label.to_owned(), (*bound).to_owned())].into(),
            points: vec![(Timestamp::UNIX_EPOCH, 1.0)],
        };
        Answer::Series(buckets.iter().map(bucket).collect())
    }

    fn points(values: &[f64]) -> Answer {
        let points = values.iter().map(|value| (Timestamp::UNIX_EPOCH, *value)).collect();
        Answer::Series(vec![Series { labels: BTreeMap::new(), points }])
    }

    #[rstest]
    #[case::within(0.3, Some(0.25), Some(0.5))]
    #[case::in_the_first(0.1, Some(0.0), Some(0.25))]
    #[case::at_an_upper_bound(0.25, Some(0.0), Some(0.25))]
    #[case::beyond_the_last_bound_as_stores_say_it(0.5, Some(0.5), None)]
    fn a_quantile_says_the_bucket_it_falls_into(
        #[case] value: f64,
        #[case] above: Option<f64>,
        #[case] up_to: Option<f64>,
    ) {
        let buckets = of("le", &["0.5", "0.25", "+Inf"]);
        let found = bucket_of(QueryType::Instant, Aggregation::Mean, &points(&[value]), &buckets, "seconds");
        assert_eq!((found.above, found.up_to), (above, up_to));
    }

    #[test]
    fn the_buckets_of_victoria_metrics_have_two_bounds() {
        let buckets = of("vmrange", &["1.136e-01...1.292e-01", "8.799e-02...1.000e-01"]);
        let found = bucket_of(QueryType::Instant, Aggregation::Mean, &points(&[0.12]), &buckets, "seconds");
        assert_eq!((found.above, found.up_to), (Some(0.1136), Some(0.1292)));
    }

    #[test]
    fn what_quantiles_become_lies_between_what_the_ends_of_their_buckets_become() {
        let buckets = of("le", &["1", "2", "4", "+Inf"]);
        let over = |values: &[f64], aggregation| {
            let found = bucket_of(QueryType::Range, aggregation, &points(values), &buckets, "seconds");
            (found.above, found.up_to)
        };
        assert_eq!(over(&[0.5, 3.0], Aggregation::Mean), (Some(1.0), Some(2.5)));
        assert_eq!(over(&[0.5, 3.0], Aggregation::Max), (Some(2.0), Some(4.0)));
        assert_eq!(
            over(&[0.5, 4.0], Aggregation::Mean),
            (Some(2.0), None),
            "one of them lies beyond the last bound"
        );
    }

    #[test]
    fn what_another_store_holds_says_nothing_of_a_value() {
        let metric = Metric { name: "x".into(), query: "x".into(), ..Metric::default() };
        let own = Store::Target { address: "a:1".into(), name: "ns/own".into() };
        let asked = |purpose, store| Question {
            metric: "x".into(),
            purpose,
            target: None,
            store,
            kind: QueryType::Instant,
            query: "x".into(),
            window: Window {
                target: None,
                start: MicroTime(Timestamp::UNIX_EPOCH),
                end: MicroTime(Timestamp::UNIX_EPOCH),
                recorded_by: WindowSource::Workload,
            },
            after: Duration::ZERO,
            step: Duration::ZERO,
            lookback: None,
        };
        let value = (asked(Purpose::Value, own.clone()), points(&[0.0]));
        let count = |store| (asked(Purpose::RawCount { needed: 3 }, store), points(&[15.0]));
        let found =
            |other: (Question, Answer)| sample(&metric, &value.0, &value.1, [&other].into_iter()).raw_count;
        assert_eq!((found(count(own.clone())), found(count(Store::Hub))), (Some(15), Some(0)));
        let buckets = (asked(Purpose::Buckets, Store::Hub), of("le", &["0.5", "+Inf"]));
        let bucket = sample(&metric, &value.0, &value.1, [&buckets].into_iter()).bucket.unwrap();
        assert_eq!((bucket.above, bucket.up_to), (None, None));
    }

    #[test]
    fn of_buckets_that_nobody_told_there_is_no_bound() {
        for buckets in [Answer::Unreachable("gone".into()), of("pod", &["x"])] {
            let found =
                bucket_of(QueryType::Instant, Aggregation::Mean, &points(&[0.3]), &buckets, "seconds");
            assert_eq!((found.above, found.up_to), (None, None));
        }
    }
}
