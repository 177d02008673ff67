//! Whether a picture decoded in parts is the picture: photographs through a trained autoencoder, in bands by us and in
//! tiles by diffusers, each against its own whole; and what memory decoding takes as pictures grow, at SDXL's true
//! size.

mod measure;
mod memory;

use crate::results::{machine, write};
use anyhow::{Context, Result, bail};
use measure::{Planes, Seams, psnr, seams};
pub(crate) use memory::{OursArgs, run_ours};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference::diffusion::bands::{BAND, Banded, Cut};
use reelsmith_inference::diffusion::checkpoint::{self, Part};
use reelsmith_inference::diffusion::vae::{VaeConfig, decoder, encoder};
use reelsmith_inference::network::{Array, Network, Processor};
use reelsmith_media::picture::Picture;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What benches/peers/seams_setup.sh made: `photographs/` and `vae/`.
    #[arg(long, default_value = ".cache/bench-seams")]
    work: PathBuf,
    /// An autoencoder of SDXL's true size in diffusers' layout, for the memory.
    #[arg(long, default_value = ".cache/bench-networks/sdxl/vae")]
    vae: PathBuf,
    /// Python with torch and diffusers.
    #[arg(long, default_value = ".cache/bench-networks/venv/bin/python")]
    python: PathBuf,
    /// Sides of diffusers' tiles in latents, which overlap by a quarter.
    #[arg(long, value_delimiter = ',', default_value = "128,64")]
    tiles: Vec<usize>,
    /// Takes what diffusers made in a run before.
    #[arg(long)]
    again: bool,
    /// Sides of the pictures for which memory is measured, in pixels; none to leave that out.
    #[arg(long, value_delimiter = ',', default_value = "512,1024,1536,2048")]
    memory: Vec<usize>,
    /// Threads of either.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where pictures go to be looked at: each whole and in parts, and 16 times their difference around grey.
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// What else to know of the machine while this was measured, for the table.
    #[arg(long, default_value = "")]
    remark: String,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// What benches/peers/seams_diffusers.py tells of its arrays.
#[derive(Debug, Deserialize)]
struct Told {
    photographs: Vec<String>,
    width: usize,
    height: usize,
    factor: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    photograph: String,
    /// Who decoded, and in what parts.
    who: String,
    seams: Seams,
    /// Encoded in parts against whole: PSNR of the means over their range, in dB.
    encoded: f64,
}

#[derive(Debug, Serialize)]
struct Results {
    rows: Vec<Row>,
    /// Our whole picture against diffusers', in dB.
    whole: Vec<f64>,
    memory: Vec<memory::Row>,
}

/// Measures and prints.
///
/// # Errors
/// If a tool is missing or a contender fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let told = diffusers(args)?;
    reelsmith_inference::runtime::load_onnxruntime(&crate::models().join("onnxruntime/libonnxruntime.so"))?;
    let mut autoencoder = Autoencoder::open(&args.work.join("vae"), args.threads)?;
    let mut results = Results { rows: Vec::new(), whole: Vec::new(), memory: Vec::new() };
    for name in &told.photographs {
        let case = Case { folder: args.work.join("diffusers").join(name), told: &told, name };
        case.measure(args, &mut autoencoder, &mut results)?;
    }
    drop(autoencoder);
    if !args.memory.is_empty() {
        results.memory = memory::measure(&args.vae, &args.memory, args.threads)?;
    }
    let markdown = table(args, &told, &results);
    println!("{markdown}");
    write(&args.out, "seams", &markdown, &results)
}

/// Has diffusers decode and encode.
fn diffusers(args: &Args) -> Result<Told> {
    let (out, sides) = (args.work.join("diffusers"), args.tiles.iter().map(usize::to_string));
    if !args.again {
        let mut peer = Command::new(&args.python);
        peer.arg("benches/peers/seams_diffusers.py")
            .args([args.work.join("vae"), args.work.join("photographs")]);
        peer.arg(&out).args(["--tiles", &sides.collect::<Vec<_>>().join(",")]);
        peer.args(["--threads", &args.threads.to_string()]);
        let ended =
            peer.status().context("start the peer's Python; benches/peers/seams_setup.sh makes it")?;
        if !ended.success() {
            bail!("diffusers could not decode; benches/peers/seams_setup.sh makes what it needs");
        }
    }
    Ok(serde_json::from_slice(&std::fs::read(out.join("photographs.json"))?)?)
}

struct Autoencoder {
    part: Part<VaeConfig>,
    processor: Processor,
    encoder: Network,
    decoder: Network,
}

impl Autoencoder {
    fn open(folder: &Path, threads: usize) -> Result<Self> {
        let (part, processor) = (checkpoint::autoencoder(folder)?, Processor::Cpu(threads));
        let (config, weights): (&VaeConfig, &Weights) = (&part.config, &part.weights);
        let open = |model| Network::open_unplanned("autoencoder", &model, processor);
        let encoder = open(encoder(config, weights, Target::CPU)?)?;
        let decoder = open(decoder(config, weights, Target::CPU)?)?;
        Ok(Self { part, processor, encoder, decoder })
    }

    /// Whole and in bands.
    fn decode(&mut self, latents: &Array) -> Result<[Array; 2]> {
        let whole = self.decoder.run_last(&[("latents", latents.into())], &["picture"])?.swap_remove(0);
        Ok([whole, self.banded().decode(latents.clone(), |_, _| Ok(()))?])
    }

