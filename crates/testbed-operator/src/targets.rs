//! Targets with clusters of their own: how they are reached, and what tells us that something changed in them.

use crate::clients::Clients;
use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use futures::channel::mpsc;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use kube::api::{Api, PartialObjectMeta};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use testbed_api::Experiment;
use testbed_core::build::CLUSTER_NAMESPACE;
use testbed_core::names;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a target may take to answer one question.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How often a target is asked whether it is alive: a connection to a machine that is gone says nothing by itself.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Largest kubeconfig that is read.
const MAX_KUBECONFIG: usize = 64 << 10;

/// The ways to targets, made once for each set of credentials.
pub(crate) struct Targets {
    known: Mutex<HashMap<Key, Known>>,
    wake: mpsc::UnboundedSender<ObjectRef<Experiment>>,
}

/// UID of the Experiment, name of the target.
type Key = (String, String);

struct Known {
    way: Way,
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
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<ObjectRef<Experiment>>) {
        let (wake, woken) = mpsc::unbounded();
        (Self { known: Mutex::default(), wake }, woken)
    }

    /// Returns the way to a target, made anew if its credentials changed. From then on the target is watched.
    pub(crate) async fn way(
        &self,
        clients: &Clients,
        owner: ObjectRef<Experiment>,
        key: Key,
        namespace: String,
        source: &Source<'_>,
    ) -> Result<Way> {
        let secrets: Api<Secret> = Api::namespaced(clients.kube.clone(), source.namespace);
        let secret = secrets
            .get_opt(source.name)
            .await
            .with_context(|| format!("Secret {}/{} cannot be read", source.namespace, source.name))?
            .with_context(|| format!("Secret {}/{} is not there", source.namespace, source.name))?;
        let text =
            kubeconfig(&secret).with_context(|| format!("Secret {}/{}", source.namespace, source.name))?;
        let credentials = names::short_digest(&text);
        if let Some(known) = self.lock().get(&key).filter(|known| known.way.credentials == credentials) {
            return Ok(known.way.clone());
        }
        let config = config(&text, source.endpoint).await?;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = clients.fence.client(config).context("no client can be made of its kubeconfig")?;
        let way = Way { client: client.clone(), server, credentials };
        let watch = tokio::spawn(watch(client, namespace, owner, self.wake.clone())).abort_handle();
        let known = Known { way: way.clone(), watch };
        if let Some(old) = self.lock().insert(key, known) {
            old.watch.abort();
        }
        Ok(way)
    }

    /// Returns the way to a target as it was last found.
    pub(crate) fn known(&self, key: &Key) -> Option<Way> {
        self.lock().get(key).map(|known| known.way.clone())
    }

    /// Forgets the targets of an Experiment that has none any more.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().retain(|(owner, _), known| {
            let stays = owner != uid;
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

/// Returns the kubeconfig in a Secret.
pub(crate) fn kubeconfig(secret: &Secret) -> Result<String> {
    let data = secret.data.as_ref().and_then(|data| data.get("kubeconfig"));
    let bytes = &data.context("it has no key `kubeconfig`")?.0;
    if bytes.len() > MAX_KUBECONFIG {
        bail!("its kubeconfig has {} bytes, more than {MAX_KUBECONFIG}", bytes.len());
    }
    String::from_utf8(bytes.clone()).context("its kubeconfig is not text")
}

/// What of a kubeconfig is used: an https address, the authority that vouches for it, and a token or a certificate.
/// Nothing in it is run, no file is read, no proxy is asked, and nothing is taken on trust.
pub(crate) struct Credentials {
    /// Address of the API server.
    pub(crate) server: String,
    /// Name that its certificate must bear, if not that of the address.
    pub(crate) server_name: Option<String>,
    /// Authority, PEM in base64.
    pub(crate) authority: String,
    /// Certificate and key of the client, PEM in base64.
    pub(crate) certificate: Option<(String, String)>,
    /// Token.
    pub(crate) token: Option<String>,
}

/// Reads a kubeconfig.
///
/// # Errors
/// What is missing in it, or must not be in it.
pub(crate) fn read(text: &str, endpoint: Option<&str>) -> Result<Credentials> {
    let config = Kubeconfig::from_yaml(text).context("the kubeconfig cannot be read")?;
    let config = serde_json::to_value(config).context("the kubeconfig cannot be read")?;
    let named = |list: &str, kind: &str, name: &Value| -> Result<Value> {
        let entries = config[list].as_array().into_iter().flatten();
        let found = entries
            .filter(|entry| entry["name"] == *name && name.is_string())
            .map(|entry| &entry[kind])
            .next();
        found
            .filter(|found| found.is_object())
            .cloned()
            .with_context(|| format!("the kubeconfig has no {kind} {name}"))
    };
    let context = named("contexts", "context", &config["current-context"])?;
    let cluster = named("clusters", "cluster", &context["cluster"])?;
    let user = named("users", "user", &context["user"])?;
    let said = |value: &Value| value.as_str().map(str::to_owned);
    let server = said(&cluster["server"]).context("its cluster has no server")?;
    if !server.starts_with("https://") {
        bail!("its server is not reached by https");
    }
    if endpoint.is_some_and(|endpoint| host(endpoint) != host(&server)) {
        bail!("its server is not that of the cluster");
    }
    if cluster["insecure-skip-tls-verify"] == true {
        bail!("it does without checking who the server is: remove insecure-skip-tls-verify");
    }
    if cluster["proxy-url"].is_string() {
        bail!("it names a proxy, which is not asked: remove proxy-url");
    }
    if user["exec"].is_object() || user["auth-provider"].is_object() {
        bail!(
            "it runs a program to log in, which is never run here: give it a token or a client certificate"
        );
    }
    let authority = said(&cluster["certificate-authority-data"])
        .context("its cluster has no certificate-authority-data, and files are not read")?;
    let certificate = said(&user["client-certificate-data"]).zip(said(&user["client-key-data"]));
    let token = said(&user["token"]);
    if certificate.is_none() && token.is_none() {
        bail!("its user has neither a token nor a client certificate");
    }
    Ok(Credentials { server, server_name: said(&cluster["tls-server-name"]), authority, certificate, token })
}

