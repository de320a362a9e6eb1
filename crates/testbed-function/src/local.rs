//! A cluster in pods of the hub.
//!
//! Two rules matter more than all else. Its keys are made once: what is observed is used again, and the Secret is
//! immutable, so that a call that did not see it yet cannot replace it. And a node is made once: a pod that ended or
//! vanished took the cluster's state with it, and an empty one in its place would be another cluster under the same
//! name, which nobody asked for and measurements would not show.

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    compose::{
        Cluster, ComposeError, Composed, KUBECONFIG, Node, Observed, Settings, Status, Tools, Wanted,
        condition,
    },
    keys::{Client, Pair},
    machines::{Machine, machine},
};

/// Label of everything that belongs to a cluster.
const CLUSTER_LABEL: &str = "illm.io/cluster";
/// Label of a node's pod: its number.
const NODE_LABEL: &str = "illm.io/node";
/// When the certificate in the kubeconfig ends, so that no certificate has to be read to know.
const EXPIRES: &str = "illm.io/expires";
/// How long a kubeconfig is good.
const VALID: SignedDuration = SignedDuration::from_hours(24);
/// With less than this left it is made anew.
const RENEW: SignedDuration = SignedDuration::from_hours(12);
const PORT: u16 = 6443;

/// The objects of a local cluster.
pub(crate) fn compose(
    cluster: &Cluster,
    observed: &Observed,
    settings: &Settings,
    tools: Tools<'_>,
) -> Result<Composed, ComposeError> {
    let spec = &cluster.spec;
    let machine_type = spec.machine_type();
    let machine = machine(&machine_type).ok_or_else(|| ComposeError::Machine(machine_type.clone()))?;

    let mut composed = Composed::default();
    let nodes: Vec<Seen> = (0..spec.node_count).map(|index| Seen::new(cluster, observed, index)).collect();
    composed.dead = nodes.iter().find_map(|node| node.dead.clone());
    if composed.dead.is_none() && !cluster.status.nodes.is_empty() && !observed.contains_key("ca") {
        composed.dead = Some(format!("Secret {} is gone, and with it the cluster's keys", ca_name(cluster)));
    }
    let alive = composed.dead.is_none();

    let ca = ca(cluster, observed, tools, alive)?;
    if let Some((authority, wanted)) = ca {
        let kubeconfig = kubeconfig(cluster, observed.get("kubeconfig"), &authority, tools)?;
        composed.resources.insert("ca".into(), wanted);
        composed.resources.insert("kubeconfig".into(), kubeconfig);
    }
    composed.resources.insert("service".into(), service(cluster, observed.contains_key("service")));
    for node in &nodes {
        // Of a dead cluster, what is left stays as it is, to be looked at.
        if node.pod.is_some() || alive {
            let object = pod(cluster, node, settings, machine);
            composed.resources.insert(node.key(), Wanted { ready: node.ready, object });
        }
    }

    composed.ready = alive && composed.resources.values().all(|wanted| wanted.ready);
    let message = composed.dead.clone().or_else(|| nodes.iter().find_map(Seen::waits_for));
    composed.status = Status {
        endpoint: Some(endpoint(cluster)),
        kubeconfig_secret: Some(cluster.kubeconfig_secret()),
        machine_type: Some(machine_type),
        zone: None,
        node_count: Some(spec.node_count),
        message: if composed.ready { None } else { message },
        nodes: nodes.iter().filter_map(Seen::remember).collect(),
    };
    if let Some(version) = spec.version.as_deref().filter(|_| cluster.status.nodes.is_empty()) {
        composed.warnings.push(format!("a local cluster has the version of the hub, not {version}"));
    }
    Ok(composed)
}

fn ca_name(cluster: &Cluster) -> String {
    format!("{}-ca", cluster.name)
}

fn host(cluster: &Cluster) -> String {
    format!("{}.{}.svc.cluster.local", cluster.name, cluster.namespace)
}

fn endpoint(cluster: &Cluster) -> String {
    format!("https://{}:{PORT}", host(cluster))
}

/// The keys of the cluster: those that are there, or new ones.
fn ca(
    cluster: &Cluster,
    observed: &Observed,
    tools: Tools<'_>,
    alive: bool,
) -> Result<Option<(Pair, Wanted)>, ComposeError> {
    let (data, ready) = match observed.get("ca") {
        Some(secret) => (secret.get("data").cloned().unwrap_or_default(), true),
        None if alive => {
            let authority = tools.keys.authority(&cluster.name, tools.now)?;
            let data = json!({
                "tls.crt": BASE64.encode(&authority.certificate),
                "tls.key": BASE64.encode(&authority.key),
                "sa.key": BASE64.encode(tools.keys.service_accounts()?),
            });
            (data, false)
        }
        None => return Ok(None),
    };
    let pem = |key: &str| {
        let text = data.get(key).and_then(Value::as_str).and_then(|text| BASE64.decode(text).ok());
        text.and_then(|text| String::from_utf8(text).ok()).ok_or_else(|| ComposeError::Unreadable {
            what: "Secret of the cluster's keys",
            why: format!("it has no {key}"),
        })
    };
    let authority = Pair { certificate: pem("tls.crt")?, key: pem("tls.key")? };
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(cluster, &ca_name(cluster)),
        "immutable": true,
        "data": data,
    });
    Ok(Some((authority, Wanted { ready, object })))
}

