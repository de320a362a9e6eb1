//! What the command line says of a real result, offline: its text word for word, every figure with its unit, and any
//! digit that was changed is told.
//!
//! `fixtures/noise-floor.json` is the stored result of a run on the embedded hub. `TESTBED_UPDATE=1` decides it again
//! from its samples, for when the analysis changes.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files, and panics when it cannot go on"
)]

use assert_cmd::Command;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::{env, fs};
use testbed_api::Summary;
use testbed_core::summary;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/noise-floor.json")
}

/// Reads the result; decides it again if that is asked for.
fn result() -> Summary {
    let mut found: Summary = serde_json::from_slice(&fs::read(fixture()).unwrap()).unwrap();
    if env::var_os("TESTBED_UPDATE").is_some() {
        let (analysis, verdict) =
            summary::decided(&found.spec, found.trials.as_ref(), &Default::default(), found.failure.as_ref());
        (found.analysis, found.verdict) = (analysis, verdict);
        fs::write(fixture(), summary::encode(&found).unwrap().0).unwrap();
    }
    found
}

/// Runs `testbed` far from any cluster; returns what it said, and whether it was content.
fn testbed(arguments: &[&str]) -> (String, bool) {
    let output = Command::cargo_bin("testbed")
        .unwrap()
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env("TESTBED_STATE", "/nonexistent")
        .env("TESTBED_RUN", "/nonexistent")
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout) + &text(&output.stderr), output.status.success())
}

fn said(command: &str, more: &[&str]) -> String {
    let _ = result();
    let file = fixture();
    let (text, ok) = testbed(&[&[command, file.to_str().unwrap()], more].concat());
    assert!(ok, "{text}");
    text
}

#[test]
fn a_result_is_shown_with_intervals_and_pictures() {
    insta::assert_snapshot!(said("results", &["-o", "wide"]));
}

#[test]
fn a_result_that_is_what_its_samples_say_is_verified() {
    let text = said("verify", &[]);
    assert!(text.contains("no difference"), "{text}");
}

#[test]
fn a_run_compared_with_itself_shows_no_difference() {
    let file = fixture();
    insta::assert_snapshot!(said("compare", &[file.to_str().unwrap()]));
}

