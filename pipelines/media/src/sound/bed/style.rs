//! What each mood sounds like.

use super::Mood;
use super::harmony::{ADD9, Chord, DOMINANT9, MAJOR7, MAJOR9, MINOR_ADD9, MINOR7, MINOR9, SIXTH, SUS2};

/// Everything that a mood fixes.
pub(super) struct Style {
    /// Beats a minute, lowest and highest.
    pub(super) tempo: (f64, f64),
    /// Four chords, a bar each; the first of the first is home.
    pub(super) progressions: &'static [[Chord; 4]],
    /// Chance that an eighth of the motif sounds.
    pub(super) density: f64,
    /// Lowest and highest note of the melody, as MIDI numbers.
    pub(super) melody: (i32, i32),
    /// Eighths of the bar in which the bass plays.
    pub(super) bass: &'static [usize],
    /// Length of a bass note, in beats.
    pub(super) bass_beats: f64,
    /// Eighths of the bar in which a soft drum beats.
    pub(super) drum: &'static [usize],
    /// Partials of a plucked note: frequency ratio, amplitude, time to a third in seconds.
    pub(super) pluck: &'static [(f64, f32, f64)],
    /// Middle of the pad's slow filter, in Hz.
    pub(super) pad_cutoff: f64,
    /// Levels of pad, plucks, bass and drum, in dB.
    pub(super) levels: [f64; 4],
    /// Level of the room, in dB.
    pub(super) room: f64,
}

const fn chord(root: i32, notes: &'static [i32]) -> Chord {
    Chord { root, notes }
}

const CALM: &[[Chord; 4]] = &[
    [chord(0, ADD9), chord(9, MINOR7), chord(5, MAJOR9), chord(7, SUS2)],
    [chord(0, MAJOR9), chord(5, MAJOR7), chord(2, MINOR9), chord(5, SIXTH)],
    [chord(0, ADD9), chord(4, MINOR7), chord(5, MAJOR9), chord(5, SIXTH)],
];
const CURIOUS: &[[Chord; 4]] = &[
    [chord(0, MINOR9), chord(5, DOMINANT9), chord(0, MINOR7), chord(10, MAJOR7)],
    [chord(0, MAJOR7), chord(2, ADD9), chord(11, MINOR7), chord(4, MINOR7)],
    [chord(0, MINOR9), chord(3, MAJOR7), chord(5, DOMINANT9), chord(10, ADD9)],
];
const BRIGHT: &[[Chord; 4]] = &[
    [chord(0, ADD9), chord(7, SUS2), chord(9, MINOR7), chord(5, ADD9)],
    [chord(0, ADD9), chord(5, MAJOR9), chord(9, MINOR7), chord(7, ADD9)],
    [chord(0, MAJOR7), chord(9, MINOR7), chord(5, ADD9), chord(7, SUS2)],
];
const TENSE: &[[Chord; 4]] = &[
    [chord(0, MINOR_ADD9), chord(8, MAJOR7), chord(0, MINOR7), chord(7, MINOR7)],
    [chord(0, MINOR_ADD9), chord(5, MINOR9), chord(8, MAJOR7), chord(10, SUS2)],
    [chord(0, MINOR7), chord(1, MAJOR7), chord(0, MINOR_ADD9), chord(10, MINOR7)],
];

/// Soft, like a felt piano.
const FELT: &[(f64, f32, f64)] = &[(1.0, 1.0, 0.55), (2.0, 0.22, 0.3), (3.0, 0.07, 0.16), (4.0, 0.03, 0.1)];
/// Wooden: the second partial of a marimba bar is tuned two octaves up.
const WOOD: &[(f64, f32, f64)] = &[(1.0, 1.0, 0.32), (3.98, 0.16, 0.07), (2.0, 0.1, 0.2)];
/// Brighter, like a small bell piano.
const BELL: &[(f64, f32, f64)] =
    &[(1.0, 1.0, 0.45), (2.0, 0.3, 0.32), (3.0, 0.1, 0.2), (4.0, 0.08, 0.14), (5.0, 0.03, 0.08)];
/// Hollow: odd partials only.
const GLASS: &[(f64, f32, f64)] = &[(1.0, 1.0, 0.7), (3.0, 0.12, 0.35), (5.0, 0.03, 0.15)];

pub(super) fn of(mood: Mood) -> Style {
    match mood {
        Mood::Calm => Style {
            tempo: (68.0, 76.0),
            progressions: CALM,
            density: 0.5,
            melody: (66, 86),
            bass: &[0],
            bass_beats: 3.6,
            drum: &[],
            pluck: FELT,
            pad_cutoff: 1400.0,
            levels: [-8.0, 4.0, -9.0, -99.0],
            room: -9.0,
        },
        Mood::Curious => Style {
            tempo: (92.0, 102.0),
            progressions: CURIOUS,
            density: 0.6,
            melody: (60, 84),
            bass: &[0, 3],
            bass_beats: 1.1,
            drum: &[],
            pluck: WOOD,
            pad_cutoff: 1600.0,
            levels: [-10.0, 4.0, -8.0, -99.0],
            room: -11.0,
        },
        Mood::Bright => Style {
            tempo: (102.0, 112.0),
            progressions: BRIGHT,
            density: 0.72,
            melody: (64, 86),
            bass: &[0, 3, 6],
            bass_beats: 1.2,
            drum: &[0, 4],
            pluck: BELL,
            pad_cutoff: 2000.0,
            levels: [-9.0, 2.0, -8.0, -3.0],
            room: -12.0,
        },
        Mood::Tense => Style {
            tempo: (84.0, 92.0),
            progressions: TENSE,
            density: 0.45,
            melody: (62, 83),
            bass: &[0, 1, 2, 3, 4, 5, 6, 7],
            bass_beats: 0.42,
            drum: &[0, 1],
            pluck: GLASS,
            pad_cutoff: 1000.0,
            levels: [-9.0, 3.0, -8.0, -2.0],
            room: -9.0,
        },
    }
}
