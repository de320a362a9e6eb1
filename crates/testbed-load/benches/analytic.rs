//! How close the generator comes to theory. `cargo bench -p testbed-load --bench analytic [-- SECONDS]` prints, for
//! servers whose answers are known beforehand, what must be measured and what is.
//!
//! `formula` is the latency of an endless Poisson process, by Erlang. `theory` is the one of the very schedule that
//! ran, by Lindley's recursion; the two differ because a minute is not eternity. The error is that of the generator,
//! the machine's timers and loopback together, against `theory`: on a quiet machine a fraction of a millisecond in
//! every quantile, so it is the smaller a share the longer the latency.

#![expect(clippy::unwrap_used, reason = "there is nobody to handle an error, and a table without it is none")]

#[path = "../tests/theory/mod.rs"]
mod theory;

use serde_json::Value;
use theory::{Server, Service};

const QUANTILES: [(&str, &str, f64); 5] = [
    ("0.5", "p50", 0.5),
    ("0.9", "p90", 0.9),
    ("0.99", "p99", 0.99),
    ("0.999", "p99.9", 0.999),
    ("1", "max", 1.0),
];
const WARMUP: f64 = 2.0;
const SEED: u64 = 1;

fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(60.0);
    for (rate, service) in [(100.0, 0.005), (160.0, 0.005), (40.0, 0.02)] {
        queue(rate, service, seconds);
    }
    stall(seconds);
    oracle();
}

/// Poisson arrivals at one server that takes the same time for each (M/D/1).
fn queue(rate: f64, seconds: f64, window: f64) {
    let service = Service::OneAtATime { seconds };
    let arrivals = theory::poisson_arrivals(rate, SEED, &[WARMUP, window]);
    let server = Server::start(service);
    let report = drive(&server, rate, "poisson", window);
    let load = rate * seconds;
    println!("\nM/D/1: {rate}/s, service {} ms, load {load}, window {window} s", seconds * 1e3);
    let formula = |quantile| Some(theory::erlang_latency(quantile, rate, seconds));
    table(&report, &service.latencies(&arrivals), &arrivals, formula);
    conditions(&report, &server, &arrivals);
}

/// Constant arrivals, constant latency, and one second in which nothing is answered.
fn stall(window: f64) {
    let (rate, seconds) = (200.0, 0.01);
    let service = |stall_at| Service::AllAtOnce { seconds, stall_at, stall: 1.0 };
    let stall_at = WARMUP + window / 2.0 + 0.0025;
    let arrivals = theory::constant_arrivals(rate, WARMUP + window);
    let server = Server::start(service(stall_at));
    let report = drive(&server, rate, "constant", window);
    // The server's clock started with the first request, which came a little late.
    let service = service(stall_at + server.lag(&report, WARMUP));
    println!("\nstall of 1 s: {rate}/s constant, latency {} ms, window {window} s", seconds * 1e3);
    table(&report, &service.latencies(&arrivals), &arrivals, |_| None);
    conditions(&report, &server, &arrivals);
}

/// The replay of a schedule so long that it must have the quantiles of the formula.
fn oracle() {
    let (rate, seconds, length) = (160.0, 0.005, 62_500.0);
    let arrivals = theory::poisson_arrivals(rate, SEED, &[length]);
    let latencies = Service::OneAtATime { seconds }.latencies(&arrivals);
    println!(
        "\ntheory against formula: {rate}/s, service 5 ms, {} arrivals, nothing is sent",
        arrivals.len()
    );
    println!("{:<8}{:>14}{:>14}{:>10}", "quantile", "formula ms", "theory ms", "error %");
    for (_, name, quantile) in &QUANTILES[..4] {
        let formula = theory::erlang_latency(*quantile, rate, seconds);
        let replayed = theory::quantile(&latencies, *quantile);
        println!(
            "{name:<8}{:>14.3}{:>14.3}{:>10.2}",
            formula * 1e3,
            replayed * 1e3,
            percent(replayed, formula)
        );
    }
}

fn drive(server: &Server, rate: f64, arrivals: &str, window: f64) -> Value {
    let arguments = [
        format!("--rate={rate}/s"),
        format!("--arrivals={arrivals}"),
        format!("--seed={SEED}"),
        format!("--warmup={WARMUP}s"),
        format!("--window={window}s"),
    ];
    theory::drive(server, &arguments)
}

fn percent(value: f64, wanted: f64) -> f64 {
    (value / wanted - 1.0) * 1e2
}

/// Returns what belongs to arrivals within the window.
fn in_window<'a>(values: &'a [f64], arrivals: &[f64]) -> &'a [f64] {
    &values[arrivals.partition_point(|&arrival| arrival < WARMUP)..]
}

fn table(report: &Value, latencies: &[f64], arrivals: &[f64], formula: impl Fn(f64) -> Option<f64>) {
    let latencies = in_window(latencies, arrivals);
    println!(
        "{:<8}{:>14}{:>14}{:>14}{:>10}{:>10}",
        "quantile", "formula ms", "theory ms", "measured ms", "error ms", "error %"
    );
    let row = |name: &str, formula: Option<f64>, wanted: f64, measured: f64| {
        let formula = formula.map_or("-".to_owned(), |formula| format!("{:.3}", formula * 1e3));
        println!(
            "{name:<8}{formula:>14}{:>14.3}{:>14.3}{:>10.3}{:>10.2}",
            wanted * 1e3,
            measured * 1e3,
            (measured - wanted) * 1e3,
            percent(measured, wanted)
        );
    };
    for (label, name, quantile) in QUANTILES {
        let Some(measured) = report["latencySeconds"][label].as_f64() else { continue };
        let formula = formula(quantile).filter(|_| quantile < 1.0);
        row(name, formula, theory::quantile(latencies, quantile), measured);
    }
    let mean = latencies.iter().sum::<f64>() / latencies.len() as f64;
    row("mean", None, mean, report["latencyMeanSeconds"].as_f64().unwrap());
}

/// Prints what the server saw of the rate, and what the machine was like.
fn conditions(report: &Value, server: &Server, arrivals: &[f64]) {
    let rate = |arrivals: &[f64]| (arrivals.len() - 1) as f64 / (arrivals[arrivals.len() - 1] - arrivals[0]);
    let intended = rate(in_window(arrivals, arrivals));
    let arrived = rate(in_window(&server.arrivals(), arrivals));
    println!(
        "rate     intended {intended:.4}/s, arrived {arrived:.4}/s, error {:.4} %",
        percent(arrived, intended)
    );
    let ms =
        |value: &Value| value.as_f64().map_or("-".to_owned(), |seconds| format!("{:.3} ms", seconds * 1e3));
    let delay = &report["startDelaySeconds"];
    println!(
        "starts   p50 {}, p99 {}, p99.9 {} late; {} requests succeeded of {}, own CPU {}",
        ms(&delay["0.5"]),
        ms(&delay["0.99"]),
        ms(&delay["0.999"]),
        report["requests"]["succeeded"],
        report["requests"]["intended"],
        report["cpuRatio"],
    );
    let late = server.lateness(arrivals, server.lag(report, WARMUP));
    println!("machine  {}; comings and goings at most {:.3} ms late", report["machine"], late * 1e3);
}
