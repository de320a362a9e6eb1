//! Which trial comes next: a function of the specification, the seed and what was recorded, so that a crash changes
//! neither their number nor their order.

use crate::names::keyed;
use crate::run;
use crate::sequential;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use testbed_api::experiment::ExperimentSpec;
use testbed_api::record::Slot;
use testbed_api::status::{Stop, StopReason, TrialStatus, TrialsStatus};
use testbed_api::trials::{Order, Reset, Trials, Variant};

/// What a trial takes beside its warm-up, window and cool-down: the pods of its workflow, and reading its samples.
/// Measured on the embedded hub.
const OVERHEAD: Duration = Duration::from_secs(5);
/// What resetting a subject takes more. Measured on the embedded hub.
const RESET: Duration = Duration::from_secs(4);

/// Seeds stay below it, so that no reader of JSON rounds one.
const SEEDS: u64 = 1 << 53;

/// Parses a duration such as `500ms`, `40s` or `1m30s`.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| format!("`{text}` is not a duration such as 500ms, 40s or 2m"))
}

/// The longest part of a trial that is reckoned with, far beyond what is accepted: so long that no sum of them overflows.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// Warm-up, window and cool-down of every trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Load before the window.
    pub warmup: Duration,
    /// The time that is measured.
    pub window: Duration,
    /// Load after the window.
    pub cooldown: Duration,
}

impl Timing {
    /// Reads the durations of a specification; those that cannot be read are zero, those beyond all reason as long as can
    /// be reckoned with. Both are refused on admission.
    #[must_use]
    pub fn of(trials: &Trials) -> Self {
        let read = |text: &str| duration(text).unwrap_or_default().min(LONGEST);
        Self { warmup: read(&trials.warmup), window: read(&trials.window), cooldown: read(&trials.cooldown) }
    }

    /// Returns how long the load of one trial lasts.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.warmup + self.window + self.cooldown
    }
}

/// Returns the seed of a run: the one that is asked for, or one that follows from its UID.
#[must_use]
pub fn seed(trials: &Trials, uid: &str) -> u64 {
    trials.seed.unwrap_or_else(|| keyed(0, &["seed", uid])) % SEEDS
}

/// One block: the trials that are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    number: u32,
    aa: bool,
    variants: Vec<String>,
}

impl Block {
    fn slots(&self) -> Vec<Slot> {
        let letter = if self.aa { 'a' } else { 'b' };
        (1..)
            .zip(&self.variants)
            .map(|(position, variant)| Slot {
                trial: format!("{letter}{:02}-{position}-{variant}", self.number),
                block: self.number,
                position,
                variant: variant.clone(),
                aa: self.aa,
            })
            .collect()
    }
}

/// The blocks of a run.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    trials: &'a Trials,
    variants: &'a [Variant],
    seed: u64,
}

impl<'a> Schedule<'a> {
    /// Returns the schedule of a run that has trials.
    #[must_use]
    pub fn of(spec: &'a ExperimentSpec, seed: u64) -> Option<Self> {
        let trials = spec.trials.as_ref()?;
        Some(Self { trials, variants: &spec.variants, seed })
    }

    /// Returns the number of blocks that are planned, without those of a variant against itself.
    #[must_use]
    pub fn planned_blocks(&self) -> u32 {
        self.trials.planned_blocks()
    }

