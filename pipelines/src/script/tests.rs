//! Tests of the script's two forms.

use super::*;
use proptest::prelude::*;

fn markdown(text: &str) -> Script {
    parse_markdown(text, "test.md").unwrap_or_else(|e| panic!("{e}")).script
}

fn error(text: &str) -> ScriptError {
    parse_markdown(text, "test.md").expect_err("this script is wrong")
}

const FULL: &str = r#"---
title: "The deep: a tour"
preset: tiktok
voice: bf_emma
speed: 1.1
seed: 18446744073709551615
music: calm
style: midnight
pause: 0.4
---
<!-- source: somewhere -->
A lead that *opens* the video.

It has two paragraphs.

## First stop

![A fish](pictures/fish one.png "Fish")
- Point one.
- Point two.

## Second stop ##
picture: a lantern fish, \*close\*, oil on canvas
The end[^1] comes [here](https://example.org).
pause: 1.5

[^1]: A note that is not spoken.
"#;

#[test]
fn every_part_of_the_language_is_read() {
    let script = markdown(FULL);
    assert_eq!(script.title.as_deref(), Some("The deep: a tour"));
    assert_eq!(script.preset.as_deref(), Some("tiktok"));
    assert_eq!((script.voice.as_deref(), script.speed), (Some("bf_emma"), Some(1.1)));
    assert_eq!(script.seed, Some(u64::MAX));
    assert_eq!(script.music, Some(Music::Mood("calm".into())));
    assert_eq!((script.style.as_deref(), script.pause), (Some("midnight"), Some(0.4)));
    let [lead, first, second] = &script.scenes[..] else { panic!("{:?}", script.scenes) };
    assert_eq!(lead.heading, None);
    assert_eq!(lead.text, "A lead that opens the video.\n\nIt has two paragraphs.");
    assert_eq!(first.heading.as_deref(), Some("First stop"));
    assert_eq!(first.picture, Some(PictureWish::File("pictures/fish one.png".into())));
    assert_eq!(first.text, "Point one.\n\nPoint two.");
    assert_eq!(second.heading.as_deref(), Some("Second stop"));
    let prompt = "a lantern fish, *close*, oil on canvas";
    assert_eq!(second.picture, Some(PictureWish::Prompt(prompt.into())));
    assert_eq!((second.text.as_str(), second.pause), ("The end comes here.", Some(1.5)));
}

#[test]
fn the_same_script_as_json_is_the_same_script() {
    let script = markdown(FULL);
    let json = parse_json(&script.to_json(), "test.json").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(json.script, script);
    assert_eq!(markdown(&script.to_markdown()), script);
}

#[test]
fn mistakes_are_named_by_line_and_column() {
    let cases: &[(&str, (usize, usize), &str)] = &[
        ("", (1, 1), "says nothing"),
        ("---\ntitle: x\n---\n", (1, 1), "says nothing"),
        ("---\ntitle: x\nText", (1, 1), "does not end"),
        ("---\nvoise: af_heart\n---\nHi.", (2, 1), "unknown setting `voise`"),
        ("---\nspeed: fast\n---\nHi.", (2, 8), "found `fast`"),
        ("---\nspeed: 3\n---\nHi.", (2, 8), "the number 3"),
        ("---\nseed: -1\n---\nHi.", (2, 7), "the number -1"),
        ("---\nmusic: clam\n---\nHi.", (2, 8), "did you mean `calm`?"),
        ("---\nmusic: https://x.example/a.mp3\n---\nHi.", (2, 8), "is an address"),
        ("---\ntitle: 2001\n---\nHi.", (2, 8), "the number 2001"),
        ("---\ntitle: [a\n---\nHi.", (2, 8), ""),
        ("## A\n\n## B\nHi.", (1, 1), "this scene says nothing"),
        ("Hi.\n\n### Deep", (3, 1), "scenes have no parts"),
        ("Hi.\n\n##Tight", (3, 1), "a space is missing"),
        ("Hi.\n# Late", (2, 1), "the title comes before"),
        ("# A\n# B\nHi.", (2, 1), "has a title already"),
        ("Hi.\n\n![x](http://a.example/b.png)", (3, 1), "is an address"),
        ("Hi.\n\n  ![x](a.png", (3, 3), "cannot be read"),
        ("Hi.\n![x](a.png)\n![x](b.png)", (3, 1), "has a picture already"),
        ("Look ![x](a.png) here", (1, 1), "line of its own"),
        ("Hi.\npause: long", (2, 1), "found `long`"),
        ("Hi.\npause: 11", (2, 1), "found `11`"),
        ("Hi.\npicure: a fish", (2, 1), "`picure:` means nothing here"),
        ("Hi.\nvoice: af_heart", (2, 1), "`voice:` means nothing here"),
        ("Hi.\n```\ncode\n```", (2, 1), "code cannot be spoken"),
        ("| a | b |", (1, 1), "table cannot be spoken"),
        ("Hi. <!-- open", (1, 5), "does not end"),
        ("Grüße \u{7} an alle", (1, 1), "U+0007"),
    ];
    for (text, place, message) in cases {
        let error = error(text);
        assert_eq!((error.line(), error.column()), *place, "{text:?}\n{error}");
        assert!(error.message.contains(message), "{text:?}\n{error}");
        assert!(!error.expected.is_empty(), "{text:?}");
    }
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    let shown = error("---\nmusic: clam\n---\nHi.").to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("test.md:2:8: unknown mood `clam`"), "{shown}");
    assert_eq!(lines[1], " 2 | music: clam");
    assert_eq!(lines[2], "   |        ^^^^");
    assert!(lines[3].starts_with("expected `none`, a mood (calm, "), "{shown}");
}