#[test]
fn runs_of_unlike_machines_are_compared_only_when_told() {
    let mut other = serde_json::to_value(result()).unwrap();
    for record in other["trials"]["records"].as_array_mut().unwrap() {
        record["machine"]["cpuModel"] = "another".into();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.json");
    fs::write(&file, other.to_string()).unwrap();
    let (a, b) = (fixture(), file);
    let both = [a.to_str().unwrap(), b.to_str().unwrap()];
    let (text, ok) = testbed(&[&["compare"], &both[..]].concat());
    assert!(!ok && text.contains("cpuModel"), "{text}");
    let (text, ok) = testbed(&[&["compare", "--across-machines"], &both[..]].concat());
    assert!(ok && text.contains("unlike: cpuModel"), "{text}");
}

#[test]
fn runs_of_machines_that_nobody_knows_are_compared_only_when_told() {
    let mut unknown = serde_json::to_value(result()).unwrap();
    for record in unknown["trials"]["records"].as_array_mut().unwrap() {
        record["machine"].as_object_mut().unwrap().remove("cpuModel");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unknown.json");
    fs::write(&file, unknown.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let (text, ok) = testbed(&["compare", file, file]);
    assert!(!ok && text.contains("neither processor nor node type is known"), "{text}");
    let (text, ok) = testbed(&["compare", "--across-machines", file, file]);
    assert!(ok && text.contains("neither processor nor node type is known"), "{text}");
}

#[test]
fn runs_that_were_asked_for_other_things_are_compared_with_these_named() {
    let mut other = serde_json::to_value(result()).unwrap();
    other["spec"]["workflow"]["params"]["rate"] = "400/s".into();
    other["spec"]["trials"]["window"] = "7s".into();
    other["workflow"]["pinned"]["sha256"] = "0123456789abcdef".into();
    other["spec"]["metrics"].as_array_mut().unwrap().push(serde_json::json!({"name": "more", "query": "up"}));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.json");
    fs::write(&file, other.to_string()).unwrap();
    let text = said("compare", &[file.to_str().unwrap()]);
    for words in [
        "unlike: workflow.params.rate: ",
        " and 400/s",
        "unlike: trials.window: ",
        "unlike: template: generation ",
        " and sha256:0123456789ab",
        "unlike: metrics.more.query: not given and up",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("latency_p50_seconds"), "{text}");
    let metric = other["spec"]["metrics"].as_array_mut().unwrap();
    let latency = metric.iter_mut().find(|metric| metric["name"] == "latency_p50_seconds").unwrap();
    latency["query"] = "latency_of_another_kind".into();
    fs::write(&file, other.to_string()).unwrap();
    let text = said("compare", &[file.to_str().unwrap()]);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("latency_p50_seconds")).collect();
    assert!(rows.is_empty(), "what was measured in another way is no row: {text}");
}

#[test]
fn what_was_measured_in_two_ways_within_a_run_is_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.json");
    let mut other = serde_json::to_value(result()).unwrap();
    let sample = other.pointer_mut("/trials/records/0/samples/latency_p50_seconds/source").unwrap();
    *sample = "target:ns/prometheus".into();
    fs::write(&file, other.to_string()).unwrap();
    let text = said("compare", &[file.to_str().unwrap()]);
    let rows = text.lines().filter(|line| line.starts_with("latency_p50_seconds")).count();
    assert_eq!(rows, 1, "the other variant alone: {text}");
}

/// Every figure of samples, statistics and verdict, changed by one digit, one after the other.
#[test]
fn any_figure_that_was_changed_is_told() {
    let whole = serde_json::to_value(result()).unwrap();
    let mut paths = Vec::new();
    for part in ["/analysis/metrics", "/verdict", "/trials/records/0", "/trials/seed"] {
        figures(whole.pointer(part).unwrap(), part, &mut paths);
    }
    // What is only recorded, and nothing follows from: times of day, names, and what the machine was.
    let is_only_recorded = |path: &str| {
        [
            "/begunAt",
            "/endedAt",
            "/workflow/",
            "/machine/",
            "/load/",
            "/window/",
            "/environment/",
            "/stepSeconds",
        ]
        .iter()
        .any(|part| path.contains(part))
            || ["/restarts", "/rawCount", "/neededCount"].iter().any(|end| path.ends_with(end))
            || path.ends_with("/toleranceRatio")
    };
    paths.retain(|path| !is_only_recorded(path));
    assert!(paths.len() > 100, "only {} figures", paths.len());
    // Each costs an analysis; these are spread over all of them.
    let step = (paths.len() / 40).max(1);
    for path in paths.iter().step_by(step) {
        let mut changed = whole.clone();
        let figure = changed.pointer_mut(path).unwrap();
        let value = figure.as_f64().unwrap();
        *figure = match figure.as_u64() {
            Some(count) => (count + 1).into(),
            None => json!(value * (1.0 + 1e-9) + f64::MIN_POSITIVE),
        };
        let changed: Summary = serde_json::from_value(changed).unwrap();
        let found = testbed_core::verify::verify(&changed);
        assert!(!found.differences.is_empty(), "{path} was changed, and nobody noticed");
    }
}

/// Returns the same result as that of a run without trials, with one metric.
fn observed() -> Value {
    let mut whole = serde_json::to_value(result()).unwrap();
    let map = whole.as_object_mut().unwrap();
    for part in ["trials", "analysis"] {
        map.remove(part);
    }
    let at = |second: u32| format!("2026-01-01T00:00:{second:02}.000000Z");
    whole["spec"].as_object_mut().unwrap().remove("trials");
    whole["spec"]["metrics"] = json!([{"name": "rps", "query": "x", "type": "range", "unit": "1/s",
        "expect": {"value": 2.0, "tolerance": 0.1}}]);
    whole["metrics"] = json!({"source": "hub",
        "timeRange": {"start": at(0), "end": at(9), "duration": "9s", "stepSeconds": 1.0},
        "queries": {"rps": {"query": "x", "type": "range", "unit": "1/s",
            "cells": [{"target": "left", "source": "hub", "query": "x", "series": 1, "points": 2, "value": 2.0,
                "window": {"start": at(0), "end": at(9), "recordedBy": "step"},
                "expectation": {"intended": 2.0, "toleranceRatio": 0.1, "unit": "1/s", "met": true}}],
            "data": [{"labels": {"target": "left"}, "timestamp": at(1), "value": 1.0},
                {"labels": {"target": "left"}, "timestamp": at(2), "value": 3.0},
                {"labels": {"target": "right"}, "timestamp": at(2), "value": 30.0}]}}});
    let mut found: Summary = serde_json::from_value(whole).unwrap();
    let queries = found.metrics.as_ref().unwrap().queries.clone();
    (found.analysis, found.verdict) = summary::decided(&found.spec, None, &queries, found.failure.as_ref());
    serde_json::to_value(found).unwrap()
}

fn differences(of: &Value) -> usize {
    testbed_core::verify::verify(&serde_json::from_value(of.clone()).unwrap()).differences.len()
}

#[test]
fn a_value_of_a_run_without_trials_that_is_not_what_its_points_say_is_told() {
    let whole = observed();
    assert_eq!(differences(&whole), 0);
    for (path, value) in [
        ("/cells/0/value", json!(2.5)),
        ("/cells/0/expectation/met", json!(false)),
        ("/cells/0/expectation/intended", json!(2.1)),
        ("/data/0/value", json!(1.1)),
    ] {
        let mut changed = whole.clone();
        *changed["metrics"]["queries"]["rps"].pointer_mut(path).unwrap() = value;
        assert!(differences(&changed) > 0, "{path} was changed, and nobody noticed");
    }
}

/// Analysis and verdict again, of what was changed: who changes a result would do so too.
fn computed_again(changed: Value) -> Value {
    let mut found: Summary = serde_json::from_value(changed).unwrap();
    (found.analysis, found.verdict) =
        summary::decided(&found.spec, found.trials.as_ref(), &Default::default(), None);
    serde_json::to_value(found).unwrap()
}

#[test]
fn a_question_that_was_changed_afterwards_is_told() {
    let whole = serde_json::to_value(result()).unwrap();
    assert_eq!(differences(&computed_again(whole.clone())), 0);
    let mut changed = whole.clone();
    let metrics = changed["spec"]["metrics"].as_array_mut().unwrap();
    let latency = metrics.iter_mut().find(|metric| metric["name"] == "latency_p90_seconds").unwrap();
    let query = latency["query"].as_str().unwrap().replace("quantile=\"0.9\"", "quantile=\"0.99\"");
    latency["query"] = query.into();
    assert!(differences(&computed_again(changed)) > 0, "the p90 passed for a p99");
    for (field, value) in [("aggregation", "max"), ("type", "range"), ("unit", "milliseconds")] {
        let mut changed = whole.clone();
        let sample = changed["trials"]["records"][0].pointer_mut("/samples/latency_p50_seconds").unwrap();
        sample[field] = value.into();
        assert!(differences(&computed_again(changed)) > 0, "{field} was changed, and nobody noticed");
    }
}

#[test]
fn a_seed_that_was_chosen_afterwards_is_told() {
    let mut changed = serde_json::to_value(result()).unwrap();
    let seed = changed["trials"]["seed"].as_u64().unwrap();
    // Of these, some have the same order.
    for chosen in 1..200 {
        changed["trials"]["seed"] = (seed + chosen).into();
        let found: Summary = serde_json::from_value(changed.clone()).unwrap();
        let slots = testbed_core::schedule::Schedule::of(&found.spec, seed + chosen).unwrap().slots();
        if slots == found.trials.as_ref().unwrap().schedule {
            assert!(differences(&computed_again(changed)) > 0);
            return;
        }
    }
    panic!("no seed has the same order");
}

#[test]
fn variants_that_were_exchanged_are_told() {
    let mut changed = serde_json::to_value(result()).unwrap();
    for record in changed["trials"]["records"].as_array_mut().unwrap() {
        let other = if record["variant"] == "left" { "right" } else { "left" };
        record["variant"] = other.into();
    }
    assert!(differences(&computed_again(changed)) > 0);
}

#[test]
fn that_a_rule_ended_it_is_not_believed() {
    let mut changed = serde_json::to_value(result()).unwrap();
    changed["trials"]["stopped"] = json!({"reason": "Decided", "message": "it was decided"});
    assert!(differences(&computed_again(changed)) > 0);
}

#[test]
fn a_bundle_whose_summary_was_changed_is_not_read() {
    let (bytes, digest) = summary::encode(&result()).unwrap();
    let mut bundle = json!({"schema": "testbed-bundle/v1", "testbedVersion": "0", "components": {}, "artifacts": [],
        "manifests": [], "leftOut": [], "summarySha256": digest,
        "summary": serde_json::from_slice::<Value>(&bytes).unwrap()});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.bundle.json");
    let verified = |bundle: &Value| {
        fs::write(&file, bundle.to_string()).unwrap();
        testbed(&["verify", file.to_str().unwrap()])
    };
    let (text, ok) = verified(&bundle);
    assert!(!ok && text.contains("Component hello-app is missing"), "the summary is what it was: {text}");
    bundle["summary"]["title"] = "another".into();
    let (text, ok) = verified(&bundle);
    assert!(!ok && text.contains("was changed: the SHA-256 of its summary"), "{text}");
}

fn figures(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| figures(value, &format!("{path}/{key}"), found))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| figures(value, &format!("{path}/{index}"), found));
        }
        Value::Number(_) => found.push(path.to_owned()),
        _ => {}
    }
}

