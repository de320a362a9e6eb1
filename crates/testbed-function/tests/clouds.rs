//! What is asked of Google, Amazon and Microsoft, as reviewed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::World;
use serde_json::{Value, json};

fn settled(name: &str, spec: Value) -> (World, testbed_function::compose::Composed) {
    let mut world = World::new(name, spec);
    let composed = world.settle();
    (world, composed)
}

#[test]
fn gke_with_the_defaults() {
    let (mut world, composed) = settled("alpha", json!({"type": "gke", "spot": true}));
    insta::assert_yaml_snapshot!("gke", composed);
    world.observed.get_mut("cluster").unwrap()["status"]["atProvider"] = json!({"endpoint": "192.0.2.1"});
    assert_eq!(world.reconcile().status.endpoint.as_deref(), Some("https://192.0.2.1"));
}

#[test]
fn gke_with_everything_said() {
    let spec = json!({
        "type": "gke", "nodeCount": 3, "machineType": "n2-standard-4", "zone": "europe-west4-b",
        "diskSizeGb": 100, "version": "1.35",
    });
    let name = "a-name-that-is-longer-than-google-allows-names";
    insta::assert_yaml_snapshot!("gke_everything", settled(name, spec).1);
}

#[test]
fn eks_with_the_defaults() {
    let (mut world, composed) = settled("alpha", json!({"type": "eks", "spot": true}));
    insta::assert_yaml_snapshot!("eks", composed);
    world.observed.get_mut("cluster").unwrap()["status"]["atProvider"] =
        json!({"endpoint": "https://x.example"});
    assert_eq!(world.reconcile().status.endpoint.as_deref(), Some("https://x.example"));
}

#[test]
fn aks_with_the_defaults() {
    let (mut world, composed) = settled("alpha", json!({"type": "aks"}));
    insta::assert_yaml_snapshot!("aks", composed);
    world.observed.get_mut("cluster").unwrap()["status"]["atProvider"] = json!({"fqdn": "x.example"});
    assert_eq!(world.reconcile().status.endpoint.as_deref(), Some("https://x.example:443"));
}

#[test]
fn aks_on_spot() {
    let spec = json!({"type": "aks", "spot": true, "zone": "westeurope-2", "nodeCount": 2});
    insta::assert_yaml_snapshot!("aks_spot", settled("alpha", spec).1);
}

#[test]
fn nodes_wait_for_their_cluster_and_stay_wanted_afterwards() {
    for kind in ["gke", "eks"] {
        let mut world = World::new("alpha", json!({"type": kind}));
        let first = world.reconcile();
        assert!(!first.resources.contains_key("nodes") && !first.ready, "{kind}");
        assert!(first.status.kubeconfig_secret.is_none());
        let done = world.settle();
        assert!(done.resources.contains_key("nodes") && done.ready, "{kind}");
        assert_eq!(done.status.kubeconfig_secret.as_deref(), Some("alpha-kubeconfig"));
        world.conditions("cluster", &[("Ready", "False", "")]);
        let later = world.reconcile();
        assert!(later.resources.contains_key("nodes") && !later.ready, "{kind}");
        let way = (later.status.kubeconfig_secret, later.status.endpoint);
        assert_eq!(
            way,
            (done.status.kubeconfig_secret, done.status.endpoint),
            "{kind}: the way in is forgotten"
        );
    }
}

#[test]
fn a_refusal_of_the_cloud_is_said() {
    let mut world = World::new("alpha", json!({"type": "gke"}));
    world.reconcile();
    world.conditions("network", &[("Synced", "False", "quota exceeded"), ("Ready", "False", "")]);
    let message = world.reconcile().status.message;
    assert_eq!(message.as_deref(), Some("Network alpha-network is not ready yet: quota exceeded"));
}

#[test]
fn a_zone_of_another_cloud_is_refused() {
    for (kind, zone) in [("gke", "us-east-1a"), ("eks", "us-central1-a"), ("aks", "us-east-1a")] {
        let world = World::new("alpha", json!({"type": kind, "zone": zone}));
        assert!(world.compose().unwrap_err().to_string().contains(zone), "{kind}");
    }
}
