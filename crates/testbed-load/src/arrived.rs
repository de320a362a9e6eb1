//! Asks a store, in its own PromQL, what reached it in a window. What a store does not answer is missing, never zero.

use crate::client::{self, Content};
use crate::push::{self, Gauge, Label};
use crate::url::{self, Url};
use crate::{duration, given, report};
use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// By family: over both at once Prometheus refuses it, as series would differ in nothing but the name it drops.
const SAMPLES: &str =
    "sum(count_over_time(load_gauge[$DURATION])) + sum(count_over_time(load_counter_total[$DURATION]))";
/// The store may be busy with what it was just asked under load.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a store that shows nothing is asked, and the pause between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// Ask a store how many series and samples reached it in a window
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: Question,
    /// Start of the window, RFC 3339
    #[arg(long)]
    window_start: Timestamp,
    /// End of the window, RFC 3339
    #[arg(long)]
    window_end: Timestamp,
    /// Label of what is pushed
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = push::label)]
    labels: Vec<Label>,
    /// Where to push, such as http://victoria-metrics:8428/api/v1/import/prometheus
    #[arg(long)]
    push: Option<String>,
    /// Folder for arrived.json
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What is asked of a store; nothing if no store is named.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Question {
    /// Store to ask what arrived, such as http://prometheus:9090
    #[arg(long)]
    store: Option<String>,
    /// PromQL for the number of series at the window's end
    #[arg(long, default_value = r#"count({__name__=~"load_.+"})"#)]
    series_query: String,
    /// PromQL for the number of samples in the window; $DURATION is its length
    #[arg(long, default_value = SAMPLES)]
    samples_query: String,
    /// How long after the window's end to ask: a store shows samples some time after it took them
    #[arg(long, default_value = "5s", value_parser = duration)]
    settle: Duration,
}

/// What reached the store.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Arrived {
    series: Option<f64>,
    samples_per_second: Option<f64>,
}

pub(crate) async fn main(args: Args) -> anyhow::Result<()> {
    let Some(arrived) = ask(&args.question, args.window_start, args.window_end).await? else {
        bail!("--store names no store");
    };
    println!("{arrived}");
    if let Some(folder) = &args.out {
        report::write(folder, "arrived.json", &serde_json::to_string(&arrived)?)?;
    }
    let gauges = arrived.gauges();
    if let Some(url) = given(args.push.as_deref())
        && !gauges.is_empty()
    {
        let url = url.parse().map_err(anyhow::Error::msg)?;
        push::push(&url, push::exposition(&gauges, &push::labels(&args.labels), args.window_end)).await?;
    }
    Ok(())
}

/// Returns what reached the store, once it had time to show it; `None` if no store is named.
pub(crate) async fn ask(
    question: &Question,
    start: Timestamp,
    end: Timestamp,
) -> anyhow::Result<Option<Arrived>> {
    let Some(store) = given(question.store.as_deref()) else { return Ok(None) };
    let store: Url = store.parse().map_err(anyhow::Error::msg)?;
    let window = Duration::try_from(end.duration_since(start)).context("the window ends before it starts")?;
    if window.as_millis() == 0 {
        bail!("the window has no length");
    }
    let settled = end.checked_add(question.settle).context("the settling time is too long")?;
    if let Ok(rest) = Duration::try_from(settled.duration_since(Timestamp::now())) {
        tokio::time::sleep(rest).await;
    }
    let samples_query = question.samples_query.replace("$DURATION", &promql_duration(window));
    let series = shown(&store, &question.series_query, end, "number of series").await?;
    let samples = shown(&store, &samples_query, end, "number of samples").await?;
    Ok(Some(Arrived { series, samples_per_second: samples.map(|samples| samples / window.as_secs_f64()) }))
}

