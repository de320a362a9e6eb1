//! From the records of trials to estimates, intervals and decisions: pure, seeded, and the same for whoever repeats it.

use crate::figure::{number, percent, with_unit};
use crate::names::{self, keyed};
use crate::run;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::ExperimentSpec;
use testbed_api::analysis::{
    AaStatistics, Analysis, Interval, MetricAnalysis, PairStatistics, TrialCounts, VariantStatistics,
};
use testbed_api::experiment::{Cluster, Criterion, Operator, SuccessCriterion};
use testbed_api::record::{Bucket, Fingerprint, Slot, TrialRecord};
use testbed_api::status::TrialStatus;
use testbed_api::summary::{CriterionResult, Decision};
use testbed_api::trials::Trials;
use testbed_stats::{self as stats, Alternative};

/// Resamples of each interval.
pub const RESAMPLES: u32 = 10_000;
/// Power that plans and detectable effects speak of: the share of runs that would show the effect.
pub const POWER: f64 = 0.8;
/// Below this p-value, what came first is taken to have changed what came after it.
const CARRY_OVER_P: f64 = 0.01;
/// Fewest blocks of each order with which carry-over is looked for.
const CARRY_OVER_BLOCKS: usize = 4;
/// How a sample names the hub's store.
const HUB: &str = "hub";
/// Confidence where none is asked for.
const LEVEL: f64 = 0.95;

/// One trial as the statistics see it.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    slot: &'a Slot,
    is_valid: bool,
    machine: Option<&'a Fingerprint>,
    values: BTreeMap<&'a str, f64>,
    buckets: BTreeMap<&'a str, &'a Bucket>,
    /// Metrics that the target's own store answered for, rather than the hub's.
    own_store: BTreeSet<&'a str>,
}

impl<'a> Observation<'a> {
    /// Reads a record.
    #[must_use]
    pub fn of_record(record: &'a TrialRecord) -> Self {
        let samples = || record.samples.iter();
        Self {
            slot: &record.slot,
            is_valid: record.void.is_none(),
            machine: Some(&record.machine),
            values: samples().filter_map(|(name, sample)| Some((name.as_str(), sample.value?))).collect(),
            buckets: samples()
                .filter_map(|(name, sample)| Some((name.as_str(), sample.bucket.as_ref()?)))
                .collect(),
            own_store: samples()
                .filter(|(_, sample)| sample.source != HUB)
                .map(|(name, _)| name.as_str())
                .collect(),
        }
    }

    /// Reads what status knows of a trial whose record is stored.
    #[must_use]
    pub fn of_status(trial: &'a TrialStatus) -> Self {
        Self {
            slot: &trial.slot,
            is_valid: trial.record.is_some() && trial.void.is_none(),
            machine: None,
            values: trial.values.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
            buckets: trial.buckets.iter().map(|(name, bucket)| (name.as_str(), bucket)).collect(),
            own_store: BTreeSet::new(),
        }
    }

    /// Returns the value of a metric that is furthest to a side, of all that it can be: the quantile of a histogram lies
    /// anywhere in its bucket.
    fn furthest(&self, metric: &str, side: Side) -> Option<f64> {
        let value = *self.values.get(metric)?;
        let Some(bucket) = self.buckets.get(metric) else { return Some(value) };
        Some(match side {
            Side::Below => bucket.above.unwrap_or(f64::NEG_INFINITY),
            Side::Above => bucket.up_to.unwrap_or(f64::INFINITY),
        })
    }
}

/// Returns the SHA-256 of the source of everything that takes part in the analysis.
#[must_use]
pub fn code_sha256() -> String {
    let own = [
        ("analysis.rs", include_str!("analysis.rs")),
        ("answer.rs", include_str!("answer.rs")),
        ("gates.rs", include_str!("gates.rs")),
        ("measurement.rs", include_str!("measurement.rs")),
        ("names.rs", include_str!("names.rs")),
        ("record.rs", include_str!("record.rs")),
        ("sequential.rs", include_str!("sequential.rs")),
        ("verdict.rs", include_str!("verdict.rs")),
    ];
    let mut text = String::new();
    for (name, source) in own.iter().chain(stats::SOURCES) {
        text.push_str(name);
        text.push('\n');
        text.push_str(source);
    }
    names::sha256(text.as_bytes())
}

