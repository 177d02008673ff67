//! Our contender of `images-gpu`.

use super::check::read;
use super::{Cost, Settings, Work};
use anyhow::{Context, Result};
use reelsmith_graph::Target;
use reelsmith_inference::diffusion::bands::{BAND, Banded, Cut};
use reelsmith_inference::diffusion::checkpoint::{self, Checkpoint, Part};
use reelsmith_inference::diffusion::clip::text_encoder;
use reelsmith_inference::diffusion::pipeline::{Sdxl, SdxlConfig, WHOLE_PIXELS};
use reelsmith_inference::diffusion::unet::unet;
use reelsmith_inference::diffusion::vae::{VaeConfig, decoder};
use reelsmith_inference::esrgan::Esrgan;
use reelsmith_inference::network::{Array, CudaTuning, Feed, Network, Processor};
use reelsmith_inference_core::image::{
    ControlImage, Image, ImageRequest, NoisePrecision, Sampler, TextToImage, Upscale, UpscaleRequest,
};
use reelsmith_inference_core::{ModelId, NoControl};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Steps of the UNet that a profile holds.
const PROFILED: usize = 3;

/// Our contender.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    #[arg(long)]
    networks: PathBuf,
    #[arg(long)]
    device: String,
    #[arg(long)]
    memory_gb: f64,
    #[arg(long)]
    threads: usize,
    #[command(flatten)]
    settings: Settings,
    /// How the paths of profiles begin.
    #[arg(long)]
    profile: Option<PathBuf>,
}

/// What is in memory: one thing at a time, as the peer keeps it.
enum Loaded {
    Nothing,
    Sdxl(Box<Sdxl>),
    Decoder(Network, Box<Part<VaeConfig>>),
    Upscaler(Box<Esrgan>),
}

struct Ours<'a> {
    args: &'a OursArgs,
    target: Target,
    processor: Processor,
    loaded: Loaded,
}

/// Answers work on standard input as the peer does.
///
/// # Errors
/// If a network cannot be opened or run.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    let is_card = args.device == "cuda";
    let library = if is_card { "onnxruntime-cuda" } else { "onnxruntime" };
    reelsmith_inference::runtime::load_onnxruntime(&crate::models().join(library).join("libonnxruntime.so"))?;
    let Settings { nhwc, tf32, exhaustive, fused_bias } = args.settings;
    let tuning = CudaTuning { nhwc, tf32, exhaustive, fused_bias };
    let (target, processor) = match is_card {
        true => (Target::CUDA, Processor::Cuda { device: 0, memory: (args.memory_gb * 1e9) as u64, tuning }),
        false => (Target::CPU, Processor::Cpu(args.threads)),
    };
    let mut ours = Ours { args, target, processor, loaded: Loaded::Nothing };
    for line in std::io::stdin().lines() {
        let work: Work = serde_json::from_str(&line?)?;
        let clock = Instant::now();
        ours.perform(&work)?;
        let cost = Cost { seconds: clock.elapsed().as_secs_f64(), memory: 0 };
        println!("{}", serde_json::to_string(&cost)?);
    }
    Ok(())
}

