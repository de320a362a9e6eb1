//! PromQL over HTTP: instant and range queries, every way of failing told apart.

use crate::ingest::WHOSE;
use crate::outside::{Http, HttpError, Reply};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;
use testbed_api::experiment::QueryType;
use testbed_core::plan::{Answer, Question, Store};
use testbed_core::prometheus::{MAX_BYTES, read};

/// Asks stores that speak PromQL.
pub(crate) struct Prometheus {
    http: Arc<dyn Http>,
    hub: String,
}

impl Prometheus {
    /// Makes a client whose `Store::Hub` is at `hub`.
    pub(crate) fn new(http: Arc<dyn Http>, hub: &str) -> Self {
        Self { http, hub: hub.trim_end_matches('/').to_owned() }
    }

    /// Has the hub's store show what it took. VictoriaMetrics keeps back what it was given last for some seconds, in
    /// which what a workload said of itself would be missing. Another store knows no such request, and needs none.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub(crate) async fn settle(&self) -> Result<(), String> {
        let request = Request::get(format!("{}/internal/force_flush", self.hub)).body(Bytes::new());
        let request = request.map_err(|error| error.to_string())?;
        match self.http.send(request, MAX_BYTES as u64).await {
            Ok(reply) if reply.status.is_server_error() => Err(format!("it answered {}", reply.status)),
            Ok(_) | Err(HttpError::TooLarge(_)) => Ok(()),
            Err(HttpError::Failed(reason)) => Err(reason),
        }
    }

    /// Asks one question, of the hub's store about what is of this run, or of nobody: several runs may have one name.
    pub(crate) async fn ask(&self, question: &Question, uid: &str) -> Answer {
        let base = match &question.store {
            Store::Hub => self.hub.clone(),
            Store::Target { address, .. } => format!("http://{address}"),
        };
        let end = seconds(question.window.end.0);
        let (path, mut form) = match question.kind {
            QueryType::Instant => ("query", vec![("query", question.query.clone()), ("time", end)]),
            QueryType::Range => {
                let first = question.window.start.0.saturating_add(question.after);
                let start = seconds(first.unwrap_or(question.window.start.0));
                let step = format!("{:.3}", question.step.as_secs_f64());
                (
                    "query_range",
                    vec![("query", question.query.clone()), ("start", start), ("end", end), ("step", step)],
                )
            }
        };
        if let Some(lookback) = question.lookback {
            // What VictoriaMetrics calls it, and what Prometheus does: each ignores the other's name.
            let lookback = format!("{}ms", lookback.as_millis());
            form.extend([("max_lookback", lookback.clone()), ("lookback_delta", lookback)]);
        }
        if question.store == Store::Hub {
            // What came through the gateway says whose it is; what the store scrapes itself does not have the label.
            form.push(("extra_filters[]", format!("{{{WHOSE}=~\"|{uid}\"}}")));
        }
        // Of VictoriaMetrics, which by default answers as of 30 seconds ago and from its cache; Prometheus knows neither.
        form.extend([("latency_offset", "1ms".to_owned()), ("nocache", "1".to_owned())]);
        match self.post(&format!("{base}/api/v1/{path}"), &form).await {
            Ok(reply) => read(reply.status.as_u16(), &reply.body),
            Err(HttpError::TooLarge(_)) => read(StatusCode::PAYLOAD_TOO_LARGE.as_u16(), b""),
            Err(HttpError::Failed(reason)) => Answer::Unreachable(reason),
        }
    }

    async fn post(&self, url: &str, form: &[(&str, String)]) -> Result<Reply, HttpError> {
        let failed = |error: String| HttpError::Failed(error);
        let form = serde_urlencoded::to_string(form).map_err(|error| failed(error.to_string()))?;
        let request = Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(Bytes::from(form)).map_err(|error| failed(error.to_string()))?;
        self.http.send(request, MAX_BYTES as u64).await
    }
}

fn seconds(at: Timestamp) -> String {
    format!("{}.{:03}", at.as_second(), at.subsec_millisecond())
}
