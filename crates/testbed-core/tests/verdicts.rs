//! What trials decide: the whole interval on one side, beyond the floor, at the level of each criterion's step.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::json;
use std::collections::BTreeMap;
use testbed_api::ExperimentSpec;
use testbed_api::record::{Bucket, RecordRef, Slot, TrialRecord};
use testbed_api::status::{Stop, StopReason, TrialStatus, TrialsStatus};
use testbed_api::summary::{CriterionResult, Decision, Summary};
use testbed_core::analysis::{self, Observation};
use testbed_core::schedule::{self, Next};
use testbed_core::{summary, verdict};

/// Two variants, and a claim about the ratio of their latency.
fn spec(criteria: serde_json::Value) -> ExperimentSpec {
    serde_json::from_value(json!({
        "targets": [{"name": "a", "cluster": {"type": "hub"}}, {"name": "b", "cluster": {"type": "hub"}}],
        "variants": [{"name": "a"}, {"name": "b"}],
        "trials": {"blocks": 10},
        "workflow": {"template": "t", "completion": {"mode": "workflow"}},
        "metrics": [{"name": "latency", "query": "x", "unit": "seconds"}, {"name": "memory", "query": "y", "unit": "bytes"}],
        "hypothesis": {"claim": "a is faster", "criteria": criteria},
    }))
    .unwrap()
}

fn faster(bound: f64) -> serde_json::Value {
    json!([{"metric": "latency", "compare": ["a", "b"], "operator": "lt", "value": bound}])
}

/// Returns a specification that holds the latency of every variant against a constant.
fn bounded(operator: &str, bound: &str) -> ExperimentSpec {
    let mut spec = spec(json!([]));
    let criterion = json!([{"metric": "latency", "operator": operator, "value": bound}]);
    spec.hypothesis.as_mut().unwrap().success_criteria = serde_json::from_value(criterion).unwrap();
    spec
}

fn trial(block: u32, position: u32, variant: &str, aa: bool, latency: f64) -> TrialStatus {
    let slot = Slot { trial: format!("{block}-{position}"), block, position, variant: variant.into(), aa };
    TrialStatus {
        record: Some(RecordRef::default()),
        values: BTreeMap::from([("latency".into(), latency), ("memory".into(), 1e6 * latency)]),
        ..TrialStatus::begun(slot, MicroTime(Timestamp::UNIX_EPOCH))
    }
}

/// Returns trials in which `a` needs `ratio` times what `b` needs, give or take some percent; `a` is first in every
/// other block.
fn blocks(count: u32, ratio: f64) -> Vec<TrialStatus> {
    (1..=count)
        .flat_map(|block| {
            let noise = 1.0 + 0.01 * f64::from((block * 7) % 5) - 0.02;
            let (a, b) = if block % 2 == 0 { (1, 2) } else { (2, 1) };
            [trial(block, a, "a", false, ratio * noise), trial(block, b, "b", false, 1.0)]
        })
        .collect()
}

/// Returns trials of blocks in which `a`, always first, and `b` need what is said of their block.
fn pairs(count: u32, latencies: impl Fn(u32) -> (f64, f64)) -> Vec<TrialStatus> {
    (1..=count)
        .flat_map(|block| {
            let (a, b) = latencies(block);
            [trial(block, 1, "a", false, a), trial(block, 2, "b", false, b)]
        })
        .collect()
}

/// Returns a specification of which the trials are looked at after each eight blocks, and end once they decide.
fn stopping_early() -> ExperimentSpec {
    let mut spec = spec(faster(1.0));
    spec.trials.as_mut().unwrap().until =
        serde_json::from_value(json!({"width": 0.001, "maxBlocks": 40, "every": 8})).unwrap();
    spec
}

/// Returns where trials stand after so many blocks in which `a` needs 0.8 times what `b` needs.
fn begun(block_count: u32) -> TrialsStatus {
    TrialsStatus { seed: 3, begun: blocks(block_count, 0.8), ..TrialsStatus::default() }
}

fn next(spec: &ExperimentSpec, status: &TrialsStatus) -> Next {
    schedule::next(spec, status, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)
}

fn against_itself(ratios: &[f64]) -> Vec<TrialStatus> {
    (1..)
        .zip(ratios)
        .flat_map(|(block, ratio)| [trial(block, 1, "a", true, 1.0), trial(block, 2, "a", true, *ratio)])
        .collect()
}

