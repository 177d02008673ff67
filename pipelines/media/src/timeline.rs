//! What is seen when: scenes in order, the crossfades between them, and what each frame shows.

use crate::ease::smoothstep;
use crate::motion::Motion;
use crate::overlay::Overlay;
use crate::picture::PictureSource;
use crate::yuv;
use crate::{ErrorKind, MediaError, Result};
use std::ops::Range;
use std::sync::Arc;

/// One still, moved over for a while.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The still; cropped about its centre to the frame's shape.
    pub picture: PictureSource,
    /// How long it lasts, in frames; at least 1.
    pub frames: u32,
    /// How the view moves over the still.
    pub motion: Motion,
    /// Stands still over the moving picture, faded in and out at the scene's ends.
    pub title: Option<Arc<Overlay>>,
}

/// All that is seen, apart from captions.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// Frame width in pixels; even.
    pub width: u32,
    /// Frame height in pixels; even.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Length of a crossfade, which is centred on the cut, so that it costs no time. A scene
    /// shorter than this gets a shorter one.
    pub crossfade_frames: u32,
    /// In order; at least one.
    pub scenes: Vec<Scene>,
}

/// A scene at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Index of the scene.
    pub scene: usize,
    /// How far its motion has come: 0.0 at its first visible frame, 1.0 at its last.
    pub position: f64,
}

/// What one frame shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// The scene; during a crossfade the one that goes.
    pub base: Layer,
    /// During a crossfade the scene that comes, and its weight in 256ths, within 1 ..= 255.
    pub next: Option<(Layer, u16)>,
    /// The scene whose time it is, and the opacity of its title: 255 is full.
    pub title: (usize, u8),
}

/// How long a title takes to fade, in thousandths of a second.
const TITLE_FADE_MS: u32 = 400;

/// The most pixels of a frame; above it a frame buffer would not be small any more.
const MAX_FRAME_PIXELS: u64 = 3840 * 3840;

impl Timeline {
    /// Checks what the compositor relies on.
    ///
    /// # Errors
    /// `InvalidInput` that names the value and its range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |message: String| Err(MediaError::new(ErrorKind::InvalidInput, message));
        let pixels = u64::from(self.width) * u64::from(self.height);
        let odd = !self.width.is_multiple_of(2) || !self.height.is_multiple_of(2);
        if odd || self.width.min(self.height) < 16 || pixels > MAX_FRAME_PIXELS {
            let (width, height) = (self.width, self.height);
            return wrong(format!(
                "a frame of {width} x {height}: sides must be even, from 16 to about 3840"
            ));
        }
        if !(1..=240).contains(&self.fps) {
            return wrong(format!("{} frames a second: it must be from 1 to 240", self.fps));
        }
        if self.scenes.is_empty() {
            return wrong("a video needs at least one scene".to_owned());
        }
        match self.scenes.iter().position(|scene| scene.frames == 0) {
            Some(index) => wrong(format!("scene {} lasts no frame; it must last at least one", index + 1)),
            None => Ok(()),
        }
    }

    /// Frames of the whole video: the sum of its scenes.
    pub fn frames(&self) -> u64 {
        self.scenes.iter().map(|scene| u64::from(scene.frames)).sum()
    }

    /// Seconds of the whole video.
    pub fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.fps)
    }

    /// What frame `frame` shows; beyond the end, the last one.
    ///
    /// # Panics
    /// If there is no scene.
    pub fn at(&self, frame: u64) -> Shown {
        let frame = frame.min(self.frames().saturating_sub(1));
        let scene = self.scene_at(frame);
        let own = self.span(scene);
        let title = (scene, self.title_opacity(scene, &own, frame));
        let fade_out = self.fade(scene);
        let fade_in = scene.checked_sub(1).map_or(0..0, |before| self.fade(before));
        let (base, next, fade) = match (fade_in.contains(&frame), fade_out.contains(&frame)) {
            (true, _) => (scene - 1, Some(scene), fade_in),
            (_, true) => (scene, Some(scene + 1), fade_out),
            _ => (scene, None, 0..0),
        };
        let next = next.map(|next| (self.layer(next, frame), fade_weight(&fade, frame)));
        Shown { base: self.layer(base, frame), next, title }
    }

    fn scene_at(&self, frame: u64) -> usize {
        let mut end = 0;
        let last = self.scenes.len() - 1;
        let ends = self.scenes.iter().map(|scene| {
            end += u64::from(scene.frames);
            end
        });
        ends.take(last).take_while(|&end| end <= frame).count()
    }

    /// The frames from a scene's cut to the next.
    fn span(&self, scene: usize) -> Range<u64> {
        let start = self.scenes[..scene].iter().map(|scene| u64::from(scene.frames)).sum();
        start..start + u64::from(self.scenes[scene].frames)
    }

    /// The crossfade from `scene` to the next: half before the cut and half after it. No longer
    /// than either scene, so that two crossfades never meet.
    fn fade(&self, scene: usize) -> Range<u64> {
        let Some(next) = self.scenes.get(scene + 1) else { return 0..0 };
        let length = self.crossfade_frames.min(self.scenes[scene].frames).min(next.frames);
        let start = self.span(scene).end - u64::from(length / 2);
        start..start + u64::from(length)
    }

    fn layer(&self, scene: usize, frame: u64) -> Layer {
        let span = self.span(scene);
        let fade_in = scene.checked_sub(1).map_or(0..0, |before| self.fade(before));
        let fade_out = self.fade(scene);
        let start = if fade_in.is_empty() { span.start } else { fade_in.start };
        let end = if fade_out.is_empty() { span.end } else { fade_out.end };
        let steps = (end - start - 1).max(1);
        Layer { scene, position: (frame - start) as f64 / steps as f64 }
    }

    /// A title fades within its own scene. The first stands from the first frame on, which is what
    /// platforms show before playing, and the last until the end.
    fn title_opacity(&self, scene: usize, span: &Range<u64>, frame: u64) -> u8 {
        let length = span.end - span.start;
        let fade = (u64::from(self.fps * TITLE_FADE_MS / 1000)).min(length / 3);
        let first = scene == 0;
        let last = scene + 1 == self.scenes.len();
        let in_ = if first { fade + 1 } else { frame - span.start + 1 };
        let out = if last { fade + 1 } else { span.end - frame };
        let steps = in_.min(out).min(fade + 1);
        (255 * steps / (fade + 1)) as u8
    }
}

