//! What a window of load was like: counted while it runs, then shown, written and pushed.

use crate::machine::Machine;
use crate::push::Gauge;
use crate::schedule::{Arrivals, Schedule};
use anyhow::Context;
use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// A start this much after the intended one is late: far above what a timer misses, far below what a stall costs.
const LATE: u64 = 5_000_000;
/// Share of the window after its end within which an answer to one of its requests is in time. A burst at its end is
/// answered after it by any subject; what falls behind by more does not keep pace.
const GRACE_DIVISOR: u64 = 20;
/// Latencies beyond an hour are recorded as an hour.
const LONGEST: u64 = 3_600_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;
/// Value of the label, name for people, quantile.
const QUANTILES: [(&str, &str, f64); 5] = [
    ("0.5", "p50", 0.5),
    ("0.9", "p90", 0.9),
    ("0.99", "p99", 0.99),
    ("0.999", "p99.9", 0.999),
    ("1", "max", 1.0),
];
const NEVER_SENT: &str = "never sent";
/// Why an answer failed that came, and had the expected status.
pub(crate) const UNWANTED: &str = "unwanted answer";

/// How one request went; times in nanoseconds from the start of the run.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) intended: u64,
    pub(crate) started: u64,
    pub(crate) finished: u64,
    pub(crate) outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered with the expected status, body read to its end.
    Succeeded,
    /// Answered with another status.
    Unexpected(u16),
    /// Not answered, or not to the end.
    Failed(&'static str),
}

/// Counts requests as they end.
#[derive(Debug)]
pub(crate) struct Recorder {
    window: Range<u64>,
    latency: Histogram<u64>,
    latency_sum: u128,
    start_delay: Histogram<u64>,
    sent: u64,
    late_starts: u64,
    /// Answered as expected within the window, whenever they were meant to start.
    completed: u64,
    /// Of those meant to start in the window, answered as expected in it or soon after.
    in_time: u64,
    failures: BTreeMap<String, u64>,
    answered_ever: bool,
    sent_ever: bool,
}

impl Recorder {
    pub(crate) fn new(window: Range<u64>) -> anyhow::Result<Self> {
        let histogram = || {
            Histogram::new_with_bounds(1, LONGEST, SIGNIFICANT_DIGITS).context("failed to make a histogram")
        };
        Ok(Self {
            window,
            latency: histogram()?,
            latency_sum: 0,
            start_delay: histogram()?,
            sent: 0,
            late_starts: 0,
            completed: 0,
            in_time: 0,
            failures: BTreeMap::new(),
            answered_ever: false,
            sent_ever: false,
        })
    }

    /// Counts a request: for latency by its *intended* start, for throughput by its end too.
    pub(crate) fn record(&mut self, sample: &Sample) {
        let succeeded = sample.outcome == Outcome::Succeeded;
        self.sent_ever = true;
        self.answered_ever |= !matches!(sample.outcome, Outcome::Failed(why) if why != UNWANTED);
        if succeeded && self.window.contains(&sample.finished) {
            self.completed += 1;
        }
        if !self.window.contains(&sample.intended) {
            return;
        }
        self.sent += 1;
        let delay = sample.started.saturating_sub(sample.intended);
        self.start_delay.saturating_record(delay.max(1));
        if delay > LATE {
            self.late_starts += 1;
        }
        match sample.outcome {
            Outcome::Succeeded => {
                let latency = sample.finished.saturating_sub(sample.intended);
                self.latency.saturating_record(latency.max(1));
                self.latency_sum += u128::from(latency);
                let grace = (self.window.end - self.window.start) / GRACE_DIVISOR;
                self.in_time += u64::from(sample.finished < self.window.end + grace);
            }
            Outcome::Unexpected(status) => *self.failures.entry(format!("status {status}")).or_default() += 1,
            Outcome::Failed(why) => *self.failures.entry(why.to_owned()).or_default() += 1,
        }
    }

