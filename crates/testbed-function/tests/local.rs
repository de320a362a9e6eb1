//! The rules of a local cluster.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use common::World;
use jiff::ToSpan;
use serde_json::{Value, json};

fn world(nodes: u32) -> World {
    World::new("alpha", json!({"type": "local", "nodeCount": nodes}))
}

fn text(world: &World, name: &str, key: &str) -> String {
    let data = world.observed[name]["data"][key].as_str().unwrap();
    String::from_utf8(BASE64.decode(data).unwrap()).unwrap()
}

#[test]
fn a_local_cluster_is_these_objects() {
    let spec = json!({"type": "local", "nodeCount": 2, "machineType": "local-small", "diskSizeGb": 20});
    let mut world = World::new("alpha", spec);
    insta::assert_yaml_snapshot!("local_asked_for", world.reconcile());
    let kubeconfig: Value = serde_json::from_str(&text(&world, "kubeconfig", "kubeconfig")).unwrap();
    insta::assert_yaml_snapshot!("local_kubeconfig", kubeconfig);
}

#[test]
fn it_is_ready_when_all_its_pods_are() {
    let mut world = world(2);
    assert!(!world.reconcile().ready);
    let made = world.reconcile();
    assert!(!made.ready && made.resources["ca"].ready && !made.resources["node-0"].ready);
    assert_eq!(made.status.message.as_deref(), Some("pod alpha-0 is starting"));
    world.ready("node-0");
    let half = world.reconcile();
    assert!(!half.ready && half.resources["node-0"].ready);
    assert_eq!(half.status.message.as_deref(), Some("pod alpha-1 is starting"));
    world.ready("node-1");
    let done = world.reconcile();
    assert!(done.ready && done.status.message.is_none());
    assert_eq!(
        done.status.endpoint.as_deref(),
        Some("https://alpha.testbed-clusters.svc.cluster.local:6443")
    );
    assert_eq!(done.status.kubeconfig_secret.as_deref(), Some("alpha-kubeconfig"));
    world.conditions("node-1", &[("Ready", "False", "")]);
    assert!(!world.reconcile().ready, "not for ever");
}

#[test]
fn nothing_changes_by_asking_again() {
    let mut world = world(3);
    world.settle();
    let first = world.observed.clone();
    world.now += 11.hours();
    world.reconcile();
    assert_eq!(world.observed, first);
}

#[test]
fn keys_are_made_once_and_the_kubeconfig_when_half_of_its_time_is_left() {
    let mut world = world(1);
    world.settle();
    let (ca, first) = (text(&world, "ca", "tls.crt"), text(&world, "kubeconfig", "kubeconfig"));
    world.now += 12.hours();
    world.reconcile();
    assert_eq!(text(&world, "kubeconfig", "kubeconfig"), first, "exactly half is left");
    world.now += 1.second();
    world.reconcile();
    let second = text(&world, "kubeconfig", "kubeconfig");
    assert_ne!(second, first);
    assert_eq!(text(&world, "ca", "tls.crt"), ca);
    assert!(second.contains(&BASE64.encode(&ca)));
    let expires = world.observed["kubeconfig"]["metadata"]["annotations"]["illm.io/expires"].as_str();
    assert_eq!(expires, Some("2026-11-25T00:00:01Z"));
    assert!(world.settle().ready);
}

#[test]
fn a_kubeconfig_that_is_lost_broken_or_of_other_keys_is_made_again() {
    let mut world = world(1);
    world.settle();
    let good = text(&world, "kubeconfig", "kubeconfig");
    for wrong in
        [json!({}), json!({"kubeconfig": "%%"}), json!({"kubeconfig": BASE64.encode("of other keys")})]
    {
        world.observed.get_mut("kubeconfig").unwrap()["data"] = wrong;
        assert!(world.reconcile().ready);
        assert_eq!(text(&world, "kubeconfig", "kubeconfig"), good);
    }
    world.observed.remove("kubeconfig");
    world.reconcile();
    assert_eq!(text(&world, "kubeconfig", "kubeconfig"), good);
}

