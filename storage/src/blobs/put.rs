//! Bytes on their way in.

use super::{Blobs, blocking, location};
use crate::{Digest, ErrorKind, Result, StorageError};
use bytes::Bytes;
use futures::stream::{FuturesUnordered, Stream, StreamExt};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use tokio::sync::mpsc;

/// Bytes of one part of an upload. S3 takes 5 MiB to 5 GiB and at most 10,000 parts (Amazon S3 user
/// guide, "multipart upload limits"), so that an object may have 78 GiB.
pub(super) const PART_BYTES: usize = 8 << 20;
/// Parts under way at once: with one being read and one waiting, an upload holds at most 40 MiB.
const PARTS_IN_FLIGHT: usize = 3;

impl Blobs {
    /// Stores the file's content and answers its name and size. Storing what is there already costs
    /// one read of the file. If the future is dropped half-way, nothing becomes visible.
    ///
    /// # Errors
    /// `NotFound` if there is no such file, `Conflict` if it changed while it was being stored,
    /// `DiskFull`, `Denied` or `Unavailable`.
    pub async fn put_file(&self, path: &Path) -> Result<(Digest, u64)> {
        let file = path.to_owned();
        let (digest, bytes) = blocking(move || hash_file(&file)).await??;
        if self.size(&digest).await? == Some(bytes) {
            return Ok((digest, bytes));
        }
        // The name must be known before the first byte is written, hence a second read; it is hashed
        // as well, since the file may have changed in between.
        let (parts, mut arriving) = mpsc::channel(1);
        let file = path.to_owned();
        let reader = blocking(move || read_parts(&file, &parts));
        let shown = path.to_owned();
        let unchanged = async move {
            match reader.await?? {
                found if found == digest => Ok(()),
                _ => Err(changed(&shown)),
            }
        };
        let stream = futures::stream::poll_fn(move |context| arriving.poll_recv(context));
        self.upload(&digest, bytes, stream, unchanged).await?;
        Ok((digest, bytes))
    }

    /// Stores bytes that are in memory and answers their name.
    ///
    /// # Errors
    /// `DiskFull`, `Denied` or `Unavailable`.
    pub async fn put_bytes(&self, bytes: Bytes) -> Result<Digest> {
        let (held, size) = (bytes.clone(), bytes.len() as u64);
        let digest = blocking(move || Digest::of(&held)).await?;
        if self.size(&digest).await? == Some(size) {
            return Ok(digest);
        }
        let starts = (0..bytes.len()).step_by(PART_BYTES);
        let parts = starts.map(|at| bytes.slice(at..bytes.len().min(at + PART_BYTES)));
        self.upload(&digest, size, futures::stream::iter(parts), async { Ok(()) }).await?;
        Ok(digest)
    }

    /// Writes `parts`, and lets the object become visible only if `verified` agrees once all of them
    /// have been taken.
    async fn upload(
        &self,
        digest: &Digest,
        bytes: u64,
        parts: impl Stream<Item = Bytes>,
        verified: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        if bytes > PART_BYTES as u64 {
            return self.upload_parts(digest, parts, verified).await;
        }
        // `verified` drives the reader of the parts, so both go on together.
        let (parts, verdict) = tokio::join!(parts.collect::<Vec<_>>(), verified);
        verdict?;
        let put = self.store.put(&location(digest), PutPayload::from_iter(parts)).await;
        put.map(drop).map_err(|error| self.failed("write", digest, error))
    }

    async fn upload_parts(
        &self,
        digest: &Digest,
        parts: impl Stream<Item = Bytes>,
        verified: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let failed = |error| self.failed("write", digest, error);
        let begun = self.store.put_multipart(&location(digest)).await.map_err(failed)?;
        let mut upload = Upload(Some(begun));
        let sending = async {
            let mut parts = pin!(parts);
            let mut in_flight = FuturesUnordered::new();
            while let Some(part) = parts.next().await {
                in_flight.push(upload.get().put_part(part.into()));
                while in_flight.len() >= PARTS_IN_FLIGHT {
                    in_flight.next().await.transpose()?;
                }
            }
            while in_flight.next().await.transpose()?.is_some() {}
            Ok(())
        };
        let sending = async { sending.await.map_err(failed) };
        tokio::try_join!(sending, verified)?;
        upload.get().complete().await.map_err(failed)?;
        upload.0 = None;
        Ok(())
    }
}

/// An upload that is withdrawn when it is dropped before it is complete, so that a cancelled job
/// leaves no parts that somebody pays for.
struct Upload(Option<Box<dyn MultipartUpload>>);

impl Upload {
    fn get(&mut self) -> &mut dyn MultipartUpload {
        self.0.as_deref_mut().expect("it is taken only by the end of the upload")
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            if let Err(error) = upload.abort().await {
                tracing::warn!(%error, "could not withdraw an unfinished upload");
            }
        });
    }
}

fn changed(path: &Path) -> StorageError {
    let message =
        format!("{} changed while it was being stored; try again once it is finished", path.display());
    StorageError::new(ErrorKind::Conflict, message)
}

fn hash_file(path: &Path) -> Result<(Digest, u64)> {
    let failed = |error| StorageError::io(format_args!("read {}", path.display()), error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok((Digest::from_bytes(hasher.finalize().into()), bytes)),
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// Sends the file part by part and answers its digest. Ends early if nobody takes the parts.
fn read_parts(path: &PathBuf, parts: &mpsc::Sender<Bytes>) -> Result<Digest> {
    let failed = |error: io::Error| StorageError::io(format_args!("read {}", path.display()), error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    loop {
        let mut part = Vec::with_capacity(PART_BYTES);
        file.by_ref().take(PART_BYTES as u64).read_to_end(&mut part).map_err(failed)?;
        hasher.update(&part);
        let last = part.len() < PART_BYTES;
        if !part.is_empty() && parts.blocking_send(part.into()).is_err() {
            return Err(StorageError::new(ErrorKind::Unavailable, "the upload was given up"));
        }
        if last {
            return Ok(Digest::from_bytes(hasher.finalize().into()));
        }
    }
}
