//! The look that pictures, captions, video and thumbnail of one job share.

use crate::error::Result;
use crate::spec::Short;
use reelsmith_media::captions::{CaptionStyle, SafeZone};
use reelsmith_media::cards::{CardSpec, CardStyle, Motif, caption_accent, plan};

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
        let motifs = motifs(&short.title, &texts, short.seed);
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

    /// The captions' style: the spoken word has the accent of cards and cover.
    pub(super) fn captions(&self) -> Result<CaptionStyle> {
        Ok(CaptionStyle { accent: caption_accent(&self.style, self.short.seed)?, ..CaptionStyle::default() })
    }

    /// What the scene's card shows.
    pub(super) fn motif(&self, scene: usize) -> &'static str {
        self.motifs[scene].name()
    }
}

/// What the cards show. The first one is seen first and is the cover, so it gets what suits the title
/// and itself best, even if another scene has it too.
fn motifs(title: &str, texts: &[(&str, &str)], seed: u64) -> Vec<Motif> {
    let mut motifs = plan(texts, seed);
    if let Some((heading, body)) = texts.first() {
        let best = plan(&[(&format!("{title}. {heading}"), body)], seed)[0];
        if motifs.get(1) != Some(&best) {
            motifs[0] = best;
        }
    }
    motifs
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_card_shows_what_the_title_says() {
        let texts = [
            ("It begins", "Right now it is running away from you."),
            ("Blame the ocean", "The tide of the sea."),
            ("The last eclipse", "The Moon will look too small."),
        ];
        let motifs = motifs("The Moon is leaving us", &texts, 5);
        assert_eq!(motifs.iter().map(|m| m.name()).collect::<Vec<_>>(), ["moon", "waves", "moon"]);
    }

    #[test]
    fn two_cards_in_a_row_differ() {
        let texts = [("The Moon", "The Moon."), ("The Moon again", "The Moon and its craters.")];
        for seed in 0..20 {
            let motifs = motifs("The Moon", &texts, seed);
            assert_ne!(motifs[0], motifs[1], "seed {seed}");
        }
    }
}
