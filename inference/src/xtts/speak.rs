//! The capability: voices cloned and kept, texts spoken whole and in chunks.

use super::checkpoint;
use super::clone::{Listener, Voiceprint};
use super::config::XttsConfig;
use super::generate::Gpt;
use super::profiles::{Profiles, check_consent, check_name, taken};
use super::render::{Chunks, OVERLAP, Renderer};
use super::sample;
use super::sampler::Sampling;
use super::text::language::Language;
use super::text::{Part, Tokenizer};
use super::vocoder::SAMPLE_RATE;
use super::words::Words;
use crate::network::Processor;
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::cloning::{
    ChunkSink, CloneRequest, CloneVoice, ClonedSpeechRequest, VoiceProfile,
};
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, Voice};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Progress, Result, Verdict};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Codes between two chunks (`inference_stream`): nearly a second of speech.
const CHUNK: usize = 20;
/// Files of a model's folder.
const FILES: [&str; 3] = ["config.json", "vocab.json", "model.safetensors"];
/// The most speech of one request, in minutes, and letters of text that take a second at the usual speed.
const MOST_MINUTES: f64 = 75.0;
const LETTERS_A_SECOND: f64 = 14.0;
/// What a run takes beside the weights and the cache: the vocoder's widest layers over a window.
const PEAK: u64 = 600_000_000;

/// XTTS-v2 with the voices that were cloned with it.
pub struct Xtts {
    name: String,
    config: XttsConfig,
    weights: Weights,
    tokenizer: Tokenizer,
    gpt: Gpt,
    renderer: Renderer,
    /// Opened when the first voice is cloned.
    listener: Option<Listener>,
    profiles: Profiles,
    target: Target,
    processor: Processor,
}

/// What the model in `folder` takes, by its headers.
///
/// # Errors
/// As [`Xtts::open`].
pub fn footprint(folder: &Path) -> Result<Footprint> {
    let [config, _, weights] = FILES.map(|file| folder.join(file));
    Ok(needs(&read(&config)?, &checkpoint::open(&weights)?))
}

fn needs(config: &XttsConfig, weights: &Weights) -> Footprint {
    let places = (config.text_places() + config.audio_places()) as u64;
    // Keys and values of every layer, as a step takes them and as it gives them.
    let cache = 4 * 4 * (config.layers * config.width) as u64 * places;
    let weights = weights.iter().map(|(_, tensor)| tensor.count() * 4).sum();
    Footprint { weights, peak_activation: cache + PEAK }
}

fn read(config: &Path) -> Result<XttsConfig> {
    let json = std::fs::read_to_string(config).map_err(|error| {
        let message = format!("{} cannot be read; fetch the model again", config.display());
        InferenceError::new(ErrorKind::ModelMissing, message).with_source(error)
    })?;
    XttsConfig::parse(&json, &config.display().to_string())
}

impl Xtts {
    /// Opens the model in `folder` (`config.json`, `vocab.json`, and the converted `model.safetensors`), called `name`
    /// in the profiles of its voices, which lie in `voices`.
    ///
    /// # Errors
    /// `ModelMissing`, or `ModelCorrupt` naming the file, key or tensor that is wrong, or the conversion that is still
    /// to be made; `RuntimeMissing`, `OutOfMemory` or `Engine`.
    pub fn open(
        name: &str,
        folder: &Path,
        voices: &Path,
        target: Target,
        processor: impl Into<Processor>,
    ) -> Result<Self> {
        let processor = processor.into();
        let [config, vocabulary, weights] = FILES.map(|file| folder.join(file));
        let config = read(&config)?;
        let tokenizer = Tokenizer::open(&vocabulary, config.text_tokens)?;
        let weights = checkpoint::open(&weights)?;
        Ok(Self {
            gpt: Gpt::open(&config, &weights, target, processor)?,
            renderer: Renderer::open(&config, &weights, target, processor)?,
            name: name.to_owned(),
            listener: None,
            profiles: Profiles::new(voices),
            config,
            weights,
            tokenizer,
            target,
            processor,
        })
    }

    fn sampling(&self, request: &ClonedSpeechRequest) -> Result<Sampling> {
        let invalid = |message: String| Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        if !(0.5..=2.0).contains(&request.speed) {
            return invalid(format!("the speed is {}; it goes from 0.5 to 2.0", request.speed));
        }
        let usual = self.config.sampling;
        let temperature = request.temperature.unwrap_or(usual.temperature);
        if request.temperature.is_some_and(|temperature| !(0.05..=2.0).contains(&temperature)) {
            return invalid(format!("the temperature is {temperature}; it goes from 0.05 to 2.0"));
        }
        Ok(Sampling {
            temperature: Some(temperature),
            top_k: usual.top_k,
            top_p: usual.top_p,
            repetition_penalty: usual.repetition_penalty,
            seed: request.seed,
        })
    }

    /// The voice of a request and the language that it speaks.
    fn voice(&self, request: &ClonedSpeechRequest) -> Result<(Voiceprint, Language)> {
        let (profile, voice) = self.profiles.get(&request.voice)?;
        if profile.model != self.name {
            let message = format!(
                "the voice `{}` was cloned with {}, not with {}; clone it again",
                profile.name, profile.model, self.name
            );
            return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        }
        let language = Language::parse(request.language.as_deref().unwrap_or(&profile.language))?;
        Ok((voice, language))
    }

