//! From the records of trials to estimates, intervals and decisions: pure, seeded, and the same for whoever repeats it.

use crate::figure::{number, percent, with_unit};
use crate::gates;
use crate::names::{self, keyed};
use crate::plan::HUB;
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
use testbed_api::trials::{Trials, Variant};
use testbed_stats::{self as stats, Alternative};

/// Resamples of each interval.
pub const RESAMPLES: u32 = 10_000;
/// Power that plans and detectable effects speak of: the share of runs that would show the effect.
pub const POWER: f64 = 0.8;
/// Below this p-value, what came first is taken to have changed what came after it.
const CARRY_OVER_P: f64 = 0.01;
/// Fewest blocks of each order with which carry-over is looked for: of four and five, no arrangement has a p-value below
/// 2/126, so that none could be seen.
const CARRY_OVER_BLOCKS: usize = 5;
/// At this p-value or below, what the machine did is taken to have struck one variant rather than another.
const STRUCK_P: f64 = 0.1;
/// Confidence where none is asked for.
const LEVEL: f64 = 0.95;

/// One trial as the statistics see it.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    slot: &'a Slot,
    is_valid: bool,
    /// It does not count, and how its subject fared may be why.
    is_lost: bool,
    /// It does not count, for what the machine did.
    is_disturbed: bool,
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
        let is_disturbed = record.void.is_some() && gates::is_disturbed(record);
        Self {
            slot: &record.slot,
            is_valid: record.void.is_none(),
            is_lost: record.void.is_some() && !is_disturbed,
            is_disturbed,
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
            is_lost: trial.void.is_some() && !trial.disturbed,
            is_disturbed: trial.void.is_some() && trial.disturbed,
            machine: None,
            values: trial.values.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
            buckets: trial.buckets.iter().map(|(name, bucket)| (name.as_str(), bucket)).collect(),
            own_store: BTreeSet::new(),
        }
    }

    /// Returns the variant, if the trial is over and does not count.
    #[must_use]
    pub fn void_of(&self) -> Option<&'a str> {
        (!self.is_valid).then_some(self.slot.variant.as_str())
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
    let tested: Vec<Option<Tested>> = claims.iter().map(|claim| data.tested(claim)).collect();
    let p: Vec<f64> = tested.iter().map(|tested| tested.map_or(1.0, Tested::least)).collect();
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
        let own = match &claims[index] {
            Claim::Bound(criterion) if result.decision == Decision::Refuted => {
                data.refuted_p(criterion, result.variant.as_deref().unwrap_or_default())
            }
            _ => tested[index].map_or(1.0, |tested| tested.of(result.decision)),
        };
        if result.decision != Decision::Insufficient && (stopped || own > levels[index]) {
            result.decision = Decision::Insufficient;
            result.reason = format!(
                "{}: but the test of ranks{} says p = {}, not below the {} that this criterion may err by",
                result.reason,
                data.lost_words(&claims[index]),
                number(own),
                number(levels[index])
            );
        }
        // Of several variants, one may have the smallest p-value and another one be what decides, at the same step.
        let step = alpha / levels[index];
        let least = if result.decision == Decision::Insufficient { 0.0 } else { (step * own).min(1.0) };
        result.adjusted_p_ratio = tested[index].map(|_| adjusted[index].max(least));
        results[index] = Some(result);
    }
    results.into_iter().flatten().collect()
}

