//! Notes in JPEG and WebP files, as EXIF: CIPA DC-008-2023, over TIFF 6.0.
//!
//! The note [`COMMENT`] is the user comment, in UTF-16 as the Stable Diffusion web UI writes and reads it; one other
//! note is the maker note, in UTF-8. All numbers are big-endian, so that readers agree on the order of UTF-16 too.

use super::{Format, Note};
use crate::{ErrorKind, MediaError, Result};

/// The keyword of the note that becomes the user comment.
pub const COMMENT: &str = "parameters";

/// Tags: DC-008, sections 4.6.3 and 4.6.6.
const EXIF_IFD: u16 = 0x8769;
const MAKER_NOTE: u16 = 0x927C;
const USER_COMMENT: u16 = 0x9286;
/// Field types of TIFF.
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;
/// The character code of a user comment in Unicode: DC-008, table 10.
const UNICODE: &[u8; 8] = b"UNICODE\0";
/// Bytes of the TIFF header, and of a directory of `entries`.
const HEADER: usize = 8;
const fn directory(entries: usize) -> usize {
    2 + 12 * entries + 4
}

/// Bytes of a JPEG segment, without its length and the words `Exif`: DC-008, section 4.7.2.
const SEGMENT: usize = 65_533 - 6;

impl Format {
    /// Whether files of this format hold these notes.
    ///
    /// # Errors
    /// `InvalidInput` for a note that this format has no place for; `Limit` where JPEG has too little room.
    pub fn check_notes(self, notes: &[Note]) -> Result<()> {
        match self {
            Self::Png => super::bitmap::check_text(notes),
            Self::Webp => exif(notes).map(drop),
            Self::Jpeg => jpeg_exif(notes).map(drop),
        }
    }
}

/// The EXIF block of a JPEG file; none without notes.
pub(crate) fn jpeg_exif(notes: &[Note]) -> Result<Option<Vec<u8>>> {
    let block = exif(notes)?;
    match block.as_ref().map_or(0, Vec::len) {
        0..=SEGMENT => Ok(block),
        bytes => Err(MediaError::new(
            ErrorKind::Limit,
            format!(
                "what shall be noted takes {bytes} bytes, and a JPEG file has room for {SEGMENT}; write PNG or WebP, \
                 or leave it out"
            ),
        )),
    }
}

/// The same for a WebP file.
pub(crate) fn exif(notes: &[Note]) -> Result<Option<Vec<u8>>> {
    let (comment, rest): (Vec<&Note>, Vec<&Note>) = notes.iter().partition(|note| note.keyword == COMMENT);
    if comment.len() > 1 || rest.len() > 1 {
        let names: Vec<&str> = notes.iter().map(|note| note.keyword.as_str()).collect();
        let message =
            format!("EXIF has a place for `{COMMENT}` and one note more, not for {}", names.join(", "));
        return Err(MediaError::new(ErrorKind::InvalidInput, message));
    }
    let maker = rest.first().map(|note| (MAKER_NOTE, note.text.clone().into_bytes()));
    let user = comment.first().map(|note| (USER_COMMENT, user_comment(&note.text)));
    // In the order of their tags: TIFF 6.0, section 2.
    let fields: Vec<(u16, Vec<u8>)> = maker.into_iter().chain(user).collect();
    Ok((!fields.is_empty()).then(|| block(&fields)))
}

fn user_comment(text: &str) -> Vec<u8> {
    UNICODE.iter().copied().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
}

/// A TIFF header, a directory that points to the EXIF directory, that one, and its values.
fn block(fields: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let own = HEADER + directory(1);
    let mut bytes = b"MM\0\x2A".to_vec();
    let long = |bytes: &mut Vec<u8>, number: usize| bytes.extend((number as u32).to_be_bytes());
    let entry = |bytes: &mut Vec<u8>, tag: u16, kind: u16, count: usize| {
        bytes.extend(tag.to_be_bytes());
        bytes.extend(kind.to_be_bytes());
        long(bytes, count);
    };
    long(&mut bytes, HEADER);
    bytes.extend(1u16.to_be_bytes());
    entry(&mut bytes, EXIF_IFD, LONG, 1);
    long(&mut bytes, own);
    long(&mut bytes, 0);
    bytes.extend((fields.len() as u16).to_be_bytes());
    let mut at = own + directory(fields.len());
    for (tag, value) in fields {
        entry(&mut bytes, *tag, UNDEFINED, value.len());
        match value.len() {
            // A value of up to four bytes stands in the entry itself.
            0..=4 => bytes.extend(value.iter().copied().chain([0; 4]).take(4)),
            length => {
                long(&mut bytes, at);
                at += length.next_multiple_of(2);
            }
        }
    }
    long(&mut bytes, 0);
    for (_, value) in fields.iter().filter(|(_, value)| value.len() > 4) {
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
    }
    bytes
}

