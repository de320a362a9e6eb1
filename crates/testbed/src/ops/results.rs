//! Stored results: read back from the store, and believed only if the digest in status is theirs.

use super::connect::forward;
use crate::error::Failure;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, ResourceExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt};
use testbed_api::status::StoredResults;
use testbed_api::{Experiment, Summary};

/// Namespace, Service and port of the store in the hub.
const STORE: (&str, &str, u16) = ("store", "s3", 9000);
/// Secret with the store's credentials.
const CREDENTIALS: (&str, &str) = ("testbed-system", "s3-credentials");

/// A stored result.
pub(crate) struct Stored {
    /// Its bytes, exactly as they are stored.
    pub(crate) bytes: Vec<u8>,
    /// What they say.
    pub(crate) summary: Summary,
}

/// Returns where the result of a run lies, if it is stored.
pub(crate) fn of(run: &Experiment) -> Result<&StoredResults> {
    let name = run.name_any();
    let results = run.status.as_ref().and_then(|status| status.results.as_ref());
    Ok(results.ok_or_else(|| {
        Failure::failed(format!("run {name} has no stored result yet"))
            .hint(format!("`testbed why {name}` says what it waits for"))
    })?)
}

/// Returns the result of a run.
pub(crate) async fn fetch(client: &Client, run: &Experiment) -> Result<Stored> {
    let name = run.name_any();
    let results = of(run)?;
    let what = format!("the stored result of {name}");
    let bytes = read(client, &results.bucket, &results.key, &results.sha256, &what).await?;
    let summary = serde_json::from_slice(&bytes).context("failed to read the summary")?;
    Ok(Stored { bytes, summary })
}

/// Returns what is stored under a key, if its digest is the one that was recorded; `what` says what it is.
pub(crate) async fn read(
    client: &Client,
    bucket: &str,
    key: &str,
    sha256: &str,
    what: &str,
) -> Result<Vec<u8>> {
    let (access_key, secret_key) = credentials(client).await?;
    let (namespace, service, port) = STORE;
    let address =
        forward(client, namespace, service, port).await.context("failed to reach the results' store")?;
    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://{address}"))
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(access_key)
        .with_secret_access_key(secret_key)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .build()?;
    let failed = || format!("failed to read {what}");
    let object = store.get(&Path::from(key)).await.with_context(failed)?;
    let bytes = object.bytes().await.with_context(failed)?.to_vec();
    let digest = testbed_core::names::sha256(&bytes);
    if digest != sha256 {
        return Err(Failure::failed(format!(
            "{what} is not the one that was recorded: its SHA-256 is {digest}, recorded is {sha256}"
        ))
        .into());
    }
    Ok(bytes)
}

async fn credentials(client: &Client) -> Result<(String, String)> {
    let (namespace, name) = CREDENTIALS;
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let data = api.get(name).await?.data.unwrap_or_default();
    let key = |key: &str| -> Result<String> {
        let value = data
            .get(key)
            .ok_or_else(|| Failure::failed(format!("Secret {namespace}/{name} has no key `{key}`")))?;
        String::from_utf8(value.0.clone()).context("the store's credentials are not text")
    };
    Ok((key("accessKey")?, key("secretKey")?))
}
