use crate::support::cases::{Case, cases, relative_error};
use crate::{Model, sample};
use reelsmith_graph::Target;
use reelsmith_inference::xtts::clone::{Listener, Voiceprint};
use reelsmith_inference::xtts::generate::Gpt;
use reelsmith_inference::xtts::mel::Mel;
use reelsmith_inference::xtts::render::{Chunks, Renderer};
use reelsmith_inference::xtts::resample::resample;
use reelsmith_inference::xtts::sampler::Sampling;
use reelsmith_inference::xtts::vocoder::Rows;
use reelsmith_inference_core::NoControl;

/// The bar for everything.
const BAR: f32 = 1e-4;

/// With fused operators and with the standard's alone.
const TARGETS: [Target; 2] = [Target::CPU, Target::PLAIN];

fn assert_close(case: &Case, what: &str, got: &[f32], expected: &str) {
    let error = relative_error(got, &case.floats(expected));
    println!("{} {what}: {error:e}", case.name);
    assert!(error <= BAR, "{} {what}: {error:e} ({} numbers)", case.name, got.len());
}

fn voice(case: &Case) -> Voiceprint {
    Voiceprint { latents: case.floats("conditioning"), speaker: case.floats("speaker") }
}

fn greedy(case: &Case) -> Sampling {
    let repetition_penalty = case.number("/penalty") as f32;
    Sampling { temperature: None, top_k: 1, top_p: 1.0, repetition_penalty, seed: 0 }
}

fn text(case: &Case) -> Vec<u32> {
    case.integers("text").iter().map(|token| *token as u32).collect()
}

#[test]
fn a_sample_is_heard_as_torchaudio_and_coqui_hear_it() {
    for case in cases("xtts") {
        let model = Model::of(&case);
        let (samples, rate) = sample(&case);
        let heard = resample(&samples, rate, 22_050);
        assert_close(&case, "resampled", &heard[..4000], "resampled");
        let statistics = model.weights.get("mel_stats").unwrap().numbers().unwrap();
        let (rows, frames) = Mel::conditioning().normalised(&heard, &statistics);
        let planes = Rows { width: 80, data: rows }.planes(0..frames);
        assert_close(&case, "mel", &planes, "mel");
        let bins = Mel::speaker().emphasised(&resample(&heard, 22_050, 16_000));
        assert_close(&case, "filter bank", &bins.concat(), "filterbank");
    }
}

#[test]
fn a_voice_is_what_coqui_makes_of_the_sample() {
    for case in cases("xtts") {
        let mut model = Model::of(&case);
        model.config.conditioning = [30.0, 1.0];
        let (samples, rate) = sample(&case);
        for target in TARGETS {
            let mut listener = Listener::open(&model.config, &model.weights, target, 2).unwrap();
            let voice = listener.listen(&samples, rate, &NoControl).unwrap();
            assert_close(&case, "conditioning", &voice.latents, "conditioning");
            assert_close(&case, "speaker", &voice.speaker, "speaker");
        }
    }
}

#[test]
fn the_likeliest_codes_and_their_latents_are_coquis() {
    for case in cases("xtts") {
        let model = Model::of(&case);
        for target in TARGETS {
            let mut gpt = Gpt::open(&model.config, &model.weights, target, 2).unwrap();
            let mut codes = gpt.say(&voice(&case), &text(&case), greedy(&case)).unwrap();
            while codes.step().unwrap() {}
            let made: Vec<i64> = codes.codes.iter().map(|code| i64::from(*code)).collect();
            assert_eq!(made, case.integers("codes"), "{}", case.name);
            assert_close(&case, "latents", &codes.latents.data, "latents");
        }
    }
}

#[test]
fn latents_sound_as_coquis_vocoder_lets_them_sound_at_any_speed() {
    for case in cases("xtts") {
        let model = Model::of(&case);
        let latents = Rows { width: model.config.width, data: case.floats("latents") };
        let mut renderer = Renderer::open(&model.config, &model.weights, Target::CPU, 2).unwrap();
        let sound = renderer.whole(&latents, &voice(&case), 1.0).unwrap();
        assert_close(&case, "sound", &sound, "wav");
        let slow = renderer.whole(&latents, &voice(&case), 0.8).unwrap();
        assert_close(&case, "slow", &slow[..6000], "slow");
    }
}

#[test]
fn chunks_are_those_that_coqui_streams() {
    for case in cases("xtts") {
        let model = Model::of(&case);
        let voice = voice(&case);
        let mut gpt = Gpt::open(&model.config, &model.weights, Target::CPU, 2).unwrap();
        let mut renderer = Renderer::open(&model.config, &model.weights, Target::CPU, 2).unwrap();
        let mut codes = gpt.say(&voice, &text(&case), greedy(&case)).unwrap();
        let mut chunks = Chunks::new(1.0, case.number("/overlap") as usize);
        let (mut sound, mut lengths) = (Vec::new(), Vec::new());
        let mut add = |chunk: Vec<f32>| {
            lengths.push(chunk.len());
            sound.extend(chunk);
        };
        while codes.step().unwrap() {
            if codes.codes.len().is_multiple_of(case.number("/chunk") as usize) {
                add(chunks.next(&mut renderer, &codes.latents, &voice, false).unwrap());
            }
        }
        add(chunks.next(&mut renderer, &codes.latents, &voice, true).unwrap());
        let expected: Vec<usize> = serde_json::from_value(case.json["chunks"].clone()).unwrap();
        assert_eq!(lengths, expected, "{}", case.name);
        assert_close(&case, "streamed", &sound, "streamed");
    }
}