impl Ours<'_> {
    fn perform(&mut self, work: &Work) -> Result<()> {
        match *work {
            Work::Check { ref folder } => self.check(folder),
            Work::Image { side, steps, guidance, steered } => {
                let request = self.request(side, (steps, guidance), steered)?;
                self.sdxl()?.generate(&request, &NoControl)?;
                Ok(())
            }
            Work::Decode { side } => self.decode(side as usize / 8),
            Work::Upscale { side } => self.upscale(side),
        }
    }

    fn request(&self, side: u32, (steps, guidance_scale): (u32, f32), steered: bool) -> Result<ImageRequest> {
        let map = (0..3 * side * side).map(|n| (n / (3 * side) * 255 / side) as u8).collect();
        let control = ControlImage {
            model: ModelId(self.folder("controlnet")?.to_string_lossy().into_owned()),
            map: Image::new(side, side, 3, map)?,
            weight: 1.0,
            start: 0.0,
            end: 1.0,
        };
        Ok(ImageRequest {
            prompt: "a lighthouse on a cliff above the sea in the last light".to_owned(),
            negative_prompt: "blurred, grey".to_owned(),
            width: side,
            height: side,
            steps,
            guidance_scale,
            sampler: Sampler::Euler,
            seed: 1,
            count: 1,
            clip_skip: 0,
            noise: NoisePrecision::F32,
            loras: Vec::new(),
            start: None,
            controls: if steered { vec![control] } else { Vec::new() },
            preview_every: 0,
        })
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        Ok(std::path::absolute(self.args.networks.join(name))?)
    }

    fn sdxl(&mut self) -> Result<&mut Sdxl> {
        if !matches!(self.loaded, Loaded::Sdxl(_)) {
            self.loaded = Loaded::Nothing;
            let sdxl = Sdxl::open(SdxlConfig {
                checkpoint: &self.args.networks,
                vae: None,
                vocabulary: &crate::models().join("clip-vocabulary/bpe_simple_vocab_16e6.txt.gz"),
                locate: Box::new(|id| Ok(PathBuf::from(&id.0))),
                target: self.target,
                processor: self.processor,
            })?;
            self.loaded = Loaded::Sdxl(Box::new(sdxl));
        }
        let Loaded::Sdxl(sdxl) = &mut self.loaded else { unreachable!("it was put there") };
        Ok(sdxl)
    }

    fn decode(&mut self, side: usize) -> Result<()> {
        if !matches!(self.loaded, Loaded::Decoder(..)) {
            self.loaded = Loaded::Nothing;
            let part = checkpoint::autoencoder(&self.folder("vae")?)?;
            let model = decoder(&part.config, &part.weights, self.target)?;
            let network = Network::open_unplanned("autoencoder", &model, self.processor)?;
            self.loaded = Loaded::Decoder(network, Box::new(part));
        }
        let Loaded::Decoder(network, part) = &mut self.loaded else { unreachable!("it was put there") };
        let wave = (0..4 * side * side).map(|n| (n as f32 * 0.7).sin()).collect();
        let latents = Array::new(&[1, 4, side, side], wave);
        let (factor, cut) = (part.config.factor(), Cut::Bytes(BAND));
        if (side * factor).pow(2) as u64 <= WHOLE_PIXELS {
            network.run_last(&[("latents", (&latents).into())], &["picture"])?;
        } else {
            let (config, weights) = (&part.config, &part.weights);
            let banded = Banded { config, weights, target: self.target, processor: self.processor, cut };
            banded.decode(latents, |_, _| Ok(()))?;
        }
        Ok(())
    }

    fn upscale(&mut self, side: u32) -> Result<()> {
        if !matches!(self.loaded, Loaded::Upscaler(_)) {
            self.loaded = Loaded::Nothing;
            let upscaler =
                Esrgan::open_on(&self.folder("upscaler.safetensors")?, self.target, self.processor)?;
            self.loaded = Loaded::Upscaler(Box::new(upscaler));
        }
        let Loaded::Upscaler(upscaler) = &mut self.loaded else { unreachable!("it was put there") };
        let pixels = (0..3 * side * side).map(|n| (n * 7 % 251) as u8).collect();
        let image = Image::new(side, side, 3, pixels)?;
        upscaler
            .upscale(&UpscaleRequest { image, width: 4 * side, height: 4 * side, tile: 0 }, &NoControl)?;
        Ok(())
    }

    /// One network after the other, so that a small card suffices.
    fn check(&mut self, folder: &Path) -> Result<()> {
        self.loaded = Loaded::Nothing;
        let checkpoint = Checkpoint::open(&self.args.networks, None)?;
        let given = Given::read(folder)?;
        let (part, target) = (&checkpoint.unet, self.target);
        let model = unet(&part.config, &part.weights, target, false)?;
        let mut network = match &self.args.profile {
            Some(prefix) => Network::open_profiled("UNet", &model, self.processor, prefix)?,
            None => Network::open_in_place("UNet", &model, self.processor)?,
        };
        let arrays =
            ["sample", "time", "added", "text"].map(|name| given.array(name).map(|array| (name, array)));
        let arrays = arrays.into_iter().collect::<Result<Vec<_>>>()?;
        let feeds: Vec<(&str, Feed<'_>)> = arrays.iter().map(|(name, array)| (*name, array.into())).collect();
        given.write("noise", &network.run(&feeds, &["noise"])?[0])?;
        if self.args.profile.is_some() {
            for _ in 0..PROFILED {
                network.run(&feeds, &["noise"])?;
            }
            eprintln!("profile: {}", network.profile()?.display());
        }
        drop(network);
        let part = &checkpoint.vae;
        let model = decoder(&part.config, &part.weights, target)?;
        let mut network = Network::open_unplanned("autoencoder", &model, self.processor)?;
        given.write(
            "picture",
            &network.run(&[("latents", (&given.array("latents")?).into())], &["picture"])?[0],
        )?;
        drop(network);
        (0..2).try_for_each(|n| self.check_text(&checkpoint, &given, n))
    }

    fn check_text(&self, checkpoint: &Checkpoint, given: &Given, n: usize) -> Result<()> {
        let part = &checkpoint.text[n];
        let model = text_encoder(&part.config, &part.weights, self.target)?;
        let mut network = Network::open("text encoder", &model, self.processor)?;
        let ids: Vec<i64> = given.array("ids")?.data.iter().map(|id| *id as i64).collect();
        // SDXL uses the layer before the last.
        let layer = format!("hidden_{}", part.config.num_hidden_layers - 1);
        let end = ids.iter().position(|id| *id == ids[ids.len() - 1]).context("a text that ends")?;
        let (shape, ends) = ([1, ids.len()], [end as i64]);
        let mut feeds = vec![("ids", Feed::Ints(&shape, &ids))];
        let mut outputs = vec![layer.as_str()];
        if part.gives_pooled() {
            feeds.push(("ends", Feed::Ints(&[1], &ends)));
            outputs.push("pooled");
        }
        let made = network.run(&feeds, &outputs)?;
        given.write(&format!("tokens-{n}"), &made[0])?;
        made.get(1).map_or(Ok(()), |pooled| given.write("pooled", pooled))
    }
}

/// What the peer computed from.
struct Given {
    folder: PathBuf,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl Given {
    fn read(folder: &Path) -> Result<Self> {
        let shapes = serde_json::from_slice(&std::fs::read(folder.join("shapes.json"))?)?;
        Ok(Self { folder: folder.to_owned(), shapes })
    }

    fn array(&self, name: &str) -> Result<Array> {
        let shape = self.shapes.get(name).with_context(|| format!("the peer gave no {name}"))?;
        Ok(Array::new(shape, read(&self.folder.join(format!("{name}.f32")))?))
    }

    fn write(&self, name: &str, array: &Array) -> Result<()> {
        let bytes: Vec<u8> = array.data.iter().flat_map(|number| number.to_le_bytes()).collect();
        Ok(std::fs::write(self.folder.join(format!("ours-{name}.f32")), bytes)?)
    }
}
