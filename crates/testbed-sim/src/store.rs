//! What an API server answers, in memory: as much of its semantics as the operator relies on. Or the picture of a real
//! one, to which every change is sent on.
//!
//! `tests/conformance.rs` replays random operations against this and against the real thing, and compares every answer.

use crate::wire::text;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use testbed_operator::outside::Clock;
use tokio::sync::Notify;

/// A kind of objects.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Group and version, such as `apps/v1`.
    pub api_version: &'static str,
    /// Name in paths.
    pub plural: &'static str,
    /// Name in objects.
    pub kind: &'static str,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Whether status is written apart.
    pub status: bool,
}

const fn kind(
    api_version: &'static str,
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    status: bool,
) -> Kind {
    Kind { api_version, plural, kind, namespaced, status }
}

/// Kinds that are served.
pub const KINDS: [Kind; 18] = [
    kind("v1", "namespaces", "Namespace", false, true),
    kind("v1", "nodes", "Node", false, true),
    kind("v1", "persistentvolumes", "PersistentVolume", false, true),
    kind("v1", "pods", "Pod", true, true),
    kind("v1", "services", "Service", true, true),
    kind("v1", "secrets", "Secret", true, false),
    kind("v1", "configmaps", "ConfigMap", true, false),
    kind("events.k8s.io/v1", "events", "Event", true, false),
    kind("coordination.k8s.io/v1", "leases", "Lease", true, false),
    kind("argoproj.io/v1alpha1", "applications", "Application", true, false),
    kind("argoproj.io/v1alpha1", "appprojects", "AppProject", true, false),
    kind("argoproj.io/v1alpha1", "workflows", "Workflow", true, false),
    kind("argoproj.io/v1alpha1", "workflowtemplates", "WorkflowTemplate", true, false),
    kind("illm.io/v1alpha1", "experimentclusters", "ExperimentCluster", true, true),
    kind("experiments.illm.io/v1alpha1", "experiments", "Experiment", true, true),
    kind("experiments.illm.io/v1alpha1", "components", "Component", false, false),
    kind("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false, true),
    // Nobody's: what is compared with a real API server.
    kind("sim.illm.io/v1", "probes", "Probe", true, true),
];

/// Returns the kind with this API version and name in paths.
#[must_use]
pub fn served(api_version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.api_version == api_version && kind.plural == plural)
}

/// Returns the kind of that name.
///
/// # Panics
/// If no such kind is served.
#[must_use]
pub fn named(name: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.kind == name).unwrap_or_else(|| panic!("kind {name} is not served"))
}

impl Kind {
    /// Returns the path of its objects, or of one of them.
    #[must_use]
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let space = if self.namespaced && !namespace.is_empty() {
            format!("namespaces/{namespace}/")
        } else {
            String::new()
        };
        let path = format!("/{root}/{}/{space}{}/{name}", self.api_version, self.plural);
        path.trim_end_matches('/').to_owned()
    }

    /// Returns whether it is defined by someone, rather than built in.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.api_version.contains("illm.io/") || self.api_version.starts_with("argoproj.io/")
    }

    /// Returns a definition of it that takes whatever it is given.
    #[must_use]
    pub fn definition(&self) -> Value {
        let (group, version) = self.api_version.split_once('/').unwrap_or_default();
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let parts = if self.status { json!({"status": {}}) } else { json!({}) };
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{group}", self.plural)},
            "spec": {"group": group, "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
                "names": {"plural": self.plural, "kind": self.kind, "listKind": format!("{}List", self.kind)},
                "versions": [{"name": version, "served": true, "storage": true, "subresources": parts,
                    "schema": {"openAPIV3Schema": any}}]}})
    }

    /// Says in an object that it is of this kind.
    pub fn name(&self, object: &mut Value) {
        object["apiVersion"] = json!(self.api_version);
        object["kind"] = json!(self.kind);
    }
}

/// Who writes without applying, as far as it matters who owns a field.
const WRITER: &str = "(a writer)";

/// What names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace, empty if it is in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// Names an object.
    #[must_use]
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: named(kind).kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// An answer that is not the object: code, reason, message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// One word.
    pub reason: Cow<'static, str>,
    /// What is wrong.
    pub message: String,
    /// The object that it is about, if it is about one.
    pub name: Option<String>,
}

