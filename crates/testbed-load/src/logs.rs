//! Writes known log lines into a store that takes Loki's push requests, and counts what the store took.
//!
//! Every line is a function of its number: which service wrote it, how long its request took, whether it failed. So a
//! query has an answer that is known beforehand, whatever the store makes of it.

use crate::push::{self, Label};
use crate::schedule::Rate;
use crate::server::{self, Answer};
use crate::url::Url;
use crate::{client, duration};
use anyhow::{Context, bail};
use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Time between two pushes: what a shipper that reads files takes, more or less.
const INTERVAL: Duration = Duration::from_secs(1);
const TRY: Duration = Duration::from_secs(5);
/// Lines that wait for a store that does not take them. Older ones are given up, and counted.
const MOST_WAITING: u64 = 10_000;
/// After the last line is due, a store that does not take it makes the run fail.
const PATIENCE: Duration = Duration::from_secs(30);

const SERVICES: [&str; 4] = ["cart", "checkout", "search", "payment"];
const HANDLERS: [&str; 5] = ["/", "/items", "/orders", "/login", "/pay"];
/// One line in so many is of a request that failed.
const FAILS: u64 = 20;

/// Write known log lines into a store that takes Loki's push requests
#[derive(clap::Args)]
pub(crate) struct Args {
    /// URL of the store, without the path
    #[arg(long)]
    url: Url,
    /// Lines per second
    #[arg(long, default_value = "20/s")]
    rate: Rate,
    /// How long lines are written; until it is stopped if not given
    #[arg(long, value_parser = duration)]
    length: Option<Duration>,
    /// Label `key=value` of every stream, beside `service` and `level`; may be repeated
    #[arg(long = "label", value_parser = push::label)]
    labels: Vec<Label>,
    /// Address at which health and counters are served; nothing is served if not given
    #[arg(long)]
    listen: Option<SocketAddr>,
}

pub(crate) async fn main(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    let writer = async {
        let outcome = write(&args, &counts, &stop).await;
        // Ends the server too.
        stop.cancel();
        outcome
    };
    match args.listen {
        Some(address) => {
            tokio::try_join!(writer, server::run(address, pages(counts.clone()), stop.clone()))?;
        }
        None => writer.await?,
    }
    println!("{}", serde_json::to_string(&counts.report()).context("failed to write the report")?);
    Ok(())
}

/// What became of the lines.
#[derive(Default)]
struct Counts {
    /// Lines whose time has come.
    due: AtomicU64,
    /// Lines that the store took.
    accepted: AtomicU64,
    /// Lines that the store did not want.
    refused: AtomicU64,
    /// Lines that were given up while the store was away.
    dropped: AtomicU64,
    /// The store took the last push.
    healthy: AtomicBool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Report {
    due: u64,
    accepted: u64,
    refused: u64,
    dropped: u64,
}

impl Counts {
    fn report(&self) -> Report {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            due: read(&self.due),
            accepted: read(&self.accepted),
            refused: read(&self.refused),
            dropped: read(&self.dropped),
        }
    }
}

/// Returns what answers: `/healthz` is well while the store takes the lines.
fn pages(counts: Arc<Counts>) -> impl Fn(&str) -> Answer {
    move |path| match path {
        "/healthz" if counts.healthy.load(Ordering::Relaxed) => server::text(StatusCode::OK, "ok\n"),
        "/healthz" => server::text(StatusCode::SERVICE_UNAVAILABLE, "the store takes no lines\n"),
        "/metrics" => {
            let Report { due, accepted, refused, dropped } = counts.report();
            server::metrics(format!(
                "# HELP testbed_logs_due_lines_total Lines whose time has come.\n\
                 # TYPE testbed_logs_due_lines_total counter\n\
                 testbed_logs_due_lines_total {due}\n\
                 # HELP testbed_logs_lines_total Lines, by what became of them.\n\
                 # TYPE testbed_logs_lines_total counter\n\
                 testbed_logs_lines_total{{outcome=\"accepted\"}} {accepted}\n\
                 testbed_logs_lines_total{{outcome=\"refused\"}} {refused}\n\
                 testbed_logs_lines_total{{outcome=\"dropped\"}} {dropped}\n"
            ))
        }
        _ => server::text(StatusCode::NOT_FOUND, "no such page\n"),
    }
}