    /// Returns every planned slot, in order.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot> {
        self.planned().iter().flat_map(Block::slots).collect()
    }

    /// The planned blocks; those of a variant against itself are spread evenly among the others.
    fn planned(&self) -> Vec<Block> {
        let (blocks, aa) = (self.planned_blocks(), self.trials.aa_blocks());
        // Of a run that may stop early, the first blocks must hold those against itself too.
        let spread = self.trials.blocks.min(blocks);
        let mut planned = Vec::new();
        let mut placed = 0;
        for number in 1..=blocks {
            planned.push(self.block(number));
            while placed < aa
                && u64::from(number) * u64::from(aa + 1) >= u64::from(placed + 1) * u64::from(spread)
            {
                placed += 1;
                planned.push(self.aa_block(placed));
            }
        }
        while placed < aa {
            placed += 1;
            planned.push(self.aa_block(placed));
        }
        planned
    }

    fn block(&self, number: u32) -> Block {
        let mut variants: Vec<String> = self.variants.iter().map(|variant| variant.name.clone()).collect();
        let block = number.to_string();
        match self.trials.order {
            Order::Random => {
                variants.sort_by_cached_key(|name| keyed(self.seed, &["order", &block, name]));
            }
            Order::Balanced if !variants.is_empty() => {
                // Every group of as many blocks as there are variants has each rotation once, in random order.
                let count = variants.len();
                let index = number.saturating_sub(1) as usize;
                let group = (index / count).to_string();
                let mut rotations: Vec<usize> = (0..count).collect();
                rotations.sort_by_cached_key(|rotation| {
                    keyed(self.seed, &["rotation", &group, &rotation.to_string()])
                });
                variants.sort_by_cached_key(|name| keyed(self.seed, &["order", "all", name]));
                variants.rotate_left(rotations[index % count]);
            }
            Order::Balanced => {}
        }
        Block { number, aa: false, variants }
    }

    /// Every variant has its turn against itself; which one begins is random.
    fn aa_block(&self, number: u32) -> Block {
        let count = self.variants.len() as u64;
        let first = keyed(self.seed, &["aa"]);
        let variant = (count > 0)
            .then(|| {
                let index = (first % count + u64::from(number - 1)) % count;
                self.variants.get(usize::try_from(index).unwrap_or_default())
            })
            .flatten();
        let name = variant.map(|variant| variant.name.clone()).unwrap_or_default();
        Block { number, aa: true, variants: vec![name.clone(), name] }
    }

    /// Returns how many trials there are: those that were planned, and those of blocks that are run again.
    #[must_use]
    pub fn trial_count(&self, begun: &[TrialStatus]) -> usize {
        let planned = self.planned();
        let keys: BTreeSet<(bool, u32)> =
            begun.iter().map(|trial| (trial.slot.aa, trial.slot.block)).collect();
        let again = keys
            .into_iter()
            .filter(|(aa, number)| !planned.iter().any(|block| (block.aa, block.number) == (*aa, *number)));
        self.slots().len() + again.map(|(aa, _)| self.trials_of_block(aa) as usize).sum::<usize>()
    }

    /// Returns the seed of the load in a block: the same for every variant in it.
    #[must_use]
    pub fn load_seed(&self, slot: &Slot) -> u64 {
        keyed(self.seed, &["load", if slot.aa { "a" } else { "b" }, &slot.block.to_string()]) % SEEDS
    }

    /// Returns about how long one block takes.
    #[must_use]
    pub fn block_time(&self) -> Duration {
        let trial = |variant: &Variant| {
            let reset = if variant.reset == Reset::Restart { RESET } else { Duration::ZERO };
            Timing::of(self.trials).total() + OVERHEAD + reset
        };
        self.variants.iter().map(trial).sum()
    }

    /// Returns the number of trials of a block, or of one in which a variant runs against itself; never 0.
    #[must_use]
    pub fn trials_of_block(&self, aa: bool) -> u32 {
        if aa { 2 } else { u32::try_from(self.variants.len()).unwrap_or(1).max(1) }
    }

    /// Returns about how long all planned blocks take.
    #[must_use]
    pub fn time(&self) -> Duration {
        let count = self.trials_of_block(false);
        self.block_time() * self.planned_blocks()
            + self.block_time() * self.trials_of_block(true) / count * self.trials.aa_blocks()
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This trial.
    Begin(Slot),
    /// No further one.
    Stop(Stop),
}

