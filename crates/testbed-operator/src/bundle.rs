//! Gathers the bundle of a run while what was deployed is still there. Nothing here writes, and nothing fails: what
//! cannot be had is named in the bundle, with the reason.

use crate::clients::{Clients, argo};
use crate::observe;
use crate::outside::Http;
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::Request;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, Error as KubeError, ResourceExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use testbed_api::bundle::{Artifact, Bundle, BundledTemplate, SCHEMA_VERSION};
use testbed_api::component::Source;
use testbed_api::experiment::ClusterType;
use testbed_api::status::{ExperimentStatus, PinnedTemplate};
use testbed_api::{Component, Experiment, Summary, labels};
use testbed_core::build::ARGOCD_NAMESPACE;
use testbed_core::bundle::{self, Descriptor};
use testbed_core::names;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How long one request to the registry may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long each part of a bundle may take to gather: a run ends even if the registry hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most bytes of artifacts in one bundle. Charts have kilobytes; images are not pinned as sources.
const MAX_ARTIFACTS: u64 = 8 << 20;
/// Most bytes of one artifact's manifest, as registries limit it too.
const MAX_MANIFEST: u64 = 4 << 20;
/// Most bytes of deployed objects in one bundle, as JSON.
const MAX_MANIFESTS: usize = 8 << 20;
/// Media types of manifests of one artifact.
const MANIFESTS: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Reads artifacts by digest from the registry of the hub, over plain HTTP and without credentials.
pub(crate) struct Registry {
    http: Arc<dyn Http>,
    host: String,
    /// Bundles are the largest things in memory: one at a time, whatever the number of runs that end at once.
    turns: Semaphore,
}

impl Registry {
    /// Makes a client of the registry at `host`; nothing is contacted yet.
    pub(crate) fn new(http: Arc<dyn Http>, host: &str) -> Self {
        Self { http, host: host.to_owned(), turns: Semaphore::new(1) }
    }

    /// Waits for the turn to hold a bundle in memory.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.turns.acquire().await.ok()
    }

    /// Returns an artifact and its size; one that is larger than `room` is refused before its content is read.
    async fn artifact(&self, source: &Source, repository: &str, room: u64) -> Result<(Artifact, u64)> {
        let digest = source.target_revision.as_deref().unwrap_or_default();
        ensure!(bundle::is_digest(digest), "it is not pinned by a digest, but to `{digest}`");
        let (manifest, media_type) =
            self.get(repository, "manifests", digest, room.min(MAX_MANIFEST)).await?;
        let descriptors = bundle::descriptors(&manifest).map_err(anyhow::Error::msg)?;
        let size = descriptors.iter().map(|blob| blob.size).fold(manifest.len() as u64, u64::saturating_add);
        ensure!(size <= room, "it has {size} bytes, and {room} are left of the bundle's {MAX_ARTIFACTS}");
        let mut blobs: Vec<(Descriptor, Vec<u8>)> = Vec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            let (data, _) = self.get(repository, "blobs", &descriptor.digest, descriptor.size).await?;
            blobs.push((descriptor, data));
        }
        Ok((bundle::artifact(&source.repo_url, digest, &media_type, &manifest, &blobs), size))
    }

    /// Returns what a digest names, and its media type; never more than `limit` bytes, and only if the digest is its.
    async fn get(&self, repository: &str, kind: &str, digest: &str, limit: u64) -> Result<(Vec<u8>, String)> {
        let mut request = Request::get(format!("http://{}/v2/{repository}/{kind}/{digest}", self.host));
        if kind == "manifests" {
            request = request.header("Accept", MANIFESTS);
        }
        let reply = timeout(TIMEOUT, self.http.send(request.body(Bytes::new())?, limit))
            .await
            .with_context(|| format!("the registry did not answer within {} s", TIMEOUT.as_secs()))??;
        ensure!(reply.status.is_success(), "the registry answered {}", reply.status);
        let media_type =
            reply.media_type.unwrap_or_else(|| "application/vnd.oci.image.manifest.v1+json".into());
        let data = Vec::from(reply.body);
        ensure!(format!("sha256:{}", names::sha256(&data)) == digest, "the registry answered other content");
        Ok((data, media_type))
    }
}

