//! Pictures: made from a prompt, changed, enlarged.

use crate::{Control, ErrorKind, Footprint, InferenceError, ModelId, Result};
use serde::{Deserialize, Serialize};

/// An 8-bit sRGB picture in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// 1 (grey), 3 (RGB) or 4 (RGB and straight alpha).
    pub channels: u8,
    /// Row by row, `width * height * channels` bytes.
    #[serde(with = "serde_bytes")]
    pub pixels: Vec<u8>,
}

impl Image {
    /// A picture of these pixels.
    ///
    /// # Errors
    /// `InvalidRequest` if the number of bytes or channels does not fit, or a side is 0.
    pub fn new(width: u32, height: u32, channels: u8, pixels: Vec<u8>) -> Result<Self> {
        let expected = u64::from(width) * u64::from(height) * u64::from(channels);
        let fits = matches!(channels, 1 | 3 | 4) && expected > 0 && pixels.len() as u64 == expected;
        if fits {
            return Ok(Self { width, height, channels, pixels });
        }
        let message =
            format!("{} bytes are no picture of {width}x{height} with {channels} channels", pixels.len());
        Err(InferenceError::new(ErrorKind::InvalidRequest, message))
    }
}

/// How noise is taken off, step by step. The names are those in use for SDXL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Euler.
    Euler,
    /// Euler ancestral: adds noise at every step.
    EulerAncestral,
    /// DPM-Solver++(2M) over Karras' noise levels.
    #[serde(rename = "dpmpp_2m_karras")]
    DpmPlusPlus2mKarras,
    /// UniPC, order 2.
    #[serde(rename = "unipc")]
    UniPc,
    /// Latent consistency: for distilled models, 1 to 8 steps.
    Lcm,
    /// DDIM without noise.
    Ddim,
}

/// In which precision a seed's noise is drawn. PyTorch's generator gives other numbers for each, so this is what
/// makes a picture that was made elsewhere in half precision come out again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoisePrecision {
    /// As `torch.randn(…, dtype=torch.float32)`.
    #[default]
    F32,
    /// As `torch.randn(…, dtype=torch.float16)`.
    F16,
}

/// A LoRA and how strongly it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraUse {
    /// A LoRA that the engine has.
    pub model: ModelId,
    /// 1 as trained; negative works against it. From -4 to 4.
    pub weight: f32,
}

/// A picture to start from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartImage {
    /// RGB, of the size of the request.
    pub image: Image,
    /// How much is changed: above 0 (nothing) up to 1 (everything).
    pub strength: f32,
    /// Grey, of the same size: white is painted anew, black is kept.
    pub mask: Option<Image>,
}

/// A picture that steers the composition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlImage {
    /// A ControlNet that the engine has.
    pub model: ModelId,
    /// The map that the ControlNet was trained on (edges, depth …): RGB, of the size of the request.
    pub map: Image,
    /// How strongly: 0 to 2.
    pub weight: f32,
    /// Share of the steps at which it begins and ends to steer, in 0 ..= 1.
    pub start: f32,
    /// See `start`.
    pub end: f32,
}

/// A picture wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRequest {
    /// What to show. `(word:1.3)` weighs a part, `(word)` by 1.1, `[word]` by 1/1.1; a backslash takes the meaning
    /// from a parenthesis.
    pub prompt: String,
    /// What not to show; same form. Without effect at a guidance scale of 1 or less.
    pub negative_prompt: String,
    /// Pixels; a multiple of 8.
    pub width: u32,
    /// Pixels; a multiple of 8.
    pub height: u32,
    /// Denoise steps.
    pub steps: u32,
    /// How closely to follow the prompt; 1 or less is not at all beyond the model's own bent, and twice as fast.
    pub guidance_scale: f32,
    /// How noise is taken off.
    pub sampler: Sampler,
    /// Seed of the first picture; the next ones have the following numbers.
    pub seed: u64,
    /// Pictures wanted.
    pub count: u32,
    /// Last layers of the text encoders to leave out; 0 is the usual for SDXL.
    pub clip_skip: u32,
    /// Precision of the seed's noise.
    pub noise: NoisePrecision,
    /// LoRAs that take part.
    pub loras: Vec<LoraUse>,
    /// A picture to start from, for image-to-image and inpainting.
    pub start: Option<StartImage>,
    /// Pictures that steer.
    pub controls: Vec<ControlImage>,
    /// A cheap preview is handed to [`Control::preview`] each so many steps; 0 is never.
    pub preview_every: u32,
}

/// Pictures made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// RGB, in the order of their seeds.
    pub images: Vec<Image>,
    /// The seed of each.
    pub seeds: Vec<u64>,
}

/// A loaded text-to-image model.
pub trait TextToImage: Send {
    /// Bytes that [`TextToImage::generate`] will need for `request`.
    fn footprint(&self, request: &ImageRequest) -> Footprint;

    /// Makes the pictures. `control` is called before every denoise step and every tile of the decoder. The same
    /// request gives the same pixels on the same device.
    ///
    /// # Errors
    /// `InvalidRequest` with the allowed range, `UnknownModel`, `ModelCorrupt` for a LoRA or ControlNet that does
    /// not fit, `OutOfMemory`, `Cancelled`, or `Engine`.
    fn generate(&mut self, request: &ImageRequest, control: &dyn Control) -> Result<Generated>;
}

/// A picture to be enlarged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpscaleRequest {
    /// Grey, RGB, or RGB with alpha.
    pub image: Image,
    /// Width and height wanted, in pixels, whatever the model's own factor is.
    pub width: u32,
    /// See `width`.
    pub height: u32,
    /// Longest side of a tile in pixels of the given picture; 0 chooses by memory.
    pub tile: u32,
}

/// A loaded upscaler.
pub trait Upscale: Send {
    /// By how much the model itself enlarges: 2, 3 or 4.
    fn factor(&self) -> u32;

    /// Bytes that [`Upscale::upscale`] will need for `request`.
    fn footprint(&self, request: &UpscaleRequest) -> Footprint;

    /// Enlarges the picture; channels stay as they are. `control` is called before every tile.
    ///
    /// # Errors
    /// `InvalidRequest` with the allowed range, `OutOfMemory`, `Cancelled`, or `Engine`.
    fn upscale(&mut self, request: &UpscaleRequest, control: &dyn Control) -> Result<Image>;
}
