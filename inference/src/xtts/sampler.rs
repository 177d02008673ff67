//! Which audio code comes next: the scores bent as transformers bends them (`generation/logits_process.py`: penalty of
//! repetition, temperature, top-k, top-p, in this order), then one code drawn.
//!
//! The draw is our own, so that a seed gives the same codes on every machine: SplitMix64 (Steele, Lea and Flood,
//! 2014) gives a number below 1 for each code, and the code is the one in whose share it falls, in order of the
//! codes. PyTorch's `multinomial` draws others from the same shares. A length penalty, which upstream has a setting
//! for, changes nothing without beams and is left out.

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// How codes are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Scores are divided by it; `None` takes the likeliest code always.
    pub temperature: Option<f32>,
    /// Most candidates, at least 1.
    pub top_k: usize,
    /// Shares that candidates must reach together, above 0 to 1.
    pub top_p: f32,
    /// What the score of a code that was there is divided by (multiplied with where negative); 1 is none.
    pub repetition_penalty: f32,
    /// Start of the draws.
    pub seed: u64,
}

/// Draws codes one after the other.
#[derive(Debug, Clone)]
pub(super) struct Sampler {
    sampling: Sampling,
    state: u64,
    /// Whether a token was there.
    was: Vec<bool>,
}

impl Sampler {
    /// For `tokens` tokens, of which `prompt` were there before the first draw.
    pub(super) fn new(sampling: Sampling, tokens: usize, prompt: &[u32]) -> Self {
        let mut was = vec![false; tokens];
        prompt.iter().for_each(|token| was[*token as usize] = true);
        Self { sampling, state: sampling.seed, was }
    }

    /// The next token by its scores.
    ///
    /// # Errors
    /// `ModelCorrupt` if a score is no number.
    pub(super) fn next(&mut self, scores: &[f32]) -> Result<u32> {
        if let Some(broken) = scores.iter().find(|score| !score.is_finite()) {
            let message =
                format!("the model scores an audio code {broken}; its file is damaged: fetch it again");
            return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
        }
        let scores = penalised(scores, &self.was, self.sampling.repetition_penalty);
        let token = match self.sampling.temperature {
            None => likeliest(&scores),
            Some(temperature) => {
                let shares = shares(&scores, temperature, &self.sampling);
                drawn(&shares, self.draw())
            }
        };
        self.was[token] = true;
        Ok(token as u32)
    }

    /// A number from 0 to below 1.
    fn draw(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn penalised(scores: &[f32], was: &[bool], penalty: f32) -> Vec<f32> {
    let bent = |(score, was): (&f32, &bool)| match (was, *score < 0.0) {
        (false, _) => *score,
        (true, true) => score * penalty,
        (true, false) => score / penalty,
    };
    scores.iter().zip(was).map(bent).collect()
}

/// The first of the greatest.
fn likeliest(scores: &[f32]) -> usize {
    scores.iter().enumerate().fold(0, |best, (token, score)| if *score > scores[best] { token } else { best })
}

/// What each token may expect; 0 for those that are no candidates.
fn shares(scores: &[f32], temperature: f32, sampling: &Sampling) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    // Those that are as good as the last candidate stay too.
    let last = scores[order[sampling.top_k.clamp(1, order.len()) - 1]];
    order.retain(|token| scores[*token] >= last);
    let greatest = f64::from(scores[order[0]]);
    let weight = |token: usize| ((f64::from(scores[token]) - greatest) / f64::from(temperature)).exp();
    let total: f64 = order.iter().map(|token| weight(*token)).sum();
    let mut shares = vec![0.0; scores.len()];
    let mut reached = 0.0;
    for token in order {
        // A token stays while those before it do not reach the share; the first always does.
        if reached >= f64::from(sampling.top_p) * total && reached > 0.0 {
            break;
        }
        shares[token] = weight(token);
        reached += shares[token];
    }
    shares.iter_mut().for_each(|share| *share /= reached);
    shares
}

/// The token in whose share `at` falls.
fn drawn(shares: &[f64], at: f64) -> usize {
    let mut reached = 0.0;
    let mut last = 0;
    for (token, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        reached += share;
        last = token;
        if at < reached {
            break;
        }
    }
    last
}

#[cfg(test)]
#[path = "sampler/tests.rs"]
mod tests;
