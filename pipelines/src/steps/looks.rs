//! The look that pictures, captions, video and thumbnail of one job share.

use crate::error::Result;
use crate::spec::Short;
use reelsmith_media::captions::{CaptionStyle, SafeZone};
use reelsmith_media::cards::{CardSpec, CardStyle, Motif, plan};

/// The cards' style and motifs, settled from the whole script.
pub(super) struct Looks<'a> {
    short: &'a Short,
    pub(super) style: CardStyle,
    motifs: Vec<Motif>,
    bodies: Vec<String>,
}

impl<'a> Looks<'a> {
    pub(super) fn new(short: &'a Short) -> Result<Self> {
        // A described picture that nobody can paint still says what the card is about.
        let bodies: Vec<String> = short
            .scenes
            .iter()
            .map(|scene| match &scene.prompt {
                Some(prompt) => format!("{prompt}\n{}", scene.text),
                None => scene.text.clone(),
            })
            .collect();
        let texts: Vec<(&str, &str)> = short
            .scenes
            .iter()
            .zip(&bodies)
            .map(|(scene, body)| (scene.heading.as_deref().unwrap_or_default(), body.as_str()))
            .collect();
        let script: Vec<&str> = texts.iter().flat_map(|(heading, body)| [*heading, *body]).collect();
        let chosen = CardStyle { palette: short.palette.clone(), ..CardStyle::default() };
        let style = chosen.settled(&format!("{}\n{}", short.title, script.join("\n")), short.seed)?;
        let motifs = plan(&texts, short.seed);
        Ok(Self { short, style, motifs, bodies })
    }

    /// The card of a scene for a frame of the given size.
    pub(super) fn card(&self, scene: usize, (width, height): (u32, u32)) -> CardSpec<'_> {
        CardSpec {
            text: self.short.scenes[scene].heading.as_deref().unwrap_or_default(),
            body: &self.bodies[scene],
            seed: self.short.seed,
            style: &self.style,
            motif: Some(self.motifs[scene]),
            width,
            height,
            index: scene,
            total: self.short.scenes.len(),
        }
    }

    /// What the scene's card shows.
    pub(super) fn motif(&self, scene: usize) -> String {
        format!("{:?}", self.motifs[scene]).to_lowercase()
    }
}

pub(super) fn caption_style() -> CaptionStyle {
    CaptionStyle::default()
}

/// The part of the frame that the platform leaves free.
pub(super) fn zone(short: &Short) -> SafeZone {
    let rules = &short.preset.captions;
    SafeZone { left: rules.left, top: rules.top, right: rules.right, bottom: rules.bottom }
}

/// Width and height of the video.
pub(super) fn frame(short: &Short) -> (u32, u32) {
    (short.preset.video.width, short.preset.video.height)
}
