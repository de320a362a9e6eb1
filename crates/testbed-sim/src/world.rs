//! One world: an API server, those who play beside the operator, and the operator itself, which dies and starts again
//! whenever the faults say so. In memory and virtual time, or around real programs.

use crate::bucket::{Bucket, Trouble};
use crate::fault::{self, Choice, Fault, Faults, Faulty, Next, Sent, in_memory};
use crate::invariants;
use crate::players::{self, Behavior, CANARY, Clusters, FOR_GOOD, Players, holds_canary};
use crate::real::{Pool, Process, Site};
use crate::runs::{self, Scenario};
use crate::store::{Deletion, Entry, KINDS, Key, Restored, Store};
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
use testbed_api::status::Phase;
use testbed_api::{Experiment, labels};
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_core::run::Run;
use testbed_operator::fence::{ANSWERS_WITHIN, Fence};
use testbed_operator::outside::{Clock, Http, HttpError, Outside, Reply};
use testbed_operator::sweeper::Mode;
use testbed_operator::{Addresses, Clients, Settings, control};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Where runs are.
pub(crate) const NAMESPACE: &str = "experiments";
/// Name of the simulated run.
const NAME: &str = "sim";
/// Namespaces that are there from the start.
pub(crate) const NAMESPACES: [&str; 7] = [
    NAMESPACE,
    ARGOCD_NAMESPACE,
    CLUSTER_NAMESPACE,
    WORKFLOW_NAMESPACE,
    "testbed-system",
    "kube-system",
    "default",
];
/// How long stores of metrics show what they took after they were told to.
const SHOWN_FOR: Duration = Duration::from_secs(5);
/// How long an operator waits for an answer at the longest, and what else it does meanwhile goes on.
const UNANSWERED: Duration = ANSWERS_WITHIN.saturating_add(Duration::from_secs(1));
/// How often an operator may end by itself and be started again, as Kubernetes does.
const ENDS: usize = 10;

/// What a world is built upon.
#[derive(Clone)]
pub enum Ground {
    /// An API server in memory, the operator as a task, virtual time (T0).
    Memory,
    /// A real API server, the operator as a process, real time (T1).
    Real(Arc<Pool>),
}

impl Ground {
    /// Returns how many worlds go well at once.
    #[must_use]
    pub fn room(&self) -> usize {
        match self {
            Self::Memory => std::thread::available_parallelism().map_or(1, usize::from),
            Self::Real(pool) => pool.room,
        }
    }

    /// Returns the faults that it can be put to.
    #[must_use]
    pub fn modes(&self) -> Vec<fault::Mode> {
        let real = matches!(self, Self::Real(_));
        fault::Mode::ALL.into_iter().filter(|mode| !real || mode.is_for_real()).collect()
    }

    fn pace(&self) -> Pace {
        match self {
            Self::Memory => Pace {
                speed: 1,
                away: Duration::from_secs(1),
                quiet: Duration::from_secs(45),
                gone: UNANSWERED + Duration::from_secs(25),
                swept: Duration::from_secs(300),
                look: Duration::from_millis(500),
                idle: Duration::from_secs(30),
                patience: Duration::from_hours(30),
            },
            Self::Real(_) => Pace {
                speed: 10,
                away: Duration::from_millis(300),
                quiet: Duration::from_secs(3),
                gone: Duration::from_secs(3),
                // Told of nothing, the sweeper looks each minute; it looks again after half of one, and may die between.
                swept: Duration::from_secs(130),
                look: Duration::from_millis(100),
                idle: Duration::from_secs(3),
                patience: Duration::from_mins(10),
            },
        }
    }
}

/// How fast a world goes.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How many times as fast as usual the players are.
    speed: u32,
    /// How long an operator that died is away.
    away: Duration,
    /// Nothing may be written for so long before it is said that nothing more happens.
    quiet: Duration,
    /// The same once the run is no more: long enough to see whether anyone still asks its targets whether they are alive.
    gone: Duration,
    /// The same while something is there that the sweeper has to find, for which it looks twice, perhaps in another life.
    swept: Duration,
    /// How often a run is looked at.
    look: Duration,
    /// How long an operator is given to do nothing.
    idle: Duration,
    /// After so long a run that is not over never will be.
    patience: Duration,
}

