//! What can only be measured: latency, throughput, memory and size, of the operator as a process beside a real API
//! server, with players in the place of everyone else. Bars are those of the design where they are met, else where we
//! are, so that nothing gets worse in silence; the tolerance is in the bar.

use crate::bench::Row;
use crate::bucket::{Bucket, Trouble};
use crate::fault::{Faults, Faulty};
use crate::players::{Behavior, Players};
use crate::real::{Pool, Site, ask, create, told};
use crate::runs::{self, Scenario};
use crate::store::{Deletion, Key, named};
use crate::wire::{Shared, lock};
use crate::world::{Ground, Metrics, NAMESPACE, live};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, TryStreamExt, stream};
use http::Method;
use kube::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use testbed_api::labels;
use testbed_core::build::{ARGOCD_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_operator::outside::Clock;
use tokio::process::Child;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How many runs there are at once where there are many.
const MANY: usize = 50;
/// How many there are where each takes its time.
const SLOW: usize = 100;
/// How many are lived as fast as it goes.
const FAST: usize = 200;
/// How many are over, where it is looked at what those cost.
const OVER: usize = 10_000;
/// How many requests are in flight where many objects are made.
const AT_ONCE: usize = 32;
/// After so long something that should have happened has not.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often runs are lived beside one whose metrics are never answered, and without.
const TURNS: usize = 4;
/// How long an operator is looked at that has nothing to do.
const IDLE: Duration = Duration::from_secs(10);
/// Name of the run whose metrics are never answered.
const HOLE: &str = "hole";

/// What was seen of an object, and when.
struct Sight {
    at: Instant,
    kind: &'static str,
    gone: bool,
    object: Value,
}

/// An operator, what it talks to, and someone who watches.
struct Lab {
    site: Site,
    hub: Shared,
    addresses: [String; 2],
    seen: Arc<Mutex<Vec<Sight>>>,
    watchers: Vec<JoinHandle<()>>,
    experiment: Value,
}

impl Lab {
    /// Makes one, with players so many times as fast as usual.
    async fn new(pool: &Arc<Pool>, behavior: Behavior, speed: u32) -> Result<Self> {
        let mut site = pool.site()?;
        site.words = "warn";
        let hub = site.mirror().await?;
        let faulty = Faulty {
            store: hub.clone(),
            next: site.next(&hub)?,
            hub: hub.clone(),
            faults: Faults::new(Box::new(Vec::new())),
            crash: Arc::default(),
            life: 0,
            behavior: Behavior::default(),
            reachable: Arc::new(|| true),
        };
        let bucket = Bucket { inner: Arc::default(), faulty, trouble: Trouble::None };
        let metrics =
            Metrics { from: tokio::time::Instant::now(), settled: Arc::default(), hole: Some(HOLE) };
        let addresses = site.serve(bucket, metrics).await?;
        let players = Players::new(hub.clone(), Arc::default(), Clock::system(), behavior, speed);
        // They wait for the API server while they hold a thread.
        thread::spawn(move || {
            if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
                runtime.block_on(players.play());
            }
        });
        let (seen, mut watchers) = (Arc::<Mutex<Vec<Sight>>>::default(), Vec::new());
        for kind in ["Experiment", "Application", "Workflow"] {
            let (client, seen) = (site.client()?, seen.clone());
            let list = ask(&client, Method::GET, &named(kind).path("", ""), "", Bytes::new()).await?;
            let since = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
            watchers.push(tokio::spawn(told(client, named(kind), since, move |gone, object| {
                let sight = Sight { at: Instant::now(), kind, gone, object };
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(sight);
            })));
        }
        Ok(Self { site, hub, addresses, seen, watchers, experiment: scenario("one-on-hub")?.experiment })
    }

    /// Makes one where a run has been, and whose operator has nothing to do.
    async fn warm(pool: &Arc<Pool>, behavior: Behavior, speed: u32) -> Result<(Self, Child)> {
        let lab = Self::new(pool, behavior, speed).await?;
        let operator = lab.start()?;
        lab.create("first")?;
        lab.until(1, "runs are over", is_cleaned).await?;
        Ok((lab, operator))
    }

    fn start(&self) -> Result<Child> {
        self.site.start_directly(&self.addresses)
    }

    fn create(&self, name: &str) -> Result<()> {
        let mut experiment = self.experiment.clone();
        experiment["metadata"]["name"] = json!(name);
        lock(&self.hub).create("Experiment", NAMESPACE, experiment)?;
        Ok(())
    }

    /// Waits until so many sights are of that kind; returns when each was, by name of the run.
    async fn until(
        &self,
        count: usize,
        what: &str,
        is: impl Fn(&Sight) -> bool,
    ) -> Result<BTreeMap<String, Instant>> {
        let begun = Instant::now();
        loop {
            let found = self.first(&is);
            if found.len() >= count {
                return Ok(found);
            }
            ensure!(begun.elapsed() < PATIENCE, "{} of {count} {what} after {PATIENCE:?}", found.len());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns when something was first seen, by name of the run.
    fn first(&self, is: impl Fn(&Sight) -> bool) -> BTreeMap<String, Instant> {
        let mut first = BTreeMap::new();
        for sight in self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|sight| is(sight))
        {
            first.entry(run_of(sight)).or_insert(sight.at);
        }
        first
    }

    /// Returns how many milliseconds after the one the other was seen, of each run whose name begins so.
    fn between(&self, runs: &str, one: impl Fn(&Sight) -> bool, other: impl Fn(&Sight) -> bool) -> Vec<f64> {
        let (one, other) = (self.first(one), self.first(other));
        let took = one.iter().filter(|(run, _)| run.starts_with(runs)).filter_map(|(run, at)| {
            let after = other.get(run)?.checked_duration_since(*at)?;
            Some(after.as_secs_f64() * 1e3)
        });
        took.collect()
    }

    /// Returns how long it took the operator to take note of something and to do what follows from it, of runs whose names
    /// begin so, in milliseconds and in order.
    fn transitions(&self, runs: &str) -> Vec<f64> {
        let mut all = self.between(runs, is_healthy, is_submitted);
        all.extend(self.between(runs, load_is_done, is_noted));
        all.sort_by(f64::total_cmp);
        all
    }

    async fn end(self) {
        for watcher in &self.watchers {
            watcher.abort();
        }
        // What is in it is not cleaned up.
        let _ = self.site.end(false).await;
    }
}

fn run_of(sight: &Sight) -> String {
    let metadata = &sight.object["metadata"];
    let run =
        if sight.kind == "Experiment" { &metadata["name"] } else { &metadata["labels"][labels::EXPERIMENT] };
    run.as_str().unwrap_or_default().to_owned()
}

fn is_healthy(sight: &Sight) -> bool {
    sight.kind == "Application"
        && sight.object["status"]["health"]["status"] == "Healthy"
        && sight.object["status"]["sync"]["status"] == "Synced"
}

fn is_submitted(sight: &Sight) -> bool {
    sight.kind == "Workflow"
}

fn load_is_done(sight: &Sight) -> bool {
    sight.kind == "Workflow" && sight.object["status"]["phase"] == "Succeeded"
}

fn is_noted(sight: &Sight) -> bool {
    let conditions = sight.object["status"]["conditions"].as_array();
    let holds = |condition: &Value| condition["type"] == "WorkflowSucceeded" && condition["status"] == "True";
    sight.kind == "Experiment" && conditions.into_iter().flatten().any(holds)
}

fn is_cleaned(sight: &Sight) -> bool {
    sight.kind == "Experiment" && sight.object["status"]["resourcesCleaned"] == true
}

fn scenario(name: &str) -> Result<Scenario> {
    runs::named(name).context("there is no such run")
}

/// Returns a quantile of numbers in order.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "they are few"
    )]
    let place = ((sorted.len() as f64 * at).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(place).copied().unwrap_or(f64::INFINITY)
}

