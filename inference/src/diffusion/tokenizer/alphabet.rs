//! The characters that stand for bytes in a byte-level vocabulary.
//!
//! Printable Latin-1 stands for itself and the other 68 bytes for the characters from U+0100 on
//! (`bytes_to_unicode` of OpenAI's `simple_tokenizer.py`).

/// What a token has at its end when a word ends with it.
pub(super) const WORD_END: &str = "</w>";

/// All bytes in the order of the vocabulary: the printable ones first.
pub(super) fn bytes() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).filter(|b| is_printable(*b)).chain((0..=u8::MAX).filter(|b| !is_printable(*b)))
}

/// The character that stands for `byte`.
pub(crate) fn letter(byte: u8) -> char {
    match is_printable(byte) {
        true => char::from(byte),
        false => {
            let rank = (0..byte).filter(|b| !is_printable(*b)).count() as u32;
            char::from_u32(0x100 + rank).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
    }
}

/// The byte that `letter` stands for.
pub(crate) fn byte(letter: char) -> Option<u8> {
    match u8::try_from(letter) {
        Ok(byte) => is_printable(byte).then_some(byte),
        Err(_) => (0..=u8::MAX).filter(|b| !is_printable(*b)).nth((letter as usize).checked_sub(0x100)?),
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}
