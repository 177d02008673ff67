//! The key/value cache: which prompt is still in it, and how much of it another prompt may have.
//!
//! A prompt goes through the network in parts that end at fixed places, and only whole parts are used again. So a
//! token's keys and values are worked out in the same company whatever was asked before, and come out the same to the
//! last bit.

use super::broken;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// The first boundary; from there they double up to the largest batch.
const FIRST: usize = 64;

pub(super) struct Cache<'m> {
    pub(super) context: LlamaContext<'m>,
    /// Tokens of the first slot's prompt that are in the cache.
    kept: Vec<LlamaToken>,
    room: usize,
}

/// The next place after `from` at which a part of a prompt ends: 64, 128, 256, 512, then every 512.
pub(super) fn boundary_after(from: usize) -> usize {
    let part = from.next_power_of_two().clamp(FIRST, super::BATCH);
    (from + 1).next_multiple_of(part)
}

/// The last place up to `most` at which a part of a prompt ends.
pub(super) fn boundary_up_to(most: usize) -> usize {
    match most {
        0..FIRST => 0,
        FIRST..super::BATCH => 1 << most.ilog2(),
        _ => most / super::BATCH * super::BATCH,
    }
}

/// How much of a prompt is the beginning of another one and may be used again; the last token never, since it is
/// what the next one is chosen from.
fn shared(kept: &[LlamaToken], prompt: &[LlamaToken]) -> usize {
    let same = kept.iter().zip(prompt).take_while(|(one, other)| one == other).count();
    boundary_up_to(same.min(prompt.len().saturating_sub(1)))
}

impl<'m> Cache<'m> {
    pub(super) fn new(context: LlamaContext<'m>, room: usize) -> Self {
        Self { context, kept: Vec::new(), room }
    }

    /// Whether `wanted` tokens fit beside the `taken` ones; if need be, without what is kept for later.
    pub(super) fn make_room(
        &mut self,
        taken: usize,
        wanted: usize,
        prompt: &[LlamaToken],
        free: bool,
    ) -> bool {
        let idle = |kept: &Self| if free { kept.kept.len() } else { 0 };
        if taken + wanted + idle(self) > self.room && free {
            let shared = shared(&self.kept, prompt);
            self.cut(shared);
        }
        // What is kept of the prompt itself is counted twice, which errs on the safe side unless it is all there is.
        taken + wanted + idle(self) <= self.room || (taken == 0 && wanted <= self.room)
    }

    /// Makes what is known of `prompt` the beginning of a slot; its length.
    pub(super) fn reuse(&mut self, slot: usize, prompt: &[LlamaToken]) -> Result<usize> {
        let shared = shared(&self.kept, prompt);
        if slot == 0 {
            self.cut(shared);
            return Ok(self.kept.len());
        }
        self.forget(slot);
        if shared > 0 {
            let end = Some(shared as u32);
            self.context.copy_kv_cache_seq(0, slot as i32, Some(0), end).map_err(|e| broken(&e))?;
        }
        Ok(shared)
    }

    /// Takes note that the beginning of a prompt is in the cache.
    pub(super) fn filled(&mut self, slot: usize, prompt: &[LlamaToken]) {
        if slot == 0 {
            self.kept = prompt.to_vec();
        }
    }

    /// An answer has ended: of the first slot the prompt is kept, of the others nothing.
    pub(super) fn release(&mut self, slot: usize) {
        match slot {
            0 => self.cut(self.kept.len()),
            slot => self.forget(slot),
        }
    }

    /// Empties a slot.
    pub(super) fn forget(&mut self, slot: usize) {
        if slot == 0 {
            self.kept.clear();
        }
        self.remove(slot, 0);
    }

    /// Empties all slots but the first.
    pub(super) fn clear_others(&mut self, slots: usize) {
        (1..slots).for_each(|slot| self.forget(slot));
    }

    /// Empties all.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.context.clear_kv_cache();
    }

    /// Keeps the first slot's first tokens only.
    fn cut(&mut self, length: usize) {
        self.kept.truncate(length);
        self.remove(0, length);
    }

    fn remove(&mut self, slot: usize, from: usize) {
        let removed = self.context.clear_kv_cache_seq(Some(slot as u32), Some(from as u32), None);
        // A network with a state that cannot be cut begins anew.
        if !matches!(removed, Ok(true)) {
            self.clear();
        }
    }

    /// The logits of a row of the last batch.
    pub(super) fn logits(&self, row: i32) -> Result<&[f32]> {
        match row >= 0 {
            true => Ok(self.context.get_logits_ith(row)),
            false => {
                Err(InferenceError::new(ErrorKind::Engine, "the language model had nothing to work out"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn boundaries_double_and_then_are_evenly_spaced() {
        let mut at = 0;
        let boundaries: Vec<usize> = std::iter::repeat_with(|| {
            at = boundary_after(at);
            at
        })
        .take(7)
        .collect();
        assert_eq!(boundaries, [64, 128, 256, 512, 1024, 1536, 2048]);
    }

    proptest! {
        #[test]
        fn what_is_used_again_ends_at_a_boundary_that_a_fresh_prompt_passes(most in 0usize..5000) {
            let last = boundary_up_to(most);
            prop_assert!(last <= most && most < boundary_after(last));
            let mut at = 0;
            while at < last {
                at = boundary_after(at);
            }
            prop_assert_eq!(at, last);
        }

        #[test]
        fn the_last_token_is_always_worked_out(same in 0usize..700, rest in 0usize..5) {
            let prompt: Vec<LlamaToken> = (0..same + rest).map(|n| LlamaToken(n as i32)).collect();
            let kept: Vec<LlamaToken> = prompt[..same].to_vec();
            prop_assume!(!prompt.is_empty());
            prop_assert!(shared(&kept, &prompt) < prompt.len());
            prop_assert!(shared(&kept, &prompt) <= same);
        }
    }
}