/// What the system says of a process: resident memory and that of it which is its program, in megabytes; and how long it
/// has computed, in seconds.
struct Usage {
    resident: f64,
    program: f64,
    computed: f64,
}

impl Usage {
    fn of(child: &Child) -> Result<Self> {
        let process = format!("/proc/{}", child.id().context("the operator has ended")?);
        let status = fs::read_to_string(format!("{process}/status"))?;
        let megabytes = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("unknown memory")?;
            Ok(line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
        };
        let stat = fs::read_to_string(format!("{process}/stat"))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("unknown time")?.1.split_whitespace().collect();
        // A hundredth of a second each, on every Linux.
        let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(Self { resident: megabytes("VmRSS")?, program: megabytes("RssFile")?, computed: ticks / 100.0 })
    }
}

/// Returns how long a run takes in the simulated world, where nothing but waiting takes time.
fn waiting() -> Result<Duration> {
    let outcome = live(&Ground::Memory, &scenario("one-on-hub")?, &[]);
    let mut writes = outcome.history.iter().filter(|entry| entry.key.kind == "Experiment");
    let begun = writes.next().context("there was no run")?.at;
    let ended =
        writes.find(|entry| entry.object["status"]["resourcesCleaned"] == true).context("it did not end")?;
    Ok(Duration::try_from(ended.at.duration_since(begun))?)
}

