//! A picture brought to another size, row by row as it comes: separable, with the Catmull-Rom cubic (Keys, "Cubic
//! Convolution Interpolation", 1981, a = -1/2), which is widened when the picture gets smaller so that nothing
//! aliases. It has one lobe below zero only: what it adds beyond an edge lies outside the range of the pixels
//! there and is cut off, where Lanczos' second lobe would leave a haze around what is transparent.

use std::collections::VecDeque;

/// Half the width of the kernel.
const SUPPORT: f64 = 2.0;

fn cubic(x: f64) -> f64 {
    let x = x.abs();
    match x {
        ..1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        ..2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

/// What one pixel of the result is made of along one side.
#[derive(Debug, Clone)]
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// The taps of every pixel when `from` pixels become `to`.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let width = scale.max(1.0);
    let one = |n: usize| {
        let centre = (n as f64 + 0.5) * scale;
        let first = (centre - SUPPORT * width).floor().max(0.0) as usize;
        let last = ((centre + SUPPORT * width).ceil() as usize).min(from);
        let weights: Vec<f64> = (first..last).map(|at| cubic((at as f64 + 0.5 - centre) / width)).collect();
        let zeros = weights.iter().take_while(|weight| **weight == 0.0).count();
        let used = weights.iter().rposition(|weight| *weight != 0.0).map_or(zeros, |last| last + 1);
        let sum: f64 = weights.iter().sum();
        let weights = weights[zeros..used].iter().map(|weight| (weight / sum) as f32).collect();
        Taps { first: first + zeros, weights }
    };
    (0..to).map(one).collect()
}

/// Takes the rows of a picture and makes those of another size.
pub(super) struct Resampler {
    channels: usize,
    across: Vec<Taps>,
    down: Vec<Taps>,
    /// Rows of the new width that are still needed, of which the first is `oldest`.
    rows: VecDeque<Vec<f32>>,
    oldest: usize,
    made: Vec<f32>,
    done: usize,
}

impl Resampler {
    /// From a picture of `from` pixels, across and down, to one of `to`.
    pub(super) fn new(channels: usize, from: [usize; 2], to: [usize; 2]) -> Self {
        Self {
            channels,
            across: taps(from[0], to[0]),
            down: taps(from[1], to[1]),
            rows: VecDeque::new(),
            oldest: 0,
            made: vec![0.0; to[0] * channels],
            done: 0,
        }
    }

    /// Takes the next row and hands every row that can now be made to `take`, in order.
    pub(super) fn push(&mut self, row: &[f32], mut take: impl FnMut(&[f32])) {
        let first_needed = self.down.get(self.done).map_or(usize::MAX, |taps| taps.first);
        if self.oldest + self.rows.len() < first_needed && self.rows.is_empty() {
            self.oldest += 1;
        } else {
            let row = self.across(row);
            self.rows.push_back(row);
        }
        while let Some(taps) = self.down.get(self.done) {
            if taps.first + taps.weights.len() > self.oldest + self.rows.len() {
                break;
            }
            self.made.fill(0.0);
            for (weight, row) in taps.weights.iter().zip(self.rows.iter().skip(taps.first - self.oldest)) {
                self.made.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
            take(&self.made);
            self.done += 1;
            let next = self.down.get(self.done).map_or(usize::MAX, |taps| taps.first);
            while self.oldest < next && self.rows.pop_front().is_some() {
                self.oldest += 1;
            }
        }
    }

    fn across(&self, row: &[f32]) -> Vec<f32> {
        let channels = self.channels;
        let mut made = vec![0.0; self.across.len() * channels];
        for (taps, pixel) in self.across.iter().zip(made.chunks_exact_mut(channels)) {
            let source = row[taps.first * channels..].chunks_exact(channels);
            for (weight, source) in taps.weights.iter().zip(source) {
                pixel.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        made
    }
}
