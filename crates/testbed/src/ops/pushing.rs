//! Where the images and the chart of an installed hub lie, and how they get there.

use super::foreign::label;
use crate::error::Failure;
use anyhow::{Context, Result};
use futures::TryStreamExt;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciDescriptor, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client as Registry, Reference};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use testbed_hub::{Reporter, image_path};

/// Folder of the chart in the embedded hub's registry.
const FOLDER: &str = "testbed-hub";
/// The image of a whole cluster is only in the embedded hub's containerd: nodes of others do not run it.
const NOT_PUSHED: &str = "cluster";

/// A folder of a registry, and how to speak to it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    host: String,
    folder: String,
    plain_http: bool,
    /// Whether it is the embedded hub's, which has the images already.
    embedded: bool,
    credentials: Option<(String, String)>,
}

impl Place {
    /// The registry that is named, or the embedded hub's.
    pub(crate) fn new(registry: Option<&str>, plain_http: bool) -> Result<Self> {
        let Some(registry) = registry else {
            return Ok(Self {
                host: testbed_hub::REGISTRY.into(),
                folder: FOLDER.into(),
                plain_http: true,
                embedded: true,
                credentials: None,
            });
        };
        let named = registry.trim_start_matches("oci://").trim_end_matches('/');
        let (host, folder) = named
            .split_once('/')
            .ok_or_else(|| Failure::usage(format!("--registry {registry}: expected host/folder")))?;
        let reference = format!("{named}/chart:x").parse::<Reference>();
        if reference.is_err() || !host.contains(['.', ':']) {
            return Err(Failure::usage(format!("--registry {registry}: this is no place in a registry"))
                .hint("for example `--registry registry.example.com/team/testbed`")
                .into());
        }
        let credentials = docker_credentials(host)?;
        Ok(Self { host: host.into(), folder: folder.into(), plain_http, embedded: false, credentials })
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Repository of that name, with the host.
    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.host, self.folder)
    }

    /// Where Argo CD finds the chart.
    pub(crate) fn chart(&self) -> String {
        format!("oci://{}", self.repository("chart"))
    }

    /// Images under the names by which the cluster pulls them.
    pub(crate) fn images(&self, images: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let name = |reference: &String| {
            if self.embedded { reference.clone() } else { self.repository(image_path(reference)) }
        };
        images.iter().map(|(image, reference)| (image.clone(), name(reference))).collect()
    }

    /// A client of this registry, and who it says it is.
    pub(crate) fn client(&self) -> Result<(Registry, RegistryAuth)> {
        let protocol = if self.plain_http { ClientProtocol::Http } else { ClientProtocol::Https };
        let auth = match &self.credentials {
            Some((user, password)) => RegistryAuth::Basic(user.clone(), password.clone()),
            None => RegistryAuth::Anonymous,
        };
        Ok((Registry::new(ClientConfig { protocol, ..ClientConfig::default() }), auth))
    }

    /// The Secret by which Argo CD may read the chart.
    pub(crate) fn credentials(&self, namespace: &str) -> Value {
        let mut labels = label();
        labels["argocd.argoproj.io/secret-type"] = "repo-creds".into();
        let mut data = json!({"type": "oci", "url": format!("oci://{}/{}", self.host, self.folder)});
        if self.plain_http {
            data["insecureOCIForceHttp"] = "true".into();
        }
        if let Some((user, password)) = &self.credentials {
            data["username"] = user.as_str().into();
            data["password"] = password.as_str().into();
        }
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "testbed-hub-chart", "namespace": namespace, "labels": labels},
            "stringData": data,
        })
    }
}

/// What `docker login` wrote down for a host. Helpers that keep it elsewhere are not asked.
fn docker_credentials(host: &str) -> Result<Option<(String, String)>> {
    let folder = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    let Some(path) = folder.map(|folder| folder.join("config.json")) else { return Ok(None) };
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    credentials_in(&text, host).with_context(|| format!("failed to read {}", path.display()))
}

