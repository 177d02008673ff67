//! Audio codes one by one, and the latents that the vocoder makes sound of.
//!
//! Upstream runs the GPT a second time over all codes to get the latents (`Xtts.inference`), and takes those that
//! come with the codes only when it streams (`inference_stream`). A token sees nothing after it, so both are the same
//! numbers; here the second run is left out.

use super::clone::Voiceprint;
use super::condition::COUNT;
use super::config::XttsConfig;
use super::gpt::{self, Embeddings};
use super::sampler::{Sampler, Sampling};
use super::vocoder::Rows;
use crate::network::kept::Kept;
use crate::network::{Feed, Network, Processor};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// The token that upstream's stand-in for the prompt is made of, whose score is therefore always penalised
/// (`GPT.compute_embeddings`).
const STAND_IN: u32 = 1;

/// A GPT that is ready to run.
pub struct Gpt {
    network: Network,
    embeddings: Embeddings,
    config: XttsConfig,
    past: Vec<String>,
    now: Vec<String>,
}

impl Gpt {
    /// Opens the GPT of `weights`, whose files must not change while this lives.
    ///
    /// # Errors
    /// `ModelCorrupt` naming a tensor, `RuntimeMissing`, `OutOfMemory` or `Engine`.
    pub fn open(
        config: &XttsConfig,
        weights: &Weights,
        target: Target,
        processor: impl Into<Processor>,
    ) -> Result<Self> {
        let model = gpt::gpt(config, weights, target)?;
        Ok(Self {
            network: Network::open_in_place("GPT", &model, processor)?,
            embeddings: Embeddings::open(config, weights)?,
            past: gpt::cache("past", config.layers),
            now: gpt::cache("now", config.layers),
            config: config.clone(),
        })
    }

    /// Begins to say `text`, tokens without marks, as `voice`.
    ///
    /// # Errors
    /// `InvalidRequest` for more tokens than the model takes, or a voice of another model; `ModelCorrupt`.
    pub fn say(&mut self, voice: &Voiceprint, text: &[u32], sampling: Sampling) -> Result<Codes<'_>> {
        let config = &self.config;
        if text.len() >= config.most_text {
            let message = format!(
                "a sentence of {} tokens; the model takes {}: split it",
                text.len(),
                config.most_text - 1
            );
            return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        }
        if voice.latents.len() != COUNT * config.width {
            let message = "the voice was cloned with another model; clone it again with this one";
            return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        }
        let [start, stop] = config.text_marks;
        let marked: Vec<u32> = [&[start], text, &[stop]].concat();
        let mut embedded = voice.latents.clone();
        embedded.extend(self.embeddings.text(&marked)?);
        embedded.extend(self.embeddings.audio(config.audio_marks[0], 0)?);
        let empty = [config.heads, 0, config.width / config.heads];
        let past = Kept::empty(2 * config.layers, &empty)?;
        let sampler = Sampler::new(sampling, config.audio_tokens, &[STAND_IN, config.audio_marks[0]]);
        let latents = Rows { width: config.width, data: Vec::new() };
        Ok(Codes { gpt: self, past: Some(past), embedded, sampler, latents, codes: Vec::new() })
    }
}

/// Codes of one text as they come.
pub struct Codes<'a> {
    gpt: &'a mut Gpt,
    /// `None` once all is said.
    past: Option<Kept>,
    embedded: Vec<f32>,
    sampler: Sampler,
    /// One row a code, the stop mark's included.
    pub latents: Rows,
    /// All so far; the last is the stop mark if the model ended by itself.
    pub codes: Vec<u32>,
}

impl Codes<'_> {
    /// Makes one more code; `false` once the model ended, or was made to after as many as it can.
    ///
    /// # Errors
    /// `OutOfMemory`, `Engine`, or `ModelCorrupt` for weights that are no numbers.
    pub fn step(&mut self) -> Result<bool> {
        let Some(past) = self.past.take() else { return Ok(false) };
        let Gpt { network, embeddings, config, past: taken, now } = &mut *self.gpt;
        let shape = [self.embedded.len() / config.width, config.width];
        let feeds = [(gpt::EMBEDDED, Feed::Floats(&shape, &self.embedded))];
        let (made, kept) = network.run_keeping(&feeds, (past, taken), &[gpt::LATENT, gpt::LOGITS], now)?;
        let code = self.sampler.next(&made[1].data)?;
        self.latents.data.extend(&made[0].data);
        self.codes.push(code);
        let is_last = code == config.audio_marks[1] || self.codes.len() == config.most_codes();
        if !is_last {
            self.embedded = embeddings.audio(code, self.codes.len())?;
            self.past = Some(kept);
        }
        Ok(true)
    }
}