fn promql_duration(window: Duration) -> String {
    match window.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

/// Returns the number that a query has at a time. A store that has just begun may show what it took later than others:
/// it is asked again before that is missing.
async fn shown(store: &Url, query: &str, at: Timestamp, what: &str) -> anyhow::Result<Option<f64>> {
    for _ in 1..TRIES {
        if let Some(number) = one_number(store, query, at, what).await? {
            return Ok(Some(number));
        }
        tokio::time::sleep(PAUSE).await;
    }
    one_number(store, query, at, what).await
}

/// Returns the number that a query has at a time, or `None` with a warning.
async fn one_number(store: &Url, query: &str, at: Timestamp, what: &str) -> anyhow::Result<Option<f64>> {
    let millis = at.as_millisecond();
    // Without `nocache` VictoriaMetrics moves a query about the last 30 seconds back to before them. Others ignore it.
    let body = format!(
        "query={}&time={}.{:03}&nocache=1",
        url::encode_value(query),
        millis.div_euclid(1000),
        millis.rem_euclid(1000)
    );
    let content = Content { kind: "application/x-www-form-urlencoded", body };
    let (status, answer) = client::post(&store.join("/api/v1/query"), content, PATIENCE)
        .await
        .with_context(|| format!("failed to ask {store} for the {what}"))?;
    match parse(&answer) {
        Ok(Some(value)) => Ok(Some(value)),
        Ok(None) => {
            eprintln!("warning: {store} answers nothing to `{query}`: the {what} is missing");
            Ok(None)
        }
        Err(why) => bail!("{store} answers {status} to `{query}`: {why}"),
    }
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Series>),
    Scalar((f64, String)),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Series {
    value: (f64, String),
}

/// Returns the one number of an answer, or `None` if it is empty or not a number.
fn parse(answer: &[u8]) -> Result<Option<f64>, String> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|error| format!("this is no answer of a PromQL API: {error}"))?;
    if answer.status != "success" {
        return Err(answer.error.unwrap_or(answer.status));
    }
    let value = match answer.data {
        Some(Data::Vector(series)) => match series.as_slice() {
            [] => return Ok(None),
            [one] => one.value.1.clone(),
            many => return Err(format!("{} numbers where one is asked for", many.len())),
        },
        Some(Data::Scalar((_, value))) => value,
        Some(Data::Other) | None => return Err("neither a vector nor a scalar".into()),
    };
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok(value.is_finite().then_some(value))
}

impl Arrived {
    /// Returns the numbers for the store of the lab: none for what is missing.
    pub(crate) fn gauges(&self) -> Vec<Gauge> {
        let series = self.series.map(|series| Gauge::new("testbed_arrived_series", series));
        let samples =
            self.samples_per_second.map(|samples| Gauge::new("testbed_arrived_samples_per_second", samples));
        series.into_iter().chain(samples).collect()
    }
}

impl fmt::Display for Arrived {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: Option<f64>| value.map_or("missing".to_owned(), |value| value.to_string());
        write!(
            formatter,
            "{:<12} {} series, {} samples/s",
            "arrived",
            shown(self.series),
            shown(self.samples_per_second)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;
    use hyper::StatusCode;
    use tokio_util::sync::CancellationToken;

    const START: &str = "2026-01-02T03:04:00Z";
    const END: &str = "2026-01-02T03:04:40Z";

    async fn asked_of(body: &'static str) -> anyhow::Result<Arrived> {
        let answer = move |path: &str| {
            assert_eq!(path, "/prometheus/api/v1/query");
            server::answer(StatusCode::OK, "application/json", body)
        };
        let address = server::spawn(answer, CancellationToken::new()).await;
        let question = Question {
            store: Some(format!("http://{address}/prometheus")),
            series_query: "count(up)".into(),
            samples_query: "sum(count_over_time(up[$DURATION]))".into(),
            settle: Duration::ZERO,
        };
        Ok(ask(&question, START.parse().unwrap(), END.parse().unwrap()).await?.unwrap())
    }

    #[tokio::test]
    async fn one_number_is_taken_and_samples_are_counted_per_second_of_the_window() {
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767323080,"10000"]}]}}"#;
        let arrived = asked_of(body).await.unwrap();
        assert_eq!(arrived, Arrived { series: Some(10_000.0), samples_per_second: Some(250.0) });
        let gauges = arrived.gauges();
        assert_eq!(gauges[0], Gauge::new("testbed_arrived_series", 10_000.0));
        assert_eq!(gauges[1], Gauge::new("testbed_arrived_samples_per_second", 250.0));
    }

    #[tokio::test]
    async fn an_empty_answer_is_missing_and_pushes_nothing() {
        let arrived =
            asked_of(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#).await.unwrap();
        assert_eq!(arrived, Arrived { series: None, samples_per_second: None });
        assert!(arrived.gauges().is_empty());
        assert!(arrived.to_string().contains("missing"));
    }

    #[tokio::test]
    async fn an_answer_that_is_not_a_number_is_missing() {
        let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1767323080,"NaN"]}}"#;
        assert!(asked_of(body).await.unwrap().gauges().is_empty());
    }

    #[tokio::test]
    async fn an_error_of_the_store_is_told_in_its_own_words() {
        let body = r#"{"status":"error","errorType":"bad_data","error":"parse error at char 3"}"#;
        let error = format!("{:#}", asked_of(body).await.unwrap_err());
        assert!(error.contains("parse error at char 3"), "{error}");
    }

    #[tokio::test]
    async fn several_numbers_are_refused_rather_than_chosen_from() {
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"a":"1"},"value":[1,"1"]},{"metric":{"a":"2"},"value":[1,"2"]}]}}"#;
        let error = format!("{:#}", asked_of(body).await.unwrap_err());
        assert!(error.contains("2 numbers"), "{error}");
    }

    #[test]
    fn the_windows_length_is_written_for_promql() {
        assert_eq!(promql_duration(Duration::from_secs(40)), "40s");
        assert_eq!(promql_duration(Duration::from_millis(2_500)), "2500ms");
    }
}
