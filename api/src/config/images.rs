//! The settings of pictures.

use super::ConfigError;
use super::layers::Layers;
use reelsmith_inference_core::image::Sampler;
use reelsmith_pipelines::images::{GUIDANCE_SCALE, SAMPLER, SAMPLERS, STEPS};

/// What paints pictures, and how where a command does not say.
#[derive(Debug, Clone)]
pub struct Images {
    /// The text-to-image model: a catalogue id or a path; none where scenes get designed cards.
    pub model: Option<String>,
    /// The upscaler: a catalogue id or a path.
    pub upscaler: Option<String>,
    /// Denoise steps, 1 to 1,000.
    pub steps: u32,
    /// Guidance scale, 0 to 50.
    pub guidance_scale: f32,
    /// Sampler.
    pub sampler: Sampler,
}

impl Images {
    pub(super) fn of(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            model: layers.model("image_model"),
            upscaler: layers.model("upscale_model"),
            steps: layers.number("image_steps", 1..=1000)?.map_or(STEPS, |steps| steps as u32),
            guidance_scale: layers.real("image_guidance", 0.0..=50.0)?.unwrap_or(GUIDANCE_SCALE),
            sampler: layers.choice("image_sampler", &SAMPLERS)?.unwrap_or(SAMPLER),
        })
    }
}
