//! SDXL checkpoints as people publish them: a folder in diffusers' layout, or one safetensors file with the names of
//! the original training code. fp32, fp16 and bf16; nothing is converted, every tensor is used where it lies.

mod family;
mod folder;
pub mod layout;
mod names;
mod shapes;
mod single;

use super::clip::ClipConfig;
use super::config::UnetConfig;
use super::controlnet::ControlNetConfig;
use super::schedule::ScheduleConfig;
use super::vae::VaeConfig;
use reelsmith_graph::Weights;
use reelsmith_inference_core::{InferenceError, Result};
use std::path::{Path, PathBuf};

pub(super) use names::unet as unet_name;

/// Channels of SDXL's latents.
const LATENT_CHANNELS: usize = 4;

/// A network's shape and weights.
#[derive(Debug, Clone)]
pub struct Part<C> {
    /// Its shape.
    pub config: C,
    /// Its tensors, under diffusers' names.
    pub weights: Weights,
}

impl Part<ClipConfig> {
    /// Whether it is the encoder that gives pooled text.
    pub fn gives_pooled(&self) -> bool {
        self.weights.layer("").has_layer("text_projection")
    }
}

/// A checkpoint, opened: every header read and checked, no weight touched.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Predicts noise.
    pub unet: Part<UnetConfig>,
    /// Pictures to latents and back.
    pub vae: Part<VaeConfig>,
    /// OpenAI's ViT-L and OpenCLIP's bigG, or what stands in their places.
    pub text: [Part<ClipConfig>; 2],
    /// How it was trained.
    pub schedule: ScheduleConfig,
    /// Folders of the two tokenisers, where the checkpoint brings its own.
    pub tokenizers: Option<[PathBuf; 2]>,
    /// Whether an empty negative prompt is all zeros rather than the encoding of no words.
    pub zeros_for_empty: bool,
    /// The weight files, the main one first.
    pub files: Vec<PathBuf>,
}

impl Checkpoint {
    /// Opens what is at `path`: a folder with `unet/`, `vae/`, `text_encoder/` and `text_encoder_2/`, or a
    /// `.safetensors` file. With `vae`, an autoencoder from elsewhere (a folder with its `config.json`, or a file)
    /// takes the place of the checkpoint's own.
    ///
    /// # Errors
    /// `ModelMissing` if there is nothing; `ModelCorrupt` naming the file and the tensor, key or kind of file that
    /// cannot be used, and what it looks like instead.
    pub fn open(path: &Path, vae: Option<&Path>) -> Result<Self> {
        let mut checkpoint = match path.is_dir() {
            true => folder::open(path)?,
            false => single::open(path, vae.is_some())?,
        };
        if let Some(path) = vae {
            let part = autoencoder(path)?;
            checkpoint.files.extend(part.weights.files());
            checkpoint.vae = part;
        }
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// The parts must fit each other.
    fn check(&self) -> Result<()> {
        let [first, second] = &self.text;
        let unet = &self.unet.config;
        let refused =
            |why: String| Err(InferenceError::corrupt(format!("{}: {why}", self.unet.weights.title)));
        if !second.gives_pooled() {
            let why = "`text_projection`, with which the second text encoder gives pooled text, is missing";
            return Err(InferenceError::corrupt(format!("{}: {why}", second.weights.title)));
        }
        let (text, wanted) = (first.config.hidden_size + second.config.hidden_size, unet.text_width);
        if text != wanted {
            return refused(format!(
                "the text encoders give {text} numbers a token, and the UNet takes {wanted}"
            ));
        }
        let (added, wanted) = (second.config.projection_dim + 6 * unet.size_width, unet.projection);
        if added != wanted {
            return refused(format!(
                "pooled text and sizes are {added} numbers, and the UNet takes {wanted}"
            ));
        }
        let latent = self.vae.config.latent_channels;
        let (taken, given) = (unet.in_channels, unet.out_channels);
        if latent != LATENT_CHANNELS || given != latent || (taken != latent && taken != 2 * latent + 1) {
            return refused(format!(
                "the UNet takes {taken} channels and gives {given}, and the autoencoder has {latent}"
            ));
        }
        Ok(())
    }
}

/// A ControlNet: a folder with `config.json` in diffusers' layout.
///
/// # Errors
/// `ModelMissing`, or `ModelCorrupt` naming what cannot be used.
pub fn controlnet(path: &Path) -> Result<Part<ControlNetConfig>> {
    folder::controlnet(path)
}

/// A UNet alone: a folder with `config.json` in diffusers' layout.
///
/// # Errors
/// `ModelMissing`, or `ModelCorrupt` naming what cannot be used.
pub fn unet(path: &Path) -> Result<Part<UnetConfig>> {
    folder::unet(path)
}

/// An autoencoder alone: a folder with `config.json`, or a file in diffusers' or the original names.
///
/// # Errors
/// `ModelMissing`, or `ModelCorrupt` naming what cannot be used.
pub fn autoencoder(path: &Path) -> Result<Part<VaeConfig>> {
    if path.is_dir() {
        return folder::vae(path);
    }
    let weights = Weights::open(&[path.to_path_buf()])?;
    single::vae(&weights, "")
}
