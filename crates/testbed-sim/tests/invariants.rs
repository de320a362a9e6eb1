//! A predicate that cannot fail is worth nothing: each is shown a history that breaks it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use base64::Engine;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use testbed_api::labels;
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE};
use testbed_core::names::sha256;
use testbed_sim::invariants::broken;
use testbed_sim::players::CANARY;
use testbed_sim::runs::{self, Scenario};
use testbed_sim::store::{Change, Entry, Key, Restored};
use testbed_sim::world::{Ground, Outcome, live};

fn named(name: &str) -> Scenario {
    runs::named(name).unwrap()
}

static GOOD: LazyLock<Outcome> = LazyLock::new(|| live(&Ground::Memory, &named("cluster"), &[]));

/// The last entry of a kind with this change.
fn last<'a>(outcome: &'a mut Outcome, kind: &str, change: Change) -> &'a mut Entry {
    outcome.history.iter_mut().rfind(|entry| entry.key.kind == kind && entry.change == change).unwrap()
}

/// Adds one to what was made of a kind in a namespace, that nobody else knows of.
fn add_another(outcome: &mut Outcome, kind: &str, namespace: &str) {
    let like = |entry: &&Entry| {
        entry.key.kind == kind && entry.key.namespace == namespace && entry.change == Change::Added
    };
    let mut more = outcome.history.iter().rfind(like).unwrap().clone();
    more.key.name = "another".into();
    outcome.history.push(more);
}

fn alter(entry: &mut Entry, alter: impl FnOnce(&mut Value)) {
    let mut object = (*entry.object).clone();
    alter(&mut object);
    entry.object = Arc::new(object);
}

fn of_run(outcome: &mut Outcome) -> &mut Value {
    outcome.ended.as_mut().unwrap()
}

#[test]
fn a_history_without_faults_breaks_nothing() {
    assert_eq!(broken(&named("cluster"), &GOOD), Vec::<String>::new());
}

#[test]
fn a_disk_that_outlives_its_cluster_is_missed_unless_the_run_says_so() {
    let mut outcome = live(&Ground::Memory, &named("cloud"), &[]);
    let made: Vec<&Entry> =
        outcome.history.iter().filter(|entry| entry.key.kind == "ExperimentCluster").collect();
    assert!(!made.is_empty() && outcome.left_in_clouds.is_empty(), "{:?}", outcome.left_in_clouds);
    outcome.left_in_clouds.push(Key::new("PersistentVolume", "", "pvc-1"));
    let said = broken(&named("cloud"), &outcome);
    assert!(said.iter().any(|said| said.starts_with("I1: left over in a cloud")), "{said:?}");
    let run = outcome.history.iter_mut().rfind(|entry| entry.key.kind == "Experiment").unwrap();
    alter(run, |run| run["status"]["targets"][0]["leftBehind"] = json!(["disk of PersistentVolume pvc-1"]));
    assert_eq!(broken(&named("cloud"), &outcome), Vec::<String>::new());
}

#[test]
fn a_cluster_of_someone_else_is_cleaned_up_though_the_way_to_it_goes_first() {
    let outcome = live(&Ground::Memory, &named("deleted-with-its-namespace"), &[]);
    let given_up = |entry: &&Entry| entry.object.to_string().contains("leftBehind");
    assert_eq!(outcome.history.iter().find(given_up).map(|entry| &entry.object), None);
    let made = |change| {
        let ours = outcome.history_of_theirs.iter().filter(|entry| entry.key.name.starts_with("sim-"));
        ours.filter(|entry| entry.key.kind == "Namespace" && entry.change == change).count()
    };
    assert_eq!((made(Change::Added), made(Change::Deleted)), (1, 1));
}

#[test]
fn a_run_whose_applications_are_refused_says_who_refused_them() {
    let outcome = live(&Ground::Memory, &named("refused"), &[]);
    let failure = outcome.ended.unwrap()["status"]["failure"]["message"].to_string();
    assert!(failure.contains("the API server refuses what is next: a fault: Forbidden"), "{failure}");
}

#[rstest]
#[case::that_was_deleted("deleted-when-complete")]
#[case::whose_time_to_live_ended("expires")]
fn a_result_that_is_gone_with_its_run_is_missed(#[case] run: &str) {
    let mut outcome = live(&Ground::Memory, &named(run), &[]);
    assert_eq!(broken(&named(run), &outcome), Vec::<String>::new());
    outcome.stored_at_last.retain(|key| !key.contains("summary"));
    let said = broken(&named(run), &outcome);
    assert!(said.iter().any(|said| said.starts_with("I7")), "{said:?}");
}