/// How often a run is looked at when nothing happens for long.
const LONG: Duration = Duration::from_mins(1);

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
    /// All that happened in the cluster of someone else.
    pub history_of_theirs: Vec<Entry>,
    /// Objects in it at the end.
    pub left_in_theirs: Vec<Key>,
    /// What clouds hold that they made for clusters which are gone.
    pub left_in_clouds: Vec<Key>,
    /// What is in the store of results when the run is over: key and content.
    pub stored: BTreeMap<String, Bytes>,
    /// What is there after the Experiment was deleted.
    pub stored_at_last: Vec<String>,
    /// Requests to targets after their run was over and nothing had happened for a while.
    pub to_targets_when_over: Vec<String>,
    /// Requests that operators sent that were started anew when all was over: beside the run, and once it was gone.
    pub after_restart: Vec<Sent>,
    /// How long it took, in virtual time, until all was over.
    pub took: Duration,
    /// Each time that the API server went back to an earlier state.
    pub restored: Vec<Restored>,
    /// What must hold and does not.
    pub broken: Vec<String>,
    /// What the operators said, where they are processes.
    pub log: String,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    addresses: Addresses,
}

/// Stores of metrics: from some time on every question is answered, with one series of ones. As `VictoriaMetrics` does,
/// they keep back what they took until they are told to show it, for here they are asked before they would by themselves.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) from: Instant,
    /// When they were last told to.
    pub(crate) settled: Arc<Mutex<Option<Instant>>>,
    /// A question with these words in it is never answered.
    pub(crate) hole: Option<&'static str>,
}

impl Http for Metrics {
    fn send(&self, request: Request<Bytes>, _limit: u64) -> BoxFuture<'_, Result<Reply, HttpError>> {
        Box::pin(async move {
            if Instant::now() < self.from {
                return Err(HttpError::Failed("connection refused".into()));
            }
            if request.uri().path() == "/internal/force_flush" {
                *self.settled.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                return Ok(Reply { status: StatusCode::OK, media_type: None, body: Bytes::new() });
            }
            let form: Vec<(String, String)> =
                serde_urlencoded::from_bytes(request.body()).unwrap_or_default();
            let asked = form.iter().find(|(key, _)| key == "query").map_or("", |(_, query)| query);
            if self.hole.is_some_and(|words| asked.contains(words)) {
                return std::future::pending().await;
            }
            let number = |name: &str| {
                let text = form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                text.and_then(|text| text.parse::<f64>().ok())
            };
            let settled = *self.settled.lock().unwrap_or_else(PoisonError::into_inner);
            let is_shown = settled.is_some_and(|at| at.elapsed() < SHOWN_FOR);
            let series = |kind: &str, key: &str, value: Value| {
                let series = is_shown.then(|| json!({"metric": {"pod": "p"}, key: value}));
                json!({"status": "success", "data": {"resultType": kind, "result": series.as_slice()}})
            };
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
    pace: Pace,
    behavior: Behavior,
    begun: Instant,
    clock: Clock,
    hub: Shared,
    /// What answers for the hub.
    next: Next,
    clusters: Arc<Clusters>,
    store: Arc<InMemory>,
    faults: Arc<Mutex<Faults>>,
    crash: Arc<Notify>,
    /// The real programs, and the addresses of the stores of results and of metrics.
    real: Option<(Site, [String; 2])>,
}

/// Lives one run to its end under these faults.
///
/// # Panics
/// If the world itself cannot be made.
#[must_use]
pub fn live(ground: &Ground, scenario: &Scenario, plan: &[Fault]) -> Outcome {
    live_as(ground, scenario, Box::new(plan.to_vec()))
}

/// Lives one run to its end under the faults that `choice` chooses.
///
/// # Panics
/// If the world itself cannot be made.
#[must_use]
pub fn live_as(ground: &Ground, scenario: &Scenario, choice: Box<dyn Choice>) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = match ground {
        Ground::Memory => runtime.enable_time().start_paused(true),
        Ground::Real(_) => runtime.enable_all(),
    };
    let runtime = runtime.build().unwrap_or_else(|error| panic!("there is no runtime: {error}"));
    // Within, where time stands still.
    runtime.block_on(async {
        let world = match ground {
            Ground::Memory => World::in_memory(ground.pace(), scenario.behavior, choice),
            Ground::Real(pool) => {
                World::real(ground.pace(), pool, scenario.behavior, choice).await.unwrap_or_else(|error| {
                    panic!("the world cannot be made: {error:#}");
                })
            }
        };
        world.live(scenario).await
    })
}

/// One life of the operator.
enum Life {
    /// A task; it would end if what tells it to stop were gone.
    Task { task: JoinHandle<anyhow::Result<()>>, _stop: watch::Sender<bool> },
    /// A process.
    Process(Box<Process>),
}

impl Life {
    /// Returns how it ended by itself, once it has.
    async fn ended(&mut self) -> String {
        match self {
            Self::Task { task, .. } => format!("{:?}", task.await),
            Self::Process(process) => process.ended().await,
        }
    }

