//! The gateway for remote write: takes what agents in targets collected, and writes it to the hub's store as their run's.
//!
//! What it answers decides what an agent does. vmagent drops a block that is answered 409, and tries everything but that,
//! 400 and 415 again, which it takes for a question of encoding first. Prometheus and Alloy drop on every 4xx but 429.
//! So a run that is over is answered 409, and what may pass 5xx.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use clap::Args;
use futures::{Stream, StreamExt};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use reqwest::{Client, Url};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use testbed_api::Experiment;
use testbed_core::ingest::{SHORTEST_KEY, verify};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Variable with the key that tokens are signed with. It is no flag: arguments of a process can be read by others.
const KEY: &str = "INGEST_KEY";
/// Largest block that is taken. vmagent sends at most 8 MiB, before it compresses.
const MAX_BYTES: usize = 16 << 20;
/// Longest text of the store that is handed on.
const MAX_ANSWER: usize = 64 << 10;
/// How long one block may take: as long as vmagent waits.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How long the store may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Label that says whose a series is. It replaces one of that name that came with the series.
pub(crate) const WHOSE: &str = "experiment_uid";
/// What of a request is for the store: how the block is encoded.
const HANDED_ON: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    HeaderName::from_static("x-prometheus-remote-write-version"),
    HeaderName::from_static("x-victoriametrics-remote-write-version"),
];

/// Settings of the gateway.
#[derive(Args)]
pub struct Settings {
    /// Address to listen on
    #[arg(long, env = "INGEST_ADDRESS", default_value = "0.0.0.0:8080")]
    address: SocketAddr,
    /// Metrics store of the hub
    #[arg(long, env = "METRICS_URL", default_value = "http://victoria-metrics.observability.svc:8428")]
    metrics_url: String,
}

/// Serves until stopped.
pub async fn run(settings: Settings, mut stopped: watch::Receiver<bool>) -> Result<()> {
    let key = std::env::var(KEY).with_context(|| format!("failed to read {KEY}"))?;
    let runs = Arc::new(Runs::default());
    let gateway = Gateway::new(key.into_bytes(), &settings.metrics_url, runs.clone())?;
    let client = kube::Client::try_default().await.context("failed to find the API server")?;
    let listener = TcpListener::bind(settings.address)
        .await
        .with_context(|| format!("failed to listen on {}", settings.address))?;
    let mut ended = stopped.clone();
    // What was begun is written to its end: the agent would send it again, and the store would have it twice.
    let server = axum::serve(listener, router(gateway)).with_graceful_shutdown(async move {
        let _ = ended.wait_for(|stopped| *stopped).await;
    });
    let follow = async {
        tokio::select! {
            () = follow(client, &runs) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    };
    let (served, ()) = tokio::join!(server, follow);
    served.context("failed to serve")
}

/// Which runs are live, as far as is known.
#[derive(Default)]
struct Runs(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// UIDs of the runs that are live; nothing before the first list is complete.
    live: Option<HashSet<String>>,
    /// Those of a list that is not complete yet.
    listed: HashSet<String>,
}

impl Runs {
    /// Returns whether a run is live; nothing while that is not known of any.
    fn live(&self, uid: &str) -> Option<bool> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.live.as_ref().map(|live| live.contains(uid))
    }

    fn known(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).live.is_some()
    }

    /// Takes what the watch tells. While it lists anew, what was known before counts.
    fn take(&self, event: Event<DynamicObject>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => known.listed.clear(),
            Event::InitApply(run) => known.listed.extend(live_uid(&run)),
            Event::InitDone => known.live = Some(std::mem::take(&mut known.listed)),
            Event::Apply(run) => {
                let live = known.live.get_or_insert_default();
                match live_uid(&run) {
                    Some(uid) => live.insert(uid),
                    None => live.remove(run.metadata.uid.as_deref().unwrap_or_default()),
                };
            }
            Event::Delete(run) => {
                let uid = run.metadata.uid.unwrap_or_default();
                known.live.get_or_insert_default().remove(&uid);
            }
        }
    }
}

/// Returns the UID of a run of which something may still be there.
fn live_uid(run: &DynamicObject) -> Option<String> {
    let cleaned = run.data.pointer("/status/resourcesCleaned").and_then(serde_json::Value::as_bool);
    run.metadata.uid.clone().filter(|_| cleaned != Some(true))
}

