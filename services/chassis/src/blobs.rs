//! Files: a folder or an S3 bucket, staging for uploads, and signed upload tickets.
//!
//! The gateway streams an upload into `staging/` and hands out a ticket that it signed (portal, uploader, hash, size, expiry). The
//! service that owns the parent verifies the tickets ([`Upload::read_all`]), takes the objects over under its own prefix ([`Blobs::claim`]: they are
//! what was signed), commits the rows with the uploads' ids as claims, and then deletes what was staged ([`Blobs::settle`]). Each service collects
//! only its own prefix ([`Blobs::sweep_lost`]).

mod claim;
mod half;
mod sweep;
mod upload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig, WriteMultipart};
use sha2::{Digest, Sha256};

use crate::config::{Common, S3};
use crate::error::Error;

pub use claim::{Claimed, MOST_UPLOADS, UPLOADS};
pub use upload::{Upload, by_content, unusable};

/// How often a call to the bucket is repeated when the server is away or busy, and for how long: a request waits for it.
const S3_RETRIES: usize = 3;
const S3_PATIENCE: Duration = Duration::from_secs(10);

/// The blob store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Where it is, when it is a folder.
    folder: Option<PathBuf>,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// The first bytes, for a look at what it really is; at most 512.
    pub head: Vec<u8>,
}

impl Blobs {
    /// Opens what the key `blobs` names: a folder, which is made, or a bucket.
    pub fn open(common: &Common) -> anyhow::Result<Self> {
        let url = Common::require(&common.blobs, "blobs")?;
        match (url.strip_prefix("file://"), url.strip_prefix("s3://")) {
            (Some(folder), _) => Self::folder(std::path::Path::new(folder)),
            (_, Some(place)) => Self::bucket(place, &common.s3),
            _ => anyhow::bail!("configuration key `blobs`: expected file:///path or s3://bucket/prefix"),
        }
    }

    /// A folder of this machine.
    pub fn folder(folder: &std::path::Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        // What was acknowledged is there after a power cut, as its row is.
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true).with_fsync(true);
        Ok(Self { store: Arc::new(store), folder: Some(folder.to_owned()) })
    }

    /// `bucket` or `bucket/prefix` of an S3 server. The bucket must be there; give it a rule that ends multipart uploads after a day.
    fn bucket(place: &str, s3: &S3) -> anyhow::Result<Self> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            anyhow::bail!("configuration key `blobs`: expected s3://bucket/prefix");
        }
        crate::run::install_tls();
        // A key of our own stands alone; otherwise the environment of the machine says who we are.
        let mut builder = match (&s3.access_key_id, &s3.secret_access_key) {
            (Some(id), Some(key)) => AmazonS3Builder::new().with_access_key_id(id.expose()).with_secret_access_key(key.expose()),
            (None, None) => AmazonS3Builder::from_env(),
            (None, _) => anyhow::bail!("configuration key `s3.access_key_id` is missing"),
            (_, None) => anyhow::bail!("configuration key `s3.secret_access_key` is missing"),
        };
        if let Some(token) = &s3.session_token {
            builder = builder.with_token(token.expose());
        }
        if let Some(endpoint) = &s3.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let retry = RetryConfig { max_retries: S3_RETRIES, retry_timeout: S3_PATIENCE, ..RetryConfig::default() };
        let store = builder
            .with_bucket_name(bucket)
            .with_region(s3.region.as_deref().unwrap_or("us-east-1"))
            .with_allow_http(s3.allow_http)
            .with_virtual_hosted_style_request(s3.virtual_hosted_style)
            .with_retry(retry)
            .build()
            .map_err(|error| anyhow::anyhow!("configuration key `s3`: {error}"))?;
        Ok(Self { store: Arc::new(PrefixStore::new(store, Path::from(prefix))), folder: None })
    }

    /// Stores a stream, hashing on the way, with at most two parts of 5 MiB in memory; nothing is left of one that breaks off or is longer than `limit` bytes (413).
    pub async fn put<E>(&self, path: &str, content: impl Stream<Item = Result<Bytes, E>> + Send, limit: u64) -> Result<Stored, Error>
    where
        E: std::fmt::Display,
    {
        let path = Path::from(path);
        let upload = self.store.put_multipart(&path).await.map_err(unavailable)?;
        let mut writer = WriteMultipart::new(upload);
        let mut hash = Sha256::new();
        let (mut size, mut head) = (0_u64, Vec::with_capacity(512));
        let mut content = std::pin::pin!(content);
        while let Some(chunk) = content.next().await {
            let refused = match chunk {
                Ok(chunk) if size + chunk.len() as u64 <= limit => {
                    size += chunk.len() as u64;
                    head.extend_from_slice(&chunk[..chunk.len().min(512 - head.len())]);
                    hash.update(&chunk);
                    writer.wait_for_capacity(1).await.map_err(unavailable)?;
                    writer.write(&chunk);
                    continue;
                }
                Ok(_) => Error::TooLarge { field: "file".into() },
                Err(error) => Error::Malformed { field: "file".into(), message: format!("The upload broke off: {error}") },
            };
            // What could not be aborted is swept with the rest of staging.
            let _ = writer.abort().await;
            return Err(refused);
        }
        writer.finish().await.map_err(unavailable)?;
        Ok(Stored { size, sha256: hex::encode(hash.finalize()), head })
    }

    /// Reads an object as a stream.
    pub async fn get(&self, path: &str) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let found = self.store.get(&Path::from(path)).await.map_err(unavailable)?;
        Ok(found.into_stream().map_err(unavailable).boxed())
    }

    /// Copies an object; copying again is harmless.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        self.store.copy(&Path::from(from), &Path::from(to)).await.map_err(unavailable)
    }

    /// Deletes an object; one that is gone is as good as deleted.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        match self.store.delete(&Path::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn unavailable(error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::NOT_FOUND,
        error => {
            tracing::warn!(%error, "the blob store failed");
            Error::Unavailable("the blob store")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(parts: &[&'static str]) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + use<> {
        futures_util::stream::iter(parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect::<Vec<_>>())
    }

    fn stage() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::folder(dir.path()).unwrap();
        (dir, blobs)
    }

    #[tokio::test]
    async fn what_is_put_can_be_copied_and_read() {
        let (_dir, blobs) = stage();
        let stored = blobs.put("staging/a", chunks(&["hel", "lo"]), 5).await.unwrap();
        assert_eq!(stored.size, 5);
        assert_eq!(stored.sha256, hex::encode(Sha256::digest(b"hello")));
        blobs.copy("staging/a", "tickets/b").await.unwrap();
        blobs.delete("staging/a").await.unwrap();
        blobs.delete("staging/a").await.unwrap();
        let content: Vec<Bytes> = blobs.get("tickets/b").await.unwrap().try_collect().await.unwrap();
        assert_eq!(content.concat(), b"hello");
        assert!(matches!(blobs.get("staging/a").await, Err(Error::NotFound { .. })));
    }

    #[tokio::test]
    async fn nothing_is_left_of_an_upload_that_is_too_large() {
        let (_dir, blobs) = stage();
        let refused = blobs.put("staging/a", chunks(&["hello", "!"]), 5).await;
        assert_eq!(refused, Err(Error::TooLarge { field: "file".into() }));
        assert!(blobs.get("staging/a").await.is_err());
    }
}
