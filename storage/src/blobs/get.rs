//! Bytes on their way out.

use super::{Blobs, ByteStream, blocking, location};
use crate::limits::IN_MEMORY_BYTES;
use crate::{Digest, ErrorKind, Result, StorageError};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::{GetOptions, GetResultPayload, ObjectStore, ObjectStoreExt};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use tempfile::{NamedTempFile, TempPath};
use tokio::sync::mpsc;

/// Bytes read from a local file at a time.
const CHUNK_BYTES: usize = 256 << 10;

impl Blobs {
    /// Reads an object of at most [`IN_MEMORY_BYTES`] and verifies it.
    ///
    /// # Errors
    /// `NotFound`, `TooLarge`, `Corrupt` if the bytes are not those of the name, `Denied` or
    /// `Unavailable`.
    pub async fn get_bytes(&self, digest: &Digest) -> Result<Bytes> {
        let failed = |error| self.failed("read", digest, error);
        let found = self.store.get(&location(digest)).await.map_err(failed)?;
        if found.meta.size > IN_MEMORY_BYTES {
            let message = format!(
                "object sha256:{digest} has {} bytes, more than the {IN_MEMORY_BYTES} that are read into memory; \
                 read it to a file",
                found.meta.size
            );
            return Err(StorageError::new(ErrorKind::TooLarge, message));
        }
        let bytes = found.bytes().await.map_err(failed)?;
        let held = bytes.clone();
        let actual = blocking(move || Digest::of(&held)).await?;
        if actual == *digest { Ok(bytes) } else { Err(self.corrupt(digest, &actual)) }
    }

    /// Reads an object to a file and answers its size. The file appears under `path`, replacing what
    /// was there, only once all bytes are verified and synced; the folder is created if need be.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt` if the bytes are not those of the name, `DiskFull`, `Denied` or
    /// `Unavailable`.
    pub async fn get_to_file(&self, digest: &Digest, path: &Path) -> Result<u64> {
        let failed = |error| self.failed("read", digest, error);
        let found = self.store.get(&location(digest)).await.map_err(failed)?;
        let bytes = found.meta.size;
        let target = path.to_owned();
        let (temp, actual) = match found.payload {
            GetResultPayload::File(file, _) => blocking(move || copy_file(file, &target)).await??,
            GetResultPayload::Stream(pieces) => {
                let (sender, receiver) = mpsc::channel(8);
                let writer = blocking(move || copy_pieces(receiver, &target));
                let forward = async { Ok(forward(pieces, sender).await) };
                let (sent, written) = tokio::try_join!(forward, writer)?;
                sent.map_err(failed)?;
                written?
            }
        };
        if actual != *digest {
            return Err(self.corrupt(digest, &actual));
        }
        let target = path.to_owned();
        blocking(move || publish(temp, &target)).await??;
        Ok(bytes)
    }

    /// Reads the bytes `range.start .. range.end` of an object, unverified, since a part has no
    /// digest of its own.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` unless `start <= end <= size`; `Denied` or `Unavailable`, also later
    /// from the stream.
    pub async fn get_range(&self, digest: &Digest, range: Range<u64>) -> Result<ByteStream> {
        let failed = |error| self.failed("read", digest, error);
        let size = self.store.head(&location(digest)).await.map_err(failed)?.size;
        if range.start > range.end || range.end > size {
            let message = format!(
                "bytes {}..{} were asked of object sha256:{digest}, which has {size}",
                range.start, range.end
            );
            return Err(StorageError::new(ErrorKind::InvalidInput, message));
        }
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let options = GetOptions::new().with_range(Some(range.clone()));
        let found = self.store.get_opts(&location(digest), options).await.map_err(failed)?;
        let (blobs, digest) = (self.clone(), *digest);
        match found.payload {
            GetResultPayload::File(file, _) => Ok(file_chunks(file, range).boxed()),
            GetResultPayload::Stream(pieces) => {
                Ok(pieces.map_err(move |error| blobs.failed("read", &digest, error)).boxed())
            }
        }
    }

    fn corrupt(&self, digest: &Digest, actual: &Digest) -> StorageError {
        let message = format!(
            "object sha256:{digest} in {} is damaged: its bytes have sha256 {actual}; delete it and run the job \
             again, which makes it anew",
            self.place
        );
        StorageError::new(ErrorKind::Corrupt, message)
    }
}

/// A piece on its way to the writing thread. `End` tells a whole object from a dropped future.
enum Piece {
    Bytes(Bytes),
    End,
}

async fn forward(
    mut pieces: BoxStream<'static, object_store::Result<Bytes>>,
    writer: mpsc::Sender<Piece>,
) -> object_store::Result<()> {
    while let Some(piece) = pieces.try_next().await? {
        if writer.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(()); // The writer has failed and says why.
        }
    }
    let _ = writer.send(Piece::End).await;
    Ok(())
}

fn copy_pieces(mut pieces: mpsc::Receiver<Piece>, target: &Path) -> Result<(TempPath, Digest)> {
    let mut copy = Copy::beside(target)?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => copy.write(&bytes)?,
            Some(Piece::End) => return copy.finish(),
            None => return Err(StorageError::new(ErrorKind::Unavailable, "the transfer was cut short")),
        }
    }
}

fn copy_file(mut file: File, target: &Path) -> Result<(TempPath, Digest)> {
    let mut copy = Copy::beside(target)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(|error| StorageError::io("read an object", error))? {
            0 => return copy.finish(),
            read => copy.write(&buffer[..read])?,
        }
    }
}

/// A file being written aside and hashed; removed unless it is published.
struct Copy {
    file: NamedTempFile,
    hasher: Sha256,
}

impl Copy {
    fn beside(target: &Path) -> Result<Self> {
        let folder = folder(target);
        let failed = |error| StorageError::io(format_args!("create a file in {}", folder.display()), error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = tempfile::Builder::new().prefix(".incoming-").tempfile_in(folder).map_err(failed)?;
        Ok(Self { file, hasher: Sha256::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        let written = self.file.write_all(bytes);
        written.map_err(|error| StorageError::io(format_args!("write {}", self.file.path().display()), error))
    }

    fn finish(self) -> Result<(TempPath, Digest)> {
        let synced = self.file.as_file().sync_all();
        synced
            .map_err(|error| StorageError::io(format_args!("write {}", self.file.path().display()), error))?;
        Ok((self.file.into_temp_path(), Digest::from_bytes(self.hasher.finalize().into())))
    }
}

fn folder(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn publish(temp: TempPath, target: &Path) -> Result<()> {
    let failed = |error: io::Error| StorageError::io(format_args!("write {}", target.display()), error);
    open_to_others(&temp).map_err(failed)?;
    temp.persist(target).map_err(|error| failed(error.error))?;
    File::open(folder(target)).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Temporary files are made for their owner only; a result is as readable as any other file.
#[cfg(unix)]
fn open_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}

fn file_chunks(file: File, range: Range<u64>) -> impl stream::Stream<Item = Result<Bytes>> + Send {
    stream::try_unfold((file, range), |(mut file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let read = blocking(move || -> io::Result<_> {
            let mut chunk = vec![0; CHUNK_BYTES.min((range.end - range.start) as usize)];
            file.seek(SeekFrom::Start(range.start))?;
            file.read_exact(&mut chunk)?;
            let rest = range.start + chunk.len() as u64..range.end;
            Ok((Bytes::from(chunk), (file, rest)))
        });
        read.await?.map(Some).map_err(|error| StorageError::io("read an object", error))
    })
}