/// Returns the bundle of a run whose summary is made.
pub(crate) async fn gather(
    clients: &Clients,
    experiment: &Experiment,
    summary: &Summary,
    summary_sha256: &str,
) -> Bundle {
    let status = experiment.status.clone().unwrap_or_default();
    let mut left_out = Vec::new();
    let components = components(clients, experiment, &status, &mut left_out).await;
    let template = match &status.template {
        None => None,
        Some(pinned) => match within(template(clients, pinned)).await {
            Ok(template) => Some(template),
            Err(reason) => {
                left_out.push(format!("WorkflowTemplate {}: {reason:#}", pinned.name));
                None
            }
        },
    };
    let artifacts = artifacts(&clients.registry, &status, &mut left_out).await;
    let manifests = manifests(clients, experiment, &status, &mut left_out).await;
    Bundle {
        schema: SCHEMA_VERSION.into(),
        testbed_version: env!("CARGO_PKG_VERSION").into(),
        summary: summary.clone(),
        summary_sha256: summary_sha256.to_owned(),
        components,
        template,
        artifacts,
        manifests,
        left_out,
    }
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(PATIENCE, work).await {
        Ok(result) => result,
        Err(_) => bail!("it took longer than {} s", PATIENCE.as_secs()),
    }
}

async fn components(
    clients: &Clients,
    experiment: &Experiment,
    status: &ExperimentStatus,
    left_out: &mut Vec<String>,
) -> BTreeMap<String, Value> {
    let api: Api<Component> = Api::all(clients.kube.clone());
    let pinned = status.targets.iter().flat_map(|target| &target.components);
    let names: BTreeSet<&str> = pinned.map(|component| component.name.as_str()).collect();
    let mut now = BTreeMap::new();
    for name in names {
        match within(async { Ok(api.get_opt(name).await?) }).await {
            Ok(component) => now.extend(component.map(|component| (name.to_owned(), component.spec))),
            Err(reason) => left_out.push(format!("Component {name}: it cannot be read: {reason:#}")),
        }
    }
    let (components, said) = bundle::components(&experiment.spec, &status.targets, &now);
    left_out.extend(said);
    components
}

/// Returns the template, if it is still the one that was pinned.
async fn template(clients: &Clients, pinned: &PinnedTemplate) -> Result<BundledTemplate> {
    let Some(template) = observe::template(clients, &pinned.name).await? else {
        bail!("it was gone by the time of collection");
    };
    ensure!(template.is(pinned), "it was changed after the run was accepted");
    Ok(BundledTemplate { name: template.name, spec: template.spec })
}

/// Returns the content of the pinned sources that are in the registry of the hub.
async fn artifacts(
    registry: &Registry,
    status: &ExperimentStatus,
    left_out: &mut Vec<String>,
) -> Vec<Artifact> {
    let pinned = status.targets.iter().flat_map(|target| &target.components);
    let sources: BTreeMap<(&str, &str), (&str, &Source)> = pinned
        .flat_map(|component| component.sources.iter().map(|source| (component.name.as_str(), source)))
        .map(|(name, source)| {
            let revision = source.target_revision.as_deref().unwrap_or("HEAD");
            ((source.repo_url.as_str(), revision), (name, source))
        })
        .collect();
    let mut artifacts = Vec::new();
    let mut room = MAX_ARTIFACTS;
    for ((url, revision), (component, source)) in sources {
        let found = match bundle::repository(url, &registry.host) {
            Some(repository) => within(registry.artifact(source, repository, room)).await,
            None => {
                Err(anyhow::anyhow!("it is not in the registry of the hub, and a replay fetches it again"))
            }
        };
        match found {
            Ok((artifact, size)) => {
                room = room.saturating_sub(size);
                artifacts.push(artifact);
            }
            Err(reason) => left_out.push(format!("source {url} at {revision} of {component}: {reason:#}")),
        }
    }
    artifacts
}

/// One object that an Application deployed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deployed {
    target: String,
    kind: String,
    namespace: String,
    name: String,
}

