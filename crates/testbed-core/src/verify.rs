//! Whether a summary is what its samples say: every gate, figure and verdict computed again, from the summary alone.

use crate::analysis;
use crate::answer;
use crate::gates;
use crate::plan::Whom;
use crate::record;
use crate::run;
use crate::schedule::{self, Next, Schedule};
use crate::summary;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testbed_api::Summary;
use testbed_api::experiment::Metric;
use testbed_api::record::{RecordRef, Slot, TrialRecord};
use testbed_api::status::{Stop, StopReason, TrialStatus, TrialsStatus};
use testbed_api::summary::Trials;

/// What came of computing a summary again.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Figures and sentences that were computed again.
    pub compared_count: usize,
    /// Those that differ.
    pub differences: Vec<Difference>,
    /// What is worth knowing, and is no difference.
    pub notes: Vec<String>,
}

/// A figure or a sentence that is not what its samples say.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Path within the summary.
    pub path: String,
    /// What the summary says.
    pub recorded: String,
    /// What its samples say.
    pub computed: String,
}

/// Computes a summary again.
#[must_use]
pub fn verify(summary: &Summary) -> Verification {
    let mut found = Verification::default();
    let metrics = run::metrics(&summary.spec);
    let queries = summary.metrics.as_ref().map(|metrics| metrics.queries.clone()).unwrap_or_default();
    if let Some(trials) = &summary.trials {
        found.compare("trials.records", &trials.records, &judged(summary, trials));
        for (index, record) in trials.records.iter().enumerate() {
            found.compare_asked(summary, &metrics, index, record);
        }
        let seed = summary.spec.trials.as_ref().map(|trials| schedule::seed(trials, &summary.uid));
        found.compare("trials.seed", &Some(trials.seed), &seed);
        let schedule = Schedule::of(&summary.spec, trials.seed).map(|schedule| schedule.slots());
        found.compare("trials.schedule", &trials.schedule, &schedule.unwrap_or_default());
        let order = order(summary, trials);
        let recorded: Vec<&Slot> = trials.records.iter().map(|record| &record.slot).collect();
        found.compare("trials.order", &recorded, &order.trials);
        // That a rule ended it lets fewer blocks than planned decide.
        if let Some(stop) = trials.stopped.as_ref().filter(|stop| stop.reason == StopReason::Decided) {
            found.compare("trials.stopped", &Some(stop), &order.stopped.as_ref());
        }
    }
    for (name, cells) in summary::cells(&summary.spec, &queries) {
        let result = &queries[&name];
        found.compare(&format!("metrics.queries.{name}.cells"), &result.cells, &cells);
        let metric = metrics.iter().find(|metric| metric.name == name);
        let recorded = json!({"query": result.query, "type": result.kind, "unit": result.unit});
        let asked =
            metric.map(|metric| json!({"query": metric.query, "type": metric.kind, "unit": metric.unit()}));
        found.compare(&format!("metrics.queries.{name}"), &recorded, &asked);
        for (index, cell) in result.cells.iter().enumerate() {
            let whom = Whom { target: cell.target.as_deref(), variant: "", trial: "" };
            let asked =
                metric.and_then(|metric| whom.query(&summary.uid, &summary.name, metric, &cell.window));
            found.compare(
                &format!("metrics.queries.{name}.cells[{index}].query"),
                &Some(&cell.query),
                &asked.as_ref(),
            );
        }
    }
    let (analysis, verdict) =
        summary::decided(&summary.spec, summary.trials.as_ref(), &queries, summary.failure.as_ref());
    let mut recorded = summary.analysis.clone();
    if let Some(recorded) = &mut recorded {
        let code = analysis::code_sha256();
        if recorded.code_sha256 != code {
            found.notes.push(format!(
                "it was analyzed by other code ({}) than this one ({})",
                &recorded.code_sha256.chars().take(12).collect::<String>(),
                &code[..12]
            ));
            recorded.code_sha256 = code;
        }
    }
    found.compare("analysis", &recorded, &analysis);
    found.compare("verdict", &summary.verdict, &verdict);
    found.compare("hypothesis", &summary.hypothesis, &summary.spec.hypothesis);
    found
}