/// Takes what is of a kind off the certificate.
fn forget(outcome: &mut Outcome, kind: &str) {
    let (_, bytes) = outcome.stored.iter_mut().find(|(key, _)| key.contains("teardown")).unwrap();
    let mut certificate: Value = serde_json::from_slice(bytes).unwrap();
    certificate["made"].as_array_mut().unwrap().retain(|made| made["kind"] != kind);
    *bytes = certificate.to_string().into();
    let digest = sha256(bytes);
    of_run(outcome)["status"]["teardownCertificate"]["sha256"] = json!(digest);
}

#[test]
fn what_was_forgotten_because_the_server_went_back_is_not_missed_on_the_certificate() {
    let mut outcome = GOOD.clone();
    let at = last(&mut outcome, "Application", Change::Deleted).at;
    outcome.restored.push(Restored { at, run: Arc::default() });
    forget(&mut outcome, "Application");
    assert_eq!(broken(&named("cluster"), &outcome), Vec::<String>::new());
}

#[rstest]
#[case::left_over("I1", |outcome: &mut Outcome| {
    let key = last(outcome, "ExperimentCluster", Change::Deleted).key.clone();
    outcome.left.push(key);
})]
#[case::watches_that_go_on("I1", |outcome: &mut Outcome| outcome.to_targets_when_over.push("GET /version".into()))]
#[case::no_certificate("I1", |outcome: &mut Outcome| outcome.stored.retain(|key, _| !key.contains("teardown")))]
#[case::a_certificate_of_another_run("I1", |outcome: &mut Outcome| of_run(outcome)["metadata"]["uid"] = json!("other"))]
#[case::a_certificate_of_what_never_was("I1", |outcome: &mut Outcome| {
    let projects = outcome.history.iter_mut().filter(|entry| entry.key.kind == "AppProject");
    projects.for_each(|entry| entry.key.name = "another".into());
})]
#[case::a_certificate_without_a_cluster("I1", |outcome: &mut Outcome| add_another(outcome, "ExperimentCluster", CLUSTER_NAMESPACE))]
#[case::a_certificate_without_a_project("I1", |outcome: &mut Outcome| add_another(outcome, "AppProject", ARGOCD_NAMESPACE))]
#[case::a_certificate_without_an_application("I1", |outcome: &mut Outcome| add_another(outcome, "Application", ARGOCD_NAMESPACE))]
#[case::a_certificate_without_a_kubeconfig("I1", |outcome: &mut Outcome| add_another(outcome, "Secret", "experiments"))]
#[case::a_certificate_without_what_was_made_after_the_server_went_back("I1", |outcome: &mut Outcome| {
    let at = last(outcome, "Application", Change::Added).at - SignedDuration::from_secs(1);
    add_another(outcome, "Application", ARGOCD_NAMESPACE);
    outcome.restored.push(Restored { at, run: Arc::default() });
})]
#[case::a_certificate_without_what_was_on_record_when_the_server_went_back("I1", |outcome: &mut Outcome| {
    // All that the run made is on record at its end, and the certificate is of another time.
    let at = last(outcome, "Application", Change::Deleted).at;
    let run = Arc::new(of_run(outcome).clone());
    outcome.restored.push(Restored { at, run });
    forget(outcome, "Application");
})]
#[case::results_that_stay("I1", |outcome: &mut Outcome| outcome.stored_at_last.push("runs/x".into()))]
#[case::a_cluster_that_outlives_its_run("I2", |outcome: &mut Outcome| {
    let entry = last(outcome, "ExperimentCluster", Change::Deleted);
    entry.at = entry.at.checked_add(SignedDuration::from_hours(25)).unwrap();
})]
#[case::a_child_before_the_finalizer("I3", |outcome: &mut Outcome| {
    let first = outcome.history.iter_mut().find(|entry| entry.key.kind == "Experiment");
    let uid = first.unwrap().object["metadata"]["uid"].clone();
    let child = outcome.history.iter_mut().find(|entry| entry.key.kind == "Component").unwrap();
    alter(child, |object| object["metadata"]["labels"] = json!({labels::EXPERIMENT_UID: uid}));
})]
#[case::a_deletion_without_end("I4", |outcome: &mut Outcome| {
    let entry = last(outcome, "Experiment", Change::Deleted);
    entry.at = entry.at.checked_add(SignedDuration::from_mins(6)).unwrap();
})]
#[case::a_cluster_made_twice("I5", |outcome: &mut Outcome| {
    let again = last(outcome, "ExperimentCluster", Change::Added).clone();
    outcome.history.push(again);
})]
#[case::another_result_than_status_names("I7", |outcome: &mut Outcome| {
    of_run(outcome)["status"]["results"]["sha256"] = json!("00");
})]
#[case::a_result_without_the_data_there_were("I7", |outcome: &mut Outcome| {
    outcome.stored.insert("runs/x.json".into(), r#"{"missing": "no data"}"#.into());
})]
#[case::torn_down_before_the_result("I7", |outcome: &mut Outcome| {
    let at = outcome.history.iter().position(|entry| entry.key.kind == "Experiment").unwrap();
    let mut early = last(outcome, "Application", Change::Deleted).clone();
    early.version = outcome.history[at].version;
    outcome.history.insert(at, early);
})]
#[case::load_before_all_was_ready("I8", |outcome: &mut Outcome| {
    for entry in outcome.history.iter_mut().filter(|entry| entry.key.kind == "Application") {
        alter(entry, |object| object["status"]["sync"]["status"] = json!("OutOfSync"));
    }
})]
#[case::complete_without_load("I8", |outcome: &mut Outcome| {
    for entry in outcome.history.iter_mut().filter(|entry| entry.key.kind == "Workflow") {
        alter(entry, |object| object["status"]["phase"] = json!("Failed"));
    }
})]
#[case::an_object_that_changes_hands("I9", |outcome: &mut Outcome| {
    let entry = last(outcome, "ExperimentCluster", Change::Modified);
    alter(entry, |object| object["metadata"]["labels"][labels::EXPERIMENT_UID] = json!("other"));
})]
#[case::a_phase_that_goes_back("I11", |outcome: &mut Outcome| {
    let entry = last(outcome, "Experiment", Change::Modified);
    alter(entry, |object| object["status"]["phase"] = json!("Pending"));
})]
#[case::another_end("I12", |outcome: &mut Outcome| of_run(outcome)["status"]["phase"] = json!("Failed"))]
#[case::writes_for_nothing("I13", |outcome: &mut Outcome| {
    let write = outcome.sent.iter().find(|sent| sent.number > 0).unwrap().clone();
    outcome.after_restart.push(write);
})]
#[case::a_failure_without_a_reason("I15", |outcome: &mut Outcome| {
    of_run(outcome)["status"]["phase"] = json!("Failed");
    of_run(outcome)["status"]["failure"] = json!({"reason": "", "message": "", "stage": "Accepted"});
})]
#[case::a_credential_in_an_application("I17", |outcome: &mut Outcome| {
    let entry = last(outcome, "Application", Change::Modified);
    alter(entry, |object| object["spec"]["token"] = json!(CANARY));
})]
#[case::a_credential_as_secrets_hold_it("I17", |outcome: &mut Outcome| {
    let entry = last(outcome, "Application", Change::Modified);
    let secret = base64::prelude::BASE64_STANDARD.encode(format!("token: {CANARY}, and more"));
    alter(entry, |object| object["metadata"]["annotations"]["last-applied"] = json!(secret));
})]
#[case::a_credential_as_bytes_are_shown("I17", |outcome: &mut Outcome| {
    outcome.stored.insert("runs/x.json".into(), format!("{:?}", format!("x{CANARY}y").as_bytes()).into());
})]
#[case::a_credential_in_a_result("I17", |outcome: &mut Outcome| {
    outcome.stored.insert("runs/x.json".into(), format!("a{CANARY}").into());
})]
fn what_breaks_an_invariant_is_noticed(#[case] invariant: &str, #[case] tamper: fn(&mut Outcome)) {
    let mut outcome = GOOD.clone();
    tamper(&mut outcome);
    let found = broken(&named("cluster"), &outcome);
    assert!(found.iter().any(|said| said.starts_with(&format!("{invariant}:"))), "{found:?}");
}