#[test]
fn json_mistakes_are_named_by_line_and_column() {
    let cases: &[(&str, (usize, usize), &str)] = &[
        ("{", (1, 1), "EOF"),
        ("{\"scenes\": []}", (1, 1), "says nothing"),
        ("[]", (1, 1), "found a list"),
        ("{\"scenes\": [{\"text\": \"Hi.\", \"titel\": 1}]}", (1, 29), "unknown setting `titel`"),
        ("{\n  \"speed\": 9,\n  \"scenes\": [{\"text\": \"Hi.\"}]\n}", (2, 12), "the number 9"),
        ("{\"scenes\": [{\"text\": 5}]}", (1, 22), "the number 5"),
        (
            "{\"scenes\": [{\"text\": \"Hi.\", \"picture\": {\"url\": \"x\"}}]}",
            (1, 41),
            "unknown setting `url`",
        ),
        ("{\"scenes\": [{\"text\": \"Hi \\u0007 there.\"}]}", (1, 22), "U+0007"),
        ("{\"scenes\": [{\"text\": \"Hi \\u009b there.\"}]}", (1, 22), "U+009B"),
        ("{\"music\": \"clam\", \"scenes\": [{\"text\": \"Hi.\"}]}", (1, 11), "did you mean `calm`?"),
        ("title: yaml\nscenes: [{text: Hi}]", (1, 2), "expected"),
    ];
    for (text, place, message) in cases {
        let error = parse_json(text, "request").expect_err("wrong");
        assert_eq!((error.line(), error.column()), *place, "{text}\n{error}");
        assert!(error.message.contains(message), "{text}\n{error}");
    }
}

#[test]
fn the_moods_are_those_that_can_be_composed() {
    let composed = reelsmith_media::sound::Mood::ALL.map(|mood| mood.name());
    assert_eq!(MOODS, composed);
}

#[test]
fn limits_hold() {
    let long = "word ".repeat(limits::SCENE_WORDS + 1);
    assert!(error(&long).message.contains("201 words"));
    let many = "## A\nWords.\n".repeat(limits::SCENES + 1);
    assert!(error(&many).message.contains("61 scenes"));
    assert!(error(&"x".repeat(limits::SCRIPT_BYTES + 1)).message.contains("65537 bytes"));
    let heading = format!("## {}\nWords.", "h".repeat(limits::HEADING_CHARS + 1));
    assert!(error(&heading).message.contains("81 characters"));
    assert_eq!(markdown(&"word ".repeat(limits::SCENE_WORDS)).words(), limits::SCENE_WORDS);
}

#[test]
fn text_without_spaces_is_bounded_too() {
    let long = "word-".repeat(limits::SCENE_CHARS / 5);
    assert_eq!(markdown(&long).spoken_words(), limits::SCENE_CHARS / limits::WORD_CHARS);
    let message = format!("{} characters", limits::SCENE_CHARS + 1);
    assert!(error(&format!("{long}w")).message.contains(&message));
    let json = format!("{{\"scenes\": [{{\"text\": \"Hi.\"}}, {{\"text\": \"{long}w\"}}]}}");
    let wrong = parse_json(&json, "request").expect_err("too long");
    assert!(wrong.message.contains(&message) && wrong.column() > 30, "{wrong}");
    assert_eq!(markdown("A few short words of it.").spoken_words(), 6);
}

