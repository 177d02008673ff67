//! Resizes one 8-bit plane by Lanczos-3, widened when shrinking so that nothing aliases.
//!
//! Separable: columns first (whole rows are summed, which vectorises), then rows. Integer
//! arithmetic throughout, so that every machine gives the same pixels.

use crate::yuv::kernel::Kernel;

/// Weights sum to this.
const ONE: i32 = 1 << 14;

/// Bits that the intermediate rows carry below the point.
const FRACTION: u32 = 6;

/// How output samples lie over input samples along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    /// Input samples.
    pub(crate) input: usize,
    /// Output samples.
    pub(crate) output: usize,
    /// Where a sample lies in its cell: 0.5 in the middle, 0.25 for chroma that sits on the left
    /// luma sample of its pair.
    pub(crate) phase: f64,
}

impl Axis {
    /// Samples in the middle of their cells, as luma and RGB have them.
    pub(crate) fn centred(input: usize, output: usize) -> Self {
        Self { input, output, phase: 0.5 }
    }
}

/// A plane of samples, its rows one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plane<'a> {
    samples: &'a [u8],
    width: usize,
}

impl<'a> Plane<'a> {
    /// `samples` in rows of `width`.
    pub(crate) fn new(samples: &'a [u8], width: usize) -> Self {
        Self { samples, width }
    }
}

/// The weights of the input samples that make one output sample; as many for each, padded with 0.
struct Taps {
    first: Vec<usize>,
    weights: Vec<i16>,
    count: usize,
}

/// Resizes `plane` to `horizontal.output` x `vertical.output` samples.
pub(crate) fn lanczos(plane: Plane<'_>, horizontal: Axis, vertical: Axis) -> Vec<u8> {
    if horizontal.input == horizontal.output && vertical.input == vertical.output {
        return plane.samples.to_vec();
    }
    let kernel = Kernel::detect();
    let across = Taps::new(horizontal, 8);
    let down = Taps::new(vertical, 1);
    let mut out = vec![0; horizontal.output * vertical.output];
    // The padding taps of the last outputs reach past the row's end.
    let mut row = vec![0i16; plane.width + across.count];
    let mut sums = vec![0i32; plane.width];
    for (y, out) in out.chunks_exact_mut(horizontal.output).enumerate() {
        sums.fill(1 << (13 - FRACTION));
        for (tap, &weight) in down.weights[y * down.count..][..down.count].iter().enumerate() {
            if weight != 0 {
                let input = &plane.samples[(down.first[y] + tap) * plane.width..][..plane.width];
                add_row(kernel, &mut sums, input, weight);
            }
        }
        for (row, sum) in row.iter_mut().zip(&sums) {
            *row = (sum >> (14 - FRACTION)) as i16;
        }
        across_row(kernel, out, &row, &across);
    }
    out
}

impl Taps {
    fn new(axis: Axis, multiple: usize) -> Self {
        let ratio = axis.input as f64 / axis.output as f64;
        let widen = ratio.max(1.0);
        let reach = 3.0 * widen;
        let count = ((2.0 * reach).ceil() as usize + 1).min(axis.input).next_multiple_of(multiple);
        let mut taps = Self { first: Vec::new(), weights: Vec::new(), count };
        for output in 0..axis.output {
            let centre = (output as f64 + axis.phase) * ratio - axis.phase;
            taps.push(centre, widen, axis.input);
        }
        taps
    }

    /// Beyond the plane its outermost samples are taken to go on.
    fn push(&mut self, centre: f64, widen: f64, input: usize) {
        let reach = 3.0 * widen;
        let (low, high) = ((centre - reach).ceil() as i64, (centre + reach).floor() as i64);
        let last = input as i64 - 1;
        let first = low.clamp(0, last);
        let mut exact = vec![0.0; self.count];
        for at in low..=high {
            exact[(at.clamp(0, last) - first) as usize] += lanczos3((at as f64 - centre) / widen);
        }
        let sum: f64 = exact.iter().sum();
        let mut rounded: Vec<i32> =
            exact.iter().map(|weight| (weight / sum * f64::from(ONE)).round() as i32).collect();
        // What rounding took goes to the largest, so that plain areas keep their value exactly.
        let error = ONE - rounded.iter().sum::<i32>();
        if let Some(largest) = rounded.iter_mut().max() {
            *largest += error;
        }
        self.first.push(first as usize);
        self.weights.extend(rounded.iter().map(|&weight| weight as i16));
    }
}

