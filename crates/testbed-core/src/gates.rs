//! Whether a trial counts: conditions on its record, each with the evidence it rests on.
//!
//! They are functions of the record alone, so that anyone can judge it again.

use crate::answer::aggregate;
use crate::figure::{number, percent, with_unit};
use crate::measurement;
use crate::plan::HUB;
use crate::query;
use crate::record::CLOCK_AHEAD;
use crate::schedule::{self, Timing};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use std::collections::BTreeSet;
use testbed_api::ExperimentSpec;
use testbed_api::experiment::QueryType;
use testbed_api::record::{Bucket, Gate, GateKind, LoadReport, Pod, Sample, TrialRecord};
use testbed_api::status::Window;
use testbed_api::trials::Present;

/// Largest relative deviation of the achieved from the intended rate.
const RATE_TOLERANCE: f64 = 0.05;
/// Requests by which achieved and intended may differ in any case.
const EDGES: f64 = 2.0;
/// Largest share of requests that may start late: more, and it is the generator that is measured.
const LATE_STARTS: f64 = 0.05;
/// Largest share of one CPU that the generator may need: more, and it is near its limit.
const GENERATOR_CPU: f64 = 0.8;
/// Smallest share of the points of a range query that must be there.
const POINTS: f64 = 0.8;
/// Largest share of CPU time that the hypervisor may give to others.
const STEAL: f64 = 0.05;
/// Largest shift of the wall clock against the steady one, in seconds: more, and the bounds of the window are wrong.
const CLOCK_SHIFT: f64 = 0.05;

/// Largest difference between the clock of a target, which stamps its samples, and that of the hub, which bounds the window,
/// in seconds: as much as the time between two samples.
const CLOCKS_APART: f64 = 2.0;

/// Seconds by which the clock of a step may differ from that of the API server.
const CLOCKS: f64 = 5.0;
/// Seconds by which a window may be shorter than the one asked for: what clocks of whole seconds round by.
const SHORTER: f64 = 1.0;
/// Seconds by which it may be longer: a pod that begins and ends within its step needs as much.
const LONGER: f64 = 5.0;

/// Judges a record: sets its gates, and why it does not count, if it does not.
pub fn judge(spec: &ExperimentSpec, record: &mut TrialRecord) {
    let mut gates = vec![ran(spec, record)];
    gates.push(subject_present(spec, record));
    // Of a trial that did not run, nothing else can be known.
    if gates[0].passed {
        gates.push(load_real(record));
        gates.push(data_there(spec, record));
        gates.push(data_sane(record));
        gates.push(same_machine(record));
    }
    let failed: Vec<&str> =
        gates.iter().filter(|gate| !gate.passed).map(|gate| gate.evidence.as_str()).collect();
    // What kept it from running explains what else is missing.
    record.void = if gates[0].passed {
        (!failed.is_empty()).then(|| failed.join("; "))
    } else {
        Some(gates[0].evidence.clone())
    };
    record.gates = gates;
}

/// Returns whether a trial does not count for what the machine did: given away by the hypervisor, a clock that was moved. Of
/// all else the subject may be the cause, and a trial that is lost for how its subject fared is no random one. Nor is this
/// where it strikes one variant more often than another, which the analysis sees.
#[must_use]
pub fn is_disturbed(record: &TrialRecord) -> bool {
    let mut failed = record.gates.iter().filter(|gate| !gate.passed).peekable();
    failed.peek().is_some() && failed.all(|gate| gate.gate == GateKind::SameMachine)
}

fn gate(gate: GateKind, outcome: Result<String, String>) -> Gate {
    match outcome {
        Ok(evidence) => Gate { gate, passed: true, evidence },
        Err(evidence) => Gate { gate, passed: false, evidence },
    }
}

