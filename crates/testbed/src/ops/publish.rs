//! Publishes what an experiment needs: content to the in-hub registry, by digest, then the objects that point to it.

use super::catalog::{CatalogComponent, Disk};
use super::connect::forward;
use super::runs;
use crate::error::Failure;
use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use oci_client::client::{ClientConfig, ClientProtocol, Config as ImageConfig, ImageLayer};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client as Registry, Reference};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};
use testbed_api::component::{Component, Helm, Source};
use testbed_api::{Experiment, labels};
use testbed_core::agent::{self, AgentSettings};
use testbed_core::build::WORKFLOW_NAMESPACE;

/// Namespace, Service and port of the registry in the hub.
const REGISTRY: (&str, &str, u16) = ("registry", "registry", 5000);
/// ConfigMap that says which image stands for `${image:NAME}` on this hub.
const IMAGES: (&str, &str) = ("testbed-system", "testbed-images");
/// Field manager of what the CLI applies.
pub(crate) const MANAGER: &str = "testbed-cli";
/// Media type of content: a compressed tar.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Media type of a configuration that says nothing.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// What was published.
pub(crate) struct Published {
    /// Components, with the digest of their content if it was ours to publish.
    pub(crate) components: Vec<(String, Option<String>)>,
    /// WorkflowTemplates.
    pub(crate) templates: Vec<String>,
    /// What was left out, each with why.
    pub(crate) left_out: Vec<Failure>,
}

/// What is done about something that needs an image which the hub does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// Nothing is published.
    Refused,
    /// All else is published.
    LeftOut,
}

/// Publishes what `experiment` refers to, and what the lab brings into its targets by itself, as far as the catalog holds it.
pub(crate) async fn publish_for(client: &Client, disk: &Disk, experiment: &Experiment) -> Result<Published> {
    let components = agent::needed(&experiment.spec, &AgentSettings::default());
    let template = |name: &str| name == experiment.spec.workflow.template;
    publish(client, disk, |name| components.contains(name), template, Lacking::Refused).await
}

/// Publishes the components and templates that are wanted.
pub(crate) async fn publish(
    client: &Client,
    disk: &Disk,
    component_wanted: impl Fn(&str) -> bool,
    template_wanted: impl Fn(&str) -> bool,
    lacking: Lacking,
) -> Result<Published> {
    let images = images(client).await?;
    // All of it before anything is made: half of what a run needs is of no use.
    let mut left_out = Vec::new();
    let mut wanted = Vec::new();
    for (name, component) in disk.components.iter().filter(|(name, _)| component_wanted(name)) {
        match component.content().map(|(folder, _)| missing_image(&folder, &images)).transpose()?.flatten() {
            Some(image) => left_out.push(lacks(&format!("component `{name}`"), &image)),
            None => wanted.push((name, component)),
        }
    }
    let mut templates_wanted = Vec::new();
    for (name, template) in disk.templates.iter().filter(|(name, _)| template_wanted(name)) {
        let whose = format!("template `{name}`");
        match fill_images(&template.to_string(), &images, &whose)? {
            Filled::Text(text) => {
                let template: Value = serde_json::from_str(&text)?;
                // Whose trials are run from it ends where it changes.
                let live = templates(client).get_opt(name).await?;
                let changes = live.is_some_and(|live| live.data.get("spec") != template.get("spec"));
                match if changes { runs::user_of(client, name).await? } else { None } {
                    Some(user) => left_out.push(runs::in_use(name, &user)),
                    None => templates_wanted.push((name, template)),
                }
            }
            Filled::Lacks(image) => left_out.push(lacks(&whose, &image)),
        }
    }
    if lacking == Lacking::Refused && !left_out.is_empty() {
        return Err(left_out.swap_remove(0).into());
    }
    let mut published = Published { components: Vec::new(), templates: Vec::new(), left_out };
    if !wanted.is_empty() {
        let registry = RegistryAccess::open(client).await?;
        for (name, component) in wanted {
            let digest = publish_component(client, &registry, name, component, &images).await?;
            published.components.push((name.clone(), digest));
        }
    }
    for (name, template) in templates_wanted {
        apply(&templates(client), name, &template)
            .await
            .with_context(|| format!("failed to apply WorkflowTemplate {name}"))?;
        published.templates.push(name.clone());
    }
    Ok(published)
}