/// Measures everything; `show` is called with what was found as soon as it was.
///
/// # Errors
/// If a program does not start, or something does not happen.
pub fn rows(pool: &Arc<Pool>, programs: &Path, show: impl Fn(&Row)) -> Result<Vec<Row>> {
    let waiting = waiting()?;
    let ended = live(&Ground::Memory, &scenario("one-on-hub")?, &[]).ended.context("there was no run")?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let mut rows = Vec::new();
    let mut found = |some: Vec<Row>| {
        some.iter().for_each(&show);
        rows.extend(some);
    };
    found(sizes(programs)?);
    found(runtime.block_on(alone(pool, waiting))?);
    found(runtime.block_on(transitions(pool))?);
    found(runtime.block_on(beside_a_hole(pool))?);
    found(runtime.block_on(fast(pool))?);
    found(runtime.block_on(storm(pool))?);
    found(runtime.block_on(over(pool, &ended))?);
    Ok(rows)
}

fn row(id: &'static str, what: &'static str, original: &'static str, ours: f64, bar: f64) -> Row {
    Row { id, what, original, ours, bar }
}

/// One run after the other.
async fn alone(pool: &Arc<Pool>, waiting: Duration) -> Result<Vec<Row>> {
    let lab = Lab::new(pool, Behavior::default(), 1).await?;
    let _operator = lab.start()?;
    let mut overheads = Vec::new();
    for number in 0..3 {
        let name = format!("alone-{number}");
        let begun = Instant::now();
        lab.create(&name)?;
        let cleaned = lab.until(number + 1, "runs are over", is_cleaned).await?;
        let took = cleaned.get(&name).context("another one was faster")?.duration_since(begun);
        // The first one waits for the operator to start.
        overheads.extend((number > 0).then_some(took.as_secs_f64() - waiting.as_secs_f64()));
    }
    let overhead = overheads.into_iter().fold(f64::INFINITY, f64::min);
    lab.end().await;
    Ok(vec![row("B2", "seconds that the lab adds to a run on the hub", "28.1", overhead, 0.6)])
}

/// Returns the median and the 99th percentile of the milliseconds of a transition with so many runs at once.
async fn many(pool: &Arc<Pool>, behavior: Behavior, count: usize) -> Result<[f64; 2]> {
    let (lab, _operator) = Lab::warm(pool, behavior, 1).await?;
    for number in 0..count {
        lab.create(&format!("many-{number}"))?;
        // As people come, not in step.
        sleep(Duration::from_millis(150)).await;
    }
    lab.until(count + 1, "runs are over", is_cleaned).await?;
    let took = lab.transitions("many-");
    lab.end().await;
    Ok([quantile(&took, 0.5), quantile(&took, 0.99)])
}

