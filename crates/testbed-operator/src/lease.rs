//! Who acts: of all operators that run, the one that holds the Lease.
//!
//! What to do follows from the Lease as it was seen, and since when ([`decide`]); the rest carries that out. Times in a
//! Lease are of another's clock and for people to read: a Lease has run out when it has not changed for its whole duration
//! before one's own eyes, by one's own monotonic clock. Who holds it counts from before the request that renewed it, who
//! waits for it counts from after it saw the change, so the holder always knows first. Every write to it names the version
//! that was seen, so of two that try at once one is told that it was too late.

use crate::connection;
use anyhow::{Context, Result};
use clap::ValueEnum;
use futures::TryStreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::{Client, Config, Error as KubeError};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testbed_api::labels;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// Longest that a Lease is believed to last: what is written in it is another's word.
const LONGEST: u16 = 60;
/// How long what is under way may take to end once the process is asked to. Whatever is cut off is like a crash, which
/// only delays; whoever waits for the Lease should not wait for a slow store.
const GRACE: Duration = Duration::from_millis(150);

/// What an operator is told about the Lease.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// Whether operators elect the one that acts; where they do not, no second one may run
    #[arg(long, env = "LEADER_ELECTION", value_enum, default_value_t = Switch::On)]
    leader_election: Switch,
    /// Name of the Lease that the acting operator holds
    #[arg(long, env = "LEASE_NAME", default_value = "testbed-operator")]
    lease_name: String,
    /// Namespace of the Lease, which is the operator's own
    #[arg(long, env = "POD_NAMESPACE", default_value = "testbed-system")]
    lease_namespace: String,
    /// Seconds without a renewal after which others take the Lease; it is renewed four times as often
    // Four and the start of the controllers stay within the five seconds that a fail-over may take.
    #[arg(long, env = "LEASE_DURATION", default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=LONGEST as i64))]
    lease_duration: u16,
    /// Name of the pod this runs in
    #[arg(long, env = "POD_NAME", default_value = "testbed-operator")]
    pod_name: String,
    /// UID of that pod; with it a process takes over at once from the one before it in the same pod
    #[arg(long, env = "POD_UID", default_value = "")]
    pod_uid: String,
}

/// Whether something is done.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// It is
    On,
    /// It is not
    Off,
}

/// Why a write was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The Lease is another's, or nobody's.
    #[error("nothing was written: this operator does not hold the Lease{}", held_by(.0.as_deref()))]
    NotOurs(Option<String>),
    /// The server has not confirmed it lately, and does not now.
    #[error(
        "nothing was written: the API server does not confirm that this operator still holds the Lease: {0}"
    )]
    Unconfirmed(String),
}

fn held_by(holder: Option<&str>) -> String {
    holder.map(|holder| format!(", which {holder} holds")).unwrap_or_default()
}

/// Periods, all of them parts of the Lease's duration.
#[derive(Clone, Copy, Debug)]
struct Periods {
    duration: Duration,
}

impl Periods {
    /// A confirmation is a quarter old when it is renewed, so that writes rarely have to ask for one.
    fn renewal(self) -> Duration {
        self.duration / 4
    }

    /// Age up to which a confirmation lets writes through; also how long one request may take.
    fn third(self) -> Duration {
        self.duration / 3
    }

    /// Age of a confirmation at which its holder ends, before anyone else may begin.
    fn surrender(self) -> Duration {
        self.duration * 7 / 8
    }

    /// A watch that has been silent for as long may be dead: the Lease is read.
    fn doubt(self) -> Duration {
        self.duration / 2
    }

    /// Pause after a failure.
    fn pause(self) -> Duration {
        self.duration / 16
    }
}

/// Who a process is: no other ever has the same name, not even the next one in the same pod.
#[derive(Clone, Debug)]
struct Identity {
    /// What all processes of the pod have in common; absent if the pod is not known.
    pod: Option<String>,
    name: String,
}

impl Identity {
    fn new(pod: &str, uid: &str, process: &str) -> Self {
        if uid.is_empty() {
            return Self { pod: None, name: format!("{pod}_{process}") };
        }
        let pod = format!("{pod}_{uid}_");
        Self { name: format!("{pod}{process}"), pod: Some(pod) }
    }

    fn is(&self, holder: &str) -> bool {
        self.name == holder
    }

