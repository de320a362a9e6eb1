//! The bundle of a run: how it is put together from what was seen, read back, and turned into the same experiment again.
//!
//! Nothing in it is believed because it stands there: whatever has a digest is held against it when it is read.

use crate::catalog::Entry;
use crate::schedule;
use crate::summary;
use crate::{build, names};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use kube_core::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testbed_api::bundle::{Artifact, Blob, Bundle, BundledTemplate, SCHEMA_VERSION};
use testbed_api::component::{ComponentObservability, ComponentSpec};
use testbed_api::experiment::ExperimentSpec;
use testbed_api::status::{ComponentStatus, TargetStatus};
use testbed_api::summary::Summary;
use testbed_api::{Experiment, labels};

/// Group and version of every kind of object that a bundle takes along, by kind. Secrets are not among them.
pub const KINDS: [(&str, &str, &str); 5] = [
    ("ConfigMap", "", "v1"),
    ("DaemonSet", "apps", "v1"),
    ("Deployment", "apps", "v1"),
    ("Service", "", "v1"),
    ("StatefulSet", "apps", "v1"),
];

/// Longest `generateName`: the API server adds five characters to it.
const MAX_PREFIX: usize = 58;
/// What the name of a repeated run says of it.
const REPLAY: &str = "-replay-";

/// The bundle as it is written: the summary in the very letters in which it is stored.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema: &'a str,
    testbed_version: &'a str,
    summary: &'a RawValue,
    summary_sha256: &'a str,
    components: &'a BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: &'a Option<BundledTemplate>,
    artifacts: &'a [Artifact],
    manifests: &'a [Value],
    left_out: &'a [String],
}

/// The parts of a bundle that are looked at before the rest.
#[derive(Deserialize)]
struct Head<'a> {
    schema: Option<String>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
}

/// Returns the bytes that are stored and their SHA-256; `summary` is the summary as it is stored.
///
/// # Errors
/// The summary is not text of JSON, or a value that JSON cannot hold.
pub fn encode(bundle: &Bundle, summary: &[u8]) -> Result<(Vec<u8>, String), serde_json::Error> {
    // Without `..`, so that a new field cannot be forgotten here.
    let Bundle {
        schema,
        testbed_version,
        summary: _,
        summary_sha256,
        components,
        template,
        artifacts,
        manifests,
        left_out,
    } = bundle;
    let summary: &RawValue = serde_json::from_slice(summary)?;
    names::document(&Written {
        schema,
        testbed_version,
        summary,
        summary_sha256,
        components,
        template,
        artifacts,
        manifests,
        left_out,
    })
}

/// Returns the key under which a bundle is stored: it contains the digest, so that no two contents share one.
#[must_use]
pub fn key(prefix: &str, sha256: &str) -> String {
    format!("{prefix}bundle-{sha256}.json")
}

/// Returns the path of a repository within the registry `host`, if the reference names one of it.
#[must_use]
pub fn repository<'a>(reference: &'a str, host: &str) -> Option<&'a str> {
    let path = reference.strip_prefix("oci://")?.strip_prefix(host)?.strip_prefix('/')?;
    // What a repository may be called: nothing that a path of HTTP could be led astray with.
    let is_word = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
            && part.chars().all(|letter| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter)
            })
    };
    path.split('/').all(is_word).then_some(path)
}

/// Returns whether a text is a digest as OCI writes it, of the one algorithm that is in use.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hexadecimal| {
        hexadecimal.len() == 64 && hexadecimal.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// What a manifest says of one of its blobs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// Returns what a manifest refers to: its configuration, then its layers, each once.
///
/// # Errors
/// What is wrong with it.
pub fn descriptors(manifest: &[u8]) -> Result<Vec<Descriptor>, String> {
    let Manifest { config, layers } = serde_json::from_slice(manifest)
        .map_err(|error| format!("its manifest is not one of configuration and layers: {error}"))?;
    let mut found: Vec<Descriptor> = Vec::new();
    for descriptor in std::iter::once(config).chain(layers) {
        if !is_digest(&descriptor.digest) {
            return Err(format!("`{}` in its manifest is not a SHA-256 digest", descriptor.digest));
        }
        if !found.iter().any(|known| known.digest == descriptor.digest) {
            found.push(descriptor);
        }
    }
    Ok(found)
}

