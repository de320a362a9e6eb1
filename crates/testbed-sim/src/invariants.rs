//! What must hold of every history, whatever went wrong in it. Numbers are those of the design.
//!
//! | | what | where |
//! |---|---|---|
//! | I1 | nothing is left, and a certificate says so | [`nothing_left`], [`none_in_clouds`], [`certified`], [`silence`] |
//! | I2 | no cluster outlives the time to live | [`bounded_life`] |
//! | I3, I6 | our finalizer stands while something of the run is there | [`finalizer_while_owed`] |
//! | I4 | what is deleted is soon gone | [`deleted_in_time`] |
//! | I5 | what has a name is made once | [`made_once`] |
//! | I7 | one result, stored before teardown, of what there was; it outlives its run | [`results`], [`results_stay`] |
//! | I8 | no success without load that succeeded, begun when all was ready | [`no_fake_success`] |
//! | I9 | what is of one run never becomes another's | [`identity`] |
//! | I10 | published at most once | nothing is published yet |
//! | I11 | phases do not go back | [`phases`] |
//! | I12 | it ends as without faults | [`results`], `sweep::judge` |
//! | I13 | nothing is written when there is nothing to do | [`broken`] |
//! | I14 | no run delays another | not here: one run at a time is simulated |
//! | I15 | what fails says why | [`reasons`] |
//! | I16 | one operator writes | tests of the lease and the fence; `leader` on the hub |
//! | I17 | no credential in the open | [`no_secret_in_the_open`]; `tests/log.rs` reads the log |
//! | I18, I19 | only what the Role allows, and all of it | `tests/rights.rs` |

use crate::fault::Sent;
use crate::players::holds_canary;
use crate::runs::{FORGED, Scenario};
use crate::store::{Change, Entry, Key, Restored, strings};
use crate::world::{Outcome, phase};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::certificate::{Certificate, Made};
use testbed_api::status::Phase;
use testbed_api::{Experiment, labels};
use testbed_core::build::CLUSTER_NAMESPACE;
use testbed_core::run::Run;
use testbed_core::{certificate, names};

/// How long after the end of its time to live a cluster may be there: a minute, and for each of two requests that are never
/// answered another one.
const LATE: SignedDuration = SignedDuration::from_mins(3);
/// How long the end of what was deleted may take under any faults.
const DELETED_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// The same where a way must be waited for that may be given again.
const GIVEN_UP_WITHIN: SignedDuration = SignedDuration::from_mins(20);

fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["labels"][name].as_str()
}

/// Returns what does not hold.
#[must_use]
pub fn broken(scenario: &Scenario, outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    nothing_left(outcome, &mut broken);
    silence(outcome, &mut broken);
    none_in_clouds(outcome, &mut broken);
    if !scenario.behavior.loses_results() {
        certified(outcome, &mut broken);
    }
    bounded_life(scenario, outcome, &mut broken);
    deleted_in_time(scenario, outcome, &mut broken);
    identity(outcome, &mut broken);
    reasons(outcome, &mut broken);
    if !scenario.is_orphaned {
        finalizer_while_owed(outcome, &mut broken);
    }
    made_once(outcome, &mut broken);
    results(scenario, outcome, &mut broken);
    results_stay(outcome, &mut broken);
    no_fake_success(outcome, &mut broken);
    phases(outcome, &mut broken);
    no_secret_in_the_open(outcome, &mut broken);
    quorum(outcome, &mut broken);
    let idle: Vec<&str> =
        outcome.after_restart.iter().filter(|sent| sent.number > 0).map(|sent| sent.line.as_str()).collect();
    if !idle.is_empty() {
        broken.push(format!("I13: an operator that was started when all was over wrote {idle:?}"));
    }
    broken
}

/// I1: who is done with a cluster keeps no watch in it, with credentials that may be someone else's.
fn silence(outcome: &Outcome, broken: &mut Vec<String>) {
    // Where the API server went back, the run is torn down once more.
    if let Some(line) = outcome.to_targets_when_over.first().filter(|_| outcome.restored.is_empty()) {
        let count = outcome.to_targets_when_over.len();
        broken.push(format!("I1: {count} requests to targets after their run was over, such as {line}"));
    }
}

