//! The open-loop engine: requests start when the schedule says so, whatever became of the ones before.
//!
//! ```text
//! pacer (a thread of its own) ─► queue ─► dispatcher ─► a task for each request ─► recorder
//!   sleeps until the next           waits for room under
//!   intended start                  the cap on requests in flight
//! ```
//!
//! A request that had to wait, in the queue or for the processor, is not forgiven the wait: its latency counts from
//! the intended start.

use crate::arrived;
use crate::machine::{Counters, Machine};
use crate::push::{self, Label};
use crate::report::{self, Outcome, Recorder, Report, Sample};
use crate::schedule::{Arrivals, Plan, Rate, Schedule};
use crate::url::Url;
use crate::{duration, given, wait};
use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::set_current_timer_slack;
use rustix::time::{ClockId, clock_gettime};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Time from now to the start of the run, enough to start the pacer.
const LEAD: SignedDuration = SignedDuration::from_millis(20);
/// A wall clock that moved by more than this against the steady one makes the window's bounds doubtful.
const CLOCK_TOLERANCE: f64 = 0.05;

/// Drive open-loop HTTP load and measure it over a window
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// URL to ask, in turn with the others; {now} and {now-5m} become Unix time. Without any the window has no load
    #[arg(long = "url")]
    urls: Vec<String>,
    /// Requests meant to start each second, such as 20/s
    #[arg(long, default_value = "10/s")]
    rate: Rate,
    /// How the starts are spread
    #[arg(long, value_enum, default_value_t = Arrivals::Constant)]
    arrivals: Arrivals,
    /// Seed of Poisson arrivals
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Load before the window, not measured
    #[arg(long, default_value = "0s", value_parser = duration)]
    warmup: Duration,
    /// Length of the window
    #[arg(long, value_parser = duration)]
    window: Duration,
    /// Load after the window, not measured
    #[arg(long, default_value = "0s", value_parser = duration)]
    cooldown: Duration,
    /// Requests that may be under way at once; more wait, and their wait counts [default: 1024, fewer where fewer files may
    /// be open]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_in_flight: Option<u32>,
    /// Longest time from the start of a request to the end of its answer
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Status that counts as success
    #[arg(long, default_value_t = 200)]
    expect_status: u16,
    /// Text whose presence makes an answer a failure: a subject that quickly answers nothing has not done its work
    #[arg(long)]
    fail_if_contains: Option<String>,
    /// Before the start, wait this long for every URL to answer 2xx, without what makes an answer a failure
    #[arg(long, default_value = "0s", value_parser = duration)]
    ready_within: Duration,
    /// Label of what is pushed
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = push::label)]
    labels: Vec<Label>,
    /// Where to push, such as http://victoria-metrics:8428/api/v1/import/prometheus
    #[arg(long)]
    push: Option<String>,
    /// Folder for window-start, window-end, window-target and report.json
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    question: arrived::Question,
}

/// Files of the program itself, beside one for each request that is under way.
const OWN_FILES: u64 = 64;

/// Requests that may be under way at once, if nobody says how many.
const MAX_IN_FLIGHT: u32 = 1024;

/// Has as many files be open as requests may be under way, and returns how many may be: where one cannot be opened, it is
/// the subject that seems to refuse. A number that someone asked for is not made a smaller one in silence.
fn room_for(asked: Option<u32>) -> anyhow::Result<u32> {
    let max_in_flight = asked.unwrap_or(MAX_IN_FLIGHT);
    let needed = u64::from(max_in_flight) + OWN_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(max_in_flight);
    }
    let most = limit.maximum.unwrap_or(needed).min(needed);
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum })
        .context("failed to have more files be open")?;
    let room = u32::try_from(most.saturating_sub(OWN_FILES)).unwrap_or(max_in_flight).min(max_in_flight);
    if room < max_in_flight && (asked.is_some() || room == 0) {
        bail!("only {most} files may be open, and --max-in-flight={max_in_flight} needs {needed}: lower it");
    }
    Ok(room)
}

