//! SDXL from a request to pictures: prompts are encoded, noise is drawn and taken off step by step, latents are
//! decoded. In the order of diffusers' pipelines (`pipelines/stable_diffusion_xl/*.py`,
//! `pipelines/controlnet/*_sd_xl*.py`), so that a seed and settings taken from there give the same picture.

mod autoencoder;
mod check;
mod denoise;
mod memory;
mod networks;
mod pixels;
mod preview;
mod start;
mod text;

use super::checkpoint::Checkpoint;
use super::noise::Generator;
use super::sampler::Solver;
use super::schedule::TimestepSpacing;
use super::tokenizer::Tokenizer;
use crate::network::{Array, Processor};
use denoise::{Denoise, Steering};
use networks::Networks;
use reelsmith_graph::Target;
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, TextToImage};
use reelsmith_inference_core::{
    Control, ErrorKind, Footprint, InferenceError, ModelId, Progress, Result, Verdict,
};
use start::{Given, Start};
use std::path::{Path, PathBuf};
use text::Conditioning;

pub use autoencoder::WHOLE_PIXELS;
pub use check::{MOST_CONTROLS, MOST_COUNT, MOST_LORAS, MOST_PIXELS, SIDES};

/// Finds the files of a LoRA or a ControlNet that a request names.
pub type Locate = Box<dyn Fn(&ModelId) -> Result<PathBuf> + Send>;

/// Where an [`Sdxl`] comes from and how it runs.
pub struct SdxlConfig<'a> {
    /// The checkpoint: a folder or a file.
    pub checkpoint: &'a Path,
    /// An autoencoder in place of the checkpoint's own.
    pub vae: Option<&'a Path>,
    /// OpenAI's vocabulary, for a checkpoint that brings no tokeniser.
    pub vocabulary: &'a Path,
    /// Finds LoRAs and ControlNets.
    pub locate: Locate,
    /// Device and precision.
    pub target: Target,
    /// What runs it; must be the target's device.
    pub processor: Processor,
}

/// A loaded SDXL.
pub struct Sdxl {
    checkpoint: Checkpoint,
    tokenizers: [Tokenizer; 2],
    networks: Networks,
}

impl Sdxl {
    /// Opens a checkpoint: its headers are read and checked now, its networks start when a request needs them.
    ///
    /// # Errors
    /// `ModelMissing`, `ModelCorrupt`, or `RuntimeMissing`.
    pub fn open(config: SdxlConfig<'_>) -> Result<Self> {
        let checkpoint = Checkpoint::open(config.checkpoint, config.vae)?;
        let tokenizers = match &checkpoint.tokenizers {
            Some([first, second]) => [Tokenizer::open(first)?, Tokenizer::open(second)?.padded_with("!")?],
            None => {
                let first = Tokenizer::open(config.vocabulary)?;
                [first.clone(), first.padded_with("!")?]
            }
        };
        let networks = Networks::new(config.locate, config.target, config.processor);
        networks.prove(&checkpoint)?;
        let words = tokenizers.each_ref().map(|tokenizer| tokenizer.size() as usize);
        let rows = checkpoint.text.each_ref().map(|text| text.config.vocab_size);
        if words.iter().zip(rows).any(|(words, rows)| *words > rows) {
            let message = format!(
                "the tokeniser has {words:?} words and the text encoders {rows:?}: they do not belong together"
            );
            return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
        }
        Ok(Self { checkpoint, tokenizers, networks })
    }

    /// Visits the time steps that SDXL-Turbo was distilled for, which a single file of it does not tell.
    pub fn walk_as_turbo(&mut self) {
        self.checkpoint.schedule.timestep_spacing = TimestepSpacing::Trailing;
    }

