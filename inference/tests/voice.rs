//! The voice, spoken by the real model from the default cache.

use reelsmith_inference::kokoro::{Kokoro, MOST_TEXT};
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech};
use reelsmith_inference_core::{Control, ErrorKind, NoControl, Progress, Verdict};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};

/// The model that the product speaks with unless told otherwise.
const MODEL: &str = "kokoro-82m-fp32/kokoro.onnx";

/// A file of the default model directory.
fn file(path: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("a home directory")).join(".cache"));
    let path = cache.join("reelsmith/models").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-test`", path.display());
    path
}

fn open(model: &Path, voices: &Path) -> reelsmith_inference_core::Result<Kokoro> {
    load_onnxruntime(&file("onnxruntime/libonnxruntime.so"))?;
    Kokoro::open(model, voices, &file("g2p-en/oov.onnx"), 2)
}

/// One loaded model for all tests: memory, and the time to load it.
fn kokoro() -> MutexGuard<'static, Kokoro> {
    static KOKORO: LazyLock<Mutex<Kokoro>> =
        LazyLock::new(|| Mutex::new(open(&file(MODEL), &file("kokoro-voices")).expect("the model loads")));
    KOKORO.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn request(text: &str) -> SpeakRequest {
    SpeakRequest { text: text.to_owned(), voice: "af_heart".to_owned(), speed: 1.0 }
}

fn say(text: &str) -> Speech {
    kokoro().speak(&request(text), &NoControl).expect("it speaks")
}

fn seconds(speech: &Speech) -> f64 {
    speech.samples.len() as f64 / f64::from(speech.sample_rate)
}

/// What holds for any speech: words in order, inside the sound, as written; samples finite, in range.
#[track_caller]
fn check(text: &str, speech: &Speech) {
    assert_eq!(speech.sample_rate, 24_000);
    assert!(speech.samples.iter().all(|s| s.is_finite() && s.abs() <= 1.0));
    let (mut at, mut time) = (0, 0.0);
    for word in &speech.words {
        assert!(word.range.start >= at, "{word:?}");
        assert_eq!(word.text, text[word.range.clone()]);
        assert!(text[at..word.range.start].chars().all(|c| !c.is_alphanumeric()));
        assert!(word.start >= time && word.end >= word.start, "{word:?} after {time}");
        (at, time) = (word.range.end, word.end);
    }
    assert!(text[at..].chars().all(|c| !c.is_alphanumeric()));
    assert!(time <= seconds(speech));
}

/// One voice of each sex for American and British English; that all 54 are there and whole is a matter of
/// `kokoro/voices.rs`, and those of other languages of `tongues.rs`.
const VOICES: [&str; 4] = ["af_heart", "am_michael", "bf_emma", "bm_george"];

#[test]
fn voices_speak_and_none_like_another() {
    let text = "Hello there, my friend.";
    let mut kokoro = kokoro();
    assert_eq!(kokoro.voices().len(), 54);
    let mut takes: Vec<Vec<f32>> = Vec::new();
    for voice in VOICES {
        let request = SpeakRequest { voice: voice.to_owned(), ..request(text) };
        let speech = kokoro.speak(&request, &NoControl).expect("it speaks");
        check(text, &speech);
        let power = speech.samples.iter().map(|s| s * s).sum::<f32>() / speech.samples.len() as f32;
        assert!(power.sqrt() > 0.01, "{voice} is silent");
        assert!((0.6..4.0).contains(&seconds(&speech)), "{voice} takes {} s", seconds(&speech));
        assert!(!takes.contains(&speech.samples), "{voice} speaks like another");
        takes.push(speech.samples);
    }
}

#[test]
fn written_words_keep_their_sound() {
    let text = "Dr. Smith paid $3.50 on July 4, 1776 — that's 25% of £14, e.g. at 7:05 p.m.! See www.example.com (NASA's) 🎉";
    let speech = say(text);
    check(text, &speech);
    let words: Vec<&str> = speech.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(
        words,
        [
            "Dr.",
            "Smith",
            "paid",
            "$3.50",
            "on",
            "July",
            "4,",
            "1776 —",
            "that's",
            "25%",
            "of",
            "£14,",
            "e.g.",
            "at",
            "7:05",
            "p.m.!",
            "See",
            "www.example.com",
            "(NASA's)"
        ]
    );
    let length = |at: usize| speech.words[at].end - speech.words[at].start;
    assert!(speech.words.iter().all(|w| w.end > w.start), "{:?}", speech.words);
    assert!(length(3) > 3.0 * length(4), "three dollars and fifty cents take longer than on");
    assert!(length(17) > 1.0, "an address is spelt");
}

#[test]
fn the_same_request_gives_the_same_samples() {
    let first = say("The same words, twice.");
    say("Something else between them.");
    assert_eq!(say("The same words, twice."), first);
}

#[test]
fn speed_changes_the_length() {
    let text = "This sentence is spoken at three speeds.";
    let at = |speed| {
        let speech = kokoro().speak(&SpeakRequest { speed, ..request(text) }, &NoControl).expect("it speaks");
        check(text, &speech);
        seconds(&speech)
    };
    let (slow, normal, fast) = (at(0.5), at(1.0), at(2.0));
    assert!(slow > 1.5 * normal && normal > 1.4 * fast, "{slow} {normal} {fast}");
}

#[test]
fn a_long_sentence_loses_no_word_and_gains_no_click() {
    let text = "the wide river runs past seven quiet towns and under many old stone bridges ".repeat(9);
    let asked = AtomicUsize::new(0);
    let count = |_: Progress| {
        asked.fetch_add(1, Ordering::Relaxed);
        Verdict::Continue
    };
    let speech = kokoro().speak(&request(text.trim()), &count).expect("it speaks");
    check(text.trim(), &speech);
    assert_eq!(speech.words.len(), 9 * 14);
    // Before each of two lines that are read, before each of three runs, and at the end of either.
    assert_eq!(asked.into_inner(), 7, "it can be cancelled within the sentence");
    for word in &speech.words {
        let length = word.end - word.start;
        assert!((0.03..1.5).contains(&length), "{word:?}");
    }
    // A click is a step out of silence: within 2 ms of a pause nothing is loud.
    let silent: Vec<usize> = speech
        .samples
        .chunks(24)
        .enumerate()
        .filter(|(_, c)| c.iter().all(|s| *s == 0.0))
        .map(|(i, _)| i)
        .collect();
    assert!(silent.len() > 20, "the sentence takes more than one run, with a pause between");
    for at in silent.windows(2).filter(|w| w[1] > w[0] + 1).flatten() {
        let around = &speech.samples[at.saturating_sub(2) * 24..((at + 3) * 24).min(speech.samples.len())];
        assert!(around.iter().all(|s| s.abs() < 0.02), "a click at {} ms", at);
    }
}

#[test]
fn paragraphs_pause_longer_than_sentences() {
    let gap = |text: &str| {
        let speech = say(text);
        assert_eq!(speech.words.len(), 4);
        check(text, &speech);
        speech.words[2].start - speech.words[1].end
    };
    let (sentence, paragraph) = (gap("One thing. Another thing."), gap("One thing.\n\nAnother thing."));
    assert!((0.2..0.8).contains(&sentence), "{sentence}");
    assert!(paragraph > sentence + 0.2, "{paragraph} after {sentence}");
}

#[test]
fn phonemes_follow_the_voice() {
    let mut kokoro = kokoro();
    let mut read = |text, voice| kokoro.phonemes(text, voice).expect("it reads");
    assert_eq!(read("Hello, world. Yes!", "af_heart"), "həlˈO, wˈɜɹld.\njˈɛs!");
    assert_eq!(read("Hello, world.", "bm_george"), "həlˈQ, wˈɜːld.");
    assert_eq!(read("the FBI", "af_heart"), "ði ˌɛfbˌiˈI.");
    // No lexicon holds it; the network reads it, and the possessive keeps its ending.
    let unknown = read("Zyxworthy's", "af_heart");
    assert!(unknown.contains('w') && unknown.ends_with("z."), "{unknown}");
}

#[test]
fn british_voices_speak_british() {
    let mut kokoro = kokoro();
    let mut length = |voice: &str| {
        let request =
            SpeakRequest { voice: voice.to_owned(), ..request("Number 1,042, schedule, Zyxworthy.") };
        let speech = kokoro.speak(&request, &NoControl).expect("it speaks");
        check(&request.text, &speech);
        speech.words.len()
    };
    assert_eq!(length("bm_george"), 4);
    assert_eq!(length("am_michael"), 4);
}

#[test]
fn bad_requests_are_refused_with_what_to_do() {
    let mut kokoro = kokoro();
    let mut refused = |request: SpeakRequest, kind: ErrorKind, says: &str| {
        let error = kokoro.speak(&request, &NoControl).expect_err("it is refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    for text in ["", " \n ", "… — !?", "🎉👍🏽", "***"] {
        refused(request(text), ErrorKind::InvalidRequest, "nothing to say");
    }
    refused(request("你好,世界"), ErrorKind::InvalidRequest, "read as English");
    refused(request(&"word ".repeat(MOST_TEXT / 4)), ErrorKind::InvalidRequest, "split it");
    for speed in [0.0, 0.49, 2.01, f32::NAN, f32::INFINITY, -1.0] {
        refused(SpeakRequest { speed, ..request("Hello") }, ErrorKind::InvalidRequest, "0.5 to 2.0");
    }
    let voice = "af_haert".to_owned();
    refused(SpeakRequest { voice, ..request("Hello") }, ErrorKind::UnknownModel, "af_heart");
}

/// Cancels at the given sentence and remembers what it was told.
struct CancelAt(u64, Mutex<Vec<Progress>>);

impl Control for CancelAt {
    fn step(&self, progress: Progress) -> Verdict {
        self.1.lock().expect("no test panics with it").push(progress);
        if progress.done >= self.0 { Verdict::Cancel } else { Verdict::Continue }
    }
}

#[test]
fn a_long_text_can_be_cancelled_between_sentences() {
    let control = CancelAt(2, Mutex::default());
    let text = "Another short sentence. ".repeat(1000);
    let error = kokoro().speak(&request(&text), &control).expect_err("it is cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let steps = control.1.into_inner().expect("no test panics with it");
    assert!(steps.is_sorted_by_key(|p| p.done), "{steps:?}");
    assert_eq!(steps.iter().filter(|p| p.done > 0).count(), 2, "one before each sentence");
    assert!(steps.iter().all(|p| p.total == Some(1000) && p.unit == "sentences"));
}

#[test]
fn a_text_that_would_be_spoken_for_hours_is_refused_before_it_is_spoken() {
    let refused = |text: &str, speed: f32| {
        let request = SpeakRequest { speed, ..request(text) };
        let error = kokoro().speak(&request, &NoControl).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        error.to_string()
    };
    for text in ["7".repeat(60_000), format!("see {}", "1.".repeat(41)), "3,".repeat(20_000)] {
        let said = refused(&text, 1.0);
        assert!(said.contains("one word may have 40"), "{said}");
    }
    let said = refused(&"9999 ".repeat(1800), 0.5);
    assert!(said.contains("more than 75 minutes") && said.contains("0.5"), "{said}");
}

const STORY: &str = "The old lighthouse keeper climbed the narrow stairs, lamp in hand. Far below, the sea was black and \
    restless. He had done this every night for forty years, and not once had the light gone out.\n\nOne evening a \
    letter came. It was short, and it was kind; but it said that a machine would do the work from now on.";

#[test]
fn what_is_handed_out_is_the_whole_in_order_and_begins_early() {
    let (mut chunks, mut told): (Vec<Vec<f32>>, _) = (Vec::new(), Mutex::new(Vec::new()));
    let control = |progress: Progress| {
        told.lock().expect("no test panics with it").push(progress);
        Verdict::Continue
    };
    let speech = kokoro()
        .speak_to(&request(STORY), &mut |samples| chunks.push(samples.to_vec()), &control)
        .expect("it speaks");
    check(STORY, &speech);
    assert_eq!(chunks.concat(), speech.samples);
    assert!(chunks.len() >= 4, "{} chunks", chunks.len());
    assert!(chunks[0].len() < 24_000 * 6, "the first sentence alone: {}", chunks[0].len());
    let told = told.get_mut().expect("no test panics with it");
    assert!(told.iter().all(|step| step.total == Some(5)) && told.last().expect("told").done == 5);
    // Every chunk begins and ends in quiet, so that no join is heard.
    for chunk in &chunks {
        assert!(chunk[0].abs() < 1e-3 && chunk[chunk.len() - 1].abs() < 1e-3);
    }
    let again = kokoro().speak_to(&request(STORY), &mut |_| {}, &NoControl).expect("it speaks");
    assert_eq!(again, speech, "the same request gives the same samples");
    let whole = say(STORY);
    let longer = seconds(&whole) / seconds(&speech);
    assert!((0.9..1.1).contains(&longer), "{longer}");
    let words = |speech: &Speech| speech.words.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
    assert_eq!(words(&whole), words(&speech));
}

#[test]
fn handing_out_ends_where_it_is_cancelled() {
    let text = "Another short sentence. ".repeat(1000);
    let control = CancelAt(2, Mutex::default());
    let mut samples = 0;
    let error = kokoro()
        .speak_to(&request(&text), &mut |chunk| samples += chunk.len(), &control)
        .expect_err("it is cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!((24_000..24_000 * 6).contains(&samples), "one or two sentences: {samples}");
    let steps = control.1.into_inner().expect("no test panics with it");
    assert!(steps.len() < 10, "the thousand were not read first: {}", steps.len());
}

#[test]
fn a_mixture_of_voices_speaks_and_one_that_means_nothing_is_refused() {
    let text = "Hello there, my friend.";
    let mut kokoro = kokoro();
    let mut say = |voice: &str| {
        let request = SpeakRequest { voice: voice.to_owned(), ..request(text) };
        kokoro.speak(&request, &NoControl)
    };
    let (heart, adam) = (say("af_heart").expect("it speaks"), say("am_adam").expect("it speaks"));
    let mixed = say("af_heart:0.6+am_adam:0.4").expect("it speaks");
    check(text, &mixed);
    let power = mixed.samples.iter().map(|s| s * s).sum::<f32>() / mixed.samples.len() as f32;
    assert!(power.sqrt() > 0.01, "it is silent");
    assert!(mixed.samples != heart.samples && mixed.samples != adam.samples);
    assert_eq!(say("af_heart:2").expect("it speaks").samples, heart.samples, "alone, a share means nothing");
    for (voice, kind, says) in [
        ("af_heart:NaN+am_adam", ErrorKind::InvalidRequest, "expected a number of 0 or more"),
        ("af_heart:-1+am_adam", ErrorKind::InvalidRequest, "expected a number of 0 or more"),
        ("af_heart:0+am_adam:0", ErrorKind::InvalidRequest, "add up to 0"),
        ("af_heart+am_adan", ErrorKind::UnknownModel, "am_adam"),
        ("+", ErrorKind::UnknownModel, "near it are"),
        ("", ErrorKind::UnknownModel, "near it are"),
    ] {
        let error = say(voice).expect_err(voice);
        assert_eq!(error.kind(), kind, "{voice}");
        assert!(error.to_string().contains(says), "{voice}: {error}");
    }
}

/// A protobuf field of bytes shorter than 128.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).expect("short")], bytes].concat()
}

/// An ONNX model that copies a float from one value to another (field numbers of `onnx.proto3`).
fn identity(from: &str, to: &str) -> Vec<u8> {
    let node = [field(1, from.as_bytes()), field(2, to.as_bytes()), field(4, b"Identity")].concat();
    // TypeProto: tensor_type = 1, whose elem_type = 1 is FLOAT (1) and whose shape = 2 has one dim_value.
    let shape = field(2, &field(1, &[1 << 3, 1]));
    let kind = field(1, &[&[1 << 3, 1], shape.as_slice()].concat());
    let input = [field(1, from.as_bytes()), field(2, &kind)].concat();
    let graph = [field(1, &node), field(2, b"g"), field(11, &input)].concat();
    // ir_version = 8, opset_import: version = 17.
    [vec![1 << 3, 8], field(7, &graph), field(8, &[2 << 3, 17])].concat()
}

#[test]
fn missing_and_broken_files_are_named() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let kind =
        |model: &Path, voices: &Path| open(model, voices).map(|_| ()).expect_err("it is refused").kind();
    let (model, voices) = (file(MODEL), file("kokoro-voices"));
    let absent = scratch.path().join("absent.onnx");
    assert_eq!(kind(&absent, &voices), ErrorKind::ModelMissing);
    assert_eq!(kind(&model, scratch.path()), ErrorKind::ModelMissing);

    let garbage = scratch.path().join("garbage.onnx");
    std::fs::write(&garbage, b"no graph").expect("it is written");
    assert_eq!(kind(&garbage, &voices), ErrorKind::ModelCorrupt);
    // A sound graph that is no Kokoro, and one that looks a little more like it.
    assert_eq!(kind(&file("g2p-en/oov.onnx"), &voices), ErrorKind::ModelCorrupt);
    let other = scratch.path().join("other.onnx");
    std::fs::write(&other, identity("x", "/encoder/Clip_output_0")).expect("it is written");
    let error = open(&other, &voices).map(|_| ()).expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
    let why = std::error::Error::source(&error).expect("it tells").to_string();
    assert!(why.contains("no `input_ids`"), "{why}");

    std::fs::write(scratch.path().join("af_heart.bin"), [0; 100]).expect("it is written");
    let error = open(&model, scratch.path())
        .and_then(|mut kokoro| kokoro.speak(&request("Hello"), &NoControl))
        .expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
}
