//! The networks of one SDXL, started when they are first needed and kept.

use crate::diffusion::bands::{BAND, Banded, Cut};
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::checkpoint::controlnet as open_controlnet;
use crate::diffusion::clip::text_encoder;
use crate::diffusion::config::UnetConfig;
use crate::diffusion::controlnet::controlnet;
use crate::diffusion::lora::Lora;
use crate::diffusion::pipeline::{Locate, memory};
use crate::diffusion::unet::unet;
use crate::diffusion::vae::{decoder, encoder};
use crate::network::{Network, Processor};
use reelsmith_graph::weights::Seen;
use reelsmith_graph::{Element, Target, Weights};
use reelsmith_inference_core::image::{ImageRequest, LoraUse};
use reelsmith_inference_core::{ErrorKind, InferenceError, ModelId, Result};
use std::collections::HashMap;

/// Networks by what they do.
pub(super) struct Networks {
    locate: Locate,
    target: Target,
    processor: Processor,
    /// What has been applied to `adapted`, and what its files were like.
    loras: Vec<(LoraUse, Seen)>,
    /// The checkpoint with the LoRAs of the last request, where it had any.
    adapted: Option<Checkpoint>,
    text: [Option<Network>; 2],
    /// Whether it takes residuals, and the UNet.
    unet: Option<(bool, Network)>,
    decoder: Option<Network>,
    encoder: Option<Network>,
    controls: HashMap<ModelId, Network>,
    /// Bytes of weights to leave to the ControlNets of the request.
    steering: u64,
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
            steering: 0,
        }
    }

    pub(super) fn target(&self) -> Target {
        self.target
    }

    /// Settles which LoRAs take part, and lets go of networks that the request does not use.
    pub(super) fn select(&mut self, checkpoint: &Checkpoint, request: &ImageRequest) -> Result<()> {
        let wanted = request.loras.iter().map(|lora| Ok((lora.clone(), self.look(&lora.model)?)));
        let wanted = wanted.collect::<Result<Vec<_>>>()?;
        if self.loras != wanted {
            let mut adapted = checkpoint.clone();
            for (lora, _) in &wanted {
                Lora::open(&(self.locate)(&lora.model)?)?.apply(&mut adapted, lora.weight)?;
            }
            (self.unet, self.text) = (None, [None, None]);
            self.adapted = (!request.loras.is_empty()).then_some(adapted);
            self.loras = wanted;
        }
        let steered = !request.controls.is_empty();
        if self.unet.as_ref().is_some_and(|(takes, _)| *takes != steered) {
            self.unet = None;
        }
        // A ControlNet is about half of a UNet.
        let half = memory::computed(&checkpoint.unet.weights, self.target.compute) / 2;
        self.steering = request.controls.len() as u64 * half;
        self.controls.retain(|model, _| request.controls.iter().any(|control| control.model == *model));
        Ok(())
    }

    /// What a network of these weights runs on.
    fn processor(&self, checkpoint: &Checkpoint, weights: &Weights, element: Element) -> Processor {
        match self.processor {
            Processor::Cuda { device, memory, tuning } => {
                let all = memory::weights(checkpoint, self.target.compute) + self.steering;
                let memory = memory::share(memory, all, memory::computed(weights, element));
                Processor::Cuda { device, memory, tuning }
            }
            cpu => cpu,
        }
    }

    /// What the file of a LoRA or a ControlNet is like now.
    fn look(&self, model: &ModelId) -> Result<Seen> {
        let path = (self.locate)(model)?;
        Seen::of(&path).map_err(|error| {
            let message = format!("{} cannot be looked at", path.display());
            InferenceError::new(ErrorKind::ModelMissing, message).with_source(error)
        })
    }

    /// Writes every network of the checkpoint and lets go of it again: whatever a configuration claims is held
    /// against the tensors before anything is taken for it, and no tensor may be left over.
    pub(super) fn prove(&self, checkpoint: &Checkpoint) -> Result<()> {
        for part in &checkpoint.text {
            text_encoder(&part.config, &part.weights, self.target)?;
        }
        unet(&checkpoint.unet.config, &checkpoint.unet.weights, self.target, false)?;
        let vae = &checkpoint.vae;
        encoder(&vae.config, &vae.weights, self.target)?;
        decoder(&vae.config, &vae.weights, self.target)?;
        vae.weights.all_used()
    }

    /// The text encoder `n`.
    pub(super) fn text(&mut self, checkpoint: &Checkpoint, n: usize) -> Result<&mut Network> {
        let part = &self.adapted.as_ref().unwrap_or(checkpoint).text[n];
        let processor = self.processor(checkpoint, &part.weights, self.target.compute);
        started(&mut self.text[n], || {
            part.weights.unchanged()?;
            let model = text_encoder(&part.config, &part.weights, self.target)?;
            Network::open("text encoder", &model, processor)
        })
    }

    /// The UNet, which takes residuals if `steered`.
    pub(super) fn unet(&mut self, checkpoint: &Checkpoint, steered: bool) -> Result<&mut Network> {
        let part = &self.adapted.as_ref().unwrap_or(checkpoint).unet;
        let processor = self.processor(checkpoint, &part.weights, self.target.compute);
        let (_, network) = started(&mut self.unet, || {
            part.weights.unchanged()?;
            let model = unet(&part.config, &part.weights, self.target, steered)?;
            Ok((steered, Network::open_in_place("UNet", &model, processor)?))
        })?;
        Ok(network)
    }

    pub(super) fn decoder(&mut self, checkpoint: &Checkpoint) -> Result<&mut Network> {
        let (part, target) = (&checkpoint.vae, self.vae_target(checkpoint));
        let processor = self.processor(checkpoint, &part.weights, target.compute);
        started(&mut self.decoder, || {
            part.weights.unchanged()?;
            let model = decoder(&part.config, &part.weights, target)?;
            Network::open_unplanned("autoencoder", &model, processor)
        })
    }

    pub(super) fn encoder(&mut self, checkpoint: &Checkpoint) -> Result<&mut Network> {
        let (part, target) = (&checkpoint.vae, self.vae_target(checkpoint));
        let processor = self.processor(checkpoint, &part.weights, target.compute);
        started(&mut self.encoder, || {
            part.weights.unchanged()?;
            let model = encoder(&part.config, &part.weights, target)?;
            Network::open_unplanned("autoencoder", &model, processor)
        })
    }

    /// Both, in bands.
    pub(super) fn banded<'a>(&self, checkpoint: &'a Checkpoint) -> Banded<'a> {
        let (part, target) = (&checkpoint.vae, self.vae_target(checkpoint));
        let processor = self.processor(checkpoint, &part.weights, target.compute);
        Banded { config: &part.config, weights: &part.weights, target, processor, cut: Cut::Bytes(BAND) }
    }

    /// SDXL's own autoencoder runs over in half precision, and says so.
    fn vae_target(&self, checkpoint: &Checkpoint) -> Target {
        match checkpoint.vae.config.force_upcast {
            true => Target { compute: Element::F32, ..self.target },
            false => self.target,
        }
    }

    /// The ControlNet `model`.
    pub(super) fn control(&mut self, checkpoint: &Checkpoint, model: &ModelId) -> Result<&mut Network> {
        if !self.controls.contains_key(model) {
            let part = open_controlnet(&(self.locate)(model)?)?;
            let graph = controlnet(&part.config, &part.weights, self.target)?;
            fits(&part.config.unet, &checkpoint.unet.config, &part.weights.title)?;
            let processor = self.processor(checkpoint, &part.weights, self.target.compute);
            self.controls.insert(model.clone(), Network::open_in_place("ControlNet", &graph, processor)?);
        }
        Ok(self.controls.get_mut(model).expect("it was put there"))
    }
}

/// A ControlNet steers only a UNet whose way down is like its own.
fn fits(control: &UnetConfig, unet: &UnetConfig, title: &str) -> Result<()> {
    let shape = |config: &UnetConfig| (config.skips(), config.text_width, config.projection);
    let message = match (shape(control) == shape(unet), control.in_channels == unet.in_channels) {
        (true, true) => return Ok(()),
        (true, false) => "it takes no mask, which this checkpoint for inpainting has; use one that is not",
        (false, _) => "it is for another base model: its layers are not those of the UNet",
    };
    Err(InferenceError::new(ErrorKind::ModelCorrupt, format!("{title}: {message}")))
}

fn started<T>(place: &mut Option<T>, start: impl FnOnce() -> Result<T>) -> Result<&mut T> {
    match place {
        Some(network) => Ok(network),
        None => Ok(place.insert(start()?)),
    }
}