fn decide(spec: &ExperimentSpec, trials: &[TrialStatus]) -> Vec<CriterionResult> {
    let observations: Vec<Observation<'_>> = trials.iter().map(Observation::of_status).collect();
    analysis::criteria(spec, 1, &observations, 0.05)
}

fn only(spec: &ExperimentSpec, trials: &[TrialStatus]) -> (Decision, String) {
    let [result] = &decide(spec, trials)[..] else { panic!("not one criterion") };
    (result.decision, result.reason.clone())
}

#[test]
fn a_whole_interval_on_the_claimed_side_supports() {
    let (decision, reason) = only(&spec(faster(1.0)), &blocks(10, 0.8));
    assert_eq!(decision, Decision::Supported);
    assert!(
        reason.contains("latency of a is 0.7999 × that of b")
            && reason.contains("the whole interval is below 1 ×"),
        "{reason}"
    );
    assert!(reason.contains("95 % interval") && reason.contains("10 blocks"), "{reason}");
}

#[test]
fn a_whole_interval_on_the_other_side_refutes() {
    let (decision, reason) = only(&spec(faster(1.0)), &blocks(10, 1.2));
    assert_eq!(decision, Decision::Refuted);
    assert!(reason.contains("the whole interval is above 1 ×"), "{reason}");
}

#[test]
fn an_interval_that_holds_the_bound_decides_nothing() {
    let (decision, reason) = only(&spec(faster(1.0)), &blocks(10, 1.0));
    assert_eq!(decision, Decision::Insufficient);
    assert!(reason.contains("the interval contains 1 ×"), "{reason}");
}

#[test]
fn too_few_blocks_have_no_interval() {
    let (decision, reason) = only(&spec(faster(1.0)), &blocks(5, 0.5));
    assert_eq!(
        (decision, reason.contains("at least 6 are needed")),
        (Decision::Insufficient, true),
        "{reason}"
    );
}

#[test]
fn an_effect_within_the_floor_of_a_thing_against_itself_is_none() {
    let mut trials = blocks(10, 0.9);
    assert_eq!(only(&spec(faster(1.0)), &trials).0, Decision::Supported);
    trials.extend(against_itself(&[1.2, 0.85, 1.15, 0.8]));
    let (decision, reason) = only(&spec(faster(1.0)), &trials);
    assert_eq!(decision, Decision::Insufficient);
    assert!(reason.contains("does not leave the floor of ±"), "{reason}");
}

#[test]
fn what_depends_on_which_came_first_decides_nothing() {
    let trials: Vec<TrialStatus> = (1..=10)
        .flat_map(|block| {
            // Whoever comes second has it easier.
            let (a, b) = if block % 2 == 0 { (1, 2) } else { (2, 1) };
            let value = |position: u32| if position == 2 { 0.7 } else { 1.0 } + 0.001 * f64::from(block);
            [trial(block, a, "a", false, 0.5 * value(a)), trial(block, b, "b", false, value(b))]
        })
        .collect();
    let (decision, reason) = only(&spec(faster(1.0)), &trials);
    assert_eq!(decision, Decision::Insufficient);
    assert!(reason.contains("it depends on which came first"), "{reason}");
}

#[test]
fn a_value_that_there_is_no_ratio_to_decides_nothing() {
    let mut trials = blocks(10, 0.8);
    trials[3].values.insert("latency".into(), 0.0);
    let (decision, reason) = only(&spec(faster(1.0)), &trials);
    assert_eq!(decision, Decision::Insufficient);
    assert!(reason.contains("there is no ratio"), "{reason}");
}

#[test]
fn void_trials_take_their_block_with_them() {
    let mut trials = blocks(10, 0.8);
    trials[0].void = Some("the subject was absent".into());
    let [result] = &decide(&spec(faster(1.0)), &trials)[..] else { panic!("not one criterion") };
    assert_eq!((result.block_count, result.decision), (9, Decision::Supported));
}

