//! Networks that make a picture out of a picture, from the files of ncnn (Tencent): a `.param` that describes the
//! layers and a `.bin` beside it with their weights. They are translated layer by layer; the weights stay where
//! they are. Layers that upscalers do not use are refused by name.

mod layers;
mod param;

use crate::builder::{Dim, Element, Graph, Model, Value};
use crate::target::Target;
use crate::weights::ncnn::Reader;
use layers::Read;
use reelsmith_inference_core::{InferenceError, Result};
use std::collections::HashMap;
use std::path::Path;

/// Names of the graph's input (N, 3, H, W) and output (N, 3, factor H, factor W), both RGB in 0 ..= 1.
pub const PICTURE: &str = "picture";
/// See [`PICTURE`].
pub const ENLARGED: &str = "enlarged";

/// The largest factor.
const MOST_FACTOR: f64 = 8.0;

/// A network that enlarges.
#[derive(Debug, Clone)]
pub struct Enlarger {
    /// The graph, from [`PICTURE`] to [`ENLARGED`].
    pub model: Model,
    /// By how much it enlarges.
    pub factor: usize,
    /// How far a pixel of the picture can have an effect, in its own pixels along each side.
    pub reach: usize,
    /// Sides of the picture must be multiples of this.
    pub multiple: usize,
    /// Bytes of all values that must be there at one time, at the worst, for each pixel of the picture.
    pub bytes_per_pixel: u64,
}

/// What a layer takes and makes.
#[derive(Debug, Clone, Copy)]
struct Blob {
    value: Value,
    channels: usize,
    /// Its pixels along a side, for each of the picture's.
    scale: f64,
    /// How far the pixels that it was made of lie apart from its own, in pixels of the picture.
    reach: f64,
    /// Whether a convolution without an activation made it, into whose weights the engine takes a factor.
    is_linear: bool,
}

/// The network of the file at `param` and the `.bin` of the same name beside it.
///
/// # Errors
/// `ModelMissing` if a file is absent; `ModelCorrupt` if one is none of ncnn's, if they do not fit each other, or
/// for a network of another kind, naming the layer.
pub fn read(param: &Path, target: Target) -> Result<Enlarger> {
    let listed = param::read(param)?;
    let bin = param.with_extension("bin");
    let mut reader = Reader::open(&bin)?;
    let mut walk = Walk::new(target);
    for layer in &listed {
        walk.step(layer, &mut reader)?;
    }
    reader.finish()?;
    let title = |why: &str| InferenceError::corrupt(format!("{}: {why}", param.display()));
    walk.finish(title)
}

/// The graph as the layers are gone through.
struct Walk {
    graph: Graph,
    blobs: Vec<Blob>,
    names: HashMap<String, usize>,
    /// What each layer took and what it made; its place in `blobs`.
    steps: Vec<(Vec<usize>, usize)>,
}

impl Walk {
    fn new(target: Target) -> Self {
        let graph = Graph::new("ncnn", target);
        Self { graph, blobs: Vec::new(), names: HashMap::new(), steps: Vec::new() }
    }

    fn step(&mut self, layer: &param::Layer, reader: &mut Reader) -> Result<()> {
        let known = |name: &String| {
            self.names
                .get(name)
                .copied()
                .ok_or_else(|| layer.refused(&format!("no layer before makes `{name}`")))
        };
        let taken: Vec<usize> = layer.inputs.iter().map(known).collect::<Result<_>>()?;
        let inputs: Vec<Blob> = taken.iter().map(|place| self.blobs[*place]).collect();
        let made = match (layer.kind.as_str(), taken.as_slice()) {
            ("Split", [place]) => *place,
            ("Split", _) => return Err(layer.refused("it takes one blob")),
            _ => self.make(layer, &inputs, reader)?,
        };
        let fits = layer.outputs.len() == 1 || layer.kind == "Split";
        if !fits {
            return Err(layer.refused(&format!("it makes {} blobs, not one", layer.outputs.len())));
        }
        self.steps.push((taken, made));
        for name in &layer.outputs {
            if self.names.insert(name.clone(), made).is_some() {
                return Err(layer.refused(&format!("`{name}` is made twice")));
            }
        }
        Ok(())
    }

