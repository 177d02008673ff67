//! Against coqui-tts, num2words and tokenizers: `tests/reference/xtts_text.py`.

use super::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The committed case, and those in the directory that `REELSMITH_PARITY` names.
fn cases() -> Vec<Value> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden");
    #[expect(clippy::disallowed_methods, reason = "set by `make parity`, read by tests only")]
    let fresh = std::env::var("REELSMITH_PARITY").ok().map(PathBuf::from);
    let folders = [Some(committed), fresh].into_iter().flatten();
    let entries = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let ours = paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("xttstext-"));
    let read = |path: PathBuf| {
        let json = std::fs::read_to_string(path.join("case.json")).unwrap();
        serde_json::from_str(&json).unwrap()
    };
    let cases: Vec<Value> = ours.map(read).collect();
    assert!(!cases.is_empty(), "there are cases");
    cases
}

/// Language, number and words of a table.
fn table(case: &Value, name: &str) -> Vec<(Language, String, String)> {
    let table: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_value(case[name].clone()).unwrap();
    let rows = table.into_iter().flat_map(|(code, words)| {
        words.into_iter().map(move |(number, words)| (Language::parse(&code).unwrap(), number, words))
    });
    rows.collect()
}

/// All that differs at once, which tells more than the first of it.
fn compare(made: impl Iterator<Item = (String, Option<String>, String)>) {
    let wrong: Vec<String> = made
        .filter(|(_, made, expected)| made.as_ref() != Some(expected))
        .map(|(what, made, expected)| format!("{what}: {made:?} for {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn numbers_are_counted_as_the_model_heard_them() {
    for case in cases() {
        compare(table(&case, "cardinals").into_iter().map(|(language, n, words)| {
            (format!("{} {n}", language.code()), numbers::cardinal(language, n.parse().unwrap()), words)
        }));
        compare(table(&case, "ordinals").into_iter().map(|(language, n, words)| {
            (format!("{} {n}.", language.code()), numbers::ordinal(language, n.parse().unwrap()), words)
        }));
    }
}

#[test]
fn broken_numbers_are_said_as_the_model_heard_them() {
    for case in cases() {
        compare(table(&case, "decimals").into_iter().map(|(language, n, words)| {
            let (whole, figures) = n.split_once('.').unwrap();
            let made = numbers::decimal(language, whole.parse().unwrap(), figures.trim_end_matches('0'));
            (format!("{} {n}", language.code()), made, words)
        }));
    }
}

#[test]
fn sentences_are_cleaned_and_cut_into_tokens_as_coqui_does_it() {
    for case in cases() {
        let vocabulary = Vocabulary::parse(case["vocabulary"].as_str().unwrap(), "the case").unwrap();
        let tokenizer = Tokenizer::new(vocabulary);
        let mut made = Vec::new();
        for line in case["lines"].as_array().unwrap() {
            let text = |key: &str| line[key].as_str().unwrap();
            let language = Language::parse(text("language")).unwrap();
            let written = text("text").to_lowercase();
            let read = tokenizer.read(&written.replace(['[', ']'], " "), language);
            made.push((
                text("text").to_owned(),
                read.map_err(|e| e.to_string()).ok(),
                text("cleaned").to_owned(),
            ));
            let tokens = tokenizer.encode(&written, language).map(|tokens| format!("{tokens:?}")).ok();
            let expected: Vec<u32> = serde_json::from_value(line["tokens"].clone()).unwrap();
            made.push((format!("tokens of {}", text("text")), tokens, format!("{expected:?}")));
        }
        compare(made.into_iter());
    }
}

#[test]
fn a_long_text_is_cut_where_coqui_cuts_it() {
    for case in cases() {
        let expected: Vec<String> = serde_json::from_value(case["split"].clone()).unwrap();
        let made = split::parts(case["long"].as_str().unwrap(), Language::English.limit());
        assert_eq!(made, expected);
    }
}

fn tokenizer() -> Tokenizer {
    Tokenizer::new(Vocabulary::parse(cases()[0]["vocabulary"].as_str().unwrap(), "the case").unwrap())
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let tokenizer = tokenizer();
    let refused = |text: &str, language: Language, named: &str| {
        let error = tokenizer.parts(text, language, 402).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{text}");
        assert!(error.to_string().contains(named), "{error}");
    };
    refused("他们来了", Language::Chinese, "pinyin");
    refused("こんにちは", Language::Japanese, "Latin letters");
    refused("لدي 14 كتابا", Language::Arabic, "`14` cannot be read");
    refused("यह 12 है", Language::Hindi, "`12` cannot be read");
    refused("číslo 1234567890123", Language::Czech, "1234567890123");
    refused("es la 3ª vez", Language::Spanish, "3ª");
    refused(" ?! … 🎉 ", Language::English, "nothing to say");
    refused(&"word ".repeat(300_000), Language::English, "split it");
    assert!(tokenizer.parts("ni3hao3", Language::Chinese, 402).is_ok());
    let unknown = Language::parse("sv").unwrap_err();
    assert!(
        unknown.kind() == ErrorKind::InvalidRequest && unknown.to_string().contains("en, es"),
        "{unknown}"
    );
}

#[test]
fn a_text_cannot_bring_marks_of_the_vocabulary() {
    let tokenizer = tokenizer();
    let stop = tokenizer.vocabulary.find("[STOP]").unwrap();
    let tokens = tokenizer.encode("go [STOP] on [es]", Language::English).unwrap();
    assert!(!tokens.contains(&stop));
    assert_eq!(tokens[0], tokenizer.vocabulary.find("[en]").unwrap());
    assert!(!tokens.contains(&tokenizer.vocabulary.find("[es]").unwrap()));
}

#[test]
fn a_damaged_vocabulary_is_told_as_such() {
    let whole = cases()[0]["vocabulary"].as_str().unwrap().to_owned();
    let wrongs = ["{}", "", &whole[..whole.len() / 2], &whole.replace("Whitespace", "ByteLevel")];
    for wrong in wrongs.iter().chain([&&*whole.replace("[UNK]", "[unk]")]) {
        let error = Vocabulary::parse(wrong, "vocab.json").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        assert!(error.to_string().starts_with("vocab.json"), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}", language in 0usize..17) {
        let language = Language::all().nth(language).unwrap();
        match tokenizer().parts(&text, language, 402) {
            Ok(parts) => assert!(parts.iter().all(|part| part.tokens.len() > 1)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidRequest),
        }
    }
}
