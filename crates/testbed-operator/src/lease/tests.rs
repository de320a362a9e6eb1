//! Elections before an API server that knows Leases and little else, in virtual time.

use super::*;
use crate::fence::Fence;
use axum::body::Body;
use bytes::Bytes;
use futures::channel::mpsc;
use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body as KubeBody;
use rstest::rstest;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;

const SECOND: Duration = Duration::from_secs(1);

/// What an API server does with Leases, and a list of all else that was written.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    watches: Vec<mpsc::UnboundedSender<Result<Bytes, Infallible>>>,
    /// Requests for the Lease that were answered, by method.
    requests: Vec<Method>,
    written: Vec<String>,
}

impl Server {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn holder(&self) -> Option<String> {
        let state = self.state();
        state.lease.as_ref()?.pointer("/spec/holderIdentity")?.as_str().map(str::to_owned)
    }

    /// Returns a client that hears nothing any more once `cut` is true.
    fn client(&self, cut: &watch::Receiver<bool>) -> Client {
        let (server, cut) = (self.clone(), cut.clone());
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let (server, cut) = (server.clone(), cut.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                if *cut.borrow() {
                    pending::<()>().await;
                }
                let uri = parts.uri.to_string();
                Ok::<_, Infallible>(server.answer(&parts.method, &uri, &body))
            }
        });
        Client::new(service, "testbed-system")
    }

    fn answer(&self, method: &Method, uri: &str, body: &Bytes) -> Response<Body> {
        let mut state = self.state();
        if !uri.contains("/leases") {
            if *method != Method::GET {
                state.written.push(format!("{method} {uri}"));
            }
            return said(StatusCode::OK, &json!({"metadata": {"name": "written"}}));
        }
        if uri.contains("watch=true") {
            let (sender, receiver) = mpsc::unbounded();
            state.watches.push(sender);
            return Response::new(Body::from_stream(receiver));
        }
        state.requests.push(method.clone());
        let given: Value = serde_json::from_slice(body).unwrap_or_default();
        let stored = state.lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
        match (method.as_str(), stored) {
            ("GET", Some(_)) => said(StatusCode::OK, state.lease.as_ref().unwrap()),
            ("GET" | "PUT", None) => refused(StatusCode::NOT_FOUND),
            ("POST", None) => said(StatusCode::CREATED, &state.store(given)),
            ("PUT", Some(version)) if given["metadata"]["resourceVersion"] == version => {
                said(StatusCode::OK, &state.store(given))
            }
            _ => refused(StatusCode::CONFLICT),
        }
    }

    /// Changes the Lease as a person would.
    fn touch(&self) {
        let mut state = self.state();
        let lease = state.lease.clone().unwrap();
        state.store(lease);
    }
}

impl State {
    fn store(&mut self, mut lease: Value) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        lease["metadata"]["uid"] = json!("lease");
        self.lease = Some(lease.clone());
        let line = format!("{}\n", json!({"type": "MODIFIED", "object": lease}));
        self.watches.retain(|watch| watch.unbounded_send(Ok(Bytes::from(line.clone()))).is_ok());
        lease
    }
}

fn said(code: StatusCode, object: &Value) -> Response<Body> {
    Response::builder().status(code).body(Body::from(object.to_string())).unwrap()
}

fn refused(code: StatusCode) -> Response<Body> {
    let reason = if code == StatusCode::NOT_FOUND { "NotFound" } else { "Conflict" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no",
                        "reason": reason, "code": code.as_u16()});
    said(code, &status)
}

fn settings(pod: &str, uid: &str) -> Settings {
    Settings {
        leader_election: Switch::On,
        lease_name: "testbed-operator".into(),
        lease_namespace: "testbed-system".into(),
        lease_duration: 4,
        pod_name: pod.into(),
        pod_uid: uid.into(),
    }
}

/// One operator: polled is running, not polled is suspended, dropped is killed.
struct Operator {
    running: Pin<Box<dyn Future<Output = Result<()>>>>,
    leads: Arc<Mutex<Option<Instant>>>,
    stop: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    behind_fence: Client,
}

