//! Voices cloned, kept and spoken with: the whole capability on the small random model.

use crate::support::cases::{Case, cases};
use crate::support::checkpoint::{Tensors, model_file};
use crate::support::fill::uniform;
use crate::tensors;
use reelsmith_graph::Target;
use reelsmith_inference::kokoro::Kokoro;
use reelsmith_inference::xtts::{Xtts, sample::check};
use reelsmith_inference_core::cloning::{
    CloneRequest, CloneVoice, ClonedSpeechRequest, Consent, VoiceSample,
};
use reelsmith_inference_core::speech::{Speak, SpeakRequest};
use reelsmith_inference_core::{ErrorKind, InferenceError, NoControl, Progress, Verdict};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The table of places for text tokens.
const PLACES: &str = "gpt.text_pos_embedding.emb.weight";
/// Most text tokens.
const TEXT: usize = 402;

/// A vocabulary of letters, within the sixty tokens of the model.
fn vocabulary() -> String {
    let marks = ["[STOP]", "[UNK]", "[SPACE]", "[en]", "[fr]", "[START]"];
    let letters = ('a'..='z').map(String::from);
    let tokens = marks.iter().map(|mark| (*mark).to_owned()).chain(letters);
    let tokens: serde_json::Map<String, serde_json::Value> =
        tokens.enumerate().map(|(id, token)| (token, json!(id))).collect();
    let added: Vec<_> =
        marks.iter().enumerate().map(|(id, mark)| json!({"id": id, "content": mark})).collect();
    json!({
        "added_tokens": added, "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
        "model": {"vocab": tokens, "merges": []},
    })
    .to_string()
}

/// The case's weights with as many places for text as the real model has: a part is cut by its letters.
fn checkpoint(case: &Case) -> Tensors {
    let mut tensors = tensors(case);
    let (places, width) = (TEXT + 2, 64);
    tensors.take(PLACES);
    tensors.floats(PLACES, &[places, width], &uniform(PLACES, 0, places * width));
    tensors
}

/// A model's folder and one for its voices.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        crate::support::checkpoint::load_runtime();
        let case = cases("xtts").into_iter().next().expect("there is a case");
        let folder = tempfile::tempdir().expect("a scratch folder");
        checkpoint(&case).write(&folder.path().join("model.safetensors"));
        let mut config = case.json["config"].clone();
        config["model_args"]["gpt_max_text_tokens"] = json!(TEXT);
        std::fs::write(folder.path().join("config.json"), config.to_string()).expect("a file");
        std::fs::write(folder.path().join("vocab.json"), vocabulary()).expect("a file");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self) -> Result<Xtts, InferenceError> {
        Xtts::open("xtts-v2", self.folder.path(), &self.path("voices"), Target::CPU, 2)
    }
}

fn consent() -> Consent {
    let statement = "I agree that my voice is cloned for this test.".to_owned();
    Consent { by: "the test's author".into(), on: "2026-11-21".into(), statement }
}

/// Bursts of a tone with pauses between, as speech has them.
fn speech(seconds: f64, rate: u32) -> VoiceSample {
    let count = (seconds * f64::from(rate)) as usize;
    let noise = uniform("speech", 0, count);
    let at = |n: usize| {
        let time = n as f64 / f64::from(rate);
        let loud = if (time * 3.0).fract() < 0.6 { 0.3 } else { 0.001 };
        let tone: f64 =
            (1..6).map(|k| (time * 140.0 * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k)).sum();
        (loud * (0.4 * tone + 0.1 * f64::from(noise[n]))) as f32
    };
    VoiceSample { samples: (0..count).map(at).collect(), sample_rate: rate }
}

fn request(name: &str) -> CloneRequest {
    CloneRequest {
        name: name.into(),
        language: "en".into(),
        sample: speech(4.0, 24_000),
        consent: Some(consent()),
    }
}

fn said(text: &str, voice: &str) -> ClonedSpeechRequest {
    let (text, voice) = (text.to_owned(), voice.to_owned());
    ClonedSpeechRequest { text, voice, language: None, speed: 1.0, seed: 7, temperature: None }
}

fn refused<T>(made: Result<T, InferenceError>, kind: ErrorKind, named: &str) {
    let error = made.err().unwrap_or_else(|| panic!("refused for `{named}`"));
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(named), "{error} names `{named}`");
}

