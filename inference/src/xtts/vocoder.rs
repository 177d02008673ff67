//! Latents to sound: HiFi-GAN (Kong et al., 2020; names as `TTS/vocoder/models/hifigan_generator.py`) that is told the
//! speaker at every step (`TTS/tts/layers/xtts/hifigan_decoder.py`).

use super::config::XttsConfig;
use super::layers::{Conv, conv, leaky, transposed};
use super::speaker::EXTENT;
use reelsmith_graph::{Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Names of the graph's inputs and output.
pub const FRAMES: &str = "frames";
/// See [`FRAMES`].
pub const SPEAKER: &str = "speaker";
/// See [`FRAMES`].
pub const SOUND: &str = "sound";

/// Samples a second.
pub const SAMPLE_RATE: u32 = 24_000;
/// Samples of a frame.
pub const HOP: usize = 256;

/// By how much each step makes it longer, and the kernels that do it (`HifiDecoder.__init__`).
const STEPS: [(usize, usize); 4] = [(8, 16), (8, 16), (2, 4), (2, 4)];
/// Channels before the first step; each halves them.
const CHANNELS: usize = 512;
/// Kernels and dilations of the residual blocks.
const KERNELS: [usize; 3] = [3, 7, 11];
const DILATIONS: [usize; 3] = [1, 3, 5];
/// Slopes for negative numbers: within, and before the last convolution (PyTorch's own).
const SLOPE: f32 = 0.1;
const LAST_SLOPE: f32 = 0.01;

/// Frames a latent: 1024 samples at 22.05 kHz in frames of 256, then at 24 kHz.
const FRAMES_A_LATENT: f64 = 4.0;
const RATIO: f64 = 24000.0 / 22050.0;

/// Writes the vocoder. Inputs: `frames` (1, width, F) and `speaker` (1, 512, 1); output: `sound` (1, 1, 256 F).
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing or of another shape.
pub fn vocoder(config: &XttsConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("vocoder", target);
    let root = weights.layer("hifigan_decoder.waveform_decoder");
    let frames = g.input(FRAMES, Element::F32, &[1.into(), config.width.into(), "f".into()]);
    let speaker = g.input(SPEAKER, Element::F32, &[1.into(), EXTENT.into(), 1.into()]);
    let mut x = conv(&mut g, &root.at("conv_pre"), frames, &Conv::same(config.width, CHANNELS, 7, 1))?;
    x = told(&mut g, &root.at("cond_layer"), x, (speaker, CHANNELS))?;
    let mut width = CHANNELS;
    for (n, (stride, kernel)) in STEPS.into_iter().enumerate() {
        let up = Conv {
            kernel: vec![kernel],
            stride,
            padding: (kernel - stride) / 2,
            ..Conv::same(width, width / 2, 1, 1)
        };
        x = leaky(&mut g, x, SLOPE);
        x = transposed(&mut g, &root.at("ups").at(n), x, &up)?;
        width /= 2;
        x = told(&mut g, &root.at("conds").at(n), x, (speaker, width))?;
        x = mixed(&mut g, &root.at("resblocks"), x, (n, width))?;
    }
    x = leaky(&mut g, x, LAST_SLOPE);
    let last = Conv { bias: false, ..Conv::same(width, 1, 7, 1) };
    x = conv(&mut g, &root.at("conv_post"), x, &last)?;
    let sound = g.node("Tanh", &[x], &[]);
    g.output(SOUND, sound, &[1.into(), 1.into(), "n".into()]);
    Ok(g.finish())
}

/// The speaker's part added at every place.
fn told(g: &mut Graph, layer: &Layer<'_>, x: Value, (speaker, width): (Value, usize)) -> Result<Value> {
    let part = conv(g, layer, speaker, &Conv::same(EXTENT, width, 1, 1))?;
    Ok(g.add(x, part))
}

/// The mean of residual blocks of several kernels (multi-receptive field fusion).
fn mixed(g: &mut Graph, blocks: &Layer<'_>, x: Value, (step, width): (usize, usize)) -> Result<Value> {
    let mut sum = None;
    for (n, kernel) in KERNELS.into_iter().enumerate() {
        let block = blocks.at(step * KERNELS.len() + n);
        let mut y = x;
        for (n, dilation) in DILATIONS.into_iter().enumerate() {
            let inner = leaky(g, y, SLOPE);
            let first = Conv::same(width, width, kernel, dilation);
            let inner = conv(g, &block.at("convs1").at(n), inner, &first)?;
            let inner = leaky(g, inner, SLOPE);
            let inner = conv(g, &block.at("convs2").at(n), inner, &Conv::same(width, width, kernel, 1))?;
            y = g.add(inner, y);
        }
        sum = Some(sum.map_or(y, |sum| g.add(sum, y)));
    }
    let sum = sum.expect("there are kernels");
    let count = g.number(KERNELS.len() as f32);
    Ok(g.node("Div", &[sum, count], &[]))
}

/// Rows of equal width, one a position.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// Numbers of a row.
    pub width: usize,
    /// All rows, one after the other.
    pub data: Vec<f32>,
}

impl Rows {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.data.len().checked_div(self.width).unwrap_or(0)
    }

    /// `factor` times as many, interpolated between middles as `torch.nn.functional.interpolate(mode="linear",
    /// scale_factor=factor)` does it (`UpSample.h`, without aligned corners, the given factor kept).
    pub fn stretched(&self, factor: f64) -> Self {
        let (count, width) = (self.count(), self.width);
        let wanted = (count as f64 * factor).floor() as usize;
        let step = (1.0 / factor) as f32;
        let mut data = Vec::with_capacity(wanted * width);
        for n in 0..wanted {
            let place = (step * (n as f32 + 0.5) - 0.5).max(0.0);
            let before = (place as usize).min(count - 1);
            let after = (before + 1).min(count - 1);
            let share = place - before as f32;
            let pair = self.data[before * width..][..width].iter().zip(&self.data[after * width..][..width]);
            data.extend(pair.map(|(a, b)| (1.0 - share) * a + share * b));
        }
        Self { width, data }
    }

    /// The vocoder's frames for latents that are spoken at `speed`.
    pub fn frames(&self, speed: f64) -> Self {
        let paced = if speed == 1.0 { self.clone() } else { self.stretched(1.0 / speed) };
        paced.stretched(FRAMES_A_LATENT).stretched(RATIO)
    }

    /// Rows `range` as planes: (width, count), as the vocoder takes them.
    pub fn planes(&self, range: std::ops::Range<usize>) -> Vec<f32> {
        let rows = &self.data[range.start * self.width..range.end * self.width];
        let count = range.len();
        let mut planes = vec![0.0; rows.len()];
        for (n, row) in rows.chunks_exact(self.width).enumerate() {
            row.iter().enumerate().for_each(|(channel, value)| planes[channel * count + n] = *value);
        }
        planes
    }
}