/// Returns the API of the workflow templates that runs use.
pub(crate) fn templates(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "WorkflowTemplate");
    Api::namespaced_with(client.clone(), WORKFLOW_NAMESPACE, &ApiResource::from_gvk(&kind))
}

async fn apply<K>(api: &Api<K>, name: &str, object: &Value) -> Result<(), kube::Error>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    // The catalog on disk is the one source of these objects.
    api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await.map(drop)
}

async fn images(client: &Client) -> Result<BTreeMap<String, String>> {
    let (namespace, name) = IMAGES;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    Ok(api.get_opt(name).await?.and_then(|map| map.data).unwrap_or_default())
}

/// A text whose images are filled in, or the first one that the hub does not have.
#[derive(Debug, PartialEq, Eq)]
enum Filled {
    Text(String),
    Lacks(String),
}

/// Says that the hub does not have an image.
fn lacks(whose: &str, image: &str) -> Failure {
    Failure::failed(format!("{whose} needs image `{image}`, which this hub does not have"))
        .hint(format!("testbed hub up --with {image}"))
}

/// Returns the first image that the files of a folder name and the hub does not have.
fn missing_image(folder: &Path, images: &BTreeMap<String, String>) -> Result<Option<String>> {
    for path in walk(folder)?.into_values() {
        let bytes = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if let Filled::Lacks(image) = fill_images(&text, images, &path.display().to_string())? {
            return Ok(Some(image));
        }
    }
    Ok(None)
}

/// Replaces `${image:NAME}` by the image that stands for it on this hub.
fn fill_images(text: &str, images: &BTreeMap<String, String>, whose: &str) -> Result<Filled> {
    const OPEN: &str = "${image:";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let after = &rest[at + OPEN.len()..];
        let end =
            after.find('}').ok_or_else(|| Failure::usage(format!("{whose}: `${{image:` has no end")))?;
        let name = &after[..end];
        let Some(image) = images.get(name) else { return Ok(Filled::Lacks(name.to_owned())) };
        out.push_str(&rest[..at]);
        out.push_str(image);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(Filled::Text(out))
}

async fn publish_component(
    client: &Client,
    registry: &RegistryAccess,
    name: &str,
    component: &CatalogComponent,
    images: &BTreeMap<String, String>,
) -> Result<Option<String>> {
    let mut object = serde_json::to_value(&component.object)?;
    let digest = match component.content() {
        None => None,
        Some((folder, is_chart)) => {
            let content = archive(&folder, images, name)?;
            let digest =
                registry.push(name, content).await.with_context(|| format!("failed to publish {name}"))?;
            let source = Source {
                repo_url: format!("oci://{}/components/{name}", registry_host()),
                target_revision: Some(digest.clone()),
                path: Some(".".into()),
                helm: is_chart.then(|| Helm { release_name: Some(name.to_owned()), ..Helm::default() }),
                ..Source::default()
            };
            object["spec"]["sources"] = serde_json::to_value([source])?;
            object["metadata"]["annotations"][labels::CATALOG_DIGEST] = Value::String(digest.clone());
            Some(digest)
        }
    };
    let api: Api<Component> = Api::all(client.clone());
    apply(&api, name, &object).await.with_context(|| format!("failed to apply Component {name}"))?;
    Ok(digest)
}

/// Packs a folder so that the same content gives the same bytes: sorted, without times or owners.
fn archive(folder: &Path, images: &BTreeMap<String, String>, whose: &str) -> Result<Vec<u8>> {
    let mut files = BTreeMap::new();
    for (name, path) in walk(folder)? {
        let bytes = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => match fill_images(&text, images, whose)? {
                Filled::Text(text) => text.into_bytes(),
                Filled::Lacks(image) => return Err(lacks(whose, &image).into()),
            },
            Err(binary) => binary.into_bytes(),
        };
        files.insert(name, bytes);
    }
    pack(&files)
}

/// Packs files by their names.
pub(crate) fn pack(files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(GzBuilder::new().mtime(0).write(Vec::new(), Compression::best()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, name, bytes.as_slice()).context("failed to pack a folder")?;
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).context("failed to pack a folder")
}

