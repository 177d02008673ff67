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
mod memory;
mod pixels;
mod resample;
mod rrdb;
mod run;
mod tiles;

use crate::network::{Array, Network, Processor};
use memory::Costs;
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

/// What the network may take of memory for one window where nobody says: windows of x4plus then have 283 pixels a
/// side.
const BUDGET: u64 = 1_400_000_000;

/// A loaded upscaler.
pub struct Esrgan {
    network: Network,
    overlap: Overlap,
    costs: Costs,
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

/// What the file at `model` takes when it is loaded, and at the worst while a window goes through the network.
///
/// # Errors
/// Those of [`read`].
pub fn footprint(model: &Path) -> Result<Footprint> {
    let costs = Costs::of(&read(model, Target::CPU)?);
    Ok(Footprint { weights: costs.weights, peak_activation: BUDGET })
}

impl Esrgan {
    /// Loads the file at `model` (see [`read`]) and tries it on a few pixels. A run is split over `threads` threads.
    ///
    /// # Errors
    /// Those of [`read`], and `ModelCorrupt` for weights that make no numbers; `RuntimeMissing` before ONNX Runtime
    /// was loaded, `OutOfMemory`, or `Engine`.
    pub fn open(model: &Path, threads: usize) -> Result<Self> {
        Self::open_on(model, Target::CPU, threads.into())
    }

    /// The same for `target`, run by `processor`, which must be the target's device.
    ///
    /// # Errors
    /// Those of [`Esrgan::open`].
    pub fn open_on(model: &Path, target: Target, processor: Processor) -> Result<Self> {
        let enlarger = read(model, target)?;
        let network = Network::open_unplanned("upscaler", &enlarger.model, processor)?;
        let (overlap, costs) = (overlap(&enlarger), Costs::of(&enlarger));
        let mut loaded = Self { network, overlap, costs, budget: BUDGET };
        // What is taken first is never given back, so that the first run must be a small one.
        let made = loaded.small_run()?;
        match made.data.iter().all(|number| number.is_finite()) {
            true => Ok(loaded),
            false => Err(InferenceError::new(
                ErrorKind::ModelCorrupt,
                format!("{}: its weights make no finite numbers; fetch it again", model.display()),
            )),
        }
    }

    /// The same, whose windows are chosen so that the network takes at most `bytes` for one; the smallest take more.
    pub fn with_budget(self, bytes: u64) -> Self {
        Self { budget: bytes, ..self }
    }

    /// How the picture is cut, across and down.
    fn cuts(&self, request: &UpscaleRequest) -> [Cut; 2] {
        let fitting = self.costs.side(self.budget);
        let most = match request.tile {
            0 => fitting,
            tile => fitting.min(tile as usize),
        };
        let most = most.max(LEAST_TILE as usize);
        [request.image.width, request.image.height]
            .map(|length| Cut::new(length as usize, most, self.overlap))
    }

    /// A run on a few pixels, after which the engine returns what it took of memory.
    fn small_run(&mut self) -> Result<Array> {
        let side = 4 * self.overlap.multiple;
        let picture = Array::zeros(&[1, 3, side, side]);
        let made = self.network.run_last(&[(PICTURE, (&picture).into())], &[ENLARGED])?;
        made.into_iter()
            .next()
            .ok_or_else(|| InferenceError::new(ErrorKind::Engine, "the upscaler made nothing"))
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
        self.costs.factor as u32
    }

    fn footprint(&self, request: &UpscaleRequest) -> Footprint {
        // A request that will be refused costs nothing, but must not be reckoned with.
        match check(request) {
            Ok(()) => self.costs.footprint(request, &self.cuts(request)),
            Err(_) => Footprint { weights: self.costs.weights, peak_activation: 0 },
        }
    }

    fn upscale(&mut self, request: &UpscaleRequest, control: &dyn Control) -> Result<Image> {
        check(request)?;
        let cuts = self.cuts(request);
        let factor = self.costs.factor;
        let made = Run { network: &mut self.network, factor, cuts: &cuts, control }.picture(request);
        // Also after an error: what became of the picture is known by then, and a failure here is no concern of who
        // asked for it.
        if let Err(error) = self.small_run() {
            tracing::debug!(%error, "the upscaler keeps its memory");
        }
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
