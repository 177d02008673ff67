//! One stage: normalisation with given statistics, SiLU, a convolution, and the graph of it for a band.

use super::Cut;
use reelsmith_graph::builder::Dim;
use reelsmith_graph::nn::{Conv, conv2d, normalised};
use reelsmith_graph::{Graph, Layer, Model, Target, Value};
use reelsmith_inference_core::Result;
use std::ops::Range;

/// Names of the graphs' inputs and outputs.
pub(super) const X: &str = "x";
pub(super) const ASIDE: &str = "aside";
pub(super) const MADE: &str = "made";
pub(super) const SHORT: &str = "short";
pub(super) const AFFINE: [&str; 3] = ["centre", "slope", "shift"];

/// Layers between two planes. Bands are counted in rows of its input, or where its convolution halves them, of its
/// output; both are called units.
pub(super) struct Stage<'a> {
    /// Normalises its input by groups and takes it through SiLU.
    pub(super) norm: Option<Layer<'a>>,
    /// Doubles both sides before the convolution.
    pub(super) enlarges: bool,
    pub(super) conv: (Layer<'a>, Conv),
    /// Also gives what this layer of single positions makes of its input.
    pub(super) shortcut: Option<Layer<'a>>,
    /// Adds what was set aside.
    pub(super) adds: bool,
}

/// What a band sees of its input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) rows: Range<usize>,
    pub(super) edges: Edges,
}

/// Rows at the top and the bottom: those of the input beyond the band's own, and those that the convolution pads, as
/// there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edges {
    beyond: [usize; 2],
    padded: [usize; 2],
}

