//! Properties of the way from text to lines, on any text.

use super::line::{Line, lines};
use super::written::{is_spoken, sentences, words, words_between};
use super::*;
use proptest::prelude::*;

const AMERICAN: Language = Language::English(Accent::Us);

fn all_lines(text: &str, accent: Accent) -> Vec<Line> {
    let words = words(text);
    sentences(&words, Language::English(accent))
        .into_iter()
        .flat_map(|s| lines(&words[s], accent, &|w| w.len() % 2 == 0))
        .collect()
}

/// Text that provokes the rules: figures, marks, signs and words in any order.
fn provoking() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,6}",
        "[A-Za-z]{1,8}",
        "[A-Z]{1,5}",
        "[$£€%°#@&+/:.,;!?'\"()–—-]{1,3}",
        Just(" ".to_owned()),
        Just(" ".to_owned()),
        Just("Dr.".to_owned()),
        Just("½".to_owned()),
        Just("🎉".to_owned()),
        Just("é".to_owned()),
        Just("日本".to_owned()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn words_lie_in_order_and_hold_all_that_is_spoken(text in prop_oneof![any::<String>(), provoking()]) {
        let words = words(&text);
        let mut end = 0;
        for word in &words {
            prop_assert!(word.range.start >= end);
            prop_assert_eq!(&text[word.range.clone()], format!("{}{}{}", word.lead, word.body, word.tail));
            prop_assert!(word.body.chars().any(is_spoken));
            prop_assert!(!text[end..word.range.start].chars().any(is_spoken), "between words of {:?}", text);
            end = word.range.end;
        }
        prop_assert!(!text[end..].chars().any(is_spoken));
    }

    #[test]
    fn sentences_divide_the_words(text in prop_oneof![any::<String>(), provoking()]) {
        let words = words(&text);
        let mut next = 0;
        for sentence in sentences(&words, AMERICAN) {
            prop_assert_eq!(sentence.start, next);
            prop_assert!(sentence.end > sentence.start);
            next = sentence.end;
        }
        prop_assert_eq!(next, words.len());
    }

    #[test]
    fn lines_are_plain_and_their_spans_in_order(text in prop_oneof![any::<String>(), provoking()]) {
        for accent in [Accent::Us, Accent::Gb] {
            for line in all_lines(&text, accent) {
                let plain = |c: char| c.is_ascii_alphabetic() || " '-,.;:!?()—…".contains(c);
                prop_assert!(line.text.chars().all(plain), "{:?} from {:?}", line.text, text);
                prop_assert!(!line.text.contains("  "));
                let (mut end, mut word) = (0, 0);
                for span in &line.spans {
                    prop_assert!(span.range.start >= end && span.range.end <= line.text.len());
                    prop_assert!(span.word >= word);
                    (end, word) = (span.range.end, span.word);
                }
            }
        }
    }

    #[test]
    fn figures_and_latin_words_are_never_left_out(text in "[A-Za-z0-9]{1,12}( [A-Za-z0-9$%.,'-]{1,10}){0,8}") {
        let words = words(&text);
        for sentence in sentences(&words, AMERICAN) {
            let lines = lines(&words[sentence.clone()], Accent::Us, &|_| true);
            for at in 0..sentence.len() {
                let is_said = lines.iter().flat_map(|l| &l.spans).any(|span| span.word == at);
                prop_assert!(is_said, "{:?} of {:?} is not said", words[sentence.start + at].body, text);
            }
        }
    }
}

/// The lexicon's own code meets whatever the rules leave of a text.
#[test]
fn the_lexicon_takes_every_line() {
    let g2p = misaki_rs::G2P::new(misaki_rs::Language::EnglishUS);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(150));
    let texts = prop_oneof![any::<String>(), provoking()];
    runner
        .run(&texts, |text| {
            for line in all_lines(&text, Accent::Us) {
                let (_, tokens) = g2p.g2p(&line.text).expect("no fallback that could fail");
                let mut at = 0;
                for token in tokens {
                    let found = line.text[at..].find(token.text.as_str());
                    prop_assert!(found.is_some(), "{:?} in {:?}", token.text, line.text);
                    at += found.unwrap_or_default() + token.text.len();
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn sentences_end_where_a_reader_ends_them() {
    for (text, count) in [
        ("Dr. Smith came. He sat.", 2),
        ("It is 3.5 m long. Really?", 2),
        ("He said: “Stop!” Then he left.", 2),
        ("I like e.g. tea. Mr. J. K. Lee too.", 2),
        ("Wait... what? Yes!", 2),
        ("In the U.S. Army there are ranks.", 1),
        ("at 5 p.m. He left", 2),
        ("at 5 p.m. he left", 1),
        ("from Mon., Jan. 5 to Wed., Jan. 7", 1),
        ("A title\n\nA paragraph", 2),
        ("a wrapped\nline", 1),
        ("No. 5 is alive. No. It is not.", 3),
        ("It covers the Sun. Then it ends.", 2),
        ("One more rep. Then a fig. In a sec. Go.", 4),
        ("Gen. Lee saw Fig. 3 and vol. II.", 1),
        ("on Sun. March 5 it rained", 1),
    ] {
        assert_eq!(Document::new(text, AMERICAN).sentences(), count, "{text}");
    }
}

#[test]
fn standing_marks_cling_to_the_word_before() {
    let text = "lies — even (this) “one”, … 🎉 end —";
    let found: Vec<&str> = Document::new(text, AMERICAN).ranges().map(|r| &text[r]).collect();
    assert_eq!(found, ["lies —", "even", "(this)", "“one”, …", "end —"]);
}

#[test]
fn a_long_sentence_is_cut_into_lines() {
    let text = "word, ".repeat(400) + &"7".repeat(500);
    let lines = all_lines(&text, Accent::Us);
    assert!(lines.len() > 5);
    assert!(lines.iter().all(|line| line.spans.len() <= 80));
    assert_eq!(lines.iter().map(|line| line.spans.len()).sum::<usize>(), 400 + 500);
}

#[test]
fn no_gap_of_a_megabyte_of_pictographs_is_looked_at_twice() {
    let text = "one ".to_owned() + &"🎉 \n".repeat(1 << 18) + "two";
    let mut seen = 0;
    let words = words_between(&text, &mut |gap| {
        seen += gap.len();
        gap.matches('\n').count()
    });
    assert_eq!(words.len(), 2);
    assert!(words[1].opens_paragraph);
    assert_eq!(seen, 1 + 2 * (1 << 18));
}

#[test]
fn a_megabyte_is_cut_in_linear_time() {
    let text = "A sentence of five words. ".repeat(40_000);
    let document = Document::new(&text, AMERICAN);
    assert_eq!(document.sentences(), 40_000);
    let one_word = "a".repeat(1 << 20);
    assert_eq!(all_lines(&one_word, Accent::Us).len(), 1);
}