/// Returns the files under a folder by their names within it, sorted. Links are not followed out of it.
fn walk(folder: &Path) -> Result<BTreeMap<PathBuf, PathBuf>> {
    fn visit(folder: &Path, within: &Path, found: &mut BTreeMap<PathBuf, PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = within.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                visit(&entry.path(), &name, found)?;
            } else if kind.is_file() {
                found.insert(name, entry.path());
            }
        }
        Ok(())
    }
    let mut found = BTreeMap::new();
    visit(folder, Path::new(""), &mut found)
        .with_context(|| format!("failed to read folder {}", folder.display()))?;
    Ok(found)
}

/// Returns the address by which the cluster knows the in-hub registry.
pub(crate) fn registry_host() -> String {
    let (namespace, service, port) = REGISTRY;
    format!("{service}.{namespace}.svc.cluster.local:{port}")
}

/// The in-hub registry, reached through the API server.
pub(crate) struct RegistryAccess {
    pub(crate) client: Registry,
    /// Its address on this machine.
    pub(crate) host: String,
}

impl RegistryAccess {
    pub(crate) async fn open(client: &Client) -> Result<Self> {
        let (namespace, service, port) = REGISTRY;
        let address =
            forward(client, namespace, service, port).await.context("failed to reach the in-hub registry")?;
        let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
        Ok(Self { client: Registry::new(config), host: address.to_string() })
    }

    /// Pushes one layer, unless it is there; returns the digest of its manifest.
    async fn push(&self, name: &str, content: Vec<u8>) -> Result<String> {
        let repository = format!("{}/components/{name}", self.host);
        self.push_to(&repository, content, &RegistryAuth::Anonymous).await
    }

    /// Pushes one layer into a repository, unless it is there; returns the digest of its manifest.
    pub(crate) async fn push_to(
        &self,
        repository: &str,
        content: Vec<u8>,
        auth: &RegistryAuth,
    ) -> Result<String> {
        let layer = ImageLayer::new(content, LAYER.into(), None);
        let config = ImageConfig::new(&b"{}"[..], EMPTY.into(), None);
        let manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
        // Pushed under a tag, or a registry that collects garbage would take it for garbage.
        let tag = testbed_core::names::sha256(&serde_json::to_vec(&manifest)?)[..20].to_owned();
        let reference: Reference =
            format!("{repository}:{tag}").parse().context("failed to name an artifact")?;
        if let Ok(digest) = self.client.fetch_manifest_digest(&reference, auth).await {
            return Ok(digest);
        }
        self.client.push(&reference, &[layer], config, auth, Some(manifest)).await?;
        Ok(self.client.fetch_manifest_digest(&reference, auth).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_folder_packs_to_the_same_bytes_and_another_image_to_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("templates")).unwrap();
        fs::write(folder.path().join("templates/a.yaml"), "image: ${image:web}\n").unwrap();
        fs::write(folder.path().join("Chart.yaml"), "name: web\n").unwrap();
        let pack = |image: &str| {
            archive(folder.path(), &BTreeMap::from([("web".into(), image.into())]), "web").unwrap()
        };
        assert_eq!(pack("web:1"), pack("web:1"));
        assert_ne!(pack("web:1"), pack("web:2"));
    }

    #[test]
    fn an_image_the_hub_does_not_have_is_named_with_the_way_to_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), "image: ${image:web}\n").unwrap();
        let known = BTreeMap::from([("web".to_owned(), "web:1".to_owned())]);
        assert_eq!(missing_image(folder.path(), &known).unwrap(), None);
        assert_eq!(missing_image(folder.path(), &BTreeMap::new()).unwrap().as_deref(), Some("web"));
        let failure = lacks("component `hello-app`", "web");
        assert_eq!(failure.message, "component `hello-app` needs image `web`, which this hub does not have");
        assert_eq!(failure.hint.as_deref(), Some("testbed hub up --with web"));
    }

    #[test]
    fn what_the_lab_brings_into_a_cluster_is_published_with_what_is_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let needed_by = |name: &str| {
            let file = root.join("experiments").join(name).join("experiment.yaml");
            let experiment: Experiment = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
            agent::needed(&experiment.spec, &AgentSettings::default())
        };
        assert!(needed_by("cluster-comparison").contains("metrics-agent"));
        assert_eq!(needed_by("hello-app").into_iter().collect::<Vec<_>>(), ["hello-app"]);
    }

    #[test]
    fn an_image_without_an_end_is_refused() {
        assert!(fill_images("a ${image:web", &BTreeMap::new(), "hello-app").is_err());
    }
}
