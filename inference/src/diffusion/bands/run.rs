//! Runs a chain of stages over planes.

use super::Cut;
use super::attention::{Attention, KEY, VALUE};
use super::chain::Link;
use super::moments::Affine;
use super::plane::Plane;
use super::stage::{AFFINE, ASIDE, Edges, MADE, SHORT, Stage, X};
use crate::diffusion::vae::EPSILON;
use crate::network::{Array, Feed, Network, Processor};
use reelsmith_graph::{Layer, Model, Target};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

pub(super) struct Runner<'a> {
    pub(super) groups: usize,
    pub(super) target: Target,
    pub(super) processor: Processor,
    pub(super) cut: Cut,
    pub(super) before: &'a mut dyn FnMut(u64, u64) -> Result<()>,
    pub(super) done: u64,
    pub(super) total: u64,
}

impl Runner<'_> {
    pub(super) fn run(&mut self, links: &[Link<'_>], input: Plane) -> Result<Array> {
        let (mut plane, mut aside) = (input, None);
        for (n, link) in links.iter().enumerate() {
            let groups = if links.get(n + 1).is_some_and(Link::is_normal) { self.groups } else { 0 };
            plane = match link {
                Link::Through(stage) => self.stage(stage, &mut plane, Kept::Nothing, groups)?.0,
                Link::Branch(stage) if stage.shortcut.is_some() => {
                    let (made, short) = self.stage(stage, &mut plane, Kept::Nothing, groups)?;
                    aside = short;
                    made
                }
                Link::Branch(stage) => {
                    let (made, _) = self.stage(stage, &mut plane, Kept::Input, groups)?;
                    aside = Some(plane);
                    made
                }
                Link::Join(stage) => {
                    let mut added = aside.take().expect("a branch comes before it");
                    self.stage(stage, &mut plane, Kept::Added(&mut added), groups)?.0
                }
                Link::Attend(attention) => self.attend(attention, plane, groups)?,
            };
        }
        let made = plane.into_array();
        finite(made.data.iter().all(|number| number.is_finite()))?;
        Ok(made)
    }

    /// One stage over all bands of `plane`: what it makes, and its shortcut. `groups` of what it makes are measured.
    fn stage(
        &mut self,
        stage: &Stage<'_>,
        plane: &mut Plane,
        mut kept: Kept<'_>,
        groups: usize,
    ) -> Result<(Plane, Option<Plane>)> {
        let size = (plane.height, plane.width);
        let (width, channels) = (stage.makes(size).1, stage.conv.1.to);
        let mut made = Plane::new(channels, width, groups);
        let mut short = stage.shortcut.is_some().then(|| Plane::new(channels, width, 0));
        let affine = stage.norm.as_ref().map(|norm| self.affine(norm, plane)).transpose()?;
        let mut network: Option<(Edges, Network)> = None;
        for units in stage.bands(size, self.cut) {
            self.next()?;
            let seen = stage.sees(&units, size.0);
            // One at a time: the band at the top, those between and the one at the bottom pad differently.
            if network.as_ref().is_none_or(|(edges, _)| *edges != seen.edges) {
                drop(network.take());
                network = Some((seen.edges, self.open(&stage.model(seen.edges, self.target)?)?));
            }
            let (_, network) = network.as_mut().expect("it was put there");
            let x = plane.band(&seen.rows);
            if !matches!(kept, Kept::Input) {
                plane.let_go(stage.sees(&(units.end..units.end + 1), size.0).rows.start);
            }
            let added = kept.added(units.start * stage.rows_out()..units.end * stage.rows_out());
            let mut feeds = feeds(&x, affine.as_ref());
            feeds.extend(added.as_ref().map(|added| (ASIDE, added.into())));
            let wanted: &[&str] = if short.is_some() { &[MADE, SHORT] } else { &[MADE] };
            let mut bands = network.run(&feeds, wanted)?;
            if let Some(short) = &mut short {
                short.push(bands.pop().expect("as many as were asked for"));
            }
            made.push(bands.pop().expect("as many as were asked for"));
        }
        finite(made.moments.iter().all(|group| group.is_finite()))?;
        Ok((made, short))
    }

    fn attend(&mut self, attention: &Attention<'_>, mut plane: Plane, groups: usize) -> Result<Plane> {
        let affine = self.affine(&attention.norm(), &plane)?;
        let (size, channels) = ((plane.height, plane.width), attention.channels);
        let bands = attention.bands(size, self.cut);
        let [key, value] = self.keys(attention, &plane, &affine)?;
        let mut network = self.open(&attention.queries(self.target)?)?;
        let mut made = Plane::new(channels, size.1, groups);
        for rows in bands {
            self.next()?;
            let x = plane.band(&rows);
            plane.let_go(rows.end);
            let mut feeds = feeds(&x, Some(&affine));
            feeds.extend([(KEY, (&key).into()), (VALUE, (&value).into())]);
            made.push(network.run(&feeds, &[MADE])?.swap_remove(0));
        }
        finite(made.moments.iter().all(|group| group.is_finite()))?;
        Ok(made)
    }

    /// Keys and values of all positions, (1, S, C) each.
    fn keys(&mut self, attention: &Attention<'_>, plane: &Plane, affine: &Affine) -> Result<[Array; 2]> {
        let mut network = self.open(&attention.keys(self.target)?)?;
        let positions = plane.height * plane.width;
        let room = || Vec::with_capacity(positions * attention.channels);
        let (mut key, mut value) = (room(), room());
        for rows in attention.bands((plane.height, plane.width), self.cut) {
            self.next()?;
            let x = plane.band(&rows);
            let made = network.run(&feeds(&x, Some(affine)), &[KEY, VALUE])?;
            key.extend_from_slice(&made[0].data);
            value.extend_from_slice(&made[1].data);
        }
        let shape = [1, positions, attention.channels];
        Ok([Array::new(&shape, key), Array::new(&shape, value)])
    }

    fn affine(&self, norm: &Layer<'_>, plane: &Plane) -> Result<Affine> {
        Affine::of(norm, plane.channels, &plane.moments, EPSILON)
    }

    fn open(&self, model: &Model) -> Result<Network> {
        Network::open_unplanned("autoencoder", model, self.processor)
    }

    fn next(&mut self) -> Result<()> {
        (self.before)(self.done, self.total)?;
        self.done += 1;
        Ok(())
    }
}