#[test]
fn a_voice_is_kept_with_its_consent_and_speaks_after_the_model_was_opened_again() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    assert_eq!(model.profiles().unwrap(), []);
    let profile = model.clone_voice(&request("anna"), &NoControl).unwrap();
    assert_eq!((profile.consent.clone(), profile.language.as_str()), (consent(), "en"));
    assert_eq!((profile.sample_seconds, profile.sample_sha256.len()), (4.0, 64));
    let first = model.speak_as(&said("Hello there. Well then!", "anna"), None, &NoControl).unwrap();
    drop(model);
    let mut again = home.open().unwrap();
    assert_eq!(again.profiles().unwrap(), [profile]);
    let second = again.speak_as(&said("Hello there. Well then!", "anna"), None, &NoControl).unwrap();
    assert_eq!(first, second, "the same request gives the same samples");
    assert!(first.samples.len() > 1000 && first.sample_rate == 24_000);
    assert!(first.samples.iter().all(|sample| (-1.0..=1.0).contains(sample)));
    assert_eq!(first.words.len(), 4);
    again.remove_profile("anna").unwrap();
    refused(again.remove_profile("anna"), ErrorKind::UnknownModel, "no voice `anna`");
}

#[test]
fn without_consent_nothing_is_cloned() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    let mut without = |consent: Option<Consent>, named: &str| {
        let made = model.clone_voice(&CloneRequest { consent, ..request("anna") }, &NoControl);
        refused(made, ErrorKind::InvalidRequest, named);
    };
    without(None, "consent");
    without(Some(Consent { by: "  ".into(), ..consent() }), "who agreed");
    without(Some(Consent { on: "2026-02-29".into(), ..consent() }), "which day");
    without(Some(Consent { statement: "yes".into(), ..consent() }), "to what they agreed");
    assert!(!home.path("voices").exists(), "nothing was written");
}

#[test]
fn a_sample_that_no_voice_can_be_made_of_is_refused_with_the_reason() {
    let refuses = |sample: VoiceSample, why: &str| refused(check(&sample), ErrorKind::InvalidRequest, why);
    let whole = speech(5.0, 16_000);
    let changed = |change: &dyn Fn(f32) -> f32| VoiceSample {
        samples: whole.samples.iter().map(|sample| change(*sample)).collect(),
        sample_rate: whole.sample_rate,
    };
    assert_eq!(check(&whole).unwrap(), 5.0);
    refuses(speech(2.9, 16_000), "2.9 seconds long");
    refuses(speech(31.0, 16_000), "cut it");
    refuses(VoiceSample { samples: vec![0.1], sample_rate: 22_050 }, "record more");
    refuses(VoiceSample { samples: Vec::new(), sample_rate: 22_050 }, "record more");
    refuses(VoiceSample { sample_rate: 100, ..whole.clone() }, "8000 to 192000");
    refuses(changed(&|sample| sample * 1e-3), "silent");
    refuses(changed(&|_| 0.0), "silent");
    refuses(changed(&|sample| (20.0 * sample).clamp(-1.0, 1.0)), "clipped");
    refuses(changed(&|_| f32::NAN), "no sound");
    let noise = uniform("noise", 1, 80_000).iter().map(|sample| 0.3 * sample).collect();
    refuses(VoiceSample { samples: noise, sample_rate: 16_000 }, "noise");
}

#[test]
fn real_speech_is_taken_and_cloned() {
    crate::support::checkpoint::load_runtime();
    let files =
        ["kokoro-82m-fp32/kokoro.onnx", "kokoro-voices/af_heart.bin", "g2p-en/oov.onnx"].map(model_file);
    let mut kokoro = Kokoro::open(&files[0], files[1].parent().unwrap(), &files[2], 2).unwrap();
    let text = "The hills were green, the river slow; nobody came that way, and nobody asked why.".to_owned();
    let spoken =
        kokoro.speak(&SpeakRequest { text, voice: "af_heart".into(), speed: 1.0 }, &NoControl).unwrap();
    let sample = VoiceSample { samples: spoken.samples, sample_rate: spoken.sample_rate };
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&CloneRequest { sample, ..request("heart") }, &NoControl).unwrap();
}

#[test]
fn names_are_taken_once_and_cannot_leave_the_folder() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    refused(model.clone_voice(&request("anna"), &NoControl), ErrorKind::InvalidRequest, "already");
    for name in ["", "../anna", "An", "a b", "-a", &"a".repeat(65)] {
        refused(model.clone_voice(&request(name), &NoControl), ErrorKind::InvalidRequest, "the name");
    }
    refused(
        model.speak_as(&said("Hi", "../anna"), None, &NoControl),
        ErrorKind::UnknownModel,
        "there are anna",
    );
}

