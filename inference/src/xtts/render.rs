//! Latents to sound, whole or as they come.
//!
//! While codes still come, the end of what is there sounds as if nothing followed. So the last samples are held back,
//! and faded into what they become with the next codes (`Xtts.handle_chunks`). Upstream decodes all latents again for
//! every chunk; here only those are that a chunk's samples depend on, which gives the same samples.

use super::clone::Voiceprint;
use super::config::XttsConfig;
use super::speaker::EXTENT;
use super::vocoder::{self, HOP, Rows, vocoder};
use crate::network::{Feed, Network, Processor};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::ops::Range;

/// Frames on either side that a frame's samples depend on. The kernels reach 3 frames before the first step; 1, and 60
/// samples of which 8 make a frame, in it; less than 3 frames in all that follow: 14.
const CONTEXT: usize = 16;
/// Frames that are decoded at a time, which bounds what it takes of memory.
const WINDOW: usize = 512;

/// Samples that two chunks share (`inference_stream`).
pub const OVERLAP: usize = 1024;

/// A vocoder that is ready to run.
pub struct Renderer {
    network: Network,
}

impl Renderer {
    /// Opens the vocoder of `weights`, whose files must not change while this lives.
    ///
    /// # Errors
    /// `ModelCorrupt` naming a tensor, `RuntimeMissing`, `OutOfMemory` or `Engine`.
    pub fn open(
        config: &XttsConfig,
        weights: &Weights,
        target: Target,
        processor: impl Into<Processor>,
    ) -> Result<Self> {
        let model = vocoder(config, weights, target)?;
        Ok(Self { network: Network::open("vocoder", &model, processor)? })
    }

    /// All samples of `latents`, spoken at `speed`.
    ///
    /// # Errors
    /// `OutOfMemory`, `Engine`, or `ModelCorrupt` for weights that are no numbers.
    pub fn whole(&mut self, latents: &Rows, voice: &Voiceprint, speed: f64) -> Result<Vec<f32>> {
        let frames = latents.frames(speed);
        self.samples(&frames, voice, 0..frames.count() * HOP)
    }

    /// Samples `wanted` of what `frames` are.
    fn samples(&mut self, frames: &Rows, voice: &Voiceprint, wanted: Range<usize>) -> Result<Vec<f32>> {
        let mut made = Vec::with_capacity(wanted.len());
        let (first, last) = (wanted.start / HOP, wanted.end.div_ceil(HOP));
        for start in (first..last).step_by(WINDOW) {
            let end = (start + WINDOW).min(last);
            let seen = start.saturating_sub(CONTEXT)..(end + CONTEXT).min(frames.count());
            let sound = self.decoded(frames, voice, seen.clone())?;
            made.extend(&sound[(start - seen.start) * HOP..][..(end - start) * HOP]);
        }
        made.truncate(wanted.end - first * HOP);
        made.drain(..wanted.start - first * HOP);
        Ok(made)
    }

    fn decoded(&mut self, frames: &Rows, voice: &Voiceprint, seen: Range<usize>) -> Result<Vec<f32>> {
        let planes = frames.planes(seen.clone());
        let inputs = [
            (vocoder::FRAMES, Feed::Floats(&[1, frames.width, seen.len()], &planes)),
            (vocoder::SPEAKER, Feed::Floats(&[1, EXTENT, 1], &voice.speaker)),
        ];
        let made = self.network.run(&inputs, &[vocoder::SOUND])?;
        let sound = made.into_iter().next().expect("one output was asked for").data;
        if sound.iter().any(|sample| !sample.is_finite()) {
            let message =
                "the vocoder gives no sound but broken numbers; the model's file is damaged: fetch it again";
            return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
        }
        Ok(sound)
    }
}

/// Sound in chunks while latents still come.
#[derive(Debug, Clone)]
pub struct Chunks {
    overlap: usize,
    speed: f64,
    /// Samples that there were at the last chunk, those held back included.
    there: usize,
    /// The last of them.
    held: Vec<f32>,
}

impl Chunks {
    /// At `speed`, with `overlap` samples faded between two chunks; every chunk must be longer than that.
    pub fn new(speed: f64, overlap: usize) -> Self {
        Self { overlap, speed, there: 0, held: Vec::new() }
    }

    /// What `latents`, all that there are, add to the chunks before; with `is_last` nothing is held back.
    ///
    /// # Errors
    /// As [`Renderer::whole`].
    pub fn next(
        &mut self,
        renderer: &mut Renderer,
        latents: &Rows,
        voice: &Voiceprint,
        is_last: bool,
    ) -> Result<Vec<f32>> {
        let frames = latents.frames(self.speed);
        let there = frames.count() * HOP;
        let from = self.there.saturating_sub(self.held.len());
        let mut chunk = renderer.samples(&frames, voice, from..there)?;
        let count = self.held.len();
        for (n, (sample, held)) in chunk.iter_mut().zip(&self.held).enumerate() {
            let share = if count > 1 { n as f32 / (count - 1) as f32 } else { 0.0 };
            *sample = *sample * share + held * (1.0 - share);
        }
        self.there = there;
        self.held = match is_last {
            true => Vec::new(),
            // What was faded is not held back again: it would be heard twice.
            false => chunk.split_off(chunk.len().saturating_sub(self.overlap).max(count)),
        };
        Ok(chunk)
    }
}
