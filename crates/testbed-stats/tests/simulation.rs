//! Coverage and false positives, measured with fixed seeds.

mod common;

use common::{ALL, Data, Source};
use testbed_stats::{
    Alternative, floor, geometric_mean, looks, mann_whitney, mean_interval, ratio_interval,
    wilcoxon_signed_rank,
};

const SIMULATIONS: u32 = 4_000;

/// Fewer than a run takes, of which the interval depends little, to keep the tests short.
const RESAMPLES: usize = 999;

/// Three standard errors of a share of 5 % in this many simulations.
fn slack(simulations: u32) -> f64 {
    3.0 * (0.05 * 0.95 / f64::from(simulations)).sqrt()
}

/// The share of simulations in which `hit` says yes.
fn share(simulations: u32, mut hit: impl FnMut() -> bool) -> f64 {
    (0..simulations).map(|_| f64::from(u8::from(hit()))).sum::<f64>() / f64::from(simulations)
}

/// The ratios of blocks that compare a variant with itself: both trials have the same distribution.
fn aa_ratios(data: Data, n: usize, source: &mut Source) -> Vec<f64> {
    (0..n).map(|_| (0.1 * (data.draw(source) - data.draw(source))).exp()).collect()
}

fn logs(ratios: &[f64]) -> Vec<f64> {
    ratios.iter().map(|ratio| ratio.ln()).collect()
}

/// Between 93 and 97 %, but for evenly bimodal data of up to 15 blocks, where it is more.
#[test]
fn intervals_of_the_ratio_cover_it_as_often_as_they_say() {
    for data in ALL {
        for n in [8, 10, 15, 20, 30] {
            let mut source = Source::new(n as u64);
            let covered = share(SIMULATIONS, || {
                let ratios: Vec<f64> = (0..n).map(|_| data.draw(&mut source).exp()).collect();
                ratio_interval(&ratios, 0.95, RESAMPLES, source.seed()).unwrap().interval.contains(1.0)
            });
            let most = if matches!(data, Data::Bimodal) && n <= 15 { 0.98 } else { 0.97 };
            println!("coverage {data:?} {n}: {:.1} %", 100.0 * covered);
            assert!((0.93..=most).contains(&covered), "{data:?}, {n} blocks: {covered}");
        }
    }
}

/// Values whose logarithms are normal: from what hardly differs to what has a long tail.
#[test]
fn intervals_of_a_mean_cover_it_as_often_as_they_say() {
    for sigma in [0.1, 0.5, 1.0] {
        for n in [6, 8, 10, 20] {
            let mut source = Source::new(n as u64);
            let mean = (0.5_f64 * sigma * sigma).exp();
            let covered = share(SIMULATIONS, || {
                let values: Vec<f64> = (0..n).map(|_| (sigma * source.normal()).exp()).collect();
                mean_interval(&values, 0.95, RESAMPLES, source.seed()).unwrap().contains(mean)
            });
            println!("coverage of the mean, sigma {sigma}, {n}: {:.1} %", 100.0 * covered);
            assert!((0.93..=0.98).contains(&covered), "sigma {sigma}, {n} values: {covered}");
        }
    }
}

#[test]
fn the_interval_of_an_aa_comparison_excludes_1_at_most_as_often_as_it_says() {
    for data in ALL {
        for n in [8, 10, 15, 20, 30] {
            let mut source = Source::new(n as u64);
            let excluded = share(SIMULATIONS, || {
                let ratios = aa_ratios(data, n, &mut source);
                !ratio_interval(&ratios, 0.95, RESAMPLES, source.seed()).unwrap().interval.contains(1.0)
            });
            println!("false positives of the interval {data:?} {n}: {:.1} %", 100.0 * excluded);
            assert!(excluded <= 0.05 + slack(SIMULATIONS), "{data:?}, {n} blocks: {excluded}");
        }
    }
}

/// The floor is exact for normal log ratios; heavy tails go beyond it more often than a short history tells.
#[test]
fn an_aa_comparison_goes_beyond_the_floor_as_rarely_as_documented() {
    for data in ALL {
        for (history, blocks) in [(5, 10), (10, 10), (20, 30)] {
            let mut source = Source::new(blocks as u64);
            let exceeded = share(SIMULATIONS, || {
                let floor = floor(&aa_ratios(data, history, &mut source), blocks as u32, 0.95).unwrap();
                let effect = geometric_mean(&aa_ratios(data, blocks, &mut source)).unwrap();
                effect.max(1.0 / effect) > 1.0 + floor
            });
            println!("beyond the floor of {history} {data:?} {blocks}: {:.1} %", 100.0 * exceeded);
            let most = if matches!(data, Data::Trials) { 0.11 } else { 0.07 };
            assert!(exceeded <= most, "{data:?}, {history}, {blocks}: {exceeded}");
        }
    }
}

#[test]
fn rank_tests_reject_an_aa_comparison_at_most_as_often_as_they_say() {
    for data in ALL {
        for n in [8, 10, 15, 20, 30, 60] {
            let mut source = Source::new(n as u64);
            let rejected = share(SIMULATIONS, || {
                let differences = logs(&aa_ratios(data, n, &mut source));
                wilcoxon_signed_rank(&differences, Alternative::TwoSided).unwrap().p <= 0.05
            });
            println!("false positives of Wilcoxon's test {data:?} {n}: {:.1} %", 100.0 * rejected);
            assert!(rejected <= 0.05 + slack(SIMULATIONS), "Wilcoxon, {data:?}, {n} blocks: {rejected}");
            if n > 20 {
                // The exact distribution of two samples takes a millisecond from here on.
                continue;
            }
            let rejected = share(SIMULATIONS, || {
                let [x, y] = [0, 1].map(|_| (0..n).map(|_| data.draw(&mut source)).collect::<Vec<f64>>());
                mann_whitney(&x, &y, Alternative::TwoSided).unwrap().p <= 0.05
            });
            println!("false positives of Mann & Whitney's test {data:?} {n}: {:.1} %", 100.0 * rejected);
            assert!(rejected <= 0.05 + slack(SIMULATIONS), "Mann-Whitney, {data:?}, {n} values: {rejected}");
        }
    }
}

#[test]
fn looking_early_does_not_raise_the_false_positives() {
    let at = [10, 20, 30];
    let shares = looks(0.05, &at, 30);
    for data in ALL {
        let mut source = Source::new(3);
        let stopped = share(SIMULATIONS, || {
            let ratios = aa_ratios(data, 30, &mut source);
            at.iter().zip(&shares).any(|(blocks, share)| {
                let seen = &ratios[..*blocks as usize];
                !ratio_interval(seen, 1.0 - share, 3_000, source.seed()).unwrap().interval.contains(1.0)
            })
        });
        println!("false positives with three looks {data:?}: {:.1} %", 100.0 * stopped);
        assert!(stopped <= 0.05 + slack(SIMULATIONS), "{data:?}: {stopped}");
    }
}
