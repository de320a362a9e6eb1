//! Lets a write through only while the Lease is known to be ours.
//!
//! A process that was suspended and continues knows nothing of what happened meanwhile: another one may lead, may have
//! torn down what this one was about to make. So each write asks how long ago the API server last confirmed the Lease, by
//! this process's own monotonic clock, which goes on while it is suspended. If that is longer than a third of the Lease's
//! duration, it is confirmed first, and where it is no longer ours, the write ends here.
//!
//! What remains possible: a process is suspended after the check and before the server has the request, for longer than
//! two thirds of the duration. No client can close that gap, for the API server knows nothing of Leases. It does no harm,
//! for what is in flight is one request, and each of ours is safe to arrive late: what is made or applied has a name that
//! is a function of the run's UID and a content that every operator would give it; what is deleted, claimed or written to
//! a status is named by UID or resourceVersion; and what it leaves behind after its run has ended, the sweeper finds.

use crate::answers::believed;
use crate::connection;
use crate::lease::{Refused, Tenure};
use crate::outside::Clock;
use http::{Request, Response};
use kube::client::Body;
use kube::client::retry::RetryPolicy;
use kube::{Client, Config, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tower::retry::RetryLayer;
use tower::{ServiceBuilder, service_fn};

/// Pauses between attempts of one request, the first and the longest; and how many attempts follow the first one. All of
/// them take two seconds at most: a pass that waits longer in its client knows nothing of what changes meanwhile, and is
/// better run again. A `Retry-After` is heeded.
const ATTEMPTS: (Duration, Duration, u32) = (Duration::from_millis(10), Duration::from_millis(700), 7);

/// How long an answer may take, watches aside. An API server that is alive has given one within a minute, if only that it
/// takes too long. What was asked may have been done all the same.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(65);

/// What stands between this process and everything it writes to.
#[derive(Clone)]
pub struct Fence {
    /// Absent where only one operator runs by arrangement.
    tenure: Option<Arc<Tenure>>,
}

impl Fence {
    /// Returns the fence of one who may hold the Lease; open to everyone if there is none.
    pub fn new(tenure: Option<Arc<Tenure>>) -> Self {
        Self { tenure }
    }

    /// Returns a client of the hub behind the fence, whose answers set the clock.
    ///
    /// # Errors
    /// No client can be made of the configuration.
    pub fn client(&self, config: Config, clock: &Clock) -> Result<Client> {
        Ok(self.guard(connection::builder(config)?.build(), Some(clock)))
    }

    /// Puts a client that does not retry behind the fence. Each attempt of a write is asked anew. Its answers set the
    /// clock, if one is given.
    pub fn guard(&self, client: Client, clock: Option<&Clock>) -> Client {
        let namespace = client.default_namespace().to_owned();
        let (fence, clock) = (self.clone(), clock.cloned());
        let fenced = service_fn(move |request: Request<Body>| {
            let (fence, client, clock) = (fence.clone(), client.clone(), clock.clone());
            async move {
                if !request.method().is_safe() {
                    fence.admit().await?;
                }
                let path = request.uri().path().to_owned();
                let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
                let answer = async {
                    let answer: Response<Body> = client.send(request).await?;
                    believed(&path, answer, clock.as_ref()).await
                };
                if is_watch {
                    return answer.await;
                }
                let whole = async {
                    let (parts, body) = answer.await?.into_parts();
                    Ok(Response::from_parts(parts, Body::from(body.collect_bytes().await?)))
                };
                timeout(ANSWERS_WITHIN, whole).await?
            }
        });
        let (first, longest, again) = ATTEMPTS;
        let policy = RetryPolicy::new(first, longest, again, true).unwrap_or_default();
        Client::new(ServiceBuilder::new().layer(RetryLayer::new(policy)).service(fenced), namespace)
    }

    async fn admit(&self) -> Result<(), Refused> {
        match &self.tenure {
            Some(tenure) => tenure.confirm_lately().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use kube::api::{Api, ListParams, WatchParams};
    use std::convert::Infallible;
    use tokio::time::Instant;

    /// An API server that begins an answer, if it does, and never ends it.
    fn stuck(begins: bool) -> Client {
        let answer = service_fn(move |_: Request<Body>| async move {
            if !begins {
                std::future::pending::<()>().await;
            }
            let endless = futures::stream::pending::<Result<&[u8], Infallible>>();
            Ok::<_, Infallible>(Response::new(axum::body::Body::from_stream(endless)))
        });
        Fence::new(None).guard(Client::new(answer, "default"), None)
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_in_a_minute_or_does_not_come_to_an_end_is_not_waited_for() {
        for begins in [false, true] {
            let (begun, pods) = (Instant::now(), Api::<Pod>::all(stuck(begins)));
            assert!(pods.list(&ListParams::default()).await.is_err());
            assert_eq!(begun.elapsed().as_secs(), ANSWERS_WITHIN.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_may_say_nothing_for_longer() {
        let pods = Api::<Pod>::all(stuck(true));
        let watched = timeout(2 * ANSWERS_WITHIN, async {
            let mut events = Box::pin(pods.watch(&WatchParams::default(), "0").await.unwrap());
            futures::StreamExt::next(&mut events).await.map(|event| event.map(drop))
        });
        assert!(watched.await.is_err(), "it ended");
    }
}
