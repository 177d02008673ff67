//! The stills that are needed now and next, each converted once.

use super::panicked;
use crate::picture::resize::{Axis, Plane, lanczos};
use crate::picture::{Crop, Picture};
use crate::timeline::Timeline;
use crate::yuv::{Planes, Yuv420, from_rgb_crop};
use crate::{MediaError, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::thread::JoinHandle;

/// Still samples for each frame sample where a motion is closest. Above 1, bilinear sampling
/// between them blurs less, and less differently from place to place, which would be seen to shimmer.
const OVERSAMPLING: f64 = 1.25;

/// A still this much larger than wanted is taken as it is.
const TOLERANCE: f64 = 1.1;

enum State {
    Loading(JoinHandle<Result<Yuv420>>),
    Ready(Yuv420),
}

/// The stills by scene.
pub(super) struct Stills<'a> {
    timeline: &'a Timeline,
    states: BTreeMap<usize, State>,
}

impl<'a> Stills<'a> {
    pub(super) fn new(timeline: &'a Timeline) -> Self {
        Self { timeline, states: BTreeMap::new() }
    }

    /// Starts to load a scene's still on another thread, if there is such a scene and it is not here.
    pub(super) fn prefetch(&mut self, scene: usize) {
        if scene >= self.timeline.scenes.len() || self.states.contains_key(&scene) {
            return;
        }
        let source = self.timeline.scenes[scene].picture.clone();
        let closest = self.timeline.scenes[scene].motion.closest();
        let frame = (self.timeline.width, self.timeline.height);
        let load = move || source.open().map(|picture| convert(&picture, frame, closest));
        self.states.insert(scene, State::Loading(std::thread::spawn(load)));
    }

    /// Forgets the stills of all other scenes.
    pub(super) fn keep(&mut self, scenes: Range<usize>) {
        self.states.retain(|scene, _| scenes.contains(scene));
    }

    /// A scene's still, waited for if it is not here yet.
    pub(super) fn get(&mut self, scene: usize) -> Result<&Yuv420> {
        self.prefetch(scene);
        if let Some(State::Loading(_)) = self.states.get(&scene)
            && let Some(State::Loading(handle)) = self.states.remove(&scene)
        {
            let still = handle.join().map_err(|_| panicked(scene))?.map_err(|error| named(scene, error))?;
            self.states.insert(scene, State::Ready(still));
        }
        match self.states.get(&scene) {
            Some(State::Ready(still)) => Ok(still),
            _ => unreachable!("it was inserted above"),
        }
    }
}

fn named(scene: usize, error: MediaError) -> MediaError {
    MediaError::new(error.kind(), format!("scene {}: {error}", scene + 1)).with_source(error)
}

/// Crops a picture to the frame's shape and converts it, at the size that its motion asks for: not
/// so large that minifying would alias, and never larger than it is, unless the frame itself is.
fn convert(picture: &Picture, frame: (u32, u32), closest: f64) -> Yuv420 {
    let crop = Crop::covering((picture.width, picture.height), frame, 2);
    if crop.width < 4 || crop.height < 4 {
        return from_rgb_crop_scaled(picture, frame);
    }
    let own = from_rgb_crop(picture, crop);
    let wanted = f64::from(frame.0) * closest * OVERSAMPLING;
    let own_width = own.width() as f64;
    let width = match own_width {
        own if own > wanted * TOLERANCE => wanted,
        own if own < f64::from(frame.0) => f64::from(frame.0),
        own => own,
    };
    match width == own_width {
        true => own,
        false => scaled(&own, width / own_width),
    }
}

/// A picture of a pixel or three has no chroma to sample: it is enlarged first.
fn from_rgb_crop_scaled(picture: &Picture, frame: (u32, u32)) -> Yuv420 {
    crate::yuv::from_rgb(&picture.cover(frame.0, frame.1))
}

fn scaled(own: &Yuv420, factor: f64) -> Yuv420 {
    let side = |own: usize| ((own as f64 * factor / 2.0).round() as usize * 2).max(4);
    let (width, height) = (side(own.width()), side(own.height()));
    let from = own.planes();
    let luma = lanczos(
        Plane::new(from.luma, own.width()),
        Axis::centred(own.width(), width),
        Axis::centred(own.height(), height),
    );
    let chroma = |plane| {
        let across = Axis { input: own.width() / 2, output: width / 2, phase: 0.25 };
        lanczos(Plane::new(plane, own.width() / 2), across, Axis::centred(own.height() / 2, height / 2))
    };
    let (cb, cr) = (chroma(from.cb), chroma(from.cr));
    Yuv420::from_planes(width, height, Planes { luma, cb, cr })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Picture {
        let pixels = (0..width * height).flat_map(|index| {
            let (x, y) = (index % width, index / width);
            [(x * 255 / width) as u8, (y * 255 / height) as u8, 60]
        });
        Picture { width, height, rgb: pixels.collect() }
    }

    #[test]
    fn stills_get_the_frames_shape_and_the_size_that_the_motion_asks_for() {
        // (picture, size of the still) on a frame of 200 x 400 whose motion comes as close as 1.2.
        let cases = [
            ((2000, 4000), (300, 600)),
            ((4000, 1000), (300, 600)),
            ((320, 640), (320, 640)),
            ((100, 200), (200, 400)),
            ((1, 1), (200, 400)),
            ((3, 5000), (200, 400)),
        ];
        for ((width, height), expected) in cases {
            let still = convert(&picture(width, height), (200, 400), 1.2);
            assert_eq!((still.width(), still.height()), expected, "{width} x {height}");
        }
    }

    #[test]
    fn a_scaled_still_keeps_its_colours_in_place() {
        let whole = convert(&picture(480, 960), (200, 400), 3.0);
        let small = convert(&picture(480, 960), (200, 400), 1.0);
        let factor = whole.width() as f64 / small.width() as f64;
        let (large, little) = (whole.planes(), small.planes());
        for (a, b) in [(large.cb, little.cb), (large.cr, little.cr)] {
            for y in 10..small.height() / 2 - 10 {
                for x in 10..small.width() / 2 - 10 {
                    let far = ((x as f64 * factor) as usize, (y as f64 * factor) as usize);
                    let before = a[far.1 * whole.width() / 2 + far.0];
                    assert!(before.abs_diff(b[y * small.width() / 2 + x]) <= 2);
                }
            }
        }
    }
}