/// A WebP file of one picture with an EXIF chunk added: RFC 9649, section 2.7.
///
/// # Errors
/// `ToolFailed` if what was encoded is no WebP.
pub(crate) fn into_webp(webp: &[u8], exif: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>> {
    /// Bit of VP8X that tells of an EXIF chunk.
    const HAS_EXIF: u8 = 1 << 3;
    if !webp.starts_with(b"RIFF") || webp.len() < 30 {
        return Err(MediaError::new(ErrorKind::ToolFailed, "ffmpeg encoded a picture that is no WebP file"));
    }
    let mut chunks = webp[12..].to_vec();
    match chunks.starts_with(b"VP8X") {
        true => chunks[8] |= HAS_EXIF,
        false => {
            let side = |side: u32| (side - 1).to_le_bytes();
            let [w, h] = [side(width), side(height)];
            let head = [b"VP8X".as_slice(), &10u32.to_le_bytes(), &[HAS_EXIF, 0, 0, 0], &w[..3], &h[..3]];
            chunks.splice(0..0, head.concat());
        }
    }
    chunks.extend(b"EXIF");
    chunks.extend((exif.len() as u32).to_le_bytes());
    chunks.extend(exif);
    chunks.resize(chunks.len().next_multiple_of(2), 0);
    let size = (chunks.len() as u32 + 4).to_le_bytes();
    Ok([b"RIFF".as_slice(), &size, b"WEBP", &chunks].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Bitmap, load_bitmap};

    fn note(keyword: &str, text: &str) -> Note {
        Note { keyword: keyword.into(), text: text.into() }
    }

    #[test]
    fn the_block_is_that_of_the_specification() {
        let made = exif(&[note("parameters", "aé"), note("own", "xyz12")]).unwrap().unwrap();
        let expected = [
            b"MM\0\x2A\0\0\0\x08".as_slice(),
            b"\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1A\0\0\0\0",
            b"\0\x02\x92\x7C\0\x07\0\0\0\x05\0\0\0\x38",
            b"\x92\x86\0\x07\0\0\0\x0C\0\0\0\x3E\0\0\0\0",
            b"xyz12\0UNICODE\0\0a\0\xE9",
        ];
        assert_eq!(made, expected.concat());
        assert_eq!(exif(&[]).unwrap(), None);
        let short = exif(&[note("own", "ab")]).unwrap().unwrap();
        assert!(short.ends_with(b"\x92\x7C\0\x07\0\0\0\x02ab\0\0\0\0\0\0"), "{short:?}");
    }

    #[test]
    fn files_with_notes_show_the_same_picture() {
        let pixels = (0..31 * 17 * 4).map(|n| (n * 37 % 251) as u8).collect();
        let bitmap = Bitmap { width: 31, height: 17, channels: 4, pixels };
        let notes = [note("parameters", "a fox 🦊"), note("own", "{}")];
        let dir = tempfile::tempdir().unwrap();
        for ending in ["png", "webp", "jpg"] {
            let [plain, noted] = ["plain", "noted"].map(|name| dir.path().join(format!("{name}.{ending}")));
            bitmap.save(&plain, &[]).unwrap();
            bitmap.save(&noted, &notes).unwrap();
            assert_eq!(load_bitmap(&plain).unwrap(), load_bitmap(&noted).unwrap(), "{ending}");
            assert!(std::fs::metadata(&noted).unwrap().len() > std::fs::metadata(&plain).unwrap().len());
        }
    }

    #[test]
    fn what_has_no_place_is_refused_before_anything_is_encoded() {
        let long = [note("parameters", &"x".repeat(33_000))];
        let error = Format::Jpeg.check_notes(&long).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("write PNG or WebP"), "{error}");
        assert!(Format::Webp.check_notes(&long).is_ok() && Format::Png.check_notes(&long).is_ok());
        let many = ["parameters", "a", "b"].map(|name| note(name, "x"));
        assert!(Format::Png.check_notes(&many).is_ok());
        for format in [Format::Webp, Format::Jpeg] {
            assert_eq!(format.check_notes(&many).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert!(Format::Png.check_notes(&[note("a", "b\0c")]).is_err());
    }
}