#[test]
fn with_more_criteria_each_needs_more() {
    // Six blocks can reach p = 0.031: enough for one criterion, not for the first of two.
    let two = json!([
        {"metric": "latency", "compare": ["a", "b"], "operator": "lt", "value": 1.0},
        {"metric": "memory", "compare": ["a", "b"], "operator": "lt", "value": 1.0},
    ]);
    assert_eq!(only(&spec(faster(1.0)), &blocks(6, 0.5)).0, Decision::Supported);
    let both = decide(&spec(two.clone()), &blocks(6, 0.5));
    assert!(both.iter().all(|result| result.decision == Decision::Insufficient), "{both:?}");
    assert!(both.iter().any(|result| result.reason.contains("may err by")), "{both:?}");
    let both = decide(&spec(two), &blocks(10, 0.5));
    assert!(both.iter().all(|result| result.decision == Decision::Supported), "{both:?}");
    assert!(
        (both[0].interval.unwrap().level_ratio - 0.975).abs() < 1e-9,
        "the shown interval is that of its step"
    );
}

#[test]
fn a_metric_is_held_against_a_constant_for_every_variant() {
    let (decision, reason) = only(&bounded("lt", "0.9"), &blocks(10, 0.5));
    assert_eq!(decision, Decision::Refuted, "b needs 1 s");
    assert!(reason.contains("latency of b is 1 s") && reason.contains("above 900 ms"), "{reason}");
}

/// Returns the stored result of a real run, its values of one variant scaled.
fn real(scale: f64) -> Summary {
    let text = include_str!("../../testbed/tests/fixtures/noise-floor.json");
    let mut found: Summary = serde_json::from_str(text).unwrap();
    for record in &mut found.trials.as_mut().unwrap().records {
        if record.slot.variant == "left" {
            for sample in record.samples.values_mut() {
                sample.value = sample.value.map(|value| value * scale);
            }
        }
    }
    found
}

fn verdict_of(found: &Summary) -> (Option<Decision>, String) {
    let (_, verdict) = summary::decided(&found.spec, found.trials.as_ref(), &BTreeMap::new(), None);
    (verdict.decision, verdict.reason)
}

#[test]
fn blocks_across_unlike_machines_are_not_paired() {
    let mut found = real(0.1);
    assert_eq!(verdict_of(&found).0, Some(Decision::Supported));
    found.trials.as_mut().unwrap().records[2].machine.cpu_model = Some("another".into());
    let (decision, reason) = verdict_of(&found);
    assert_eq!(decision, Some(Decision::Insufficient));
    assert!(reason.contains("5 of 6 planned blocks are valid"), "{reason}");
}

#[test]
fn a_quantile_in_a_bucket_wider_than_the_effect_decides_nothing() {
    let mut found = real(0.1);
    let widen = |record: &mut TrialRecord| {
        let bucket = json!({"above": 0.00001, "upTo": 0.01, "unit": "seconds"});
        record.samples.get_mut("latency_p50_seconds").unwrap().bucket =
            serde_json::from_value(bucket).unwrap();
    };
    found.trials.as_mut().unwrap().records.iter_mut().for_each(widen);
    let (decision, reason) = verdict_of(&found);
    assert_eq!(decision, Some(Decision::Insufficient));
    assert!(
        reason.contains("a quantile lies anywhere in its bucket, such as from 10 µs to 10 ms: at their ends"),
        "{reason}"
    );
}

/// Returns records whose latency is a quantile in a bucket: of `a`, which needs half as long as `b`, and of `b`.
fn in_buckets(a: (f64, Option<f64>), b: (f64, Option<f64>)) -> Vec<TrialRecord> {
    records(|sample, _, variant| {
        let (above, up_to) = if variant == "a" { a } else { b };
        sample.bucket = Some(Bucket { above: Some(above), up_to, unit: "seconds".into() });
    })
}

#[test]
fn a_ratio_is_decided_only_if_it_is_so_wherever_in_its_bucket_a_quantile_lies() {
    let asked = |bound, a, b| decided(&spec(faster(bound)), &in_buckets(a, b));
    // Anything from 0.3 to 0.7.
    let (a, b) = ((0.3, Some(0.56)), (0.8, Some(1.0)));
    assert_eq!(asked(0.8, a, b).decision, Decision::Supported);
    assert_eq!(asked(0.2, a, b).decision, Decision::Refuted);
    for bound in [0.65, 0.35] {
        let result = asked(bound, a, b);
        assert_eq!(result.decision, Decision::Insufficient, "{}", result.reason);
        assert!(result.reason.contains("a quantile lies anywhere in its bucket"), "{}", result.reason);
    }
}

