//! From tokens to text as it may be shown: whole characters, and nothing that may turn out to be a stop string.

/// Gathers what an answer writes.
pub(crate) struct Writer {
    stops: Vec<String>,
    /// Bytes of a character that is not complete.
    partial: Vec<u8>,
    /// Text that may be the beginning of a stop string.
    held: String,
    text: String,
}

impl Writer {
    pub(crate) fn new(stops: &[String]) -> Self {
        Self { stops: stops.to_vec(), partial: Vec::new(), held: String::new(), text: String::new() }
    }

    /// Bytes of text so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.held.len()
    }

    /// Takes the bytes of a token and shows what is certain; true once a stop string has come, which is not shown.
    pub(crate) fn push(&mut self, bytes: &[u8], show: impl FnMut(&str)) -> bool {
        self.partial.extend_from_slice(bytes);
        self.complete();
        let stop = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        let certain = stop.unwrap_or_else(|| self.held.len() - self.doubtful());
        self.show(certain, show);
        stop.is_some()
    }

    /// Shows what was held back, and gives the whole text. A character that was never completed is left out.
    pub(crate) fn finish(mut self, stopped: bool, show: impl FnMut(&str)) -> String {
        if !stopped {
            self.show(self.held.len(), show);
        }
        self.text
    }

    /// Moves complete characters from the bytes to the text.
    fn complete(&mut self) {
        loop {
            let (valid, invalid) = match std::str::from_utf8(&self.partial) {
                Ok(_) => (self.partial.len(), None),
                Err(error) => (error.valid_up_to(), error.error_len()),
            };
            let text = std::str::from_utf8(&self.partial[..valid]).expect("valid up to here");
            self.held.push_str(text);
            self.partial.drain(..valid + invalid.unwrap_or(0));
            match invalid {
                None => return,
                Some(_) => self.held.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }

    /// Bytes at the end that may be the beginning of a stop string.
    fn doubtful(&self) -> usize {
        let begins = |stop: &String| {
            let longest = stop.len().saturating_sub(1).min(self.held.len());
            (1..=longest).rev().find(|n| self.held.as_bytes().ends_with(&stop.as_bytes()[..*n])).unwrap_or(0)
        };
        self.stops.iter().map(begins).max().unwrap_or(0)
    }

    fn show(&mut self, bytes: usize, mut show: impl FnMut(&str)) {
        // A stop string may begin inside of a character only if its own bytes do, and they are whole characters.
        let piece: String = self.held.drain(..bytes).collect();
        if !piece.is_empty() {
            show(&piece);
            self.text.push_str(&piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is shown, and whether a stop string came, if the bytes come in these parts.
    fn written(stops: &[&str], parts: &[&[u8]]) -> (Vec<String>, String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut writer = Writer::new(&stops);
        let mut shown = Vec::new();
        let stopped = parts.iter().any(|part| writer.push(part, |piece| shown.push(piece.to_owned())));
        let text = writer.finish(stopped, |piece| shown.push(piece.to_owned()));
        (shown, text, stopped)
    }

    #[test]
    fn a_character_of_several_tokens_is_shown_whole() {
        let bear = "🐻".as_bytes();
        assert_eq!(written(&[], &[&bear[..2], &bear[2..3], &bear[3..], b"!"]).0, ["🐻", "!"]);
    }

    #[test]
    fn a_stop_string_over_several_tokens_is_never_shown() {
        let (shown, text, stopped) = written(&["END", "\n\n"], &[b"one E", b"N", b"E EN", b"D two"]);
        assert_eq!((shown.concat().as_str(), text.as_str(), stopped), ("one ENE ", "one ENE ", true));
        assert_eq!(shown[0], "one ");
    }

    #[test]
    fn what_looked_like_a_stop_string_is_shown_at_the_end() {
        let (shown, text, stopped) = written(&["END"], &[b"the E", b"N"]);
        assert_eq!((shown.concat().as_str(), text.as_str(), stopped), ("the EN", "the EN", false));
    }

    #[test]
    fn the_first_of_several_stop_strings_counts() {
        assert_eq!(written(&["cd", "bcx", "b"], &[b"abcd"]).1, "a");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_a_cut_character_is_left_out() {
        assert_eq!(written(&[], &[b"a\xffb", b"\xf0\x9f"]).1, "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn however_bytes_are_parted_no_stop_string_and_all_before_it_is_shown(
            text in "[ab🐻é]{0,24}",
            stops in proptest::collection::vec("[ab🐻é]{1,4}", 0..3),
            cuts in proptest::collection::vec(0usize..90, 0..8),
        ) {
            let bytes = text.as_bytes();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let mut from = 0;
            let parts: Vec<&[u8]> = ends.iter().map(|end| { let part = &bytes[from..*end]; from = *end; part }).collect();
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let (shown, given, stopped) = written(&stops, &parts);
            let first = stops.iter().filter_map(|stop| text.find(stop)).min();
            prop_assert_eq!(&shown.concat(), &given);
            prop_assert_eq!(stopped, first.is_some());
            // Where two stop strings overlap, the one that is complete first decides.
            let complete = stops.iter().filter_map(|stop| text.find(stop).map(|at| at + stop.len())).min();
            if let (Some(first), Some(complete)) = (first, complete) {
                prop_assert!(given.len() >= first && given.len() < complete);
                prop_assert!(text.starts_with(&given));
            } else {
                prop_assert_eq!(&given, &text);
            }
            prop_assert!(stops.iter().all(|stop| !given.contains(stop)));
        }
    }
}