pub(crate) async fn main(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    let urls = args.urls.iter().filter(|url| !url.is_empty());
    let urls: Vec<Url> =
        urls.map(|url| url.parse()).collect::<Result<_, String>>().map_err(anyhow::Error::msg)?;
    let push: Option<Url> = match given(args.push.as_deref()) {
        Some(url) => Some(url.parse().map_err(anyhow::Error::msg)?),
        None => None,
    };
    let finished = measure(&args, &urls, &stop);
    let run = tokio::select! {
        // First: what the signal ends by itself may be noticed sooner, and is not why.
        biased;
        () = stop.cancelled() => bail!("stopped by a signal before the window was over: nothing is reported"),
        run = finished => run?,
    };
    print!("{}", run.report);
    println!("{}", run.report.json()?);
    if let Some(folder) = &args.out {
        run.report.write(folder)?;
    }
    let mut gauges = run.report.gauges();
    if let Some(arrived) = arrived::ask(&args.question, run.start, run.end).await? {
        println!("{arrived}");
        gauges.extend(arrived.gauges());
    }
    if let Some(url) = push
        && !gauges.is_empty()
    {
        push::push(&url, push::exposition(&gauges, &run.report.labels, run.end)).await?;
    }
    if run.never_answered {
        bail!("nothing was ever answered: {}", run.report.urls.join(", "));
    }
    Ok(())
}

/// A run that is over.
struct Run {
    report: Report,
    start: Timestamp,
    end: Timestamp,
    never_answered: bool,
}

