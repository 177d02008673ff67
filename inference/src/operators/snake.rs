//! The decoder's activation as one operator: Snake, `x + sin²(a·x) / a` with one `a` a channel (Ziyin et al.,
//! "Neural Networks Fail to Learn Periodic Functions and How to Fix It", 2020).
//!
//! The published graph spells it as Mul, Sin, Pow, Mul, Add: five passes over memory, one of them
//! ONNX Runtime's sine on a single thread, together a quarter of the time. [`crate::kokoro`] puts this in
//! their place.

use ort::Error;
use ort::operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::TensorElementType;
use std::sync::{Mutex, PoisonError};

/// Name of the operator in a graph.
pub(crate) const NAME: &str = "Snake";

/// Inputs `x` of shape (1, channels, time), `a` and `1/a` of shape (1, channels, 1); the output has the shape of `x`.
/// All are f32.
pub(super) struct Snake;

impl Operator for Snake {
    type Kernel<'attr> = SnakeKernel;

    fn name(&self) -> &str {
        NAME
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [0; 3].map(|_| OperatorInput::required(TensorElementType::Float32))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<SnakeKernel> {
        Ok(SnakeKernel)
    }
}

pub(super) struct SnakeKernel;

impl Kernel for SnakeKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = |index| context.input(index)?.ok_or_else(|| Error::new("Snake takes three inputs"));
        let (x, a, inverse) = (input(0)?, input(1)?, input(2)?);
        let ((shape, x), (_, a), (_, inverse)) = (
            x.try_extract_tensor::<f32>()?,
            a.try_extract_tensor::<f32>()?,
            inverse.try_extract_tensor::<f32>()?,
        );
        let &[1, channels, time] = &shape[..] else {
            return Err(Error::new(format!("Snake takes (1, channels, time), not {shape:?}")));
        };
        if a.len() != channels as usize || inverse.len() != a.len() {
            return Err(Error::new(format!("Snake of {channels} channels has {} factors", a.len())));
        }
        let mut output =
            context.output(0, shape.to_vec())?.ok_or_else(|| Error::new("Snake has no output"))?;
        let (_, y) = output.try_extract_tensor_mut::<f32>()?;
        let time = time as usize;
        if time == 0 {
            return Ok(());
        }
        // Each is taken by one thread only; the lock says so to the compiler.
        let rows: Vec<Mutex<&mut [f32]>> = y.chunks_exact_mut(time).map(Mutex::new).collect();
        context.par_for(rows.len(), 0, |channel| {
            let mut row = rows[channel].lock().unwrap_or_else(PoisonError::into_inner);
            snake(&x[channel * time..][..time], a[channel], inverse[channel], &mut row);
        })
    }
}

/// `y = x + inverse · sin²(a·x)`.
fn snake(x: &[f32], a: f32, inverse: f32, y: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { snake_avx2(x, a, inverse, y) };
    }
    snake_anywhere(x, a, inverse, y);
}

/// The same arithmetic, compiled for AVX2; as neither fuses multiplications with additions, the results are
/// the same to the bit.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn snake_avx2(x: &[f32], a: f32, inverse: f32, y: &mut [f32]) {
    snake_anywhere(x, a, inverse, y);
}

#[inline(always)]
fn snake_anywhere(x: &[f32], a: f32, inverse: f32, y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = x + inverse * sine_squared(a * x);
    }
}

/// Within 4·10⁻⁷ for arguments up to ±8192: the argument less the nearest multiple of π, which leaves the
/// square as it is, in three parts (Cody and Waite; the parts are four times those of π/4 in Cephes'
/// `sinf.c`); then a polynomial fitted to the sine on ±π/2 for the least greatest error (3.4·10⁻⁹).
#[inline(always)]
fn sine_squared(z: f32) -> f32 {
    /// Adding and taking off 1.5·2²³ rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let turns = (z * std::f32::consts::FRAC_1_PI + ROUND) - ROUND;
    let z = ((z - turns * 3.140_625) - turns * 9.675_026e-4) - turns * 1.509_958e-7;
    let square = z * z;
    let polynomial = 2.590_327_8e-6 * square - 1.980_081_9e-4;
    let polynomial = polynomial * square + 8.332_899e-3;
    let polynomial = polynomial * square - 0.166_666_48;
    let sine = z + z * (polynomial * square);
    sine * sine
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_snake(x in prop::collection::vec(-300.0f32..300.0, 0..70), a in 0.05f32..20.0) {
            let mut y = vec![f32::NAN; x.len()];
            snake(&x, a, 1.0 / a, &mut y);
            for (x, y) in x.iter().zip(&y) {
                let wanted = f64::from(*x) + f64::from(1.0 / a) * f64::from(a * x).sin().powi(2);
                let tolerance = 5e-7 / f64::from(a) + 3e-7 * wanted.abs();
                prop_assert!((f64::from(*y) - wanted).abs() <= tolerance, "{x} {a}: {y} for {wanted}");
            }
        }

        #[test]
        fn every_processor_computes_the_same_bits(x in prop::collection::vec(-1e4f32..1e4, 0..70), a in 0.05f32..20.0) {
            let (mut fast, mut plain) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            snake(&x, a, 1.0 / a, &mut fast);
            snake_anywhere(&x, a, 1.0 / a, &mut plain);
            prop_assert_eq!(fast, plain);
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut y = [0.0; 2];
        snake(&[f32::NAN, f32::INFINITY], 1.0, 1.0, &mut y);
        assert!(y[0].is_nan() && !y[1].is_finite());
    }
}
