//! Faults at the requests of the operator, numbered as in the design: what happens to which request, and when.

use crate::store::Refusal;
use crate::wire::{Access, Answer, Asked, Shared, answer, is_mutating, lock, refuse};
use futures::future::BoxFuture;
use http::{HeaderValue, Request};
use kube::client::Body;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::{BoxError, Service};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// F1: the operator dies before it is sent.
    CrashBefore,
    /// F2: it is carried out, and the operator dies before the answer.
    CrashAfter,
    /// F3: it is carried out, and the answer is lost.
    AnswerLost,
    /// F4: it is refused, as if someone else had written meanwhile.
    Conflict,
    /// F4: someone else writes the Experiment just before.
    Touched,
    /// F5: it is refused with 500.
    Internal,
    /// F5: it and the next 19 requests are refused with 503.
    Burst,
    /// F5: it is refused with 429 and `Retry-After: 1`.
    TooMany,
    /// F7: all watches end before it.
    WatchCut,
    /// F9: all watches end before it, and go on only after two seconds: what came and went meanwhile is never told.
    Blind,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 10] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::AnswerLost,
        Self::Conflict,
        Self::Touched,
        Self::Internal,
        Self::Burst,
        Self::TooMany,
        Self::WatchCut,
        Self::Blind,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
            Self::AnswerLost => "answer-lost",
            Self::Conflict => "conflict",
            Self::Touched => "touched",
            Self::Internal => "500",
            Self::Burst => "503-burst",
            Self::TooMany => "429",
            Self::WatchCut => "watch-cut",
            Self::Blind => "blind",
        }
    }
}

/// A fault: what happens to the mutating request of that number, counted from 1 over the whole life of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Number of the request.
    pub point: usize,
    /// What happens to it.
    pub mode: Mode,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.mode.word(), self.point)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, point) = text.split_once('@').ok_or("expected mode@number, as in crash-after@7")?;
        let known = || Mode::ALL.map(Mode::word).join(", ");
        let mode = Mode::ALL.into_iter().find(|mode| mode.word() == word);
        Ok(Self {
            point: point.parse().map_err(|_| format!("`{point}` is not a number"))?,
            mode: mode.ok_or_else(|| format!("`{word}` is none of {}", known()))?,
        })
    }
}

/// A request that reached the API server, or did not.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its number among those that change something; 0 for reads.
    pub number: usize,
    /// Verb and path.
    pub line: String,
    /// Which life of the operator sent it.
    pub life: u64,
    /// When.
    pub at: Instant,
    /// What right it needs on the hub; absent if it went to the API server of a target.
    pub needs: Option<Access>,
}

/// The faults that are to come, and what was sent.
#[derive(Default)]
pub struct Faults {
    plan: Vec<Fault>,
    /// All that was sent.
    pub sent: Vec<Sent>,
    writes: usize,
    /// How many requests are still refused.
    burst: usize,
    /// Number of the operator's life; requests of earlier ones are never answered.
    pub life: u64,
    blind: bool,
}

impl Faults {
    /// Returns faults that are to come.
    #[must_use]
    pub fn new(plan: &[Fault]) -> Self {
        Self { plan: plan.to_vec(), ..Self::default() }
    }
}

/// What answers requests that no fault keeps from it.
pub type Next = Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Returns the answers of an API server in memory.
#[must_use]
pub fn in_memory(store: &Shared) -> Next {
    let store = store.clone();
    Arc::new(move |request| Box::pin(answer(store.clone(), request)))
}

/// An API server behind faults, as one life of the operator reaches it.
#[derive(Clone)]
pub struct Faulty {
    /// The API server, or its picture.
    pub store: Shared,
    /// What answers.
    pub next: Next,
    /// That of the hub, in which the Experiment is.
    pub hub: Shared,
    /// The faults.
    pub faults: Arc<Mutex<Faults>>,
    /// Told when the operator is to die.
    pub crash: Arc<Notify>,
    /// Whose requests these are.
    pub life: u64,
    /// Whether the API server is there at all.
    pub reachable: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Service<Request<Body>> for Faulty {
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.pass(request).await })
    }
}

