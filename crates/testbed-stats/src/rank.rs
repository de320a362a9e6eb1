//! Rank tests and the estimates that go with them.

use crate::distribution::{normal_cdf, normal_quantile};
use crate::location::plain_median;
use crate::{Error, Interval, check_figure, check_probability, check_sample};

/// The largest sample for which the null distribution is computed, not approximated.
///
/// Up to 53 values every count of the signed-rank distribution is an integer that `f64` holds exactly.
pub const EXACT_LIMIT: usize = 50;

/// The most pairs of values that an estimate goes through: 400 MB, some 10,000 values with themselves.
pub const MAX_PAIRS: usize = 50_000_000;

/// What a test is asked to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// The values differ from the null hypothesis in either direction.
    TwoSided,
    /// The differences, or the values of the first sample, are smaller.
    Less,
    /// The differences, or the values of the first sample, are greater.
    Greater,
}

/// The outcome of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// The statistic that the test is named after.
    pub statistic: f64,
    /// The p-value.
    pub p: f64,
    /// Whether the p-value is of the exact null distribution, not of its normal approximation.
    pub exact: bool,
}

/// Tests whether differences are symmetric about 0, by their signed ranks.
///
/// Wilcoxon (1945), Biometrics Bulletin 1, 80-83. The statistic is `V`, the sum of the ranks of positive differences.
/// Zeros are dropped, as Wilcoxon did.
/// The p-value is exact without zeros and ties up to [`EXACT_LIMIT`] differences,
/// else of the normal approximation with corrections for ties and continuity.
/// Differences that are all zero give a p-value of 1: no evidence.
pub fn wilcoxon_signed_rank(differences: &[f64], alternative: Alternative) -> Result<Test, Error> {
    check_sample(differences, 1)?;
    let kept: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    let sizes: Vec<f64> = kept.iter().map(|difference| difference.abs()).collect();
    let (ranks, ties) = ranks(&sizes);
    let positive = kept.iter().zip(&ranks).filter(|(difference, _)| **difference > 0.0);
    let statistic: f64 = positive.map(|(_, rank)| rank).sum();
    let exact = kept.len() == differences.len() && ties == 0.0 && kept.len() <= EXACT_LIMIT;
    let p = if exact {
        exact_p(&signed_rank_distribution(kept.len()), statistic as usize, alternative)
    } else {
        let n = kept.len() as f64;
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
        normal_p(statistic - n * (n + 1.0) / 4.0, variance, alternative)
    };
    Ok(Test { statistic, p, exact })
}

/// Tests whether the values of `x` tend to be greater or smaller than those of `y`, which are not paired.
///
/// Mann & Whitney (1947), Ann. Math. Stat. 18, 50-60. The statistic is `U`, the number of pairs in which
/// `x` is greater, where a tie counts half.
/// The p-value is exact without ties when neither sample has more than [`EXACT_LIMIT`] values,
/// else of the normal approximation with corrections for ties and continuity.
pub fn mann_whitney(x: &[f64], y: &[f64], alternative: Alternative) -> Result<Test, Error> {
    check_sample(x, 1)?;
    check_sample(y, 1)?;
    let (ranks, ties) = ranks(&[x, y].concat());
    let (m, n) = (x.len() as f64, y.len() as f64);
    let statistic = ranks.iter().take(x.len()).sum::<f64>() - m * (m + 1.0) / 2.0;
    let exact = ties == 0.0 && x.len().max(y.len()) <= EXACT_LIMIT;
    let p = if exact {
        exact_p(&mann_whitney_distribution(x.len(), y.len()), statistic as usize, alternative)
    } else {
        let all = m + n;
        let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        normal_p(statistic - m * n / 2.0, variance, alternative)
    };
    Ok(Test { statistic, p, exact })
}

/// Returns the pseudo-median: the median of the Walsh averages `(x_i + x_j) / 2`, `i <= j`.
///
/// Hodges & Lehmann (1963), Ann. Math. Stat. 34, 598-611. There are `n (n + 1) / 2` averages, at most [`MAX_PAIRS`].
pub fn hodges_lehmann(sample: &[f64]) -> Result<f64, Error> {
    check_sample(sample, 1)?;
    Ok(plain_median(&mut walsh_averages(sample)?))
}