    /// Ends it at once.
    async fn kill(&mut self) {
        match self {
            Self::Task { task, .. } => {
                task.abort();
                if !task.is_finished() {
                    let _ = task.await;
                }
            }
            Self::Process(process) => process.kill().await,
        }
    }
}

impl World {
    fn in_memory(pace: Pace, behavior: Behavior, choice: Box<dyn Choice>) -> Self {
        let start = Timestamp::from_second(1_767_225_600).unwrap_or_default();
        let clock = Clock::set(start);
        let mut hub = Store::new(clock.clone(), "hub", &NAMESPACES);
        hub.may_go_back = choice.may_go_back();
        for kind in KINDS.iter().filter(|kind| kind.is_custom()) {
            let _ = hub.create("CustomResourceDefinition", "", kind.definition());
        }
        for (kind, namespace, object) in runs::catalog() {
            let _ = hub.create(kind, namespace, object);
        }
        let hub = Arc::new(Mutex::new(hub));
        let next = in_memory(&hub);
        Self::of(pace, behavior, choice, clock, hub, next)
    }

    async fn real(
        pace: Pace,
        pool: &Arc<Pool>,
        behavior: Behavior,
        choice: Box<dyn Choice>,
    ) -> anyhow::Result<Self> {
        let mut site = pool.site()?;
        let hub = site.mirror().await?;
        let mut world = Self::of(pace, behavior, choice, Clock::system(), hub.clone(), site.next(&hub)?);
        let addresses = site.serve(world.bucket(), world.metrics()).await?;
        world.clusters = Arc::new(site.clusters(world.faulty(0))?);
        world.real = Some((site, addresses));
        Ok(world)
    }

