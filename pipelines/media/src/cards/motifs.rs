//! The motifs that cards are drawn from, and which one suits a text.

mod form;
mod land;
mod sign;
mod space;

use super::art::Art;
use super::noise::seed_of;
use super::words;
use crate::Result;
use crate::dice::Dice;
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
    (
        Motif::Heart,
        "heart",
        sign::heart,
        "heart love people life friend family health blood feel care kind human mother",
    ),
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
/// The words decide where they can, the loudest call first; otherwise chance does, by `seed`.
/// A motif does not return until others were shown, unless the words call loudly, and never
/// stands in two scenes in a row.
pub fn plan(scenes: &[(&str, &str)], seed: u64) -> Vec<Motif> {
    let calls: Vec<Vec<f32>> =
        scenes.iter().enumerate().map(|(i, scene)| wishes(*scene, seed ^ i as u64)).collect();
    let mut chosen: Vec<Option<usize>> = vec![None; scenes.len()];
    for _ in 0..scenes.len() {
        let mut best = (f32::MIN, 0, 0);
        for scene in (0..scenes.len()).filter(|i| chosen[*i].is_none()) {
            for (motif, call) in calls[scene].iter().enumerate() {
                let beside = scene.checked_sub(1).into_iter().chain([scene + 1]);
                let twice = beside.into_iter().any(|i| chosen.get(i) == Some(&Some(motif)));
                let shown = chosen.iter().filter(|c| **c == Some(motif)).count() as f32;
                let score = call - AGAIN * shown - if twice { 1000.0 } else { 0.0 };
                if score > best.0 {
                    best = (score, scene, motif);
                }
            }
        }
        chosen[best.1] = Some(best.2);
    }
    chosen.into_iter().map(|motif| MOTIFS[motif.unwrap_or(0)].0).collect()
}

/// What showing a motif once more costs, in matched words of narration.
const AGAIN: f32 = 4.0;

/// How much each motif suits a scene, with a little chance.
fn wishes((heading, body): (&str, &str), seed: u64) -> Vec<f32> {
    let (mut heading_words, body_words) = (words::of(heading), words::of(body));
    if heading.contains(|c: char| c.is_ascii_digit()) {
        heading_words.push("number".into());
    }
    let mut dice = Dice::new(seed_of(seed, heading));
    let wish = |entry: &(Motif, &str, Draw, &str)| {
        call(&heading_words, entry.3) * 2.5 + call(&body_words, entry.3).min(3.0) + dice.range(0.0, 0.9)
    };
    MOTIFS.iter().map(wish).collect()
}

/// How loudly the words call: each match counts, the first three in the list a little more.
fn call(words: &[String], calls: &str) -> f32 {
    let weight = |word: &String| {
        let place = calls.split(' ').position(|call| call == word)?;
        Some(if place < 3 { 1.3 } else { 1.0 })
    };
    words.iter().filter_map(weight).sum()
}
