//! What must hold of every history, whatever went wrong in it. Numbers are those of the design.

use crate::players::CANARY;
use crate::runs::Scenario;
use crate::store::{Change, Entry, Key, strings};
use crate::world::{Outcome, phase};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::labels;
use testbed_api::status::Phase;
use testbed_core::build::CLUSTER_NAMESPACE;
use testbed_core::names;

fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["labels"][name].as_str()
}

/// Returns what does not hold.
#[must_use]
pub fn broken(scenario: &Scenario, outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    nothing_left(outcome, &mut broken);
    finalizer_while_owed(outcome, &mut broken);
    made_once(outcome, &mut broken);
    results(scenario, outcome, &mut broken);
    no_fake_success(outcome, &mut broken);
    phases(outcome, &mut broken);
    no_secret_in_the_open(outcome, &mut broken);
    let idle: Vec<&str> =
        outcome.after_restart.iter().filter(|sent| sent.number > 0).map(|sent| sent.line.as_str()).collect();
    if !idle.is_empty() {
        broken.push(format!("I13: an operator that was started when all was over wrote {idle:?}"));
    }
    broken
}

/// I1: nothing that was made for a run is left. What the lab itself needs stays.
fn nothing_left(outcome: &Outcome, broken: &mut Vec<String>) {
    let made: BTreeSet<&Key> = outcome
        .history
        .iter()
        .filter(|entry| {
            label(&entry.object, labels::EXPERIMENT_UID).is_some() || entry.key.kind == "Experiment"
        })
        .map(|entry| &entry.key)
        .collect();
    let left: Vec<&Key> = outcome.left.iter().filter(|key| made.contains(key)).collect();
    if !left.is_empty() {
        broken.push(format!("I1: left over: {left:?}"));
    }
    if outcome.ended.is_some() && !outcome.stored_at_last.is_empty() {
        broken.push(format!("I1: results of a deleted Experiment are left: {:?}", outcome.stored_at_last));
    }
}

/// I3, I6: whenever something of a run is there, its Experiment holds our finalizer; which goes once.
fn finalizer_while_owed(outcome: &Outcome, broken: &mut Vec<String>) {
    let mut children: BTreeMap<&Key, &str> = BTreeMap::new();
    let mut owner: Option<(&str, bool)> = None;
    let mut removed = 0;
    for entry in &outcome.history {
        if entry.key.kind == "Experiment" {
            let uid = entry.object["metadata"]["uid"].as_str().unwrap_or_default();
            let held =
                strings(&entry.object["metadata"]["finalizers"]).iter().any(|name| name == labels::OPERATOR);
            let before = owner.is_some_and(|(known, held)| known == uid && held);
            if before && !held {
                removed += 1;
            }
            if !before && held && removed > 0 {
                broken.push("I3: the finalizer was put back".into());
            }
            owner = (entry.change != Change::Deleted).then_some((uid, held));
        } else if let Some(uid) = label(&entry.object, labels::EXPERIMENT_UID) {
            if entry.change == Change::Deleted {
                children.remove(&entry.key);
            } else {
                children.insert(&entry.key, uid);
            }
        }
        let owed = children.iter().find(|(_, uid)| owner.is_none_or(|(known, held)| known != **uid || !held));
        if let Some((child, _)) = owed {
            broken.push(format!("I3: {child:?} is there and no finalizer is (at {})", entry.version));
            return;
        }
    }
    if removed > 1 {
        broken.push(format!("I3: the finalizer was removed {removed} times"));
    }
}

/// I5 and the oracle's counts: what bears a name of a run is made once.
fn made_once(outcome: &Outcome, broken: &mut Vec<String>) {
    let mut made: BTreeMap<&Key, usize> = BTreeMap::new();
    let ours = |entry: &&Entry| {
        entry.change == Change::Added
            && label(&entry.object, labels::EXPERIMENT_UID).is_some()
            && (entry.key.kind != "Secret" || entry.key.namespace == CLUSTER_NAMESPACE)
    };
    for entry in outcome.history.iter().filter(ours) {
        *made.entry(&entry.key).or_default() += 1;
    }
    for (key, count) in made.into_iter().filter(|(_, count)| *count > 1) {
        broken.push(format!("I5: {key:?} was made {count} times"));
    }
}

