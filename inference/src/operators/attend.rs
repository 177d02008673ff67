//! One query of one head: compared with keys, and values mixed by how much they are alike.

use super::exponential::softmax;

/// How alike `query` is to each of the first keys, as many as `scores` has room for.
pub(super) fn compare(query: &[f32], keys: &[&[f32]], scores: &mut [f32]) {
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
fn compare_avx2(query: &[f32], keys: &[&[f32]], scores: &mut [f32]) {
    compare_anywhere(query, keys, scores);
}

#[inline(always)]
fn compare_anywhere(query: &[f32], keys: &[&[f32]], scores: &mut [f32]) {
    for (score, key) in scores.iter_mut().zip(keys) {
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
pub(super) fn mix(scores: &mut [f32], values: &[&[f32]], mixed: &mut [f32]) {
    softmax(scores);
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
fn mix_avx2(shares: &[f32], values: &[&[f32]], mixed: &mut [f32]) {
    mix_anywhere(shares, values, mixed);
}

#[inline(always)]
fn mix_anywhere(shares: &[f32], values: &[&[f32]], mixed: &mut [f32]) {
    mixed.fill(0.0);
    for (share, value) in shares.iter().zip(values) {
        mixed.iter_mut().zip(*value).for_each(|(sum, number)| *sum += share * number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_mixed_as_softmax_says(
            numbers in prop::collection::vec(-2f32..2.0, 400), query in prop::collection::vec(-2f32..2.0, 1..40),
            count in 1usize..9,
        ) {
            let rows: Vec<&[f32]> = numbers.chunks(45).take(count).map(|row| &row[..query.len()]).collect();
            let mut scores = vec![0.0; count];
            compare(&query, &rows, &mut scores);
            let mut plain = scores.clone();
            compare_anywhere(&query, &rows, &mut plain);
            prop_assert_eq!(&plain, &scores);
            let wanted: Vec<f64> =
                rows.iter().map(|row| row.iter().zip(&query).map(|(a, b)| f64::from(a * b)).sum()).collect();
            for (score, wanted) in scores.iter().zip(&wanted) {
                prop_assert!((f64::from(*score) - wanted).abs() < 1e-4);
            }
            let mut mixed = vec![f32::NAN; query.len()];
            mix(&mut scores, &rows, &mut mixed);
            let whole: f64 = wanted.iter().map(|score| score.exp()).sum();
            for (n, number) in mixed.iter().enumerate() {
                let sum: f64 = wanted.iter().zip(&rows).map(|(s, row)| s.exp() / whole * f64::from(row[n])).sum();
                prop_assert!((f64::from(*number) - sum).abs() < 1e-4, "{number} for {sum}");
            }
        }
    }
}