/// Returns the statistics of a run.
#[must_use]
pub fn analysis(spec: &ExperimentSpec, seed: u64, trials: &[Observation<'_>]) -> Analysis {
    let level = spec.trials.as_ref().map_or(LEVEL, |trials| trials.confidence);
    let data = Data { spec, seed, trials };
    let metrics = run::metrics(spec);
    Analysis {
        code_sha256: code_sha256(),
        seed,
        resamples_count: RESAMPLES,
        level_ratio: level,
        trials: data.counts(),
        metrics: metrics
            .iter()
            .map(|metric| (metric.name.clone(), data.metric(&metric.name, level)))
            .collect(),
    }
}

/// Returns what the trials decide of each criterion, at an error rate of `alpha` for all of them together.
#[must_use]
pub fn criteria(
    spec: &ExperimentSpec,
    seed: u64,
    trials: &[Observation<'_>],
    alpha: f64,
) -> Vec<CriterionResult> {
    let Some(hypothesis) = &spec.hypothesis else { return Vec::new() };
    let data = Data { spec, seed, trials };
    let claims: Vec<Claim<'_>> = hypothesis
        .criteria
        .iter()
        .map(Claim::Compare)
        .chain(hypothesis.success_criteria.iter().map(Claim::Bound))
        .collect();
    let tested: Vec<Option<f64>> = claims.iter().map(|claim| data.p(claim)).collect();
    let p: Vec<f64> = tested.iter().map(|p| p.unwrap_or(1.0)).collect();
    let levels = stats::holm_levels(&p, alpha);
    let adjusted = stats::holm(&p);
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut results: Vec<Option<CriterionResult>> = vec![None; claims.len()];
    // Holm's procedure goes from the smallest p-value on, and decides nothing more after the first that is too large.
    let mut stopped = false;
    for index in order {
        let mut result = data.decide(&claims[index], levels[index]);
        if p[index] > levels[index] {
            stopped = true;
        }
        if stopped && result.decision != Decision::Insufficient {
            result.decision = Decision::Insufficient;
            result.reason = format!(
                "{}: but the test says p = {}, not below the {} that this criterion may err by",
                result.reason,
                number(p[index]),
                number(levels[index])
            );
        }
        result.adjusted_p_ratio = tested[index].map(|_| adjusted[index]);
        results[index] = Some(result);
    }
    results.into_iter().flatten().collect()
}

/// One criterion.
enum Claim<'a> {
    Compare(&'a Criterion),
    Bound(&'a SuccessCriterion),
}

struct Data<'a> {
    spec: &'a ExperimentSpec,
    seed: u64,
    trials: &'a [Observation<'a>],
}

/// Ratios of two variants, block by block.
struct Paired {
    ratios: BTreeMap<u32, f64>,
    /// The lowest and the highest that they can be, as far as the buckets of histograms tell.
    lowest: Vec<f64>,
    highest: Vec<f64>,
    /// The ratios of blocks in which the first of the pair came first; and of those in which it came last.
    first_first: Vec<f64>,
    first_last: Vec<f64>,
    /// A value that there is no ratio to.
    without: Option<String>,
}

impl Data<'_> {
    fn unit(&self, metric: &str) -> String {
        let metric = run::metrics(self.spec).into_iter().find(|known| known.name == metric);
        metric.map_or_else(|| "1".into(), |metric| metric.unit().to_owned())
    }

    fn blocks(&self, aa: bool) -> BTreeMap<u32, Vec<&Observation<'_>>> {
        let mut blocks: BTreeMap<u32, Vec<&Observation<'_>>> = BTreeMap::new();
        for trial in self.trials.iter().filter(|trial| trial.slot.aa == aa) {
            blocks.entry(trial.slot.block).or_default().push(trial);
        }
        blocks
    }

    /// Returns the blocks of which every trial counts, all of one machine; of variants that were asked to be on different
    /// machines, each of its own.
    fn valid_blocks(&self, aa: bool) -> BTreeMap<u32, Vec<&Observation<'_>>> {
        let size = if aa { 2 } else { self.spec.variants.len() };
        let mut blocks = self.blocks(aa);
        blocks.retain(|_, trials| {
            let alike = trials.iter().all(|trial| {
                let same = |other: &&&Observation<'_>| self.cluster(trial) == self.cluster(other);
                trials.iter().filter(same).all(|other| other.machine == trial.machine)
            });
            trials.len() == size && trials.iter().all(|trial| trial.is_valid) && alike
        });
        blocks
    }

    /// Returns the cluster that a trial's subject was asked to be in.
    fn cluster(&self, trial: &Observation<'_>) -> Option<&Cluster> {
        let variant = self.spec.variant(&trial.slot.variant)?;
        let target = self.spec.targets.iter().find(|target| target.name == variant.target())?;
        Some(&target.cluster)
    }

    fn counts(&self) -> TrialCounts {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let machines: BTreeSet<&Fingerprint> =
            self.trials.iter().filter(|trial| trial.is_valid).filter_map(|trial| trial.machine).collect();
        let trials = self.spec.trials.as_ref();
        TrialCounts {
            planned_block_count: trials.map_or(0, Trials::planned_blocks),
            valid_block_count: count(self.valid_blocks(false).len()),
            valid_aa_block_count: count(self.valid_blocks(true).len()),
            trial_count: count(self.trials.len()),
            void_trial_count: count(self.trials.iter().filter(|trial| !trial.is_valid).count()),
            machine_count: count(machines.len()),
        }
    }

    /// Returns a variant's trials that count; those against itself count too.
    fn valid(&self, variant: &str) -> impl Iterator<Item = &Observation<'_>> {
        self.trials.iter().filter(move |trial| trial.is_valid && trial.slot.variant == variant)
    }

    /// Returns the values of a variant's trials that count.
    fn values(&self, metric: &str, variant: &str) -> Vec<f64> {
        self.valid(variant).filter_map(|trial| trial.values.get(metric).copied()).collect()
    }

    /// Returns, of the same trials, the values that are furthest to a side.
    fn furthest(&self, metric: &str, variant: &str, side: Side) -> Vec<f64> {
        self.valid(variant).filter_map(|trial| trial.furthest(metric, side)).collect()
    }

    fn metric(&self, name: &str, level: f64) -> MetricAnalysis {
        let unit = self.unit(name);
        let variants = self.spec.variants.iter().filter_map(|variant| {
            let values = self.values(name, &variant.name);
            let seed = keyed(self.seed, &[name, &variant.name]);
            Some((variant.name.clone(), variant_statistics(&values, level, &unit, seed)?))
        });
        MetricAnalysis {
            variants: variants.collect(),
            pairs: self
                .pairs(name)
                .iter()
                .map(|(first, second)| self.pair(name, first, second, level))
                .collect(),
            aa: self.aa(name, level),
            unit,
        }
    }

    /// Returns what is compared: the pairs of criteria, and every variant with the one that is named last.
    fn pairs(&self, metric: &str) -> Vec<(String, String)> {
        let criteria = self.spec.hypothesis.iter().flat_map(|hypothesis| &hypothesis.criteria);
        let mut pairs: Vec<(String, String)> = Vec::new();
        for criterion in criteria.filter(|criterion| criterion.metric == metric) {
            if let [first, second] = &criterion.compare[..] {
                pairs.push((first.clone(), second.clone()));
            }
        }
        let baseline = self.baseline();
        for variant in &self.spec.variants {
            let pair = (variant.name.clone(), baseline.clone());
            let known = pairs.iter().any(|known| *known == pair || (known.1 == pair.0 && known.0 == pair.1));
            if variant.name != baseline && !known {
                pairs.push(pair);
            }
        }
        pairs.dedup();
        pairs
    }

    /// Returns the variant that others are compared with: what the first criterion divides by, else the first variant.
    fn baseline(&self) -> String {
        let criteria = self.spec.hypothesis.iter().flat_map(|hypothesis| &hypothesis.criteria);
        let named = criteria.filter_map(|criterion| criterion.compare.get(1)).next();
        let first = || self.spec.variants.first().map(|variant| &variant.name);
        named.or_else(first).cloned().unwrap_or_default()
    }

    fn paired(&self, metric: &str, first: &str, second: &str) -> Paired {
        let mut paired = Paired {
            ratios: BTreeMap::new(),
            lowest: Vec::new(),
            highest: Vec::new(),
            first_first: Vec::new(),
            first_last: Vec::new(),
            without: None,
        };
        for (number, trials) in self.valid_blocks(false) {
            let of = |variant: &str| {
                let trial = trials.iter().find(|trial| trial.slot.variant == variant)?;
                Some((*trial, *trial.values.get(metric)?))
            };
            let (Some((of_a, a)), Some((of_b, b))) = (of(first), of(second)) else { continue };
            let a_own = of_a.own_store.contains(metric);
            if a_own != of_b.own_store.contains(metric) {
                // Two stores scrape at other times and keep other samples: their values are not alike.
                let (own, hub) = if a_own { (first, second) } else { (second, first) };
                paired.without = Some(format!(
                    "{metric} of {own} was read from its own store and of {hub} from the hub in block {number}: \
                     they are not compared"
                ));
                continue;
            }
            if !(a > 0.0 && b > 0.0) {
                let (who, value) = if a > 0.0 { (second, b) } else { (first, a) };
                let value = with_unit(value, &self.unit(metric));
                paired.without =
                    Some(format!("{metric} of {who} is {value} in block {number}: there is no ratio"));
                continue;
            }
            let ratio = a / b;
            paired.ratios.insert(number, ratio);
            let furthest = |side| Some(of_a.furthest(metric, side)? / of_b.furthest(metric, side.other())?);
            paired.lowest.extend(furthest(Side::Below));
            paired.highest.extend(furthest(Side::Above));
            let is_first = of_a.slot.position < of_b.slot.position;
            if is_first { paired.first_first.push(ratio) } else { paired.first_last.push(ratio) }
        }
        paired
    }

    fn pair(&self, metric: &str, first: &str, second: &str, level: f64) -> PairStatistics {
        let paired = self.paired(metric, first, second);
        let ratios: Vec<f64> = paired.ratios.values().copied().collect();
        let logs: Vec<f64> = ratios.iter().map(|ratio| libm::log(*ratio)).collect();
        let blocks = u32::try_from(ratios.len()).unwrap_or(u32::MAX);
        let alpha = 1.0 - level;
        let spread = stats::sd(&logs).ok();
        let (interval, missing) = match self.interval(metric, first, second, &ratios, level) {
            _ if paired.without.is_some() => (None, paired.without.clone()),
            Ok(interval) => (Some(interval), None),
            Err(reason) => (None, Some(reason)),
        };
        PairStatistics {
            first: first.to_owned(),
            second: second.to_owned(),
            unit: "ratio".into(),
            estimate: stats::geometric_mean(&ratios).ok(),
            interval,
            hodges_lehmann: stats::hodges_lehmann(&logs).ok().map(libm::exp),
            wilcoxon_p_ratio: wilcoxon(&logs),
            spread_ratio: spread,
            detectable_ratio: spread
                .and_then(|sd| stats::detectable_effect(sd, blocks, alpha, POWER).ok())
                .map(|ratio| ratio - 1.0),
            carry_over_p_ratio: carry_over(&paired),
            ratios: paired.ratios,
            missing,
        }
    }

    fn interval(
        &self,
        metric: &str,
        first: &str,
        second: &str,
        ratios: &[f64],
        level: f64,
    ) -> Result<Interval, String> {
        let seed = keyed(self.seed, &[metric, first, second]);
        let found =
            stats::ratio_interval(ratios, level, RESAMPLES as usize, seed).map_err(|error| match error {
                stats::Error::TooFew { have, need } => too_few(have, need),
                other => other.to_string(),
            })?;
        let stats::Interval { low, high, level } = found.interval;
        Ok(Interval { low, high, level_ratio: level })
    }

    fn aa(&self, metric: &str, level: f64) -> Option<AaStatistics> {
        let mut ratios = BTreeMap::new();
        for (number, mut trials) in self.valid_blocks(true) {
            trials.sort_by_key(|trial| trial.slot.position);
            let values: Vec<f64> =
                trials.iter().filter_map(|trial| trial.values.get(metric).copied()).collect();
            if let [first, second] = values[..]
                && first > 0.0
                && second > 0.0
            {
                ratios.insert(number, second / first);
            }
        }
        let values: Vec<f64> = ratios.values().copied().collect();
        let blocks = u32::try_from(self.valid_blocks(false).len()).unwrap_or(u32::MAX);
        (!ratios.is_empty()).then(|| AaStatistics {
            unit: "ratio".into(),
            floor_ratio: stats::floor(&values, blocks, level).ok(),
            ratios,
        })
    }

    /// Returns the p-value of what is measured being exactly the bound; none where nothing can be tested.
    fn p(&self, claim: &Claim<'_>) -> Option<f64> {
        match claim {
            Claim::Compare(criterion) => {
                let [first, second] = &criterion.compare[..] else { return None };
                let paired = self.paired(&criterion.metric, first, second);
                let bound = libm::log(criterion.value);
                let logs: Vec<f64> = paired.ratios.values().map(|ratio| libm::log(*ratio) - bound).collect();
                wilcoxon(&logs)
            }
            Claim::Bound(criterion) => {
                let bound: f64 = criterion.value.parse().ok()?;
                let of_variant = |variant: &testbed_api::trials::Variant| {
                    let values = self.values(&criterion.metric, &variant.name);
                    let differences: Vec<f64> = values.iter().map(|value| value - bound).collect();
                    wilcoxon(&differences)
                };
                let all: Vec<f64> = self.spec.variants.iter().filter_map(of_variant).collect();
                all.into_iter().reduce(f64::max)
            }
        }
    }

    fn decide(&self, claim: &Claim<'_>, alpha: f64) -> CriterionResult {
        match claim {
            Claim::Compare(criterion) => self.compare(criterion, alpha),
            Claim::Bound(criterion) => self.bound(criterion, alpha),
        }
    }

    /// Decides the ratio of two variants.
    fn compare(&self, criterion: &Criterion, alpha: f64) -> CriterionResult {
        let metric = &criterion.metric;
        let [first, second] = [0, 1].map(|index| criterion.compare.get(index).map_or("?", String::as_str));
        let paired = self.paired(metric, first, second);
        let ratios: Vec<f64> = paired.ratios.values().copied().collect();
        let bound = with_unit(criterion.value, "ratio");
        let mut result = CriterionResult {
            metric: metric.clone(),
            asked: format!("{metric}: {first} / {second} {} {bound}", criterion.operator.sign()),
            decision: Decision::Insufficient,
            observed: stats::geometric_mean(&ratios).ok(),
            interval: None,
            adjusted_p_ratio: None,
            floor_ratio: self.aa(metric, 1.0 - alpha).and_then(|aa| aa.floor_ratio),
            block_count: u32::try_from(ratios.len()).unwrap_or(u32::MAX),
            unit: "ratio".into(),
            bound: criterion.value,
            reason: String::new(),
        };
        if let Some(reason) = paired.without {
            result.reason = reason;
            return result;
        }
        let interval = match self.interval(metric, first, second, &ratios, 1.0 - alpha) {
            Ok(interval) => interval,
            Err(reason) => {
                result.reason = format!("{metric} of {first} and {second}: {reason}");
                return result;
            }
        };
        result.interval = Some(interval);
        let estimate = result.observed.unwrap_or(f64::NAN);
        let lead = format!(
            "{metric} of {first} is {} that of {second} ({}, {} blocks)",
            with_unit(estimate, "ratio"),
            shown(&interval, "ratio"),
            ratios.len()
        );
        if let Some(p) = carry_over(&paired).filter(|p| *p < CARRY_OVER_P) {
            result.reason = format!(
                "{lead}, but it depends on which came first (p = {}): one trial changes the next",
                number(p)
            );
            return result;
        }
        if result.floor_ratio.is_none() && self.spec.trials.as_ref().is_some_and(|trials| trials.aa) {
            result.reason = format!(
                "{lead}, but no block of a variant against itself tells of it: the floor is not known"
            );
            return result;
        }
        let floor = 1.0 + result.floor_ratio.unwrap_or(0.0);
        // The floor lies around the bound: an effect within it could be that of a thing against itself.
        let beyond = |interval: &Interval| side(interval, criterion.value / floor, criterion.value * floor);
        let side = beyond(&interval);
        let bare = self::side(&interval, criterion.value, criterion.value);
        if let Some(side) = side.filter(|_| self.is_in_buckets(metric)) {
            // What speaks most against it, of all that it can be.
            let furthest = if side == Side::Below { &paired.highest } else { &paired.lowest };
            let can_be = furthest.iter().all(|ratio| *ratio > 0.0 && ratio.is_finite()).then_some(furthest);
            let interval =
                can_be.and_then(|ratios| self.interval(metric, first, second, ratios, 1.0 - alpha).ok());
            if interval.as_ref().and_then(beyond) != Some(side) {
                result.reason = format!("{lead}, but {}", self.coarse(metric, interval.as_ref(), "ratio"));
                return result;
            }
        }
        result.decision = decision(criterion.operator, side);
        result.reason = match (side, bare) {
            (Some(side), _) => format!("{lead}: the whole interval is {} {bound}", side.word()),
            (None, Some(_)) => format!(
                "{lead}: the interval does not leave the floor of ± {} around {bound}",
                percent(floor - 1.0)
            ),
            (None, None) => format!("{lead}: the interval contains {bound}"),
        };
        result
    }

    /// Returns whether a metric is the quantile of a histogram.
    fn is_in_buckets(&self, metric: &str) -> bool {
        self.trials.iter().any(|trial| trial.buckets.contains_key(metric))
    }

    /// Says that the buckets of a histogram are too wide for what would be decided: of values at their ends, the interval
    /// is another one.
    fn coarse(&self, metric: &str, interval: Option<&Interval>, unit: &str) -> String {
        let of_metric = self.unit(metric);
        let valid = self.trials.iter().filter(|trial| trial.is_valid);
        let bucket = valid.filter_map(|trial| trial.buckets.get(metric)).max_by(|a, b| {
            let width = |bucket: &Bucket| {
                bucket.up_to.unwrap_or(f64::INFINITY) - bucket.above.unwrap_or(f64::NEG_INFINITY)
            };
            width(a).total_cmp(&width(b))
        });
        let end = |bound: Option<f64>, none: &str| {
            bound.map_or_else(|| none.to_owned(), |bound| with_unit(bound, &of_metric))
        };
        let bucket = bucket.map_or_else(String::new, |bucket| {
            format!(", such as from {} to {}", end(bucket.above, "any value"), end(bucket.up_to, "infinity"))
        });
        let interval =
            interval.map_or_else(|| "there is no interval".to_owned(), |interval| shown(interval, unit));
        format!("a quantile lies anywhere in its bucket{bucket}: at their ends, {interval}")
    }

    /// Decides a metric against a constant, for every variant.
    fn bound(&self, criterion: &SuccessCriterion, alpha: f64) -> CriterionResult {
        let metric = &criterion.metric;
        let unit = self.unit(metric);
        let bound = criterion.value.parse::<f64>().unwrap_or(f64::NAN);
        let shown_bound = with_unit(bound, &unit);
        let count = self.spec.variants.len().max(1);
        #[expect(clippy::cast_precision_loss, reason = "at most eight variants")]
        let level = 1.0 - alpha / count as f64;
        let mut result = CriterionResult {
            metric: metric.clone(),
            asked: format!("{metric} {} {shown_bound}", criterion.operator.sign()),
            decision: Decision::Supported,
            observed: None,
            interval: None,
            adjusted_p_ratio: None,
            floor_ratio: None,
            block_count: 0,
            unit: unit.clone(),
            bound,
            reason: String::new(),
        };
        let mut said = Vec::new();
        for variant in &self.spec.variants {
            let values = self.values(metric, &variant.name);
            let seed = keyed(self.seed, &[metric, &variant.name]);
            let found = variant_statistics(&values, level, &unit, seed);
            let Some((mean, interval)) = found.as_ref().and_then(|found| Some((found.mean, found.interval?)))
            else {
                result.decision = Decision::Insufficient;
                result.reason =
                    format!("{metric} of {}: {}", variant.name, too_few(values.len(), stats::MIN_RATIOS));
                return result;
            };
            let lead = format!(
                "{metric} of {} is {} ({}, {} trials)",
                variant.name,
                with_unit(mean, &unit),
                shown(&interval, &unit),
                values.len()
            );
            let beyond = |interval: &Interval| side(interval, bound, bound);
            let mut side = beyond(&interval);
            let mut coarse = None;
            if let Some(decided) = side.filter(|_| self.is_in_buckets(metric)) {
                let furthest = self.furthest(metric, &variant.name, decided.other());
                let furthest = furthest.iter().all(|value| value.is_finite()).then_some(furthest);
                let interval =
                    furthest.and_then(|values| variant_statistics(&values, level, &unit, seed)?.interval);
                if interval.as_ref().and_then(beyond) != Some(decided) {
                    coarse = Some(format!("{lead}, but {}", self.coarse(metric, interval.as_ref(), &unit)));
                    side = None;
                }
            }
            let outcome = decision(criterion.operator, side);
            let reason = coarse.unwrap_or_else(|| {
                side.map_or_else(
                    || format!("{lead}: the interval contains {shown_bound}"),
                    |side| format!("{lead}: the whole interval is {} {shown_bound}", side.word()),
                )
            });
            result.observed = Some(mean);
            result.interval = Some(interval);
            result.block_count = u32::try_from(values.len()).unwrap_or(u32::MAX);
            if outcome != Decision::Supported {
                if result.decision == Decision::Supported || outcome == Decision::Refuted {
                    (result.decision, result.reason) = (outcome, reason);
                }
                if outcome == Decision::Refuted {
                    return result;
                }
            } else {
                said.push(reason);
            }
        }
        if result.decision == Decision::Supported {
            result.reason = said.join("; ");
        }
        result
    }
}

