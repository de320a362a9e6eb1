//! Runs that are over: deleted when their time to live is, released when their user deletes them.
//!
//! There may be ten thousand of them, so of each only its name is kept, and when its time to live ends.

use crate::clients::{Clients, OVER, Run};
use crate::outside::Clock;
use crate::pass::{Driver, Error, Left};
use anyhow::Result;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ApiResource};
use kube::core::object::{NotUsed, Object};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use testbed_api::Experiment;
use testbed_core::plan::lives_until;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How many runs are listed at once.
const PAGE: u32 = 100;
/// The longest sleep: the clock by which time to live is counted is the API server's, and may be set.
const LONGEST: Duration = Duration::from_mins(10);

/// Changes of a run that come within so short a time cause one look.
const MOMENT: Duration = Duration::from_millis(1);

type EndedRun = Object<Stay, NotUsed>;

/// What says how long a run stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stay {
    ttl_days: Option<u32>,
}

/// When to look at a run.
enum When {
    /// At this time of day.
    At(Timestamp),
    /// After this time, whatever the clock does meanwhile.
    After(Duration),
}

/// When to look at which runs, by namespace and name.
#[derive(Default)]
struct Due {
    ends: BTreeSet<(Timestamp, String, String)>,
    soon: BTreeSet<(Instant, String, String)>,
}

impl Due {
    fn add(&mut self, when: When, space: String, name: String) {
        match when {
            When::At(at) => drop(self.ends.insert((at, space, name))),
            When::After(pause) => drop(self.soon.insert((Instant::now() + pause, space, name))),
        }
    }

    /// Returns how long it is until the next is due, if there is one.
    fn wait(&self, clock: &Clock) -> Option<Duration> {
        let ends = self.ends.first().map(|(at, ..)| clock.until(*at).min(LONGEST));
        let soon = self.soon.first().map(|(at, ..)| at.saturating_duration_since(Instant::now()));
        ends.into_iter().chain(soon).min()
    }

    /// Takes one that is due.
    fn take(&mut self, clock: &Clock) -> Option<Run> {
        take_until(&mut self.soon, Instant::now()).or_else(|| take_until(&mut self.ends, clock.now()))
    }
}

fn take_until<T: Ord>(due: &mut BTreeSet<(T, String, String)>, now: T) -> Option<Run> {
    let is_due = due.first().is_some_and(|(at, ..)| *at <= now);
    let (_, space, name) = if is_due { due.pop_first() } else { None }?;
    Some(Run::new(&name).within(&space))
}

/// Keeps the promise of time to live, until stopped.
pub(crate) async fn run(
    clients: Arc<Clients>,
    driver: Arc<Driver>,
    concurrency: u16,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let resource = ApiResource::erase::<Experiment>(&());
    let api: Api<EndedRun> = Api::all_with(clients.kube.clone(), &resource);
    let config = watcher::Config::default().fields(OVER).page_size(PAGE);
    let mut seen = Box::pin(watcher(api, config).default_backoff());
    let mut due = Due::default();
    let mut passes = FuturesUnordered::new();
    let driver = &driver;
    loop {
        let wait = due.wait(&clients.clock);
        let is_free = passes.len() < usize::from(concurrency);
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
            Some((run, left)) = passes.next() => {
                if let Some(when) = again(&run, left, driver) {
                    due.add(when, run.namespace.unwrap_or_default(), run.name);
                }
            }
            () = sleep(wait.unwrap_or_default()), if wait.is_some() && is_free => {
                if let Some(run) = due.take(&clients.clock) {
                    passes.push(async move { let left = driver.pass(&run).await; (run, left) });
                }
            }
            event = seen.next() => match event {
                None => return Ok(()),
                Some(Ok(Event::Apply(run) | Event::InitApply(run))) => {
                    if let Some(when) = first(&run) {
                        due.add(when, run.namespace().unwrap_or_default(), run.name_any());
                    }
                }
                Some(Err(error)) => tracing::warn!(%error, "the watch of runs that are over ended, and begins again"),
                // One that is gone is found to be so when its time comes.
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Returns when to look at a run that was seen: at the end of its time to live, or at once if it is to go or does not say.
fn first(run: &EndedRun) -> Option<When> {
    let metadata = &run.metadata;
    Some(match (&metadata.deletion_timestamp, run.spec.ttl_days) {
        (None, Some(days)) => When::At(lives_until(metadata.creation_timestamp.as_ref()?.0, days)?),
        _ => When::After(MOMENT),
    })
}

/// Returns when to look again at a run that was looked at, if ever.
fn again(run: &Run, left: Result<Left, Error>, driver: &Driver) -> Option<When> {
    match left {
        Ok(Left::Gone) => None,
        Ok(Left::Over(at)) => at.map(When::At),
        Ok(Left::Live(pause)) => Some(When::After(pause)),
        Err(error) => Some(When::After(driver.pause(run, &error))),
    }
}
