//! The store of results: any S3. Objects are named by their digest, so that no server's conditional writes are relied on.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use testbed_api::status::StoredResults;
use testbed_core::names;

/// Where results are stored.
#[derive(Args, Clone)]
pub struct Settings {
    /// Address of the S3 server
    #[arg(long, env = "S3_ENDPOINT", default_value = "http://s3.store.svc:9000")]
    s3_endpoint: String,
    /// Bucket of the results
    #[arg(long, env = "S3_BUCKET", default_value = "experiment-results")]
    s3_bucket: String,
    /// Region of the bucket
    #[arg(long, env = "S3_REGION", default_value = "us-east-1")]
    s3_region: String,
    /// Access key
    #[arg(long, env = "S3_ACCESS_KEY", hide_env_values = true)]
    s3_access_key: String,
    /// Secret key
    #[arg(long, env = "S3_SECRET_KEY", hide_env_values = true)]
    s3_secret_key: String,
}

/// The store of results.
pub(crate) struct Results {
    store: Arc<dyn ObjectStore>,
    bucket: String,
}

impl Settings {
    /// Returns the name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.s3_bucket
    }

    /// Makes a client; nothing is contacted yet.
    pub(crate) fn client(&self) -> Result<AmazonS3> {
        AmazonS3Builder::new()
            .with_endpoint(&self.s3_endpoint)
            .with_bucket_name(&self.s3_bucket)
            .with_region(&self.s3_region)
            .with_access_key_id(&self.s3_access_key)
            .with_secret_access_key(&self.s3_secret_key)
            .with_virtual_hosted_style_request(false)
            .with_client_options(
                ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(20)),
            )
            // The controller tries again with back-off: within one pass a short effort is enough.
            .with_retry(RetryConfig {
                max_retries: 2,
                retry_timeout: Duration::from_secs(20),
                ..RetryConfig::default()
            })
            .build()
            .context("failed to make a client of the results' store")
    }
}

impl Results {
    /// Takes a store, of which it is said to be `bucket`.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, bucket: &str) -> Self {
        Self { store, bucket: bucket.to_owned() }
    }

    /// Stores bytes under a key that contains their digest, and reads them back: a store may say that it has what it has
    /// not, or not all of it.
    pub(crate) async fn store(&self, key: &str, bytes: Vec<u8>, sha256: String) -> Result<StoredResults> {
        let size = bytes.len() as u64;
        self.store
            .put(&Path::from(key), Bytes::from(bytes).into())
            .await
            .context("failed to store the result")?;
        self.read(key, &sha256).await?;
        Ok(StoredResults { bucket: self.bucket.clone(), key: key.to_owned(), sha256, size, bundle: None })
    }

    /// Reads what was stored under a key, and believes it only if the digest is its.
    pub(crate) async fn read(&self, key: &str, sha256: &str) -> Result<Bytes> {
        let object = self.store.get(&Path::from(key)).await.context("failed to read what was stored")?;
        let bytes = object.bytes().await.context("failed to read what was stored")?;
        ensure!(names::sha256(&bytes) == sha256, "{key} is not what was stored: its digest is another");
        Ok(bytes)
    }

    /// Returns the address of a key, for people.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Removes everything under a prefix.
    pub(crate) async fn delete(&self, prefix: &str) -> Result<()> {
        let prefix = Path::from(prefix);
        let objects: Vec<_> =
            self.store.list(Some(&prefix)).try_collect().await.context("failed to list stored results")?;
        for object in objects {
            self.store.delete(&object.location).await.context("failed to delete a stored result")?;
        }
        Ok(())
    }
}
