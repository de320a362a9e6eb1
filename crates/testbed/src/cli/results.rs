//! The result of a run as a person reads it: a table, a verdict with its reason, and what the lab itself cost.

use super::output;
use kube::ResourceExt;
use std::fmt::Write;
use testbed_api::Experiment;
use testbed_api::conditions::ConditionType;
use testbed_api::summary::{Cell, MetricResult, Summary};
use testbed_core::status::since;
use testbed_core::verdict::with_unit;

/// Prints the result of a run.
pub(crate) fn print(summary: &Summary, run: &Experiment, wide: bool) {
    anstream::print!("{}", output::plain(&text(summary, wide)));
    anstream::println!("{}", lab(summary, run));
}

/// Returns the result as text: a function of the summary alone.
pub(crate) fn text(summary: &Summary, wide: bool) -> String {
    let mut out = String::new();
    let title = summary.title.as_ref().unwrap_or(&summary.name);
    let _ = writeln!(out, "{title} ({}, {})", summary.name, summary.phase);
    if let Some(description) = &summary.description {
        let _ = writeln!(out, "{description}");
    }
    let _ = writeln!(out);
    match &summary.metrics {
        Some(metrics) => out.push_str(&table(&metrics.queries, wide)),
        None => out.push_str("Nothing was measured.\n"),
    }
    out.push_str(&verdict(summary));
    out
}

/// One column for each target that something was measured of.
fn table(queries: &std::collections::BTreeMap<String, MetricResult>, wide: bool) -> String {
    let mut targets: Vec<Option<&str>> = Vec::new();
    for cell in queries.values().flat_map(|metric| &metric.cells) {
        if !targets.contains(&cell.target.as_deref()) {
            targets.push(cell.target.as_deref());
        }
    }
    let mut header = vec!["METRIC".to_owned()];
    header.extend(
        targets.iter().map(|target| target.map_or_else(|| "WHOLE RUN".to_owned(), str::to_uppercase)),
    );
    header.extend(wide.then(|| "QUERY".to_owned()));
    let mut table = output::table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let mut notes = String::new();
    for (name, metric) in queries {
        let cell = |target: &Option<&str>| metric.cells.iter().find(|cell| cell.target.as_deref() == *target);
        let mut row = vec![name.clone()];
        row.extend(
            targets
                .iter()
                .map(|target| cell(target).map_or_else(|| "-".to_owned(), |cell| shown(metric, cell))),
        );
        row.extend(wide.then(|| metric.query.clone()));
        table.add_row(row);
        for cell in &metric.cells {
            notes.push_str(&note(name, metric, cell));
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!(
        "{}\n{}",
        lines.join("\n"),
        if notes.is_empty() { "\n".to_owned() } else { format!("\n{notes}\n") }
    )
}

fn shown(metric: &MetricResult, cell: &Cell) -> String {
    match (cell.value, cell.series) {
        (Some(value), _) => with_unit(value, &metric.unit),
        (None, series @ 2..) => format!("{series} series"),
        (None, _) => "missing".into(),
    }
}

/// Says what is missing, and what is not as it was meant to be.
fn note(name: &str, metric: &MetricResult, cell: &Cell) -> String {
    let whom = cell.target.as_deref().map_or_else(String::new, |target| format!(" of {target}"));
    let mut out = String::new();
    if let Some(reason) = cell.missing.as_ref().filter(|_| cell.series < 2) {
        let _ = writeln!(out, "missing: {name}{whom}: {reason}");
    }
    if let Some((expectation, value)) =
        cell.expectation.as_ref().filter(|e| e.met == Some(false)).zip(cell.value)
    {
        let _ = writeln!(
            out,
            "not as intended: {name}{whom} is {}, intended {}",
            with_unit(value, &metric.unit),
            with_unit(expectation.intended, &metric.unit)
        );
    }
    out
}

fn verdict(summary: &Summary) -> String {
    let mut out = String::new();
    if let Some(hypothesis) = &summary.hypothesis {
        let _ = writeln!(out, "Claim    {}", hypothesis.claim);
    }
    let verdict = &summary.verdict;
    match verdict.decision {
        Some(decision) => {
            let _ = writeln!(out, "Verdict  {} ({})", decision.as_str(), verdict.certainty);
            let _ = writeln!(out, "         {}", verdict.reason);
        }
        None => {
            let _ = writeln!(out, "Verdict  none: {}", verdict.reason);
        }
    }
    for criterion in verdict.criteria.iter().filter(|criterion| criterion.reason != verdict.reason) {
        let _ = writeln!(
            out,
            "         {}: {}, as {}",
            criterion.asked,
            criterion.decision.as_str(),
            criterion.reason
        );
    }
    out
}

/// Returns what the lab itself cost in time.
fn lab(summary: &Summary, run: &Experiment) -> String {
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} s"));
    let overhead = &summary.overhead;
    let status = run.status.clone().unwrap_or_default();
    let teardown = since(&status, ConditionType::ResultsStored).zip(since(&status, ConditionType::CleanedUp));
    let total = run.creation_timestamp().zip(since(&status, ConditionType::CleanedUp));
    let between = |pair: Option<(jiff::Timestamp, jiff::Timestamp)>| {
        seconds(pair.map(|(from, to)| to.duration_since(from).as_secs_f64()))
    };
    format!(
        "Time     {} in all: deploy {}, workflow {} (of it measured {}), teardown {}",
        between(total.map(|(from, to)| (from.0, to))),
        seconds(overhead.setup_seconds),
        seconds(overhead.workflow_seconds),
        seconds(overhead.measured_seconds),
        between(teardown),
    )
}
