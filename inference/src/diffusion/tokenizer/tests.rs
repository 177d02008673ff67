//! The tokeniser against transformers' ids, on any text, and on files that are none.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

const FILE: &str = "clip-vocabulary/bpe_simple_vocab_16e6.txt.gz";

static CLIP: LazyLock<Tokenizer> =
    LazyLock::new(|| Tokenizer::open(&crate::fetched::file(FILE)).expect("the published vocabulary"));

/// What `tests/reference/tokens.py` writes.
#[derive(Deserialize)]
struct Case {
    pad: String,
    padded: (String, Vec<u32>),
    blocks: Vec<String>,
    texts: Vec<(String, Vec<u32>)>,
}

/// The committed cases, and those of the folder that `make parity` names.
#[expect(clippy::disallowed_methods, reason = "names a folder for tests only, nothing of the product")]
fn cases() -> Vec<(PathBuf, Case)> {
    let golden = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference/golden"));
    let folders = [Some(golden), std::env::var("REELSMITH_PARITY").ok().map(PathBuf::from)];
    let entries = folders.into_iter().flatten().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let ours =
        paths.filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("tokens-")));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path.join("case.json")).expect("a case");
        (path, serde_json::from_str(&text).expect("as tokens.py writes it"))
    };
    ours.map(read).collect()
}

fn tokenizer(case: &Case) -> Tokenizer {
    CLIP.clone().padded_with(&case.pad).expect("in the vocabulary")
}

#[test]
fn every_id_is_the_references() {
    let cases = cases();
    assert!(cases.len() >= 2, "one case for each encoder");
    for (path, case) in cases {
        let tokenizer = tokenizer(&case);
        assert!(case.texts.len() > 300);
        for (text, ids) in &case.texts {
            assert_eq!(tokenizer.encode(text), *ids, "{}: {text:?}", path.display());
        }
        let (text, ids) = &case.padded;
        let mut ours = vec![tokenizer.begin()];
        ours.extend(tokenizer.encode(text));
        ours.push(tokenizer.end());
        ours.resize(77, tokenizer.pad());
        assert_eq!(ours, *ids);
    }
}

#[test]
fn every_code_point_has_the_references_ids() {
    let cases = cases();
    let with_blocks: Vec<_> = cases.iter().filter(|(_, case)| !case.blocks.is_empty()).collect();
    assert!(!with_blocks.is_empty());
    for (path, case) in with_blocks {
        let tokenizer = tokenizer(case);
        let size = 0x11_0000 / case.blocks.len() as u32;
        for (first, expected) in (0..).step_by(size as usize).zip(&case.blocks) {
            let mut digest = Sha256::new();
            for c in (first..first + size).filter_map(char::from_u32) {
                for text in [format!("a{c}b {c}"), format!("x\u{301}{c}\u{334}")] {
                    let ids = tokenizer.encode(&text).into_iter().chain([u32::MAX]);
                    ids.for_each(|id| digest.update(id.to_le_bytes()));
                }
            }
            let ours: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(ours, *expected, "{}: from U+{first:04X}", path.display());
        }
    }
}

#[test]
fn the_marks_and_the_size_are_clips() {
    assert_eq!((CLIP.begin(), CLIP.end(), CLIP.pad(), CLIP.size()), (49_406, 49_407, 49_407, 49_408));
    let second = CLIP.clone().padded_with("!").expect("in the vocabulary");
    assert_eq!(second.pad(), 0);
    assert_eq!((CLIP.encode("hi!!"), second.encode("hi!!")), (vec![1883, 748], vec![1883, 0, 0]));
    let again = second.padded_with(END).expect("in the vocabulary");
    assert_eq!(again.pad(), 49_407);
    let refused = CLIP.clone().padded_with("no such token").expect_err("unknown");
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn a_word_as_long_as_a_prompt_takes_no_longer_than_its_length() {
    for word in ["a", "ha", "!", "ab", "\u{301}", "😀", "<|", "日"] {
        let text = word.repeat(100_000 / word.len());
        let since = std::time::Instant::now();
        assert!(!CLIP.clone().padded_with("!").expect("known").encode(&text).is_empty());
        // A tenth of a second each where nothing else runs; quadratic time would be minutes.
        assert!(since.elapsed().as_secs() < 20, "{word} took {:?}", since.elapsed());
    }
}

/// The published vocabulary as a diffusers folder has it.
fn two_files() -> TempDir {
    let (tokens, merges) = written();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("vocab.json"), serde_json::to_string(&tokens).expect("json"))
        .expect("written");
    let lines: Vec<String> = merges.iter().map(|(left, right)| format!("{left} {right}\n")).collect();
    fs::write(folder.path().join("merges.txt"), format!("#version: 0.2\n{}", lines.concat()))
        .expect("written");
    folder
}

