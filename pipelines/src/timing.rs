//! When each scene begins, how long it lasts, and when each word is heard: pure arithmetic.
//!
//! A scene is a whole number of frames, so that picture and sound never drift. Speech is cut to what
//! is said, with a little room; the rest of a scene is silence that the music fills. Crossfades are
//! centred on the cuts and cost no time.

use reelsmith_inference_core::speech::SpokenWord;
use reelsmith_media::captions::CaptionWord;
use serde::{Deserialize, Serialize};

/// Silence before the first word of the video, in seconds: an eye needs it to arrive.
pub const OPENING: f64 = 0.35;
/// Silence before the first word of every other scene: the new picture stands when it is spoken.
pub const LEAD_IN: f64 = 0.12;
/// Silence after a scene's last word where neither scene nor script sets one.
pub const PAUSE: f64 = 0.25;
/// Silence after the last word of the video, at least.
pub const TAIL: f64 = 0.8;
/// Sound kept before the first word, so that its onset is whole.
pub(crate) const KEPT_BEFORE: f64 = 0.06;
/// Sound kept after the last word, so that it rings out.
pub(crate) const KEPT_AFTER: f64 = 0.2;

/// What was spoken in one scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spoken {
    /// Length of the recording, in seconds.
    pub seconds: f64,
    /// Samples a second.
    pub sample_rate: u32,
    /// The words, in seconds of the recording.
    pub words: Vec<SpokenWord>,
}

/// One scene on the time line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneTime {
    /// First frame.
    pub first_frame: u64,
    /// Frames; at least 1.
    pub frames: u32,
    /// Where the kept part of the recording starts in the video, in seconds.
    pub speech_at: f64,
    /// The kept part of the recording: from, in seconds.
    pub cut_from: f64,
    /// The kept part of the recording: to, in seconds.
    pub cut_to: f64,
}

/// The time line of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Frames a second.
    pub fps: u32,
    /// The scenes in order, without gaps.
    pub scenes: Vec<SceneTime>,
}

impl Schedule {
    /// Lays scenes one after the other. `pauses` are the silences after each scene's last word, in
    /// seconds; there are as many as scenes.
    pub fn lay(spoken: &[Spoken], pauses: &[f64], fps: u32) -> Self {
        let rate = f64::from(fps);
        let last = spoken.len().saturating_sub(1);
        let mut first_frame = 0u64;
        let scenes = spoken.iter().zip(pauses).enumerate().map(|(number, (spoken, pause))| {
            let (first_word, last_word) = spoken.bounds();
            let cut_from = (first_word - KEPT_BEFORE).max(0.0);
            let cut_to = (last_word + KEPT_AFTER).min(spoken.seconds).max(cut_from);
            let lead = if number == 0 { OPENING } else { LEAD_IN };
            let pause = if number == last { pause.max(TAIL) } else { *pause };
            // What is kept of the recording always fits, even with no pause at all.
            let word_offset = first_word - cut_from;
            let lead = lead.max(word_offset);
            let talk = last_word - first_word;
            let length = (lead + talk + pause).max(lead - word_offset + cut_to - cut_from);
            let frames = ((length * rate - 1e-6).ceil() as u32).max(1);
            let speech_at = first_frame as f64 / rate + lead - word_offset;
            let scene = SceneTime { first_frame, frames, speech_at, cut_from, cut_to };
            first_frame += u64::from(frames);
            scene
        });
        Self { fps, scenes: scenes.collect() }
    }

    /// Frames in all.
    pub fn frames(&self) -> u64 {
        self.scenes.iter().map(|scene| u64::from(scene.frames)).sum()
    }

    /// Seconds in all.
    pub fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.fps)
    }

    /// The words of all scenes, in seconds of the video.
    pub fn caption_words(&self, spoken: &[Spoken]) -> Vec<CaptionWord> {
        let scenes = self.scenes.iter().zip(spoken);
        scenes
            .flat_map(|(scene, spoken)| {
                let shift = scene.speech_at - scene.cut_from;
                spoken.words.iter().map(move |word| CaptionWord {
                    text: word.text.clone(),
                    start: word.start + shift,
                    end: word.end + shift,
                })
            })
            .collect()
    }
}

