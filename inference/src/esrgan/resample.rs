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
    /// The first of all from here on.
    oldest: usize,
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
        Taps { first: first + zeros, oldest: 0, weights }
    };
    let mut taps: Vec<Taps> = (0..to).map(one).collect();
    let mut oldest = usize::MAX;
    for taps in taps.iter_mut().rev() {
        oldest = oldest.min(taps.first);
        taps.oldest = oldest;
    }
    taps
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
        let row = self.across(row);
        self.rows.push_back(row);
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
        }
        let needed = self.down.get(self.done).map_or(usize::MAX, |taps| taps.oldest);
        while self.oldest < needed && self.rows.pop_front().is_some() {
            self.oldest += 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resampled(rows: &[Vec<f32>], channels: usize, to: [usize; 2]) -> Vec<Vec<f32>> {
        let mut made = Vec::new();
        let mut resampler = Resampler::new(channels, [rows[0].len() / channels, rows.len()], to);
        rows.iter().for_each(|row| resampler.push(row, |row| made.push(row.to_vec())));
        made
    }

    /// What Pillow 13 makes of pictures of mode F with `Image.resize((width, height), Image.BICUBIC)`.
    #[test]
    fn it_agrees_with_pillow() {
        let close = |made: Vec<Vec<f32>>, expected: &[&[f32]]| {
            assert_eq!(made.len(), expected.len());
            let all = made.iter().flatten().zip(expected.iter().flat_map(|row| row.iter()));
            all.for_each(|(a, b)| assert!((a - b).abs() < 1e-5 * 103.0, "{made:?}"));
        };
        let line = [vec![0.0, 1.0, 4.0, 2.0, 8.0, 5.0, 7.0]];
        close(resampled(&line, 1, [3, 1]), &[&[1.016_129, 4.206_349_4, 6.455_645]]);
        let larger = [
            -0.070_312_5,
            0.256_861_36,
            1.216_378_7,
            3.488_354_7,
            3.304_282_4,
            2.0,
            6.144_252_3,
            7.695_717_3,
            5.118_707_7,
            6.011_259_6,
            7.140_625,
        ];
        close(resampled(&line, 1, [11, 1]), &[&larger]);
        let squares: Vec<Vec<f32>> =
            (0..4).map(|y| (0..3).map(|x| ((y * 3 + x) * (y * 3 + x)) as f32).collect()).collect();
        let expected: [&[f32]; 3] =
            [&[1.262_203, 5.596_144], &[24.250_414, 39.435_005], &[76.876_08, 102.911_32]];
        close(resampled(&squares, 1, [2, 3]), &expected);
    }

    proptest! {
        #[test]
        fn every_row_comes_out_and_an_even_picture_stays_even(
            from in [1usize..80, 1usize..80], to in [1usize..200, 1usize..200], channels in 1usize..5,
        ) {
            let rows = vec![vec![0.7f32; from[0] * channels]; from[1]];
            let made = resampled(&rows, channels, to);
            prop_assert_eq!(made.len(), to[1]);
            for row in made {
                prop_assert_eq!(row.len(), to[0] * channels);
                prop_assert!(row.iter().all(|number| (number - 0.7).abs() < 1e-5), "{:?}", row);
            }
        }

        #[test]
        fn the_same_size_changes_nothing(numbers in prop::collection::vec(-1f32..2.0, 60)) {
            let rows: Vec<Vec<f32>> = numbers.chunks_exact(12).map(<[f32]>::to_vec).collect();
            prop_assert_eq!(resampled(&rows, 3, [4, 5]), rows);
        }
    }
}
