//! What a store that speaks PromQL answered, read. The store may be the subject of an experiment: it is not trusted.

use crate::plan::{Answer, Series};
use crate::problem::cut;
use crate::tutorial::plain;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest answer that is read, in bytes; a larger one is refused and said.
pub const MAX_BYTES: usize = 64 << 20;
/// Most series of an answer: one is wanted, and more are shown by the first of them.
const MAX_SERIES: usize = 10_000;
/// Longest text of a store that is handed on, in bytes: it ends in records and in status.
const LONGEST_ERROR: usize = 1024;

#[derive(Deserialize)]
struct Envelope {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<VectorSeries>),
    Matrix(Vec<MatrixSeries>),
    Scalar((f64, String)),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct VectorSeries {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

#[derive(Deserialize)]
struct MatrixSeries {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

/// Reads an answer by the status of HTTP it came with.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> Answer {
    // Too large, by ourselves or by a proxy before the store.
    if status == 413 {
        return Answer::Refused(format!("the answer is larger than {} MiB", MAX_BYTES >> 20));
    }
    let envelope: Envelope = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(_) => return Answer::Unreachable(format!("it answered {status}, and not as Prometheus does")),
    };
    let error = || {
        let said = envelope.error.as_deref().map(|error| plain(&cut(error.to_owned(), LONGEST_ERROR)));
        said.unwrap_or_else(|| format!("it answered {status}"))
    };
    match (envelope.status.as_str(), &envelope.data) {
        ("success", Some(data)) => series(data).map_or_else(Answer::Refused, Answer::Series),
        // 5xx is trouble of the store, which may pass; 4xx is about the query.
        _ if status >= 500 => Answer::Unreachable(error()),
        _ => Answer::Refused(error()),
    }
}

fn series(data: &Data) -> Result<Vec<Series>, String> {
    let few = |count: usize| {
        if count > MAX_SERIES {
            Err(format!("the query answers {count} series, more than {MAX_SERIES}"))
        } else {
            Ok(())
        }
    };
    match data {
        Data::Vector(series) => {
            few(series.len())?;
            let one = |series: &VectorSeries| {
                Ok(Series { labels: series.metric.clone(), points: vec![point(&series.value)?] })
            };
            series.iter().map(one).collect()
        }
        Data::Matrix(series) => {
            few(series.len())?;
            let one = |series: &MatrixSeries| {
                let points = series.values.iter().map(point).collect::<Result<_, String>>()?;
                Ok(Series { labels: series.metric.clone(), points })
            };
            series.iter().map(one).collect()
        }
        Data::Scalar(value) => Ok(vec![Series { labels: BTreeMap::new(), points: vec![point(value)?] }]),
        Data::String(_) => Err("the query answers text, not numbers".into()),
    }
}

fn point((time, value): &(f64, String)) -> Result<(Timestamp, f64), String> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float that is out of range saturates, and is refused as a time"
    )]
    let time =
        Timestamp::from_millisecond((time * 1000.0).round() as i64).map_err(|error| error.to_string())?;
    // Prometheus writes NaN, +Inf and -Inf, all of which parse; what is not finite is judged later.
    let value = value.parse().map_err(|_| format!("`{}` is not a number", plain(&cut(value.clone(), 64))))?;
    Ok((time, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn answer(status: u16, body: &str) -> Answer {
        read(status, body.as_bytes())
    }

    #[test]
    fn a_vector_becomes_series_of_one_point() {
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1700000000.5,"4"]}]}}"#;
        let Answer::Series(series) = answer(200, body) else { panic!("no series") };
        assert_eq!(series[0].labels["pod"], "a");
        assert_eq!(series[0].points, [(Timestamp::from_millisecond(1_700_000_000_500).unwrap(), 4.0)]);
    }

    #[test]
    fn an_empty_answer_is_no_series_and_not_zero() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert_eq!(answer(200, body), Answer::Series(Vec::new()));
    }

    #[test]
    fn what_is_wrong_with_the_query_is_told_from_what_is_wrong_with_the_store() {
        let body = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        assert_eq!(answer(400, body), Answer::Refused("parse error".into()));
        let body = r#"{"status":"error","errorType":"internal","error":"no disk"}"#;
        assert_eq!(answer(500, body), Answer::Unreachable("no disk".into()));
        assert!(matches!(answer(502, "<html>bad gateway"), Answer::Unreachable(_)));
    }

    #[test]
    fn the_words_of_a_store_are_short_and_steer_no_terminal() {
        let error = format!("\u{1b}[2J\u{202e}no disk{}", "!".repeat(1 << 20));
        let body = json!({"status": "error", "error": error}).to_string();
        let Answer::Refused(said) = answer(400, &body) else { panic!("not refused") };
        assert!(said.starts_with("[2Jno disk!") && said.len() <= LONGEST_ERROR, "{} {said:.40}", said.len());
    }

    #[test]
    fn more_series_than_anyone_reads_are_refused_and_said() {
        let one = json!({"metric": {}, "value": [1, "1"]});
        let body = json!({"status": "success", "data": {"resultType": "vector", "result": vec![one; MAX_SERIES + 1]}});
        let said = "the query answers 10001 series, more than 10000";
        assert_eq!(answer(200, &body.to_string()), Answer::Refused(said.into()));
    }

    #[rstest]
    #[case::a_time_that_is_none("[1e300,\"1\"]")]
    #[case::text_for_a_number("[1,\"<script>\"]")]
    fn a_point_that_is_none_is_refused(#[case] point: &str) {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":{point}}}]}}}}"#
        );
        assert!(matches!(answer(200, &body), Answer::Refused(_)));
    }

    #[rstest]
    #[case::a_number_without_end("[1e400,\"1\"]")]
    #[case::a_number_that_is_none("[NaN,\"1\"]")]
    #[case::another_shape("[1]")]
    fn an_answer_that_is_none_counts_as_no_answer(#[case] point: &str) {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":{point}}}]}}}}"#
        );
        assert!(matches!(answer(200, &body), Answer::Unreachable(_)));
    }
}