#[rstest]
#[case("orphaned-on-hub")]
#[case("orphaned-in-clusters")]
fn what_a_run_without_finalizer_leaves_is_asked_to_go_within_a_minute(#[case] name: &str) {
    let outcome = live(&Ground::Memory, &named(name), &[]);
    assert_eq!(outcome.broken, Vec::<String>::new());
    let run_gone = outcome
        .history
        .iter()
        .find(|entry| entry.key.kind == "Experiment" && entry.change == Change::Deleted)
        .unwrap();
    let ours = |entry: &&Entry| {
        entry.version > run_gone.version
            && entry.object["metadata"]["labels"][labels::MANAGED_BY] == labels::MANAGED_BY_VALUE
            && ["Application", "Namespace", "AppProject", "Workflow", "ExperimentCluster"]
                .contains(&entry.key.kind)
    };
    let told = |entry: &&Entry| {
        entry.change == Change::Deleted || entry.object["metadata"]["deletionTimestamp"].is_string()
    };
    let first = outcome.history.iter().filter(ours).find(told).unwrap();
    let waited = first.at.duration_since(run_gone.at);
    assert!(waited <= SignedDuration::from_mins(1), "{waited:?}");
    let last = outcome.history.iter().filter(ours).rfind(|entry| entry.change == Change::Deleted).unwrap();
    println!("{name}: begun after {waited:?}, gone after {:?}", last.at.duration_since(run_gone.at));
    assert!(outcome.left.contains(&Key::new("Namespace", "", runs::FORGED)), "what others labeled is gone");
}
