//! Faults at the requests of the operator, numbered as in the design: what happens to which request, and when.

use crate::players::{self, Behavior, deleting};
use crate::store::{Key, Refusal};
use crate::wire::{Access, Answer, Asked, Shared, answer, ended, is_mutating, lock, refuse};
use crate::world::NAMESPACE;
use futures::future::BoxFuture;
use http::{HeaderValue, Request};
use kube::client::Body;
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use testbed_api::labels;
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
    /// F3: it is carried out, and never answered.
    Unanswered,
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
    /// F9: all watches end before it, and can only be begun anew, after two seconds: what came and went meanwhile is never
    /// told.
    Blind,
    /// F6: for five seconds from it on, reads are refused with 403.
    Forbidden,
    /// F6: for five seconds from it on, nobody serves what is read.
    Unserved,
    /// F10: before it, everything that the run made is changed in a way that means nothing.
    Woken,
    /// F12: after it, the operator's clock goes 25 hours ahead.
    Ahead,
    /// F12: after it, the operator's clock goes back by 25 hours.
    Back,
    /// F8, F13: before it, the operator dies, and its API server goes back to what it was seven changes before.
    Restored,
}

/// How long reads are refused.
const REFUSED: Duration = Duration::from_secs(5);
/// How far the operator's clock jumps, in milliseconds.
const JUMPS: (i64, i64) = (90_000_000, -90_000_000);
/// How many changes are undone.
const UNDONE: usize = 7;

impl Mode {
    /// All modes.
    pub const ALL: [Self; 17] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::AnswerLost,
        Self::Unanswered,
        Self::Conflict,
        Self::Touched,
        Self::Internal,
        Self::Burst,
        Self::TooMany,
        Self::WatchCut,
        Self::Blind,
        Self::Forbidden,
        Self::Unserved,
        Self::Woken,
        Self::Ahead,
        Self::Back,
        Self::Restored,
    ];

    /// Returns whether it can be done to real programs: neither has their clock a wheel, nor their etcd a backup, and who
    /// waits for an answer waits for longer than a life takes.
    #[must_use]
    pub const fn is_for_real(self) -> bool {
        !matches!(self, Self::Unanswered | Self::Ahead | Self::Back | Self::Restored)
    }

    /// Returns whether the operator dies of it, and nothing else happens.
    #[must_use]
    pub const fn is_crash(self) -> bool {
        matches!(self, Self::CrashBefore | Self::CrashAfter)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
            Self::AnswerLost => "answer-lost",
            Self::Unanswered => "unanswered",
            Self::Conflict => "conflict",
            Self::Touched => "touched",
            Self::Internal => "500",
            Self::Burst => "503-burst",
            Self::TooMany => "429",
            Self::WatchCut => "watch-cut",
            Self::Blind => "blind",
            Self::Forbidden => "403-reads",
            Self::Unserved => "404-reads",
            Self::Woken => "woken",
            Self::Ahead => "clock-ahead",
            Self::Back => "clock-back",
            Self::Restored => "restored",
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

/// Says which faults happen.
pub trait Choice: Send {
    /// Returns what happens to the mutating request of this number; asked once, when it is sent.
    fn at(&mut self, point: usize) -> Option<Mode>;

    /// Returns whether the API server may have to go back to an earlier state.
    fn may_go_back(&self) -> bool;
}

impl Choice for Vec<Fault> {
    fn at(&mut self, point: usize) -> Option<Mode> {
        self.iter().find(|fault| fault.point == point).map(|fault| fault.mode)
    }

    fn may_go_back(&self) -> bool {
        self.iter().any(|fault| fault.mode == Mode::Restored)
    }
}

/// The faults that are to come, and what was sent.
pub struct Faults {
    choice: Box<dyn Choice>,
    /// All that was sent.
    pub sent: Vec<Sent>,
    writes: usize,
    /// How many requests are still refused.
    burst: usize,
    /// How reads are refused, and until when.
    reads: Option<(Mode, Instant)>,
    /// By how many milliseconds the operator's clock is wrong.
    pub skew: Arc<AtomicI64>,
    /// Number of the operator's life; requests of earlier ones are never answered.
    pub life: u64,
    blind: bool,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    /// The fault at it.
    mode: Option<Mode>,
    /// It is one of many that are refused.
    burst: bool,
    /// It is a read that is refused in this way.
    read: Option<Mode>,
    /// Watches are not told anything.
    blind: bool,
}

impl Faults {
    /// Returns faults that are to come.
    #[must_use]
    pub fn new(choice: Box<dyn Choice>) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            choice,
            sent: Vec::new(),
            writes: 0,
            burst: 0,
            reads: None,
            skew: Arc::default(),
            life: 0,
            blind: false,
        }))
    }

    /// Counts a request and returns what happens to it; absent if it is of an earlier life.
    fn count(&mut self, request: &Counted, life: u64) -> Option<Fate> {
        if self.life != life {
            return None;
        }
        self.writes += usize::from(request.is_point);
        let number = if request.is_point { self.writes } else { 0 };
        let (line, needs) = (request.line.clone(), request.needs.clone());
        self.sent.push(Sent { number, line, life, at: Instant::now(), needs });
        let burst = self.burst > 0;
        self.burst = self.burst.saturating_sub(1);
        let mode = if request.is_point { self.choice.at(number) } else { None };
        match mode {
            Some(Mode::Burst) => self.burst = 19,
            Some(Mode::Blind) => self.blind = true,
            Some(mode @ (Mode::Forbidden | Mode::Unserved)) => {
                self.reads = Some((mode, Instant::now() + REFUSED))
            }
            _ => {}
        }
        let read = self.reads.filter(|(_, until)| request.is_read && Instant::now() < *until);
        let read = read.map(|(mode, _)| mode);
        Some(Fate { mode, burst, read, blind: self.blind })
    }
}

