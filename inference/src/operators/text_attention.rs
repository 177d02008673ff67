//! The attention of a decoder's new tokens to those before them and to themselves, over keys and values that stay where
//! they were put: which of them are a text's own is said by their places. Out of ONNX's standard operators a step would
//! copy all that is kept several times.

use super::attend::{compare, mix};
use ort::Error;
use ort::operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::TensorElementType;
use reelsmith_graph::nn;
use std::sync::{Mutex, PoisonError};

/// Products of two numbers that one thread makes in some ten microseconds.
const LITTLE: usize = 1 << 17;

/// See [`nn::TEXT_ATTENTION`].
pub(super) struct TextAttention;

impl Operator for TextAttention {
    type Kernel<'attr> = TextAttentionKernel;

    fn name(&self) -> &str {
        nn::TEXT_ATTENTION
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        use TensorElementType::{Float32, Int64};
        [Float32, Float32, Float32, Int64, Float32, Float32].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<TextAttentionKernel> {
        let heads = context.get::<i64>("heads").and_then(|heads| usize::try_from(heads).ok());
        let heads = heads.filter(|heads| *heads > 0);
        Ok(TextAttentionKernel { heads: heads.ok_or_else(|| Error::new("TextAttention has no `heads`"))? })
    }
}

pub(super) struct TextAttentionKernel {
    heads: usize,
}

impl Kernel for TextAttentionKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = |index| context.input(index)?.ok_or_else(|| Error::new("TextAttention takes six inputs"));
        let values = [input(0)?, input(1)?, input(2)?, input(3)?, input(4)?, input(5)?];
        let floats = |n: usize| -> ort::Result<&[f32]> { Ok(values[n].try_extract_tensor::<f32>()?.1) };
        let (shape, query) = values[0].try_extract_tensor::<f32>()?;
        let (chosen, places) = values[3].try_extract_tensor::<i64>()?;
        let (&[rows, width], &[past, texts]) = (&shape[..], &chosen[..]) else {
            return Err(Error::new("TextAttention takes (rows, width) and places (past, texts)"));
        };
        let [rows, width, past, texts] = [rows, width, past, texts].map(|extent| extent as usize);
        let (past_key, past_value, key, value) = (floats(1)?, floats(2)?, floats(4)?, floats(5)?);
        let fits = texts > 0
            && width.is_multiple_of(self.heads)
            && rows.is_multiple_of(texts.max(1))
            && past_key.len() == past_value.len()
            && places.iter().all(|place| (0..(past_key.len() / width) as i64).contains(place))
            && [key.len(), value.len()] == [rows * width; 2];
        if !fits {
            return Err(Error::new("TextAttention of parts that do not fit each other"));
        }
        let mut output =
            context.output(0, shape.to_vec())?.ok_or_else(|| Error::new("TextAttention has no output"))?;
        let y = Mutex::new(output.try_extract_tensor_mut::<f32>()?.1);
        let (steps, head) = (rows / texts, width / self.heads);
        // To wake a thread takes longer than little work does.
        let batches = usize::from(rows * (past + steps) * width < LITTLE);
        context.par_for(texts * self.heads, batches, |part| {
            let (text, column) = (part / self.heads, part % self.heads * head);
            let own = text * steps..(text + 1) * steps;
            let earlier = places.iter().skip(text).step_by(texts).map(|place| *place as usize);
            let keys = lines(past_key, earlier.clone(), width).chain(lines(key, own.clone(), width));
            let values = lines(past_value, earlier, width).chain(lines(value, own.clone(), width));
            let keys: Vec<&[f32]> = keys.map(|row| &row[column..column + head]).collect();
            let values: Vec<&[f32]> = values.map(|row| &row[column..column + head]).collect();
            let (mut scores, mut mixed) = (vec![0.0; past + steps], vec![0.0; head]);
            for (step, row) in own.clone().map(|row| row * width + column).enumerate() {
                let scores = &mut scores[..=past + step];
                compare(&query[row..row + head], &keys, scores);
                mix(scores, &values, &mut mixed);
                // Parts of a row belong to different threads, so the whole is locked for the short copy.
                y.lock().unwrap_or_else(PoisonError::into_inner)[row..row + head].copy_from_slice(&mixed);
            }
        })
    }
}

/// Those of `rows` of an array (.., width).
fn lines(all: &[f32], rows: impl Iterator<Item = usize>, width: usize) -> impl Iterator<Item = &[f32]> {
    rows.map(move |row| &all[row * width..][..width])
}
