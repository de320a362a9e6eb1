//! The statistics of benchmark verdicts: pure, deterministic and seeded.
//!
//! Nothing here has input, output, a clock or a thread, and nothing panics: what cannot be computed is an [`Error`].
//!
//! Figures are the same on every platform with IEEE 754 arithmetic:
//! logarithms and the like come from the `libm` crate, never from the system, whose last bits differ,
//! random draws come from the generator that [`bootstrap`] names, and sums run in the order of the arguments.
//!
//! How a run becomes a verdict: [`ratio_interval`] over the ratios of its blocks gives effect and interval,
//! [`wilcoxon_signed_rank`] the test, [`holm`] the correction for several criteria, [`floor`] what chance alone would show,
//! [`blocks_needed`] the plan before the run, and [`looks`] the error that each early look may spend.

pub mod bootstrap;
pub mod distribution;
mod location;
mod mean;
mod multiple;
mod power;
mod rank;
mod ratio;
mod sequential;

pub use bootstrap::{MAX_RESAMPLES, bca, bca_expanded};
pub use location::{geometric_mean, mean, median, sd};
pub use mean::mean_interval;
pub use multiple::{holm, holm_levels};
pub use power::{MAX_BLOCKS, blocks_needed, detectable_effect, paired_power};
pub use rank::{
    Alternative, EXACT_LIMIT, MAX_PAIRS, Test, hodges_lehmann, hodges_lehmann_shift, mann_whitney, sign_test,
    signed_rank_interval, wilcoxon_signed_rank,
};
pub use ratio::{MIN_RATIOS, RatioEstimate, floor, ratio_interval, student_interval};
pub use sequential::{looks, spent};

/// Name and text of every source file of this crate, so that a result can carry a hash of the code behind it.
pub const SOURCES: &[(&str, &str)] = &[
    ("bootstrap.rs", include_str!("bootstrap.rs")),
    ("distribution.rs", include_str!("distribution.rs")),
    ("lib.rs", include_str!("lib.rs")),
    ("location.rs", include_str!("location.rs")),
    ("mean.rs", include_str!("mean.rs")),
    ("multiple.rs", include_str!("multiple.rs")),
    ("power.rs", include_str!("power.rs")),
    ("rank.rs", include_str!("rank.rs")),
    ("ratio.rs", include_str!("ratio.rs")),
    ("sequential.rs", include_str!("sequential.rs")),
];

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end, part of the interval.
    pub low: f64,
    /// The upper end, part of the interval.
    pub high: f64,
    /// The confidence level, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// Returns whether `value` lies in the interval.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Why there is no figure.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The sample is too small for what was asked.
    #[error("too few values: {need} are needed, there are {have}")]
    TooFew {
        /// How many values there are.
        have: usize,
        /// How many the procedure needs.
        need: usize,
    },
    /// The level is so high that its limits lie beyond the outermost resamples.
    #[error("too few resamples: {need} are needed at this level, there are {have}")]
    TooFewResamples {
        /// How many resamples were asked for.
        have: usize,
        /// How many the level needs.
        need: usize,
    },
    /// What was asked for would not fit in memory.
    #[error("too much was asked for: {most} are the most, there are {have}")]
    TooMany {
        /// How many values, pairs or resamples there are.
        have: usize,
        /// How many there may be.
        most: usize,
    },
    /// A value, or a figure made from it, is infinite or not a number.
    #[error("a value is not finite")]
    NotFinite,
    /// A value that must be above zero is not.
    #[error("a value is not positive")]
    NotPositive,
    /// A level, error rate or power is not strictly between 0 and 1.
    #[error("a level, an error rate or a power is not between 0 and 1")]
    NotAProbability,
    /// No number of blocks up to [`MAX_BLOCKS`] is enough.
    #[error("the effect is out of reach: more than {MAX_BLOCKS} blocks would be needed")]
    OutOfReach,
}

/// Refuses a sample that has fewer than `need` values or one that is not finite.
fn check_sample(sample: &[f64], need: usize) -> Result<(), Error> {
    if sample.len() < need {
        return Err(Error::TooFew { have: sample.len(), need });
    }
    if sample.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(Error::NotFinite) }
}

/// Refuses a level, an error rate or a power outside of (0, 1).
fn check_probability(value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(Error::NotAProbability) }
}

/// Refuses a figure that overflowed.
fn check_figure(figure: f64) -> Result<f64, Error> {
    if figure.is_finite() { Ok(figure) } else { Err(Error::NotFinite) }
}

/// Returns the natural logarithms of values that must all be positive.
fn logs(values: &[f64]) -> Result<Vec<f64>, Error> {
    check_sample(values, 1)?;
    if values.iter().any(|value| *value <= 0.0) {
        return Err(Error::NotPositive);
    }
    Ok(values.iter().map(|value| libm::log(*value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_source_file_is_in_the_sources() {
        let files: BTreeSet<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed: BTreeSet<String> = SOURCES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(files, listed);
    }
}
