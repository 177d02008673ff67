//! The project's own catalogue is valid, and the parser refuses what is not.

use proptest::prelude::*;
use reelsmith_inference_core::catalogue::{Capability, Kind, Member, RelativePath, Sha256, Source};
use reelsmith_inference_core::{Catalogue, ErrorKind, ModelId};
use std::path::{Component, Path};

/// A valid entry with places for what a test wants to break.
fn entry(id: &str, top: &str, file: &str) -> (String, String) {
    let text = format!(
        r#"
id = "{id}"
kind = "lexicon"
title = "A title"
family = "a-family"
{top}
[licence]
spdx = "MIT"
commercial = true
note = ""
{file}
"#
    );
    (format!("{id}.toml"), text)
}

fn file(path: &str, extra: &str) -> String {
    let sha256 = "ab".repeat(32);
    format!(
        r#"
[[files]]
path = "{path}"
bytes = 1
sha256 = "{sha256}"
{extra}
sources = [{{ hub = {{ repo = "o/r", revision = "main", path = "f" }} }}, {{ npm = ["p@1.0.0#f"] }}]
"#
    )
}

fn parse(top: &str, file: &str) -> Result<Catalogue, String> {
    Catalogue::parse([entry("a", top, file)]).map_err(|error| error.to_string())
}

#[test]
fn a_checkpoint_with_another_vae_is_a_model_of_its_own() {
    let (base, vae) = (ModelId::from("/models/base.safetensors"), ModelId::from("sdxl-vae-fp16-fix"));
    let both = base.with_vae(&vae);
    assert_ne!(both, base);
    assert_eq!(both.parts(), (base.clone(), Some(vae)));
    assert_eq!(base.parts(), (base, None));
}

#[test]
fn a_model_in_eight_bits_is_a_model_of_its_own() {
    let base = ModelId::from("whisper-base-ct2");
    let eight = base.in_8_bits();
    assert_ne!(eight, base);
    assert_eq!(eight.precision(), (base.clone(), true));
    assert_eq!(base.precision(), (base, false));
}

#[test]
fn a_capability_is_written_by_its_name() {
    use Capability::{Embed, Rerank, Speak, TextToImage, Transcribe, Upscale};
    for (capability, name) in [
        (Speak, "speak"),
        (Transcribe, "transcribe"),
        (TextToImage, "text-to-image"),
        (Upscale, "upscale"),
        (Embed, "embed"),
        (Rerank, "rerank"),
    ] {
        assert_eq!(capability.to_string(), name);
        let memory = "[memory]\nweights_bytes = 1\npeak_bytes = 1";
        let (file_name, text) = entry("a", &format!("capability = \"{name}\"\n{memory}"), &file("f", ""));
        let text = text.replace("kind = \"lexicon\"", "kind = \"model\"");
        let catalogue = Catalogue::parse([(file_name, text)]).expect("valid");
        assert_eq!(catalogue.able(capability).count(), 1, "{name}");
    }
}

#[test]
fn the_projects_own_catalogue_is_valid_and_complete() {
    let catalogue = Catalogue::builtin().expect("models/ parses");
    for id in ["kokoro-82m-fp32", "kokoro-82m-fp16", "kokoro-82m-q8"] {
        let closure = catalogue.closure(&[id.into()]).expect("known");
        let ids: Vec<&str> = closure.iter().map(|model| model.id.0.as_str()).collect();
        assert_eq!(ids, ["kokoro-voices", "onnxruntime", "g2p-en", id], "required before what requires it");
        assert_eq!(closure[3].capability, Some(Capability::Speak));
        let memory = closure[3].memory.expect("a model states its memory");
        assert!(memory.weights_bytes >= closure[3].bytes_here() && memory.peak_bytes > 0, "{id}");
    }
    let voices = catalogue.get(&"kokoro-voices".into()).expect("known");
    assert_eq!(voices.files.len(), 54);
    // [510, 1, 256] little-endian f32.
    assert!(voices.files.iter().all(|file| file.bytes == 510 * 256 * 4));
    for model in catalogue.iter() {
        assert!(!model.licence.note.is_empty(), "{}: a licence says where it comes from", model.id);
        // No registry is known to hold these.
        let hub_only = [
            "xtts-v2",
            "gte-small",
            "ms-marco-minilm-l6-v2",
            "deepseek-coder-v2-lite-instruct",
            "llama-3.1-8b-instruct",
            "mistral-7b-instruct-v0.3",
            "qwen2.5-7b-instruct",
        ];
        if model.family.starts_with("sdxl") || hub_only.contains(&model.id.0.as_str()) {
            continue;
        }
        for file in &model.files {
            assert!(
                file.sources.iter().any(|source| !source.is_hub()),
                "{}: {} has no registry",
                model.id,
                file.path
            );
        }
    }
}

