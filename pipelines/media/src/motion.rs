//! Slow zoom and pan over a still (the Ken Burns effect).

mod columns;
mod sample;

pub use sample::Sampler;

use crate::dice::Dice;
use crate::ease::smoothstep;

/// What part of a still is seen: a rectangle of the frame's shape, always inside the still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Where the rectangle stands in the room that is left beside it: 0.0 left, 1.0 right.
    pub x: f64,
    /// The same from top to bottom.
    pub y: f64,
    /// 1.0 shows as much of the still as fits the frame's shape; 2.0 half its width. At least 1.0.
    pub zoom: f64,
}

/// A path from one view to another over a scene's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// The view at the scene's first frame.
    pub from: View,
    /// The view at the scene's last frame.
    pub to: View,
}

/// A rectangle of a still's luma plane, in samples from its left upper corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Still samples for each frame sample, the same in both directions.
    pub step: f64,
}

/// How fast a scene zooms, a second: slow enough to be felt rather than seen.
const ZOOM_RATE: f64 = 0.022;

/// The zoom that a scene goes through, whatever its length.
const ZOOM_RANGE: std::ops::RangeInclusive<f64> = 1.06..=1.20;

/// The part of a motion's speed that is eased at its ends; 1.0 would come to rest there.
const EASE: f64 = 0.6;

impl View {
    /// The whole still, as far as it fits the frame's shape.
    pub const WHOLE: View = View { x: 0.5, y: 0.5, zoom: 1.0 };

    /// The rectangle that this view shows of a still of size `still` on a frame of size `frame`.
    /// Coordinates out of range are taken as the nearest in range.
    pub fn window(self, still: (usize, usize), frame: (usize, usize)) -> Window {
        let (still_w, still_h) = (still.0 as f64, still.1 as f64);
        let whole = (still_w / frame.0 as f64).min(still_h / frame.1 as f64);
        let step = whole / self.zoom.max(1.0);
        let place = |at: f64, still: f64, frame: usize| at.clamp(0.0, 1.0) * (still - step * frame as f64);
        // The subtraction may fall below zero by a rounding error where no room is left.
        let left = place(self.x, still_w, frame.0).max(0.0);
        Window { left, top: place(self.y, still_h, frame.1).max(0.0), step }
    }
}

impl Motion {
    /// A motion that stays where it is.
    pub fn still(view: View) -> Self {
        Self { from: view, to: view }
    }

    /// A motion for scene `index` of the video that `seed` names: slow zooms and pans in turn,
    /// never the same kind twice running, as far as suits a scene of `seconds`.
    pub fn seeded(seed: u64, index: usize, seconds: f64) -> Self {
        let kind = order(seed)[index % KINDS];
        let mut dice = Dice::stream(seed, index as u64 + 1);
        let zoom = (1.0 + ZOOM_RATE * seconds).clamp(*ZOOM_RANGE.start(), *ZOOM_RANGE.end());
        let mut draw = |low: f64, high: f64| low + (high - low) * dice.unit();
        let near = View { x: draw(0.3, 0.7), y: draw(0.3, 0.7), zoom };
        let far = View { zoom: 1.0, ..near };
        let (x, y) = (draw(0.25, 0.75), draw(0.25, 0.75));
        let slight = draw(0.96, 1.0);
        let (from, to) = match kind {
            0 => (far, near),
            1 => (near, far),
            2 => (View { x: 0.05, y, zoom }, View { x: 0.95, y, zoom: zoom * slight }),
            3 => (View { x: 0.95, y, zoom }, View { x: 0.05, y, zoom: zoom * slight }),
            4 => (View { x, y: 0.1, zoom }, View { x, y: 0.9, zoom: zoom * slight }),
            _ => (View { x, y: 0.9, zoom }, View { x, y: 0.1, zoom: zoom * slight }),
        };
        Self { from, to }
    }

    /// The view at `position`, from 0.0 at the first frame to 1.0 at the last.
    pub fn at(&self, position: f64) -> View {
        let t = ease(position.clamp(0.0, 1.0));
        let between = |from: f64, to: f64| from + (to - from) * t;
        // A zoom looks even when each frame is larger than the last by the same factor.
        let zoom = self.from.zoom.max(1.0) * (self.to.zoom.max(1.0) / self.from.zoom.max(1.0)).powf(t);
        View { x: between(self.from.x, self.to.x), y: between(self.from.y, self.to.y), zoom }
    }

    /// The closest that it comes.
    pub fn closest(&self) -> f64 {
        self.from.zoom.max(self.to.zoom).max(1.0)
    }
}

/// Kinds of motion: zoom in, zoom out, and a pan in each direction.
const KINDS: usize = 6;

/// The kinds in an order that the seed decides.
fn order(seed: u64) -> [usize; KINDS] {
    let mut dice = Dice::new(seed);
    let mut kinds = std::array::from_fn(|kind| kind);
    for last in (1..KINDS).rev() {
        kinds.swap(last, dice.below(last + 1));
    }
    kinds
}

/// Starts and ends gently without coming to rest.
fn ease(t: f64) -> f64 {
    t + (smoothstep(t) - t) * EASE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn views() -> impl Strategy<Value = View> {
        (-0.5..1.5, -0.5..1.5, 0.5..4.0).prop_map(|(x, y, zoom)| View { x, y, zoom })
    }

    proptest! {
        #[test]
        fn a_window_is_always_inside_the_still(
            from in views(), to in views(), position in -0.5..1.5,
            still in (2usize..4000, 2usize..4000), frame in (2usize..2000, 2usize..2000),
        ) {
            let window = Motion { from, to }.at(position).window(still, frame);
            prop_assert!(window.left >= 0.0 && window.top >= 0.0 && window.step > 0.0);
            prop_assert!(window.left + window.step * frame.0 as f64 <= still.0 as f64 + 1e-6);
            prop_assert!(window.top + window.step * frame.1 as f64 <= still.1 as f64 + 1e-6);
        }

        #[test]
        fn seeded_motions_vary_and_repeat(seed: u64, index in 0usize..50, seconds in 0.5..20.0) {
            let motion = Motion::seeded(seed, index, seconds);
            prop_assert_eq!(motion, Motion::seeded(seed, index, seconds));
            prop_assert_ne!(order(seed)[index % KINDS], order(seed)[(index + 1) % KINDS]);
            prop_assert!(motion.closest() <= *ZOOM_RANGE.end());
            prop_assert!(motion.from != motion.to);
        }

        #[test]
        fn a_motion_moves_on_evenly(seed: u64, index in 0usize..6) {
            let motion = Motion::seeded(seed, index, 5.0);
            let window = |frame: i32| motion.at(f64::from(frame) / 149.0).window((1296, 2304), (1080, 1920));
            for frame in 1..149 {
                let (a, b, c) = (window(frame - 1), window(frame), window(frame + 1));
                // No frame's step differs from the next one's by more than a twentieth of a sample.
                prop_assert!(((c.left - b.left) - (b.left - a.left)).abs() < 0.05);
                prop_assert!(((c.top - b.top) - (b.top - a.top)).abs() < 0.05);
            }
        }
    }

    #[test]
    fn a_motion_starts_and_ends_where_it_says() {
        let motion = Motion::seeded(7, 3, 5.0);
        assert_eq!(motion.at(0.0), motion.from);
        let end = motion.at(1.0);
        assert!((end.zoom - motion.to.zoom).abs() < 1e-12 && (end.x - motion.to.x).abs() < 1e-12);
    }
}
