//! Silero's voice activity detector (github.com/snakers4/silero-vad, version 6, MIT): how likely each stretch of 32 ms
//! is speech. Of the published forms it is the one that takes many stretches in a run.

use crate::network::{Array, Network, Processor};
use crate::whisper::files::{corrupt, read};
use reelsmith_graph::Model;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;

/// Samples of a stretch, at 16 kHz.
pub const STRETCH: usize = 512;
/// Samples before a stretch that are heard with it.
const CONTEXT: usize = 64;
/// Width of the recurrent layer.
const WIDTH: usize = 128;
/// The largest file; the published one has 1.2 MB.
const MOST_BYTES: u64 = 1 << 26;

const SOUND: &str = "input";
const SPEECH: &str = "speech_probs";
/// The recurrent layer's two states, in and out.
const STATES: [[&str; 2]; 2] = [["h", "hn"], ["c", "cn"]];

/// A loaded detector.
pub struct Vad {
    network: Network,
}

/// What a detector remembers of the sound so far.
#[derive(Debug, Clone)]
pub struct Memory {
    states: [Array; 2],
    context: [f32; CONTEXT],
}

impl Default for Memory {
    fn default() -> Self {
        Self { states: [(); 2].map(|()| Array::zeros(&[1, 1, WIDTH])), context: [0.0; CONTEXT] }
    }
}

impl Vad {
    /// Loads the published `silero_vad_16k_sequence.onnx`, and has it hear a moment of silence.
    ///
    /// # Errors
    /// `ModelMissing`, or `ModelCorrupt` if it is another network; `RuntimeMissing` or `OutOfMemory`.
    pub fn open(path: &Path) -> Result<Self> {
        let model = Model { onnx: read(path, MOST_BYTES)?, weight_bytes: 0, computed_bytes: 0 };
        let other = |error: InferenceError| match error.kind() {
            ErrorKind::Engine => {
                let why = "it is no voice detector, or damaged; check it with `reelsmith models verify`";
                corrupt(format!("{}: {why}", path.display())).with_source(error)
            }
            _ => error,
        };
        // Its products are so small that a second thread only waits.
        let mut vad =
            Self { network: Network::open("voice detector", &model, Processor::Cpu(1)).map_err(other)? };
        vad.listen(&[0.0; STRETCH], &mut Memory::default()).map_err(other)?;
        Ok(vad)
    }

    /// How likely each stretch of `samples` is speech, 0 to 1, and keeps in `memory` what the next samples need. A last
    /// stretch that is not whole is taken as if silence followed.
    ///
    /// # Errors
    /// `OutOfMemory` or `Engine`.
    pub fn listen(&mut self, samples: &[f32], memory: &mut Memory) -> Result<Vec<f32>> {
        let count = samples.len().div_ceil(STRETCH);
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut line = memory.context.to_vec();
        line.extend_from_slice(samples);
        line.resize(CONTEXT + count * STRETCH, 0.0);
        let sound = (0..count).flat_map(|n| &line[n * STRETCH..][..CONTEXT + STRETCH]).copied().collect();
        let sound = Array::new(&[count, CONTEXT + STRETCH], sound);
        let mut inputs = vec![(SOUND, (&sound).into())];
        for ([name, _], state) in STATES.iter().zip(&memory.states) {
            inputs.push((*name, state.into()));
        }
        let made = self.network.run(&inputs, &[SPEECH, STATES[0][1], STATES[1][1]])?;
        let fits = |made: &[Array; 3]| {
            made[0].data.len() == count && made[1..].iter().all(|s| s.data.len() == WIDTH)
        };
        let made = <[Array; 3]>::try_from(made).ok().filter(fits);
        let Some([speech, h, c]) = made else {
            return Err(InferenceError::new(
                ErrorKind::Engine,
                "the voice detector gave numbers of another shape",
            ));
        };
        memory.states = [h, c];
        memory.context.copy_from_slice(&line[count * STRETCH..]);
        Ok(speech.data)
    }
}
