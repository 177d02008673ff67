//! Group normalisation and, where asked, the SiLU after it, in one pass over memory to measure and one to write.
//!
//! ONNX Runtime's CPU has no such operator: out of the standard's it becomes five passes, the first of them on a
//! single thread.

use ort::Error;
use ort::operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::{TensorElementType, TensorValueType, ValueRef};
use reelsmith_graph::nn;
use std::sync::{Mutex, PoisonError};

/// Numbers measured at a time: they stay in the first cache for the second look.
const BLOCK: usize = 4096;

/// Inputs `x` of shape (N, C, ...), `scale` and `bias` of shape (C); the output has the shape of `x`. All are f32.
pub(super) struct GroupNorm;

impl Operator for GroupNorm {
    type Kernel<'attr> = GroupNormKernel;

    fn name(&self) -> &str {
        nn::GROUP_NORM
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [0; 3].map(|_| OperatorInput::required(TensorElementType::Float32))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<GroupNormKernel> {
        let whole =
            |name| context.get::<i64>(name).ok_or_else(|| Error::new(format!("GroupNorm has no `{name}`")));
        let groups = usize::try_from(whole("groups")?).unwrap_or(0);
        let epsilon =
            context.get::<f32>("epsilon").ok_or_else(|| Error::new("GroupNorm has no `epsilon`"))?;
        if groups == 0 {
            return Err(Error::new("GroupNorm of no groups"));
        }
        Ok(GroupNormKernel { groups, epsilon, silu: whole("silu")? != 0 })
    }
}

pub(super) struct GroupNormKernel {
    groups: usize,
    epsilon: f32,
    silu: bool,
}

impl Kernel for GroupNormKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = |index| context.input(index)?.ok_or_else(|| Error::new("GroupNorm takes three inputs"));
        let (x, scale, bias) = (input(0)?, numbers(input(1)?)?, numbers(input(2)?)?);
        let (shape, x) = x.try_extract_tensor::<f32>()?;
        let (count, channels) = match &shape[..] {
            [count, channels, _, ..] => (*count as usize, *channels as usize),
            _ => return Err(Error::new(format!("GroupNorm takes (N, C, ...), not {shape:?}"))),
        };
        if scale.len() != channels || bias.len() != channels || !channels.is_multiple_of(self.groups) {
            return Err(Error::new(format!("GroupNorm of {channels} channels in {} groups", self.groups)));
        }
        let mut output =
            context.output(0, shape.to_vec())?.ok_or_else(|| Error::new("GroupNorm has no output"))?;
        let (_, y) = output.try_extract_tensor_mut::<f32>()?;
        let each = channels / self.groups;
        let length = x.len() / (count * self.groups).max(1);
        if length == 0 {
            return Ok(());
        }
        // Each is taken by one thread only; the lock says so to the compiler.
        let parts: Vec<Mutex<&mut [f32]>> = y.chunks_exact_mut(length).map(Mutex::new).collect();
        context.par_for(parts.len(), 0, |part| {
            let mut y = parts[part].lock().unwrap_or_else(PoisonError::into_inner);
            let first = part % self.groups * each;
            let channels = (&scale[first..first + each], &bias[first..first + each]);
            let x = &x[part * length..][..length];
            group(x, channels, self.epsilon, self.silu, &mut y);
        })
    }
}

/// The numbers of a weight. Those that lie in a file are mapped from it and may stand at any byte.
pub(super) fn numbers(value: ValueRef<'_>) -> ort::Result<Vec<f32>> {
    let tensor = value.downcast::<TensorValueType<f32>>()?;
    let count = tensor.shape().num_elements();
    if count == 0 {
        return Ok(Vec::new());
    }
    let bytes = tensor.data_ptr().cast::<u8>();
    // SAFETY: the tensor has `count` numbers of four bytes each, and is not written while it is an input.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, count * 4) };
    Ok(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
}

/// One group: `x` to mean 0 and variance 1, then scaled and shifted by channel.
fn group(x: &[f32], channels: (&[f32], &[f32]), epsilon: f32, silu: bool, y: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { group_avx2(x, channels, epsilon, silu, y) };
    }
    group_anywhere(x, channels, epsilon, silu, y);
}

/// The same arithmetic, compiled for AVX2; as neither fuses multiplications with additions, the results are
/// the same to the bit.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn group_avx2(x: &[f32], channels: (&[f32], &[f32]), epsilon: f32, silu: bool, y: &mut [f32]) {
    group_anywhere(x, channels, epsilon, silu, y);
}