/// Transitions: of runs whose stages take their time, and of runs that are quick.
async fn transitions(pool: &Arc<Pool>) -> Result<Vec<Row>> {
    let [median, late] = many(pool, Behavior { scattered: true, ..Behavior::default() }, SLOW).await?;
    let [quick_median, quick_late] = many(pool, Behavior::default(), MANY).await?;
    Ok(vec![
        row(
            "B1",
            "milliseconds of a transition, 100 runs at once whose stages take 0.5 to 20 s, median",
            "13500",
            median,
            55.0,
        ),
        row("B1", "the same, p99", "13900", late, 330.0),
        row("B1", "the same, 50 runs that are over in 20 s, median", "13500", quick_median, 80.0),
        row("B1", "the same, p99", "13900", quick_late, 520.0),
    ])
}

/// Lives twenty runs, and returns how many milliseconds each transition took.
async fn twenty(lab: &Lab, turn: usize) -> Result<Vec<f64>> {
    let prefix = format!("turn-{turn}-");
    for number in 0..20 {
        lab.create(&format!("{prefix}{number}"))?;
        sleep(Duration::from_millis(100)).await;
    }
    lab.until(20, "runs are over", |sight| run_of(sight).starts_with(&prefix) && is_cleaned(sight)).await?;
    Ok(lab.transitions(&prefix))
}

/// Beside a run whose metrics nobody answers, and elsewhere without one, in turn; and runs that are deleted meanwhile.
async fn beside_a_hole(pool: &Arc<Pool>) -> Result<Vec<Row>> {
    let (other, _elsewhere) = Lab::warm(pool, Behavior::default(), 5).await?;
    let (lab, _operator) = Lab::warm(pool, Behavior::default(), 5).await?;
    lab.create(HOLE)?;
    lab.until(1, "load is noted", |sight| run_of(sight) == HOLE && is_noted(sight)).await?;
    let (mut without, mut beside) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        without.extend(twenty(&other, turn).await?);
        beside.extend(twenty(&lab, turn).await?);
    }
    ensure!(!lab.first(is_cleaned).contains_key(HOLE), "somebody answered: nothing was measured");
    other.end().await;
    without.sort_by(f64::total_cmp);
    beside.sort_by(f64::total_cmp);
    let longer = |at| quantile(&beside, at) - quantile(&without, at);
    let mut took = Vec::new();
    for number in 0..5 {
        took.push(deletion(&lab, &format!("deleted-{number}")).await?);
    }
    took.sort_by(f64::total_cmp);
    let took = quantile(&took, 0.5);
    lab.end().await;
    Ok(vec![
        row(
            "B4",
            "milliseconds that a transition takes longer beside a run whose store of metrics hangs, median",
            "210000",
            longer(0.5),
            25.0,
        ),
        row("B4", "the same, p99", "210000", longer(0.99), 250.0),
        row(
            "B5",
            "milliseconds from a deletion to the first object asked to go, the same, median",
            "192000",
            took,
            200.0,
        ),
    ])
}

/// Deletes a run whose load has just begun, and returns how many milliseconds later the first object is asked to go.
async fn deletion(lab: &Lab, name: &str) -> Result<f64> {
    lab.create(name)?;
    lab.until(1, "is submitted", |sight| run_of(sight) == name && is_submitted(sight)).await?;
    let begun = Instant::now();
    lock(&lab.hub).delete(&Key::new("Experiment", NAMESPACE, name), &Deletion::default())?;
    let goes = |sight: &Sight| {
        ["Application", "Workflow"].contains(&sight.kind)
            && run_of(sight) == name
            && (sight.gone || sight.object["metadata"]["deletionTimestamp"].is_string())
    };
    let gone = lab.until(1, "object goes", goes).await?;
    Ok(gone.values().next().map_or(f64::INFINITY, |at| at.duration_since(begun).as_secs_f64() * 1e3))
}

