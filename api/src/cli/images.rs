//! The commands that make pictures.

use super::values::{ControlArg, LoraArg, Noise, Size, real, samplers, strength};
use clap::Args;
use reelsmith_inference_core::image::Sampler;
use std::path::PathBuf;

/// How a picture is drawn, where one is.
#[derive(Debug, Clone, Args)]
pub struct Drawing {
    /// Text-to-image model: a catalogue id, a .safetensors file or a diffusers folder [default: the setting
    /// image_model]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// What not to show
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub negative: String,
    /// Denoise steps [default: the setting image_steps]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub steps: Option<u32>,
    /// How closely to follow the prompt, 0 to 50 [default: the setting image_guidance]
    #[arg(long, value_name = "SCALE", value_parser = |text: &str| real(text, 0.0, 50.0))]
    pub guidance: Option<f32>,
    /// How noise is taken off [default: the setting image_sampler]
    #[arg(long, value_parser = samplers())]
    pub sampler: Option<Sampler>,
    /// Seed of the first picture; the next ones have the following numbers [default: one drawn by chance]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Last layers of the text encoders to leave out
    #[arg(long, value_name = "LAYERS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=11))]
    pub clip_skip: u32,
    /// A VAE in place of the model's own: a catalogue id, a file or a folder
    #[arg(long, value_name = "MODEL")]
    pub vae: Option<String>,
    /// A LoRA and its weight, 1 unless said; may be given several times
    #[arg(long, value_name = "MODEL[:WEIGHT]")]
    pub lora: Vec<LoraArg>,
    /// Precision in which the seed's noise is drawn; f16 repeats pictures made in half precision elsewhere
    #[arg(long, value_enum, default_value_t = Noise::F32)]
    pub noise: Noise,
}

/// `make image`
#[derive(Debug, Args)]
pub struct MakeImage {
    /// What to show; `(word:1.3)` weighs a part
    #[arg(required = true)]
    pub prompt: Vec<String>,
    /// How it is drawn.
    #[command(flatten)]
    pub drawing: Drawing,
    /// Width and height in pixels, multiples of 8 [default: 1024x1024, or the shape of --init]
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,
    /// How many pictures
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub count: u32,
    /// A picture that steers the composition; may be given several times. MODEL is a ControlNet (a catalogue
    /// id, a file or a folder), IMAGE the map that it was trained on, or with `canny=` before the model a
    /// picture whose edges are found
    #[arg(long, value_name = "[canny=]MODEL:IMAGE[:WEIGHT[:START[:END]]]")]
    pub control: Vec<ControlArg>,
    /// A picture to start from
    #[arg(long, value_name = "IMAGE")]
    pub init: Option<PathBuf>,
    /// How much of --init is changed, above 0 up to 1
    #[arg(long, default_value_t = 0.6, requires = "init", value_parser = strength)]
    pub strength: f32,
    /// Where --init is painted anew: white in this picture, which has its size
    #[arg(long, value_name = "IMAGE", requires = "init")]
    pub mask: Option<PathBuf>,
    /// Show a preview beside the result each so many steps
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    pub preview_every: u32,
    /// Folder that receives the pictures, or the name of one file (.png, .webp, .jpg)
    #[arg(long, value_name = "DIR|FILE", default_value = "out")]
    pub out: PathBuf,
    /// Leave the recipe out of the file
    #[arg(long)]
    pub no_metadata: bool,
    /// Tell progress and result as one JSON object a line on standard output
    #[arg(long)]
    pub json: bool,
}

/// `make hero`
#[derive(Debug, Args)]
pub struct MakeHero {
    /// What to show
    #[arg(required_unless_present = "picture")]
    pub prompt: Vec<String>,
    /// A picture to take in place of a drawn one
    #[arg(long, value_name = "IMAGE", conflicts_with = "prompt")]
    pub picture: Option<PathBuf>,
    /// How it is drawn.
    #[command(flatten)]
    pub drawing: Drawing,
    /// Width and height of the finished picture
    #[arg(long, value_name = "WxH", default_value = "2560x1440")]
    pub size: Size,
    /// Model that enlarges [default: the setting upscale_model, else realesrgan-x4plus]
    #[arg(long, value_name = "MODEL")]
    pub upscaler: Option<String>,
    /// The file is not larger
    #[arg(long, value_name = "BYTES", default_value_t = 500_000)]
    pub max_bytes: u64,
    /// The WebP file to write
    #[arg(long, value_name = "FILE", default_value = "hero.webp")]
    pub out: PathBuf,
    /// Leave the recipe out of the file
    #[arg(long)]
    pub no_metadata: bool,
    /// Tell progress and result as one JSON object a line on standard output
    #[arg(long)]
    pub json: bool,
}

/// `make thumbnail`
#[derive(Debug, Args)]
pub struct MakeThumbnail {
    /// The words on it
    #[arg(long)]
    pub title: String,
    /// The picture under them
    #[arg(long, value_name = "IMAGE", conflicts_with = "prompt")]
    pub picture: Option<PathBuf>,
    /// The same, described; without either it is a designed card
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Platform preset: size and weight of its covers (see `reelsmith presets list`)
    #[arg(long, default_value = "youtube_shorts")]
    pub preset: String,
    /// Palette of the type and of a designed card, or `auto`: chosen by the words
    #[arg(long, value_name = "PALETTE", default_value = "auto")]
    pub style: String,
    /// How the picture is drawn.
    #[command(flatten)]
    pub drawing: Drawing,
    /// The JPEG file to write
    #[arg(long, value_name = "FILE", default_value = "thumbnail.jpg")]
    pub out: PathBuf,
    /// Leave the recipe out of the file
    #[arg(long)]
    pub no_metadata: bool,
    /// Tell progress and result as one JSON object a line on standard output
    #[arg(long)]
    pub json: bool,
}

/// `upscale`
#[derive(Debug, Args)]
pub struct Upscale {
    /// The picture: JPEG, PNG or WebP
    pub file: PathBuf,
    /// Model that enlarges: a catalogue id or a .safetensors file [default: the setting upscale_model, else
    /// realesrgan-x4plus]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// How many times as wide and high, up to 16 [default: 4]
    #[arg(long, conflicts_with = "size", value_parser = |text: &str| real(text, 0.01, 16.0))]
    pub scale: Option<f32>,
    /// Width and height in pixels in place of --scale
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,
    /// Longest side of a tile in pixels of the given picture; 0 chooses by memory
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub tile: u32,
    /// The file to write (.png, .webp, .jpg) [default: the picture's name and its new size, as PNG]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Leave the recipe out of the file
    #[arg(long)]
    pub no_metadata: bool,
    /// Tell progress and result as one JSON object a line on standard output
    #[arg(long)]
    pub json: bool,
}
