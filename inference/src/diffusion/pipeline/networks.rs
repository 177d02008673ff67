//! The networks of one SDXL, started when they are first needed and kept.

use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::checkpoint::controlnet as open_controlnet;
use crate::diffusion::clip::text_encoder;
use crate::diffusion::controlnet::controlnet;
use crate::diffusion::lora::Lora;
use crate::diffusion::pipeline::Locate;
use crate::diffusion::unet::unet;
use crate::diffusion::vae::{decoder, encoder};
use crate::network::{Network, Processor};
use reelsmith_graph::{Element, Target};
use reelsmith_inference_core::image::{ImageRequest, LoraUse};
use reelsmith_inference_core::{ModelId, Result};
use std::collections::HashMap;

/// Networks by what they do.
pub(super) struct Networks {
    locate: Locate,
    target: Target,
    processor: Processor,
    /// What has been applied to `adapted`.
    loras: Vec<LoraUse>,
    /// The checkpoint with the LoRAs of the last request, where it had any.
    adapted: Option<Checkpoint>,
    text: [Option<Network>; 2],
    /// Whether it takes residuals, and the UNet.
    unet: Option<(bool, Network)>,
    decoder: Option<Network>,
    encoder: Option<Network>,
    controls: HashMap<ModelId, Network>,
}

impl Networks {
    pub(super) fn new(locate: Locate, target: Target, processor: Processor) -> Self {
        Self {
            locate,
            target,
            processor,
            loras: Vec::new(),
            adapted: None,
            text: [None, None],
            unet: None,
            decoder: None,
            encoder: None,
            controls: HashMap::new(),
        }
    }

    pub(super) fn target(&self) -> Target {
        self.target
    }

    /// Settles which LoRAs take part, and lets go of networks that the request does not use.
    pub(super) fn select(&mut self, checkpoint: &Checkpoint, request: &ImageRequest) -> Result<()> {
        if self.loras != request.loras {
            let mut adapted = checkpoint.clone();
            for wanted in &request.loras {
                Lora::open(&(self.locate)(&wanted.model)?)?.apply(&mut adapted, wanted.weight)?;
            }
            (self.unet, self.text) = (None, [None, None]);
            self.adapted = (!request.loras.is_empty()).then_some(adapted);
            self.loras.clone_from(&request.loras);
        }
        let steered = !request.controls.is_empty();
        if self.unet.as_ref().is_some_and(|(takes, _)| *takes != steered) {
            self.unet = None;
        }
        self.controls.retain(|model, _| request.controls.iter().any(|control| control.model == *model));
        Ok(())
    }

    /// The text encoder `n`.
    pub(super) fn text(&mut self, checkpoint: &Checkpoint, n: usize) -> Result<&mut Network> {
        let part = &self.adapted.as_ref().unwrap_or(checkpoint).text[n];
        started(&mut self.text[n], || {
            Network::open(
                "text encoder",
                &text_encoder(&part.config, &part.weights, self.target)?,
                self.processor,
            )
        })
    }

    /// The UNet, which takes residuals if `steered`.
    pub(super) fn unet(&mut self, checkpoint: &Checkpoint, steered: bool) -> Result<&mut Network> {
        let part = &self.adapted.as_ref().unwrap_or(checkpoint).unet;
        let (_, network) = started(&mut self.unet, || {
            let model = unet(&part.config, &part.weights, self.target, steered)?;
            Ok((steered, Network::open_in_place("UNet", &model, self.processor)?))
        })?;
        Ok(network)
    }

    pub(super) fn decoder(&mut self, checkpoint: &Checkpoint) -> Result<&mut Network> {
        let (part, target) = (&checkpoint.vae, self.vae_target(checkpoint));
        started(&mut self.decoder, || {
            // Both halves are written, so that a tensor that belongs to neither is found.
            encoder(&part.config, &part.weights, target)?;
            let model = decoder(&part.config, &part.weights, target)?;
            part.weights.all_used()?;
            Network::open("autoencoder", &model, self.processor)
        })
    }

    pub(super) fn encoder(&mut self, checkpoint: &Checkpoint) -> Result<&mut Network> {
        let (part, target) = (&checkpoint.vae, self.vae_target(checkpoint));
        started(&mut self.encoder, || {
            Network::open("autoencoder", &encoder(&part.config, &part.weights, target)?, self.processor)
        })
    }

    /// SDXL's own autoencoder runs over in half precision, and says so.
    fn vae_target(&self, checkpoint: &Checkpoint) -> Target {
        match checkpoint.vae.config.force_upcast {
            true => Target { compute: Element::F32, ..self.target },
            false => self.target,
        }
    }

    /// The ControlNet `model`.
    pub(super) fn control(&mut self, model: &ModelId) -> Result<&mut Network> {
        if !self.controls.contains_key(model) {
            let part = open_controlnet(&(self.locate)(model)?)?;
            let graph = controlnet(&part.config, &part.weights, self.target)?;
            self.controls
                .insert(model.clone(), Network::open_in_place("ControlNet", &graph, self.processor)?);
        }
        Ok(self.controls.get_mut(model).expect("it was put there"))
    }
}

fn started<T>(place: &mut Option<T>, start: impl FnOnce() -> Result<T>) -> Result<&mut T> {
    match place {
        Some(network) => Ok(network),
        None => Ok(place.insert(start()?)),
    }
}