#[test]
fn hostile_text_is_read_in_no_time() {
    for unit in ["[", "![", "<a", "`", "*a ", "_", "[a](", "<!---->", "~~a", "&", "\\", ">> ", "---\n", "[^"]
    {
        let text = unit.repeat(limits::SCRIPT_BYTES / unit.len());
        let start = std::time::Instant::now();
        let _ = parse_markdown(&text, "test.md");
        assert!(start.elapsed().as_secs() < 10, "{unit:?} took {:?}", start.elapsed());
    }
}

#[test]
fn a_byte_order_mark_and_windows_lines_change_nothing() {
    let plain = "---\ntitle: T\n---\nOne.\n\n## Two\nThree.\n";
    let windows = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    assert_eq!(markdown(&windows), markdown(plain));
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-zäöüé]{1,8}[.,!?:;]{0,1}",
        1 => "[ -~]{1,6}".prop_filter("a word", |w| !w.contains(' ')),
        1 => prop_oneof![
            Just("picture:"), Just("pause:"), Just("#"), Just("---"), Just("1."), Just("-"), Just("***"),
            Just("[^1]:"), Just("<!--"), Just("-->"), Just("![x](y)"), Just("\\"), Just("title:"), Just("![")
        ].prop_map(str::to_owned),
    ]
}

fn line(words: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(word(), words).prop_map(|words| words.join(" "))
}

fn wish() -> impl Strategy<Value = PictureWish> {
    let path = "[A-Za-z0-9_. <>()*\\\\-]{1,20}[.]png".prop_map(|p| p.trim().to_owned());
    let single = |p: String| p.split_whitespace().collect::<Vec<_>>().join(" ");
    prop_oneof![
        path.prop_map(move |p| PictureWish::File(single(p))),
        line(1..8).prop_map(PictureWish::Prompt)
    ]
}

fn scene() -> impl Strategy<Value = Scene> {
    let text = prop::collection::vec(line(1..12), 1..4).prop_map(|p| format!("Say {}", p.join("\n\n")));
    let heading = prop::option::of(
        "[A-Za-z#*_ ]{0,10}[A-Za-z]".prop_map(|h| h.split_whitespace().collect::<Vec<_>>().join(" ")),
    );
    let pause = prop::option::of((0u32..1000).prop_map(|c| f64::from(c) / 100.0));
    (heading, text, prop::option::of(wish()), pause).prop_map(|(heading, text, picture, pause)| Scene {
        heading,
        text,
        picture,
        pause,
    })
}

fn script() -> impl Strategy<Value = Script> {
    let name = || prop::option::of("[a-z_]{1,12}");
    let settings = (
        prop::option::of(line(1..6).prop_filter("short", |t| t.chars().count() <= 100)),
        name(),
        name(),
        prop::option::of((50u32..=200).prop_map(|c| c as f32 / 100.0)),
        prop::option::of(any::<u64>()),
        prop::option::of(prop_oneof![Just("none"), Just("calm"), Just("a b.mp3")]),
        name(),
        prop::option::of(Just(0.25)),
    );
    (settings, prop::collection::vec(scene(), 1..5)).prop_map(|(s, scenes)| Script {
        title: s.0,
        preset: s.1,
        voice: s.2,
        speed: s.3,
        seed: s.4,
        music: s.5.map(|m| Music::from(m.to_owned())),
        style: s.6,
        pause: s.7,
        scenes,
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_place_inside_it(text in "(?s).{0,200}") {
        for result in [parse_markdown(&text, "t"), parse_json(&text, "t")] {
            if let Err(error) = result {
                let lines: Vec<&str> = text.split('\n').collect();
                prop_assert!((1..=lines.len()).contains(&error.line()), "{error}");
                let chars = lines[error.line() - 1].chars().count();
                prop_assert!((1..=chars + 1).contains(&error.column()), "{error}");
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn markdown_like_text_is_read_or_refused(lines in prop::collection::vec(line(0..6), 0..12)) {
        let text = lines.join("\n");
        if let Ok(document) = parse_markdown(&text, "t") {
            for number in 0..document.script.scenes.len() {
                for field in [Field::Scene(number), Field::Text(number), Field::Picture(number)] {
                    prop_assert!(text.get(document.range(field)).is_some());
                }
            }
        }
    }

    #[test]
    fn a_script_survives_json_and_markdown(script in script()) {
        let json = parse_json(&script.to_json(), "t").map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&json.script, &script);
        let text = script.to_markdown();
        let back = parse_markdown(&text, "t").map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&back.script, &script, "{}", text);
    }
}