/// Returns host and port of an address, without scheme and path.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.strip_suffix(":443").unwrap_or(authority)
}

impl Credentials {
    /// Returns a kubeconfig with these credentials and nothing else.
    fn kubeconfig(&self) -> serde_json::Value {
        let mut cluster = json!({"server": self.server, "certificate-authority-data": self.authority});
        if let Some(name) = &self.server_name {
            cluster["tls-server-name"] = json!(name);
        }
        let mut user = json!({});
        if let Some((certificate, key)) = &self.certificate {
            user["client-certificate-data"] = json!(certificate);
            user["client-key-data"] = json!(key);
        }
        if let Some(token) = &self.token {
            user["token"] = json!(token);
        }
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "target",
            "clusters": [{"name": "target", "cluster": cluster}],
            "users": [{"name": "target", "user": user}],
            "contexts": [{"name": "target", "context": {"cluster": "target", "user": "target"}}],
        })
    }

    /// Returns what Argo CD wants to know of a cluster.
    pub(crate) fn argo(&self) -> serde_json::Value {
        let mut tls = json!({"insecure": false, "caData": self.authority});
        if let Some(name) = &self.server_name {
            tls["serverName"] = json!(name);
        }
        if let Some((certificate, key)) = &self.certificate {
            tls["certData"] = json!(certificate);
            tls["keyData"] = json!(key);
        }
        let mut config = json!({"tlsClientConfig": tls});
        if let Some(token) = &self.token {
            config["bearerToken"] = json!(token);
        }
        config
    }
}

async fn config(text: &str, endpoint: Option<&str>) -> Result<Config> {
    let credentials = read(text, endpoint)?;
    BASE64_STANDARD.decode(&credentials.authority).context("its certificate-authority-data is not base64")?;
    let ours: Kubeconfig = serde_json::from_value(credentials.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(ours, &KubeConfigOptions::default())
        .await
        .context("its credentials cannot be used")?;
    config.proxy_url = None;
    config.connect_timeout = Some(PATIENCE);
    Ok(config)
}

/// Wakes the Experiment whenever something changes in its namespace in the target, or the target falls silent or is back.
async fn watch(
    client: Client,
    namespace: String,
    owner: ObjectRef<Experiment>,
    wake: mpsc::UnboundedSender<ObjectRef<Experiment>>,
) {
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

    fn kubeconfig(change: impl Fn(&mut Value)) -> String {
        let mut config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": "https://a.example:6443", "certificate-authority-data": "QQ=="}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        });
        change(&mut config);
        config.to_string()
    }

    fn refused(change: impl Fn(&mut Value)) -> String {
        read(&kubeconfig(change), Some("https://a.example:6443")).err().unwrap().to_string()
    }

    #[test]
    fn a_kubeconfig_with_a_token_or_a_certificate_is_taken() {
        let read = read(&kubeconfig(|_| {}), Some("https://a.example:6443")).unwrap();
        assert_eq!((read.server.as_str(), read.token.as_deref()), ("https://a.example:6443", Some("t")));
        assert_eq!(read.argo()["bearerToken"], "t");
        assert_eq!(read.argo()["tlsClientConfig"]["insecure"], false);
    }

    #[test]
    fn what_a_kubeconfig_must_not_do_is_refused_with_its_name() {
        let cluster =
            |config: &mut Value, key: &str, value: Value| config["clusters"][0]["cluster"][key] = value;
        let user = |config: &mut Value, value: Value| config["users"][0]["user"] = value;
        for (said, wanted) in [
            (refused(|c| cluster(c, "server", json!("http://a.example:6443"))), "https"),
            (refused(|c| cluster(c, "server", json!("https://169.254.169.254"))), "not that of the cluster"),
            (refused(|c| cluster(c, "insecure-skip-tls-verify", json!(true))), "insecure-skip-tls-verify"),
            (refused(|c| cluster(c, "proxy-url", json!("http://evil.example"))), "proxy-url"),
            (
                refused(|c| cluster(c, "certificate-authority-data", Value::Null)),
                "certificate-authority-data",
            ),
            (
                refused(|c| {
                    user(
                        c,
                        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh"}}),
                    )
                }),
                "never run",
            ),
            (
                refused(|c| {
                    user(c, json!({"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}))
                }),
                "neither",
            ),
            (refused(|c| c["current-context"] = json!("other")), "no context"),
        ] {
            assert!(said.contains(wanted), "{said}");
        }
    }

    #[test]
    fn the_port_of_https_may_be_left_out() {
        assert_eq!(host("https://a.example:443/"), host("https://a.example"));
        assert_ne!(host("https://a.example:6443"), host("https://a.example"));
    }
}
