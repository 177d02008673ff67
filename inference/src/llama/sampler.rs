//! The choice of the next token from its logits, in the order of llama.cpp's sampler chain: penalty, the most likely k,
//! the most likely whose probabilities reach p, those not less likely than the likeliest by a factor, temperature, draw.

use llguidance::toktrie::SimpleVob;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use reelsmith_inference_core::chat::Sampling;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Tokens that count as repeated, llama.cpp's `penalty_last_n`.
const REMEMBERED: usize = 64;
/// From here on sorting all is cheaper than keeping the best.
const FEW: usize = 2048;

/// Chooses tokens for one answer.
pub(super) struct Sampler {
    sampling: Sampling,
    draws: ChaCha8Rng,
    recent: VecDeque<i32>,
}

/// A token and how likely it is; greater is likelier, and of equals the one with the lower number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    logit: f32,
    token: i32,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.logit.total_cmp(&other.logit).then(other.token.cmp(&self.token))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Sampler {
    pub(super) fn new(sampling: Sampling, seed: u64) -> Self {
        Self { sampling, draws: ChaCha8Rng::seed_from_u64(seed), recent: VecDeque::new() }
    }

    /// Takes note of a token that is in the answer, or in the prompt right before it.
    pub(super) fn accept(&mut self, token: i32) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(token);
    }

    /// The next token, one of `allowed` where that is given.
    ///
    /// # Errors
    /// `ModelCorrupt` if the logits are no numbers.
    pub(super) fn choose(&mut self, logits: &[f32], allowed: Option<&SimpleVob>) -> Result<i32> {
        let penalised = self.penalised(logits);
        let logit = |n: usize| penalised.iter().find(|(token, _)| *token == n).map_or(logits[n], |(_, l)| *l);
        let keep = match (self.sampling.temperature > 0.0, self.sampling.top_k) {
            (false, _) => 1,
            (true, 0) => usize::MAX,
            (true, k) => k as usize,
        };
        let candidates = match allowed {
            Some(allowed) => {
                best(allowed.iter().map(|n| n as usize).filter(|n| *n < logits.len()), logit, keep)
            }
            None if penalised.is_empty() => best(0..logits.len(), |n| logits[n], keep),
            None => best(0..logits.len(), logit, keep),
        };
        match candidates.first() {
            Some(first) if first.logit.is_finite() => Ok(self.draw(&candidates)),
            _ => Err(InferenceError::new(
                ErrorKind::ModelCorrupt,
                "the model's weights make no finite numbers; fetch it again",
            )),
        }
    }

    /// The logits of recent tokens after the penalty.
    fn penalised(&self, logits: &[f32]) -> Vec<(usize, f32)> {
        let penalty = self.sampling.repeat_penalty;
        if penalty == 1.0 {
            return Vec::new();
        }
        let mut tokens: Vec<usize> =
            self.recent.iter().filter_map(|token| usize::try_from(*token).ok()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let divided = |logit: f32| if logit > 0.0 { logit / penalty } else { logit * penalty };
        tokens.into_iter().filter_map(|n| Some((n, divided(*logits.get(n)?)))).collect()
    }

    /// One of the candidates, which are sorted.
    fn draw(&mut self, candidates: &[Candidate]) -> i32 {
        if self.sampling.temperature <= 0.0 {
            return candidates[0].token;
        }
        let Sampling { top_p, min_p, temperature, .. } = self.sampling;
        let mut kept = candidates;
        if top_p < 1.0 {
            kept = &kept[..reaching(&weights(kept, 1.0), top_p)];
        }
        if min_p > 0.0 {
            let least = kept[0].logit + min_p.ln();
            kept = &kept[..kept.partition_point(|candidate| candidate.logit >= least).max(1)];
        }
        let weights = weights(kept, temperature);
        let sum: f64 = weights.iter().sum();
        // 53 random bits make every double of that spacing in 0 .. 1.
        let mut left = (self.draws.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * sum;
        for (candidate, weight) in kept.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return candidate.token;
            }
        }
        kept[kept.len() - 1].token
    }
}

/// Probabilities but for a common factor.
fn weights(candidates: &[Candidate], temperature: f32) -> Vec<f64> {
    let weight = |candidate: &Candidate| {
        (f64::from(candidate.logit - candidates[0].logit) / f64::from(temperature)).exp()
    };
    candidates.iter().map(weight).collect()
}

/// How many of the first together have the share `p` of the sum.
fn reaching(weights: &[f64], p: f32) -> usize {
    let wanted = weights.iter().sum::<f64>() * f64::from(p);
    let mut sum = 0.0;
    let reached = weights.iter().position(|weight| {
        sum += weight;
        sum >= wanted
    });
    reached.map_or(weights.len(), |n| n + 1)
}

