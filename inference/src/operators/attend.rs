//! One query of one head: compared with keys, and values mixed by how much they are alike.

use super::exponential::{exp, most};
use ort::Error;
use ort::operator::KernelContext;

/// Keys or values of one head: rows of an array and then those of another one.
pub(super) struct Rows<'a> {
    /// The numbers, how many rows, where the first begins, and how far it is to the next.
    pub(super) parts: [(&'a [f32], usize, usize, usize); 2],
    /// Where in a row the head's numbers begin.
    pub(super) column: usize,
    /// How many they are.
    pub(super) head: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = &'a [f32]> {
        let (column, head) = (self.column, self.head);
        let rows = |(numbers, count, start, step): (&'a [f32], usize, usize, usize)| {
            (0..count).map(move |n| &numbers[start + n * step + column..][..head])
        };
        rows(self.parts[0]).chain(rows(self.parts[1]))
    }
}

/// The `heads` of an operator.
pub(super) fn heads(context: &KernelContext<'_>) -> ort::Result<usize> {
    let heads = context.get::<i64>("heads").and_then(|heads| usize::try_from(heads).ok());
    heads.filter(|heads| *heads > 0).ok_or_else(|| Error::new("an attention has no `heads`"))
}

/// How alike `query` is to each of the first keys, as many as `scores` has room for.
pub(super) fn compare(query: &[f32], keys: &Rows<'_>, scores: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { compare_avx2(query, keys, scores) };
    }
    compare_anywhere(query, keys, scores);
}

/// The same arithmetic, compiled for AVX2; as neither fuses multiplications with additions, the results are
/// the same to the bit.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn compare_avx2(query: &[f32], keys: &Rows<'_>, scores: &mut [f32]) {
    compare_anywhere(query, keys, scores);
}

#[inline(always)]
fn compare_anywhere(query: &[f32], keys: &Rows<'_>, scores: &mut [f32]) {
    for (score, key) in scores.iter_mut().zip(keys.iter()) {
        *score = dot(query, key);
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut sums = [0.0; 32];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    // In halves, so that it stays one addition of many numbers at a time.
    let (low, high) = sums.split_at(16);
    let mut sums: [f32; 16] = std::array::from_fn(|n| low[n] + high[n]);
    for half in [8, 4, 2, 1] {
        for n in 0..half {
            sums[n] += sums[n + half];
        }
    }
    sums[0] + rest
}

/// Makes shares of `scores` (softmax) and mixes the first values by them into `mixed`.
pub(super) fn mix(scores: &mut [f32], values: &Rows<'_>, mixed: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { mix_avx2(scores, values, mixed) };
    }
    mix_anywhere(scores, values, mixed);
}

/// See [`compare_avx2`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn mix_avx2(scores: &mut [f32], values: &Rows<'_>, mixed: &mut [f32]) {
    mix_anywhere(scores, values, mixed);
}

#[inline(always)]
fn mix_anywhere(scores: &mut [f32], values: &Rows<'_>, mixed: &mut [f32]) {
    let shift = most(scores);
    scores.iter_mut().for_each(|score| *score = exp(*score - shift));
    let whole = 1.0 / scores.iter().sum::<f32>();
    mixed.fill(0.0);
    for (share, value) in scores.iter().zip(values.iter()) {
        mixed.iter_mut().zip(value).for_each(|(sum, number)| *sum += share * number);
    }
    mixed.iter_mut().for_each(|sum| *sum *= whole);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_mixed_as_softmax_says_wherever_they_lie(
            numbers in prop::collection::vec(-2f32..2.0, 400), query in prop::collection::vec(-2f32..2.0, 40),
            first in 0usize..4, second in 1usize..4, head in 1usize..40,
        ) {
            let column = 40 - head;
            let rows = Rows { parts: [(&numbers, first, 3, 45), (&numbers[200..], second, 1, 50)], column, head };
            let query = &query[..head];
            let mut scores = vec![0.0; first + second];
            compare(query, &rows, &mut scores);
            let mut plain = scores.clone();
            compare_anywhere(query, &rows, &mut plain);
            prop_assert_eq!(&plain, &scores);
            let all: Vec<&[f32]> = rows.iter().collect();
            let wanted: Vec<f64> =
                all.iter().map(|row| row.iter().zip(query).map(|(a, b)| f64::from(a * b)).sum()).collect();
            for (score, wanted) in scores.iter().zip(&wanted) {
                prop_assert!((f64::from(*score) - wanted).abs() < 1e-4);
            }
            let mut mixed = vec![f32::NAN; head];
            mix(&mut scores, &rows, &mut mixed);
            let whole: f64 = wanted.iter().map(|score| score.exp()).sum();
            for (n, number) in mixed.iter().enumerate() {
                let sum: f64 = wanted.iter().zip(&all).map(|(s, row)| s.exp() / whole * f64::from(row[n])).sum();
                prop_assert!((f64::from(*number) - sum).abs() < 1e-4, "{number} for {sum}");
            }
        }
    }
}
