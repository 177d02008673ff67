//! The table of `images-gpu`.

use super::check::Check;
use super::{Args, Cost, Row, Settings, Work};
use crate::results::{machine, median};
use serde::Serialize;
use std::process::Command;

/// The costs of ours, or of the peer.
type Side = fn(&Row) -> &[Cost];

/// What is stored.
#[derive(Serialize)]
pub(super) struct Raw<'a> {
    pub(super) settings: Settings,
    pub(super) checks: &'a [Check],
    pub(super) rows: &'a [Row],
}

/// The results' name; figures of a trial do not overwrite those of a card.
pub(super) fn name(args: &Args) -> &'static str {
    if args.device == "cuda" && !args.tiny { "images-gpu" } else { "images-gpu-trial" }
}

pub(super) fn table(args: &Args, checks: &[Check], rows: &[Row]) -> String {
    let mut text = format!(
        "Ours (ONNX Runtime) and diffusers (torch.compile: {}, {}) on the same weights, {} passes in turn of {} runs, either \
         with at most {} GB. Seconds are medians, the ratio is ours by diffusers'. Settings of ours: {}. {}.\n\n\
         | | | ours s | diffusers s | ratio | ours GB | diffusers GB |\n|---|---|---|---|---|---|---|\n",
        args.compile,
        super::timed_precision(args),
        args.passes,
        args.runs,
        args.memory_gb,
        match args.settings.flags().as_slice() {
            [] => "defaults".to_owned(),
            flags => flags.join(" "),
        },
        place(args),
    );
    for row in rows {
        let (ours, peer) = (seconds(&row.ours), seconds(&row.peer));
        let memory = |costs: &[Cost]| costs.iter().map(|cost| cost.memory).max().unwrap_or(0) as f64 / 1e9;
        text += &format!(
            "| {} | {} | {ours:.3} | {peer:.3} | **{:.2}** | {:.1} | {:.1} |\n",
            row.name,
            what(&row.work),
            ours / peer,
            memory(&row.ours),
            memory(&row.peer)
        );
    }
    text += &derived(rows);
    text += "\nBefore, on the same device, ours against PyTorch:\n\n| | largest difference, relative | PSNR dB |\n|---|---|---|\n";
    for check in checks {
        text += &format!("| {} | {:.1e} | {:.1} |\n", check.title, check.relative, check.psnr);
    }
    text
}

/// What follows from the rows: a step, what a ControlNet adds to it, and enlarging by the megapixel.
fn derived(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut line = |title: &str, of: &dyn Fn(Side) -> Option<f64>| {
        let (ours, peer) = (of(|row| &row.ours), of(|row| &row.peer));
        if let (Some(ours), Some(peer)) = (ours, peer) {
            text += &format!("| {title} | | {ours:.4} | {peer:.4} | **{:.2}** | | |\n", ours / peer);
        }
    };
    line("a step, with guidance", &|of| step(rows, of));
    line("what a ControlNet adds to a step, as a share of it", &|of| {
        let (plain, steered) = (image(rows, 1, of)?, image(rows, 2, of)?);
        Some((steered.1 - plain.1) / f64::from(plain.0) / step(rows, of)?)
    });
    line("x4plus, seconds per input megapixel", &|of| {
        rows.iter().find_map(|row| match row.work {
            Work::Upscale { side } => Some(seconds(of(row)) / (f64::from(side).powi(2) / 1e6)),
            _ => None,
        })
    });
    text
}

/// Seconds of one denoise step: the difference of many and some steps, without text and decoding.
fn step(rows: &[Row], of: Side) -> Option<f64> {
    let (many, some) = (image(rows, 0, of)?, image(rows, 1, of)?);
    Some((many.1 - some.1) / f64::from(many.0 - some.0))
}

/// Steps and seconds of a row that makes a picture.
fn image(rows: &[Row], n: usize, of: Side) -> Option<(u32, f64)> {
    let row = rows.get(n)?;
    match row.work {
        Work::Image { steps, .. } => Some((steps, seconds(of(row)))),
        _ => None,
    }
}

fn seconds(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.seconds).collect())
}

fn what(work: &Work) -> String {
    match work {
        Work::Check { .. } => String::new(),
        Work::Image { side, steps, guidance, .. } => format!("{side}², {steps} steps, guidance {guidance}"),
        Work::Decode { side } => format!("{side}²"),
        Work::Upscale { side } => format!("from {side}²"),
    }
}

fn place(args: &Args) -> String {
    if args.device == "cpu" {
        return format!("A trial on a CPU in f32, {} threads: {}", args.threads, machine());
    }
    let query =
        ["--id=0", "--query-gpu=name,driver_version,memory.total,power.limit", "--format=csv,noheader"];
    let told = Command::new("nvidia-smi").args(query).output().map(|told| told.stdout).unwrap_or_default();
    format!("{}; {}", String::from_utf8_lossy(&told).trim(), machine())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_and_what_steers_it_follow_from_whole_pictures() {
        let row = |steps, steered, seconds: f64| {
            let costs = vec![Cost { seconds, memory: 0 }];
            let work = Work::Image { side: 1024, steps, guidance: 5.0, steered };
            Row { name: "", work, ours: costs.clone(), peer: costs }
        };
        // A second for text and decoding, 0.1 a step, 0.03 more where it is steered.
        let rows = [row(30, false, 4.0), row(10, false, 2.0), row(10, true, 2.3)];
        assert!((step(&rows, |row| &row.ours).unwrap() - 0.1).abs() < 1e-12);
        let text = derived(&rows);
        assert!(text.contains("as a share of it | | 0.3000 | 0.3000 | **1.00**"), "{text}");
    }
}
