//! What we run, and what it may do: every pod of ours against the Pod Security Standard `restricted`, every image by its
//! content, every right to read a Secret. Exceptions stand here with their reasons, and one that is no longer needed
//! fails as a missing one does.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files, and panics when it cannot go on"
)]

mod common;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a pod may do that `restricted` forbids: place, the forbidden, and why.
const MAY: [(&str, &str, &str); 5] = [
    (
        "hub/manifests/registry.yaml: Deployment registry",
        "volume data is a hostPath",
        "data outlives the hub's own cluster: a folder of the machine",
    ),
    (
        "hub/manifests/s3.yaml: Deployment s3",
        "volume data is a hostPath",
        "results outlive the hub's own cluster: a folder of the machine",
    ),
    (
        "hub/manifests/victoria-metrics.yaml: Deployment victoria-metrics",
        "volume data is a hostPath",
        "metrics outlive the hub's own cluster: a folder of the machine",
    ),
    (
        "testbed-function: Pod alpha-0",
        "*",
        "a node in a pod: a container runtime of its own needs the kernel",
    ),
    (
        "testbed-function: Pod alpha-1",
        "*",
        "a node in a pod: a container runtime of its own needs the kernel",
    ),
];

/// What is named by something that may change: place, name, and why.
const FLOATS: [(&str, &str, &str); 2] = [
    (
        "components/observability/alloy: Deployment alloy",
        "grafana/alloy:v1.18.1",
        "an alternative that no hub of ours runs, and whose digest cannot be looked up where this is made: see its README",
    ),
    (
        "components/core/tailscale-operator",
        "1.82.0",
        "a Helm repository knows versions and no digests; it cannot be tried where this is made: see docs/guides/tailscale.md",
    ),
];

/// Who may read Secrets of the whole cluster, and why.
const READS_ALL_SECRETS: [(&str, &str); 2] = [
    (
        "argocd/argocd-application-controller",
        "creates whatever a component is made of, in namespaces that do not exist yet",
    ),
    (
        "crossplane-system/crossplane",
        "its caches are of the whole cluster, and it has no setting for less; it writes in two namespaces",
    ),
];

