//! Two runs against each other: the same metric of the same variant, then and now.
//!
//! Trials of two runs are not close in time, so nothing is paired: what differs may be the day as much as the subject.

use crate::plan::HUB;
use crate::run;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::Summary;
use testbed_api::experiment::{Aggregation, QueryType};
use testbed_api::record::{Fingerprint, TrialRecord};
use testbed_api::trials::Trials;
use testbed_stats::{self as stats, Alternative};

/// Two runs against each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The first run.
    pub first: String,
    /// The second run.
    pub second: String,
    /// What is unlike between their machines, or not known of them; empty if they are known to be alike.
    pub machines: Vec<String>,
    /// What is unlike between what was deployed.
    pub subjects: Vec<String>,
    /// What is unlike between what was asked for: load, parameters, windows, queries.
    pub asked: Vec<String>,
    /// Each metric of each variant that both have, and measured alike.
    pub rows: Vec<Row>,
}

/// One metric of one variant in both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The metric.
    pub metric: String,
    /// The variant.
    pub variant: String,
    /// Unit of the medians.
    pub unit: String,
    /// Median of the first run.
    pub first_median: f64,
    /// Trials of the first run.
    pub first_trial_count: usize,
    /// Median of the second run.
    pub second_median: f64,
    /// Trials of the second run.
    pub second_trial_count: usize,
    /// Hodges-Lehmann estimate of second over first; absent where there is no ratio.
    pub ratio: Option<f64>,
    /// p-value of Mann and Whitney's test that both are alike, adjusted after Holm for the number of rows.
    pub adjusted_p_ratio: Option<f64>,
}

/// Compares two runs.
#[must_use]
pub fn compare(first: &Summary, second: &Summary) -> Comparison {
    let (a, b) = (samples(first), samples(second));
    let mut rows: Vec<(Row, f64)> = Vec::new();
    for (key, (how, x)) in &a {
        let Some((_, y)) = b.get(key).filter(|(other, _)| other == how) else { continue };
        let logs = |values: &[f64]| values.iter().map(|value| libm::log(*value)).collect::<Vec<_>>();
        let shift = stats::hodges_lehmann_shift(&logs(y), &logs(x)).ok();
        let p = stats::mann_whitney(x, y, Alternative::TwoSided).ok().map(|test| test.p);
        let (Ok(first_median), Ok(second_median)) = (stats::median(x), stats::median(y)) else { continue };
        let row = Row {
            metric: key.0.clone(),
            variant: key.1.clone(),
            unit: how.unit.clone(),
            first_median,
            first_trial_count: x.len(),
            second_median,
            second_trial_count: y.len(),
            ratio: shift.map(libm::exp),
            adjusted_p_ratio: p,
        };
        rows.push((row, p.unwrap_or(1.0)));
    }
    let adjusted = stats::holm(&rows.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    let rows = rows.into_iter().zip(adjusted).map(|((mut row, _), p)| {
        row.adjusted_p_ratio = row.adjusted_p_ratio.map(|_| p);
        row
    });
    Comparison {
        first: first.name.clone(),
        second: second.name.clone(),
        machines: unlike_machines(first, second),
        subjects: unlike_subjects(first, second),
        asked: unlike_asked(first, second),
        rows: rows.collect(),
    }
}

fn valid(summary: &Summary) -> impl Iterator<Item = &TrialRecord> {
    summary.trials.iter().flat_map(|trials| &trials.records).filter(|record| record.void.is_none())
}

/// How a metric was measured: what was measured in another way is not the same.
#[derive(Clone, Debug, PartialEq)]
struct How {
    unit: String,
    query: Option<String>,
    kind: QueryType,
    aggregation: Aggregation,
    of_hub: bool,
}

type Samples = BTreeMap<(String, String), (How, Vec<f64>)>;

fn samples(summary: &Summary) -> Samples {
    let (mut samples, mut mixed) = (Samples::new(), BTreeSet::new());
    let metrics = run::metrics(&summary.spec);
    for record in valid(summary) {
        for (name, sample) in &record.samples {
            if let Some(value) = sample.value {
                let key = (name.clone(), record.slot.variant.clone());
                let how = How {
                    unit: sample.unit.clone(),
                    query: metrics
                        .iter()
                        .find(|metric| metric.name == *name)
                        .map(|metric| metric.query.clone()),
                    kind: sample.kind,
                    aggregation: sample.aggregation,
                    of_hub: sample.source == HUB,
                };
                let (known, values) = samples.entry(key.clone()).or_insert_with(|| (how.clone(), Vec::new()));
                if *known == how {
                    values.push(value);
                } else {
                    mixed.insert(key);
                }
            }
        }
    }
    // What was measured in two ways is no one thing that another run could be compared with.
    samples.retain(|key, _| !mixed.contains(key));
    samples
}

fn unlike_machines(first: &Summary, second: &Summary) -> Vec<String> {
    let machines = |summary| valid(summary).map(|record| &record.machine).collect::<BTreeSet<&Fingerprint>>();
    let (a, b) = (machines(first), machines(second));
    if a.is_empty() || b.is_empty() {
        return vec!["one of the runs has no valid trial, so its machine is not known".into()];
    }
    let described = |machines: &BTreeSet<&Fingerprint>| -> BTreeMap<String, BTreeSet<String>> {
        let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for machine in machines {
            let value = serde_json::to_value(machine).unwrap_or_default();
            for (key, value) in value.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                fields.entry(key.clone()).or_default().insert(text);
            }
        }
        fields
    };
    let mut unlike = differences(&described(&a), &described(&b), UNKNOWN);
    // Two machines of which nobody knows what they are look the same.
    for (summary, machines) in [(first, &a), (second, &b)] {
        if machines.iter().any(|machine| machine.cpu_model.is_none() && machine.node_type.is_none()) {
            unlike.push(format!("neither processor nor node type is known of {}", summary.name));
        }
    }
    unlike
}