    /// Whether the holder is an earlier process of the same pod: kubelet starts the next only when it has ended.
    fn succeeds(&self, holder: &str) -> bool {
        self.pod.as_ref().is_some_and(|pod| holder.starts_with(pod.as_str())) && !self.is(holder)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// The Lease as it was last seen, and since when it has been so before our eyes.
#[derive(Clone, Debug)]
struct Seen {
    lease: Lease,
    since: Instant,
}

/// What to do about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// There is none: make it.
    Make,
    /// It is free, has run out, or is ours already: write our name into it.
    Take,
    /// It is another's until then, should nothing change.
    Wait(Instant),
}

/// Returns what is to be remembered of the Lease that was just found.
fn see(before: Option<Seen>, found: Option<Lease>, now: Instant) -> Option<Seen> {
    let lease = found?;
    let same = before.filter(|before| version(&before.lease) == version(&lease));
    Some(Seen { since: same.map_or(now, |before| before.since), lease })
}

fn version(lease: &Lease) -> (Option<&str>, Option<&str>) {
    (lease.metadata.uid.as_deref(), lease.metadata.resource_version.as_deref())
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// Returns what to do about the Lease.
fn decide(me: &Identity, seen: Option<&Seen>, own: Duration, now: Instant) -> Decision {
    let Some(seen) = seen else { return Decision::Make };
    let Some(holder) = holder(&seen.lease) else { return Decision::Take };
    if me.is(holder) || me.succeeds(holder) {
        return Decision::Take;
    }
    // Where settings are being changed, the longer one is right for both.
    let said = seen.lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let said = said.and_then(|seconds| u16::try_from(seconds).ok()).unwrap_or_default().min(LONGEST);
    let ends = seen.since + own.max(Duration::from_secs(said.into()));
    if now >= ends { Decision::Take } else { Decision::Wait(ends) }
}

/// Returns the Lease with our name in it.
fn taken(me: &Identity, name: &str, seen: Option<&Lease>, periods: Periods) -> Lease {
    let before = seen.and_then(|lease| lease.spec.clone()).unwrap_or_default();
    let now = Some(MicroTime(Timestamp::now()));
    let mut lease = Lease {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: Some(LeaseSpec {
            holder_identity: Some(me.to_string()),
            lease_duration_seconds: i32::try_from(periods.duration.as_secs()).ok(),
            acquire_time: now.clone(),
            renew_time: now,
            lease_transitions: Some(before.lease_transitions.unwrap_or_default().saturating_add(1)),
            ..LeaseSpec::default()
        }),
    };
    if let Some(seen) = seen {
        lease.metadata.uid.clone_from(&seen.metadata.uid);
        lease.metadata.resource_version.clone_from(&seen.metadata.resource_version);
    }
    lease
}

fn renewed(held: &Lease) -> Lease {
    let mut lease = held.clone();
    lease.metadata.managed_fields = None;
    lease.spec.get_or_insert_default().renew_time = Some(MicroTime(Timestamp::now()));
    lease
}

/// Returns the Lease without a name in it: whoever sees it takes it at once.
fn released(held: &Lease) -> Lease {
    let mut lease = renewed(held);
    lease.spec.get_or_insert_default().holder_identity = None;
    lease
}

/// The Lease while it is ours. What keeps it and what asks for it before a write share this.
pub struct Tenure {
    api: Api<Lease>,
    name: String,
    me: Identity,
    periods: Periods,
    /// The Lease as the server last had it; absent while it is not ours. Whoever renews it keeps others waiting.
    lease: tokio::sync::Mutex<Option<Lease>>,
    /// Moment before the last request by which the server confirmed it. Written only by who has the lock above.
    confirmed: Mutex<Option<Instant>>,
}

impl Tenure {
    fn confirmed(&self) -> Option<Instant> {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_confirmed(&self, at: Option<Instant>) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn is_fresh(&self) -> bool {
        self.confirmed().is_some_and(|at| at.elapsed() <= self.periods.third())
    }

    /// Returns once the Lease is known to have been ours within the last third of its duration.
    ///
    /// # Errors
    /// It is not ours, or the server does not say so.
    pub(crate) async fn confirm_lately(&self) -> Result<(), Refused> {
        if self.is_fresh() {
            return Ok(());
        }
        let mut lease = self.lease.lock().await;
        if self.is_fresh() {
            return Ok(());
        }
        self.renew(&mut lease).await
    }

    async fn renew_now(&self) -> Result<(), Refused> {
        let mut lease = self.lease.lock().await;
        self.renew(&mut lease).await
    }

    async fn renew(&self, lease: &mut Option<Lease>) -> Result<(), Refused> {
        // Twice: an answer may have been lost, or a person may have put a label on it; neither takes it from us.
        for _ in 0..2 {
            let Some(held) = lease.as_ref() else { return Err(Refused::NotOurs(None)) };
            let asked = Instant::now();
            match self.in_time(self.api.replace(&self.name, &writing(), &renewed(held))).await {
                Ok(answer) => {
                    *lease = Some(answer);
                    self.set_confirmed(Some(asked));
                    return Ok(());
                }
                Err(Failure::Refused(404 | 409)) => {}
                Err(failure) => return Err(Refused::Unconfirmed(failure.to_string())),
            }
            let found = self.in_time(self.api.get_opt(&self.name)).await;
            match found.map_err(|failure| Refused::Unconfirmed(failure.to_string()))? {
                Some(found) if holder(&found).is_some_and(|holder| self.me.is(holder)) => {
                    *lease = Some(found);
                }
                other => {
                    *lease = None;
                    self.set_confirmed(None);
                    return Err(Refused::NotOurs(other.as_ref().and_then(holder).map(str::to_owned)));
                }
            }
        }
        Err(Refused::Unconfirmed("it is changed by others all the time".into()))
    }

    /// Closes the fence; returns the Lease as it was.
    async fn close(&self) -> Option<Lease> {
        let mut lease = self.lease.lock().await;
        self.set_confirmed(None);
        lease.take()
    }

    /// Closes the fence, and says to others that the Lease is free.
    async fn release(&self) {
        let Some(held) = self.close().await else { return };
        match self.in_time(self.api.replace(&self.name, &writing(), &released(&held))).await {
            Ok(_) => tracing::info!(lease = self.name, "the Lease is released"),
            Err(error) => tracing::warn!(lease = self.name, %error, "the Lease is left to run out"),
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, KubeError>>) -> Result<T, Failure> {
        match timeout(self.periods.third(), work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(KubeError::Api(status))) if matches!(status.code, 404 | 409) => {
                Err(Failure::Refused(status.code))
            }
            Ok(Err(error)) => Err(Failure::Error(error)),
            Err(_) => Err(Failure::Silence(self.periods.third())),
        }
    }
}

/// Why the server did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the Lease is not as it was (HTTP {0})")]
    Refused(u16),
    #[error("{0}")]
    Error(KubeError),
    #[error("no answer within {0:?}")]
    Silence(Duration),
}

fn writing() -> PostParams {
    PostParams { field_manager: Some(labels::OPERATOR.into()), ..PostParams::default() }
}

/// Returns the client for the Lease. A request that failed is not sent again behind our back: by then it may be too late.
///
/// # Errors
/// No client can be made of the configuration.
pub fn client(config: Config) -> Result<Client> {
    Ok(connection::builder(config)?.build())
}

/// Waits for the Lease, and keeps it.
pub struct Election {
    tenure: Option<Arc<Tenure>>,
}

impl Election {
    /// Returns an election in which this process may take part; `client` is for the Lease alone, and does not retry.
    pub fn new(client: Client, settings: &Settings) -> Self {
        // Nothing secret: two processes must only not hit upon the same number.
        let process = format!("{:016x}", RandomState::new().hash_one(0));
        let me = Identity::new(&settings.pod_name, &settings.pod_uid, &process);
        let tenure = (settings.leader_election == Switch::On).then(|| {
            Arc::new(Tenure {
                api: Api::namespaced(client, &settings.lease_namespace),
                name: settings.lease_name.clone(),
                me,
                periods: Periods { duration: Duration::from_secs(settings.lease_duration.into()) },
                lease: tokio::sync::Mutex::default(),
                confirmed: Mutex::default(),
            })
        });
        Self { tenure }
    }

    /// Returns what fences ask.
    pub fn tenure(&self) -> Option<Arc<Tenure>> {
        self.tenure.clone()
    }

    /// Does the work of the one that acts, from when the Lease is ours until stopped; then gives it back.
    ///
    /// # Errors
    /// The work failed, or the Lease was lost: then the process should end, and be started again as one that waits.
    pub async fn lead(
        &self,
        mut stopped: watch::Receiver<bool>,
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let Some(tenure) = &self.tenure else { return work.await };
        tokio::select! {
            () = acquire(tenure) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        }
        tracing::info!(lease = tenure.name, identity = %tenure.me, "leads");
        let mut work = Box::pin(work);
        let ended = tokio::select! {
            ended = &mut work => ended,
            lost = keep(tenure) => {
                drop(work);
                tenure.close().await;
                return Err(lost).context("leads no longer");
            }
            _ = stopped.wait_for(|stopped| *stopped) => {
                timeout(GRACE, &mut work).await.unwrap_or(Ok(()))
            }
        };
        // Whatever is still under way ends before another may begin.
        drop(work);
        tenure.release().await;
        ended
    }
}

/// Keeps the Lease; returns why it is no longer ours, or why that is no longer known.
async fn keep(tenure: &Tenure) -> Refused {
    loop {
        // A write may have confirmed it meanwhile.
        let confirmed = tenure.confirmed().unwrap_or_else(Instant::now);
        sleep_until(confirmed + tenure.periods.renewal()).await;
        // One that comes late, as after a suspension, is as good: nobody else has changed the Lease since.
        while let Err(refused) = before_the_end(tenure).await {
            let over = tenure.confirmed().is_none_or(|at| at.elapsed() >= tenure.periods.surrender());
            if over || matches!(refused, Refused::NotOurs(_)) {
                return refused;
            }
            tracing::warn!(lease = tenure.name, error = %refused, "the Lease is not renewed");
            sleep(tenure.periods.pause()).await;
        }
    }
}

/// Renews the Lease; of an attempt that would outlast it the end is not awaited.
async fn before_the_end(tenure: &Tenure) -> Result<(), Refused> {
    let end = tenure.confirmed().map(|at| at + tenure.periods.surrender());
    match end.filter(|end| *end > Instant::now()) {
        Some(end) => timeout_at(end, tenure.renew_now())
            .await
            .unwrap_or_else(|_| Err(Refused::Unconfirmed("it does not answer in time".into()))),
        None => tenure.renew_now().await,
    }
}

/// Waits until the Lease is ours.
async fn acquire(tenure: &Tenure) {
    let mut seen = None;
    let mut said = None;
    loop {
        match tenure.in_time(tenure.api.get_opt(&tenure.name)).await {
            Ok(found) => seen = see(seen, found, Instant::now()),
            Err(error) => {
                tracing::warn!(lease = tenure.name, %error, "the Lease cannot be read");
                sleep(tenure.periods.renewal()).await;
                continue;
            }
        }
        let now = Instant::now();
        match decide(&tenure.me, seen.as_ref(), tenure.periods.duration, now) {
            Decision::Wait(_) => {
                let other = seen.as_ref().and_then(|seen| holder(&seen.lease)).map(str::to_owned);
                if said != other {
                    tracing::info!(lease = tenure.name, holder = other, "another operator leads");
                    said = other;
                }
                await_change(tenure, &mut seen).await;
            }
            Decision::Make | Decision::Take => match take(tenure, seen.as_ref()).await {
                Ok(()) => return,
                // Another one was faster, or our own answer was lost.
                Err(Failure::Refused(_)) => {}
                Err(error) => {
                    tracing::warn!(lease = tenure.name, %error, "the Lease cannot be taken");
                    sleep(tenure.periods.pause()).await;
                }
            },
        }
    }
}

async fn take(tenure: &Tenure, seen: Option<&Seen>) -> Result<(), Failure> {
    let mut lease = tenure.lease.lock().await;
    let seen = seen.map(|seen| &seen.lease);
    let wanted = taken(&tenure.me, &tenure.name, seen, tenure.periods);
    let asked = Instant::now();
    let answer = if seen.is_some() {
        tenure.in_time(tenure.api.replace(&tenure.name, &writing(), &wanted)).await?
    } else {
        tenure.in_time(tenure.api.create(&writing(), &wanted)).await?
    };
    *lease = Some(answer);
    tenure.set_confirmed(Some(asked));
    Ok(())
}

/// Watches the Lease while it is another's; returns when it should be read, and decided upon.
async fn await_change(tenure: &Tenure, seen: &mut Option<Seen>) {
    let Some(version) = seen.as_ref().and_then(|seen| seen.lease.metadata.resource_version.clone()) else {
        return sleep(tenure.periods.pause()).await;
    };
    let only = WatchParams::default().fields(&format!("metadata.name={}", tenure.name)).disable_bookmarks();
    let opened = tenure.in_time(tenure.api.watch(&only, &version)).await;
    let Ok(events) = opened else { return sleep(tenure.periods.pause()).await };
    let mut events = Box::pin(events);
    let mut heard = Instant::now();
    loop {
        let now = Instant::now();
        let Decision::Wait(until) = decide(&tenure.me, seen.as_ref(), tenure.periods.duration, now) else {
            return;
        };
        tokio::select! {
            event = events.try_next() => match event {
                Ok(Some(WatchEvent::Added(lease) | WatchEvent::Modified(lease))) => {
                    heard = Instant::now();
                    *seen = see(seen.take(), Some(lease), heard);
                }
                Ok(Some(WatchEvent::Bookmark(_))) => {}
                Ok(Some(WatchEvent::Deleted(_))) => return,
                // The watch has ended, as each does some time: the Lease is read, and watched again from there.
                Ok(Some(WatchEvent::Error(_)) | None) | Err(_) => return sleep(tenure.periods.pause()).await,
            },
            () = sleep_until(until.min(heard + tenure.periods.doubt())) => return,
        }
    }
}

#[cfg(test)]
mod tests;
