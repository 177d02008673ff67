//! As much of the protobuf wire format as ONNX graphs need (protobuf.dev, "Encoding"): fields read from a
//! file one after the other without their payloads, and fields written.

use std::io::{self, BufRead, Seek};

/// One field of a message in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its number in the `.proto` file.
    pub number: u64,
    /// Where the field begins, at its key.
    pub start: u64,
    /// Where what it carries begins: after the key, and after the length of a length-delimited field.
    pub payload: u64,
    /// Where the next field begins.
    pub end: u64,
    /// Whether it has a length: a message, a string, bytes or packed numbers.
    pub is_delimited: bool,
    /// What a field that carries a number carries; 0 for others.
    pub value: u64,
}

/// The fields of the message that lies in `start..end` of `file`; payloads are skipped over.
///
/// # Errors
/// `InvalidData` for bytes that are no message, and whatever the file answers.
pub fn fields<F: BufRead + Seek>(file: &mut F, start: u64, end: u64) -> io::Result<Vec<Field>> {
    let mut fields = Vec::new();
    let mut at = start;
    while at < end {
        file.seek(io::SeekFrom::Start(at))?;
        let (key, taken) = varint(file)?;
        let mut payload = at + taken;
        let mut value = 0;
        let length = match key & 7 {
            0 => {
                let (read, taken) = varint(file)?;
                value = read;
                taken
            }
            1 => 8,
            2 => {
                let (length, taken) = varint(file)?;
                payload += taken;
                length
            }
            5 => 4,
            other => return Err(invalid(format!("wire type {other} at byte {at}"))),
        };
        let next = payload.checked_add(length).filter(|next| *next <= end);
        let next = next.ok_or_else(|| invalid(format!("the field at byte {at} is cut off")))?;
        let is_delimited = key & 7 == 2;
        fields.push(Field { number: key >> 3, start: at, payload, end: next, is_delimited, value });
        at = next;
    }
    Ok(fields)
}

/// Appends bytes `start..end` of `file` to `out`.
///
/// # Errors
/// `UnexpectedEof` if there are fewer, and whatever the file answers.
pub fn copy<F: BufRead + Seek>(file: &mut F, start: u64, end: u64, out: &mut Vec<u8>) -> io::Result<()> {
    file.seek(io::SeekFrom::Start(start))?;
    let copied = io::copy(&mut io::Read::take(file, end - start), out)?;
    if copied == end - start { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The numbers of a packed field, which lie in `start..end` of `file`.
///
/// # Errors
/// `InvalidData` if one is too long or goes beyond the field, and whatever the file answers.
pub fn packed<F: BufRead + Seek>(file: &mut F, start: u64, end: u64) -> io::Result<Vec<u64>> {
    file.seek(io::SeekFrom::Start(start))?;
    let (mut numbers, mut at) = (Vec::new(), start);
    while at < end {
        let (value, taken) = varint(file)?;
        numbers.push(value);
        at += taken;
    }
    if at == end {
        Ok(numbers)
    } else {
        Err(invalid(format!("the numbers at byte {start} go beyond their field")))
    }
}

/// A length-delimited field.
pub fn delimited(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 12);
    push_varint(number << 3 | 2, &mut bytes);
    push_varint(payload.len() as u64, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// A field that carries a number.
pub fn number(number: u64, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_varint(number << 3, &mut bytes);
    push_varint(value, &mut bytes);
    bytes
}

/// A field that carries a 32-bit float.
pub fn float(number: u64, value: f32) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_varint(number << 3 | 5, &mut bytes);
    bytes.extend_from_slice(&value.to_le_bytes());
    bytes
}

/// A field of packed whole numbers; negative ones are two's complement.
pub fn packed_numbers(number: u64, values: &[i64]) -> Vec<u8> {
    let mut payload = Vec::new();
    values.iter().for_each(|value| push_varint(*value as u64, &mut payload));
    delimited(number, &payload)
}

fn push_varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A varint and how many bytes it took.
fn varint<R: io::Read>(reader: &mut R) -> io::Result<(u64, u64)> {
    let mut value = 0;
    for taken in 0..10 {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << (7 * taken);
        if byte[0] < 0x80 {
            return Ok((value, taken + 1));
        }
    }
    Err(invalid("a number of more than ten bytes".to_owned()))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    proptest! {
        #[test]
        fn what_is_written_is_read(payloads in prop::collection::vec((1u64..3000, prop::collection::vec(any::<u8>(), 0..400)), 0..20)) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|(n, p)| delimited(*n, p)).collect();
            let mut file = Cursor::new(bytes.clone());
            let found = fields(&mut file, 0, bytes.len() as u64).unwrap();
            prop_assert_eq!(found.len(), payloads.len());
            for (field, (n, payload)) in found.iter().zip(&payloads) {
                prop_assert_eq!(field.number, *n);
                let mut copied = Vec::new();
                copy(&mut file, field.payload, field.end, &mut copied).unwrap();
                prop_assert_eq!(&copied, payload);
            }
        }

        #[test]
        fn any_bytes_are_fields_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut file = Cursor::new(bytes.clone());
            if let Ok(found) = fields(&mut file, 0, bytes.len() as u64) {
                prop_assert_eq!(found.last().map_or(0, |f| f.end), bytes.len() as u64);
            }
        }
    }

    #[test]
    fn numbers_are_varints() {
        assert_eq!(number(20, 2), [0xa0, 0x01, 2]);
        assert_eq!(number(3, 300), [0x18, 0xac, 0x02]);
    }
}
