//! Those who work beside the operator, as small state machines with delays: kubelet, garbage collector, namespace
//! controller, Argo CD, Argo Workflows, Crossplane with the lab's own function.

use crate::store::{Change, Deletion, Entry, Key, Selector, Store, Term, strings};
use crate::wire::{Shared, lock};
use crate::world::{NAMESPACE, phase};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::select_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use testbed_api::labels;
use testbed_api::record::{LoadReport, Requests};
use testbed_api::status::Phase;
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_core::names::keyed;
use testbed_operator::outside::Clock;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// What goes otherwise than it should.
#[derive(Debug, Clone, Copy, Default)]
pub struct Behavior {
    /// The load fails.
    pub workflow_fails: bool,
    /// Components never get healthy.
    pub never_healthy: bool,
    /// Clusters never get ready.
    pub clusters_hang: bool,
    /// Soon after the run was accepted, someone else makes a namespace of the name that its last target would use.
    pub place_taken: bool,
    /// A cluster dies so long after it was made.
    pub cluster_dies: Option<Duration>,
    /// The store of results answers only after so long.
    pub store_away: Option<Duration>,
    /// The store of results keeps half of what it is given, and says nothing.
    pub store_truncates: bool,
    /// The cluster of someone else falls silent for two minutes when the run is over, or deleted.
    pub theirs_silent: bool,
    /// Every component has a disk, which is made so long after it was ordered, whatever becomes of who ordered it. Its cluster
    /// takes it away some time after the claim on it is gone.
    pub disks: Option<Duration>,
    /// Every component has a hook that is run once it was deleted, in the namespace that it was in.
    pub hooks: bool,
    /// Someone takes the label off the project of a run that is over, by which it is found, and after a while removes it.
    pub label_lost: bool,
    /// A policy of the hub takes no Application.
    pub refuses: bool,
    /// For so long a policy of the hub lets nobody delete a namespace.
    pub namespaces_stay: Option<Duration>,
    /// Whoever deletes the run deletes the way to the cluster of someone else first, and then the namespace of both, with
    /// what lets anyone read the Secrets in it.
    pub theirs_closed: bool,
    /// Stores of metrics answer only after so long.
    pub metrics_away: Option<Duration>,
    /// Components take 0.5 to 20 s to get healthy, and so do loads, each another time.
    pub scattered: bool,
}

impl Behavior {
    /// Returns whether what is measured cannot be stored, ever.
    #[must_use]
    pub fn loses_results(&self) -> bool {
        self.store_truncates || self.store_away.is_some_and(|away| away >= FOR_GOOD)
    }
}

/// How long those are away that do not come back.
pub const FOR_GOOD: Duration = Duration::from_hours(1000);

/// How long a cluster of someone else is silent that falls silent.
const SILENT: Duration = Duration::from_mins(2);

/// The cluster of someone else: here a pod stands for its API server, as for those of the lab's own clusters.
pub const THEIRS: &str = "theirs";

/// Argo CD puts it on an Application with hooks that are run once it was deleted.
const LAST_HOOK: &str = "post-delete-finalizer.argocd.argoproj.io";

/// A string that stands in every credential here, and must be found nowhere else.
pub const CANARY: &str = "canary-7f3a9c";

/// Returns whether a credential of the players stands in it: plainly, as Secrets hold it, or as Rust shows bytes.
#[must_use]
pub fn holds_canary(text: &str) -> bool {
    FORMS.iter().any(|form| text.contains(form.as_str()))
}

/// The forms in which the canary can stand somewhere. In base64 it depends on where in its text it begins, and what is
/// before and after it changes the characters at its ends.
static FORMS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let within = |before: usize| {
        let encoded = BASE64_STANDARD.encode("..."[..before].to_owned() + CANARY);
        encoded[(before * 8).div_ceil(6)..(before + CANARY.len()) * 8 / 6].to_owned()
    };
    let numbers: Vec<String> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    let plain = [CANARY.to_owned(), numbers.join(", "), numbers.join(",")];
    plain.into_iter().chain((0..3).map(within)).collect()
});

/// Opens a way to the API server of the cluster of that name, and returns its host and port.
pub type Door = Box<dyn Fn(&str, &Shared) -> String + Send + Sync>;

/// Clusters of targets.
pub struct Clusters {
    /// Name and API server of each, by host and port.
    servers: Mutex<BTreeMap<String, (String, Shared)>>,
    door: Door,
    /// Whoever vouches for their API servers, as PEM.
    authority: String,
}