fn ran(spec: &ExperimentSpec, record: &TrialRecord) -> Gate {
    let outcome = match (&record.failed, &record.window) {
        (Some(failed), _) => Err(failed.clone()),
        (None, None) => Err("its workflow recorded no window".into()),
        (None, Some(window)) if !lies_within(window, record) => {
            Err("its window begins before it was begun, or ends after it had ended: a clock is wrong".into())
        }
        (None, Some(window)) => as_asked(spec, window),
    };
    gate(GateKind::Ran, outcome)
}

/// A window of another length than the one asked for measures something else: what queries read over the time asked for
/// is then warm-up too, or what was before, and a growth over it is none that can be compared.
fn as_asked(spec: &ExperimentSpec, window: &Window) -> Result<String, String> {
    let length = window.length().as_secs_f64();
    let asked = spec.trials.as_ref().map(|trials| Timing::of(trials).window.as_secs_f64());
    match asked {
        Some(asked) if length < asked - SHORTER || length > asked + LONGER => {
            Err(format!("its window is {} s long, and {} s were asked for", number(length), number(asked)))
        }
        _ => Ok(format!("a window of {} s was recorded", number(length))),
    }
}

/// Returns whether a window lies within its trial, but for the little that two clocks may differ by.
fn lies_within(window: &Window, record: &TrialRecord) -> bool {
    let apart = |from: &MicroTime, to: &MicroTime| to.0.duration_since(from.0).as_secs_f64();
    apart(&record.begun_at, &window.start) > -CLOCKS && apart(&window.end, &record.ended_at) > -CLOCKS
}

fn subject_present(spec: &ExperimentSpec, record: &TrialRecord) -> Gate {
    let variant = spec.variant(&record.slot.variant);
    let present = variant.and_then(|variant| variant.present.clone()).unwrap_or_default();
    gate(GateKind::SubjectPresent, presence(&present, record))
}

fn presence(present: &Present, record: &TrialRecord) -> Result<String, String> {
    let ready = record.before.iter().filter(|pod| pod.ready).count();
    if ready < present.min_ready as usize {
        return Err(format!(
            "{ready} of {} pods of the subject were ready before the window",
            present.min_ready
        ));
    }
    if let Some(pod) = record.after.iter().find(|pod| !record.before.iter().any(|old| old.uid == pod.uid)) {
        return Err(format!("pod {} was not there before the window", pod.name));
    }
    for before in &record.before {
        let after = record.after.iter().find(|pod| pod.uid == before.uid);
        stayed(before, after, record.window.as_ref())?;
    }
    let nodes: BTreeSet<&str> = record.before.iter().filter_map(|pod| pod.node.as_deref()).collect();
    let since = record.before.iter().filter_map(|pod| pod.since.as_ref()).map(|time| time.0).max();
    Ok(format!(
        "{ready} pod{} ready{} on {} node{}, the same before and after the window, without a restart",
        if ready == 1 { "" } else { "s" },
        since.map_or_else(String::new, |since| format!(" since {since}")),
        nodes.len(),
        if nodes.len() == 1 { "" } else { "s" },
    ))
}

fn stayed(before: &Pod, after: Option<&Pod>, window: Option<&Window>) -> Result<(), String> {
    let name = &before.name;
    let Some(after) = after else {
        return Err(format!("pod {name} was gone after the window"));
    };
    if after.restarts != before.restarts {
        let why = after.last_end.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
        return Err(format!("pod {name} restarted {} times{why}", after.restarts - before.restarts));
    }
    if let Some(reason) = &after.reason {
        return Err(format!("pod {name} ended: {reason}"));
    }
    if after.node != before.node {
        return Err(format!("pod {name} changed its node"));
    }
    if after.images != before.images {
        return Err(format!("pod {name} changed its images"));
    }
    let Some(window) = window else { return Ok(()) };
    let began_late = before.since.as_ref().is_some_and(|since| since.0 > window.start.0);
    // What happened after the window was not measured.
    // Since when one was not ready that became so again after the window, nobody knows.
    let changed = after
        .since
        .as_ref()
        .is_some_and(|since| since.0 > window.start.0 && (since.0 <= window.end.0 || after.ready));
    let was_lost = !after.ready && after.since.as_ref().is_none_or(|since| since.0 <= window.end.0);
    if began_late || changed || was_lost {
        return Err(format!("pod {name} was not ready during the whole window"));
    }
    Ok(())
}