/// Tokens and merges as text.
fn written() -> (std::collections::BTreeMap<String, u32>, Vec<(String, String)>) {
    let text = bounded::read_gzip(&crate::fetched::file(FILE), 16 << 20).expect("readable");
    let pairs = text.lines().skip(1).take(48_894).map(|line| line.split_once(' ').expect("two"));
    let merges: Vec<(String, String)> = pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    let letters = || alphabet::bytes().map(|byte| alphabet::letter(byte).to_string());
    let tokens = letters()
        .chain(letters().map(|letter| letter + "</w>"))
        .chain(merges.iter().map(|(left, right)| format!("{left}{right}")))
        .chain([BEGIN.to_owned(), END.to_owned()]);
    (tokens.zip(0..).collect(), merges)
}

#[test]
fn every_published_form_gives_the_same_ids() {
    let folder = two_files();
    let one = Tokenizer::open(folder.path()).expect("two files");
    let (tokens, merges) = written();
    let lines: Vec<String> = merges.iter().map(|(left, right)| format!("{left} {right}")).collect();
    let mut forms = vec![one];
    for merges in [serde_json::json!(merges), serde_json::json!(lines)] {
        let model = serde_json::json!({"type": "BPE", "end_of_word_suffix": "</w>", "vocab": tokens, "merges": merges});
        let folder = tempfile::tempdir().expect("a folder");
        let json = serde_json::json!({"version": "1.0", "added_tokens": [], "model": model});
        fs::write(folder.path().join("tokenizer.json"), json.to_string()).expect("written");
        forms.push(Tokenizer::open(folder.path()).expect("one file"));
    }
    for (_, case) in cases() {
        for form in &forms {
            let form = form.clone().padded_with(&case.pad).expect("in the vocabulary");
            assert_eq!((form.begin(), form.end(), form.size()), (49_406, 49_407, 49_408));
            case.texts.iter().for_each(|(text, ids)| assert_eq!(form.encode(text), *ids, "{text:?}"));
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    file.write_all(bytes).expect("in memory");
    file.finish().expect("in memory")
}

#[test]
fn a_damaged_file_is_refused_by_name() {
    let whole = fs::read(crate::fetched::file(FILE)).expect("readable");
    let text = bounded::read_gzip(&crate::fetched::file(FILE), 16 << 20).expect("readable");
    let mut tampered = whole.clone();
    tampered[700_000] ^= 0x55;
    let cases = [
        ("truncated", whole[..whole.len() / 2].to_vec(), "no CLIP vocabulary"),
        ("tampered", tampered, "no CLIP vocabulary"),
        ("no gzip", b"#version: 0.2\ni n\n".to_vec(), "invalid gzip"),
        ("empty", Vec::new(), "no CLIP vocabulary"),
        ("short", gzip(text[..200_000].rsplit_once('\n').expect("lines").0.as_bytes()), "merges of 48894"),
        ("no pairs", gzip("one two three\n".repeat(50_000).as_bytes()), "no pair of tokens"),
        ("unknown parts", gzip(text.replacen("\nt h\n", "\nt xyzzy\n", 1).as_bytes()), "xyzzy` is missing"),
        ("one twice", gzip(text.replacen("\nt h\n", "\ni n\n", 1).as_bytes()), "is missing"),
        ("no text", gzip(&[0xFF; 1000]), "UTF-8"),
        ("a bomb", gzip(&vec![b' '; 100 << 20]), "more than 16777216 bytes"),
    ];
    for (what, bytes, expected) in cases {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), bytes).expect("written");
        let error = Tokenizer::open(file.path()).expect_err(what);
        let said = error.to_string();
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{what}: {said}");
        let name = file.path().file_name().expect("a name").to_string_lossy();
        assert!(said.contains(expected) && said.contains(&*name) && said.len() < 400, "{what}: {said}");
    }
}

/// What is done to a file's text.
type Edit = fn(String) -> String;

