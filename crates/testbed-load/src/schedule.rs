//! When requests are meant to start: a pure function of rate, arrivals, seed and lengths, fixed before the run.

use clap::ValueEnum;
use serde::Serialize;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
/// A schedule is held in memory, 8 bytes for each arrival.
const MOST_ARRIVALS: f64 = 50_000_000.0;

/// Requests per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Rate(f64);

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(format!("`{text}`: a rate is per s, m or h, such as 20/s")),
        };
        match number.parse::<f64>() {
            Ok(number) if number > 0.0 && number.is_finite() => Ok(Self(number / seconds)),
            _ => Err(format!("`{text}` is not a rate such as 20/s")),
        }
    }
}

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Arrivals {
    /// At equal distances
    Constant,
    /// As independent users do: a Poisson process, given the number of its arrivals in each part of the run
    Poisson,
}

/// What a schedule is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rate: Rate,
    pub(crate) arrivals: Arrivals,
    pub(crate) seed: u64,
    pub(crate) warmup: Duration,
    pub(crate) window: Duration,
    pub(crate) cooldown: Duration,
}

/// The intended start of every request, in nanoseconds from the start of the run, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    arrivals: Vec<u64>,
    window: Range<u64>,
    end: u64,
}

impl Schedule {
    /// Returns the schedule of a plan, or why there can be none.
    pub(crate) fn new(plan: &Plan) -> Result<Self, String> {
        let mut schedule = Self::idle(plan.warmup, plan.window, plan.cooldown)?;
        if plan.rate.per_second() * (schedule.end as f64 / SECOND as f64) > MOST_ARRIVALS {
            return Err(format!("more than {MOST_ARRIVALS} requests: lower the rate or the length"));
        }
        schedule.arrivals = match plan.arrivals {
            Arrivals::Constant => constant(plan.rate, schedule.end),
            Arrivals::Poisson => {
                let parts =
                    [0..schedule.window.start, schedule.window.clone(), schedule.window.end..schedule.end];
                poisson(plan.rate, plan.seed, &parts)
            }
        };
        Ok(schedule)
    }

    /// Returns a schedule with a window and no arrivals.
    pub(crate) fn idle(warmup: Duration, window: Duration, cooldown: Duration) -> Result<Self, String> {
        if window.is_zero() {
            return Err("the window has no length".into());
        }
        let [warmup, window, cooldown] = [warmup, window, cooldown].map(|part| part.as_nanos());
        let end = u64::try_from(warmup + window + cooldown).map_err(|_| "the run is too long".to_owned())?;
        // Both are at most `end`.
        let (start, stop) = (warmup as u64, (warmup + window) as u64);
        Ok(Self { arrivals: Vec::new(), window: start..stop, end })
    }

    pub(crate) fn arrivals(&self) -> &[u64] {
        &self.arrivals
    }