fn load_real(record: &TrialRecord) -> Gate {
    let expected: Vec<(&String, &Sample)> =
        record.samples.iter().filter(|(_, sample)| sample.expectation.is_some()).collect();
    let mut said = Vec::new();
    let mut failed = Vec::new();
    if let Some(load) = &record.load {
        match generator(load) {
            Ok(Some(evidence)) => said.push(evidence),
            Ok(None) => {}
            Err(evidence) => failed.push(evidence),
        }
    }
    for (name, sample) in expected {
        match expectation(name, sample) {
            Ok(evidence) => said.push(evidence),
            Err(evidence) => failed.push(evidence),
        }
    }
    let outcome = if !failed.is_empty() {
        Err(failed.join("; "))
    } else if said.is_empty() {
        Err("there was no load: no generator reported any, and no metric says what to expect".into())
    } else {
        Ok(said.join("; "))
    };
    gate(GateKind::LoadReal, outcome)
}

/// Judges the load generator; says nothing of one that was not asked for load.
fn generator(load: &LoadReport) -> Result<Option<String>, String> {
    let (Some(intended), Some(achieved)) = (load.rate_intended_per_second, load.rate_achieved_per_second)
    else {
        return Ok(None);
    };
    if intended <= 0.0 {
        return Err("there was no load: the intended rate is 0 requests/s".into());
    }
    let rates = format!("{} of {} requests/s were answered as expected", number(achieved), number(intended));
    // Requests at the edges of a short window are begun in it and answered after it, or the other way round.
    let edges = load.window_seconds.filter(|seconds| *seconds > 0.0).map_or(0.0, |seconds| EDGES / seconds);
    if (achieved - intended).abs() > f64::max(RATE_TOLERANCE * intended, edges) {
        let why =
            load.requests.iter().flat_map(|requests| &requests.failures).max_by_key(|(_, count)| **count);
        let why = why.map_or_else(String::new, |(why, count)| format!(", {count} times: {why}"));
        return Err(format!("the load was not the intended one: {rates}{why}"));
    }
    let sent = load.requests.as_ref().map_or(0, |requests| requests.sent);
    #[expect(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
    let late = load.late_starts.map(|late| if late == 0 { 0.0 } else { late as f64 / sent as f64 });
    if let Some(late) = late.filter(|late| *late > LATE_STARTS) {
        let share = if late.is_finite() { percent(late) } else { "an unknown share".into() };
        return Err(format!("the generator was the bottleneck: {share} of its requests started late"));
    }
    let late = late.map_or_else(|| "an unknown share".into(), percent);
    let cpu = load.cpu_seconds.zip(load.window_seconds).map(|(cpu, window)| cpu / window);
    if let Some(cpu) = cpu.filter(|cpu| *cpu > GENERATOR_CPU) {
        return Err(format!("the generator was the bottleneck: it needed {} cores", number(cpu)));
    }
    let cpu = cpu.map_or_else(String::new, |cpu| format!(", the generator needed {} cores", number(cpu)));
    Ok(Some(format!("{rates}, {late} started late{cpu}")))
}

fn expectation(name: &str, sample: &Sample) -> Result<String, String> {
    let Some(expected) = &sample.expectation else { return Ok(String::new()) };
    let intended = with_unit(expected.intended, &sample.unit);
    match sample.value {
        Some(value) if expected.is_met_by(value) => {
            Ok(format!("{name} is {}, intended {intended}", with_unit(value, &sample.unit)))
        }
        Some(value) => Err(format!(
            "the load was not the intended one: {name} is {}, intended {intended} ± {}",
            with_unit(value, &sample.unit),
            percent(expected.tolerance_ratio)
        )),
        None => Err(format!("it is not known whether the load was the intended one: {name} is missing")),
    }
}

