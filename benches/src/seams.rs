//! Whether tiles show: photographs through a trained autoencoder, decoded and encoded whole and in tiles by us and by
//! diffusers; and what memory decoding takes as pictures grow, at SDXL's true size.

mod measure;
mod memory;

use crate::results::{machine, write};
use anyhow::{Context, Result, bail};
use measure::{Planes, Seams, Zones, psnr, seams};
pub(crate) use memory::{OursArgs, run_ours};
use reelsmith_graph::Target;
use reelsmith_inference::diffusion::checkpoint;
use reelsmith_inference::diffusion::pipeline::{TILING, Tiling, decode_tiled, encode_tiled};
use reelsmith_inference::diffusion::vae::{VaeConfig, decoder, encoder};
use reelsmith_inference::network::{Array, Network};
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
    /// Sides of tiles in latents, which overlap by a quarter.
    #[arg(long, value_delimiter = ',', default_value = "128,64")]
    tiles: Vec<usize>,
    /// Sides of the pictures for which memory is measured, in pixels; none to leave that out.
    #[arg(long, value_delimiter = ',', default_value = "512,1024,1536,2048")]
    memory: Vec<usize>,
    /// Threads of either.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where pictures go to be looked at: each whole and tiled one, and 16 times their difference around grey.
    #[arg(long)]
    pictures: Option<PathBuf>,
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
    /// Side of a tile in latents.
    side: usize,
    who: &'static str,
    seams: Seams,
    /// Encoded in tiles against whole: PSNR of the means over their range, in dB.
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
    let mut peer = Command::new(&args.python);
    peer.arg("benches/peers/seams_diffusers.py").args([args.work.join("vae"), args.work.join("photographs")]);
    peer.arg(&out).args(["--tiles", &sides.collect::<Vec<_>>().join(",")]);
    peer.args(["--threads", &args.threads.to_string()]);
    let ended = peer.status().context("start the peer's Python; benches/peers/seams_setup.sh makes it")?;
    if !ended.success() {
        bail!("diffusers could not decode; benches/peers/seams_setup.sh makes what it needs");
    }
    Ok(serde_json::from_slice(&std::fs::read(out.join("photographs.json"))?)?)
}

struct Autoencoder {
    config: VaeConfig,
    encoder: Network,
    decoder: Network,
}

impl Autoencoder {
    fn open(folder: &Path, threads: usize) -> Result<Self> {
        let part = checkpoint::autoencoder(folder)?;
        let open = |model| Network::open_unplanned("autoencoder", &model, threads);
        let encoder = open(encoder(&part.config, &part.weights, Target::CPU)?)?;
        let decoder = open(decoder(&part.config, &part.weights, Target::CPU)?)?;
        Ok(Self { config: part.config, encoder, decoder })
    }

    fn decode(&mut self, latents: &Array, tiling: Tiling) -> Result<Array> {
        Ok(decode_tiled(&mut self.decoder, &self.config, latents, tiling, || Ok(()))?)
    }

    fn encode(&mut self, picture: &Array, tiling: Tiling) -> Result<Array> {
        Ok(encode_tiled(&mut self.encoder, &self.config, picture, tiling, || Ok(()))?)
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
        const WHOLE: Tiling = Tiling { side: usize::MAX >> 32, overlap: 0 };
        let (width, height, factor) = (self.told.width, self.told.height, self.told.factor);
        let (picture, moments) = (self.read("picture")?, self.read("moments")?);
        let means = moments.len() / 2;
        let latents = Array::new(&[1, 4, height / factor, width / factor], moments[..means].to_vec());
        let picture = Array::new(&[1, 3, height, width], picture);
        let ours = self.planes(autoencoder.decode(&latents, WHOLE)?.data);
        let theirs = self.planes(self.read("whole")?);
        results.whole.push(psnr(&ours.data, &theirs.data, 255.0));
        let encoded = autoencoder.encode(&picture, WHOLE)?.data;
        self.save(args, "whole", &ours)?;
        for &side in &args.tiles {
            let tiling = Tiling { side, overlap: side / 4 };
            let tiled = self.planes(autoencoder.decode(&latents, tiling)?.data);
            let moments = autoencoder.encode(&picture, tiling)?.data;
            self.compare(
                args,
                results,
                (side, "ours"),
                [&tiled, &ours],
                [&moments[..means], &encoded[..means]],
            )?;
            let tiled = self.planes(self.read(&format!("tiled-{side}"))?);
            let (moments, whole) = (self.read(&format!("moments-{side}"))?, self.read("moments")?);
            self.compare(
                args,
                results,
                (side, "diffusers"),
                [&tiled, &theirs],
                [&moments[..means], &whole[..means]],
            )?;
        }
        Ok(())
    }

