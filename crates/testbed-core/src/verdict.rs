//! What the data decide: supported, refuted, or insufficient, each with its reason.
//!
//! This version measures each target once, so a verdict is the plain comparison of two values, and says so.
//! Whatever is missing makes a criterion insufficient; nothing missing is ever taken for zero.

use std::collections::BTreeMap;
use testbed_api::experiment::{Criterion, Hypothesis, SuccessCriterion};
use testbed_api::summary::{Cell, CriterionResult, Decision, MetricResult, Verdict};

/// How sure a verdict of this version can be.
pub const CERTAINTY: &str = "one trial, no interval";

/// Returns what `metrics` decide of `hypothesis`; a run that failed decides nothing.
#[must_use]
pub fn verdict(
    hypothesis: Option<&Hypothesis>,
    metrics: &BTreeMap<String, MetricResult>,
    failure: Option<&str>,
) -> Verdict {
    let certainty = CERTAINTY.to_owned();
    let Some(hypothesis) = hypothesis else {
        let reason = "the experiment states no hypothesis: these are observations".to_owned();
        return Verdict { decision: None, reason, certainty, criteria: Vec::new() };
    };
    let criteria: Vec<CriterionResult> = hypothesis
        .criteria
        .iter()
        .map(|criterion| compare(criterion, metrics))
        .chain(hypothesis.success_criteria.iter().map(|criterion| bound(criterion, metrics)))
        .collect();
    if criteria.is_empty() {
        let reason = "the hypothesis has no criterion that a machine could decide".to_owned();
        return Verdict { decision: None, reason, certainty, criteria };
    }
    if let Some(failure) = failure {
        let reason = format!("the run failed: {failure}");
        return Verdict { decision: Some(Decision::Insufficient), reason, certainty, criteria };
    }
    if let Some(reason) = unmet(metrics) {
        return Verdict { decision: Some(Decision::Insufficient), reason, certainty, criteria };
    }
    let first = |decision: Decision| criteria.iter().find(|result| result.decision == decision);
    let (decision, reason) = if let Some(refuted) = first(Decision::Refuted) {
        (Decision::Refuted, refuted.reason.clone())
    } else if let Some(insufficient) = first(Decision::Insufficient) {
        (Decision::Insufficient, insufficient.reason.clone())
    } else {
        let reasons: Vec<&str> = criteria.iter().map(|result| result.reason.as_str()).collect();
        (Decision::Supported, reasons.join("; "))
    };
    Verdict { decision: Some(decision), reason, certainty, criteria }
}

/// Returns why the load was not what it was meant to be, if it was not.
fn unmet(metrics: &BTreeMap<String, MetricResult>) -> Option<String> {
    metrics
        .iter()
        .flat_map(|(name, metric)| metric.cells.iter().map(move |cell| (name, metric, cell)))
        .find_map(|(name, metric, cell)| {
            let expectation = cell.expectation.as_ref()?;
            let whom = cell.target.as_deref().map_or_else(String::new, |target| format!(" of {target}"));
            let intended = with_unit(expectation.intended, &metric.unit);
            match (expectation.met, cell.value) {
                (Some(true), _) => None,
                (Some(false), Some(value)) => Some(format!(
                    "the load was not the intended one: {name}{whom} is {}, intended {intended} ± {} %",
                    with_unit(value, &metric.unit),
                    number(expectation.tolerance * 100.0)
                )),
                _ => Some(format!(
                    "it is not known whether the load was the intended one: {name}{whom} is missing"
                )),
            }
        })
}

/// Decides the ratio of two targets.
fn compare(criterion: &Criterion, metrics: &BTreeMap<String, MetricResult>) -> CriterionResult {
    let [first, second] = [0, 1].map(|index| criterion.compare.get(index).map_or("?", String::as_str));
    let sign = criterion.operator.sign();
    let asked = format!("{}: {first} / {second} {sign} {}", criterion.metric, number(criterion.value));
    let result = |decision, observed, reason| CriterionResult {
        metric: criterion.metric.clone(),
        asked: asked.clone(),
        decision,
        observed,
        unit: "ratio".into(),
        bound: criterion.value,
        reason,
    };
    let Some(metric) = metrics.get(&criterion.metric) else {
        return result(Decision::Insufficient, None, format!("{} was not measured", criterion.metric));
    };
    let (a, b) =
        match (value(metric, &criterion.metric, Some(first)), value(metric, &criterion.metric, Some(second)))
        {
            (Ok(a), Ok(b)) => (a, b),
            (Err(reason), _) | (_, Err(reason)) => return result(Decision::Insufficient, None, reason),
        };
    if b <= 0.0 || a < 0.0 {
        let reason = format!(
            "{} of {second} is {}: there is no ratio to it",
            criterion.metric,
            with_unit(b, &metric.unit)
        );
        return result(Decision::Insufficient, None, reason);
    }
    let ratio = a / b;
    let holds = criterion.operator.holds(ratio, criterion.value);
    let reason = format!(
        "{} of {first} is {}, of {second} {}: ratio {}, which is {} {sign} {}",
        criterion.metric,
        with_unit(a, &metric.unit),
        with_unit(b, &metric.unit),
        number(ratio),
        if holds { "indeed" } else { "not" },
        number(criterion.value),
    );
    result(if holds { Decision::Supported } else { Decision::Refuted }, Some(ratio), reason)
}