impl Refusal {
    /// Makes one.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), name: None }
    }

    /// Says that an object is not there.
    pub(crate) fn missing(key: &Key) -> Self {
        let message = format!("{} \"{}\" not found", named(key.kind).plural, key.name);
        Self { name: Some(key.name.clone()), ..Self::new(404, "NotFound", message) }
    }

    fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "Conflict", message)
    }

    /// Returns it as the API server writes it.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
               "message": self.message, "reason": self.reason, "code": self.code});
        if let Some(name) = &self.name {
            status["details"] = json!({"name": name});
        }
        status
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It is gone.
    Deleted,
}

impl Change {
    const fn of(gone: bool, existed: bool) -> Self {
        match (gone, existed) {
            (true, _) => Self::Deleted,
            (false, false) => Self::Added,
            (false, true) => Self::Modified,
        }
    }

    /// Returns what a watch calls it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One entry of the history.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Resource version that it made.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// Of which object.
    pub key: Key,
    /// What happened.
    pub change: Change,
    /// The object after it; of one that is gone, as it was last.
    pub object: Arc<Value>,
    /// The object before it.
    pub before: Option<Arc<Value>>,
}

/// An API server that went back to an earlier state.
#[derive(Debug, Clone)]
pub struct Restored {
    /// When.
    pub at: Timestamp,
    /// The Experiment as it was again.
    pub run: Arc<Value>,
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// Namespace; absent for all.
    pub namespace: Option<String>,
    /// What its labels are.
    pub labels: Vec<Term>,
    /// What its fields are, named by their paths.
    pub fields: Vec<Term>,
}

/// One thing that is asked of an object.
#[derive(Debug, Clone)]
pub struct Term {
    name: String,
    is_equal: bool,
    value: String,
}

impl Term {
    /// Reads `name=value`, `name==value` or `name!=value`.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let is_equal = !name.ends_with('!');
        let (name, value) = (name.trim_end_matches('!').to_owned(), value.trim_start_matches('=').to_owned());
        Some(Self { name, is_equal, value })
    }
}

impl Selector {
    /// Returns whether an object is among those that are looked for.
    #[must_use]
    pub fn matches(&self, key: &Key, object: &Value) -> bool {
        let label = |term: &Term| object["metadata"]["labels"][&term.name].as_str() == Some(&term.value);
        // A field that is absent is as good as empty.
        let field = |term: &Term| match object.pointer(&format!("/{}", term.name.replace('.', "/"))) {
            None | Some(Value::Null) => term.value.is_empty(),
            Some(Value::String(text)) => *text == term.value,
            Some(other) => serde_json::from_str::<Value>(&term.value).is_ok_and(|value| value == *other),
        };
        self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
            && self.labels.iter().all(|term| label(term) == term.is_equal)
            && self.fields.iter().all(|term| field(term) == term.is_equal)
    }
}

/// How an object is to be deleted.
#[derive(Debug, Clone, Default)]
pub struct Deletion {
    /// It must have this UID.
    pub uid: Option<String>,
    /// It must have this resource version.
    pub resource_version: Option<String>,
    /// It stays until what it owns is gone.
    pub foreground: bool,
    /// Pods: at once.
    pub now: bool,
}

/// A request that changes something.
#[derive(Debug, Clone)]
pub struct Write {
    /// HTTP method.
    pub method: http::Method,
    /// Path and parameters.
    pub path: String,
    /// Type of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: Value,
}

/// A real API server, of which a [`Store`] is the picture.
pub trait Upstream: Send + Sync {
    /// Sends a request, waits for the answer and returns it.
    ///
    /// # Errors
    /// As the API server's, and if there is none.
    fn send(&self, write: Write) -> Result<Value, Refusal>;
}

/// Whose fields of what: the object, whether it is its status, the manager.
type Place = (Key, bool, String);

/// The objects of one API server, and all that ever happened to them.
pub struct Store {
    upstream: Option<Arc<dyn Upstream>>,
    clock: Clock,
    version: u64,
    made: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    /// What each manager applied last, by object and whether it was status.
    applied: BTreeMap<Place, Value>,
    /// Objects as they are shown, of those that did not change since: most of what a world does is to show them.
    texts: BTreeMap<Key, Bytes>,
    /// Objects of the log as watches tell of them, by version.
    told: BTreeMap<u64, Bytes>,
    /// What was applied to the object of each entry of the log before it, if it may have to go back there.
    owners: Vec<Vec<(Place, Value)>>,
    /// Whether it may have to go back to an earlier state.
    pub may_go_back: bool,
    /// All that ever happened.
    pub log: Vec<Entry>,
    /// Told whenever something happened.
    pub changed: Arc<Notify>,
    /// Grows whenever all watches are cut.
    pub cut: u64,
    /// Each time that it went back to an earlier state.
    pub restored: Vec<Restored>,
    /// Distinguishes UIDs of different API servers.
    prefix: String,
}

