//! Large pictures through the autoencoder, stage by stage, each in bands of rows: what the whole network gives up to
//! rounding, in the memory of two of its finest planes.
//!
//! The network is cut at every group normalisation. A stage takes the statistics of the whole plane before it, so its
//! bands are normalised alike; it sees one row beyond a band on either side, and zeros only beyond the picture's border,
//! put there after normalisation and SiLU as its convolution does. Planes lie in the host's memory, those that
//! a stage has passed are let go of as it goes. Attention has keys and values of all positions, and takes queries a few
//! rows at a time.
//!
//! On a card every plane crosses to it and back once a stage.

mod attention;
mod chain;
mod cost;
mod moments;
mod plane;
mod run;
mod stage;

use super::vae::VaeConfig;
use crate::network::{Array, Processor};
use chain::Link;
use plane::Plane;
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use run::Runner;

/// Bytes that the arrays of one band may take, as [`Cut::Bytes`] counts them, unless said otherwise.
pub const BAND: u64 = 256 << 20;

/// How high bands are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As high as their arrays fit into so many bytes, at least one row.
    Bytes(u64),
    /// So many rows of what a stage takes, of what it makes where it halves.
    Rows(usize),
}

/// An autoencoder that works in bands.
#[derive(Debug, Clone, Copy)]
pub struct Banded<'a> {
    /// Its shape.
    pub config: &'a VaeConfig,
    /// Its tensors, whose files must not change while it works.
    pub weights: &'a Weights,
    /// Device and precision; statistics and what is added up over blocks are f32 always.
    pub target: Target,
    /// What runs it; must be the target's device.
    pub processor: Processor,
    /// How high bands are.
    pub cut: Cut,
}

impl Banded<'_> {
    /// Latents (1, C, h, w), not scaled → a picture (1, 3, H, W) in -1 ..= 1 with a little beyond. `before` is asked
    /// ahead of every band, with how many are done and how many there are; its error ends the work.
    ///
    /// # Errors
    /// Those of [`Network::run`](crate::network::Network::run) and of `before`; `Engine` for numbers that are not
    /// finite; `ModelCorrupt` if a tensor is missing or of another shape, or the files changed.
    pub fn decode(&self, latents: Array, before: impl FnMut(u64, u64) -> Result<()>) -> Result<Array> {
        self.run(&chain::decoder(self.config, self.weights), latents, before)
    }

    /// A picture (1, 3, H, W) in -1 ..= 1, sides multiples of the factor → means and logarithms of variances (1, 2 C,
    /// h, w), not scaled. `before` as in [`Banded::decode`].
    ///
    /// # Errors
    /// As [`Banded::decode`].
    pub fn encode(&self, picture: Array, before: impl FnMut(u64, u64) -> Result<()>) -> Result<Array> {
        self.run(&chain::encoder(self.config, self.weights), picture, before)
    }

    /// Bytes that decoding latents of this height and width takes at most, beside the weights' files and what ONNX
    /// Runtime holds of its own.
    pub fn decoding_takes(&self, height: usize, width: usize) -> u64 {
        self.takes(&chain::decoder(self.config, self.weights), (self.config.latent_channels, height, width))
    }

    /// The same of encoding a picture of this height and width.
    pub fn encoding_takes(&self, height: usize, width: usize) -> u64 {
        self.takes(&chain::encoder(self.config, self.weights), (3, height, width))
    }

    fn takes(&self, links: &[Link<'_>], extents: (usize, usize, usize)) -> u64 {
        cost::of(links, extents, self.cut).peak
    }

    fn run(
        &self,
        links: &[Link<'_>],
        input: Array,
        mut before: impl FnMut(u64, u64) -> Result<()>,
    ) -> Result<Array> {
        let &[1, channels, height, width] = &input.shape[..] else {
            let message =
                format!("the autoencoder takes one picture at a time in bands, not {:?}", input.shape);
            return Err(InferenceError::new(ErrorKind::Engine, message));
        };
        self.weights.unchanged()?;
        let total = cost::of(links, (channels, height, width), self.cut).bands;
        let mut runner = Runner {
            groups: self.config.norm_num_groups,
            target: self.target,
            processor: self.processor,
            cut: self.cut,
            before: &mut before,
            done: 0,
            total,
        };
        runner.run(links, Plane::of(input))
    }
}