/// Writes lines as their time comes, until all are written or it is stopped.
async fn write(args: &Args, counts: &Counts, stop: &CancellationToken) -> anyhow::Result<()> {
    let url = args.url.join("/loki/api/v1/push");
    let lines =
        Lines { labels: push::labels(&args.labels), rate: args.rate.per_second(), start: Timestamp::now() };
    let start = Instant::now();
    let last = args.length.map(|length| lines.due(length));
    // The first line that the store has not taken or refused.
    let mut next = 0;
    let mut round = start;
    loop {
        round += INTERVAL;
        // The last push comes as soon as its last line is due.
        let end = args.length.map(|length| start + length).filter(|end| *end > Instant::now());
        tokio::select! {
            () = sleep_until(end.map_or(round, |end| end.min(round))) => {}
            () = stop.cancelled() => return Ok(()),
        }
        let due = last.unwrap_or(u64::MAX).min(lines.due(start.elapsed()));
        counts.due.store(due, Ordering::Relaxed);
        if let given_up @ 1.. = (due - next).saturating_sub(MOST_WAITING) {
            counts.dropped.fetch_add(given_up, Ordering::Relaxed);
            next += given_up;
        }
        if due > next {
            let content = client::Content { kind: "application/json", body: lines.batch(next, due) };
            // Sending twice does no harm: a store keeps the same line of the same time once.
            let error = match client::post(&url, content, TRY).await {
                Ok((status, _)) if status.is_success() => {
                    counts.accepted.fetch_add(due - next, Ordering::Relaxed);
                    next = due;
                    None
                }
                Ok((status, body)) => {
                    let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
                    if status.is_client_error() && !later.contains(&status) {
                        counts.refused.fetch_add(due - next, Ordering::Relaxed);
                        next = due;
                    }
                    Some(format!("it answers {status}: {}", String::from_utf8_lossy(&body).trim()))
                }
                Err(error) => Some(format!("{error:#}")),
            };
            counts.healthy.store(error.is_none(), Ordering::Relaxed);
            if let Some(error) = error {
                eprintln!("warning: {url} did not take the lines: {error}");
                if args.length.is_some_and(|length| start.elapsed() > length + PATIENCE) {
                    bail!("{url} did not take the lines within {PATIENCE:?}: {error}");
                }
            }
        }
        if last == Some(next) {
            break;
        }
        // A push that took long is not made up for by several at once.
        round = round.max(Instant::now() - INTERVAL);
    }
    let Report { accepted, refused, .. } = counts.report();
    if accepted == 0 && refused > 0 {
        bail!("{url} refused every line");
    }
    Ok(())
}

/// The lines there are.
struct Lines {
    labels: BTreeMap<String, String>,
    /// Lines per second.
    rate: f64,
    /// Time of the first line.
    start: Timestamp,
}

impl Lines {
    /// Returns how many lines are due after a time.
    fn due(&self, elapsed: Duration) -> u64 {
        (self.rate * elapsed.as_secs_f64()) as u64
    }

    /// Returns the body of a push of the lines from `first` up to `end`.
    fn batch(&self, first: u64, end: u64) -> String {
        let mut streams: BTreeMap<(&str, &str), Vec<[String; 2]>> = BTreeMap::new();
        for number in first..end {
            let line = Line::new(number);
            let after = SignedDuration::from_nanos((number as f64 / self.rate * 1e9) as i64);
            let at = self.start.checked_add(after).unwrap_or(self.start).as_nanosecond();
            streams.entry((line.service, line.level)).or_default().push([at.to_string(), line.text()]);
        }
        let streams: Vec<_> = streams
            .into_iter()
            .map(|((service, level), values)| {
                let mut labels = self.labels.clone();
                labels.extend([
                    ("service".to_owned(), service.to_owned()),
                    ("level".to_owned(), level.to_owned()),
                ]);
                json!({"stream": labels, "values": values})
            })
            .collect();
        json!({"streams": streams}).to_string()
    }
}

/// What a line says, as a service would of a request it answered.
#[derive(Serialize)]
struct Line {
    #[serde(skip)]
    service: &'static str,
    #[serde(skip)]
    level: &'static str,
    number: u64,
    message: &'static str,
    handler: &'static str,
    status: u16,
    duration_ms: u64,
}