impl Store {
    /// Returns an API server that holds nothing but some namespaces.
    #[must_use]
    pub fn new(clock: Clock, prefix: &str, namespaces: &[&str]) -> Self {
        let mut store = Self::empty(clock, prefix, None);
        for name in namespaces {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let _ = store.create("Namespace", "", namespace);
        }
        store
    }

    /// Returns a picture of a real API server: what is changed here is changed there, and what is told of it by
    /// [`Store::observe`] is shown here.
    #[must_use]
    pub fn mirror(clock: Clock, upstream: Arc<dyn Upstream>) -> Self {
        Self::empty(clock, "", Some(upstream))
    }

    fn empty(clock: Clock, prefix: &str, upstream: Option<Arc<dyn Upstream>>) -> Self {
        Self {
            upstream,
            clock,
            version: 100,
            made: 0,
            objects: BTreeMap::new(),
            applied: BTreeMap::new(),
            texts: BTreeMap::new(),
            told: BTreeMap::new(),
            owners: Vec::new(),
            may_go_back: false,
            log: Vec::new(),
            changed: Arc::default(),
            cut: 0,
            restored: Vec::new(),
            prefix: prefix.to_owned(),
        }
    }

    /// Takes note of what a real API server says has become of an object. It may say so late, and twice.
    pub fn observe(&mut self, kind: &str, gone: bool, object: Value) {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let key = Key::new(kind, text("/metadata/namespace"), text("/metadata/name"));
        let Ok(version) = text("/metadata/resourceVersion").parse::<u64>() else { return };
        if self.log.iter().rev().any(|entry| entry.version == version && entry.key == key) {
            return;
        }
        let before = self.objects.get(&key).cloned();
        let newest = self.log.iter().filter(|entry| entry.key == key).map(|entry| entry.version).max();
        let change = Change::of(gone, before.is_some());
        let object = Arc::new(object);
        if newest.is_none_or(|newest| newest < version) {
            self.texts.remove(&key);
            if gone {
                self.objects.remove(&key);
            } else {
                self.objects.insert(key.clone(), object.clone());
            }
        }
        self.version = self.version.max(version);
        self.log.push(Entry { version, at: self.clock.now(), key, change, object, before });
        self.changed.notify_waiters();
    }

    /// Returns all that ever happened, in the order in which it did.
    #[must_use]
    pub fn history(&self) -> Vec<Entry> {
        let mut history = self.log.clone();
        if self.upstream.is_some() {
            // As it was told, which is not quite as it happened.
            history.sort_by_key(|entry| entry.version);
            let mut last: BTreeMap<Key, Arc<Value>> = BTreeMap::new();
            for entry in &mut history {
                entry.before = last.remove(&entry.key);
                entry.change = Change::of(entry.change == Change::Deleted, entry.before.is_some());
                if entry.change != Change::Deleted {
                    last.insert(entry.key.clone(), entry.object.clone());
                }
            }
        }
        history
    }

