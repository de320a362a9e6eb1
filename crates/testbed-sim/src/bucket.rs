//! The store of results behind faults: what is put into it and deleted from it are points like any other write.

use crate::fault::{Faulty, Mode};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What goes otherwise in a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Nobody answers until then.
    Down(Instant),
    /// It says that it has stored everything, and keeps half of it.
    Truncates,
}

/// A store of results as one life of the operator reaches it.
#[derive(Clone)]
pub struct Bucket {
    /// What is in it.
    pub inner: Arc<InMemory>,
    /// Whose faults are put at it.
    pub faulty: Faulty,
    /// What goes otherwise.
    pub trouble: Trouble,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store behind faults")
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn failed(said: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "S3", source: said.into() }
}

/// After how long the client of a real store no longer waits for an answer.
const GIVES_UP: Duration = Duration::from_secs(20);

impl Bucket {
    fn answers(&self) -> Result<()> {
        match self.trouble {
            Trouble::Down(until) if Instant::now() < until => Err(failed("connection refused")),
            _ => Ok(()),
        }
    }

    /// Returns it as the present life of the operator reaches it.
    pub(crate) fn now(&self) -> Self {
        Self { faulty: self.faulty.now(), ..self.clone() }
    }

    /// Does something to it, unless a fault has it otherwise.
    async fn write<T: Send>(&self, line: String, write: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let Some(fate) = self.faulty.at_store(line) else {
            // Whose life is over hears nothing any more.
            return std::future::pending().await;
        };
        // Who is not there stores nothing; the operator may die all the same.
        let write = async {
            self.answers()?;
            write.await
        };
        match fate {
            None => write.await,
            Some(Mode::CrashBefore) => self.faulty.die().await,
            Some(Mode::CrashAfter) => {
                let _ = write.await;
                self.faulty.die().await
            }
            Some(Mode::AnswerLost) => {
                let _ = write.await;
                Err(failed("connection reset by peer"))
            }
            Some(Mode::Unanswered) => {
                let _ = write.await;
                tokio::time::sleep(GIVES_UP).await;
                Err(failed("operation timed out"))
            }
            Some(Mode::Conflict | Mode::Internal | Mode::Burst | Mode::TooMany) => {
                Err(failed("503: SlowDown"))
            }
            mode => {
                self.faulty.disturb(mode).await;
                write.await
            }
        }
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let payload = if self.trouble == Trouble::Truncates {
            let bytes: Vec<u8> = payload.iter().flatten().copied().collect();
            PutPayload::from(bytes[..bytes.len() / 2].to_vec())
        } else {
            payload
        };
        let put = self.inner.put_opts(location, payload, options);
        self.write(format!("PUT s3 {location}"), put).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.answers()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let deleted = locations.then(move |location| {
            let this = this.clone();
            async move {
                let location = location?;
                let gone = this.inner.delete(&location);
                this.write(format!("DELETE s3 {location}"), gone).await?;
                Ok(location)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.answers() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.answers()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