/// I7: a run that is over has one result, under the digest that its status names, and nothing was torn down before.
fn results(scenario: &Scenario, outcome: &Outcome, broken: &mut Vec<String>) {
    let Some(run) = &outcome.ended else { return };
    if phase(run) != Some(scenario.ends) {
        broken.push(format!(
            "I12: it ended {:?}, not {:?}: {}",
            phase(run),
            scenario.ends,
            run["status"]["failure"]
        ));
    }
    let key = run.pointer("/status/results/key").and_then(Value::as_str).unwrap_or_default();
    let digest = run.pointer("/status/results/sha256").and_then(Value::as_str).unwrap_or_default();
    match outcome.stored.get(key) {
        Some(bytes) if names::sha256(bytes) == digest && key.contains(&digest[..16.min(digest.len())]) => {}
        Some(_) => broken.push(format!("I7: {key} is not what status says")),
        None => broken.push(format!("I7: there is no result, status names `{key}`")),
    }
    let decided = |entry: &Entry| {
        entry.key.kind == "Experiment"
            && (entry.object["status"]["results"]["sha256"].is_string()
                || entry.object["status"]["failure"].is_object()
                || entry.object["metadata"]["deletionTimestamp"].is_string())
    };
    let first = outcome.history.iter().find(|entry| decided(entry)).map_or(u64::MAX, |entry| entry.version);
    let torn = outcome.history.iter().find(|entry| {
        entry.version < first
            && ["Application", "Namespace", "ExperimentCluster"].contains(&entry.key.kind)
            && label(&entry.object, labels::EXPERIMENT_UID).is_some()
            && (entry.change == Change::Deleted || entry.object["metadata"]["deletionTimestamp"].is_string())
    });
    if let Some(entry) = torn {
        broken.push(format!("I7: {:?} was torn down before the result was stored", entry.key));
    }
}

/// I8: a run is Complete only if its load succeeded, and was begun when everything was healthy and in sync.
fn no_fake_success(outcome: &Outcome, broken: &mut Vec<String>) {
    let mut applications: BTreeMap<&Key, bool> = BTreeMap::new();
    let mut succeeded: BTreeMap<&Key, bool> = BTreeMap::new();
    for entry in &outcome.history {
        match entry.key.kind {
            "Application" => {
                let is =
                    |path: &str, word: &str| entry.object.pointer(path).and_then(Value::as_str) == Some(word);
                let good = is("/status/health/status", "Healthy") && is("/status/sync/status", "Synced");
                applications.insert(&entry.key, good);
            }
            "Workflow" => {
                if entry.change == Change::Added {
                    let bad: Vec<&str> = applications
                        .iter()
                        .filter(|(_, good)| !**good)
                        .map(|(key, _)| key.name.as_str())
                        .collect();
                    if !bad.is_empty() || applications.is_empty() {
                        broken.push(format!("I8: {} began while {bad:?} were not ready", entry.key.name));
                    }
                }
                succeeded.insert(&entry.key, entry.object["status"]["phase"] == "Succeeded");
            }
            "Experiment"
                if phase(&entry.object) == Some(Phase::Complete) && !succeeded.values().any(|good| *good) =>
            {
                broken.push("I8: it is Complete and no load succeeded".into());
                return;
            }
            _ => {}
        }
    }
}

/// I11: phases never go back, and those at the end never change.
fn phases(outcome: &Outcome, broken: &mut Vec<String>) {
    let mut last: Option<Phase> = None;
    for entry in outcome.history.iter().filter(|entry| entry.key.kind == "Experiment") {
        let now = phase(&entry.object);
        let over = matches!(last, Some(Phase::Complete | Phase::Failed));
        if now < last || (over && now != last) {
            broken.push(format!("I11: the phase went from {last:?} to {now:?}"));
        }
        last = now;
    }
}

/// I17: a credential stands in Secrets and nowhere else.
fn no_secret_in_the_open(outcome: &Outcome, broken: &mut Vec<String>) {
    let shown = outcome.history.iter().find(|entry| {
        // A Secret of the players' holds its content encoded; whoever writes it plainly writes it elsewhere.
        entry.key.kind != "Secret" && entry.object.to_string().contains(CANARY)
    });
    if let Some(entry) = shown {
        broken.push(format!("I17: a credential stands in {:?}", entry.key));
    }
    for (key, bytes) in &outcome.stored {
        if bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()) {
            broken.push(format!("I17: a credential stands in {key}"));
        }
    }
}