/// On which side of a bound an interval lies, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Below,
    Above,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Below => Self::Above,
            Self::Above => Self::Below,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
        }
    }
}

fn side(interval: &Interval, low: f64, high: f64) -> Option<Side> {
    if interval.high < low {
        Some(Side::Below)
    } else if interval.low > high {
        Some(Side::Above)
    } else {
        None
    }
}

fn decision(operator: Operator, side: Option<Side>) -> Decision {
    match (operator, side) {
        (_, None) => Decision::Insufficient,
        (Operator::Lt | Operator::Lte, Some(Side::Below))
        | (Operator::Gt | Operator::Gte, Some(Side::Above)) => Decision::Supported,
        _ => Decision::Refuted,
    }
}

/// Returns an interval as people read it.
#[must_use]
pub fn shown(interval: &Interval, unit: &str) -> String {
    format!(
        "{} interval {} to {}",
        percent(interval.level_ratio),
        with_unit(interval.low, unit),
        with_unit(interval.high, unit)
    )
}

fn too_few(have: usize, need: usize) -> String {
    format!(
        "{have} valid block{}, at least {need} are needed for an interval",
        if have == 1 { " is" } else { "s are" }
    )
}

fn wilcoxon(differences: &[f64]) -> Option<f64> {
    stats::wilcoxon_signed_rank(differences, Alternative::TwoSided).ok().map(|test| test.p)
}

fn carry_over(paired: &Paired) -> Option<f64> {
    let enough = |ratios: &[f64]| ratios.len() >= CARRY_OVER_BLOCKS;
    if !enough(&paired.first_first) || !enough(&paired.first_last) {
        return None;
    }
    stats::mann_whitney(&paired.first_first, &paired.first_last, Alternative::TwoSided)
        .ok()
        .map(|test| test.p)
}

fn variant_statistics(values: &[f64], level: f64, unit: &str, seed: u64) -> Option<VariantStatistics> {
    let interval = (values.len() >= stats::MIN_RATIOS)
        .then(|| stats::mean_interval(values, level, RESAMPLES as usize, seed).ok())
        .flatten()
        .map(|interval| Interval { low: interval.low, high: interval.high, level_ratio: interval.level });
    Some(VariantStatistics {
        trial_count: u32::try_from(values.len()).unwrap_or(u32::MAX),
        mean: stats::mean(values).ok()?,
        median: stats::median(values).ok()?,
        min: values.iter().copied().reduce(f64::min)?,
        max: values.iter().copied().reduce(f64::max)?,
        sd: stats::sd(values).ok(),
        interval,
        unit: unit.to_owned(),
    })
}
