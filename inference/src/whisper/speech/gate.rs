//! What of a sound is speech: runs of stretches that the detector takes for voice, with some time around them (the
//! rules are those of Silero's `get_speech_timestamps`, here for a sound that goes on).

use super::Line;
use crate::vad::{Memory, STRETCH, Vad};
use reelsmith_inference_core::Result;

/// Speech begins where voice is likelier, and ends where it is less likely than the second.
const LIKELY: f32 = 0.5;
const UNLIKELY: f32 = 0.35;
/// Milliseconds as samples.
const fn ms(milliseconds: usize) -> usize {
    milliseconds * 16
}
/// Shorter voices are none.
const LEAST: usize = ms(250);
/// Only a longer silence is left out.
const SILENCE: usize = ms(2000);
/// Kept before and after speech.
const MARGIN: usize = ms(400);
/// A silence within speech in which it may be cut.
const PAUSE: usize = ms(98);

/// The detector and what it has heard last.
pub(super) struct Gate<'a> {
    vad: &'a mut Vad,
    memory: Memory,
    track: Track,
}

/// What is known of the sound's last part; places are samples of the sound.
#[derive(Debug, Default)]
struct Track {
    /// The last samples, the first of which is number `from`.
    held: Vec<f32>,
    from: usize,
    /// Up to where the detector has heard.
    heard: usize,
    voice: Option<Voice>,
}

/// Voice that goes on.
#[derive(Debug, Clone, Copy)]
struct Voice {
    start: usize,
    /// Where it was heard last.
    last: usize,
    /// Since when it has not been heard.
    quiet: Option<usize>,
}

impl Voice {
    fn is_speech(&self) -> bool {
        self.last - self.start >= LEAST
    }
}

impl<'a> Gate<'a> {
    pub(super) fn new(vad: &'a mut Vad) -> Self {
        Self { vad, memory: Memory::default(), track: Track::default() }
    }

    /// Takes the next samples, a whole number of stretches unless they are the last, and puts behind `line` what is
    /// known to be speech.
    pub(super) fn take(&mut self, samples: &[f32], is_last: bool, line: &mut Line) -> Result<()> {
        let likely = self.vad.listen(samples, &mut self.memory)?;
        self.track.take(samples, &likely, is_last, line);
        Ok(())
    }
}

impl Track {
    fn take(&mut self, samples: &[f32], likely: &[f32], is_last: bool, line: &mut Line) {
        self.held.extend_from_slice(samples);
        let end = self.heard + samples.len();
        for likely in likely {
            let start = self.heard;
            self.heard = end.min(start + STRETCH);
            self.step(start, *likely, line);
        }
        if is_last && let Some(voice) = self.voice.take() {
            self.close(voice, line);
        }
    }

    fn step(&mut self, start: usize, likely: f32, line: &mut Line) {
        let Some(mut voice) = self.voice else {
            if likely >= LIKELY {
                self.voice = Some(Voice { start, last: self.heard, quiet: None });
            } else {
                self.forget(self.heard.saturating_sub(MARGIN));
            }
            return;
        };
        if likely >= LIKELY {
            if let Some(quiet) = voice.quiet.take()
                && start - quiet >= PAUSE
                && voice.is_speech()
            {
                self.give(quiet.midpoint(start), line);
                line.pauses.push_back(line.end());
            }
            voice.last = self.heard;
        } else if likely < UNLIKELY {
            voice.quiet.get_or_insert(start);
        }
        self.voice = Some(voice);
        match voice.quiet {
            None if voice.is_speech() => self.give(self.heard, line),
            // Neither voice nor silence for so long was no voice.
            None if self.heard - voice.last >= SILENCE => {
                self.voice = None;
                self.close(voice, line);
            }
            Some(quiet) if self.heard - quiet >= SILENCE => {
                self.voice = None;
                self.close(voice, line);
            }
            _ => {}
        }
    }

