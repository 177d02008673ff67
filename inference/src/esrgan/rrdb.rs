//! RRDBNet: residual-in-residual dense blocks at the size of the picture, then enlargement by two, twice (Wang et
//! al., "ESRGAN", 2018, and "Real-ESRGAN", 2021; names as in `basicsr/archs/rrdbnet_arch.py`, and those of the two
//! forms before it). A network for a factor of 2 or 1 takes pictures whose pixels were shuffled into channels.

use super::checkpoint::{conv, corrupt};
use reelsmith_graph::builder::Attribute;
use reelsmith_graph::ncnn::{ENLARGED, Enlarger, PICTURE};
use reelsmith_graph::nn::Conv;
use reelsmith_graph::{Dim, Element, Graph, Layer, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Channels of a picture.
const RGB: usize = 3;
/// Dense blocks of a residual block, and convolutions of a dense block that add channels.
const DENSE: usize = 3;
const GROWTHS: usize = 4;
/// Slope of the activations below zero.
const SLOPE: f32 = 0.2;
/// What residuals are multiplied by.
const RESIDUAL: f32 = 0.2;

/// The sizes of a network, from its tensors' shapes.
struct Sizes {
    features: usize,
    /// Channels that each convolution of a dense block adds.
    growth: usize,
    blocks: usize,
    /// Enlargements by two.
    ups: usize,
    /// Side of the squares of pixels that go into channels first.
    unshuffle: usize,
}

/// Writes the network: [`PICTURE`] to [`ENLARGED`].
///
/// # Errors
/// `ModelCorrupt` naming the tensor that does not fit.
pub(super) fn write(weights: &Weights, target: Target) -> Result<Enlarger> {
    let weights = &modern(weights)?;
    let sizes = Sizes::of(weights)?;
    let mut g = Graph::new("rrdb", target);
    let picture = g.input(PICTURE, Element::F32, &["n".into(), RGB.into(), "h".into(), "w".into()]);
    let enlarged = sizes.write(&mut g, &weights.layer(""), picture)?;
    weights.all_used()?;
    g.output(ENLARGED, enlarged, &["n".into(), RGB.into(), Dim::Any, Dim::Any]);
    Ok(Enlarger {
        model: g.finish(),
        factor: (1 << sizes.ups) / sizes.unshuffle,
        reach: sizes.reach(),
        multiple: sizes.unshuffle,
        bytes_per_pixel: sizes.most_values() * target.compute.bytes()
            / (sizes.unshuffle * sizes.unshuffle) as u64,
    })
}

impl Sizes {
    fn of(weights: &Weights) -> Result<Self> {
        let root = weights.layer("");
        let Some(&[features, channels, ..]) = root.shape("conv_first.weight") else {
            let what = weights.iter().next().map_or("", |(name, _)| name);
            let why = format!(
                "it is neither an RRDBNet (`conv_first.weight` is missing) nor an SRVGGNetCompact \
                 (`body.0.weight` is); its first tensor is `{what}`"
            );
            return Err(corrupt(weights, &why));
        };
        let body = root.at("body");
        let Some(&[growth, ..]) = body.shape("0.rdb1.conv1.weight") else {
            return Err(corrupt(weights, "the tensor `body.0.rdb1.conv1.weight` is missing"));
        };
        let blocks = (0..).take_while(|n| body.has_layer(&n.to_string())).count();
        let ups = (1..=3).take_while(|n| root.has_layer(&format!("conv_up{n}"))).count();
        let unshuffle = [1, 2, 4].into_iter().find(|side| channels == RGB * side * side);
        match unshuffle {
            Some(unshuffle) if unshuffle <= 1 << ups => Ok(Self { features, growth, blocks, ups, unshuffle }),
            _ => {
                let why = format!("`conv_first.weight` takes {channels} channels; expected 3, 12 or 48");
                Err(corrupt(weights, &why))
            }
        }
    }

    fn write(&self, g: &mut Graph, root: &Layer<'_>, picture: Value) -> Result<Value> {
        let Self { features, unshuffle, .. } = *self;
        let same = Conv::same(features, features);
        let (mut x, channels) = (picture, RGB * unshuffle * unshuffle);
        if unshuffle > 1 {
            x = shuffled_into_channels(g, x, unshuffle);
        }
        let first = conv(g, &root.at("conv_first"), x, Conv::same(channels, features))?;
        x = first;
        for n in 0..self.blocks {
            x = self.residual_block(g, &root.at("body").at(n), x)?;
        }
        x = conv(g, &root.at("conv_body"), x, same)?;
        x = g.add(first, x);
        for n in 1..=self.ups {
            let nearest = g.enlarge(x, 2.0);
            x = conv(g, &root.at(format!("conv_up{n}")), nearest, same)?;
            x = leaky(g, x);
        }
        x = conv(g, &root.at("conv_hr"), x, same)?;
        x = leaky(g, x);
        conv(g, &root.at("conv_last"), x, Conv::same(features, RGB))
    }

    fn residual_block(&self, g: &mut Graph, layer: &Layer<'_>, x: Value) -> Result<Value> {
        let mut inner = x;
        for n in 1..=DENSE {
            inner = self.dense_block(g, &layer.at(format!("rdb{n}")), inner)?;
        }
        let scaled = g.scaled(inner, self.features, RESIDUAL);
        Ok(g.add(scaled, x))
    }

    fn dense_block(&self, g: &mut Graph, layer: &Layer<'_>, x: Value) -> Result<Value> {
        let (mut parts, mut from) = (vec![x], self.features);
        for n in 1..=GROWTHS {
            let all = if n == 1 { x } else { g.concat(&parts, 1) };
            let grown = conv(g, &layer.at(format!("conv{n}")), all, Conv::same(from, self.growth))?;
            parts.push(leaky(g, grown));
            from += self.growth;
        }
        let all = g.concat(&parts, 1);
        let last = conv(g, &layer.at("conv5"), all, Conv::same(from, self.features))?;
        // The engine takes the factor into the convolution's weights.
        let factor = g.number(RESIDUAL);
        let scaled = g.mul(last, factor);
        Ok(g.add(scaled, x))
    }

    /// How far a pixel has an effect: one position for each convolution that comes after another.
    fn reach(&self) -> usize {
        let body = 2 + self.blocks * DENSE * (GROWTHS + 1);
        let enlarged: f64 = (1..=self.ups).map(|n| 0.5f64.powi(n as i32)).sum();
        let ends = 2.0 * 0.5f64.powi(self.ups as i32);
        self.unshuffle * (body + (enlarged + ends).ceil() as usize)
    }

    /// Numbers that are there at one time at the worst, for each position: what a dense block keeps, or what the
    /// last enlargement takes and makes.
    fn most_values(&self) -> u64 {
        let all = self.features + GROWTHS * self.growth;
        let dense = 3 * self.features + 2 * all;
        let enlarging = (2 * self.features) << (2 * self.ups);
        dense.max(enlarging) as u64
    }
}

fn leaky(g: &mut Graph, x: Value) -> Value {
    g.node("LeakyRelu", &[x], &[("alpha", Attribute::Float(SLOPE))])
}

/// (N, 3, side H, side W) → (N, 3 side², H, W) in the order of `torch.pixel_unshuffle`: ONNX's operator counts the
/// places within a square first and PyTorch's the colours.
fn shuffled_into_channels(g: &mut Graph, x: Value, side: usize) -> Value {
    let places = side * side;
    let shuffled = g.node("SpaceToDepth", &[x], &[("blocksize", Attribute::Int(side as i64))]);
    let order: Vec<i64> = (0..RGB * places).map(|n| (n % places * RGB + n / places) as i64).collect();
    let order = g.ints(&order);
    g.node("Gather", &[shuffled, order], &[("axis", Attribute::Int(1))])
}

/// The tensors under the names of today.
fn modern(weights: &Weights) -> Result<Weights> {
    let last = last_of(weights);
    let renamed = weights.renamed(|name| {
        let (layer, kind) = name.rsplit_once('.').unwrap_or(("", name));
        Some(format!("{}.{kind}", modern_name(layer, last)))
    });
    match renamed.iter().count() == weights.iter().count() {
        true => Ok(renamed),
        false => Err(corrupt(weights, "it holds one layer under two names")),
    }
}

/// The greatest N of a layer `model.N`, which is the last one of ESRGAN's first form.
fn last_of(weights: &Weights) -> usize {
    let places =
        weights.iter().filter_map(|(name, _)| name.strip_prefix("model.")?.split('.').next()?.parse().ok());
    places.max().unwrap_or(0)
}

fn modern_name(layer: &str, last: usize) -> String {
    let parts: Vec<&str> = layer.split('.').collect();
    match parts.as_slice() {
        ["trunk_conv"] => "conv_body".to_owned(),
        ["HRconv"] => "conv_hr".to_owned(),
        ["RRDB_trunk", block, dense, conv] | ["model", "1", "sub", block, dense, conv, "0"] => {
            format!("body.{block}.{}.{conv}", dense.to_ascii_lowercase())
        }
        ["model", "0"] => "conv_first".to_owned(),
        ["model", "1", "sub", _] => "conv_body".to_owned(),
        ["model", place] => match place.parse::<usize>() {
            Ok(place) if place == last => "conv_last".to_owned(),
            Ok(place) if place + 2 == last => "conv_hr".to_owned(),
            Ok(place) if place.is_multiple_of(3) => format!("conv_up{}", place / 3),
            _ => layer.to_owned(),
        },
        [up] if up.starts_with("upconv") => up.replace("upconv", "conv_up"),
        _ => layer.to_owned(),
    }
}
