//! What memory decoding takes, whole and in bands, by the picture's size.

use anyhow::{Context, Result};
use reelsmith_graph::Target;
use reelsmith_inference::diffusion::bands::{BAND, Banded, Cut};
use reelsmith_inference::diffusion::checkpoint;
use reelsmith_inference::diffusion::vae::decoder;
use reelsmith_inference::network::{Array, Network, Processor};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The longest side that is tried whole: beyond it 16 GB do not suffice.
const WHOLE: usize = 1536;

/// One decoding in a process of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    #[arg(long)]
    vae: PathBuf,
    #[arg(long)]
    side: usize,
    #[arg(long)]
    threads: usize,
    /// In one piece.
    #[arg(long)]
    whole: bool,
}

/// What it took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Cost {
    /// Bytes of the process before.
    base: u64,
    /// Bytes at the most.
    peak: u64,
    /// Bytes that were reckoned with; 0 where none are.
    stated: u64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// Pixels a side.
    side: usize,
    banded: Cost,
    whole: Option<Cost>,
}

/// Decodes pictures of these sides.
///
/// # Errors
/// If a decoding fails.
pub(super) fn measure(vae: &Path, sides: &[usize], threads: usize) -> Result<Vec<Row>> {
    let decode = |side: usize, whole: bool| -> Result<Cost> {
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("seams-ours").arg("--vae").arg(vae);
        child.args(["--side", &side.to_string(), "--threads", &threads.to_string()]);
        child.args(whole.then_some("--whole"));
        let ended = child.stderr(std::process::Stdio::inherit()).output()?;
        let cost = serde_json::from_slice(&ended.stdout).context("a decoding failed")?;
        eprintln!("{side}x{side}, whole {whole}: {cost:?}");
        Ok(cost)
    };
    let row = |&side: &usize| {
        let whole = (side <= WHOLE).then(|| decode(side, true)).transpose()?;
        Ok(Row { side, banded: decode(side, false)?, whole })
    };
    sides.iter().map(row).collect()
}

pub(super) fn table(rows: &[Row]) -> String {
    let mut text = "Decoding by an autoencoder of SDXL's true size (random weights, f32): memory at the most above what the \
                    process had before it opened a network, what is stated for it beforehand, and seconds.\n\n\
                    | picture | in bands, GB | stated, GB | s | whole, GB | s | bands / whole, s |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for Row { side, banded, whole } in rows {
        let gigabytes = |cost: &Cost| (cost.peak - cost.base) as f64 / 1e9;
        let cell = |whole: &Cost| {
            let ratio = banded.seconds / whole.seconds;
            format!("{:.2} | {:.0} | {ratio:.2}", gigabytes(whole), whole.seconds)
        };
        let whole = whole.as_ref().map_or("not tried | |".to_owned(), cell);
        let (taken, stated) = (gigabytes(banded), banded.stated as f64 / 1e9);
        text +=
            &format!("| {side}x{side} | **{taken:.2}** | {stated:.2} | {:.0} | {whole} |\n", banded.seconds);
    }
    text
}

/// Decodes once and tells what it took.
///
/// # Errors
/// If the network cannot be opened or run.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    reelsmith_inference::runtime::load_onnxruntime(&crate::models().join("onnxruntime/libonnxruntime.so"))?;
    let part = checkpoint::autoencoder(&args.vae)?;
    let (config, weights, target) = (&part.config, &part.weights, Target::CPU);
    let processor = Processor::Cpu(args.threads);
    let banded = Banded { config, weights, target, processor, cut: Cut::Bytes(BAND) };
    let side = args.side / config.factor();
    let shape = [1, config.latent_channels, side, side];
    let wave = (0..shape.iter().product::<usize>()).map(|n| (n as f32 * 0.7).sin()).collect();
    let latents = Array::new(&shape, wave);
    let (base, clock) = (resident("VmRSS:")?, Instant::now());
    let (made, stated) = if args.whole {
        let model = decoder(config, weights, target)?;
        let mut network = Network::open_unplanned("autoencoder", &model, processor)?;
        (network.run_last(&[("latents", (&latents).into())], &["picture"])?.swap_remove(0), 0)
    } else {
        let told = |done, total| {
            if done % 50 == 0 {
                eprintln!("band {done} of {total}, {:.0} s", clock.elapsed().as_secs_f64());
            }
            Ok(())
        };
        (banded.decode(latents, told)?, banded.decoding_takes(side, side))
    };
    let seconds = clock.elapsed().as_secs_f64();
    drop(made);
    println!("{}", serde_json::to_string(&Cost { base, peak: resident("VmHWM:")?, stated, seconds })?);
    Ok(())
}

/// Bytes of memory of this process, by a line of proc(5)'s `status`.
fn resident(line: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)).context("no such line")?;
    Ok(found.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