/// Follows the Experiments, for ever. One that cannot be read as one must not blind us to the others: they are taken
/// without their schema.
async fn follow(client: kube::Client, runs: &Runs) {
    let experiments: Api<DynamicObject> = Api::all_with(client, &ApiResource::erase::<Experiment>(&()));
    let mut events = pin!(watcher(experiments, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => runs.take(event),
            Err(error) => tracing::warn!(%error, "failed to follow the Experiments, will try again"),
        }
    }
}

/// Everything a request needs.
struct Gateway {
    key: Vec<u8>,
    runs: Arc<Runs>,
    client: Client,
    store: Url,
}

impl Gateway {
    fn new(key: Vec<u8>, store: &str, runs: Arc<Runs>) -> Result<Self> {
        ensure!(key.len() >= SHORTEST_KEY, "{KEY} has less than {SHORTEST_KEY} bytes");
        let store = format!("{}/api/v1/write", store.trim_end_matches('/'));
        let store = Url::parse(&store).with_context(|| format!("`{store}` is no URL"))?;
        let client = Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("failed to make an HTTP client")?;
        Ok(Self { key, runs, client, store })
    }
}

fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/api/v1/write", post(write))
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(ready))
        .with_state(Arc::new(gateway))
}

/// Ready once it knows which runs are live: before, every write would be sent back.
async fn ready(State(gateway): State<Arc<Gateway>>) -> (StatusCode, &'static str) {
    if gateway.runs.known() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the Experiments are not listed yet")
    }
}