    /// Sends a change on to the real API server, if this is the picture of one.
    fn forward(
        &mut self,
        kind: &str,
        write: impl FnOnce(&'static Kind) -> Write,
    ) -> Option<Result<Arc<Value>, Refusal>> {
        let upstream = self.upstream.clone()?;
        let write = write(named(kind));
        let deletes = write.method == http::Method::DELETE;
        Some(upstream.send(write).map(|object| {
            let metadata = &object["metadata"];
            let goes =
                metadata["deletionTimestamp"].is_string() && strings(&metadata["finalizers"]).is_empty();
            // Whether one that goes is gone already only the watch tells.
            if !deletes && !goes {
                self.observe(kind, false, object.clone());
            }
            Arc::new(object)
        }))
    }

    /// Goes back to what was there so many changes ago, as if none of these had ever been: as etcd does that is restored
    /// from a backup. It is one of after the Experiment was created.
    pub fn restore(&mut self, changes: usize) {
        let first = self.log.iter().position(|entry| entry.key.kind == "Experiment");
        let kept = self.log.len().saturating_sub(changes).max(first.map_or(0, |first| first + 1));
        self.texts.clear();
        self.told.clear();
        for entry in self.log.split_off(kept).into_iter().rev() {
            self.applied.retain(|(key, ..), _| *key != entry.key);
            self.applied.extend(self.owners.pop().into_iter().flatten());
            match entry.before {
                Some(before) => self.objects.insert(entry.key, before),
                None => self.objects.remove(&entry.key),
            };
        }
        self.version = self.log.last().map_or(100, |entry| entry.version);
        let run = self.objects.iter().find(|(key, _)| key.kind == "Experiment");
        let run = run.map(|(_, run)| run.clone()).unwrap_or_default();
        self.restored.push(Restored { at: self.clock.now(), run });
        self.cut_watches();
    }

    /// Returns the newest resource version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Returns an object.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.objects.get(key).cloned()
    }

    /// Returns all objects of a kind that are looked for.
    #[must_use]
    pub fn list(&self, kind: &str, selector: &Selector) -> Vec<Arc<Value>> {
        self.found(kind, selector).map(|(_, object)| object.clone()).collect()
    }