#[test]
fn a_quantile_beyond_the_last_bucket_may_be_any_larger_one() {
    let asked = |bound, a, b| decided(&spec(faster(bound)), &in_buckets(a, b));
    let (known, beyond) = ((0.4, Some(0.6)), (0.9, None));
    assert_eq!(asked(0.9, known, beyond).decision, Decision::Supported, "b is slower still");
    assert_eq!(asked(0.9, beyond, known).decision, Decision::Insufficient, "a may need any time");
    assert_eq!(asked(0.2, known, beyond).decision, Decision::Insufficient, "b may be slower still");
}

#[test]
fn a_quantile_is_held_against_a_constant_wherever_in_its_bucket_it_lies() {
    let asked = |operator, bound, records: &[TrialRecord]| decided(&bounded(operator, bound), records);
    let narrow = in_buckets((0.4, Some(0.6)), (0.9, Some(1.1)));
    assert_eq!(asked("lt", "1.2", &narrow).decision, Decision::Supported);
    assert_eq!(asked("gt", "0.3", &narrow).decision, Decision::Supported);
    for (operator, bound) in [("lt", "1.05"), ("gt", "0.45")] {
        let result = asked(operator, bound, &narrow);
        assert_eq!(result.decision, Decision::Insufficient, "{}", result.reason);
        assert!(result.reason.contains("a quantile lies anywhere in its bucket"), "{}", result.reason);
    }
    assert_eq!(
        asked("lt", "100", &in_buckets((0.4, None), (0.9, Some(1.1)))).decision,
        Decision::Insufficient
    );
}

#[test]
fn where_the_floor_was_asked_for_and_is_not_known_nothing_is_decided() {
    let mut asked = spec(faster(1.0));
    let mut trials = blocks(10, 0.5);
    trials.extend(against_itself(&[1.01, 0.99, 1.0]));
    asked.trials.as_mut().unwrap().aa = true;
    assert_eq!(only(&asked, &trials).0, Decision::Supported);
    for trial in trials.iter_mut().filter(|trial| trial.slot.aa) {
        trial.void = Some("the subject was absent".into());
    }
    let (decision, reason) = only(&asked, &trials);
    assert_eq!(decision, Decision::Insufficient);
    assert!(reason.contains("the floor is not known"), "{reason}");
}

#[test]
fn fewer_blocks_than_planned_decide_nothing_unless_the_rule_says_so() {
    let mut found = real(0.1);
    found.spec.trials.as_mut().unwrap().blocks = 7;
    let (decision, reason) = verdict_of(&found);
    assert_eq!(decision, Some(Decision::Insufficient));
    assert!(reason.contains("6 of 7 planned blocks are valid"), "{reason}");
    let (_, verdict) = summary::decided(&found.spec, found.trials.as_ref(), &BTreeMap::new(), None);
    assert!(verdict.criteria[0].reason.ends_with(&format!(": but {reason}")), "{verdict:?}");
    let stop = Stop { reason: StopReason::Decided, message: "decided".into() };
    found.trials.as_mut().unwrap().stopped = Some(stop);
    assert_eq!(verdict_of(&found).0, Some(Decision::Supported));
}

#[test]
fn one_measurement_decides_nothing() {
    let found = real(0.1);
    let verdict = verdict::of_observations(found.hypothesis.as_ref(), &BTreeMap::new(), None);
    assert_eq!(verdict.decision, Some(Decision::Insufficient));
    assert_eq!(verdict.certainty, "one trial, no interval");
}

#[test]
fn a_run_stops_early_by_its_rule_and_not_at_the_first_glance() {
    let spec = stopping_early();
    let stop = |blocks_done: u32| {
        let status = begun(blocks_done);
        match next(&spec, &status) {
            Next::Stop(stop) => Some(stop.reason),
            Next::Begin(_) => None,
        }
    };
    assert_eq!(stop(8), None, "eight blocks would have to err by next to nothing");
    assert_eq!(stop(16), Some(StopReason::Decided));
    assert_eq!(stop(17), None, "between two looks nothing is looked at");
}

