//! Large pictures in overlapping tiles, blended into each other where they overlap.

use crate::network::Array;
use reelsmith_inference_core::Result;
use std::ops::Range;

/// How a plane is cut, in positions of the latents.
#[derive(Debug, Clone, Copy)]
pub struct Tiling {
    /// Longest side of a tile.
    pub side: usize,
    /// By how much two neighbours overlap at least.
    pub overlap: usize,
}

/// Planes of latents (C, h, w) or of a picture whose sides are `factor` times as long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    pub(super) factor: usize,
}

impl Tiling {
    /// Whether latents of this size are taken in one piece.
    pub fn is_whole(self, height: usize, width: usize) -> bool {
        height * width <= self.side * self.side
    }

    /// Where tiles lie along a side of so many latents: as few as there can be, evenly spread.
    pub fn spans(self, length: usize) -> Vec<Range<usize>> {
        let side = self.side.min(length);
        let step = side.saturating_sub(self.overlap).max(1);
        let count = (length - side).div_ceil(step) + 1;
        let start = |n: usize| if count == 1 { 0 } else { n * (length - side) / (count - 1) };
        (0..count).map(|n| start(n)..start(n) + side).collect()
    }

    /// Runs `work` on tiles of `input` (1, channels of `from`, H, W), which give `to`, and blends them. `height` and
    /// `width` are the latents'.
    pub(super) fn run(
        self,
        input: &Array,
        (height, width): (usize, usize),
        (from, to): (Planes, Planes),
        mut work: impl FnMut(Array) -> Result<Array>,
    ) -> Result<Array> {
        let shape = [1, to.channels, height * to.factor, width * to.factor];
        let (mut sum, mut weights) = (Array::zeros(&shape), vec![0f32; shape[2] * shape[3]]);
        for rows in self.spans(height) {
            for columns in self.spans(width) {
                let made = work(cut(input, width * from.factor, (&rows, &columns), from))?;
                let across = ramp(&columns, width, self.overlap, to.factor);
                let down = ramp(&rows, height, self.overlap, to.factor);
                let first = (rows.start * to.factor, columns.start * to.factor);
                add(&mut sum, &mut weights, &made, first, (&down, &across));
            }
        }
        for plane in sum.data.chunks_exact_mut(weights.len()) {
            plane.iter_mut().zip(&weights).for_each(|(number, weight)| *number /= weight);
        }
        Ok(sum)
    }
}

/// Adds a tile, weighted, at `first` (row, column).
fn add(
    sum: &mut Array,
    weights: &mut [f32],
    tile: &Array,
    (top, left): (usize, usize),
    (down, across): (&[f32], &[f32]),
) {
    let width = sum.shape[3];
    let plane = weights.len();
    for (y, row_weight) in down.iter().enumerate() {
        let place = (top + y) * width + left;
        for (x, weight) in across.iter().enumerate() {
            weights[place + x] += row_weight * weight;
        }
        for channel in 0..tile.shape[1] {
            let from = &tile.data[(channel * down.len() + y) * across.len()..][..across.len()];
            let to = &mut sum.data[channel * plane + place..][..across.len()];
            for ((to, from), weight) in to.iter_mut().zip(from).zip(across) {
                *to += from * row_weight * weight;
            }
        }
    }
}

fn cut(
    input: &Array,
    width: usize,
    (rows, columns): (&Range<usize>, &Range<usize>),
    planes: Planes,
) -> Array {
    let scaled = |range: &Range<usize>| range.start * planes.factor..range.end * planes.factor;
    let (rows, columns) = (scaled(rows), scaled(columns));
    let plane = input.data.len() / planes.channels;
    let mut data = Vec::with_capacity(planes.channels * rows.len() * columns.len());
    for channel in 0..planes.channels {
        for row in rows.clone() {
            data.extend_from_slice(&input.data[channel * plane + row * width..][columns.clone()]);
        }
    }
    Array::new(&[1, planes.channels, rows.len(), columns.len()], data)
}

/// Weights of a tile's rows or columns: falling to nearly nothing over the overlap, except at the picture's border.
/// What lies next to a tile's edge was made from padding, so the outer quarter counts for almost nothing.
fn ramp(span: &Range<usize>, length: usize, overlap: usize, factor: usize) -> Vec<f32> {
    const ALMOST_NOTHING: f32 = 1e-6;
    let (count, fade) = (span.len() * factor, (overlap * factor) as f32);
    let weight = |from_edge: usize, is_border: bool| match is_border {
        true => 1.0,
        false => ((from_edge as f32 + 0.5 - fade / 4.0) / (fade / 2.0)).clamp(ALMOST_NOTHING, 1.0),
    };
    (0..count).map(|n| weight(n, span.start == 0) * weight(count - 1 - n, span.end == length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tiles_cover_every_position_and_overlap(length in 1usize..600, side in 8usize..130, share in 0usize..5) {
            let tiling = Tiling { side, overlap: side * share / 10 };
            let spans = tiling.spans(length);
            prop_assert_eq!(spans[0].start, 0);
            prop_assert_eq!(spans[spans.len() - 1].end, length);
            for pair in spans.windows(2) {
                prop_assert!(pair[0].end >= pair[1].start + tiling.overlap);
                prop_assert!(pair[0].len() == side && pair[1].len() == side);
            }
        }

        #[test]
        fn tiles_that_change_nothing_give_the_picture_back(
            height in 1usize..40, width in 1usize..40, side in 8usize..20, up: bool,
        ) {
            let tiling = Tiling { side, overlap: side / 2 };
            let factor = if up { 3 } else { 1 };
            let input = Array::new(&[1, 2, height, width], (0..2 * height * width).map(|n| n as f32).collect());
            let planes = |factor| Planes { channels: 2, factor };
            let enlarge = |tile: Array| {
                let (rows, columns) = (tile.shape[2] * factor, tile.shape[3] * factor);
                let number = |n: usize| {
                    let (channel, y, x) = (n / (rows * columns), n / columns % rows, n % columns);
                    tile.data[(channel * tile.shape[2] + y / factor) * tile.shape[3] + x / factor]
                };
                Ok(Array::new(&[1, 2, rows, columns], (0..2 * rows * columns).map(number).collect()))
            };
            let made = tiling.run(&input, (height, width), (planes(1), planes(factor)), enlarge).unwrap();
            let whole = enlarge(input).unwrap();
            prop_assert_eq!(&made.shape, &whole.shape);
            for (made, whole) in made.data.iter().zip(&whole.data) {
                prop_assert!((made - whole).abs() <= 1e-6 * whole.abs(), "{made} for {whole}");
            }
        }
    }
}