/// Returns the shift from `y` to `x`: the median of all differences `x_i - y_j`.
///
/// Hodges & Lehmann (1963), as for [`hodges_lehmann`].
pub fn hodges_lehmann_shift(x: &[f64], y: &[f64]) -> Result<f64, Error> {
    check_sample(x, 1)?;
    check_sample(y, 1)?;
    check_pairs(x.len(), y.len())?;
    let mut differences: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| x - y)).collect();
    check_figure(plain_median(&mut differences))
}

/// Returns the interval of the pseudo-median that the signed-rank test does not reject.
///
/// Hollander & Wolfe (1999), Nonparametric Statistical Methods, 3.3: from the `k`-th smallest to the `k`-th largest
/// Walsh average, with the largest `k` for which `2 P(V < k) <= 1 - level`.
/// Its `level` is the one reached, at least the one asked for.
/// Above [`EXACT_LIMIT`] values `k` comes from the normal approximation, and the level is the one asked for.
pub fn signed_rank_interval(sample: &[f64], level: f64) -> Result<Interval, Error> {
    check_probability(level)?;
    let alpha = 1.0 - level;
    // With `n` values no interval of this kind has an error below `2^(1 - n)`.
    let need = (1.0 - libm::log2(alpha)).ceil() as usize;
    check_sample(sample, need)?;
    let mut averages = walsh_averages(sample)?;
    averages.sort_unstable_by(f64::total_cmp);
    let (k, reached) = if sample.len() <= EXACT_LIMIT {
        let mut below = 0.0;
        let mut k = 0;
        for probability in signed_rank_distribution(sample.len()) {
            if 2.0 * (below + probability) > alpha {
                break;
            }
            below += probability;
            k += 1;
        }
        (k, 1.0 - 2.0 * below)
    } else {
        let n = sample.len() as f64;
        let sd = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
        let k = n * (n + 1.0) / 4.0 + sd * normal_quantile(0.5 * alpha);
        (k as usize, level)
    };
    // `need` lets rounding of the level through at its edge: the outermost averages are then the interval.
    let k = k.max(1);
    Ok(Interval { low: averages[k - 1], high: averages[averages.len() - k], level: reached })
}

/// Returns the averages of all pairs of values, each value with itself among them.
fn walsh_averages(sample: &[f64]) -> Result<Vec<f64>, Error> {
    check_pairs(sample.len(), sample.len() / 2 + 1)?;
    let from = |i: usize| sample[i..].iter().map(move |other| 0.5 * sample[i] + 0.5 * other);
    Ok((0..sample.len()).flat_map(from).collect())
}

/// Refuses more pairs than fit in memory.
fn check_pairs(m: usize, n: usize) -> Result<(), Error> {
    let have = m.saturating_mul(n);
    if have > MAX_PAIRS { Err(Error::TooMany { have, most: MAX_PAIRS }) } else { Ok(()) }
}

/// Returns the midranks of `values`, and the sum of `t^3 - t` over groups of `t` equal ones.
fn ranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut ties = 0.0;
    let mut before = 0.0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let size = group.len() as f64;
        for index in group {
            ranks[*index] = before + 0.5 * (size + 1.0);
        }
        ties += size * size * size - size;
        before += size;
    }
    (ranks, ties)
}

/// Returns `P(V = v)` for each `v`: the number of subsets of `1..=n` with that sum, over `2^n`.
fn signed_rank_distribution(n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n * (n + 1) / 2 + 1];
    counts[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..=rank * (rank + 1) / 2).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    normalized(counts)
}

/// Returns `P(U = u)` for each `u`: the number of ways to choose the ranks of `x` with that excess,
/// over `(m + n)` choose `m`.
///
/// `counts[j][u]` counts the choices of `j` among the ranks so far whose excess over `1 + ... + j` is `u`.
fn mann_whitney_distribution(m: usize, n: usize) -> Vec<f64> {
    let mut counts = vec![vec![0.0; m * n + 1]; m + 1];
    counts[0][0] = 1.0;
    for rank in 1..=m + n {
        for chosen in (1..=m.min(rank)).rev() {
            // As the largest of `chosen`, this rank exceeds its place by `rank - chosen`, which is at most `n`.
            let excess = rank - chosen;
            if excess > n {
                break;
            }
            for sum in excess..=chosen * excess {
                counts[chosen][sum] += counts[chosen - 1][sum - excess];
            }
        }
    }
    normalized(counts.swap_remove(m))
}