/// The kubeconfig: the one that is there, if it is of these keys and good for long enough.
fn kubeconfig(
    cluster: &Cluster,
    there: Option<&Value>,
    authority: &Pair,
    tools: Tools<'_>,
) -> Result<Wanted, ComposeError> {
    let kept = there.and_then(|secret| {
        let expires =
            secret.pointer("/metadata/annotations")?.get(EXPIRES)?.as_str()?.parse::<Timestamp>().ok()?;
        let data = secret.pointer("/data")?.get(KUBECONFIG)?.as_str()?.to_owned();
        let text = String::from_utf8(BASE64.decode(&data).ok()?).ok()?;
        let ours = text.contains(&BASE64.encode(&authority.certificate));
        (ours && expires.duration_since(tools.now) >= RENEW).then_some((expires, data))
    });
    let (expires, data) = match kept {
        Some(kept) => kept,
        None => {
            let expires = tools.now + VALID;
            let who = Client {
                cluster: &cluster.name,
                user: "testbed",
                group: "system:masters",
                from: tools.now,
                to: expires,
            };
            let client = tools.keys.client(authority, &who)?;
            (expires, BASE64.encode(render(cluster, authority, &client)))
        }
    };
    let mut metadata = metadata(cluster, &cluster.kubeconfig_secret());
    // To the second, as the certificate is.
    let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
    metadata.insert("annotations".into(), json!({EXPIRES: expires.to_string()}));
    let object =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {KUBECONFIG: data}});
    Ok(Wanted { ready: there.is_some(), object })
}

/// JSON is YAML, and needs nothing quoted by hand.
fn render(cluster: &Cluster, authority: &Pair, client: &Pair) -> String {
    let name = &cluster.name;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {
            "server": endpoint(cluster),
            "certificate-authority-data": BASE64.encode(&authority.certificate),
        }}],
        "users": [{"name": "testbed", "user": {
            "client-certificate-data": BASE64.encode(&client.certificate),
            "client-key-data": BASE64.encode(&client.key),
        }}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "testbed"}}],
        "current-context": name,
    });
    format!("{config:#}\n")
}

fn service(cluster: &Cluster, there: bool) -> Wanted {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(cluster, &cluster.name),
        "spec": {
            "type": "ClusterIP",
            // The node itself needs the name before it is ready.
            "publishNotReadyAddresses": true,
            "selector": {CLUSTER_LABEL: cluster.name, NODE_LABEL: "0"},
            "ports": [{"name": "https", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        },
    });
    Wanted { ready: there, object }
}

fn metadata(cluster: &Cluster, name: &str) -> Map<String, Value> {
    let mut metadata = cluster.metadata(name);
    let mut labels = cluster.labels.clone();
    labels.insert(CLUSTER_LABEL.into(), cluster.name.clone());
    metadata.insert("labels".into(), json!(labels));
    metadata
}

/// A node and what became of it.
struct Seen<'a> {
    index: u32,
    name: String,
    pod: Option<&'a Value>,
    known: Option<&'a Node>,
    ready: bool,
    /// Why the cluster is dead.
    dead: Option<String>,
}

impl<'a> Seen<'a> {
    fn new(cluster: &'a Cluster, observed: &'a Observed, index: u32) -> Self {
        let name = format!("{}-{index}", cluster.name);
        let known = cluster.status.nodes.iter().find(|node| node.name == name);
        let pod = observed.get(&key(index));
        let uid = pod.and_then(|pod| pod.pointer("/metadata/uid")).and_then(Value::as_str);
        let dead = match (known, pod) {
            (Some(_), None) => Some(format!("pod {name} is gone; a cluster is not made twice")),
            (Some(known), Some(_)) if uid != Some(&known.uid) => {
                Some(format!("pod {name} is not the one that was made first; a cluster is not made twice"))
            }
            (_, Some(pod)) if is_deleted(pod) => {
                Some(format!("pod {name} was deleted; a cluster is not made twice"))
            }
            (_, Some(pod)) => ended(&name, pod),
            (None, None) => None,
        };
        let ready = dead.is_none() && pod.is_some_and(|pod| condition(pod, "Ready") == Some("True"));
        // One that stands in for another is not wanted, nor is one that is on its way out: whoever applies an object
        // that has just vanished creates it.
        let foreign = known.is_some_and(|known| uid.is_some_and(|uid| uid != known.uid));
        let pod = pod.filter(|pod| !foreign && !is_deleted(pod));
        Self { index, name, pod, known, ready, dead }
    }

