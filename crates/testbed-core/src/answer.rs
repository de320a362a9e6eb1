//! From what a store answered to the one value of a metric, or to the reason why there is none.

use crate::plan::{Answer, Series};
use testbed_api::experiment::{Aggregation, Metric, QueryType};
use testbed_api::summary::ExpectationResult;

/// Returns the one value of an answer: a single point, or what became of the points of a single series.
///
/// # Errors
/// Why there is none, in words for people.
pub fn value(kind: QueryType, aggregation: Aggregation, answer: &Answer) -> Result<f64, String> {
    let series: &[Series] = match answer {
        Answer::Series(series) => series,
        Answer::Refused(reason) => return Err(format!("the store refused the query: {reason}")),
        Answer::Unreachable(reason) => return Err(format!("the store could not be asked: {reason}")),
    };
    match series {
        [] => Err("no data".into()),
        [only] => {
            let points: Vec<f64> = only.points.iter().map(|(_, value)| *value).collect();
            aggregate(kind, aggregation, &points)
        }
        many => Err(format!("{} series, so there is no single value", many.len())),
    }
}

/// Returns what the points of one series become.
///
/// # Errors
/// Why they become nothing.
pub fn aggregate(kind: QueryType, aggregation: Aggregation, points: &[f64]) -> Result<f64, String> {
    if let Some(value) = points.iter().find(|value| !value.is_finite()) {
        return Err(format!("the store answered {value}"));
    }
    let some = |value: Option<f64>| value.ok_or_else(|| "no data".to_owned());
    match (kind, aggregation) {
        (QueryType::Instant, _) => match points {
            [] => Err("no data".into()),
            [value] => Ok(*value),
            many => Err(format!("{} points for one instant", many.len())),
        },
        (QueryType::Range, Aggregation::Mean) => testbed_stats::mean(points).map_err(|_| "no data".into()),
        (QueryType::Range, Aggregation::Median) => {
            testbed_stats::median(points).map_err(|_| "no data".into())
        }
        (QueryType::Range, Aggregation::Max) => some(points.iter().copied().reduce(f64::max)),
        (QueryType::Range, Aggregation::Min) => some(points.iter().copied().reduce(f64::min)),
        (QueryType::Range, Aggregation::Last) => some(points.last().copied()),
    }
}

/// Returns how a value stands to what the load is meant to make the metric.
#[must_use]
pub fn expectation(metric: &Metric, value: Option<f64>) -> Option<ExpectationResult> {
    let expect = metric.expect.as_ref()?;
    let mut result = ExpectationResult {
        intended: expect.value,
        tolerance_ratio: expect.tolerance,
        unit: metric.unit().to_owned(),
        met: None,
    };
    result.met = value.map(|value| result.is_met_by(value));
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use rstest::rstest;
    use std::collections::BTreeMap;

    fn answer(values: &[Vec<f64>]) -> Answer {
        let series = values.iter().map(|points| Series {
            labels: BTreeMap::new(),
            points: (0..).map(|s| Timestamp::from_second(s).unwrap()).zip(points.iter().copied()).collect(),
        });
        Answer::Series(series.collect())
    }

    #[rstest]
    #[case(QueryType::Instant, Aggregation::Mean, vec![vec![4.0]], Ok(4.0))]
    #[case(QueryType::Range, Aggregation::Mean, vec![vec![1.0, 3.0]], Ok(2.0))]
    #[case(QueryType::Range, Aggregation::Max, vec![vec![1.0, 3.0]], Ok(3.0))]
    #[case(QueryType::Range, Aggregation::Last, vec![vec![1.0, 3.0, 2.0]], Ok(2.0))]
    #[case(QueryType::Range, Aggregation::Median, vec![vec![1.0, 9.0, 2.0]], Ok(2.0))]
    #[case(QueryType::Instant, Aggregation::Mean, vec![], Err("no data"))]
    #[case(QueryType::Range, Aggregation::Mean, vec![vec![]], Err("no data"))]
    #[case(QueryType::Instant, Aggregation::Mean, vec![vec![f64::NAN]], Err("the store answered NaN"))]
    #[case(QueryType::Instant, Aggregation::Mean, vec![vec![1.0], vec![2.0]], Err("2 series, so there is no single value"))]
    fn an_answer_has_one_value_or_a_reason(
        #[case] kind: QueryType,
        #[case] aggregation: Aggregation,
        #[case] points: Vec<Vec<f64>>,
        #[case] expected: Result<f64, &str>,
    ) {
        assert_eq!(value(kind, aggregation, &answer(&points)), expected.map_err(str::to_owned));
    }
}