/// Divides counts by their sum.
fn normalized(mut counts: Vec<f64>) -> Vec<f64> {
    let all: f64 = counts.iter().sum();
    counts.iter_mut().for_each(|count| *count /= all);
    counts
}

/// Returns the p-value of a statistic with these probabilities.
fn exact_p(distribution: &[f64], statistic: usize, alternative: Alternative) -> f64 {
    let lower = || distribution.iter().take(statistic + 1).sum::<f64>().min(1.0);
    let upper = || distribution.iter().skip(statistic).rev().sum::<f64>().min(1.0);
    match alternative {
        Alternative::Less => lower(),
        Alternative::Greater => upper(),
        Alternative::TwoSided => (2.0 * lower().min(upper())).min(1.0),
    }
}

/// Returns the p-value of a deviation from the mean, by the normal approximation with continuity correction.
fn normal_p(deviation: f64, variance: f64, alternative: Alternative) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    let sd = variance.sqrt();
    match alternative {
        Alternative::Less => normal_cdf((deviation + 0.5) / sd),
        Alternative::Greater => normal_cdf(-(deviation - 0.5) / sd),
        Alternative::TwoSided => (2.0 * normal_cdf(-(deviation.abs() - 0.5) / sd)).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_that_are_all_zero_are_no_evidence() {
        let test = wilcoxon_signed_rank(&[0.0; 10], Alternative::TwoSided).unwrap();
        assert_eq!((test.statistic, test.p), (0.0, 1.0));
        assert_eq!(mann_whitney(&[1.0; 5], &[1.0; 7], Alternative::TwoSided).unwrap().p, 1.0);
        assert_eq!(mann_whitney(&[1.0], &[1.0], Alternative::Greater).unwrap().p, 1.0);
    }

    #[test]
    fn samples_without_a_figure_are_errors() {
        let none = Error::TooFew { have: 0, need: 1 };
        assert_eq!(wilcoxon_signed_rank(&[], Alternative::Less), Err(none));
        assert_eq!(mann_whitney(&[], &[1.0], Alternative::Less), Err(none));
        assert_eq!(hodges_lehmann(&[f64::NAN]), Err(Error::NotFinite));
        assert_eq!(hodges_lehmann_shift(&[f64::MAX], &[f64::MIN]), Err(Error::NotFinite));
        assert!(matches!(hodges_lehmann(&[1.0; 10_001]), Err(Error::TooMany { .. })));
        assert!(matches!(hodges_lehmann_shift(&[1.0; 10_000], &[1.0; 10_000]), Err(Error::TooMany { .. })));
        assert_eq!(signed_rank_interval(&[1.0; 5], 0.95), Err(Error::TooFew { have: 5, need: 6 }));
    }

    /// With three values `V` is 0, 1, 2, 3, 3, 4, 5 or 6, one in eight each.
    #[test]
    fn the_distribution_of_three_signed_ranks_is_as_by_hand() {
        assert_eq!(signed_rank_distribution(3), [1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0].map(|count| count / 8.0));
    }

    /// Of the six ways to choose two ranks of four, the excess is 0, 1, 2, 2, 3 or 4.
    #[test]
    fn the_distribution_of_two_against_two_is_as_by_hand() {
        assert_eq!(mann_whitney_distribution(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0].map(|count| count / 6.0));
    }

    #[test]
    fn the_interval_is_exact_up_to_the_limit_and_says_the_level_it_reached() {
        let sample: Vec<f64> = (1..=6).map(f64::from).collect();
        let interval = signed_rank_interval(&sample, 0.95).unwrap();
        assert_eq!(interval, Interval { low: 1.0, high: 6.0, level: 1.0 - 2.0 / 64.0 });
        let sample: Vec<f64> = (1..=60).map(f64::from).collect();
        let interval = signed_rank_interval(&sample, 0.95).unwrap();
        assert!(interval.contains(30.5) && interval.low > 25.0 && interval.high < 36.0, "{interval:?}");
    }
}
