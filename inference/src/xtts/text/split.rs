//! A text in parts that the model says at once: sentences, as many as fit (`split_sentence` of
//! `TTS/tts/layers/xtts/tokenizer.py`, where spaCy finds their ends).

/// What ends a sentence before a blank, and what ends one anywhere.
const ENDS: [char; 5] = ['.', '!', '?', '…', '؟'];
const ENDS_ANYWHERE: [char; 5] = ['。', '！', '？', '।', '॥'];
/// What may still stand behind an end.
const CLOSING: [char; 9] = ['"', '\'', ')', ']', '»', '”', '’', '」', '』'];

/// Parts of at most `limit` characters (one more where two sentences just fit with a blank), without blanks around
/// them. A text shorter than that stays whole.
pub fn parts(text: &str, limit: usize) -> Vec<String> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    if text.chars().count() < limit {
        return vec![text.to_owned()];
    }
    let mut parts: Vec<String> = vec![String::new()];
    for sentence in sentences(text) {
        let count = sentence.chars().count();
        let last = parts.last_mut().expect("there is a first part");
        if last.chars().count() + count <= limit {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(sentence);
        } else if count > limit {
            parts.extend(wrapped(sentence, limit));
        } else {
            parts.push(sentence.to_owned());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Sentences with what ends them, without the blanks between.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut places = text.char_indices().peekable();
    while let Some((_, c)) = places.next() {
        let anywhere = ENDS_ANYWHERE.contains(&c);
        if !anywhere && !ENDS.contains(&c) {
            continue;
        }
        while places
            .next_if(|(_, c)| CLOSING.contains(c) || ENDS.contains(c) || ENDS_ANYWHERE.contains(c))
            .is_some()
        {}
        let end = places.peek().map_or(text.len(), |(place, _)| *place);
        if anywhere || text[end..].starts_with(char::is_whitespace) || end == text.len() {
            found.push(text[start..end].trim());
            start = end;
        }
    }
    found.push(text[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// Lines of at most `limit` characters, cut between words, or in one that is longer.
fn wrapped(sentence: &str, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut count = 0;
    for word in sentence.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if count > 0 && count + 1 + word.len() <= limit {
            line.push(' ');
            count += 1;
        } else if count > 0 {
            lines.push(std::mem::take(&mut line));
            count = 0;
        }
        while word.len() > limit {
            let rest = word.split_off(limit);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        count += word.len();
        line.extend(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sentences_are_put_together_while_they_fit() {
        let text = "One two three. Four five! Is it six, at 7.5? Yes.";
        assert_eq!(parts(text, 26), ["One two three. Four five!", "Is it six, at 7.5? Yes."]);
        assert_eq!(parts(text, 400), [text]);
        assert_eq!(parts("一二三。四五六。七八", 7), ["一二三。", "四五六。 七八"]);
        assert_eq!(parts("  \n ", 5), [""; 0]);
    }

    #[test]
    fn a_sentence_that_is_too_long_is_cut_between_words() {
        assert_eq!(parts("aaa bbb ccc ddd", 8), ["aaa bbb", "ccc ddd"]);
        assert_eq!(parts("aaaaaaaaaa b", 4), ["aaaa", "aaaa", "aa b"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_part_is_too_long(text in "[a-z .!?。 ]{0,300}", limit in 5usize..60) {
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let made = parts(&text, limit);
            prop_assert_eq!(letters(&made.concat()), letters(&text));
            prop_assert!(made.iter().all(|part| part.chars().count() <= limit + 1), "{:?}", made);
        }
    }
}