    /// Returns all objects of a kind that are looked for, with what names them.
    pub(crate) fn found(&self, kind: &str, selector: &Selector) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let all = self.objects.iter().filter(move |(key, _)| key.kind == kind);
        all.filter(move |(key, object)| selector.matches(key, object))
    }

    /// Returns every object.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// Ends all watches.
    pub fn cut_watches(&mut self) {
        self.cut += 1;
        self.changed.notify_waiters();
    }

    /// Creates an object.
    ///
    /// # Errors
    /// As the API server's.
    pub fn create(&mut self, kind: &str, namespace: &str, mut object: Value) -> Result<Arc<Value>, Refusal> {
        let sent = self.forward(kind, |kind| {
            let mut body = object.clone();
            kind.name(&mut body);
            let (method, path) = (http::Method::POST, kind.path(namespace, ""));
            Write { method, path, media_type: "application/json", body }
        });
        if let Some(answer) = sent {
            return answer;
        }
        let name = match (object["metadata"]["name"].as_str(), object["metadata"]["generateName"].as_str()) {
            (Some(name), _) => name.to_owned(),
            (None, Some(prefix)) => format!("{prefix}{:05x}", self.made + 0x1a2b3),
            (None, None) => return Err(Refusal::new(422, "Invalid", "metadata.name: Required value")),
        };
        let key = Key::new(kind, namespace, &name);
        if self.objects.contains_key(&key) {
            return Err(Refusal::new(
                409,
                "AlreadyExists",
                format!("{} \"{name}\" already exists", key.kind),
            ));
        }
        self.place(&key)?;
        if object["metadata"]["resourceVersion"].is_string() {
            return Err(Refusal::new(
                400,
                "BadRequest",
                "resourceVersion should not be set on objects to be created",
            ));
        }
        if named(kind).status
            && let Some(object) = object.as_object_mut()
            && key.kind != "Pod"
        {
            object.remove("status");
        }
        let made = self.insert(key.clone(), object);
        let mut written = gained(&Value::Null, &made);
        if let Some(written) = written.as_object_mut() {
            written.retain(|name, _| name != "metadata" && name != "status");
        }
        for field in ["labels", "annotations", "finalizers"] {
            if let Some(value) = made["metadata"].get(field) {
                written["metadata"][field] = value.clone();
            }
        }
        self.own((key, false, WRITER.into()), written);
        Ok(made)
    }

    /// Refuses what is to be put into a namespace that is not there, or going.
    fn place(&self, key: &Key) -> Result<(), Refusal> {
        if key.namespace.is_empty() {
            return Ok(());
        }
        let space = Key::new("Namespace", "", &key.namespace);
        match self.objects.get(&space) {
            None => Err(Refusal::missing(&space)),
            Some(space) if space["metadata"]["deletionTimestamp"].is_string() => Err(Refusal::new(
                403,
                "Forbidden",
                format!("namespace {} is being terminated", key.namespace),
            )),
            Some(_) => Ok(()),
        }
    }

    fn insert(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.made += 1;
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(key.name);
        if !key.namespace.is_empty() {
            metadata["namespace"] = json!(key.namespace);
        }
        metadata["uid"] = json!(format!("{}-{:08x}", self.prefix, self.made));
        metadata["creationTimestamp"] = json!(self.time());
        metadata["generation"] = json!(1);
        for unset in ["deletionTimestamp", "generateName"] {
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.remove(unset);
            }
        }
        if let Some(data) = object.get("stringData").cloned() {
            encode(&mut object, &data);
        }
        let shown = object["spec"]["type"] == "NodePort";
        if key.kind == "Service" && shown {
            for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
                port["nodePort"] = json!(30_000 + self.made % 2000);
            }
        }
        if let Some(object) = object.as_object_mut() {
            let kind = named(key.kind);
            object.entry("apiVersion").or_insert_with(|| json!(kind.api_version));
            object.entry("kind").or_insert_with(|| json!(kind.kind));
        }
        tidy(&mut object);
        self.write(key, Change::Added, object)
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn time(&self) -> String {
        // Times in metadata have seconds.
        self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    fn write(&mut self, key: Key, change: Change, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        self.texts.remove(&key);
        if self.may_go_back {
            let owners = self.applied.iter().filter(|((known, ..), _)| *known == key);
            self.owners.push(owners.map(|(place, applied)| (place.clone(), applied.clone())).collect());
        }
        let before = if change == Change::Deleted {
            self.applied.retain(|(known, ..), _| *known != key);
            self.objects.remove(&key)
        } else {
            self.objects.insert(key.clone(), object.clone())
        };
        let entry = Entry {
            version: self.version,
            at: self.clock.now(),
            key,
            change,
            object: object.clone(),
            before,
        };
        self.log.push(entry);
        self.changed.notify_waiters();
        object
    }

    /// Returns an object as JSON, with what it says of who set which of its fields.
    #[must_use]
    pub fn shown(&mut self, key: &Key) -> Option<Bytes> {
        if let Some(text) = self.texts.get(key) {
            return Some(text.clone());
        }
        let mut object = (**self.objects.get(key)?).clone();
        let applied = self.applied.iter().filter(|((known, ..), _)| known == key);
        let managed = applied.map(|((_, status, manager), applied)| {
            let mut entry = json!({"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1",
                "apiVersion": object["apiVersion"], "fieldsV1": fields(applied)});
            if *status {
                entry["subresource"] = json!("status");
            }
            entry
        });
        object["metadata"]["managedFields"] = managed.collect();
        let text = text(&object);
        self.texts.insert(key.clone(), text.clone());
        Some(text)
    }

    /// Returns the object of an entry of the log as JSON, by its place there.
    pub(crate) fn told(&mut self, place: usize) -> Bytes {
        let entry = &self.log[place];
        self.told.entry(entry.version).or_insert_with(|| text(&entry.object)).clone()
    }

    /// Takes note of what a manager has applied.
    fn own(&mut self, place: Place, applied: Value) {
        self.texts.remove(&place.0);
        self.applied.insert(place, applied);
    }

    /// Applies an object, server side and by force, in the name of a manager.
    ///
    /// # Errors
    /// As the API server's.
    pub fn apply(
        &mut self,
        key: &Key,
        status: bool,
        manager: &str,
        object: &Value,
    ) -> Result<Arc<Value>, Refusal> {
        let mut wanted = object.clone();
        let metadata = wanted["metadata"].as_object_mut();
        let stated = metadata.map(|metadata| (metadata.remove("resourceVersion"), metadata.remove("uid")));
        let (version, uid) = stated.unwrap_or_default();
        if let Some(data) = wanted.get("stringData").cloned() {
            encode(&mut wanted, &data);
        }
        if status {
            wanted = json!({"status": wanted["status"]});
        } else if named(key.kind).status
            && let Some(wanted) = wanted.as_object_mut()
        {
            wanted.remove("status");
        }
        let place = (key.clone(), status, manager.to_owned());
        let Some(there) = self.objects.get(key).cloned() else {
            if status {
                return Err(Refusal::missing(key));
            }
            if version.is_some() || uid.is_some() {
                return Err(Refusal::conflict(format!("{} \"{}\" is not there", key.kind, key.name)));
            }
            self.place(key)?;
            let made = self.insert(key.clone(), wanted.clone());
            self.own(place, wanted);
            return Ok(made);
        };
        stands(key, &there, version.as_ref(), uid.as_ref())?;
        let mut after = (*there).clone();
        if let Some(before) = self.applied.get(&place) {
            let others = self.applied.iter().filter(|(known, _)| known.0 == *key && **known != place);
            let others: Vec<&Value> = others.map(|(_, applied)| applied).collect();
            withdraw(&mut after, before, &wanted, &others);
        }
        merge(&mut after, &wanted);
        let after = self.replace(key, &there, after)?;
        self.settle(key, Some(&place), &there, &after);
        if self.objects.contains_key(key) {
            self.own(place, wanted);
        }
        Ok(after)
    }

    /// Merges a patch into an object, as RFC 7386 says.
    ///
    /// # Errors
    /// As the API server's.
    pub fn patch(&mut self, key: &Key, status: bool, patch: &Value) -> Result<Arc<Value>, Refusal> {
        let sent = self.forward(key.kind, |kind| {
            let part = if status { "/status" } else { "" };
            let path = format!("{}{part}", kind.path(&key.namespace, &key.name));
            let (method, media_type) = (http::Method::PATCH, "application/merge-patch+json");
            Write { method, path, media_type, body: patch.clone() }
        });
        if let Some(answer) = sent {
            return answer;
        }
        let there = self.get(key).ok_or_else(|| Refusal::missing(key))?;
        let mut patch = patch.clone();
        let metadata = patch.get_mut("metadata").and_then(Value::as_object_mut);
        let stated = metadata.map(|metadata| (metadata.remove("resourceVersion"), metadata.remove("uid")));
        let (version, uid) = stated.unwrap_or_default();
        stands(key, &there, version.as_ref(), uid.as_ref())?;
        if status {
            patch = json!({"status": patch["status"]});
        } else if named(key.kind).status
            && let Some(patch) = patch.as_object_mut()
        {
            patch.remove("status");
        }
        let mut after = (*there).clone();
        merge_patch(&mut after, &patch);
        let after = self.replace(key, &there, after)?;
        let place = (key.clone(), status, WRITER.to_owned());
        self.settle(key, Some(&place), &there, &after);
        if self.objects.contains_key(key) {
            let written = self.applied.entry(place).or_insert_with(|| json!({}));
            disown(written, &there, &after);
            merge(written, &gained(&there, &after));
        }
        Ok(after)
    }

    /// What one writer has changed is no longer that of the others.
    fn settle(&mut self, key: &Key, by: Option<&Place>, before: &Value, after: &Value) {
        self.texts.remove(key);
        for (known, applied) in &mut self.applied {
            if known.0 == *key && by.is_none_or(|by| by != known) {
                disown(applied, before, after);
            }
        }
    }

    /// Puts what an object has become in its place; what did not change is not written.
    fn replace(&mut self, key: &Key, there: &Arc<Value>, mut after: Value) -> Result<Arc<Value>, Refusal> {
        let deleting = there["metadata"]["deletionTimestamp"].is_string();
        if deleting {
            let had = strings(&there["metadata"]["finalizers"]);
            if strings(&after["metadata"]["finalizers"]).iter().any(|finalizer| !had.contains(finalizer)) {
                return Err(Refusal::new(
                    422,
                    "Invalid",
                    "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted",
                ));
            }
        }
        for fixed in ["uid", "creationTimestamp", "deletionTimestamp", "generation", "resourceVersion"] {
            match there["metadata"].get(fixed) {
                Some(value) => after["metadata"][fixed] = value.clone(),
                None => {
                    if let Some(metadata) = after["metadata"].as_object_mut() {
                        metadata.remove(fixed);
                    }
                }
            }
        }
        tidy(&mut after);
        if after == **there {
            return Ok(there.clone());
        }
        if after.get("spec") != there.get("spec") {
            let generation = there["metadata"]["generation"].as_u64().unwrap_or(1);
            after["metadata"]["generation"] = json!(generation + 1);
        }
        if deleting && strings(&after["metadata"]["finalizers"]).is_empty() && !waits(key, &after) {
            return Ok(self.write(key.clone(), Change::Deleted, after));
        }
        Ok(self.write(key.clone(), Change::Modified, after))
    }

    /// Deletes an object: at once if nothing holds it, else as soon as nothing does.
    ///
    /// # Errors
    /// As the API server's.
    pub fn delete(&mut self, key: &Key, how: &Deletion) -> Result<Arc<Value>, Refusal> {
        let sent = self.forward(key.kind, |kind| {
            let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
            for (name, value) in [("uid", &how.uid), ("resourceVersion", &how.resource_version)] {
                if let Some(value) = value {
                    body["preconditions"][name] = json!(value);
                }
            }
            if how.foreground {
                body["propagationPolicy"] = json!("Foreground");
            }
            if how.now {
                body["gracePeriodSeconds"] = json!(0);
            }
            let (method, path) = (http::Method::DELETE, kind.path(&key.namespace, &key.name));
            Write { method, path, media_type: "application/json", body }
        });
        if let Some(answer) = sent {
            return answer;
        }
        let there = self.get(key).ok_or_else(|| Refusal::missing(key))?;
        let version = how.resource_version.as_ref().map(|version| json!(version));
        stands(key, &there, version.as_ref(), how.uid.as_ref().map(|uid| json!(uid)).as_ref())?;
        let mut after = (*there).clone();
        if how.foreground && !there["metadata"]["deletionTimestamp"].is_string() {
            let mut finalizers = strings(&after["metadata"]["finalizers"]);
            finalizers.push("foregroundDeletion".into());
            after["metadata"]["finalizers"] = json!(finalizers);
        }
        let held = !strings(&after["metadata"]["finalizers"]).is_empty();
        if !held && (how.now || !waits(key, &after)) {
            return Ok(self.write(key.clone(), Change::Deleted, after));
        }
        if there["metadata"]["deletionTimestamp"].is_string() {
            return Ok(there);
        }
        after["metadata"]["deletionTimestamp"] = json!(self.time());
        if key.kind == "Namespace" {
            after["status"]["phase"] = json!("Terminating");
        }
        Ok(self.write(key.clone(), Change::Modified, after))
    }

    /// Takes a namespace away, or a pod: the last word of who ends them.
    pub fn finish(&mut self, key: &Key) {
        if self.upstream.is_some() {
            if key.kind == "Namespace" {
                let _ = self.forward(key.kind, |kind| Write {
                    method: http::Method::PUT,
                    path: format!("{}/finalize", kind.path("", &key.name)),
                    media_type: "application/json",
                    body: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": key.name},
                        "spec": {"finalizers": []}}),
                });
            } else {
                let _ = self.delete(key, &Deletion { now: true, ..Deletion::default() });
            }
            return;
        }
        if let Some(there) = self.get(key)
            && strings(&there["metadata"]["finalizers"]).is_empty()
        {
            self.write(key.clone(), Change::Deleted, (*there).clone());
        }
    }
}

