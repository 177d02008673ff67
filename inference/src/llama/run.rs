//! Conversations going through the network: several at a time in one context, whose beginnings are worked out once.

mod answer;
mod cache;

use super::vocabulary::Vocabulary;
use answer::Answer;
pub(super) use answer::Prepared;
use cache::Cache;
use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use reelsmith_inference_core::chat::ChatResponse;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::collections::VecDeque;

/// Tokens that go through the network at once, at the most.
pub(super) const BATCH: usize = 512;

/// A context, and what of earlier conversations is still in it.
pub(super) struct Runner {
    cache: Cache<'static>,
    batch: LlamaBatch<'static>,
    slots: usize,
    /// What the first slot keeps was worked out beside others, and its sums in another order than alone.
    is_crowded: bool,
}

/// Requests with their places in the list of results.
type Waiting<'a> = VecDeque<(usize, Prepared<'a>)>;

impl Runner {
    /// Runs up to `slots` conversations at once, which have `room` tokens together.
    pub(super) fn new(context: LlamaContext<'static>, room: usize, slots: usize) -> Self {
        Self { cache: Cache::new(context, room), batch: LlamaBatch::new(BATCH, 1), slots, is_crowded: false }
    }

    /// Answers all of them. Every one must fit into the room by itself.
    pub(super) fn run(
        &mut self,
        vocabulary: &Vocabulary,
        asked: Waiting<'_>,
    ) -> Vec<(usize, Result<ChatResponse>)> {
        let (mut waiting, mut active, mut ended) = (asked, Vec::new(), Vec::new());
        // Where one is alone, nothing else may lie in the cache: sums would be in another order.
        let alone = waiting.len() == 1;
        loop {
            self.admit(vocabulary, &mut waiting, &mut active, &mut ended, alone);
            if active.is_empty() {
                return ended;
            }
            if let Err(error) = self.step(vocabulary, &mut active) {
                self.fail_all(&error, &mut active, &mut ended);
            }
            self.retire(&mut active, &mut ended);
        }
    }

    /// Takes in those for which there is room, and works out their prompts.
    fn admit<'a>(
        &mut self,
        vocabulary: &Vocabulary,
        waiting: &mut Waiting<'a>,
        active: &mut Vec<Answer<'a>>,
        ended: &mut Vec<(usize, Result<ChatResponse>)>,
        alone: bool,
    ) {
        while active.len() < self.slots {
            let taken: usize = active.iter().map(Answer::reserved).sum();
            let Some((_, next)) = waiting.front() else { return };
            let slot = (0..self.slots).find(|slot| active.iter().all(|answer| answer.slot != *slot));
            let slot = slot.expect("fewer are active than there are slots");
            let first_is_free = active.iter().all(|answer| answer.slot != 0);
            if !self.cache.make_room(taken, next.reserved(), &next.tokens, first_is_free) {
                return;
            }
            let (place, next) = waiting.pop_front().expect("it was looked at above");
            if alone {
                self.cache.clear_others(self.slots);
                if std::mem::take(&mut self.is_crowded) {
                    self.cache.clear();
                }
            }
            self.is_crowded |= slot == 0 && !active.is_empty();
            let mut answer = Answer::new(place, slot, next);
            match self.prefill(vocabulary, &mut answer) {
                Ok(()) => active.push(answer),
                Err(error) => {
                    self.cache.forget(slot);
                    ended.push((place, Err(error)));
                }
            }
        }
    }

    /// Works out a prompt, but for what the cache has of it, and chooses the first token.
    fn prefill(&mut self, vocabulary: &Vocabulary, answer: &mut Answer<'_>) -> Result<()> {
        let mut from = self.cache.reuse(answer.slot, &answer.prompt)?;
        answer.cached = from;
        while from < answer.prompt.len() {
            answer.go_on()?;
            let to = cache::boundary_after(from).min(answer.prompt.len());
            self.batch.clear();
            for n in from..to {
                self.add(answer.prompt[n], n, answer.slot, n + 1 == answer.prompt.len())?;
            }
            self.decode()?;
            self.cache.filled(answer.slot, &answer.prompt[..to]);
            from = to;
        }
        answer.choose(vocabulary, self.cache.logits(self.batch.n_tokens() - 1)?)
    }

    /// One step of all: every one's next tokens go through the network, and the tokens after them are chosen.
    fn step(&mut self, vocabulary: &Vocabulary, active: &mut [Answer<'_>]) -> Result<()> {
        self.batch.clear();
        let mut chosen = Vec::new();
        for n in 0..active.len() {
            while active[n].finish.is_none() && !active[n].next.is_empty() {
                if self.batch.n_tokens() as usize == BATCH {
                    self.flush(vocabulary, active, &mut chosen)?;
                }
                let answer = &mut active[n];
                let token = answer.next.pop_front().expect("it is not empty");
                let last = answer.next.is_empty();
                if last {
                    chosen.push((n, self.batch.n_tokens()));
                }
                let (position, slot) = (answer.position, answer.slot);
                answer.position += 1;
                self.add(token, position, slot, last)?;
                if last {
                    break;
                }
            }
        }
        self.flush(vocabulary, active, &mut chosen)
    }

    /// Has the batch worked out, and the next tokens chosen of those whose last token was in it.
    fn flush(
        &mut self,
        vocabulary: &Vocabulary,
        active: &mut [Answer<'_>],
        chosen: &mut Vec<(usize, i32)>,
    ) -> Result<()> {
        if self.batch.n_tokens() == 0 {
            return Ok(());
        }
        self.decode()?;
        for (n, row) in chosen.drain(..) {
            let logits = self.cache.logits(row)?;
            if let Err(error) = active[n].choose(vocabulary, logits) {
                active[n].fail(error);
            }
        }
        self.batch.clear();
        Ok(())
    }

    fn add(&mut self, token: LlamaToken, position: usize, slot: usize, last: bool) -> Result<()> {
        let position = i32::try_from(position).map_err(|e| broken(&e))?;
        self.batch.add(token, position, &[slot as i32], last).map_err(|e| broken(&e))
    }

    fn decode(&mut self) -> Result<()> {
        self.cache.context.decode(&mut self.batch).map_err(|error| match error {
            DecodeError::NoKvCacheSlot => broken(&"its context is full"),
            other => broken(&other),
        })
    }

    /// Hands out those that have ended, and frees their places.
    fn retire(&mut self, active: &mut Vec<Answer<'_>>, ended: &mut Vec<(usize, Result<ChatResponse>)>) {
        for n in (0..active.len()).rev() {
            if active[n].finish.is_some() {
                let answer = active.swap_remove(n);
                self.cache.release(answer.slot);
                ended.push((answer.place, answer.response()));
            }
        }
    }

    /// Ends all of them after a step that failed for no one's fault, and begins with an empty cache.
    fn fail_all(
        &mut self,
        error: &InferenceError,
        active: &mut Vec<Answer<'_>>,
        ended: &mut Vec<(usize, Result<ChatResponse>)>,
    ) {
        self.cache.clear();
        for answer in active.drain(..) {
            ended.push((answer.place, Err(InferenceError::new(error.kind(), error.to_string()))));
        }
    }
}

fn broken(error: &dyn std::fmt::Display) -> InferenceError {
    InferenceError::new(ErrorKind::Engine, format!("the language model failed: {error}"))
}
