//! Real-ESRGAN (Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
//! 2021): pictures enlarged by a network, from the files of ncnn or from safetensors.
//!
//! A picture goes through the network in windows that overlap, and its rows through a resampler to the size that
//! is wanted. Alpha goes through the network as a grey picture, so that its edges become as sharp as those of the
//! colours, and is then held within the alpha of the pixels around: what is opaque stays wholly opaque, what is
//! transparent wholly transparent, and the network's texture cannot get into it.

mod band;
mod checkpoint;
mod compact;
mod pixels;
mod resample;
mod rrdb;
mod run;
mod tiles;

use crate::network::{Feed, Network, Processor};
use reelsmith_graph::Target;
use reelsmith_graph::ncnn::{self, ENLARGED, Enlarger, PICTURE};
use reelsmith_inference_core::image::{Image, Upscale, UpscaleRequest};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Result};
use run::Run;
use std::path::Path;
use tiles::{Cut, Overlap};

/// The longest side of a picture given or wanted, in pixels.
pub const MOST_SIDE: u32 = 16_384;
/// The most pixels of a picture given or wanted.
pub const MOST_PIXELS: u64 = 1 << 28;
/// The shortest tile that may be asked for.
pub const LEAST_TILE: u32 = 96;

/// Pixels between a seam and the ends of the windows, for networks that reach further than that; and how many of
/// them on each side are mixed.
const HALO: usize = 24;
const MIXED: usize = 8;

/// What a run may take of memory where nobody says.
const BUDGET: u64 = 1 << 30;

/// A loaded upscaler.
pub struct Esrgan {
    network: Network,
    factor: usize,
    overlap: Overlap,
    bytes_per_pixel: u64,
    weights: u64,
    budget: u64,
}

/// The network of the file at `model`: ncnn's `.param`, with its `.bin` beside it, or else safetensors.
///
/// # Errors
/// `ModelMissing` if a file is absent; `ModelCorrupt` if it is none of these, or holds another network.
pub fn read(model: &Path, target: Target) -> Result<Enlarger> {
    match model.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("param") => ncnn::read(model, target),
        _ => checkpoint::read(model, target),
    }
}

impl Esrgan {
    /// Loads the file at `model` (see [`read`]). A run is split over `threads` threads.
    ///
    /// # Errors
    /// Those of [`read`]; `RuntimeMissing` before ONNX Runtime was loaded, `OutOfMemory`, or `Engine`.
    pub fn open(model: &Path, threads: usize) -> Result<Self> {
        Self::open_on(model, Target::CPU, threads.into())
    }

    /// The same for `target`, run by `processor`, which must be the target's device.
    ///
    /// # Errors
    /// Those of [`Esrgan::open`].
    pub fn open_on(model: &Path, target: Target, processor: Processor) -> Result<Self> {
        let enlarger = read(model, target)?;
        Ok(Self {
            network: Network::open("upscaler", &enlarger.model, processor)?,
            factor: enlarger.factor,
            overlap: overlap(&enlarger),
            bytes_per_pixel: enlarger.bytes_per_pixel,
            weights: enlarger.model.computed_bytes,
            budget: BUDGET,
        })
    }

    /// The same, whose windows are chosen so that the network takes at most `bytes` for one.
    pub fn with_budget(self, bytes: u64) -> Self {
        Self { budget: bytes, ..self }
    }

    /// How the picture is cut, across and down.
    fn cuts(&self, request: &UpscaleRequest) -> [Cut; 2] {
        let fitting = (self.budget as f64 / self.bytes_per_window_pixel()).sqrt() as usize;
        let most = match request.tile {
            0 => fitting,
            tile => fitting.min(tile as usize),
        };
        let most = most.max(LEAST_TILE as usize);
        [request.image.width, request.image.height]
            .map(|length| Cut::new(length as usize, most, self.overlap))
    }

    /// Makes the engine return what it took of memory, which it does at the end of a run. What became of the
    /// picture is known by then, so that a failure here is of no concern to who asked for it.
    fn give_back(&mut self) {
        let side = 4 * self.overlap.multiple;
        let (shape, numbers) = ([1, 3, side, side], vec![0.0; 3 * side * side]);
        let small = [(PICTURE, Feed::Floats(&shape, &numbers))];
        if let Err(error) = self.network.run_last(&small, &[ENLARGED]) {
            tracing::debug!(%error, "the upscaler keeps its memory");
        }
    }

    fn bytes_per_window_pixel(&self) -> f64 {
        self.bytes_per_pixel as f64
    }
}

/// Where a network reaches no further than the halo, windows give what the whole picture would.
fn overlap(enlarger: &Enlarger) -> Overlap {
    let Enlarger { reach, multiple, .. } = *enlarger;
    match reach <= HALO {
        true => Overlap { halo: reach, mixed: 0, multiple },
        false => Overlap { halo: HALO, mixed: MIXED, multiple },
    }
}

impl Upscale for Esrgan {
    fn factor(&self) -> u32 {
        self.factor as u32
    }

    fn footprint(&self, request: &UpscaleRequest) -> Footprint {
        let [across, down] = self.cuts(request);
        let window = (across.window * down.window) as f64 * self.bytes_per_window_pixel();
        Footprint { weights: self.weights, peak_activation: window as u64 }
    }

    fn upscale(&mut self, request: &UpscaleRequest, control: &dyn Control) -> Result<Image> {
        check(request)?;
        let cuts = self.cuts(request);
        let made =
            Run { network: &mut self.network, factor: self.factor, cuts: &cuts, control }.picture(request);
        self.give_back();
        made
    }
}

/// Refuses what cannot be a picture, or is larger than is worked on, before anything is taken for it.
fn check(request: &UpscaleRequest) -> Result<()> {
    let Image { width, height, channels, pixels } = &request.image;
    for (what, width, height) in
        [("the picture", *width, *height), ("the size wanted", request.width, request.height)]
    {
        let sides = 1..=MOST_SIDE;
        let fits = sides.contains(&width) && sides.contains(&height);
        if !fits || u64::from(width) * u64::from(height) > MOST_PIXELS {
            let message = format!("{what} is {width}x{height}; expected 1 to {MOST_SIDE} pixels a side");
            return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        }
    }
    if request.tile != 0 && request.tile < LEAST_TILE {
        let message =
            format!("the tile is {} pixels; expected {LEAST_TILE} or more, or 0 to choose", request.tile);
        return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
    }
    let expected = u64::from(*width) * u64::from(*height) * u64::from(*channels);
    if !matches!(channels, 1 | 3 | 4) || pixels.len() as u64 != expected {
        let message =
            format!("{} bytes are no picture of {width}x{height} with {channels} channels", pixels.len());
        return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
    }
    Ok(())
}
