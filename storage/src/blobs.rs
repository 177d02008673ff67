//! Immutable bytes named by their sha256, in local files or in S3.
//!
//! An object lies at `sha256/ab/abcd…` and is whole or absent: local files are written aside, synced
//! and renamed, S3 shows an object only once its upload is completed. Writers of one name carry the
//! same bytes, so that storing twice, or eight times at once, is harmless. Files are streamed in parts
//! of 8 MiB; hashing and disk work run on blocking threads.

mod config;
mod get;
mod put;

pub use config::{BlobConfig, S3Config};

use crate::{Digest, ErrorKind, Result, StorageError};
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt};
use std::fmt;
use std::sync::Arc;

/// Bytes as they arrive, in pieces of at most a few hundred kilobytes.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// A store of immutable bytes. Cloning shares the connections.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    place: Arc<str>,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs").field("place", &self.place).finish()
    }
}

impl Blobs {
    /// Opens the store and checks that it answers: the directory is created if need be, the bucket
    /// must exist.
    ///
    /// # Errors
    /// `InvalidInput` for a malformed setting, `Denied` for refused credentials, `NotFound` for a
    /// bucket that does not exist, `Unavailable` if the server does not answer.
    pub async fn open(config: &BlobConfig) -> Result<Self> {
        let (store, place) = config.connect().await?;
        let blobs = Self { store, place: place.into() };
        blobs.check().await?;
        Ok(blobs)
    }

    /// Where the bytes are, for messages: a directory or a bucket's URL.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Asks the store for a sign of life.
    ///
    /// # Errors
    /// `Denied`, `NotFound` or `Unavailable`, as for [`Blobs::open`].
    pub async fn check(&self) -> Result<()> {
        // Reading what is not there tells wrong credentials, a missing bucket and a missing object
        // apart; listing does not.
        let Err(error) = self.store.get(&Location::from("sha256/probe")).await else { return Ok(()) };
        let missing = matches!(error, object_store::Error::NotFound { .. });
        // The code by which S3 names the cause ("Error responses" in its API reference).
        if missing && !error.to_string().contains("NoSuchBucket") {
            return Ok(());
        }
        Err(StorageError::object(format_args!("open {}", self.place), error))
    }

    /// How many bytes the object has; none if there is no such object.
    ///
    /// # Errors
    /// `Denied` or `Unavailable`.
    pub async fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        match self.store.head(&location(digest)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look up", digest, error)),
        }
    }

    /// Removes the object; one that is absent already is no error.
    ///
    /// # Errors
    /// `Denied` or `Unavailable`.
    pub async fn delete(&self, digest: &Digest) -> Result<()> {
        match self.store.delete(&location(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", digest, error)),
        }
    }

    /// An error that names the object and the place.
    fn failed(&self, verb: &str, digest: &Digest, error: object_store::Error) -> StorageError {
        if let object_store::Error::NotFound { .. } = error {
            let message = format!("there is no object sha256:{digest} in {}", self.place);
            return StorageError::new(ErrorKind::NotFound, message).with_source(error);
        }
        StorageError::object(format_args!("{verb} object sha256:{digest} in {}", self.place), error)
    }
}

/// Two digits fan out into 256 directories, so that none grows large.
fn location(digest: &Digest) -> Location {
    let hex = digest.to_string();
    Location::from(format!("sha256/{}/{hex}", &hex[..2]))
}

/// Runs `work` on a blocking thread. A panic in there is passed on to the caller.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => {
            Err(StorageError::new(ErrorKind::Unavailable, "the program is shutting down").with_source(error))
        }
    }
}