async fn write(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    // Nothing of an unknown caller's body is read, and nothing of its token is said.
    let Some(uid) = bearer(&headers).and_then(|token| verify(&gateway.key, token)) else {
        return (
            StatusCode::UNAUTHORIZED,
            [("www-authenticate", "Bearer")],
            "the token is not one of ours\n",
        )
            .into_response();
    };
    if length(&headers).is_some_and(|length| length > MAX_BYTES) {
        return too_large();
    }
    match gateway.runs.live(uid) {
        Some(true) => forward(&gateway, uid, &headers, body).await,
        Some(false) => {
            // A caller that is cut off while it sends would take that for an outage and try again.
            let mut rest = pin!(capped(body.into_data_stream(), Arc::default()));
            while let Some(Ok(_)) = rest.next().await {}
            tracing::debug!(uid, "refused a write of a run that is over");
            (StatusCode::CONFLICT, "the run is over\n").into_response()
        }
        None => {
            (StatusCode::SERVICE_UNAVAILABLE, "it is not known yet which runs are live\n").into_response()
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> Response {
    let text = format!("a block may have {} MiB\n", MAX_BYTES >> 20);
    (StatusCode::PAYLOAD_TOO_LARGE, text).into_response()
}

/// Hands a block on while it arrives, and hands back what the store says.
async fn forward(gateway: &Gateway, uid: &str, headers: &HeaderMap, body: Body) -> Response {
    let mut url = gateway.store.clone();
    url.query_pairs_mut().append_pair("extra_label", &format!("{WHOSE}={uid}"));
    let mut request = gateway.client.post(url);
    for name in &HANDED_ON {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let exceeded = Arc::new(AtomicBool::new(false));
    // A stream that ends in an error makes a request that is not whole: the store writes nothing of it.
    let body = reqwest::Body::wrap_stream(capped(body.into_data_stream(), exceeded.clone()));
    match request.body(body).send().await {
        Ok(answer) => hand_back(answer).await,
        Err(_) if exceeded.load(Ordering::Relaxed) => too_large(),
        Err(error) => {
            tracing::warn!(uid, error = %error.without_url(), "failed to reach the store");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached\n").into_response()
        }
    }
}

/// Ends a stream with an error, and says so, when it brings more than [`MAX_BYTES`].
fn capped(
    body: BodyDataStream,
    exceeded: Arc<AtomicBool>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let mut taken = 0;
    body.map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        taken += chunk.len();
        if taken > MAX_BYTES {
            exceeded.store(true, Ordering::Relaxed);
            return Err(std::io::Error::other("too large"));
        }
        Ok(chunk)
    })
}

async fn hand_back(mut answer: reqwest::Response) -> Response {
    let status = answer.status();
    let retry = answer.headers().get(RETRY_AFTER).cloned();
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_ANSWER {
            text.truncate(MAX_ANSWER);
            break;
        }
    }
    let mut response = (status, text).into_response();
    if let Some(retry) = retry {
        response.headers_mut().insert(RETRY_AFTER, retry);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Mutex;
    use testbed_core::ingest::token;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef01234567";
    const LIVE: &str = "6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3a";
    const OVER: &str = "0a0a0a0a-6f0f-4a53-8f4e-0c8f5d1f2b3a";

    /// What a store was asked: query, encoding, authorization, and the size of what it got.
    #[derive(Clone, Debug, PartialEq)]
    struct Asked(String, Option<String>, Option<String>, usize);

    #[derive(Clone)]
    struct Fake {
        answer: Arc<Mutex<StatusCode>>,
        asked: Arc<Mutex<Vec<Asked>>>,
    }

    async fn take(State(fake): State<Fake>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let (encoding, authorization) = (text(CONTENT_ENCODING), text(AUTHORIZATION));
        let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let query = parts.uri.query().unwrap_or_default().to_owned();
        fake.asked.lock().unwrap().push(Asked(query, encoding, authorization, body.len()));
        (*fake.answer.lock().unwrap(), [(RETRY_AFTER, "3")], "said the store").into_response()
    }

    async fn listen(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }

    struct Bench {
        gateway: String,
        fake: Fake,
        runs: Arc<Runs>,
    }

    impl Bench {
        async fn new() -> Self {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let fake = Fake { answer: Arc::new(Mutex::new(StatusCode::NO_CONTENT)), asked: Arc::default() };
            let store =
                listen(Router::new().route("/api/v1/write", post(take)).with_state(fake.clone())).await;
            let runs = Arc::new(Runs::default());
            let gateway = Gateway::new(SECRET.to_vec(), &store, runs.clone()).unwrap();
            Self { gateway: listen(router(gateway)).await, fake, runs }
        }

        /// A gateway that has listed one run that is live, and one that is over.
        async fn listed() -> Self {
            let bench = Self::new().await;
            for event in [
                Event::Init,
                Event::InitApply(run(LIVE, None)),
                Event::InitApply(run(OVER, Some(true))),
                Event::InitDone,
            ] {
                bench.runs.take(event);
            }
            bench
        }

        async fn send(&self, authorization: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
            Client::new()
                .post(format!("{}/api/v1/write?extra_label={WHOSE}=forged", self.gateway))
                .header(AUTHORIZATION, authorization)
                .header(CONTENT_ENCODING, "zstd")
                .body(body)
                .send()
                .await
                .unwrap()
        }

        async fn write(&self, uid: &str, body: impl Into<reqwest::Body>) -> StatusCode {
            self.send(&format!("Bearer {}", token(SECRET, uid)), body).await.status()
        }

        fn asked(&self) -> Vec<Asked> {
            self.fake.asked.lock().unwrap().clone()
        }
    }

    fn run(uid: &str, cleaned: Option<bool>) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "experiments.illm.io/v1alpha1",
            "kind": "Experiment",
            "metadata": {"name": "run", "namespace": "experiments", "uid": uid},
            "spec": {"what": "no schema would take"},
            "status": {"resourcesCleaned": cleaned},
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn a_block_of_a_live_run_is_written_as_its_own() {
        let bench = Bench::listed().await;
        assert_eq!(bench.write(LIVE, vec![7; 1000]).await, 204);
        // The token stays here, and what a caller asks of the store is not handed on.
        let query = format!("extra_label={WHOSE}%3D{LIVE}");
        assert_eq!(bench.asked(), [Asked(query, Some("zstd".into()), None, 1000)]);
    }

    #[tokio::test]
    async fn what_bears_no_token_of_ours_is_refused_unread() {
        let bench = Bench::listed().await;
        let other = token(b"another key of the same length, or so it is", LIVE);
        let ours = token(SECRET, LIVE);
        for authorization in [
            String::new(),
            "Bearer".to_owned(),
            format!("Bearer {other}"),
            format!("Bearer {LIVE}"),
            format!("Basic {ours}"),
            format!("Bearer {}", ours.replace(LIVE, OVER)),
        ] {
            let answer = bench.send(&authorization, "block").await;
            assert_eq!(answer.status(), 401, "{authorization}");
            assert!(!answer.text().await.unwrap().contains(LIVE));
        }
        assert_eq!(bench.asked(), []);
    }

    #[tokio::test]
    async fn a_run_that_is_over_or_unknown_is_told_so_in_the_way_that_is_not_tried_again() {
        let bench = Bench::listed().await;
        assert_eq!(bench.write(OVER, vec![7; 4 << 20]).await, 409);
        assert_eq!(bench.write("no-such-run", "block").await, 409);
        assert_eq!(bench.asked(), []);
    }

    #[tokio::test]
    async fn a_run_can_write_until_it_is_cleaned_and_one_that_is_deleted_no_more() {
        let bench = Bench::listed().await;
        bench.runs.take(Event::Apply(run(OVER, Some(false))));
        assert_eq!(bench.write(OVER, "block").await, 204);
        bench.runs.take(Event::Apply(run(OVER, Some(true))));
        assert_eq!(bench.write(OVER, "block").await, 409);
        bench.runs.take(Event::Delete(run(LIVE, None)));
        assert_eq!(bench.write(LIVE, "block").await, 409);
    }

    #[tokio::test]
    async fn while_the_runs_are_listed_anew_those_known_before_count() {
        let bench = Bench::listed().await;
        bench.runs.take(Event::Init);
        assert_eq!(bench.write(LIVE, "block").await, 204);
        bench.runs.take(Event::InitDone);
        assert_eq!(bench.write(LIVE, "block").await, 409);
    }

    #[tokio::test]
    async fn before_the_runs_are_known_a_write_is_to_be_tried_again() {
        let bench = Bench::new().await;
        let ready = async || reqwest::get(format!("{}/readyz", bench.gateway)).await.unwrap().status();
        assert_eq!(bench.write(LIVE, "block").await, 503);
        assert_eq!(ready().await, 503);
        bench.runs.take(Event::Init);
        bench.runs.take(Event::InitDone);
        assert_eq!(ready().await, 200);
    }

    #[tokio::test]
    async fn what_the_store_says_is_handed_back() {
        let bench = Bench::listed().await;
        for status in
            [StatusCode::BAD_REQUEST, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE]
        {
            *bench.fake.answer.lock().unwrap() = status;
            let answer = bench.send(&format!("bearer {}", token(SECRET, LIVE)), "block").await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()[RETRY_AFTER], "3");
            assert_eq!(answer.text().await.unwrap(), "said the store");
        }
    }

    #[tokio::test]
    async fn a_store_that_is_gone_is_trouble_that_may_pass() {
        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", nowhere.local_addr().unwrap());
        drop(nowhere);
        let bench = Bench::listed().await;
        let gateway = Gateway::new(SECRET.to_vec(), &address, bench.runs.clone()).unwrap();
        let bench = Bench { gateway: listen(router(gateway)).await, ..bench };
        assert_eq!(bench.write(LIVE, "block").await, 503);
    }

    #[tokio::test]
    async fn a_block_that_is_too_large_is_refused_whether_it_says_so_or_not() {
        let bench = Bench::listed().await;
        assert_eq!(bench.write(LIVE, vec![0; MAX_BYTES]).await, 204);
        assert_eq!(bench.asked().len(), 1);
        let chunks = (0..=16).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 1 << 20]));
        let unsaid = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
        assert_eq!(bench.write(LIVE, unsaid).await, 413);
        let said = Client::new()
            .post(format!("{}/api/v1/write", bench.gateway))
            .bearer_auth(token(SECRET, LIVE))
            .header(CONTENT_LENGTH, MAX_BYTES + 1)
            .body(reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>()));
        assert_eq!(said.send().await.unwrap().status(), 413);
        assert_eq!(bench.asked().len(), 1, "nothing of them was written");
    }

    #[test]
    fn a_key_that_is_easy_to_find_is_refused() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        assert!(Gateway::new(vec![0; SHORTEST_KEY - 1], "http://127.0.0.1", Arc::default()).is_err());
    }
}
