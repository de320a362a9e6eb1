//! What can be counted exactly in the simulated world: requests, writes, leaks, and lateness in virtual time. Bars are
//! numbers of this file: a worse one fails, a better one is written here in the same change.

use crate::fault::{Mode, Sent};
use crate::runs::{self, Scenario};
use crate::store::Change;
use crate::sweep::{self, Part};
use crate::world::{Ground, Outcome, live};
use serde_json::{Value, json};
use std::time::Duration;

/// How much of a wait is looked at.
const WAIT: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(230));
/// F1 to F5 and F7.
const BASIC: [Mode; 10] = [
    Mode::CrashBefore,
    Mode::CrashAfter,
    Mode::AnswerLost,
    Mode::Unanswered,
    Mode::Conflict,
    Mode::Touched,
    Mode::Internal,
    Mode::Burst,
    Mode::TooMany,
    Mode::WatchCut,
];
/// Lives with random faults.
const LIVES: usize = 1000;
/// An hour before its time to live ends a run of a day has long been at rest.
const AT_REST: Duration = Duration::from_hours(23);

/// One figure beside its bar.
#[derive(Debug)]
pub struct Row {
    /// Its number in the design.
    pub id: &'static str,
    /// What is counted, with its unit.
    pub what: &'static str,
    /// What the original did, as far as it was measured or derived.
    pub original: &'static str,
    /// What was counted.
    pub ours: f64,
    /// It may not be more.
    pub bar: f64,
}

impl Row {
    /// Returns whether the bar holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.ours <= self.bar
    }

    /// Returns it as a value.
    #[must_use]
    pub fn value(&self) -> Value {
        json!({"id": self.id, "what": self.what, "original": self.original, "ours": self.ours, "bar": self.bar})
    }
}

fn named(name: &str) -> Option<(Scenario, Outcome)> {
    let scenario = runs::named(name)?;
    let outcome = live(&Ground::Memory, &scenario, &[]);
    Some((scenario, outcome))
}

#[expect(clippy::cast_precision_loss, reason = "they are few")]
const fn number(count: usize) -> f64 {
    count as f64
}

/// Returns how many requests to the API server would have changed something, until all was over.
fn requests(outcome: &Outcome) -> usize {
    let counts = |sent: &&Sent| (1..=outcome.writes).contains(&sent.number) && !sent.line.contains(" s3 ");
    outcome.sent.iter().filter(counts).count()
}

/// Counts everything.
#[must_use]
pub fn rows(seed: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |id, what, original, ours, bar| rows.push(Row { id, what, original, ours, bar });
    for (name, what, bar) in [
        ("one-on-hub", "writes of a run with one target on the hub, Events aside", 21.0),
        ("hub", "writes of a run with two targets on the hub", 27.0),
        ("cluster", "writes of a run in a cluster of its own, observed and shown", 34.0),
    ] {
        let original = if name == "cluster" { "≈ 260 requests" } else { "29 requests" };
        if let Some((_, outcome)) = named(name) {
            row("B7", what, original, number(requests(&outcome)), bar);
        }
    }
    if let Some((_, outcome)) = named("cluster-hangs") {
        let began = outcome.sent.first().map(|sent| sent.at);
        let waits = |sent: &&Sent| {
            let at = began.map(|began| sent.at.duration_since(began)).unwrap_or_default();
            // The sweeper looks for orphans, whoever waits.
            sent.needs.as_ref().is_some_and(|need| need.namespace.as_deref() == Some("experiments"))
                && (WAIT.0..WAIT.1).contains(&at)
        };
        let count = outcome.sent.iter().filter(waits).count();
        row("B8", "requests of a run that waits 200 s for its cluster", "20", number(count), 0.0);
        let writes = outcome.after_restart.iter().filter(|sent| sent.number > 0).count();
        row("B11", "writes of an operator that starts when all is over", "1 a run", number(writes), 0.0);
    }
    let mut failed = 0;
    for (scenario, reference) in ["hub", "cluster"].into_iter().filter_map(named) {
        let mut plans = sweep::singles(&Ground::Memory, &reference, Part::WHOLE);
        plans.retain(|plan| plan.iter().all(|fault| BASIC.contains(&fault.mode)));
        failed += sweep::run(&Ground::Memory, &scenario, &reference, &plans, |_, _| ()).len();
    }
    row("B13", "faults at a write that break something, crashes among them", "the 2nd", number(failed), 0.0);
    let mut leaks = 0;
    let all = runs::all();
    for scenario in &all {
        let reference = live(&Ground::Memory, scenario, &[]);
        let plans: Vec<_> = (0..LIVES.div_ceil(all.len()))
            .map(|number| sweep::random(&Ground::Memory, seed, number, reference.writes))
            .collect();
        leaks += sweep::run(&Ground::Memory, scenario, &reference, &plans, |_, _| ()).len();
    }
    row("B14", "leaks or broken invariants in 1000 lives with random faults", "> 0", number(leaks), 0.0);
    let mut latest = Duration::ZERO;
    for name in ["orphaned-on-hub", "orphaned-in-clusters"] {
        latest = latest.max(named(name).and_then(|(_, outcome)| orphans(&outcome)).unwrap_or(Duration::MAX));
    }
    row("B15", "seconds until orphans are asked to go", "never", latest.as_secs_f64(), 60.0);
    if let Some((_, outcome)) = named("expires") {
        let late = lateness(&outcome).unwrap_or(f64::INFINITY);
        row("B16", "seconds from the end of the time to live to teardown", "never", late, 1.0);
    }
    rows
}

/// Returns how long after the end of an Experiment the first object of it was asked to go.
#[must_use]
pub fn orphans(outcome: &Outcome) -> Option<Duration> {
    let gone = outcome
        .history
        .iter()
        .find(|entry| entry.key.kind == "Experiment" && entry.change == Change::Deleted)?;
    let told = outcome.history.iter().find(|entry| {
        entry.version > gone.version
            && ["Application", "Namespace", "ExperimentCluster", "Workflow"].contains(&entry.key.kind)
            && (entry.change == Change::Deleted || entry.object["metadata"]["deletionTimestamp"].is_string())
    })?;
    Duration::try_from(told.at.duration_since(gone.at)).ok()
}

/// Returns how many seconds after the end of its time to live, a day, a run was written at; negative if before.
fn lateness(outcome: &Outcome) -> Option<f64> {
    let mut writes = outcome.history.iter().filter(|entry| entry.key.kind == "Experiment");
    let created = writes.next()?.at;
    let ended = writes.find(|entry| {
        Duration::try_from(entry.at.duration_since(created)).is_ok_and(|since| since > AT_REST)
    })?;
    Some(ended.at.duration_since(created).as_secs_f64() - 24.0 * 3600.0)
}