impl Spoken {
    /// First word's start and last word's end; the whole recording if it has no words.
    pub(crate) fn bounds(&self) -> (f64, f64) {
        let first = self.words.first().map_or(0.0, |word| word.start).clamp(0.0, self.seconds);
        let last = self.words.last().map_or(self.seconds, |word| word.end).clamp(first, self.seconds);
        (first, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spoken() -> impl Strategy<Value = (Spoken, f64)> {
        let gaps = prop::collection::vec((0.0..0.3f64, 0.05..0.8f64), 0..12);
        (0.0..0.6f64, gaps, 0.0..0.6f64, 0.0..10.0f64).prop_map(|(before, gaps, after, pause)| {
            let mut at = before;
            let words = gaps.iter().enumerate().map(|(n, (gap, length))| {
                let start = at + gap;
                at = start + length;
                SpokenWord { text: format!("w{n}"), range: 0..0, start, end: at }
            });
            let words: Vec<_> = words.collect();
            (Spoken { seconds: at + after + 0.01, sample_rate: 24_000, words }, pause)
        })
    }

    proptest! {
        #[test]
        fn scenes_follow_each_other_and_words_stay_in_their_scene(
            parts in prop::collection::vec(spoken(), 1..8),
            fps in prop::sample::select(vec![24u32, 25, 30, 60]),
        ) {
            let (spoken, pauses): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            let schedule = Schedule::lay(&spoken, &pauses, fps);
            prop_assert_eq!(schedule.scenes.len(), spoken.len());
            let frame = 1.0 / f64::from(fps);
            let mut next = 0;
            for (n, (scene, spoken)) in schedule.scenes.iter().zip(&spoken).enumerate() {
                prop_assert_eq!(scene.first_frame, next);
                next += u64::from(scene.frames);
                let (start, end) = (scene.first_frame as f64 * frame, next as f64 * frame);
                let kept = scene.cut_to - scene.cut_from;
                prop_assert!(scene.speech_at >= start - 1e-9, "speech starts before its scene");
                prop_assert!(scene.speech_at + kept <= end + 1e-6, "speech outlasts its scene");
                prop_assert!(scene.cut_from >= 0.0 && scene.cut_to <= spoken.seconds);
                let words = schedule.caption_words(std::slice::from_ref(spoken));
                prop_assert_eq!(words.len(), spoken.words.len());
                if let Some(last) = spoken.words.last() {
                    let said = last.end - scene.cut_from + scene.speech_at;
                    let pause = if n + 1 == pauses.len() { pauses[n].max(TAIL) } else { pauses[n] };
                    prop_assert!(end - said >= pause - 1e-6, "the pause is cut short");
                    let room = KEPT_AFTER.max(pause) + frame + 1e-6;
                    prop_assert!(end - said <= room, "the pause is too long: {}", end - said);
                    prop_assert!(scene.cut_from <= spoken.words[0].start && last.end <= scene.cut_to + 1e-9);
                }
            }
            prop_assert_eq!(schedule.frames(), next);
        }

        #[test]
        fn words_keep_their_order_and_distance(parts in prop::collection::vec(spoken(), 1..6)) {
            let (spoken, pauses): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            let schedule = Schedule::lay(&spoken, &pauses, 30);
            let words = schedule.caption_words(&spoken);
            for pair in words.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start + 1e-9);
            }
            if let Some(first) = spoken[0].words.first() {
                prop_assert!(words[0].start >= OPENING - 1e-9, "{}", words[0].start);
                prop_assert!((words[0].end - words[0].start - (first.end - first.start)).abs() < 1e-9);
            }
            prop_assert!(words.last().is_none_or(|w| schedule.seconds() - w.end >= TAIL - 1e-6));
        }
    }
}
