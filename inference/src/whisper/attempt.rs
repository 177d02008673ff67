//! A window's text, tried at rising temperatures until it is likely and does not repeat itself.

use super::model::Sound;
use super::run::Run;
use super::search::{Said, Search, Way};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use reelsmith_inference_core::transcribe::TranscribeOptions;
use reelsmith_inference_core::{Progress, Result};
use std::io::Write;

/// Tokens before a window's text.
pub(super) struct Steer {
    pub(super) tokens: Vec<u32>,
    /// Where among them the text begins.
    pub(super) start: usize,
}

/// A text, at which temperature it was found and how far it can be compressed.
pub(super) struct Attempt {
    pub(super) said: Said,
    pub(super) temperature: f32,
    pub(super) ratio: f32,
}

impl Attempt {
    /// Whether nothing is said in the window.
    pub(super) fn is_silent(&self, options: &TranscribeOptions) -> bool {
        self.said.no_speech > options.no_speech && self.said.log_probability() < options.log_probability
    }

    fn is_good(&self, options: &TranscribeOptions) -> bool {
        let repeats = self.ratio > options.compression_ratio;
        let unlikely = self.said.log_probability() < options.log_probability;
        !repeats && !unlikely || self.is_silent(options)
    }
}

impl Run<'_> {
    /// The text of each window.
    pub(super) fn attempts(&mut self, sound: &Sound, steer: &Steer, at: Progress) -> Result<Vec<Attempt>> {
        let temperatures = &self.options.temperatures;
        let seed = seed_of(self.options.seed, self.windows, 0);
        let first = self.attempt(sound, steer, temperatures[0], seed, at)?;
        let mut best = Vec::new();
        for (window, mut attempt) in first.into_iter().enumerate() {
            let alone = (!attempt.is_good(self.options)).then(|| sound.chosen(&[window]));
            for (n, temperature) in temperatures.iter().enumerate().skip(1) {
                let Some(sound) = alone.as_ref().filter(|_| !attempt.is_good(self.options)) else { break };
                let seed = seed_of(self.options.seed, self.windows + window as u64, n);
                attempt = self.attempt(sound, steer, *temperature, seed, at)?.remove(0);
            }
            best.push(attempt);
        }
        Ok(best)
    }

    fn attempt(
        &mut self,
        sound: &Sound,
        steer: &Steer,
        temperature: f32,
        seed: u64,
        at: Progress,
    ) -> Result<Vec<Attempt>> {
        let way = match temperature > 0.0 {
            true => Way::Chance(self.options.best_of as usize, temperature, seed),
            false => Way::Beams(self.options.beams as usize),
        };
        let control = self.control;
        let whisper = &mut *self.whisper;
        let mut search = Search {
            networks: &mut whisper.networks,
            rules: &whisper.rules,
            prompt: &steer.tokens,
            start: steer.start,
            no_speech: whisper.tokenizer.special().no_speech,
            go_on: &|| control.step(at),
        };
        let all = search.run(sound, way)?;
        let attempt = |said: Said| {
            let ratio = compression_ratio(whisper.tokenizer.decode(&said.tokens).trim());
            Attempt { said, temperature, ratio }
        };
        Ok(all.into_iter().map(attempt).collect())
    }
}

/// The seed of the `n`th attempt at a window, so that no two draw alike.
fn seed_of(seed: u64, window: u64, n: usize) -> u64 {
    seed ^ (window << 8 | n as u64)
}

/// Bytes of a text over its bytes compressed: more than 2 or so where it repeats itself.
fn compression_ratio(text: &str) -> f32 {
    // The threshold was chosen for zlib, which at its own default looks for matches as this crate does only at its
    // best: lower levels make repetitive texts some bytes shorter.
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let done = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    let compressed = done.expect("writing to memory does not fail");
    text.len() as f32 / compressed.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_itself_can_be_compressed() {
        assert!(compression_ratio("It was the best of times, it was the worst of times.") < 1.5);
        assert!(compression_ratio(&"and so on ".repeat(20)) > 2.4);
        assert_eq!(compression_ratio(""), 0.0);
    }

    #[test]
    fn a_text_is_compressed_as_by_zlib() {
        let tale = "It was the best of times. It was the worst of times. It was the age of wisdom. It was the age of \
                    foolishness. It was the epoch of belief. It was the epoch of incredulity. It was the season of \
                    light. It was the season of darkness. It was the spring of hope. It was the winter of despair. We \
                    had everything before us. We had nothing before us. We were all going direct to heaven. We were \
                    all going direct the other way.";
        // Python's zlib 1.3 makes 175 bytes of it.
        assert_eq!(compression_ratio(tale), tale.len() as f32 / 175.0);
    }
}
