//! Products of a few rows with a matrix that is read once for all of them.

/// Rows of the matrix that are taken at a time.
const DEEP: usize = 8;
/// Numbers of a row that are taken at a time.
const WIDE: usize = 16;
/// Rows of the result that stay close to the processor while the matrix passes.
const BLOCK: usize = 6;

/// Adds the product of `a` (rows, `depth`) and `b` (`depth`, `width`) to `c` (rows, `width`).
pub(super) fn add_product(a: &[f32], depth: usize, b: &[f32], width: usize, c: &mut [f32]) {
    if depth == 0 || width == 0 {
        return;
    }
    let b = &b[..depth * width];
    for (a, c) in a.chunks(BLOCK * depth).zip(c.chunks_mut(BLOCK * width)) {
        add_block(a, depth, b, width, c);
    }
}

fn add_block(a: &[f32], depth: usize, b: &[f32], width: usize, c: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe {
            match std::arch::is_x86_feature_detected!("avx512f") {
                true => add_avx512(a, depth, b, width, c),
                false => add_fma(a, depth, b, width, c),
            }
        };
    }
    add_anywhere::<{ cfg!(target_arch = "aarch64") }>(a, depth, b, width, c);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,fma")]
fn add_avx512(a: &[f32], depth: usize, b: &[f32], width: usize, c: &mut [f32]) {
    add_anywhere::<true>(a, depth, b, width, c);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn add_fma(a: &[f32], depth: usize, b: &[f32], width: usize, c: &mut [f32]) {
    add_anywhere::<true>(a, depth, b, width, c);
}

/// `FUSED` where the processor multiplies and adds in one step; elsewhere that would be a call of a library.
#[inline(always)]
fn add_anywhere<const FUSED: bool>(a: &[f32], depth: usize, b: &[f32], width: usize, c: &mut [f32]) {
    let (whole, in_lines) = (depth / DEEP * DEEP, width / WIDE * WIDE);
    for from in (0..whole).step_by(DEEP) {
        let rows: [&[f32]; DEEP] = std::array::from_fn(|n| &b[(from + n) * width..][..width]);
        for at in (0..in_lines).step_by(WIDE) {
            let b: [[f32; WIDE]; DEEP] =
                std::array::from_fn(|n| *rows[n][at..].first_chunk().expect("a whole line is left"));
            for (a, c) in a.chunks_exact(depth).zip(c.chunks_exact_mut(width)) {
                let a: &[f32; DEEP] = a[from..].first_chunk().expect("as many are left");
                let c: &mut [f32; WIDE] = c[at..].first_chunk_mut().expect("a whole line is left");
                add_line::<FUSED>(a, &b, c);
            }
        }
        for (n, row) in rows.iter().enumerate() {
            add_row::<FUSED>((a, depth, from + n), &row[in_lines..], (&mut *c, width, in_lines));
        }
    }
    for n in whole..depth {
        add_row::<FUSED>((a, depth, n), &b[n * width..][..width], (&mut *c, width, 0));
    }
}

/// In two sums, so that one does not wait for the other.
#[inline(always)]
fn add_line<const FUSED: bool>(a: &[f32; DEEP], b: &[[f32; WIDE]; DEEP], c: &mut [f32; WIDE]) {
    let mut sums = [[0.0; WIDE]; 2];
    for (n, (a, b)) in a.iter().zip(b).enumerate() {
        let sum = &mut sums[n % 2];
        sum.iter_mut().zip(b).for_each(|(sum, b)| *sum = fused::<FUSED>(*a, *b, *sum));
    }
    c.iter_mut().zip(sums[0].iter().zip(&sums[1])).for_each(|(c, (even, odd))| *c += even + odd);
}

/// One row of the matrix, or its end from `from` on, for every row of the result.
#[inline(always)]
fn add_row<const FUSED: bool>(
    (a, depth, n): (&[f32], usize, usize),
    b: &[f32],
    (c, width, from): (&mut [f32], usize, usize),
) {
    for (a, c) in a.chunks_exact(depth).zip(c.chunks_exact_mut(width)) {
        c[from..].iter_mut().zip(b).for_each(|(c, b)| *c = fused::<FUSED>(a[n], *b, *c));
    }
}

#[inline(always)]
fn fused<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_product_whatever_the_shapes(
            numbers in prop::collection::vec(-2f32..2.0, 6000),
            rows in 0usize..14, depth in 0usize..30, width in 0usize..70,
        ) {
            let (a, b) = (&numbers[..rows * depth], &numbers[1000..1000 + depth * width]);
            let before = &numbers[3500..3500 + rows * width];
            let wanted: Vec<f64> = (0..rows * width)
                .map(|at| {
                    let terms = (0..depth).map(|n| f64::from(a[at / width * depth + n]) * f64::from(b[n * width + at % width]));
                    f64::from(before[at]) + terms.sum::<f64>()
                })
                .collect();
            let (mut made, mut plain) = (before.to_vec(), before.to_vec());
            add_product(a, depth, b, width, &mut made);
            if depth > 0 && width > 0 {
                add_anywhere::<false>(a, depth, b, width, &mut plain);
            }
            for ((made, plain), wanted) in made.iter().zip(&plain).zip(&wanted) {
                prop_assert!((f64::from(*made) - wanted).abs() < 1e-4, "{made} for {wanted}");
                prop_assert!((f64::from(*plain) - wanted).abs() < 1e-4, "{plain} for {wanted}");
            }
        }
    }
}
