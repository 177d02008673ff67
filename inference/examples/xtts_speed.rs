//! How fast XTTS-v2 speaks: real-time factor and time to the first chunk, on a model of true size.
//!
//! ```text
//! python benches/peers/xtts_coqui.py FOLDER     # random weights of true size, and coqui-tts' own times
//! cargo run --example xtts_speed -- ONNXRUNTIME_LIBRARY FOLDER [CODES] [THREADS]
//! ```

use reelsmith_graph::Target;
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference::xtts::checkpoint;
use reelsmith_inference::xtts::clone::{Listener, Voiceprint};
use reelsmith_inference::xtts::config::XttsConfig;
use reelsmith_inference::xtts::generate::Gpt;
use reelsmith_inference::xtts::render::{Chunks, OVERLAP, Renderer};
use reelsmith_inference::xtts::sampler::Sampling;
use reelsmith_inference::xtts::vocoder::SAMPLE_RATE;
use reelsmith_inference_core::{NoControl, Result};
use std::path::Path;
use std::time::Instant;

/// Codes between two chunks.
const CHUNK: usize = 20;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [library, folder, rest @ ..] = given.as_slice() else {
        return Err("usage: xtts_speed ONNXRUNTIME_LIBRARY FOLDER [CODES] [THREADS]".into());
    };
    let number = |n: usize, usual: usize| rest.get(n).map_or(Ok(usual), |text| text.parse::<usize>());
    let (codes, threads) = (number(0, 100)?, number(1, 2)?);
    load_onnxruntime(Path::new(library))?;
    let json = std::fs::read_to_string(Path::new(folder).join("config.json"))?;
    let config = XttsConfig::parse(&json, "config.json")?;
    let weights = checkpoint::open(&Path::new(folder).join("model.safetensors"))?;
    let begin = Instant::now();
    let mut gpt = Gpt::open(&config, &weights, Target::CPU, threads)?;
    let mut renderer = Renderer::open(&config, &weights, Target::CPU, threads)?;
    println!("opened in {:.2} s", begin.elapsed().as_secs_f64());
    let voice = Voiceprint {
        latents: (0..32 * config.width).map(|n| (n as f32 * 0.37).sin() * 0.1).collect(),
        speaker: (0..512).map(|n| (n as f32 * 0.91).sin() / 16.0).collect(),
    };
    for _ in 0..3 {
        let before = processor_seconds()?;
        let Spoken { first, codes: coding, total, seconds } = speak(&mut gpt, &mut renderer, &voice, codes)?;
        let processor = processor_seconds()? - before;
        println!(
            "streamed: first chunk {first:.2} s, {total:.2} s ({coding:.2} s of it codes; {processor:.2} s of processor) \
             for {seconds:.2} s of speech, real-time factor {:.2}",
            total / seconds
        );
    }
    let mut listener = Listener::open(&config, &weights, Target::CPU, threads)?;
    let sample: Vec<f32> = (0..12 * 22_050).map(|n| (n as f32 * 0.05).sin() * 0.3).collect();
    for _ in 0..2 {
        let begin = Instant::now();
        listener.listen(&sample, 22_050, &NoControl)?;
        println!("a voice of 12 s in {:.2} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Seconds of processor time that this process took, which a busy machine changes less than the clock (proc(5): fields
/// 14 and 15, in hundredths of a second).
fn processor_seconds() -> std::result::Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<std::result::Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// Seconds that a run took.
struct Spoken {
    /// To the first chunk.
    first: f64,
    /// For all codes.
    codes: f64,
    /// In all.
    total: f64,
    /// Of speech.
    seconds: f64,
}

fn speak(gpt: &mut Gpt, renderer: &mut Renderer, voice: &Voiceprint, codes: usize) -> Result<Spoken> {
    let text: Vec<u32> = (0..40).map(|n| n % 200 + 5).collect();
    let sampling =
        Sampling { temperature: Some(0.75), top_k: 50, top_p: 0.85, repetition_penalty: 10.0, seed: 0 };
    let begin = Instant::now();
    let (mut first, mut samples, mut coding) = (None, 0, 0.0);
    let mut made = gpt.say(voice, &text, sampling)?;
    let mut chunks = Chunks::new(1.0, OVERLAP);
    while made.codes.len() < codes {
        let step = Instant::now();
        if !made.step()? {
            break;
        }
        coding += step.elapsed().as_secs_f64();
        if made.codes.len().is_multiple_of(CHUNK) {
            samples += chunks.next(renderer, &made.latents, voice, false)?.len();
            first.get_or_insert_with(|| begin.elapsed().as_secs_f64());
        }
    }
    samples += chunks.next(renderer, &made.latents, voice, true)?.len();
    let total = begin.elapsed().as_secs_f64();
    let seconds = samples as f64 / f64::from(SAMPLE_RATE);
    Ok(Spoken { first: first.unwrap_or(total), codes: coding, total, seconds })
}