    /// Returns whether requests were sent and not one of them was ever answered, warm-up included.
    pub(crate) fn never_answered(&self) -> bool {
        self.sent_ever && !self.answered_ever
    }

    /// Returns the measured part of the report.
    pub(crate) fn measured(&self, schedule: &Schedule) -> Measured {
        let intended = schedule.intended();
        let succeeded = self.latency.len();
        let mut failures = self.failures.clone();
        if intended > self.sent {
            failures.insert(NEVER_SENT.to_owned(), intended - self.sent);
        }
        let seconds = Duration::from_nanos(self.window.end - self.window.start).as_secs_f64();
        // Of a subject that is slow and steady as many end in the window as begin in it, and those may all be late.
        // What ends in it of the warm-up makes up for none that fails.
        let kept_pace = self.completed.min(succeeded).max(self.in_time);
        Measured {
            requests: Requests {
                intended,
                sent: self.sent,
                succeeded,
                failed: intended - succeeded,
                failures,
            },
            rate_intended: intended as f64 / seconds,
            rate_achieved: kept_pace as f64 / seconds,
            latency_seconds: quantiles(&self.latency, intended),
            // With a failure among them the mean is not known, only that it is larger.
            latency_mean_seconds: (succeeded > 0 && succeeded == intended)
                .then(|| self.latency_sum as f64 / succeeded as f64 / 1e9),
            late_starts: self.late_starts,
            start_delay_seconds: quantiles(&self.start_delay, self.sent),
        }
    }
}

/// Returns the quantiles of `total` requests of which those in the histogram have a known time and all others took
/// longer than any of them. Left out are those that the number of requests cannot support (fewer than one request
/// lies above) and those that fall among the requests without a time.
fn quantiles(known: &Histogram<u64>, total: u64) -> BTreeMap<&'static str, f64> {
    let supported = QUANTILES.iter().filter(|(_, _, quantile)| {
        // Room for the rounding of 1 - 0.999.
        *quantile == 1.0 && total > 0 || total as f64 * (1.0 - quantile) >= 1.0 - 1e-9
    });
    supported
        .filter_map(|(name, _, quantile)| {
            let rank = ((total as f64 * quantile - 1e-6).ceil() as u64).max(1);
            let mut below = 0;
            let step = known.iter_recorded().find(|step| {
                below += step.count_since_last_iteration();
                below >= rank
            })?;
            Some((*name, step.value_iterated_to() as f64 / 1e9))
        })
        .collect()
}

/// How many requests there were.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Requests {
    /// Meant to start within the window.
    pub(crate) intended: u64,
    /// Of these, started.
    pub(crate) sent: u64,
    /// Of these, answered as expected.
    pub(crate) succeeded: u64,
    /// Intended, not answered as expected.
    pub(crate) failed: u64,
    /// The failed ones by reason.
    pub(crate) failures: BTreeMap<String, u64>,
}

/// What the window was like.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    pub(crate) requests: Requests,
    pub(crate) rate_intended: f64,
    /// Expected answers that were complete within the window, whenever they were asked for, per second; no more than the
    /// window's own requests that succeeded.
    pub(crate) rate_achieved: f64,
    /// From the intended start to the last byte, over all intended requests: one that failed took longer than any.
    pub(crate) latency_seconds: BTreeMap<&'static str, f64>,
    pub(crate) latency_mean_seconds: Option<f64>,
    pub(crate) late_starts: u64,
    /// From the intended to the real start.
    pub(crate) start_delay_seconds: BTreeMap<&'static str, f64>,
}