fn data_there(spec: &ExperimentSpec, record: &TrialRecord) -> Gate {
    let decisive = schedule::decisive(spec, &record.slot.variant);
    let mut least = None;
    for (name, sample) in &record.samples {
        if let Err(evidence) = there(name, sample, decisive.contains(name), record.window.as_ref()) {
            return gate(GateKind::DataThere, Err(format!("{evidence}{}", failures(record))));
        }
        if let Some(count) = sample.raw_count {
            least = Some(least.map_or(count, |least: u64| least.min(count)));
        }
    }
    if let Some(name) = decisive.iter().find(|name| !record.samples.contains_key(*name)) {
        return gate(GateKind::DataThere, Err(format!("{name} was not measured")));
    }
    let least = least.map_or_else(String::new, |least| format!(", on at least {least} samples"));
    gate(GateKind::DataThere, Ok(format!("{} metrics have data{least}", record.samples.len())))
}

/// Says how many requests failed, if any did: they took longer than any other, and a quantile among them has no value.
fn failures(record: &TrialRecord) -> String {
    let requests = record.load.as_ref().and_then(|load| load.requests.as_ref());
    let requests = requests.filter(|requests| requests.failed > 0);
    requests.map_or_else(String::new, |requests| {
        format!("; {} of {} requests failed", requests.failed, requests.intended)
    })
}

fn there(name: &str, sample: &Sample, is_decisive: bool, window: Option<&Window>) -> Result<(), String> {
    let missing = || sample.missing.clone().unwrap_or_else(|| "no data".into());
    if sample.series.is_empty() || (is_decisive && sample.value.is_none()) {
        return Err(format!("{name} is missing: {}", missing()));
    }
    if sample.raw_count.is_none() && sample.needed_count > 0 {
        return Err(format!("it is not known on how many samples in the window {name} rests"));
    }
    if let Some(count) = sample.raw_count.filter(|count| *count < sample.needed_count) {
        return Err(format!(
            "{name} rests on {count} samples in the window, fewer than the {} it needs",
            sample.needed_count
        ));
    }
    let (QueryType::Range, Some(step), Some(window)) = (sample.kind, sample.step_seconds, window) else {
        return Ok(());
    };
    let length = window.length();
    let first = measurement::first_point(&sample.query, length, sample.source == HUB);
    let expected = (length.saturating_sub(first).as_secs_f64() / step).floor() + 1.0;
    for series in &sample.series {
        #[expect(clippy::cast_precision_loss, reason = "far fewer points than 2^52")]
        let found = series.points.len() as f64;
        if found < POINTS * expected {
            return Err(format!("{name} has {found} of {expected} points: there are gaps in the window"));
        }
    }
    Ok(())
}

fn data_sane(record: &TrialRecord) -> Gate {
    for (name, sample) in &record.samples {
        let points = || sample.series.iter().flat_map(|series| &series.points);
        if points().any(|point| point.value.is_none()) {
            let evidence = format!("{name} holds what is not a finite number");
            return gate(GateKind::DataSane, Err(evidence));
        }
        if let Some(value) = sample.value.filter(|value| *value < 0.0 && is_never_negative(&sample.unit)) {
            let evidence = format!("{name} is negative: {}", with_unit(value, &sample.unit));
            return gate(GateKind::DataSane, Err(evidence));
        }
        // The value is what its points say: nobody wrote it by hand.
        let again = match &sample.series[..] {
            [only] => {
                let points: Vec<f64> = only.points.iter().filter_map(|point| point.value).collect();
                aggregate(sample.kind, sample.aggregation, &points).ok()
            }
            // Of several, none is the one.
            _ => None,
        };
        if sample.value != again {
            let evidence = format!("{name} is not what its points say");
            return gate(GateKind::DataSane, Err(evidence));
        }
        if let Some(value) = sample.value.filter(|_| query::buckets(&sample.query).is_some())
            && !sample.bucket.as_ref().is_some_and(|bucket| holds(bucket, value))
        {
            let evidence = format!("{name} is a quantile, and does not lie in the bucket that is said");
            return gate(GateKind::DataSane, Err(evidence));
        }
        if let Some(at) = outside(sample, record.window.as_ref()) {
            let evidence = format!("{name} has a point of {at}, which is outside of the window");
            return gate(GateKind::DataSane, Err(evidence));
        }
    }
    gate(GateKind::DataSane, Ok("every value is finite, of its points, and within the window".into()))
}

