//! Two runs against each other: the same metric of the same variant, then and now.
//!
//! Trials of two runs are not close in time, so nothing is paired: what differs may be the day as much as the subject.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::Summary;
use testbed_api::record::{Fingerprint, TrialRecord};
use testbed_stats::{self as stats, Alternative};

/// Two runs against each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The first run.
    pub first: String,
    /// The second run.
    pub second: String,
    /// What is unlike between their machines; empty if they are alike.
    pub machines: Vec<String>,
    /// What is unlike between what was deployed.
    pub subjects: Vec<String>,
    /// Each metric of each variant that both have.
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
    for (key, (unit, x)) in &a {
        let Some((_, y)) = b.get(key).filter(|(other, _)| other == unit) else { continue };
        let logs = |values: &[f64]| values.iter().map(|value| libm::log(*value)).collect::<Vec<_>>();
        let shift = stats::hodges_lehmann_shift(&logs(y), &logs(x)).ok();
        let p = stats::mann_whitney(x, y, Alternative::TwoSided).ok().map(|test| test.p);
        let (Ok(first_median), Ok(second_median)) = (stats::median(x), stats::median(y)) else { continue };
        let row = Row {
            metric: key.0.clone(),
            variant: key.1.clone(),
            unit: unit.clone(),
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
        rows: rows.collect(),
    }
}

fn valid(summary: &Summary) -> impl Iterator<Item = &TrialRecord> {
    summary.trials.iter().flat_map(|trials| &trials.records).filter(|record| record.void.is_none())
}

type Samples = BTreeMap<(String, String), (String, Vec<f64>)>;

fn samples(summary: &Summary) -> Samples {
    let mut samples = Samples::new();
    for record in valid(summary) {
        for (name, sample) in &record.samples {
            if let Some(value) = sample.value {
                let key = (name.clone(), record.slot.variant.clone());
                samples.entry(key).or_insert_with(|| (sample.unit.clone(), Vec::new())).1.push(value);
            }
        }
    }
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
    differences(&described(&a), &described(&b))
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
    differences(&described(first), &described(second))
}

fn differences(
    a: &BTreeMap<String, BTreeSet<String>>,
    b: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let said = |values: Option<&BTreeSet<String>>| {
        values.map_or_else(
            || "unknown".to_owned(),
            |values| values.iter().cloned().collect::<Vec<_>>().join(", "),
        )
    };
    keys.into_iter()
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| format!("{key}: {} and {}", said(a.get(key)), said(b.get(key))))
        .collect()
}