/// Returns what comes after the trials that were begun, all of which are recorded.
#[must_use]
pub fn next(spec: &ExperimentSpec, status: &TrialsStatus, created: Timestamp, now: Timestamp) -> Next {
    let stop = |reason, message: String| Next::Stop(Stop { reason, message });
    if let Some(stopped) = &status.stopped {
        return Next::Stop(stopped.clone());
    }
    let Some(schedule) = Schedule::of(spec, status.seed) else {
        return stop(StopReason::Completed, "there are no trials".into());
    };
    let tally = Tally::of(&schedule, &status.begun);
    if spec.aborted {
        return stop(StopReason::Aborted, format!("the user ended it after {}", tally.said()));
    }
    if let Some(slot) = tally.unfinished.clone() {
        return Next::Begin(slot);
    }
    if tally.void > schedule.trials.retries() {
        let message = format!(
            "{} of {} blocks were void, and {} may be run again",
            tally.void,
            tally.done,
            schedule.trials.retries()
        );
        return stop(StopReason::TooManyVoid, message);
    }
    // What is looked at again after a block that adds none would be looked at more often than was planned for.
    if tally.last_counts
        && let Some(message) = sequential::stops(spec, status, tally.valid)
    {
        return stop(StopReason::Decided, message);
    }
    let Some(block) = tally.next else {
        return stop(StopReason::Completed, format!("every block was run: {}", tally.said()));
    };
    let limit = spec.budget.as_ref().and_then(|budget| duration(budget.duration.as_deref()?).ok());
    if let Some(limit) = limit {
        let end =
            now.duration_since(created) + SignedDuration::try_from(schedule.block_time()).unwrap_or_default();
        if end > SignedDuration::try_from(limit).unwrap_or_default() {
            let message = format!(
                "another block, of about {} s, would not end within the budget of {} s",
                schedule.block_time().as_secs(),
                limit.as_secs()
            );
            return stop(StopReason::Budget, message);
        }
    }
    match block.slots().into_iter().next() {
        Some(slot) => Next::Begin(slot),
        None => stop(StopReason::Completed, "there are no variants".into()),
    }
}

/// How the blocks went so far.
struct Tally {
    /// Next slot of the block under way.
    unfinished: Option<Slot>,
    /// Block to begin when none is under way.
    next: Option<Block>,
    done: u32,
    void: u32,
    valid: u32,
    valid_aa: u32,
    /// The block that was begun last is valid, and not of a variant against itself.
    last_counts: bool,
}

impl Tally {
    fn of(schedule: &Schedule<'_>, begun: &[TrialStatus]) -> Self {
        let keys: BTreeSet<(bool, u32)> =
            begun.iter().map(|trial| (trial.slot.aa, trial.slot.block)).collect();
        let block_of =
            |(aa, number): (bool, u32)| if aa { schedule.aa_block(number) } else { schedule.block(number) };
        let mut tally = Self {
            unfinished: None,
            next: None,
            done: 0,
            void: 0,
            valid: 0,
            valid_aa: 0,
            last_counts: false,
        };
        let last = begun.last().map(|trial| (trial.slot.aa, trial.slot.block));
        for key in &keys {
            let of_block: Vec<&TrialStatus> =
                begun.iter().filter(|trial| (trial.slot.aa, trial.slot.block) == *key).collect();
            let slots = block_of(*key).slots();
            if let Some(slot) = slots.get(of_block.len()) {
                tally.unfinished = Some(slot.clone());
                continue;
            }
            tally.done += 1;
            if of_block.iter().any(|trial| trial.void.is_some()) {
                tally.void += 1;
            } else if key.0 {
                tally.valid_aa += 1;
            } else {
                tally.valid += 1;
                tally.last_counts = last == Some(*key);
            }
        }
        let planned = schedule.planned();
        tally.next =
            planned.iter().find(|block| !keys.contains(&(block.aa, block.number))).cloned().or_else(|| {
                // What was void is run again, under a number of its own, as long as that is allowed.
                let again = keys.len().saturating_sub(planned.len());
                let number =
                    |aa: bool| keys.iter().filter(|key| key.0 == aa).map(|key| key.1).max().unwrap_or(0) + 1;
                if again >= schedule.trials.retries() as usize {
                    None
                } else if tally.valid < schedule.planned_blocks() {
                    Some(schedule.block(number(false)))
                } else if tally.valid_aa < schedule.trials.aa_blocks() {
                    Some(schedule.aa_block(number(true)))
                } else {
                    None
                }
            });
        tally
    }