/// Returns what of all that is there was made for a run. What the lab itself needs is not.
pub(crate) fn left_over<'a>(history: &'a [Entry], there: impl Iterator<Item = &'a Key>) -> Vec<&'a Key> {
    let is_of_run = |entry: &&Entry| {
        label(&entry.object, labels::EXPERIMENT_UID).is_some() || entry.key.kind == "Experiment"
    };
    let made: BTreeSet<&Key> = history.iter().filter(is_of_run).map(|entry| &entry.key).collect();
    there.filter(|key| made.contains(key) && key.name != FORGED).collect()
}

/// I1: nothing that was made for a run is left.
fn nothing_left(outcome: &Outcome, broken: &mut Vec<String>) {
    let left = left_over(&outcome.history, outcome.left.iter());
    if !left.is_empty() {
        broken.push(format!("I1: left over: {left:?}"));
    }
    // What was there before is what it started with.
    let before = ["kube-system", "default", "node"];
    let theirs: Vec<&Key> =
        outcome.left_in_theirs.iter().filter(|key| !before.contains(&key.name.as_str())).collect();
    if !theirs.is_empty() && !is_left_behind(outcome) {
        broken.push(format!("I1: left over in a cluster of someone else: {theirs:?}"));
    }
    if outcome.ended.is_some() && !outcome.stored_at_last.is_empty() {
        broken.push(format!("I1: results of a deleted Experiment are left: {:?}", outcome.stored_at_last));
    }
}

/// I1: what a cloud made for a cluster goes before it, or the run says that it may be there still.
fn none_in_clouds(outcome: &Outcome, broken: &mut Vec<String>) {
    // Where the API server went back, a cluster is gone that was not to be.
    if !outcome.left_in_clouds.is_empty() && !is_left_behind(outcome) && outcome.restored.is_empty() {
        broken.push(format!("I1: left over in a cloud: {:?}", outcome.left_in_clouds));
    }
}

/// Returns whether a run says that something may be left of it, and what.
fn is_left_behind(outcome: &Outcome) -> bool {
    let last = outcome.history.iter().rfind(|entry| entry.key.kind == "Experiment");
    let targets = last.and_then(|entry| entry.object["status"]["targets"].as_array());
    targets.into_iter().flatten().any(|target| target["leftBehind"].is_array())
}

/// I1: a run that is over says where the proof lies that nothing is left, and it lies there.
fn certified(outcome: &Outcome, broken: &mut Vec<String>) {
    let Some(run) = &outcome.ended else { return };
    let text = |path: &str| run.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let key = text("/status/teardownCertificate/key");
    let Some(bytes) = outcome.stored.get(key) else {
        broken.push(format!("I1: there is no certificate of the teardown, status names `{key}`"));
        return;
    };
    let uid = text("/metadata/uid");
    let certificate: Option<Certificate> = serde_json::from_slice(bytes).ok();
    let certificate = certificate
        .filter(|certificate| certificate.uid == uid && !certificate.looks.is_empty())
        .filter(|_| names::sha256(bytes) == text("/status/teardownCertificate/sha256"));
    let Some(certificate) = certificate else {
        broken.push(format!("I1: {key} is no certificate of this run"));
        return;
    };
    let all = outcome.history.iter().chain(&outcome.history_of_theirs);
    let there: BTreeSet<(&str, &str)> = all.map(|entry| (entry.key.kind, entry.key.name.as_str())).collect();
    let of_hub = certificate.made.iter().filter(|made| made.kind != "resource of a cluster");
    let is_there = |made: &Made| {
        let kind = if made.kind == "Project" { "AppProject" } else { &made.kind };
        there.contains(&(kind, made.name.as_str()))
    };
    for made in of_hub.filter(|made| !is_there(made)) {
        broken.push(format!("I1: {key} says that {} {} was made", made.kind, made.name));
    }
    let listed: BTreeSet<&str> = certificate.made.iter().map(|made| made.name.as_str()).collect();
    let is_ours = |entry: &&Entry| label(&entry.object, labels::EXPERIMENT_UID) == Some(uid);
    // What a cluster is made of is listed as such.
    let is_made = |entry: &&Entry| {
        let kinds = ["Application", "AppProject", "ExperimentCluster", "Namespace", "Secret", "Workflow"];
        kinds.contains(&entry.key.kind)
            && (entry.key.kind == "ExperimentCluster" || entry.key.namespace != CLUSTER_NAMESPACE)
    };
    // In a cluster of someone else, what is in its namespaces goes with them.
    let theirs = outcome.history_of_theirs.iter().filter(|entry| entry.key.kind == "Namespace");
    let of_run = outcome.history.iter().filter(is_made).chain(theirs).filter(is_ours);
    let unlisted =
        of_run.filter(|entry| entry.change == Change::Added && !listed.contains(entry.key.name.as_str()));
    // Where the API server went back, so did the record of what was made before.
    let is_forgotten = |entry: &&Entry| {
        let forgets =
            |restored: &Restored| entry.at <= restored.at && !is_recorded(&restored.run, &entry.key);
        outcome.restored.iter().any(forgets)
    };
    for entry in unlisted.filter(|entry| !is_forgotten(entry)) {
        broken.push(format!("I1: {key} does not say that {:?} was made", entry.key));
    }
}

