//! The second half of [`super::group_norm`] alone, for statistics that were taken elsewhere: of a picture that is
//! worked on in bands.

use super::group_norm::channel;
use ort::Error;
use ort::operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::TensorElementType;
use reelsmith_graph::nn;
use std::sync::{Mutex, PoisonError};

/// Inputs `x` of shape (N, C, ...), `centre`, `slope` and `shift` of C numbers; the output has the shape of `x`. All
/// are f32.
pub(super) struct Affine;

impl Operator for Affine {
    type Kernel<'attr> = AffineKernel;

    fn name(&self) -> &str {
        nn::AFFINE
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [0; 4].map(|_| OperatorInput::required(TensorElementType::Float32))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<AffineKernel> {
        let silu = context.get::<i64>("silu").ok_or_else(|| Error::new("Affine has no `silu`"))?;
        Ok(AffineKernel { silu: silu != 0 })
    }
}

pub(super) struct AffineKernel {
    silu: bool,
}

impl Kernel for AffineKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = |index| context.input(index)?.ok_or_else(|| Error::new("Affine takes four inputs"));
        let (x, by_channel) = (input(0)?, [input(1)?, input(2)?, input(3)?]);
        let (shape, x) = x.try_extract_tensor::<f32>()?;
        let &[count, channels, ..] = &shape[..] else {
            return Err(Error::new(format!("Affine takes (N, C, ...), not {shape:?}")));
        };
        let (count, channels) = (count as usize, channels as usize);
        let [(_, centre), (_, slope), (_, shift)] = [
            by_channel[0].try_extract_tensor::<f32>()?,
            by_channel[1].try_extract_tensor::<f32>()?,
            by_channel[2].try_extract_tensor::<f32>()?,
        ];
        if [centre, slope, shift].iter().any(|numbers| numbers.len() != channels) {
            return Err(Error::new(format!("Affine of {channels} channels with other numbers")));
        }
        let mut output =
            context.output(0, shape.to_vec())?.ok_or_else(|| Error::new("Affine has no output"))?;
        let (_, y) = output.try_extract_tensor_mut::<f32>()?;
        let length = x.len() / (count * channels).max(1);
        if length == 0 {
            return Ok(());
        }
        // Each is taken by one thread only; the lock says so to the compiler.
        let planes: Vec<Mutex<&mut [f32]>> = y.chunks_exact_mut(length).map(Mutex::new).collect();
        context.par_for(planes.len(), 0, |n| {
            let mut y = planes[n].lock().unwrap_or_else(PoisonError::into_inner);
            let of = n % channels;
            let numbers = [centre[of], slope[of], shift[of]];
            plane(&x[n * length..][..length], numbers, self.silu, &mut y);
        })
    }
}

fn plane(x: &[f32], numbers: [f32; 3], silu: bool, y: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { plane_avx2(x, numbers, silu, y) };
    }
    channel(x, numbers, silu, y);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn plane_avx2(x: &[f32], numbers: [f32; 3], silu: bool, y: &mut [f32]) {
    channel(x, numbers, silu, y);
}
