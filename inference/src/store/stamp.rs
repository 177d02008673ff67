//! What a file looked like when its sha256 was last computed, so that start-up need not hash
//! hundreds of megabytes again.
//!
//! A stamp holds size, inode and the times of the last modification and of the last change of the
//! inode. The latter cannot be set back by a program, so an edit that restores the modification time
//! still shows. A file system notes times in ticks of some milliseconds: a stamp that is hardly
//! younger than the file's last change proves nothing, and is not believed (git calls such an index
//! entry "racily clean").

use super::layout::{Layout, make_parent};
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::{RelativePath, Sha256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The coarsest tick of a file system's clock that is allowed for, in nanoseconds: Linux' slowest
/// timer ticks every 10 ms (`CONFIG_HZ=100`).
const TICK_NS: i128 = 20_000_000;

/// How long after a change a stamp is believed.
pub(super) const SETTLE: Duration = Duration::from_nanos(TICK_NS as u64 + 5_000_000);

/// The stamps of one entry's files, by path.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Stamps {
    files: BTreeMap<String, Stamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    sha256: Sha256,
    seen: Seen,
    /// When it was written; nanoseconds since 1970.
    at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    bytes: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn changed_ns(&self) -> i128 {
        i128::from(self.changed.0) * 1_000_000_000 + i128::from(self.changed.1)
    }
}

impl Stamps {
    /// The stamps on record; none if there is no record or it cannot be read, which costs a hash.
    pub(super) fn load(layout: &Layout, id: &ModelId) -> Self {
        let text = std::fs::read(layout.stamps(id)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The sha256 of the file that looks like `metadata`, if the record can be believed.
    pub(super) fn digest(&self, path: &RelativePath, metadata: &Metadata) -> Option<Sha256> {
        let stamp = self.files.get(path.as_str())?;
        let seen = Seen::of(metadata);
        let settled = i128::from(stamp.at) - seen.changed_ns() > TICK_NS;
        (stamp.seen == seen && settled).then_some(stamp.sha256)
    }

    /// Notes that the file that looked like `seen` before it was read had this sha256.
    pub(super) fn set(&mut self, path: &RelativePath, seen: Seen, sha256: Sha256) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        self.files.insert(path.as_str().to_owned(), Stamp { sha256, seen, at });
    }

    pub(super) fn forget(&mut self, path: &RelativePath) {
        self.files.remove(path.as_str());
    }

    /// Writes the record whole or not at all.
    pub(super) fn save(&self, layout: &Layout, id: &ModelId) -> io::Result<()> {
        let path = layout.stamps(id);
        let dir = make_parent(&path).map_err(io::Error::other)?;
        write_whole(dir, &path, &serde_json::to_vec(self)?)
    }
}

fn write_whole(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