    /// The checkpoint as opened.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// One picture, as the autoencoder gives it: (1, 3, H, W) in -1 ..= 1 with a little beyond.
    fn paint(
        &mut self,
        request: &ImageRequest,
        seed: u64,
        (conditioning, given): (&Conditioning, Option<&Given<'_>>),
        solver: &mut Solver,
        steps: &mut Steps<'_>,
    ) -> Result<Array> {
        let mut generator = Generator::new(seed);
        let start = Start::of(request, given, &self.checkpoint, solver, &mut generator);
        let steering = Steering::of(request, solver.timesteps().len(), conditioning.batch());
        let denoise = Denoise {
            request,
            checkpoint: &self.checkpoint,
            networks: &mut self.networks,
            conditioning,
            steering: &steering,
        };
        let latents = denoise.run(start, solver, &mut generator, steps)?;
        autoencoder::decode(&self.checkpoint, &mut self.networks, latents, steps)
    }
}

impl TextToImage for Sdxl {
    fn footprint(&self, request: &ImageRequest) -> Footprint {
        memory::footprint(&self.checkpoint, request, &self.networks)
    }

    fn generate(&mut self, request: &ImageRequest, control: &dyn Control) -> Result<Generated> {
        check::check(request, &self.checkpoint)?;
        let strength = request.start.as_ref().map_or(1.0, |start| start.strength);
        let mut solver = Solver::new(request.sampler, &self.checkpoint.schedule, request.steps, strength)?;
        let mut steps = Steps::new(control, request, solver.timesteps().len());
        steps.next()?;
        self.networks.select(&self.checkpoint, request)?;
        let conditioning =
            Conditioning::of(request, &self.checkpoint, &self.tokenizers, &mut self.networks, &steps)?;
        let given = Given::of(request, &self.checkpoint, &mut self.networks, &steps)?;
        let seeds: Vec<u64> = (0..u64::from(request.count)).map(|n| request.seed.wrapping_add(n)).collect();
        let mut images = Vec::with_capacity(seeds.len());
        for seed in &seeds {
            let what = (&conditioning, given.as_ref());
            let picture = self.paint(request, *seed, what, &mut solver, &mut steps)?;
            images.push(pixels::image(&picture)?);
        }
        Ok(Generated { images, seeds })
    }
}

/// Progress over denoise steps, and the answer to it.
struct Steps<'a> {
    control: &'a dyn Control,
    done: u64,
    total: u64,
    preview_every: u64,
}

impl<'a> Steps<'a> {
    fn new(control: &'a dyn Control, request: &ImageRequest, each: usize) -> Self {
        let total = each as u64 * u64::from(request.count);
        Self { control, done: 0, total, preview_every: request.preview_every.into() }
    }

    /// Asks whether to go on, before work that is no denoise step or before one.
    fn next(&self) -> Result<()> {
        self.ask(Progress { done: self.done, total: Some(self.total), unit: "steps" })
    }

    /// The same before a band of a large picture in the autoencoder.
    fn band(&self, done: u64, total: u64) -> Result<()> {
        self.ask(Progress { done, total: Some(total), unit: "bands" })
    }

    fn ask(&self, progress: Progress) -> Result<()> {
        match self.control.step(progress) {
            Verdict::Continue => Ok(()),
            Verdict::Cancel => Err(InferenceError::cancelled()),
        }
    }

    /// Takes note of a denoise step and shows what `picture` gives, if it is time to.
    fn step_done(&mut self, picture: impl FnOnce() -> Image) {
        self.done += 1;
        if self.preview_every > 0 && self.done.is_multiple_of(self.preview_every) {
            self.control.preview(picture());
        }
    }
}

/// An error for numbers that are none.
fn check_finite(what: &str, numbers: &[f32]) -> Result<()> {
    if numbers.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    let message = format!(
        "the {what} gave numbers that are none (NaN or infinite): a weight of the checkpoint, a LoRA or a ControlNet is \
         damaged, or half precision ran over; check the files, or use another autoencoder"
    );
    Err(InferenceError::new(ErrorKind::Engine, message))
}
