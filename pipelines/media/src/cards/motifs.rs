//! The motifs that cards are drawn from, and which one suits a text.

mod form;
mod land;
mod sign;
mod space;

use super::art::Art;
use super::noise::{Dice, seed_of};
use super::words;
use crate::Result;
use crate::typeset::names;

/// What a card shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Motif {
    /// A large moon over dark hills.
    Moon,
    /// A ringed planet and its moons.
    Orbits,
    /// Bright points joined by lines.
    Constellation,
    /// A sea under a low sun.
    Waves,
    /// Mountain ranges in mist.
    Peaks,
    /// A city at night.
    Skyline,
    /// Leaves about a glow.
    Leaves,
    /// Rays behind a striped sun.
    Sunburst,
    /// Lines of equal height.
    Contours,
    /// Nested sheets of cut paper.
    Papercut,
    /// Bending threads of light.
    Silk,
    /// Floating balls.
    Spheres,
    /// A clock.
    Dial,
    /// Rising columns.
    Bars,
    /// A heart in layers.
    Heart,
}

type Draw = fn(&mut Art);

/// Motif, name, painter, and the words that call for it (from the strongest call on).
const MOTIFS: [(Motif, &str, Draw, &str); 15] = [
    (Motif::Moon, "moon", space::moon, "moon lunar crater eclipse night apollo tide"),
    (
        Motif::Orbits,
        "orbits",
        space::orbits,
        "orbit planet solar space saturn jupiter mars gravity satellite earth universe rocket astronomer cosmos",
    ),
    (
        Motif::Constellation,
        "constellation",
        space::constellation,
        "star galaxy network brain ai connect internet neuron data algorithm web computer technology universe intelligence laser mirror signal",
    ),
    (
        Motif::Waves,
        "waves",
        land::waves,
        "sea ocean tide wave water fish whale ship beach coast lake river sail swim flood rain bulge",
    ),
    (
        Motif::Peaks,
        "peaks",
        land::peaks,
        "mountain peak climb hill snow hike alps everest valley landscape world journey adventure earth far ice height top",
    ),
    (
        Motif::Skyline,
        "skyline",
        land::skyline,
        "city town street building urban home house office people traffic crowd work london tokyo york paris",
    ),
    (
        Motif::Leaves,
        "leaves",
        land::leaves,
        "leaf tree plant forest garden nature food animal bird green flower farm grow seed fruit health insect",
    ),
    (
        Motif::Sunburst,
        "sunburst",
        form::sunburst,
        "sun light shine energy power hot summer fire heat bright explosion bang fusion win best great victory",
    ),
    (
        Motif::Contours,
        "contours",
        form::contours,
        "map land terrain measure explore country border history island ground ancient discover survey geology earth travel",
    ),
    (
        Motif::Papercut,
        "papercut",
        form::papercut,
        "deep inside layer secret hidden core mystery cave story book paper why how inner beneath",
    ),
    (
        Motif::Silk,
        "silk",
        form::silk,
        "music sound wind voice flow air song dance speed motion slow sleep dream gentle slip drift away",
    ),
    (
        Motif::Spheres,
        "spheres",
        form::spheres,
        "atom molecule ball chemistry cell game play fun many colour color bubble particle element mass toy marble",
    ),
    (
        Motif::Dial,
        "dial",
        sign::dial,
        "time clock hour minute second day year age old future late wait calendar century long ago moment spin",
    ),
    (
        Motif::Bars,
        "bars",
        sign::bars,
        "number money percent million billion price cost market grow growth data count record economy more cent dollar profit rise",
    ),
    (Motif::Heart, "heart", sign::heart, "heart love people life friend family health blood feel care kind human mother"),
];

impl Motif {
    /// Every motif.
    pub fn all() -> Vec<Motif> {
        MOTIFS.iter().map(|entry| entry.0).collect()
    }

    /// Its name in scripts and presets.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// The motif of that name; an `InvalidInput` error lists near matches.
    pub fn by_name(name: &str) -> Result<Motif> {
        let known: Vec<&str> = MOTIFS.iter().map(|entry| entry.1).collect();
        Ok(MOTIFS[names::find("card motif", name, &known)?].0)
    }

    pub(super) fn draw(self, art: &mut Art) {
        (self.entry().2)(art);
    }

    fn entry(self) -> &'static (Motif, &'static str, Draw, &'static str) {
        MOTIFS.iter().find(|entry| entry.0 == self).expect("the table lists every motif")
    }
}

/// The motif for each scene of a video, from its heading and narration.
///
/// The words decide where they can; otherwise chance does, by `seed`. A motif does not return
/// until the words call for it strongly or all others were shown, and never twice in a row.
pub fn plan(scenes: &[(&str, &str)], seed: u64) -> Vec<Motif> {
    let mut chosen: Vec<Motif> = Vec::with_capacity(scenes.len());
    for (i, (heading, body)) in scenes.iter().enumerate() {
        let (heading_words, body_words) = (words::of(heading), words::of(body));
        let mut dice = Dice::new(seed_of(seed ^ i as u64, heading));
        let mut best = (f32::MIN, Motif::Moon);
        for (motif, _, _, calls) in MOTIFS {
            let called = call(&heading_words, calls) * 2.5 + call(&body_words, calls).min(3.0);
            let shown = chosen.iter().filter(|other| **other == motif).count() as f32;
            let last = if chosen.last() == Some(&motif) { 100.0 } else { 0.0 };
            let score = called - 2.6 * shown - last + dice.range(0.0, 0.9);
            if score > best.0 {
                best = (score, motif);
            }
        }
        chosen.push(best.1);
    }
    chosen
}

/// How loudly the words call: each match counts, the earlier in the list the more.
fn call(words: &[String], calls: &str) -> f32 {
    let weight = |word: &String| {
        let place = calls.split(' ').position(|call| call == word)?;
        Some(if place < 3 { 1.3 } else { 1.0 })
    };
    words.iter().filter_map(weight).sum()
}