/// Returns whether a bucket holds a value, but for what is lost where several are added up.
fn holds(bucket: &Bucket, value: f64) -> bool {
    let slack = 1e-9 * value.abs();
    bucket.above.is_none_or(|above| above <= value + slack)
        && bucket.up_to.is_none_or(|up_to| value - slack <= up_to)
}

/// Returns the time of a point outside of the window; a second is what stores round by.
fn outside(sample: &Sample, window: Option<&Window>) -> Option<jiff::Timestamp> {
    let window = window?;
    let slack = jiff::SignedDuration::from_secs(1);
    let (from, to) = (window.start.0.checked_sub(slack).ok()?, window.end.0.checked_add(slack).ok()?);
    let points = sample.series.iter().flat_map(|series| &series.points);
    points.map(|point| point.timestamp.0).find(|at| *at < from || *at > to)
}

fn is_never_negative(unit: &str) -> bool {
    ["bytes", "seconds", "cores", "ratio"].contains(&unit) || unit.ends_with("/s")
}

fn same_machine(record: &TrialRecord) -> Gate {
    let machine = record.load.as_ref().and_then(|load| load.machine.as_ref());
    let steal = machine.and_then(|machine| machine.steal_ratio);
    if let Some(steal) = steal.filter(|steal| *steal > STEAL) {
        let evidence = format!("the hypervisor gave {} of the CPU time to others", percent(steal));
        return gate(GateKind::SameMachine, Err(evidence));
    }
    let shift = record.load.as_ref().and_then(|load| load.clock_shift_seconds);
    if let Some(shift) = shift.filter(|shift| shift.abs() > CLOCK_SHIFT) {
        let evidence = format!("the wall clock moved by {} in the window", with_unit(shift.abs(), "seconds"));
        return gate(GateKind::SameMachine, Err(evidence));
    }
    let ahead = record.environment.get(CLOCK_AHEAD).map(|reading| reading.value);
    if let Some(ahead) = ahead.filter(|ahead| ahead.abs() > CLOCKS_APART) {
        let evidence = format!(
            "the clock of the target's cluster is {} {} the hub's: the samples of the window are those of another time",
            with_unit(ahead.abs(), "seconds"),
            if ahead > 0.0 { "ahead of" } else { "behind" },
        );
        return gate(GateKind::SameMachine, Err(evidence));
    }
    let mut said = Vec::new();
    let mut say = |what: &str, share: Option<f64>| {
        said.extend(share.map(|share| format!("{what} {}", percent(share))));
    };
    say("steal", steal);
    say("CPU pressure", machine.and_then(|machine| machine.cpu_pressure_ratio));
    say("memory pressure", machine.and_then(|machine| machine.memory_pressure_ratio));
    say("IO pressure", machine.and_then(|machine| machine.io_pressure_ratio));
    say("throttled", record.environment.get("throttled_ratio").map(|reading| reading.value));
    let evidence =
        if said.is_empty() { "nothing is known to have disturbed it".into() } else { said.join(", ") };
    gate(GateKind::SameMachine, Ok(evidence))
}
