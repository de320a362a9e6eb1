//! The hub as a Helm chart, for a cluster that someone else made.
//!
//! `hub/manifests/` stay the one description of the hub. The chart follows from them by a pure function, so there is
//! no second one that could lag behind: names of images, addresses and settings become values, folders of the machine
//! become claims, and Secrets are kept apart, for whoever may read an Application reads its values too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    cluster::{ClusterError, Manifests, NAMESPACE, substitute},
    files::{self, FileError},
    hub::{BUCKETS, HubError, Record, read_manifests},
    image::Images,
    layout::{Layout, NONROOT},
};

/// Label of everything that is brought: what carries it is taken away again, and nothing else is.
pub const LABEL: (&str, &str) = ("illm.io/hub", "testbed-hub");
/// Name of the chart, of its release, and of the Application that keeps it installed.
pub const NAME: &str = "testbed-hub";
/// The add-on that delivers all others, and so has to be there before them.
const DELIVERY: &str = "argo-cd";
/// Every cluster has its own.
const OTHERS_BRING: [&str; 1] = ["coredns"];
/// What only a control plane of ours needs: its certificates are nobody else's.
const OURS_ALONE: [(&str, &str); 1] = [("ClusterRoleBinding", "testbed-kubelet-api")];

/// What can be chosen about an installed hub: the values of the chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Values {
    /// Images by their names in `hub/images.yaml`.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Registry that Crossplane, and nodes of clusters in pods, pull images from: `host:port`.
    #[serde(default)]
    pub registry: String,
    /// Address that agents in other clusters write metrics to.
    #[serde(default)]
    pub remote_write: String,
    /// Fixed addresses of Services by name; the cluster chooses those that are not named.
    #[serde(default)]
    pub addresses: BTreeMap<String, String>,
    /// Where data is kept.
    #[serde(default)]
    pub storage: Storage,
    /// How kubelets are asked for metrics.
    #[serde(default)]
    pub kubelet: Kubelet,
    /// The webhook that checks experiments.
    #[serde(default)]
    pub webhook: Webhook,
}

/// Where registry, store and metrics keep their data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    /// Claims outlive pods; empty folders do not.
    #[serde(default)]
    pub kind: StorageKind,
    /// Size of each claim.
    #[serde(default = "size")]
    pub size: String,
    /// Class of the claims; the cluster's default if empty.
    #[serde(default)]
    pub class_name: String,
}

impl Default for Storage {
    fn default() -> Self {
        Self { kind: StorageKind::default(), size: size(), class_name: String::new() }
    }
}

fn size() -> String {
    "10Gi".into()
}

/// Kind of storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StorageKind {
    /// A PersistentVolumeClaim each.
    #[default]
    Claim,
    /// Gone with the pod.
    EmptyDir,
}

/// How kubelets are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubelet {
    /// Whether any certificate will do: for clusters whose kubelets sign their own.
    #[serde(default)]
    pub insecure: bool,
}

/// How the API server knows the webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Certificate of the authority that signed the webhook's, in base64.
    #[serde(default)]
    pub ca_bundle: String,
}

impl Values {
    /// What a placeholder stands for.
    fn get(&self, token: &str) -> Option<String> {
        Some(match token.split_once(':') {
            Some(("image", name)) => self.images.get(name)?.clone(),
            Some(("address", name)) => self.addresses.get(name).cloned().unwrap_or_default(),
            None => match token {
                "registry" => self.registry.clone(),
                "remote-write" => self.remote_write.clone(),
                "kubelet-insecure" => self.kubelet.insecure.to_string(),
                "storage-size" => self.storage.size.clone(),
                "storage-class" => self.storage.class_name.clone(),
                _ => return None,
            },
            Some(("base64", "ca.crt")) => self.webhook.ca_bundle.clone(),
            _ => return None,
        })
    }
}

