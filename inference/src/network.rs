//! A network in memory: a graph of [`reelsmith_graph`] that ONNX Runtime runs, numbers in and numbers out.

pub(crate) mod kept;

use crate::session::{WEIGHTS_DIRECTORY, builder_at, explain, last_run};

pub use crate::session::{CudaTuning, Processor};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::TensorRef;
use reelsmith_graph::Model;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Keeps ONNX Runtime from copying matrices into the order of its inner loops as a session starts
/// (`onnxruntime_session_options_config_keys.h`).
const NO_PACKING: (&str, &str) = ("session.disable_prepacking", "1");

/// Has threads sleep while they wait for work (the same file). They would spin, which on a machine that others use too
/// takes the time of those that are waited for.
const NO_SPINNING: (&str, &str) = ("session.intra_op.allow_spinning", "0");

/// An array of f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Extents, the slowest first.
    pub shape: Vec<usize>,
    /// As many numbers as the product of the extents.
    pub data: Vec<f32>,
}

impl Array {
    /// An array of these numbers.
    ///
    /// # Panics
    /// If there are more or fewer than the shape has.
    pub fn new(shape: &[usize], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "an array of shape {shape:?}");
        Self { shape: shape.to_vec(), data }
    }

    /// Zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Self::new(shape, vec![0.0; shape.iter().product()])
    }
}

/// What a network is given.
#[derive(Debug, Clone, Copy)]
pub enum Feed<'a> {
    /// f32.
    Floats(&'a [usize], &'a [f32]),
    /// int64.
    Ints(&'a [usize], &'a [i64]),
}

impl<'a> From<&'a Array> for Feed<'a> {
    fn from(array: &'a Array) -> Self {
        Self::Floats(&array.shape, &array.data)
    }
}

/// A network that is ready to run.
pub struct Network {
    name: &'static str,
    session: Session,
    /// For a run after which memory is given back.
    last: RunOptions,
}

impl Network {
    /// Opens `model`, called `name` in errors, with its convolutions' weights copied into the order that the processor
    /// takes them fastest in: for a network that is mostly convolutions (an autoencoder then takes 0.85 of the
    /// time that [`Network::open_in_place`] gives it). Its weight files must not change while this lives.
    ///
    /// # Errors
    /// `RuntimeMissing` before ONNX Runtime was loaded, `OutOfMemory`, or `Engine`.
    pub fn open(name: &'static str, model: &Model, processor: impl Into<Processor>) -> Result<Self> {
        let settings = [(WEIGHTS_DIRECTORY, "/")];
        let processor = processor.into();
        Self::commit(name, model, builder_at(GraphOptimizationLevel::All, processor, &settings)?, processor)
    }

    /// The same with the weights used where they lie in their files, mapped: a network of gigabytes starts in a second
    /// and copies nothing, and one that is mostly matrix products is hardly slower.
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn open_in_place(name: &'static str, model: &Model, processor: impl Into<Processor>) -> Result<Self> {
        // The next level moves convolutions' weights into blocks of channels.
        let level = GraphOptimizationLevel::Level2;
        let settings = [(WEIGHTS_DIRECTORY, "/"), NO_PACKING];
        let processor = processor.into();
        Self::commit(name, model, builder_at(level, processor, &settings)?, processor)
    }

    /// The same as [`Network::open`] for a network that takes large pictures: the engine does not plan its memory
    /// after the first run, as it would keep what that run took beside what it planned for the next, nearly as much
    /// again; without a plan runs are as fast.
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn open_unplanned(
        name: &'static str,
        model: &Model,
        processor: impl Into<Processor>,
    ) -> Result<Self> {
        Self::unplanned(name, model, processor.into(), &[(WEIGHTS_DIRECTORY, "/")])
    }

    /// The same for a network of many short steps, between which its threads sleep.
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn open_for_steps(
        name: &'static str,
        model: &Model,
        processor: impl Into<Processor>,
    ) -> Result<Self> {
        Self::unplanned(name, model, processor.into(), &[(WEIGHTS_DIRECTORY, "/"), NO_SPINNING])
    }

    fn unplanned(
        name: &'static str,
        model: &Model,
        processor: Processor,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let builder = builder_at(GraphOptimizationLevel::All, processor, settings)?;
        Self::commit(name, model, builder.with_memory_pattern(false).map_err(refused)?, processor)
    }

    /// The same as [`Network::open_in_place`] with a profile of ONNX Runtime: what every operator takes in every run,
    /// from now until [`Network::profile`], in a file whose path begins with `prefix`.
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn open_profiled(
        name: &'static str,
        model: &Model,
        processor: impl Into<Processor>,
        prefix: &Path,
    ) -> Result<Self> {
        let settings = [(WEIGHTS_DIRECTORY, "/"), NO_PACKING];
        let processor = processor.into();
        let builder = builder_at(GraphOptimizationLevel::Level2, processor, &settings)?;
        let builder = builder.with_profiling(prefix).map_err(refused)?;
        Self::commit(name, model, builder, processor)
    }

    /// Ends the profile that [`Network::open_profiled`] began; gives its file, which chrome://tracing shows.
    ///
    /// # Errors
    /// `Engine` if it was not begun or cannot be written.
    pub fn profile(&mut self) -> Result<PathBuf> {
        let failed = |error| explain(error, || engine("ONNX Runtime wrote no profile".to_owned()));
        self.session.end_profiling().map(PathBuf::from).map_err(failed)
    }

    fn commit(
        name: &'static str,
        model: &Model,
        mut builder: SessionBuilder,
        processor: Processor,
    ) -> Result<Self> {
        let failed = |error| explain(error, || engine(format!("ONNX Runtime refuses the {name}")));
        let session = builder.commit_from_memory(&model.onnx).map_err(failed)?;
        Ok(Self { name, session, last: last_run(processor).map_err(failed)? })
    }

    /// Runs it on `inputs` and gives `outputs`, in their order.
    ///
    /// # Errors
    /// `OutOfMemory`, or `Engine` for inputs that do not fit.
    pub fn run(&mut self, inputs: &[(&str, Feed<'_>)], outputs: &[&str]) -> Result<Vec<Array>> {
        self.run_with(inputs, outputs, false)
    }

    /// The same, and what the run took of memory is given back to the system.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_last(&mut self, inputs: &[(&str, Feed<'_>)], outputs: &[&str]) -> Result<Vec<Array>> {
        self.run_with(inputs, outputs, true)
    }

    fn run_with(
        &mut self,
        inputs: &[(&str, Feed<'_>)],
        outputs: &[&str],
        is_last: bool,
    ) -> Result<Vec<Array>> {
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
        let made = match is_last {
            true => self.session.run_with_options(feeds, &self.last),
            false => self.session.run(feeds),
        };
        let made = made.map_err(failed)?;
        let output = |name: &&str| {
            let value =
                made.get(*name).ok_or_else(|| engine(format!("the {} gave no `{name}`", self.name)))?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
            let shape = shape.iter().map(|extent| *extent as usize).collect();
            Ok(Array { shape, data: data.to_vec() })
        };
        outputs.iter().map(output).collect()
    }
}

fn refused(error: ort::Error<SessionBuilder>) -> InferenceError {
    explain(error.into(), || engine("ONNX Runtime refuses a session's options".to_owned()))
}

fn engine(message: String) -> InferenceError {
    InferenceError::new(ErrorKind::Engine, message)
}
