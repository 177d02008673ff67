//! Speed of SDXL's networks and of Real-ESRGAN x4plus at their true size (random weights, f32) against PyTorch on the same
//! cores, in turn; what it takes to start them, and how much of the weights is copied.

use crate::contender::Contender;
use crate::cpu::own_seconds;
use crate::results::{machine, median, write};
use anyhow::{Context, Result, bail};
use reelsmith_graph::{Model, Target};
use reelsmith_inference::diffusion::{checkpoint, unet::unet, vae::decoder};
use reelsmith_inference::esrgan::Esrgan;
use reelsmith_inference::network::{Array, Network};
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::image::{Image, Upscale, UpscaleRequest};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What prepares the peer.
const SETUP: &str = "benches/peers/networks_setup.sh";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with `unet/` and `vae/` in diffusers' layout; made with random weights (11 GB) where it is absent.
    #[arg(long, default_value = ".cache/bench-networks/sdxl")]
    networks: PathBuf,
    /// Python with torch and diffusers.
    #[arg(long, default_value = ".cache/bench-networks/venv/bin/python")]
    python: PathBuf,
    /// Rounds; in each both run every workload once, in turn.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Workloads: network, height and width of the latents (for `rrdb` of the picture), batch.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "unet 64 64 2,vae 64 64 1,vae 128 128 1,rrdb 128 128 1"
    )]
    workloads: Vec<String>,
    /// Threads of either.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// Our contender.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    #[arg(long)]
    networks: PathBuf,
    #[arg(long)]
    threads: usize,
    /// With operators of the standard alone.
    #[arg(long)]
    plain: bool,
}

/// What one run cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// What our network took to start.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Started {
    /// Seconds to open the file and write the graph.
    graph: f64,
    /// Seconds until the session is ready.
    session: f64,
    /// Bytes of weights in the file.
    weights: u64,
    /// Bytes of this process's own memory that came with it: what was copied.
    copied: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    #[serde(flatten)]
    cost: Cost,
    /// Bytes of its own memory after the run, which ONNX Runtime has not given back by then.
    #[serde(default)]
    memory: u64,
    started: Option<Started>,
}

#[derive(Debug, Serialize)]
struct Row {
    workload: String,
    started: Option<Started>,
    /// Bytes of our own memory after a run, at most.
    memory: u64,
    ours: Vec<Cost>,
    peer: Vec<Cost>,
}

/// Runs the contest.
///
/// # Errors
/// If a tool is missing or a contender fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (threads, script) = (args.threads.to_string(), Path::new("benches/peers/networks_torch.py"));
    if !args.networks.join("rrdb.safetensors").exists() {
        let made = Command::new(&args.python).arg(script).arg("prepare").arg(&args.networks).status();
        if !made.context("start the peer's Python; benches/peers/networks_setup.sh makes it")?.success() {
            bail!("the networks could not be made");
        }
    }
    let mut rows = Vec::new();
    for workload in &args.workloads {
        // One after the other: both with the UNet loaded do not fit in 16 GB.
        let mut ours = Contender::start(
            Command::new(std::env::current_exe()?)
                .args(["networks-ours", "--threads", &threads, "--networks"])
                .arg(&args.networks),
            SETUP,
        )?;
        let mut peer = Contender::start(
            Command::new(&args.python).arg(script).arg("run").arg(&args.networks).arg(&threads),
            SETUP,
        )?;
        let mut row =
            Row { workload: workload.clone(), started: None, memory: 0, ours: vec![], peer: vec![] };
        for round in 0..=args.runs {
            let (a, b) = (ours.ask::<Answer>(workload)?, peer.ask::<Answer>(workload)?);
            eprintln!("round {round} {workload}: ours {:.2} s, PyTorch {:.2} s", a.cost.wall, b.cost.wall);
            row.started = row.started.or(a.started);
            row.memory = row.memory.max(a.memory);
            // The first round warms the caches.
            if round > 0 {
                row.ours.push(a.cost);
                row.peer.push(b.cost);
            }
        }
        rows.push(row);
    }
    let markdown = table(args, &rows);
    println!("{markdown}");
    write(&args.out, "networks", &markdown, &rows)
}

fn table(args: &Args, rows: &[Row]) -> String {
    let mut text = format!(
        "SDXL's networks and Real-ESRGAN x4plus at their true size, random weights, f32, {} threads, {} rounds in turn with PyTorch. Seconds are \
         medians; a ratio is the median of each round's own, ours by PyTorch's. {}.\n\n\
         | network, latents or picture | ours s | PyTorch s | wall ratio | CPU ratio | graph s | session s | weights GB | copied GB | at run GB |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
        args.threads,
        args.runs,
        machine(),
    );
    for row in rows {
        let seconds = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall).collect());
        let ratio = |of: fn(&Cost) -> f64| {
            median(row.ours.iter().zip(&row.peer).map(|(a, b)| of(a) / of(b)).collect())
        };
        let started =
            row.started.unwrap_or(Started { graph: f64::NAN, session: f64::NAN, weights: 0, copied: 0 });
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        text += &format!(
            "| {} | {:.2} | {:.2} | **{:.2}** | **{:.2}** | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |\n",
            row.workload,
            seconds(&row.ours),
            seconds(&row.peer),
            ratio(|cost| cost.wall),
            ratio(|cost| cost.cpu),
            started.graph,
            started.session,
            gigabytes(started.weights),
            gigabytes(started.copied),
            gigabytes(row.memory),
        );
    }
    text
}

