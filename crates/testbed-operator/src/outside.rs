//! All that the operator reaches beyond itself, so that a simulated world can stand in its place.

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kube::{Client, Config};
use object_store::ObjectStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long one request to a store of metrics or a registry may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a client of the API server of a target, whose answers set the clock.
pub type Connect = Arc<dyn Fn(Config, &Clock) -> Result<Client, kube::Error> + Send + Sync>;

/// The world as the operator reaches it.
pub struct Outside {
    /// The API server of the hub.
    pub kube: Client,
    /// The way to those of targets.
    pub connect: Connect,
    /// The way to stores of metrics and to the registry.
    pub http: Arc<dyn Http>,
    /// The store of results.
    pub store: Arc<dyn ObjectStore>,
    /// The time.
    pub clock: Clock,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status of the answer.
    pub status: StatusCode,
    /// Its `Content-Type`.
    pub media_type: Option<String>,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// It is larger than was allowed.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// Nobody answered, or not to the end.
    #[error("{0}")]
    Failed(String),
}

/// Sends requests to servers that are not an API server.
pub trait Http: Send + Sync {
    /// Sends one request and returns the answer, of which no more than `limit` bytes are ever read.
    ///
    /// # Errors
    /// If nobody answers in time, or with more than that.
    fn send(&self, request: Request<Bytes>, limit: u64) -> BoxFuture<'_, Result<Reply, HttpError>>;
}

/// The network.
pub(crate) struct Network(reqwest::Client);

impl Network {
    pub(crate) fn new() -> Result<Self> {
        // Nobody may send us elsewhere.
        let client =
            reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self(client.context("failed to make an HTTP client")?))
    }
}

/// Returns what went wrong, and the first cause of it, which alone says whether a name or a server is missing.
fn causes(error: &reqwest::Error) -> String {
    anyhow::Chain::new(error)
        .skip(1)
        .last()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

impl Http for Network {
    fn send(&self, request: Request<Bytes>, limit: u64) -> BoxFuture<'_, Result<Reply, HttpError>> {
        let said = |error: reqwest::Error| HttpError::Failed(causes(&error.without_url()));
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(said)?;
            let mut response = self.0.execute(request).await.map_err(said)?;
            let media_type = response.headers().get("Content-Type").and_then(|value| value.to_str().ok());
            let media_type = media_type.map(str::to_owned);
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(said)? {
                if body.len() as u64 + chunk.len() as u64 > limit {
                    return Err(HttpError::TooLarge(limit));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Reply { status: response.status(), media_type, body: body.into() })
        })
    }
}

/// How far the machine's clock may be from the API server's before it is not followed. What the server says of the time
/// has whole seconds, so that less cannot be told.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);

/// The time of day: that of the machine, or one that goes as tokio's does, which a simulation moves. Runs begin and end by
/// the API server's time, so where that is another, it is the server's that is shown.
#[derive(Debug, Clone)]
pub struct Clock {
    base: Option<(Timestamp, Instant)>,
    /// Milliseconds by which the machine's clock is wrong on purpose.
    skew: Arc<AtomicI64>,
    /// Milliseconds by which the API server's clock is ahead of it.
    ahead: Arc<AtomicI64>,
    /// Whether the API server ever said what time it is.
    heard: Arc<AtomicBool>,
}

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn system() -> Self {
        Self { base: None, skew: Arc::default(), ahead: Arc::default(), heard: Arc::default() }
    }

    /// One that shows `at` now.
    #[must_use]
    pub fn set(at: Timestamp) -> Self {
        Self { base: Some((at, Instant::now())), ..Self::system() }
    }

    /// Returns one that is wrong by so many milliseconds, whoever changes them.
    #[must_use]
    pub fn skewed(&self, skew: Arc<AtomicI64>) -> Self {
        Self { base: self.base, skew, ahead: Arc::default(), heard: Arc::default() }
    }

    /// Returns one of the same machine that follows another API server.
    pub(crate) fn of_another(&self) -> Self {
        self.skewed(self.skew.clone())
    }

    /// Returns by how much it is ahead of another of the same machine, each as its API server told it.
    pub(crate) fn ahead_of(&self, other: &Self) -> Option<SignedDuration> {
        let ahead =
            |clock: &Self| clock.heard.load(Ordering::Relaxed).then(|| clock.ahead.load(Ordering::Relaxed));
        Some(SignedDuration::from_millis(ahead(self)? - ahead(other)?))
    }

    /// Follows the API server, which says in an answer what time it is.
    pub(crate) fn hear(&self, date: &str) {
        let Ok(said) = jiff::fmt::rfc2822::parse(date).map(|date| date.timestamp()) else { return };
        // It has whole seconds: the second that it names is half over on average.
        let ahead = said.duration_since(self.local()) + SignedDuration::from_millis(500);
        let ahead = if ahead.abs() > TOLERANCE { ahead } else { SignedDuration::ZERO };
        let ahead = i64::try_from(ahead.as_millis()).unwrap_or_default();
        let before = self.ahead.swap(ahead, Ordering::Relaxed);
        self.heard.store(true, Ordering::Relaxed);
        if (before - ahead).unsigned_abs() > TOLERANCE.as_millis().unsigned_abs() as u64 {
            tracing::warn!(
                milliseconds = ahead,
                "an API server's clock is ahead of this machine's: its times are taken as it tells them"
            );
        }
    }

    /// Returns how long it is until `at` has passed.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Duration {
        // A millisecond more, so that it has passed when we look.
        Duration::try_from(at.duration_since(self.now())).unwrap_or_default() + Duration::from_millis(1)
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        self.local().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Returns the time as the machine has it.
    fn local(&self) -> Timestamp {
        let skew = SignedDuration::from_millis(self.skew.load(Ordering::Relaxed));
        let unskewed = self.base.map_or_else(Timestamp::now, |(at, then)| {
            let passed = SignedDuration::try_from(then.elapsed()).unwrap_or(SignedDuration::MAX);
            at.checked_add(passed).unwrap_or(Timestamp::MAX)
        });
        unskewed.saturating_add(skew).unwrap_or(Timestamp::MAX)
    }
}