/// Decides a metric against a constant, for every target it was asked for.
fn bound(criterion: &SuccessCriterion, metrics: &BTreeMap<String, MetricResult>) -> CriterionResult {
    let sign = criterion.operator.sign();
    let bound = criterion.value.parse::<f64>().unwrap_or(f64::NAN);
    let unit = metrics.get(&criterion.metric).map_or("1", |metric| metric.unit.as_str());
    let result = |decision, observed, reason| CriterionResult {
        metric: criterion.metric.clone(),
        asked: format!("{} {sign} {}", criterion.metric, with_unit(bound, unit)),
        decision,
        observed,
        unit: unit.to_owned(),
        bound,
        reason,
    };
    let Some(metric) = metrics.get(&criterion.metric).filter(|metric| !metric.cells.is_empty()) else {
        return result(Decision::Insufficient, None, format!("{} was not measured", criterion.metric));
    };
    let mut said = Vec::new();
    let mut last = None;
    for cell in &metric.cells {
        let target = cell.target.as_deref();
        let value = match value(metric, &criterion.metric, target) {
            Ok(value) => value,
            Err(reason) => return result(Decision::Insufficient, None, reason),
        };
        let whom = target.map_or_else(String::new, |target| format!(" of {target}"));
        let holds = criterion.operator.holds(value, bound);
        let reason = format!(
            "{}{whom} is {}, which is {} {sign} {}",
            criterion.metric,
            with_unit(value, unit),
            if holds { "indeed" } else { "not" },
            with_unit(bound, unit)
        );
        if !holds {
            return result(Decision::Refuted, Some(value), reason);
        }
        last = Some(value);
        said.push(reason);
    }
    result(Decision::Supported, last, said.join("; "))
}

fn value(metric: &MetricResult, name: &str, target: Option<&str>) -> Result<f64, String> {
    let whom = target.map_or_else(String::new, |target| format!(" of {target}"));
    let cell: Option<&Cell> = metric.cells.iter().find(|cell| cell.target.as_deref() == target);
    let cell = cell.ok_or_else(|| format!("{name}{whom} was not measured"))?;
    cell.value
        .ok_or_else(|| format!("{name}{whom} is missing: {}", cell.missing.as_deref().unwrap_or("no value")))
}

/// Returns a number as people read it: four significant digits, no exponent between a thousandth and a billion.
#[must_use]
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 7 by the range above"
    )]
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Returns a value with its unit, scaled where people are used to it.
#[must_use]
pub fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => scaled(
            value,
            &[(1024.0 * 1024.0 * 1024.0, "GiB"), (1024.0 * 1024.0, "MiB"), (1024.0, "KiB"), (1.0, "B")],
        ),
        "seconds" => scaled(value, &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]),
        "ratio" | "1" | "" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

fn scaled(value: f64, scales: &[(f64, &str)]) -> String {
    let (scale, unit) = scales
        .iter()
        .find(|(scale, _)| value.abs() >= *scale)
        .or(scales.last())
        .copied()
        .unwrap_or((1.0, ""));
    format!("{} {unit}", number(value / scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, "bytes", "0 B")]
    #[case(52_428_800.0, "bytes", "50 MiB")]
    #[case(0.012_34, "seconds", "12.34 ms")]
    #[case(12.5, "seconds", "12.5 s")]
    #[case(0.4321, "ratio", "0.4321")]
    #[case(2000.0, "samples/s", "2000 samples/s")]
    #[case(0.05, "cores", "0.05 cores")]
    fn a_value_is_shown_with_its_unit(#[case] value: f64, #[case] unit: &str, #[case] shown: &str) {
        assert_eq!(with_unit(value, unit), shown);
    }
}
