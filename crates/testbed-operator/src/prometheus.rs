//! PromQL over HTTP: instant and range queries, every way of failing told apart.

use anyhow::{Context, Result};
use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use std::time::Duration;
use testbed_api::experiment::QueryType;
use testbed_core::plan::{Answer, Question, Store};
use testbed_core::prometheus::{MAX_BYTES, read};

/// How long one query may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Asks stores that speak PromQL.
pub(crate) struct Prometheus {
    client: Client,
    hub: String,
}

impl Prometheus {
    /// Makes a client whose `Store::Hub` is at `hub`.
    pub(crate) fn new(hub: &str) -> Result<Self> {
        // A store must not send us elsewhere.
        let client = Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self {
            client: client.context("failed to make an HTTP client")?,
            hub: hub.trim_end_matches('/').to_owned(),
        })
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
            Ok((status, body)) => read(status.as_u16(), &body),
            Err(reason) => Answer::Unreachable(reason),
        }
    }

    async fn post(&self, url: &str, form: &[(&str, String)]) -> Result<(StatusCode, Vec<u8>), String> {
        let said = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self.client.post(url).form(form).send().await.map_err(said)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(said)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Ok((StatusCode::PAYLOAD_TOO_LARGE, Vec::new()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }
}

fn seconds(at: Timestamp) -> String {
    format!("{}.{:03}", at.as_second(), at.subsec_millisecond())
}
