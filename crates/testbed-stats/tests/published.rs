//! Worked examples from the literature.

use testbed_stats::{
    Alternative, bca, hodges_lehmann, hodges_lehmann_shift, mann_whitney, signed_rank_interval,
    wilcoxon_signed_rank,
};

/// Hamilton depression scale factor of nine patients before and after a tranquilizer:
/// Hollander & Wolfe (1973), Nonparametric Statistical Methods, p. 29; data set of R's `wilcox.test`.
const BEFORE: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
#[expect(clippy::approx_constant, reason = "one of the measured values is 3.14")]
const AFTER: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];

/// Permeability of the human chorioamnion at term and at 12 to 26 weeks:
/// Hollander & Wolfe (1973), p. 69; data set of R's `wilcox.test`.
const AT_TERM: [f64; 10] = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
const EARLIER: [f64; 5] = [1.15, 0.88, 0.90, 0.74, 1.21];

fn improvements() -> Vec<f64> {
    BEFORE.iter().zip(AFTER).map(|(before, after)| before - after).collect()
}

#[test]
fn the_depression_data_give_v_40_and_p_0_01953() {
    let test = wilcoxon_signed_rank(&improvements(), Alternative::Greater).unwrap();
    assert_eq!((test.statistic, test.p, test.exact), (40.0, 10.0 / 512.0, true));
}

/// Hollander & Wolfe (1999), 2nd edition, sections 3.2 and 3.3: 0.46, and (0.010, 0.786) at 96.1 %.
#[test]
fn the_depression_data_give_the_published_pseudo_median_and_interval() {
    assert!((hodges_lehmann(&improvements()).unwrap() - 0.46).abs() < 1e-12);
    let interval = signed_rank_interval(&improvements(), 0.95).unwrap();
    assert!((interval.low - 0.010).abs() < 1e-12 && (interval.high - 0.786).abs() < 1e-12, "{interval:?}");
    assert!((interval.level - 0.961).abs() < 5e-4);
}

/// R's documentation of `wilcox.test`: W = 35, p-value = 0.1272; Hollander & Wolfe (1999), section 4.2: 0.305.
#[test]
fn the_permeability_data_give_w_35_and_p_0_1272() {
    let test = mann_whitney(&AT_TERM, &EARLIER, Alternative::Greater).unwrap();
    assert_eq!((test.statistic, test.exact), (35.0, true));
    assert!((test.p - 0.1272).abs() < 5e-5);
    assert!((hodges_lehmann_shift(&AT_TERM, &EARLIER).unwrap() - 0.305).abs() < 1e-12);
}

/// Darwin's cross-fertilized maize, in eighths of an inch: Fisher (1935), The Design of Experiments, III;
/// the signed-rank sums of the 15 differences are 96 and 24, in SciPy's documentation of `wilcoxon` with p = 0.041.
#[test]
fn darwins_maize_differs_at_4_1_percent() {
    let differences =
        [6.0, 8.0, 14.0, 16.0, 23.0, 24.0, 28.0, 29.0, 41.0, -48.0, 49.0, 56.0, 60.0, -67.0, 75.0];
    let test = wilcoxon_signed_rank(&differences, Alternative::TwoSided).unwrap();
    assert_eq!((test.statistic, test.exact), (96.0, true));
    assert!((test.p - 0.041_259_765_625).abs() < 1e-15);
}

/// Spatial test data A of Efron & Tibshirani (1993), tables 14.1 and 14.2: the BCa interval at 90 % of the variance
/// (with divisor n, 171.5) is (115.8, 259.6) from 2000 resamples.
#[test]
fn the_spatial_data_give_the_published_bca_interval() {
    let scores = [
        48.0, 36.0, 20.0, 29.0, 42.0, 42.0, 20.0, 42.0, 22.0, 41.0, 45.0, 14.0, 6.0, 0.0, 33.0, 28.0, 34.0,
        4.0, 32.0, 24.0, 47.0, 41.0, 24.0, 26.0, 30.0, 41.0,
    ];
    let variance = |sample: &[f64]| {
        let n = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / n;
        sample.iter().map(|score| (score - mean) * (score - mean)).sum::<f64>() / n
    };
    assert!((variance(&scores) - 171.5).abs() < 0.05);
    let interval = bca(&scores, variance, 0.9, 20_000, 1).unwrap();
    // One standard error of a limit from 2000 resamples is about 1.5 below and 3 above.
    assert!((interval.low - 115.8).abs() < 4.0 && (interval.high - 259.6).abs() < 8.0, "{interval:?}");
}