/// Returns the deployed objects, sorted.
async fn manifests(
    clients: &Clients,
    experiment: &Experiment,
    status: &ExperimentStatus,
    left_out: &mut Vec<String>,
) -> Vec<Value> {
    let found = match within(deployed(clients, experiment)).await {
        Ok(found) => found,
        Err(reason) => {
            left_out.push(format!("deployed objects: their Applications cannot be read: {reason:#}"));
            return Vec::new();
        }
    };
    let pinned = status.targets.iter().flat_map(|target| &target.components);
    for application in pinned.filter_map(|component| component.application.as_deref()) {
        if !found.contains_key(application) {
            left_out.push(format!("deployed objects of Application {application}: it was not there"));
        }
    }
    let objects: BTreeSet<Deployed> = found.into_values().flatten().collect();
    let mut manifests = Vec::new();
    let mut size = 0;
    for object in objects {
        let said = format!("{} {}/{}", object.kind, object.namespace, object.name);
        let Some(kube) = way(clients, experiment, &object.target) else {
            left_out.push(format!("{said}: target {} could not be asked", object.target));
            continue;
        };
        match within(live(&kube, &object)).await {
            Ok(Some(manifest)) => {
                size += manifest.to_string().len();
                if size > MAX_MANIFESTS {
                    left_out.push(format!("{said} and what comes after it: more than {MAX_MANIFESTS} bytes"));
                    break;
                }
                manifests.push(manifest);
            }
            Ok(None) => left_out.push(format!("{said}: it was gone by the time of collection")),
            Err(reason) => left_out.push(format!("{said}: {reason:#}")),
        }
    }
    manifests
}

/// Returns the client of the cluster that a target is in, if there is a way to it.
fn way(clients: &Clients, experiment: &Experiment, target: &str) -> Option<Client> {
    let spec = experiment.spec.targets.iter().find(|spec| spec.name == target);
    if spec.is_none_or(|spec| spec.cluster.kind == ClusterType::Hub) {
        return Some(clients.kube.clone());
    }
    let key = (experiment.uid().unwrap_or_default(), target.to_owned());
    clients.targets.known(&key).map(|way| way.client)
}

/// Returns what the Applications of a run deployed of the kinds that are bundled, by Application.
async fn deployed(clients: &Clients, experiment: &Experiment) -> Result<BTreeMap<String, Vec<Deployed>>> {
    let uid = experiment.uid().unwrap_or_default();
    let selector = ListParams::default().labels(&format!("{}={uid}", labels::EXPERIMENT_UID));
    let api = clients.dynamic(&argo("Application"), Some(ARGOCD_NAMESPACE));
    let applications = api.list(&selector).await?;
    Ok(applications
        .into_iter()
        .map(|application| {
            let target = application.labels().get(labels::TARGET).cloned().unwrap_or_default();
            (application.name_any(), resources(&application.data, &target))
        })
        .collect())
}

/// Returns the resources that an Application says it manages, of the kinds that are bundled.
fn resources(application: &Value, target: &str) -> Vec<Deployed> {
    let listed = application.pointer("/status/resources").and_then(Value::as_array).into_iter().flatten();
    let text = |resource: &Value, key: &str| resource[key].as_str().unwrap_or_default().to_owned();
    listed
        .filter(|resource| {
            let is = |(kind, group, _): &(&str, &str, &str)| {
                text(resource, "kind") == *kind && text(resource, "group") == *group
            };
            bundle::KINDS.iter().any(is)
        })
        .map(|resource| Deployed {
            target: target.to_owned(),
            kind: text(resource, "kind"),
            namespace: text(resource, "namespace"),
            name: text(resource, "name"),
        })
        .filter(|object| !object.namespace.is_empty() && !object.name.is_empty())
        .collect()
}

