//! Fuzzing on the stable toolchain alone: inputs are changed at random, and kept if something new came of them.
//!
//! As an ordinary test it takes about a second each, from the same numbers every time. `FUZZ_SECONDS=60` looks for as
//! long, from other numbers each time; `FUZZ_SEED` has it take the same again. `make fuzz` does this.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test reads its environment, and panics when it cannot go on"
)]

#[path = "../common/mod.rs"]
mod common;
mod targets;

use serde_json::Value;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};
use targets::{TARGETS, Target, WORDS};

/// How long a target is fuzzed as an ordinary test, at most.
const SHORT: Duration = Duration::from_secs(1);
/// Inputs that are tried as an ordinary test, at most.
const FEW: u64 = 3000;
/// Inputs that are kept.
const KEPT: usize = 2000;
/// Longest input, in bytes: half of what the API server takes.
const LONGEST: usize = 750_000;
/// Stack of what is fuzzed: that of a worker of the operator, so that what descends too far is found here.
const STACK: usize = 2 << 20;

/// Numbers that are as good as random for this: xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % end.max(1)
    }

    fn word(&mut self) -> String {
        let word = WORDS[self.below(WORDS.len())];
        match self.below(40) {
            // What is too long, too deep or too many.
            0 => word.repeat(1 + self.below(20_000)),
            1 => ["[", "(", "{\"a\":", "-", ".", "a."][self.below(6)].repeat(1 + self.below(20_000)),
            _ => word.to_owned(),
        }
    }
}

/// Returns a changed input.
fn changed(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        let whole = if random.below(2) == 0 { serde_json::from_slice::<Value>(&input).ok() } else { None };
        input = match whole {
            Some(mut value) => {
                change_value(random, &mut value);
                value.to_string().into_bytes()
            }
            None => changed_bytes(random, input, corpus),
        };
    }
    input.truncate(LONGEST);
    input
}

/// Changes one thing somewhere in a value.
fn change_value(random: &mut Random, value: &mut Value) {
    let descend = random.below(8) != 0;
    match value {
        Value::Object(object) if descend && !object.is_empty() => {
            let at = random.below(object.len());
            let key = object.keys().nth(at).cloned().unwrap_or_default();
            match random.below(24) {
                0 => drop(object.remove(&key)),
                1 => {
                    let value = object.remove(&key).unwrap_or_default();
                    object.insert(random.word(), value);
                }
                2 => {
                    let value = object[&key].clone();
                    object.insert(random.word(), value);
                }
                _ => change_value(random, &mut object[&key]),
            }
        }
        Value::Array(list) if descend && !list.is_empty() => {
            let at = random.below(list.len());
            match random.below(16) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                2 => *list = vec![list[at].clone(); random.below(300)],
                _ => change_value(random, &mut list[at]),
            }
        }
        Value::String(text) if random.below(2) == 0 => {
            let at = text.floor_char_boundary(random.below(text.len() + 1));
            text.insert_str(at, &random.word());
        }
        Value::Number(_) if random.below(4) != 0 => {
            let numbers = [-1_i64, 0, 1, 2, 3, 65_536, i64::MAX, i64::MIN, i64::from(u32::MAX)];
            *value = numbers[random.below(numbers.len())].into();
        }
        _ => {
            *value = match random.below(8) {
                0 => Value::Null,
                1 => Value::Bool(random.below(2) == 0),
                2 => Value::Array(Vec::new()),
                3 => Value::Object(serde_json::Map::new()),
                4 => 1e308.into(),
                _ => Value::String(random.word()),
            };
        }
    }
}

