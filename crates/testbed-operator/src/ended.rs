//! Runs that are over: deleted when their time to live is, released when their user deletes them.
//!
//! There may be ten thousand of them, so of each only its name is kept, and when its time to live ends.

use crate::clients::{Clients, OVER, Run};
use crate::pass::{Driver, Error, Left};
use anyhow::Result;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
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
use tokio::time::sleep;

/// How many runs are listed at once.
const PAGE: u32 = 100;
/// The longest sleep: the clock by which time to live is counted is the API server's, and may be set.
const LONGEST: Duration = Duration::from_mins(10);

type EndedRun = Object<Stay, NotUsed>;

/// What says how long a run stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stay {
    ttl_days: Option<u32>,
}

/// When to look at a run, and its namespace and name.
type Due = (Timestamp, String, String);

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
    let mut due: BTreeSet<Due> = BTreeSet::new();
    let mut passes = FuturesUnordered::new();
    let driver = &driver;
    loop {
        let wait = due.first().map(|(at, ..)| clients.clock.until(*at).min(LONGEST));
        let is_free = passes.len() < usize::from(concurrency);
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
            Some((run, left)) = passes.next() => due.extend(again(run, left, driver, clients.clock.now())),
            () = sleep(wait.unwrap_or_default()), if wait.is_some() && is_free => {
                let now = clients.clock.now();
                if due.first().is_some_and(|(at, ..)| *at <= now)
                    && let Some((_, space, name)) = due.pop_first()
                {
                    let run = Run::new(&name).within(&space);
                    passes.push(async move { let left = driver.pass(&run).await; (run, left) });
                }
            }
            event = seen.next() => match event {
                None => return Ok(()),
                Some(Ok(Event::Apply(run) | Event::InitApply(run))) => due.extend(first(&run, clients.clock.now())),
                Some(Err(error)) => tracing::warn!(%error, "the watch of runs that are over ended, and begins again"),
                // One that is gone is found to be so when its time comes.
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Returns when to look at a run that was seen: at the end of its time to live, or now if it is to go or does not say.
fn first(run: &EndedRun, now: Timestamp) -> Option<Due> {
    let metadata = &run.metadata;
    let at = match (&metadata.deletion_timestamp, run.spec.ttl_days) {
        (None, Some(days)) => lives_until(metadata.creation_timestamp.as_ref()?.0, days)?,
        _ => now,
    };
    Some((at, metadata.namespace.clone()?, metadata.name.clone()?))
}

/// Returns when to look again at a run that was looked at, if ever.
fn again(run: Run, left: Result<Left, Error>, driver: &Driver, now: Timestamp) -> Option<Due> {
    let at = match left {
        Ok(Left::Gone) => return None,
        Ok(Left::Over(at)) => at?,
        Ok(Left::Live(pause)) => now.checked_add(pause).ok()?,
        Err(error) => now.checked_add(driver.pause(&run, &error)).ok()?,
    };
    Some((at, run.namespace.unwrap_or_default(), run.name))
}