/// As many as it can do, where nobody else takes time.
async fn fast(pool: &Arc<Pool>) -> Result<Vec<Row>> {
    let (lab, operator) = Lab::warm(pool, Behavior::default(), 1000).await?;
    let (begun, before) = (Instant::now(), Usage::of(&operator)?.computed);
    for number in 0..FAST {
        lab.create(&format!("fast-{number}"))?;
    }
    lab.until(FAST + 1, "runs are over", is_cleaned).await?;
    let (took, computed) = (begun.elapsed().as_secs_f64(), Usage::of(&operator)?.computed - before);
    lab.end().await;
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    let count = FAST as f64;
    Ok(vec![
        row(
            "B6",
            "seconds for a run when 200 are begun at once and nobody else takes time",
            "> 0.06",
            took / count,
            1.2,
        ),
        row("B6", "milliseconds of computing for a run", "24", computed / count * 1e3, 120.0),
    ])
}

/// Ten runs that wait, while someone writes their Applications a hundred times a second.
async fn storm(pool: &Arc<Pool>) -> Result<Vec<Row>> {
    let waits = Behavior { never_healthy: true, ..Behavior::default() };
    let lab = Lab::new(pool, waits, 5).await?;
    let operator = lab.start()?;
    for number in 0..10 {
        lab.create(&format!("waits-{number}"))?;
    }
    let is_there =
        |sight: &Sight| sight.kind == "Application" && sight.object["status"]["sync"]["status"] == "Synced";
    lab.until(10, "Applications are in sync", is_there).await?;
    sleep(Duration::from_secs(3)).await;
    let applications: Vec<Key> = {
        let hub = lock(&lab.hub);
        hub.all().map(|(key, _)| key.clone()).filter(|key| key.kind == "Application").collect()
    };
    let written = |seen: &Arc<Mutex<Vec<Sight>>>| {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|sight| sight.kind == "Experiment").count()
    };
    let (before, computed, begun) = (written(&lab.seen), Usage::of(&operator)?.computed, Instant::now());
    let client = lab.site.client()?;
    for number in 0..1000_u32 {
        let key = &applications[number as usize % applications.len()];
        // Of an Application that Argo CD looks at again, this is what changes where nothing else did.
        let looked = json!({"sourceType": "Helm", "reconciledAt": format!("2026-01-01T00:{:02}:{:02}Z", number / 60, number % 60)});
        let patch =
            json!({"metadata": {"annotations": {"storm": number.to_string()}}, "status": looked}).to_string();
        let path = named("Application").path(ARGOCD_NAMESPACE, &key.name);
        ask(&client, Method::PATCH, &path, "application/merge-patch+json", patch.into()).await?;
        let due = begun + Duration::from_millis(10) * (number + 1);
        sleep(due.saturating_duration_since(Instant::now())).await;
    }
    let took = begun.elapsed().as_secs_f64();
    let computed = (Usage::of(&operator)?.computed - computed) / took * 100.0;
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    let writes = (written(&lab.seen) - before) as f64;
    lab.end().await;
    Ok(vec![
        row(
            "B19",
            "per cent of a core while ten waiting runs' Applications change 100 times a second",
            "-",
            computed,
            10.0,
        ),
        row("B19", "writes to runs because of a thousand such changes", "-", writes, 0.0),
    ])
}