/// Whether deleting an object takes someone's time: pods are stopped, namespaces emptied.
fn waits(key: &Key, object: &Value) -> bool {
    key.kind == "Namespace" || (key.kind == "Pod" && object["spec"]["nodeName"].is_string())
}

/// Refuses if an object is not what the request says it is.
fn stands(key: &Key, there: &Value, version: Option<&Value>, uid: Option<&Value>) -> Result<(), Refusal> {
    for (field, stated) in [("uid", uid), ("resourceVersion", version)] {
        if let Some(stated) = stated.filter(|stated| stated.as_str().is_some_and(|text| !text.is_empty()))
            && there["metadata"][field] != *stated
        {
            return Err(Refusal::conflict(format!(
                "Operation cannot be fulfilled on {} \"{}\": {field} is {}, not {stated}",
                key.kind, key.name, there["metadata"][field]
            )));
        }
    }
    Ok(())
}

/// Returns the strings of a list.
#[must_use]
pub fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `stringData` is written, and never read.
fn encode(object: &mut Value, data: &Value) {
    for (name, text) in data.as_object().into_iter().flatten() {
        object["data"][name] = json!(BASE64_STANDARD.encode(text.as_str().unwrap_or_default()));
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("stringData");
    }
}

/// Returns the names of fields as `fieldsV1` writes them; a list is one field.
fn fields(applied: &Value) -> Value {
    let nested = applied.as_object().into_iter().flatten();
    Value::Object(nested.map(|(name, value)| (format!("f:{name}"), fields(value))).collect())
}