#[test]
fn a_pod_that_vanished_is_not_made_again() {
    for lost in ["node-0", "node-1"] {
        let mut world = world(2);
        world.settle();
        world.observed.remove(lost);
        for _ in 0..3 {
            let composed = world.reconcile();
            assert!(!composed.ready && !composed.resources.contains_key(lost));
            let why = composed.dead.unwrap();
            assert!(why.contains("is gone"), "{why}");
            assert_eq!(composed.status.message, Some(why));
            assert_eq!(composed.resources.len(), 4, "the rest stays to be looked at");
        }
    }
}

#[test]
fn a_pod_that_stands_in_for_another_is_not_wanted() {
    let mut world = world(1);
    world.settle();
    world.observed.get_mut("node-0").unwrap()["metadata"]["uid"] = "another".into();
    let composed = world.reconcile();
    assert!(composed.dead.unwrap().contains("not the one") && !composed.resources.contains_key("node-0"));
    assert!(world.reconcile().dead.is_some(), "and stays unwanted");
}

#[test]
fn a_pod_that_is_being_deleted_is_not_wanted_any_more() {
    let mut world = world(2);
    world.settle();
    world.observed.get_mut("node-1").unwrap()["metadata"]["deletionTimestamp"] =
        "2026-11-23T12:00:00Z".into();
    let composed = world.reconcile();
    assert!(composed.dead.unwrap().contains("was deleted") && !composed.resources.contains_key("node-1"));
    assert!(world.reconcile().dead.is_some());
}

#[test]
fn a_pod_that_ended_stays_and_says_why() {
    let mut world = world(1);
    world.settle();
    world.observed.get_mut("node-0").unwrap()["status"] = json!({
        "phase": "Failed",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}],
    });
    let composed = world.reconcile();
    assert!(!composed.ready && composed.resources.contains_key("node-0"));
    assert_eq!(
        composed.dead.as_deref(),
        Some("pod alpha-0 ended (OOMKilled, exit code 137); a cluster is not made twice")
    );
}

#[test]
fn a_cluster_that_lost_its_keys_gets_no_new_ones() {
    let mut world = world(1);
    world.settle();
    world.observed.remove("ca");
    let composed = world.reconcile();
    assert!(!composed.ready && composed.dead.unwrap().contains("keys"));
    assert!(!composed.resources.contains_key("ca"));
}

#[test]
fn new_settings_do_not_reach_into_a_running_cluster() {
    let mut world = world(1);
    world.settle();
    world.settings.cluster_image = "testbed.local/cluster:2".into();
    world.settings.registry = "http://elsewhere".into();
    // The world refuses a pod that changed.
    assert!(world.settle().ready);
}

#[test]
fn a_cluster_that_changes_hands_takes_its_objects_along() {
    let mut world = world(1);
    world.settle();
    world.composite["metadata"]["labels"]["experiments.illm.io/experiment-uid"] = "0000-2".into();
    world.reconcile();
    for (name, object) in &world.observed {
        assert_eq!(object["metadata"]["labels"]["experiments.illm.io/experiment-uid"], "0000-2", "{name}");
    }
}

#[test]
fn what_a_pod_waits_for_is_said() {
    let mut world = world(1);
    world.reconcile();
    world.conditions("node-0", &[("PodScheduled", "False", "0/1 nodes are available")]);
    let said = |world: &mut World| world.reconcile().status.message.unwrap();
    assert_eq!(said(&mut world), "pod alpha-0 cannot be placed: 0/1 nodes are available");
    world.observed.get_mut("node-0").unwrap()["status"] = json!({
        "phase": "Pending",
        "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}],
    });
    assert_eq!(said(&mut world), "pod alpha-0 does not start: ErrImagePull: no such host");
}

#[test]
fn a_machine_nobody_knows_is_refused() {
    let world = World::new("alpha", json!({"type": "local", "machineType": "e9-huge"}));
    assert!(world.compose().unwrap_err().to_string().contains("e9-huge"));
}

#[test]
fn a_version_is_not_silently_ignored() {
    let mut world = World::new("alpha", json!({"type": "local", "version": "1.30"}));
    assert_eq!(world.reconcile().warnings.len(), 1);
    world.reconcile();
    assert!(world.reconcile().warnings.is_empty(), "said once");
}