/// What Helm is told in place of a placeholder.
fn expression(token: &str) -> Option<String> {
    Some(match token.split_once(':') {
        Some(("image", name)) => format!("{{{{ index .Values.images {name:?} }}}}"),
        Some(("address", name)) => format!("{{{{ index .Values.addresses {name:?} }}}}"),
        Some(("base64", "ca.crt")) => "{{ .Values.webhook.caBundle }}".into(),
        None => match token {
            "registry" => "{{ .Values.registry }}",
            "remote-write" => "{{ .Values.remoteWrite }}",
            "kubelet-insecure" => "{{ .Values.kubelet.insecure }}",
            "storage-size" => "{{ .Values.storage.size }}",
            "storage-class" => "{{ .Values.storage.className }}",
            "images" => "{{ toJson .Values.images }}",
            _ => return None,
        }
        .into(),
        _ => return None,
    })
}

/// Placeholders of what need not be said: without a value, the whole field is left out.
fn is_optional(token: &str) -> bool {
    token.starts_with("address:") || token == "storage-class"
}

/// One add-on, as text: what the chart is derived from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Namespace of what its files hold and say none.
    pub namespace: Option<String>,
    /// Files of parts and of the project: name and text, without placeholders.
    pub files: Vec<(String, String)>,
    /// Its manifests, with placeholders.
    pub manifests: String,
}

/// Reads what the chart is derived from: manifests of the project, and definitions of the parts in use.
///
/// # Errors
/// If something of it cannot be read.
pub fn sources(layout: &Layout, record: &Record) -> Result<Vec<Source>, HubError> {
    let mut sources = Vec::new();
    for addon in Images::read(layout)?.addons {
        let path = layout.hub().join("manifests").join(format!("{}.yaml", addon.name));
        let mut texts = Vec::new();
        for file in &addon.files {
            let (part, path) = file.split_once('/').unwrap_or((file, ""));
            let folder = record.parts.get(part).map(|part| part.folder.join("files").join(path));
            texts.extend(read_manifests(&folder.unwrap_or_default())?);
        }
        for folder in &addon.project_files {
            texts.extend(read_manifests(&layout.root.join(folder))?);
        }
        sources.push(Source {
            manifests: fs::read_to_string(&path).map_err(files::at("read", &path))?,
            name: addon.name,
            namespace: addon.namespace,
            files: texts,
        });
    }
    Ok(sources)
}

/// An object of the chart, with placeholders in its strings.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    addon: String,
    object: Value,
}

impl Part {
    fn is_claim(&self) -> bool {
        self.object["kind"] == "PersistentVolumeClaim"
    }
}

/// The chart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    definitions: Vec<Value>,
    parts: Vec<Part>,
    secrets: Vec<Value>,
}

/// Derives the chart.
///
/// # Errors
/// If a text is no manifest, or holds a placeholder that nothing is known about.
pub fn derive(sources: &[Source]) -> Result<Chart, ClusterError> {
    let mut chart = Chart::default();
    for source in sources.iter().filter(|source| !OTHERS_BRING.contains(&source.name.as_str())) {
        let wrong = |message| ClusterError::Manifest { name: source.name.clone(), message };
        for object in
            Manifests::parse(&source.name, source.namespace.as_deref(), &source.files)?.into_objects()
        {
            // Templates of workflows come with the catalog, which knows the images they name.
            if object["kind"] != "WorkflowTemplate" {
                chart.add(&source.name, object);
            }
        }
        let digest = files::sha256(|hash| files::feed(hash, &source.manifests));
        let text = substitute(&source.manifests, |token| {
            Some(if token == "digest" { digest[..12].to_owned() } else { format!("${{{token}}}") })
        })
        .map_err(wrong)?;
        let texts = [(format!("{}.yaml", source.name), text)];
        for object in Manifests::parse(&source.name, source.namespace.as_deref(), &texts)?.into_objects() {
            let known =
                |(kind, name): &(&str, &str)| object["kind"] == *kind && object["metadata"]["name"] == *name;
            if !OURS_ALONE.iter().any(known) {
                chart.add(&source.name, object);
            }
        }
    }
    // How the catalog learns which image stands for a name on this hub.
    let images = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "testbed-images", "namespace": NAMESPACE},
        "data": "${images}",
    });
    chart.add("namespaces", images);
    for part in &chart.parts {
        let mut unknown = tokens(&part.object);
        unknown.retain(|token| expression(token).is_none() && !token.starts_with("storage:"));
        if let Some(token) = unknown.first() {
            let message = format!("a chart knows nothing of `${{{token}}}`");
            return Err(ClusterError::Manifest { name: part.addon.clone(), message });
        }
    }
    Ok(chart)
}

