//! A run as it goes: each change as it is written, until nothing is left of it.

use super::runs;
use crate::error::Failure;
use anyhow::Result;
use futures::{Stream, StreamExt, stream};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Error as KubeError, ResourceExt};
use std::time::Duration;
use testbed_api::Experiment;
use tokio::time::Instant;

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

/// Errors that are further apart are not one loss of the connection: what is tried again is so within 30 s or so.
const APART: Duration = Duration::from_secs(90);
/// How long a run is followed of which nothing can be heard.
const PATIENCE: Duration = Duration::from_mins(2);

/// Returns whether it is no use to ask again: whoever asks may not.
fn is_final(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(KubeError::Api(status))
    | watcher::Error::WatchStartFailed(KubeError::Api(status))) = error
    else {
        return false;
    };
    matches!(status.code, 401 | 403)
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
    // When the errors that come one after the other began, and the last of them.
    let mut lost: Option<(Instant, Instant)> = None;
    let changes = watcher(api, config).default_backoff().filter_map(move |event| {
        let change = match event {
            Ok(watcher::Event::Init) => {
                listed = false;
                None
            }
            Ok(watcher::Event::InitApply(found)) if found.uid() == uid => {
                listed = true;
                Some(Ok(Change::Written(Box::new(found))))
            }
            Ok(watcher::Event::InitDone) if !listed => Some(Ok(Change::Gone)),
            Ok(watcher::Event::Apply(found)) if found.uid() == uid => {
                Some(Ok(Change::Written(Box::new(found))))
            }
            Ok(watcher::Event::Delete(found)) if found.uid() == uid => Some(Ok(Change::Gone)),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "the watch was lost and is taken up again");
                // Of a watch that goes on again nothing is told: that there is no further error is the sign.
                let now = Instant::now();
                let since = lost.filter(|(_, last)| last.elapsed() < APART).map_or(now, |(since, _)| since);
                lost = Some((since, now));
                (is_final(&error) || since.elapsed() >= PATIENCE).then(|| {
                    let failure = Failure::unreachable(format!("the run cannot be followed: {error}"));
                    Err(failure.hint("it goes on without you; `testbed watch` follows it again").into())
                })
            }
        };
        std::future::ready(change)
    });
    // The last change is passed on, and the stream ends with it, without waiting for another.
    stream::unfold(Some(changes.boxed()), move |changes| async move {
        let mut changes = changes?;
        let change = changes.next().await?;
        let is_last = match &change {
            Err(_) | Ok(Change::Gone) => true,
            Ok(Change::Written(run)) => over(run),
        };
        Some((change, (!is_last).then_some(changes)))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;
    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use rstest::rstest;
    use serde_json::json;
    use std::convert::Infallible;
    use tokio::time::timeout;

    /// A client whose every request is answered so.
    fn answering(code: u16) -> Client {
        let service = tower::service_fn(move |_: Request<Body>| async move {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "code": code});
            let mut answer = Response::new(Body::from(status.to_string().into_bytes()));
            *answer.status_mut() = StatusCode::from_u16(code).unwrap();
            Ok::<_, Infallible>(answer)
        });
        Client::new(service, "default")
    }

    /// A client of an API server whose watches end with an error after ten quiet minutes.
    fn quiet(listed: serde_json::Value) -> Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let listed = listed.clone();
            async move {
                let text = if request.uri().query().is_some_and(|query| query.contains("watch=")) {
                    tokio::time::sleep(Duration::from_mins(10)).await;
                    "{}".to_owned()
                } else {
                    listed.to_string()
                };
                Ok::<_, Infallible>(Response::new(Body::from(text.into_bytes())))
            }
        });
        Client::new(service, "default")
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_run_is_followed_through_losses_that_are_far_apart() {
        let run: Experiment = serde_json::from_value(run()).unwrap();
        let list = json!({"apiVersion": "experiments.illm.io/v1alpha1", "kind": "ExperimentList",
            "metadata": {"resourceVersion": "1"}, "items": [self::run()]});
        let mut changes = follow(&quiet(list), &run);
        assert!(changes.next().await.unwrap().is_ok());
        let ended = timeout(Duration::from_hours(2), async {
            while let Some(change) = changes.next().await {
                assert!(change.is_ok(), "given up: {:#}", change.err().unwrap());
            }
        });
        assert!(ended.await.is_err(), "it is followed still");
    }

    fn run() -> serde_json::Value {
        json!({"apiVersion": "experiments.illm.io/v1alpha1", "kind": "Experiment",
            "metadata": {"name": "r", "namespace": "n", "uid": "u"},
            "spec": {"targets": [], "workflow": {"template": "t", "completion": {"mode": "workflow"}}}})
    }

    #[rstest]
    #[case::who_may_not(403, Duration::ZERO)]
    #[case::whose_token_is_over(401, Duration::ZERO)]
    #[case::nobody_there(503, PATIENCE)]
    #[tokio::test(start_paused = true)]
    async fn a_run_that_cannot_be_followed_is_not_waited_for_without_end(
        #[case] code: u16,
        #[case] least: Duration,
    ) {
        let run: Experiment = serde_json::from_value(run()).unwrap();
        let begun = Instant::now();
        let mut changes = follow(&answering(code), &run);
        let change = timeout(Duration::from_mins(10), changes.next()).await.unwrap().unwrap();
        assert!(change.is_err_and(|error| format!("{error:#}").contains("cannot be followed")));
        assert!(
            begun.elapsed() >= least && begun.elapsed() < least + Duration::from_mins(1),
            "{:?}",
            begun.elapsed()
        );
        assert!(changes.next().await.is_none());
    }
}
