//! One world in virtual time: an API server, those who play beside the operator, and the operator itself, which dies
//! and starts again whenever the faults say so.

use crate::fault::{Fault, Faults, Faulty, Sent};
use crate::invariants;
use crate::players::{self, Behavior, CANARY, Clusters, Players};
use crate::runs::{self, Scenario};
use crate::store::{Deletion, Entry, Key, Store};
use crate::wire::{Shared, lock};
use bytes::Bytes;
use clap::Parser;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use jiff::Timestamp;
use kube::Client;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testbed_api::labels;
use testbed_api::status::Phase;
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_operator::fence::Fence;
use testbed_operator::outside::{Clock, Http, HttpError, Outside, Reply};
use testbed_operator::sweeper::Mode;
use testbed_operator::{Addresses, Clients, Settings, control};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Where runs are.
const NAMESPACE: &str = "experiments";
/// Name of the simulated run.
const NAME: &str = "sim";
/// How long an operator that died is away.
const AWAY: Duration = Duration::from_secs(1);
/// Nothing may be written for so long before it is said that nothing more happens.
const QUIET: Duration = Duration::from_secs(45);
/// The same where the sweeper has to look twice, perhaps in another life.
const SWEPT: Duration = Duration::from_secs(150);
/// How often a run is looked at, and how often one at which nothing happens.
const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_mins(1);
/// After so long a run that is not over never will be.
const PATIENCE: Duration = Duration::from_hours(30);

/// What became of a world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// All that happened on the hub.
    pub history: Vec<Entry>,
    /// What the operator sent.
    pub sent: Vec<Sent>,
    /// How many requests of the operator changed something, or would have.
    pub writes: usize,
    /// The Experiment as it was when it was over; absent if it was deleted before.
    pub ended: Option<Value>,
    /// Objects at the end.
    pub left: Vec<Key>,
    /// What is in the store of results when the run is over: key and content.
    pub stored: BTreeMap<String, Bytes>,
    /// What is there after the Experiment was deleted.
    pub stored_at_last: Vec<String>,
    /// Requests that an operator sent that was started anew when all was over.
    pub after_restart: Vec<Sent>,
    /// How long it took, in virtual time, until all was over.
    pub took: Duration,
    /// What must hold and does not.
    pub broken: Vec<String>,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    addresses: Addresses,
}

/// Stores of metrics: every question is answered, with one series of ones.
struct Metrics;

impl Http for Metrics {
    fn send(&self, request: Request<Bytes>, _limit: u64) -> BoxFuture<'_, Result<Reply, HttpError>> {
        Box::pin(async move {
            let form: Vec<(String, String)> =
                serde_urlencoded::from_bytes(request.body()).unwrap_or_default();
            let number = |name: &str| {
                let text = form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                text.and_then(|text| text.parse::<f64>().ok())
            };
            let series = |kind: &str, key: &str, value: Value| json!({"status": "success", "data": {"resultType": kind, "result": [{"metric": {"pod": "p"}, key: value}]}});
            let body = if let (Some(start), Some(end)) = (number("start"), number("end")) {
                let step = number("step").unwrap_or(1.0).max(0.1);
                let mut at = start;
                let mut values = Vec::new();
                while at <= end && values.len() < 100 {
                    values.push(json!([at, "1"]));
                    at += step;
                }
                series("matrix", "values", json!(values))
            } else if let Some(time) = number("time") {
                series("vector", "value", json!([time, "1"]))
            } else {
                return Err(HttpError::Failed("there is no registry here".into()));
            };
            Ok(Reply { status: StatusCode::OK, media_type: None, body: body.to_string().into() })
        })
    }
}

/// A world.
struct World {
    clock: Clock,
    hub: Shared,
    clusters: Clusters,
    store: Arc<InMemory>,
    faults: Arc<Mutex<Faults>>,
    crash: Arc<Notify>,
}

/// Lives one run to its end under these faults.
///
/// # Panics
/// If the world itself cannot be made.
#[must_use]
pub fn live(scenario: &Scenario, plan: &[Fault]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("there is no runtime: {error}"));
    // Within, where time stands still.
    runtime.block_on(async { World::new(plan).live(scenario).await })
}