/// Smooth at both ends.
fn fade_weight(fade: &Range<u64>, frame: u64) -> u16 {
    let t = (frame - fade.start + 1) as f64 / (fade.end - fade.start + 1) as f64;
    ((smoothstep(t) * f64::from(yuv::FULL)).round() as u16).clamp(1, yuv::FULL - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::View;
    use crate::picture::Picture;
    use proptest::prelude::*;

    fn timeline(frames: &[u32], crossfade_frames: u32) -> Timeline {
        let picture = Arc::new(Picture { width: 1, height: 1, rgb: vec![0; 3] });
        let scenes = frames.iter().map(|&frames| Scene {
            picture: PictureSource::Memory(Arc::clone(&picture)),
            frames,
            motion: Motion::still(View::WHOLE),
            title: None,
        });
        Timeline { width: 32, height: 32, fps: 30, crossfade_frames, scenes: scenes.collect() }
    }

    proptest! {
        #[test]
        fn every_scene_gets_its_frames_and_fades_run_through(
            frames in proptest::collection::vec(1u32..60, 1..12), crossfade in 0u32..40,
        ) {
            let timeline = timeline(&frames, crossfade);
            prop_assert_eq!(timeline.frames(), frames.iter().map(|&n| u64::from(n)).sum::<u64>());
            let shown: Vec<Shown> = (0..timeline.frames()).map(|frame| timeline.at(frame)).collect();
            for (scene, &length) in frames.iter().enumerate() {
                prop_assert_eq!(shown.iter().filter(|shown| shown.title.0 == scene).count(), length as usize);
            }
            for pair in shown.windows(2) {
                let (now, then) = (pair[0], pair[1]);
                // Nothing is skipped or shown again: the base stays or moves on by one.
                prop_assert!(then.base.scene == now.base.scene || then.base.scene == now.base.scene + 1);
                if let (Some((a, before)), Some((b, after))) = (now.next, then.next) {
                    prop_assert!(a.scene != b.scene || before <= after, "a fade goes back");
                }
                if now.base.scene == then.base.scene {
                    prop_assert!(then.base.position > now.base.position);
                }
            }
            for shown in &shown {
                prop_assert!((0.0..=1.0).contains(&shown.base.position));
                if let Some((next, weight)) = shown.next {
                    prop_assert_eq!(next.scene, shown.base.scene + 1);
                    prop_assert!((0.0..=1.0).contains(&next.position));
                    prop_assert!((1..=255).contains(&weight));
                }
            }
            let fading = shown.iter().filter(|shown| shown.next.is_some()).count();
            let fades: u32 = frames.windows(2).map(|pair| crossfade.min(pair[0]).min(pair[1])).sum();
            prop_assert_eq!(fading, fades as usize);
        }
    }

    #[test]
    fn a_crossfade_is_centred_on_the_cut() {
        let timeline = timeline(&[100, 100], 15);
        let fading: Vec<u64> = (0..200).filter(|&frame| timeline.at(frame).next.is_some()).collect();
        assert_eq!((fading[0], fading[14], fading.len()), (93, 107, 15));
        assert_eq!(timeline.at(100).next.unwrap().1, 128);
    }

    #[test]
    fn titles_fade_at_cuts_only() {
        let timeline = timeline(&[60, 60, 60], 15);
        let opacity = |frame| timeline.at(frame).title.1;
        assert_eq!((opacity(0), opacity(30), opacity(179)), (255, 255, 255));
        assert!(opacity(59) < 30 && opacity(60) < 30 && opacity(119) < 30 && opacity(120) < 30);
        assert!((60..72).all(|frame| opacity(frame) < opacity(frame + 1)));
    }

    #[test]
    fn what_cannot_be_rendered_is_named() {
        let mut odd = timeline(&[10], 0);
        odd.width = 33;
        assert!(odd.validate().unwrap_err().to_string().contains("33 x 32"));
        assert!(timeline(&[], 0).validate().is_err());
        let error = timeline(&[5, 0], 0).validate().unwrap_err();
        assert!(error.to_string().contains("scene 2"), "{error}");
        assert!(timeline(&[5, 1], 0).validate().is_ok());
    }
}
