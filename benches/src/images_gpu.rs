//! Pictures on an NVIDIA card in half precision: SDXL, SDXL-Turbo's few steps, what a ControlNet adds, decoding and
//! enlarging, against diffusers with compiled networks on the same weights and the same card, in turn. What does not
//! compute what PyTorch computes is not timed.

mod card;
mod check;
mod ours;
mod report;

use crate::contender::Contender;
use anyhow::{Context, Result, bail, ensure};
use card::Card;
pub(crate) use ours::{OursArgs, run_ours};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;

const SETUP: &str = "benches/peers/images_gpu_setup.sh";
const SCRIPT: &str = "benches/peers/images_diffusers.py";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A checkpoint in diffusers' layout with `controlnet/` and `upscaler.safetensors`; what is absent is made with
    /// random weights (8 GB).
    #[arg(long, default_value = ".cache/bench-images-gpu")]
    networks: PathBuf,
    /// Python with torch and diffusers.
    #[arg(long, default_value = ".cache/bench-networks/venv/bin/python")]
    python: PathBuf,
    /// `cuda`, or `cpu` to try the benchmark itself in f32.
    #[arg(long, value_parser = ["cuda", "cpu"], default_value = "cuda")]
    device: String,
    /// Networks and pictures that are small, to try the benchmark itself.
    #[arg(long)]
    tiny: bool,
    /// GB of the card that either may take.
    #[arg(long, default_value_t = 16.0)]
    memory_gb: f64,
    /// How often ours and the peer are started, in turn.
    #[arg(long, default_value_t = 2)]
    passes: usize,
    /// Measured runs of a workload in a pass, after one that is not counted.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The peer's mode of torch.compile, or `no`.
    #[arg(long, default_value = "max-autotune")]
    compile: String,
    /// What the peer computes in while it is timed: `f16` or `bf16`.
    #[arg(long, value_parser = ["f16", "bf16"], default_value = "f16")]
    precision: String,
    /// Threads of either on a CPU.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[command(flatten)]
    settings: Settings,
    /// Where ONNX Runtime's profile of some UNet steps goes.
    #[arg(long)]
    profile: Option<PathBuf>,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// How ONNX Runtime computes on a card.
#[derive(Debug, Clone, Copy, clap::Args, Serialize)]
pub(crate) struct Settings {
    /// Prefer channels last.
    #[arg(long)]
    nhwc: bool,
    /// Let f32 keep 10 bits of its factors' fractions.
    #[arg(long)]
    tf32: bool,
    /// Try every algorithm of a convolution in the first run.
    #[arg(long)]
    exhaustive: bool,
    /// Fuse bias and activation into convolutions.
    #[arg(long)]
    fused_bias: bool,
}

impl Settings {
    fn flags(self) -> Vec<&'static str> {
        let all = [
            (self.nhwc, "--nhwc"),
            (self.tf32, "--tf32"),
            (self.exhaustive, "--exhaustive"),
            (self.fused_bias, "--fused-bias"),
        ];
        all.into_iter().filter(|(is_on, _)| *is_on).map(|(_, flag)| flag).collect()
    }
}

/// What either is asked to do, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
enum Work {
    /// Writes what every network makes of the same input.
    Check { folder: PathBuf },
    /// Text to picture.
    Image { side: u32, steps: u32, guidance: f32, steered: bool },
    /// Latents to picture.
    Decode { side: u32 },
    /// A picture four times as large a side.
    Upscale { side: u32 },
}

/// What it took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    seconds: f64,
    /// Bytes of the card at the most, by its driver; 0 where there is none.
    #[serde(default)]
    memory: u64,
}

/// A workload's name and its measured runs.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    work: Work,
    ours: Vec<Cost>,
    peer: Vec<Cost>,
}