/// Answers workloads on standard input as the peer does.
///
/// # Errors
/// If a network cannot be opened or run.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    reelsmith_inference::runtime::load_onnxruntime(&crate::models().join("onnxruntime/libonnxruntime.so"))?;
    let mut open: Option<(String, Opened)> = None;
    for line in std::io::stdin().lines() {
        let line = line?;
        let [name, height, width, batch] = line.split(' ').collect::<Vec<_>>()[..] else { bail!("{line:?}") };
        let (height, width, batch): (usize, usize, usize) = (height.parse()?, width.parse()?, batch.parse()?);
        let mut started = None;
        if open.as_ref().is_none_or(|(known, _)| known != name) {
            let (network, took) = start(args, name)?;
            started = Some(took);
            open = Some((name.to_owned(), network));
        }
        let (_, network) = open.as_mut().context("a network was opened")?;
        let (cpu, wall) = (own_seconds(), Instant::now());
        network.step(&[batch, 4, height, width])?;
        let cost = Cost { cpu: own_seconds() - cpu, wall: wall.elapsed().as_secs_f64() };
        let answer = Answer { cost, memory: own_memory()?, started };
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}

/// A network of ours.
enum Opened {
    Unet(Network),
    Decoder(Network),
    Upscaler(Box<Esrgan>),
}

fn start(args: &OursArgs, name: &str) -> Result<(Opened, Started)> {
    let (before, clock) = (own_memory()?, Instant::now());
    if name == "rrdb" {
        let path = args.networks.join("rrdb.safetensors");
        let opened = Esrgan::open(&path, args.threads)?;
        let session = clock.elapsed().as_secs_f64();
        let copied = own_memory()?.saturating_sub(before);
        let weights = std::fs::metadata(&path)?.len();
        return Ok((Opened::Upscaler(Box::new(opened)), Started { graph: 0.0, session, weights, copied }));
    }
    let folder = args.networks.join(name);
    let target = if args.plain { Target::PLAIN } else { Target::CPU };
    let (title, model): (&'static str, Model) = match name {
        "unet" => {
            let part = checkpoint::unet(&folder)?;
            ("UNet", unet(&part.config, &part.weights, target, false)?)
        }
        _ => {
            let part = checkpoint::autoencoder(&folder)?;
            ("autoencoder", decoder(&part.config, &part.weights, target)?)
        }
    };
    let graph = clock.elapsed().as_secs_f64();
    let network = match name {
        "unet" => Opened::Unet(Network::open_in_place(title, &model, args.threads)?),
        _ => Opened::Decoder(Network::open_unplanned(title, &model, args.threads)?),
    };
    let session = clock.elapsed().as_secs_f64() - graph;
    let copied = own_memory()?.saturating_sub(before);
    Ok((network, Started { graph, session, weights: model.weight_bytes, copied }))
}

impl Opened {
    /// One run. The shape is that of latents; an upscaler takes a picture of their height and width.
    fn step(&mut self, shape: &[usize; 4]) -> Result<()> {
        let wave = |shape: &[usize]| {
            let count: usize = shape.iter().product();
            Array::new(shape, (0..count).map(|n| (n as f32 * 0.7).sin()).collect())
        };
        let [batch, _, height, width] = *shape;
        match self {
            Self::Decoder(network) => {
                network.run(&[("latents", (&wave(shape)).into())], &["picture"])?;
            }
            Self::Unet(network) => {
                let sample = wave(shape);
                let (time, added, text) =
                    (wave(&[batch, 320]), wave(&[batch, 2816]), wave(&[batch, 77, 2048]));
                let feeds = [
                    ("sample", (&sample).into()),
                    ("time", (&time).into()),
                    ("added", (&added).into()),
                    ("text", (&text).into()),
                ];
                network.run(&feeds, &["noise"])?;
            }
            Self::Upscaler(upscaler) => {
                let (width, height) = (width as u32, height as u32);
                let pixels = (0..width * height * 3).map(|n| (n * 31 % 251) as u8).collect();
                let image = Image::new(width, height, 3, pixels)?;
                let tile = width.max(height);
                upscaler.upscale(
                    &UpscaleRequest { image, width: 4 * width, height: 4 * height, tile },
                    &NoControl,
                )?;
            }
        }
        Ok(())
    }
}

/// Bytes of memory that belong to this process alone, not to a file (`RssAnon` of proc(5)).
fn own_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
