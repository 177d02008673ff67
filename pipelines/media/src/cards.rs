//! Designed cards for scenes that have no picture: a background, and the heading above it.
//!
//! One video keeps one palette and one typeface; the motif varies from scene to scene
//! ([`plan`]). Everything is drawn from the seed: the same specification gives the same bytes.

mod art;
mod canvas;
pub(crate) mod heading;
mod motifs;
mod noise;
pub(crate) mod palette;
pub(crate) mod scrim;
mod title;
mod words;

use serde::{Deserialize, Serialize};

pub use motifs::{Motif, plan};
pub use title::title;

use crate::picture::Picture;
use crate::typeset::colour::Rgb;
use crate::{ErrorKind, MediaError, Result};
use palette::Palette;

/// Room for motion: a background is so many times as large as its frame.
pub const OVERSIZE: f32 = 1.2;
/// Grain of a finished card, 8-bit levels.
const GRAIN: f32 = 1.3;

/// The look that all cards of one video share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CardStyle {
    /// One of [`palette_names`], or `auto`: chosen by the words of the script, else by the seed.
    pub palette: String,
    /// Font family of titles, or `auto`: the one that suits the palette.
    pub title_font: String,
    /// Font family of small type.
    pub label_font: String,
    /// Replaces the palette's accent colour.
    pub accent: Option<Rgb>,
    /// Whether headings carry their number ("03").
    pub numbered: bool,
}

impl Default for CardStyle {
    fn default() -> Self {
        CardStyle {
            palette: "auto".into(),
            title_font: "auto".into(),
            label_font: "Inter".into(),
            accent: None,
            numbered: true,
        }
    }
}

/// The palettes by name.
pub fn palette_names() -> Vec<&'static str> {
    palette::PALETTES.iter().map(|p| p.name).collect()
}

impl CardStyle {
    /// Refuses an unknown palette, listing near matches. Fonts are checked when type is set.
    pub fn validate(&self) -> Result<()> {
        match self.palette.as_str() {
            "auto" => Ok(()),
            name => palette::by_name(name).map(|_| ()),
        }
    }

    /// The style with every `auto` settled from the words of the whole script, so that all its
    /// scenes agree.
    pub fn settled(&self, script: &str, seed: u64) -> Result<CardStyle> {
        let found = match self.palette.as_str() {
            "auto" => palette::for_text(script, seed),
            name => palette::by_name(name)?,
        };
        let title_font =
            if self.title_font == "auto" { found.face.to_string() } else { self.title_font.clone() };
        Ok(CardStyle { palette: found.name.into(), title_font, ..self.clone() })
    }

    /// The palette with this style's accent. `auto` that was not settled goes by the seed alone.
    pub(crate) fn colours(&self, seed: u64) -> Result<Palette> {
        let found = match self.palette.as_str() {
            "auto" => palette::for_text("", seed),
            name => palette::by_name(name)?,
        };
        let mut colours = *found;
        colours.accent = self.accent.unwrap_or(found.accent);
        Ok(colours)
    }
}

/// The accent of a style for captions of the same video: made lighter where it is too dark to
/// stand out from the captions' dark outline (4.5:1).
pub fn caption_accent(style: &CardStyle, seed: u64) -> Result<Rgb> {
    let accent = style.colours(seed)?.accent;
    let outline = crate::captions::CaptionStyle::default().outline;
    let steps = (0..=10).map(|step| accent.mix(Rgb::WHITE, step as f32 * 0.05));
    Ok(steps.clone().find(|colour| colour.contrast(outline) >= 4.5).unwrap_or(Rgb::WHITE))
}

/// What a card is to show.
#[derive(Debug, Clone)]
pub struct CardSpec<'a> {
    /// The scene's heading; may be empty.
    pub text: &'a str,
    /// The scene's narration; helps to choose the motif.
    pub body: &'a str,
    /// The video's seed, the same for all its scenes.
    pub seed: u64,
    /// The look; [`CardStyle::settled`] first, so that scenes agree.
    pub style: &'a CardStyle,
    /// What to draw; chosen from the text when absent. [`plan`] chooses for all scenes together.
    pub motif: Option<Motif>,
    /// Frame width in pixels, 64 to 4096.
    pub width: u32,
    /// Frame height in pixels, 64 to 4096.
    pub height: u32,
    /// Which scene this is, from 0.
    pub index: usize,
    /// How many scenes there are.
    pub total: usize,
}

impl CardSpec<'_> {
    /// The motif that will be drawn.
    pub fn chosen(&self) -> Motif {
        self.motif.unwrap_or_else(|| plan(&[(self.text, self.body)], self.seed ^ self.index as u64)[0])
    }

    fn art_seed(&self) -> u64 {
        noise::seed_of(self.seed ^ (self.index as u64) << 32, self.text)
    }
}

/// Draws a card's background, [`OVERSIZE`] times its frame on each side so that motion has room.
///
/// A wide one leaves its left side calm for a thumbnail's title.
///
/// Fails with `InvalidInput` for an unknown palette or a frame out of range.
pub fn background(spec: &CardSpec) -> Result<Picture> {
    let allowed = 64..=4096;
    if !allowed.contains(&spec.width) || !allowed.contains(&spec.height) {
        let message = format!(
            "a card of {}x{} cannot be drawn; give 64 to 4096 pixels a side",
            spec.width, spec.height
        );
        return Err(MediaError::new(ErrorKind::InvalidInput, message));
    }
    let palette = spec.style.colours(spec.seed)?;
    let grown = |side: u32| ((side as f32 * OVERSIZE / 2.0).round() as u32) * 2;
    let mut art = art::Art::new(grown(spec.width), grown(spec.height), &palette, spec.art_seed());
    spec.chosen().draw(&mut art);
    let vignette = if palette.is_dark() { 0.55 } else { 0.14 };
    Ok(art.canvas.finish(spec.art_seed(), GRAIN, vignette))
}
