//! Measures the coverage and width of nominal 95 % intervals of the mean: the grounds of `ratio_interval`.
//!
//! Run with `cargo run --release -p testbed-stats --example coverage [simulations]`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{ALL, Data, Source};
use std::cell::RefCell;
use testbed_stats::{
    Interval, bca, bca_expanded, ratio_interval, sd, signed_rank_interval, student_interval,
};

const RESAMPLES: usize = 999;

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

/// The bootstrap-t interval of Efron & Tibshirani (1993), ch. 12, over the resamples that [`bca`] draws.
fn bootstrap_t(sample: &[f64], seed: u64) -> Option<Interval> {
    let center = mean(sample);
    let statistics = RefCell::new(Vec::new());
    let visit = |resample: &[f64]| {
        let distance = mean(resample) - center;
        statistics.borrow_mut().push(if distance == 0.0 {
            0.0
        } else {
            distance / sd(resample).unwrap_or(f64::NAN)
        });
        mean(resample)
    };
    bca(sample, visit, 0.95, RESAMPLES, seed).ok()?;
    // The first visit is to the sample itself, those after the resamples are of the jackknife.
    let mut statistics = statistics.into_inner().get(1..=RESAMPLES)?.to_vec();
    statistics.sort_by(f64::total_cmp);
    let spread = sd(sample).ok()?;
    let limit = |p: f64| center - spread * statistics[(p * (RESAMPLES as f64 + 1.0)) as usize - 1];
    Some(Interval { low: limit(0.975), high: limit(0.025), level: 0.95 })
}

fn chosen(sample: &[f64], seed: u64) -> Option<Interval> {
    let ratios: Vec<f64> = sample.iter().map(|log| log.exp()).collect();
    let interval = ratio_interval(&ratios, 0.95, RESAMPLES, seed).ok()?.interval;
    Some(Interval { low: interval.low.ln(), high: interval.high.ln(), level: interval.level })
}

fn intervals(sample: &[f64], seed: u64) -> [Option<Interval>; 6] {
    [
        chosen(sample, seed),
        student_interval(sample, 0.95).ok(),
        bca(sample, mean, 0.95, RESAMPLES, seed).ok(),
        bca_expanded(sample, mean, 0.95, RESAMPLES, seed).ok(),
        bootstrap_t(sample, seed),
        signed_rank_interval(sample, 0.95).ok(),
    ]
}

fn coverage(data: Data, n: usize, simulations: u32) -> [(f64, f64); 6] {
    let mut source = Source::new(n as u64);
    let mut tally = [(0.0, 0.0); 6];
    for _ in 0..simulations {
        let sample: Vec<f64> = (0..n).map(|_| data.draw(&mut source)).collect();
        let reference =
            student_interval(&sample, 0.95).map_or(f64::NAN, |interval| interval.high - interval.low);
        for ((covered, width), interval) in tally.iter_mut().zip(intervals(&sample, source.seed())) {
            let Some(interval) = interval else { continue };
            *covered += 100.0 * f64::from(u8::from(interval.contains(0.0))) / f64::from(simulations);
            *width += (interval.high - interval.low) / reference / f64::from(simulations);
        }
    }
    tally
}

fn main() {
    let simulations = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(4_000);
    println!(
        "coverage in % (mean width relative to Student's), {simulations} simulations, {RESAMPLES} resamples"
    );
    println!(
        "{:14} {:>3} {:>13} {:>13} {:>13} {:>13} {:>13} {:>13}",
        "data", "n", "chosen", "student", "bca", "bca expanded", "bootstrap-t", "signed rank"
    );
    for data in ALL {
        for n in [6, 8, 10, 15, 20, 30] {
            let cells = coverage(data, n, simulations)
                .map(|(covered, width)| format!("{:>13}", format!("{covered:.1} ({width:.2})")));
            println!("{:14} {n:>3} {}", format!("{data:?}"), cells.join(" "));
        }
    }
}
