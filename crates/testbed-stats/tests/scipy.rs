//! A second implementation: what SciPy computes of the same inputs, see `reference/generate.py`.

use serde::Deserialize;
use testbed_stats::distribution::{noncentral_two_tails, normal_quantile, student_quantile};
use testbed_stats::{
    Alternative, bca, blocks_needed, floor, geometric_mean, hodges_lehmann, hodges_lehmann_shift,
    mann_whitney, mean, median, paired_power, sd, spent, student_interval, wilcoxon_signed_rank,
};

#[derive(Deserialize)]
struct Reference {
    normal: Vec<(f64, f64)>,
    student: Vec<(f64, f64, f64)>,
    noncentral: Vec<(f64, f64, f64, f64)>,
    spending: Vec<(f64, f64, f64)>,
    power: Vec<Power>,
    wilcoxon: Vec<RankTest>,
    mann_whitney: Vec<RankTest>,
    estimates: Vec<Estimates>,
    student_intervals: Vec<Student>,
    bca: Vec<Bca>,
}

#[derive(Deserialize)]
struct Power {
    sd: f64,
    log_effect: f64,
    alpha: f64,
    wanted: f64,
    blocks: u32,
    power: f64,
}

#[derive(Deserialize)]
struct RankTest {
    x: Vec<f64>,
    #[serde(default)]
    y: Vec<f64>,
    alternative: String,
    exact: bool,
    statistic: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Estimates {
    x: Vec<f64>,
    y: Vec<f64>,
    hodges_lehmann: f64,
    shift: f64,
    median: f64,
    geometric_mean: f64,
}

#[derive(Deserialize)]
struct Student {
    x: Vec<f64>,
    low: f64,
    high: f64,
    floor: f64,
}

#[derive(Deserialize)]
struct Bca {
    x: Vec<f64>,
    statistic: String,
    low: f64,
    high: f64,
}

#[expect(clippy::unwrap_used, reason = "a test of its own could say no more")]
fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/reference.json")).unwrap()
}

fn alternative(name: &str) -> Alternative {
    match name {
        "TwoSided" => Alternative::TwoSided,
        "Less" => Alternative::Less,
        "Greater" => Alternative::Greater,
        other => panic!("reference.json names the alternative {other}"),
    }
}

/// Asserts that two figures agree to 1e-9, relative to the larger of 1 and the expected one.
#[track_caller]
fn assert_same(actual: f64, expected: f64) {
    assert!((actual - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{actual} is not {expected}");
}

#[test]
fn quantiles_agree_with_scipy() {
    let reference = reference();
    for (p, expected) in reference.normal {
        assert_same(normal_quantile(p), expected);
    }
    for (p, freedom, expected) in reference.student {
        assert_same(student_quantile(p, freedom), expected);
    }
}

#[test]
fn power_and_plans_agree_with_scipy() {
    let reference = reference();
    for (critical, freedom, noncentrality, expected) in reference.noncentral {
        assert_same(noncentral_two_tails(critical, freedom, noncentrality), expected);
    }
    for case in reference.power {
        let blocks = blocks_needed(case.sd, case.log_effect, |_| 0.0, case.alpha, case.wanted);
        assert_eq!(blocks, Ok(case.blocks));
        assert_same(paired_power(case.sd, case.log_effect, case.blocks, case.alpha).unwrap(), case.power);
    }
}

#[test]
fn the_spending_function_agrees_with_scipy() {
    for (alpha, information, expected) in reference().spending {
        assert_same(spent(alpha, information), expected);
    }
}

#[test]
fn wilcoxon_agrees_with_scipy() {
    for case in reference().wilcoxon {
        let test = wilcoxon_signed_rank(&case.x, alternative(&case.alternative)).unwrap();
        assert_eq!((test.statistic, test.exact), (case.statistic, case.exact));
        assert_same(test.p, case.p);
    }
}

#[test]
fn mann_whitney_agrees_with_scipy() {
    for case in reference().mann_whitney {
        let test = mann_whitney(&case.x, &case.y, alternative(&case.alternative)).unwrap();
        assert_eq!((test.statistic, test.exact), (case.statistic, case.exact));
        assert_same(test.p, case.p);
    }
}

#[test]
fn estimates_agree_with_numpy() {
    for case in reference().estimates {
        assert_same(hodges_lehmann(&case.x).unwrap(), case.hodges_lehmann);
        assert_same(hodges_lehmann_shift(&case.x, &case.y).unwrap(), case.shift);
        assert_same(median(&case.x).unwrap(), case.median);
        let ratios: Vec<f64> = case.x.iter().map(|log| log.exp()).collect();
        assert_same(geometric_mean(&ratios).unwrap(), case.geometric_mean);
    }
}

#[test]
fn student_intervals_and_floors_agree_with_scipy() {
    for case in reference().student_intervals {
        let interval = student_interval(&case.x, 0.95).unwrap();
        assert_same(interval.low, case.low);
        assert_same(interval.high, case.high);
        let ratios: Vec<f64> = case.x.iter().map(|log| log.exp()).collect();
        assert_same(floor(&ratios, 12, 0.95).unwrap(), case.floor);
    }
}

/// With 200,000 resamples on both sides a limit is known to about half a percent of the width.
#[test]
fn bca_agrees_with_scipy_within_monte_carlo_error() {
    for case in reference().bca {
        let statistic = if case.statistic == "mean" { mean } else { sd };
        let statistic = |resample: &[f64]| statistic(resample).unwrap_or(f64::NAN);
        let interval = bca(&case.x, statistic, 0.95, 200_000, 3).unwrap();
        let tolerance = 0.015 * (case.high - case.low);
        assert!((interval.low - case.low).abs() < tolerance, "{interval:?}, {}", case.low);
        assert!((interval.high - case.high).abs() < tolerance, "{interval:?}, {}", case.high);
    }
}