/// All that is known about a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) urls: Vec<String>,
    pub(crate) arrivals: Arrivals,
    pub(crate) seed: u64,
    pub(crate) window_start: String,
    pub(crate) window_end: String,
    pub(crate) window_seconds: f64,
    /// Absent when no load was asked for.
    #[serde(flatten)]
    pub(crate) measured: Option<Measured>,
    /// Own CPU within the window.
    pub(crate) cpu_seconds: f64,
    /// The same as a share of the window: 1 is one CPU all the time.
    pub(crate) cpu_ratio: f64,
    /// Connections opened over the whole run.
    pub(crate) connections_opened: u64,
    /// How much the wall clock moved against the steady one during the run.
    pub(crate) clock_shift_seconds: f64,
    /// The machine during the window.
    pub(crate) machine: Machine,
    pub(crate) version: &'static str,
}

impl Report {
    /// Returns the numbers for the store; none without load.
    pub(crate) fn gauges(&self) -> Vec<Gauge> {
        let Some(measured) = &self.measured else { return Vec::new() };
        let spread = |name: &'static str, quantiles: &BTreeMap<&'static str, f64>| {
            let gauges = quantiles.iter();
            gauges
                .map(|(quantile, value)| Gauge { name, quantile: Some(quantile), value: *value })
                .collect::<Vec<_>>()
        };
        let requests = &measured.requests;
        let mut gauges = spread("testbed_load_latency_seconds", &measured.latency_seconds);
        gauges.extend(
            measured.latency_mean_seconds.map(|mean| Gauge::new("testbed_load_latency_mean_seconds", mean)),
        );
        gauges.extend([
            Gauge::new("testbed_load_requests_intended", requests.intended as f64),
            Gauge::new("testbed_load_requests_sent", requests.sent as f64),
            Gauge::new("testbed_load_requests_succeeded", requests.succeeded as f64),
            Gauge::new("testbed_load_requests_failed", requests.failed as f64),
            Gauge::new("testbed_load_rate_intended", measured.rate_intended),
            Gauge::new("testbed_load_rate_achieved", measured.rate_achieved),
            Gauge::new("testbed_load_late_starts", measured.late_starts as f64),
        ]);
        gauges.extend(spread("testbed_load_start_delay_seconds", &measured.start_delay_seconds));
        gauges.push(Gauge::new("testbed_load_cpu_seconds", self.cpu_seconds));
        gauges
    }

    /// Writes the files that a workflow reads its output parameters from.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let target = self.labels.get("target").map_or("", String::as_str);
        write(folder, "window-start", &self.window_start)?;
        write(folder, "window-end", &self.window_end)?;
        write(folder, "window-target", target)?;
        write(folder, "report.json", &self.json()?)
    }

    /// Returns the report on one line.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        serde_json::to_string(self).context("failed to write the report")
    }
}

/// Writes one file, and its folder if need be.
pub(crate) fn write(folder: &Path, name: &str, content: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, content))
        .with_context(|| format!("failed to write {}", path.display()))
}

/// Returns a time in RFC 3339, UTC, with microseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format!("{at:.6}")
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![("window", format!("{} to {}", self.window_start, self.window_end))];
        if let Some(measured) = &self.measured {
            let requests = &measured.requests;
            let mut counts = format!(
                "{} intended, {} sent, {} succeeded, {} failed",
                requests.intended, requests.sent, requests.succeeded, requests.failed
            );
            for (why, count) in &requests.failures {
                let _ = write!(counts, "; {why}: {count}");
            }
            rows.push(("requests", counts));
            rows.push((
                "rate",
                format!("{:.2}/s intended, {:.2}/s achieved", measured.rate_intended, measured.rate_achieved),
            ));
            rows.push(("latency", spread(&measured.latency_seconds, measured.latency_mean_seconds)));
            rows.push(("start delay", spread(&measured.start_delay_seconds, None)));
            rows.push((
                "late starts",
                format!("{} (by more than {} ms)", measured.late_starts, LATE / 1_000_000),
            ));
        } else {
            rows.push(("requests", "none asked for".into()));
        }
        let of_one_cpu = self.cpu_ratio * 1e2;
        rows.push(("own CPU", format!("{:.3} s, {of_one_cpu:.1} % of one CPU", self.cpu_seconds)));
        rows.push(("connections", format!("{} opened", self.connections_opened)));
        rows.push(("machine", self.machine.to_string()));
        for (name, value) in rows {
            writeln!(formatter, "{name:<12} {value}")?;
        }
        Ok(())
    }
}