impl Chart {
    fn add(&mut self, addon: &str, mut object: Value) {
        object["metadata"]["labels"][LABEL.0] = LABEL.1.into();
        match object["kind"].as_str() {
            Some("Secret") => self.secrets.push(object),
            Some("CustomResourceDefinition") => {
                deliver(&mut object, -2, true);
                self.definitions.push(object);
            }
            kind => {
                let (wave, stays) = place(addon, kind.unwrap_or_default());
                for claim in claims(&mut object) {
                    self.add(addon, claim);
                }
                deliver(&mut object, wave, stays);
                self.parts.push(Part { addon: addon.to_owned(), object });
            }
        }
    }

    /// Files of the chart, by their names in it; `values` are its defaults.
    ///
    /// # Errors
    /// If an object cannot be written down.
    pub fn files(&self, version: &str, values: &Values) -> Result<BTreeMap<PathBuf, String>, ClusterError> {
        let mut files = BTreeMap::new();
        let chart = json!({
            "apiVersion": "v2", "name": NAME, "version": version, "type": "application",
            "description": "The testbed hub on a cluster of your own. Generated by `testbed hub install`.",
        });
        files.insert("Chart.yaml".into(), yaml(NAME, &chart)?);
        files.insert("values.yaml".into(), yaml(NAME, &serde_json::to_value(values).unwrap_or_default())?);
        for definition in &self.definitions {
            let name = definition["metadata"]["name"].as_str().unwrap_or_default();
            files.insert(Path::new("crds").join(format!("{name}.yaml")), yaml(name, definition)?);
        }
        for part in &self.parts {
            let text: &mut String =
                files.entry(Path::new("templates").join(format!("{}.yaml", part.addon))).or_default();
            text.push_str("---\n");
            text.push_str(&template(part)?);
        }
        Ok(files)
    }

    /// Objects as Helm would render them, definitions first.
    ///
    /// # Errors
    /// If the values lack an image.
    pub fn render(&self, values: &Values) -> Result<Vec<Value>, ClusterError> {
        self.rendered(values, |_| true)
    }

    /// Of these, what has to be there before an Application can bring the rest: definitions, for Argo CD waits for
    /// dozens of new ones far longer than they take; namespaces; Argo CD; and the Service whose address agents are told.
    ///
    /// # Errors
    /// If the values lack an image.
    pub fn bootstrap(&self, values: &Values) -> Result<Vec<Value>, ClusterError> {
        self.rendered(values, |part| {
            let Some(Part { addon, object }) = part else { return true };
            let is_gateway = object["kind"] == "Service" && object["metadata"]["name"] == "testbed-ingest";
            addon == DELIVERY || addon == "namespaces" || is_gateway
        })
    }

    fn rendered(
        &self,
        values: &Values,
        wanted: impl Fn(Option<&Part>) -> bool,
    ) -> Result<Vec<Value>, ClusterError> {
        let mut objects = if wanted(None) { self.definitions.clone() } else { Vec::new() };
        for part in self.parts.iter().filter(|part| wanted(Some(part))) {
            if part.is_claim() && values.storage.kind != StorageKind::Claim {
                continue;
            }
            let object = fill(&part.object, values)
                .map_err(|message| ClusterError::Manifest { name: part.addon.clone(), message })?;
            objects.extend(object);
        }
        Ok(objects)
    }

    /// Names of the secrets that [`Chart::secrets`] asks for.
    #[must_use]
    pub fn secret_names(&self) -> BTreeSet<String> {
        let tokens = self.secrets.iter().flat_map(tokens);
        tokens.filter_map(|token| Some(token.strip_prefix("secret:")?.to_owned())).collect()
    }

    /// Secrets, which are not in the chart, from values by placeholder (`secret:NAME`, `base64:FILE`).
    ///
    /// # Errors
    /// If one has no value.
    pub fn secrets(&self, value: impl Fn(&str) -> Option<String>) -> Result<Vec<Value>, ClusterError> {
        let filled = self.secrets.iter().map(|secret| strings(secret, &|text| substitute(text, &value)));
        filled
            .collect::<Result<_, _>>()
            .map_err(|message| ClusterError::Manifest { name: "Secret".into(), message })
    }
}