/// The `keep` likeliest, sorted.
fn best(tokens: impl Iterator<Item = usize>, logit: impl Fn(usize) -> f32, keep: usize) -> Vec<Candidate> {
    let candidates = tokens.map(|n| Candidate { logit: logit(n), token: n as i32 });
    let candidates = candidates.filter(|candidate| !candidate.logit.is_nan());
    if keep == 1 {
        return candidates.max().into_iter().collect();
    }
    if keep > FEW {
        let mut all: Vec<Candidate> = candidates.collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(keep);
        return all;
    }
    let mut heap = BinaryHeap::with_capacity(keep + 1);
    for candidate in candidates {
        if heap.len() < keep {
            heap.push(std::cmp::Reverse(candidate));
        } else if heap.peek().is_some_and(|least: &std::cmp::Reverse<Candidate>| candidate > least.0) {
            heap.pop();
            heap.push(std::cmp::Reverse(candidate));
        }
    }
    heap.into_sorted_vec().into_iter().map(|reversed| reversed.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sampling(temperature: f32, top_k: u32, top_p: f32, min_p: f32) -> Sampling {
        Sampling { temperature, top_k, top_p, min_p, repeat_penalty: 1.0 }
    }

    fn drawn(sampling: Sampling, logits: &[f32], times: usize) -> Vec<usize> {
        let mut sampler = Sampler::new(sampling, 7);
        let mut counts = vec![0; logits.len()];
        (0..times).for_each(|_| counts[sampler.choose(logits, None).unwrap() as usize] += 1);
        counts
    }

    #[test]
    fn draws_follow_the_softmax() {
        let logits = [1.0f32, 0.0, 2.0, -1.0];
        let sum: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
        let counts = drawn(sampling(1.0, 0, 1.0, 0.0), &logits, 20_000);
        for (count, logit) in counts.iter().zip(logits) {
            let expected = f64::from(logit).exp() / sum;
            assert!((*count as f64 / 20_000.0 - expected).abs() < 0.015, "{counts:?}");
        }
    }

    #[test]
    fn each_cut_leaves_out_the_unlikely() {
        let logits = [0.0f32, 3.0, 2.0, 1.0];
        let used = |sampling| drawn(sampling, &logits, 500).iter().map(|n| *n > 0).collect::<Vec<_>>();
        assert_eq!(used(sampling(2.0, 2, 1.0, 0.0)), [false, true, true, false]);
        // The two likeliest have 0.64 and 0.24 of the probability.
        assert_eq!(used(sampling(2.0, 0, 0.8, 0.0)), [false, true, true, false]);
        assert_eq!(used(sampling(2.0, 0, 1.0, 0.3)), [false, true, true, false]);
        assert_eq!(used(sampling(0.0, 0, 1.0, 0.0)), [false, true, false, false]);
    }

    #[test]
    fn a_repeated_token_becomes_less_likely() {
        let mut sampler = Sampler::new(Sampling { repeat_penalty: 1.5, ..Sampling::greedy() }, 0);
        assert_eq!(sampler.choose(&[1.0, 1.2, -1.0], None).unwrap(), 1);
        sampler.accept(1);
        assert_eq!(sampler.choose(&[1.0, 1.2, -1.0], None).unwrap(), 0);
        (0..REMEMBERED).for_each(|_| sampler.accept(2));
        assert_eq!(sampler.choose(&[1.0, 1.2, -1.0], None).unwrap(), 1, "it is forgotten");
    }

    #[test]
    fn logits_that_are_no_numbers_are_an_error() {
        let mut sampler = Sampler::new(Sampling::greedy(), 0);
        for logits in [[f32::NAN; 2], [f32::NEG_INFINITY; 2], [f32::INFINITY; 2]] {
            assert_eq!(sampler.choose(&logits, None).unwrap_err().kind(), ErrorKind::ModelCorrupt);
        }
    }

    proptest! {
        #[test]
        fn only_what_is_allowed_is_chosen_and_a_seed_gives_the_same(
            logits in proptest::collection::vec(-9.0f32..9.0, 8..64),
            allowed in proptest::collection::vec(any::<bool>(), 64),
            seed in any::<u64>(),
            temperature in 0.0f32..2.0,
            top_k in 0u32..70,
        ) {
            let mut mask = SimpleVob::alloc(logits.len());
            (0..logits.len()).filter(|n| allowed[*n]).for_each(|n| mask.set(n, true));
            prop_assume!(!mask.is_zero());
            let run = || {
                let mut sampler = Sampler::new(sampling(temperature, top_k, 0.9, 0.05), seed);
                (0..8).map(|_| sampler.choose(&logits, Some(&mask)).unwrap()).collect::<Vec<_>>()
            };
            let chosen = run();
            prop_assert!(chosen.iter().all(|token| allowed[*token as usize]));
            prop_assert_eq!(chosen, run());
        }

        #[test]
        fn keeping_the_best_is_sorting(logits in proptest::collection::vec(-3i8..3, 1..50), keep in 1usize..60) {
            let logit = |n: usize| f32::from(logits[n]);
            let mut all: Vec<Candidate> =
                (0..logits.len()).map(|n| Candidate { logit: logit(n), token: n as i32 }).collect();
            all.sort_by(|a, b| b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token)));
            all.truncate(keep);
            prop_assert_eq!(best(0..logits.len(), logit, keep), all);
        }
    }
}
