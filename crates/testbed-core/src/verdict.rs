//! What the data decide of the whole claim: supported, refuted, or insufficient, each with its reason.
//!
//! Whatever is missing makes a criterion insufficient; nothing missing is ever taken for zero, and one trial decides
//! nothing.

use crate::analysis::{self, Observation};
use crate::figure::{percent, with_unit};
use crate::sequential;
use std::collections::BTreeMap;
use testbed_api::ExperimentSpec;
use testbed_api::analysis::Analysis;
use testbed_api::experiment::Hypothesis;
use testbed_api::status::{Stop, StopReason};
use testbed_api::summary::{CriterionResult, Decision, MetricResult, Verdict};

/// How sure one trial can be.
pub const ONE_TRIAL: &str = "one trial, no interval";

const NO_HYPOTHESIS: &str = "the experiment states no hypothesis: these are observations";
const NO_CRITERION: &str = "the hypothesis has no criterion that a machine could decide";

fn undecided(reason: &str, certainty: String) -> Verdict {
    Verdict { decision: None, reason: reason.into(), certainty, criteria: Vec::new() }
}

/// Returns what one run of the workflow says of the claim: observations, never a decision.
#[must_use]
pub fn of_observations(
    hypothesis: Option<&Hypothesis>,
    metrics: &BTreeMap<String, MetricResult>,
    failure: Option<&str>,
) -> Verdict {
    let certainty = ONE_TRIAL.to_owned();
    let Some(hypothesis) = hypothesis else { return undecided(NO_HYPOTHESIS, certainty) };
    let compared = hypothesis.criteria.iter().map(|criterion| {
        let [first, second] = [0, 1].map(|index| criterion.compare.get(index).map_or("?", String::as_str));
        let values = [first, second].map(|target| value(metrics, &criterion.metric, Some(target)));
        let bound = with_unit(criterion.value, "ratio");
        let asked = format!("{}: {first} / {second} {} {bound}", criterion.metric, criterion.operator.sign());
        let (observed, reason) = match values {
            [Ok(a), Ok(b)] if a >= 0.0 && b > 0.0 => {
                let unit = unit(metrics, &criterion.metric);
                let (ratio, a, b) = (a / b, with_unit(a, unit), with_unit(b, unit));
                let ratio_text = with_unit(ratio, "ratio");
                (
                    Some(ratio),
                    format!("{} is {a} of {first} and {b} of {second}, {ratio_text}", criterion.metric),
                )
            }
            [Ok(_), Ok(_)] => {
                (None, format!("there is no ratio of {} to that of {second}", criterion.metric))
            }
            [Err(reason), _] | [_, Err(reason)] => (None, reason),
        };
        observed_only(&criterion.metric, asked, observed, "ratio", criterion.value, reason)
    });
    let bounded = hypothesis.success_criteria.iter().map(|criterion| {
        let unit = unit(metrics, &criterion.metric);
        let bound = criterion.value.parse().unwrap_or(f64::NAN);
        let asked = format!("{} {} {}", criterion.metric, criterion.operator.sign(), with_unit(bound, unit));
        let cells = metrics.get(&criterion.metric).map(|metric| &metric.cells[..]).unwrap_or_default();
        let said: Vec<String> = cells
            .iter()
            .map(|cell| {
                let whom = cell.target.as_deref().map_or_else(String::new, |target| format!(" of {target}"));
                let value = cell.value.map_or_else(|| "missing".to_owned(), |value| with_unit(value, unit));
                format!("{}{whom} is {value}", criterion.metric)
            })
            .collect();
        let observed = if let [only] = cells { only.value } else { None };
        let reason =
            if said.is_empty() { format!("{} was not measured", criterion.metric) } else { said.join(", ") };
        observed_only(&criterion.metric, asked, observed, unit, bound, reason)
    });
    let criteria: Vec<CriterionResult> = compared.chain(bounded).collect();
    if criteria.is_empty() {
        return undecided(NO_CRITERION, certainty);
    }
    let reason = match failure {
        Some(failure) => format!("the run failed: {failure}"),
        None => {
            let said: Vec<&str> = criteria.iter().map(|criterion| criterion.reason.as_str()).collect();
            format!("{}; one trial decides nothing: give the experiment variants and trials", said.join("; "))
        }
    };
    Verdict { decision: Some(Decision::Insufficient), reason, certainty, criteria }
}

fn observed_only(
    metric: &str,
    asked: String,
    observed: Option<f64>,
    unit: &str,
    bound: f64,
    reason: String,
) -> CriterionResult {
    CriterionResult {
        metric: metric.to_owned(),
        asked,
        variant: None,
        decision: Decision::Insufficient,
        observed,
        interval: None,
        adjusted_p_ratio: None,
        floor_ratio: None,
        block_count: 0,
        unit: unit.to_owned(),
        bound,
        reason,
    }
}

