//! Exponentials of many numbers at a time, as softmax takes them.

/// The largest of `row`; minus infinity of nothing.
pub(crate) fn most(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<16>();
    let mut most = [f32::NEG_INFINITY; 16];
    for chunk in chunks {
        for (most, value) in most.iter_mut().zip(chunk) {
            *most = if *value > *most { *value } else { *most };
        }
    }
    most.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a })
}

/// The sum of `e^(x - shift)` over `row`, none of which may be greater than `shift`.
pub(crate) fn sum(row: &[f32], shift: f32) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { sum_avx2(row, shift) };
    }
    sum_anywhere(row, shift)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(row: &[f32], shift: f32) -> f32 {
    sum_anywhere(row, shift)
}

#[inline(always)]
fn sum_anywhere(row: &[f32], shift: f32) -> f32 {
    let (chunks, rest) = row.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += exp(x - shift));
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| exp(x - shift)).sum::<f32>()
}

/// Makes shares of `row` in place: each power of e over the sum of all.
pub(crate) fn softmax(row: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { softmax_avx2(row) };
    }
    softmax_anywhere(row);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn softmax_avx2(row: &mut [f32]) {
    softmax_anywhere(row);
}

#[inline(always)]
fn softmax_anywhere(row: &mut [f32]) {
    let shift = most(row);
    row.iter_mut().for_each(|x| *x = exp(*x - shift));
    let (chunks, rest) = row.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
    }
    let whole = 1.0 / (sums.iter().sum::<f32>() + rest.iter().sum::<f32>());
    row.iter_mut().for_each(|x| *x *= whole);
}

/// `e^x` for numbers that are not greater than 0, within 2·10⁻⁷ of it; below -87 as there. Cephes' `expf.c` without its
/// branches.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding 1.5·2²³ rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let x = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4 * x + 1.398_199_9e-3;
    let p = p * x + 8.333_452e-3;
    let p = p * x + 4.166_579_6e-2;
    let p = p * x + 1.666_666_5e-1;
    let p = p * x + 0.5;
    let p = p * (x * x) + x + 1.0;
    p * f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_exponential(x in -86.0f32..=0.0) {
            let wanted = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) - wanted).abs() <= 3e-7 * wanted, "{x}: {} for {wanted}", exp(x));
        }

        #[test]
        fn sums_and_the_largest_are_those_of_the_numbers(row in prop::collection::vec(-30f32..5.0, 0..70)) {
            let largest = most(&row);
            prop_assert_eq!(largest, row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            if !row.is_empty() {
                let wanted: f64 = row.iter().map(|x| f64::from(x - largest).exp()).sum();
                prop_assert!((f64::from(sum(&row, largest)) - wanted).abs() <= 1e-5 * wanted);
                let mut shares = row.clone();
                softmax(&mut shares);
                for (share, x) in shares.iter().zip(&row) {
                    let wanted = f64::from(x - largest).exp() / wanted;
                    prop_assert!((f64::from(*share) - wanted).abs() <= 1e-5 * wanted, "{share} for {wanted}");
                }
            }
        }
    }

    #[test]
    fn what_is_forbidden_counts_for_nothing() {
        assert_eq!(sum(&[0.0, f32::NEG_INFINITY], 0.0), 1.0);
        assert_eq!(exp(0.0), 1.0);
    }
}
