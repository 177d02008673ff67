//! A file appears under its final name whole or not at all.

use crate::{MediaError, Result};
use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// A file beside `out` that is removed when dropped. It has the ending of `out`, by which ffmpeg
/// knows the format.
///
/// # Errors
/// `DiskFull` or `Io`, as for all functions here.
pub(crate) fn temporary(out: &Path) -> Result<NamedTempFile> {
    let mut suffix = OsString::from(".part.");
    suffix.push(out.extension().unwrap_or_default());
    let mut builder = tempfile::Builder::new();
    // Less what the umask takes, as for any file that a program creates.
    builder.prefix(".reelsmith-").suffix(&suffix).permissions(Permissions::from_mode(0o666));
    builder.tempfile_in(folder(out)).map_err(|error| failed(out, error))
}

/// Gives `file` its final name, once its bytes are on the disk. Only a disk that then fails to
/// store the name itself makes this fail with `out` replaced.
pub(crate) fn publish(file: NamedTempFile, out: &Path) -> Result<()> {
    let failed = |error| failed(out, error);
    // Opened anew, as ffmpeg may have replaced the file under our handle.
    File::open(file.path()).and_then(|file| file.sync_all()).map_err(failed)?;
    let folder = File::open(folder(out)).map_err(failed)?;
    file.persist(out).map_err(|error| failed(error.error))?;
    folder.sync_all().map_err(failed)
}

/// Writes a whole file.
pub fn write_whole(bytes: &[u8], out: &Path) -> Result<()> {
    let mut file = temporary(out)?;
    file.write_all(bytes).map_err(|error| failed(out, error))?;
    publish(file, out)
}

/// The error of a failed write of `out`.
pub(crate) fn failed(out: &Path, error: std::io::Error) -> MediaError {
    MediaError::io(format!("write {}", out.display()), error)
}

fn folder(out: &Path) -> &Path {
    out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn what_is_written_replaces_what_was_there_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.bin");
        for content in ["one", "another"] {
            write_whole(content.as_bytes(), &out).unwrap();
            assert_eq!(std::fs::read_to_string(&out).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_published_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.mp4");
        let file = temporary(&out).unwrap();
        assert_eq!(file.path().extension(), out.extension());
        drop(file);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let error = temporary(&dir.path().join("nowhere/a.mp4")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("nowhere/a.mp4"), "{error}");
    }

    #[test]
    fn a_name_that_is_taken_by_a_folder_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("taken");
        std::fs::create_dir(&out).unwrap();
        write_whole(b"content", &out).unwrap_err();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