#[test]
fn a_rule_that_stops_early_knows_that_a_quantile_lies_anywhere_in_its_bucket() {
    let spec = stopping_early();
    let mut status = begun(16);
    assert!(matches!(next(&spec, &status), Next::Stop(_)));
    for trial in &mut status.begun {
        let bucket = Bucket { above: Some(0.5), up_to: Some(1.5), unit: "seconds".into() };
        trial.buckets = [("latency".to_owned(), bucket)].into();
    }
    assert!(matches!(next(&spec, &status), Next::Begin(_)), "nothing is decided yet");
}

/// Returns the records of ten blocks of two variants, as they would be stored.
fn records(
    change: impl Fn(&mut testbed_api::record::Sample, &mut testbed_api::record::Fingerprint, &str),
) -> Vec<TrialRecord> {
    let stored = blocks(10, 0.5).into_iter().map(|trial| {
        let mut machine = testbed_api::record::Fingerprint { cpu_count: Some(2), ..Default::default() };
        let mut sample: testbed_api::record::Sample = serde_json::from_value(json!({
            "unit": "seconds", "value": trial.values.get("latency"), "query": "x", "source": "hub", "type": "instant",
            "series": [],
        }))
        .unwrap();
        change(&mut sample, &mut machine, &trial.slot.variant);
        TrialRecord {
            begun_at: trial.begun_at.clone(),
            ended_at: trial.begun_at.clone(),
            slot: trial.slot,
            failed: None,
            workflow: None,
            window: None,
            before: Vec::new(),
            after: Vec::new(),
            load: None,
            machine,
            environment: BTreeMap::new(),
            samples: [("latency".to_owned(), sample)].into(),
            gates: Vec::new(),
            void: None,
        }
    });
    stored.collect()
}

fn decided(spec: &ExperimentSpec, records: &[TrialRecord]) -> CriterionResult {
    let observations: Vec<Observation<'_>> = records.iter().map(Observation::of_record).collect();
    analysis::criteria(spec, 1, &observations, 0.05).remove(0)
}

#[test]
fn what_one_store_answered_is_not_compared_with_what_another_did() {
    let spec = spec(faster(0.9));
    assert_eq!(decided(&spec, &records(|_, _, _| {})).decision, Decision::Supported);
    let mixed = records(|sample, _, variant| {
        if variant == "a" {
            sample.source = "target:ns/prometheus".into();
        }
    });
    let result = decided(&spec, &mixed);
    assert_eq!(result.decision, Decision::Insufficient);
    assert!(result.reason.contains("was read from its own store and of b from the hub"), "{}", result.reason);
    let own = records(|sample, _, _| sample.source = "target:ns/prometheus".into());
    assert_eq!(decided(&spec, &own).decision, Decision::Supported);
}

#[test]
fn what_two_stores_answered_of_one_variant_is_not_taken_together() {
    let block = std::cell::Cell::new(0);
    let mixed = records(|sample, _, _| {
        block.set(block.get() + 1);
        if block.get() > 10 {
            sample.source = "target:ns/prometheus".into();
        }
    });
    let result = decided(&bounded("lt", "9"), &mixed);
    assert_eq!(result.decision, Decision::Insufficient);
    assert!(result.reason.contains("in some trials and from the hub in others"), "{}", result.reason);
    assert_eq!(decided(&bounded("lt", "9"), &records(|_, _, _| {})).decision, Decision::Supported);
}

#[test]
fn machines_may_differ_only_where_the_experiment_asks_for_it() {
    let bigger = |_: &mut testbed_api::record::Sample,
                  machine: &mut testbed_api::record::Fingerprint,
                  variant: &str| {
        if variant == "a" {
            machine.cpu_count = Some(4);
        }
    };
    let same = spec(faster(0.9));
    assert_eq!(decided(&same, &records(bigger)).decision, Decision::Insufficient);
    let mut asked = same;
    for (target, machine) in asked.targets.iter_mut().zip(["local-large", "local-medium"]) {
        target.cluster.kind = testbed_api::experiment::ClusterType::Local;
        target.cluster.machine_type = Some(machine.into());
    }
    assert_eq!(decided(&asked, &records(bigger)).decision, Decision::Supported);
}

#[test]
fn one_variant_beyond_the_bound_refutes_whatever_the_others_do() {
    let trials = pairs(10, |block| {
        let step = 0.01 * f64::from(block);
        (0.85 + step, 1.96 + step)
    });
    let [result] = &decide(&bounded("lt", "0.9"), &trials)[..] else { panic!("not one criterion") };
    assert_eq!(result.decision, Decision::Refuted, "{}", result.reason);
    assert_eq!(result.variant.as_deref(), Some("b"));
    assert!(result.adjusted_p_ratio.unwrap() < 0.005, "{result:?}");
}

