//! What the generator must report, from theory and not from its own code: the schedule that a seed means, a server
//! whose every answer is known beforehand, and the latencies that follow from both.

use jiff::Timestamp;
use rustix::thread::set_current_timer_slack;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// When the requests of a run with this seed are meant to start, in seconds from its start. `parts` are warm-up and
/// window: the number of arrivals in each is its length times the rate, and each is uniform over its part (which makes
/// them a Poisson process, given their number), by the SplitMix64 generator.
pub fn poisson_arrivals(rate: f64, seed: u64, parts: &[f64]) -> Vec<f64> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / 2_f64.powi(64)
    };
    let mut arrivals = Vec::new();
    let mut start = 0.0;
    for length in parts {
        let mut part: Vec<f64> =
            (0..(rate * length).round() as u64).map(|_| start + length * uniform()).collect();
        part.sort_by(f64::total_cmp);
        arrivals.extend(part);
        start += length;
    }
    arrivals
}

/// When the requests of a run with constant arrivals are meant to start.
pub fn constant_arrivals(rate: f64, length: f64) -> Vec<f64> {
    (0..(rate * length).round() as u64).map(|index| index as f64 / rate).collect()
}

/// A server whose answers are due at a moment that follows from the arrivals alone.
#[derive(Clone, Copy, Debug)]
pub enum Service {
    /// One at a time, in the order of arrival, each this many seconds long.
    OneAtATime { seconds: f64 },
    /// All at once, each this many seconds long; what arrives from `stall_at` on, for `stall` seconds, begins only when
    /// the stall is over.
    AllAtOnce { seconds: f64, stall_at: f64, stall: f64 },
}

impl Service {
    /// Returns when the answer to a request is due that arrives at `arrival`, if the answer to the one before it was
    /// due at `last`. For [`Service::OneAtATime`] this is Lindley's recursion: the wait of a request is the wait of the
    /// one before, plus its service, less the time between the two, and never below nothing.
    fn due(self, arrival: f64, last: f64) -> f64 {
        match self {
            Self::OneAtATime { seconds } => arrival.max(last) + seconds,
            Self::AllAtOnce { seconds, stall_at, stall }
                if (stall_at..stall_at + stall).contains(&arrival) =>
            {
                stall_at + stall + seconds
            }
            Self::AllAtOnce { seconds, .. } => arrival + seconds,
        }
    }

    /// Returns the latency of each arrival, in their order.
    pub fn latencies(self, arrivals: &[f64]) -> Vec<f64> {
        let mut last = f64::NEG_INFINITY;
        let latency = |&arrival: &f64| {
            last = self.due(arrival, last);
            last - arrival
        };
        arrivals.iter().map(latency).collect()
    }
}

/// Returns the quantile of values: the smallest of them that at least this share of them does not exceed.
pub fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() as f64 * quantile - 1e-6).ceil() as usize).clamp(1, sorted.len());
    sorted[rank - 1]
}

/// Returns the share of requests that wait no longer than `wait` for their service, when a Poisson process with `rate`
/// meets one server that takes `service` for each and is at it for ever (M/D/1): Erlang's formula of 1909. Its terms
/// change their sign and grow; up to some thirty services of wait, 64 bits are enough for all the digits we look at.
pub fn share_that_waits_at_most(wait: f64, rate: f64, service: f64) -> f64 {
    let mut sum = 0.0;
    for index in 0..=(wait / service).floor() as u32 {
        let x = rate * (f64::from(index) * service - wait);
        let term: f64 = (1..=index).map(|factor| x / f64::from(factor)).product();
        sum += term * (-x).exp();
    }
    (1.0 - rate * service) * sum
}

/// Returns the quantile of latency, wait and service, that follows from Erlang's formula.
pub fn erlang_latency(quantile: f64, rate: f64, service: f64) -> f64 {
    let (mut low, mut high) = (0.0, 30.0 * service);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if share_that_waits_at_most(middle, rate, service) < quantile {
            low = middle;
        } else {
            high = middle;
        }
    }
    high + service
}

/// A server on loopback that answers when theory says so. Its clock starts with the first request.
pub struct Server {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

/// What the server knows of the requests so far.
struct Book {
    service: Service,
    started: Option<Instant>,
    started_wall: Timestamp,
    last: f64,
    arrivals: Vec<f64>,
    latest_answer: Duration,
}

impl Book {
    /// Notes an arrival and returns when its answer is due. Answers are due at moments, not after lengths: a sleep that
    /// ends late makes one answer late, and none of those behind it.
    fn arrived(&mut self, now: Instant) -> Instant {
        let started = *self.started.get_or_insert_with(|| {
            self.started_wall = Timestamp::now();
            now
        });
        let arrival = (now - started).as_secs_f64();
        self.last = self.service.due(arrival, self.last);
        self.arrivals.push(arrival);
        started + Duration::from_secs_f64(self.last)
    }
}

impl Server {
    /// Starts a server. Its threads end with the process.
    pub fn start(service: Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let book = Book {
            service,
            started: None,
            started_wall: Timestamp::MIN,
            last: f64::NEG_INFINITY,
            arrivals: Vec::new(),
            latest_answer: Duration::ZERO,
        };
        let book = Arc::new(Mutex::new(book));
        let shared = book.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let book = shared.clone();
                thread::spawn(move || converse(stream, &book));
            }
        });
        Self { address, book }
    }

    /// Returns when requests arrived, in seconds from the first.
    pub fn arrivals(&self) -> Vec<f64> {
        self.book.lock().unwrap().arrivals.clone()
    }

    /// Returns how many seconds after the start of the run the first request arrived, which started the server's clock.
    pub fn lag(&self, report: &serde_json::Value, warmup: f64) -> f64 {
        let window: Timestamp = report["windowStart"].as_str().unwrap().parse().unwrap();
        self.book.lock().unwrap().started_wall.duration_since(window).as_secs_f64() + warmup
    }

    /// Returns by how many seconds at most requests came after their `schedule`, whose start `lag` is counted from, and
    /// answers after they were due, together. If no arrival at a queue is later than this, nor is any departure.
    pub fn lateness(&self, schedule: &[f64], lag: f64) -> f64 {
        let book = self.book.lock().unwrap();
        let late = book.arrivals.iter().zip(schedule).map(|(arrival, meant)| arrival + lag - meant);
        late.fold(0.0, f64::max) + book.latest_answer.as_secs_f64()
    }
}

/// Answers the requests of one connection, which come one after the other and have no body.
fn converse(mut stream: TcpStream, book: &Mutex<Book>) {
    stream.set_nodelay(true).unwrap();
    // A sleep that ends late would be taken for an error of the generator's.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let mut text = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut part) {
        text.extend_from_slice(&part[..length]);
        if !text.ends_with(b"\r\n\r\n") {
            continue;
        }
        text.clear();
        let due = book.lock().unwrap().arrived(Instant::now());
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
            return;
        }
        let mut book = book.lock().unwrap();
        book.latest_answer = book.latest_answer.max(due.elapsed());
    }
}

/// Runs the generator in a process of its own and returns its report.
pub fn drive(server: &Server, arguments: &[String]) -> serde_json::Value {
    let url = format!("--url=http://{}/", server.address);
    let run = Command::new(env!("CARGO_BIN_EXE_testbed-load"))
        .args(["http", &url])
        .args(arguments)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}
