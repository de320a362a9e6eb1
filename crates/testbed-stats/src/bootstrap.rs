//! Bootstrap intervals.
//!
//! Resamples are drawn by PCG64 (O'Neill 2014: the 128-bit linear congruential generator with XSL-RR output),
//! with the seed as its state and [`STREAM`] as its stream.
//! Each 64-bit word gives two positions, high half first, each as `(half * n) >> 32` (Lemire 2019, without the
//! rejection step: the bias is below `n / 2^32`).
//! This is part of the results: a change here changes figures that were published.

use crate::distribution::{normal_cdf, normal_quantile, student_quantile};
use crate::location::plain_mean;
use crate::{Error, Interval, check_figure, check_probability, check_sample};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// The stream of the generator: the default one of the PCG reference implementation.
pub const STREAM: u128 = 0x0a02_bdbf_7bb3_c0a7_ac28_fa16_a64a_bf96;

/// The most resamples of one interval: 80 MB of statistics.
pub const MAX_RESAMPLES: usize = 10_000_000;

/// Returns the bias-corrected and accelerated interval of a statistic.
///
/// Efron (1987), J. Am. Stat. Assoc. 82, 171-185; Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 14:
/// percentiles `Phi(z0 + (z0 + z) / (1 - a (z0 + z)))` of the resampled statistics, with `z0` from the share of them
/// below the estimate (equal ones count half) and `a` from the jackknife.
/// With fewer than some 20 values the interval is too short: see [`bca_expanded`].
pub fn bca(
    sample: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    level: f64,
    resamples: usize,
    seed: u64,
) -> Result<Interval, Error> {
    check_probability(level)?;
    let z = normal_quantile(0.5 * (1.0 - level));
    bca_at(sample, statistic, z, level, resamples, seed)
}

/// Returns the BCa interval with limits moved outward for small samples.
///
/// Hesterberg (2015), The American Statistician 69, 371-386, "expanded percentile":
/// `z = -sqrt(n / (n - 1)) t` in place of the normal quantile, with `t` of `n - 1` degrees of freedom.
/// A limit that comes to lie beyond the outermost resample is that resample.
pub fn bca_expanded(
    sample: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    level: f64,
    resamples: usize,
    seed: u64,
) -> Result<Interval, Error> {
    check_probability(level)?;
    check_sample(sample, 2)?;
    let n = sample.len() as f64;
    let z = (n / (n - 1.0)).sqrt() * student_quantile(0.5 * (1.0 - level), n - 1.0);
    bca_at(sample, statistic, z, level, resamples, seed)
}

/// The BCa interval whose lower and upper limits start from the normal deviates `z` and `-z`.
fn bca_at(
    sample: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    z: f64,
    level: f64,
    resamples: usize,
    seed: u64,
) -> Result<Interval, Error> {
    check_sample(sample, 2)?;
    check_resamples(resamples, level)?;
    let estimate = check_figure(statistic(sample))?;
    if sample.iter().all(|value| *value == sample[0]) {
        return Ok(Interval { low: estimate, high: estimate, level });
    }
    let mut replicates = Vec::with_capacity(resamples);
    each_resample(sample, resamples, seed, |resample| replicates.push(statistic(resample)));
    if !replicates.iter().all(|replicate| replicate.is_finite()) {
        return Err(Error::NotFinite);
    }
    replicates.sort_unstable_by(f64::total_cmp);

    // The same values summed in another order are equal but for their last bits.
    let rounding = 1e-12 * (replicates[resamples - 1] - replicates[0]);
    let below = replicates.partition_point(|replicate| *replicate < estimate - rounding);
    let not_above = replicates.partition_point(|replicate| *replicate <= estimate + rounding);
    // Half a resample on either side keeps the correction finite when the estimate lies outside of all of them.
    let edge = 0.5 / resamples as f64;
    let share = 0.5 * (below + not_above) as f64 / resamples as f64;
    let bias = normal_quantile(share.clamp(edge, 1.0 - edge));
    let acceleration = acceleration(sample, &statistic)?;
    let limit = |z: f64| {
        let distance = bias + z;
        let shrink = 1.0 - acceleration * distance;
        // Beyond its pole the correction has no meaning; the outermost resample is what remains.
        let corrected =
            if shrink > 0.0 { bias + distance / shrink } else { f64::INFINITY.copysign(distance) };
        percentile(&replicates, normal_cdf(corrected))
    };
    Ok(Interval { low: limit(z), high: limit(-z), level })
}

/// Calls `visit` with each resample of `sample`, in one buffer.
fn each_resample(sample: &[f64], resamples: usize, seed: u64, mut visit: impl FnMut(&[f64])) {
    let mut generator = Pcg64::new(u128::from(seed), STREAM);
    let n = sample.len() as u64;
    let mut buffer = vec![0.0; sample.len()];
    for _ in 0..resamples {
        for pair in buffer.chunks_mut(2) {
            let word = generator.next_u64();
            for (slot, half) in pair.iter_mut().zip([word >> 32, word & 0xffff_ffff]) {
                *slot = sample[((half * n) >> 32) as usize];
            }
        }
        visit(&buffer);
    }
}

