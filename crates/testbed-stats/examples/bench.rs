//! Times the statistics of a run: 10 metrics, 30 blocks, the 3 pairs of 3 variants, 10,000 resamples.
//!
//! Run with `cargo run --release -p testbed-stats --example bench`; it must take less than a second.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Data, Source};
use std::time::Instant;
use testbed_stats::{
    Alternative, Error, floor, hodges_lehmann, holm, ratio_interval, signed_rank_interval,
    wilcoxon_signed_rank,
};

fn main() -> Result<(), Error> {
    let mut source = Source::new(1);
    let pairs: Vec<Vec<f64>> =
        (0..30).map(|_| (0..30).map(|_| 0.1 * Data::LogNormal.draw(&mut source)).collect()).collect();
    let start = Instant::now();
    let mut p = Vec::new();
    let mut width = 0.0;
    for logs in &pairs {
        let ratios: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
        let ratio = ratio_interval(&ratios, 0.95, 10_000, source.seed())?;
        let shift = signed_rank_interval(logs, 0.95)?;
        p.push(wilcoxon_signed_rank(logs, Alternative::TwoSided)?.p);
        width += ratio.interval.high - ratio.interval.low + shift.high - shift.low;
        width += hodges_lehmann(logs)? + floor(&ratios, 30, 0.95)?;
    }
    let least = holm(&p).into_iter().fold(1.0, f64::min);
    println!("{:.1} ms (checksum {width:.6} {least:.6})", 1e3 * start.elapsed().as_secs_f64());
    Ok(())
}