impl Default for Clusters {
    /// Those of a world in memory. Nothing there speaks TLS: its authority need only look like a certificate.
    fn default() -> Self {
        let authority = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n";
        Self::new(authority.to_owned(), Box::new(|name, _| format!("{name}.{CLUSTER_NAMESPACE}.svc:6443")))
    }
}

impl Clusters {
    /// Returns none, to which ways are opened in this manner.
    #[must_use]
    pub fn new(authority: String, door: Door) -> Self {
        Self { servers: Mutex::default(), door, authority }
    }

    fn servers(&self) -> MutexGuard<'_, BTreeMap<String, (String, Shared)>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns name and API server of the cluster at this host and port.
    #[must_use]
    pub fn at(&self, host: &str) -> Option<(String, Shared)> {
        self.servers().get(host).cloned()
    }

    /// Returns host and port of a cluster, and its API server.
    fn named(&self, name: &str) -> Option<(String, Shared)> {
        let servers = self.servers();
        let mut of_name = servers.iter().filter(|(_, (known, _))| known == name);
        of_name.next().map(|(host, (_, store))| (host.clone(), store.clone()))
    }

    /// Starts the API server of a cluster.
    fn boot(&self, clock: &Clock, name: &str) {
        let mut inner = Store::new(clock.clone(), name, &["kube-system", "default"]);
        let node = json!({"metadata": {"name": "node"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.98.0.1"}]}});
        if let Ok(made) = inner.create("Node", "", node.clone()) {
            let key = Key::new("Node", "", text(&made, "/metadata/name"));
            let _ = inner.patch(&key, true, &node);
        }
        let inner: Shared = Arc::new(Mutex::new(inner));
        let host = (self.door)(name, &inner);
        let mut servers = self.servers();
        servers.retain(|_, (known, _)| known != name);
        servers.insert(host, (name.to_owned(), inner));
    }

    /// Returns the address of the API server of a cluster.
    fn address(&self, name: &str) -> String {
        format!("https://{}", self.named(name).map(|(host, _)| host).unwrap_or_default())
    }

    fn kubeconfig(&self, name: &str) -> String {
        let authority = BASE64_STANDARD.encode(&self.authority);
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "admin",
            "clusters": [{"name": "c",
                "cluster": {"server": self.address(name), "certificate-authority-data": authority}}],
            "users": [{"name": "u", "user": {"token": CANARY}}],
            "contexts": [{"name": "admin", "context": {"cluster": "c", "user": "u"}}],
        })
        .to_string()
    }
}

/// Plays until it is dropped.
pub struct Players {
    hub: Shared,
    clusters: Arc<Clusters>,
    clock: Clock,
    behavior: Behavior,
    /// How many times as fast as usual everything goes.
    speed: u32,
    /// When something was first seen, by UID and what it is.
    seen: BTreeMap<(String, &'static str), Instant>,
    /// What is to be looked at, and when: place in time, cluster (empty for the hub), object.
    due: BTreeSet<(Instant, String, Key)>,
    /// How much of each history is known.
    read: BTreeMap<String, usize>,
    /// For which namespace and claim each disk was ordered, until it is made.
    ordered: BTreeMap<String, Option<(String, String)>>,
    /// How often the hub went back to an earlier state.
    restored: usize,
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn has_last_hook(object: &Value) -> bool {
    strings(&object["metadata"]["finalizers"]).iter().any(|finalizer| finalizer == LAST_HOOK)
}

pub(crate) fn deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns host and port of an address.
#[must_use]
pub fn authority(address: &str) -> &str {
    address.trim_start_matches("https://").trim_end_matches('/')
}

impl Players {
    /// Returns them, before anything happened.
    #[must_use]
    pub fn new(hub: Shared, clusters: Arc<Clusters>, clock: Clock, behavior: Behavior, speed: u32) -> Self {
        let (seen, due, read, ordered) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self { hub, clusters, clock, behavior, speed, seen, due, read, ordered, restored: 0 }
    }

    /// Plays.
    pub async fn play(mut self) {
        loop {
            let changed: Vec<Arc<Notify>> = self
                .places()
                .iter()
                .filter_map(|place| Some(lock(&self.store(place)?).changed.clone()))
                .collect();
            let told = select_all(changed.iter().map(|changed| Box::pin(changed.notified())));
            self.listen();
            let now = Instant::now();
            while let Some(first) = self.due.first().filter(|(at, ..)| *at <= now).cloned() {
                self.due.remove(&first);
                let (_, place, key) = first;
                if let Some(wait) = self.look(&place, &key) {
                    self.due.insert((now + wait, place, key));
                }
                self.listen();
            }
            let next = self.due.first().map_or(now + Duration::from_secs(3600), |(at, ..)| *at);
            tokio::select! {
                _ = told => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Returns the hub's place, and that of each cluster.
    fn places(&self) -> Vec<String> {
        std::iter::once(String::new()).chain(self.clusters.servers().keys().cloned()).collect()
    }

    fn store(&self, place: &str) -> Option<Shared> {
        if place.is_empty() {
            return Some(self.hub.clone());
        }
        self.clusters.at(place).map(|(_, store)| store)
    }

    /// Returns the cluster that an address leads to, if it is alive.
    fn reach(&self, server: &str) -> Option<(String, Shared)> {
        if server == "https://kubernetes.default.svc" {
            return Some((String::new(), self.hub.clone()));
        }
        let place = authority(server);
        let (name, store) = self.clusters.at(place)?;
        alive(&self.hub, &name).then(|| (place.to_owned(), store))
    }

    /// Whatever changed is looked at.
    fn listen(&mut self) {
        for place in self.places() {
            let Some(store) = self.store(&place) else { continue };
            let store = lock(&store);
            if place.is_empty() && self.restored != store.restored.len() {
                self.restored = store.restored.len();
                self.read.remove(&place);
            }
            let read = self.read.entry(place.clone()).or_default();
            let now = Instant::now();
            for entry in &store.log[*read..] {
                self.due.insert((now, place.clone(), entry.key.clone()));
                if entry.key.kind == "Namespace" && entry.change == Change::Deleted {
                    self.due.insert((now, place.clone(), Key::new("PersistentVolume", "", "*")));
                }
                let pod = entry.key.kind == "Pod" && entry.change == Change::Deleted;
                if pod || entry.key.kind == "Namespace" {
                    self.due.insert((now, String::new(), Key::new("Application", "", "*")));
                }
                if entry.change == Change::Deleted || deleting(&entry.object) {
                    for kind in ["Workflow", "ExperimentCluster"] {
                        self.due.insert((now, String::new(), Key::new(kind, "", "*")));
                    }
                }
            }
            *read = store.log.len();
        }
    }

    /// Returns how long ago something was first seen.
    fn since(&mut self, uid: &str, what: &'static str) -> Duration {
        self.seen.entry((uid.to_owned(), what)).or_insert_with(Instant::now).elapsed()
    }

    /// Returns how long is still to wait until `delay` after something was first seen; absent when that is over.
    fn wait(&mut self, uid: &str, what: &'static str, delay: Duration) -> Option<Duration> {
        let delay = match what {
            "synced" | "running" if self.behavior.scattered => millis(500 + keyed(0, &[uid, what]) % 19_500),
            _ => delay,
        };
        let (since, delay) = (self.since(uid, what), delay / self.speed);
        (since < delay).then(|| delay - since)
    }

    fn look(&mut self, place: &str, key: &Key) -> Option<Duration> {
        let store = self.store(place)?;
        if key.name == "*" {
            let found = lock(&store).list(key.kind, &Selector::default());
            for object in found {
                let key =
                    Key::new(key.kind, text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
                if let Some(wait) = self.look(place, &key) {
                    self.due.insert((Instant::now() + wait, place.to_owned(), key));
                }
            }
            return None;
        }
        if let Some((namespace, claim)) = self.ordered.get_mut(&key.name).and_then(Option::take) {
            let disk = json!({"metadata": {"name": key.name}, "spec": {
                "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim}}});
            let _ = lock(&store).create("PersistentVolume", "", disk);
        }
        let object = lock(&store).get(key);
        let Some(object) = object else {
            collect(&store, key);
            return None;
        };
        match key.kind {
            "Namespace" => self.namespace(&store, key, &object),
            "Pod" => self.pod(&store, key, &object),
            "Service" => self.service(&store, key, &object),
            "PersistentVolume" => self.volume(place, &store, key, &object),
            "AppProject" if self.behavior.label_lost => self.project(key, &object),
            "Application" => self.application(key, &object),
            "Workflow" => self.workflow(key, &object),
            "ExperimentCluster" => self.cluster(key, &object),
            _ => None,
        }
    }

    fn namespace(&mut self, store: &Shared, key: &Key, object: &Value) -> Option<Duration> {
        if !deleting(object) {
            return None;
        }
        if let Some(wait) = self.wait(uid(object), "going", millis(5000)) {
            return Some(wait);
        }
        let mut store = lock(store);
        let within: Vec<Key> =
            store.all().map(|(key, _)| key.clone()).filter(|within| within.namespace == key.name).collect();
        for within in &within {
            let _ = store.delete(within, &Deletion { now: true, ..Deletion::default() });
        }
        store.finish(key);
        None
    }

    /// A cloud gives a load balancer an address.
    fn service(&mut self, store: &Shared, key: &Key, object: &Value) -> Option<Duration> {
        let is_bare = object["status"]["loadBalancer"].is_null();
        if object["spec"]["type"] != "LoadBalancer" || !is_bare {
            return None;
        }
        let wait = self.wait(uid(object), "balancing", millis(1000));
        if wait.is_none() {
            let status = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}});
            let _ = lock(store).patch(key, true, &json!({"status": status}));
        }
        wait
    }

    /// Someone takes its label off once the run is over, and removes it when it is missed.
    fn project(&mut self, key: &Key, object: &Value) -> Option<Duration> {
        let runs = lock(&self.hub).list("Experiment", &Selector::default());
        if !runs.iter().all(|run| deleting(run) || phase(run) >= Some(Phase::Complete)) {
            return Some(millis(500));
        }
        if object["metadata"]["labels"][labels::EXPERIMENT_UID].is_string() {
            let lost = json!({"metadata": {"labels": {labels::EXPERIMENT_UID: null}}});
            let _ = lock(&self.hub).patch(key, false, &lost);
        }
        let wait = self.wait(uid(object), "missed", Duration::from_mins(2));
        if wait.is_none() {
            let _ = lock(&self.hub).delete(key, &Deletion { now: true, ..Deletion::default() });
        }
        wait
    }

    /// What nobody claims any more goes, if there is still a cluster that does something about it.
    fn volume(&mut self, place: &str, store: &Shared, key: &Key, object: &Value) -> Option<Duration> {
        let claim = Key::new("Namespace", "", text(object, "/spec/claimRef/namespace"));
        if lock(store).get(&claim).is_some() {
            return None;
        }
        let wait = self.wait(uid(object), "released", millis(1500));
        let (name, _) = self.clusters.at(place)?;
        if wait.is_none() && alive(&self.hub, &name) {
            let _ = lock(store).delete(key, &Deletion { now: true, ..Deletion::default() });
        }
        wait
    }

    fn pod(&mut self, store: &Shared, key: &Key, object: &Value) -> Option<Duration> {
        if deleting(object) {
            let wait = self.wait(uid(object), "stopping", millis(800));
            if wait.is_none() {
                lock(store).finish(key);
            }
            return wait;
        }
        if object["spec"]["nodeName"].is_null() {
            return None;
        }
        let ready = object.pointer("/status/conditions/0/status").is_some_and(|status| status == "True");
        if ready || text(object, "/status/phase") == "Succeeded" {
            return None;
        }
        let wait = self.wait(uid(object), "starting", millis(1000));
        if wait.is_none() {
            let status = json!({"phase": "Running",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": seconds(self.clock.now())}]});
            let _ = lock(store).patch(key, true, &json!({"status": status}));
        }
        wait
    }

    fn application(&mut self, key: &Key, object: &Value) -> Option<Duration> {
        let (name, server) = (
            text(object, "/metadata/labels/experiments.illm.io~1component"),
            text(object, "/spec/destination/server"),
        );
        let namespace = text(object, "/spec/destination/namespace");
        let reached = self.reach(server);
        let operation = text(object, "/status/operationState/phase");
        if operation == "Terminating" {
            let wait = self.wait(uid(object), "terminating", millis(200));
            if wait.is_none() {
                self.tell(key, &json!({"operationState": {"phase": "Failed"}}));
            }
            return wait;
        }
        if deleting(object) {
            if operation == "Running" {
                // A sync that goes on is not given up by itself.
                return None;
            }
            if let Some(wait) = self.wait(uid(object), "deleting", millis(700)) {
                return Some(wait);
            }
            match reached {
                Some((_, store)) => {
                    let space = Key::new("Namespace", "", namespace);
                    let mut store = lock(&store);
                    let is_going = store.get(&space).is_none_or(|space| deleting(&space));
                    for kind in ["Pod", "Service"] {
                        let named = app(namespace, name);
                        for part in store.list(kind, &named) {
                            let part = Key::new(kind, namespace, text(&part, "/metadata/name"));
                            let _ = store.delete(&part, &Deletion::default());
                        }
                    }
                    drop(store);
                    let has_hooks = has_last_hook(object);
                    if has_hooks && is_going {
                        // No hook can be made there.
                        return Some(millis(2000) / self.speed);
                    }
                    if let Some(wait) = self.wait(uid(object), "hook", millis(1000)).filter(|_| has_hooks) {
                        return Some(wait);
                    }
                }
                None if self.registered(server) || self.seen.contains_key(&(uid(object).into(), "told")) => {
                    // It waits for a cluster that it knows and that does not answer.
                    return Some(millis(2000) / self.speed);
                }
                None => {}
            }
            let none = json!({"metadata": {"finalizers": null}});
            let _ = lock(&self.hub).patch(key, false, &none);
            return None;
        }
        if let Some(wait) = self.wait(uid(object), "made", millis(300)) {
            return Some(wait);
        }
        if operation.is_empty() {
            self.tell(
                key,
                &json!({"sync": {"status": "OutOfSync"}, "health": {"status": "Missing"},
                "operationState": {"phase": "Running"}}),
            );
        }
        let (place, store) = match reached {
            Some(reached) => reached,
            None => return Some(millis(2000) / self.speed),
        };
        let space = lock(&store).get(&Key::new("Namespace", "", namespace));
        if space.is_none_or(|space| deleting(&space)) {
            return Some(millis(1000) / self.speed);
        }
        if let Some(wait) = self.wait(uid(object), "placed", millis(700)) {
            return Some(wait);
        }
        deployed(&store, namespace, name);
        if self.behavior.hooks && !has_last_hook(object) {
            let mut finalizers = strings(&object["metadata"]["finalizers"]);
            finalizers.push(LAST_HOOK.to_owned());
            let patch = json!({"metadata": {"finalizers": finalizers}});
            let _ = lock(&self.hub).patch(key, false, &patch);
        }
        if let Some(takes) = self.behavior.disks {
            let disk = format!("pvc-{}", uid(object));
            self.ordered.entry(disk.clone()).or_insert_with(|| {
                let made = Instant::now() + takes / self.speed;
                self.due.insert((made, place, Key::new("PersistentVolume", "", &disk)));
                Some((namespace.to_owned(), format!("data-{name}-0")))
            });
        }
        let revisions: Vec<&str> = object["spec"]["sources"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|source| text(source, "/targetRevision"))
            .collect();
        let healthy =
            !self.behavior.never_healthy && self.wait(uid(object), "synced", millis(1500)).is_none();
        let health = if healthy { "Healthy" } else { "Progressing" };
        let phase = if healthy { "Succeeded" } else { "Running" };
        self.tell(
            key,
            &json!({"sync": {"status": "Synced", "revisions": revisions},
            "health": {"status": health}, "operationState": {"phase": phase}}),
        );
        (!healthy && !self.behavior.never_healthy).then(|| millis(500) / self.speed)
    }

    /// Writes status where status is part of the object.
    fn tell(&self, key: &Key, status: &Value) {
        let _ = lock(&self.hub).patch(key, false, &json!({"status": status}));
    }

    /// Whether Argo CD knows of a cluster.
    fn registered(&self, server: &str) -> bool {
        let encoded = BASE64_STANDARD.encode(server);
        let secrets = Selector { namespace: Some(ARGOCD_NAMESPACE.into()), ..Selector::default() };
        lock(&self.hub).list("Secret", &secrets).iter().any(|secret| text(secret, "/data/server") == encoded)
    }

    fn workflow(&mut self, key: &Key, object: &Value) -> Option<Duration> {
        let name = text(object, "/metadata/name");
        let pod = Key::new("Pod", WORKFLOW_NAMESPACE, &format!("{name}-load"));
        if deleting(object) {
            let there = lock(&self.hub).get(&pod);
            if there.is_some_and(|pod| text(&pod, "/metadata/labels/workflow") == uid(object)) {
                let _ = lock(&self.hub).delete(&pod, &Deletion::default());
                return None;
            }
            release(&self.hub, key, object);
            return None;
        }
        if let Some(wait) = self.wait(uid(object), "made", millis(400)) {
            return Some(wait);
        }
        match text(object, "/status/phase") {
            "" => {
                let mut labels = object["spec"]["podMetadata"]["labels"].clone();
                labels["workflow"] = json!(uid(object));
                let made = json!({"apiVersion": "v1", "kind": "Pod", "spec": on_node(),
                    "metadata": {"name": pod.name, "labels": labels, "ownerReferences": [{"uid": uid(object),
                        "apiVersion": object["apiVersion"], "kind": object["kind"], "name": name}]}});
                let _ = lock(&self.hub).create("Pod", WORKFLOW_NAMESPACE, made);
                let started = json!({"phase": "Running", "startedAt": seconds(self.clock.now())});
                self.tell(key, &started);
                None
            }
            "Running" => {
                if let Some(wait) = self.wait(uid(object), "running", duration(object)) {
                    return Some(wait);
                }
                let now = self.clock.now();
                // Of a trial it lies within the load, which may take a tenth of its time.
                let (window, longest) = match seconds_of(object, &["window"]) {
                    0 => (20, Duration::MAX),
                    given => (given, duration(object) / self.speed),
                };
                let length = Duration::from_secs(window.into()).min(longest);
                let begin = now.saturating_sub(length).unwrap_or(now);
                let report = serde_json::to_string(&load(window)).unwrap_or_default();
                let phase = if self.behavior.workflow_fails { "Failed" } else { "Succeeded" };
                self.tell(
                    key,
                    &json!({"phase": phase, "finishedAt": seconds(now), "nodes": {"load": {
                        "type": "Pod", "displayName": "window", "phase": phase,
                        "startedAt": seconds(begin), "finishedAt": seconds(now),
                        "outputs": {"parameters": [
                            {"name": "window-start", "value": begin.to_string()},
                            {"name": "window-end", "value": now.to_string()},
                            {"name": "load-report", "value": report},
                        ]},
                    }}}),
                );
                None
            }
            _ => None,
        }
    }

    fn cluster(&mut self, key: &Key, object: &Value) -> Option<Duration> {
        let name = text(object, "/metadata/name");
        let part = |kind: &str, name: String| Key::new(kind, CLUSTER_NAMESPACE, &name);
        let parts = [
            part("Pod", format!("{name}-0")),
            part("Secret", format!("{name}-kubeconfig")),
            part("Service", name.to_owned()),
        ];
        let mine = |store: &Store, key: &Key| {
            store.get(key).filter(|found| text(found, "/metadata/labels/of") == uid(object))
        };
        if deleting(object) {
            let mut hub = lock(&self.hub);
            let left: Vec<&Key> = parts.iter().filter(|part| mine(&hub, part).is_some()).collect();
            for part in &left {
                let _ = hub.delete(part, &Deletion::default());
            }
            let gone = parts.iter().all(|part| mine(&hub, part).is_none());
            drop(hub);
            if gone {
                release(&self.hub, key, object);
            }
            return None;
        }
        if let Some(wait) = self.wait(uid(object), "composed", millis(200)) {
            return Some(wait);
        }
        if object["spec"]["crossplane"].is_null() {
            let references: Vec<Value> = parts
                .iter()
                .map(|part| json!({"apiVersion": "v1", "kind": part.kind, "name": part.name}))
                .collect();
            let patch = json!({"metadata": {"finalizers": ["composite.apiextensions.crossplane.io"]},
                "spec": {"crossplane": {"resourceRefs": references}}});
            let _ = lock(&self.hub).patch(key, false, &patch);
            self.clusters.boot(&self.clock, name);
            self.make(object, name, &parts);
            self.conditions(key, false, "its nodes start");
            return Some(millis(3000) / self.speed);
        }
        if self.behavior.clusters_hang {
            return None;
        }
        if let Some(wait) = self.wait(uid(object), "booting", millis(3000)) {
            return Some(wait);
        }
        // What is missing is made again, but for the pod: a cluster is not made twice.
        self.make(object, name, &parts[1..]);
        let dead = lock(&self.hub).get(&parts[0]).is_none();
        if text(object, "/status/endpoint").is_empty() {
            self.conditions(key, true, "it answers");
        } else if dead && object.pointer("/status/conditions/2").is_none() {
            let patch = json!({"status": {"message": "its pod is gone", "conditions": [
                {"type": "Synced", "status": "True"}, {"type": "Ready", "status": "False"},
                {"type": "Alive", "status": "False"}]}});
            let _ = lock(&self.hub).patch(key, true, &patch);
        }
        let dies = self.behavior.cluster_dies?;
        let wait = self.wait(uid(object), "living", dies);
        if wait.is_none() && !dead {
            let _ = lock(&self.hub).delete(&parts[0], &Deletion { now: true, ..Deletion::default() });
        }
        wait
    }

    fn conditions(&self, key: &Key, ready: bool, message: &str) {
        let truth = if ready { "True" } else { "False" };
        let mut status = json!({"message": message, "conditions": [
            {"type": "Synced", "status": "True"}, {"type": "Ready", "status": truth}]});
        if ready {
            status["endpoint"] = json!(self.clusters.address(&key.name));
            status["kubeconfigSecret"] = json!(format!("{}-kubeconfig", key.name));
            status["machineType"] = json!("local-small");
            status["nodeCount"] = json!(1);
        }
        let _ = lock(&self.hub).patch(key, true, &json!({"status": status}));
    }

    /// Makes what a cluster is made of.
    fn make(&self, object: &Value, name: &str, parts: &[Key]) {
        let mut labels = json!({"of": uid(object)});
        for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
            labels[key] = value.clone();
        }
        let kubeconfig = self.clusters.kubeconfig(name);
        let mut hub = lock(&self.hub);
        for part in parts {
            let mut made = json!({"metadata": {"name": part.name, "labels": labels}});
            match part.kind {
                "Pod" => made["spec"] = on_node(),
                "Service" => made["spec"]["ports"] = json!([{"port": 6443, "protocol": "TCP"}]),
                "Secret" => made["stringData"] = json!({"kubeconfig": kubeconfig}),
                _ => {}
            }
            let _ = hub.create(part.kind, CLUSTER_NAMESPACE, made);
        }
    }
}

/// Has a cluster of someone else there, and the Secret with the way to it; it answers, but for a while if it is to.
pub async fn theirs(hub: Shared, clusters: Arc<Clusters>, clock: Clock, behavior: Behavior) {
    clusters.boot(&clock, THEIRS);
    let secret =
        json!({"metadata": {"name": THEIRS}, "stringData": {"kubeconfig": clusters.kubeconfig(THEIRS)}});
    let mut since = None;
    let server = Key::new("Pod", CLUSTER_NAMESPACE, &format!("{THEIRS}-0"));
    let made = json!({"metadata": {"name": server.name}, "spec": on_node()});
    loop {
        let changed = lock(&hub).changed.clone();
        let told = changed.notified();
        let runs = lock(&hub).list("Experiment", &Selector::default());
        if runs.iter().any(|run| deleting(run) || phase(run) >= Some(Phase::Complete)) {
            since.get_or_insert(Instant::now());
        }
        let silent = behavior.theirs_silent && since.is_some_and(|since| since.elapsed() < SILENT);
        if behavior.theirs_closed && (since.is_some() || runs.is_empty()) {
            let way = Key::new("Secret", NAMESPACE, THEIRS);
            let space = Key::new("Namespace", "", NAMESPACE);
            let mut hub = lock(&hub);
            let _ = hub.delete(&way, &Deletion { now: true, ..Deletion::default() });
            // It stays for as long as the Experiment has our finalizer, and then for those who look at the end.
            let _ = hub.patch(&space, false, &json!({"metadata": {"finalizers": ["kubernetes"]}}));
            let _ = hub.delete(&space, &Deletion::default());
        } else {
            let _ = lock(&hub).create("Secret", NAMESPACE, secret.clone());
        }
        let is_there = lock(&hub).get(&server).is_some();
        if silent && is_there {
            let _ = lock(&hub).delete(&server, &Deletion { now: true, ..Deletion::default() });
        } else if !silent && !is_there {
            let _ = lock(&hub).create("Pod", CLUSTER_NAMESPACE, made.clone());
        }
        tokio::select! {
            () = told => {}
            () = sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Returns what happened in the cluster of someone else, and what is in it.
#[must_use]
pub fn in_theirs(clusters: &Clusters) -> (Vec<Entry>, Vec<Key>) {
    let Some((_, store)) = clusters.named(THEIRS) else { return (Vec::new(), Vec::new()) };
    let store = lock(&store);
    (store.history(), store.all().map(|(key, _)| key.clone()).collect())
}

/// Returns what clouds made for clusters that the lab made, which are gone, and hold still.
#[must_use]
pub fn in_clouds(clusters: &Clusters) -> Vec<Key> {
    let servers = clusters.servers();
    let made = servers.values().filter(|(name, _)| name != THEIRS);
    let held = made.flat_map(|(_, store)| {
        let store = lock(store);
        let is_held = |key: &Key, object: &Value| {
            key.kind == "PersistentVolume" || object["spec"]["type"] == "LoadBalancer"
        };
        let held: Vec<Key> =
            store.all().filter(|(key, object)| is_held(key, object)).map(|(key, _)| key.clone()).collect();
        held
    });
    held.collect()
}

/// Whether the API server of this cluster is there: whether its pod is.
#[must_use]
pub fn alive(hub: &Shared, name: &str) -> bool {
    lock(hub).get(&Key::new("Pod", CLUSTER_NAMESPACE, &format!("{name}-0"))).is_some()
}

/// What is owned goes with its owner.
fn collect(store: &Shared, owner: &Key) {
    if owner.kind != "Experiment" {
        return;
    }
    let mut store = lock(store);
    let gone = |object: &Value| {
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|reference| reference["kind"] == "Experiment")
    };
    let owned: Vec<(Key, Value)> = store
        .all()
        .filter(|(_, object)| gone(object))
        .map(|(key, object)| (key.clone(), (**object).clone()))
        .collect();
    for (key, object) in owned {
        let uids: Vec<&str> = object["metadata"]["ownerReferences"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|reference| text(reference, "/uid"))
            .collect();
        let lives = store.list("Experiment", &Selector::default()).iter().any(|run| uids.contains(&uid(run)));
        if !lives {
            let _ = store.delete(&key, &Deletion::default());
        }
    }
}

/// Lets an object go whose finalizers are Crossplane's and the garbage collector's.
fn release(hub: &Shared, key: &Key, object: &Value) {
    let ours = ["composite.apiextensions.crossplane.io", "foregroundDeletion"];
    let left: Vec<String> = strings(&object["metadata"]["finalizers"])
        .into_iter()
        .filter(|finalizer| !ours.contains(&finalizer.as_str()))
        .collect();
    let _ = lock(hub).patch(key, false, &json!({"metadata": {"finalizers": left}}));
}

/// Selects the objects of an app.
fn app(namespace: &str, name: &str) -> Selector {
    let labels = Term::of(&format!("app={name}")).into_iter().collect();
    Selector { namespace: Some(namespace.to_owned()), labels, fields: Vec::new() }
}

/// What Argo CD deploys of a component, and keeps there: a Service and a pod.
fn deployed(store: &Shared, namespace: &str, name: &str) {
    let mut store = lock(store);
    let labels = json!({"app": name});
    let service = json!({"metadata": {"name": name, "labels": labels},
        "spec": {"selector": labels, "ports": [{"port": 8080, "targetPort": 8080, "protocol": "TCP"}]}});
    let _ = store.create("Service", namespace, service);
    if store.list("Pod", &app(namespace, name)).is_empty() {
        let pod =
            json!({"metadata": {"generateName": format!("{name}-"), "labels": labels}, "spec": on_node()});
        let _ = store.create("Pod", namespace, pod);
    }
}

/// A pod of one container, on the one node.
/// What a generator says that gave the load it was to give, for as many seconds.
fn load(window: u32) -> LoadReport {
    let requests = u64::from(window) * 10;
    LoadReport {
        rate_intended_per_second: Some(10.0),
        rate_achieved_per_second: Some(10.0),
        requests: Some(Requests {
            intended: requests,
            sent: requests,
            succeeded: requests,
            ..Requests::default()
        }),
        late_starts: Some(0),
        cpu_seconds: Some(0.1),
        window_seconds: Some(window.into()),
        clock_shift_seconds: Some(0.0),
        ..LoadReport::default()
    }
}

fn on_node() -> Value {
    json!({"nodeName": "node", "containers": [{"name": "main", "image": "main"}]})
}

/// Returns how long a workflow runs: as long as its parameters say, or five seconds.
fn duration(workflow: &Value) -> Duration {
    match seconds_of(workflow, &["warmup", "window", "cooldown"]) {
        0 => Duration::from_secs(5),
        sum => Duration::from_secs(sum.into()),
    }
}

/// Returns the seconds that a workflow was given in these parameters, added up.
fn seconds_of(workflow: &Value, names: &[&str]) -> u32 {
    let parameters = workflow.pointer("/spec/arguments/parameters").and_then(Value::as_array);
    let given = parameters.into_iter().flatten().filter_map(|parameter| {
        let is_meant = names.contains(&parameter["name"].as_str()?);
        parameter["value"].as_str().filter(|_| is_meant)?.strip_suffix('s')?.parse::<u32>().ok()
    });
    given.sum()
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