    fn said(&self) -> String {
        let aa = if self.valid_aa > 0 {
            format!(", {} of a variant against itself", self.valid_aa)
        } else {
            String::new()
        };
        let void = if self.void > 0 { format!(", {} void", self.void) } else { String::new() };
        format!("{} valid block{}{aa}{void}", self.valid, if self.valid == 1 { "" } else { "s" })
    }
}

/// Returns the metrics that criteria speak of and a variant has: those a rule that stops early looks at.
#[must_use]
pub fn decisive(spec: &ExperimentSpec, variant: &str) -> BTreeSet<String> {
    let target = spec.target_of(variant);
    let hypothesis = spec.hypothesis.as_ref();
    let compared = hypothesis.into_iter().flat_map(|h| &h.criteria).map(|c| c.metric.clone());
    let bounded = hypothesis.into_iter().flat_map(|h| &h.success_criteria).map(|c| c.metric.clone());
    let metrics = run::metrics(spec).into_iter().filter(|metric| metric.is_of(target));
    let known: BTreeSet<String> = metrics.map(|metric| metric.name).collect();
    compared.chain(bounded).filter(|name| known.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testbed_api::record::RecordRef;

    fn spec(blocks: u32, aa: bool, order: Order, names: &[&str]) -> ExperimentSpec {
        ExperimentSpec {
            variants: names
                .iter()
                .map(|name| Variant { name: (*name).to_owned(), ..Variant::default() })
                .collect(),
            trials: Some(Trials { blocks, aa, order, ..Trials::default() }),
            ..ExperimentSpec::default()
        }
    }

    fn at() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn recorded(slot: Slot, void: bool) -> TrialStatus {
        TrialStatus {
            record: Some(RecordRef::default()),
            void: void.then(|| "the subject was absent".to_owned()),
            ..TrialStatus::begun(slot, k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(at()))
        }
    }

    /// Runs a schedule to its end; `void` says which trials do not count.
    fn run(spec: &ExperimentSpec, void: impl Fn(&Slot) -> bool) -> (Vec<String>, Stop) {
        let mut status = TrialsStatus { seed: 7, ..TrialsStatus::default() };
        loop {
            match next(spec, &status, at(), at()) {
                Next::Begin(slot) => {
                    let is_void = void(&slot);
                    status.begun.push(recorded(slot, is_void));
                }
                Next::Stop(stop) => {
                    return (status.begun.iter().map(|trial| trial.slot.trial.clone()).collect(), stop);
                }
            }
            assert!(status.begun.len() < 1000, "it never stops");
        }
    }

    #[test]
    fn every_block_has_every_variant_once_and_the_plan_is_what_is_run() {
        let spec = spec(4, true, Order::Random, &["left", "right"]);
        let (names, stop) = run(&spec, |_| false);
        let planned: Vec<String> =
            Schedule::of(&spec, 7).unwrap().slots().into_iter().map(|slot| slot.trial).collect();
        assert_eq!(names, planned);
        assert_eq!(names.len(), 4 * 2 + 3 * 2);
        assert_eq!(stop.reason, StopReason::Completed);
        assert_eq!(stop.message, "every block was run: 4 valid blocks, 3 of a variant against itself");
    }

    #[test]
    fn blocks_against_itself_stand_among_the_others_and_take_turns() {
        let spec = spec(6, true, Order::Random, &["left", "right"]);
        let slots = Schedule::of(&spec, 7).unwrap().slots();
        let kinds: Vec<&str> = slots
            .iter()
            .filter(|slot| slot.position == 1)
            .map(|slot| if slot.aa { slot.variant.as_str() } else { "." })
            .collect();
        assert_eq!(kinds.iter().filter(|kind| **kind != ".").count(), 3);
        assert_eq!(kinds[0], ".", "begins with a block");
        let first = kinds.iter().position(|kind| *kind != ".").unwrap();
        assert!(first < kinds.len() / 2, "{kinds:?}");
        assert!(kinds.contains(&"left") && kinds.contains(&"right"), "{kinds:?}");
    }

    #[test]
    fn a_void_block_is_run_again_under_a_new_number_as_often_as_allowed() {
        let mut spec = spec(3, false, Order::Random, &["left", "right"]);
        let (names, stop) = run(&spec, |slot| slot.block == 2 && slot.position == 1);
        assert_eq!(names.len(), 8);
        assert!(names[6].starts_with("b04-1"), "{names:?}");
        assert_eq!(stop.message, "every block was run: 3 valid blocks, 1 void");
        let status = |count: usize| {
            let schedule = Schedule::of(&spec, 7).unwrap();
            let begun = (0..count).map(|index| {
                let block = schedule.block(u32::try_from(index / 2).unwrap() + 1);
                recorded(block.slots()[index % 2].clone(), false)
            });
            schedule.trial_count(&begun.collect::<Vec<_>>())
        };
        assert_eq!((status(0), status(6), status(7), status(8)), (6, 6, 8, 8));

        spec.trials.as_mut().unwrap().retries = Some(0);
        let (names, stop) = run(&spec, |slot| slot.block == 2);
        assert_eq!((names.len(), stop.reason), (4, StopReason::TooManyVoid));
    }

    #[test]
    fn a_subject_that_is_never_there_ends_the_run_early() {
        let spec = spec(10, false, Order::Random, &["left", "right"]);
        let (names, stop) = run(&spec, |slot| slot.variant == "right");
        assert_eq!((names.len(), stop.reason), (12, StopReason::TooManyVoid));
    }

    #[test]
    fn no_block_is_begun_that_would_not_end_within_the_budget() {
        let mut spec = spec(3, false, Order::Random, &["left", "right"]);
        spec.budget = Some(testbed_api::trials::Budget { usd: None, duration: Some("90s".into()) });
        let status = TrialsStatus { seed: 7, ..TrialsStatus::default() };
        let Next::Stop(stop) = next(&spec, &status, at(), at()) else { panic!("begins a block of 100 s") };
        assert_eq!(stop.reason, StopReason::Budget);
    }

    #[test]
    fn an_aborted_run_begins_no_trial_not_even_of_a_block_under_way() {
        let mut spec = spec(3, false, Order::Random, &["left", "right"]);
        let mut status = TrialsStatus { seed: 7, ..TrialsStatus::default() };
        let Next::Begin(slot) = next(&spec, &status, at(), at()) else { panic!() };
        status.begun.push(recorded(slot, false));
        spec.aborted = true;
        let Next::Stop(stop) = next(&spec, &status, at(), at()) else { panic!() };
        assert_eq!(stop.reason, StopReason::Aborted);
    }

    #[test]
    fn a_balanced_order_has_every_variant_first_equally_often() {
        let spec = spec(9, false, Order::Balanced, &["a", "b", "c"]);
        let slots = Schedule::of(&spec, 3).unwrap().slots();
        for name in ["a", "b", "c"] {
            for position in 1..=3 {
                let count =
                    slots.iter().filter(|slot| slot.variant == name && slot.position == position).count();
                assert_eq!(count, 3, "{name} at {position}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_order_is_a_function_of_the_seed(seed in 0..SEEDS, blocks in 1_u32..20) {
            let spec = spec(blocks, true, Order::Random, &["a", "b", "c"]);
            let schedule = Schedule::of(&spec, seed).unwrap();
            prop_assert_eq!(schedule.slots(), schedule.slots());
            let names: BTreeSet<String> = schedule.slots().into_iter().map(|slot| slot.trial).collect();
            prop_assert_eq!(names.len(), schedule.slots().len());
        }
    }

    #[test]
    fn different_seeds_give_different_orders_and_each_variant_is_first_about_half_of_the_time() {
        let spec = spec(100, false, Order::Random, &["left", "right"]);
        let firsts = |seed| {
            let slots = Schedule::of(&spec, seed).unwrap().slots();
            slots.iter().filter(|slot| slot.position == 1 && slot.variant == "left").count()
        };
        assert!((35..=65).contains(&firsts(1)), "{}", firsts(1));
        assert_ne!(Schedule::of(&spec, 1).unwrap().slots(), Schedule::of(&spec, 2).unwrap().slots());
    }
}
