//! Every fault at every request, one at a time, and what came of it.

use crate::fault::{Fault, Mode};
use crate::runs::Scenario;
use crate::world::{Ground, Outcome, live};
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
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
fn end(ground: &Ground, outcome: &Outcome) -> Value {
    let Some(run) = &outcome.ended else { return Value::Null };
    let conditions: Vec<Value> = run["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|condition| json!([condition["type"], condition["status"], condition["reason"]]))
        .collect();
    let mut end = json!({"phase": run["status"]["phase"], "conditions": conditions,
        "failure": run["status"]["failure"]["reason"]});
    // In real time a pod may become ready, or a trial end, a moment too late, and the trial is lost and run again.
    if matches!(ground, Ground::Memory) {
        let trials = run["status"]["trials"]["begun"].as_array().into_iter().flatten();
        end["trials"] = trials
            .map(|trial| json!([trial["trial"], trial["void"], trial["values"], trial["record"].is_object()]))
            .collect();
        end["verdict"] = run["status"]["hypothesisResult"].clone();
    }
    end
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
    let (wanted, got) = (end(ground, reference), end(ground, outcome));
    // Where in its life a run is when it is deleted, or its cluster dies, depends on what delayed it.
    let timed = scenario.delete_in.is_some()
        || scenario.behavior.cluster_dies.is_some()
        || !outcome.restored.is_empty();
    if wanted != got && !timed {
        broken.push(format!("differs from the run without faults: {got}, not {wanted}"));
    }
    let longest = reference.took + LATER * u32::try_from(plan.len()).unwrap_or(u32::MAX);
    if matches!(ground, Ground::Memory) && outcome.took > longest && !timed {
        let (took, longest) = (outcome.took.as_secs(), longest.as_secs());
        broken.push(format!("I12: it took {took} s, more than {longest} s: something was noticed late"));
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

/// How much longer a run may take for each fault: an answer that never comes is waited for a minute, and then there is a
/// pause. Whoever misses a change notices it at the end of a stage, which is later.
const LATER: Duration = Duration::from_mins(3);

/// By so many writes a run may differ that are for words alone: who is woken between two of them says the first as well.
const WORDS: usize = 1;

/// One of so many parts of all plans, which together are all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which, counted from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Part {
    /// The only one.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Returns one of so many parts of this one.
    pub(crate) const fn part(self, number: usize, of: usize) -> Self {
        Self { number: (number - 1) * self.of + self.number, of: self.of * of }
    }

    /// Returns whether what has this place among all, counted from 0, is in it.
    pub(crate) const fn has(self, place: usize) -> bool {
        place % self.of == self.number - 1
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, of) = text.split_once('/').ok_or("expected number/count, as in 2/8")?;
        let parsed = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a number"));
        let part = Self { number: parsed(number)?, of: parsed(of)? };
        if (1..=part.of).contains(&part.number) { Ok(part) } else { Err(format!("there is no part {text}")) }
    }
}

/// Returns the plans with one fault, or a part of them.
#[must_use]
pub fn singles(ground: &Ground, reference: &Outcome, part: Part) -> Vec<Vec<Fault>> {
    let points = 1..=reference.writes;
    let modes = ground.modes();
    let all = points.flat_map(|point| modes.iter().map(move |mode| vec![Fault { point, mode: *mode }]));
    all.enumerate().filter(|(place, _)| part.has(*place)).map(|(_, plan)| plan).collect()
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
/// its fewest faults. `done` is called after each, with what failed if it did, and with whether all its faults came.
#[must_use]
pub fn run(
    ground: &Ground,
    scenario: &Scenario,
    reference: &Outcome,
    plans: &[Vec<Fault>],
    done: impl Fn(Option<&Failure>, bool) + Sync,
) -> Vec<Failure> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..ground.room() {
            scope.spawn(|| {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = live(ground, scenario, plan);
                    let broken = judged(ground, scenario, reference, plan, &outcome);
                    let failure =
                        (!broken.is_empty()).then(|| shrink(ground, scenario, reference, plan, broken));
                    let last = outcome.sent.iter().map(|sent| sent.number).max().unwrap_or_default();
                    done(failure.as_ref(), plan.iter().all(|fault| fault.point <= last));
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

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn parts_of_parts_are_all_there_is_and_each_once() {
        let parts = (1..=3).map(|number| Part { number, of: 3 });
        let parts: Vec<Part> = parts.flat_map(|part| [part.part(1, 2), part.part(2, 2)]).collect();
        for place in 0..30 {
            assert_eq!(parts.iter().filter(|part| part.has(place)).count(), 1, "place {place}");
        }
        assert_eq!("2/8".parse(), Ok(Part { number: 2, of: 8 }));
        assert!(["0/8", "9/8", "2", "a/b"].iter().all(|text| text.parse::<Part>().is_err()));
    }
}
