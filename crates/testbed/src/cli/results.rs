//! The result of a run as a person reads it: tables with intervals, pictures, a verdict with its reason, and what the
//! lab itself cost.

use super::{output, plot};
use kube::ResourceExt;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use testbed_api::Experiment;
use testbed_api::analysis::{Analysis, MetricAnalysis, PairStatistics, VariantStatistics};
use testbed_api::conditions::ConditionType;
use testbed_api::experiment::Criterion;
use testbed_api::record::TrialRecord;
use testbed_api::summary::{Cell, MetricResult, Summary, Trials};
use testbed_core::figure::{number, percent, with_unit};
use testbed_core::price;
use testbed_core::schedule;
use testbed_core::status::since;

/// Rows of a panel of a time series.
const PANEL: usize = 5;

/// Prints the result of a run.
pub(crate) fn print(summary: &Summary, run: Option<&Experiment>, wide: bool) {
    let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
    anstream::print!("{}", output::plain(&text(summary, wide, width)));
    anstream::println!("{}", lab(summary, run));
}

/// Returns the result as text: a function of the summary and the width alone.
pub(crate) fn text(summary: &Summary, wide: bool, width: usize) -> String {
    let mut out = String::new();
    let title = summary.title.as_ref().unwrap_or(&summary.name);
    let _ = writeln!(out, "{title} ({}, {})", summary.name, summary.phase);
    if let Some(description) = &summary.description {
        let _ = writeln!(out, "{description}");
    }
    let _ = writeln!(out);
    match (&summary.analysis, &summary.trials, &summary.metrics) {
        (Some(analysis), Some(trials), _) => {
            out.push_str(&analyzed(summary, analysis, trials, wide, width));
        }
        (_, _, Some(metrics)) => out.push_str(&observations(&metrics.queries, wide)),
        _ => out.push_str("Nothing was measured.\n\n"),
    }
    out.push_str(&verdict(summary));
    out.push_str(&cost(summary));
    out
}

/// What the clusters cost, if anything was paid for.
fn cost(summary: &Summary) -> String {
    let Some(cost) = &summary.cost else { return String::new() };
    let said = match cost.usd {
        Some(usd) => {
            format!("{} until the run was over; removing its clusters comes on top", price::shown(usd))
        }
        None if !cost.unknown.is_empty() => format!("not known: {}", cost.unknown.join("; ")),
        None if cost.counted_to.is_none() => "not known: when the run was over is not recorded".to_owned(),
        None => "no cluster was made".to_owned(),
    };
    let expected =
        cost.estimate_usd.map_or_else(String::new, |usd| format!(", expected were {}", price::shown(usd)));
    format!("\nCost: {said}{expected} (list prices of {})\n", cost.as_of)
}

/// Tables and pictures of a run with trials.
fn analyzed(summary: &Summary, analysis: &Analysis, trials: &Trials, wide: bool, width: usize) -> String {
    let mut out = variants(summary, analysis);
    out.push_str(&ratios(analysis, summary, width));
    let variants = summary.spec.variants.iter();
    let decisive: BTreeSet<String> =
        variants.flat_map(|variant| schedule::decisive(&summary.spec, &variant.name)).collect();
    for (name, metric) in &analysis.metrics {
        if decisive.contains(name) || (wide && !metric.variants.is_empty()) {
            out.push_str(&dots(name, metric, summary, &trials.records, width));
        }
        if wide {
            out.push_str(&over_time(name, metric, &trials.records, width));
        }
    }
    out.push_str(&void(&trials.records));
    out
}

/// One row for each metric, one column for each variant: mean and interval.
fn variants(summary: &Summary, analysis: &Analysis) -> String {
    let names: Vec<&str> = summary.spec.variants.iter().map(|variant| variant.name.as_str()).collect();
    let mut header = vec!["METRIC".to_owned()];
    header.extend(names.iter().map(|name| name.to_uppercase()));
    let mut table = output::table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for (name, metric) in &analysis.metrics {
        let mut row = vec![name.clone()];
        row.extend(
            names.iter().map(|variant| metric.variants.get(*variant).map_or_else(|| "-".into(), shown)),
        );
        table.add_row(row);
    }
    format!("{}\n", output::rendered(&mut table))
}

