//! The sha256 of a file, read piece by piece.

use reelsmith_inference_core::catalogue::Sha256;
use sha2::Digest;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Read at once; large enough that the hash, not the calls, sets the pace.
const PIECE: usize = 1 << 18;

/// Hashes the file at `path`. `step` is told the bytes read so far and answers whether to go on;
/// `None` if it said no.
pub(super) fn sha256(path: &Path, mut step: impl FnMut(u64) -> bool) -> io::Result<Option<Sha256>> {
    let mut file = File::open(path)?;
    let mut hasher = sha2::Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut read = 0;
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(Some(Sha256(hasher.finalize().into()))),
            Ok(n) => {
                hasher.update(&piece[..n]);
                read += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if !step(read) {
            return Ok(None);
        }
    }
}