/// Ends of names that say the unit of a figure.
const UNITS: [&str; 8] = ["seconds", "ratio", "count", "kib", "bytes", "persecond", "days", "usd"];
/// Names of figures that number, identify or count things that the name itself says.
const COUNTS: [&str; 16] = [
    "seed",
    "block",
    "position",
    "restarts",
    "generation",
    "intended",
    "sent",
    "succeeded",
    "failed",
    "latestarts",
    "cpus",
    "port",
    "minready",
    "series",
    "points",
    "size",
];

/// Finds figures without a unit: neither the name of the figure, nor that of the group it is in, nor a `unit` beside it
/// or around it says one.
fn without_unit(value: &Value, names: &[String], has_unit: bool, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let has_unit = has_unit || map.contains_key("unit");
            for (key, value) in map {
                let names = [names, std::slice::from_ref(key)].concat();
                without_unit(value, &names, has_unit, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|value| without_unit(value, names, has_unit, found)),
        Value::Number(_) => {
            let named = names.iter().rev().take(2).map(|name| name.to_lowercase());
            let mut named = named.filter(|name| {
                UNITS.iter().any(|unit| name.ends_with(unit)) || COUNTS.contains(&name.as_str())
            });
            // Reasons of failed requests are counted by reason.
            let is_count = names.iter().any(|name| name == "failures");
            if !has_unit && !is_count && named.next().is_none() {
                found.push(names.join("."));
            }
        }
        _ => {}
    }
}