/// Removes what a manager applied before and applies no more, but for what others applied, too.
fn withdraw(object: &mut Value, before: &Value, now: &Value, others: &[&Value]) {
    let Some(fields) = before.as_object() else { return };
    for (name, old) in fields {
        let theirs: Vec<&Value> = others.iter().filter_map(|other| other.get(name)).collect();
        let new = now.get(name);
        let Some(field) = object.get_mut(name) else { continue };
        if name == "finalizers" {
            let kept = |finalizer: &String| {
                let in_list = |list: &Value| strings(list).contains(finalizer);
                !in_list(old) || new.is_some_and(in_list) || theirs.iter().any(|list| in_list(list))
            };
            *field = json!(strings(field).into_iter().filter(kept).collect::<Vec<_>>());
        } else if old.is_object() && new.is_none_or(Value::is_object) {
            withdraw(field, old, new.unwrap_or(&Value::Null), &theirs);
        }
        let empty = field.as_object().is_none_or(Map::is_empty);
        if new.is_none()
            && theirs.is_empty()
            && (empty || !old.is_object())
            && name != "finalizers"
            && let Some(object) = object.as_object_mut()
        {
            object.remove(name);
        }
    }
}

/// Returns the fields that were not there before, or were otherwise.
fn gained(before: &Value, after: &Value) -> Value {
    let fields = after.as_object().into_iter().flatten().filter_map(|(name, is)| {
        let was = before.get(name).unwrap_or(&Value::Null);
        if was == is {
            return None;
        }
        let gained = if is.is_object() {
            gained(was, is)
        } else if name == "finalizers" {
            let had = strings(was);
            json!(strings(is).into_iter().filter(|one| !had.contains(one)).collect::<Vec<_>>())
        } else {
            is.clone()
        };
        Some((name.clone(), gained))
    });
    Value::Object(fields.collect())
}

