//! Targets with clusters of their own: how they are reached, and what tells us that something changed in them.

use crate::clients::{Clients, Run};
use crate::connection;
use crate::outside::{Clock, Connect};
use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use futures::channel::mpsc;
use http_body_util::Limited;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use kube::api::{Api, PartialObjectMeta};
use kube::client::DynBody;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use testbed_core::build::CLUSTER_NAMESPACE;
use testbed_core::kubeconfig::{self, Credentials};
use testbed_core::names;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tower::util::MapResponseLayer;

/// How long a target may take to answer one question.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How often a target is asked whether it is alive: a connection to a machine that is gone says nothing by itself.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Largest kubeconfig that is read.
const MAX_KUBECONFIG: usize = 64 << 10;
/// Largest answer of a target that is read, in bytes. A watch that has brought as much ends, and is begun again.
const MAX_ANSWER: usize = 32 << 20;

/// The ways to targets, made once for each set of credentials.
pub(crate) struct Targets {
    known: Mutex<HashMap<Key, Known>>,
    wake: mpsc::UnboundedSender<Run>,
    connect: Connect,
    clock: Clock,
}

/// Experiments in whose targets something changed.
pub(crate) type Woken = mpsc::UnboundedReceiver<Run>;

/// UID of the Experiment, name of the target.
type Key = (String, String);

struct Known {
    way: Way,
    owner: Run,
    watch: AbortHandle,
}

/// A way to the API server of a target.
#[derive(Clone)]
pub(crate) struct Way {
    /// Its client.
    pub(crate) client: Client,
    /// Address of its API server.
    pub(crate) server: String,
    /// Digest of the credentials.
    pub(crate) credentials: String,
    /// The time as its API server tells it.
    pub(crate) clock: Clock,
}

/// Where the kubeconfig of a target lies.
pub(crate) struct Source<'a> {
    /// Namespace of the Secret.
    pub(crate) namespace: &'a str,
    /// Name of the Secret.
    pub(crate) name: &'a str,
    /// Address that its API server must have; absent for a cluster that someone else owns.
    pub(crate) endpoint: Option<&'a str>,
}

impl Targets {
    /// Returns an empty set, and the stream of Experiments in whose targets something changed.
    pub(crate) fn new(connect: Connect, clock: Clock) -> (Self, Woken) {
        let (wake, woken) = mpsc::unbounded();
        (Self { known: Mutex::default(), wake, connect, clock }, woken)
    }

    /// Returns the way to a target, made anew if its credentials changed; none if the Secret with them is not there. From
    /// then on the target is watched.
    pub(crate) async fn way(
        &self,
        clients: &Clients,
        owner: Run,
        key: Key,
        namespace: String,
        source: &Source<'_>,
    ) -> Result<Option<Way>> {
        let Some(kubeconfig) = given(clients, source).await? else { return Ok(None) };
        let credentials = names::short_digest(&kubeconfig);
        if let Some(known) = self.lock().get(&key).filter(|known| known.way.credentials == credentials) {
            return Ok(Some(known.way.clone()));
        }
        let way = self.opened(&kubeconfig, credentials, source).await?;
        let watch = tokio::spawn(watch(way.client.clone(), namespace, owner.clone(), self.wake.clone()))
            .abort_handle();
        let known = Known { way: way.clone(), owner, watch };
        if let Some(old) = self.lock().insert(key, known) {
            old.watch.abort();
        }
        Ok(Some(way))
    }

    /// Returns a way to a cluster that is neither kept nor watched; none if the Secret with its credentials is not there.
    pub(crate) async fn open(&self, clients: &Clients, source: &Source<'_>) -> Result<Option<Way>> {
        let Some(kubeconfig) = given(clients, source).await? else { return Ok(None) };
        self.opened(&kubeconfig, names::short_digest(&kubeconfig), source).await.map(Some)
    }

    async fn opened(&self, kubeconfig: &str, credentials: String, source: &Source<'_>) -> Result<Way> {
        let config = config(kubeconfig, source.endpoint).await?;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let clock = self.clock.of_another();
        let client = (self.connect)(config, &clock).context("no client can be made of its kubeconfig")?;
        Ok(Way { client, server, credentials, clock })
    }

    /// Returns the way to a target as it was last found.
    pub(crate) fn known(&self, key: &Key) -> Option<Way> {
        self.lock().get(key).map(|known| known.way.clone())
    }

