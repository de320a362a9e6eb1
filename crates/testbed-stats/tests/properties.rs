//! What holds for every sample.

use proptest::prelude::*;
use testbed_stats::{
    Alternative, bca, bca_expanded, floor, geometric_mean, hodges_lehmann, hodges_lehmann_shift,
    mann_whitney, mean, median, ratio_interval, sd, signed_rank_interval, wilcoxon_signed_rank,
};

const ALTERNATIVES: [Alternative; 3] = [Alternative::TwoSided, Alternative::Less, Alternative::Greater];

fn ratios() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.2..5.0, 6..30)
}

/// Values of which many are equal, or zero.
fn coarse(size: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-5..=5).prop_map(f64::from), size)
}

/// Anything a caller could hand over.
fn anything() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![any::<f64>(), Just(0.0), Just(1.0), Just(f64::NAN), Just(f64::INFINITY)];
    prop::collection::vec(value, 0..20)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

proptest! {
    // A failing case belongs into a test of its own, not into a file beside it.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ratio_interval_contains_its_estimate(ratios in ratios(), seed: u64) {
        let ratio = ratio_interval(&ratios, 0.95, 500, seed).unwrap();
        prop_assert!(ratio.interval.contains(ratio.estimate), "{ratio:?}");
    }

    #[test]
    fn a_ratio_interval_of_few_distinct_ratios_contains_its_estimate(steps in coarse(6..30), seed: u64) {
        let ratios: Vec<f64> = steps.iter().map(|step| (0.1 * step).exp()).collect();
        let ratio = ratio_interval(&ratios, 0.95, 500, seed).unwrap();
        prop_assert!(ratio.interval.contains(ratio.estimate), "{ratio:?}");
    }

    #[test]
    fn a_ratio_interval_scales_with_the_ratios(ratios in ratios(), factor in 0.01..100.0, seed: u64) {
        let plain = ratio_interval(&ratios, 0.95, 500, seed).unwrap();
        let scaled: Vec<f64> = ratios.iter().map(|ratio| factor * ratio).collect();
        let scaled = ratio_interval(&scaled, 0.95, 500, seed).unwrap();
        prop_assert!(close(scaled.estimate, factor * plain.estimate));
        prop_assert!(close(scaled.interval.low, factor * plain.interval.low));
        prop_assert!(close(scaled.interval.high, factor * plain.interval.high));
    }

    #[test]
    fn the_same_seed_gives_the_same_interval(ratios in ratios(), seed: u64) {
        prop_assert_eq!(ratio_interval(&ratios, 0.95, 200, seed), ratio_interval(&ratios, 0.95, 200, seed));
    }

    #[test]
    fn a_higher_level_gives_no_shorter_interval(ratios in ratios(), seed: u64) {
        let [narrow, wide] = [0.8, 0.95].map(|level| ratio_interval(&ratios, level, 500, seed).unwrap().interval);
        prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
    }

    #[test]
    fn estimates_do_not_depend_on_the_order(
        (ratios, shuffled) in ratios().prop_flat_map(|ratios| (Just(ratios.clone()), Just(ratios).prop_shuffle())),
    ) {
        for estimate in [mean, median, geometric_mean, sd, hodges_lehmann] {
            prop_assert!(close(estimate(&ratios).unwrap(), estimate(&shuffled).unwrap()));
        }
        let [a, b] = [&ratios, &shuffled].map(|sample| signed_rank_interval(sample, 0.95));
        prop_assert_eq!(a, b);
        let [a, b] = [&ratios, &shuffled].map(|sample| floor(sample, 10, 0.95).unwrap());
        prop_assert!(close(a, b));
    }

    #[test]
    fn the_pseudo_median_lies_in_its_interval(sample in coarse(6..60)) {
        let interval = signed_rank_interval(&sample, 0.95).unwrap();
        prop_assert!(interval.contains(hodges_lehmann(&sample).unwrap()));
        prop_assert!(interval.level >= 0.95);
    }

    #[test]
    fn rank_tests_depend_on_the_order_of_values_only(sample in coarse(1..60), other in coarse(1..60)) {
        for alternative in ALTERNATIVES {
            let test = wilcoxon_signed_rank(&sample, alternative).unwrap();
            prop_assert!((0.0..=1.0).contains(&test.p));
            let scaled: Vec<f64> = sample.iter().map(|value| 4.0 * value).collect();
            prop_assert_eq!(test, wilcoxon_signed_rank(&scaled, alternative).unwrap());
            let test = mann_whitney(&sample, &other, alternative).unwrap();
            prop_assert!((0.0..=1.0).contains(&test.p));
            let cubes = |values: &[f64]| values.iter().map(|value| value * value * value).collect::<Vec<_>>();
            prop_assert_eq!(test, mann_whitney(&cubes(&sample), &cubes(&other), alternative).unwrap());
        }
    }

    #[test]
    fn the_alternatives_mirror_each_other(
        x in prop::collection::vec(-1.0..1.0, 1..60), y in prop::collection::vec(-1.0..1.0, 1..60),
    ) {
        let negated: Vec<f64> = x.iter().map(|value| -value).collect();
        let less = wilcoxon_signed_rank(&x, Alternative::Less).unwrap();
        prop_assert!(close(less.p, wilcoxon_signed_rank(&negated, Alternative::Greater).unwrap().p));
        let less = mann_whitney(&x, &y, Alternative::Less).unwrap();
        let greater = mann_whitney(&y, &x, Alternative::Greater).unwrap();
        prop_assert!(close(less.p, greater.p));
        prop_assert!(close(less.statistic + greater.statistic, (x.len() * y.len()) as f64));
        prop_assert!(close(hodges_lehmann_shift(&x, &y).unwrap(), -hodges_lehmann_shift(&y, &x).unwrap()));
    }

    #[test]
    fn nothing_panics_and_no_figure_is_without_a_value(
        x in anything(), y in anything(), level: f64, resamples in 0_usize..50, blocks: u32, seed: u64,
    ) {
        for level in [level, 0.5, 0.9] {
            if let Ok(ratio) = ratio_interval(&x, level, resamples, seed) {
                prop_assert!(ratio.estimate.is_finite() && ratio.interval.contains(ratio.estimate));
            }
            for interval in [
                bca(&x, |sample| mean(sample).unwrap_or(f64::NAN), level, resamples, seed),
                bca_expanded(&x, |sample| median(sample).unwrap_or(f64::NAN), level, resamples, seed),
                signed_rank_interval(&x, level),
            ] {
                prop_assert!(interval.is_ok_and(|i| i.low <= i.high && i.low.is_finite() && i.high.is_finite()) || interval.is_err());
            }
            if let Ok(floor) = floor(&x, blocks, level) {
                prop_assert!(floor >= 0.0);
            }
        }
        for figure in [mean(&x), median(&x), geometric_mean(&x), sd(&x), hodges_lehmann(&x), hodges_lehmann_shift(&x, &y)] {
            prop_assert!(figure.is_ok_and(f64::is_finite) || figure.is_err());
        }
        for alternative in ALTERNATIVES {
            for test in [wilcoxon_signed_rank(&x, alternative), mann_whitney(&x, &y, alternative)] {
                prop_assert!(test.is_ok_and(|test| (0.0..=1.0).contains(&test.p)) || test.is_err());
            }
        }
    }
}