/// Returns the records with gates, and what follows from them, judged again.
fn judged(summary: &Summary, trials: &Trials) -> Vec<TrialRecord> {
    let again = trials.records.iter().cloned().map(|mut record| {
        gates::judge(&summary.spec, &mut record);
        record
    });
    again.collect()
}

/// What the schedule, the seed and the void trials ask for.
struct Order {
    /// Trials, one after the other.
    trials: Vec<Slot>,
    /// Why none comes after the last of them, if so.
    stopped: Option<Stop>,
}

/// Returns the trials that the schedule, the seed and the void ones ask for, one after the other.
fn order(summary: &Summary, trials: &Trials) -> Order {
    let mut spec = summary.spec.clone();
    // What the clock and the user decided cannot be repeated: up to there the order can.
    spec.budget = None;
    spec.aborted = false;
    let mut status = TrialsStatus { seed: trials.seed, ..TrialsStatus::default() };
    let mut order = Vec::new();
    let next =
        |status: &TrialsStatus| schedule::next(&spec, status, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    for record in &trials.records {
        let Next::Begin(slot) = next(&status) else { break };
        order.push(slot.clone());
        status.begun.push(TrialStatus {
            record: Some(RecordRef::default()),
            void: record.void.clone(),
            disturbed: gates::is_disturbed(record),
            values: record::decisive_values(&summary.spec, record),
            buckets: record::decisive_buckets(&summary.spec, record),
            ..TrialStatus::begun(slot, record.begun_at.clone())
        });
    }
    let stopped = match next(&status) {
        Next::Stop(stop) => Some(stop),
        Next::Begin(_) => None,
    };
    Order { trials: order, stopped }
}

impl Verification {
    /// Holds what a trial asked, and how, against what the specification asks for.
    fn compare_asked(&mut self, summary: &Summary, metrics: &[Metric], index: usize, record: &TrialRecord) {
        let Some(window) = &record.window else { return };
        let Slot { variant, trial, .. } = &record.slot;
        let target = summary.spec.target_of(variant);
        let whom = Whom { target: Some(target), variant, trial };
        for (name, sample) in &record.samples {
            let metric = metrics.iter().find(|metric| metric.name == *name && metric.is_of(target));
            let wanted = metric.map(|metric| {
                json!({
                    "query": whom.query(&summary.uid, &summary.name, metric, window),
                    "type": metric.kind,
                    "aggregation": metric.aggregation,
                    "unit": metric.unit(),
                    "expectation": answer::expectation(metric, sample.value),
                })
            });
            let recorded = json!({
                "query": sample.query,
                "type": sample.kind,
                "aggregation": sample.aggregation,
                "unit": sample.unit,
                "expectation": sample.expectation,
            });
            self.compare(&format!("trials.records[{index}].samples.{name}"), &recorded, &wanted);
        }
    }

    fn compare<T: serde::Serialize, U: serde::Serialize>(&mut self, path: &str, recorded: &T, computed: &U) {
        match (serde_json::to_value(recorded), serde_json::to_value(computed)) {
            (Ok(recorded), Ok(computed)) => self.walk(path, &recorded, &computed),
            (Err(error), _) | (_, Err(error)) => self.differs(path, "?", &error.to_string()),
        }
    }

    fn walk(&mut self, path: &str, recorded: &Value, computed: &Value) {
        match (recorded, computed) {
            (Value::Object(a), Value::Object(b)) => {
                let keys: BTreeMap<&String, ()> = a.keys().chain(b.keys()).map(|key| (key, ())).collect();
                for key in keys.into_keys() {
                    let null = Value::Null;
                    let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                    self.walk(&format!("{path}.{key}"), a, b);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    self.walk(&format!("{path}[{index}]"), a, b);
                }
            }
            (a, b) => {
                self.compared_count += 1;
                if a != b {
                    self.differs(path, &a.to_string(), &b.to_string());
                }
            }
        }
    }

    fn differs(&mut self, path: &str, recorded: &str, computed: &str) {
        let short = |text: &str| text.chars().take(200).collect();
        self.differences.push(Difference {
            path: path.to_owned(),
            recorded: short(recorded),
            computed: short(computed),
        });
    }
}
