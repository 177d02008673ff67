//! The attention of a decoder's tokens to the sound. The texts of a window and their tokens are rows of one product, so
//! that the sound's keys and values are read once for all of them. It also tells the scores, from which times of
//! words are found.

use super::exponential::softmax;
use super::products::add_product;
use ort::Error;
use ort::operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::TensorElementType;
use reelsmith_graph::nn;
use std::sync::{Mutex, PoisonError};

/// See [`nn::SOUND_ATTENTION`].
pub(super) struct SoundAttention;

impl Operator for SoundAttention {
    type Kernel<'attr> = SoundAttentionKernel;

    fn name(&self) -> &str {
        nn::SOUND_ATTENTION
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [0; 3].map(|_| OperatorInput::required(TensorElementType::Float32))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [0; 2].map(|_| OperatorOutput::required(TensorElementType::Float32))
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<SoundAttentionKernel> {
        Ok(SoundAttentionKernel)
    }
}

pub(super) struct SoundAttentionKernel;

impl Kernel for SoundAttentionKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input =
            |index| context.input(index)?.ok_or_else(|| Error::new("SoundAttention takes three inputs"));
        let values = [input(0)?, input(1)?, input(2)?];
        let (shape, query) = values[0].try_extract_tensor::<f32>()?;
        let (sound, key) = values[1].try_extract_tensor::<f32>()?;
        let (_, value) = values[2].try_extract_tensor::<f32>()?;
        let (&[rows, width], &[windows, heads, head, frames]) = (&shape[..], &sound[..]) else {
            return Err(Error::new("SoundAttention takes (rows, width) and (windows, heads, head, frames)"));
        };
        let [rows, width, windows] = [rows, width, windows].map(|extent| extent as usize);
        let [heads, head, frames] = [heads, head, frames].map(|extent| extent as usize);
        let fits = !key.is_empty()
            && width == heads * head
            && rows.is_multiple_of(windows.max(1))
            && [key.len(), value.len()] == [windows * frames * width; 2];
        if !fits {
            return Err(Error::new("SoundAttention of parts that do not fit each other"));
        }
        let texts = rows / windows;
        let missing = || Error::new("SoundAttention has two outputs");
        let mut output = context.output(0, shape.to_vec())?.ok_or_else(missing)?;
        let extents = [windows, heads, texts, frames].map(|extent| extent as i64).to_vec();
        let mut compared = context.output(1, extents)?.ok_or_else(missing)?;
        let y = Mutex::new(output.try_extract_tensor_mut::<f32>()?.1);
        let (_, scores) = compared.try_extract_tensor_mut::<f32>()?;
        if texts == 0 {
            return Ok(());
        }
        // Each is taken by one thread only; the lock says so to the compiler.
        let scores: Vec<Mutex<&mut [f32]>> =
            scores.chunks_exact_mut(texts * frames).map(Mutex::new).collect();
        context.par_for(scores.len(), 0, |part| {
            let (window, column) = (part / heads, part % heads * head);
            let of_head = part * frames * head..(part + 1) * frames * head;
            let rows = || (0..texts).map(|text| (window * texts + text) * width + column);
            let queries: Vec<f32> = rows().flat_map(|row| &query[row..row + head]).copied().collect();
            let mut scores = scores[part].lock().unwrap_or_else(PoisonError::into_inner);
            scores.fill(0.0);
            add_product(&queries, head, &key[of_head.clone()], frames, &mut scores);
            let mut shares = scores.to_vec();
            shares.chunks_exact_mut(frames).for_each(softmax);
            let mut mixed = vec![0.0; texts * head];
            add_product(&shares, frames, &value[of_head], head, &mut mixed);
            // Parts of a row belong to different threads, so the whole is locked for the short copy.
            let mut y = y.lock().unwrap_or_else(PoisonError::into_inner);
            for (row, mixed) in rows().zip(mixed.chunks_exact(head)) {
                y[row..row + head].copy_from_slice(mixed);
            }
        })
    }
}
