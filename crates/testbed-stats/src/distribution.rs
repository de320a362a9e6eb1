//! The normal and Student's t distribution, and the power of a t test.
//!
//! The special functions are those of the `libm` crate.
//! `statrs` has these distributions too, but takes logarithms from the system when any crate of the build asks
//! `num-traits` for `std`, and then the last bits of a verdict would depend on the machine that computes it.

use std::f64::consts::{LN_2, PI, SQRT_2};

/// Returns `P(Z <= z)` of the standard normal distribution.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

/// Returns the standard normal quantile: NaN unless `p` is in [0, 1].
///
/// Starts from Abramowitz & Stegun 26.2.23 (error below 4.5e-4) and takes three steps of Halley's method,
/// each of which triples the number of good digits.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let tail = p.min(1.0 - p);
    let upper = if tail == 0.0 { f64::INFINITY } else { normal_upper_quantile(tail) };
    if p < 0.5 { -upper } else { upper }
}

/// Returns the `z` with `P(Z > z) = tail`, for a tail in (0, 0.5].
fn normal_upper_quantile(tail: f64) -> f64 {
    let t = (-2.0 * libm::log(tail)).sqrt();
    let mut z = t
        - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for _ in 0..3 {
        let density = libm::exp(-0.5 * z * z) / (2.0 * PI).sqrt();
        let step = (tail - normal_cdf(-z)) / density;
        z -= step / (1.0 + 0.5 * z * step);
    }
    z
}

/// Returns `P(T > t)` of Student's t distribution with `freedom` degrees of freedom.
#[must_use]
pub fn student_upper(t: f64, freedom: f64) -> f64 {
    let sum = freedom + t * t;
    let half = 0.5 * beta_regularized(0.5 * freedom, 0.5, freedom / sum, t * t / sum);
    if t < 0.0 { 1.0 - half } else { half }
}

/// Returns the quantile of Student's t distribution: NaN unless `p` is in [0, 1] and `freedom` is positive.
///
/// Newton's method on the logarithm of the tail over the logarithm of `t`, from the normal quantile:
/// the tail falls concavely there, so that the steps come from one side after the first.
#[must_use]
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) || freedom.is_nan() || freedom <= 0.0 {
        return f64::NAN;
    }
    let tail = p.min(1.0 - p);
    if tail == 0.0 || tail == 0.5 {
        return normal_quantile(p);
    }
    let scale =
        libm::exp(libm::lgamma(0.5 * freedom + 0.5) - libm::lgamma(0.5 * freedom)) / (freedom * PI).sqrt();
    let mut t = normal_upper_quantile(tail);
    // Some six steps are taken; the bound is for a freedom so small that the steps never settle.
    for _ in 0..50 {
        let density = scale * libm::exp(-0.5 * (freedom + 1.0) * libm::log1p(t * t / freedom));
        let upper = student_upper(t, freedom);
        let step = libm::log(upper / tail) * upper / (t * density);
        t *= libm::exp(step);
        if step.abs() <= 1e-15 {
            break;
        }
    }
    if p < 0.5 { -t } else { t }
}

/// Returns `P(|T| > critical)` for the noncentral t distribution with `freedom` degrees of freedom.
///
/// `T = (Z + noncentrality) / S` with `S^2 = chi^2 / freedom`, so the probability is the mean over `S` of
/// `Phi(noncentrality - critical S) + Phi(-noncentrality - critical S)`, taken by Simpson's rule
/// over ten standard deviations on either side of 1.
#[must_use]
pub fn noncentral_two_tails(critical: f64, freedom: f64, noncentrality: f64) -> f64 {
    const PANELS: u32 = 2_000;
    let half = 0.5 * freedom;
    let reach = 10.0 / (2.0 * freedom).sqrt();
    let low = (1.0 - reach).max(0.0);
    let width = (1.0 + reach - low) / f64::from(PANELS);
    let constant = LN_2 + half * libm::log(half) - libm::lgamma(half);
    let integrand = |index: u32| {
        let s = low + width * f64::from(index);
        // A density without its power is that of one degree of freedom, which alone is not 0 at 0.
        let power = if freedom == 1.0 { 0.0 } else { (freedom - 1.0) * libm::log(s) };
        let density = libm::exp(constant + power - half * s * s);
        density * (normal_cdf(noncentrality - critical * s) + normal_cdf(-noncentrality - critical * s))
    };
    let inner: f64 = (1..PANELS).map(|index| if index % 2 == 1 { 4.0 } else { 2.0 } * integrand(index)).sum();
    (width / 3.0 * (integrand(0) + inner + integrand(PANELS))).clamp(0.0, 1.0)
}

/// Returns the regularized incomplete beta function `I_x(a, b)`, where `y = 1 - x`.
///
/// The continued fraction of Press et al., Numerical Recipes, 3rd edition, 6.4, by Lentz's method.
fn beta_regularized(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 || y <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = libm::exp(
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log(y),
    );
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, y) / b
    }
}

/// The continued fraction of [`beta_regularized`]; it takes some `sqrt(max(a, b))` steps.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..=10_000_u32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Fisher & Yates (1963), Statistical Tables, 6th edition, table III.
    #[rstest]
    #[case(1.0, 0.975, 12.706)]
    #[case(2.0, 0.975, 4.303)]
    #[case(7.0, 0.975, 2.365)]
    #[case(29.0, 0.975, 2.045)]
    #[case(7.0, 0.995, 3.499)]
    #[case(120.0, 0.95, 1.658)]
    fn student_quantiles_are_those_of_the_tables(
        #[case] freedom: f64,
        #[case] p: f64,
        #[case] expected: f64,
    ) {
        assert!((student_quantile(p, freedom) - expected).abs() < 5e-4);
        assert!((student_quantile(1.0 - p, freedom) + expected).abs() < 5e-4);
    }

    #[test]
    fn quantiles_end_at_infinity_and_beyond_there_is_none() {
        for quantile in [normal_quantile, |p| student_quantile(p, 3.0)] {
            assert_eq!(quantile(0.0), f64::NEG_INFINITY);
            assert!(quantile(0.5).abs() < 1e-15);
            assert_eq!(quantile(1.0), f64::INFINITY);
            assert!(quantile(f64::NAN).is_nan());
            assert!(quantile(1.5).is_nan());
        }
    }

    #[test]
    fn quantiles_invert_far_tails() {
        for exponent in 1..=100 {
            let p = libm::exp10(-f64::from(exponent));
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-10, "{p}");
            let t = student_quantile(p, 4.0);
            assert!((student_upper(-t, 4.0) / p - 1.0).abs() < 1e-10, "{p}: {t}");
        }
    }

    #[test]
    fn without_an_effect_the_power_is_the_error_rate() {
        for freedom in [1.0, 2.0, 5.0, 29.0, 500.0] {
            let critical = student_quantile(0.975, freedom);
            assert!((noncentral_two_tails(critical, freedom, 0.0) - 0.05).abs() < 1e-8, "{freedom}");
        }
    }
}
