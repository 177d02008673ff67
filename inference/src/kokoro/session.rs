//! The voice's ONNX Runtime session.

use super::graph;
use crate::session::{WEIGHTS_DIRECTORY, builder, explain, last_run, missing, out_of_memory};
use ort::session::{RunOptions, Session};
use ort::value::{Outlet, Tensor, TensorRef};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;

/// Numbers of a style vector.
pub(super) const STYLE: usize = 256;

/// What the graph takes and, beside the durations, answers.
const INPUTS: [&str; 3] = ["input_ids", "style", "speed"];
const WAVEFORM: &str = "waveform";

/// What the model made of one run of symbols.
pub(super) struct Spoken {
    /// Mono samples at 24 kHz.
    pub(super) samples: Vec<f32>,
    /// Samples that each symbol lasts, the padding at both ends included; they add up to the samples.
    pub(super) durations: Vec<usize>,
}

/// The acoustic model.
pub(super) struct Acoustic {
    session: Session,
    /// For the last run of a request.
    last: RunOptions,
}

impl Acoustic {
    /// Loads the graph at `path` with its durations exposed and its weights mapped from the file, which
    /// must not change while this lives.
    pub(super) fn open(path: &Path, threads: usize) -> Result<Self> {
        let (session, last) = open(path, graph::KOKORO, threads)?;
        match lacking(&session, &INPUTS, &[WAVEFORM]) {
            None => Ok(Self { session, last }),
            Some(name) => Err(corrupt(path).with_source(format!("it has no `{name}`"))),
        }
    }

    /// Speaks `symbols` (0 at both ends) in `style` at `speed`; after the last run of a request only what
    /// the model always holds stays allocated.
    pub(super) fn run(
        &mut self,
        symbols: &[i64],
        style: &[f32],
        speed: f32,
        is_last: bool,
    ) -> Result<Spoken> {
        let inputs = ort::inputs![
            "input_ids" => TensorRef::from_array_view(([1, symbols.len()], symbols)).map_err(failed)?,
            "style" => TensorRef::from_array_view(([1, style.len()], style)).map_err(failed)?,
            "speed" => Tensor::from_array(([1], vec![speed])).map_err(failed)?,
        ];
        let outputs = match is_last {
            true => self.session.run_with_options(inputs, &self.last),
            false => self.session.run(inputs),
        };
        let outputs = outputs.map_err(failed)?;
        let output = |name: &str| {
            let absent = || InferenceError::new(ErrorKind::Engine, format!("the voice gave no `{name}`"));
            outputs.get(name).ok_or_else(absent)
        };
        let (_, samples) = output(WAVEFORM)?.try_extract_tensor::<f32>().map_err(failed)?;
        let (_, frames) = output(graph::DURATIONS)?.try_extract_tensor::<i64>().map_err(failed)?;
        spoken(samples.to_vec(), frames, symbols.len())
    }
}

/// A session on the graph at `path` with the value `clipped` as its durations, and the options of its last run.
pub(super) fn open(path: &Path, clipped: &str, threads: usize) -> Result<(Session, RunOptions)> {
    if !path.is_file() {
        return Err(missing(path));
    }
    let model = graph::edited(path, clipped).map_err(|error| match error.kind() {
        std::io::ErrorKind::OutOfMemory => out_of_memory(error),
        _ => corrupt(path).with_source(error),
    })?;
    let directory = path.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
    let session = builder(threads, &[(WEIGHTS_DIRECTORY, &directory)])?
        .commit_from_memory(&model)
        .map_err(|error| explain(error, || corrupt(path)))?;
    Ok((session, last_run(threads.into()).map_err(failed)?))
}

/// A file that is no graph of a voice.
pub(super) fn corrupt(path: &Path) -> InferenceError {
    let message = format!("{} is no graph of Kokoro-82M; run `reelsmith models verify`", path.display());
    InferenceError::new(ErrorKind::ModelCorrupt, message)
}

