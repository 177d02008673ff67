//! Whether our networks compute what PyTorch's do, on the card and the weights that will be timed.

use super::{Args, Cost, Work, ours, peer};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::path::Path;

/// What is compared, and by which bar.
const OUTPUTS: [(&str, &str); 5] = [
    ("noise", "UNet, batch of 2"),
    ("picture", "VAE decoder"),
    ("tokens-0", "first text encoder"),
    ("tokens-1", "second text encoder"),
    ("pooled", "pooled text"),
];
/// Largest difference by the reference's largest value, and PSNR of a decoded picture in dB: in half precision, where
/// both round, and in f32.
const HALF: Bar = Bar { relative: 1e-2, psnr: 45.0 };
const SINGLE: Bar = Bar { relative: 1e-4, psnr: 80.0 };

struct Bar {
    relative: f64,
    psnr: f64,
}

/// How near ours is.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) title: &'static str,
    pub(super) relative: f64,
    /// With the reference's range as peak, in dB.
    pub(super) psnr: f64,
}

/// Has both compute the same, and compares.
///
/// # Errors
/// If a contender fails, or ours is further from PyTorch than the bars.
pub(super) fn check(args: &Args) -> Result<Vec<Check>> {
    let folder = tempfile::tempdir()?;
    let line = serde_json::to_string(&Work::Check { folder: folder.path().to_owned() })?;
    let (precision, bar) = if args.device == "cpu" { ("f32", SINGLE) } else { ("f16", HALF) };
    // One after the other, so that each has the card to itself.
    peer(args, "no", precision)?.ask::<Cost>(&line).context("PyTorch computes the reference")?;
    ours(args)?.ask::<Cost>(&line).context("ours computes the same")?;
    let mut checks = Vec::new();
    for (name, title) in OUTPUTS {
        let check = compare(title, folder.path(), name)?;
        eprintln!("{title}: relative {:.2e}, {:.1} dB", check.relative, check.psnr);
        let is_near = check.relative <= bar.relative && (name != "picture" || check.psnr >= bar.psnr);
        ensure!(
            is_near,
            "the {title} is not what PyTorch computes: {:.2e} relative ({:.0e} allowed), {:.1} dB ({} asked of a picture); \
             nothing is timed",
            check.relative,
            bar.relative,
            check.psnr,
            bar.psnr
        );
        checks.push(check);
    }
    Ok(checks)
}

fn compare(title: &'static str, folder: &Path, name: &str) -> Result<Check> {
    let (theirs, ours) =
        (read(&folder.join(format!("{name}.f32")))?, read(&folder.join(format!("ours-{name}.f32")))?);
    ensure!(theirs.len() == ours.len(), "the {title} gives {} numbers, PyTorch {}", ours.len(), theirs.len());
    let pairs = || theirs.iter().zip(&ours).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    ensure!(pairs().all(|(a, b)| a.is_finite() && b.is_finite()), "the {title} gives numbers that are none");
    let largest = pairs().fold(0.0f64, |most, (a, _)| most.max(a.abs()));
    let apart = pairs().fold(0.0f64, |most, (a, b)| most.max((a - b).abs()));
    let (low, high) = pairs().fold((f64::MAX, f64::MIN), |(low, high), (a, _)| (low.min(a), high.max(a)));
    let square = pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>() / theirs.len() as f64;
    Ok(Check { title, relative: apart / largest, psnr: 10.0 * ((high - low).powi(2) / square).log10() })
}

/// Little-endian f32.
pub(super) fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_differ_by_a_hundredth_are_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, numbers: [f32; 3]| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            std::fs::write(folder.path().join(format!("{name}.f32")), bytes).unwrap();
        };
        write("noise", [-2.0, 0.0, 1.0]);
        write("ours-noise", [-2.0, 0.02, 1.0]);
        let check = compare("UNet", folder.path(), "noise").unwrap();
        assert!((check.relative - 0.01).abs() < 1e-6, "{check:?}");
        write("ours-noise", [-2.0, f32::NAN, 1.0]);
        assert!(compare("UNet", folder.path(), "noise").is_err());
    }
}