#[test]
fn chunks_are_the_samples_and_come_before_the_end() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    let text = "One. ".repeat(80);
    let mut most = 0;
    for seed in 0..6 {
        let request = ClonedSpeechRequest { seed, ..said(&text, "anna") };
        let whole = model.speak_as(&request, None, &NoControl).unwrap();
        let (mut heard, mut count) = (Vec::new(), 0);
        let mut chunk = |samples: &[f32]| {
            heard.extend_from_slice(samples);
            count += 1;
        };
        let streamed = model.speak_as(&request, Some(&mut chunk), &NoControl).unwrap();
        assert_eq!(streamed, whole);
        assert_eq!(heard, whole.samples);
        assert!(count >= 2, "the text is cut into two parts: {count}");
        most = most.max(count);
        if most > 2 {
            break;
        }
    }
    assert!(most > 2, "a part has more than one chunk");
}

#[test]
fn seeds_languages_and_speeds_change_what_is_heard() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    let seeds = (0..40).map(|seed| ClonedSpeechRequest { seed, ..said("Hello there", "anna") });
    let mut all = seeds.map(|request| (model.speak_as(&request, None, &NoControl).unwrap(), request));
    let (usual, plain) = all.find(|(speech, _)| speech.samples.len() > 15_000).expect("one goes on for long");
    drop(all);
    let mut other =
        |request: ClonedSpeechRequest| model.speak_as(&request, None, &NoControl).unwrap().samples;
    assert_ne!(other(ClonedSpeechRequest { seed: 80, ..plain.clone() }), usual.samples);
    assert_ne!(other(ClonedSpeechRequest { language: Some("fr".into()), ..plain.clone() }), usual.samples);
    let fast = other(ClonedSpeechRequest { speed: 2.0, ..plain.clone() }).len() as f64;
    let ratio = fast / usual.samples.len() as f64;
    assert!((ratio - 0.5).abs() < 0.05, "{ratio}");
    // The common trait takes the language from the voice's name.
    let request = |voice: &str| SpeakRequest { text: "Hello there".into(), voice: voice.into(), speed: 1.0 };
    assert_eq!(model.voices().len(), 1);
    let french = model.speak(&request("anna@fr"), &NoControl).unwrap();
    assert_ne!(french.samples, model.speak(&request("anna"), &NoControl).unwrap().samples);
    refused(model.speak(&request("anna@xx"), &NoControl), ErrorKind::InvalidRequest, "does not speak `xx`");
    refused(model.speak(&request("anna@de"), &NoControl), ErrorKind::ModelCorrupt, "[de]");
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    let plain = said("Hello there", "anna");
    let mut wrong = |request: ClonedSpeechRequest, named: &str| {
        refused(model.speak_as(&request, None, &NoControl), ErrorKind::InvalidRequest, named);
    };
    wrong(ClonedSpeechRequest { speed: 0.1, ..plain.clone() }, "0.5 to 2.0");
    wrong(ClonedSpeechRequest { speed: f32::NAN, ..plain.clone() }, "0.5 to 2.0");
    wrong(ClonedSpeechRequest { temperature: Some(9.0), ..plain.clone() }, "0.05 to 2.0");
    wrong(said("?!", "anna"), "nothing to say");
    wrong(said(&"word ".repeat(250_000), "anna"), "split it");
    let language = Some("tlh".to_owned());
    wrong(ClonedSpeechRequest { language, ..plain }, "does not speak `tlh`");
}

#[test]
fn a_part_whose_words_are_longer_than_its_figures_is_cut_again() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    // 240 letters, but 720 tokens once it is read.
    let text = "7 ".repeat(120);
    let mut chunks = 0;
    let mut chunk = |_: &[f32]| chunks += 1;
    let speech = model.speak_as(&said(&text, "anna"), Some(&mut chunk), &NoControl).unwrap();
    assert!(chunks >= 2 && speech.words.len() == 120, "{chunks}");
}

#[test]
fn it_stops_when_told_to() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    let steps = AtomicU64::new(0);
    let third = |progress: Progress| {
        steps.fetch_add(1, Ordering::Relaxed);
        if progress.done == 3 { Verdict::Cancel } else { Verdict::Continue }
    };
    refused(model.speak_as(&said("Hello there", "anna"), None, &third), ErrorKind::Cancelled, "cancelled");
    assert_eq!(steps.into_inner(), 4);
    let at_once = |_: Progress| Verdict::Cancel;
    refused(model.clone_voice(&request("berta"), &at_once), ErrorKind::Cancelled, "cancelled");
    assert_eq!(model.profiles().unwrap().len(), 1);
}