/// Checks, measures and prints.
///
/// # Errors
/// If a tool is missing, a contender fails, or ours computes something else than PyTorch.
pub(crate) fn run(args: &Args) -> Result<()> {
    prepare(args)?;
    let checks = check::check(args)?;
    let mut rows: Vec<Row> = workloads(args.tiny)
        .into_iter()
        .map(|(name, work)| Row { name, work, ours: vec![], peer: vec![] })
        .collect();
    for pass in 0..args.passes {
        eprintln!("pass {pass}: ours");
        time(&mut ours(args)?, args, &mut rows, |row| &mut row.ours)?;
        eprintln!("pass {pass}: diffusers");
        time(&mut peer(args, &args.compile, timed_precision(args))?, args, &mut rows, |row| &mut row.peer)?;
    }
    let (name, markdown) = (report::name(args), report::table(args, &checks, &rows));
    println!("{markdown}");
    let raw = report::Raw { settings: args.settings, checks: &checks, rows: &rows };
    crate::results::write(&args.out, name, &markdown, &raw)
}

fn workloads(tiny: bool) -> Vec<(&'static str, Work)> {
    let [large, small, input] = if tiny { [128, 64, 96] } else { [1024, 512, 1024] };
    let (many, some) = if tiny { (4, 2) } else { (30, 10) };
    let image = |side, steps, guidance, steered| Work::Image { side, steps, guidance, steered };
    vec![
        ("SDXL, many steps", image(large, many, 5.0, false)),
        ("SDXL, some steps", image(large, some, 5.0, false)),
        ("SDXL with a ControlNet, some steps", image(large, some, 5.0, true)),
        ("SDXL-Turbo, 4 steps", image(small, 4, 0.0, false)),
        ("SDXL-Turbo, 1 step", image(small, 1, 0.0, false)),
        ("VAE decode", Work::Decode { side: large }),
        ("Real-ESRGAN x4plus", Work::Upscale { side: input }),
    ]
}

fn prepare(args: &Args) -> Result<()> {
    let mut peer = Command::new(&args.python);
    peer.args([SCRIPT, "prepare"]).arg(&args.networks).args(args.tiny.then_some("--tiny"));
    let made = peer.status().with_context(|| format!("start the peer's Python; {SETUP} makes it"))?;
    ensure!(made.success(), "the networks could not be made in {}", args.networks.display());
    Ok(())
}

fn timed_precision(args: &Args) -> &str {
    if args.device == "cpu" { "f32" } else { &args.precision }
}

fn ours(args: &Args) -> Result<Contender> {
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["images-gpu-ours", "--device", &args.device, "--networks"]).arg(&args.networks);
    child.args(["--memory-gb", &args.memory_gb.to_string(), "--threads", &args.threads.to_string()]);
    child.args(args.settings.flags());
    if let Some(folder) = &args.profile {
        std::fs::create_dir_all(folder)?;
        child.arg("--profile").arg(std::path::absolute(folder)?.join("unet"));
    }
    Contender::start(&mut child, SETUP)
}

fn peer(args: &Args, compile: &str, precision: &str) -> Result<Contender> {
    let mut child = Command::new(&args.python);
    child.args([Path::new(SCRIPT), Path::new("run"), &args.networks]);
    child.args(["--device", &args.device, "--compile", compile, "--precision", precision]);
    child.args(["--memory-gb", &args.memory_gb.to_string(), "--threads", &args.threads.to_string()]);
    Contender::start(&mut child, SETUP)
}

/// Every workload once unmeasured, then measured.
fn time(
    contender: &mut Contender,
    args: &Args,
    rows: &mut [Row],
    costs: impl Fn(&mut Row) -> &mut Vec<Cost>,
) -> Result<()> {
    let card = (args.device == "cuda").then(Card::watch).transpose()?;
    for row in rows {
        let line = serde_json::to_string(&row.work)?;
        for round in 0..=args.runs {
            if let Some(card) = &card {
                card.forget();
            }
            let mut cost: Cost = contender.ask(&line).with_context(|| row.name)?;
            cost.memory = card.as_ref().map_or(0, Card::most);
            eprintln!("  {}, round {round}: {:.3} s", row.name, cost.seconds);
            if round > 0 {
                costs(row).push(cost);
            }
        }
    }
    match card.map(Card::end) {
        Some(false) => bail!("nvidia-smi told nothing of the card's memory"),
        _ => Ok(()),
    }
}