#[inline(always)]
fn group_anywhere(x: &[f32], (scale, bias): (&[f32], &[f32]), epsilon: f32, silu: bool, y: &mut [f32]) {
    let (mean, variance) = moments(x);
    let inverse = 1.0 / (variance + f64::from(epsilon)).sqrt();
    let centre = mean as f32;
    let plane = x.len() / scale.len();
    let planes = x.chunks_exact(plane).zip(y.chunks_exact_mut(plane)).zip(scale.iter().zip(bias));
    for ((x, y), (scale, bias)) in planes {
        let slope = (f64::from(*scale) * inverse) as f32;
        // The mean is taken off first: beside a large one, a product and a sum would lose what is small.
        let shift = (f64::from(*bias) + f64::from(*scale) * inverse * (f64::from(centre) - mean)) as f32;
        channel(x, [centre, slope, shift], silu, y);
    }
}

/// One channel, whose group's mean is `centre` or nearly so.
#[inline(always)]
pub(super) fn channel(x: &[f32], [centre, slope, shift]: [f32; 3], silu: bool, y: &mut [f32]) {
    match silu {
        true => x.iter().zip(y).for_each(|(x, y)| *y = self::silu((x - centre) * slope + shift)),
        false => x.iter().zip(y).for_each(|(x, y)| *y = (x - centre) * slope + shift),
    }
}

/// Mean and variance, block by block (Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
/// Computing Sample Variances", 1979): sums of squares about zero would lose a small variance about a large mean.
#[inline(always)]
pub(crate) fn moments(x: &[f32]) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for block in x.chunks(BLOCK) {
        let length = block.len() as f64;
        let centre = sum(block, |x| x) / length;
        let about = centre as f32;
        let around = sum(block, |x| (x - about) * (x - about));
        let (distance, total) = (centre - mean, count + length);
        mean += distance * length / total;
        squares += around + distance * distance * count * length / total;
        count = total;
    }
    (mean, squares / count)
}

/// Sum of `of` each number, in sixteen lanes.
#[inline(always)]
fn sum(x: &[f32], of: impl Fn(f32) -> f32) -> f64 {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut lanes = [0f32; 16];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += of(*x);
        }
    }
    lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>()
        + rest.iter().map(|x| f64::from(of(*x))).sum::<f64>()
}

/// x / (1 + e^-x), within 3e-7 of itself.
#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// e^x within 2e-7 of itself where the result is a normal number: x = n ln 2 + r with ln 2 in two parts (Cody and
/// Waite), e^r by the polynomial of Cephes' `expf.c`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding and taking off 1.5 * 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    // NaN stays NaN: neither comparison of `clamp` moves it.
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_2e-4 * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_65;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(x: &[f32], scale: f32, bias: f32, epsilon: f32, silu: bool) -> Vec<f64> {
        let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
        let normal = x.iter().map(|x| (x - mean) / (variance + f64::from(epsilon)).sqrt());
        let scaled = normal.map(|x| x * f64::from(scale) + f64::from(bias));
        scaled.map(|x| if silu { x / (1.0 + (-x).exp()) } else { x }).collect()
    }

    proptest! {
        #[test]
        fn a_group_comes_out_normal(
            x in prop::collection::vec(-1f32..1.0, 64..9000), mean in -300f32..300.0, spread in 0.1f32..50.0,
            scale in -2f32..2.0, bias in -2f32..2.0, silu: bool,
        ) {
            let x: Vec<f32> = x.iter().map(|x| x * spread + mean).collect();
            let mut y = vec![f32::NAN; x.len()];
            group(&x, (&[scale], &[bias]), 1e-5, silu, &mut y);
            // The numbers themselves are given to 1 in 2^24 of their mean, which is all that can be lost.
            let tolerance = 1e-5 + 8e-7 * f64::from(mean.abs() / spread);
            for (y, wanted) in y.iter().zip(wanted(&x, scale, bias, 1e-5, silu)) {
                prop_assert!((f64::from(*y) - wanted).abs() <= tolerance, "{y} for {wanted}");
            }
        }

        #[test]
        fn every_processor_computes_the_same_bits(x in prop::collection::vec(-1e3f32..1e3, 32..600), silu: bool) {
            let x = &x[..x.len() / 4 * 4];
            let channels: (&[f32], &[f32]) = (&[1.0, 0.5, -1.0, 2.0], &[0.0, 0.1, -0.2, 0.3]);
            let (mut fast, mut plain) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            group(x, channels, 1e-6, silu, &mut fast);
            group_anywhere(x, channels, 1e-6, silu, &mut plain);
            prop_assert_eq!(fast, plain);
        }

        #[test]
        fn the_exponential_is_one(x in -86.9f32..87.9) {
            let wanted = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) - wanted).abs() <= 2e-7 * wanted, "{x}");
        }
    }

    #[test]
    fn far_out_silu_is_the_number_or_nothing() {
        assert_eq!(silu(1e30), 1e30);
        assert_eq!(silu(200.0), 200.0);
        assert!(silu(-200.0).abs() < 1e-30);
        assert!(silu(f32::NAN).is_nan());
    }
}
