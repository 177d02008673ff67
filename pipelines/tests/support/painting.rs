//! A painter of stripes and an upscaler of tiles, so that a job with pictures takes no model.

use reelsmith_inference_core::image::{
    Generated, Image, ImageRequest, Sampler, TextToImage, Upscale, UpscaleRequest,
};
use reelsmith_inference_core::{Control, Footprint, InferenceError, ModelId, Progress, Result, Verdict};
use reelsmith_pipelines::images::ModelNote;
use reelsmith_pipelines::report::ModelFact;
use reelsmith_pipelines::{Painter, PainterChoice};

pub const PAINTER: &str = "/somewhere/stripes.safetensors";
pub const UPSCALER: &str = "tiles";

/// Both, as a person would configure them.
pub fn painter() -> Painter {
    let note = |name: &str, digit: &str| ModelNote { name: name.into(), sha256: digit.repeat(64) };
    let fact = |name: &str, role: &str| ModelFact {
        id: name.into(),
        title: name.into(),
        role: role.into(),
        licence: "NOASSERTION".into(),
        commercial: false,
        files: Vec::new(),
    };
    Painter {
        model: ModelId(PAINTER.into()),
        upscaler: Some(ModelId(UPSCALER.into())),
        choice: PainterChoice {
            model: note("stripes", "a"),
            steps: 3,
            guidance_scale: 0.0,
            sampler: Sampler::Lcm,
            upscaler: Some(note("tiles", "b")),
        },
        facts: vec![fact("stripes", "text-to-image"), fact("tiles", "upscale")],
    }
}

/// Paints stripes whose place is the seed's.
pub struct Stripes;

/// Repeats the nearest pixel.
pub struct Tiles;

fn tell(control: &dyn Control, done: u64, total: u64, unit: &'static str) -> Result<()> {
    match control.step(Progress { done, total: Some(total), unit }) {
        Verdict::Cancel => Err(InferenceError::cancelled()),
        Verdict::Continue => Ok(()),
    }
}

impl TextToImage for Stripes {
    fn footprint(&self, _: &ImageRequest) -> Footprint {
        Footprint { weights: 1, peak_activation: 1 }
    }

    fn generate(&mut self, request: &ImageRequest, control: &dyn Control) -> Result<Generated> {
        for step in 0..request.steps {
            tell(control, u64::from(step), u64::from(request.steps), "steps")?;
        }
        let ImageRequest { width, height, seed, .. } = *request;
        let colour = |x: u64, y: u64| [((x + seed * 13) / 40 % 2 * 200) as u8, (y / 8) as u8, seed as u8];
        let rows = (0..u64::from(height)).flat_map(|y| (0..u64::from(width)).flat_map(move |x| colour(x, y)));
        Ok(Generated { images: vec![Image::new(width, height, 3, rows.collect())?], seeds: vec![seed] })
    }
}

impl Upscale for Tiles {
    fn factor(&self) -> u32 {
        4
    }

    fn footprint(&self, _: &UpscaleRequest) -> Footprint {
        Footprint { weights: 1, peak_activation: 1 }
    }

    fn upscale(&mut self, request: &UpscaleRequest, control: &dyn Control) -> Result<Image> {
        tell(control, 0, 1, "tiles")?;
        let UpscaleRequest { image, width, height, .. } = request;
        let channels = usize::from(image.channels);
        let mut pixels = Vec::new();
        for y in 0..*height {
            for x in 0..*width {
                let near =
                    |at: u32, to: u32, own: u32| (u64::from(at) * u64::from(own) / u64::from(to)) as usize;
                let at = near(y, *height, image.height) * image.width as usize + near(x, *width, image.width);
                pixels.extend_from_slice(&image.pixels[at * channels..][..channels]);
            }
        }
        Image::new(*width, *height, image.channels, pixels)
    }
}
