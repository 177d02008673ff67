//! Server-sent events, as far as chat completions use them (HTML standard, section 9.2.6): lines of data.

/// The most bytes of one line.
const MOST_LINE: usize = 1 << 20;

/// Cuts bytes into lines as they come, and gives those of data.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The line that has begun.
    line: Vec<u8>,
}

/// A line that never ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    /// Takes bytes; `data` is given what each complete line of data holds, until it answers false.
    pub(super) fn push(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8]) -> bool) -> Result<(), TooLong> {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ended) = match piece.split_last() {
                Some((b'\n' | b'\r', text)) => (text, true),
                _ => (piece, false),
            };
            if self.line.len() + text.len() > MOST_LINE {
                return Err(TooLong);
            }
            self.line.extend_from_slice(text);
            if ended {
                let line = std::mem::take(&mut self.line);
                if let Some(held) = line.strip_prefix(b"data:")
                    && !data(held.strip_prefix(b" ").unwrap_or(held))
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(parts: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for part in parts {
            let pushed = lines.push(part, |held| {
                found.push(String::from_utf8_lossy(held).into_owned());
                true
            });
            assert_eq!(pushed, Ok(()));
        }
        found
    }

    #[test]
    fn lines_end_in_every_way_and_other_fields_are_left_out() {
        let stream = b": hello\nevent: x\ndata: {\"a\":1}\r\n\r\ndata:two\rdata:  three\nid: 7\ndata: cut";
        assert_eq!(data(&[stream]), ["{\"a\":1}", "two", " three"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        let long = vec![b'x'; MOST_LINE];
        assert_eq!(lines.push(&long, |_| true), Ok(()));
        assert_eq!(lines.push(b"x", |_| true), Err(TooLong));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_are_parted(text in "(data: ?[a-zé]{0,5}|: x|)(\n|\r\n){1,2}", times in 1usize..4, cut in 0usize..60) {
            let stream = text.repeat(times).into_bytes();
            let cut = cut % (stream.len() + 1);
            prop_assert_eq!(data(&[&stream[..cut], &stream[cut..]]), data(&[&stream]));
        }
    }
}
