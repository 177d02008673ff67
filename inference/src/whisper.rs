//! Whisper (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022): speech to text, tiny to
//! large-v3 and turbo, from the published safetensors or CTranslate2's form of them.
//!
//! Sound is read in blocks; a voice detector lets only speech through; windows of half a minute become spectrograms,
//! which the encoder hears once and the decoder writes down, token by token; times of words come from the decoder's
//! attention to the sound.

mod attempt;
pub mod checkpoint;
pub mod config;
pub(crate) mod files;
mod fit;
pub mod graph;
pub mod mel;
mod memory;
pub mod model;
pub mod rules;
mod run;
pub mod search;
mod segments;
mod speech;
pub mod tokenizer;
pub mod words;

use crate::folder;
use crate::network::Processor;
use crate::vad::Vad;
use checkpoint::Checkpoint;
use mel::{HOP, LogMel};
use model::{Networks, Sound};
pub use reelsmith_graph::Target;
use reelsmith_inference_core::transcribe::{
    Task, Transcribe, TranscribeOptions, TranscribeRequest, Transcript,
};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Result};
use rules::Rules;
use run::Run;
use speech::Speech;
use std::path::Path;
use tokenizer::Tokenizer;

/// The most texts followed or drawn, and the most windows decoded at a time.
pub const MOST_TEXTS: u32 = 16;
/// See [`MOST_TEXTS`].
pub const MOST_BATCH: u32 = 32;
/// The most temperatures.
const MOST_TEMPERATURES: usize = 16;

/// Whether the folder holds a model of Whisper: CTranslate2's `model.bin`, or a `config.json` of transformers' that
/// says so.
pub fn is_model(folder: &Path) -> bool {
    if folder.join("model.bin").is_file() {
        return folder.join("tokenizer.json").is_file();
    }
    folder::config(folder).is_some_and(|config| config["model_type"] == "whisper")
}

/// What the model of the folder takes on `target`, by its headers: loaded, and for one window followed by some texts.
///
/// # Errors
/// `ModelMissing` or `ModelCorrupt`.
pub fn footprint(folder: &Path, target: Target) -> Result<Footprint> {
    let Checkpoint { config, weights, .. } = Checkpoint::open(folder)?;
    let options = TranscribeOptions::default();
    let peak = memory::peak(&config, &options).max(memory::loading(&weights, target));
    Ok(Footprint { weights: memory::resident(&weights, target), peak_activation: peak })
}

/// A loaded recogniser.
pub struct Whisper {
    networks: Networks,
    tokenizer: Tokenizer,
    mel: LogMel,
    rules: Rules,
    vad: Option<Vad>,
    weights: u64,
}

impl Whisper {
    /// Loads the model of the folder `model`, and the voice detector of the file `vad` if there is one; runs are split
    /// over `threads` threads.
    ///
    /// # Errors
    /// `ModelMissing` or `ModelCorrupt` naming the file; `RuntimeMissing` before ONNX Runtime was loaded,
    /// `OutOfMemory`, or `Engine`.
    pub fn open(model: &Path, vad: Option<&Path>, threads: usize) -> Result<Self> {
        Self::open_for(model, vad, threads, Target::CPU)
    }

    /// The same for `target`, which must be a CPU: [`Target::CPU`], or [`Target::CPU_8_BIT`] for products in 8 bits.
    ///
    /// # Errors
    /// As [`Whisper::open`].
    pub fn open_for(model: &Path, vad: Option<&Path>, threads: usize, target: Target) -> Result<Self> {
        let Checkpoint { config, weights, tokenizer, alignment_heads, suppressed } = Checkpoint::open(model)?;
        let processor = Processor::from(threads);
        let networks = Networks::open(&config, &weights, &alignment_heads, target, processor)?;
        let rules = Rules::new(&tokenizer, &suppressed);
        let vad = vad.map(Vad::open).transpose()?;
        let weights = memory::resident(&weights, target);
        Ok(Self { networks, mel: LogMel::new(config.num_mel_bins), tokenizer, rules, vad, weights })
    }

    /// Samples of a window.
    fn window(&self) -> usize {
        self.networks.config().frames() * HOP
    }