fn unlike_subjects(first: &Summary, second: &Summary) -> Vec<String> {
    let described = |summary: &Summary| -> BTreeMap<String, BTreeSet<String>> {
        let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for target in &summary.targets {
            for component in &target.components {
                let sources = component.sources.iter().filter_map(|source| source.target_revision.clone());
                fields.entry(format!("{}/{}", target.name, component.name)).or_default().extend(sources);
            }
        }
        for record in valid(summary) {
            for (container, image) in record.before.iter().flat_map(|pod| &pod.images) {
                let key = format!("image of {}/{container}", record.slot.variant);
                fields.entry(key).or_default().insert(image.clone());
            }
        }
        fields
    };
    differences(&described(first), &described(second), UNKNOWN)
}

/// Returns what is unlike between what was asked for, as far as it decides what is measured: what was deployed with which
/// parameters, the load, what was measured and for how long. How often, and what was claimed of it, does not.
fn unlike_asked(first: &Summary, second: &Summary) -> Vec<String> {
    let asked = |summary: &Summary| {
        let spec = &summary.spec;
        let times = |trials: &Trials| json!({"warmup": trials.warmup, "window": trials.window, "cooldown": trials.cooldown});
        let sources: BTreeMap<String, Value> = summary
            .targets
            .iter()
            .flat_map(|target| target.components.iter().map(move |component| (target, component)))
            .map(|(target, component)| {
                let name = format!("{}/{}", target.name, component.name);
                (name, serde_json::to_value(&component.sources).unwrap_or_default())
            })
            .collect();
        let whole = json!({
            "targets": spec.targets,
            "variants": spec.variants,
            "workflow": spec.workflow,
            "metrics": spec.metrics,
            "trials": spec.trials.as_ref().map(times),
            "components": sources,
            "template": template(summary),
        });
        let mut leaves = BTreeMap::new();
        flatten(&whole, String::new(), &mut leaves);
        // Names of namespaces and the like hold the name of the run.
        let of_any = |text: String| text.replace(&summary.name, "$EXPERIMENT");
        leaves.into_iter().map(|(path, text)| (path, BTreeSet::from([of_any(text)]))).collect()
    };
    differences(&asked(first), &asked(second), "not given")
}

/// Returns what tells a template of a workflow from another: its content, else which one it was on its hub.
fn template(summary: &Summary) -> Option<String> {
    let pinned = summary.workflow.pinned.as_ref()?;
    let known = pinned
        .sha256
        .as_ref()
        .map(|sha256| format!("sha256:{}", sha256.chars().take(12).collect::<String>()));
    Some(known.unwrap_or_else(|| format!("generation {} of {}", pinned.generation, pinned.uid)))
}

/// Lists the leaves of a document by their paths; items that have a name stand under it, wherever in their list they are.
fn flatten(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(value, below(key), leaves);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let name = value["name"].as_str().map_or_else(|| index.to_string(), str::to_owned);
                flatten(value, below(&name), leaves);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(leaves.insert(path, text.clone())),
        Value::Bool(_) | Value::Number(_) => drop(leaves.insert(path, value.to_string())),
    }
}

/// What is said of what one of two runs does not tell.
const UNKNOWN: &str = "unknown";

fn differences(
    a: &BTreeMap<String, BTreeSet<String>>,
    b: &BTreeMap<String, BTreeSet<String>>,
    absent: &str,
) -> Vec<String> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let said = |values: Option<&BTreeSet<String>>| {
        values
            .map_or_else(|| absent.to_owned(), |values| values.iter().cloned().collect::<Vec<_>>().join(", "))
    };
    keys.into_iter()
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| format!("{key}: {} and {}", said(a.get(key)), said(b.get(key))))
        .collect()
}