    /// One part, given to `heard` chunk by chunk; `said` codes were made before it.
    fn part(
        &mut self,
        (part, voice): (&Part, &Voiceprint),
        (sampling, speed): (Sampling, f64),
        said: &mut u64,
        heard: &mut ChunkSink<'_>,
        control: &dyn Control,
    ) -> Result<()> {
        let Self { gpt, renderer, .. } = self;
        let mut codes = gpt.say(voice, &part.tokens, sampling)?;
        let mut chunks = Chunks::new(speed, OVERLAP);
        loop {
            if control.step(Progress { done: *said, total: None, unit: "codes" }) == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
            if !codes.step()? {
                break;
            }
            *said += 1;
            if codes.codes.len().is_multiple_of(CHUNK) {
                heard(&chunks.next(renderer, &codes.latents, voice, false)?);
            }
        }
        heard(&chunks.next(renderer, &codes.latents, voice, true)?);
        Ok(())
    }
}

impl CloneVoice for Xtts {
    fn clone_voice(&mut self, request: &CloneRequest, control: &dyn Control) -> Result<VoiceProfile> {
        let consent = check_consent(request.consent.as_ref())?;
        check_name(&request.name)?;
        let language = Language::parse(&request.language)?;
        if self.profiles.has(&request.name) {
            return Err(taken(&request.name));
        }
        let sample_seconds = sample::check(&request.sample)?;
        self.weights.unchanged()?;
        let listener = match self.listener.take() {
            Some(listener) => self.listener.insert(listener),
            None => {
                let opened = Listener::open(&self.config, &self.weights, self.target, self.processor)?;
                self.listener.insert(opened)
            }
        };
        let voice = listener.listen(&request.sample.samples, request.sample.sample_rate, control)?;
        let profile = VoiceProfile {
            name: request.name.clone(),
            language: language.code().to_owned(),
            model: self.name.clone(),
            sample_sha256: sha256(&request.sample.samples),
            sample_seconds,
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            consent: consent.clone(),
        };
        self.profiles.keep(&profile, &voice)?;
        Ok(profile)
    }

    fn profiles(&self) -> Result<Vec<VoiceProfile>> {
        self.profiles.all()
    }

    fn remove_profile(&mut self, name: &str) -> Result<()> {
        self.profiles.remove(name)
    }

    fn footprint(&self, request: &ClonedSpeechRequest) -> Footprint {
        let loaded = needs(&self.config, &self.weights);
        let seconds = seconds_of(request).min(MOST_MINUTES * 60.0);
        let sound = seconds * f64::from(SAMPLE_RATE) * size_of::<f32>() as f64;
        Footprint { peak_activation: loaded.peak_activation + sound as u64, ..loaded }
    }

    fn speak_as(
        &mut self,
        request: &ClonedSpeechRequest,
        mut chunks: Option<&mut ChunkSink<'_>>,
        control: &dyn Control,
    ) -> Result<Speech> {
        let sampling = self.sampling(request)?;
        if seconds_of(request) > MOST_MINUTES * 60.0 {
            return Err(too_long());
        }
        let (voice, language) = self.voice(request)?;
        let parts = self.tokenizer.parts(&request.text, language, self.config.most_text)?;
        self.weights.unchanged()?;
        let mut samples: Vec<f32> = Vec::new();
        let mut words = Words::of(&request.text);
        let mut said = 0;
        for (n, part) in parts.iter().enumerate() {
            let start = samples.len();
            let mut heard = |chunk: &[f32]| {
                samples.extend(chunk);
                if let Some(chunks) = chunks.as_mut() {
                    chunks(chunk);
                }
            };
            // Each part its own draws, so that a text's first sentence does not depend on how long the text is.
            let sampling = Sampling { seed: sampling.seed.wrapping_add(n as u64), ..sampling };
            let speed = f64::from(request.speed);
            self.part((part, &voice), (sampling, speed), &mut said, &mut heard, control)?;
            words.spread(&part.text, start..samples.len());
            if samples.len() as f64 > MOST_MINUTES * 60.0 * f64::from(SAMPLE_RATE) {
                return Err(too_long());
            }
        }
        Ok(Speech { samples, sample_rate: SAMPLE_RATE, words: words.finish(SAMPLE_RATE) })
    }
}

impl Speak for Xtts {
    fn voices(&self) -> Vec<Voice> {
        let profiles = self.profiles.all().unwrap_or_default();
        profiles.into_iter().map(|profile| Voice { name: profile.name, language: profile.language }).collect()
    }

    fn footprint(&self, request: &SpeakRequest) -> Footprint {
        CloneVoice::footprint(self, &cloned(request))
    }

    /// The voice may be followed by `@` and a language that it is to speak: `anna@fr`.
    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        self.speak_as(&cloned(request), None, control)
    }

    fn speak_to(
        &mut self,
        request: &SpeakRequest,
        take: &mut dyn FnMut(&[f32]),
        control: &dyn Control,
    ) -> Result<Speech> {
        self.speak_as(&cloned(request), Some(take), control)
    }

    fn cloner(&mut self) -> Option<&mut dyn CloneVoice> {
        Some(self)
    }
}

fn cloned(request: &SpeakRequest) -> ClonedSpeechRequest {
    let (voice, language) = match request.voice.split_once('@') {
        Some((voice, language)) => (voice, Some(language.to_owned())),
        None => (&*request.voice, None),
    };
    let (text, voice) = (request.text.clone(), voice.to_owned());
    ClonedSpeechRequest { text, voice, language, speed: request.speed, seed: 0, temperature: None }
}

/// About how long it takes to say the text.
fn seconds_of(request: &ClonedSpeechRequest) -> f64 {
    request.text.chars().count() as f64 / (LETTERS_A_SECOND * f64::from(request.speed).clamp(0.5, 2.0))
}

fn too_long() -> InferenceError {
    let message =
        format!("the text takes more than {MOST_MINUTES} minutes to say, the most for one request: split it");
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

fn sha256(samples: &[f32]) -> String {
    let mut hash = Sha256::new();
    samples.iter().for_each(|sample| hash.update(sample.to_le_bytes()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