/// Returns the acceleration `sum d^3 / (6 (sum d^2)^1.5)`, with `d` the mean of the jackknife values minus each.
fn acceleration(sample: &[f64], statistic: &impl Fn(&[f64]) -> f64) -> Result<f64, Error> {
    let mut rest = sample[1..].to_vec();
    let mut jackknife = Vec::with_capacity(sample.len());
    for (left_out, value) in sample.iter().enumerate() {
        jackknife.push(check_figure(statistic(&rest))?);
        if let Some(slot) = rest.get_mut(left_out) {
            *slot = *value;
        }
    }
    let mean = plain_mean(&jackknife);
    let sum = |power: fn(f64) -> f64| jackknife.iter().map(|value| power(mean - value)).sum::<f64>();
    let squares = sum(|d| d * d);
    let acceleration = sum(|d| d * d * d) / (6.0 * squares * squares.sqrt());
    Ok(if acceleration.is_finite() { acceleration } else { 0.0 })
}

/// Returns the percentile at position `p (B + 1)` of sorted values, between neighbors in proportion.
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len() as f64;
    let position = (p * (last + 1.0)).clamp(1.0, last);
    let below = position as usize - 1;
    let above = (below + 1).min(sorted.len() - 1);
    let share = position - position.floor();
    if share == 0.0 { sorted[below] } else { sorted[below] * (1.0 - share) + sorted[above] * share }
}

/// Refuses so few resamples that less than one is expected in a tail, and more than fit in memory.
fn check_resamples(resamples: usize, level: f64) -> Result<(), Error> {
    let need = (2.0 / (1.0 - level)).ceil() as usize;
    if resamples < need {
        Err(Error::TooFewResamples { have: resamples, need })
    } else if resamples > MAX_RESAMPLES {
        Err(Error::TooMany { have: resamples, most: MAX_RESAMPLES })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::median;

    /// What the generator must give for ever; `tests/reference/generate.py` computes it from the definition.
    #[test]
    fn the_generator_is_the_documented_one() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../tests/reference/reference.json")).unwrap();
        let sample: Vec<f64> = (0..1000).map(f64::from).collect();
        let mut drawn = Vec::new();
        each_resample(&sample, 1, 42, |resample| drawn.extend_from_slice(&resample[..8]));
        let expected: Vec<f64> = serde_json::from_value(reference["positions"].clone()).unwrap();
        assert_eq!(drawn, expected);
    }

    #[test]
    fn equal_values_give_an_interval_without_width() {
        let expected = Ok(Interval { low: 2.5, high: 2.5, level: 0.95 });
        assert_eq!(bca(&[2.5; 10], plain_mean, 0.95, 1000, 1), expected);
        assert_eq!(bca_expanded(&[2.5; 10], plain_mean, 0.95, 1000, 1), expected);
    }

    #[test]
    fn a_level_beyond_the_resamples_is_an_error() {
        let sample = [1.0, 2.0, 3.0];
        let error = Error::TooFewResamples { have: 1000, need: 8192 };
        assert_eq!(bca(&sample, plain_mean, 1.0 - 1.0 / 4096.0, 1000, 1), Err(error));
        assert_eq!(bca_expanded(&sample, plain_mean, 1.0 - 1.0 / 4096.0, 1000, 1), Err(error));
        let error = Error::TooMany { have: usize::MAX, most: MAX_RESAMPLES };
        assert_eq!(bca(&sample, plain_mean, 0.95, usize::MAX, 1), Err(error));
        assert_eq!(bca(&sample, plain_mean, f64::NAN, 1000, 1), Err(Error::NotAProbability));
    }

    #[test]
    fn a_statistic_without_a_figure_is_an_error() {
        assert_eq!(bca(&[1.0, 2.0], |_| f64::NAN, 0.95, 100, 1), Err(Error::NotFinite));
        assert_eq!(bca(&[1.0, f64::INFINITY], plain_mean, 0.95, 100, 1), Err(Error::NotFinite));
        assert_eq!(bca(&[1.0], plain_mean, 0.95, 100, 1), Err(Error::TooFew { have: 1, need: 2 }));
    }

    #[test]
    fn any_statistic_has_an_interval() {
        let sample: Vec<f64> = (1..=25).map(f64::from).collect();
        let interval = bca(&sample, |resample| median(resample).unwrap_or(f64::NAN), 0.9, 2000, 7).unwrap();
        assert!(interval.contains(13.0) && interval.low > 6.0 && interval.high < 20.0, "{interval:?}");
    }

    #[test]
    fn percentiles_stand_between_neighbors() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!([0.0, 0.25, 0.5, 0.625, 1.0].map(|p| percentile(&sorted, p)), [1.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
