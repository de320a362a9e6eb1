//! What the hub does with its API server: apply manifests, and see whether what they ask for really runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{ConfigMap, Node, Pod},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config,
    api::{DynamicObject, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
    discovery::{self, Scope},
    runtime::{WatchStreamExt, reflector, reflector::Store, watcher},
};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    files::{self, FileError},
    layout::NODE,
};

/// Who owns the fields of what the hub installs.
const MANAGER: &str = "testbed-hub";
/// Namespace of the hub's own objects.
pub const NAMESPACE: &str = "testbed-system";
/// The object that remembers which manifests were applied.
const APPLIED: &str = "testbed-applied";
/// Every pod of an add-on carries this label.
const PART_OF: &str = "app.kubernetes.io/part-of=testbed-hub";
/// How long the API server may be unable to take a manifest: its own caches and kinds need moments to appear.
const APPLY_PATIENCE: Duration = Duration::from_secs(60);

/// Something did not work with the API server.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig cannot be used.
    #[error("cannot use `{}`", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// A client could not be made.
    #[error("cannot make a client for the API server")]
    Client(#[source] Box<kube::Error>),
    /// A request failed.
    #[error("cannot {verb} {what}: {why}")]
    Request {
        /// What was tried.
        verb: &'static str,
        /// With which object.
        what: String,
        /// Why, as the API server says it.
        why: String,
    },
    /// A manifest is not YAML.
    #[error("manifest `{name}` cannot be read")]
    Parse {
        /// The manifest.
        name: String,
        /// Where and why.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// A manifest says something that cannot be applied.
    #[error("manifest `{name}`: {message}")]
    Manifest {
        /// The manifest.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something did not become ready in time.
    #[error("{0}")]
    NotReady(String),
}

pub(crate) fn request(
    verb: &'static str,
    what: impl Into<String>,
) -> impl FnOnce(kube::Error) -> ClusterError {
    let what = what.into();
    move |error| {
        let why = match error {
            kube::Error::Api(status) => status.message,
            other => other.to_string(),
        };
        ClusterError::Request { verb, what, why }
    }
}

/// Reads a kubeconfig.
///
/// # Errors
/// If the file or a file it names cannot be read.
pub async fn client_config(kubeconfig: &Path) -> Result<Config, ClusterError> {
    let failed = |source| ClusterError::Kubeconfig { path: kubeconfig.into(), source: Box::new(source) };
    let file = Kubeconfig::read_from(kubeconfig).map_err(failed)?;
    let mut config =
        Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(failed)?;
    // The hub is on this very machine: a proxy of the environment is never on the way.
    config.proxy_url = None;
    Ok(config)
}

/// A client for the hub's API server.
///
/// # Errors
/// If the kubeconfig cannot be used.
pub async fn client(kubeconfig: &Path) -> Result<Client, ClusterError> {
    Client::try_from(client_config(kubeconfig).await?).map_err(|error| ClusterError::Client(Box::new(error)))
}

/// Objects of one add-on, ready to be applied.
#[derive(Debug, Clone)]
pub struct Manifests {
    /// Name of the add-on.
    pub name: String,
    /// Digest of everything in it.
    pub digest: String,
    objects: Vec<Value>,
}

impl Manifests {
    /// Parses texts (name and YAML) into objects. Empty documents are fine. What belongs into a namespace and says
    /// none goes into `namespace`.
    ///
    /// # Errors
    /// If a text is no YAML or holds something without kind or name.
    pub fn parse(
        name: &str,
        namespace: Option<&str>,
        texts: &[(String, String)],
    ) -> Result<Self, ClusterError> {
        let mut objects = Vec::new();
        for (file, text) in texts {
            let documents: Vec<Value> = serde_saphyr::from_multiple(text)
                .map_err(|source| ClusterError::Parse { name: file.clone(), source: Box::new(source) })?;
            for mut document in documents.into_iter().filter(|document| !document.is_null()) {
                // A kustomization among the files of a module is for another tool.
                if document["apiVersion"].as_str().is_some_and(|version| version.starts_with("kustomize.")) {
                    continue;
                }
                if !document["kind"].is_string() || !document["metadata"]["name"].is_string() {
                    let message = "an object has no `kind` or no `metadata.name`".into();
                    return Err(ClusterError::Manifest { name: file.clone(), message });
                }
                if let Some(namespace) = namespace {
                    complete(&mut document, namespace);
                }
                objects.push(document);
            }
        }
        let digest = files::sha256(|hash| {
            for object in &objects {
                files::feed(hash, object.to_string());
            }
        });
        Ok(Self { name: name.into(), digest, objects })
    }

    /// The objects themselves, in order.
    #[must_use]
    pub fn into_objects(self) -> Vec<Value> {
        self.objects
    }

    /// Deployments and stateful sets: kind, namespace, name.
    fn workloads(&self) -> Vec<Workload> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.objects
            .iter()
            .filter(|object| matches!(object["kind"].as_str(), Some("Deployment" | "StatefulSet")))
            .map(|object| Workload {
                kind: text(&object["kind"]),
                namespace: text(&object["metadata"]["namespace"]),
                name: text(&object["metadata"]["name"]),
                labels: object["spec"]["selector"]["matchLabels"]
                    .as_object()
                    .map(|labels| labels.iter().map(|(key, value)| (key.clone(), text(value))).collect())
                    .unwrap_or_default(),
                replicas: object["spec"]["replicas"]
                    .as_u64()
                    .and_then(|n| usize::try_from(n).ok())
                    .unwrap_or(1),
            })
            .collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Workload {
    kind: String,
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
    replicas: usize,
}

impl Workload {
    fn owns(&self, pod: &Pod) -> bool {
        let labels = pod.metadata.labels.as_ref();
        pod.metadata.namespace.as_ref() == Some(&self.namespace)
            && self
                .labels
                .iter()
                .all(|(key, value)| labels.is_some_and(|labels| labels.get(key) == Some(value)))
    }
}

/// Gives an object, and the accounts it names, a namespace where it has none. Kinds that lie in no namespace are
/// those that say so by their names.
fn complete(object: &mut Value, namespace: &str) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let everywhere = kind.starts_with("Cluster") || kind.starts_with("CustomResource");
    if !everywhere && object["metadata"]["namespace"].is_null() {
        object["metadata"]["namespace"] = namespace.into();
    }
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if subject["kind"] == "ServiceAccount" && subject["namespace"].is_null() {
            subject["namespace"] = namespace.into();
        }
    }
}

/// Replaces each `${name}` by its value. A name without a value is an error, so that nothing is applied by halves.
///
/// # Errors
/// The name that has no value.
pub fn substitute(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (name, after) = after.split_once('}').ok_or_else(|| "a `${` has no `}`".to_owned())?;
        out.push_str(&value(name).ok_or_else(|| format!("nothing is known as `${{{name}}}`"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Names that a text asks for as `${<prefix>...}`.
#[must_use]
pub fn names(text: &str, prefix: &str) -> BTreeSet<String> {
    let start = format!("${{{prefix}");
    text.split(&start).skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
}

/// Applies manifests; knows what was applied before, and the kinds it has met.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    kinds: Arc<tokio::sync::Mutex<BTreeMap<String, (ApiResource, Scope)>>>,
}

impl Applier {
    /// An applier for this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, kinds: Arc::default() }
    }

    /// The client it uses.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Digests of what was applied, by add-on. Empty for a new hub.
    ///
    /// # Errors
    /// If the API server cannot be asked.
    pub async fn applied(&self) -> Result<BTreeMap<String, String>, ClusterError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let known = api.get_opt(APPLIED).await.map_err(request("read", format!("config map `{APPLIED}`")))?;
        Ok(known.and_then(|map| map.data).unwrap_or_default())
    }

    /// Applies every object in order and remembers that it did.
    ///
    /// # Errors
    /// If the API server refuses one, or cannot take it for a minute.
    pub async fn apply(&self, manifests: &Manifests) -> Result<(), ClusterError> {
        self.apply_all(manifests).await?;
        let note = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": APPLIED, "namespace": NAMESPACE},
            "data": {&manifests.name: &manifests.digest},
        });
        // Each add-on writes its own line, under its own name as manager, so none removes another's.
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let params = PatchParams::apply(&format!("{MANAGER}-{}", manifests.name)).force();
        api.patch(APPLIED, &params, &Patch::Apply(&note))
            .await
            .map_err(request("apply", format!("config map `{APPLIED}`")))?;
        Ok(())
    }

    /// Applies every object in order.
    ///
    /// # Errors
    /// If the API server refuses one, or cannot take it for a minute.
    pub async fn apply_all(&self, manifests: &Manifests) -> Result<(), ClusterError> {
        for object in &manifests.objects {
            self.apply_object(object).await?;
        }
        Ok(())
    }

    /// Server-side applies one object, as long as it takes the API server to know its kind.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn apply_object(&self, object: &Value) -> Result<(), ClusterError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        let what = format!("{} `{name}`", kind.to_lowercase());
        let deadline = Instant::now() + APPLY_PATIENCE;
        loop {
            let error = match self.try_apply(object, &kind, &name).await {
                Ok(()) => break,
                Err(error) => error,
            };
            if Instant::now() > deadline || !passes_by_itself(&error) {
                return Err(request("apply", what)(error));
            }
            sleep(Duration::from_millis(100)).await;
        }
        if kind == "CustomResourceDefinition" {
            self.wait_established(&name, deadline).await?;
        }
        Ok(())
    }

    async fn try_apply(&self, object: &Value, kind: &str, name: &str) -> Result<(), kube::Error> {
        let (resource, scope) = self.kind(object["apiVersion"].as_str().unwrap_or_default(), kind).await?;
        let namespace = object["metadata"]["namespace"].as_str();
        let api: Api<DynamicObject> = match (scope, namespace) {
            (Scope::Namespaced, Some(namespace)) => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            (Scope::Namespaced, None) => Api::default_namespaced_with(self.client.clone(), &resource),
            (Scope::Cluster, _) => Api::all_with(self.client.clone(), &resource),
        };
        api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await?;
        Ok(())
    }

    async fn kind(&self, api_version: &str, kind: &str) -> Result<(ApiResource, Scope), kube::Error> {
        let key = format!("{api_version}/{kind}");
        if let Some((resource, scope)) = self.kinds.lock().await.get(&key) {
            return Ok((resource.clone(), scope.clone()));
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let (resource, capabilities) =
            discovery::pinned_kind(&self.client, &GroupVersionKind::gvk(group, version, kind)).await?;
        self.kinds.lock().await.insert(key, (resource.clone(), capabilities.scope.clone()));
        Ok((resource, capabilities.scope))
    }

    async fn wait_established(&self, name: &str, deadline: Instant) -> Result<(), ClusterError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        while Instant::now() < deadline {
            let definition = api.get(name).await.map_err(request("read", format!("definition `{name}`")))?;
            let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
            if conditions
                .iter()
                .any(|condition| condition.type_ == "Established" && condition.status == "True")
            {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(ClusterError::NotReady(format!("definition `{name}` was not established in time")))
    }
}

/// Whether the same request may succeed a moment later.
fn passes_by_itself(error: &kube::Error) -> bool {
    match error {
        // 404: the kind or the namespace is a moment old. 409: someone else was faster. 500: with a webhook that does
        // not answer yet, but also for what will never be right.
        kube::Error::Api(status) => {
            matches!(status.code, 404 | 409 | 429 | 502..=504)
                || status.code == 500 && status.message.contains("webhook")
        }
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::Discovery(_) => true,
        _ => false,
    }
}

/// Whether the node says it is ready *now*: its word is younger than `since`, in seconds since 1970.
///
/// # Errors
/// If the API server cannot be asked.
pub async fn node_ready(client: &Client, since: i64) -> Result<bool, ClusterError> {
    let api: Api<Node> = Api::all(client.clone());
    let Some(node) = api.get_opt(NODE).await.map_err(request("read", format!("node `{NODE}`")))? else {
        return Ok(false);
    };
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    Ok(conditions.iter().any(|condition| {
        let heard = condition.last_heartbeat_time.as_ref().map_or(0, |time| time.0.as_second());
        condition.type_ == "Ready" && condition.status == "True" && heard >= since
    }))
}

/// The pods of all add-ons as the API server tells of them, kept current by a watch that ends with this.
#[derive(Clone)]
pub struct Pods {
    store: Store<Pod>,
    _watch: Arc<Watch>,
}

struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pods {
    /// Begins to watch.
    #[must_use]
    pub fn watch(client: &Client) -> Self {
        let (store, writer) = reflector::store();
        let events = watcher(Api::all(client.clone()), watcher::Config::default().labels(PART_OF));
        let events = reflector::reflector(writer, events).default_backoff();
        let watch = tokio::spawn(events.for_each(|_| std::future::ready(())));
        Self { store, _watch: Arc::new(Watch(watch)) }
    }
}

/// Something of an add-on that is not as it should be, in words; empty if all is well.
///
/// The API server remembers pods as ready that died with the machine, so its word counts only for containers that
/// have a process now: `running` tells the ids of those.
#[must_use]
pub fn not_ready(pods: &Pods, manifests: &Manifests, running: impl Fn() -> BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for workload in manifests.workloads() {
        let own = pods.store.state_filter(|pod| workload.owns(pod));
        let says_so = own.iter().filter(|pod| says_ready(pod)).count();
        // Looking at processes is worth it only for pods that are said to be ready.
        let ready = if says_so < workload.replicas {
            says_so
        } else {
            let running = running();
            own.iter().filter(|pod| is_ready(pod, &running)).count()
        };
        if ready < workload.replicas {
            let why = own.iter().find_map(|pod| waiting_reason(pod)).unwrap_or_default();
            complaints.push(format!("{}: {ready} of {} ready{why}", workload.name, workload.replicas));
        }
    }
    complaints
}

/// Workloads whose pods may still be those of an older template, in words.
///
/// # Errors
/// If the API server cannot be asked.
pub async fn being_rolled_out(client: &Client, manifests: &Manifests) -> Result<Vec<String>, ClusterError> {
    let mut found = Vec::new();
    for workload in manifests.workloads() {
        found.extend(outdated(client, &workload).await?);
    }
    Ok(found)
}

/// Why a workload's pods may be those of an older template.
async fn outdated(client: &Client, workload: &Workload) -> Result<Option<String>, ClusterError> {
    let failed = || request("read", format!("{} `{}`", workload.kind.to_lowercase(), workload.name));
    let current = if workload.kind == "Deployment" {
        let api: Api<Deployment> = Api::namespaced(client.clone(), &workload.namespace);
        api.get_opt(&workload.name).await.map_err(failed())?.is_some_and(|deployment| {
            let status = deployment.status.unwrap_or_default();
            status.observed_generation >= deployment.metadata.generation
                && status.updated_replicas.unwrap_or(0) == status.replicas.unwrap_or(0)
        })
    } else {
        let api: Api<StatefulSet> = Api::namespaced(client.clone(), &workload.namespace);
        api.get_opt(&workload.name).await.map_err(failed())?.is_some_and(|set| {
            let status = set.status.unwrap_or_default();
            status.observed_generation >= set.metadata.generation
                && status.current_revision == status.update_revision
        })
    };
    Ok((!current).then(|| format!("{}: being rolled out", workload.name)))
}

fn says_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn is_ready(pod: &Pod, running: &BTreeSet<String>) -> bool {
    let Some(status) = &pod.status else { return false };
    let mut containers = status.container_statuses.iter().flatten().peekable();
    let alive = containers.peek().is_some()
        && containers.all(|container| {
            let id = container.container_id.as_deref().unwrap_or_default();
            id.rsplit('/').next().is_some_and(|id| running.contains(id))
        });
    says_ready(pod) && alive
}

fn waiting_reason(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let waiting = status.container_statuses.iter().flatten().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        waiting.reason.as_ref().map(|reason| {
            let message = waiting.message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
            format!(", {reason}{message}")
        })
    });
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .and_then(|condition| condition.message.as_ref().map(|message| format!(", {message}")));
    waiting.or(unscheduled)
}