impl<'a> Stage<'a> {
    /// A convolution alone.
    pub(super) fn plain(conv: (Layer<'a>, Conv)) -> Self {
        Self { norm: None, enlarges: false, conv, shortcut: None, adds: false }
    }

    /// Rows of input that a unit is.
    fn rows_in(&self) -> usize {
        self.conv.1.stride
    }

    /// Rows of output that a unit is.
    pub(super) fn rows_out(&self) -> usize {
        if self.enlarges { 2 } else { 1 }
    }

    /// The height and width of what it makes of a plane.
    pub(super) fn makes(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let side = |length: usize| length / self.rows_in() * self.rows_out();
        (side(height), side(width))
    }

    /// The bands of a plane, in units: as few as there may be, about equally high.
    pub(super) fn bands(&self, (height, width): (usize, usize), cut: Cut) -> Vec<Range<usize>> {
        let units = height / self.rows_in();
        let most = match cut {
            Cut::Bytes(bytes) => (bytes / self.unit_takes(width)) as usize,
            Cut::Rows(rows) => rows,
        };
        evenly(units, most)
    }

    /// Bytes that a unit of a plane so wide takes. The input, beside it normalised, in blocks of channels, and
    /// enlarged; the output in blocks, as planes and copied out; what is added; the shortcut likewise.
    pub(super) fn unit_takes(&self, width: usize) -> u64 {
        let Conv { from, to, .. } = self.conv.1;
        let within = self.rows_in() * width * from;
        let between = if self.enlarges { 4 * width * from } else { within };
        let (_, wide) = self.makes((self.rows_in(), width));
        let out = self.rows_out() * wide * to;
        let short = if self.shortcut.is_some() { 3 * out } else { 0 };
        let added = if self.adds { 2 * out } else { 0 };
        4 * (2 * within + 2 * between + 3 * out + short + added) as u64
    }

    /// What `units` of a plane of `height` rows see.
    pub(super) fn sees(&self, units: &Range<usize>, height: usize) -> Seen {
        let [above, _, below, _] = self.conv.1.padding;
        let (start, end) = (units.start * self.rows_in(), units.end * self.rows_in());
        let rows = start.saturating_sub(above)..(end + below).min(height);
        let beyond = [start - rows.start, rows.end.saturating_sub(end)];
        let padded = [above - beyond[0], (end + below).saturating_sub(rows.end)];
        Seen { rows, edges: Edges { beyond, padded } }
    }

    /// Its graph for bands with such edges: `x` with rows beyond, `aside`, `centre`, `slope` and `shift` as it needs
    /// them → `made`, and `short`.
    ///
    /// # Errors
    /// `ModelCorrupt` naming a tensor that is missing or of another shape.
    pub(super) fn model(&self, edges: Edges, target: Target) -> Result<Model> {
        let mut g = Graph::new("vae_stage", target);
        let (layer, conv) = &self.conv;
        let x = g.wide_input(X, &planes(conv.from));
        let mut hidden = x;
        if self.norm.is_some() {
            hidden = normal(&mut g, x, conv.from, true);
        }
        hidden = g.narrowed(hidden);
        if self.enlarges {
            hidden = g.enlarge(hidden, 2.0);
            // Of the two that a row beyond becomes, the convolution sees one.
            hidden = g.rows_within(hidden, edges.beyond[0], edges.beyond[1]);
        }
        let [_, left, _, right] = conv.padding;
        let padding = [edges.padded[0], left, edges.padded[1], right];
        hidden = conv2d(&mut g, layer, hidden, Conv { padding, ..*conv })?;
        hidden = g.widened(hidden);
        if self.adds {
            let aside = g.wide_input(ASIDE, &planes(conv.to));
            hidden = g.add(aside, hidden);
        }
        g.output(MADE, hidden, &planes(conv.to));
        if let Some(layer) = &self.shortcut {
            let inner = g.rows_within(x, edges.beyond[0], edges.beyond[1]);
            let inner = g.narrowed(inner);
            let short = conv2d(&mut g, layer, inner, Conv::pointwise(conv.from, conv.to))?;
            g.output(SHORT, short, &planes(conv.to));
        }
        Ok(g.finish())
    }
}

/// `x` of so many channels normalised by the graph's inputs of [`AFFINE`]'s names.
pub(super) fn normal(g: &mut Graph, x: Value, channels: usize, silu: bool) -> Value {
    let by_channel = AFFINE.map(|name| g.wide_input(name, &[channels.into(), 1.into(), 1.into()]));
    normalised(g, x, by_channel, silu)
}

pub(super) fn planes(channels: usize) -> [Dim; 4] {
    [1.into(), channels.into(), Dim::Any, Dim::Any]
}

/// 0 .. `count` in as few parts of at most `most` as there may be, about equally long.
pub(super) fn evenly(count: usize, most: usize) -> Vec<Range<usize>> {
    let parts = count.div_ceil(most.max(1)).max(1);
    (0..parts).map(|n| n * count / parts..(n + 1) * count / parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reelsmith_graph::Weights;

    proptest! {
        #[test]
        fn bands_follow_on_each_other_and_see_every_row_that_their_kernel_covers(
            height in 1usize..90, most in 1usize..40, kind in 0usize..4,
        ) {
            let weights = Weights::default();
            let conv = match kind {
                0 | 1 => Conv::same(8, 8),
                2 => Conv { stride: 2, padding: [0, 0, 1, 1], ..Conv::same(8, 8) },
                _ => Conv::pointwise(8, 8),
            };
            let stage = Stage { enlarges: kind == 1, ..Stage::plain((weights.layer("conv"), conv)) };
            let bands = stage.bands((height, 5), Cut::Rows(most));
            let mut next = 0;
            for units in &bands {
                prop_assert_eq!(units.start, next);
                prop_assert!(units.len() <= most);
                next = units.end;
                if units.is_empty() {
                    continue;
                }
                let Seen { rows, edges } = stage.sees(units, height);
                prop_assert!(rows.end <= height);
                let scale = stage.rows_out();
                let taken = rows.len() * scale - if kind == 1 { edges.beyond[0] + edges.beyond[1] } else { 0 };
                let padded = taken + edges.padded[0] + edges.padded[1];
                let made = (padded - conv.kernel) / conv.stride + 1;
                prop_assert_eq!(made, units.len() * scale, "{:?} of {}", units, height);
                prop_assert!(edges.padded[0] == 0 || units.start == 0);
                prop_assert!(edges.padded[1] == 0 || rows.end == height);
            }
            prop_assert_eq!(next, height / conv.stride);
        }
    }
}
