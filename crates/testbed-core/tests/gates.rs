//! What makes a trial count, and what does not: a real record, with one thing wrong at a time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

use rstest::rstest;
use serde_json::{Value, json};
use testbed_api::Summary;
use testbed_api::record::{GateKind, TrialRecord};
use testbed_core::gates;

fn summary() -> Summary {
    serde_json::from_str(include_str!("../../testbed/tests/fixtures/noise-floor.json")).unwrap()
}

/// Returns the first record of the run, with `change` made to it, judged again.
fn judged(pointer: &str, value: Value) -> TrialRecord {
    let summary = summary();
    let mut record = serde_json::to_value(&summary.trials.as_ref().unwrap().records[0]).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = record.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
    match parent {
        Value::Object(map) if value.is_null() => drop(map.remove(key)),
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer} is in nothing"),
    }
    let mut record: TrialRecord = serde_json::from_value(record).unwrap();
    gates::judge(&summary.spec, &mut record);
    record
}

/// Returns a sample of the first record, with these fields.
fn sample(fields: &Value) -> Value {
    let record = serde_json::to_value(&summary().trials.unwrap().records[0]).unwrap();
    let mut sample = record["samples"]["latency_p50_seconds"].clone();
    let fields = fields.as_object().unwrap().clone();
    sample.as_object_mut().unwrap().extend(fields);
    sample
}

#[test]
fn of_several_series_none_is_the_value() {
    let series = sample(&json!({}))["series"][0].clone();
    let record =
        judged("/samples/latency_p50_seconds", sample(&json!({"series": [series, series], "value": 0.0001})));
    assert_eq!(record.void.as_deref(), Some("latency_p50_seconds is not what its points say"));
}

#[rstest]
#[case::within(json!({"unit": "seconds", "above": 0.0002, "upTo": 0.0005}), true)]
#[case::without_an_end(json!({"unit": "seconds", "above": 0.0002}), true)]
#[case::below(json!({"unit": "seconds", "above": 0.0004, "upTo": 0.0005}), false)]
#[case::above(json!({"unit": "seconds", "above": 0.0001, "upTo": 0.0002}), false)]
#[case::none(json!(null), false)]
fn a_quantile_lies_in_its_bucket(#[case] bucket: Value, #[case] counts: bool) {
    let query = "histogram_quantile(0.5, rate(x_seconds_bucket[3s]))";
    let record = judged("/samples/latency_p50_seconds", sample(&json!({"query": query, "bucket": bucket})));
    let said = "latency_p50_seconds is a quantile, and does not lie in the bucket that is said";
    assert_eq!(record.void.as_deref(), (!counts).then_some(said));
}

#[rstest]
#[case::as_asked("3s", None)]
#[case::rounded("3.9s", None)]
#[case::too_short("5s", Some("its window is 3 s long, and 5 s were asked for"))]
#[case::with_what_a_step_takes_besides("500ms", None)]
#[case::with_as_much_of_the_shortest("100ms", None)]
fn a_window_is_as_long_as_the_one_asked_for(#[case] asked: &str, #[case] said: Option<&str>) {
    let mut summary = summary();
    summary.spec.trials.as_mut().unwrap().window = asked.into();
    let mut record = summary.trials.as_ref().unwrap().records[0].clone();
    gates::judge(&summary.spec, &mut record);
    assert_eq!(record.void.as_deref(), said);
}

#[test]
fn a_window_much_longer_than_the_one_asked_for_measures_something_else() {
    let mut summary = summary();
    summary.spec.trials.as_mut().unwrap().window = "1s".into();
    let mut record = summary.trials.as_ref().unwrap().records[0].clone();
    let window = record.window.as_mut().unwrap();
    window.end.0 = window.start.0.checked_add(jiff::SignedDuration::from_millis(6100)).unwrap();
    gates::judge(&summary.spec, &mut record);
    assert!(record.void.unwrap().starts_with("its window is 6.1 s long, and 1 s were asked for"));
}

#[test]
fn a_trial_with_nothing_wrong_passes_every_gate() {
    let record = judged("/trial", json!("b01-1-left"));
    assert_eq!(record.void, None);
    assert_eq!(record.gates.len(), 6);
    assert!(record.gates.iter().all(|gate| gate.passed && !gate.evidence.is_empty()));
}

