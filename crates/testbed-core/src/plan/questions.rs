//! What stores are asked: by a run without trials once for each metric and target, by a trial about itself alone.

use super::Pass;
use crate::measurement;
use crate::query::{self, Values};
use crate::run;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use testbed_api::experiment::{Metric, QueryType};
use testbed_api::record::{RecordRef, Slot};
use testbed_api::status::Window;

/// How a sample names the hub's store.
pub(crate) const HUB: &str = "hub";

/// Points that a range query asks for over its window.
const RANGE_POINTS: u32 = 200;

/// Samples without which a rate or a mean over a window means nothing.
const NEEDED_OVER_RANGE: u64 = 3;
/// Tenths of the samples that the hub's store should have of a window, without which what it has stands for a part of it.
const NEEDED_TENTHS: u128 = 8;

/// Share of the periods of the subject's containers in which they were held back for their CPU limit.
const THROTTLED: &str = "sum(increase(container_cpu_cfs_throttled_periods_total{namespace=\"$NAMESPACE\",container!=\"\"}[$DURATION])) \
    / sum(increase(container_cpu_cfs_periods_total{namespace=\"$NAMESPACE\",container!=\"\"}[$DURATION]))";

/// What to read, and where to store the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectRequest {
    /// What to ask.
    pub questions: Vec<Question>,
    /// The records of its trials.
    pub records: Vec<RecordRef>,
    /// Prefix of the keys of this run's results.
    pub prefix: String,
    /// The deadline is near: what cannot be reached is recorded as missing rather than tried again.
    pub give_up: bool,
}

/// What to read of a trial, and where to store its record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasureRequest {
    /// Name of the trial.
    pub trial: String,
    /// What to ask.
    pub questions: Vec<Question>,
    /// Prefix of the keys of this run's results.
    pub prefix: String,
    /// What cannot be reached is recorded as missing rather than tried again.
    pub give_up: bool,
}

/// What a question is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// The value of the metric.
    Value,
    /// How many samples of what the metric's query reads the store holds.
    RawCount {
        /// Fewest with which the value means something.
        needed: u64,
    },
    /// The buckets that the metric is a quantile of.
    Buckets,
    /// What else may disturb, in this unit.
    Environment {
        /// Unit of the value.
        unit: String,
    },
}

/// One question to a store.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Name of the metric.
    pub metric: String,
    /// What the answer is for.
    pub purpose: Purpose,
    /// The target it is asked for; the whole run if absent.
    pub target: Option<String>,
    /// Who is asked.
    pub store: Store,
    /// At the window's end, or over it.
    pub kind: QueryType,
    /// The query, variables filled in.
    pub query: String,
    /// The window.
    pub window: Window,
    /// How long after the start of the window the first point of a range query is.
    pub after: Duration,
    /// Distance of the points of a range query.
    pub step: Duration,
    /// How far back a sample may lie that stands for its series at an instant; as far as the store is used to if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookback: Option<Duration>,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Store {
    /// The hub's VictoriaMetrics.
    Hub,
    /// The component of a target that answers for it.
    Target {
        /// Its address, `host:port`.
        address: String,
        /// `<namespace>/<service>`, for people.
        name: String,
    },
}

impl Store {
    /// Returns how the summary names it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Hub => HUB.into(),
            Self::Target { name, .. } => format!("target:{name}"),
        }
    }
}

/// What a store answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Series, possibly none.
    Series(Vec<Series>),
    /// It will not answer this question: asking again is no use.
    Refused(String),
    /// It could not be asked.
    Unreachable(String),
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its points, in order of time.
    pub points: Vec<(Timestamp, f64)>,
}

/// Returns what a run without trials asks.
pub(super) fn of_run(pass: &Pass<'_>, windows: &[Window]) -> Vec<Question> {
    if pass.run.spec.trials.is_some() {
        return Vec::new();
    }
    let metrics = run::metrics(pass.run.spec);
    let of_metric = |metric: &Metric| -> Vec<Question> {
        let targets = run::targets_of(pass.run.spec, metric);
        let asked = targets.into_iter().filter_map(|target| {
            let whom = Whom { target, variant: "", trial: "" };
            question(pass, metric, &whom, window_of(windows, target)?)
        });
        asked.collect()
    };
    metrics.iter().flat_map(of_metric).collect()
}

/// Returns what is asked of a trial: every metric, how much data lies under it, and what may have disturbed.
pub(super) fn of_trial(pass: &Pass<'_>, slot: &Slot, window: &Window) -> Vec<Question> {
    let target = pass.run.spec.target_of(&slot.variant);
    let whom = Whom { target: Some(target), variant: &slot.variant, trial: &slot.trial };
    let mut asked = Vec::new();
    for metric in run::metrics(pass.run.spec) {
        if !metric.is_of(target) {
            continue;
        }
        let Some(value) = question(pass, &metric, &whom, window.clone()) else { continue };
        let range = query::promql_duration(value.window.length());
        for selector in query::selectors(&value.query) {
            let is_read_often = selector.over_range || value.kind == QueryType::Range;
            let needed = if is_read_often { needed_over(value.window.length(), &value.store) } else { 1 };
            asked.push(Question {
                purpose: Purpose::RawCount { needed },
                kind: QueryType::Instant,
                query: format!("min(count_over_time({}[{range}]))", selector.series),
                lookback: None,
                ..value.clone()
            });
        }
        if let Some(buckets) = query::buckets(&value.query) {
            asked.push(Question { purpose: Purpose::Buckets, query: buckets, ..value.clone() });
        }
        asked.push(value);
    }
    let throttled = Metric { name: "throttled_ratio".into(), query: THROTTLED.into(), ..Metric::default() };
    if let Some(throttled) = question(pass, &throttled, &whom, window.clone()) {
        // Of the hub in any case: no subject is asked about the machine.
        let purpose = Purpose::Environment { unit: "ratio".into() };
        asked.push(Question { purpose, ..throttled.of_store(Store::Hub) });
    }
    asked
}