    fn of(
        pace: Pace,
        behavior: Behavior,
        choice: Box<dyn Choice>,
        clock: Clock,
        hub: Shared,
        next: Next,
    ) -> Self {
        Self {
            pace,
            behavior,
            begun: Instant::now(),
            clock,
            hub,
            next,
            clusters: Arc::default(),
            store: Arc::default(),
            faults: Faults::new(choice),
            crash: Arc::default(),
            real: None,
        }
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the API server of the hub behind faults, as a life of the operator reaches it.
    fn faulty(&self, life: u64) -> Faulty {
        Faulty {
            store: self.hub.clone(),
            next: self.next.clone(),
            hub: self.hub.clone(),
            faults: self.faults.clone(),
            crash: self.crash.clone(),
            life,
            behavior: self.behavior,
            reachable: Arc::new(|| true),
        }
    }

    /// Returns the store of results behind faults, as the present life of the operator reaches it.
    fn bucket(&self) -> Bucket {
        let trouble = match self.behavior {
            Behavior { store_away: Some(away), .. } => Trouble::Down(self.begun + away),
            Behavior { store_truncates: true, .. } => Trouble::Truncates,
            _ => Trouble::None,
        };
        Bucket { inner: self.store.clone(), faulty: self.faulty(0).now(), trouble }
    }

    /// Returns the stores of metrics.
    fn metrics(&self) -> Metrics {
        let from = self.begun + self.behavior.metrics_away.unwrap_or_default();
        Metrics { from, settled: Arc::default(), hole: None }
    }

    /// Starts an operator.
    async fn start(&self) -> Life {
        let life = {
            let mut faults = self.faults();
            faults.life += 1;
            faults.life
        };
        let to_hub = self.faulty(life);
        if let Some((site, addresses)) = &self.real {
            let process = site.start(to_hub, addresses).await;
            let process = process.unwrap_or_else(|error| panic!("there is no operator: {error:#}"));
            return Life::Process(Box::new(process));
        }
        let clusters = self.clusters.clone();
        let template = to_hub.clone();
        let connect = move |config: kube::Config, clock: &Clock| {
            let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
            let (name, store) = clusters.at(&host).unwrap_or_else(|| (host, template.hub.clone()));
            let way = Client::new(template.before(&name, &store), "default");
            Ok(Fence::new(None).guard(way, Some(clock)))
        };
        let clock = self.clock.skewed(self.faults().skew.clone());
        let outside = Outside {
            kube: Fence::new(None).guard(Client::new(to_hub, "testbed-system"), Some(&clock)),
            connect: Arc::new(connect),
            http: Arc::new(self.metrics()),
            store: Arc::new(self.bucket()),
            clock,
        };
        // What is not told of is never seen, instead of ten minutes late.
        let flags = Flags::parse_from(["sim", "--ingest-key", CANARY, "--safety-look", "1000h"]);
        let clients = Arc::new(Clients::new(outside, &flags.addresses, "results", flags.settings));
        let (stop, stopped) = watch::channel(false);
        Life::Task { task: tokio::spawn(control(clients, 16, Mode::On, stopped)), _stop: stop }
    }

    async fn live(self, scenario: &Scenario) -> Outcome {
        let (pace, mut ends) = (self.pace, 0);
        let (hub, clusters) = (self.hub.clone(), self.clusters.clone());
        let players = Players::new(hub, clusters, self.clock.clone(), self.behavior, pace.speed);
        let players = tokio::spawn(players.play());
        let theirs = scenario.has_theirs().then(|| {
            let (hub, clusters) = (self.hub.clone(), self.clusters.clone());
            tokio::spawn(players::theirs(hub, clusters, self.clock.clone(), self.behavior))
        });
        let begun = Instant::now();
        let mut broken = Vec::new();
        let mut operator = self.start().await;
        let created = lock(&self.hub).create("Experiment", NAMESPACE, scenario.experiment.clone());
        match created {
            Ok(run) if self.behavior.place_taken => self.take_a_place(&run),
            Ok(_) => {}
            Err(refused) => broken.push(format!("the Experiment was refused: {refused:?}")),
        }
        let key = Key::new("Experiment", NAMESPACE, NAME);
        let (mut ended, mut stored, mut took) = (None, BTreeMap::new(), Duration::ZERO);
        let (mut last, mut quiet) = (0, Instant::now());
        let mut asked_to_go = false;
        let (mut sent_until_over, mut beside) = (None, Vec::new());
        loop {
            tokio::select! {
                biased;
                () = self.crash.notified() => {
                    self.faults().life += 1;
                    operator.kill().await;
                    sleep(pace.away).await;
                    operator = self.start().await;
                    continue;
                }
                result = operator.ended() => {
                    ends += 1;
                    // A process that can no longer hold its lease ends, and Kubernetes starts it again.
                    if self.real.is_none() || ends > ENDS {
                        broken.push(format!("the operator ended by itself: {result}"));
                        break;
                    }
                    sleep(pace.away).await;
                    operator = self.start().await;
                    continue;
                }
                // Who waits for a day is not looked at every moment.
                () = sleep(if quiet.elapsed() > pace.swept { LONG.min(pace.patience / 100) } else { pace.look }) => {}
            }
            let run = lock(&self.hub).get(&key);
            let reached = run.as_ref().and_then(|run| phase(run));
            let over = run.as_ref().is_none_or(|run| run["status"]["resourcesCleaned"] == true);
            let stays = run.as_ref().is_some_and(|run| run["metadata"]["deletionTimestamp"].is_null());
            // Whoever wants it gone asks again if that was undone.
            if stays && (asked_to_go || scenario.delete_in.is_some_and(|wanted| reached >= Some(wanted))) {
                self.ask_to_go(&key, asked_to_go && scenario.delete_in.is_none());
                asked_to_go = true;
                if scenario.is_orphaned {
                    let free = json!({"metadata": {"finalizers": null}});
                    let _ = lock(&self.hub).patch(&key, false, &free);
                }
            }
            let version = lock(&self.hub).version();
            if version != last {
                (last, quiet) = (version, Instant::now());
            }
            if begun.elapsed() > pace.patience {
                broken.push(format!("I12: not over after {} min", pace.patience.as_secs() / 60));
                break;
            }
            if !over || quiet.elapsed() < pace.quiet {
                continue;
            }
            // What lost its run is waited for until the sweeper must have found it.
            if scenario.is_orphaned && quiet.elapsed() < pace.swept && self.is_anything_left() {
                continue;
            }
            if let Some(run) = run.filter(|_| !asked_to_go) {
                took = begun.elapsed().saturating_sub(quiet.elapsed());
                ended = Some((*run).clone());
                sent_until_over = Some(self.faults().sent.len());
                stored = self.stored().await;
                // One that finds a run which is over has nothing to do for it.
                operator.kill().await;
                operator = self.start().await;
                sleep(pace.idle).await;
                beside = self.faults().sent[sent_until_over.unwrap_or_default()..].to_vec();
                asked_to_go = true;
                self.ask_to_go(&key, true);
                (last, quiet) = (0, Instant::now());
                continue;
            }
            if lock(&self.hub).get(&key).is_none() && quiet.elapsed() >= pace.gone {
                break;
            }
        }
        let silent_from = quiet + UNANSWERED;
        let stored_at_last = self.stored().await.into_keys().collect();
        // One more life, in which there is nothing to do.
        operator.kill().await;
        let before = self.faults().sent.len();
        let mut idle = self.start().await;
        sleep(pace.idle).await;
        idle.kill().await;
        players.abort();
        theirs.iter().for_each(JoinHandle::abort);
        let mut outcome = self.outcome(before, ended, stored, stored_at_last, took, broken);
        outcome.after_restart.extend(beside);
        let until_silent = || outcome.sent.partition_point(|sent| sent.at <= silent_from);
        let late = outcome.sent.iter().skip(sent_until_over.unwrap_or_else(until_silent));
        let late = late.filter(|sent| sent.needs.is_none() && sent.line.contains(" /"));
        outcome.to_targets_when_over = late.map(|sent| sent.line.clone()).collect();
        let found = invariants::broken(scenario, &outcome);
        outcome.broken.extend(found);
        if let Some((site, _)) = self.real {
            let said = site.end(outcome.broken.is_empty()).await;
            if holds_canary(&said) {
                outcome.broken.push("I17: a credential stands in the log".into());
            }
            outcome.log = said;
        }
        outcome
    }

    fn outcome(
        &self,
        before: usize,
        ended: Option<Value>,
        stored: BTreeMap<String, Bytes>,
        stored_at_last: Vec<String>,
        took: Duration,
        broken: Vec<String>,
    ) -> Outcome {
        let faults = self.faults();
        let after_restart = faults.sent[before..].to_vec();
        let hub = lock(&self.hub);
        let (history_of_theirs, left_in_theirs) = players::in_theirs(&self.clusters);
        Outcome {
            history: hub.history(),
            sent: faults.sent.clone(),
            writes: faults.sent[..before].iter().map(|sent| sent.number).max().unwrap_or_default(),
            ended,
            left: hub.all().map(|(key, _)| key.clone()).collect(),
            history_of_theirs,
            left_in_theirs,
            left_in_clouds: players::in_clouds(&self.clusters),
            stored,
            stored_at_last,
            to_targets_when_over: Vec::new(),
            after_restart,
            took,
            restored: hub.restored.clone(),
            broken,
            log: String::new(),
        }
    }

    /// Makes a namespace of the name that the last target of a run would use, once the run was accepted.
    fn take_a_place(&self, run: &Arc<Value>) {
        let run: Option<Experiment> = serde_json::from_value((**run).clone()).ok();
        let Some(run) = run.as_ref().and_then(|run| Run::of(run).ok()) else { return };
        let Some(last) = run.spec.targets.last() else { return };
        let (hub, taken) = (self.hub.clone(), json!({"metadata": {"name": run.namespace_of(&last.name)}}));
        tokio::spawn(async move {
            sleep(Duration::from_millis(500)).await;
            let _ = lock(&hub).create("Namespace", "", taken);
        });
    }

    /// Deletes the run, and its results if they are to go, too.
    fn ask_to_go(&self, key: &Key, results_too: bool) {
        let mut hub = lock(&self.hub);
        // Who has lost them does not ask a store that is gone to delete them.
        if results_too && self.behavior.store_away.is_none_or(|away| away < FOR_GOOD) {
            let wish = json!({"metadata": {"annotations": {labels::DELETE_RESULTS: "true"}}});
            let _ = hub.patch(key, false, &wish);
        }
        let _ = hub.delete(key, &Deletion::default());
    }

    fn is_anything_left(&self) -> bool {
        let hub = lock(&self.hub);
        !invariants::left_over(&hub.log, hub.all().map(|(key, _)| key)).is_empty()
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