#[rstest]
#[case("/failed", json!("its workflow ended as Failed: OOMKilled (exit code 137)"), GateKind::Ran, "OOMKilled")]
#[case("/window", json!(null), GateKind::Ran, "recorded no window")]
#[case("/window/start", json!("2020-01-01T00:00:00.000000Z"), GateKind::Ran, "begins before it was begun")]
#[case("/before/0/ready", json!(false), GateKind::SubjectPresent, "0 of 1 pods of the subject were ready")]
#[case("/after/0/uid", json!("another"), GateKind::SubjectPresent, "was not there before the window")]
#[case("/after", json!([]), GateKind::SubjectPresent, "was gone after the window")]
#[case("/after/0/restarts", json!(1), GateKind::SubjectPresent, "restarted 1 times")]
#[case("/after/0/reason", json!("Evicted"), GateKind::SubjectPresent, "ended: Evicted")]
#[case("/after/0/node", json!("another"), GateKind::SubjectPresent, "changed its node")]
#[case("/after/0/images/hello-app", json!("sha256:other"), GateKind::SubjectPresent, "changed its images")]
#[case("/before/0/since", json!("2099-01-01T00:00:00Z"), GateKind::SubjectPresent, "not ready during the whole window")]
#[case("/environment/clock_ahead_seconds", json!({"value": -30.0, "unit": "seconds"}), GateKind::SameMachine, "30 s behind the hub's")]
#[case("/load", json!(null), GateKind::LoadReal, "there was no load")]
#[case("/load/rateAchievedPerSecond", json!(50.0), GateKind::LoadReal, "the load was not the intended one: 50 of")]
#[case("/load/lateStarts", json!(200), GateKind::LoadReal, "the generator was the bottleneck")]
#[case("/load/cpuSeconds", json!(2.9), GateKind::LoadReal, "the generator was the bottleneck: it needed 0.9667 cores")]
#[case("/samples/latency_p50_seconds/series", json!([]), GateKind::DataThere, "latency_p50_seconds is missing")]
#[case("/samples/latency_p50_seconds/rawCount", json!(0), GateKind::DataThere, "rests on 0 samples in the window")]
#[case("/samples/latency_p50_seconds/rawCount", json!(null), GateKind::DataThere, "it is not known on how many samples")]
#[case("/samples/latency_p50_seconds/value", json!(0.001), GateKind::DataSane, "is not what its points say")]
#[case("/samples/latency_p50_seconds/series/0/points/0/timestamp", json!("2020-01-01T00:00:00.000000Z"), GateKind::DataSane, "outside of the window")]
#[case("/samples/latency_p50_seconds/series/0/points/0/value", json!(null), GateKind::DataSane, "not a finite number")]
#[case("/load/machine/stealRatio", json!(0.2), GateKind::SameMachine, "the hypervisor gave 20 % of the CPU time to others")]
#[case("/load/clockShiftSeconds", json!(-0.3), GateKind::SameMachine, "the wall clock moved by 300 ms")]
fn one_thing_wrong_makes_a_trial_void_and_is_named(
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] gate: GateKind,
    #[case] words: &str,
) {
    let record = judged(pointer, value);
    let void = record.void.unwrap_or_else(|| panic!("{pointer}: the trial counts"));
    assert!(void.contains(words), "{void}");
    let failed = record.gates.iter().find(|judged| judged.gate == gate).unwrap();
    assert!(!failed.passed, "{:?}", record.gates);
}

#[test]
fn only_what_the_machine_did_alone_is_held_against_nobody() {
    let disturbed = |pointer, value| gates::is_disturbed(&judged(pointer, value));
    assert!(disturbed("/load/machine/stealRatio", json!(0.2)));
    assert!(!disturbed("/load/lateStarts", json!(200)), "a slow subject makes requests wait for room");
    assert!(!disturbed("/after/0/restarts", json!(1)));
    assert!(!disturbed("/trial", json!("b01-1-left")), "it counts");
}

#[test]
fn a_quantile_that_is_missing_is_told_with_the_requests_that_failed() {
    let summary = summary();
    let mut record = summary.trials.as_ref().unwrap().records[0].clone();
    record.samples.get_mut("latency_p50_seconds").unwrap().series.clear();
    let requests = record.load.as_mut().unwrap().requests.as_mut().unwrap();
    requests.failed = 4;
    gates::judge(&summary.spec, &mut record);
    let void = record.void.unwrap();
    assert!(void.starts_with("latency_p50_seconds is missing") && void.contains("; 4 of "), "{void}");
}

#[test]
fn an_expectation_that_is_not_met_makes_a_trial_void() {
    let expectation = json!({"intended": 0.5, "toleranceRatio": 0.1, "unit": "seconds", "met": true});
    let record = judged("/samples/latency_p50_seconds/expectation", expectation);
    assert!(record.void.unwrap().contains("intended 500 ms ± 10 %"));
}

#[test]
fn of_a_generator_that_does_not_say_how_many_started_late_it_is_not_known() {
    let record = judged("/load/lateStarts", json!(null));
    let load = record.gates.iter().find(|gate| gate.gate == GateKind::LoadReal).unwrap();
    assert!(load.evidence.contains("an unknown share started late"), "{}", load.evidence);
}

#[test]
fn requests_that_started_late_of_who_knows_how_many_make_a_trial_void() {
    let mut load = serde_json::to_value(summary().trials.unwrap().records[0].load.clone().unwrap()).unwrap();
    load["lateStarts"] = json!(1);
    load.as_object_mut().unwrap().remove("requests");
    let void = judged("/load", load).void.unwrap();
    assert!(void.contains("an unknown share of its requests started late"), "{void}");
}

#[test]
fn a_subject_that_became_ready_again_after_the_window_may_have_been_away_in_it() {
    let summary = summary();
    let mut record = summary.trials.as_ref().unwrap().records[0].clone();
    let later =
        record.window.as_ref().unwrap().end.0.checked_add(jiff::SignedDuration::from_secs(2)).unwrap();
    record.after[0].since = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(later));
    gates::judge(&summary.spec, &mut record);
    assert!(record.void.unwrap().contains("not ready during the whole window"));
}

#[test]
fn what_happened_to_the_subject_after_the_window_was_not_measured() {
    let summary = summary();
    let mut record = summary.trials.as_ref().unwrap().records[0].clone();
    record.after[0].ready = false;
    let later =
        record.window.as_ref().unwrap().end.0.checked_add(jiff::SignedDuration::from_secs(2)).unwrap();
    record.after[0].since = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(later));
    gates::judge(&summary.spec, &mut record);
    assert_eq!(record.void, None);
}