/// Returns an artifact as a bundle holds it.
#[must_use]
pub fn artifact(
    reference: &str,
    digest: &str,
    media_type: &str,
    manifest: &[u8],
    blobs: &[(Descriptor, Vec<u8>)],
) -> Artifact {
    Artifact {
        reference: reference.to_owned(),
        digest: digest.to_owned(),
        media_type: media_type.to_owned(),
        manifest: BASE64_STANDARD.encode(manifest),
        blobs: blobs
            .iter()
            .map(|(descriptor, data)| Blob {
                digest: descriptor.digest.clone(),
                media_type: descriptor.media_type.clone(),
                data: BASE64_STANDARD.encode(data),
            })
            .collect(),
    }
}

/// Returns an object without what only a server reads, and what it gave it: what is left is what was asked for.
#[must_use]
pub fn manifest(mut object: Value) -> Value {
    const OF_SERVERS: [&str; 8] = [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "uid",
    ];
    const NOTED: [&str; 2] =
        ["deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"];
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !OF_SERVERS.contains(&key.as_str()));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !NOTED.contains(&key.as_str()));
        }
        metadata.retain(|key, value| {
            key != "annotations" || value.as_object().is_some_and(|all| !all.is_empty())
        });
    }
    if object["kind"] == "Service"
        && object.pointer("/spec/clusterIP").is_some_and(|address| address != "None")
        && let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
    {
        // Given by the cluster, and another in the next run.
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    object
}

/// Returns the Components of a run as they were pinned, and what must be said of them.
///
/// What status pins is taken from it, the rest from the Component as it is now, if it still is.
#[must_use]
pub fn components(
    spec: &ExperimentSpec,
    targets: &[TargetStatus],
    now: &BTreeMap<String, ComponentSpec>,
) -> (BTreeMap<String, Value>, Vec<String>) {
    let mut found = BTreeMap::new();
    let mut left_out = Vec::new();
    for pinned in targets.iter().flat_map(|target| &target.components) {
        if found.contains_key(&pinned.name) {
            continue;
        }
        let live = now.get(&pinned.name);
        if live.is_none() {
            left_out.push(format!(
                "Component {}: it was gone by the time of collection; what is left of it are its sources and its endpoint",
                pinned.name
            ));
        }
        let component = component(pinned, live);
        if live.is_some() && !gives_the_pinned_values(spec, targets, &pinned.name, &component) {
            left_out.push(format!(
                "parameters of Component {}: they were changed after the run was accepted, so a replay may set other values",
                pinned.name
            ));
        }
        if let Ok(value) = serde_json::to_value(&component) {
            found.insert(pinned.name.clone(), value);
        }
    }
    (found, left_out)
}

fn component(pinned: &ComponentStatus, live: Option<&ComponentSpec>) -> ComponentSpec {
    let mut component = live.cloned().unwrap_or_else(|| ComponentSpec {
        observability: pinned.metrics_store.map(|metrics_store| ComponentObservability {
            metrics_store: Some(metrics_store),
            ..ComponentObservability::default()
        }),
        ..ComponentSpec::default()
    });
    component.sources = json!(pinned.sources);
    component.endpoint.clone_from(&pinned.endpoint);
    component
}

fn gives_the_pinned_values(
    spec: &ExperimentSpec,
    targets: &[TargetStatus],
    name: &str,
    component: &ComponentSpec,
) -> bool {
    let Ok(entry) = Entry::read(component) else { return false };
    spec.targets.iter().all(|target| {
        let of_target = targets.iter().find(|pinned| pinned.name == target.name);
        let pinned = of_target.and_then(|pinned| pinned.components.iter().find(|pinned| pinned.name == name));
        let asked = target.components.iter().find(|reference| reference.name() == name);
        match (pinned, asked) {
            (Some(pinned), Some(asked)) => {
                entry.values(&asked.params, "").is_ok_and(|values| values == pinned.values)
            }
            _ => true,
        }
    })
}