fn spread(quantiles: &BTreeMap<&'static str, f64>, mean: Option<f64>) -> String {
    let shown = |seconds: f64| format!("{:.3} ms", seconds * 1e3);
    let known = QUANTILES.iter().map(|(label, name, _)| {
        let value = quantiles.get(label).map_or("unknown".into(), |value| shown(*value));
        format!("{name} {value}")
    });
    let mean = mean.map(|mean| format!("mean {}", shown(mean)));
    known.chain(mean).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Plan, Schedule};
    use proptest::prelude::*;

    const MILLI: u64 = 1_000_000;

    /// A second of warm-up and a window of a second.
    fn schedule(per_second: u32) -> Schedule {
        let second = Duration::from_secs(1);
        let rate = per_second.to_string().parse().unwrap();
        let arrivals = Arrivals::Constant;
        Schedule::new(&Plan { rate, arrivals, seed: 0, warmup: second, window: second, cooldown: second })
            .unwrap()
    }

    fn answered(intended: u64, delay: u64, latency: u64) -> Sample {
        Sample {
            intended,
            started: intended + delay,
            finished: intended + latency,
            outcome: Outcome::Succeeded,
        }
    }

    fn failed(intended: u64, outcome: Outcome) -> Sample {
        Sample { outcome, ..answered(intended, 0, MILLI) }
    }

    /// Measures a schedule, each of whose requests goes as `sample` says, by its number in the window.
    fn measure(per_second: u32, sample: impl Fn(u64, u64) -> Sample) -> Measured {
        let schedule = schedule(per_second);
        let window = schedule.window();
        let mut recorder = Recorder::new(window.clone()).unwrap();
        let in_window = schedule.arrivals().iter().filter(|arrival| window.contains(arrival));
        for (index, &arrival) in in_window.enumerate() {
            recorder.record(&sample(index as u64, arrival));
        }
        recorder.measured(&schedule)
    }

    fn close(value: f64, wanted: f64) -> bool {
        (value / wanted - 1.0).abs() < 0.002
    }

    #[test]
    fn latency_counts_from_the_intended_start() {
        let measured = measure(100, |_, at| answered(at, 300 * MILLI, 301 * MILLI));
        assert!(close(measured.latency_seconds["0.5"], 0.301), "{measured:?}");
        assert!(close(measured.latency_mean_seconds.unwrap(), 0.301), "{measured:?}");
        assert!(close(measured.start_delay_seconds["0.5"], 0.3), "{measured:?}");
        assert_eq!(measured.late_starts, 100);
    }

    #[test]
    fn a_backlog_of_the_warm_up_does_not_hide_what_fails_in_the_window() {
        let schedule = schedule(100);
        let window = schedule.window();
        let mut recorder = Recorder::new(window.clone()).unwrap();
        let in_window = schedule.arrivals().iter().filter(|arrival| window.contains(arrival));
        for (index, &arrival) in in_window.enumerate() {
            let fails = index % 2 == 0;
            recorder.record(&if fails {
                failed(arrival, Outcome::Unexpected(503))
            } else {
                answered(arrival, 0, MILLI)
            });
        }
        for index in 0..50 {
            recorder.record(&answered(index, 0, window.start + index));
        }
        assert!(close(recorder.measured(&schedule).rate_achieved, 50.0));
    }

    #[test]
    fn quantiles_are_those_of_the_samples() {
        let measured = measure(1000, |index, at| answered(at, 0, (index + 1) * MILLI / 10));
        for (label, wanted) in [("0.5", 0.05), ("0.9", 0.09), ("0.99", 0.099), ("0.999", 0.0999), ("1", 0.1)]
        {
            assert!(close(measured.latency_seconds[label], wanted), "{label}: {measured:?}");
        }
    }

    #[test]
    fn a_quantile_needs_a_request_above_it() {
        let known = |per_second| {
            let measured = measure(per_second, |_, at| answered(at, 0, MILLI));
            measured.latency_seconds.keys().copied().collect::<Vec<_>>()
        };
        assert_eq!(known(1000), ["0.5", "0.9", "0.99", "0.999", "1"]);
        assert_eq!(known(999), ["0.5", "0.9", "0.99", "1"]);
        assert_eq!(known(99), ["0.5", "0.9", "1"]);
        assert_eq!(known(1), ["1"]);
    }

    #[test]
    fn a_failed_request_is_slower_than_any_and_never_makes_a_quantile_better() {
        let measured = measure(1000, |index, at| match index % 50 {
            0 => failed(at, Outcome::Failed("timeout")),
            _ => answered(at, 0, MILLI),
        });
        // 2 % failed: the 99th percentile lies among them and is not known, nor are the mean and the maximum.
        assert_eq!(measured.latency_seconds.keys().copied().collect::<Vec<_>>(), ["0.5", "0.9"]);
        assert_eq!(measured.latency_mean_seconds, None);
        assert_eq!(measured.requests.failures["timeout"], 20);
        assert_eq!((measured.requests.succeeded, measured.requests.failed), (980, 20));
    }

    #[test]
    fn an_unexpected_status_is_a_failure_by_its_name() {
        let measured = measure(10, |_, at| failed(at, Outcome::Unexpected(503)));
        assert_eq!(measured.requests.failures["status 503"], 10);
        assert!(measured.latency_seconds.is_empty());
        assert_eq!(measured.rate_achieved, 0.0);
    }

    #[test]
    fn requests_that_were_never_sent_are_intended_and_failed() {
        let schedule = schedule(10);
        let recorder = Recorder::new(schedule.window()).unwrap();
        let requests = recorder.measured(&schedule).requests;
        assert_eq!((requests.intended, requests.sent, requests.failed), (10, 0, 10));
        assert_eq!(requests.failures["never sent"], 10);
    }

    #[test]
    fn what_falls_behind_does_not_count_for_the_achieved_rate() {
        // Every answer takes 0.85 s: those to the first 0.2 s end within the window or a twentieth of it later.
        let measured = measure(100, |_, at| answered(at, 0, 850 * MILLI));
        assert_eq!(measured.rate_achieved, 20.0);
        assert_eq!(measured.rate_intended, 100.0);
        assert_eq!(measured.requests.succeeded, 100);
    }

    #[test]
    fn a_burst_that_is_answered_just_after_the_window_was_load_all_the_same() {
        let measured = measure(100, |index, at| answered(at, 0, if index < 90 { MILLI } else { 45 * MILLI }));
        assert_eq!(measured.rate_achieved, 100.0);
    }

    #[test]
    fn a_steady_subject_keeps_pace_however_slow_it_is_and_never_answers_more_than_it_is_asked() {
        let schedule = schedule(100);
        let achieved = |latency: u64, more: u64| {
            let mut recorder = Recorder::new(schedule.window()).unwrap();
            schedule.arrivals().iter().for_each(|&at| recorder.record(&answered(at, 0, latency)));
            // Of before, and answered in the window.
            (0..more).for_each(|_| recorder.record(&answered(0, 0, schedule.window().start)));
            recorder.measured(&schedule).rate_achieved
        };
        assert_eq!(achieved(850 * MILLI, 0), 100.0);
        assert_eq!(achieved(MILLI, 50), 100.0);
    }

    #[test]
    fn warm_up_counts_only_for_whether_anything_ever_answers() {
        let mut recorder = Recorder::new(schedule(10).window()).unwrap();
        assert!(!recorder.never_answered());
        recorder.record(&failed(0, Outcome::Failed("connect")));
        assert!(recorder.never_answered());
        recorder.record(&failed(0, Outcome::Unexpected(500)));
        assert!(!recorder.never_answered());
        assert_eq!(recorder.measured(&schedule(10)).requests.sent, 0);
    }

    proptest! {
        #[test]
        fn quantiles_never_decrease_and_hold_three_digits(mut latencies in prop::collection::vec(1_000..10_000_000_000_u64, 100..300)) {
            let measured = measure(latencies.len() as u32, |index, at| answered(at, 0, latencies[index as usize]));
            latencies.sort_unstable();
            let mut last = 0.0;
            for (label, _, quantile) in QUANTILES {
                let Some(&value) = measured.latency_seconds.get(label) else { continue };
                let rank = (latencies.len() as f64 * quantile - 1e-6).ceil() as usize;
                prop_assert!(close(value, latencies[rank - 1] as f64 / 1e9), "{label}");
                prop_assert!(value >= last);
                last = value;
            }
        }
    }

    fn report(measured: Option<Measured>) -> Report {
        Report {
            labels: BTreeMap::from([("target".to_owned(), "left".to_owned())]),
            urls: vec!["http://left/".into()],
            arrivals: Arrivals::Constant,
            seed: 1,
            window_start: "2026-01-02T03:04:05.000000Z".into(),
            window_end: "2026-01-02T03:04:06.000000Z".into(),
            window_seconds: 1.0,
            measured,
            cpu_seconds: 0.25,
            cpu_ratio: 0.25,
            connections_opened: 2,
            clock_shift_seconds: 0.0,
            machine: Machine { cpus: Some(2), ..Machine::default() },
            version: "0.0.0",
        }
    }

    #[test]
    fn the_store_gets_a_number_for_everything_that_is_known_and_for_nothing_else() {
        let measured = measure(10, |index, at| match index {
            0 => failed(at, Outcome::Failed("timeout")),
            _ => answered(at, 0, MILLI),
        });
        let names: Vec<String> = report(Some(measured))
            .gauges()
            .iter()
            .map(|gauge| {
                format!("{}{}", gauge.name, gauge.quantile.map(|q| format!(" {q}")).unwrap_or_default())
            })
            .collect();
        assert_eq!(
            names,
            [
                "testbed_load_latency_seconds 0.5",
                "testbed_load_latency_seconds 0.9",
                "testbed_load_requests_intended",
                "testbed_load_requests_sent",
                "testbed_load_requests_succeeded",
                "testbed_load_requests_failed",
                "testbed_load_rate_intended",
                "testbed_load_rate_achieved",
                "testbed_load_late_starts",
                "testbed_load_start_delay_seconds 0.5",
                "testbed_load_start_delay_seconds 0.9",
                "testbed_load_start_delay_seconds 1",
                "testbed_load_cpu_seconds",
            ]
        );
        assert!(report(None).gauges().is_empty());
    }

    #[test]
    fn a_workflow_finds_the_windows_bounds_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        report(None).write(&out).unwrap();
        let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        assert_eq!(read("window-start"), "2026-01-02T03:04:05.000000Z");
        assert_eq!(read("window-end"), "2026-01-02T03:04:06.000000Z");
        assert_eq!(read("window-target"), "left");
        let json: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
        assert_eq!(json["cpuSeconds"], 0.25);
        assert_eq!(json["cpuRatio"], 0.25);
        assert_eq!(json["machine"], serde_json::json!({"cpus": 2}));
        assert_eq!(json.get("requests"), None);
    }

    #[test]
    fn times_have_microseconds_even_if_these_are_zero() {
        assert_eq!(rfc3339("2026-01-02T03:04:05.5Z".parse().unwrap()), "2026-01-02T03:04:05.500000Z");
    }
}