impl Line {
    fn new(number: u64) -> Self {
        // One of each service in turn, and failures at each of them in turn.
        let failed = number % FAILS == FAILS - 1;
        let place = if failed { number / FAILS } else { number };
        // An odd factor maps one to one: the durations look random and are the same for the same line.
        let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        // From 1 to 100 ms; what failed waited for a second first.
        let duration_ms = 1 + random % 100 + if failed { 1000 } else { 0 };
        Self {
            service: SERVICES[(place % SERVICES.len() as u64) as usize],
            level: if failed { "error" } else { "info" },
            number,
            message: if failed { "upstream timed out" } else { "request served" },
            handler: HANDLERS[(place / SERVICES.len() as u64 % HANDLERS.len() as u64) as usize],
            status: if failed { 504 } else { 200 },
            duration_ms,
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn lines() -> Lines {
        let labels = push::labels(&[push::label("job=log-generator").unwrap()]);
        Lines { labels, rate: 10.0, start: "2026-01-02T03:04:05Z".parse().unwrap() }
    }

    #[test]
    fn a_batch_has_every_line_once_in_order_with_its_own_time() {
        let batch: serde_json::Value = serde_json::from_str(&lines().batch(0, 40)).unwrap();
        let mut numbers = Vec::new();
        for stream in batch["streams"].as_array().unwrap() {
            assert_eq!(stream["stream"]["job"], "log-generator");
            let mut before = 0;
            for value in stream["values"].as_array().unwrap() {
                let at: u64 = value[0].as_str().unwrap().parse().unwrap();
                assert!(at > before, "{stream}");
                before = at;
                let line: serde_json::Value = serde_json::from_str(value[1].as_str().unwrap()).unwrap();
                let number = line["number"].as_u64().unwrap();
                assert_eq!(at, 1_767_323_045_000_000_000 + number * 100_000_000);
                let failed = stream["stream"]["level"] == "error";
                assert_eq!(failed, line["status"] == 504);
                assert_eq!(failed, line["duration_ms"].as_u64().unwrap() > 1000);
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn one_line_in_twenty_failed_at_every_service_and_handler_alike() {
        let mut found: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut handlers: BTreeMap<&str, u32> = BTreeMap::new();
        for number in 0..400 {
            let line = Line::new(number);
            *found.entry((line.service, line.level)).or_default() += 1;
            if line.level == "error" {
                *handlers.entry(line.handler).or_default() += 1;
            }
        }
        assert_eq!(handlers, HANDLERS.map(|handler| (handler, 4)).into());
        for service in SERVICES {
            assert_eq!(found[&(service, "error")], 5, "{found:?}");
        }
        assert_eq!(found.values().sum::<u32>(), 400);
    }

    /// A store that answers these statuses in turn, the last one for ever.
    async fn store(statuses: &'static [u16]) -> (Args, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move |path: &str| {
            assert_eq!(path, "/loki/api/v1/push");
            let index = count.fetch_add(1, Ordering::Relaxed).min(statuses.len() - 1);
            server::text(StatusCode::from_u16(statuses[index]).unwrap(), "")
        };
        let address = server::spawn(answer, CancellationToken::new()).await;
        let args = Args {
            url: format!("http://{address}").parse().unwrap(),
            rate: "50/s".parse().unwrap(),
            length: Some(Duration::from_millis(100)),
            labels: Vec::new(),
            listen: None,
        };
        (args, asked)
    }

    #[tokio::test]
    async fn lines_are_counted_as_the_store_takes_them() {
        let (args, asked) = store(&[204]).await;
        let counts = Counts::default();
        write(&args, &counts, &CancellationToken::new()).await.unwrap();
        assert_eq!(counts.report(), Report { due: 5, accepted: 5, refused: 0, dropped: 0 });
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_store_that_is_busy_is_given_the_same_lines_again() {
        let (args, asked) = store(&[503, 429, 204]).await;
        let counts = Counts::default();
        write(&args, &counts, &CancellationToken::new()).await.unwrap();
        assert_eq!(counts.report(), Report { due: 5, accepted: 5, refused: 0, dropped: 0 });
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_store_that_refuses_every_line_fails_the_run() {
        let (args, _) = store(&[400]).await;
        let counts = Counts::default();
        let error = write(&args, &counts, &CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().ends_with("refused every line"), "{error}");
        assert_eq!(counts.report().refused, 5);
    }

    #[tokio::test]
    async fn health_follows_the_store() {
        let counts = Arc::new(Counts::default());
        let page = pages(counts.clone());
        assert_eq!(page("/healthz").status(), StatusCode::SERVICE_UNAVAILABLE);
        counts.healthy.store(true, Ordering::Relaxed);
        assert_eq!(page("/healthz").status(), StatusCode::OK);
        assert_eq!(page("/metrics").status(), StatusCode::OK);
    }
}