#[test]
fn a_voice_of_another_model_or_damaged_is_refused_by_name() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    let mut other =
        Xtts::open("xtts-other", home.folder.path(), &home.path("voices"), Target::CPU, 2).unwrap();
    refused(
        other.speak_as(&said("Hi", "anna"), None, &NoControl),
        ErrorKind::InvalidRequest,
        "cloned with xtts-v2",
    );
    let file = home.path("voices").join("anna.safetensors");
    let whole = std::fs::read(&file).unwrap();
    let mut speak = |bytes: &[u8], name: &str, named: &str| {
        std::fs::write(home.path("voices").join(format!("{name}.safetensors")), bytes).unwrap();
        refused(model.speak_as(&said("Hi", name), None, &NoControl), ErrorKind::ModelCorrupt, named);
    };
    speak(&whole, "berta", "another voice");
    speak(&whole[..whole.len() - 4], "anna", "anna.safetensors");
    let last = whole.len() - 4;
    speak(&[&whole[..last], &f32::NAN.to_le_bytes()].concat(), "anna", "no number");
    speak(b"PK\x03\x04 what torch.save writes", "anna", "pickle");
    let at = whole.windows(7).position(|part| part == b"I agree").expect("the statement is in the file");
    let mut silent = whole.clone();
    silent[at..at + 46].fill(b' ');
    speak(&silent, "anna", "no consent");
}

#[test]
fn a_pickle_or_a_damaged_model_is_refused_naming_the_way_out() {
    let home = Home::new();
    let weights = home.path("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::remove_file(&weights).unwrap();
    refused(home.open(), ErrorKind::ModelMissing, "no such file");
    std::fs::write(home.path("model.pth"), b"PK\x03\x04").unwrap();
    refused(home.open(), ErrorKind::ModelMissing, "scripts/convert/xtts.py");
    std::fs::write(&weights, b"PK\x03\x04 what torch.save writes").unwrap();
    refused(home.open(), ErrorKind::ModelCorrupt, "pickle");
    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    refused(home.open(), ErrorKind::ModelCorrupt, "model.safetensors");
    let opened = reelsmith_inference::xtts::checkpoint::open(Path::new("model.pth"));
    refused(opened, ErrorKind::ModelCorrupt, "scripts/convert/xtts.py");
}

#[test]
fn tensors_that_are_missing_of_another_shape_or_no_numbers_are_told() {
    let home = Home::new();
    let case = cases("xtts").into_iter().next().unwrap();
    let weights = home.path("model.safetensors");
    let mut tensors = checkpoint(&case);
    let norm = tensors.take("gpt.final_norm.weight");
    tensors.write(&weights);
    refused(home.open(), ErrorKind::ModelCorrupt, "`gpt.final_norm.weight` [64] is missing");
    tensors.floats("gpt.final_norm.weight", &[32], &[1.0; 32]);
    tensors.write(&weights);
    refused(home.open(), ErrorKind::ModelCorrupt, "[32] where [64] is needed");
    tensors.put("gpt.final_norm.weight", norm);
    tensors.floats("gpt.mel_head.bias", &[50], &[f32::NAN; 50]);
    tensors.write(&weights);
    let mut model = home.open().unwrap();
    model.clone_voice(&request("anna"), &NoControl).unwrap();
    refused(model.speak_as(&said("Hi", "anna"), None, &NoControl), ErrorKind::ModelCorrupt, "damaged");
    let config = std::fs::read_to_string(home.path("config.json")).unwrap();
    for (from, to, named) in [
        ("\"gpt_layers\":2", "\"gpt_layers\":0", "gpt_layers"),
        ("\"gpt_n_heads\":4", "\"gpt_n_heads\":5", "gpt_n_heads"),
        ("\"gpt_use_perceiver_resampler\":true", "\"gpt_use_perceiver_resampler\":false", "version 2"),
        ("\"gpt_layers\":2", "\"gpt_layers\":3", "gpt.gpt.h.2"),
    ] {
        std::fs::write(home.path("config.json"), config.replace(from, to)).unwrap();
        refused(home.open(), ErrorKind::ModelCorrupt, named);
    }
}

#[test]
fn a_sample_at_any_rate_is_the_same_voice() {
    let home = Home::new();
    let mut model = home.open().unwrap();
    let mut latents = Vec::new();
    for (name, rate) in [("low", 24_000), ("high", 48_000)] {
        let request = CloneRequest { sample: speech(4.0, rate), ..request(name) };
        model.clone_voice(&request, &NoControl).unwrap();
        let profiles = reelsmith_inference::xtts::profiles::Profiles::new(home.path("voices"));
        latents.push(profiles.get(name).unwrap().1.speaker);
    }
    let dot: f32 = latents[0].iter().zip(&latents[1]).map(|(a, b)| a * b).sum();
    assert!(dot > 0.9, "{dot}");
}