#[test]
fn a_damaged_folder_is_refused_by_name() {
    let edits: [(&str, &str, Edit, &str); 8] = [
        ("no json", "vocab.json", |text| text[..text.len() / 2].to_owned(), "vocab.json"),
        ("a list", "vocab.json", |_| "[]".to_owned(), "vocab.json"),
        ("no byte", "vocab.json", |text| text.replacen("\"Ġ\":", "\"ĠĠ\":", 1), "`Ġ` is missing"),
        ("no mark", "vocab.json", |text| text.replacen("<|endoftext|>", "<|end|>", 1), "<|endoftext|>"),
        ("a number twice", "vocab.json", |text| text.replacen(":49407", ":5", 1), "one number"),
        ("a huge number", "vocab.json", |text| text.replacen(":49407", ":4294967295", 1), "1048576"),
        ("a merge too many", "merges.txt", |text| text + "the qqqq\n", "is missing"),
        ("three in a line", "merges.txt", |text| text + "a b c\n", "`a b c` is no pair"),
    ];
    let good = two_files();
    for (what, file, edit, expected) in edits {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["vocab.json", "merges.txt"] {
            fs::copy(good.path().join(name), folder.path().join(name)).expect("copied");
        }
        let text = fs::read_to_string(folder.path().join(file)).expect("readable");
        fs::write(folder.path().join(file), edit(text)).expect("written");
        let error = Tokenizer::open(folder.path()).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{what}");
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().to_owned(), folder.path().join("absent.txt.gz")] {
        let error = Tokenizer::open(&path).expect_err("nothing there");
        assert_eq!(error.kind(), ErrorKind::ModelMissing);
        assert!(error.to_string().contains("is not there"), "{error}");
    }
}

#[test]
fn a_tokenizer_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (json, expected) in [
        (r#"{"model": {"type": "BPE", "end_of_word_suffix": "", "vocab": {}, "merges": []}}"#, "</w>"),
        (r#"{"model": {"type": "WordPiece", "vocab": {"a": 0}}}"#, "merges"),
        (r#"{"version": "1.0"}"#, "model"),
    ] {
        fs::write(folder.path().join("tokenizer.json"), json).expect("written");
        let error = Tokenizer::open(folder.path()).expect_err("another kind");
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// Texts that are hard in more ways than any characters: white space, commas, marks and signs among letters.
pub(in crate::diffusion) fn hard_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z]{1,9}",
        2 => "[ ,!'()\\[\\]:\\\\.0-9]{1,4}",
        1 => "\\s{1,3}",
        1 => "\\PC{1,6}",
        1 => "[\u{300}-\u{36f}\u{1100}-\u{11ff}\u{1ab0}-\u{1ace}]{1,4}",
        1 => prop::sample::select(vec![BEGIN, END, "<|EndOfText|>", "'s", ",cat", ",,", ",1", ",\u{1e6e3}"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

proptest! {
    #[test]
    fn decoding_gives_the_normalised_text_back(text in hard_text()) {
        let ids = CLIP.encode(&text);
        prop_assert!(ids.iter().all(|id| *id < CLIP.size()));
        // Marks part a text before it is normalised, so that what is around them cannot compose.
        let parts = text.split(BEGIN).flat_map(|part| part.split(END));
        let plain = ids.iter().copied().filter(|id| ![CLIP.begin(), CLIP.end()].contains(id));
        let decoded = CLIP.decode(&plain.collect::<Vec<u32>>());
        let normal: String = parts.map(split::normalise).collect();
        prop_assert_eq!(without_space(&decoded), without_space(&normal));
    }

    #[test]
    fn the_units_are_the_text_and_their_tokens_its_tokens(text in hard_text()) {
        let second = CLIP.clone().padded_with("!").expect("in the vocabulary");
        prop_assert_eq!(units(&text).collect::<String>(), text.clone());
        for tokenizer in [&*CLIP, &second] {
            let joined: Vec<u32> = units(&text).flat_map(|unit| tokenizer.encode(unit)).collect();
            prop_assert_eq!(joined, tokenizer.encode(&text));
        }
    }

    #[test]
    fn case_and_white_space_make_no_difference(words in prop::collection::vec("[a-z0-9,.!]{1,9}", 1..9)) {
        let plain = CLIP.encode(&words.join(" "));
        prop_assert_eq!(CLIP.encode(&words.join("\t \u{a0}\n").to_uppercase()), plain);
    }
}
