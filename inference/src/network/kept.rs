//! Runs whose state stays with the engine between them: what one run gives as state, the next takes, uncopied.

use super::{Array, Feed, Network, engine};
use crate::session::explain;
use ort::session::SessionInputValue;
use ort::value::{DynValue, Tensor, TensorRef};
use reelsmith_inference_core::Result;
use std::borrow::Cow;

/// State between two runs, in the order of the names that it is taken and given under.
pub(crate) struct Kept(Vec<DynValue>);

impl Kept {
    /// `count` arrays of `shape` without an element: before the first run.
    ///
    /// # Errors
    /// `OutOfMemory`, or `Engine`.
    pub(crate) fn empty(count: usize, shape: &[usize]) -> Result<Self> {
        debug_assert!(shape.contains(&0), "no element");
        let array = || Tensor::<f32>::from_array((shape.to_vec(), Vec::new())).map(Tensor::into_dyn);
        let failed = |error| explain(error, || engine("ONNX Runtime refuses an empty array".to_owned()));
        (0..count).map(|_| array().map_err(failed)).collect::<Result<_>>().map(Self)
    }
}

impl Network {
    /// Runs it on `inputs` and the state `past` under `taken`, gives `outputs`, and the state that it makes under
    /// `given`.
    ///
    /// # Errors
    /// `OutOfMemory`, or `Engine` for inputs that do not fit.
    pub(crate) fn run_keeping(
        &mut self,
        inputs: &[(&str, Feed<'_>)],
        (past, taken): (Kept, &[String]),
        outputs: &[&str],
        given: &[String],
    ) -> Result<(Vec<Array>, Kept)> {
        let name = self.name;
        let failed = |error| explain(error, || engine(format!("ONNX Runtime failed in the {name}")));
        let mut feeds: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::new();
        for (name, feed) in inputs {
            let value = match feed {
                Feed::Floats(shape, data) => {
                    TensorRef::from_array_view((shape.to_vec(), *data)).map(Into::into)
                }
                Feed::Ints(shape, data) => {
                    TensorRef::from_array_view((shape.to_vec(), *data)).map(Into::into)
                }
            };
            feeds.push((Cow::Borrowed(*name), value.map_err(failed)?));
        }
        feeds.extend(taken.iter().zip(past.0).map(|(name, value)| (Cow::Borrowed(&**name), value.into())));
        let mut made = self.session.run(feeds).map_err(failed)?;
        let absent = |output: &str| engine(format!("the {name} gave no `{output}`"));
        let array = |output: &&str| {
            let value = made.get(*output).ok_or_else(|| absent(output))?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
            let shape = shape.iter().map(|extent| *extent as usize).collect();
            Ok(Array { shape, data: data.to_vec() })
        };
        let arrays = outputs.iter().map(array).collect::<Result<_>>()?;
        let kept = given.iter().map(|output| made.remove(output).ok_or_else(|| absent(output)));
        Ok((arrays, Kept(kept.collect::<Result<_>>()?)))
    }
}