    /// The language of a window, and how likely it is.
    fn detect(&mut self, sound: &Sound) -> Result<(String, f32)> {
        let special = self.tokenizer.special();
        if !self.networks.config().is_multilingual() || special.languages.is_empty() {
            return Ok(("en".to_owned(), 1.0));
        }
        let mut cache = self.networks.begin(1);
        let sound = sound.chosen(&[0]);
        let logits = self.networks.step(&sound, &mut cache, &[vec![special.start]], &[0])?.logits.data;
        let logit = |id: u32| logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        let languages = &self.tokenizer.special().languages;
        let most = languages.iter().map(|(_, id)| logit(*id)).fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = languages.iter().map(|(_, id)| (logit(*id) - most).exp()).sum();
        let best = languages.iter().find(|(_, id)| logit(*id) == most);
        Ok((best.map_or("en", |(code, _)| code).to_owned(), 1.0 / sum))
    }

    fn check(&self, options: &TranscribeOptions) -> Result<()> {
        let refused = |message: String| Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        let counts = [("beams", options.beams, MOST_TEXTS), ("best_of", options.best_of, MOST_TEXTS)];
        for (name, value, most) in counts.into_iter().chain([("batch", options.batch, MOST_BATCH)]) {
            if !(1..=most).contains(&value) {
                return refused(format!("`{name}` is {value}; expected 1 to {most}"));
            }
        }
        let temperatures = &options.temperatures;
        let good = |temperature: &f32| (0.0..=2.0).contains(temperature);
        if temperatures.is_empty() || temperatures.len() > MOST_TEMPERATURES || !temperatures.iter().all(good)
        {
            return refused(format!(
                "`temperatures` are {temperatures:?}; expected 1 to {MOST_TEMPERATURES}, each 0 to 2"
            ));
        }
        let bounds = [options.compression_ratio, options.log_probability, options.no_speech];
        if bounds.iter().any(|bound| bound.is_nan()) {
            return refused("a threshold is no number".to_owned());
        }
        if options.voice_only && self.vad.is_none() {
            return refused("there is no voice detector; ask without `voice_only`".to_owned());
        }
        let multilingual = self.networks.config().is_multilingual();
        if options.task == Task::Translate && !multilingual {
            return refused("this model knows only English; translating takes a multilingual one".to_owned());
        }
        match &options.language {
            Some(code) if !self.languages().contains(code) => refused(format!(
                "`{code}` is no language of this model; it knows {}",
                self.languages().join(", ")
            )),
            _ => Ok(()),
        }
    }
}

impl Transcribe for Whisper {
    fn languages(&self) -> Vec<String> {
        match self.networks.config().is_multilingual() {
            true => self.tokenizer.special().languages.iter().map(|(code, _)| code.clone()).collect(),
            false => vec!["en".to_owned()],
        }
    }

    fn footprint(&self, request: &TranscribeRequest) -> Footprint {
        let peak = memory::peak(self.networks.config(), &request.options);
        Footprint { weights: self.weights, peak_activation: peak }
    }

    fn transcribe(&mut self, request: &TranscribeRequest, control: &dyn Control) -> Result<Transcript> {
        let options = &request.options;
        self.check(options)?;
        let mut source = request.sound.open();
        // The detector is lent to the speech for the time of the run.
        let mut vad = self.vad.take();
        let given = options.language.clone();
        let transcript = Transcript {
            language_probability: if given.is_some() { 1.0 } else { 0.0 },
            language: given,
            ..Transcript::default()
        };
        let mut run = Run {
            whisper: self,
            options,
            control,
            transcript,
            written: Vec::new(),
            last_end: 0.0,
            windows: 0,
        };
        let done = Speech::new(source.as_mut(), vad.as_mut().filter(|_| options.voice_only))
            .and_then(|mut speech| run.all(&mut speech));
        let (transcript, windows) = (run.transcript, run.windows);
        self.vad = vad;
        if windows > 0 {
            // What was written down is not lost where this fails.
            let _ = self.networks.give_back();
        }
        done.map(|()| transcript)
    }
}