/// Returns how many samples of a window are needed: of the hub's store most of those that it takes; how often another
/// takes them is not known.
fn needed_over(window: Duration, store: &Store) -> u64 {
    let taken = window.as_millis() / measurement::SCRAPE_INTERVAL.as_millis();
    let most = u64::try_from(taken * NEEDED_TENTHS / 10).unwrap_or(u64::MAX);
    if *store == Store::Hub { most.max(NEEDED_OVER_RANGE) } else { NEEDED_OVER_RANGE }
}

/// Whom a question is about; variant and trial are empty if it is about no trial.
pub(crate) struct Whom<'a> {
    pub(crate) target: Option<&'a str>,
    pub(crate) variant: &'a str,
    pub(crate) trial: &'a str,
}

impl Whom<'_> {
    /// Returns what the store is asked for a metric of a run, by UID and name, over a window: its variables filled in. None
    /// for a query that cannot be filled in, which the first stage refuses.
    pub(crate) fn query(&self, uid: &str, run: &str, metric: &Metric, window: &Window) -> Option<String> {
        let namespace = self.target.map(|target| run::namespace(uid, run, target)).unwrap_or_default();
        let values = Values {
            experiment: run,
            namespace: &namespace,
            target: self.target.unwrap_or_default(),
            duration: window.length(),
            variant: self.variant,
            trial: self.trial,
        };
        query::fill(&metric.query, &values).ok()
    }
}

impl Question {
    /// Returns the same question to a store: how far back it may look depends on how often it takes samples.
    #[must_use]
    pub fn of_store(&self, store: Store) -> Self {
        let (length, of_hub) = (self.window.length(), store == Store::Hub);
        Self {
            after: match self.kind {
                QueryType::Range => measurement::first_point(&self.query, length, of_hub),
                QueryType::Instant => Duration::ZERO,
            },
            lookback: measurement::lookback(&self.query, self.kind, length, of_hub),
            store,
            ..self.clone()
        }
    }
}

fn question(pass: &Pass<'_>, metric: &Metric, whom: &Whom<'_>, window: Window) -> Option<Question> {
    let target = whom.target;
    let asked = Question {
        metric: metric.name.clone(),
        purpose: Purpose::Value,
        target: target.map(str::to_owned),
        store: Store::Hub,
        kind: metric.kind,
        query: whom.query(pass.run.uid, pass.run.name, metric, &window)?,
        after: Duration::ZERO,
        step: (window.length() / RANGE_POINTS).max(Duration::from_secs(1)),
        lookback: None,
        window,
    };
    Some(asked.of_store(target.and_then(|target| store_of(pass, target)).unwrap_or(Store::Hub)))
}

/// Returns the window of a target: its own, else one that is of all targets. Of the whole run: from first start to last end.
fn window_of(windows: &[Window], target: Option<&str>) -> Option<Window> {
    let own =
        target.and_then(|target| windows.iter().find(|window| window.target.as_deref() == Some(target)));
    if let Some(window) = own.or_else(|| windows.iter().find(|window| window.target.is_none())) {
        return Some(window.clone());
    }
    let first = windows.iter().min_by_key(|window| window.start.0)?;
    let last = windows.iter().max_by_key(|window| window.end.0)?;
    Some(Window {
        target: None,
        start: first.start.clone(),
        end: last.end.clone(),
        recorded_by: first.recorded_by,
    })
}

/// Returns the store of a target's own, if a component of it says that it is one.
fn store_of(pass: &Pass<'_>, target: &str) -> Option<Store> {
    let component =
        pass.run.components(target).iter().find(|component| component.metrics_store == Some(true))?;
    let endpoint = component.endpoint.as_ref()?;
    let namespace = pass.run.namespace_of(target);
    let address = if pass.run.is_on_hub(target) {
        format!("{}.{namespace}.svc:{}", endpoint.service, endpoint.port)
    } else {
        component.address.clone()?
    };
    Some(Store::Target { address, name: format!("{namespace}/{}", endpoint.service) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::few(8, 3)]
    #[case::most_of_22(45, 17)]
    #[case::never_fewer_than_mean_something(2, 3)]
    fn what_the_hubs_store_has_of_a_window_must_be_most_of_it(#[case] seconds: u64, #[case] needed: u64) {
        assert_eq!(needed_over(Duration::from_secs(seconds), &Store::Hub), needed);
        let other = Store::Target { address: "a:1".into(), name: "ns/own".into() };
        assert_eq!(needed_over(Duration::from_secs(seconds), &other), NEEDED_OVER_RANGE);
    }
}