    /// Whole and in bands.
    fn encode(&mut self, picture: &Array) -> Result<[Array; 2]> {
        let whole = self.encoder.run_last(&[("picture", picture.into())], &["moments"])?.swap_remove(0);
        Ok([whole, self.banded().encode(picture.clone(), |_, _| Ok(()))?])
    }

    /// The small autoencoder has few channels: a limit that cuts it as the true one is cut.
    fn banded(&self) -> Banded<'_> {
        let Part { config, weights, .. } = &self.part;
        let cut = Cut::Bytes(BAND / 16);
        Banded { config, weights, target: Target::CPU, processor: self.processor, cut }
    }
}

/// A photograph.
struct Case<'a> {
    folder: PathBuf,
    told: &'a Told,
    name: &'a str,
}

impl Case<'_> {
    fn measure(&self, args: &Args, autoencoder: &mut Autoencoder, results: &mut Results) -> Result<()> {
        let (width, height, factor) = (self.told.width, self.told.height, self.told.factor);
        let (picture, moments) = (self.read("picture")?, self.read("moments")?);
        let means = moments.len() / 2;
        let latents = Array::new(&[1, 4, height / factor, width / factor], moments[..means].to_vec());
        let [whole, banded] = autoencoder.decode(&latents)?.map(|made| self.planes(made.data));
        let theirs = self.planes(self.read("whole")?);
        results.whole.push(psnr(&whole.data, &theirs.data, 255.0));
        self.save(args, "whole", &whole)?;
        let encoded = autoencoder.encode(&Array::new(&[1, 3, height, width], picture))?;
        let encoded = encoded.each_ref().map(|made| &made.data[..means]);
        self.compare(args, results, "ours, in bands", [&banded, &whole], [encoded[1], encoded[0]])?;
        for &side in &args.tiles {
            let tiled = self.planes(self.read(&format!("tiled-{side}"))?);
            let in_tiles = self.read(&format!("moments-{side}"))?;
            let who = format!("diffusers, in tiles of {side}");
            self.compare(args, results, &who, [&tiled, &theirs], [&in_tiles[..means], &moments[..means]])?;
        }
        Ok(())
    }

    fn compare(
        &self,
        args: &Args,
        results: &mut Results,
        who: &str,
        [parts, whole]: [&Planes; 2],
        [means, expected]: [&[f32]; 2],
    ) -> Result<()> {
        let (low, high) =
            expected.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        let seams = seams(parts, whole);
        eprintln!("{} {who}: {seams:?}", self.name);
        results.rows.push(Row {
            photograph: self.name.to_owned(),
            who: who.to_owned(),
            seams,
            encoded: psnr(means, expected, f64::from(high - low)),
        });
        let file = who.replace([' ', ','], "-");
        self.save(args, &file, parts)?;
        let mut amplified = parts.less(whole);
        amplified.data.iter_mut().for_each(|value| *value = 127.5 + 16.0 * *value);
        self.save(args, &format!("{file}-difference"), &amplified)
    }

    fn planes(&self, data: Vec<f32>) -> Planes {
        Planes { width: self.told.width, height: self.told.height, data }.levels()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let path = self.folder.join(format!("{name}.f32"));
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn save(&self, args: &Args, name: &str, planes: &Planes) -> Result<()> {
        let Some(folder) = &args.pictures else { return Ok(()) };
        std::fs::create_dir_all(folder)?;
        let count = planes.width * planes.height;
        let value = |n: usize| planes.data[n % 3 * count + n / 3].round().clamp(0.0, 255.0) as u8;
        let rgb = (0..3 * count).map(value).collect();
        let picture = Picture { width: planes.width as u32, height: planes.height as u32, rgb };
        Ok(picture.save_png(&folder.join(format!("{}-{name}.png", self.name)))?)
    }
}

fn table(args: &Args, told: &Told, results: &Results) -> String {
    let trained = std::fs::read_to_string(args.work.join("vae/trained.json")).unwrap_or_default();
    let trained = trained.split_whitespace().collect::<Vec<_>>().join(" ");
    let least = results.whole.iter().copied().fold(f64::INFINITY, f64::min);
    let mut text = format!(
        "Photographs of {}x{} pixels, decoded in parts and whole, by a small autoencoder of SDXL's structure trained for \
         this ({trained}; its PSNR is that of what it decodes against the photograph). Whole, ours is {least:.0} dB or more \
         from diffusers'. Differences are in parts against whole, in levels of 8 bits. Line: by how much the most \
         conspicuous row or column of the picture stands out from its 16 neighbours more than it did whole.\n\n\
         | photograph | | PSNR dB | largest | mean | line | latents, encoded in parts: PSNR dB |\n\
         |---|---|---|---|---|---|---|\n",
        told.width, told.height,
    );
    for Row { photograph, who, seams, encoded } in &results.rows {
        text += &format!(
            "| {photograph} | {who} | **{:.1}** | {:.4} | {:.5} | **{:.4}** | {encoded:.1} |\n",
            seams.psnr, seams.largest, seams.mean, seams.excess,
        );
    }
    if !results.memory.is_empty() {
        text += &format!("\n{}", memory::table(&results.memory));
    }
    format!("{text}\n{}, {} threads. {}\n", machine(), args.threads, args.remark)
}
