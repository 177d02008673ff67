//! The tokeniser against the reference's ids, on any text, and on files that are none.

use super::*;
use crate::fetched;
use proptest::prelude::*;
use reelsmith_inference_core::ErrorKind;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

static MINILM: LazyLock<WordPiece> = LazyLock::new(|| {
    let file = fetched::file("all-minilm-l6-v2/tokenizer.json");
    WordPiece::open(file.parent().expect("it is in a folder")).expect("the published tokeniser")
});

/// What `tests/reference/embed.py` writes: a text, its ids, and its ids between marks, 32 at most; two texts, the ids
/// of both between marks, 24 at most, and how many belong to the second.
#[derive(Deserialize)]
struct Case {
    blocks: Vec<String>,
    texts: Vec<(String, Vec<u32>, Vec<u32>)>,
    pairs: Vec<(String, String, Vec<u32>, usize)>,
}

/// The committed cases, and those of the folder that `make parity` names.
#[expect(clippy::disallowed_methods, reason = "names a folder for tests only, nothing of the product")]
fn cases() -> Vec<(PathBuf, Case)> {
    let golden = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference/golden"));
    let folders = [Some(golden), std::env::var("REELSMITH_PARITY").ok().map(PathBuf::from)];
    let entries = folders.into_iter().flatten().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let ours =
        paths.filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("wordpiece-")));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path.join("case.json")).expect("a case");
        (path, serde_json::from_str(&text).expect("as embed.py writes it"))
    };
    let cases: Vec<(PathBuf, Case)> = ours.map(read).collect();
    assert!(!cases.is_empty());
    cases
}

#[test]
fn every_id_is_the_references() {
    for (path, case) in cases() {
        assert!(case.texts.len() > 100);
        for (text, ids, between) in &case.texts {
            let words = MINILM.words(text, usize::MAX - 1);
            assert_eq!((&words.ids, words.is_cut), (ids, false), "{}: {text:?}", path.display());
            let words = MINILM.words(text, 30);
            assert_eq!(words.ids, between[1..between.len() - 1], "{}: {text:?}", path.display());
            assert_eq!(words.is_cut, ids.len() > 30);
        }
    }
}

#[test]
fn pairs_are_cut_as_the_reference_cuts_them() {
    for (path, case) in cases() {
        for (first, second, ids, seconds) in &case.pairs {
            let first = MINILM.words(first, usize::MAX - 1);
            let made = crate::embed::reader::pair(&MINILM, 24, &first, second);
            assert_eq!((&made.ids, made.ids.len() - made.second), (ids, *seconds), "{}", path.display());
        }
    }
}

#[test]
fn every_code_point_has_the_references_ids() {
    for (path, case) in cases() {
        let size = 0x11_0000 / case.blocks.len() as u32;
        for (first, expected) in (0..).step_by(size as usize).zip(&case.blocks) {
            let mut digest = Sha256::new();
            for c in (first..first + size).filter_map(char::from_u32) {
                for text in [format!("a{c}b {c}"), format!("E\u{301}{c}\u{334}E")] {
                    let ids = MINILM.words(&text, 1000).ids.into_iter().chain([u32::MAX]);
                    ids.for_each(|id| digest.update(id.to_le_bytes()));
                }
            }
            let ours: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(ours, *expected, "{}: from U+{first:04X}", path.display());
        }
    }
}

#[test]
fn a_megabyte_costs_no_more_than_is_read_of_it() {
    for word in ["word ", "a", "é", "日", "!", "[SEP]", "\u{301}", "\u{0}", "[SE", "😀"] {
        let text = word.repeat(1_000_000 / word.len());
        let since = std::time::Instant::now();
        let words = MINILM.words(&text, 256);
        assert!(words.ids.len() <= 256);
        // Milliseconds where nothing else runs; quadratic time would be minutes.
        assert!(since.elapsed().as_secs() < 5, "{word:?} took {:?}", since.elapsed());
    }
}

proptest! {
    #[test]
    fn a_limit_only_cuts(text in "(\\PC|[a-z ]|\\[SEP\\]){0,60}", most in 0usize..40) {
        let (all, some) = (MINILM.words(&text, usize::MAX - 1), MINILM.words(&text, most));
        prop_assert_eq!(&some.ids, &all.ids[..most.min(all.ids.len())]);
        prop_assert_eq!(some.is_cut, all.ids.len() > most);
        prop_assert!(all.ids.iter().all(|id| (*id as usize) < MINILM.size()));
    }

    #[test]
    fn the_tables_of_kinds_are_in_order(c in any::<char>()) {
        // A binary search in a table that is not in order would miss some.
        let kinds = [categories::is_control(c), categories::is_mark(c), categories::is_punctuation(c)];
        prop_assert!(kinds.iter().filter(|is| **is).count() <= 1);
    }
}

#[test]
fn files_that_are_no_such_tokeniser_are_refused_by_name() {
    let published = fs::read_to_string(fetched::file("all-minilm-l6-v2/tokenizer.json")).expect("readable");
    let refused = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE), text).expect("written");
        let error = WordPiece::open(folder.path()).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        error.to_string()
    };
    for (part, other, says) in [
        ("\"BertNormalizer\"", "\"NFC\"", "its normalizer is NFC"),
        ("\"BertPreTokenizer\"", "\"Metaspace\"", "its pre_tokenizer is Metaspace"),
        ("\"type\":\"WordPiece\",\"unk", "\"type\":\"Unigram\",\"unk", "its model is Unigram"),
        ("\"[CLS]\":101", "\"[CLX]\":101", "its vocabulary has no [CLS]"),
        ("\"lstrip\":false", "\"lstrip\":true", "the added token \"[PAD]\""),
        ("\"vocab\"", "\"words\"", "missing field `vocab`"),
        ("{", "", "tokenizer.json"),
    ] {
        assert!(published.contains(part), "{part}");
        let said = refused(&published.replacen(part, other, 1));
        assert!(said.contains(says), "{said}");
    }
    refused(&published[..published.len() / 2]);
    refused("");
    let missing = WordPiece::open(tempfile::tempdir().expect("a folder").path()).expect_err("there is none");
    assert_eq!(missing.kind(), ErrorKind::ModelMissing);
}
