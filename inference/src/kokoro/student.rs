//! A small student of one of Kokoro's voices (hibari): it reads the same phonemes, takes a hundredth of the time, and
//! predicts spectra instead of samples ([`vocoder`]). 8 MB, one voice a file.

mod vocoder;

use super::graph;
use super::session::{Spoken, corrupt, failed, lacking, open, spoken};
use crate::diffusion::noise::Generator;
use ort::session::{RunOptions, Session};
use ort::value::{Tensor, TensorRef};
use reelsmith_inference_core::image::NoisePrecision;
use reelsmith_inference_core::speech::Voice;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;
use vocoder::{BINS, HOP, Prediction, Vocoder};

const INPUTS: [&str; 2] = ["ids", "speed"];
/// In the order of [`Prediction`].
const OUTPUTS: [&str; 6] = ["lh", "theta", "ln", "lr", "phi", "f0"];

/// Seed of the noise, the same for every run: a request sounds the same each time.
const SEED: u64 = 0;

/// A student and the voice that it learnt.
pub(super) struct Student {
    session: Session,
    last: RunOptions,
    vocoder: Vocoder,
    voice: String,
}

impl Student {
    /// Loads the graph at `path`, whose name is that of the voice. As [`super::session::Acoustic::open`].
    pub(super) fn open(path: &Path, threads: usize) -> Result<Self> {
        let voice = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (session, last) = open(path, graph::STUDENT, threads)?;
        match lacking(&session, &INPUTS, &OUTPUTS) {
            None => Ok(Self { session, last, vocoder: Vocoder::new(), voice }),
            Some(name) => Err(corrupt(path).with_source(format!("it has no `{name}`"))),
        }
    }

    /// The one voice.
    pub(super) fn voice(&self) -> Voice {
        Voice { name: self.voice.clone(), language: super::language(&self.voice).to_owned() }
    }

    /// Refuses every other one.
    pub(super) fn check(&self, voice: &str) -> Result<()> {
        if voice == self.voice {
            return Ok(());
        }
        let message =
            format!("there is no voice `{voice}` in this model; it speaks as `{}` only", self.voice);
        Err(InferenceError::new(ErrorKind::UnknownModel, message))
    }

    /// Speaks `symbols`, as [`super::session::Acoustic::run`].
    pub(super) fn run(&mut self, symbols: &[i64], speed: f32, is_last: bool) -> Result<Spoken> {
        let inputs = ort::inputs![
            "ids" => TensorRef::from_array_view(([1, symbols.len()], symbols)).map_err(failed)?,
            "speed" => Tensor::from_array(([1], vec![speed])).map_err(failed)?,
        ];
        let outputs = match is_last {
            true => self.session.run_with_options(inputs, &self.last),
            false => self.session.run(inputs),
        };
        let outputs = outputs.map_err(failed)?;
        let floats = |name: &str| match outputs[name].try_extract_tensor::<f32>() {
            Ok((_, numbers)) => Ok(numbers),
            Err(error) => Err(failed(error)),
        };
        let [pulses, turn, noise, rest, phase, pitch] = OUTPUTS.map(floats);
        let prediction = Prediction {
            pulses: pulses?,
            turn: turn?,
            noise: noise?,
            rest: rest?,
            phase: phase?,
            pitch: pitch?,
        };
        let (_, frames) = outputs[graph::DURATIONS].try_extract_tensor::<i64>().map_err(failed)?;
        let count = prediction.pitch.len();
        if count == 0 || prediction.pulses.len() != count * BINS {
            return Err(InferenceError::new(ErrorKind::Engine, "the voice's frames are not of one length"));
        }
        let gaussian = Generator::new(SEED).randn(NoisePrecision::F32, 2 * BINS * count);
        let samples = self.vocoder.sound(&prediction, &gaussian);
        debug_assert_eq!(samples.len(), count * HOP);
        spoken(samples, frames, symbols.len())
    }
}

#[cfg(test)]
mod tests;