impl Operator {
    fn start(server: &Server, settings: &Settings) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let election = Election::new(server.client(&is_cut), settings);
        let behind_fence = Fence::new(election.tenure()).guard(server.client(&is_cut), None);
        let leads: Arc<Mutex<Option<Instant>>> = Arc::default();
        let began = leads.clone();
        let running = Box::pin(async move {
            let work = async {
                *began.lock().unwrap() = Some(Instant::now());
                pending().await
            };
            election.lead(stopped, work).await
        });
        Self { running, leads, stop, cut, behind_fence }
    }

    /// Runs for a while; returns how it ended, if it did.
    async fn run(&mut self, time: Duration) -> Option<Result<()>> {
        timeout(time, &mut self.running).await.ok()
    }

    fn leads_since(&self) -> Option<Instant> {
        *self.leads.lock().unwrap()
    }

    async fn write(&self) -> Result<ConfigMap, KubeError> {
        let api: Api<ConfigMap> = Api::namespaced(self.behind_fence.clone(), "experiments");
        api.create(&PostParams::default(), &ConfigMap::default()).await
    }
}

/// Runs two operators at once.
async fn together(one: &mut Operator, other: &mut Operator, time: Duration) {
    let _ = tokio::join!(one.run(time), other.run(time));
}

fn lease_of(holder: &str, version: &str) -> Lease {
    Lease {
        metadata: ObjectMeta { resource_version: Some(version.into()), ..ObjectMeta::default() },
        spec: Some(LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(4),
            renew_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
            ..LeaseSpec::default()
        }),
    }
}

