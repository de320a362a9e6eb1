//! PromQL over HTTP: instant and range queries, every way of failing told apart.

use crate::outside::{Http, HttpError, Reply};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use testbed_api::experiment::QueryType;
use testbed_core::plan::{Answer, Question, Series, Store};

/// Largest answer that is read; a larger one is refused and said.
const MAX_BYTES: u64 = 64 << 20;

/// Asks stores that speak PromQL.
pub(crate) struct Prometheus {
    http: Arc<dyn Http>,
    hub: String,
}

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

impl Prometheus {
    /// Makes a client whose `Store::Hub` is at `hub`.
    pub(crate) fn new(http: Arc<dyn Http>, hub: &str) -> Self {
        Self { http, hub: hub.trim_end_matches('/').to_owned() }
    }

    /// Asks one question.
    pub(crate) async fn ask(&self, question: &Question) -> Answer {
        let base = match &question.store {
            Store::Hub => self.hub.clone(),
            Store::Target { address, .. } => format!("http://{address}"),
        };
        let (start, end) = (seconds(question.window.start.0), seconds(question.window.end.0));
        let (path, mut form) = match question.kind {
            QueryType::Instant => ("query", vec![("query", question.query.clone()), ("time", end)]),
            QueryType::Range => {
                let step = format!("{:.3}", question.step.as_secs_f64());
                (
                    "query_range",
                    vec![("query", question.query.clone()), ("start", start), ("end", end), ("step", step)],
                )
            }
        };
        // Of VictoriaMetrics, which by default answers as of 30 seconds ago and from its cache; Prometheus knows neither.
        form.extend([("latency_offset", "1ms".to_owned()), ("nocache", "1".to_owned())]);
        match self.post(&format!("{base}/api/v1/{path}"), &form).await {
            Ok(reply) => read(reply.status, &reply.body),
            Err(HttpError::TooLarge(_)) => {
                Answer::Refused(format!("the answer is larger than {} MiB", MAX_BYTES >> 20))
            }
            Err(HttpError::Failed(reason)) => Answer::Unreachable(reason),
        }
    }

    async fn post(&self, url: &str, form: &[(&str, String)]) -> Result<Reply, HttpError> {
        let failed = |error: String| HttpError::Failed(error);
        let form = serde_urlencoded::to_string(form).map_err(|error| failed(error.to_string()))?;
        let request = Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(Bytes::from(form)).map_err(|error| failed(error.to_string()))?;
        self.http.send(request, MAX_BYTES).await
    }
}

fn seconds(at: Timestamp) -> String {
    format!("{}.{:03}", at.as_second(), at.subsec_millisecond())
}

fn read(status: StatusCode, body: &[u8]) -> Answer {
    let envelope: Envelope = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(_) => return Answer::Unreachable(format!("it answered {status}, and not as Prometheus does")),
    };
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => series(data).map_or_else(Answer::Refused, Answer::Series),
        // 5xx is trouble of the store, which may pass; 4xx is about the query.
        _ if status.is_server_error() => {
            Answer::Unreachable(envelope.error.unwrap_or_else(|| status.to_string()))
        }
        _ => Answer::Refused(envelope.error.unwrap_or_else(|| status.to_string())),
    }
}

fn series(data: Data) -> Result<Vec<Series>, String> {
    match data {
        Data::Vector(series) => series
            .into_iter()
            .map(|series| Ok(Series { labels: series.metric, points: vec![point(&series.value)?] }))
            .collect(),
        Data::Matrix(series) => series
            .into_iter()
            .map(|series| {
                let points = series.values.iter().map(point).collect::<Result<_, String>>()?;
                Ok(Series { labels: series.metric, points })
            })
            .collect(),
        Data::Scalar(value) => Ok(vec![Series { labels: BTreeMap::new(), points: vec![point(&value)?] }]),
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
    let value = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok((time, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        read(StatusCode::from_u16(status).unwrap(), body.as_bytes())
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
}
