//! A voice taken from a sample: latents for the GPT and an embedding for the vocoder
//! (`Xtts.get_conditioning_latents`).

use super::condition::{self, conditioning};
use super::config::XttsConfig;
use super::mel::Mel;
use super::resample::resample;
use super::speaker::{self, speaker_encoder};
use crate::network::{Feed, Network, Processor};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::{Control, ErrorKind, InferenceError, Progress, Result, Verdict};

/// The rate that samples are taken at first, and the speaker encoder's (`xtts.py`).
const RATE: u32 = 22_050;
const SPEAKER_RATE: u32 = 16_000;
/// Most seconds that are listened to.
pub const MOST_SECONDS: f64 = 30.0;
/// A last part shorter than this, in seconds, is left out.
const LEAST_PART: f64 = 0.33;

/// A voice as the model knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Voiceprint {
    /// What the GPT attends to: (32, width).
    pub latents: Vec<f32>,
    /// What the vocoder is told: 512 numbers of length 1.
    pub speaker: Vec<f32>,
}

/// The networks that listen.
pub struct Listener {
    conditioning: Network,
    speaker: Network,
    mels: [Mel; 2],
    /// What each bin of the mel spectrogram is divided by.
    statistics: Vec<f32>,
    parts: [f64; 2],
}

impl Listener {
    /// Opens the networks of `weights`, whose files must not change while this lives.
    ///
    /// # Errors
    /// `ModelCorrupt` naming a tensor, `RuntimeMissing`, `OutOfMemory` or `Engine`.
    pub fn open(
        config: &XttsConfig,
        weights: &Weights,
        target: Target,
        processor: impl Into<Processor>,
    ) -> Result<Self> {
        let processor = processor.into();
        let statistics = weights.layer("").tensor("mel_stats", &[condition::BINS])?.0.numbers()?;
        if statistics.iter().any(|by| !by.is_normal()) {
            let message =
                format!("{}: `mel_stats` has a number that nothing can be divided by", weights.title);
            return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
        }
        let open = |name, model| Network::open(name, &model, processor);
        Ok(Self {
            conditioning: open("conditioning encoder", conditioning(config, weights, target)?)?,
            speaker: open("speaker encoder", speaker_encoder(weights, target)?)?,
            mels: [Mel::conditioning(), Mel::speaker()],
            statistics,
            parts: config.conditioning,
        })
    }

    /// The voice of a sample of one channel; `control` is called before every part that is listened to.
    ///
    /// # Errors
    /// `InvalidRequest` for less than a third of a second, `OutOfMemory`, `Cancelled`, `Engine`, or `ModelCorrupt`
    /// for weights that are no numbers.
    pub fn listen(&mut self, samples: &[f32], rate: u32, control: &dyn Control) -> Result<Voiceprint> {
        let mut heard = resample(samples, rate, RATE);
        heard.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        heard.truncate((MOST_SECONDS * f64::from(RATE)) as usize);
        let [length, part] = self.parts.map(|seconds| (seconds * f64::from(RATE)) as usize);
        let least = (LEAST_PART * f64::from(RATE)).ceil() as usize;
        let conditioned = &heard[..heard.len().min(length)];
        let parts: Vec<&[f32]> = conditioned.chunks(part).filter(|part| part.len() >= least).collect();
        if parts.is_empty() {
            let message = "the sample is shorter than a third of a second; take one of 3 to 30 seconds";
            return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        }
        let total = Some(parts.len() as u64 + 1);
        let step = |done: usize| match control.step(Progress { done: done as u64, total, unit: "parts" }) {
            Verdict::Continue => Ok(()),
            Verdict::Cancel => Err(InferenceError::cancelled()),
        };
        let mut latents = Vec::new();
        for (n, part) in parts.iter().enumerate() {
            step(n)?;
            let part = self.conditioned(part)?;
            latents.resize(part.len(), 0.0);
            latents.iter_mut().zip(part).for_each(|(sum, latent)| *sum += latent / parts.len() as f32);
        }
        step(parts.len())?;
        let speaker = self.recognised(&resample(&heard, RATE, SPEAKER_RATE))?;
        checked(&latents)?;
        Ok(Voiceprint { latents, speaker })
    }

    fn conditioned(&mut self, part: &[f32]) -> Result<Vec<f32>> {
        let (mel, frames) = self.mels[0].normalised(part, &self.statistics);
        let shape = [frames, condition::BINS];
        let made =
            self.conditioning.run(&[(condition::MEL, Feed::Floats(&shape, &mel))], &[condition::LATENTS])?;
        Ok(made.into_iter().next().expect("one output was asked for").data)
    }

    fn recognised(&mut self, heard: &[f32]) -> Result<Vec<f32>> {
        let (mel, frames) = self.mels[1].standardised(heard);
        let shape = [1, 1, speaker::BINS, frames];
        let made =
            self.speaker.run_last(&[(speaker::MEL, Feed::Floats(&shape, &mel))], &[speaker::EMBEDDING])?;
        let embedding = made.into_iter().next().expect("one output was asked for").data;
        let length = embedding.iter().map(|number| number * number).sum::<f32>().sqrt().max(1e-12);
        checked(&embedding)?;
        Ok(embedding.iter().map(|number| number / length).collect())
    }
}

fn checked(numbers: &[f32]) -> Result<()> {
    match numbers.iter().all(|number| number.is_finite()) {
        true => Ok(()),
        false => {
            let message = "the model hears no numbers in the sample; its file is damaged: fetch it again";
            Err(InferenceError::new(ErrorKind::ModelCorrupt, message))
        }
    }
}