fn unit<'a>(metrics: &'a BTreeMap<String, MetricResult>, metric: &str) -> &'a str {
    metrics.get(metric).map_or("1", |metric| metric.unit.as_str())
}

fn value(metrics: &BTreeMap<String, MetricResult>, name: &str, target: Option<&str>) -> Result<f64, String> {
    let whom = target.map_or_else(String::new, |target| format!(" of {target}"));
    let cells = metrics.get(name).map(|metric| &metric.cells[..]).unwrap_or_default();
    let cell = cells.iter().find(|cell| cell.target.as_deref() == target);
    let cell = cell.ok_or_else(|| format!("{name}{whom} was not measured"))?;
    cell.value
        .ok_or_else(|| format!("{name}{whom} is missing: {}", cell.missing.as_deref().unwrap_or("no value")))
}

/// What a verdict of trials rests on.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The specification, as run.
    pub spec: &'a ExperimentSpec,
    /// The seed of the run.
    pub seed: u64,
    /// Why no further trial was begun.
    pub stopped: Option<&'a Stop>,
    /// Why trials do not count, in their order.
    pub void: &'a [String],
    /// Why the run failed.
    pub failure: Option<&'a str>,
}

/// Returns what the trials decide of the claim.
#[must_use]
pub fn of_trials(basis: &Basis<'_>, trials: &[Observation<'_>], analysis: &Analysis) -> Verdict {
    let Basis { spec, seed, stopped, void, failure } = *basis;
    let counts = &analysis.trials;
    let aa = match counts.valid_aa_block_count {
        0 if spec.trials.as_ref().is_some_and(|trials| trials.aa) => {
            "no floor, as no block against itself counts".to_owned()
        }
        0 => "no floor, as no variant ran against itself".to_owned(),
        count => format!("floor from {count} block{} against itself", if count == 1 { "" } else { "s" }),
    };
    let certainty = format!(
        "{} of {} blocks valid{}, {} confidence, {aa}",
        counts.valid_block_count,
        counts.planned_block_count,
        void_trials(trials),
        percent(analysis.level_ratio)
    );
    let Some(hypothesis) = &spec.hypothesis else { return undecided(NO_HYPOTHESIS, certainty) };
    if hypothesis.criteria.is_empty() && hypothesis.success_criteria.is_empty() {
        return undecided(NO_CRITERION, certainty);
    }
    let alpha =
        spec.trials.as_ref().map_or(0.0, |trials| sequential::alpha(trials, counts.valid_block_count));
    let criteria = analysis::criteria(spec, seed, trials, alpha);
    let insufficient = |reason: String| Verdict {
        decision: Some(Decision::Insufficient),
        certainty: certainty.clone(),
        criteria: criteria.iter().cloned().map(|criterion| overridden(criterion, &reason)).collect(),
        reason,
    };
    if let Some(failure) = failure {
        return insufficient(format!("the run failed: {failure}"));
    }
    let by_rule = stopped.is_some_and(|stop| stop.reason == StopReason::Decided);
    if counts.valid_block_count < counts.planned_block_count && !by_rule {
        return insufficient(not_enough(counts.valid_block_count, counts.planned_block_count, stopped, void));
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

/// Returns a criterion that decides nothing, whatever its own data would say, and why.
fn overridden(criterion: CriterionResult, why: &str) -> CriterionResult {
    if criterion.decision == Decision::Insufficient {
        return criterion;
    }
    let reason = format!("{}: but {why}", criterion.reason);
    CriterionResult { decision: Decision::Insufficient, reason, ..criterion }
}

/// Says how many trials of each variant do not count, if there are any.
fn void_trials(trials: &[Observation<'_>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for variant in trials.iter().filter_map(Observation::void_of) {
        *counts.entry(variant).or_default() += 1;
    }
    let said: Vec<String> = counts.iter().map(|(variant, count)| format!("{count} of {variant}")).collect();
    match counts.values().sum::<usize>() {
        0 => String::new(),
        1 => format!(", a trial void ({})", said.join(", ")),
        count => format!(", {count} trials void ({})", said.join(", ")),
    }
}

/// Says why there are too few blocks: the most frequent reason of the void ones, if there are any.
fn not_enough(valid: u32, planned: u32, stopped: Option<&Stop>, void: &[String]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in void {
        *counts.entry(reason).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    let why = match most {
        Some((reason, 1)) => format!("; a trial was void: {reason}"),
        Some((reason, count)) => format!("; {count} trials were void: {reason}"),
        None => String::new(),
    };
    let stopped = stopped.map_or_else(String::new, |stop| format!(" ({})", stop.message));
    format!("{valid} of {planned} planned blocks are valid{stopped}{why}")
}