/// One criterion.
enum Claim<'a> {
    Compare(&'a Criterion),
    Bound(&'a SuccessCriterion),
}

/// What the tests say of a claim: the p-value with which it would be supported, and the one with which it would be
/// refuted. Each is of two sides, so that both together err no more often than one does.
#[derive(Clone, Copy, Debug)]
struct Tested {
    supported: f64,
    refuted: f64,
}

impl Tested {
    const fn least(self) -> f64 {
        self.supported.min(self.refuted)
    }

    const fn of(self, decision: Decision) -> f64 {
        match decision {
            Decision::Supported => self.supported,
            Decision::Refuted => self.refuted,
            Decision::Insufficient => 1.0,
        }
    }
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

    /// Returns one value for each block in which a variant has any that counts. The two trials of a block against itself
    /// follow each other under the same load: they are one observation, and no two.
    fn of_blocks(&self, variant: &str, value: impl Fn(&Observation<'_>) -> Option<f64>) -> Vec<f64> {
        let mut blocks: BTreeMap<(bool, u32), Vec<f64>> = BTreeMap::new();
        for trial in self.valid(variant) {
            blocks.entry((trial.slot.aa, trial.slot.block)).or_default().extend(value(trial));
        }
        blocks.retain(|_, values| !values.is_empty());
        #[expect(clippy::cast_precision_loss, reason = "a block has one trial of a variant, or two")]
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        blocks.into_values().map(mean).collect()
    }

    /// Returns the values of the blocks of a variant.
    fn block_values(&self, metric: &str, variant: &str) -> Vec<f64> {
        self.of_blocks(variant, |trial| trial.values.get(metric).copied())
    }

    /// Returns, of the same blocks, the values that are furthest to a side.
    fn furthest(&self, metric: &str, variant: &str, side: Side) -> Vec<f64> {
        self.of_blocks(variant, |trial| trial.furthest(metric, side))
    }

    fn metric(&self, name: &str, level: f64) -> MetricAnalysis {
        let unit = self.unit(name);
        let variants = self.spec.variants.iter().filter_map(|variant| {
            let values = self.values(name, &variant.name);
            let seed = keyed(self.seed, &[name, &variant.name]);
            let (mean, interval) = mean_of(&self.block_values(name, &variant.name), level, seed)?;
            Some((variant.name.clone(), variant_statistics(&values, mean, interval, &unit)?))
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

    /// Returns what the tests say of what is measured being exactly the bound; nothing where nothing can be tested.
    fn tested(&self, claim: &Claim<'_>) -> Option<Tested> {
        match claim {
            Claim::Compare(criterion) => {
                let [first, second] = &criterion.compare[..] else { return None };
                let paired = self.paired(&criterion.metric, first, second);
                let bound = libm::log(criterion.value);
                let logs: Vec<f64> = paired.ratios.values().map(|ratio| libm::log(*ratio) - bound).collect();
                let lost = self.lost_blocks(first, second);
                let claimed = claimed(criterion.operator);
                let (supported, refuted) =
                    (sided(&logs, lost, claimed)?, sided(&logs, lost, claimed.other())?);
                Some(Tested { supported, refuted })
            }
            Claim::Bound(criterion) => {
                let claimed = claimed(criterion.operator);
                let variants = self.variants_with(&criterion.metric);
                // All variants must be on the claimed side, and one that is not is enough.
                let of_all = variants.iter().map(|variant| self.bound_p(criterion, &variant.name, claimed));
                let supported = of_all.map(|p| p.unwrap_or(1.0)).reduce(f64::max)?;
                let of_one = variants.iter().map(|variant| self.refuted_p(criterion, &variant.name));
                Some(Tested { supported, refuted: of_one.reduce(f64::min)? })
            }
        }
    }

    /// Returns the p-value with which a variant is on a side of a constant.
    fn bound_p(&self, criterion: &SuccessCriterion, variant: &str, side: Side) -> Option<f64> {
        let bound: f64 = criterion.value.parse().ok()?;
        let values = self.block_values(&criterion.metric, variant);
        let differences: Vec<f64> = values.iter().map(|value| value - bound).collect();
        sided(&differences, self.blocks_lost_by(variant), side)
    }

    /// Returns the p-value with which a variant refutes a criterion, times their number: of so many, one would by chance.
    fn refuted_p(&self, criterion: &SuccessCriterion, variant: &str) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most eight variants")]
        let count = self.variants_with(&criterion.metric).len() as f64;
        let p = self.bound_p(criterion, variant, claimed(criterion.operator).other());
        (count * p.unwrap_or(1.0)).min(1.0)
    }

    /// Returns the variants that a metric is of.
    fn variants_with(&self, metric: &str) -> Vec<&Variant> {
        let metric = run::metrics(self.spec).into_iter().find(|known| known.name == metric);
        let has = |variant: &&Variant| metric.as_ref().is_none_or(|metric| metric.is_of(variant.target()));
        self.spec.variants.iter().filter(has).collect()
    }

    /// Returns in how many blocks there is such a trial.
    fn blocks_with(&self, is_such: impl Fn(&Observation<'_>) -> bool) -> usize {
        let found = self.trials.iter().filter(|trial| is_such(trial));
        found.map(|trial| (trial.slot.aa, trial.slot.block)).collect::<BTreeSet<_>>().len()
    }

    /// Returns in how many blocks, but those against itself, the machine kept a trial of a variant from counting.
    fn disturbed_blocks(&self, variant: &str) -> usize {
        self.blocks_with(|trial| !trial.slot.aa && trial.is_disturbed && trial.slot.variant == variant)
    }

    /// Returns in how many blocks a trial of one of a pair was lost. What the machine did alone strikes both alike; if it
    /// struck one more often than chance has it, it was that variant which had it happen, as one does that asks for more of
    /// a processor of which others are given a part.
    fn lost_blocks(&self, first: &str, second: &str) -> usize {
        let is_of_pair = |trial: &Observation<'_>| [first, second].contains(&trial.slot.variant.as_str());
        let lost = self.blocks_with(|trial| !trial.slot.aa && trial.is_lost && is_of_pair(trial));
        let (first, second) = (self.disturbed_blocks(first), self.disturbed_blocks(second));
        lost + struck(first.max(second), first.min(second))
    }

    /// Returns in how many blocks a trial of a variant was lost, or the machine struck it beyond what it did to all.
    fn blocks_lost_by(&self, variant: &str) -> usize {
        let lost = self.blocks_with(|trial| trial.is_lost && trial.slot.variant == variant);
        let of_all = self.spec.variants.iter().map(|other| self.disturbed_blocks(&other.name)).min();
        lost + struck(self.disturbed_blocks(variant), of_all.unwrap_or_default())
    }

    /// Says what was lost and counts against a claim, if anything was.
    fn lost_words(&self, claim: &Claim<'_>) -> String {
        let lost: usize = match claim {
            Claim::Compare(criterion) => match &criterion.compare[..] {
                [first, second] => self.lost_blocks(first, second),
                _ => 0,
            },
            Claim::Bound(criterion) => {
                let variants = self.variants_with(&criterion.metric);
                variants.iter().map(|variant| self.blocks_lost_by(&variant.name)).sum()
            }
        };
        match lost {
            0 => String::new(),
            1 => ", with the block that was lost counted as one that says the opposite,".to_owned(),
            lost => format!(", with the {lost} blocks that were lost counted as such that say the opposite,"),
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
            variant: None,
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

    /// Decides a metric against a constant: it is refuted if one variant refutes it, and supported if all support it.
    fn bound(&self, criterion: &SuccessCriterion, alpha: f64) -> CriterionResult {
        let variants = self.variants_with(&criterion.metric);
        let each: Vec<CriterionResult> =
            variants.iter().map(|variant| self.bound_of(criterion, variant, variants.len(), alpha)).collect();
        let refuting = each.iter().filter(|result| result.decision == Decision::Refuted);
        let p = |result: &CriterionResult| {
            result.variant.as_deref().map_or(1.0, |variant| self.refuted_p(criterion, variant))
        };
        let surest = refuting.min_by(|a, b| p(a).total_cmp(&p(b)));
        let undecided = || each.iter().find(|result| result.decision == Decision::Insufficient);
        if let Some(decisive) = surest.or_else(undecided) {
            return decisive.clone();
        }
        // The figures of whichever is closest to the bound: what holds for it holds for the others.
        let room = |result: &CriterionResult| {
            result.interval.map_or(0.0, |interval| {
                (interval.low - result.bound).abs().min((interval.high - result.bound).abs())
            })
        };
        let reason = each.iter().map(|result| result.reason.as_str()).collect::<Vec<_>>().join("; ");
        match each.iter().min_by(|a, b| room(a).total_cmp(&room(b))) {
            Some(closest) => CriterionResult { reason, ..closest.clone() },
            None => CriterionResult {
                reason: format!("{} is of no variant", criterion.metric),
                ..self.undecided_bound(criterion)
            },
        }
    }

    /// Returns what is asked of a metric that is held against a constant, and no answer.
    fn undecided_bound(&self, criterion: &SuccessCriterion) -> CriterionResult {
        let metric = &criterion.metric;
        let unit = self.unit(metric);
        let bound = criterion.value.parse::<f64>().unwrap_or(f64::NAN);
        CriterionResult {
            metric: metric.clone(),
            asked: format!("{metric} {} {}", criterion.operator.sign(), with_unit(bound, &unit)),
            variant: None,
            decision: Decision::Insufficient,
            observed: None,
            interval: None,
            adjusted_p_ratio: None,
            floor_ratio: None,
            block_count: 0,
            unit,
            bound,
            reason: String::new(),
        }
    }

    /// Decides a metric of one variant against a constant, at its share of what all `count` of them may err by.
    fn bound_of(
        &self,
        criterion: &SuccessCriterion,
        variant: &Variant,
        count: usize,
        alpha: f64,
    ) -> CriterionResult {
        let metric = &criterion.metric;
        let mut result = self.undecided_bound(criterion);
        let (unit, bound) = (result.unit.clone(), result.bound);
        let shown_bound = with_unit(bound, &unit);
        #[expect(clippy::cast_precision_loss, reason = "at most eight variants")]
        let level = 1.0 - alpha / count.max(1) as f64;
        let own = |trial: &&Observation<'_>| trial.own_store.contains(metric.as_str());
        let measured: Vec<&Observation<'_>> =
            self.valid(&variant.name).filter(|trial| trial.values.contains_key(metric.as_str())).collect();
        let of_own = measured.iter().filter(|trial| own(trial)).count();
        if of_own > 0 && of_own < measured.len() {
            result.variant = Some(variant.name.clone());
            result.reason = format!(
                "{metric} of {} was read from its own store in some trials and from the hub in others: they are not taken \
                 together",
                variant.name
            );
            return result;
        }
        let values = self.block_values(metric, &variant.name);
        let seed = keyed(self.seed, &[metric, &variant.name]);
        let found = mean_of(&values, level, seed);
        result.variant = Some(variant.name.clone());
        result.block_count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let Some((mean, interval)) = found.and_then(|(mean, interval)| Some((mean, interval?))) else {
            result.reason =
                format!("{metric} of {}: {}", variant.name, too_few(values.len(), stats::MIN_RATIOS));
            return result;
        };
        (result.observed, result.interval) = (Some(mean), Some(interval));
        let lead = format!(
            "{metric} of {} is {} ({}, {} blocks)",
            variant.name,
            with_unit(mean, &unit),
            shown(&interval, &unit),
            values.len()
        );
        let beyond = |interval: &Interval| side(interval, bound, bound);
        let Some(decided) = beyond(&interval) else {
            result.reason = format!("{lead}: the interval contains {shown_bound}");
            return result;
        };
        if self.is_in_buckets(metric) {
            let furthest = self.furthest(metric, &variant.name, decided.other());
            let furthest = furthest.iter().all(|value| value.is_finite()).then_some(furthest);
            let interval = furthest.and_then(|values| mean_of(&values, level, seed)?.1);
            if interval.as_ref().and_then(beyond) != Some(decided) {
                result.reason = format!("{lead}, but {}", self.coarse(metric, interval.as_ref(), &unit));
                return result;
            }
        }
        result.decision = decision(criterion.operator, Some(decided));
        result.reason = format!("{lead}: the whole interval is {} {shown_bound}", decided.word());
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

/// Returns the side that a claim says a thing is on.
const fn claimed(operator: Operator) -> Side {
    match operator {
        Operator::Lt | Operator::Lte => Side::Below,
        Operator::Gt | Operator::Gte => Side::Above,
    }
}

fn decision(operator: Operator, side: Option<Side>) -> Decision {
    match side {
        None => Decision::Insufficient,
        Some(side) if side == claimed(operator) => Decision::Supported,
        Some(_) => Decision::Refuted,
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

/// Returns the p-value with which differences from a bound are on a side of it, of two sides: by the signed ranks, and
/// where some were lost also by the signs, each of the lost counted as one on the other side. How it would have come out
/// nobody knows, and it may have been lost because it came out so.
fn sided(differences: &[f64], lost: usize, side: Side) -> Option<f64> {
    let alternative = match side {
        Side::Below => Alternative::Less,
        Side::Above => Alternative::Greater,
    };
    let ranks = stats::wilcoxon_signed_rank(differences, alternative).ok()?;
    let ranks = (2.0 * ranks.p).min(1.0);
    if lost == 0 {
        return Some(ranks);
    }
    let is_on_it = |difference: &&f64| match side {
        Side::Below => **difference < 0.0,
        Side::Above => **difference > 0.0,
    };
    let with = differences.iter().filter(is_on_it).count();
    Some(ranks.max(stats::sign_test(with, differences.len() - with + lost)))
}

/// Returns how many more blocks the machine struck of one than of the other, if that is no chance.
fn struck(one: usize, other: usize) -> usize {
    let is_chance = one <= other || stats::sign_test(one, other) > STRUCK_P;
    if is_chance { 0 } else { one - other }
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

/// Returns the mean of the values of blocks, and its interval if there are enough for one.
fn mean_of(blocks: &[f64], level: f64, seed: u64) -> Option<(f64, Option<Interval>)> {
    let interval = (blocks.len() >= stats::MIN_RATIOS)
        .then(|| stats::mean_interval(blocks, level, RESAMPLES as usize, seed).ok())
        .flatten()
        .map(|interval| Interval { low: interval.low, high: interval.high, level_ratio: interval.level });
    Some((stats::mean(blocks).ok()?, interval))
}

fn variant_statistics(
    values: &[f64],
    mean: f64,
    interval: Option<Interval>,
    unit: &str,
) -> Option<VariantStatistics> {
    Some(VariantStatistics {
        trial_count: u32::try_from(values.len()).unwrap_or(u32::MAX),
        mean,
        median: stats::median(values).ok()?,
        min: values.iter().copied().reduce(f64::min)?,
        max: values.iter().copied().reduce(f64::max)?,
        sd: stats::sd(values).ok(),
        interval,
        unit: unit.to_owned(),
    })
}