/// Makes many objects.
async fn fill(client: &Client, objects: impl Iterator<Item = (String, Value)>) -> Result<()> {
    stream::iter(objects)
        .map(|(path, object)| async move { create(client, &path, &object).await })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Starts an operator, waits until it has looked at everything, and says how large it is and how long that took.
async fn settled(lab: &Lab) -> Result<(Usage, f64)> {
    let operator = lab.start()?;
    let (mut computed, mut quiet, begun) = (0.0, Instant::now(), Instant::now());
    while quiet.elapsed() < IDLE {
        sleep(Duration::from_millis(100)).await;
        let now = Usage::of(&operator)?.computed;
        // Renewing its lease costs it a little.
        if now > computed + 0.05 {
            (computed, quiet) = (now, Instant::now());
        }
        ensure!(begun.elapsed() < PATIENCE, "the operator does not come to rest");
    }
    Ok((Usage::of(&operator)?, quiet.duration_since(begun).as_secs_f64()))
}

/// Memory, with no run, among what is not ours, and with many runs that are over.
async fn over(pool: &Arc<Pool>, ended: &Value) -> Result<Vec<Row>> {
    let lab = Lab::new(pool, Behavior::default(), 1).await?;
    let client = lab.site.client()?;
    let (none, _) = settled(&lab).await?;
    let padding = "x".repeat(20_000);
    let foreign = (0..12_000).map(|number| {
        let (kind, data) = if number < 2000 { ("Secret", &*padding) } else { ("ConfigMap", "x") };
        let mut object = json!({"metadata": {"name": format!("foreign-{number}")}});
        named(kind).name(&mut object);
        object[if kind == "Secret" { "stringData" } else { "data" }] = json!({"data": data});
        (named(kind).path(WORKFLOW_NAMESPACE, ""), object)
    });
    fill(&client, foreign).await?;
    let (immune, _) = settled(&lab).await?;
    let runs = (0..OVER).map(|number| {
        let mut run = ended.clone();
        run["metadata"] = json!({"name": format!("over-{number}"), "finalizers": [labels::OPERATOR]});
        (named("Experiment").path(NAMESPACE, ""), run)
    });
    fill(&client, runs).await?;
    let status = json!({"status": ended["status"]}).to_string();
    let patched = stream::iter(0..OVER).map(|number| {
        let (client, status) = (client.clone(), status.clone());
        let path = named("Experiment").path(NAMESPACE, &format!("over-{number}/status"));
        async move { ask(&client, Method::PATCH, &path, "application/merge-patch+json", status.into()).await }
    });
    let () = patched.buffer_unordered(AT_ONCE).map_ok(drop).try_collect().await?;
    let writes = |lab: &Lab| lab.seen.lock().unwrap_or_else(PoisonError::into_inner).len();
    // What is told late of them is no write of an operator's.
    let begun = Instant::now();
    while writes(&lab) < 2 * OVER {
        ensure!(begun.elapsed() < PATIENCE, "{} of {OVER} runs were told of", writes(&lab) / 2);
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(3)).await;
    let before = writes(&lab);
    let (full, took) = settled(&lab).await?;
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    let written = (writes(&lab) - before) as f64;
    lab.end().await;
    Ok(vec![
        row("B9", "megabytes of memory with no run", "48", none.resident, 16.0),
        row("B9", "those of them that are its program", "-", none.program, 14.0),
        row("B9", "megabytes with 10,000 runs that are over", "151", full.resident, 27.0),
        row(
            "B10",
            "megabytes more beside 2,000 foreign Secrets of 20 kB and 10,000 ConfigMaps",
            "61",
            immune.resident - none.resident,
            1.0,
        ),
        row("B11", "seconds from start to rest among 10,000 runs that are over", "80", took, 8.0),
        row("B11", "writes until then", "10000", written, 0.0),
    ])
}

/// Sizes of programs, and how long the command line takes to say something.
fn sizes(programs: &Path) -> Result<Vec<Row>> {
    let operator = fs::read(programs.join("testbed-operator"))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&operator)?;
    #[expect(clippy::cast_precision_loss, reason = "it is a size")]
    let megabytes = packed.finish()?.len() as f64 / 1e6;
    let mut took = Vec::new();
    for _ in 0..30 {
        let begun = Instant::now();
        let said = Command::new(programs.join("testbed")).arg("--help").output()?;
        ensure!(said.status.success(), "testbed --help fails");
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    Ok(vec![
        row("B20", "megabytes of the operator's image, compressed", "87.6 raw", megabytes, 8.0),
        row("B20", "milliseconds of `testbed --help`, median", "34", quantile(&took, 0.5), 5.0),
    ])
}