/// Every right of the operator to Secrets: where, what, which, and what for.
const OPERATOR_SECRETS: [(&str, &str, &str, &str); 4] = [
    (
        "argocd",
        "get list create patch delete",
        "",
        "registers clusters of targets, and takes them off again: apply.rs register",
    ),
    (
        "experiments",
        "get list create patch delete",
        "",
        "reads kubeconfigs of targets of type existing, shows those of tutorials: targets.rs, apply.rs",
    ),
    (
        "testbed-clusters",
        "get list",
        "",
        "reads kubeconfigs of clusters the lab made, and sees whether any is left: targets.rs, observe.rs",
    ),
    ("testbed-system", "get", "operator-oauth", "lets targets join a tailnet: apply.rs grant_tailnet"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    fn visit(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, extension, found);
            } else if path.extension().is_some_and(|is| is == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    visit(&root().join(folder), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{folder} has nothing to look at");
    found
}

/// The documents of a manifest; `${...}` outside of quotes is made text, so that an image keeps its placeholder.
fn documents(text: &str, what: &str) -> Vec<Value> {
    let quoted: String = text.lines().map(|line| format!("{}\n", quote(line))).collect();
    serde_saphyr::from_multiple::<Value>(&quoted).unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Puts quotes around a placeholder that is a whole value: a brace would end a map in flow style.
fn quote(line: &str) -> String {
    let Some((before, rest)) = line.split_once("${") else { return line.to_owned() };
    let Some((name, after)) = rest.split_once('}') else { return line.to_owned() };
    let is_value = before.ends_with(": ") && before.matches('"').count() % 2 == 0;
    if is_value {
        format!("{before}\"${{{name}}}\"{}", quote(after))
    } else {
        format!("{before}${{{name}}}{}", quote(after))
    }
}

/// A pod of ours.
struct Pod {
    /// Where it is described.
    place: String,
    /// Its specification.
    spec: Value,
}

fn label(object: &Value) -> String {
    format!(
        "{} {}",
        object["kind"].as_str().unwrap_or("?"),
        object["metadata"]["name"].as_str().unwrap_or("?")
    )
}

/// Returns the pods that an object makes.
fn pods_of(place: &str, object: &Value) -> Vec<Pod> {
    let place = format!("{place}: {}", label(object));
    let pod = |spec: &Value| vec![Pod { place: place.clone(), spec: spec.clone() }];
    match object["kind"].as_str().unwrap_or_default() {
        "Pod" => pod(&object["spec"]),
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicaSet" => {
            pod(&object["spec"]["template"]["spec"])
        }
        "CronJob" => pod(&object["spec"]["jobTemplate"]["spec"]["template"]["spec"]),
        "DeploymentRuntimeConfig" => pod(&object["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]),
        "WorkflowTemplate" | "Workflow" => workflow_pods(&place, &object["spec"]),
        // An object we do not know to make pods must not bring one unseen.
        _ => {
            assert!(
                !object.to_string().contains("\"containers\":["),
                "{place} makes pods, and nobody checks them"
            );
            Vec::new()
        }
    }
}

/// Returns the pods of a workflow: one for each template that runs a container, as Argo Workflows puts it together.
fn workflow_pods(place: &str, spec: &Value) -> Vec<Pod> {
    let of = |template: &Value| -> Option<Pod> {
        let mut containers: Vec<Value> = Vec::new();
        for key in ["container", "script"] {
            containers.extend(template.get(key).cloned());
        }
        containers.extend(
            template
                .pointer("/containerSet/containers")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .cloned(),
        );
        if containers.is_empty() {
            return None;
        }
        let list = |key: &str| template[key].as_array().cloned().unwrap_or_default();
        containers.extend(list("sidecars"));
        let own = template.get("securityContext").or_else(|| spec.get("securityContext"));
        let volumes = [spec["volumes"].as_array(), template["volumes"].as_array()];
        Some(Pod {
            place: format!("{place}, step {}", template["name"].as_str().unwrap_or("?")),
            spec: json!({
                "securityContext": own, "containers": containers, "initContainers": list("initContainers"),
                "volumes": volumes.into_iter().flatten().flatten().collect::<Vec<_>>(),
                "hostNetwork": spec["hostNetwork"],
            }),
        })
    };
    spec["templates"].as_array().into_iter().flatten().filter_map(of).collect()
}

/// Fills in what of a template of Helm decides on security: images. Everything else is some text.
fn rendered(template: &str, values: &Value) -> String {
    let mut out = String::new();
    for line in template.lines() {
        if line.trim_start().starts_with("{{") {
            continue;
        }
        let mut line = line.to_owned();
        while let Some((before, rest)) = line.split_once("{{").map(|(a, b)| (a.to_owned(), b.to_owned())) {
            let (expression, after) = rest.split_once("}}").unwrap();
            let path = expression.trim_matches(['-', ' ']).strip_prefix(".Values.").unwrap_or_default();
            let path = path.split([' ', '|']).next().unwrap_or_default();
            let value = path.split('.').fold(values, |value, key| &value[key]);
            let value = value
                .as_str()
                .filter(|_| !path.is_empty())
                .map_or_else(|| "some-text".to_owned(), |text| format!("'{text}'"));
            line = format!("{before}{value}{after}");
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Every pod that we describe.
fn pods() -> Vec<Pod> {
    let root = root();
    let mut pods = Vec::new();
    let name = |file: &Path| file.strip_prefix(&root).unwrap().display().to_string();
    let mut manifests = files("hub/manifests", "yaml");
    manifests.extend(files("platform/workflows", "yaml"));
    manifests.extend(files("experiments", "yaml").into_iter().filter(|file| file.ends_with("workflow.yaml")));
    for file in manifests {
        for object in documents(&fs::read_to_string(&file).unwrap(), &name(&file)) {
            pods.extend(pods_of(&name(&file), &object));
        }
    }
    for file in files("components", "yaml") {
        let folder = file.parent().unwrap();
        if folder.ends_with("chart/templates") {
            let values = fs::read_to_string(folder.with_file_name("values.yaml")).unwrap();
            let text = fs::read_to_string(&file).unwrap();
            if !text.contains("containers:") {
                continue;
            }
            let values = documents(&values, "values").remove(0);
            let component = name(folder.ancestors().nth(2).unwrap());
            for object in serde_saphyr::from_multiple::<Value>(&rendered(&text, &values))
                .unwrap_or_else(|error| panic!("{}: {error}", name(&file)))
            {
                pods.extend(pods_of(&component, &object));
            }
        } else if folder.ends_with("manifests") {
            for object in documents(&fs::read_to_string(&file).unwrap(), &name(&file)) {
                pods.extend(pods_of(&name(&file), &object));
            }
        }
    }
    pods.extend(nodes(&root));
    pods
}

/// The pods that clusters of runs consist of, as the test of their maker holds them.
fn nodes(root: &Path) -> Vec<Pod> {
    let snapshot = root.join("crates/testbed-function/tests/snapshots/local__local_asked_for.snap");
    let text = fs::read_to_string(snapshot).unwrap();
    let body = text.splitn(3, "---\n").nth(2).unwrap();
    let mut found = Vec::new();
    collect(&serde_saphyr::from_str(body).unwrap(), &mut found);
    assert_eq!(found.len(), 2, "the snapshot has other pods than this test knows");
    found
}

fn collect(value: &Value, found: &mut Vec<Pod>) {
    match value {
        Value::Object(object) if object.get("kind") == Some(&json!("Pod")) => {
            found.extend(pods_of("testbed-function", value))
        }
        Value::Object(object) => object.values().for_each(|value| collect(value, found)),
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(|list| spec[list].as_array().into_iter().flatten())
}

/// Returns everything in a pod that the Pod Security Standard `restricted` forbids.
fn forbidden(spec: &Value) -> Vec<String> {
    const VOLUMES: [&str; 8] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let mut found = Vec::new();
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[key] == true {
            found.push(format!("{key} is true"));
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        let kinds =
            volume.as_object().into_iter().flat_map(|volume| volume.keys()).filter(|key| *key != "name");
        for kind in kinds.filter(|kind| !VOLUMES.contains(&kind.as_str())) {
            found.push(format!("volume {} is a {kind}", volume["name"].as_str().unwrap_or("?")));
        }
    }
    let of_pod = &spec["securityContext"];
    if of_pod["sysctls"].as_array().is_some_and(|sysctls| !sysctls.is_empty()) {
        found.push("sets sysctls".into());
    }
    let all = containers(spec).count();
    if all == 0 {
        found.push("has no containers to check".into());
    }
    for container in containers(spec) {
        let name = container["name"].as_str().unwrap_or("?");
        let own = &container["securityContext"];
        let either = |path: &str| own.pointer(path).or_else(|| of_pod.pointer(path));
        let mut say = |what: &str| found.push(format!("container {name} {what}"));
        if own["privileged"] == true {
            say("is privileged");
        }
        if own["allowPrivilegeEscalation"] != false {
            say("may gain privileges");
        }
        if either("/runAsNonRoot") != Some(&json!(true)) || either("/runAsUser") == Some(&json!(0)) {
            say("may run as root");
        }
        if !either("/seccompProfile/type").is_some_and(|kind| kind == "RuntimeDefault" || kind == "Localhost")
        {
            say("has no seccomp profile");
        }
        let capabilities = |list: &str| own["capabilities"][list].as_array().cloned().unwrap_or_default();
        if !capabilities("drop").contains(&json!("ALL")) {
            say("keeps capabilities");
        }
        if capabilities("add").iter().any(|added| added != "NET_BIND_SERVICE") {
            say("adds capabilities");
        }
        if own.get("procMount").is_some_and(|mount| mount != "Default") {
            say("sees all of /proc");
        }
        if either("/windowsOptions/hostProcess") == Some(&json!(true)) {
            say("is a process of the host");
        }
        if either("/appArmorProfile/type").is_some_and(|kind| kind == "Unconfined") {
            say("is not confined by AppArmor");
        }
        for option in ["user", "role"] {
            if either("/seLinuxOptions").is_some_and(|options| options.get(option).is_some()) {
                say("sets SELinux options");
            }
        }
        let ports = container["ports"].as_array().into_iter().flatten();
        if ports.clone().any(|port| port["hostPort"].as_u64().unwrap_or(0) != 0) {
            say("takes a port of the host");
        }
    }
    found
}

#[test]
fn every_pod_of_ours_is_restricted_or_says_why_not() {
    let pods = pods();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for pod in &pods {
        for what in forbidden(&pod.spec) {
            match MAY.iter().position(|(place, may, _)| *place == pod.place && (*may == "*" || *may == what))
            {
                Some(index) => drop(used.insert(index)),
                None => wrong.push(format!("{}: {what}", pod.place)),
            }
        }
    }
    assert!(pods.len() > 20, "only {} pods were found", pods.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (index, (place, what, _)) in MAY.iter().enumerate() {
        assert!(used.contains(&index), "{place} may do what it does not: {what}");
    }
}

#[test]
fn what_restricted_forbids_is_found_field_by_field() {
    let good = json!({
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    });
    assert_eq!(forbidden(&good), [""; 0]);
    for (place, value, said) in [
        ("/hostNetwork", json!(true), "hostNetwork is true"),
        ("/hostPID", json!(true), "hostPID is true"),
        ("/hostIPC", json!(true), "hostIPC is true"),
        ("/volumes/0/hostPath", json!({"path": "/"}), "volume v is a hostPath"),
        ("/securityContext/sysctls", json!([{"name": "kernel.msgmax", "value": "1"}]), "sets sysctls"),
        ("/securityContext/runAsNonRoot", json!(false), "container c may run as root"),
        ("/securityContext/runAsUser", json!(0), "container c may run as root"),
        (
            "/securityContext/seccompProfile",
            json!({"type": "Unconfined"}),
            "container c has no seccomp profile",
        ),
        ("/containers/0/securityContext/privileged", json!(true), "container c is privileged"),
        (
            "/containers/0/securityContext/allowPrivilegeEscalation",
            Value::Null,
            "container c may gain privileges",
        ),
        ("/containers/0/securityContext/capabilities", json!({}), "container c keeps capabilities"),
        (
            "/containers/0/securityContext/capabilities/add",
            json!(["SYS_ADMIN"]),
            "container c adds capabilities",
        ),
        ("/containers/0/securityContext/procMount", json!("Unmasked"), "container c sees all of /proc"),
        (
            "/containers/0/securityContext/appArmorProfile",
            json!({"type": "Unconfined"}),
            "container c is not confined by AppArmor",
        ),
        (
            "/containers/0/securityContext/windowsOptions",
            json!({"hostProcess": true}),
            "container c is a process of the host",
        ),
        (
            "/containers/0/securityContext/seLinuxOptions",
            json!({"user": "u"}),
            "container c sets SELinux options",
        ),
        ("/containers/0/ports", json!([{"hostPort": 80}]), "container c takes a port of the host"),
        (
            "/initContainers",
            json!([{"name": "i", "securityContext": {"privileged": true, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]),
            "container i is privileged",
        ),
        ("/containers", json!([]), "has no containers to check"),
    ] {
        let mut bad = good.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(forbidden(&bad), [said], "{place}");
    }
}

/// Returns whether a reference to an image names its content: by digest, or by a placeholder that becomes a tag which
/// follows the content.
fn by_content(image: &str) -> bool {
    let digest = image.rsplit_once("@sha256:").is_some_and(|(_, digest)| digest.len() == 64);
    digest || (image.starts_with("${image:") && image.ends_with('}'))
}

#[test]
fn everything_that_runs_is_named_by_its_content_or_says_why_not() {
    let mut found: Vec<(String, String)> = Vec::new();
    for pod in pods() {
        for container in containers(&pod.spec) {
            let image = container["image"].as_str().unwrap_or("no image").to_owned();
            // Nodes of clusters get theirs by the hub's settings, and the snapshot has an example.
            if !pod.place.starts_with("testbed-function") {
                found.push((pod.place.clone(), image));
            }
        }
    }
    assert!(found.len() > 20, "only {} images were found", found.len());
    for file in files("components", "yaml").into_iter().filter(|file| file.ends_with("component.yaml")) {
        let component = documents(&fs::read_to_string(&file).unwrap(), "component").remove(0);
        let place = file.parent().unwrap().strip_prefix(root()).unwrap().display().to_string();
        // Those without sources are published from their folder, and pinned to the digest that comes of it.
        for source in component["spec"]["sources"].as_array().into_iter().flatten() {
            let revision = source["targetRevision"].as_str().unwrap_or("HEAD").to_owned();
            if !revision.starts_with("sha256:") {
                found.push((place.clone(), revision));
            }
        }
    }
    let text = fs::read_to_string(root().join("hub/manifests/argo-workflows.yaml")).unwrap();
    found.extend(
        text.lines()
            .filter_map(|line| line.split_once("--executor-image="))
            .map(|(_, image)| ("executor of Argo Workflows".to_owned(), image.to_owned())),
    );
    let floats: BTreeSet<(&str, &str)> = found
        .iter()
        .filter(|(_, name)| !by_content(name))
        .map(|(place, name)| (place.as_str(), name.as_str()))
        .collect();
    let allowed: BTreeSet<(&str, &str)> = FLOATS.iter().map(|(place, name, _)| (*place, *name)).collect();
    assert_eq!(floats, allowed, "left: what is named by something that may change; right: what may be");
}

#[test]
fn a_tag_is_not_a_content() {
    let digest = format!("r/x@sha256:{}", "a".repeat(64));
    for (image, is) in [
        (digest.as_str(), true),
        ("${image:coredns}", true),
        ("x:latest", false),
        ("x", false),
        ("x@sha256:1", false),
        ("x:${image:a}", false),
    ] {
        assert_eq!(by_content(image), is, "{image}");
    }
}

/// A role as it is bound: by whom, where, and its rules.
struct Bound {
    who: String,
    /// `None`: everywhere.
    namespace: Option<String>,
    role: String,
    rules: Vec<Value>,
}

fn bound() -> Vec<Bound> {
    let objects: Vec<Value> = files("hub/manifests", "yaml")
        .iter()
        .flat_map(|file| documents(&fs::read_to_string(file).unwrap(), &file.display().to_string()))
        .collect();
    let mut roles: BTreeMap<(String, String, String), Vec<Value>> = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rules = |object: &Value| object["rules"].as_array().cloned().unwrap_or_default();
    for object in objects
        .iter()
        .filter(|object| ["Role", "ClusterRole"].contains(&object["kind"].as_str().unwrap_or_default()))
    {
        let key = (
            text(&object["kind"]),
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"]),
        );
        let mut all = rules(object);
        // What is aggregated counts as its own.
        for selector in object
            .pointer("/aggregationRule/clusterRoleSelectors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let wanted = selector["matchLabels"].as_object().unwrap();
            let is =
                |role: &&Value| wanted.iter().all(|(key, value)| role["metadata"]["labels"][key] == *value);
            all.extend(
                objects.iter().filter(|object| object["kind"] == "ClusterRole").filter(is).flat_map(rules),
            );
        }
        roles.insert(key, all);
    }
    let everything = || vec![json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})];
    let mut found = Vec::new();
    for binding in
        objects.iter().filter(|object| object["kind"].as_str().unwrap_or_default().ends_with("RoleBinding"))
    {
        let namespace = (binding["kind"] == "RoleBinding").then(|| text(&binding["metadata"]["namespace"]));
        let (kind, name) = (text(&binding["roleRef"]["kind"]), text(&binding["roleRef"]["name"]));
        let home = if kind == "Role" { namespace.clone().unwrap_or_default() } else { String::new() };
        let known = roles.get(&(kind, home, name.clone())).cloned();
        let rules = match (known, name.as_str()) {
            (Some(rules), _) => rules,
            (None, "cluster-admin") => everything(),
            // Of Kubernetes itself, and of the module of Argo Workflows: neither has a word on Secrets.
            (None, "system:kubelet-api-admin" | "executor") => Vec::new(),
            (None, other) => panic!("nothing is known of role {other}"),
        };
        for subject in binding["subjects"].as_array().into_iter().flatten() {
            let who = match subject["namespace"].as_str() {
                Some(namespace) => format!("{namespace}/{}", text(&subject["name"])),
                None => text(&subject["name"]),
            };
            found.push(Bound { who, namespace: namespace.clone(), role: name.clone(), rules: rules.clone() });
        }
    }
    found
}

fn has(rule: &Value, list: &str, wanted: &str) -> bool {
    rule[list].as_array().into_iter().flatten().any(|entry| entry == wanted || entry == "*")
}

fn of_secrets(rules: &[Value]) -> impl Iterator<Item = &Value> {
    rules.iter().filter(|rule| has(rule, "apiGroups", "") && has(rule, "resources", "secrets"))
}

#[test]
fn nobody_reads_secrets_of_the_whole_cluster_but_who_says_why() {
    let who: BTreeSet<String> = bound()
        .into_iter()
        .filter(|bound| bound.namespace.is_none() && of_secrets(&bound.rules).next().is_some())
        .map(|bound| bound.who)
        .collect();
    let allowed: BTreeSet<String> = READS_ALL_SECRETS.iter().map(|(who, _)| (*who).to_owned()).collect();
    assert_eq!(who, allowed);
}

#[test]
fn the_operator_has_exactly_the_rights_to_secrets_that_it_uses() {
    let mut found = BTreeSet::new();
    for bound in bound().iter().filter(|bound| bound.who == "testbed-system/testbed-operator") {
        for rule in of_secrets(&bound.rules) {
            let words = |list: &str| -> String {
                let words = rule[list].as_array().into_iter().flatten().filter_map(Value::as_str);
                words.collect::<Vec<_>>().join(" ")
            };
            let namespace = bound.namespace.clone().unwrap_or_else(|| "everywhere".into());
            found.insert((namespace, words("verbs"), words("resourceNames")));
        }
    }
    let wanted = OPERATOR_SECRETS.iter().map(|(namespace, verbs, names, _)| {
        ((*namespace).to_owned(), (*verbs).to_owned(), (*names).to_owned())
    });
    assert_eq!(found, wanted.collect::<BTreeSet<_>>());
}

#[test]
fn the_operator_cannot_give_itself_or_others_more_rights() {
    for bound in bound().iter().filter(|bound| bound.who.starts_with("testbed-system/")) {
        for rule in &bound.rules {
            let own = rule["apiGroups"] == json!(["experiments.illm.io"]);
            for verb in ["bind", "escalate", "impersonate"] {
                assert!(own || !has(rule, "verbs", verb), "{} may {verb}: {rule}", bound.role);
            }
            assert!(
                !has(rule, "apiGroups", "rbac.authorization.k8s.io"),
                "{} has a hand in roles: {rule}",
                bound.role
            );
            let runs = [
                "pods/exec",
                "pods/attach",
                "pods/ephemeralcontainers",
                "serviceaccounts/token",
                "nodes/proxy",
            ];
            for resource in runs {
                let reaches = has(rule, "apiGroups", "") && has(rule, "resources", resource);
                assert!(!reaches, "{} reaches into others by {resource}: {rule}", bound.role);
            }
        }
    }
}

#[test]
fn no_word_of_a_user_chooses_who_a_workflow_runs_as() {
    let experiment = common::experiment();
    let run = testbed_core::run::Run::of(&experiment).unwrap();
    let template = json!({"serviceAccountName": "argo", "entrypoint": "main", "templates": []});
    let made = testbed_core::build::workflow(&run, "w", None, &template, &BTreeMap::new());
    assert_eq!(made["spec"]["serviceAccountName"], "argo-workflow");
    // Silence what only other tests use of the shared module.
    let _ = (common::catalog(), common::template(), common::start());
}
