//! Attention over all positions of a plane: keys and values once, queries a few rows at a time.

use super::Cut;
use super::stage::{MADE, X, evenly, normal, planes};
use crate::diffusion::blocks::Tokens;
use reelsmith_graph::builder::{Dim, Element};
use reelsmith_graph::nn::{attention, linear};
use reelsmith_graph::{Graph, Layer, Model, Target};
use reelsmith_inference_core::Result;
use std::ops::Range;

/// Names of the graphs' inputs and outputs.
pub(super) const KEY: &str = "key";
pub(super) const VALUE: &str = "value";

/// One head over all channels, added to its input.
pub(super) struct Attention<'a> {
    pub(super) layer: Layer<'a>,
    pub(super) channels: usize,
}

impl<'a> Attention<'a> {
    pub(super) fn norm(&self) -> Layer<'a> {
        self.layer.at("group_norm")
    }

    /// Bands of rows for queries.
    pub(super) fn bands(&self, (height, width): (usize, usize), cut: Cut) -> Vec<Range<usize>> {
        let most = match cut {
            Cut::Bytes(bytes) => (bytes / self.row_takes((height, width))) as usize,
            Cut::Rows(rows) => rows,
        };
        evenly(height, most)
    }

    /// Bytes that a row of queries takes: its scores, and its numbers as planes and as rows.
    pub(super) fn row_takes(&self, (height, width): (usize, usize)) -> u64 {
        4 * width as u64 * (height * width + 8 * self.channels) as u64
    }

    /// `x`, `centre`, `slope`, `shift` → `key` and `value`: (1, S, C).
    ///
    /// # Errors
    /// `ModelCorrupt` naming a tensor that is missing or of another shape.
    pub(super) fn keys(&self, target: Target) -> Result<Model> {
        let (mut g, channels) = (Graph::new("vae_keys", target), self.channels);
        let x = g.wide_input(X, &planes(channels));
        let tokens = Tokens::of(&mut g, x);
        let hidden = normal(&mut g, x, channels, false);
        let hidden = g.narrowed(hidden);
        let rows = Tokens::flat(&mut g, hidden, channels);
        for (name, layer) in [(KEY, "to_k"), (VALUE, "to_v")] {
            let made = linear(&mut g, &self.layer.at(layer), rows, channels, channels)?;
            let made = tokens.rows(&mut g, made, channels);
            g.output(name, made, &[1.into(), Dim::Any, channels.into()]);
        }
        Ok(g.finish())
    }

    /// `x`, `centre`, `slope`, `shift`, `key`, `value` → `made`, of the shape of `x`.
    ///
    /// # Errors
    /// `ModelCorrupt` naming a tensor that is missing or of another shape.
    pub(super) fn queries(&self, target: Target) -> Result<Model> {
        let (mut g, channels) = (Graph::new("vae_queries", target), self.channels);
        let x = g.wide_input(X, &planes(channels));
        let tokens = Tokens::of(&mut g, x);
        let hidden = normal(&mut g, x, channels, false);
        let hidden = g.narrowed(hidden);
        let rows = Tokens::flat(&mut g, hidden, channels);
        let query = linear(&mut g, &self.layer.at("to_q"), rows, channels, channels)?;
        let query = tokens.rows(&mut g, query, channels);
        let positions = [1.into(), "s".into(), channels.into()];
        let [key, value] = [KEY, VALUE].map(|name| g.input(name, Element::F32, &positions));
        let mixed = attention(&mut g, [query, key, value], 1, channels, false);
        let mixed = g.reshape(mixed, &[-1, channels as i64]);
        let mixed = linear(&mut g, &self.layer.at("to_out.0"), mixed, channels, channels)?;
        let mixed = tokens.picture(&mut g, mixed, channels, x);
        let mixed = g.widened(mixed);
        let made = g.add(mixed, x);
        g.output(MADE, made, &planes(channels));
        Ok(g.finish())
    }
}
