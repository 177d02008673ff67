//! Captions over time: which state belongs to a frame, drawn when first asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::draw::Painted;
use super::lay::{self, LaidCue, Place};
use super::{CaptionStyle, Cue, SafeZone};
use crate::frames::CaptionTrack;
use crate::overlay::Overlay;
use crate::typeset::Fonts;
use crate::{ErrorKind, MediaError, Result};

/// States kept: frames are asked for in order, a few threads apart at most.
const KEPT: usize = 8;
/// Size and opacity of a new cue in its first frames.
const ENTRANCE: [(f32, f32); 2] = [(0.88, 0.75), (0.96, 1.0)];

/// Captions set in the frame. States are drawn once each, when first asked for, and only the
/// last few are kept, so memory does not grow with the video.
pub struct Captions {
    cues: Vec<TimedCue>,
    style: CaptionStyle,
    place: Place,
    drawn: Mutex<Drawn>,
}

struct TimedCue {
    laid: LaidCue,
    /// First frame, and the first frame after it.
    frames: (u64, u64),
    /// The frame from which each word is the spoken one.
    words: Vec<u64>,
}

/// What makes one picture of a caption: cue, spoken word, step of the entrance.
type State = (usize, usize, usize);

#[derive(Default)]
struct Drawn {
    states: VecDeque<(State, Option<Arc<Overlay>>)>,
    /// The cue that was drawn last, ready for its next state.
    painted: Option<(usize, Painted)>,
}

impl Captions {
    /// Sets `cues` for a frame of `width` x `height` pixels at `fps` frames a second.
    ///
    /// Every cue lies within `zone`; one that is too wide is set smaller. Fails with `InvalidInput`
    /// for a style or zone out of range or a font that is not loaded.
    pub fn render(
        cues: &[Cue],
        style: &CaptionStyle,
        fonts: &mut Fonts,
        zone: SafeZone,
        (width, height): (u32, u32),
        fps: u32,
    ) -> Result<Captions> {
        style.validate()?;
        zone.validate()?;
        fonts.require(&style.font)?;
        if fps == 0 || width < 16 || height < 16 {
            let message = format!("captions need a frame and a rate; got {width}x{height} at {fps}");
            return Err(MediaError::new(ErrorKind::InvalidInput, message));
        }
        let place = Place::new(zone, width, height);
        // A frame belongs to the moment nearest to it.
        let frame = |seconds: f64| (seconds * f64::from(fps)).round().max(0.0) as u64;
        let mut timed = Vec::with_capacity(cues.len());
        for cue in cues {
            timed.push(TimedCue {
                laid: lay::lay(cue, style, fonts, &place)?,
                frames: (frame(cue.start), frame(cue.end)),
                words: cue.words.iter().map(|word| frame(word.start)).collect(),
            });
        }
        Ok(Captions { cues: timed, style: style.clone(), place, drawn: Mutex::default() })
    }

    fn state_at(&self, frame: u64) -> Option<State> {
        let after = self.cues.partition_point(|cue| cue.frames.0 <= frame);
        let index = after.checked_sub(1)?;
        let cue = &self.cues[index];
        if frame >= cue.frames.1 {
            return None;
        }
        let word = cue.words.partition_point(|start| *start <= frame).saturating_sub(1);
        let age = (frame - cue.frames.0) as usize;
        let step = if self.style.entrance { age.min(ENTRANCE.len()) } else { ENTRANCE.len() };
        Some((index, word, step))
    }

    fn draw(&self, (index, word, step): State, drawn: &mut Drawn) -> Option<Arc<Overlay>> {
        let cue = &self.cues[index].laid;
        if drawn.painted.as_ref().is_none_or(|(of, _)| *of != index) {
            drawn.painted = Painted::new(cue, &self.style, &self.place).map(|painted| (index, painted));
        }
        let (_, painted) = drawn.painted.as_ref()?;
        painted.state(cue, &self.style, word, ENTRANCE.get(step).copied()).map(Arc::new)
    }
}

impl CaptionTrack for Captions {
    fn overlay_at(&self, frame: u64) -> Option<Arc<Overlay>> {
        let state = self.state_at(frame)?;
        // A panic elsewhere leaves only finished states behind: they stay usable.
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, overlay)) = drawn.states.iter().find(|(known, _)| *known == state) {
            return overlay.clone();
        }
        let overlay = self.draw(state, &mut drawn);
        if drawn.states.len() == KEPT {
            drawn.states.pop_front();
        }
        drawn.states.push_back((state, overlay.clone()));
        overlay
    }
}