#[test]
fn the_engine_library_is_there_for_both_linux_processors_at_one_path() {
    let catalogue = Catalogue::builtin().expect("models/ parses");
    let runtime = catalogue.get(&"onnxruntime".into()).expect("known");
    assert_eq!(runtime.kind, Kind::Runtime);
    let platforms: Vec<&str> =
        runtime.files.iter().filter_map(|file| file.platform.as_ref()).map(|p| p.as_str()).collect();
    assert_eq!(platforms, ["linux-x86_64", "linux-aarch64"]);
    assert!(runtime.files_here().count() <= 1);
}

#[test]
fn a_valid_entry_round_trips() {
    let catalogue = parse("", &file("dir/f.bin", "")).expect("valid");
    let model = catalogue.get(&"a".into()).expect("there");
    let again = toml::to_string(model).expect("serialises");
    let again = Catalogue::parse([("again".into(), again)]).expect("parses");
    assert_eq!(again.get(&"a".into()).expect("there"), model);
}

#[test]
fn faults_are_named() {
    let good = file("f", "");
    let cases = [
        ("surprise = 1", good.clone(), "unknown field"),
        ("", file("f", "surprise = 1"), "unknown field"),
        ("", String::new(), "files"),
        ("", good.replace("bytes = 1", "bytes = 0"), "`bytes` of `f` is 0"),
        ("", good.replace(&"ab".repeat(32), &"ab".repeat(31)), "64 lower-case hex"),
        ("", good.replace(&"ab".repeat(32), &"AB".repeat(32)), "64 lower-case hex"),
        ("", file("../f", ""), "plain relative path"),
        ("", file("/etc/passwd", ""), "plain relative path"),
        ("", file("f", "platform = \"plan9-mips\""), "no platform"),
        ("", format!("{good}{good}"), "two files"),
        ("", format!("{good}{}", file("f/g", "")), "two files"),
        ("", good.replace("p@1.0.0#f", "p@latest#f"), "exact-version"),
        ("", good.replace("p@1.0.0#f", "--flag@1.0.0#f"), "exact-version"),
        ("", good.replace("[\"p@1.0.0#f\"]", "[]"), "no member"),
        ("", good.replace("o/r", "../r"), "owner/name"),
        ("requires = [\"b\"]", good.clone(), "`requires` names `b`"),
        ("requires = [\"a\"]", good.clone(), "requires itself"),
        ("capability = \"speak\"", good.clone(), "`capability`"),
    ];
    for (top, file, expected) in cases {
        let said = parse(top, &file).expect_err(expected);
        assert!(said.contains(expected) && said.contains("a.toml"), "expected `{expected}` in: {said}");
    }
    let (name, text) = entry("a", "", &good);
    for (from, to) in
        [("spdx = \"MIT\"", "spdx = \"\""), ("[licence]", "[license]"), ("id = \"a\"", "id = \"../a\"")]
    {
        Catalogue::parse([(name.clone(), text.replace(from, to))]).expect_err(to);
    }
}

#[test]
fn sources_are_tried_in_the_written_order_and_the_hub_comes_first() {
    let hub_last = r#"
[[files]]
path = "f"
bytes = 1
sha256 = "abababababababababababababababababababababababababababababababab"
sources = [{ npm = ["@s/p@1.0.0#f"] }, { hub = { repo = "o/r", revision = "main", path = "f" } }]
"#;
    let said = parse("", hub_last).expect_err("the hub is last");
    assert!(said.contains("hub comes first"), "{said}");
    let catalogue = parse("", &file("f", "")).expect("valid");
    let sources = &catalogue.get(&"a".into()).expect("there").files[0].sources;
    assert!(matches!(sources.as_slice(), [Source::Hub(_), Source::Npm(_)]));
}

#[test]
fn circles_are_refused_wherever_they_close() {
    let file = file("f", "");
    let said = Catalogue::parse([
        entry("a", "requires = [\"b\"]", &file),
        entry("b", "requires = [\"c\"]", &file),
        entry("c", "requires = [\"b\"]", &file),
    ])
    .expect_err("b and c require each other");
    assert!(said.to_string().contains("requires itself"), "{said}");
}

