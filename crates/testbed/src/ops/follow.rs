//! A run as it goes: each change as it is written, until nothing is left of it.

use super::runs;
use anyhow::Result;
use futures::{Stream, StreamExt, stream};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use testbed_api::Experiment;

/// One thing seen of a run.
pub(crate) enum Change {
    /// It was written.
    Written(Box<Experiment>),
    /// It is gone.
    Gone,
}

/// Returns whether there is nothing more to see of a run.
pub(crate) fn is_over(run: &Experiment) -> bool {
    run.status.as_ref().is_some_and(|status| status.resources_cleaned == Some(true))
}

/// Follows a run. Connection losses are healed; the stream ends when the run is over or gone.
pub(crate) fn follow(
    client: &Client,
    run: &Experiment,
) -> impl Stream<Item = Result<Change>> + Send + Unpin + use<> {
    changes_until(client, run, is_over)
}

/// Follows a run until it is gone.
pub(crate) fn follow_until_gone(
    client: &Client,
    run: &Experiment,
) -> impl Stream<Item = Result<Change>> + Send + Unpin + use<> {
    changes_until(client, run, |_| false)
}

fn changes_until(
    client: &Client,
    run: &Experiment,
    over: fn(&Experiment) -> bool,
) -> impl Stream<Item = Result<Change>> + Send + Unpin + use<> {
    let api = runs::api(client, &run.namespace().unwrap_or_default());
    let uid = run.uid();
    let config = watcher::Config::default().fields(&format!("metadata.name={}", run.name_any()));
    // What a watch begins with is a list: a run that is not on it is gone.
    let mut listed = false;
    let changes = watcher(api, config).default_backoff().filter_map(move |event| {
        let change = match event {
            Ok(watcher::Event::Init) => {
                listed = false;
                None
            }
            Ok(watcher::Event::InitApply(found)) if found.uid() == uid => {
                listed = true;
                Some(Change::Written(Box::new(found)))
            }
            Ok(watcher::Event::InitDone) if !listed => Some(Change::Gone),
            Ok(watcher::Event::Apply(found)) if found.uid() == uid => Some(Change::Written(Box::new(found))),
            Ok(watcher::Event::Delete(found)) if found.uid() == uid => Some(Change::Gone),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "the watch was lost and is taken up again");
                None
            }
        };
        std::future::ready(change)
    });
    // The last change is passed on, and the stream ends with it, without waiting for another.
    stream::unfold(Some(changes.boxed()), move |changes| async move {
        let mut changes = changes?;
        let change = changes.next().await?;
        let is_last = match &change {
            Change::Gone => true,
            Change::Written(run) => over(run),
        };
        Some((Ok(change), (!is_last).then_some(changes)))
    })
    .boxed()
}