    /// Returns the measured part: its start belongs to it, its end does not.
    pub(crate) fn window(&self) -> Range<u64> {
        self.window.clone()
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Returns how many requests are meant to start within the window.
    pub(crate) fn intended(&self) -> u64 {
        let before = |bound: u64| self.arrivals.partition_point(|&arrival| arrival < bound);
        (before(self.window.end) - before(self.window.start)) as u64
    }
}

fn constant(rate: Rate, end: u64) -> Vec<u64> {
    // Multiplied, not added up, so that no rounding error grows.
    (0_u64..)
        .map(|index| (index as f64 / rate.per_second() * SECOND as f64).round() as u64)
        .take_while(|&arrival| arrival < end)
        .collect()
}

/// Given their number, the arrivals of a Poisson process are independent and uniform. Fixing the number of each part
/// keeps the intended rate exact, so that what is achieved can be held against it.
fn poisson(rate: Rate, seed: u64, parts: &[Range<u64>]) -> Vec<u64> {
    let mut random = SplitMix(seed);
    let mut arrivals = Vec::new();
    for part in parts {
        let length = part.end - part.start;
        let count = (rate.per_second() * (length as f64 / SECOND as f64)).round() as u64;
        let first = arrivals.len();
        arrivals.extend((0..count).map(|_| part.start + random.below(length)));
        arrivals[first..].sort_unstable();
    }
    arrivals
}

/// The SplitMix64 generator: a few lines that stay the same for ever, so that a seed means the same schedule in any
/// later version.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`; its bias is below 2^-24 for bounds of up to a quarter of an hour.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(rate: f64, arrivals: Arrivals, seed: u64, [warmup, window, cooldown]: [u64; 3]) -> Plan {
        Plan {
            rate: Rate(rate),
            arrivals,
            seed,
            warmup: Duration::from_millis(warmup),
            window: Duration::from_millis(window),
            cooldown: Duration::from_millis(cooldown),
        }
    }

    fn any_plan() -> impl Strategy<Value = Plan> {
        (
            0.1..2000.0_f64,
            prop_oneof![Just(Arrivals::Constant), Just(Arrivals::Poisson)],
            any::<u64>(),
            [0..5_000_u64, 1..20_000, 0..5_000],
        )
            .prop_map(|(rate, arrivals, seed, lengths)| plan(rate, arrivals, seed, lengths))
    }

    proptest! {
        #[test]
        fn arrivals_are_in_order_and_before_the_end(plan in any_plan()) {
            let schedule = Schedule::new(&plan).unwrap();
            prop_assert!(schedule.arrivals().is_sorted());
            prop_assert!(schedule.arrivals().iter().all(|&arrival| arrival < schedule.end()));
        }

        #[test]
        fn the_window_holds_the_rate_times_its_length_give_or_take_one(plan in any_plan()) {
            let schedule = Schedule::new(&plan).unwrap();
            let wanted = plan.rate.per_second() * plan.window.as_secs_f64();
            prop_assert!((schedule.intended() as f64 - wanted).abs() <= 1.0, "{} of {wanted}", schedule.intended());
        }

        #[test]
        fn the_whole_run_has_the_rate_asked_for(plan in any_plan()) {
            let schedule = Schedule::new(&plan).unwrap();
            let wanted = plan.rate.per_second() * schedule.end() as f64 / SECOND as f64;
            prop_assert!((schedule.arrivals().len() as f64 - wanted).abs() <= 1.5);
        }

        #[test]
        fn the_same_seed_gives_the_same_schedule(plan in any_plan()) {
            prop_assert_eq!(Schedule::new(&plan).unwrap(), Schedule::new(&plan).unwrap());
        }

        #[test]
        fn constant_arrivals_are_equally_far_apart(rate in 0.5..2000.0_f64) {
            let schedule = Schedule::new(&plan(rate, Arrivals::Constant, 0, [0, 5_000, 0])).unwrap();
            let distance = SECOND as f64 / rate;
            for pair in schedule.arrivals().windows(2) {
                prop_assert!(((pair[1] - pair[0]) as f64 - distance).abs() <= 1.0);
            }
        }
    }

    #[test]
    fn another_seed_gives_another_poisson_schedule() {
        let [one, two] =
            [1, 2].map(|seed| Schedule::new(&plan(100.0, Arrivals::Poisson, seed, [0, 1_000, 0])).unwrap());
        assert_ne!(one, two);
    }

    #[test]
    fn gaps_between_poisson_arrivals_are_exponential() {
        let schedule = Schedule::new(&plan(1_000.0, Arrivals::Poisson, 7, [0, 100_000, 0])).unwrap();
        let gaps: Vec<f64> =
            schedule.arrivals().windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let longer_than =
            |bound: f64| gaps.iter().filter(|&&gap| gap > bound).count() as f64 / gaps.len() as f64;
        // 100,000 gaps with a mean of 1 ms: a share deviates by about 0.0016 (one standard deviation at most).
        for bound in [0.1, 0.5, 1.0, 2.0, 3.0] {
            assert!(
                (longer_than(bound) - (-bound).exp()).abs() < 0.007,
                "share of gaps longer than {bound} ms"
            );
        }
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // The published first outputs for this seed.
        let mut random = SplitMix(1_234_567);
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_seed_means_the_same_schedule_in_every_version() {
        let schedule = Schedule::new(&plan(4.0, Arrivals::Poisson, 42, [500, 1_000, 0])).unwrap();
        assert_eq!(
            schedule.arrivals(),
            [79_955_196, 370_782_439, 538_030_168, 778_601_130, 844_190_716, 1_368_228_076]
        );
    }

    #[test]
    fn a_rate_is_per_second_unless_it_says_otherwise() {
        let parsed: Vec<f64> =
            ["20", "20/s", "30/m", "1.5/s"].map(|text| text.parse::<Rate>().unwrap().per_second()).into();
        assert_eq!(parsed, [20.0, 20.0, 0.5, 1.5]);
        for wrong in ["", "0", "-1/s", "20/d", "fast", "inf"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_window_without_length_is_refused() {
        assert!(Schedule::new(&plan(1.0, Arrivals::Constant, 0, [1_000, 0, 0])).is_err());
    }
}
