//! Each layer of ncnn that upscalers use, as nodes of a graph (ncnn, `docs/developer-guide/operators.md` and
//! `src/layer/*.cpp`).

use super::Blob;
use super::param::Layer;
use crate::builder::{Attribute, Graph, Value};
use crate::weights::ncnn::Reader;
use reelsmith_inference_core::Result;

/// More channels than any network has.
const MOST_CHANNELS: usize = 65_536;
const MOST_KERNEL: usize = 31;

/// ncnn's (and PyTorch's) coefficient of the cubic (`interp.cpp`).
const CUBIC: f32 = -0.75;

/// A layer that is being read.
pub(super) struct Read<'a> {
    pub(super) graph: &'a mut Graph,
    pub(super) layer: &'a Layer,
    pub(super) reader: &'a mut Reader,
}

impl Read<'_> {
    /// What it makes of `inputs`.
    pub(super) fn blob(&mut self, inputs: &[Blob]) -> Result<Blob> {
        let blob = self.made(inputs)?;
        let is_linear = self.layer.kind == "Convolution" && self.layer.int(9, 0, 0..=64)? == 0;
        Ok(Blob { is_linear, ..blob })
    }

    fn made(&mut self, inputs: &[Blob]) -> Result<Blob> {
        match (self.layer.kind.as_str(), inputs) {
            ("Concat", [first, ..]) => self.concat(*first, inputs),
            ("Eltwise", [first, ..]) => self.eltwise(*first, inputs),
            ("BinaryOp", [first, ..]) => self.binary(*first, inputs),
            ("Convolution", [x]) => self.convolution(*x),
            ("PReLU", [x]) => self.prelu(*x),
            ("ReLU", [x]) => {
                let slope = self.layer.float(0, 0.0)?;
                Ok(Blob { value: self.leaky(x.value, slope), ..*x })
            }
            ("Interp", [x]) => self.interp(*x),
            ("PixelShuffle", [x]) => self.pixel_shuffle(*x),
            (
                "Concat" | "Eltwise" | "BinaryOp" | "Convolution" | "PReLU" | "ReLU" | "Interp"
                | "PixelShuffle",
                _,
            ) => Err(self.layer.refused(&format!("it takes {} blobs", inputs.len()))),
            _ => Err(self
                .layer
                .refused("layers of this kind are not supported; it is no upscaler that is known")),
        }
    }

    fn node(&mut self, operator: &str, inputs: &[Value], attributes: &[(&str, Attribute)]) -> Value {
        self.graph.scoped(&self.layer.name, |g| g.node(operator, inputs, attributes))
    }

    fn leaky(&mut self, x: Value, slope: f32) -> Value {
        match slope {
            0.0 => self.node("Relu", &[x], &[]),
            slope => self.node("LeakyRelu", &[x], &[("alpha", Attribute::Float(slope))]),
        }
    }

    fn convolution(&mut self, x: Blob) -> Result<Blob> {
        let layer = self.layer;
        layer.none_of(&[8, 18, 19])?;
        let to = layer.int(0, 0, 1..=MOST_CHANNELS)?;
        let kernel = layer.int(1, 0, 1..=MOST_KERNEL)?;
        let reach = self.reach_of(kernel)?;
        let dilation = layer.int(2, 1, 1..=MOST_KERNEL)? as i64;
        let inputs = self.weighted(x, [to, x.channels, kernel, kernel])?;
        let attributes = [
            ("kernel_shape", Attribute::Ints(vec![kernel as i64; 2])),
            ("dilations", Attribute::Ints(vec![dilation; 2])),
            ("pads", Attribute::Ints(vec![reach as i64; 4])),
        ];
        let value = self.node("Conv", &inputs, &attributes);
        let value = self.activation(value)?;
        Ok(Blob { value, channels: to, reach: x.reach + reach as f64 / x.scale, ..x })
    }

    /// The inputs of a convolution: `x`, weights of this shape, and the bias where it has one.
    fn weighted(&mut self, x: Blob, shape: [usize; 4]) -> Result<Vec<Value>> {
        let layer = self.layer;
        let count: usize = shape.iter().product();
        if layer.int(6, 0, 1..=usize::MAX)? != count {
            let why = format!(
                "parameter 6 announces other weights than the {count} of its {} channels",
                x.channels
            );
            return Err(layer.refused(&why));
        }
        let tensor = self.reader.marked(&layer.name, &shape)?;
        let mut inputs = vec![x.value, self.graph.weight(&tensor, &[], &shape.map(|extent| extent as i64))];
        if layer.int(5, 0, 0..=1)? == 1 {
            let bias = self.reader.plain(&layer.name, &shape[..1])?;
            inputs.push(self.graph.weight(&bias, &[], &[shape[0] as i64]));
        }
        Ok(inputs)
    }

    /// How far a convolution reaches that keeps the size: its zeros at each side.
    fn reach_of(&self, kernel: usize) -> Result<usize> {
        let layer = self.layer;
        let dilation = layer.int(2, 1, 1..=MOST_KERNEL)?;
        let same = |number, usual| layer.int(number, usual, 0..=MOST_KERNEL * MOST_KERNEL);
        let left = same(4, 0)?;
        let is_square = same(11, kernel)? == kernel && same(12, dilation)? == dilation;
        let pads = [left, same(14, left)?, same(15, left)?, same(16, left)?];
        let keeps = same(3, 1)? == 1
            && same(13, 1)? == 1
            && pads.iter().all(|pad| 2 * pad == dilation * (kernel - 1));
        match is_square && keeps {
            true => Ok(left),
            false => Err(layer.refused("only square convolutions that keep the size are supported")),
        }
    }

    /// The activation that is part of a convolution.
    fn activation(&mut self, x: Value) -> Result<Value> {
        let layer = self.layer;
        let values = layer.floats(10)?;
        Ok(match (layer.int(9, 0, 0..=64)?, values.as_slice()) {
            (0, _) => x,
            (1, _) => self.leaky(x, 0.0),
            (2, [slope]) => self.leaky(x, *slope),
            (3, [least, most]) => {
                let bounds = [self.graph.number(*least), self.graph.number(*most)];
                self.node("Clip", &[x, bounds[0], bounds[1]], &[])
            }
            (4, _) => self.node("Sigmoid", &[x], &[]),
            (kind, values) => {
                return Err(layer.refused(&format!("activation {kind} with {values:?} is not supported")));
            }
        })
    }

    fn prelu(&mut self, x: Blob) -> Result<Blob> {
        let count = self.layer.int(0, 0, 1..=MOST_CHANNELS)?;
        if count != x.channels && count != 1 {
            return Err(self.layer.refused(&format!("{count} slopes for {} channels", x.channels)));
        }
        let slopes = self.reader.plain(&self.layer.name, &[count])?;
        let slopes = self.graph.weight(&slopes, &[], &[count as i64, 1, 1]);
        Ok(Blob { value: self.node("PRelu", &[x.value, slopes], &[]), ..x })
    }

    fn concat(&mut self, first: Blob, inputs: &[Blob]) -> Result<Blob> {
        self.layer.none_of(&[0])?;
        if inputs.iter().any(|blob| blob.scale != first.scale) {
            return Err(self.layer.refused("the blobs are of different sizes"));
        }
        let channels = inputs.iter().map(|blob| blob.channels).sum();
        if channels > MOST_CHANNELS {
            return Err(self.layer.refused(&format!("{channels} channels")));
        }
        let values: Vec<Value> = inputs.iter().map(|blob| blob.value).collect();
        let value = self.node("Concat", &values, &[("axis", Attribute::Int(1))]);
        Ok(Blob { value, channels, reach: reach(inputs), ..first })
    }

    /// The sum of the blobs, each times its coefficient.
    fn eltwise(&mut self, first: Blob, inputs: &[Blob]) -> Result<Blob> {
        if self.layer.int(0, 0, 0..=2)? != 1 {
            return Err(self.layer.refused("only sums are supported"));
        }
        let coefficients = self.layer.floats(1)?;
        if !coefficients.is_empty() && coefficients.len() != inputs.len() {
            return Err(self.layer.refused("there is not one coefficient for each blob"));
        }
        self.alike(first, inputs)?;
        let mut sum = None;
        for (n, blob) in inputs.iter().enumerate() {
            let part = match coefficients.get(n) {
                None | Some(1.0) => blob.value,
                Some(coefficient) if blob.is_linear => {
                    let coefficient = self.graph.number(*coefficient);
                    self.node("Mul", &[blob.value, coefficient], &[])
                }
                Some(coefficient) => self.graph.scaled(blob.value, blob.channels, *coefficient),
            };
            sum = Some(sum.map_or(part, |sum| self.node("Add", &[sum, part], &[])));
        }
        let value = sum.unwrap_or(first.value);
        Ok(Blob { value, reach: reach(inputs), ..first })
    }

    /// Two blobs, or a blob and a number.
    fn binary(&mut self, first: Blob, inputs: &[Blob]) -> Result<Blob> {
        let operator = match self.layer.int(0, 0, 0..=64)? {
            0 => "Add",
            1 => "Sub",
            2 => "Mul",
            other => return Err(self.layer.refused(&format!("operation {other} is not supported"))),
        };
        let second = match (self.layer.int(1, 0, 0..=1)?, inputs) {
            (1, [_]) => {
                let number = self.layer.float(2, 0.0)?;
                self.graph.number(number)
            }
            (0, [_, second]) => second.value,
            _ => return Err(self.layer.refused(&format!("it takes {} blobs", inputs.len()))),
        };
        self.alike(first, inputs)?;
        let value = self.node(operator, &[first.value, second], &[]);
        Ok(Blob { value, reach: reach(inputs), ..first })
    }

    fn alike(&self, first: Blob, inputs: &[Blob]) -> Result<()> {
        match inputs.iter().all(|blob| (blob.channels, blob.scale) == (first.channels, first.scale)) {
            true => Ok(()),
            false => Err(self.layer.refused("the blobs are of different shapes")),
        }
    }

    fn interp(&mut self, x: Blob) -> Result<Blob> {
        let layer = self.layer;
        layer.none_of(&[3, 4, 5, 6])?;
        let factor = layer.float(1, 1.0)?;
        let (kind, neighbours, is_usable) = match layer.int(0, 0, 0..=64)? {
            1 => ("nearest", 0.0, factor.fract() == 0.0),
            2 => ("linear", 1.0, true),
            3 => ("cubic", 2.0, true),
            other => return Err(layer.refused(&format!("resizing of kind {other} is not supported"))),
        };
        if layer.float(2, 1.0)? != factor || !(0.1..=8.0).contains(&factor) || !is_usable {
            return Err(layer.refused(&format!("{kind} resizing by {factor} is not supported")));
        }
        let value = match kind {
            "nearest" => self.graph.enlarge(x.value, factor),
            kind => {
                let (none, scales) = (self.graph.floats(&[]), self.graph.floats(&[1.0, 1.0, factor, factor]));
                let attributes = [
                    ("mode", Attribute::Text(kind)),
                    ("coordinate_transformation_mode", Attribute::Text("half_pixel")),
                    ("cubic_coeff_a", Attribute::Float(CUBIC)),
                ];
                self.node("Resize", &[x.value, none, scales], &attributes)
            }
        };
        let scale = x.scale * f64::from(factor);
        Ok(Blob { value, scale, reach: x.reach + neighbours / x.scale, ..x })
    }

    fn pixel_shuffle(&mut self, x: Blob) -> Result<Blob> {
        let factor = self.layer.int(0, 1, 1..=8)?;
        let mode = ["CRD", "DCR"][self.layer.int(1, 0, 0..=1)?];
        if !x.channels.is_multiple_of(factor * factor) {
            return Err(self
                .layer
                .refused(&format!("{} channels cannot be shuffled by {factor}", x.channels)));
        }
        let attributes = [("blocksize", Attribute::Int(factor as i64)), ("mode", Attribute::Text(mode))];
        let value = self.node("DepthToSpace", &[x.value], &attributes);
        let channels = x.channels / (factor * factor);
        Ok(Blob { value, channels, scale: x.scale * factor as f64, ..x })
    }
}

fn reach(inputs: &[Blob]) -> f64 {
    inputs.iter().map(|blob| blob.reach).fold(0.0, f64::max)
}
