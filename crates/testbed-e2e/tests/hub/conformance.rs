//! The API server in memory, which the operator is simulated against, answers as the real one does.

use crate::lab::client;
use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
    WatchEvent, WatchParams,
};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testbed_core::names::keyed;
use testbed_operator::outside::Clock;
use testbed_sim::store::Store;
use testbed_sim::wire;
use tokio::time::timeout;

const NAMESPACE: &str = "conformance";
/// Selects those that are not done.
const LIVE: &str = "status.done!=true";
/// Name of the object that is made when all is done.
const LAST: &str = "last";
/// Operations, unless `OPERATIONS` says otherwise.
const OPERATIONS: usize = 2500;

/// One of the two API servers, and what it called the objects.
struct Side {
    api: Api<DynamicObject>,
    /// UID and resource version of each object when it was last seen, by name.
    seen: BTreeMap<String, (String, String)>,
}

impl Side {
    fn new(client: Client) -> Self {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("sim.illm.io", "v1", "Probe"));
        Self { api: Api::namespaced_with(client, NAMESPACE, &kind), seen: BTreeMap::new() }
    }

    /// Carries an operation out, and returns what of the answer must be the same.
    async fn act(&mut self, operation: &Operation) -> Result<Value> {
        let name = operation.name.as_str();
        let (uid, version) = self.seen.get(name).cloned().unwrap_or_default();
        let stated = |object: &mut Value| match operation.state {
            State::Unstated => {}
            State::Right => object["metadata"]["resourceVersion"] = json!(version),
            State::Wrong => object["metadata"]["resourceVersion"] = json!("1"),
        };
        let answer = match &operation.verb {
            Verb::Get => self.api.get(name).await.map(Some),
            Verb::List { labels, fields } => {
                let list = self.api.list(&ListParams::default().labels(labels).fields(fields)).await?;
                let names: Vec<String> = list.iter().map(ResourceExt::name_any).collect();
                return Ok(json!(names));
            }
            Verb::Create(object) => self
                .api
                .create(&PostParams::default(), &serde_json::from_value(object.clone())?)
                .await
                .map(Some),
            Verb::Apply { manager, object } => {
                let mut object = object.clone();
                // What is stated of an object that is not there is another question.
                if !uid.is_empty() {
                    stated(&mut object);
                }
                self.api
                    .patch(name, &PatchParams::apply(manager).force(), &Patch::Apply(object))
                    .await
                    .map(Some)
            }
            Verb::ApplyStatus(object) => {
                let parameters = PatchParams::apply("status-writer").force();
                let mut object = object.clone();
                stated(&mut object);
                self.api.patch_status(name, &parameters, &Patch::Apply(object)).await.map(Some)
            }
            Verb::Merge(patch) => {
                let mut patch = patch.clone();
                stated(&mut patch);
                self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(Some)
            }
            Verb::Delete => {
                let preconditions = match operation.state {
                    State::Unstated => None,
                    State::Right => Some(Preconditions { uid: Some(uid.clone()), resource_version: None }),
                    State::Wrong => {
                        Some(Preconditions { uid: Some("another".into()), resource_version: None })
                    }
                };
                let parameters = DeleteParams { preconditions, ..DeleteParams::default() };
                self.api.delete(name, &parameters).await.map(|answer| answer.left())
            }
        };
        let said = match answer {
            Ok(object) => object.map_or(json!("gone"), |object| normal(&object)),
            Err(kube::Error::Api(status)) => json!({"code": status.code, "reason": status.reason}),
            Err(error) => return Err(error.into()),
        };
        // What is there now is part of the answer.
        let now = self.api.get_opt(name).await?;
        match &now {
            Some(object) => {
                let seen = (object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default());
                let before = self.seen.insert(name.to_owned(), seen.clone()).unwrap_or_default();
                // A version more for the sake of who manages which field is the real one's own.
                let (same, refused) = (before.0 == seen.0, said.get("code").is_some());
                Ok(json!([said, normal(object), same, refused && before != seen]))
            }
            None => {
                self.seen.remove(name);
                Ok(json!([said, null]))
            }
        }
    }
}