#[test]
fn figures_are_of_the_variant_that_the_reason_speaks_of() {
    let trials = pairs(10, |block| {
        let step = 0.01 * f64::from(block);
        (0.85 + step, 0.4 + step)
    });
    let [result] = &decide(&bounded("lt", "0.9"), &trials)[..] else { panic!("not one criterion") };
    assert_eq!((result.decision, result.variant.as_deref()), (Decision::Insufficient, Some("a")));
    assert!(result.reason.contains("latency of a") && result.observed.unwrap() > 0.85, "{result:?}");
    let [result] = &decide(&bounded("lt", "1.2"), &trials)[..] else { panic!("not one criterion") };
    assert_eq!((result.decision, result.variant.as_deref()), (Decision::Supported, Some("a")), "the closest");
}

#[test]
fn where_mean_and_ranks_lie_on_different_sides_nothing_is_decided() {
    let trials = pairs(40, |block| {
        let value = if block % 8 == 0 { 10.0 } else { 0.9 } + 0.001 * f64::from(block);
        (value, value)
    });
    let (decision, reason) = only(&bounded("lt", "1"), &trials);
    assert_eq!(decision, Decision::Insufficient);
    assert!(reason.contains("the whole interval is above 1 s: but the test of ranks says p = 1"), "{reason}");
}

#[test]
fn ranks_of_one_variant_do_not_refute_what_the_mean_of_another_does() {
    let trials = pairs(40, |block| {
        let step = 0.0001 * f64::from(block);
        let a = if block % 8 == 0 { 10.0 } else { 0.9 } + step;
        let b = if block == 40 { 0.2 } else { 1.01 } + step;
        (a, b)
    });
    let (decision, reason) = only(&bounded("lt", "1"), &trials);
    assert_eq!(decision, Decision::Insufficient, "{reason}");
}

/// Loses the first trial of `a` in each of so many blocks.
fn lose(trials: &mut [TrialStatus], count: usize) {
    for trial in trials.iter_mut().filter(|trial| trial.slot.variant == "a").take(count) {
        trial.void = Some("the load was not the intended one: 190 of 200 requests/s were answered".into());
        trial.values.clear();
    }
}

#[test]
fn blocks_that_were_lost_count_as_such_that_say_the_opposite() {
    let spec = spec(faster(1.0));
    let lost = |count: usize| {
        let mut trials = blocks(12 + u32::try_from(count).unwrap(), 0.8);
        lose(&mut trials, count);
        decide(&spec, &trials).remove(0)
    };
    assert_eq!((lost(0).decision, lost(2).decision), (Decision::Supported, Decision::Supported));
    let result = lost(5);
    assert_eq!((result.decision, result.block_count), (Decision::Insufficient, 12));
    assert!(
        result.reason.contains(
            "with the 5 blocks that were lost counted as such that say the opposite, says p = 0.1435"
        ),
        "{}",
        result.reason
    );
}

#[test]
fn what_the_machine_did_counts_for_nobody_as_long_as_it_strikes_all_alike() {
    let disturbed = |variants: &[&str]| {
        let mut trials = blocks(18, 0.8);
        for (block, variant) in (1..).zip(variants) {
            let trial =
                trials.iter_mut().find(|trial| trial.slot.block == block && trial.slot.variant == *variant);
            let trial = trial.unwrap();
            trial.void = Some("the hypervisor gave 20 % of the CPU time to others".into());
            trial.disturbed = true;
            trial.values.clear();
        }
        trials
    };
    let (alike, one) = (disturbed(&["a", "b", "a", "b", "a", "b"]), disturbed(&["a"; 6]));
    for (spec, says) in
        [(spec(faster(1.0)), "with the 6 blocks that were lost"), (bounded("lt", "1.1"), "with the 6")]
    {
        assert_eq!(only(&spec, &alike).0, Decision::Supported);
        assert_eq!(only(&spec, &disturbed(&["a"; 4])).0, Decision::Supported, "four are chance");
        let (decision, reason) = only(&spec, &one);
        assert_eq!(decision, Decision::Insufficient, "{reason}");
        assert!(reason.contains(says), "{reason}");
    }
}

