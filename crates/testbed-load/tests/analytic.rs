//! The generator against theory: servers whose answers are known beforehand, so what it reports must follow from its
//! schedule alone. The bounds hold on a busy machine; `cargo bench -p testbed-load --bench analytic` prints how close
//! it comes.

#![expect(clippy::unwrap_used, reason = "what helpers of tests cannot do is a failed test")]

mod theory;

use serde_json::Value;
use theory::{Server, Service};

const RATE: f64 = 160.0;
const SERVICE: f64 = 0.005;
const SEED: u64 = 11;

fn arguments(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}

fn latency(report: &Value, quantile: &str) -> f64 {
    report["latencySeconds"][quantile].as_f64().unwrap()
}

/// Nothing may take less than theory says: a generator that forgives a wait does. Where the machine was busy, what the
/// server saw come and go late may take as much longer.
fn assert_latency(measured: f64, wanted: f64, early: f64, late: f64, what: &str) {
    let least = wanted * 0.99 - 0.001 - early;
    assert!(measured > least, "{what} is {measured} s, and cannot be less than {least} s");
    let most = wanted * 1.25 + 0.15 + 2.0 * late;
    assert!(measured < most, "{what} is {measured} s, and should be {wanted} s, at most {most} s");
}

#[test]
fn waits_in_a_queue_are_those_that_the_schedule_makes() {
    let (warmup, window) = (0.5, 7.0);
    let service = Service::OneAtATime { seconds: SERVICE };
    let server = Server::start(service);
    let report = theory::drive(
        &server,
        &arguments(&["--rate=160/s", "--arrivals=poisson", "--seed=11", "--warmup=500ms", "--window=7s"]),
    );
    let arrivals = theory::poisson_arrivals(RATE, SEED, &[warmup, window]);
    assert_eq!(report["requests"]["succeeded"], 1120, "{report}");
    assert_eq!(server.arrivals().len(), arrivals.len());
    let late = server.lateness(&arrivals, server.lag(&report, warmup));
    let before = arrivals.iter().filter(|&&arrival| arrival < warmup).count();
    let latencies = service.latencies(&arrivals).split_off(before);
    for (label, quantile) in [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99), ("0.999", 0.999), ("1", 1.0)] {
        let wanted = theory::quantile(&latencies, quantile);
        assert_latency(latency(&report, label), wanted, 0.0, late, label);
    }
    // Most of it is waiting: a generator that looks at one request at a time would report the service alone.
    assert!(latency(&report, "0.99") > 4.0 * SERVICE, "{report}");
}

/// 200 requests per second for 8 s; those of the third second, 200 of the 1600, are answered only when it is over, at
/// distances of 5 ms: 1400 latencies of 10 ms, then 12.5, 17.5, ... 1007.5 ms.
#[test]
fn a_stall_is_counted_for_every_request_that_was_meant_to_start_in_it() {
    let service = Service::AllAtOnce { seconds: 0.01, stall_at: 2.0025, stall: 1.0 };
    let arrivals = theory::constant_arrivals(200.0, 8.0);
    let latencies = service.latencies(&arrivals);
    let by_hand = [
        ("0.5", 0.5, 0.01),
        // Of 1600: the 1440th, the 1584th, the 1599th, the last. The stalled ones begin after the 1400th.
        ("0.9", 0.9, 0.01 + 0.0025 + 39.0 * 0.005),
        ("0.99", 0.99, 0.01 + 0.0025 + 183.0 * 0.005),
        ("0.999", 0.999, 0.01 + 0.0025 + 198.0 * 0.005),
        ("1", 1.0, 0.01 + 0.0025 + 199.0 * 0.005),
    ];
    let server = Server::start(service);
    let report = theory::drive(&server, &arguments(&["--rate=200/s", "--window=8s"]));
    assert_eq!(report["requests"]["succeeded"], 1600, "{report}");
    assert_eq!(server.arrivals().len(), 1600);
    // The first request starts the server's clock, and so decides when it stalls; no request comes before it is meant to.
    let lag = server.lag(&report, 0.0);
    assert!(lag > -0.001, "{lag}");
    let late = server.lateness(&arrivals, lag);
    for (label, quantile, wanted) in by_hand {
        assert!((theory::quantile(&latencies, quantile) - wanted).abs() < 1e-6, "{label}");
        assert_latency(latency(&report, label), wanted, lag, late, label);
    }
}

#[test]
fn the_schedule_is_poisson_and_its_replay_has_the_latencies_of_erlangs_formula() {
    // A million arrivals are nearly two hours: the quantiles of a minute are further from those of eternity.
    let arrivals = theory::poisson_arrivals(RATE, SEED, &[6_250.0]);
    let latencies = Service::OneAtATime { seconds: SERVICE }.latencies(&arrivals);
    for (quantile, tolerance) in [(0.5, 0.01), (0.9, 0.01), (0.99, 0.02), (0.999, 0.03)] {
        let replayed = theory::quantile(&latencies, quantile);
        let wanted = theory::erlang_latency(quantile, RATE, SERVICE);
        assert!((replayed / wanted - 1.0).abs() < tolerance, "{quantile}: {replayed} s, not {wanted} s");
    }
    // Nobody waits with the probability that the server is idle.
    assert!((theory::share_that_waits_at_most(0.0, RATE, SERVICE) - 0.2).abs() < 1e-12);
}