/// Returns an object without what no two API servers say alike.
fn normal(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    let deleting = value["metadata"]["deletionTimestamp"].is_string();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for theirs in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "managedFields",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] {
            metadata.remove(theirs);
        }
        // Deletion counts as a change of what is wanted, in the real one only.
        metadata.remove("generation");
        metadata.insert("deleting".into(), json!(deleting));
        // Stored by neither: the real one answers with a map that was just emptied, once.
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    value
}

#[derive(Debug)]
enum Verb {
    Get,
    List { labels: &'static str, fields: &'static str },
    Create(Value),
    Apply { manager: &'static str, object: Value },
    ApplyStatus(Value),
    Merge(Value),
    Delete,
}

/// Returns what a watch of those that are not done told from a version on, until it told of the last one: what came and
/// what went, and as what; for one that is done goes, and comes back if it is not.
async fn told(side: &Side, since: &str) -> Result<Vec<(bool, Value)>> {
    let mut told = Vec::new();
    let events = side.api.watch(&WatchParams::default().fields(LIVE), since).await?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = timeout(Duration::from_secs(10), events.next()).await?.transpose()? {
        let (came, object) = match event {
            WatchEvent::Added(object) => (true, object),
            WatchEvent::Deleted(object) => (false, object),
            WatchEvent::Error(status) => bail!("{status:?}"),
            WatchEvent::Modified(_) | WatchEvent::Bookmark(_) => continue,
        };
        if object.name_any() == LAST {
            return Ok(told);
        }
        told.push((came, normal(&object)));
    }
    bail!("the watch ended")
}

#[derive(Debug, Clone, Copy)]
enum State {
    Unstated,
    Right,
    Wrong,
}

#[derive(Debug)]
struct Operation {
    name: String,
    verb: Verb,
    state: State,
}

/// Returns the operation of that number: a function of the seed.
fn operation(seed: u64, number: usize) -> Operation {
    let draw = |what: &str, below: u64| keyed(seed, &[&number.to_string(), what]) % below;
    let name = format!("probe-{}", draw("name", 3));
    // Something is always there: of one whose last field is withdrawn the real one keeps a null, and refuses it.
    let mut spec = json!({"always": "there"});
    // A field is of one type for ever, as it is where there is a schema, and a map is never emptied: what the real one
    // leaves of it is a null here and nothing there.
    spec["b"] = json!({"x": draw("x", 2), "y": {"z": draw("z", 2)}});
    let fields =
        [("a", json!(draw("value", 3).to_string())), ("c", json!(["one", draw("two", 2).to_string()]))];
    for (field, value) in fields {
        if draw(field, 2) == 0 {
            spec[field] = value;
        }
    }
    let mut labels = json!({});
    for label in ["red", "blue"] {
        if draw(label, 3) > 0 {
            labels[label] = json!(draw("shade", 2).to_string());
        }
    }
    let finalizers = match draw("finalizers", 12) {
        0 => json!(["sim.illm.io/one"]),
        1 => json!(["sim.illm.io/two"]),
        2 => json!(["sim.illm.io/one", "sim.illm.io/two"]),
        3 => json!(["sim.illm.io/three", "sim.illm.io/two", "sim.illm.io/one"]),
        _ => json!([]),
    };
    let object = |spec: Value| {
        json!({"apiVersion": "sim.illm.io/v1", "kind": "Probe",
            "metadata": {"name": name, "labels": labels, "finalizers": finalizers}, "spec": spec})
    };
    let mut status =
        json!({"apiVersion": "sim.illm.io/v1", "kind": "Probe", "metadata": {"name": name}, "status": spec});
    if draw("done", 3) > 0 {
        status["status"]["done"] = json!(draw("is done", 2) == 0);
    }
    let one_of = |what, all: [&'static str; 4]| all[usize::try_from(draw(what, 4)).unwrap_or(0)];
    let labels_asked = one_of("selector", ["red=1", "red!=1", "blue=0,red=0", ""]);
    let fields_asked =
        one_of("field selector", [LIVE, "status.done=true", "spec.b.x=1,status.done!=false", ""]);
    let verb = match draw("verb", 16) {
        0 => Verb::Get,
        1 => Verb::List { labels: labels_asked, fields: fields_asked },
        2 | 3 => Verb::Create(object(spec)),
        4..=7 => {
            Verb::Apply { manager: if draw("manager", 4) > 0 { "one" } else { "two" }, object: object(spec) }
        }
        8 | 9 => Verb::ApplyStatus(status),
        10 | 11 => {
            let mut patch = json!({"metadata": {"labels": {"red": null}}, "spec": spec});
            if draw("what", 2) == 0 {
                patch = json!({"metadata": {"finalizers": finalizers}});
            }
            Verb::Merge(patch)
        }
        12 => Verb::Merge(json!({"metadata": {"finalizers": null}})),
        _ => Verb::Delete,
    };
    let state = [State::Unstated, State::Unstated, State::Right, State::Wrong];
    Operation { name: name.clone(), verb, state: state[usize::try_from(draw("state", 4)).unwrap_or(0)] }
}

/// A kind of its own, so that nobody else cares.
async fn define(client: &Client) -> Result<()> {
    let definition: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": {"name": "probes.sim.illm.io"},
        "spec": {"group": "sim.illm.io", "scope": "Namespaced",
            "names": {"plural": "probes", "singular": "probe", "kind": "Probe"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.b.x"}, {"jsonPath": ".status.done"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                        "b": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                            "properties": {"x": {"type": "integer"}}}}},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {"done": {"type": "boolean"}}}}}}}]},
    }))?;
    Api::<CustomResourceDefinition>::all(client.clone()).create(&PostParams::default(), &definition).await?;
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    let api = Side::new(client.clone()).api;
    for _ in 0..100 {
        if api.list(&ListParams::default()).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the kind is not served after ten seconds")
}

async fn remove(client: &Client) -> Result<()> {
    let api = Side::new(client.clone()).api;
    for probe in api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let _ = api.patch(&probe.name_any(), &PatchParams::default(), &free).await;
    }
    let gone = DeleteParams::default();
    let _ = Api::<CustomResourceDefinition>::all(client.clone()).delete("probes.sim.illm.io", &gone).await;
    let _ = Api::<Namespace>::all(client.clone()).delete(NAMESPACE, &gone).await;
    for _ in 0..300 {
        if Api::<Namespace>::all(client.clone()).get_opt(NAMESPACE).await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("namespace {NAMESPACE} is still there after 30 s")
}

#[tokio::test]
async fn the_simulated_api_server_answers_as_the_real_one() -> Result<()> {
    let client = client().await?;
    remove(&client).await?;
    define(&client).await?;
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("SEED").unwrap_or(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    let operations = number("OPERATIONS").and_then(|count| usize::try_from(count).ok()).unwrap_or(OPERATIONS);
    println!("{operations} operations with seed {seed}");
    let store = Arc::new(Mutex::new(Store::new(Clock::system(), "sim", &[NAMESPACE])));
    let (mut real, mut simulated) = (Side::new(client.clone()), Side::new(wire::client(&store)));
    let mut since = Vec::new();
    for side in [&real, &simulated] {
        let list = side.api.list(&ListParams::default()).await?;
        since.push(list.metadata.resource_version.context("a list has no version")?);
    }
    let mut outcome = Ok(());
    for number in 0..operations {
        let operation = operation(seed, number);
        let answers = async {
            let (real, simulated) = (real.act(&operation).await?, simulated.act(&operation).await?);
            ensure!(real == simulated, "real: {real:#}\nsimulated: {simulated:#}");
            Ok(())
        };
        outcome = answers.await.with_context(|| format!("SEED={seed}, operation {number}: {operation:?}"));
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = async {
            let mut all = Vec::new();
            for (side, since) in [&real, &simulated].into_iter().zip(&since) {
                let last = json!({"apiVersion": "sim.illm.io/v1", "kind": "Probe", "metadata": {"name": LAST}, "spec": {}});
                side.api.create(&PostParams::default(), &serde_json::from_value(last)?).await?;
                all.push(told(side, since).await?);
            }
            ensure!(!all[0].is_empty(), "nothing came and nothing went");
            let differs = all[0].iter().zip(&all[1]).find(|(real, simulated)| real != simulated);
            ensure!(differs.is_none(), "the watches told of {differs:#?}");
            ensure!(all[0].len() == all[1].len(), "one watch told more: {} {}", all[0].len(), all[1].len());
            Ok(())
        }
        .await
        .with_context(|| format!("SEED={seed}"));
    }
    remove(&client).await?;
    outcome
}
