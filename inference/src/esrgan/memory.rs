//! What an upscaler takes of memory: worked out from the network's shape, with factors measured on x86-64 with two
//! threads.

use super::tiles::Cut;
use reelsmith_graph::ncnn::Enlarger;
use reelsmith_inference_core::Footprint;
use reelsmith_inference_core::image::{Image, UpscaleRequest};

/// Resident bytes for each byte of the weights in f32, and beside them: ONNX Runtime keeps them as they are and in
/// blocks of channels. Measured: 155 to 176 MB for the 67 MB of x4plus, 52 for 18, 15 for 2.5.
const WEIGHTS: f64 = 2.5;
const SESSION: f64 = 14e6;

/// Bytes that the engine takes for each byte of the values that must be there at one time. Measured: 2.0 for windows
/// of 128 or 256 pixels, whose values just miss the engine's powers of two, and 1.4 to 1.6 for others.
const ARENA: f64 = 2.1;
/// What every run takes.
const RUN: f64 = 6e6;

const FLOAT: usize = size_of::<f32>();

/// What a network costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    pub(super) factor: usize,
    pub(super) weights: u64,
    /// For each pixel of a window.
    pixel: f64,
}

impl Costs {
    pub(super) fn of(enlarger: &Enlarger) -> Self {
        let factor = enlarger.factor;
        // The window, and what is made of it in a copy of our own.
        let copies = 3 * FLOAT * (1 + factor * factor);
        Self {
            factor,
            weights: (WEIGHTS * enlarger.model.computed_bytes as f64 + SESSION) as u64,
            pixel: ARENA * enlarger.bytes_per_pixel as f64 + copies as f64,
        }
    }

    /// The longest side of a window for which the network takes at most `bytes`.
    pub(super) fn side(&self, bytes: u64) -> usize {
        (bytes as f64 / self.pixel).sqrt() as usize
    }

    /// What `request`, cut so across and down, takes: a window in the network, the rows that are being put together,
    /// those that are being brought to the size wanted, and the picture made.
    pub(super) fn footprint(&self, request: &UpscaleRequest, [across, down]: &[Cut; 2]) -> Footprint {
        let Image { width, height, channels, .. } = request.image;
        let (channels, enlarged) = (usize::from(channels), width as usize * self.factor);
        let band = enlarged * down.most_kept() * self.factor * channels * FLOAT;
        let narrowing = (height as usize * self.factor).div_ceil(request.height as usize);
        let rows = (4 * narrowing + 4) * request.width as usize * channels * FLOAT;
        let made = request.width as usize * request.height as usize * channels;
        // With alpha the picture is copied to change hidden colours, and each pixel marked.
        let copy = if channels == 4 { request.image.pixels.len() * 5 / 4 } else { 0 };
        let window = self.pixel * (across.window * down.window) as f64;
        let peak = window + RUN + (band + rows + made + copy) as f64;
        Footprint { weights: self.weights, peak_activation: peak as u64 }
    }
}