impl World {
    fn new(plan: &[Fault]) -> Self {
        let start = Timestamp::from_second(1_767_225_600).unwrap_or_default();
        let clock = Clock::set(start);
        let namespaces = [
            NAMESPACE,
            ARGOCD_NAMESPACE,
            CLUSTER_NAMESPACE,
            WORKFLOW_NAMESPACE,
            "testbed-system",
            "kube-system",
            "default",
        ];
        let mut hub = Store::new(clock, "hub", &namespaces);
        for (kind, namespace, object) in runs::catalog() {
            let _ = hub.create(kind, namespace, object);
        }
        Self {
            clock,
            hub: Arc::new(Mutex::new(hub)),
            clusters: Clusters::default(),
            store: Arc::default(),
            faults: Arc::new(Mutex::new(Faults::new(plan))),
            crash: Arc::default(),
        }
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an operator.
    fn start(&self) -> (JoinHandle<anyhow::Result<()>>, watch::Sender<bool>) {
        let life = {
            let mut faults = self.faults();
            faults.life += 1;
            faults.life
        };
        let faulty = |store: &Shared, host: Option<String>| {
            let hub = self.hub.clone();
            Faulty {
                store: store.clone(),
                hub: self.hub.clone(),
                faults: self.faults.clone(),
                crash: self.crash.clone(),
                life,
                reachable: Arc::new(move || host.as_ref().is_none_or(|host| players::alive(&hub, host))),
            }
        };
        let clusters = self.clusters.clone();
        let to_hub = faulty(&self.hub, None);
        let template = to_hub.clone();
        let connect = move |config: kube::Config| {
            let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
            let known = clusters.lock().unwrap_or_else(PoisonError::into_inner).get(&host).cloned();
            let hub = template.hub.clone();
            let store = known.unwrap_or_else(|| hub.clone());
            let reachable = Arc::new(move || players::alive(&hub, &host));
            let way = Client::new(Faulty { store, reachable, ..template.clone() }, "default");
            Ok(Fence::new(None).guard(way))
        };
        let outside = Outside {
            kube: Fence::new(None).guard(Client::new(to_hub, "testbed-system")),
            connect: Arc::new(connect),
            http: Arc::new(Metrics),
            store: self.store.clone(),
            clock: self.clock,
        };
        let flags = Flags::parse_from(["sim", "--ingest-key", CANARY]);
        let clients = Arc::new(Clients::new(outside, &flags.addresses, "results", flags.settings));
        let (stop, stopped) = watch::channel(false);
        (tokio::spawn(control(clients, 16, Mode::On, stopped)), stop)
    }

    async fn live(self, scenario: &Scenario) -> Outcome {
        let behavior: Behavior = scenario.behavior;
        let players = Players::new(self.hub.clone(), self.clusters.clone(), self.clock, behavior);
        let players = tokio::spawn(players.play());
        let begun = Instant::now();
        let mut broken = Vec::new();
        let mut operator = self.start();
        let created = lock(&self.hub).create("Experiment", NAMESPACE, scenario.experiment.clone());
        if let Err(refused) = created {
            broken.push(format!("the Experiment was refused: {refused:?}"));
        }
        let key = Key::new("Experiment", NAMESPACE, NAME);
        let (mut ended, mut stored, mut took) = (None, BTreeMap::new(), Duration::ZERO);
        let (mut last, mut quiet) = (0, Instant::now());
        let mut asked_to_go = false;
        loop {
            tokio::select! {
                biased;
                () = self.crash.notified() => {
                    self.faults().life += 1;
                    operator.0.abort();
                    let _ = (&mut operator.0).await;
                    sleep(AWAY).await;
                    operator = self.start();
                    continue;
                }
                result = &mut operator.0 => {
                    broken.push(format!("the operator ended by itself: {result:?}"));
                    break;
                }
                // Who waits for a day is not looked at every moment.
                () = sleep(if quiet.elapsed() > SWEPT { LONG } else { SHORT }) => {}
            }
            let run = lock(&self.hub).get(&key);
            let reached = run.as_ref().and_then(|run| phase(run));
            let over = run.as_ref().is_none_or(|run| run["status"]["resourcesCleaned"] == true);
            if !asked_to_go && scenario.delete_in.is_some_and(|wanted| reached >= Some(wanted)) {
                asked_to_go = true;
                let mut hub = lock(&self.hub);
                let _ = hub.delete(&key, &Deletion::default());
                if scenario.is_orphaned {
                    let _ = hub.patch(&key, false, &json!({"metadata": {"finalizers": null}}));
                }
            }
            let version = lock(&self.hub).version();
            if version != last {
                (last, quiet) = (version, Instant::now());
            }
            if begun.elapsed() > PATIENCE {
                broken.push(format!("I12: not over after {} h", PATIENCE.as_secs() / 3600));
                break;
            }
            let enough = if scenario.is_orphaned { SWEPT } else { QUIET };
            if !over || quiet.elapsed() < enough {
                continue;
            }
            if let Some(run) = run.filter(|_| !asked_to_go) {
                took = begun.elapsed().saturating_sub(quiet.elapsed());
                ended = Some((*run).clone());
                stored = self.stored().await;
                asked_to_go = true;
                let results_too = json!({"metadata": {"annotations": {labels::DELETE_RESULTS: "true"}}});
                let _ = lock(&self.hub).patch(&key, false, &results_too);
                let _ = lock(&self.hub).delete(&key, &Deletion::default());
                (last, quiet) = (0, Instant::now());
                continue;
            }
            if lock(&self.hub).get(&key).is_none() {
                break;
            }
        }
        let writes = self.faults().writes();
        let stored_at_last = self.stored().await.into_keys().collect();
        // One more life, in which there is nothing to do.
        operator.0.abort();
        let before = self.faults().sent.len();
        let idle = self.start();
        sleep(Duration::from_secs(30)).await;
        idle.0.abort();
        players.abort();
        let faults = self.faults();
        let after_restart = faults.sent[before..].to_vec();
        let hub = lock(&self.hub);
        let mut outcome = Outcome {
            history: hub.log.clone(),
            sent: faults.sent.clone(),
            writes,
            ended,
            left: hub.all().map(|(key, _)| key.clone()).collect(),
            stored,
            stored_at_last,
            after_restart,
            took,
            broken,
        };
        let found = invariants::broken(scenario, &outcome);
        outcome.broken.extend(found);
        outcome
    }

    async fn stored(&self) -> BTreeMap<String, Bytes> {
        let objects: Vec<_> = self.store.list(None).try_collect().await.unwrap_or_default();
        let mut stored = BTreeMap::new();
        for object in objects {
            if let Ok(found) = self.store.get(&object.location).await
                && let Ok(bytes) = found.bytes().await
            {
                stored.insert(object.location.to_string(), bytes);
            }
        }
        stored
    }
}

/// Returns the phase of a run.
#[must_use]
pub fn phase(run: &Value) -> Option<Phase> {
    serde_json::from_value(run["status"]["phase"].clone()).ok()
}
