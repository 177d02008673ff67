//! How captions look and how they are grouped: data that presets and scripts fill.

use serde::{Deserialize, Serialize};

use crate::typeset::colour::Rgb;
use crate::{ErrorKind, MediaError, Result};

/// Letters as written, or all capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// As the words are written.
    AsWritten,
    /// In capitals.
    Upper,
}

/// How the spoken word stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Highlight {
    /// It takes the accent colour.
    Colour,
    /// It takes the accent colour and grows a little.
    Pop,
    /// It stands on a rounded shape of the accent colour.
    Pill,
}

/// The look and grouping of captions. Sizes are pixels of a frame 1080 pixels wide (its shorter
/// side), and scale with the frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptionStyle {
    /// Font family; one of the loaded ones.
    pub font: String,
    /// Letter size, 24 to 200 pixels. A cue that would leave the safe zone is set smaller.
    pub size: f32,
    /// Letters as written or in capitals.
    pub case: Case,
    /// Whether commas and full stops are shown; question and exclamation marks always are.
    pub punctuation: bool,
    /// How the spoken word stands out.
    pub highlight: Highlight,
    /// Colour of the spoken word, or of the pill behind it.
    pub accent: Rgb,
    /// Colour of the other words.
    pub text: Rgb,
    /// Colour of the outline and the shadow.
    pub outline: Rgb,
    /// Outline to each side of the letters, in ems, 0 to 0.2.
    pub outline_width: f32,
    /// Opacity of the soft shadow, 0 to 1.
    pub shadow: f32,
    /// Vertical centre of the captions as a fraction of the frame's height, 0 to 1; moved into
    /// the safe zone if it lies outside.
    pub position: f32,
    /// Whether a new group springs in over its first frames.
    pub entrance: bool,
    /// Most words in a group, 1 to 12.
    pub max_words: usize,
    /// Most lines in a group, 1 or 2.
    pub max_lines: usize,
    /// Widest line in ems of the letter size, 4 to 30.
    pub line_width: f32,
    /// A silence of more seconds than this ends a group.
    pub pause: f64,
    /// A group stays at least so many seconds, unless the next one begins.
    pub min_seconds: f64,
}

impl Default for CaptionStyle {
    fn default() -> Self {
        CaptionStyle {
            font: "Montserrat".into(),
            size: 92.0,
            case: Case::AsWritten,
            punctuation: false,
            highlight: Highlight::Pop,
            accent: Rgb::hex(0xffd60a),
            text: Rgb::WHITE,
            outline: Rgb::hex(0x0b0a12),
            outline_width: 0.075,
            shadow: 0.6,
            position: 0.71,
            entrance: true,
            max_words: 5,
            max_lines: 2,
            line_width: 8.0,
            pause: 0.35,
            min_seconds: 0.5,
        }
    }
}

impl CaptionStyle {
    /// Refuses values outside their stated ranges, naming the field and the range. The font is
    /// checked when the captions are set.
    pub fn validate(&self) -> Result<()> {
        let ranges = [
            ("size", f64::from(self.size), 24.0, 200.0),
            ("outline_width", f64::from(self.outline_width), 0.0, 0.2),
            ("shadow", f64::from(self.shadow), 0.0, 1.0),
            ("position", f64::from(self.position), 0.0, 1.0),
            ("max_words", self.max_words as f64, 1.0, 12.0),
            ("max_lines", self.max_lines as f64, 1.0, 2.0),
            ("line_width", f64::from(self.line_width), 4.0, 30.0),
            ("pause", self.pause, 0.05, 5.0),
            ("min_seconds", self.min_seconds, 0.0, 5.0),
        ];
        for (name, value, low, high) in ranges {
            // Written as f32, 0.2 lies a hair above the f64 of the same name.
            if !(low - 1e-6..=high + 1e-6).contains(&value) {
                return Err(MediaError::new(
                    ErrorKind::InvalidInput,
                    format!("caption style: `{name}` is {value:.3}; give a number from {low} to {high}"),
                ));
            }
        }
        Ok(())
    }

    /// The word as it is shown: cased, and without the punctuation that is not shown.
    pub(crate) fn shown(&self, word: &str) -> String {
        let mut text = word.trim();
        if !self.punctuation {
            let bare = text.trim_end_matches([',', '.', ';', ':']);
            // "U.S." and "a.m." keep their last full stop, a lone "..." its dots.
            if !bare.is_empty() && !bare.contains('.') || text.ends_with("...") && !bare.is_empty() {
                text = bare;
            } else if text.ends_with([',', ';', ':']) && !bare.is_empty() {
                text = text.trim_end_matches([',', ';', ':']);
            } else if bare.contains(|c: char| c.is_ascii_digit()) {
                text = bare;
            }
        }
        match self.case {
            Case::AsWritten => text.to_string(),
            Case::Upper => text.to_uppercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_stop_of_a_sentence_is_dropped_and_that_of_an_abbreviation_kept() {
        let style = CaptionStyle::default();
        let shown = ["moon.", "U.S.", "a.m.,", "3.8", "3.8.", "why?", "...", "wait...", "Dr.", "one,"]
            .map(|word| style.shown(word));
        assert_eq!(shown, ["moon", "U.S.", "a.m.", "3.8", "3.8", "why?", "...", "wait", "Dr", "one"]);
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_range() {
        let style = CaptionStyle { size: 900.0, ..CaptionStyle::default() };
        let error = style.validate().expect_err("too large").to_string();
        assert!(error.contains("`size` is 900.000") && error.contains("24 to 200"), "{error}");
    }
}
