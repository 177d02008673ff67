//! What used to show only after everything was spoken, or not at all.

use super::*;
use reelsmith_media::picture::Picture;

async fn made(desk: &Desk, runner: &Runner, script: &str) -> (Vec<Artifact>, PodcastReport) {
    let podcast = prepare(desk, runner, script).await.unwrap();
    let id = runner.submit(podcast).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    let artifacts = runner.artifacts(&id).await.unwrap();
    let report = std::fs::read(fetched(desk, &artifacts, "report.json").await).unwrap();
    (artifacts, serde_json::from_slice(&report).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_that_no_font_has_is_drawn_as_far_as_it_can_be() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    for title in ["🎧 Rain 🎧", "🎧"] {
        let (_, report) = made(&desk, &runner, &format!("---\ntitle: {title}\n---\nhum: Hi.\n")).await;
        let words = report.checks.iter().find(|check| check.name == "characters of the title").unwrap();
        assert!(words.ok && words.found.contains("without 🎧"), "{words:?}");
        assert_eq!(report.sound.tags["title"], title);
    }
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn music_that_cannot_be_used_is_refused_before_anything_is_spoken() {
    let desk = Desk::new();
    let runner = desk.runner(1, Faults::default()).await;
    let wav = |name: &str, seconds: usize| {
        let silence = Track::silence(48_000 * seconds / 10);
        silence.write_wav(&desk.dir.join(name)).unwrap();
    };
    wav("silent.wav", 40);
    wav("short.wav", 5);
    std::fs::write(desk.dir.join("words.mp3"), "no sound").unwrap();
    for (file, says) in
        [("silent.wav", "are silent"), ("short.wav", "1 s are needed"), ("words.mp3", "decode")]
    {
        let script = format!("---\nmusic: {{ outro: {file} }}\n---\nhum: Hi.\n");
        let error = prepare(&desk, &runner, &script).await.expect_err(file).to_string();
        let place = format!("episode.md:2:17: `{file}` cannot be used as music");
        assert!(error.starts_with(&place) && error.contains(says), "{error}");

        let document = parse_episode("hum: Hi.\n", "episode.md").unwrap();
        let options = PodcastOptions { outro: Some(Music::File(file.into())), ..PodcastOptions::default() };
        let files = Files::Beside(desk.dir.clone());
        let error = runner.prepare_podcast(&document, &options, &files).await.expect_err(file);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let told = error.to_string();
        assert!(told.starts_with(&format!("music.outro: `{file}`")) && told.contains(says), "{told}");
    }
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_have_the_limits_of_a_script() {
    let desk = Desk::new();
    let runner = desk.runner(1, Faults::default()).await;
    let script: String = (0..1000).map(|n| format!("Speaker {n}: Hi.\n")).collect();
    let document = parse_episode(&script, "episode.md").unwrap();
    let files = Files::Beside(desk.dir.clone());
    let long = "ab".repeat(250_000);
    let many = ["hum"; 9].join("+");
    for (speaker, voice, kind, says) in [
        (&*long, "hum", ErrorKind::Limit, "a speaker's name of 500000 characters"),
        ("Speaker 1", &*long, ErrorKind::Limit, "has more than 200 characters"),
        ("Speaker 1", &*many, ErrorKind::InvalidInput, "9 voices are mixed"),
        ("Speaker 1", "hum:x", ErrorKind::InvalidInput, "the share of \"hum\" is \"x\""),
        ("Speaker 1", "hum:0", ErrorKind::InvalidInput, "give one above 0"),
    ] {
        let voices = BTreeMap::from([(speaker.to_owned(), voice.to_owned())]);
        let options = PodcastOptions { voices, ..PodcastOptions::default() };
        let error = runner.prepare_podcast(&document, &options, &files).await.expect_err(says);
        assert!(error.kind() == kind && error.to_string().contains(says), "{error}");
        assert!(error.to_string().len() < 1000, "a message is no copy of what was sent");
    }
    let in_script = "---\nvoices: { Ada: hum:x }\n---\nAda: Hi.\n";
    let error = prepare(&desk, &runner, in_script).await.expect_err("a share that is none");
    assert!(error.to_string().starts_with("episode.md:2:16: the share of"), "{error}");
    let cover = Some(long.clone());
    let document = parse_episode("hum: Hi.\n", "episode.md").unwrap();
    for options in [
        PodcastOptions { cover, ..PodcastOptions::default() },
        PodcastOptions { bed: Some(Music::File(long)), ..PodcastOptions::default() },
    ] {
        let error = runner.prepare_podcast(&document, &options, &files).await.expect_err("too long");
        assert!(error.to_string().contains("a path of 500000 characters"), "{error}");
    }
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intro_that_ends_before_the_first_words_fades() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    let script = "---\nmusic: { intro: tone.wav }\n---\n[pause 10s]\nhum: Hi there.\n";
    let (artifacts, report) = made(&desk, &runner, script).await;
    assert!((report.turns[0].start - 15.0).abs() < 1e-6, "{}", report.turns[0].start);
    let ffmpeg = Ffmpeg::locate(None, None).unwrap();
    let mp3 = fetched(&desk, &artifacts, "episode.mp3").await;
    let decoded = Track::decode(&ffmpeg, &mp3, 60.0).unwrap();
    let peak = |from: f64, to: f64| {
        let samples = &decoded.samples[(from * 48_000.0) as usize * 2..(to * 48_000.0) as usize * 2];
        samples.iter().fold(0f32, |peak, sample| peak.max(sample.abs()))
    };
    let (full, half, end) = (peak(2.0, 3.5), peak(4.9, 5.1), peak(5.8, 5.95));
    assert!(half < 0.8 * full && half > 0.3 * full && end < 0.1 * full, "{full} {half} {end}");
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_of_noise_is_made_smaller_until_it_fits() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let rgb = (0..1400 * 1400 * 3).map(|_| noise()).collect();
    Picture { width: 1400, height: 1400, rgb }.save_png(&desk.dir.join("noise.png")).unwrap();
    let (artifacts, report) = made(&desk, &runner, "---\ncover: noise.png\n---\nhum: Hi.\n").await;
    let small = artifacts.iter().find(|artifact| artifact.name == "cover-small.jpg").unwrap();
    let (width, height) = report.sound.cover.unwrap();
    assert!(small.bytes <= 500_000 && width == height && (500..1400).contains(&width), "{small:?} {width}");
    runner.shutdown().await;
}
