//! Members of registry archives, taken out by name.
//!
//! Nothing of an archive decides where anything is written, and nothing from it is ever run: a member
//! is copied into a file that the caller opened, never beyond the length that the caller allows. So
//! paths that lead elsewhere, links, and sizes that lie do no harm.

use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A member's bytes are copied in pieces of this size.
const PIECE: usize = 1 << 18;

/// Largest accepted growth of a gzip stream. Weights shrink to 0.9 of their size and text to a tenth;
/// deflate itself can reach 1032 (RFC 1951, a match of 258 bytes in 2 bits), which only a bomb does.
const MAX_GROWTH: u64 = 100;

/// Tiny archives may grow more: this much, in bytes, is always allowed.
const SMALL: u64 = 64 << 20;

/// Why a member could not be had.
#[derive(Debug)]
pub(super) enum ArchiveFault {
    /// There is no such member.
    NotThere,
    /// The archive is damaged or disguised.
    Broken(String),
    /// The member is longer than allowed.
    TooLong,
    /// The caller's `step` said no.
    Stopped,
    /// The copy could not be written.
    Write(io::Error),
}

/// An archive open for reading; it can be read even after its file was removed.
#[derive(Debug, Clone)]
pub(super) enum Archive {
    /// A tar file, whose members lie in one directory of any name, as npm packs them.
    Tar(Arc<File>),
    /// A zip file, which a wheel is.
    Zip(Arc<File>),
}

impl Archive {
    pub(super) fn open_tar(path: &Path) -> io::Result<Self> {
        Ok(Self::Tar(Arc::new(File::open(path)?)))
    }

    pub(super) fn open_zip(path: &Path) -> io::Result<Self> {
        Ok(Self::Zip(Arc::new(File::open(path)?)))
    }

    /// Copies the member `name` to `out` and answers its length, at most `limit` bytes. `step` is
    /// told the bytes copied so far and answers whether to go on.
    pub(super) fn copy(
        &self,
        name: &str,
        out: &mut impl Write,
        limit: u64,
        step: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64, ArchiveFault> {
        match self {
            Self::Tar(file) => copy_from_tar(Window::new(file), name, out, limit, step),
            Self::Zip(file) => copy_from_zip(Window::new(file), name, out, limit, step),
        }
    }
}

fn copy_from_tar(
    archive: impl Read + Seek,
    name: &str,
    out: &mut impl Write,
    limit: u64,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, ArchiveFault> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries_with_seek().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let found = {
            let path = entry.path_bytes();
            let below = path.iter().position(|&byte| byte == b'/').map(|slash| &path[slash + 1..]);
            below == Some(name.as_bytes())
        };
        if !found {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(ArchiveFault::Broken(format!("`{name}` is no plain file")));
        }
        let size = entry.size();
        return copy_bounded(&mut entry, size, out, limit, step);
    }
    Err(ArchiveFault::NotThere)
}

fn copy_from_zip(
    archive: impl Read + Seek,
    name: &str,
    out: &mut impl Write,
    limit: u64,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, ArchiveFault> {
    let mut archive = zip::ZipArchive::new(archive).map_err(broken)?;
    let mut member = archive.by_name(name).map_err(|error| match error {
        zip::result::ZipError::FileNotFound => ArchiveFault::NotThere,
        error => broken(error),
    })?;
    if !member.is_file() {
        return Err(ArchiveFault::Broken(format!("`{name}` is no plain file")));
    }
    let size = member.size();
    copy_bounded(&mut member, size, out, limit, step)
}

/// Copies what `from` gives, which must be `size` bytes as the archive's header says, and no more
/// than `limit`.
fn copy_bounded(
    from: &mut impl Read,
    size: u64,
    out: &mut impl Write,
    limit: u64,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, ArchiveFault> {
    if size > limit {
        return Err(ArchiveFault::TooLong);
    }
    let mut piece = vec![0; PIECE];
    let mut copied = 0;
    loop {
        let n = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        copied += n as u64;
        if copied > size {
            return Err(ArchiveFault::Broken(format!("a member is longer than the {size} bytes it states")));
        }
        out.write_all(&piece[..n]).map_err(ArchiveFault::Write)?;
        if !step(copied) {
            return Err(ArchiveFault::Stopped);
        }
    }
    match copied == size {
        true => Ok(copied),
        false => Err(ArchiveFault::Broken(format!("a member ends after {copied} of {size} bytes"))),
    }
}

/// Unpacks the gzip file at `from` into `out`, so that members can be found by seeking.
pub(super) fn gunzip(
    from: &Path,
    out: &mut impl Write,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, ArchiveFault> {
    let file = File::open(from).map_err(broken)?;
    let limit = file.metadata().map_err(broken)?.len().saturating_mul(MAX_GROWTH).saturating_add(SMALL);
    let mut stream = MultiGzDecoder::new(BufReader::with_capacity(PIECE, file));
    let mut piece = vec![0; PIECE];
    let mut written = 0;
    loop {
        let n = match stream.read(&mut piece) {
            Ok(0) => return Ok(written),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        written += n as u64;
        if written > limit {
            return Err(ArchiveFault::Broken(format!("it unpacks to more than {MAX_GROWTH} times its size")));
        }
        out.write_all(&piece[..n]).map_err(ArchiveFault::Write)?;
        if !step(written) {
            return Err(ArchiveFault::Stopped);
        }
    }
}

fn broken(error: impl std::fmt::Display) -> ArchiveFault {
    ArchiveFault::Broken(error.to_string())
}

/// A reader with a position of its own over a shared file.
struct Window {
    file: Arc<File>,
    at: u64,
}

impl Window {
    fn new(file: &Arc<File>) -> BufReader<Self> {
        BufReader::new(Self { file: Arc::clone(file), at: 0 })
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests;