/// When an object is delivered, and whether it stays if a later chart has it no more.
fn place(addon: &str, kind: &str) -> (i32, bool) {
    match (addon, kind) {
        (_, "Namespace") => (-3, true),
        (_, "PriorityClass") => (-3, false),
        (_, "PersistentVolumeClaim") => (0, true),
        // Where nothing answers yet, it would refuse everything.
        (_, "ValidatingWebhookConfiguration") => (3, false),
        ("clusters", _) => (1, false),
        ("testbed-ingest" | "testbed-operator", _) => (2, false),
        _ => (0, false),
    }
}

fn deliver(object: &mut Value, wave: i32, stays: bool) {
    if wave != 0 {
        object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = wave.to_string().into();
    }
    if stays {
        object["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] = "Prune=false".into();
    }
}

/// Replaces folders of the machine by claims of the same name, and returns these.
fn claims(object: &mut Value) -> Vec<Value> {
    const START: &str = "${volume:";
    let namespace = object["metadata"]["namespace"].clone();
    let Some(pod) = object.pointer_mut("/spec/template/spec") else { return Vec::new() };
    let mut found = Vec::new();
    for volume in pod.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        let path = volume["hostPath"]["path"].as_str().unwrap_or_default();
        if let Some(claim) = path.strip_prefix(START).and_then(|rest| rest.strip_suffix('}')) {
            let name = volume["name"].as_str().unwrap_or_default().to_owned();
            let claim = claim.to_owned();
            *volume = format!("${{storage:{name}:{claim}}}").into();
            found.push((name, claim));
        }
    }
    let mut claims = Vec::new();
    for (volume, claim) in found {
        // Claims belong to root until they are given away.
        pod["securityContext"]["fsGroup"] = NONROOT.into();
        // The store takes a folder for a bucket; here it is the kubelet that makes it.
        for bucket in BUCKETS.iter().filter_map(|path| path.strip_prefix(&format!("{claim}/"))) {
            for container in pod["containers"].as_array_mut().into_iter().flatten() {
                let mounts = container.get_mut("volumeMounts").and_then(Value::as_array_mut);
                let Some(mounts) = mounts else { continue };
                let of_volume = mounts.iter().find(|mount| mount["name"] == *volume);
                let path = of_volume
                    .and_then(|mount| mount["mountPath"].as_str())
                    .map(|path| format!("{path}/{bucket}"));
                mounts.extend(path.map(|path| json!({"name": volume, "mountPath": path, "subPath": bucket})));
            }
        }
        claims.push(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim, "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "${storage-class}",
                "resources": {"requests": {"storage": "${storage-size}"}},
            },
        }));
    }
    claims
}

/// Placeholders in the strings of an object.
fn tokens(object: &Value) -> Vec<String> {
    match object {
        Value::String(text) => {
            text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
        }
        Value::Array(items) => items.iter().flat_map(tokens).collect(),
        Value::Object(fields) => fields.values().flat_map(tokens).collect(),
        _ => Vec::new(),
    }
}

/// The token, if a string is one and nothing else.
fn whole(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}').filter(|token| !token.contains('}'))
}