/// Returns whether an Experiment says of something that it was made.
fn is_recorded(run: &Value, made: &Key) -> bool {
    let run: Option<Experiment> = serde_json::from_value(run.clone()).ok();
    let known = run.as_ref().and_then(|run| Some((Run::of(run).ok()?, run.status.as_ref()?)));
    known.is_some_and(|(run, status)| {
        certificate::made(&run, status).iter().any(|known| known.name == made.name)
    })
}

/// I2: no cluster is there for longer than its run may be, and [`LATE`].
fn bounded_life(scenario: &Scenario, outcome: &Outcome, broken: &mut Vec<String>) {
    let days = scenario.experiment["spec"]["ttlDays"].as_i64().unwrap_or(1);
    let most = SignedDuration::from_hours(24 * days) + LATE;
    let mut made: BTreeMap<&Key, Timestamp> = BTreeMap::new();
    for entry in outcome.history.iter().filter(|entry| entry.key.kind == "ExperimentCluster") {
        let since = *made.entry(&entry.key).or_insert(entry.at);
        if entry.at.duration_since(since) > most {
            broken.push(format!("I2: {:?} was there for longer than {days} days", entry.key));
            return;
        }
        if entry.change == Change::Deleted {
            made.remove(&entry.key);
        }
    }
}

/// I4: an Experiment that is deleted is soon gone. Nobody downstream takes longer than seconds.
fn deleted_in_time(scenario: &Scenario, outcome: &Outcome, broken: &mut Vec<String>) {
    let most = if scenario.behavior.theirs_closed { GIVEN_UP_WITHIN } else { DELETED_WITHIN };
    let mut runs = outcome.history.iter().filter(|entry| entry.key.kind == "Experiment");
    let asked = runs.find(|entry| entry.object["metadata"]["deletionTimestamp"].is_string());
    let Some(asked) = asked.map(|entry| entry.at) else { return };
    let gone = outcome.history.iter().rfind(|entry| {
        entry.key.kind == "Experiment" && entry.change == Change::Deleted && entry.at >= asked
    });
    if gone.is_none_or(|gone| gone.at.duration_since(asked) > most) {
        broken.push(format!("I4: what was deleted is not gone within {} s", most.as_secs()));
    }
}

/// F8: what is decided upon is read from the store itself, never from what a cache of the API server once knew.
fn quorum(outcome: &Outcome, broken: &mut Vec<String>) {
    let old = |sent: &&Sent| sent.line.ends_with("?resourceVersion=0");
    if let Some(sent) = outcome.sent.iter().find(old) {
        broken.push(format!("F8: {} may be answered with what was there long ago", sent.line));
    }
}

/// I9: an object that is of one run is never that of another.
fn identity(outcome: &Outcome, broken: &mut Vec<String>) {
    for entry in &outcome.history {
        let was = entry.before.as_ref().and_then(|before| label(before, labels::EXPERIMENT_UID));
        if was.is_some() && was != label(&entry.object, labels::EXPERIMENT_UID) {
            broken.push(format!("I9: {:?} became that of another run", entry.key));
        }
    }
}

