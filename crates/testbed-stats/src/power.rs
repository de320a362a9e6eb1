//! Planning before the run: how many blocks an effect needs, and which effect a number of blocks can show.
//!
//! Both are of the two-sided paired t test on log ratios, with the exact power from the noncentral t distribution:
//! with `n` blocks the statistic has `n - 1` degrees of freedom and noncentrality `sqrt(n) log_effect / sd`.
//! The interval of [`ratio_interval`](crate::ratio_interval) is wider than that of the t test, by 4 to 16 % in the mean,
//! so that a plan should leave that much room.

use crate::distribution::{noncentral_two_tails, student_quantile};
use crate::{Error, check_figure, check_probability};

/// The largest number of blocks a plan may ask for; more is no plan.
pub const MAX_BLOCKS: u32 = 100_000;

/// Returns the probability that the test at error rate `alpha` shows an effect of `log_effect` with `blocks` blocks.
///
/// `sd` is that of the log ratio of one block, `log_effect` the logarithm of the true ratio, of either sign.
pub fn paired_power(sd: f64, log_effect: f64, blocks: u32, alpha: f64) -> Result<f64, Error> {
    check_plan(sd, blocks, alpha)?;
    if !log_effect.is_finite() {
        return Err(Error::NotFinite);
    }
    Ok(power(sd, log_effect, blocks, alpha))
}

/// Returns the smallest number of blocks, at least 2, that shows an effect of `log_effect` with the wanted power.
///
/// `log_floor` is what of the effect counts for nothing with so many blocks, as a thing would show it against itself (see
/// [`floor`](crate::floor)); it does not grow with their number.
pub fn blocks_needed(
    sd: f64,
    log_effect: f64,
    log_floor: impl Fn(u32) -> f64,
    alpha: f64,
    wanted: f64,
) -> Result<u32, Error> {
    check_plan(sd, 2, alpha)?;
    check_probability(wanted)?;
    if !log_effect.is_finite() {
        return Err(Error::NotFinite);
    }
    let enough = |blocks| {
        let beyond = log_effect.abs() - log_floor(blocks);
        beyond > 0.0 && power(sd, beyond, blocks, alpha) >= wanted
    };
    if enough(2) {
        return Ok(2);
    }
    // Invariant of the bisection: `too_few` is not enough, `plenty` is.
    let (mut too_few, mut plenty) = (2, 4);
    while !enough(plenty) {
        if plenty == MAX_BLOCKS {
            return Err(Error::OutOfReach);
        }
        (too_few, plenty) = (plenty, (2 * plenty).min(MAX_BLOCKS));
    }
    while plenty - too_few > 1 {
        let middle = too_few + (plenty - too_few) / 2;
        if enough(middle) { plenty = middle } else { too_few = middle }
    }
    Ok(plenty)
}

/// Returns the smallest ratio above 1, such as 1.03, that `blocks` blocks show with the wanted power.
///
/// The effect in the other direction is its reciprocal.
pub fn detectable_effect(sd: f64, blocks: u32, alpha: f64, wanted: f64) -> Result<f64, Error> {
    check_plan(sd, blocks, alpha)?;
    check_probability(wanted)?;
    let freedom = f64::from(blocks) - 1.0;
    let critical = student_quantile(1.0 - 0.5 * alpha, freedom);
    let enough = |noncentrality| noncentral_two_tails(critical, freedom, noncentrality) >= wanted;
    // Invariant of the bisection: `plenty` is enough; 60 halvings leave nothing between the two.
    let (mut too_little, mut plenty) = (0.0, 1.0);
    while !enough(plenty) {
        if plenty > 1e12 {
            return Err(Error::OutOfReach);
        }
        (too_little, plenty) = (plenty, 2.0 * plenty);
    }
    for _ in 0..60 {
        let middle = 0.5 * (too_little + plenty);
        if enough(middle) { plenty = middle } else { too_little = middle }
    }
    check_figure(libm::exp(plenty * sd / f64::from(blocks).sqrt()))
}

/// The power, of arguments already checked.
fn power(sd: f64, log_effect: f64, blocks: u32, alpha: f64) -> f64 {
    if log_effect == 0.0 {
        return alpha;
    }
    let freedom = f64::from(blocks) - 1.0;
    let noncentrality = (log_effect / sd).abs() * f64::from(blocks).sqrt();
    if noncentrality.is_infinite() {
        return 1.0;
    }
    noncentral_two_tails(student_quantile(1.0 - 0.5 * alpha, freedom), freedom, noncentrality)
}

/// Refuses a negative spread, fewer than two blocks, and an error rate outside of (0, 1).
fn check_plan(sd: f64, blocks: u32, alpha: f64) -> Result<(), Error> {
    check_probability(alpha)?;
    if !sd.is_finite() {
        return Err(Error::NotFinite);
    }
    if sd < 0.0 {
        return Err(Error::NotPositive);
    }
    if blocks < 2 { Err(Error::TooFew { have: blocks as usize, need: 2 }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn no_floor(_: u32) -> f64 {
        0.0
    }

    /// R's `power.t.test(delta = 0.5, sd = 1, power = 0.8, type = "paired")` gives n = 33.37.
    #[test]
    fn a_medium_effect_needs_34_pairs() {
        assert_eq!(blocks_needed(1.0, 0.5, no_floor, 0.05, 0.8), Ok(34));
        assert_eq!(blocks_needed(1.0, -0.5, no_floor, 0.05, 0.8), Ok(34));
    }

    #[test]
    fn no_effect_is_out_of_reach_and_no_spread_needs_two_blocks() {
        assert_eq!(blocks_needed(0.1, 0.0, no_floor, 0.05, 0.8), Err(Error::OutOfReach));
        assert_eq!(blocks_needed(0.1, 1e-9, no_floor, 0.05, 0.8), Err(Error::OutOfReach));
        assert_eq!(blocks_needed(0.0, 0.01, no_floor, 0.05, 0.8), Ok(2));
        assert_eq!(detectable_effect(0.0, 10, 0.05, 0.8), Ok(1.0));
    }

    #[test]
    fn a_plan_that_makes_no_sense_is_an_error() {
        assert_eq!(blocks_needed(-1.0, 0.1, no_floor, 0.05, 0.8), Err(Error::NotPositive));
        assert_eq!(blocks_needed(0.1, f64::NAN, no_floor, 0.05, 0.8), Err(Error::NotFinite));
        assert_eq!(blocks_needed(0.1, 0.1, no_floor, 0.05, 1.0), Err(Error::NotAProbability));
        assert_eq!(detectable_effect(0.1, 1, 0.05, 0.8), Err(Error::TooFew { have: 1, need: 2 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_detectable_effect_needs_its_blocks(
            sd in 0.01..0.3, blocks in 4_u32..60, alpha in 0.005..0.1, wanted in 0.5..0.95,
        ) {
            let effect = libm::log(detectable_effect(sd, blocks, alpha, wanted).unwrap());
            prop_assert_eq!(blocks_needed(sd, effect * (1.0 + 1e-9), no_floor, alpha, wanted), Ok(blocks));
            prop_assert!(blocks_needed(sd, effect * 0.999, no_floor, alpha, wanted).unwrap() > blocks);
        }
    }
}