/// A bundle of which every digest was found to be right.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The bundle.
    pub bundle: Bundle,
    /// Content of its artifacts.
    pub contents: Vec<Content>,
}

/// Content of an artifact, byte for byte what its digest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its repository.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Media type of its manifest.
    pub media_type: String,
    /// Its manifest.
    pub manifest: Vec<u8>,
    /// Its blobs, by digest.
    pub blobs: Vec<(String, Vec<u8>)>,
}

/// Reads a bundle, and believes it only if it agrees with every digest in it.
///
/// # Errors
/// What is wrong with it, in a sentence that goes on after the name of the file.
pub fn read(bytes: &[u8]) -> Result<Checked, String> {
    let no_bundle = |error: serde_json::Error| format!("is not a bundle: {error}");
    let head: Head<'_> = serde_json::from_slice(bytes).map_err(no_bundle)?;
    let (Some(schema), Some(raw)) = (head.schema, head.summary) else {
        return Err("is not a bundle: it has no schema, or no summary within".into());
    };
    if schema != SCHEMA_VERSION {
        return Err(format!("is of schema {schema}, and this version reads {SCHEMA_VERSION}"));
    }
    let bundle: Bundle = serde_json::from_slice(bytes).map_err(no_bundle)?;
    check_summary(&bundle, raw.get())?;
    check_components(&bundle)?;
    if let Some(template) = &bundle.template
        && template.name != bundle.summary.workflow.template
    {
        return Err(format!(
            "was changed: its template is {}, and that of the run was {}",
            template.name, bundle.summary.workflow.template
        ));
    }
    let contents = bundle.artifacts.iter().map(content).collect::<Result<_, _>>()?;
    Ok(Checked { bundle, contents })
}

fn check_summary(bundle: &Bundle, raw: &str) -> Result<(), String> {
    let as_stored = names::sha256(format!("{raw}\n").as_bytes());
    if as_stored == bundle.summary_sha256 {
        return Ok(());
    }
    // A tool may have written the file anew: what counts is what it says.
    match summary::encode(&bundle.summary) {
        Ok((_, again)) if again == bundle.summary_sha256 => Ok(()),
        _ => Err(format!(
            "was changed: the SHA-256 of its summary is {as_stored}, recorded is {}",
            bundle.summary_sha256
        )),
    }
}

/// What a replay deploys must be what the summary says was deployed.
fn check_components(bundle: &Bundle) -> Result<(), String> {
    let pinned = || bundle.summary.targets.iter().flat_map(|target| &target.components);
    for (name, component) in &bundle.components {
        let Some(pinned) = pinned().find(|pinned| pinned.name == *name) else {
            return Err(format!("was changed: Component {name} is not of the run"));
        };
        if component["sources"] != json!(pinned.sources) {
            return Err(format!("was changed: the sources of Component {name} are not those of the run"));
        }
    }
    match pinned().find(|pinned| !bundle.components.contains_key(&pinned.name)) {
        Some(missing) => Err(format!("was changed: Component {} is missing", missing.name)),
        None => Ok(()),
    }
}

fn content(artifact: &Artifact) -> Result<Content, String> {
    let whose = format!("{}@{}", artifact.reference, artifact.digest);
    let manifest =
        decoded(&artifact.manifest, &artifact.digest).map_err(|error| format!("{error} ({whose})"))?;
    let blobs = artifact
        .blobs
        .iter()
        .map(|blob| Ok((blob.digest.clone(), decoded(&blob.data, &blob.digest)?)))
        .collect::<Result<Vec<_>, String>>()
        .map_err(|error| format!("{error} ({whose})"))?;
    let missing = descriptors(&manifest)
        .map_err(|error| format!("cannot be used: {error} ({whose})"))?
        .into_iter()
        .find(|wanted| !blobs.iter().any(|(digest, _)| *digest == wanted.digest));
    match missing {
        Some(missing) => Err(format!("was changed: blob {} is missing ({whose})", missing.digest)),
        None => Ok(Content {
            reference: artifact.reference.clone(),
            digest: artifact.digest.clone(),
            media_type: artifact.media_type.clone(),
            manifest,
            blobs,
        }),
    }
}

