//! The mean of one variant's values, and its interval.

use crate::distribution::student_quantile;
use crate::location::{plain_mean, plain_sd};
use crate::{Error, Interval, bca_expanded, check_figure, check_sample, logs};

/// Returns the interval of the mean of values that are never negative and may be skewed to the right, such as latencies.
///
/// The hull of [`bca_expanded`] of the mean, which does not go where no value can be, and, if all values are above zero, of
/// the modified Cox interval: Olsson (2005), J. Stat. Educ. 13(1),
/// `exp(m + s^2 / 2 +- t sqrt(s^2 / n + s^4 / (2 (n - 1))))` with mean `m` and sd `s` of the logarithms and `t` of
/// `n - 1` degrees of freedom. What the bootstrap has not seen of a long tail, it has from the shape of the rest.
/// `tests/simulation.rs` measures what it covers.
pub fn mean_interval(sample: &[f64], level: f64, resamples: usize, seed: u64) -> Result<Interval, Error> {
    let bootstrap = bca_expanded(sample, plain_mean, level, resamples, seed)?;
    // Equal values have an interval without width, to the last bit.
    if sample.iter().any(|value| *value <= 0.0) || sample.iter().all(|value| *value == sample[0]) {
        return Ok(bootstrap);
    }
    check_sample(sample, 2)?;
    let (logs, n) = (logs(sample)?, sample.len() as f64);
    let mean = plain_mean(&logs);
    let sd = plain_sd(&logs, mean);
    let square = sd * sd;
    let error = (square / n + square * square / (2.0 * (n - 1.0))).sqrt();
    let margin = student_quantile(0.5 + 0.5 * level, n - 1.0) * error;
    let end = |log: f64| check_figure(libm::exp(log));
    Ok(Interval {
        low: bootstrap.low.min(end(mean + 0.5 * square - margin)?),
        high: bootstrap.high.max(end(mean + 0.5 * square + margin)?),
        level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_zero_has_the_interval_of_the_bootstrap() {
        let sample = [0.0, 0.1, 0.0, 0.2, 0.1, 0.0];
        assert_eq!(mean_interval(&sample, 0.95, 1000, 1), bca_expanded(&sample, plain_mean, 0.95, 1000, 1));
    }

    #[test]
    fn equal_values_have_an_interval_without_width() {
        assert_eq!(
            mean_interval(&[0.3; 8], 0.95, 1000, 1),
            Ok(Interval { low: 0.3, high: 0.3, level: 0.95 })
        );
    }

    #[test]
    fn it_holds_the_mean_and_stays_above_zero() {
        let sample = [0.2, 0.3, 0.25, 0.2, 4.0, 0.3];
        let interval = mean_interval(&sample, 0.95, 1000, 1).unwrap();
        assert!(interval.low > 0.0 && interval.contains(plain_mean(&sample)), "{interval:?}");
    }

    /// Worked by hand: `m = 0`, `s^2 = 6 / 5`, `t = 2.5706`.
    #[test]
    fn the_formula_is_the_published_one() {
        let e = std::f64::consts::E;
        let sample = [e, 1.0 / e, e, 1.0 / e, e, 1.0 / e];
        let interval = mean_interval(&sample, 0.95, 1000, 1).unwrap();
        let error: f64 = (1.2_f64 / 6.0 + 1.44 / 10.0).sqrt();
        let high = (0.6 + 2.570_581_835_636_314 * error).exp();
        assert!((interval.high - high).abs() < 1e-9, "{} {high}", interval.high);
    }
}
