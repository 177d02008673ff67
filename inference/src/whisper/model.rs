//! The two networks in memory, and what is kept between steps of the decoder.

use super::config::WhisperConfig;
use super::graph::{ALIGNMENT, ENCODED, LOGITS, MEL, PLACES, Part, ROWS, TOKENS, decoder, encoder};
use crate::network::{Array, Feed, Network, Processor};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// Encoder and decoder.
pub struct Networks {
    encoder: Network,
    decoder: Network,
    config: WhisperConfig,
    /// Names of the decoder's inputs and outputs that each layer has: keys, values, keys, values …
    names: Vec<Names>,
}

/// [`Network::run`] or [`Network::run_last`].
type NetworkRun = fn(&mut Network, &[(&str, Feed<'_>)], &[&str]) -> Result<Vec<Array>>;

struct Names {
    cross: String,
    past: String,
    new: String,
}

/// What the decoder attends to: keys and values of some windows of sound, for every layer.
#[derive(Debug, Clone)]
pub struct Sound {
    windows: usize,
    parts: Vec<Array>,
}

impl Sound {
    /// How many windows it is of.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// Several as one, in their order.
    ///
    /// # Panics
    /// If there are none.
    pub fn joined(all: Vec<Self>) -> Self {
        let mut all = all.into_iter();
        let mut first = all.next().expect("there is a window");
        for sound in all {
            first.windows += sound.windows;
            for (part, more) in first.parts.iter_mut().zip(sound.parts) {
                part.data.extend(more.data);
            }
        }
        first.parts.iter_mut().for_each(|part| part.shape[0] = first.windows);
        first
    }

    /// Those of `windows`, in that order.
    pub fn chosen(&self, windows: &[usize]) -> Self {
        let part = |part: &Array| {
            let each = part.data.len() / self.windows;
            let data = windows.iter().flat_map(|n| &part.data[n * each..][..each]).copied().collect();
            let mut shape = part.shape.clone();
            shape[0] = windows.len();
            Array { shape, data }
        };
        Self { windows: windows.len(), parts: self.parts.iter().map(part).collect() }
    }
}

/// What the decoder made of the tokens so far.
#[derive(Debug, Clone)]
pub struct Cache {
    texts: usize,
    /// (length, texts): which row of each part belongs to each token of each text.
    places: Vec<i64>,
    /// Rows of `width` for each part of each layer, in the order in which they were made.
    parts: Vec<Vec<f32>>,
    /// How many rows there are.
    kept: usize,
}

impl Cache {
    /// Tokens of each text so far.
    pub fn length(&self) -> usize {
        self.places.len() / self.texts
    }

    /// Keeps `texts`, in that order; one may come several times.
    pub fn choose(&mut self, texts: &[usize]) {
        let tokens = self.places.chunks_exact(self.texts);
        self.places = tokens.flat_map(|places| texts.iter().map(|text| places[*text])).collect();
        self.texts = texts.len();
    }

    /// Adds rows (texts * steps, width) to each part.
    fn add(&mut self, new: impl Iterator<Item = Array>, steps: usize) {
        for (part, new) in self.parts.iter_mut().zip(new) {
            part.extend(new.data);
        }
        let row = |step: usize, text: usize| (self.kept + text * steps + step) as i64;
        let places = (0..steps).flat_map(|step| (0..self.texts).map(move |text| row(step, text)));
        self.places.extend(places.collect::<Vec<_>>());
        self.kept += self.texts * steps;
    }
}

/// What a step of the decoder makes.
#[derive(Debug, Clone)]
pub struct Step {
    /// (texts, tokens asked for, vocabulary).
    pub logits: Array,
    /// (windows, heads, texts of a window * tokens, frames): scores before softmax.
    pub alignment: Option<Array>,
}

impl Networks {
    /// Opens both on the processor; `alignment` are the heads whose scores are given out.
    ///
    /// # Errors
    /// `ModelCorrupt` naming a tensor that is missing, of another shape or of no layer; `RuntimeMissing`,
    /// `OutOfMemory` or `Engine`.
    pub fn open(
        config: &WhisperConfig,
        weights: &Weights,
        alignment: &[[usize; 2]],
        target: Target,
        processor: Processor,
    ) -> Result<Self> {
        let (hearing, writing) =
            (encoder(config, weights, target)?, decoder(config, weights, alignment, target)?);
        weights.all_used()?;
        let parts = (0..config.decoder_layers).flat_map(|n| Part::BOTH.map(|part| (n, part)));
        let names =
            parts.map(|(n, part)| Names { cross: part.cross(n), past: part.past(n), new: part.added(n) });
        let names = names.collect();
        let encoder = Network::open_for_steps("Whisper encoder", &hearing, processor)?;
        let decoder = Network::open_for_steps("Whisper decoder", &writing, processor)?;
        Ok(Self { encoder, decoder, config: config.clone(), names })
    }

    /// The shape of the model.
    pub fn config(&self) -> &WhisperConfig {
        &self.config
    }

    /// What the encoder makes of spectrograms (windows, bands, frames) by itself, (windows, frames / 2, width).
    ///
    /// # Errors
    /// `OutOfMemory` or `Engine`.
    pub fn encoded(&mut self, mel: &Array) -> Result<Array> {
        Ok(self.encoder.run(&[(MEL, mel.into())], &[ENCODED])?.remove(0))
    }

    /// Hears spectrograms (windows, bands, frames).
    ///
    /// # Errors
    /// `OutOfMemory` or `Engine`.
    pub fn hear(&mut self, mel: &Array) -> Result<Sound> {
        self.heard(mel, Network::run)
    }

    /// The same, after which the encoder gives its memory back to the system.
    ///
    /// # Errors
    /// As [`Networks::hear`].
    pub fn hear_last(&mut self, mel: &Array) -> Result<Sound> {
        self.heard(mel, Network::run_last)
    }

    fn heard(&mut self, mel: &Array, run: NetworkRun) -> Result<Sound> {
        let names: Vec<&str> = self.names.iter().map(|names| names.cross.as_str()).collect();
        let parts = run(&mut self.encoder, &[(MEL, mel.into())], &names)?;
        Ok(Sound { windows: mel.shape[0], parts })
    }

    /// Has the decoder give its memory back to the system. Which of its steps is the last is not known before the
    /// text has ended, so this is one more, of one token over silence.
    ///
    /// # Errors
    /// `OutOfMemory` or `Engine`.
    pub fn give_back(&mut self) -> Result<()> {
        let (heads, frames) = (self.config.decoder_attention_heads, self.config.max_source_positions);
        let silence = Array::zeros(&[1, heads, frames, self.config.d_model / heads]);
        let mut turned = silence.clone();
        turned.shape.swap(2, 3);
        let (shape, nothing) = ([0, self.config.d_model], []);
        let mut inputs = vec![
            (TOKENS, Feed::Ints(&[1, 1], &[0])),
            (ROWS, Feed::Ints(&[1], &[0])),
            (PLACES, Feed::Ints(&[0, 1], &[])),
        ];
        for (n, names) in self.names.iter().enumerate() {
            inputs.push((&names.past, Feed::Floats(&shape, &nothing)));
            inputs.push((&names.cross, if n % 2 == 0 { &turned } else { &silence }.into()));
        }
        self.decoder.run_last(&inputs, &[LOGITS]).map(drop)
    }

    /// What is kept of `texts` texts before their first token.
    pub fn begin(&self, texts: usize) -> Cache {
        Cache { texts, places: Vec::new(), parts: vec![Vec::new(); self.names.len()], kept: 0 }
    }

    /// Takes the next tokens of each text, all texts as many, and gives the logits after those at `wanted`. The texts
    /// of a window stand together, and every window has as many.
    ///
    /// # Errors
    /// `OutOfMemory` or `Engine`; `InvalidRequest` for more tokens than the model has places for.
    pub fn step(
        &mut self,
        sound: &Sound,
        cache: &mut Cache,
        tokens: &[Vec<u32>],
        wanted: &[usize],
    ) -> Result<Step> {
        self.run(sound, cache, tokens, wanted, false)
    }

    /// The same with the scores of the attention to the sound.
    ///
    /// # Errors
    /// As [`Networks::step`].
    pub fn aligned(
        &mut self,
        sound: &Sound,
        cache: &mut Cache,
        tokens: &[Vec<u32>],
        wanted: &[usize],
    ) -> Result<Step> {
        self.run(sound, cache, tokens, wanted, true)
    }

    fn run(
        &mut self,
        sound: &Sound,
        cache: &mut Cache,
        tokens: &[Vec<u32>],
        wanted: &[usize],
        aligned: bool,
    ) -> Result<Step> {
        let (texts, steps) = (tokens.len(), tokens[0].len());
        debug_assert!(texts == cache.texts && tokens.iter().all(|text| text.len() == steps));
        if cache.length() + steps > self.config.max_target_positions {
            let message = format!("a text of more than {} tokens", self.config.max_target_positions);
            return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        }
        let ids: Vec<i64> = tokens.iter().flatten().map(|id| i64::from(*id)).collect();
        let rows: Vec<i64> = wanted.iter().map(|row| *row as i64).collect();
        let (ids_shape, rows_shape) = ([texts, steps], [rows.len()]);
        let (past_shape, places_shape) = ([cache.kept, self.config.d_model], [cache.length(), texts]);
        let mut inputs = vec![
            (TOKENS, Feed::Ints(&ids_shape, &ids)),
            (ROWS, Feed::Ints(&rows_shape, &rows)),
            (PLACES, Feed::Ints(&places_shape, &cache.places)),
        ];
        for ((names, past), cross) in self.names.iter().zip(&cache.parts).zip(&sound.parts) {
            inputs.push((&names.past, Feed::Floats(&past_shape, past)));
            inputs.push((&names.cross, cross.into()));
        }
        let mut outputs = vec![LOGITS];
        outputs.extend(self.names.iter().map(|names| names.new.as_str()));
        outputs.extend(aligned.then_some(ALIGNMENT));
        let mut made = self.decoder.run(&inputs, &outputs)?.into_iter();
        let logits = made.next().filter(|logits| are_finite(&logits.data));
        let logits = logits.ok_or_else(|| {
            let message = "the recogniser made no usable numbers; its file may be damaged, check it with \
                           `reelsmith models verify`";
            InferenceError::new(ErrorKind::Engine, message)
        })?;
        let parts = cache.parts.len();
        cache.add(made.by_ref().take(parts), steps);
        Ok(Step { logits, alignment: made.next() })
    }
}

/// Without a branch for each, as there are many in every step.
fn are_finite(numbers: &[f32]) -> bool {
    let (chunks, rest) = numbers.as_chunks::<16>();
    let mut none = [0.0f32; 16];
    for chunk in chunks {
        // Infinity times zero is no number, and stays none in a sum.
        none.iter_mut().zip(chunk).for_each(|(sum, number)| *sum += number * 0.0);
    }
    none.iter().chain(rest).all(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::are_finite;

    #[test]
    fn one_number_that_is_none_is_found_anywhere() {
        for count in [1, 16, 17, 100] {
            assert!(are_finite(&vec![f32::MAX; count]));
            for at in 0..count {
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut numbers = vec![-1.0; count];
                    numbers[at] = bad;
                    assert!(!are_finite(&numbers), "{bad} at {at} of {count}");
                }
            }
        }
    }
}