/// Returns an object as it is in the cluster, without what only a server reads.
async fn live(client: &Client, object: &Deployed) -> Result<Option<Value>, anyhow::Error> {
    let Some((kind, group, version)) = bundle::KINDS.iter().find(|(kind, _, _)| *kind == object.kind) else {
        return Ok(None);
    };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &object.namespace, &resource);
    match api.get_opt(&object.name).await {
        Ok(found) => Ok(found.map(serde_json::to_value).transpose()?.map(bundle::manifest)),
        Err(KubeError::Api(status)) => bail!("the API server answered {}: {}", status.code, status.message),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Network;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use serde_json::json;

    fn digest(bytes: &[u8]) -> String {
        format!("sha256:{}", names::sha256(bytes))
    }

    /// Serves `chart` under the digest of `named`, and a manifest that says so.
    async fn registry(named: &'static [u8], chart: &'static [u8]) -> (Registry, Source) {
        let of = |bytes: &[u8]| json!({"digest": digest(bytes), "mediaType": "application/x", "size": bytes.len()});
        let manifest = json!({"config": of(b"{}"), "layers": [of(named)]}).to_string();
        let pinned = digest(manifest.as_bytes());
        let mut routes = Router::new().route(
            &format!("/v2/components/web/manifests/{pinned}"),
            get(move || async move { ([("Content-Type", "application/y")], manifest) }),
        );
        for (digest, content) in [(digest(b"{}"), &b"{}"[..]), (digest(named), chart)] {
            routes = routes
                .route(&format!("/v2/components/web/blobs/{digest}"), get(move || async move { content }));
        }
        let routes = routes.fallback(async || StatusCode::NOT_FOUND);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let source = Source {
            repo_url: format!("oci://{host}/components/web"),
            target_revision: Some(pinned),
            ..Source::default()
        };
        (Registry::new(Arc::new(Network::new().unwrap()), &host), source)
    }

    fn status(sources: Vec<Source>) -> ExperimentStatus {
        serde_json::from_value(
            json!({"targets": [{"name": "left", "components": [{"name": "web", "sources": sources}]}]}),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn the_artifact_of_a_pinned_source_is_taken_whole() {
        let (registry, source) = registry(b"a chart", b"a chart").await;
        let mut left_out = Vec::new();
        let artifacts = artifacts(&registry, &status(vec![source.clone()]), &mut left_out).await;
        assert_eq!(left_out, Vec::<String>::new());
        assert_eq!(artifacts[0].digest, source.target_revision.unwrap());
        assert_eq!(artifacts[0].media_type, "application/y");
        let blobs: Vec<&str> = artifacts[0].blobs.iter().map(|blob| blob.digest.as_str()).collect();
        assert_eq!(blobs, [digest(b"{}"), digest(b"a chart")]);
    }

    #[tokio::test]
    async fn what_cannot_be_taken_along_is_named_with_the_reason() {
        let (tampering, tampered) = registry(b"a chart", b"another").await;
        let missing = Source { target_revision: Some(digest(b"missing")), ..tampered.clone() };
        let by_tag = Source { target_revision: Some("latest".into()), ..tampered.clone() };
        let elsewhere = Source { repo_url: "https://charts.example".into(), ..Source::default() };
        for (source, reason) in [
            (tampered, "the registry answered other content"),
            (missing, "the registry answered 404 Not Found"),
            (by_tag, "it is not pinned by a digest, but to `latest`"),
            (elsewhere, "it is not in the registry of the hub, and a replay fetches it again"),
        ] {
            let mut left_out = Vec::new();
            assert_eq!(artifacts(&tampering, &status(vec![source]), &mut left_out).await, []);
            assert!(left_out[0].ends_with(reason), "{left_out:?}");
        }
    }

    #[tokio::test]
    async fn an_artifact_that_does_not_fit_is_refused_before_its_content_is_read() {
        let (registry, source) = registry(b"a chart", b"another").await;
        // Enough for its manifest, and for no more.
        let (manifest, _) = registry
            .get("components/web", "manifests", source.target_revision.as_deref().unwrap(), MAX_MANIFEST)
            .await
            .unwrap();
        let room = manifest.len() as u64;
        let error = registry.artifact(&source, "components/web", room).await.unwrap_err();
        assert!(error.to_string().contains(&format!("and {room} are left")), "{error}");
    }

    #[test]
    fn only_objects_of_the_bundled_kinds_are_looked_at_and_never_secrets() {
        let application = json!({"status": {"resources": [
            {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "left", "name": "web"},
            {"version": "v1", "kind": "Service", "namespace": "left", "name": "web"},
            {"version": "v1", "kind": "Secret", "namespace": "left", "name": "web"},
            {"group": "evil.io", "version": "v1", "kind": "ConfigMap", "namespace": "left", "name": "web"},
            {"group": "rbac.authorization.k8s.io", "version": "v1", "kind": "ClusterRole", "name": "web"},
        ]}});
        let kinds: Vec<String> =
            resources(&application, "left").into_iter().map(|object| object.kind).collect();
        assert_eq!(kinds, ["Deployment", "Service"]);
        assert_eq!(resources(&json!({}), "left"), []);
    }
}
