//! One thing measured: a model at a size.

use crate::cli::BenchImages;
use crate::exit::{Failure, Outcome};
use reelsmith_inference::LocalEngine;
use reelsmith_inference_core::image::{Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, InferenceError, ModelId, NoControl, Progress, Resident, Verdict,
};
use reelsmith_pipelines::images::request;
use serde::Serialize;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// What the pictures show.
const PROMPT: &str = "a lighthouse on a cliff at dawn, long exposure, mist over the sea";

/// A size and what goes with it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    width: u32,
    height: u32,
    count: u32,
    steps: u32,
    guidance: f32,
}

/// A case, measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    /// The model, and what it does.
    pub(super) model: String,
    pub(super) task: &'static str,
    /// Pixels of the picture made, or of the picture given to an upscaler.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Pictures of one request; 1 for an upscaler.
    pub(super) count: u32,
    /// Denoise steps; absent for an upscaler.
    pub(super) steps: Option<u32>,
    /// Seconds until the model was ready.
    pub(super) load_seconds: f64,
    /// Seconds of each request, the warming one left out.
    pub(super) seconds: Vec<f64>,
    /// Bytes that were reckoned before the run, weights and activation.
    pub(super) footprint_bytes: u64,
    /// Highest resident memory of the process while the case ran, mapped files included; absent where the system
    /// does not tell.
    pub(super) peak_bytes: Option<u64>,
}

impl Measured {
    /// Seconds of one request in the middle.
    pub(super) fn median(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        let (low, high) = (seconds.len().saturating_sub(1) / 2, seconds.len() / 2);
        seconds.get(low).zip(seconds.get(high)).map_or(f64::NAN, |(low, high)| (low + high) / 2.0)
    }

    /// Pictures a minute.
    pub(super) fn throughput(&self) -> f64 {
        60.0 * f64::from(self.count) / self.median()
    }
}

impl Case {
    /// Every size with every count.
    pub(super) fn all(args: &BenchImages) -> Vec<Self> {
        let case = |size: &crate::cli::values::Size, count: &u32| Self {
            width: size.width,
            height: size.height,
            count: *count,
            steps: args.steps,
            guidance: args.guidance,
        };
        args.size.iter().flat_map(|size| args.count.iter().map(move |count| case(size, count))).collect()
    }

    fn drawing(&self) -> ImageRequest {
        ImageRequest {
            count: self.count,
            steps: self.steps,
            guidance_scale: self.guidance,
            ..request(PROMPT, (self.width, self.height), 1)
        }
    }

    /// A picture with fine and coarse detail, four times as wide and high wanted.
    fn enlarging(&self) -> Result<UpscaleRequest, InferenceError> {
        let pixel = |n: u32| {
            let (x, y) = (n % self.width, n / self.width);
            [(x * 255 / self.width) as u8, (y * 255 / self.height) as u8, ((x * 7) ^ (y * 13)) as u8]
        };
        let pixels = (0..self.width * self.height).flat_map(pixel).collect();
        let image = Image::new(self.width, self.height, 3, pixels)?;
        Ok(UpscaleRequest { image, width: 4 * self.width, height: 4 * self.height, tile: 0 })
    }
}

/// Stops when the command is cancelled.
struct Until<'a>(&'a CancellationToken);

impl Control for Until<'_> {
    fn step(&self, _: Progress) -> Verdict {
        if self.0.is_cancelled() { Verdict::Cancel } else { Verdict::Continue }
    }
}

/// Loads `model` and measures `cases`, each `runs` times after one run that warms up.
pub(super) fn measure(
    engine: &mut LocalEngine,
    model: &ModelId,
    cases: &[Case],
    runs: u32,
    told: &dyn Fn(&str),
    cancel: &CancellationToken,
) -> Outcome<Vec<Measured>> {
    let clock = Instant::now();
    let mut resident = engine.load(model, &NoControl).map_err(failure)?;
    let loaded = clock.elapsed().as_secs_f64();
    let mut rows = Vec::new();
    let mut known: Vec<(u32, u32)> = Vec::new();
    for case in cases {
        // An upscaler enlarges one picture at a time.
        if matches!(resident, Resident::Upscale(_)) && known.contains(&(case.width, case.height)) {
            continue;
        }
        known.push((case.width, case.height));
        rows.push(one(&mut resident, model, case, (loaded, runs), told, cancel)?);
    }
    Ok(rows)
}

fn one(
    resident: &mut Resident,
    model: &ModelId,
    case: &Case,
    (load_seconds, runs): (f64, u32),
    told: &dyn Fn(&str),
    cancel: &CancellationToken,
) -> Outcome<Measured> {
    let control = Until(cancel);
    let (task, count, steps, footprint) = match &*resident {
        Resident::TextToImage(model) => {
            ("text-to-image", case.count, Some(case.steps), model.footprint(&case.drawing()))
        }
        Resident::Upscale(model) => {
            ("upscale", 1, None, model.footprint(&case.enlarging().map_err(failure)?))
        }
        _ => return Err(Failure::usage(format!("{model} makes no pictures"))),
    };
    forget_peak();
    let mut seconds = Vec::new();
    for run in 0..=runs {
        let clock = Instant::now();
        match resident {
            Resident::TextToImage(model) => model.generate(&case.drawing(), &control).map(drop),
            Resident::Upscale(model) => {
                model.upscale(&case.enlarging().map_err(failure)?, &control).map(drop)
            }
            Resident::Speak(_) | Resident::Chat(_) => unreachable!("refused above"),
        }
        .map_err(failure)?;
        let took = clock.elapsed().as_secs_f64();
        told(&format!("{model} {}x{} x{count}, run {run} of {runs}: {took:.2} s", case.width, case.height));
        if run > 0 {
            seconds.push(took);
        }
    }
    let (width, height, peak_bytes) = (case.width, case.height, peak());
    let model = model.0.rsplit('/').next().unwrap_or_default().to_owned();
    let footprint_bytes = footprint.total();
    Ok(Measured {
        model,
        task,
        width,
        height,
        count,
        steps,
        load_seconds,
        seconds,
        footprint_bytes,
        peak_bytes,
    })
}

fn failure(error: InferenceError) -> Failure {
    match error.kind() {
        ErrorKind::Cancelled => Failure::cancelled(error),
        ErrorKind::InvalidRequest | ErrorKind::UnknownModel => Failure::usage(error),
        _ => Failure::failed(error),
    }
}

/// Sets the process's highest memory back to its present one (proc(5), `clear_refs`); where that is not allowed, the
/// highest stays that of the whole run.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The highest resident memory since then, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}