async fn measure(args: &Args, urls: &[Url], stop: &CancellationToken) -> anyhow::Result<Run> {
    // Before anything is sent or waited for. Without a URL nothing is under way.
    let max_in_flight = if urls.is_empty() { 0 } else { room_for(args.max_in_flight)? };
    let plan = Plan {
        rate: args.rate,
        arrivals: args.arrivals,
        seed: args.seed,
        warmup: args.warmup,
        window: args.window,
        cooldown: args.cooldown,
    };
    let schedule = match urls {
        [] => Schedule::idle(args.warmup, args.window, args.cooldown),
        _ => Schedule::new(&plan),
    };
    let schedule = Arc::new(schedule.map_err(anyhow::Error::msg)?);
    if !args.ready_within.is_zero() {
        for url in urls {
            let unwanted = args.fail_if_contains.as_deref().unwrap_or_default();
            wait::until_ready(url, unwanted, args.ready_within).await?;
        }
    }

    let targets: Vec<Target> = urls.iter().cloned().map(Target::new).collect();
    for target in &targets {
        let _ = tokio::time::timeout(args.timeout, target.resolve()).await;
    }
    let clock = Clock::start(args.warmup)?;
    let engine = Arc::new(Engine {
        targets,
        clock,
        timeout: args.timeout,
        expect_status: args.expect_status,
        unwanted: args.fail_if_contains.as_deref().unwrap_or_default().into(),
        recorder: Mutex::new(Recorder::new(schedule.window())?),
    });
    let (due, queue) = mpsc::unbounded_channel();
    let (paced, over) = oneshot::channel();
    let alarm = Alarm { clock, stop: stop.clone() };
    let pacer = Pacer { schedule: schedule.clone(), alarm: alarm.clone() };
    thread::Builder::new()
        .name("pacer".into())
        .spawn(move || paced.send(pacer.run(&due)))
        .context("failed to start the pacer")?;
    let window = schedule.window();
    let (probed, probe_over) = oneshot::channel();
    let probe_window = window.clone();
    thread::Builder::new()
        .name("probe".into())
        .spawn(move || probed.send(probe(&alarm, &probe_window)).is_ok())
        .context("failed to start the probe")?;
    engine.clone().dispatch(&schedule, queue, max_in_flight).await?;
    let cpu_seconds = over.await.ok().flatten().context("the pacer stopped before the window was over")?;
    let machine = probe_over.await.ok().flatten().context("the probe stopped before the window was over")?;

    let (start, end) = (clock.wall(window.start)?, clock.wall(window.end)?);
    let clock_shift_seconds = clock.shift()?;
    if clock_shift_seconds.abs() > CLOCK_TOLERANCE {
        eprintln!("warning: the wall clock moved by {clock_shift_seconds:.3} s during the run");
    }
    let recorder = engine.recorder();
    let report = Report {
        labels: push::labels(&args.labels),
        urls: urls.iter().map(Url::to_string).collect(),
        arrivals: args.arrivals,
        seed: args.seed,
        window_start: report::rfc3339(start),
        window_end: report::rfc3339(end),
        window_seconds: args.window.as_secs_f64(),
        measured: (!urls.is_empty()).then(|| recorder.measured(&schedule)),
        cpu_seconds,
        cpu_ratio: cpu_seconds / args.window.as_secs_f64(),
        connections_opened: engine.targets.iter().map(|target| target.opened.load(Ordering::Relaxed)).sum(),
        clock_shift_seconds,
        machine,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(Run { report, start, end, never_answered: recorder.never_answered() })
}

/// The one steady clock of a run, tied to the wall clock once, at its start.
#[derive(Clone, Copy)]
struct Clock {
    steady: Instant,
    wall: Timestamp,
}

impl Clock {
    /// Returns a clock that starts soon, and so that the window's bounds are whole milliseconds: that is how precise
    /// the time of a sample in a store is.
    fn start(warmup: Duration) -> anyhow::Result<Self> {
        let (steady, now) = (Instant::now(), Timestamp::now());
        let warmup = SignedDuration::try_from(warmup).context("the warm-up is too long")?;
        let window = now.checked_add(LEAD + warmup).context("the warm-up is too long")?;
        let window = Timestamp::from_millisecond(window.as_millisecond() + 1)?;
        let wall = window.checked_sub(warmup)?;
        Ok(Self { steady: steady + Duration::try_from(wall.duration_since(now))?, wall })
    }

    /// Returns the nanoseconds since the start of the run.
    fn now(&self) -> u64 {
        u64::try_from(Instant::now().saturating_duration_since(self.steady).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Returns the moment that many nanoseconds after the start of the run.
    fn at(&self, nanos: u64) -> Instant {
        self.steady + Duration::from_nanos(nanos)
    }

    fn wall(&self, nanos: u64) -> anyhow::Result<Timestamp> {
        Ok(self.wall.checked_add(Duration::from_nanos(nanos))?)
    }

    /// Returns by how much the wall clock moved against the steady one.
    fn shift(&self) -> anyhow::Result<f64> {
        Ok(Timestamp::now().duration_since(self.wall(self.now())?).as_secs_f64())
    }
}

/// Sleeps until a moment of the run.
#[derive(Clone)]
struct Alarm {
    clock: Clock,
    stop: CancellationToken,
}

impl Alarm {
    /// Returns that many nanoseconds after the start of the run, or nothing if told to stop before.
    fn sleep_until(&self, nanos: u64) -> Option<()> {
        // Short sleeps, so that a signal is noticed.
        const NAP: Duration = Duration::from_millis(100);
        let moment = self.clock.at(nanos);
        loop {
            let rest = moment.saturating_duration_since(Instant::now());
            if self.stop.is_cancelled() {
                return None;
            }
            if rest.is_zero() {
                return Some(());
            }
            thread::sleep(rest.min(NAP));
        }
    }
}

/// Returns what the machine did within the window. On a thread of its own: reading the kernel's files would make the
/// first request of the window late.
fn probe(alarm: &Alarm, window: &Range<u64>) -> Option<Machine> {
    alarm.sleep_until(window.start)?;
    let start = Counters::read();
    alarm.sleep_until(window.end)?;
    Some(Machine::between(&start, &Counters::read()))
}

/// Says when a request is due. A thread of its own that does nothing but sleep: the runtime's timer is no finer than
/// a millisecond, which is as long as many an answer takes.
struct Pacer {
    schedule: Arc<Schedule>,
    alarm: Alarm,
}

impl Pacer {
    /// Sends the intended start of each request when it is due. Returns the CPU seconds that this process used in the
    /// window, or nothing if it was told to stop.
    fn run(&self, due: &mpsc::UnboundedSender<u64>) -> Option<f64> {
        // By default the kernel may let a sleep go on for 50 µs more. Where it refuses to do better, it is measured.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        let window = self.schedule.window();
        let arrivals = self.schedule.arrivals();
        let (before, rest) = arrivals.split_at(arrivals.partition_point(|&at| at < window.start));
        let (within, after) = rest.split_at(rest.partition_point(|&at| at < window.end));
        self.send(before, due)?;
        let at_start = self.cpu_at(window.start)?;
        self.send(within, due)?;
        let at_end = self.cpu_at(window.end)?;
        self.send(after, due)?;
        self.alarm.sleep_until(self.schedule.end())?;
        Some(at_end - at_start)
    }

    fn send(&self, arrivals: &[u64], due: &mpsc::UnboundedSender<u64>) -> Option<()> {
        for &arrival in arrivals {
            self.alarm.sleep_until(arrival)?;
            due.send(arrival).ok()?;
        }
        Some(())
    }

    fn cpu_at(&self, nanos: u64) -> Option<f64> {
        self.alarm.sleep_until(nanos)?;
        let used = clock_gettime(ClockId::ProcessCPUTime);
        Some(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9)
    }
}

/// Sends requests and counts how they went.
struct Engine {
    targets: Vec<Target>,
    clock: Clock,
    timeout: Duration,
    expect_status: u16,
    /// What must not be in an answer; may be empty.
    unwanted: Box<str>,
    recorder: Mutex<Recorder>,
}

impl Engine {
    /// Starts each request as it comes due, and returns when all have ended. What could not be started within the
    /// timeout after the end of the schedule is given up, and counts as never sent.
    async fn dispatch(
        self: Arc<Self>,
        schedule: &Schedule,
        mut queue: mpsc::UnboundedReceiver<u64>,
        max_in_flight: u32,
    ) -> anyhow::Result<()> {
        let room = Arc::new(Semaphore::new(max_in_flight as usize));
        let give_up = tokio::time::Instant::from_std(self.clock.at(schedule.end()) + self.timeout);
        let mut turn = 0;
        while let Some(intended) = queue.recv().await {
            let Ok(place) = tokio::time::timeout_at(give_up, room.clone().acquire_owned()).await else {
                break;
            };
            let engine = self.clone();
            tokio::spawn(async move {
                engine.request(turn, intended).await;
                drop(place);
            });
            turn += 1;
        }
        // All the room there is, is what no request holds any more.
        room.acquire_many(max_in_flight).await.map(drop).context("failed to wait for the last requests")
    }

    async fn request(&self, turn: usize, intended: u64) {
        let target = &self.targets[turn % self.targets.len()];
        let started = self.clock.now();
        let outcome = match self.clock.wall(intended) {
            Ok(now) => match tokio::time::timeout(self.timeout, target.ask(now, &self.unwanted)).await {
                Ok(Ok(answer)) if answer.status != self.expect_status => Outcome::Unexpected(answer.status),
                Ok(Ok(answer)) if answer.is_unwanted => Outcome::Failed(report::UNWANTED),
                Ok(Ok(_)) => Outcome::Succeeded,
                Ok(Err(why)) => Outcome::Failed(why),
                Err(_) => Outcome::Failed("timeout"),
            },
            Err(_) => Outcome::Failed("time out of range"),
        };
        let finished = self.clock.now();
        self.recorder().record(&Sample { intended, started, finished, outcome });
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        // Counting does not panic; if it did, what was counted until then would still be true.
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server answered.
struct Answer {
    status: u16,
    is_unwanted: bool,
}

type Sender = SendRequest<Empty<Bytes>>;

/// A URL and the connections to its server. The connection used last is used first: as few stay open as are needed.
struct Target {
    url: Url,
    /// What its host's name stands for, as it was resolved last: a resolver's time is not the subject's.
    addresses: Mutex<Vec<SocketAddr>>,
    idle: Mutex<Vec<Sender>>,
    opened: AtomicU64,
}

impl Target {
    fn new(url: Url) -> Self {
        Self { url, addresses: Mutex::default(), idle: Mutex::default(), opened: AtomicU64::new(0) }
    }

    /// Looks up what its host's name stands for; what cannot be resolved now is when it is needed.
    async fn resolve(&self) {
        let found = lookup_host(self.url.address()).await.map(Iterator::collect).unwrap_or_default();
        *self.addresses() = found;
    }

    fn addresses(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a stream to its server, at another address if the name stands for another by now.
    async fn connect(&self) -> std::io::Result<TcpStream> {
        let known = self.addresses().clone();
        let failed = match TcpStream::connect(&known[..]).await {
            Ok(stream) => return Ok(stream),
            Err(failed) => failed,
        };
        self.resolve().await;
        let now = self.addresses().clone();
        if now == known { Err(failed) } else { TcpStream::connect(&now[..]).await }
    }

    /// Returns the answer, once all of it was read.
    async fn ask(&self, now: Timestamp, unwanted: &str) -> Result<Answer, &'static str> {
        let mut request = Request::get(self.url.path_at(now))
            .header(HOST, self.url.authority())
            .header(USER_AGENT, concat!("testbed-load/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|_| "malformed request")?;
        loop {
            let (mut sender, reused) = self.connection().await?;
            let response = match sender.try_send_request(request).await {
                Ok(response) => response,
                Err(mut error) => match error.take_message() {
                    // The server closed an idle connection and nothing was sent: no fault of anybody.
                    Some(unsent) if reused => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err("connection broke"),
                },
            };
            let status = response.status().as_u16();
            let mut body = response.into_body();
            let mut kept = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| "answer broke off")?;
                if let Some(data) = frame.data_ref().filter(|_| !unwanted.is_empty()) {
                    kept.extend_from_slice(data);
                }
            }
            self.idle().push(sender);
            let is_unwanted =
                !unwanted.is_empty() && kept.windows(unwanted.len()).any(|part| part == unwanted.as_bytes());
            return Ok(Answer { status, is_unwanted });
        }
    }

    /// Returns a connection that can take a request, and whether it was used before.
    async fn connection(&self) -> Result<(Sender, bool), &'static str> {
        loop {
            let Some(mut sender) = self.idle().pop() else { break };
            if sender.ready().await.is_ok() {
                return Ok((sender, true));
            }
        }
        let stream = self.connect().await.map_err(|_| "failed to connect")?;
        stream.set_nodelay(true).map_err(|_| "failed to connect")?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| "failed to connect")?;
        // Its error is also that of the request.
        tokio::spawn(connection);
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok((sender, false))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;
    use clap::Parser;
    use hyper::StatusCode;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    async fn run(address: SocketAddr, more: &[&str]) -> Run {
        let url = format!("--url=http://{address}/");
        let line = ["http", &url].into_iter().chain(more.iter().copied());
        let args = Line::parse_from(line).args;
        let urls: Vec<Url> = args.urls.iter().map(|url| url.parse().unwrap()).collect();
        measure(&args, &urls, &CancellationToken::new()).await.unwrap()
    }

    /// When each request reached a server, and when it was answered.
    type Seen = Arc<Mutex<Vec<[Timestamp; 2]>>>;

    /// Serves one request at a time, and stands still for `stall` once, `after` its first request.
    async fn stalling(after: Duration, stall: Duration, seen: Seen) -> SocketAddr {
        let first = Mutex::new(None);
        let answer = move |_: &str| {
            let arrived = Timestamp::now();
            let mut stalls_at = first.lock().unwrap();
            let at = *stalls_at.get_or_insert_with(|| Some(Instant::now() + after));
            if at.is_some_and(|at| Instant::now() >= at) {
                thread::sleep(stall);
                *stalls_at = Some(None);
            }
            seen.lock().unwrap().push([arrived, Timestamp::now()]);
            server::text(StatusCode::OK, "ok")
        };
        server::spawn(answer, CancellationToken::new()).await
    }

    #[tokio::test]
    async fn a_name_is_resolved_beforehand_and_again_once_nobody_answers_where_it_led() {
        let address =
            server::spawn(|_: &str| server::text(StatusCode::OK, "ok"), CancellationToken::new()).await;
        let target = Target::new(format!("http://localhost:{}/", address.port()).parse().unwrap());
        target.resolve().await;
        assert!(target.addresses().contains(&address), "{:?}", target.addresses());
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        *target.addresses() = vec![nobody];
        let answer = target.ask(Timestamp::now(), "").await.map_err(anyhow::Error::msg).unwrap();
        assert_eq!((answer.status, target.addresses().contains(&nobody)), (200, false));
    }

    /// The server of a test blocks its thread, which must not be one of the load's.
    fn elsewhere<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> (T, tokio::runtime::Runtime) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        runtime.spawn(async move { sender.send(future.await) });
        (receiver.recv().unwrap(), runtime)
    }

    /// What a generator says of a stall, and what the server says.
    struct Stalled {
        measured: report::Measured,
        /// Seconds after each request was meant to start: when it had arrived, and when it was answered.
        seen: Vec<[f64; 2]>,
    }

    impl Stalled {
        /// Returns the quantile, in seconds, of what the server says of each request. The generator's own is held against
        /// it, not against a constant: a busy machine makes both longer.
        fn quantile(&self, quantile: f64, of: impl Fn(usize) -> f64) -> f64 {
            let mut all: Vec<f64> = (0..self.seen.len()).map(of).collect();
            all.sort_by(f64::total_cmp);
            all[((all.len() - 1) as f64 * quantile).ceil() as usize]
        }
    }

    /// 100 requests per second for 2 s; 600 ms into them nothing is answered for 500 ms. 50 of the 200 requests are
    /// meant to start within the stall, and wait 500, 490, ... 10 ms. A generator that waits for answers before it
    /// asks again would see one slow request out of 150, and call the 90th percentile a fraction of a millisecond.
    async fn run_with_a_stall(more: &[&str]) -> Stalled {
        let seen = Seen::default();
        let stalling = stalling(Duration::from_millis(600), Duration::from_millis(500), seen.clone());
        let (address, runtime) = elsewhere(stalling);
        let line = [&["--rate=100/s", "--window=2s"], more].concat();
        let run = run(address, &line).await;
        runtime.shutdown_background();
        let since =
            |number: usize, at: Timestamp| at.duration_since(run.start).as_secs_f64() - 0.01 * number as f64;
        let seen = seen
            .lock()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(number, at)| at.map(|at| since(number, at)))
            .collect();
        Stalled { measured: run.report.measured.unwrap(), seen }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_request_meant_to_start_in_a_stall_counts_its_wait() {
        let stalled = run_with_a_stall(&[]).await;
        let measured = &stalled.measured;
        assert_eq!(measured.requests.intended, 200);
        assert_eq!(measured.requests.succeeded, 200);
        let latency = |quantile| measured.latency_seconds[quantile];
        // Where all may start at once, a late start is the machine's doing, and so may a late reading of an answer be.
        let lost = measured.start_delay_seconds["1"];
        let seen = |quantile| stalled.quantile(quantile, |number| stalled.seen[number][1]) + lost;
        assert!((0.45..seen(1.0) + 0.2).contains(&latency("1")), "{measured:?}");
        // 20 requests are slower than the 90th percentile: those of the first 200 ms of the stall, which wait > 300 ms.
        assert!((0.25..seen(0.9) + 0.15).contains(&latency("0.9")), "{measured:?}");
        assert!(latency("0.5") < seen(0.5) + 0.1, "{measured:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_wait_for_room_in_flight_counts_as_much_as_a_wait_for_the_answer() {
        let stalled = run_with_a_stall(&["--max-in-flight=1"]).await;
        let measured = &stalled.measured;
        assert_eq!(measured.requests.succeeded, 200);
        // A request starts before it arrives, and is answered before the next one starts.
        let starts = |number: usize| stalled.seen[number][0];
        let answered = |number| if number < 199 { starts(number + 1) + 0.01 } else { f64::MAX };
        let latest = stalled.quantile(0.9, answered) + HISTOGRAM;
        assert!((0.25..latest).contains(&measured.latency_seconds["0.9"]), "{latest} {measured:?}");
        // All but the first request of the stall started late, and it is said.
        let late = (0..200).filter(|number| starts(*number) > 0.005 - CLOCKS).count() as u64;
        assert!((40..=late).contains(&measured.late_starts), "{late} {measured:?}");
        let latest = stalled.quantile(1.0, starts) + CLOCKS + HISTOGRAM;
        assert!((0.4..latest).contains(&measured.start_delay_seconds["1"]), "{latest} {measured:?}");
    }

    /// Seconds by which the clock of the schedule and that of the day may differ.
    const CLOCKS: f64 = 0.002;
    /// Seconds that are lost where a latency of a second is counted.
    const HISTOGRAM: f64 = 0.002;

    #[tokio::test]
    async fn the_window_starts_after_the_warm_up_and_connections_are_used_again() {
        let answer = |_: &str| server::text(StatusCode::OK, "ok");
        let address = server::spawn(answer, CancellationToken::new()).await;
        let before = Timestamp::now();
        // In flight at once there may be fewer than a busy machine would have, each with a connection of its own.
        let line =
            ["--rate=200/s", "--warmup=300ms", "--window=500ms", "--label=target=left", "--max-in-flight=19"];
        let run = run(address, &line).await;
        let measured = run.report.measured.as_ref().unwrap();
        assert_eq!((measured.requests.intended, measured.requests.succeeded), (100, 100));
        assert_eq!(run.end.duration_since(run.start), SignedDuration::from_millis(500));
        assert!(run.start.duration_since(before) >= SignedDuration::from_millis(300));
        assert_eq!(run.start.as_nanosecond() % 1_000_000, 0, "a bound is a whole millisecond");
        assert!(run.report.connections_opened < 20, "{}", run.report.connections_opened);
        assert!(run.report.cpu_seconds > 0.0);
        assert!((run.report.cpu_ratio - run.report.cpu_seconds / 0.5).abs() < 1e-9);
        assert!(run.report.machine.kernel.is_some(), "{:?}", run.report.machine);
        assert!(!run.never_answered);
    }

    #[tokio::test]
    async fn failed_requests_are_data_as_long_as_something_answers() {
        let answer = |_: &str| server::text(StatusCode::INTERNAL_SERVER_ERROR, "no");
        let address = server::spawn(answer, CancellationToken::new()).await;
        let run = run(address, &["--rate=50/s", "--window=200ms"]).await;
        let measured = run.report.measured.as_ref().unwrap();
        assert_eq!((measured.requests.succeeded, measured.requests.failed), (0, 10));
        assert_eq!(measured.requests.failures["status 500"], 10);
        assert!(!run.never_answered);
    }

    #[tokio::test]
    async fn an_answer_that_says_nothing_is_a_failure_if_it_was_asked_to_be() {
        let asked = AtomicU64::new(0);
        let answer = move |_: &str| match asked.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => server::text(StatusCode::OK, r#"{"result":[]}"#),
            _ => server::text(StatusCode::OK, r#"{"result":[1]}"#),
        };
        let address = server::spawn(answer, CancellationToken::new()).await;
        let line = ["--rate=50/s", "--window=200ms", r#"--fail-if-contains="result":[]"#];
        let requests = run(address, &line).await.report.measured.unwrap().requests;
        assert_eq!((requests.succeeded, requests.failed), (5, 5));
        assert_eq!(requests.failures["unwanted answer"], 5);
        let requests = run(address, &line[..2]).await.report.measured.unwrap().requests;
        assert_eq!((requests.succeeded, requests.failed), (10, 0));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_never_answered() {
        // Bound and closed again: nobody listens.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let run = run(address, &["--rate=50/s", "--window=200ms"]).await;
        assert!(run.never_answered);
        assert_eq!(run.report.measured.unwrap().requests.failures["failed to connect"], 10);
    }

    #[tokio::test]
    async fn answers_that_never_come_end_with_the_timeout() {
        // Accepts by way of the backlog and says nothing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let begun = Instant::now();
        let run =
            run(address, &["--rate=50/s", "--window=200ms", "--timeout=200ms", "--max-in-flight=2"]).await;
        // The schedule, the wait for room, the last requests.
        assert!(begun.elapsed() < Duration::from_secs(3));
        let requests = run.report.measured.unwrap().requests;
        assert_eq!(requests.failed, 10);
        assert_eq!(requests.failures["timeout"] + requests.failures["never sent"], 10, "{requests:?}");
        assert!(run.never_answered);
    }

    #[tokio::test]
    async fn without_a_url_the_window_is_just_a_window() {
        let args = Line::parse_from(["http", "--url=", "--window=50ms"]).args;
        let run = measure(&args, &[], &CancellationToken::new()).await.unwrap();
        assert!(run.report.measured.is_none() && !run.never_answered);
        assert_eq!(run.end.duration_since(run.start), SignedDuration::from_millis(50));
    }

    #[tokio::test]
    async fn a_signal_ends_a_run_at_once_and_without_a_report() {
        let stop = CancellationToken::new();
        let args = Line::parse_from(["http", "--window=1h"]).args;
        let running = tokio::spawn(main(args, stop.clone()));
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
        let error = running.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("stopped by a signal"), "{error}");
    }
}
