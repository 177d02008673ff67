//! The outermost boxes of an MP4 file: ISO/IEC 14496-12, 4.2.

use crate::{MediaError, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Whether the index (`moov`) stands before the media (`mdat`), and both are there.
///
/// # Errors
/// `Io` if the file cannot be read.
pub(super) fn moov_before_mdat(path: &Path) -> Result<bool> {
    let failed = |error| MediaError::io(format!("read {}", path.display()), error);
    let names = File::open(path).and_then(outermost).map_err(failed)?;
    let place = |name: &[u8; 4]| names.iter().position(|other| other == name);
    Ok(match (place(b"moov"), place(b"mdat")) {
        (Some(moov), Some(mdat)) => moov < mdat,
        _ => false,
    })
}

/// The names of the outermost boxes, as far as they are whole.
fn outermost(mut file: impl Read + Seek) -> std::io::Result<Vec<[u8; 4]>> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut at = 0;
    let mut names = Vec::new();
    while at + 8 <= end {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; 16];
        let have = (end - at).min(16) as usize;
        file.read_exact(&mut header[..have])?;
        let [a, b, c, d, name @ ..] = *header.first_chunk::<8>().expect("the array is longer");
        let size = match u32::from_be_bytes([a, b, c, d]) {
            0 => end - at,
            1 => u64::from_be_bytes(*header.last_chunk::<8>().expect("the array is longer")),
            size => u64::from(size),
        };
        // A box that reaches beyond the file, or is shorter than its own header, is not whole.
        if size < 8 || size > end - at {
            break;
        }
        names.push(name);
        at += size;
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn make(name: &[u8; 4], content: usize) -> Vec<u8> {
        let mut bytes = ((content + 8) as u32).to_be_bytes().to_vec();
        bytes.extend(name);
        bytes.resize(content + 8, 0);
        bytes
    }

    #[test]
    fn boxes_are_walked_in_order() {
        let file = [make(b"ftyp", 24), make(b"moov", 100), make(b"mdat", 1000)].concat();
        assert_eq!(outermost(Cursor::new(file)).unwrap(), [*b"ftyp", *b"moov", *b"mdat"]);
    }

    #[test]
    fn long_sizes_and_sizes_to_the_end_are_understood() {
        let mut long = vec![0, 0, 0, 1];
        long.extend(b"mdat");
        long.extend(40u64.to_be_bytes());
        long.resize(40, 0);
        let mut last = vec![0, 0, 0, 0];
        last.extend(b"free");
        last.resize(30, 0);
        assert_eq!(outermost(Cursor::new([long, last].concat())).unwrap(), [*b"mdat", *b"free"]);
    }

    #[test]
    fn a_cut_or_crooked_box_ends_the_walk() {
        let mut cut = [make(b"moov", 10), make(b"mdat", 1000)].concat();
        cut.truncate(500);
        assert_eq!(outermost(Cursor::new(cut)).unwrap(), [*b"moov"]);
        assert_eq!(outermost(Cursor::new(vec![0, 0, 0, 3, 1, 2, 3, 4])).unwrap(), [[0u8; 4]; 0]);
        assert_eq!(outermost(Cursor::new(vec![])).unwrap(), [[0u8; 4]; 0]);
    }

    #[test]
    fn the_order_decides() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        std::fs::write(&path, [make(b"moov", 9), make(b"mdat", 9)].concat()).unwrap();
        assert!(moov_before_mdat(&path).unwrap());
        std::fs::write(&path, [make(b"mdat", 9), make(b"moov", 9)].concat()).unwrap();
        assert!(!moov_before_mdat(&path).unwrap());
        std::fs::write(&path, make(b"mdat", 9)).unwrap();
        assert!(!moov_before_mdat(&path).unwrap());
    }
}
