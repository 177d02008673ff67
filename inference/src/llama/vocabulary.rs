//! Between text and the tokens of a model.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;
use llama_cpp_2::vocab::VocabType;
use reelsmith_inference_core::chat::Message;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::sync::Arc;

/// Characters without a break, after which one is made: llama.cpp cuts text with `std::regex`, which calls itself once
/// a character, so that a word of a megabyte would overflow the stack.
const MOST_UNBROKEN: usize = 1000;

/// Noncharacters of Unicode, after which text is text and nothing steers, and after which it does again.
const TEXT: char = '\u{FDD0}';
const STEERING: char = '\u{FDD1}';

/// The tokens of a model.
pub(super) struct Vocabulary {
    model: Arc<LlamaModel>,
    /// What each token writes; nothing for those that steer.
    pieces: Vec<Box<[u8]>>,
    /// Which tokens end an answer.
    ends: Vec<bool>,
    /// Texts of the tokens that steer.
    steering: Vec<String>,
    /// What a prompt begins with, where the model wants that.
    beginning: Option<LlamaToken>,
}

impl Vocabulary {
    pub(super) fn new(model: Arc<LlamaModel>) -> Self {
        let vocab = model.vocab();
        let steers = |token| {
            let attributes = vocab.attr(token);
            attributes.contains(LlamaTokenAttr::Control) || attributes.contains(LlamaTokenAttr::Unknown)
        };
        let mut pieces = Vec::with_capacity(vocab.n_tokens().unsigned_abs() as usize);
        let (mut ends, mut steering) = (Vec::new(), Vec::new());
        for token in vocab.tokens() {
            ends.push(vocab.is_eog(token));
            // What ends an answer is no part of one, whatever its kind.
            let hidden = steers(token) || vocab.is_eog(token);
            if hidden {
                steering.push(String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned());
            }
            pieces.push(match hidden {
                true => Box::default(),
                false => vocab.token_to_piece(token, false, None).into_boxed_slice(),
            });
        }
        // A single character cannot be told from text.
        steering.retain(|text| text.len() > 2);
        let beginning = Some(vocab.bos()).filter(|token| vocab.should_add_bos() && token.0 >= 0);
        Self { model, pieces, ends, steering, beginning }
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The bytes that a token writes.
    pub(super) fn piece(&self, token: LlamaToken) -> &[u8] {
        usize::try_from(token.0).ok().and_then(|n| self.pieces.get(n)).map_or(&[], |piece| piece)
    }

    /// Whether a token ends an answer.
    pub(super) fn ends(&self, token: LlamaToken) -> bool {
        usize::try_from(token.0).ok().and_then(|n| self.ends.get(n)).copied().unwrap_or(true)
    }

    /// The tokens that end an answer.
    pub(super) fn ending(&self) -> impl Iterator<Item = usize> {
        self.ends.iter().enumerate().filter(|(_, ends)| **ends).map(|(n, _)| n)
    }

    /// Whether a text has the same tokens wherever it stands; sentence pieces put a space before it.
    pub(super) fn is_exact(&self) -> bool {
        self.model.vocab().vocab_type() == VocabType::BPE
    }

    /// The text of a token, also of one that steers.
    pub(super) fn name(&self, token: LlamaToken) -> String {
        match usize::try_from(token.0).is_ok_and(|n| n < self.len()) {
            true => {
                let piece = self.model.vocab().token_to_piece(token, true, None);
                String::from_utf8_lossy(&piece).into_owned()
            }
            false => String::new(),
        }
    }

    /// The tokens of a text in which nothing steers.
    pub(super) fn plain(&self, text: &str) -> Vec<LlamaToken> {
        self.tokens(text, false)
    }

    /// The messages, in which what looks like a text that steers is marked as text ([`Self::prompt`]).
    ///
    /// # Errors
    /// `InvalidRequest` for a message that has the marks in it.
    pub(super) fn marked(&self, messages: &[Message]) -> Result<Vec<Message>> {
        let marked = messages.iter().map(|message| {
            let content = &message.content;
            if content.contains([TEXT, STEERING]) {
                let message = "a message contains U+FDD0 or U+FDD1, which are no characters; leave them out";
                return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
            }
            let steers = self.steering.iter().any(|text| content.contains(text.as_str()));
            let content = match steers {
                // Templates take blanks off, which the marks would hide from them.
                true => format!("{TEXT}{}{STEERING}", content.trim()),
                false => content.clone(),
            };
            Ok(Message { role: message.role, content })
        });
        marked.collect()
    }

    /// The tokens of a prompt, in which the texts of steering tokens steer, but not between the marks.
    pub(super) fn prompt(&self, prompt: &str) -> Vec<LlamaToken> {
        let mut tokens = Vec::new();
        let mut steering = true;
        for part in prompt.split_inclusive([TEXT, STEERING]) {
            tokens.extend(self.tokens(part.trim_end_matches([TEXT, STEERING]), steering));
            steering = !part.ends_with(TEXT);
        }
        if let Some(beginning) = self.beginning.filter(|beginning| tokens.first() != Some(beginning)) {
            tokens.insert(0, beginning);
        }
        tokens
    }

    fn tokens(&self, text: &str, steering: bool) -> Vec<LlamaToken> {
        let vocab = self.model.vocab();
        // Sentence pieces are cut without `std::regex`, and a cut would put a space where it is.
        if !self.is_exact() {
            return vocab.tokenize(text.as_bytes(), false, steering);
        }
        let whole: &[String] = if steering { &self.steering } else { &[] };
        breaks(text, whole).iter().flat_map(|part| vocab.tokenize(part.as_bytes(), false, steering)).collect()
    }
}

/// The text in parts, none of which has more than [`MOST_UNBROKEN`] characters in a row that are all spaces, or all
/// none. A cut is made where letters and other characters meet, if there is such a place, and never within one of the
/// texts that must stay `whole`.
fn breaks<'a>(text: &'a str, whole: &[String]) -> Vec<&'a str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut run, mut meeting, mut last) = (0, None, None::<char>);
    for (at, c) in text.char_indices() {
        if last.is_some_and(|last| last.is_whitespace() != c.is_whitespace()) {
            (run, meeting) = (0, None);
        } else if last.is_some_and(|last| last.is_alphanumeric() != c.is_alphanumeric()) {
            meeting = Some((at, run));
        }
        if run == MOST_UNBROKEN {
            let (mut cut, mut before) = meeting.take().unwrap_or((at, run));
            if let Some(start) = whole.iter().filter_map(|whole| around(text, cut, whole)).min() {
                before -= text[start..cut].chars().count().min(before);
                cut = start;
            }
            parts.push(&text[start..cut]);
            (start, run) = (cut, run - before);
        }
        run += 1;
        last = Some(c);
    }
    parts.push(&text[start..]);
    parts
}

