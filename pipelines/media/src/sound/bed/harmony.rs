//! Chords and how their notes move.

/// A chord: its root in semitones above the key, and its notes above the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chord {
    pub(super) root: i32,
    pub(super) notes: &'static [i32],
}

pub(super) const ADD9: &[i32] = &[0, 4, 7, 14];
pub(super) const MAJOR7: &[i32] = &[0, 4, 7, 11];
pub(super) const MAJOR9: &[i32] = &[4, 7, 11, 14];
pub(super) const SIXTH: &[i32] = &[0, 4, 7, 9];
pub(super) const SUS2: &[i32] = &[0, 2, 7, 12];
pub(super) const MINOR7: &[i32] = &[0, 3, 7, 10];
pub(super) const MINOR9: &[i32] = &[3, 7, 10, 14];
pub(super) const MINOR_ADD9: &[i32] = &[0, 3, 7, 14];
pub(super) const DOMINANT9: &[i32] = &[4, 7, 10, 14];

/// Lowest note of a voicing, as a MIDI number: below, thirds get muddy.
const LOW: i32 = 52;
/// Highest note of a voicing.
const HIGH: i32 = 74;

impl Chord {
    /// Its four notes as MIDI numbers between [`LOW`] and [`HIGH`], in ascending order, moved as
    /// little as possible from `before`.
    pub(super) fn voiced(self, key: i32, before: Option<[i32; 4]>) -> [i32; 4] {
        let middle = [57, 61, 64, 68];
        let from = before.unwrap_or(middle);
        let distance = |voicing: &[i32; 4]| -> i32 {
            let moved: i32 = voicing.iter().zip(&from).map(|(a, b)| (a - b).abs()).sum();
            // A weak pull to the middle keeps a long piece from drifting away.
            let drift: i32 = voicing.iter().zip(&middle).map(|(a, b)| (a - b).abs()).sum();
            let clash = voicing.windows(2).filter(|w| w[1] - w[0] == 1).count() as i32;
            4 * moved + drift + 6 * clash
        };
        self.voicings(key).min_by_key(distance).expect("the range spans an octave, so every inversion fits")
    }

    /// Every close position within the range.
    fn voicings(self, key: i32) -> impl Iterator<Item = [i32; 4]> {
        let classes = [0, 1, 2, 3].map(|n| (key + self.root + self.notes[n]).rem_euclid(12));
        (LOW..=HIGH - 11).filter(move |lowest| classes.contains(&lowest.rem_euclid(12))).map(move |lowest| {
            let mut notes = classes.map(|class| lowest + (class - lowest).rem_euclid(12));
            notes.sort_unstable();
            // A doubled note sounds an octave higher instead of twice.
            for n in 1..4 {
                if notes[n] == notes[n - 1] {
                    notes[n] += 12;
                }
            }
            notes.sort_unstable();
            notes
        })
    }

    /// The chord's notes between two MIDI numbers, ascending: what a melody may play over it.
    pub(super) fn tones(self, key: i32, low: i32, high: i32) -> Vec<i32> {
        let member = |note: i32| self.notes.iter().any(|n| (key + self.root + n - note).rem_euclid(12) == 0);
        (low..=high).filter(|note| member(*note)).collect()
    }

    /// The root in the octave above `low`.
    pub(super) fn bass(self, key: i32, low: i32) -> i32 {
        low + (key + self.root - low).rem_euclid(12)
    }
}

/// Frequency of a MIDI note in Hz, equal temperament on A4 = 440 Hz.
pub(super) fn hertz(note: i32) -> f64 {
    440.0 * 2f64.powf(f64::from(note - 69) / 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chord_moves_little_and_stays_in_range() {
        let mut before = None;
        for (n, root) in [0, 9, 5, 7, 0, 2, 10, 4].into_iter().enumerate() {
            let notes = if n % 2 == 0 { MAJOR9 } else { MINOR7 };
            let voicing = Chord { root, notes }.voiced(50, before);
            assert!(voicing.iter().all(|n| (LOW..=HIGH + 1).contains(n)), "{voicing:?}");
            assert!(voicing.windows(2).all(|w| w[0] < w[1]), "{voicing:?}");
            if let Some(before) = before {
                let most = voicing.iter().zip(&before).map(|(a, b): (&i32, &i32)| (a - b).abs()).max();
                assert!(most <= Some(6), "{before:?} to {voicing:?}");
            }
            before = Some(voicing);
        }
    }

    #[test]
    fn notes_have_their_frequency() {
        assert!((hertz(69) - 440.0).abs() < 1e-9);
        assert!((hertz(60) - 261.626).abs() < 1e-3);
    }
}