#[test]
fn a_users_directory_adds_entries_but_cannot_replace_any() {
    let dir = tempfile::tempdir().expect("a directory");
    let base = Catalogue::parse([entry("a", "", &file("f", ""))]).expect("valid");
    let with = |dir: &Path| base.clone().with_dir(dir);
    assert_eq!(with(&dir.path().join("absent")).expect("nothing to add").iter().count(), 1);

    let (name, text) = entry("b", "requires = [\"a\"]", &file("f", ""));
    std::fs::write(dir.path().join(name), text).expect("written");
    std::fs::write(dir.path().join("notes.txt"), "not an entry").expect("written");
    assert_eq!(with(dir.path()).expect("valid").iter().count(), 2);

    let (_, text) = entry("a", "", &file("f", ""));
    std::fs::write(dir.path().join("z.toml"), text).expect("written");
    let said = with(dir.path()).expect_err("`a` is taken").to_string();
    assert!(said.contains("z.toml") && said.contains("taken"), "{said}");
}

#[test]
fn an_unknown_model_is_answered_with_near_matches() {
    let catalogue = Catalogue::builtin().expect("valid");
    let error = catalogue.get(&"kokoro-82m-fp64".into()).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::UnknownModel);
    assert!(error.to_string().contains("kokoro-82m-fp"), "{error}");
    let error = catalogue.closure(&["zzz".into()]).expect_err("there is none");
    assert!(error.to_string().contains("reelsmith models list"), "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = Catalogue::parse([("x".to_owned(), text)]);
    }

    #[test]
    fn no_mutation_of_a_valid_entry_makes_the_parser_panic(at in 0usize..400, with in "\\PC{0,3}") {
        let (name, mut text) = entry("a", "", &file("f", ""));
        let at = at.min(text.len());
        text.replace_range(at..(at + 1).min(text.len()), &with);
        let _ = Catalogue::parse([(name, text)]);
    }

    #[test]
    fn an_accepted_path_stays_below_its_directory(path in "[a-zA-Z./\\\\ ~:\\x00-\\x1f-]{0,40}") {
        if let Ok(path) = RelativePath::try_from(path) {
            let place = path.under(Path::new("/base"));
            let below = place.strip_prefix("/base").expect("below the directory");
            prop_assert!(below.components().count() > 0);
            prop_assert!(below.components().all(|c| matches!(c, Component::Normal(_))));
        }
    }

    #[test]
    fn a_plain_path_is_accepted(path in "[a-z0-9_][a-z0-9._]{0,10}(/[a-z0-9_][a-z0-9._-]{0,10}){0,4}") {
        prop_assert_eq!(RelativePath::try_from(path.clone()).map(String::from), Ok(path));
    }

    #[test]
    fn a_members_package_can_be_no_option_and_no_path(text in "[a-z@/.#0-9: -]{0,30}") {
        if let Ok(member) = Member::try_from(text.clone()) {
            prop_assert!(!member.package.name.starts_with('-'));
            prop_assert!(!member.package.to_string().contains(':'));
            prop_assert!(!member.package.name.contains(".."));
            prop_assert!(member.package.version.starts_with(|c: char| c.is_ascii_digit()));
            prop_assert_eq!(String::from(member), text);
        }
    }

    #[test]
    fn a_digest_round_trips(digest: [u8; 32]) {
        prop_assert_eq!(Sha256::try_from(Sha256(digest).to_string()), Ok(Sha256(digest)));
    }

    #[test]
    fn a_closure_holds_each_once_and_requirements_first(links in proptest::collection::vec(any::<u8>(), 8)) {
        // Entry n requires entries before n, chosen by the bits of links[n].
        let entries = links.iter().enumerate().map(|(n, bits)| {
            let named: Vec<String> = (0..n).filter(|m| bits >> m & 1 == 1).map(|m| format!("\"e{m}\"")).collect();
            entry(&format!("e{n}"), &format!("requires = [{}]", named.join(",")), &file("f", ""))
        });
        let catalogue = Catalogue::parse(entries).expect("no circle");
        let closure = catalogue.closure(&[ModelId("e7".into()), ModelId("e3".into())]).expect("known");
        for (n, model) in closure.iter().enumerate() {
            prop_assert!(!closure[..n].iter().any(|before| before.id == model.id));
            prop_assert!(model.requires.iter().all(|id| closure[..n].iter().any(|before| before.id == *id)));
        }
    }
}