#[rstest]
#[case::nobodys("", 0, None)]
#[case::our_own_of_which_no_answer_came("pod_u_me", 0, None)]
#[case::of_an_earlier_process_in_our_pod("pod_u_before", 0, None)]
#[case::of_a_pod_of_our_name("pod_v_other", 0, Some(4))]
#[case::of_another_though_its_clock_is_at_1970("other", 3, Some(1))]
#[case::of_another_that_did_not_renew_it("other", 4, None)]
#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_when_it_is_free_or_has_not_changed_for_its_duration(
    #[case] holder: &str,
    #[case] age: u64,
    #[case] left: Option<u64>,
) {
    let me = Identity::new("pod", "u", "me");
    let seen = Seen { lease: lease_of(holder, "1"), since: Instant::now() };
    let now = Instant::now() + SECOND * u32::try_from(age).unwrap();
    let expected = left.map_or(Decision::Take, |left| Decision::Wait(now + Duration::from_secs(left)));
    assert_eq!(decide(&me, Some(&seen), SECOND * 4, now), expected);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_lasts_longer_by_its_own_word_is_waited_for_longer_but_not_for_ever() {
    let me = Identity::new("pod", "", "me");
    let mut seen = Seen { lease: lease_of("other", "1"), since: Instant::now() };
    for (said, waits) in [(9, 9), (1, 4), (-1, 4), (i32::MAX, 4), (65_535, 60)] {
        seen.lease.spec.get_or_insert_default().lease_duration_seconds = Some(said);
        let expected = Decision::Wait(seen.since + SECOND * waits);
        assert_eq!(decide(&me, Some(&seen), SECOND * 4, seen.since), expected, "it said {said} s");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_change_of_the_lease_makes_it_young_again() {
    let then = Instant::now();
    let seen = see(None, Some(lease_of("other", "1")), then);
    let later = then + SECOND;
    let same = see(seen, Some(lease_of("other", "1")), later).unwrap();
    assert_eq!(same.since, then);
    assert_eq!(see(Some(same.clone()), Some(lease_of("other", "2")), later).unwrap().since, later);
    assert!(see(Some(same), None, later).is_none());
}

#[tokio::test(start_paused = true)]
async fn of_two_one_leads_for_as_long_as_it_lives() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    let mut other = Operator::start(&server, &settings("other", "2"));
    together(&mut one, &mut other, SECOND * 600).await;
    assert!(one.leads_since().is_some() != other.leads_since().is_some());
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_is_killed_another_leads_within_five_seconds_and_not_before_the_lease_ends() {
    for lived in [0, 300, 999, 1000, 2500] {
        let server = Server::default();
        let mut one = Operator::start(&server, &settings("one", "1"));
        one.run(Duration::from_millis(10)).await;
        let mut other = Operator::start(&server, &settings("other", "2"));
        together(&mut one, &mut other, Duration::from_millis(lived)).await;
        drop(one);
        let killed = Instant::now();
        other.run(SECOND * 10).await;
        let took = other.leads_since().unwrap() - killed;
        assert!(took <= SECOND * 5 && took >= SECOND * 2, "after {lived} ms it took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_is_asked_to_end_another_leads_at_once() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    one.run(Duration::from_millis(10)).await;
    let mut other = Operator::start(&server, &settings("other", "2"));
    together(&mut one, &mut other, SECOND * 7).await;
    let asked = Instant::now();
    one.stop.send_replace(true);
    let (ended, _) = tokio::join!(one.run(SECOND), other.run(SECOND));
    assert!(ended.unwrap().is_ok());
    let took = other.leads_since().unwrap() - asked;
    assert!(took <= Duration::from_millis(300), "it took {took:?}");
    assert!(one.write().await.is_err(), "it wrote after it had given the Lease back");
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_ends_when_it_is_asked_to() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    one.run(Duration::from_millis(10)).await;
    let mut other = Operator::start(&server, &settings("other", "2"));
    together(&mut one, &mut other, SECOND * 2).await;
    other.stop.send_replace(true);
    assert!(other.run(Duration::from_millis(1)).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_that_was_suspended_cannot_write_once_another_leads() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    one.run(SECOND * 5 / 2).await;
    one.write().await.unwrap();
    let mut other = Operator::start(&server, &settings("other", "2"));
    other.run(SECOND * 60).await;
    assert!(other.leads_since().is_some());

    let said = one.write().await.unwrap_err();
    let cause = std::error::Error::source(&said).unwrap().to_string();
    assert!(cause.contains("does not hold the Lease") && cause.contains("other_2_"), "{cause}");
    assert_eq!(server.state().written.len(), 1);
    other.write().await.unwrap();
    assert_eq!(server.state().written.len(), 2);
    // Going on, it finds that out by itself, and ends.
    assert!(one.run(SECOND).await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn one_that_was_suspended_and_finds_the_lease_unchanged_goes_on() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    one.run(SECOND * 5 / 2).await;
    tokio::time::sleep(SECOND * 60).await;
    let before = server.state().requests.len();
    one.write().await.unwrap();
    assert_eq!(server.state().requests[before..], [Method::PUT], "confirmed first, by one renewal");
    assert!(one.run(SECOND * 60).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_write_asks_for_nothing_while_the_lease_is_fresh_and_reading_never_does() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    let idle = Operator::start(&server, &settings("other", "2"));
    one.run(SECOND * 5 / 2).await;
    let before = server.state().requests.len();
    one.write().await.unwrap();
    let api: Api<ConfigMap> = Api::namespaced(idle.behind_fence.clone(), "experiments");
    api.get("something").await.unwrap();
    assert_eq!(server.state().requests.len(), before);
    assert!(idle.write().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_ends_before_another_begins() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    one.run(Duration::from_millis(10)).await;
    let mut other = Operator::start(&server, &settings("other", "2"));
    together(&mut one, &mut other, SECOND * 3).await;
    one.cut.send_replace(true);
    let cut = Instant::now();
    let running = async {
        let ended = one.run(SECOND * 10).await.unwrap();
        (ended, Instant::now())
    };
    let ((ended, at), _) = tokio::join!(running, other.run(SECOND * 10));
    assert!(ended.is_err());
    assert!(at - cut <= SECOND * 7 / 2, "it took {:?}", at - cut);
    let began = other.leads_since().unwrap();
    assert!(began > at && began - cut <= SECOND * 5, "it took {:?}", began - cut);
    assert!(one.write().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_process_takes_over_at_once_from_the_one_before_it_in_its_pod() {
    let server = Server::default();
    let mut before = Operator::start(&server, &settings("one", "1"));
    before.run(SECOND * 5 / 2).await;
    let held = server.holder();
    // Were it still there after all, it could do nothing any more.
    let mut next = Operator::start(&server, &settings("one", "1"));
    next.run(Duration::from_millis(10)).await;
    assert!(next.leads_since().is_some() && server.holder() != held);
    assert!(before.run(SECOND * 2).await.unwrap().is_err());
    assert!(before.write().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_touches_the_lease_does_not_take_it() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    one.run(SECOND * 5 / 2).await;
    server.touch();
    assert!(one.run(SECOND * 5 / 2).await.is_none());
    one.write().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_whose_lease_was_deleted_ends() {
    let server = Server::default();
    let mut one = Operator::start(&server, &settings("one", "1"));
    one.run(SECOND * 5 / 2).await;
    server.state().lease = None;
    assert!(one.run(SECOND * 5 / 2).await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn without_an_election_nothing_is_asked_or_kept_from_writing() {
    let server = Server::default();
    let alone = Settings { leader_election: Switch::Off, ..settings("one", "1") };
    let mut one = Operator::start(&server, &alone);
    assert!(one.run(SECOND).await.is_none());
    one.write().await.unwrap();
    assert!(one.leads_since().is_some() && server.state().requests.is_empty());
}