fn shown(variant: &VariantStatistics) -> String {
    let mean = with_unit(variant.mean, &variant.unit);
    match &variant.interval {
        Some(interval) if interval.low < interval.high => {
            format!(
                "{mean} [{}, {}]",
                with_unit(interval.low, &variant.unit),
                with_unit(interval.high, &variant.unit)
            )
        }
        _ => mean,
    }
}

/// The ratios of all metrics, as bars on one axis.
fn ratios(analysis: &Analysis, summary: &Summary, width: usize) -> String {
    let mut out = String::new();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for pair in analysis.metrics.values().flat_map(|metric| &metric.pairs) {
        if !pairs.contains(&(&pair.first, &pair.second)) {
            pairs.push((&pair.first, &pair.second));
        }
    }
    for (first, second) in pairs {
        let of_pair: Vec<(&String, &PairStatistics)> = analysis
            .metrics
            .iter()
            .flat_map(|(name, metric)| metric.pairs.iter().map(move |pair| (name, pair)))
            .filter(|(_, pair)| pair.first == first && pair.second == second)
            .collect();
        let criteria = summary.hypothesis.iter().flat_map(|hypothesis| &hypothesis.criteria);
        let claims: Vec<(usize, &Criterion)> =
            criteria.enumerate().filter(|(_, claim)| claim.compare == [first, second]).collect();
        let bars: Vec<plot::Bar> = of_pair
            .iter()
            .filter_map(|(name, pair)| {
                let claim = claims.iter().find(|(_, claim)| claim.metric == **name);
                // Where something is decided, the interval that decides it: it may err by less than one alone.
                let decisive = claim.and_then(|(index, _)| summary.verdict.criteria.get(*index)?.interval);
                let interval = decisive.or(pair.interval)?;
                let claim = claim.map_or_else(String::new, |(_, claim)| {
                    format!(" {} {}", claim.operator.sign(), with_unit(claim.value, "ratio"))
                });
                let level = match interval.level_ratio {
                    level if level == analysis.level_ratio => String::new(),
                    level => format!(", {}", percent(level)),
                };
                Some(plot::Bar {
                    label: format!("{name}{claim}{level}"),
                    low: interval.low,
                    estimate: pair.estimate?,
                    high: interval.high,
                })
            })
            .collect();
        let blocks = of_pair.iter().map(|(_, pair)| pair.ratios.len()).max().unwrap_or(0);
        let _ = writeln!(out, "{first} / {second}, geometric mean of {blocks} blocks");
        if bars.is_empty() {
            let why = of_pair.iter().find_map(|(_, pair)| pair.missing.as_deref());
            let _ = writeln!(out, "no interval: {}\n", why.unwrap_or("nothing was measured"));
            continue;
        }
        // A line through all bars is of all of them: of what was claimed of one it is only where there is no other.
        let reference = match (&claims[..], bars.len()) {
            ([(_, claim)], 1) => (claim.value, format!("bound {}", with_unit(claim.value, "ratio"))),
            _ => (1.0, format!("equal, {}", with_unit(1.0, "ratio"))),
        };
        let format = |value: f64| with_unit(value, "ratio");
        let picture = plot::intervals(
            &bars,
            "ratio",
            Some((reference.0, &reference.1)),
            plot::Scale::Log,
            width,
            &format,
        );
        let _ = writeln!(out, "{picture}");
        for (name, pair) in of_pair {
            if let (None, Some(why)) = (pair.interval, &pair.missing) {
                let _ = writeln!(out, "{name}: no interval: {why}\n");
            }
        }
    }
    out
}