fn credentials_in(config: &str, host: &str) -> Result<Option<(String, String)>> {
    let config: Value = serde_json::from_str(config)?;
    let entry = &config["auths"][host];
    let Some(auth) = entry["auth"].as_str() else { return Ok(None) };
    let text = testbed_hub::from_base64(auth).context("its credentials are not in base64")?;
    let (user, password) = text.split_once(':').context("its credentials have no colon")?;
    Ok(Some((user.to_owned(), password.to_owned())))
}

/// Copies images out of the embedded hub's registry, unless that is where they are wanted.
pub(crate) async fn images(
    place: &Place,
    images: &BTreeMap<String, String>,
    reporter: &Reporter,
) -> Result<()> {
    if place.embedded {
        return Ok(());
    }
    let (from, _) = Place::new(None, true)?.client()?;
    let (to, auth) = place.client()?;
    for (name, reference) in images.iter().filter(|(name, _)| *name != NOT_PUSHED) {
        let path = image_path(reference);
        let source: Reference = format!("{}/{path}", testbed_hub::REGISTRY).parse()?;
        let target: Reference = place.repository(path).parse()?;
        let step = reporter.start(format!("push {name}"), format!("pushing image {name}"));
        if to.fetch_manifest_digest(&target, &auth).await.is_err() {
            copy(&from, &source, &to, &target, &auth)
                .await
                .with_context(|| format!("failed to push image {name} to {target}"))?;
        }
        step.done(format!("{} has image {name}", place.host()));
    }
    Ok(())
}

async fn copy(
    from: &Registry,
    source: &Reference,
    to: &Registry,
    target: &Reference,
    auth: &RegistryAuth,
) -> Result<()> {
    let (manifest, _) = from.pull_manifest(source, &RegistryAuth::Anonymous).await?;
    let OciManifest::Image(image) = &manifest else {
        return Err(Failure::failed(format!("{source} is for several platforms")).into());
    };
    to.store_auth_if_needed(target.resolve_registry(), auth).await;
    for blob in image.layers.iter().chain([&image.config]) {
        if !to.blob_exists(target, &blob.digest).await.unwrap_or(false) {
            copy_blob(from, source, to, target, blob).await?;
        }
    }
    to.push_manifest(target, &manifest).await?;
    Ok(())
}

async fn copy_blob(
    from: &Registry,
    source: &Reference,
    to: &Registry,
    target: &Reference,
    blob: &OciDescriptor,
) -> Result<()> {
    // Layers are not compressed and may be large: they pass through, and are nowhere as a whole.
    let stream = from.pull_blob_stream(source, blob).await?.map_err(OciDistributionError::from);
    to.push_blob_stream(target, stream, &blob.digest, u64::try_from(blob.size).ok()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> BTreeMap<String, String> {
        BTreeMap::from([("redis".into(), "testbed.local/redis:abc".into())])
    }

    #[test]
    fn images_keep_their_names_where_the_embedded_hub_gives_them_out() {
        let embedded = Place::new(None, false).unwrap();
        assert_eq!(embedded.images(&hub()), hub());
        let named = Place::new(Some("oci://registry.example:5000/team/"), false).unwrap();
        assert_eq!(named.images(&hub())["redis"], "registry.example:5000/team/redis:abc");
        assert_eq!(named.chart(), "oci://registry.example:5000/team/chart");
        assert_eq!(named.credentials("argocd")["stringData"].get("insecureOCIForceHttp"), None);
    }

    #[test]
    fn what_is_no_place_in_a_registry_is_refused() {
        for wrong in ["registry.example", "team/testbed", "registry.example/Team", ""] {
            assert!(Place::new(Some(wrong), false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn credentials_are_those_of_the_host() {
        let config = r#"{"auths": {"registry.example": {"auth": "bWU6cGFzczp3b3Jk"}, "other.example": {}}}"#;
        let found = credentials_in(config, "registry.example").unwrap();
        assert_eq!(found, Some(("me".into(), "pass:word".into())));
        assert_eq!(credentials_in(config, "other.example").unwrap(), None);
        assert_eq!(credentials_in("{}", "registry.example").unwrap(), None);
    }
}
