//! Samples a window of a still to a frame: bilinear, at positions of 1/65536 of a sample.
//!
//! Separable. For each output row two input rows are mixed at full width, which is contiguous work;
//! then pairs of the mixed row are weighed along the columns, whose places are the same for every
//! row and are therefore prepared once a frame.

use super::Window;
use super::columns::{Columns, position};
use crate::yuv::{Kernel, Planes, Yuv420};

/// Bits that a mixed row carries below the point.
const FRACTION: u32 = 7;

/// Half of a code, added to every mixed sample: as two weights sum to one, it comes out of the
/// weighing whole, where it makes the last shift round.
const HALF: i16 = 1 << (FRACTION - 1);

/// Samples beyond a mixed row's end that a block of eight may read; they get no weight.
const PADDING: usize = 8;

/// Renders windows of stills; keeps its tables and rows from frame to frame.
#[derive(Debug)]
pub struct Sampler {
    kernel: Kernel,
    luma: Columns,
    chroma: Columns,
    row: Vec<i16>,
}

/// How the rows of a plane lie: the vertical counterpart of [`Columns`].
#[derive(Debug, Clone, Copy)]
struct Rows {
    origin: f64,
    step: f64,
    width: usize,
    height: usize,
}

impl Sampler {
    /// A sampler that uses `kernel`.
    pub fn new(kernel: Kernel) -> Self {
        Self { kernel, luma: Columns::default(), chroma: Columns::default(), row: Vec::new() }
    }

    /// Fills `out` with what `window` shows of `still`. Outside the still its edge is repeated.
    ///
    /// # Panics
    /// If a side of the still is smaller than 4.
    pub fn render(&mut self, still: &Yuv420, window: Window, out: &mut Yuv420) {
        let (width, height) = (still.width(), still.height());
        assert!(width >= 4 && height >= 4, "a still has at least 4 samples a side");
        let (out_w, out_h) = (out.width(), out.height());
        let Window { left, top, step } = window;
        // Chroma lies on the left luma sample of its pair, but half-way between luma rows.
        self.luma.place(left, step, 0.5, out_w, width);
        self.chroma.place(left / 2.0, step, 0.25, out_w / 2, width / 2);
        self.row.clear();
        self.row.resize(width + PADDING, 0);
        let (from, to) = (still.planes(), out.planes_mut());
        let rows = Rows { origin: top, step, width, height };
        plane(self.kernel, from.luma, rows, &self.luma, &mut self.row, (to.luma, out_w));
        let rows = Rows { origin: top / 2.0, step, width: width / 2, height: height / 2 };
        debug_assert_eq!(to.cb.len(), out_w / 2 * (out_h / 2));
        let Planes { cb, cr, .. } = to;
        plane(self.kernel, from.cb, rows, &self.chroma, &mut self.row, (cb, out_w / 2));
        plane(self.kernel, from.cr, rows, &self.chroma, &mut self.row, (cr, out_w / 2));
    }
}

fn plane(
    kernel: Kernel,
    input: &[u8],
    rows: Rows,
    columns: &Columns,
    mixed: &mut [i16],
    out: (&mut [u8], usize),
) {
    let span = columns.span();
    for (y, out) in out.0.chunks_exact_mut(out.1).enumerate() {
        let (above, fraction) = position(rows.origin, rows.step, 0.5, y, rows.height);
        let row = |y: usize| &input[y * rows.width..][span.clone()];
        // The fraction is below 65536 but for the last row, where 1/32768 less than it is lost.
        let weight = (fraction >> 1).min(32_767) as i16;
        mix_rows(kernel, row(above), row(above + 1), weight, &mut mixed[span.clone()]);
        weigh_columns(kernel, mixed, columns, out);
    }
}

/// `out = above + (below - above) * weight / 32768 + 1/2`, with [`FRACTION`] bits below the point.
fn mix_rows(kernel: Kernel, above: &[u8], below: &[u8], weight: i16, out: &mut [i16]) {
    match kernel {
        Kernel::Scalar => mix_rows_scalar(above, below, weight, out),
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2(_) => {
            // SAFETY: an `Avx2` exists only where the processor was found to have AVX2.
            unsafe { avx2::mix_rows(above, below, weight, out) }
        }
    }
}

fn mix_rows_scalar(above: &[u8], below: &[u8], weight: i16, out: &mut [i16]) {
    for ((out, &above), &below) in out.iter_mut().zip(above).zip(below) {
        let (above, below) = (i32::from(above), i32::from(below));
        let change = (((below - above) << FRACTION) * i32::from(weight) + 0x4000) >> 15;
        // At most 255 and a half, 32704 with the fraction.
        *out = ((above << FRACTION) + change) as i16 + HALF;
    }
}

