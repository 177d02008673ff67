//! How far a picture decoded in parts is from the whole, and whether seams show in it.

use serde::Serialize;

/// Neighbouring lines on each side with which a line is compared.
const NEIGHBOURS: usize = 8;

/// Planes (C, height, width).
#[derive(Debug, Clone)]
pub(super) struct Planes {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) data: Vec<f32>,
}

/// In levels of 8 bits, but for the PSNR.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Seams {
    /// In parts against whole, in dB.
    pub(super) psnr: f64,
    /// Largest and mean absolute difference.
    pub(super) largest: f64,
    pub(super) mean: f64,
    /// By how much the most conspicuous line's mean absolute gradient grew beyond its neighbours'.
    pub(super) excess: f64,
}

impl Planes {
    /// Pictures in -1 ..= 1 as levels of 8 bits, not rounded.
    pub(super) fn levels(mut self) -> Self {
        self.data.iter_mut().for_each(|value| *value = (value.clamp(-1.0, 1.0) + 1.0) * 127.5);
        self
    }

    fn transposed(&self) -> Self {
        let (width, height) = (self.width, self.height);
        let mut data = Vec::with_capacity(self.data.len());
        for plane in self.data.chunks_exact(width * height) {
            for x in 0..width {
                data.extend((0..height).map(|y| plane[y * width + x]));
            }
        }
        Self { width: height, height: width, data }
    }

    /// Mean absolute difference between column x and the next, for every x but the last.
    fn gradients(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width - 1];
        for row in self.data.chunks_exact(self.width) {
            for (sum, pair) in sums.iter_mut().zip(row.windows(2)) {
                *sum += f64::from((pair[1] - pair[0]).abs());
            }
        }
        let rows = (self.data.len() / self.width) as f64;
        sums.iter().map(|sum| sum / rows).collect()
    }

    /// This less `other`.
    pub(super) fn less(&self, other: &Self) -> Self {
        let data = self.data.iter().zip(&other.data).map(|(a, b)| a - b).collect();
        Self { data, ..*self }
    }
}

/// Peak signal-to-noise ratio of two arrays in dB, for values that span `peak`.
pub(super) fn psnr(a: &[f32], b: &[f32], peak: f64) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    10.0 * (peak * peak * a.len() as f64 / sum).log10()
}

/// Compares `parts`, a picture decoded in parts, with `whole`, both in levels of 8 bits.
pub(super) fn seams(parts: &Planes, whole: &Planes) -> Seams {
    let difference = parts.less(whole);
    let absolute = || difference.data.iter().map(|value| f64::from(value.abs()));
    Seams {
        psnr: psnr(&parts.data, &whole.data, 255.0),
        largest: absolute().fold(0.0, f64::max),
        mean: absolute().sum::<f64>() / difference.data.len() as f64,
        excess: excess(parts, whole).max(excess(&parts.transposed(), &whole.transposed())),
    }
}

/// Over all columns, wherever a seam may lie: by how much the gradient grew, less the mean of what its neighbours' grew.
fn excess(parts: &Planes, whole: &Planes) -> f64 {
    let grown: Vec<f64> =
        parts.gradients().iter().zip(whole.gradients()).map(|(parts, whole)| parts - whole).collect();
    let lines = NEIGHBOURS..grown.len().saturating_sub(NEIGHBOURS);
    let of = |line: usize| {
        let around = grown[line - NEIGHBOURS..=line + NEIGHBOURS].iter().sum::<f64>() - grown[line];
        grown[line] - around / (2 * NEIGHBOURS) as f64
    };
    lines.map(of).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(width: usize, height: usize) -> Planes {
        let data = (0..3 * width * height).map(|n| 128.0 + 60.0 * (n as f32 * 0.37).sin()).collect();
        Planes { width, height, data }
    }

    #[test]
    fn a_step_of_two_levels_is_found_whichever_way_it_lies() {
        let whole = waves(64, 48);
        let mut parts = whole.clone();
        for row in parts.data.chunks_exact_mut(64) {
            row[32..].iter_mut().for_each(|value| *value += 2.0);
        }
        let found = seams(&parts, &whole);
        assert!((found.largest - 2.0).abs() < 1e-4 && (found.mean - 1.0).abs() < 1e-4, "{found:?}");
        let again = seams(&parts.transposed(), &whole.transposed());
        assert!((found.excess - again.excess).abs() < 1e-4, "{found:?} {again:?}");
    }

    #[test]
    fn a_step_in_a_plain_area_stands_out_by_its_height() {
        let plain = |step: f32| {
            let row: Vec<f32> = (0..64).map(|x| if x < 32 { 100.0 } else { 100.0 + step }).collect();
            Planes { width: 64, height: 3 * 16, data: row.repeat(3 * 48) }
        };
        let found = seams(&plain(2.0), &plain(0.0));
        assert!((found.excess - 2.0).abs() < 1e-4, "{found:?}");
        // The same step spread over 32 columns is no line.
        let mut spread = plain(0.0);
        for row in spread.data.chunks_exact_mut(64) {
            row.iter_mut().enumerate().for_each(|(x, value)| *value += x.clamp(16, 48) as f32 / 16.0);
        }
        let found = seams(&spread, &plain(0.0));
        assert!(found.excess < 0.04, "{found:?}");
    }

    #[test]
    fn equal_pictures_have_no_seams() {
        let found = seams(&waves(40, 40), &waves(40, 40));
        assert_eq!((found.excess, found.largest), (0.0, 0.0));
        assert!(found.psnr.is_infinite());
    }
}