/// Where `whole` begins in `text`, if the place `cut` lies within it.
fn around(text: &str, cut: usize, whole: &str) -> Option<usize> {
    let from = text.floor_char_boundary(cut.saturating_sub(whole.len() - 1));
    let to = text.ceil_char_boundary((cut + whole.len() - 1).min(text.len()));
    let start = from + text[from..to].find(whole)?;
    (start < cut && cut < start + whole.len()).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_text_is_not_cut() {
        let text = "Ever tried. Ever failed.\nNo matter. ".repeat(1000);
        assert_eq!(breaks(&text, &[]), [text.as_str()]);
        assert_eq!(breaks("", &[]), [""]);
    }

    #[test]
    fn a_long_word_is_cut_where_letters_end_if_they_do() {
        let word = "a".repeat(2500);
        assert_eq!(breaks(&word, &[]).iter().map(|part| part.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
        let address = format!("{}/{}", "a".repeat(900), "b".repeat(900));
        assert_eq!(breaks(&address, &[]), [&address[..901], &address[901..]]);
    }

    #[test]
    fn a_text_that_steers_is_never_cut() {
        let end = "<|im_end|>".to_owned();
        for letter in ["a", "é", "水"] {
            for length in 900..1100 {
                let text = format!("{}{end}b", letter.repeat(length));
                let parts = breaks(&text, std::slice::from_ref(&end));
                assert_eq!(parts.concat(), text);
                assert_eq!(parts.iter().filter(|part| part.contains(&end)).count(), 1, "{length} {letter}");
            }
        }
    }

    proptest! {
        #[test]
        fn parts_make_up_the_text_and_have_no_long_runs(text in "([ab.]{0,700}| {0,700}|é{0,400}){0,12}") {
            let parts = breaks(&text, &[]);
            prop_assert_eq!(parts.concat(), text.as_str());
            for part in parts {
                for run in part.split_whitespace() {
                    prop_assert!(run.chars().count() <= MOST_UNBROKEN);
                }
                for run in part.split(|c: char| !c.is_whitespace()) {
                    prop_assert!(run.chars().count() <= MOST_UNBROKEN);
                }
            }
        }
    }
}
