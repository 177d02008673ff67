//! The composition: which note sounds when.

use super::harmony::Chord;
use super::style::Style;
use crate::dice::Dice;

/// Eighths in a bar.
const STEPS: usize = 8;
/// Bars in a progression, and in a motif.
const CYCLE: usize = 4;
/// Bars after which chords and motifs come again: a motif and its answer.
pub(super) const PERIOD: usize = 2 * CYCLE;

/// One note.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Note {
    /// Start in seconds.
    pub(super) at: f64,
    /// Time until it is let go, in seconds.
    pub(super) length: f64,
    /// MIDI number.
    pub(super) pitch: i32,
    /// 0 to 1.
    pub(super) strength: f32,
    /// -1 (left) to 1 (right).
    pub(super) pan: f32,
}

/// A piece, by instrument.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Score {
    pub(super) pad: Vec<Note>,
    pub(super) plucks: Vec<Note>,
    pub(super) bass: Vec<Note>,
    pub(super) drum: Vec<Note>,
    /// Length of a beat in seconds.
    pub(super) beat: f64,
}

/// Beats a minute of the piece that a seed gives, before it is fitted to whole bars.
pub(super) fn tempo(seed: u64, style: &Style) -> f64 {
    drawn_tempo(&mut Dice::stream(seed, 0), style)
}

fn drawn_tempo(form: &mut Dice, style: &Style) -> f64 {
    style.tempo.0 + form.unit() * (style.tempo.1 - style.tempo.0)
}

/// Composes `seconds` of music. Each instrument draws from its own stream, so that a change in one
/// leaves the others as they were.
pub(super) fn compose(seed: u64, style: &Style, seconds: f64) -> Score {
    let mut form = Dice::stream(seed, 0);
    let tempo = drawn_tempo(&mut form, style);
    // The tempo gives way a little, so that the last bar ends with the piece.
    let bars = ((seconds * tempo / 240.0).round() as usize).max(1);
    let bar = seconds / bars as f64;
    let key = 48 + form.below(12) as i32;
    let progression = style.progressions[form.below(style.progressions.len())];
    let home = progression[0];
    let chords: Vec<Chord> =
        (0..bars).map(|n| if n + 1 == bars { home } else { progression[n % CYCLE] }).collect();
    let mut score = Score { beat: bar / 4.0, ..Score::default() };
    write_pad(&mut score, &chords, key, bar, &mut Dice::stream(seed, 1));
    write_melody(&mut score, style, &chords, key, bar, &mut Dice::stream(seed, 2));
    write_ground(&mut score, style, &chords, key, bar, &mut Dice::stream(seed, 3));
    score
}

fn write_pad(score: &mut Score, chords: &[Chord], key: i32, bar: f64, dice: &mut Dice) {
    let mut before = None;
    let mut n = 0;
    while n < chords.len() {
        // A chord that stays is held, not struck again.
        let bars = chords[n..].iter().take_while(|c| **c == chords[n]).count();
        let voicing = chords[n].voiced(key, before);
        for (voice, &pitch) in voicing.iter().enumerate() {
            let pan = [-0.35, 0.3, -0.2, 0.4][voice];
            let strength = 0.85 + 0.15 * dice.unit() as f32;
            score.pad.push(Note { at: n as f64 * bar, length: bars as f64 * bar, pitch, strength, pan });
        }
        before = Some(voicing);
        n += bars;
    }
}

/// What one eighth of a motif plays: a height in the chord, 0 (lowest) to 1, or nothing.
type Step = Option<f64>;

fn write_melody(score: &mut Score, style: &Style, chords: &[Chord], key: i32, bar: f64, dice: &mut Dice) {
    let motif = motif(style.density, dice);
    let answer = varied(&motif, dice);
    let eighth = bar / STEPS as f64;
    for (n, chord) in chords.iter().enumerate() {
        let tones = chord.tones(key, style.melody.0, style.melody.1);
        let pattern = if (n / CYCLE).is_multiple_of(2) { &motif } else { &answer };
        let last = n + 1 == chords.len();
        for step in 0..STEPS {
            // The first bar and the last only place their first note: room to begin and to end.
            let sparse = (n == 0 || last) && step > 0;
            let Some(height) = pattern[n % CYCLE * STEPS + step].filter(|_| !sparse) else { continue };
            let pitch = tones[((height * tones.len() as f64) as usize).min(tones.len() - 1)];
            let accent = if step % 4 == 0 { 1.0 } else { 0.75 };
            score.plucks.push(Note {
                // Nobody plays like a clock: up to 6 ms late.
                at: (n * STEPS + step) as f64 * eighth + 0.006 * dice.unit(),
                length: eighth,
                pitch,
                strength: accent * (0.75 + 0.25 * dice.unit() as f32),
                pan: (0.6 * (2.0 * dice.unit() - 1.0)) as f32,
            });
        }
    }
}

