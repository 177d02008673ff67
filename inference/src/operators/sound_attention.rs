//! The attention of a decoder's tokens to the sound, whose keys and values are given with the frames one after the
//! other; it also tells the scores, from which times of words are found.

use super::attend::{Rows, compare, mix};
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

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<SoundAttentionKernel> {
        Ok(SoundAttentionKernel { heads: super::attend::heads(context)? })
    }
}

pub(super) struct SoundAttentionKernel {
    heads: usize,
}

impl Kernel for SoundAttentionKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input =
            |index| context.input(index)?.ok_or_else(|| Error::new("SoundAttention takes three inputs"));
        let values = [input(0)?, input(1)?, input(2)?];
        let (shape, query) = values[0].try_extract_tensor::<f32>()?;
        let (sound, key) = values[1].try_extract_tensor::<f32>()?;
        let (_, value) = values[2].try_extract_tensor::<f32>()?;
        let (&[rows, width], &[windows, frames, _]) = (&shape[..], &sound[..]) else {
            return Err(Error::new("SoundAttention takes (rows, width) and (windows, frames, width)"));
        };
        let [rows, width, windows, frames] = [rows, width, windows, frames].map(|extent| extent as usize);
        let fits = windows > 0
            && frames > 0
            && rows.is_multiple_of(windows.max(1))
            && width.is_multiple_of(self.heads)
            && [key.len(), value.len()] == [windows * frames * width; 2];
        if !fits {
            return Err(Error::new("SoundAttention of parts that do not fit each other"));
        }
        let (texts, head) = (rows / windows, width / self.heads);
        let missing = || Error::new("SoundAttention has two outputs");
        let mut output = context.output(0, shape.to_vec())?.ok_or_else(missing)?;
        let extents = [windows, self.heads, texts, frames].map(|extent| extent as i64).to_vec();
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
            let (window, column) = (part / self.heads, part % self.heads * head);
            let of = |all| {
                let start = window * frames * width;
                Rows { parts: [(all, frames, start, width), (&[][..], 0, 0, 0)], column, head }
            };
            let (keys, values) = (of(key), of(value));
            let mut scores = scores[part].lock().unwrap_or_else(PoisonError::into_inner);
            let (mut shares, mut mixed) = (vec![0.0; frames], vec![0.0; head]);
            for (text, scores) in scores.chunks_exact_mut(frames).enumerate() {
                let row = (window * texts + text) * width + column;
                let query = &query[row..row + head];
                compare(query, &keys, scores);
                shares.copy_from_slice(scores);
                mix(&mut shares, &values, &mut mixed);
                // Parts of a row belong to different threads, so the whole is locked for the short copy.
                y.lock().unwrap_or_else(PoisonError::into_inner)[row..row + head].copy_from_slice(&mixed);
            }
        })
    }
}