/// What remains of planes beside the one that is made.
enum Kept<'a> {
    Nothing,
    /// The input, for whoever adds it later.
    Input,
    /// What is added now, which goes with the input.
    Added(&'a mut Plane),
}

impl Kept<'_> {
    fn added(&mut self, rows: std::ops::Range<usize>) -> Option<Array> {
        let Self::Added(plane) = self else { return None };
        let band = plane.band(&rows);
        plane.let_go(rows.end);
        Some(band)
    }
}

fn feeds<'a>(x: &'a Array, affine: Option<&'a Affine>) -> Vec<(&'static str, Feed<'a>)> {
    let mut feeds = vec![(X, x.into())];
    let Some(affine) = affine else { return feeds };
    let numbers: [&[f32]; 3] = [&affine.centre, &affine.slope, &affine.shift];
    feeds.extend(AFFINE.into_iter().zip(numbers.map(|numbers| Feed::Floats(&affine.shape, numbers))));
    feeds
}

fn finite(is_finite: bool) -> Result<()> {
    if is_finite {
        return Ok(());
    }
    let message = "the autoencoder gave numbers that are none (NaN or infinite): a weight of the checkpoint is damaged, or \
                   half precision ran over; check the files, or use another autoencoder";
    Err(InferenceError::new(ErrorKind::Engine, message))
}