/// Four bars that wander through the chord by small steps and turn back at its ends.
fn motif(density: f64, dice: &mut Dice) -> Vec<Step> {
    let mut height = 0.3 + 0.3 * dice.unit();
    let mut direction = if dice.unit() < 0.5 { 1.0 } else { -1.0 };
    // Two bars that come twice are a motif; eight bars of chance are not.
    let half: Vec<Step> = (0..2 * STEPS)
        .map(|step| {
            let chance = if step % STEPS == 0 { 1.0 } else { density * [1.0, 0.7, 1.1, 0.85][step % 4] };
            if dice.unit() > chance {
                return None;
            }
            if dice.unit() < 0.3 {
                direction = -direction;
            }
            height += direction * (0.08 + 0.14 * dice.unit());
            if !(0.0..=1.0).contains(&height) {
                direction = -direction;
                height = height.clamp(0.05, 0.95);
            }
            Some(height)
        })
        .collect();
    let again = varied(&half, dice);
    half.into_iter().chain(again).collect()
}

/// The same with a few notes left out, added or moved.
fn varied(motif: &[Step], dice: &mut Dice) -> Vec<Step> {
    let change = |(n, step): (usize, &Step)| match (step, dice.unit()) {
        (Some(_), chance) if chance < 0.1 && n % STEPS != 0 => None,
        (Some(height), chance) if chance < 0.35 => {
            Some((height + 0.25 * (dice.unit() - 0.5)).clamp(0.0, 1.0))
        }
        (None, chance) if chance < 0.12 => Some(0.2 + 0.6 * dice.unit()),
        _ => *step,
    };
    motif.iter().enumerate().map(change).collect()
}

/// Bass and drum.
fn write_ground(score: &mut Score, style: &Style, chords: &[Chord], key: i32, bar: f64, dice: &mut Dice) {
    let eighth = bar / STEPS as f64;
    for (n, chord) in chords.iter().enumerate() {
        let last = n + 1 == chords.len();
        let at = |step: usize| (n * STEPS + step) as f64 * eighth;
        for &step in style.bass.iter().filter(|step| !last || **step == 0) {
            let length = if last { bar * 0.7 } else { style.bass_beats * score.beat };
            let strength = (if step == 0 { 1.0 } else { 0.7 }) * (0.9 + 0.1 * dice.unit() as f32);
            let pitch = chord.bass(key, 36);
            score.bass.push(Note { at: at(step), length, pitch, strength, pan: 0.0 });
        }
        for &step in style.drum.iter().filter(|_| n > 0 && !last) {
            let strength = if step == 0 { 1.0 } else { 0.65 };
            score.drum.push(Note { at: at(step), length: 0.25, pitch: 33, strength, pan: 0.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::bed::{Mood, style};

    #[test]
    fn every_piece_starts_at_once_and_ends_at_home() {
        for mood in Mood::ALL {
            for seed in 0..40 {
                let score = compose(seed, &style::of(mood), 45.0);
                assert!(score.pad.iter().filter(|n| n.at == 0.0).count() == 4);
                let first: Vec<_> = score.pad[..4].iter().map(|n| n.pitch % 12).collect();
                let mut last: Vec<_> =
                    score.pad[score.pad.len() - 4..].iter().map(|n| n.pitch % 12).collect();
                last.sort_unstable();
                let mut first = first;
                first.sort_unstable();
                assert_eq!(first, last, "{mood} {seed}");
                let end = score.pad.last().map(|n| n.at + n.length).unwrap();
                assert!((end - 45.0).abs() < 1e-9, "{mood} {seed} ends at {end}");
                assert!(score.plucks.len() >= 8, "{mood} {seed} has {} notes", score.plucks.len());
                assert!(score.plucks.iter().all(|n| n.at < 45.0 && (55..=90).contains(&n.pitch)));
            }
        }
    }

    #[test]
    fn another_seed_is_another_piece() {
        let style = style::of(Mood::Curious);
        assert_eq!(compose(7, &style, 30.0), compose(7, &style, 30.0));
        assert_ne!(compose(7, &style, 30.0), compose(8, &style, 30.0));
    }
}