fn decoded(text: &str, digest: &str) -> Result<Vec<u8>, String> {
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|error| format!("was changed: {digest} is not Base64: {error}"))?;
    let found = format!("sha256:{}", names::sha256(&bytes));
    if found == digest { Ok(bytes) } else { Err(format!("was changed: {digest} is really {found}")) }
}

/// Returns the experiment of a bundle as it is submitted again: the same specification and the recorded seed, so that
/// order and load are the same.
#[must_use]
pub fn experiment(bundle: &Bundle) -> Experiment {
    let summary = &bundle.summary;
    let mut spec = summary.spec.clone();
    // These say how that run went on, not what it asked.
    (spec.paused, spec.aborted) = (false, false);
    if let Some(trials) = &mut spec.trials {
        let recorded = summary.trials.as_ref().map(|known| known.seed);
        trials.seed = Some(recorded.unwrap_or_else(|| schedule::seed(trials, &summary.uid)));
    }
    let of = format!("{}/{}", summary.name, bundle.summary_sha256);
    Experiment {
        metadata: ObjectMeta {
            generate_name: Some(prefix(summary)),
            annotations: Some(BTreeMap::from([(labels::REPLAY_OF.to_owned(), of)])),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}

/// Returns the first part of a repeated run's name; that of a run which was itself repeated does not grow.
fn prefix(summary: &Summary) -> String {
    let first = summary.name.rsplit_once(REPLAY).map_or(summary.name.as_str(), |(first, _)| first);
    let room = MAX_PREFIX - REPLAY.len();
    let first: String = first.chars().take(room).collect();
    format!("{}{REPLAY}", first.trim_end_matches(['-', '.']))
}

/// Returns the WorkflowTemplate of a bundle as it is applied.
#[must_use]
pub fn template(template: &BundledTemplate) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": template.name, "namespace": build::WORKFLOW_NAMESPACE},
        "spec": template.spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed_api::status::ExperimentStatus;

    const HOST: &str = "registry.registry.svc.cluster.local:5000";

    fn run() -> (Experiment, ExperimentStatus) {
        let experiment = serde_saphyr::from_str(
            r#"
            apiVersion: experiments.illm.io/v1alpha1
            kind: Experiment
            metadata:
              name: gateway-x7k2q
              namespace: experiments
              uid: 00000000-0000-0000-0000-000000000007
              creationTimestamp: "2026-11-01T10:00:00Z"
            spec:
              aborted: true
              targets:
              - name: left
                cluster: {type: hub}
                components:
                - app: web
                  params: {replicas: "3"}
              workflow: {template: lifecycle, completion: {mode: workflow}}
              variants: [{name: left}]
              trials: {blocks: 2}
            "#,
        )
        .unwrap();
        let status = serde_json::from_value(json!({"targets": [{"name": "left", "components": [{
            "name": "web",
            "sources": [{"repoURL": format!("oci://{HOST}/components/web"), "targetRevision": digest(&manifest_bytes()), "path": "."}],
            "values": {"replicas": 3, "size": 10},
        }]}]}))
        .unwrap();
        (experiment, status)
    }

    fn digest(bytes: &[u8]) -> String {
        format!("sha256:{}", names::sha256(bytes))
    }

    fn descriptor(bytes: &[u8]) -> Descriptor {
        Descriptor { digest: digest(bytes), media_type: "application/x".into(), size: bytes.len() as u64 }
    }

    fn manifest_bytes() -> Vec<u8> {
        let of = |bytes: &[u8]| json!({"digest": digest(bytes), "mediaType": "application/x", "size": bytes.len()});
        serde_json::to_vec(&json!({"config": of(b"{}"), "layers": [of(b"a chart")]})).unwrap()
    }

    fn bundle() -> (Bundle, Vec<u8>) {
        let (experiment, status) = run();
        let summary = summary::summary(&experiment, &status, &[], Vec::new(), "0.1.0").unwrap();
        let (bytes, summary_sha256) = summary::encode(&summary).unwrap();
        let (components, left_out) = components(&experiment.spec, &status.targets, &BTreeMap::new());
        let manifest = manifest_bytes();
        let blobs = [&b"{}"[..], b"a chart"].map(|bytes| (descriptor(bytes), bytes.to_vec()));
        let reference = format!("oci://{HOST}/components/web");
        let bundle = Bundle {
            schema: SCHEMA_VERSION.into(),
            testbed_version: "0.1.0".into(),
            summary,
            summary_sha256,
            components,
            template: Some(BundledTemplate { name: "lifecycle".into(), spec: json!({"entrypoint": "main"}) }),
            artifacts: vec![artifact(&reference, &digest(&manifest), "application/x", &manifest, &blobs)],
            manifests: Vec::new(),
            left_out,
        };
        (bundle, bytes)
    }

    fn written() -> String {
        let (bundle, summary) = bundle();
        String::from_utf8(encode(&bundle, &summary).unwrap().0).unwrap()
    }

    #[test]
    fn the_same_bundle_is_written_in_the_same_bytes_and_read_back_as_it_was() {
        let (bundle, summary) = bundle();
        let (bytes, sha256) = encode(&bundle, &summary).unwrap();
        assert_eq!(encode(&self::bundle().0, &summary).unwrap(), (bytes.clone(), sha256.clone()));
        assert_eq!(key("runs/7/", &sha256), format!("runs/7/bundle-{sha256}.json"));
        let checked = read(&bytes).unwrap();
        assert_eq!(checked.bundle, bundle);
        assert_eq!(checked.contents[0].blobs[1].1, b"a chart");
    }

    #[test]
    fn the_summary_within_has_the_digest_of_the_summary_that_is_stored() {
        let (bundle, summary) = bundle();
        let text = String::from_utf8(summary).unwrap();
        assert!(written().contains(text.trim_end()));
        assert_eq!(names::sha256(text.as_bytes()), bundle.summary_sha256);
    }

    #[test]
    fn a_bundle_that_a_tool_indented_anew_is_still_the_same() {
        let value: Value = serde_json::from_str(&written()).unwrap();
        assert_eq!(read(&serde_json::to_vec(&value).unwrap()).unwrap().bundle, bundle().0);
    }

    #[test]
    fn whatever_was_changed_is_refused_by_name() {
        let (bundle, _) = bundle();
        let tampered = [
            (BASE64_STANDARD.encode("a chart"), BASE64_STANDARD.encode("another"), "is really sha256:"),
            (bundle.artifacts[0].manifest.clone(), BASE64_STANDARD.encode("{}"), "is really sha256:"),
            ("gateway-x7k2q".into(), "gateway-winner".into(), "SHA-256 of its summary is"),
            (
                "\"lifecycle\",\n    \"spec\"".into(),
                "\"other\",\n    \"spec\"".into(),
                "its template is other",
            ),
            ("\"web\": {\n".into(), "\"evil\": {\n".into(), "Component evil is not of the run"),
            ("testbed-bundle/v1".into(), "testbed-bundle/v9".into(), "is of schema testbed-bundle/v9"),
        ];
        for (old, new, said) in tampered {
            let text = written();
            assert!(text.contains(&old), "{old}");
            let error = read(text.replace(&old, &new).as_bytes()).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn sources_that_are_not_those_of_the_summary_are_refused() {
        let (mut bundle, summary) = bundle();
        bundle.components.get_mut("web").unwrap()["sources"][0]["repoURL"] = json!("oci://elsewhere/web");
        let error = read(&encode(&bundle, &summary).unwrap().0).unwrap_err();
        assert!(error.contains("sources of Component web"), "{error}");
        bundle.components.clear();
        let error = read(&encode(&bundle, &summary).unwrap().0).unwrap_err();
        assert!(error.contains("Component web is missing"), "{error}");
    }

    #[test]
    fn a_blob_that_the_manifest_names_must_be_there() {
        let (mut bundle, summary) = bundle();
        bundle.artifacts[0].blobs.pop();
        let error = read(&encode(&bundle, &summary).unwrap().0).unwrap_err();
        assert!(error.contains("is missing"), "{error}");
    }

    #[test]
    fn what_is_not_a_bundle_is_said_to_be_none() {
        for text in ["", "[]", "{}", "{\"schema\": \"testbed/v2\"}"] {
            assert!(read(text.as_bytes()).unwrap_err().starts_with("is not a bundle"), "{text}");
        }
    }

    #[test]
    fn a_replay_asks_the_same_with_the_seed_of_the_run_and_says_whom_it_repeats() {
        let (bundle, _) = bundle();
        let again = experiment(&bundle);
        assert_eq!(again.metadata.generate_name.as_deref(), Some("gateway-x7k2q-replay-"));
        let of = format!("gateway-x7k2q/{}", bundle.summary_sha256);
        assert_eq!(again.metadata.annotations.unwrap()[labels::REPLAY_OF], of);
        assert!(!again.spec.aborted, "a run that was ended early is repeated whole");
        let asked = bundle.summary.spec.trials.clone().unwrap();
        assert_eq!(again.spec.trials.unwrap().seed, Some(schedule::seed(&asked, &bundle.summary.uid)));
        let mut named = bundle.summary.clone();
        named.name = "gateway-x7k2q-replay-ab1cd".into();
        assert_eq!(prefix(&named), "gateway-x7k2q-replay-");
        named.name = format!("{}-", "x".repeat(62));
        assert_eq!(prefix(&named).len(), MAX_PREFIX);
    }

    #[test]
    fn a_component_is_bundled_as_it_was_pinned_whatever_became_of_it() {
        let (experiment, status) = run();
        let of = |component: Value| {
            let now = BTreeMap::from([("web".to_owned(), serde_json::from_value(component).unwrap())]);
            components(&experiment.spec, &status.targets, &now)
        };
        let parameters =
            json!([{"name": "replicas", "type": "int"}, {"name": "size", "type": "int", "default": 10}]);
        let (same, said) = of(json!({"sources": [{"repoURL": "oci://new"}], "parameters": parameters}));
        assert_eq!(same["web"]["sources"], json!(status.targets[0].components[0].sources));
        assert_eq!(said, Vec::<String>::new());
        let (_, said) = of(json!({"parameters": [{"name": "replicas", "type": "string"}]}));
        assert!(said[0].starts_with("parameters of Component web"), "{said:?}");
        let (_, said) = components(&experiment.spec, &status.targets, &BTreeMap::new());
        assert!(said[0].starts_with("Component web: it was gone"), "{said:?}");
    }

    #[test]
    fn a_manifest_keeps_what_was_asked_for_and_loses_what_a_server_wrote() {
        let seen = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "web", "namespace": "left", "uid": "u", "resourceVersion": "7", "generation": 2,
                "creationTimestamp": "2026-11-01T10:00:00Z", "managedFields": [{}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
                "labels": {"app": "web"},
            },
            "spec": {"clusterIP": "10.96.1.2", "clusterIPs": ["10.96.1.2"], "ports": [{"port": 80}]},
            "status": {"loadBalancer": {}},
        });
        let wanted = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "left", "labels": {"app": "web"}},
            "spec": {"ports": [{"port": 80}]},
        });
        assert_eq!(manifest(seen), wanted);
        assert_eq!(manifest(wanted.clone()), wanted);
        let headless =
            json!({"kind": "Service", "metadata": {}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}});
        assert_eq!(manifest(headless.clone()), headless);
        assert!(!KINDS.iter().any(|(kind, _, _)| *kind == "Secret"));
    }

    #[test]
    fn only_repositories_of_the_registry_are_taken_for_such() {
        assert_eq!(repository(&format!("oci://{HOST}/components/web"), HOST), Some("components/web"));
        for other in
            ["oci://elsewhere/components/web", &format!("oci://{HOST}.evil/x"), &format!("https://{HOST}/x")]
        {
            assert_eq!(repository(other, HOST), None);
        }
        for evil in ["../x", "a/../b", "a?b", "a#b", "", "a//b", "A"] {
            assert_eq!(repository(&format!("oci://{HOST}/{evil}"), HOST), None, "{evil}");
        }
    }
}