/// A request as it is counted.
struct Counted {
    line: String,
    /// Whether a fault can be put at it: it changes something.
    is_point: bool,
    /// Whether it is a read that may be refused as such.
    is_read: bool,
    needs: Option<Access>,
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
    /// What policies of the hub refuse: faults of whoever asks, and not counted as such.
    pub behavior: Behavior,
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
    /// Returns whether a policy of the hub refuses a request.
    fn is_refused(&self, request: &Request<Body>) -> bool {
        let (path, method) = (request.uri().path(), request.method());
        if self.behavior.refuses && is_mutating(method) && path.contains("/applications/") {
            return true;
        }
        if let Some(stay) = self.behavior.namespaces_stay
            && method == http::Method::DELETE
            && path.starts_with("/api/v1/namespaces/")
        {
            let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            return faults.sent.first().is_none_or(|first| first.at.elapsed() < stay);
        }
        let beside = Key::new("Namespace", "", NAMESPACE);
        self.behavior.theirs_closed
            && path.starts_with(&format!("/api/v1/namespaces/{NAMESPACE}/secrets"))
            && lock(&self.hub).get(&beside).is_some_and(|namespace| deleting(&namespace))
    }

    /// Counts a request and returns what happens to it; absent if it is of an earlier life.
    fn count(&self, request: &Request<Body>) -> Option<Fate> {
        // Events are a courtesy, and the lease goes by the clock: neither is counted.
        let path = request.uri().path();
        let is_apart = path.contains("/events") || path.contains("/leases");
        let writes = is_mutating(request.method());
        let asked = Asked::of(request.uri()).filter(|_| Arc::ptr_eq(&self.store, &self.hub));
        let counted = Counted {
            line: format!("{} {}", request.method(), path_and_version(request)),
            is_point: writes && !is_apart,
            is_read: !writes && !is_apart,
            needs: asked.map(|asked| asked.needs(request.method())),
        };
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).count(&counted, self.life)
    }

    /// Carries a request out, unless a fault has it otherwise.
    ///
    /// # Errors
    /// If the connection is to break.
    pub async fn pass(self, request: Request<Body>) -> Result<Answer, BoxError> {
        if self.is_refused(&request) {
            return Ok(said(403, "Forbidden"));
        }
        let Some(fate) = self.count(&request) else {
            // Whose life is over hears nothing any more.
            return std::future::pending().await;
        };
        if !(self.reachable)() {
            // Who is not there does nothing; the operator may die all the same.
            return match fate.mode {
                Some(mode) if mode.is_crash() => self.die().await,
                mode => {
                    self.disturb(mode).await;
                    Err("connection refused".into())
                }
            };
        }
        if fate.blind && request.uri().query().is_some_and(|query| query.contains("watch=true")) {
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).blind = false;
            // The real one begins the watch and says so in it, which has the client list anew; an answer with this code has
            // it ask once more for the same.
            return Ok(ended(&Refusal::new(410, "Expired", "too old resource version")));
        }
        if fate.burst {
            return Ok(said(503, "ServiceUnavailable"));
        }
        match fate.read {
            Some(Mode::Forbidden) => return Ok(said(403, "Forbidden")),
            Some(_) => return Ok(said(404, "NotFound")),
            None => {}
        }
        let Some(mode) = fate.mode else { return Ok((self.next)(request).await) };
        match mode {
            Mode::CrashBefore => self.die().await,
            Mode::CrashAfter => {
                let _ = (self.next)(request).await;
                self.die().await
            }
            Mode::AnswerLost => {
                let _ = (self.next)(request).await;
                Err("connection reset by peer".into())
            }
            Mode::Unanswered => {
                let _ = (self.next)(request).await;
                std::future::pending().await
            }
            Mode::Conflict => Ok(said(409, "Conflict")),
            Mode::Internal => Ok(said(500, "InternalError")),
            Mode::Burst => Ok(said(503, "ServiceUnavailable")),
            Mode::TooMany => Ok(said(429, "TooManyRequests")),
            mode => {
                self.disturb(Some(mode)).await;
                Ok((self.next)(request).await)
            }
        }
    }

    /// Counts a write to the store of results, and returns what happens to it; absent if it is of an earlier life.
    pub(crate) fn at_store(&self, line: String) -> Option<Option<Mode>> {
        let counted = Counted { line, is_point: true, is_read: false, needs: None };
        let fate = self.faults.lock().unwrap_or_else(PoisonError::into_inner).count(&counted, self.life)?;
        Some(if fate.burst { Some(Mode::Burst) } else { fate.mode })
    }

    /// What happens beside a request, which itself goes on.
    pub(crate) async fn disturb(&self, mode: Option<Mode>) {
        let Some(mode) = mode else { return };
        match mode {
            Mode::Ahead => self.jump(JUMPS.0),
            Mode::Back => self.jump(JUMPS.1),
            Mode::Touched => touch(&self.hub, |key, _| key.kind == "Experiment"),
            Mode::Woken => {
                touch(&self.hub, |_, object| object["metadata"]["labels"][labels::EXPERIMENT_UID].is_string())
            }
            Mode::WatchCut | Mode::Blind => {
                lock(&self.hub).cut_watches();
                lock(&self.store).cut_watches();
            }
            Mode::Restored => {
                lock(&self.hub).restore(UNDONE);
                self.die().await
            }
            _ => {}
        }
    }

    /// The operator's clock jumps once this request is answered and all that follows of it is done: what is next is a
    /// timer, or a read, and not an answer that says what time it is.
    fn jump(&self, by: i64) {
        let skew = self.faults.lock().unwrap_or_else(PoisonError::into_inner).skew.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            skew.fetch_add(by, Ordering::Relaxed);
        });
    }

    /// The operator is told to die, and hears nothing any more.
    pub(crate) async fn die<T>(&self) -> T {
        self.crash.notify_one();
        std::future::pending().await
    }

    /// Returns the same before the API server of a cluster.
    #[must_use]
    pub fn before(&self, name: &str, store: &Shared) -> Self {
        let (hub, name) = (self.hub.clone(), name.to_owned());
        let reachable = Arc::new(move || players::alive(&hub, &name));
        Self { store: store.clone(), next: in_memory(store), reachable, ..self.clone() }
    }

    /// Returns the same for whichever life there is now.
    pub(crate) fn now(&self) -> Self {
        let life = self.faults.lock().unwrap_or_else(PoisonError::into_inner).life;
        Self { life, ..self.clone() }
    }
}

/// Returns the path of a request, and which version of the store it may be answered from.
fn path_and_version(request: &Request<Body>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let version = query.split('&').find(|parameter| parameter.starts_with("resourceVersion="));
    let path = request.uri().path();
    version.map_or_else(|| path.to_owned(), |version| format!("{path}?{version}"))
}

/// Someone else annotates these objects.
fn touch(hub: &Shared, is_meant: impl Fn(&Key, &Value) -> bool) {
    let mut hub = lock(hub);
    let version = hub.version();
    let meant = hub.all().filter(|(key, object)| is_meant(key, object));
    let keys: Vec<Key> = meant.map(|(key, _)| key.clone()).collect();
    for key in keys {
        let patch = json!({"metadata": {"annotations": {"someone-else": version.to_string()}}});
        let _ = hub.patch(&key, false, &patch);
    }
}
