//! Captions burnt into the picture: short groups of words, the spoken one highlighted.
//!
//! [`cues`] groups timed words (pure logic); [`Captions`] sets and draws them on demand.

mod draw;
mod grouping;
mod lay;
mod style;
mod track;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use grouping::cues;
pub use style::{CaptionStyle, Case, Highlight};
pub use track::Captions;

use crate::{ErrorKind, MediaError, Result};

/// A word and when it is spoken, in seconds of the finished video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptionWord {
    /// As written, with its punctuation.
    pub text: String,
    /// When it begins.
    pub start: f64,
    /// When it ends; not before `start`.
    pub end: f64,
}

/// Words that are on the screen together, in seconds of the finished video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cue {
    /// When the words appear.
    pub start: f64,
    /// When they go; never after the next cue's `start`.
    pub end: f64,
    /// In the order they are spoken.
    pub words: Vec<CaptionWord>,
    /// Which words stand on each line, from the top; together all of `words`.
    pub lines: Vec<Range<usize>>,
}

impl Cue {
    /// The text of each line, as written.
    pub fn text_lines(&self) -> Vec<String> {
        let line = |range: &Range<usize>| {
            self.words[range.clone()].iter().map(|word| word.text.trim()).collect::<Vec<_>>().join(" ")
        };
        self.lines.iter().map(line).collect()
    }
}

/// The edges that a platform covers with its own buttons and texts, as fractions of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SafeZone {
    /// Fraction of the width kept free on the left.
    pub left: f32,
    /// Fraction of the height kept free at the top.
    pub top: f32,
    /// Fraction of the width kept free on the right.
    pub right: f32,
    /// Fraction of the height kept free at the bottom.
    pub bottom: f32,
}

impl Default for SafeZone {
    /// A margin that suits any platform that draws nothing over the video.
    fn default() -> Self {
        SafeZone { left: 0.06, top: 0.06, right: 0.06, bottom: 0.06 }
    }
}

impl SafeZone {
    /// Refuses margins outside 0 to 0.45, which would leave no room.
    pub fn validate(&self) -> Result<()> {
        let sides = [("left", self.left), ("top", self.top), ("right", self.right), ("bottom", self.bottom)];
        for (name, value) in sides {
            if !(0.0..=0.45).contains(&value) {
                return Err(MediaError::new(
                    ErrorKind::InvalidInput,
                    format!("safe zone `{name}` is {value}; give a fraction from 0 to 0.45"),
                ));
            }
        }
        Ok(())
    }

    /// Left, top, right and bottom edge of the free area, in pixels of a `width` x `height` frame.
    pub fn area(&self, width: u32, height: u32) -> [f32; 4] {
        let (w, h) = (width as f32, height as f32);
        [w * self.left, h * self.top, w * (1.0 - self.right), h * (1.0 - self.bottom)]
    }
}