    /// Ends a voice; what follows it is held as far as it may belong to the next.
    fn close(&mut self, voice: Voice, line: &mut Line) {
        if voice.is_speech() {
            let until = voice.quiet.map_or(self.heard, |quiet| (quiet + MARGIN).min(self.heard));
            self.give(until, line);
            line.pauses.push_back(line.end());
        }
        self.forget(self.heard.saturating_sub(MARGIN));
    }

    /// Puts what is held up to `until` behind `line`.
    fn give(&mut self, until: usize, line: &mut Line) {
        let count = until.saturating_sub(self.from);
        line.push(&self.held[..count], self.from);
        self.forget(until);
    }

    fn forget(&mut self, until: usize) {
        let count = until.saturating_sub(self.from);
        self.held.drain(..count);
        self.from += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What of a sound with these likelihoods is speech, as pairs of first and last stretch.
    fn kept(likely: &[f32], blocks: usize) -> (Vec<(usize, usize)>, Line) {
        let (mut track, mut line) = (Track::default(), Line::default());
        let samples: Vec<f32> = (0..likely.len() * STRETCH).map(|n| n as f32).collect();
        let parts: Vec<_> = samples.chunks(blocks * STRETCH).zip(likely.chunks(blocks)).collect();
        for (n, (samples, likely)) in parts.iter().enumerate() {
            track.take(samples, likely, n + 1 == parts.len(), &mut line);
        }
        let spans = line.stretches.iter().map(|s| (s.heard, s.heard + s.length)).collect();
        (spans, line)
    }

    fn likelihoods(parts: &[(usize, f32)]) -> Vec<f32> {
        parts.iter().flat_map(|(count, likely)| vec![*likely; *count]).collect()
    }

    #[test]
    fn silence_noise_and_clicks_are_left_out() {
        assert!(kept(&likelihoods(&[(1000, 0.01)]), 256).0.is_empty());
        assert!(kept(&likelihoods(&[(1000, 0.49)]), 256).0.is_empty());
        assert!(kept(&likelihoods(&[(100, 0.1), (7, 0.9), (200, 0.1)]), 256).0.is_empty());
    }

    #[test]
    fn speech_is_kept_with_a_margin_and_a_short_silence_within_it() {
        let (spans, line) =
            kept(&likelihoods(&[(100, 0.1), (50, 0.9), (40, 0.1), (50, 0.9), (300, 0.1)]), 64);
        assert_eq!(spans, [(100 * STRETCH - MARGIN, 240 * STRETCH + MARGIN)]);
        // In the middle of the silence, and at the end.
        assert_eq!(line.pauses, [70 * STRETCH + MARGIN, 140 * STRETCH + 2 * MARGIN]);
    }

    #[test]
    fn a_long_silence_parts_speech_and_both_parts_have_their_margins() {
        let (spans, _) = kept(&likelihoods(&[(50, 0.9), (100, 0.1), (50, 0.9)]), 256);
        assert_eq!(spans, [(0, 50 * STRETCH + MARGIN), (150 * STRETCH - MARGIN, 200 * STRETCH)]);
    }

    proptest! {
        #[test]
        fn blocks_make_no_difference_and_samples_keep_their_places(
            parts in prop::collection::vec((1usize..120, 0f32..1.0), 1..12), blocks in 1usize..50,
        ) {
            let likely = likelihoods(&parts);
            let (whole, line) = kept(&likely, likely.len());
            let (cut, other) = kept(&likely, blocks);
            prop_assert_eq!(&whole, &cut);
            prop_assert_eq!(&line.samples, &other.samples);
            let heard: Vec<f32> = whole.iter().flat_map(|(from, to)| *from..*to).map(|n| n as f32).collect();
            prop_assert_eq!(line.samples, heard);
            // What is surely voice is never lost, unless it is short.
            let mut at = 0;
            for (count, likely) in parts {
                if likely >= LIKELY && count * STRETCH >= LEAST {
                    let part = (at * STRETCH, (at + count) * STRETCH);
                    prop_assert!(whole.iter().any(|(from, to)| *from <= part.0 && *to >= part.1), "{:?} in {:?}", part, whole);
                }
                at += count;
            }
        }
    }
}