/// sinc(x) sinc(x/3) for |x| < 3.
fn lanczos3(x: f64) -> f64 {
    let sinc = |x: f64| match x.abs() < 1e-9 {
        true => 1.0,
        false => (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x),
    };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

/// `sums += input * weight`.
fn add_row(kernel: Kernel, sums: &mut [i32], input: &[u8], weight: i16) {
    #[inline(always)]
    fn body(sums: &mut [i32], input: &[u8], weight: i16) {
        for (sum, &value) in sums.iter_mut().zip(input) {
            *sum += i32::from(value) * i32::from(weight);
        }
    }
    crate::yuv::kernel::twins!(kernel, body(sums: &mut [i32], input: &[u8], weight: i16));
}

fn across_row(kernel: Kernel, out: &mut [u8], row: &[i16], taps: &Taps) {
    #[inline(always)]
    fn body(out: &mut [u8], row: &[i16], taps: &Taps) {
        let weights = taps.weights.chunks_exact(taps.count);
        for ((out, weights), &first) in out.iter_mut().zip(weights).zip(&taps.first) {
            let samples = &row[first..first + taps.count];
            let mut sum = 1 << (13 + FRACTION);
            for (samples, weights) in samples.as_chunks::<8>().0.iter().zip(weights.as_chunks::<8>().0) {
                for index in 0..8 {
                    sum += i32::from(samples[index]) * i32::from(weights[index]);
                }
            }
            *out = (sum >> (14 + FRACTION)).clamp(0, 255) as u8;
        }
    }
    crate::yuv::kernel::twins!(kernel, body(out: &mut [u8], row: &[i16], taps: &Taps));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The mean over each cell; what any good filter must come near to on smooth input.
    fn ramp(width: usize, height: usize) -> Vec<u8> {
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (40 + x * 150 / width + y * 40 / height) as u8))
            .collect()
    }

    proptest! {
        #[test]
        fn a_plain_plane_keeps_its_value(
            value: u8, size in (1usize..60, 1usize..60), out in (1usize..90, 1usize..90), phase in 0.25..0.5,
        ) {
            let plane = vec![value; size.0 * size.1];
            let across = Axis { input: size.0, output: out.0, phase };
            let resized = lanczos(Plane::new(&plane, size.0), across, Axis::centred(size.1, out.1));
            prop_assert_eq!(resized, vec![value; out.0 * out.1]);
        }
    }

    #[test]
    fn a_ramp_keeps_its_place_when_shrunk_and_grown() {
        let plane = ramp(200, 120);
        for (width, height) in [(100, 60), (77, 51), (333, 240)] {
            let out = lanczos(Plane::new(&plane, 200), Axis::centred(200, width), Axis::centred(120, height));
            for y in height / 8..height * 7 / 8 {
                for x in width / 8..width * 7 / 8 {
                    let (u, v) = ((x as f64 + 0.5) / width as f64, (y as f64 + 0.5) / height as f64);
                    let exact = 40.0 + (u * 200.0 - 0.5) * 0.75 + (v * 120.0 - 0.5) / 3.0;
                    assert!((f64::from(out[y * width + x]) - exact).abs() < 2.0);
                }
            }
        }
    }

    #[test]
    fn detail_finer_than_the_result_becomes_its_mean_and_not_a_pattern() {
        let plane: Vec<u8> = (0..300 * 40).map(|index| if index % 2 == 0 { 0 } else { 200 }).collect();
        let out = lanczos(Plane::new(&plane, 300), Axis::centred(300, 90), Axis::centred(40, 40));
        for row in out.chunks_exact(90) {
            assert!(row[4..86].iter().all(|&value| value.abs_diff(100) <= 2), "{row:?}");
        }
    }
}
