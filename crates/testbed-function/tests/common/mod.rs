//! A world in which clusters are composed: Crossplane, played by hand.
#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use jiff::Timestamp;
use serde_json::{Value, json};
use testbed_function::{
    compose::{ComposeError, Composed, Observed, Settings, Tools, compose},
    keys::{Client, KeyError, Keys, Pair},
};

/// Keys that say what they are.
pub struct Fake;

impl Keys for Fake {
    fn authority(&self, cluster: &str, now: Timestamp) -> Result<Pair, KeyError> {
        Ok(Pair { certificate: format!("ca of {cluster} at {now}"), key: "key of ca".into() })
    }

    fn service_accounts(&self) -> Result<String, KeyError> {
        Ok("key of service accounts".into())
    }

    fn client(&self, by: &Pair, who: &Client<'_>) -> Result<Pair, KeyError> {
        let certificate = format!("{} in {} until {}, by {}", who.user, who.group, who.to, by.certificate);
        Ok(Pair { certificate, key: "key of client".into() })
    }
}

pub const START: &str = "2026-11-23T12:00:00Z";

/// A composite and what is there of it.
pub struct World {
    pub composite: Value,
    pub observed: Observed,
    pub now: Timestamp,
    pub settings: Settings,
    uid: u32,
}

impl World {
    pub fn new(name: &str, spec: Value) -> Self {
        let composite = json!({
            "apiVersion": "illm.io/v1alpha1",
            "kind": "ExperimentCluster",
            "metadata": {"name": name, "namespace": "testbed-clusters", "labels": {
                "experiments.illm.io/experiment-uid": "0000-1",
                "app.kubernetes.io/managed-by": "testbed",
                "crossplane.io/composite": name,
            }},
            "spec": spec,
        });
        let settings =
            Settings { cluster_image: "testbed.local/cluster:1".into(), registry: "10.96.0.50:5000".into() };
        Self { composite, observed: Observed::new(), now: START.parse().unwrap(), settings, uid: 0 }
    }

    pub fn compose(&self) -> Result<Composed, ComposeError> {
        let tools = Tools { now: self.now, keys: &Fake };
        compose(&self.composite, &self.observed, &self.settings, tools)
    }

    /// Does what Crossplane does: everything that is wanted is there afterwards, and what is not is gone.
    pub fn reconcile(&mut self) -> Composed {
        let composed = self.compose().unwrap();
        self.observed.retain(|name, _| composed.resources.contains_key(name));
        for (name, wanted) in &composed.resources {
            let mut object = wanted.object.clone();
            match self.observed.get(name) {
                Some(there) => {
                    object["metadata"]["uid"] = there["metadata"]["uid"].clone();
                    object["status"] = there["status"].clone();
                    if there["immutable"] == true {
                        assert_eq!(object["data"], there["data"], "{name} is immutable");
                    }
                    if there["kind"] == "Pod" {
                        assert_eq!(object["spec"], there["spec"], "a pod cannot be changed");
                    }
                }
                None => {
                    self.uid += 1;
                    object["metadata"]["uid"] = format!("uid-{}", self.uid).into();
                }
            }
            self.observed.insert(name.clone(), object);
        }
        self.composite["status"] = serde_json::to_value(&composed.status).unwrap();
        composed
    }

    pub fn conditions(&mut self, name: &str, conditions: &[(&str, &str, &str)]) {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, message)| json!({"type": kind, "status": status, "message": message}))
            .collect();
        self.observed.get_mut(name).unwrap()["status"]["conditions"] = conditions.into();
    }

    pub fn ready(&mut self, name: &str) {
        self.conditions(name, &[("Ready", "True", "")]);
    }

    /// Everything that is there becomes ready, and what is asked for then, until nothing more is.
    pub fn settle(&mut self) -> Composed {
        for _ in 0..10 {
            self.reconcile();
            let names: Vec<String> = self.observed.keys().cloned().collect();
            for name in names {
                self.ready(&name);
            }
        }
        self.reconcile()
    }
}