    fn key(&self) -> String {
        key(self.index)
    }

    /// What is known of it the next time: the first pod that was seen, for ever.
    fn remember(&self) -> Option<Node> {
        let uid = || self.pod?.pointer("/metadata/uid")?.as_str().map(ToOwned::to_owned);
        let uid = self.known.map(|known| known.uid.clone()).or_else(uid)?;
        Some(Node { name: self.name.clone(), uid })
    }

    fn waits_for(&self) -> Option<String> {
        let name = &self.name;
        let Some(pod) = self.pod else { return Some(format!("pod {name} is being created")) };
        if self.ready {
            return None;
        }
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        if let Some(refused) =
            conditions.into_iter().find(|one| one["type"] == "PodScheduled" && one["status"] == "False")
        {
            return Some(format!("pod {name} cannot be placed: {}", text(refused, "message")));
        }
        let waiting = pod.pointer("/status/containerStatuses/0/state/waiting");
        if let Some(waiting) = waiting.filter(|waiting| waiting["reason"] != "ContainerCreating") {
            return Some(format!(
                "pod {name} does not start: {}: {}",
                text(waiting, "reason"),
                text(waiting, "message")
            ));
        }
        Some(format!("pod {name} is starting"))
    }
}

fn key(index: u32) -> String {
    format!("node-{index}")
}

fn is_deleted(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}

/// Why a pod ended, if it did.
fn ended(name: &str, pod: &Value) -> Option<String> {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str)?;
    if !matches!(phase, "Failed" | "Succeeded") {
        return None;
    }
    let terminated = pod.pointer("/status/containerStatuses/0/state/terminated");
    let reason = [pod.pointer("/status/reason"), terminated.and_then(|state| state.get("reason"))];
    let mut why: Vec<String> =
        reason.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    if let Some(code) = terminated.and_then(|state| state.get("exitCode")) {
        why.push(format!("exit code {code}"));
    }
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
    Some(format!("pod {name} ended{why}; a cluster is not made twice"))
}

/// A node. What of it cannot be changed, or would restart it, is taken from the pod that is there: settings that
/// change when the hub is upgraded must not reach into a running cluster.
fn pod(cluster: &Cluster, node: &Seen<'_>, settings: &Settings, machine: Machine) -> Value {
    let mut metadata = metadata(cluster, &node.name);
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.insert(NODE_LABEL.into(), node.index.to_string().into());
    }
    let there = node.pod.and_then(|pod| pod.pointer("/spec/containers/0"));
    let mut env = vec![
        json!({"name": "CLUSTER_NAME", "value": cluster.name}),
        json!({"name": "NODE_INDEX", "value": node.index.to_string()}),
        json!({"name": "NODE_COUNT", "value": cluster.spec.node_count.to_string()}),
        json!({"name": "CONTROL_PLANE", "value": host(cluster)}),
        json!({"name": "REGISTRY", "value": settings.registry}),
    ];
    if let Some(size) = cluster.spec.disk_size_gb {
        env.push(json!({"name": "DISK_SIZE_GB", "value": size.to_string()}));
    }
    let kept = |field: &str, new: Value| there.and_then(|there| there.get(field)).cloned().unwrap_or(new);
    // Rounded up: half a thousandth of a processor is none.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let millis = (machine.cpu * 1000.0).ceil() as u64;
    let resources = json!({
        // Small: how many fit on one machine is decided by what they use.
        "requests": {"cpu": "50m", "memory": "256Mi"},
        "limits": {"cpu": format!("{millis}m"), "memory": format!("{}Mi", machine.memory_mib)},
    });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "hostname": node.name,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            // What runs inside must find its own API server, and never the hub's.
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "containers": [{
                "name": "node",
                "image": kept("image", settings.cluster_image.clone().into()),
                "imagePullPolicy": "IfNotPresent",
                "env": kept("env", env.into()),
                "securityContext": {"privileged": true},
                "readinessProbe": {
                    "httpGet": {"path": "/readyz", "port": 8080},
                    "periodSeconds": 1,
                    // A node that is busy with a measurement answers late, and is ready all the same.
                    "timeoutSeconds": 5,
                },
                "resources": kept("resources", resources),
                "volumeMounts": [
                    {"name": "state", "mountPath": "/state"},
                    {"name": "ca", "mountPath": "/etc/testbed/ca", "readOnly": true},
                ],
            }],
            "volumes": [
                {"name": "state", "emptyDir": {}},
                {"name": "ca", "secret": {"secretName": ca_name(cluster)}},
            ],
        },
    })
}