/// Weighs each output's pair of mixed samples, to 8 bits.
fn weigh_columns(kernel: Kernel, mixed: &[i16], columns: &Columns, out: &mut [u8]) {
    let done = match kernel {
        Kernel::Scalar => 0,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2(_) => {
            // SAFETY: an `Avx2` exists only where the processor was found to have AVX2.
            unsafe { avx2::weigh_columns(mixed, columns, out) }
        }
    };
    weigh_columns_scalar(mixed, columns, done, out);
}

fn weigh_columns_scalar(mixed: &[i16], columns: &Columns, done: usize, out: &mut [u8]) {
    let places = columns.left.iter().zip(&columns.weights).skip(done);
    for (out, (&left, weights)) in out[done..].iter_mut().zip(places) {
        let sum = i32::from(mixed[left]) * i32::from(weights[0])
            + i32::from(mixed[left + 1]) * i32::from(weights[1]);
        // 7 bits of the mixed row and 14 of the weights.
        *out = (sum >> 21) as u8;
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::super::columns::{Block, Columns};
    use super::{FRACTION, HALF, mix_rows_scalar};
    use std::arch::x86_64::*;

    /// Sixteen samples at a time; the rest by the scalar twin.
    #[target_feature(enable = "avx2")]
    pub(super) fn mix_rows(above: &[u8], below: &[u8], weight: i16, out: &mut [i16]) {
        let length = out.len().min(above.len()).min(below.len());
        let (above, below, out) = (&above[..length], &below[..length], &mut out[..length]);
        let sixteens = above.as_chunks::<16>().0.iter().zip(below.as_chunks::<16>().0);
        for ((above, below), out) in sixteens.zip(out.as_chunks_mut::<16>().0) {
            mix_sixteen(above, below, weight, out);
        }
        // The last sixteen overlap the ones before, unless the length is a multiple.
        match (above.last_chunk(), below.last_chunk(), out.last_chunk_mut()) {
            (Some(above), Some(below), Some(out)) => mix_sixteen(above, below, weight, out),
            _ => mix_rows_scalar(above, below, weight, out),
        }
    }

    #[target_feature(enable = "avx2")]
    fn mix_sixteen(above: &[u8; 16], below: &[u8; 16], weight: i16, out: &mut [i16; 16]) {
        // SAFETY: the arrays are 16 bytes long, as is each unaligned load.
        let (a, b) =
            unsafe { (_mm_loadu_si128(above.as_ptr().cast()), _mm_loadu_si128(below.as_ptr().cast())) };
        let (a, b) = (_mm256_cvtepu8_epi16(a), _mm256_cvtepu8_epi16(b));
        let change = _mm256_slli_epi16::<{ FRACTION as i32 }>(_mm256_sub_epi16(b, a));
        let change = _mm256_mulhrs_epi16(change, _mm256_set1_epi16(weight));
        let a = _mm256_add_epi16(_mm256_slli_epi16::<{ FRACTION as i32 }>(a), _mm256_set1_epi16(HALF));
        // SAFETY: the array is 32 bytes long, as is the unaligned store.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_add_epi16(a, change)) };
    }

    /// All outputs, if they are prepared in blocks; answers how many are done.
    #[target_feature(enable = "avx2")]
    pub(super) fn weigh_columns(mixed: &[i16], columns: &Columns, out: &mut [u8]) -> usize {
        let Some((last, blocks)) = columns.blocks.split_last() else { return 0 };
        assert!(columns.reach <= mixed.len(), "a row is padded by as many samples as a block reads");
        for (block, out) in blocks.iter().zip(out.as_chunks_mut::<16>().0) {
            // SAFETY: no block reads beyond `reach`, which is within the row, as asserted above.
            *out = unsafe { weigh_sixteen(mixed, block) };
        }
        let end = out.last_chunk_mut::<16>().expect("blocks are of rows of at least sixteen");
        // SAFETY: as above.
        *end = unsafe { weigh_sixteen(mixed, last) };
        out.len()
    }

    /// The outputs of one block.
    ///
    /// # Safety
    /// `mixed` must have eight samples from each of the block's bases on.
    #[target_feature(enable = "avx2")]
    unsafe fn weigh_sixteen(mixed: &[i16], block: &Block) -> [u8; 16] {
        let [a, b, c, d] = block.base.map(|base| {
            // SAFETY: eight samples are 16 bytes, as is the unaligned load.
            unsafe { _mm_loadu_si128(mixed.as_ptr().add(base as usize).cast()) }
        });
        let first = weigh(_mm256_set_m128i(b, a), &block.shuffle[0], &block.weights[0]);
        let second = weigh(_mm256_set_m128i(d, c), &block.shuffle[1], &block.weights[1]);
        let words = _mm256_packs_epi32(first, second);
        let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        let mut out = [0; 16];
        // SAFETY: the array is 16 bytes long, as is the unaligned store.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_packus_epi16(low, high)) };
        out
    }

    /// Eight outputs as 32-bit integers.
    #[target_feature(enable = "avx2")]
    fn weigh(samples: __m256i, shuffle: &[u8; 32], weights: &[i16; 16]) -> __m256i {
        // SAFETY: both arrays are 32 bytes long, as is each unaligned load.
        let (shuffle, weights) = unsafe {
            (_mm256_loadu_si256(shuffle.as_ptr().cast()), _mm256_loadu_si256(weights.as_ptr().cast()))
        };
        _mm256_srai_epi32::<21>(_mm256_madd_epi16(_mm256_shuffle_epi8(samples, shuffle), weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    fn noise(width: usize, height: usize, seed: u64) -> Yuv420 {
        let mut frame = Yuv420::black(width, height);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let Planes { luma, cb, cr } = frame.planes_mut();
        for plane in [luma, cb, cr] {
            random.fill_bytes(plane);
        }
        frame
    }

    /// One output of a plane, in floating point, straight from the definition.
    fn exact(plane: &[u8], size: (usize, usize), at: (f64, f64)) -> f64 {
        let x = at.0.clamp(0.0, (size.0 - 1) as f64);
        let y = at.1.clamp(0.0, (size.1 - 1) as f64);
        let (left, top) = ((x as usize).min(size.0 - 2), (y as usize).min(size.1 - 2));
        let (u, v) = (x - left as f64, y - top as f64);
        let sample = |x: usize, y: usize| f64::from(plane[y * size.0 + x]);
        let row = |y: usize| sample(left, y) * (1.0 - u) + sample(left + 1, y) * u;
        row(top) * (1.0 - v) + row(top + 1) * v
    }

    fn sizes() -> impl Strategy<Value = (usize, usize)> {
        (2usize..80, 2usize..30).prop_map(|(w, h)| (2 * w, 2 * h))
    }

    proptest! {
        #[test]
        fn the_fast_path_equals_its_scalar_twin(
            still in sizes(), frame in sizes(), left in -3.0..40.0, top in -3.0..20.0, step in 0.1..3.0, seed: u64,
        ) {
            let input = noise(still.0, still.1, seed);
            let (mut scalar, mut fast) = (Yuv420::black(frame.0, frame.1), Yuv420::black(frame.0, frame.1));
            let window = Window { left, top, step };
            Sampler::new(Kernel::Scalar).render(&input, window, &mut scalar);
            Sampler::new(Kernel::detect()).render(&input, window, &mut fast);
            prop_assert_eq!(scalar, fast);
        }

        #[test]
        fn every_sample_is_within_one_code_of_the_float_reference(
            still in sizes(), frame in sizes(), left in -3.0..40.0, top in -3.0..20.0, step in 0.1..3.0, seed: u64,
        ) {
            let input = noise(still.0, still.1, seed);
            let mut out = Yuv420::black(frame.0, frame.1);
            Sampler::new(Kernel::detect()).render(&input, Window { left, top, step }, &mut out);
            let (from, to) = (input.planes(), out.planes());
            for (index, &value) in to.luma.iter().enumerate() {
                let (x, y) = ((index % frame.0) as f64, (index / frame.0) as f64);
                let at = (left + (x + 0.5) * step - 0.5, top + (y + 0.5) * step - 0.5);
                prop_assert!((f64::from(value) - exact(from.luma, still, at)).abs() < 0.6);
            }
            let (width, size) = (frame.0 / 2, (still.0 / 2, still.1 / 2));
            for (plane, out) in [(from.cb, to.cb), (from.cr, to.cr)] {
                for (index, &value) in out.iter().enumerate() {
                    let (x, y) = ((index % width) as f64, (index / width) as f64);
                    // Output chroma column x is luma column 2x; input likewise.
                    let luma = left + (2.0 * x + 0.5) * step - 0.5;
                    let at = (luma / 2.0, top / 2.0 + (y + 0.5) * step - 0.5);
                    prop_assert!((f64::from(value) - exact(plane, size, at)).abs() < 0.6);
                }
            }
        }
    }

    #[test]
    fn a_window_of_the_same_size_copies() {
        let input = noise(96, 64, 1);
        let mut out = Yuv420::black(96, 64);
        Sampler::new(Kernel::detect()).render(&input, Window { left: 0.0, top: 0.0, step: 1.0 }, &mut out);
        // The last row is reached with a weight of 32767/32768, which rounds to the sample itself.
        assert_eq!(out, input);
    }
}
