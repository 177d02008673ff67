//! A file appears under its final name whole or not at all.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::Result;
use std::path::Path;
use tempfile::NamedTempFile;

/// A file beside `out` that is removed when dropped. It has the ending of `out`, by which ffmpeg
/// knows the format.
pub(crate) fn temporary(dir: &Path, out: &Path) -> Result<NamedTempFile> {
    let mut suffix = OsString::from(".part.");
    suffix.push(out.extension().unwrap_or_default());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".reelsmith-").suffix(&suffix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less what the umask takes, as for any file that a program creates.
        builder.permissions(Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir)
}

/// Gives `file` its final name, once its bytes are on the disk.
pub(crate) fn publish(file: NamedTempFile, out: &Path) -> Result<()> {
    // Opened anew, as ffmpeg may have replaced the file under our handle.
    File::open(file.path())?.sync_all()?;
    file.persist(out).map_err(|error| error.error)?;
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}