/// Takes from what a manager applied whatever someone else has changed: it is theirs now.
fn disown(applied: &mut Value, before: &Value, after: &Value) {
    let Some(fields) = applied.as_object_mut() else { return };
    fields.retain(|name, value| {
        let (was, is) = (before.get(name), after.get(name));
        if was == is {
            return true;
        }
        if name == "finalizers" {
            let there = strings(is.unwrap_or(&Value::Null));
            *value = json!(strings(value).into_iter().filter(|one| there.contains(one)).collect::<Vec<_>>());
            return true;
        }
        match (value.is_object(), was, is) {
            (true, Some(was), Some(is)) if was.is_object() && is.is_object() => {
                disown(value, was, is);
                true
            }
            _ => false,
        }
    });
}

/// Puts what is applied over what is there; lists as a whole, but for those that are sets.
fn merge(object: &mut Value, applied: &Value) {
    match (object, applied) {
        (Value::Object(object), Value::Object(applied)) => {
            for (name, value) in applied {
                if name == "finalizers" {
                    let there = strings(object.get(name).unwrap_or(&Value::Null));
                    object.insert(name.clone(), json!(union(&there, &strings(value))));
                } else {
                    merge(object.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (object, applied) => *object = applied.clone(),
    }
}

/// Puts a set that is applied over one that is there, in the order of structured-merge-diff: as applied, and what is there
/// alone goes where it stands.
fn union(there: &[String], applied: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut shared = applied.iter().filter(|one| there.contains(one)).peekable();
    let (mut old, mut new) = (there.iter().peekable(), applied.iter().peekable());
    loop {
        match (old.peek().copied(), new.peek().copied()) {
            (None, None) => return all,
            (Some(one), _) if !applied.contains(one) => {
                all.push(one.clone());
                old.next();
            }
            (Some(_), None) => drop(old.next()),
            // It goes where it is applied, and another's turn is before it.
            (Some(one), Some(next)) if one != next && shared.peek().is_some_and(|turn| *turn != one) => {
                old.next();
            }
            (one, Some(next)) => {
                if one.is_some_and(|one| one == next || all.contains(one)) {
                    old.next();
                }
                shared.next_if_eq(&next);
                all.push(next.clone());
                new.next();
            }
        }
    }
}

/// RFC 7386.
fn merge_patch(object: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    for (name, value) in fields {
        if value.is_null() {
            if let Some(object) = object.as_object_mut() {
                object.remove(name);
            }
        } else {
            merge_patch(&mut object[name.as_str()], value);
        }
    }
}

/// Empty lists and maps of metadata are not stored, nor is a null anywhere in them.
fn tidy(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| {
            !value.is_null()
                && value.as_array().is_none_or(|list| !list.is_empty())
                && value.as_object().is_none_or(|map| !map.is_empty())
        });
    }
}
