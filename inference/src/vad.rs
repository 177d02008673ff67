//! Silero's voice activity detector (github.com/snakers4/silero-vad, version 6, MIT): how likely each stretch of 32 ms
//! is speech. The published weights are written as one graph that takes many stretches in a run.

use crate::network::{Array, Network, Processor};
use reelsmith_graph::builder::Attribute;
use reelsmith_graph::nn::vector;
use reelsmith_graph::{Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;
use std::path::Path;

/// Samples of a stretch, at 16 kHz.
pub const STRETCH: usize = 512;
/// Samples before a stretch that are heard with it.
const CONTEXT: usize = 64;
/// Samples mirrored behind it.
const MIRRORED: i64 = 64;
/// Frequencies of its short Fourier transform.
const BINS: usize = 129;
/// Width of the recurrent layer.
const WIDTH: usize = 128;

const SOUND: &str = "sound";
const SPEECH: &str = "speech";
/// The recurrent layer's two states, in and out.
const STATES: [[&str; 2]; 2] = [["h", "h_next"], ["c", "c_next"]];

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
    /// Loads the published `silero_vad_16k.safetensors`.
    ///
    /// # Errors
    /// `ModelMissing`; `ModelCorrupt` naming a tensor that is missing, of another shape or of no layer;
    /// `RuntimeMissing`, `OutOfMemory` or `Engine`.
    pub fn open(path: &Path) -> Result<Self> {
        let weights = Weights::open(&[path.to_owned()])?;
        let model = write(&weights)?;
        weights.all_used()?;
        // Its products are so small that a second thread only waits.
        Ok(Self { network: Network::open("voice detector", &model, Processor::Cpu(1))? })
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
        let Ok([speech, h, c]) = <[Array; 3]>::try_from(made) else {
            unreachable!("as many outputs as were asked for")
        };
        memory.states = [h, c];
        memory.context.copy_from_slice(&line[count * STRETCH..]);
        Ok(speech.data)
    }
}

/// Input: `sound` (N, context and stretch). Output: `speech` (N). Both states are (1, 1, width).
fn write(weights: &Weights) -> Result<Model> {
    let (mut g, root) = (Graph::new("voice detector", Target::PLAIN), weights.layer(""));
    let sound = g.input(SOUND, Element::F32, &["stretches".into(), (CONTEXT + STRETCH).into()]);
    let pads = g.ints(&[0, 0, 0, MIRRORED]);
    let x = g.node("Pad", &[sound, pads], &[("mode", Attribute::Text("reflect"))]);
    let x = g.reshape(x, &[0, 1, -1]);
    let x = conv(&mut g, &root.at("stft_conv"), x, [1, 2 * BINS, 256], [128, 0])?;
    let mut x = magnitude(&mut g, x);
    let layers = [("conv1", BINS, 128, 1), ("conv2", 128, 64, 2), ("conv3", 64, 64, 2), ("conv4", 64, WIDTH, 1)];
    for (name, from, to, stride) in layers {
        let made = conv(&mut g, &root.at(name), x, [from, to, 3], [stride, 1])?;
        x = g.node("Relu", &[made], &[]);
    }
    let x = g.reshape(x, &[-1, 1, WIDTH as i64]);
    let hidden = recurrent(&mut g, &root.at("lstm_cell"), x)?;
    let hidden = g.reshape(hidden, &[-1, WIDTH as i64, 1]);
    let hidden = g.node("Relu", &[hidden], &[]);
    let made = conv(&mut g, &root.at("final_conv"), hidden, [WIDTH, 1, 1], [1, 0])?;
    let made = g.node("Sigmoid", &[made], &[]);
    let made = g.reshape(made, &[-1]);
    g.output(SPEECH, made, &["stretches".into()]);
    Ok(g.finish())
}

fn conv(
    g: &mut Graph,
    layer: &Layer<'_>,
    x: Value,
    [from, to, kernel]: [usize; 3],
    [stride, padding]: [i64; 2],
) -> Result<Value> {
    let shape = [to, from, kernel];
    let (tensor, adapters) = layer.tensor("weight", &shape)?;
    let mut inputs = vec![x, g.weight(tensor, adapters, &shape.map(|extent| extent as i64))];
    if layer.has("bias") {
        inputs.push(vector(g, layer, "bias", to)?);
    }
    let attributes = [
        ("kernel_shape", Attribute::Ints(vec![kernel as i64])),
        ("strides", Attribute::Ints(vec![stride])),
        ("pads", Attribute::Ints(vec![padding; 2])),
    ];
    Ok(g.scoped(layer.name(), |g| g.node("Conv", &inputs, &attributes)))
}

/// Real and imaginary parts (N, 2 bins, frames) to their absolute value (N, bins, frames).
fn magnitude(g: &mut Graph, x: Value) -> Value {
    let axis = g.ints(&[1]);
    let half = |g: &mut Graph, from: usize, to: usize| {
        let (start, end) = (g.ints(&[from as i64]), g.ints(&[to as i64]));
        let part = g.node("Slice", &[x, start, end, axis], &[]);
        g.mul(part, part)
    };
    let (real, imaginary) = (half(g, 0, BINS), half(g, BINS, 2 * BINS));
    let sum = g.add(real, imaginary);
    g.node("Sqrt", &[sum], &[])
}

/// A long short-term memory over (N, 1, width), one stretch after the other.
fn recurrent(g: &mut Graph, layer: &Layer<'_>, x: Value) -> Result<Value> {
    let states = STATES.map(|[name, _]| g.input(name, Element::F32, &[1.into(), 1.into(), WIDTH.into()]));
    // PyTorch has the gates in the order input, forget, cell, output; ONNX input, output, forget, cell.
    const GATES: [usize; 4] = [0, 3, 1, 2];
    let matrix = |g: &mut Graph, name: &str| -> Result<Value> {
        let (tensor, _) = layer.tensor(name, &[4 * WIDTH, WIDTH])?;
        let shape = [1, WIDTH as i64, WIDTH as i64];
        let gates = GATES.map(|gate| g.weight(&tensor.rows(gate * WIDTH, WIDTH), &[], &shape));
        Ok(g.concat(&gates, 1))
    };
    let (input, hidden) = (matrix(g, "weight_ih")?, matrix(g, "weight_hh")?);
    let mut biases = Vec::new();
    for name in ["bias_ih", "bias_hh"] {
        let (tensor, _) = layer.tensor(name, &[4 * WIDTH])?;
        biases.extend(GATES.map(|gate| g.weight(&tensor.rows(gate * WIDTH, WIDTH), &[], &[1, WIDTH as i64])));
    }
    let bias = g.concat(&biases, 1);
    let nothing = g.nothing();
    let inputs = [x, input, hidden, bias, nothing, states[0], states[1]];
    let made = g.node_with("LSTM", &inputs, 3, &[("hidden_size", Attribute::Int(WIDTH as i64))]);
    for ([_, name], state) in STATES.iter().zip(&made[1..]) {
        g.output(name, *state, &[1.into(), 1.into(), WIDTH.into()]);
    }
    Ok(made[0])
}
