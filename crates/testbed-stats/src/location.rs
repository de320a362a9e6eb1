//! Location and spread of one sample.

use crate::{Error, check_figure, check_sample, logs};

/// Returns the arithmetic mean.
pub fn mean(sample: &[f64]) -> Result<f64, Error> {
    check_sample(sample, 1)?;
    check_figure(plain_mean(sample))
}

/// Returns the middle value, or the mean of the two middle ones.
pub fn median(sample: &[f64]) -> Result<f64, Error> {
    check_sample(sample, 1)?;
    Ok(plain_median(&mut sample.to_vec()))
}

/// Returns `exp(mean(ln x))`; every value must be positive.
pub fn geometric_mean(sample: &[f64]) -> Result<f64, Error> {
    check_figure(libm::exp(plain_mean(&logs(sample)?)))
}

/// Returns the standard deviation with `n - 1` degrees of freedom.
pub fn sd(sample: &[f64]) -> Result<f64, Error> {
    check_sample(sample, 2)?;
    check_figure(plain_sd(sample, plain_mean(sample)))
}

/// The mean without checks, for the inner loops.
pub(crate) fn plain_mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

/// The standard deviation about a known mean, without checks.
pub(crate) fn plain_sd(sample: &[f64], mean: f64) -> f64 {
    let squares: f64 = sample.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (sample.len() as f64 - 1.0)).sqrt()
}

/// The median of at least one value, which are left in another order.
pub(crate) fn plain_median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let odd = !values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * lower + 0.5 * *upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_of_small_samples_is_as_by_hand() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Ok(3.0));
        assert_eq!(median(&[6.0, 1.0, 2.0]), Ok(2.0));
        assert_eq!(median(&[6.0, 1.0, 2.0, 4.0]), Ok(3.0));
        assert!((geometric_mean(&[1.0, 2.0, 4.0]).unwrap() - 2.0).abs() < 1e-15);
        assert_eq!(sd(&[1.0, 3.0]), Ok(2.0_f64.sqrt()));
    }

    #[test]
    fn a_sample_without_a_figure_is_an_error() {
        assert_eq!(mean(&[]), Err(Error::TooFew { have: 0, need: 1 }));
        assert_eq!(sd(&[1.0]), Err(Error::TooFew { have: 1, need: 2 }));
        assert_eq!(median(&[1.0, f64::NAN]), Err(Error::NotFinite));
        assert_eq!(geometric_mean(&[1.0, 0.0]), Err(Error::NotPositive));
        assert_eq!(mean(&[f64::MAX, f64::MAX]), Err(Error::NotFinite));
    }
}