#[test]
fn a_variant_that_is_lost_often_is_not_held_against_a_constant_by_the_trials_that_remain() {
    let mut trials = blocks(17, 0.5);
    lose(&mut trials, 8);
    let (decision, reason) = only(&bounded("lt", "1.5"), &trials);
    assert_eq!(decision, Decision::Insufficient);
    assert!(reason.contains("with the 8 blocks that were lost"), "{reason}");
}

#[test]
fn the_two_trials_of_a_block_against_itself_are_one_observation() {
    let of_itself = |count: u32| {
        (1..=count).flat_map(|block| [1, 2].map(|position| trial(block, position, "a", true, 0.5)))
    };
    let mut spec = bounded("lt", "0.9");
    spec.metrics[0].targets = vec!["a".into()];
    let few: Vec<TrialStatus> = blocks(3, 0.5).into_iter().chain(of_itself(2)).collect();
    let [result] = &decide(&spec, &few)[..] else { panic!("not one criterion") };
    assert_eq!((result.decision, result.block_count), (Decision::Insufficient, 5), "{}", result.reason);
    let enough: Vec<TrialStatus> = blocks(3, 0.5).into_iter().chain(of_itself(3)).collect();
    let [result] = &decide(&spec, &enough)[..] else { panic!("not one criterion") };
    assert_eq!((result.decision, result.block_count), (Decision::Supported, 6), "{}", result.reason);
    let observations: Vec<Observation<'_>> = enough.iter().map(Observation::of_status).collect();
    let found = analysis::analysis(&spec, 1, &observations).metrics["latency"].variants["a"].clone();
    assert_eq!(found.trial_count, 9);
    assert_eq!(found.interval.unwrap().low, result.interval.unwrap().low, "what is shown is what decides");
}

#[test]
fn the_p_value_of_what_refutes_is_adjusted_for_all_criteria() {
    // All of `a` lie beyond the bound, but one so far that the interval of its mean does not; of `b` all but one do.
    let trials = pairs(14, |block| {
        let step = 0.001 * f64::from(block);
        let a = if block == 1 { 60.0 } else { 1.5 } + step;
        let b = if block == 1 { 1.48 } else { 1.7 } + step;
        (a, b)
    });
    let one = decide(&bounded("lt", "1.49"), &trials).remove(0);
    assert_eq!((one.decision, one.variant.as_deref()), (Decision::Refuted, Some("b")), "{}", one.reason);
    let mut spec = bounded("lt", "1.49");
    let criteria = &mut spec.hypothesis.as_mut().unwrap().success_criteria;
    criteria.push(testbed_api::experiment::SuccessCriterion { value: "1.6".into(), ..criteria[0].clone() });
    let of_two = decide(&spec, &trials).remove(0);
    assert_eq!((of_two.decision, of_two.variant.as_deref()), (Decision::Refuted, Some("b")));
    let (one, of_two) = (one.adjusted_p_ratio.unwrap(), of_two.adjusted_p_ratio.unwrap());
    assert!((of_two - 2.0 * one).abs() < 1e-12, "{one}, of two {of_two}");
}

#[test]
fn a_metric_that_one_variant_has_not_is_decided_of_the_others() {
    let mut spec = bounded("lt", "0.9");
    spec.metrics[0].targets = vec!["a".into()];
    let trials = blocks(10, 0.5);
    let (decision, reason) = only(&spec, &trials);
    assert_eq!(decision, Decision::Supported, "{reason}");
    assert!(reason.contains("latency of a") && !reason.contains("of b"), "{reason}");
    assert!(schedule::decisive(&spec, "a").contains("latency"));
    assert!(schedule::decisive(&spec, "b").is_empty());
}

#[test]
fn the_data_are_looked_at_once_for_each_look() {
    let spec = stopping_early();
    let mut status = begun(16);
    assert!(matches!(next(&spec, &status), Next::Stop(_)));
    status.begun.extend(against_itself(&[1.0]));
    assert!(matches!(next(&spec, &status), Next::Begin(_)), "it was looked at before");
    let mut void = blocks(17, 0.8);
    void[33].void = Some("the subject was absent".into());
    status.begun = void;
    assert!(matches!(next(&spec, &status), Next::Begin(_)), "no block was added");
}