    /// Has an Experiment looked at as if something had changed in a target of it.
    pub(crate) fn wake(&self, run: Run) {
        // Nobody listens to one who ends.
        let _ = self.wake.unbounded_send(run);
    }

    /// Forgets the targets of an Experiment that has none any more.
    pub(crate) fn forget(&self, run: &Run) {
        self.lock().retain(|_, known| {
            let stays = known.owner != *run;
            if !stays {
                known.watch.abort();
            }
            stays
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the kubeconfig that lies there.
async fn given(clients: &Clients, source: &Source<'_>) -> Result<Option<String>> {
    let secrets: Api<Secret> = Api::namespaced(clients.kube.clone(), source.namespace);
    let place = || format!("Secret {}/{}", source.namespace, source.name);
    let secret = secrets.get_opt(source.name).await.with_context(|| format!("{} cannot be read", place()))?;
    secret.map(|secret| text(&secret).with_context(place)).transpose()
}

/// Returns the kubeconfig in a Secret.
pub(crate) fn text(secret: &Secret) -> Result<String> {
    let data = secret.data.as_ref().and_then(|data| data.get("kubeconfig"));
    let bytes = &data.context("it has no key `kubeconfig`")?.0;
    if bytes.len() > MAX_KUBECONFIG {
        bail!("its kubeconfig has {} bytes, more than {MAX_KUBECONFIG}", bytes.len());
    }
    String::from_utf8(bytes.clone()).context("its kubeconfig is not text")
}

/// Reads a kubeconfig, and takes of it what may be used.
///
/// # Errors
/// What is missing in it, or must not be in it.
pub(crate) fn read(text: &str, endpoint: Option<&str>) -> Result<Credentials> {
    // What exactly is wrong stands beside the lines where it is, and what stands there is secret.
    let unread =
        || anyhow::anyhow!("the kubeconfig cannot be read: it is not YAML, or not that of a kubeconfig");
    let config = Kubeconfig::from_yaml(text).map_err(|_| unread())?;
    let config = serde_json::to_value(config).map_err(|_| unread())?;
    kubeconfig::read(&config, endpoint).map_err(anyhow::Error::msg)
}

async fn config(text: &str, endpoint: Option<&str>) -> Result<Config> {
    let credentials = read(text, endpoint)?;
    BASE64_STANDARD.decode(&credentials.authority).context("its certificate-authority-data is not base64")?;
    let ours: Kubeconfig =
        serde_json::from_value(credentials.kubeconfig()).ok().context("its credentials cannot be used")?;
    let mut config = Config::from_custom_kubeconfig(ours, &KubeConfigOptions::default())
        .await
        .context("its credentials cannot be used")?;
    // Nobody vouched for would do for everybody if the system's own authorities came in its place.
    if config.root_cert.as_ref().is_none_or(Vec::is_empty) {
        bail!("its certificate-authority-data holds no certificate");
    }
    config.proxy_url = None;
    config.connect_timeout = Some(PATIENCE);
    Ok(config)
}

/// Returns a client that reads no answer without end: who answers is not ours, and what an answer has is held in memory.
pub(crate) fn client(config: Config) -> Result<Client, kube::Error> {
    let limited =
        |response: http::Response<Box<DynBody>>| response.map(|body| Limited::new(body, MAX_ANSWER));
    Ok(connection::builder(config)?.with_layer(&MapResponseLayer::new(limited)).build())
}

/// Wakes the Experiment whenever something changes in its namespace in the target, or the target falls silent or is back.
async fn watch(client: Client, namespace: String, owner: Run, wake: mpsc::UnboundedSender<Run>) {
    let pods: Api<PartialObjectMeta<Pod>> = Api::namespaced(client.clone(), &namespace);
    let services: Api<PartialObjectMeta<Service>> = Api::namespaced(client.clone(), &namespace);
    let pods = watcher(pods, watcher::Config::default());
    let services = watcher(services, watcher::Config::default());
    let pods = pods.default_backoff().touched_objects().map(|event| event.is_ok());
    let services = services.default_backoff().touched_objects().map(|event| event.is_ok());
    // A namespace that is gone tells nobody who looks into it.
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    let only = watcher::Config::default().fields(&format!("metadata.name={namespace}"));
    let namespaces = watcher(namespaces, only).default_backoff().touched_objects().map(|event| event.is_ok());
    let within = futures::stream::select(pods, services);
    let mut events = Box::pin(futures::stream::select(within, namespaces));
    let mut alive = true;
    let mut next = Instant::now() + HEARTBEAT;
    loop {
        let changed = tokio::select! {
            event = events.next() => match event {
                Some(changed) => changed,
                None => return,
            },
            () = sleep_until(next) => {
                next = Instant::now() + HEARTBEAT;
                let answers = matches!(timeout(PATIENCE, client.apiserver_version()).await, Ok(Ok(_)));
                let turned = answers != alive;
                alive = answers;
                turned
            }
        };
        if changed && wake.unbounded_send(owner.clone()).is_err() {
            return;
        }
    }
}

/// Returns the place of the kubeconfig of a cluster that the lab made.
pub(crate) fn made<'a>(secret: &'a str, endpoint: Option<&'a str>) -> Source<'a> {
    Source { namespace: CLUSTER_NAMESPACE, name: secret, endpoint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const PLAIN: &str = "\
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: 'https://a.example:6443', certificate-authority-data: QQ==}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
";

    #[test]
    fn a_kubeconfig_is_read_as_the_yaml_it_is() {
        let read = read(PLAIN, Some("https://a.example:6443")).unwrap();
        assert_eq!((read.server.as_str(), read.token.as_deref()), ("https://a.example:6443", Some("t")));
    }

    #[rstest]
    #[case::a_program(PLAIN.replace("{token: t}", "{token: t, exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}}"))]
    #[case::a_program_of_a_provider(PLAIN.replace("{token: t}", "{token: t, auth-provider: {name: gcp, config: {}}}"))]
    #[case::a_proxy(PLAIN.replace("QQ==", "QQ==, proxy-url: 'http://evil.example'"))]
    #[case::no_check(PLAIN.replace("QQ==", "QQ==, insecure-skip-tls-verify: true"))]
    #[case::where_clouds_hand_out_credentials(PLAIN.replace("a.example:6443", "169.254.169.254"))]
    #[case::the_hub_itself(PLAIN.replace("a.example:6443", "kubernetes.default.svc"))]
    #[case::a_file_for_a_token(PLAIN.replace("token: t", "tokenFile: /etc/passwd"))]
    #[case::no_text("\u{0}".into())]
    #[case::depth(format!("clusters: {}{}", "[".repeat(20_000), "]".repeat(20_000)))]
    #[case::aliases(include_str!("../../testbed/tests/bad/bomb.yaml").into())]
    fn what_a_kubeconfig_must_not_do_or_be_is_refused(#[case] text: String) {
        assert!(read(&text, None).is_err());
    }

    #[rstest]
    #[case::a_wrong_indent("users:\n- name: u\n  user:\n    token: canary-7f3a9c\n   x: y\n")]
    #[case::the_token_alone("canary-7f3a9c")]
    #[case::a_wrong_type("users:\n- name: u\n  user: {token: [canary-7f3a9c]}\n")]
    #[case::a_wrong_name("apiVersion: v1\nusers: canary-7f3a9c\n")]
    fn what_is_wrong_with_a_kubeconfig_is_said_without_what_it_holds(#[case] text: &str) {
        let said = format!("{:#} {:?}", read(text, None).unwrap_err(), read(text, None).unwrap_err());
        assert!(!said.contains("canary"), "{said}");
    }

    #[test]
    fn one_that_is_too_large_is_not_read() {
        let data = [("kubeconfig".to_owned(), k8s_openapi::ByteString(vec![b'#'; MAX_KUBECONFIG + 1]))];
        let secret = Secret { data: Some(data.into()), ..Secret::default() };
        assert!(text(&secret).unwrap_err().to_string().contains("more than 65536"));
    }

    #[tokio::test]
    async fn an_authority_that_is_none_is_refused_before_anyone_is_asked() {
        for authority in ["QQ==", "%%%"] {
            let made = config(&PLAIN.replace("QQ==", &format!("'{authority}'")), None).await;
            assert!(made.and_then(|config| Ok(client(config)?)).is_err(), "{authority}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_cut_off() {
        static CHUNK: [u8; 1 << 16] = [b' '; 1 << 16];
        let endless = async || {
            let chunks = futures::stream::repeat_with(|| Ok::<_, std::convert::Infallible>(&CHUNK[..]));
            axum::body::Body::from_stream(chunks)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(endless)).await });
        let client = client(Config::new(format!("http://{address}").parse().unwrap())).unwrap();
        let answer = timeout(Duration::from_secs(120), client.apiserver_version()).await;
        assert!(answer.expect("it is read for ever").is_err());
    }
}