#[test]
fn every_figure_of_a_summary_has_its_unit() {
    let mut whole = serde_json::to_value(result()).unwrap();
    // The specification, the claim and what was set on components are the user's own words.
    for input in ["spec", "hypothesis", "targets"] {
        whole.as_object_mut().unwrap().remove(input);
    }
    let mut found = Vec::new();
    without_unit(&whole, &[], false, &mut found);
    found.sort();
    found.dedup();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_figure_that_is_shown_has_its_unit() {
    let units = "(?:%|×|s|ms|µs|ns|B|KiB|MiB|GiB|core|cores|requests/s|blocks?|valid|trials?|void|figures|of \\d+ blocks|planned|pods?|series|samples/s|queries/s)";
    // A number, not part of a name, a time of day or a digest; and what stands after it.
    let figure =
        regex::Regex::new(r"(^|[\s\[(])(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?: ([^\s\],;:)]+)((?: \d+)? ?[a-z]*))?")
            .unwrap();
    let unit = regex::Regex::new(&format!("^{units}$")).unwrap();
    let is_shown =
        [said("results", &["-o", "wide"]), said("compare", &[fixture().to_str().unwrap()])].concat();
    for line in is_shown.lines() {
        // Glyphs: a digit in a picture is that many dots in one place, and a p-value is a pure number and says so.
        if line.contains('•') || line.contains("p = ") {
            continue;
        }
        for found in figure.captures_iter(line) {
            let after = found.get(3).map_or("", |after| after.as_str());
            let is_share = after == "of";
            assert!(is_share || unit.is_match(after), "`{}` has no unit in: {line}", &found[2]);
        }
    }
}
