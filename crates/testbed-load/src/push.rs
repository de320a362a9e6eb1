//! Sends what was measured to a store, in the text format of Prometheus with timestamps.

use crate::client::{self, Content};
use crate::url::Url;
use anyhow::{Context, bail};
use hyper::StatusCode;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// After this long a store that does not take the numbers makes the run fail.
const PATIENCE: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_secs(5);
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// One `key=value` of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Label(String, String);

/// Parses `key=value`.
pub(crate) fn label(text: &str) -> Result<Label, String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not key=value"))?;
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Err(format!("`{name}` is not a name of a label"));
    }
    if name.starts_with("__") || name == "quantile" {
        return Err(format!("`{name}` is a label of its own meaning"));
    }
    Ok(Label(name.to_owned(), value.to_owned()))
}

/// Returns the labels by name. An empty label is the same as none.
pub(crate) fn labels(given: &[Label]) -> BTreeMap<String, String> {
    let given = given.iter().filter(|Label(_, value)| !value.is_empty());
    given.map(|Label(name, value)| (name.clone(), value.clone())).collect()
}

/// One number for the store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gauge {
    pub(crate) name: &'static str,
    pub(crate) quantile: Option<&'static str>,
    pub(crate) value: f64,
}

impl Gauge {
    pub(crate) const fn new(name: &'static str, value: f64) -> Self {
        Self { name, quantile: None, value }
    }
}

/// Returns the text of gauges that all have the same labels and time.
pub(crate) fn exposition(gauges: &[Gauge], labels: &BTreeMap<String, String>, at: Timestamp) -> String {
    let mut text = String::new();
    for gauge in gauges {
        let quantile = gauge.quantile.map(|quantile| ("quantile", quantile));
        let own = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs: Vec<String> =
            own.chain(quantile).map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        text.push_str(gauge.name);
        if !pairs.is_empty() {
            let _ = write!(text, "{{{}}}", pairs.join(","));
        }
        let _ = writeln!(text, " {} {}", gauge.value, at.as_millisecond());
    }
    text
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Sends the text, again if the store is not there yet, for a bounded time. Sending twice does no harm: time and value
/// are the same.
pub(crate) async fn push(url: &Url, text: String) -> anyhow::Result<()> {
    push_within(url, text, PATIENCE).await
}

async fn push_within(url: &Url, text: String, patience: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + patience;
    let mut pause = PAUSES.0;
    loop {
        let content = Content { kind: "text/plain; version=0.0.4", body: text.clone() };
        let error = match client::post(url, content, TRY).await {
            Ok((status, _)) if status.is_success() => return Ok(()),
            Ok((status, body)) => {
                let error = anyhow::anyhow!("it answers {status}: {}", String::from_utf8_lossy(&body).trim());
                let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
                if status.is_client_error() && !later.contains(&status) {
                    bail!(error.context(format!("{url} refuses the numbers")));
                }
                error
            }
            Err(error) => error,
        };
        if Instant::now() + pause >= deadline {
            return Err(error).with_context(|| format!("failed to push to {url} within {patience:?}"));
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio_util::sync::CancellationToken;

    fn of(pairs: &[&str]) -> BTreeMap<String, String> {
        labels(&pairs.iter().map(|pair| label(pair).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn the_text_has_sorted_labels_escaped_values_and_milliseconds() {
        let gauges = [
            Gauge { name: "testbed_load_latency_seconds", quantile: Some("0.99"), value: 0.001_234 },
            Gauge::new("testbed_load_requests_sent", 800.0),
        ];
        let labels = of(&["target=left", r#"experiment=tsdb "x7k2q"\"#, "empty="]);
        let at = "2026-01-02T03:04:05.678912Z".parse().unwrap();
        assert_eq!(
            exposition(&gauges, &labels, at),
            "testbed_load_latency_seconds{experiment=\"tsdb \\\"x7k2q\\\"\\\\\",target=\"left\",quantile=\"0.99\"} \
             0.001234 1767323045678\n\
             testbed_load_requests_sent{experiment=\"tsdb \\\"x7k2q\\\"\\\\\",target=\"left\"} 800 1767323045678\n"
        );
        assert_eq!(exposition(&gauges[1..], &of(&[]), at), "testbed_load_requests_sent 800 1767323045678\n");
    }

    #[test]
    fn labels_that_would_clash_or_are_malformed_are_refused() {
        for wrong in ["quantile=1", "__name__=x", "9=x", "a-b=x", "=x", "novalue"] {
            assert!(label(wrong).is_err(), "{wrong}");
        }
    }

    /// Serves these statuses in turn, the last one for ever; the counter says how often it was asked.
    async fn store(statuses: &'static [u16]) -> (Url, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move |_: &str| {
            let index = count.fetch_add(1, Ordering::Relaxed).min(statuses.len() - 1);
            server::text(StatusCode::from_u16(statuses[index]).unwrap(), "no such path")
        };
        let address = server::spawn(answer, CancellationToken::new()).await;
        (format!("http://{address}/api/v1/import/prometheus").parse().unwrap(), asked)
    }

    #[tokio::test]
    async fn a_store_that_is_busy_is_asked_again() {
        let (url, asked) = store(&[503, 429, 204]).await;
        push(&url, "a 1 1\n".into()).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_store_that_refuses_is_not_asked_again_and_its_words_are_kept() {
        let (url, asked) = store(&[400]).await;
        let error = format!("{:#}", push(&url, "a 1 1\n".into()).await.unwrap_err());
        assert!(
            error.contains("refuses") && error.contains("400") && error.contains("no such path"),
            "{error}"
        );
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_store_that_never_answers_well_fails_the_run_in_bounded_time() {
        let (url, asked) = store(&[500]).await;
        let error = push_within(&url, "a 1 1\n".into(), Duration::from_millis(400)).await.unwrap_err();
        assert!(format!("{error:#}").contains("500"), "{error:#}");
        assert!(asked.load(Ordering::Relaxed) >= 2);
    }
}
