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
/// The p-value is exact up to [`EXACT_LIMIT`] differences, given their sizes: every choice of signs is as likely,
/// whether sizes are tied or not. Above it is of the normal approximation with corrections for ties and continuity.
/// Differences that are all zero give a p-value of 1: no evidence.
pub fn wilcoxon_signed_rank(differences: &[f64], alternative: Alternative) -> Result<Test, Error> {
    check_sample(differences, 1)?;
    let kept: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    let sizes: Vec<f64> = kept.iter().map(|difference| difference.abs()).collect();
    let (ranks, ties) = doubled_ranks(&sizes);
    let positive = kept.iter().zip(&ranks).filter(|(difference, _)| **difference > 0.0);
    let doubled: usize = positive.map(|(_, rank)| rank).sum();
    let statistic = 0.5 * doubled as f64;
    let exact = kept.len() <= EXACT_LIMIT;
    let p = if exact {
        exact_p(&signed_rank_distribution(&ranks), doubled, alternative)
    } else {
        let n = kept.len() as f64;
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
        normal_p(statistic - n * (n + 1.0) / 4.0, variance, alternative)
    };
    Ok(Test { statistic, p, exact })
}

/// Tests whether a value is as likely to lie on one side as on the other, when `with` lie on it and `against` do not.
///
/// The sign test: Dixon & Mood (1946), JASA 41, 557-566. The p-value is exact and two-sided: twice the probability that of
/// `with + against` fair coins at least `with` fall that way. It asks nothing of how far a value lies on its side, so a
/// value that is not known, but may lie on the other side, can be counted as one that does.
#[must_use]
pub fn sign_test(with: usize, against: usize) -> f64 {
    let count = (with + against) as f64;
    let log_of_all = libm::lgamma(count + 1.0) - count * core::f64::consts::LN_2;
    let probability = |with: usize| {
        let with = with as f64;
        libm::exp(log_of_all - libm::lgamma(with + 1.0) - libm::lgamma(count - with + 1.0))
    };
    let tail: f64 = (with..=with + against).rev().map(probability).sum();
    (2.0 * tail).min(1.0)
}

/// Tests whether the values of `x` tend to be greater or smaller than those of `y`, which are not paired.
///
/// Mann & Whitney (1947), Ann. Math. Stat. 18, 50-60. The statistic is `U`, the number of pairs in which
/// `x` is greater, where a tie counts half.
/// The p-value is exact when neither sample has more than [`EXACT_LIMIT`] values, given all of them: each is as likely
/// in one sample as in the other, whether some are tied or not. Else it is of the normal approximation with corrections
/// for ties and continuity.
pub fn mann_whitney(x: &[f64], y: &[f64], alternative: Alternative) -> Result<Test, Error> {
    check_sample(x, 1)?;
    check_sample(y, 1)?;
    let (ranks, ties) = doubled_ranks(&[x, y].concat());
    let (m, n) = (x.len() as f64, y.len() as f64);
    let doubled: usize = ranks.iter().take(x.len()).sum();
    let statistic = 0.5 * doubled as f64 - m * (m + 1.0) / 2.0;
    let exact = x.len().max(y.len()) <= EXACT_LIMIT;
    let p = if exact {
        exact_p(&rank_sum_distribution(&ranks, x.len()), doubled, alternative)
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
        for probability in signed_rank_distribution(&(1..=sample.len()).collect::<Vec<_>>()) {
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

/// Returns twice the midranks of `values`, which are integers, and the sum of `t^3 - t` over groups of `t` equal ones.
fn doubled_ranks(values: &[f64]) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0; values.len()];
    let mut ties = 0.0;
    let mut before = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        for index in group {
            ranks[*index] = 2 * before + group.len() + 1;
        }
        let size = group.len() as f64;
        ties += size * size * size - size;
        before += group.len();
    }
    (ranks, ties)
}

/// Returns the probability of each sum: the number of subsets of `ranks` with it, over that of all subsets.
fn signed_rank_distribution(ranks: &[usize]) -> Vec<f64> {
    let mut counts = vec![0.0; ranks.iter().sum::<usize>() + 1];
    counts[0] = 1.0;
    let mut largest = 0;
    for rank in ranks {
        largest += rank;
        for sum in (*rank..=largest).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    normalized(counts)
}

/// Returns the probability of each sum: the number of ways to choose `m` of `ranks` with it, over that of all ways.
///
/// `counts[j][sum]` counts the choices of `j` among the ranks so far.
fn rank_sum_distribution(ranks: &[usize], m: usize) -> Vec<f64> {
    let mut counts = vec![vec![0.0; ranks.iter().sum::<usize>() + 1]; m + 1];
    counts[0][0] = 1.0;
    let mut largest = 0;
    for (before, rank) in ranks.iter().enumerate() {
        largest += rank;
        for chosen in (1..=m.min(before + 1)).rev() {
            let (fewer, counts) = counts.split_at_mut(chosen);
            let without = fewer[chosen - 1][..=largest - rank].iter();
            counts[0][*rank..=largest].iter_mut().zip(without).for_each(|(count, without)| *count += without);
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

    #[test]
    fn of_eleven_fair_coins_ten_or_more_fall_one_way_as_often_as_counted_by_hand() {
        assert!((sign_test(10, 1) - 2.0 * 12.0 / 2048.0).abs() < 1e-15);
        assert!((sign_test(12, 5) - 2.0 * 9402.0 / 131_072.0).abs() < 1e-13);
        assert!((sign_test(3, 4) - 1.0).abs() < 1e-15);
        assert_eq!(sign_test(0, 0), 1.0);
        assert!(sign_test(2000, 0) < 1e-300 && (sign_test(1000, 1000) - 1.0).abs() < 1e-15);
    }

    /// With three values `V` is 0, 1, 2, 3, 3, 4, 5 or 6, one in eight each.
    #[test]
    fn the_distribution_of_three_signed_ranks_is_as_by_hand() {
        let expected = [1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0].map(|count| count / 8.0);
        assert_eq!(signed_rank_distribution(&[1, 2, 3]), expected);
    }

    /// Of the six ways to choose two ranks of four, the sum is 3, 4, 5, 5, 6 or 7.
    #[test]
    fn the_distribution_of_two_against_two_is_as_by_hand() {
        let expected = [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0].map(|count| count / 6.0);
        assert_eq!(rank_sum_distribution(&[1, 2, 3, 4], 2), expected);
    }

    /// The differences 1, 1, 1 and -1 have midrank 2.5: of 16 choices of signs, five have three positive ones or four.
    #[test]
    fn ties_leave_the_test_exact() {
        let test = wilcoxon_signed_rank(&[1.0, 0.0, 1.0, 1.0, -1.0], Alternative::Greater).unwrap();
        assert_eq!(test, Test { statistic: 7.5, p: 5.0 / 16.0, exact: true });
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