    fn compare(
        &self,
        args: &Args,
        results: &mut Results,
        (side, who): (usize, &'static str),
        [tiled, whole]: [&Planes; 2],
        [means, expected]: [&[f32]; 2],
    ) -> Result<()> {
        let range = |all: &[f32]| {
            let (low, high) =
                all.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
            f64::from(high - low)
        };
        let zones = if who == "ours" { self.our_zones(side) } else { self.their_zones(side) };
        let seams = seams(tiled, whole, &zones);
        eprintln!("{} {side} {who}: {seams:?}", self.name);
        results.rows.push(Row {
            photograph: self.name.to_owned(),
            side,
            who,
            seams,
            encoded: psnr(means, expected, range(expected)),
        });
        self.save(args, &format!("{who}-{side}"), tiled)?;
        let mut amplified = tiled.less(whole);
        amplified.data.iter_mut().for_each(|value| *value = 127.5 + 16.0 * *value);
        self.save(args, &format!("{who}-{side}-difference"), &amplified)
    }

    fn our_zones(&self, side: usize) -> Zones {
        let factor = self.told.factor;
        let along = |length: usize| {
            let spans = Tiling { side, overlap: side / 4 }.spans(length / factor);
            spans.windows(2).map(|pair| pair[1].start * factor..pair[0].end * factor).collect()
        };
        Zones { columns: along(self.told.width), rows: along(self.told.height) }
    }

    /// `tiled_decode` of diffusers' `autoencoder_kl.py`: a tile every three quarters of a side, mixed over a quarter.
    fn their_zones(&self, side: usize) -> Zones {
        let (step, mixed) = (side / 4 * 3 * self.told.factor, side / 4 * self.told.factor);
        let along =
            |length: usize| (step..length).step_by(step).map(|at| at..(at + mixed).min(length)).collect();
        Zones { columns: along(self.told.width), rows: along(self.told.height) }
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
        "Photographs of {}x{} pixels, decoded in tiles that overlap by a quarter and whole, by a small autoencoder of SDXL's \
         structure trained for this ({trained}; its PSNR is that of what it decodes against the photograph). Whole, ours is \
         {least:.0} dB or more from diffusers'. Differences are tiled against whole, in levels of 8 bits. Gradient: mean \
         absolute gradient of the difference, where tiles are mixed / elsewhere. Line: by how much the most conspicuous \
         row or column of the whole picture stands out from its 16 neighbours more than it did untiled. We decode in tiles \
         of {} latents.\n\n\
         | photograph | tile | | PSNR dB | largest | mean | gradient | line | latents, encoded in tiles: PSNR dB |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        told.width, told.height, TILING.side,
    );
    for Row { photograph, side, who, seams, encoded } in &results.rows {
        text += &format!(
            "| {photograph} | {side} | {who} | **{:.1}** | {:.2} | {:.3} | {:.4} / {:.4} | **{:.3}** | {encoded:.1} |\n",
            seams.psnr, seams.largest, seams.mean, seams.at_seams, seams.elsewhere, seams.excess,
        );
    }
    if !results.memory.is_empty() {
        text += &format!("\n{}", memory::table(&results.memory));
    }
    format!("{text}\n{}, {} threads.\n", machine(), args.threads)
}