fn said(code: u16, reason: &'static str) -> Answer {
    let mut answer = refuse(&Refusal::new(code, reason, format!("a fault: {reason}")));
    if code == 429 {
        answer.headers_mut().insert("Retry-After", HeaderValue::from_static("1"));
    }
    answer
}

impl Faulty {
    /// Counts a request and returns what happens to it; absent if it is of an earlier life.
    fn count(&self, request: &Request<Body>) -> Option<(Option<Mode>, bool, bool)> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.life != self.life {
            return None;
        }
        // Events are a courtesy, and the lease goes by the clock: neither is counted.
        let path = request.uri().path();
        let counted = is_mutating(request.method()) && !path.contains("/events") && !path.contains("/leases");
        faults.writes += usize::from(counted);
        let number = if counted { faults.writes } else { 0 };
        let line = format!("{} {path}", request.method());
        let asked = Asked::of(request.uri()).filter(|_| Arc::ptr_eq(&self.store, &self.hub));
        let needs = asked.map(|asked| asked.needs(request.method()));
        faults.sent.push(Sent { number, line, life: self.life, at: Instant::now(), needs });
        let burst = faults.burst > 0;
        faults.burst = faults.burst.saturating_sub(1);
        let mode = faults.plan.iter().find(|fault| counted && fault.point == number).map(|fault| fault.mode);
        match mode {
            Some(Mode::Burst) => faults.burst = 19,
            Some(Mode::Blind) => faults.blind = true,
            _ => {}
        }
        Some((mode, burst, faults.blind))
    }

    /// Carries a request out, unless a fault has it otherwise.
    ///
    /// # Errors
    /// If the connection is to break.
    pub async fn pass(self, request: Request<Body>) -> Result<Answer, BoxError> {
        let Some((mode, burst, blind)) = self.count(&request) else {
            // Whose life is over hears nothing any more.
            return std::future::pending().await;
        };
        if !(self.reachable)() {
            return Err("connection refused".into());
        }
        if blind && request.uri().query().is_some_and(|query| query.contains("watch=true")) {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).blind = false;
        }
        if burst {
            return Ok(said(503, "ServiceUnavailable"));
        }
        match mode {
            None => {}
            Some(Mode::CrashBefore) => {
                self.crash.notify_one();
                return std::future::pending().await;
            }
            Some(Mode::CrashAfter) => {
                let _ = (self.next)(request).await;
                self.crash.notify_one();
                return std::future::pending().await;
            }
            Some(Mode::AnswerLost) => {
                let _ = (self.next)(request).await;
                return Err("connection reset by peer".into());
            }
            Some(Mode::Conflict) => return Ok(said(409, "Conflict")),
            Some(Mode::Touched) => touch(&self.hub),
            Some(Mode::Internal) => return Ok(said(500, "InternalError")),
            Some(Mode::Burst) => return Ok(said(503, "ServiceUnavailable")),
            Some(Mode::TooMany) => return Ok(said(429, "TooManyRequests")),
            Some(Mode::WatchCut | Mode::Blind) => {
                lock(&self.hub).cut_watches();
                lock(&self.store).cut_watches();
            }
        }
        Ok((self.next)(request).await)
    }
}

/// Someone else writes every Experiment.
fn touch(hub: &Shared) {
    let mut hub = lock(hub);
    let version = hub.version();
    let keys: Vec<_> = hub.all().map(|(key, _)| key.clone()).filter(|key| key.kind == "Experiment").collect();
    for key in keys {
        let patch = serde_json::json!({"metadata": {"annotations": {"someone-else": version.to_string()}}});
        let _ = hub.patch(&key, false, &patch);
    }
}