/// A pod of an add-on, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddonPod {
    /// Namespace.
    pub namespace: String,
    /// Value of its label `app.kubernetes.io/name`, or its name.
    pub name: String,
    /// Its uid, which names its cgroup.
    pub uid: String,
    /// Whether it is ready and really runs.
    pub ready: bool,
    /// Times its containers were started again.
    pub restarts: i32,
    /// `guaranteed`, `burstable` or `besteffort`.
    pub class: String,
}

/// The pods of all add-ons.
///
/// # Errors
/// If the API server cannot be asked.
pub async fn addon_pods(client: &Client, running: &BTreeSet<String>) -> Result<Vec<AddonPod>, ClusterError> {
    let api: Api<Pod> = Api::all(client.clone());
    let pods = api.list(&ListParams::default().labels(PART_OF)).await.map_err(request("list", "pods"))?;
    let mut found: Vec<_> = pods
        .iter()
        .map(|pod| {
            let status = pod.status.clone().unwrap_or_default();
            let labels = pod.metadata.labels.clone().unwrap_or_default();
            AddonPod {
                namespace: pod.metadata.namespace.clone().unwrap_or_default(),
                name: labels
                    .get("app.kubernetes.io/name")
                    .or(pod.metadata.name.as_ref())
                    .cloned()
                    .unwrap_or_default(),
                uid: pod.metadata.uid.clone().unwrap_or_default(),
                ready: is_ready(pod, running),
                restarts: status
                    .container_statuses
                    .iter()
                    .flatten()
                    .map(|container| container.restart_count)
                    .sum(),
                class: status.qos_class.unwrap_or_default().to_lowercase(),
            }
        })
        .collect();
    found.sort_by(|left, right| (&left.namespace, &left.name).cmp(&(&right.namespace, &right.name)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_replaced_and_an_unknown_one_is_an_error() {
        let value = |name: &str| (name == "image:web").then(|| "testbed.local/web:1".to_owned());
        assert_eq!(substitute("image: ${image:web} $1", value).unwrap(), "image: testbed.local/web:1 $1");
        assert!(substitute("${image:other}", value).unwrap_err().contains("image:other"));
        assert!(substitute("${image", value).is_err());
        assert_eq!(
            names("${image:a} ${state} ${image:b}", "image:"),
            ["a".to_owned(), "b".to_owned()].into()
        );
    }

    #[test]
    fn manifests_of_modules_may_hold_empty_documents_and_kustomizations() {
        let text = "# words\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n".to_owned();
        let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n".to_owned();
        let texts = [("a".to_owned(), text), ("k".to_owned(), kustomization)];
        assert_eq!(Manifests::parse("x", None, &texts).unwrap().objects.len(), 1);
        let nameless = [("a".to_owned(), "kind: Namespace".to_owned())];
        assert!(matches!(Manifests::parse("x", None, &nameless), Err(ClusterError::Manifest { .. })));
    }

    #[test]
    fn what_belongs_into_a_namespace_and_says_none_gets_one() {
        let text = "{apiVersion: v1, kind: RoleBinding, metadata: {name: a}, subjects: [{kind: ServiceAccount, name: a}]}\n\
                    ---\n{apiVersion: v1, kind: ClusterRole, metadata: {name: b}}\n\
                    ---\n{apiVersion: v1, kind: Role, metadata: {name: c, namespace: own}}\n";
        let manifests = Manifests::parse("x", Some("given"), &[("a".to_owned(), text.to_owned())]).unwrap();
        assert_eq!(manifests.objects[0]["metadata"]["namespace"], "given");
        assert_eq!(manifests.objects[0]["subjects"][0]["namespace"], "given");
        assert!(manifests.objects[1]["metadata"]["namespace"].is_null());
        assert_eq!(manifests.objects[2]["metadata"]["namespace"], "own");
    }

    #[test]
    fn a_pod_remembered_as_ready_is_not_ready_without_a_process() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                    "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                    "containerID": "containerd://abc",
                }],
            },
        }))
        .unwrap();
        assert!(!is_ready(&pod, &BTreeSet::new()));
        assert!(is_ready(&pod, &["abc".to_owned()].into()));
    }
}