/// The value of every trial, by variant.
fn dots(
    name: &str,
    metric: &MetricAnalysis,
    summary: &Summary,
    records: &[TrialRecord],
    width: usize,
) -> String {
    let measured: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.samples.contains_key(name))
        .map(|record| record.slot.variant.as_str())
        .collect();
    let variants = summary.spec.variants.iter().map(|variant| variant.name.as_str());
    let rows: Vec<plot::Dots> = variants
        .filter(|variant| measured.contains(variant))
        .map(|variant| plot::Dots {
            label: variant.to_owned(),
            values: records
                .iter()
                .filter(|record| record.slot.variant == variant)
                .filter_map(|record| {
                    let value = record.samples.get(name)?.value?;
                    Some(plot::Dot { value, void: record.void.is_some() })
                })
                .collect(),
        })
        .collect();
    let format = |value: f64| with_unit(value, &metric.unit);
    let picture = plot::blocks(&rows, &metric.unit, plot::Scale::Linear, width, &format);
    let floor = metric.aa.as_ref().and_then(|aa| {
        let count = aa.ratios.len();
        let block = if count == 1 { "block" } else { "blocks" };
        Some(format!(", floor ± {} from {count} {block} against itself", percent(aa.floor_ratio?)))
    });
    format!("{name}, one dot for each trial{}\n{picture}\n", floor.unwrap_or_default())
}

/// The first valid trial of every variant over its window.
fn over_time(name: &str, metric: &MetricAnalysis, records: &[TrialRecord], width: usize) -> String {
    let line = |variant: &String| {
        let record =
            records.iter().find(|record| record.void.is_none() && record.slot.variant == *variant)?;
        let series = &record.samples.get(name)?.series;
        let [only] = &series[..] else { return None };
        let start = record.window.as_ref()?.start.0;
        let points: Vec<(f64, f64)> = only
            .points
            .iter()
            .filter_map(|point| Some((point.timestamp.0.duration_since(start).as_secs_f64(), point.value?)))
            .collect();
        (points.len() > 1)
            .then(|| plot::Line { label: format!("{variant}, trial {}", record.slot.trial), points })
    };
    let lines: Vec<plot::Line> = metric.variants.keys().filter_map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    let format = |value: f64| with_unit(value, &metric.unit);
    format!("{name} over the window\n{}\n", plot::series(&lines, &metric.unit, width, PANEL, &format))
}

/// Says which trials do not count, and why.
fn void(records: &[TrialRecord]) -> String {
    let mut out = String::new();
    for record in records {
        if let Some(reason) = &record.void {
            let _ = writeln!(out, "void: {}: {reason}", record.slot.trial);
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// One column for each target that something was measured of, in a run without trials.
fn observations(queries: &BTreeMap<String, MetricResult>, wide: bool) -> String {
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
                .map(|target| cell(target).map_or_else(|| "-".to_owned(), |cell| observed(metric, cell))),
        );
        row.extend(wide.then(|| metric.query.clone()));
        table.add_row(row);
        for cell in &metric.cells {
            notes.push_str(&note(name, metric, cell));
        }
    }
    format!(
        "{}{}\n",
        output::rendered(&mut table),
        if notes.is_empty() { String::new() } else { format!("\n{notes}") }
    )
}

fn observed(metric: &MetricResult, cell: &Cell) -> String {
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
        let p = criterion.adjusted_p_ratio.map_or_else(String::new, |p| format!(" (p = {})", number(p)));
        let _ = writeln!(
            out,
            "         {}: {}{p}, as {}",
            criterion.asked,
            criterion.decision.as_str(),
            criterion.reason
        );
    }
    out
}

/// Returns what the lab itself cost in time, as far as it is known: a file of a result does not know its teardown.
fn lab(summary: &Summary, run: Option<&Experiment>) -> String {
    let overhead = &summary.overhead;
    let status = run.and_then(|run| run.status.clone()).unwrap_or_default();
    let teardown = since(&status, ConditionType::ResultsStored).zip(since(&status, ConditionType::CleanedUp));
    let total = run.and_then(ResourceExt::creation_timestamp).zip(since(&status, ConditionType::CleanedUp));
    let between = |pair: Option<(jiff::Timestamp, jiff::Timestamp)>| {
        pair.map(|(from, to)| to.duration_since(from).as_secs_f64())
    };
    let parts = [
        ("", between(total.map(|(from, to)| (from.0, to))), " in all"),
        ("deploy ", overhead.setup_seconds, ""),
        ("workflow ", overhead.workflow_seconds, ""),
        ("of it measured ", overhead.measured_seconds, ""),
        ("teardown ", between(teardown), ""),
    ];
    let said: Vec<String> = parts
        .into_iter()
        .filter_map(|(before, seconds, after)| Some(format!("{before}{:.1} s{after}", seconds?)))
        .collect();
    format!("Time     {}", said.join(", "))
}