    fn make(&mut self, layer: &param::Layer, inputs: &[Blob], reader: &mut Reader) -> Result<usize> {
        let blob = match (layer.kind.as_str(), self.blobs.is_empty()) {
            ("Input", true) => self.input(layer)?,
            ("Input", false) => return Err(layer.refused("a second input")),
            _ => Read { graph: &mut self.graph, layer, reader }.blob(inputs)?,
        };
        // Between picture and result nothing need be larger than the largest result, whatever a file asks for.
        if !(1.0 / MOST_FACTOR..=MOST_FACTOR).contains(&blob.scale) || !blob.reach.is_finite() {
            let scale = blob.scale;
            return Err(layer.refused(&format!(
                "it makes {scale} times the picture's size; at most {MOST_FACTOR} are taken"
            )));
        }
        self.blobs.push(blob);
        Ok(self.blobs.len() - 1)
    }

    fn input(&mut self, layer: &param::Layer) -> Result<Blob> {
        if !matches!(layer.int(2, 0, 0..=65_536)?, 0 | 3) || !layer.inputs.is_empty() {
            return Err(layer.refused("the input is no RGB picture"));
        }
        let shape = ["n".into(), Dim::Fixed(3), "h".into(), "w".into()];
        let value = self.graph.input(PICTURE, Element::F32, &shape);
        Ok(Blob { value, channels: 3, scale: 1.0, reach: 0.0, is_linear: false })
    }

    fn finish(mut self, refused: impl Fn(&str) -> InferenceError) -> Result<Enlarger> {
        let last_uses = self.last_uses();
        let mut ends = (0..self.blobs.len()).filter(|place| !last_uses.contains_key(place));
        let (Some(end), None) = (ends.next(), ends.next()) else {
            return Err(refused("the network has not one output"));
        };
        let output = self.blobs[end];
        let factor = output.scale.round();
        if output.channels != 3 || output.scale != factor || !(1.0..=MOST_FACTOR).contains(&factor) {
            let Blob { channels, scale, .. } = output;
            let why = format!(
                "it makes {channels} channels at {scale} times the size; no RGB picture enlarged by 1 to 8"
            );
            return Err(refused(&why));
        }
        let bytes_per_pixel = self.most_bytes(&last_uses);
        self.graph.output(ENLARGED, output.value, &["n".into(), Dim::Fixed(3), Dim::Any, Dim::Any]);
        let model = self.graph.finish();
        Ok(Enlarger {
            model,
            factor: factor as usize,
            reach: output.reach.ceil() as usize,
            multiple: 1,
            bytes_per_pixel,
        })
    }

    /// The last step that takes each blob.
    fn last_uses(&self) -> HashMap<usize, usize> {
        let uses = self.steps.iter().enumerate().filter(|(_, (taken, made))| taken.as_slice() != [*made]);
        uses.flat_map(|(step, (taken, _))| taken.iter().map(move |place| (*place, step))).collect()
    }

    fn most_bytes(&self, last_uses: &HashMap<usize, usize>) -> u64 {
        let bytes = |place: usize| {
            let Blob { channels, scale, .. } = self.blobs[place];
            channels as f64 * scale * scale * self.graph.target().compute.bytes() as f64
        };
        let (mut now, mut most) = (0.0, 0.0f64);
        for (step, (taken, made)) in self.steps.iter().enumerate() {
            if taken.as_slice() != [*made] {
                now += bytes(*made);
            }
            most = most.max(now);
            let mut done: Vec<usize> =
                taken.iter().copied().filter(|place| last_uses.get(place) == Some(&step)).collect();
            done.sort_unstable();
            done.dedup();
            now -= done.into_iter().map(bytes).sum::<f64>();
        }
        most.ceil() as u64
    }
}