fn changed_bytes(random: &mut Random, mut input: Vec<u8>, corpus: &[Vec<u8>]) -> Vec<u8> {
    let at = random.below(input.len() + 1);
    let end = at + random.below((input.len() - at).min(32) + 1);
    match random.below(6) {
        0 => drop(input.drain(at..end)),
        1 => drop(input.splice(at..end, random.word().into_bytes())),
        2 => drop(input.splice(at..at, random.word().into_bytes())),
        3 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
        4 => {
            let again: Vec<u8> = input[at..end].to_vec();
            drop(input.splice(at..at, again));
        }
        _ => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
    input
}

/// What came of an input, without what is only its own: numbers, and what is quoted.
fn shape(said: &str) -> String {
    let mut shape: String = said.split('`').step_by(2).collect::<Vec<_>>().join("`");
    shape.retain(|letter| letter.is_ascii_alphabetic() || letter == ' ');
    shape.truncate(200);
    shape
}

fn fuzz(target: &'static Target) {
    let seconds = env::var("FUZZ_SECONDS").ok().map(|text| text.parse().expect("FUZZ_SECONDS is no number"));
    let now = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()) | 1;
    let seed = env::var("FUZZ_SEED").ok().map(|text| text.parse().expect("FUZZ_SEED is no number"));
    let seed = seed.unwrap_or_else(|| if seconds.is_some() { now() } else { 1 });
    let most = if seconds.is_some() { u64::MAX } else { FEW };
    let time = seconds.map_or(SHORT, Duration::from_secs);
    // What descends too far ends the process, and the input has to be there afterwards.
    let kept = format!("{}/fuzz-{}", env!("CARGO_TARGET_TMPDIR"), target.name);
    let look = move || {
        let (mut random, begun) = (Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), Instant::now());
        let mut corpus = (target.seeds)();
        let mut known: HashSet<String> = HashSet::new();
        for seed in &corpus {
            known.insert(shape(&(target.take)(seed)));
        }
        let mut tried = 0_u64;
        while tried < most && begun.elapsed() < time {
            let input = changed(&mut random, &corpus);
            if seconds.is_some() {
                fs::write(&kept, &input).unwrap();
            }
            let said = catch_unwind(AssertUnwindSafe(|| (target.take)(&input))).unwrap_or_else(|_| {
                fs::write(&kept, &input).unwrap();
                panic!(
                    "{}: seed {seed}, input {tried}, kept in {kept}: {:.2000}",
                    target.name,
                    String::from_utf8_lossy(&input)
                )
            });
            tried += 1;
            if corpus.len() < KEPT && known.insert(shape(&said)) {
                corpus.push(input);
            }
        }
        eprintln!(
            "{}: {tried} inputs in {:.1?}, {} of them new; seed {seed}",
            target.name,
            begun.elapsed(),
            known.len()
        );
        assert!(known.len() > 1, "nothing ever came of it but {known:?}");
    };
    std::thread::Builder::new().stack_size(STACK).spawn(look).unwrap().join().unwrap();
}

macro_rules! fuzzed {
    ($($name:ident: $target:literal,)+) => {
        $(#[test]
        fn $name() {
            fuzz(TARGETS.iter().find(|target| target.name == $target).unwrap());
        })+

        #[test]
        fn no_target_is_forgotten() {
            let tested = [$($target),+];
            assert!(TARGETS.iter().all(|target| tested.contains(&target.name)) && tested.len() == TARGETS.len());
        }
    };
}

fuzzed! {
    whatever_is_created_no_plan_panics_and_no_name_leads_elsewhere: "experiment",
    whatever_a_component_says_it_stays_within_its_source_and_the_run: "component",
    whatever_a_store_answers_a_value_is_a_finite_number: "prometheus",
    whatever_a_kubeconfig_says_nothing_is_run_and_nobody_is_trusted: "kubeconfig",
    whatever_is_asked_it_is_the_same_question_in_every_run: "promql",
    whatever_a_bundle_holds_it_is_believed_as_far_as_its_digests_go: "bundle",
    whatever_a_registry_answers_each_blob_has_a_digest_and_is_fetched_once: "manifest",
    whatever_a_workflow_reports_its_windows_come_in_order: "workflow",
    whatever_a_caller_shows_only_the_one_token_is_taken: "token",
    whatever_is_written_for_people_steers_no_terminal: "text",
}
