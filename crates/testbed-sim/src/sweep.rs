//! Every fault at every request, one at a time, and what came of it.

use crate::fault::{Fault, Mode};
use crate::runs::Scenario;
use crate::world::{Ground, Outcome, live};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};
use testbed_core::names::keyed;

/// A plan that broke something.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The run.
    pub scenario: &'static str,
    /// The faults, as few as do it.
    pub plan: Vec<Fault>,
    /// What does not hold.
    pub broken: Vec<String>,
    /// Whether it was around real programs.
    pub is_real: bool,
}

impl Failure {
    /// Returns the command that shows it again.
    #[must_use]
    pub fn command(&self) -> String {
        let faults: Vec<String> = self.plan.iter().map(ToString::to_string).collect();
        let real = if self.is_real { "--real " } else { "" };
        format!("make sweep ARGS='{real}--only {} --plan {}'", self.scenario, faults.join(","))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    {}", self.command(), self.broken.join("\n    "))
    }
}

/// Returns the seed that `SEED` says, or one that no one chose, and says how to choose it again.
#[must_use]
pub fn seed() -> u64 {
    let said = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = said.unwrap_or_else(now);
    println!("seed {seed}: again with SEED={seed}");
    seed
}

/// What the end of a run looks like, whatever the way to it.
fn end(outcome: &Outcome) -> Value {
    let Some(run) = &outcome.ended else { return Value::Null };
    let conditions: Vec<Value> = run["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|condition| json!([condition["type"], condition["status"], condition["reason"]]))
        .collect();
    json!({"phase": run["status"]["phase"], "conditions": conditions,
        "failure": run["status"]["failure"]["reason"]})
}

/// Lives a run under a plan, and returns what does not hold, of itself or beside the run without faults.
#[must_use]
pub fn judge(ground: &Ground, scenario: &Scenario, reference: &Outcome, plan: &[Fault]) -> Vec<String> {
    judged(ground, scenario, reference, plan, &live(ground, scenario, plan))
}

/// Returns what does not hold of a life under a plan, of itself or beside the run without faults.
#[must_use]
pub(crate) fn judged(
    ground: &Ground,
    scenario: &Scenario,
    reference: &Outcome,
    plan: &[Fault],
    outcome: &Outcome,
) -> Vec<String> {
    let mut broken = outcome.broken.clone();
    let (wanted, got) = (end(reference), end(outcome));
    // Where in its life a run is when it is deleted, or its cluster dies, depends on what delayed it.
    let timed = scenario.delete_in.is_some()
        || scenario.behavior.cluster_dies.is_some()
        || !outcome.restored.is_empty();
    if wanted != got && !timed {
        broken.push(format!("differs from the run without faults: {got}, not {wanted}"));
    }
    let is_only_woken = plan.iter().all(|fault| fault.mode == Mode::Woken);
    // The sweeper takes away only what is as it saw it, and asks again for what changed meanwhile.
    let is_only_woken = is_only_woken && !scenario.is_orphaned;
    if is_only_woken && matches!(ground, Ground::Memory) && outcome.writes.abs_diff(reference.writes) > WORDS
    {
        let (got, wanted) = (outcome.writes, reference.writes);
        broken.push(format!("F10: {got} writes, not {wanted}, because of changes that mean nothing"));
    }
    broken
}

/// By so many writes a run may differ that are for words alone: who is woken between two of them says the first as well.
const WORDS: usize = 1;

/// Returns the plans with one fault.
#[must_use]
pub fn singles(ground: &Ground, reference: &Outcome) -> Vec<Vec<Fault>> {
    let points = 1..=reference.writes;
    let modes = ground.modes();
    points.flat_map(|point| modes.iter().map(move |mode| vec![Fault { point, mode: *mode }])).collect()
}

/// Returns one to six faults, a function of seed and number.
#[must_use]
pub fn random(ground: &Ground, seed: u64, number: usize, writes: usize) -> Vec<Fault> {
    let draw = |what: &str, below: usize| {
        let drawn = keyed(seed, &[&number.to_string(), what]);
        usize::try_from(drawn % below.max(1) as u64).unwrap_or_default()
    };
    let modes = ground.modes();
    let mut faults: Vec<Fault> = (0..=draw("count", 6))
        .map(|fault| Fault {
            point: 1 + draw(&format!("point {fault}"), writes + 10),
            mode: modes[draw(&format!("mode {fault}"), modes.len())],
        })
        .collect();
    faults.sort_unstable();
    faults.dedup_by_key(|fault| fault.point);
    faults
}

/// Lives a run under each of these plans, as many at once as there is room for, and returns what failed, each shrunk to
/// its fewest faults. `done` is called after each, with what failed if it did.
#[must_use]
pub fn run(
    ground: &Ground,
    scenario: &Scenario,
    reference: &Outcome,
    plans: &[Vec<Fault>],
    done: impl Fn(Option<&Failure>) + Sync,
) -> Vec<Failure> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..ground.room() {
            scope.spawn(|| {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let broken = judge(ground, scenario, reference, plan);
                    let failure =
                        (!broken.is_empty()).then(|| shrink(ground, scenario, reference, plan, broken));
                    done(failure.as_ref());
                    failures.lock().unwrap_or_else(PoisonError::into_inner).extend(failure);
                }
            });
        }
    });
    failures.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the fewest of these faults that break something still.
pub(crate) fn shrink(
    ground: &Ground,
    scenario: &Scenario,
    reference: &Outcome,
    plan: &[Fault],
    broken: Vec<String>,
) -> Failure {
    let (mut plan, mut broken) = (plan.to_vec(), broken);
    let mut place = 0;
    while plan.len() > 1 && place < plan.len() {
        let mut fewer = plan.clone();
        fewer.remove(place);
        let still = judge(ground, scenario, reference, &fewer);
        if still.is_empty() {
            place += 1;
        } else {
            (plan, broken, place) = (fewer, still, 0);
        }
    }
    Failure { scenario: scenario.name, plan, broken, is_real: matches!(ground, Ground::Real(_)) }
}