/// What was said of so many symbols, each of which lasts so many frames; peaks beyond full scale, which some voices
/// have, are cut off.
pub(super) fn spoken(mut samples: Vec<f32>, frames: &[i64], symbols: usize) -> Result<Spoken> {
    let durations: Vec<usize> =
        frames.iter().map(|f| usize::try_from(*f).unwrap_or(0) * graph::FRAME_SAMPLES).collect();
    if durations.len() != symbols || durations.iter().sum::<usize>() != samples.len() {
        let message = "the voice's durations do not add up to its samples";
        return Err(InferenceError::new(ErrorKind::Engine, message));
    }
    sound(&samples)?;
    samples.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
    Ok(Spoken { samples, durations })
}

/// The published fp16 graph runs over for some sentences, which gives silence or noise in place of speech.
fn sound(samples: &[f32]) -> Result<()> {
    if samples.iter().all(|sample| sample.is_finite()) {
        return Ok(());
    }
    let message = "the model's numbers ran over while it spoke, so there is no sound; fp16 does so at some sentences: \
                   set `voice_model` to kokoro-82m-fp32";
    Err(InferenceError::new(ErrorKind::Engine, message))
}

/// The first of `inputs`, of `outputs` and of the durations that the graph lacks.
pub(super) fn lacking<'a>(session: &Session, inputs: &[&'a str], outputs: &[&'a str]) -> Option<&'a str> {
    let has = |outlets: &[Outlet], name: &str| outlets.iter().any(|outlet| outlet.name() == name);
    let input = inputs.iter().find(|name| !has(session.inputs(), name));
    let mut outputs = outputs.iter().chain(&[graph::DURATIONS]);
    input.or_else(|| outputs.find(|name| !has(session.outputs(), name))).copied()
}

pub(super) fn failed(error: ort::Error) -> InferenceError {
    explain(error, || InferenceError::new(ErrorKind::Engine, "ONNX Runtime failed while speaking"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetched::file;

    /// Both speak the same symbols on real weights: what the edit changes is where the weights lie, what else is
    /// answered, and how the activation is computed.
    #[test]
    fn the_edited_graph_speaks_as_the_published_one() {
        crate::runtime::load_onnxruntime(&file("onnxruntime/libonnxruntime.so")).unwrap();
        let path = file("kokoro-82m-fp32/kokoro.onnx");
        let mut published = builder(2, &[]).unwrap().commit_from_file(&path).unwrap();
        let mut voices = super::super::voices::Voices::open(&file("kokoro-voices")).unwrap();
        let symbols: Vec<i64> = [0, 50, 83, 54, 156, 57, 135, 3, 16, 65, 156, 87, 158, 54, 46, 4, 0].to_vec();
        let style = voices.style("af_heart", symbols.len() - 2).unwrap();
        let spoken = Acoustic::open(&path, 2).unwrap().run(&symbols, style, 1.0, true).unwrap();
        let inputs = ort::inputs![
            "input_ids" => TensorRef::from_array_view(([1, symbols.len()], &symbols[..])).unwrap(),
            "style" => TensorRef::from_array_view(([1, STYLE], style)).unwrap(),
            "speed" => Tensor::from_array(([1], vec![1f32])).unwrap(),
        ];
        let outputs = published.run(inputs).unwrap();
        let (_, wanted) = outputs[WAVEFORM].try_extract_tensor::<f32>().unwrap();
        assert_eq!(spoken.samples.len(), wanted.len());
        let energy =
            |samples: &mut dyn Iterator<Item = f32>| samples.map(|s| f64::from(s).powi(2)).sum::<f64>();
        let difference = energy(&mut spoken.samples.iter().zip(wanted).map(|(a, b)| a - b));
        let ratio = 10.0 * (energy(&mut wanted.iter().copied()) / difference).log10();
        assert!(ratio > 60.0, "{ratio} dB");
    }

    #[test]
    fn sound_that_is_no_number_is_refused() {
        assert!(sound(&[0.0, -1.0, 0.5]).is_ok());
        for broken in [f32::NAN, f32::INFINITY] {
            assert_eq!(sound(&[0.0, broken]).unwrap_err().kind(), ErrorKind::Engine);
        }
    }
}
