//! The attention of a decoder's new tokens to those before them and to themselves, over keys and values that are kept
//! with the newest last. Out of ONNX's standard operators a step would copy all that is kept four times.

use super::attend::{Rows, compare, mix};
use ort::Error;
use ort::operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::TensorElementType;
use reelsmith_graph::nn;
use std::sync::{Mutex, PoisonError};

/// See [`nn::TEXT_ATTENTION`].
pub(super) struct TextAttention;

impl Operator for TextAttention {
    type Kernel<'attr> = TextAttentionKernel;

    fn name(&self) -> &str {
        nn::TEXT_ATTENTION
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [0; 5].map(|_| OperatorInput::required(TensorElementType::Float32))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<TextAttentionKernel> {
        Ok(TextAttentionKernel { heads: super::attend::heads(context)? })
    }
}

pub(super) struct TextAttentionKernel {
    heads: usize,
}

impl Kernel for TextAttentionKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input =
            |index| context.input(index)?.ok_or_else(|| Error::new("TextAttention takes five inputs"));
        let values = [input(0)?, input(1)?, input(2)?, input(3)?, input(4)?];
        let [query, past_key, past_value, key, value] = &values;
        let (shape, query) = query.try_extract_tensor::<f32>()?;
        let (past_shape, past_key) = past_key.try_extract_tensor::<f32>()?;
        let (past_value, key, value) = (
            past_value.try_extract_tensor::<f32>()?.1,
            key.try_extract_tensor::<f32>()?.1,
            value.try_extract_tensor::<f32>()?.1,
        );
        let (&[rows, width], &[past, texts, _]) = (&shape[..], &past_shape[..]) else {
            return Err(Error::new("TextAttention takes (rows, width) and (past, texts, width)"));
        };
        let [rows, width, past, texts] = [rows, width, past, texts].map(|extent| extent as usize);
        let kept = past * texts * width;
        let fits = texts > 0
            && rows.is_multiple_of(texts.max(1))
            && width.is_multiple_of(self.heads)
            && [past_key.len(), past_value.len()] == [kept; 2]
            && [key.len(), value.len()] == [rows * width; 2];
        if !fits {
            return Err(Error::new("TextAttention of parts that do not fit each other"));
        }
        let mut output =
            context.output(0, shape.to_vec())?.ok_or_else(|| Error::new("TextAttention has no output"))?;
        let y = Mutex::new(output.try_extract_tensor_mut::<f32>()?.1);
        let (steps, head) = (rows / texts, width / self.heads);
        context.par_for(texts * self.heads, 0, |part| {
            let (text, column) = (part / self.heads, part % self.heads * head);
            let of = |kept, new| Rows {
                parts: [(kept, past, text * width, texts * width), (new, steps, text * steps * width, width)],
                column,
                head,
            };
            let (keys, values) = (of(past_key, key), of(past_value, value));
            let (mut scores, mut mixed) = (vec![0.0; past + steps], vec![0.0; head]);
            for step in 0..steps {
                let row = (text * steps + step) * width + column;
                let scores = &mut scores[..=past + step];
                compare(&query[row..row + head], &keys, scores);
                mix(scores, &values, &mut mixed);
                // Parts of a row belong to different threads, so the whole is locked for the short copy.
                y.lock().unwrap_or_else(PoisonError::into_inner)[row..row + head].copy_from_slice(&mixed);
            }
        })
    }
}