/// I15: a run that failed says why, and when.
fn reasons(outcome: &Outcome, broken: &mut Vec<String>) {
    let Some(run) = outcome.ended.as_ref().filter(|run| phase(run) == Some(Phase::Failed)) else { return };
    let said = ["/status/failure/reason", "/status/failure/message", "/status/completedAt"];
    if said.iter().any(|path| run.pointer(path).and_then(Value::as_str).is_none_or(str::is_empty)) {
        broken.push(format!("I15: it failed without saying why: {}", run["status"]["failure"]));
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
        } else if let Some(uid) = label(&entry.object, labels::EXPERIMENT_UID).filter(|uid| *uid != FORGED) {
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

/// I7: a result that was stored stays when its run goes, unless whoever deleted the run wished otherwise.
fn results_stay(outcome: &Outcome, broken: &mut Vec<String>) {
    let is_written = |entry: &&Entry| entry.key.kind == "Experiment" && entry.change != Change::Deleted;
    let Some(last) = outcome.history.iter().rfind(is_written) else { return };
    let is_wished = last.object["metadata"]["annotations"][labels::DELETE_RESULTS] == "true";
    let key = last.object.pointer("/status/results/key").and_then(Value::as_str);
    if let Some(key) =
        key.filter(|key| !is_wished && !outcome.stored_at_last.iter().any(|stored| stored == key))
    {
        broken.push(format!("I7: the run is gone and {key} with it, which nobody wished"));
    }
}

/// I7: a run that is over has one result, under the digest that its status names, and nothing was torn down before.
fn results(scenario: &Scenario, outcome: &Outcome, broken: &mut Vec<String>) {
    let Some(run) = &outcome.ended else { return };
    // Of a cluster half of whose parts were undone nothing can be saved, and the run says so.
    let is_undone = !outcome.restored.is_empty() && run["status"]["failure"]["reason"] == "ClusterFailed";
    // Nor is a place taken any more where that was undone.
    let is_undone = is_undone || (!outcome.restored.is_empty() && scenario.behavior.place_taken);
    if phase(run) != Some(scenario.ends) && !is_undone {
        broken.push(format!(
            "I12: it ended {:?}, not {:?}: {}",
            phase(run),
            scenario.ends,
            run["status"]["failure"]
        ));
    }
    if scenario.behavior.loses_results() {
        let said = run["status"]["conditions"].to_string();
        if !said.contains("ResultsLost") {
            broken.push(format!("I7: the result is lost, and nothing says so: {said}"));
        }
        return;
    }
    let key = run.pointer("/status/results/key").and_then(Value::as_str).unwrap_or_default();
    let digest = run.pointer("/status/results/sha256").and_then(Value::as_str).unwrap_or_default();
    match outcome.stored.get(key) {
        Some(bytes) if names::sha256(bytes) == digest && key.contains(&digest[..16.min(digest.len())]) => {}
        Some(_) => broken.push(format!("I7: {key} is not what status says")),
        None => broken.push(format!("I7: there is no result, status names `{key}`")),
    }
    // Every question has an answer here, in a store that shows what it took when it is told to.
    let unknown = |bytes: &Bytes| String::from_utf8_lossy(bytes).contains(r#""no data""#);
    if phase(run) == Some(Phase::Complete) && scenario.behavior.metrics_away.is_none() {
        let unknown = outcome.stored.iter().filter(|(_, bytes)| unknown(bytes));
        broken.extend(unknown.map(|(key, _)| format!("I7: {key} has no data, and there were some")));
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
    let all = outcome.history.iter().chain(&outcome.history_of_theirs);
    let shown =
        all.filter(|entry| entry.key.kind != "Secret").find(|entry| holds_canary(&entry.object.to_string()));
    if let Some(entry) = shown {
        broken.push(format!("I17: a credential stands in {:?}", entry.key));
    }
    for (key, bytes) in &outcome.stored {
        if holds_canary(&String::from_utf8_lossy(bytes)) {
            broken.push(format!("I17: a credential stands in {key}"));
        }
    }
}