fn strings(object: &Value, change: &impl Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    Ok(match object {
        Value::String(text) => change(text)?.into(),
        Value::Array(items) => items.iter().map(|item| strings(item, change)).collect::<Result<_, _>>()?,
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), strings(value, change)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

/// An object with values in place of placeholders; nothing for one that is left out.
fn fill(object: &Value, values: &Values) -> Result<Option<Value>, String> {
    Ok(match object {
        Value::String(text) => match whole(text) {
            Some("images") => Some(json!(values.images)),
            Some(token) if is_optional(token) && values.get(token).unwrap_or_default().is_empty() => None,
            Some(token) if token.starts_with("storage:") => {
                let (name, claim) = token["storage:".len()..].split_once(':').unwrap_or_default();
                Some(match values.storage.kind {
                    StorageKind::Claim => {
                        json!({"name": name, "persistentVolumeClaim": {"claimName": claim}})
                    }
                    StorageKind::EmptyDir => json!({"name": name, "emptyDir": {}}),
                })
            }
            _ if tokens(object).is_empty() => Some(object.clone()),
            _ => Some(substitute(text, |token| values.get(token))?.into()),
        },
        Value::Array(items) => {
            let filled = items.iter().filter_map(|item| fill(item, values).transpose());
            Some(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let mut filled = serde_json::Map::new();
            for (key, value) in fields {
                if let Some(value) = fill(value, values)? {
                    filled.insert(key.clone(), value);
                }
            }
            Some(Value::Object(filled))
        }
        other => Some(other.clone()),
    })
}

fn yaml(name: &str, object: &Value) -> Result<String, ClusterError> {
    serde_saphyr::to_string(object)
        .map_err(|error| ClusterError::Manifest { name: name.into(), message: error.to_string() })
}

/// An object as a template of Helm. Written as YAML first and completed line by line, so that what is read is what
/// the manifest says.
fn template(part: &Part) -> Result<String, ClusterError> {
    let wrong = |message| ClusterError::Manifest { name: part.addon.clone(), message };
    let mut out = String::new();
    for line in yaml(&part.addon, &part.object)?.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        // What is Helm's own word in the text of a manifest is not meant for Helm.
        let line = line.replace("{{", "{{ \"{{\" }}");
        let said = line.trim_start().trim_start_matches("- ");
        let value = said.split_once(": ").map_or(said, |(_, value)| value).trim_matches(['"', '\'']);
        match whole(value) {
            Some(token) if token.starts_with("storage:") => {
                let (name, claim) = token["storage:".len()..].split_once(':').unwrap_or_default();
                out.push_str(&format!(
                    "{indent}- name: {name}\n{indent}  {{{{- if eq .Values.storage.kind \"claim\" }}}}\n\
                     {indent}  persistentVolumeClaim: {{claimName: {claim}}}\n{indent}  {{{{- else }}}}\n\
                     {indent}  emptyDir: {{}}\n{indent}  {{{{- end }}}}\n"
                ));
            }
            Some(token) if is_optional(token) => {
                let value = expression(token).unwrap_or_default();
                let inner = value.trim_start_matches("{{ ").trim_end_matches(" }}");
                let key = said.split_once(": ").map_or(said, |(key, _)| key);
                out.push_str(&format!(
                    "{indent}{{{{- with {inner} }}}}\n{indent}{key}: {{{{ . }}}}\n{indent}{{{{- end }}}}\n"
                ));
            }
            Some("images") => {
                let key = said.split_once(": ").map_or(said, |(key, _)| key);
                out.push_str(&format!("{indent}{key}: {}\n", expression("images").unwrap_or_default()));
            }
            _ => {
                out.push_str(&substitute(&line, expression).map_err(wrong)?);
                out.push('\n');
            }
        }
    }
    if part.is_claim() {
        out = format!("{{{{- if eq .Values.storage.kind \"claim\" }}}}\n{out}{{{{- end }}}}\n");
    }
    Ok(out)
}

/// Writes the chart into a folder, for people and for Helm.
///
/// # Errors
/// If a file cannot be written.
pub fn write(folder: &Path, chart: &BTreeMap<PathBuf, String>) -> Result<(), FileError> {
    for (name, text) in chart {
        files::write(&folder.join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
        let layout = Layout { root, ..Layout::without_root() };
        // Without parts: their definitions are as large as they are well known.
        let addons = Images::read(&layout).unwrap().addons;
        let read = |addon: &str| {
            fs::read_to_string(layout.hub().join("manifests").join(format!("{addon}.yaml"))).unwrap()
        };
        addons
            .into_iter()
            .map(|addon| Source { manifests: read(&addon.name), name: addon.name, ..Source::default() })
            .collect()
    }

    fn values() -> Values {
        let names = project();
        let images = names.iter().flat_map(|source| crate::cluster::names(&source.manifests, "image:"));
        Values {
            images: images.map(|name| (name.clone(), format!("registry.example/{name}:1"))).collect(),
            registry: "registry.example".into(),
            remote_write: "http://10.0.0.1:8080/api/v1/write".into(),
            webhook: Webhook { ca_bundle: "Q0E=".into() },
            ..Values::default()
        }
    }

    fn names(objects: &[Value]) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let wave = |object: &Value| text(&object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]);
        let line = |object: &Value| {
            let metadata = &object["metadata"];
            let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
            format!("{:>2} {} {namespace}/{name}", wave(object), text(&object["kind"]))
        };
        objects.iter().map(line).collect()
    }

    #[test]
    fn what_is_delivered_is_as_reviewed() {
        let chart = derive(&project()).unwrap();
        insta::assert_yaml_snapshot!("delivered", names(&chart.render(&values()).unwrap()));
        insta::assert_yaml_snapshot!("bootstrap", names(&chart.bootstrap(&values()).unwrap()));
    }

    #[test]
    fn templates_are_as_reviewed() {
        let files = derive(&project()).unwrap().files("0.1.0", &values()).unwrap();
        for name in ["s3", "victoria-metrics", "clusters"] {
            insta::assert_snapshot!(name, files[&Path::new("templates").join(format!("{name}.yaml"))]);
        }
    }

    #[test]
    fn no_secret_is_in_the_chart() {
        let chart = derive(&project()).unwrap();
        let files = chart.files("0.1.0", &values()).unwrap();
        for (name, text) in &files {
            assert!(!text.contains("kind: Secret\n"), "{}", name.display());
            assert!(!text.contains("${"), "{}: a placeholder is left", name.display());
        }
        assert!(chart.secret_names().contains("ingest-key"));
        let filled = chart.secrets(|token| Some(format!("<{token}>"))).unwrap();
        assert!(
            filled
                .iter()
                .all(|secret| secret["kind"] == "Secret" && secret["metadata"]["labels"][LABEL.0] == LABEL.1)
        );
        assert!(filled.iter().any(|secret| secret["stringData"]["key"] == "<secret:ingest-key>"));
    }

    #[test]
    fn nothing_of_the_machine_and_no_address_is_left() {
        let text = json!(derive(&project()).unwrap().render(&values()).unwrap()).to_string();
        for word in ["hostPath", "10.96.", "10.88.", "clusterIP", "kube-dns", "system:kubelet-api-admin"] {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn data_lies_in_claims_or_nowhere() {
        let chart = derive(&project()).unwrap();
        let kinds = |values: &Values| {
            let objects = chart.render(values).unwrap();
            let claims = objects.iter().filter(|object| object["kind"] == "PersistentVolumeClaim").count();
            (claims, json!(objects).to_string().matches("claimName").count())
        };
        assert_eq!(kinds(&values()), (3, 3));
        let storage = Storage { kind: StorageKind::EmptyDir, ..Storage::default() };
        assert_eq!(kinds(&Values { storage, ..values() }), (0, 0));
    }

    #[test]
    fn what_nobody_knows_is_an_error() {
        let source = Source {
            name: "x".into(),
            manifests: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '${nobody}'}}"
                .into(),
            ..Source::default()
        };
        assert!(derive(&[source]).unwrap_err().to_string().contains("${nobody}"));
        let wrong: Result<Values, _> = serde_json::from_value(json!({"storag": {}}));
        assert!(wrong.is_err());
    }

    /// Needs the hub's own Helm, which a machine has once the hub was up on it.
    #[test]
    fn helm_renders_what_we_do() {
        let Some(record) = Record::read(&Layout::without_root()) else { return };
        let Some(helm) = record.parts.get("helm").map(|part| part.folder.join("bin/helm")) else { return };
        if !helm.is_file() {
            return;
        }
        let chart = derive(&project()).unwrap();
        let fixed = BTreeMap::from([("s3".to_owned(), "10.0.0.9".to_owned())]);
        let storage =
            Storage { kind: StorageKind::EmptyDir, class_name: "fast".into(), ..Storage::default() };
        for values in [values(), Values { addresses: fixed, storage, ..values() }] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &chart.files("0.1.0", &values).unwrap()).unwrap();
            let output = std::process::Command::new(&helm)
                .args(["template", NAME, "--include-crds"])
                .arg(folder.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let sorted = |objects: Vec<Value>| {
                let key = |object: &Value| object.to_string();
                let mut texts: Vec<_> = objects.iter().map(key).collect();
                texts.sort();
                texts
            };
            let theirs: Vec<Value> =
                serde_saphyr::from_multiple(&String::from_utf8(output.stdout).unwrap()).unwrap();
            let theirs = theirs.into_iter().filter(|object| !object.is_null()).collect();
            assert_eq!(sorted(theirs), sorted(chart.render(&values).unwrap()));
        }
    }
}
