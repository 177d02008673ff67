//! What is refused before anything is spoken or drawn, and how it is told.

mod support;

use reelsmith_pipelines::faults::Faults;
use reelsmith_pipelines::script::Music;
use reelsmith_pipelines::{ErrorKind, Files, JobSpec, PipelineError, Runner, Short, ShortOptions};
use reelsmith_storage::JobState;
use support::{Desk, document};

struct Bench {
    desk: Desk,
    runner: Runner,
}

impl Bench {
    async fn new() -> Self {
        let desk = Desk::new();
        let runner = desk.runner(1, Faults::default()).await;
        Self { desk, runner }
    }

    async fn prepare(&self, script: &str, options: ShortOptions) -> Result<Short, PipelineError> {
        let files = Files::Beside(self.desk.dir.clone());
        self.runner.prepare(&document(script), &options, &files).await
    }

    async fn refused(&self, script: &str, options: ShortOptions) -> PipelineError {
        self.prepare(script, options).await.expect_err("must be refused")
    }
}

fn options() -> ShortOptions {
    ShortOptions { preset: Some("small".into()), ..ShortOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_are_told_where_they_were_written() {
    let bench = Bench::new().await;
    for (setting, line, near) in [
        ("preset: youtube_short", 2, "youtube_shorts"),
        ("voice: humm", 2, "`hum`"),
        ("style: aut", 2, "`auto`"),
    ] {
        let error = bench.refused(&format!("---\n{setting}\n---\nWords."), ShortOptions::default()).await;
        assert_eq!(error.kind(), ErrorKind::InvalidScript);
        let place = error.script().expect("a place");
        assert_eq!(place.line(), line);
        assert!(error.to_string().contains(near), "{error}");
    }
    let given = [
        (ShortOptions { preset: Some("smal".into()), ..options() }, "`small`"),
        (ShortOptions { voice: Some("humn".into()), ..options() }, "`hum`"),
        (ShortOptions { style: Some("zzzz".into()), ..options() }, "there are "),
        (ShortOptions { music: Some(Music::from("clam".to_owned())), ..options() }, "did you mean `calm`?"),
        (
            ShortOptions { music: Some(Music::from("https://a.example/b.mp3".to_owned())), ..options() },
            "an address",
        ),
        (ShortOptions { encoder_speed: Some("fats".into()), ..options() }, "`fast`"),
        (ShortOptions { speed: Some(9.0), ..options() }, "from 0.5 to 2"),
        (ShortOptions { max_seconds: Some(1000.0), ..options() }, "at most 180 s"),
        (ShortOptions { max_seconds: Some(f64::NAN), ..options() }, "at most 180 s"),
    ];
    for (options, told) in given {
        let error = bench.refused("Words.", options).await;
        assert!(error.script().is_none() && error.to_string().contains(told), "{error}");
    }
    // A mistyped mood is no file, whether or not files are taken.
    let music = ShortOptions { music: Some(Music::from("clam".to_owned())), ..options() };
    let error = bench.runner.prepare(&document("Words."), &music, &Files::Refused).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownName, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_cannot_fit_is_refused_with_an_estimate() {
    let bench = Bench::new().await;
    let long = "Ten words that go on and on without an end. ".repeat(18);
    let error = bench.refused(&long, options()).await;
    assert_eq!(error.kind(), ErrorKind::Limit);
    let text = error.to_string();
    assert!(text.contains("180 words take about 73 s, and the limit is 20 s"), "{text}");
    assert!(text.contains("`max_seconds` (TikTok takes up to 180 s)"), "{text}");
    let more = ShortOptions { max_seconds: Some(120.0), ..options() };
    assert!(bench.prepare(&long, more).await.is_ok());
    // One word for whoever counts spaces: 1500 characters are at least 250 / 3.6 s of speech.
    let error = bench.refused(&"word-".repeat(300), options()).await;
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("1500 characters take about 101 s"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_made_from_the_first_words_is_no_longer_than_a_title_may_be() {
    let bench = Bench::new().await;
    for (script, title) in [
        (
            "One two three four five six, seven eight, nine ten.".to_owned(),
            "One two three four five six, seven eight",
        ),
        ("w".repeat(180), &*"w".repeat(100)),
        (format!("Short {}", "w".repeat(99)), "Short"),
        (format!("Fine {}", "w".repeat(95)), &*format!("Fine {}", "w".repeat(95))),
        ("ü".repeat(101), &*"ü".repeat(100)),
    ] {
        let more = ShortOptions { max_seconds: Some(100.0), ..options() };
        assert_eq!(bench.prepare(&script, more).await.unwrap().title, title);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_that_is_too_long_fails_the_job_and_says_by_how_much() {
    let bench = Bench::new().await;
    let script = "Nine words are a little too long for this.\npause: 2";
    let short = bench.prepare(script, options()).await.unwrap();
    // Nine hummed words take 1.8 s; with 0.35 s before and 2 s after them, 63 frames at 15 a second.
    let id = bench.runner.submit(Short { max_seconds: 3.0, ..short }).await.unwrap().id;
    let job = bench.runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    let error = job.error.unwrap();
    assert!(error.contains("takes 4.2 s with its pauses, 1.2 s more than the limit of 3 s"), "{error}");
    assert!(error.contains("cut about 3 words"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_music_that_cannot_be_used_are_named() {
    let bench = Bench::new().await;
    let dir = &bench.desk.dir;
    std::fs::write(dir.join("broken.png"), b"\x89PNG\r\n\x1a\nnot really").unwrap();
    std::fs::write(dir.join("huge.png"), huge_png()).unwrap();
    std::fs::write(dir.join("words.mp3"), "these are words").unwrap();
    std::fs::create_dir(dir.join("folder.png")).unwrap();
    for (name, told) in [
        ("missing.png", "cannot be read"),
        ("broken.png", "broken.png"),
        ("huge.png", "60000"),
        ("folder.png", "is not a file"),
    ] {
        let error = bench.refused(&format!("Words.\n\n  ![x]({name})"), options()).await;
        let place = error.script().unwrap_or_else(|| panic!("{error}"));
        assert_eq!((place.line(), place.column()), (3, 3), "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let error = bench.refused("---\nmusic: words.mp3\n---\nWords.", options()).await;
    assert_eq!(error.script().map(|e| e.line()), Some(2), "{error}");
    let missing = ShortOptions { music: Some(Music::File("none.mp3".into())), ..options() };
    let error = bench.refused("Words.", missing).await;
    assert!(error.script().is_none() && error.to_string().contains("none.mp3"), "{error}");
}

/// A PNG whose header says 60,000 x 60,000, with next to no pixels.
fn huge_png() -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(60_000u32.to_be_bytes());
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in
        [(b"IHDR", header.as_slice()), (b"IDAT", &[0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]), (b"IEND", &[])]
    {
        let chunk = [name.as_slice(), data].concat();
        png.extend((data.len() as u32).to_be_bytes());
        png.extend(&chunk);
        png.extend(crc32(&chunk).to_be_bytes());
    }
    png
}

/// CRC-32 of the PNG specification (W3C PNG, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 },
        )
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_to_where_they_may_come_from() {
    let bench = Bench::new().await;
    let inside = bench.desk.dir.join("inside");
    std::fs::create_dir(&inside).unwrap();
    let picture = reelsmith_media::picture::Picture { width: 8, height: 8, rgb: vec![9; 192] };
    picture.save_png(&inside.join("in.png")).unwrap();
    picture.save_png(&bench.desk.dir.join("out.png")).unwrap();
    std::os::unix::fs::symlink(bench.desk.dir.join("out.png"), inside.join("link.png")).unwrap();
    let within = Files::Within(inside.clone());
    let absolute = bench.desk.dir.join("out.png");
    for (name, allowed) in [
        ("in.png", true),
        ("../out.png", false),
        ("link.png", false),
        (absolute.to_str().unwrap(), false),
        ("../missing.png", false),
    ] {
        let script = document(&format!("Words.\n![x](<{name}>)"));
        let found = bench.runner.prepare(&script, &options(), &within).await;
        assert_eq!(found.is_ok(), allowed, "{name}: {found:?}");
        if let Err(error) = found {
            assert!(error.to_string().contains("not among the files that this service may use"), "{error}");
        }
    }
    let script = document("Words.\n![x](in.png)");
    let error = bench.runner.prepare(&script, &options(), &Files::Refused).await.unwrap_err();
    assert!(error.to_string().contains("this service takes no files"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_the_same_if_and_only_if_its_inputs_are() {
    let bench = Bench::new().await;
    let script = "---\npreset: small\n---\nSome words.";
    let id = bench.prepare(script, ShortOptions::default()).await.unwrap().id();
    assert_eq!(bench.prepare(script, ShortOptions::default()).await.unwrap().id(), id);
    // A comment is no input; a word, a seed, a speed are.
    let comment = format!("{script}\n<!-- a note -->");
    assert_eq!(bench.prepare(&comment, ShortOptions::default()).await.unwrap().id(), id);
    let others = [
        bench.prepare(&format!("{script} More."), ShortOptions::default()).await.unwrap(),
        bench.prepare(script, ShortOptions { seed: Some(1), ..ShortOptions::default() }).await.unwrap(),
        bench.prepare(script, ShortOptions { speed: Some(1.1), ..ShortOptions::default() }).await.unwrap(),
    ];
    assert!(others.iter().all(|other| other.id() != id));
    let back = Short::from_value(&others[0].to_value()).unwrap();
    assert_eq!(back, others[0]);
    let mut old = others[0].to_value();
    old["version"] = 0.into();
    assert!(Short::from_value(&old).unwrap_err().to_string().contains("submit its script again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_scripts_are_good() {
    let bench = Bench::new().await;
    let examples = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"));
    let mut found = 0;
    for entry in std::fs::read_dir(examples).unwrap().flatten() {
        // The episode is made by its own end-to-end test.
        let is_episode = entry.path().ends_with("the-leap-second.md");
        if is_episode || entry.path().extension().is_none_or(|e| e != "md") {
            continue;
        }
        found += 1;
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let hummed = ShortOptions { voice: Some("hum".into()), ..ShortOptions::default() };
        let files = Files::Beside(examples.to_owned());
        let short = bench.runner.prepare(&document(&text), &hummed, &files).await;
        short.unwrap_or_else(|e| panic!("{}: {e}", entry.path().display()));
    }
    assert!(found >= 2);
}
