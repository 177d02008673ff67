//! One answer that is being written.

use super::super::sampler::Sampler;
use super::super::schema::Grammar;
use super::super::vocabulary::Vocabulary;
use crate::writer::Writer;
use llama_cpp_2::token::LlamaToken;
use reelsmith_inference_core::chat::{ChatRequest, ChatResponse, Finish, Usage};
use reelsmith_inference_core::{Control, ErrorKind, InferenceError, Progress, Result, Verdict};
use std::collections::VecDeque;
use std::time::Instant;

/// A request that can be worked on.
pub(in crate::llama) struct Prepared<'a> {
    pub(in crate::llama) request: &'a ChatRequest,
    pub(in crate::llama) control: &'a dyn Control,
    /// The conversation; at least one token.
    pub(in crate::llama) tokens: Vec<LlamaToken>,
    /// Tokens that the answer may have.
    pub(in crate::llama) most: u32,
    pub(in crate::llama) grammar: Option<Grammar>,
    pub(in crate::llama) begun: Instant,
}

impl Prepared<'_> {
    /// Tokens of context that it may need.
    pub(super) fn reserved(&self) -> usize {
        self.tokens.len() + self.most as usize
    }
}

pub(super) struct Answer<'a> {
    /// Its place among the results.
    pub(super) place: usize,
    /// Its sequence in the context.
    pub(super) slot: usize,
    pub(super) prompt: Vec<LlamaToken>,
    pub(super) cached: usize,
    /// Where the next token stands.
    pub(super) position: usize,
    /// Tokens that are chosen, but have not gone through the network.
    pub(super) next: VecDeque<LlamaToken>,
    pub(super) finish: Option<Result<Finish>>,
    control: &'a dyn Control,
    sampler: Sampler,
    writer: Writer,
    grammar: Option<Grammar>,
    stopped: bool,
    written: u32,
    most: u32,
    begun: Instant,
    first: Option<Instant>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(place: usize, slot: usize, prepared: Prepared<'a>) -> Self {
        let Prepared { request, control, tokens, most, grammar, begun } = prepared;
        let mut sampler = Sampler::new(request.sampling, request.seed);
        tokens.iter().for_each(|token| sampler.accept(token.0));
        Self {
            place,
            slot,
            position: tokens.len(),
            prompt: tokens,
            cached: 0,
            next: VecDeque::new(),
            finish: None,
            control,
            sampler,
            writer: Writer::new(&request.stop),
            grammar,
            stopped: false,
            written: 0,
            most,
            begun,
            first: None,
        }
    }

    /// Tokens of context that it may need.
    pub(super) fn reserved(&self) -> usize {
        self.prompt.len() + self.most as usize
    }

    /// Asks whether to go on.
    pub(super) fn go_on(&self) -> Result<()> {
        let progress = Progress { done: self.written.into(), total: Some(self.most.into()), unit: "tokens" };
        match self.control.step(progress) {
            Verdict::Continue => Ok(()),
            Verdict::Cancel => Err(InferenceError::cancelled()),
        }
    }

    pub(super) fn fail(&mut self, error: InferenceError) {
        self.finish = Some(Err(error));
    }

    /// Chooses the next token by its logits, and takes with it those that must follow.
    pub(super) fn choose(&mut self, vocabulary: &Vocabulary, logits: &[f32]) -> Result<()> {
        self.go_on()?;
        let allowed = match &mut self.grammar {
            Some(grammar) => {
                let mut allowed = grammar.allowed()?;
                if vocabulary.ending().any(|end| allowed.get(end)) {
                    vocabulary.ending().for_each(|end| allowed.set(end, true));
                }
                Some(allowed)
            }
            None => None,
        };
        let token = self.sampler.choose(logits, allowed.as_ref())?;
        self.first.get_or_insert_with(Instant::now);
        if vocabulary.ends(LlamaToken(token)) {
            self.finish = Some(Ok(Finish::Stop));
            self.end_document(true);
            return Ok(());
        }
        let certain =
            self.grammar.as_mut().map_or_else(|| Ok(Vec::new()), |grammar| grammar.accept(token))?;
        self.write(vocabulary, token);
        let mut certain = certain.into_iter().filter(|token| !vocabulary.ends(LlamaToken(*token)));
        while self.finish.is_none()
            && let Some(token) = certain.next()
        {
            self.write(vocabulary, token);
        }
        // What had no room has gone through the grammar, but is not in the text.
        let whole = certain.next().is_none();
        self.end_document(whole);
        Ok(())
    }

    fn write(&mut self, vocabulary: &Vocabulary, token: i32) {
        self.sampler.accept(token);
        self.next.push_back(LlamaToken(token));
        self.written += 1;
        let control = self.control;
        self.stopped = self.writer.push(vocabulary.piece(LlamaToken(token)), |piece| control.text(piece));
        if self.stopped {
            self.finish = Some(Ok(Finish::Stop));
        } else if self.written == self.most {
            self.finish = Some(Ok(Finish::Length));
        }
    }

    /// A document ends where it is complete, and must not end before.
    fn end_document(&mut self, whole: bool) {
        let Some(grammar) = &mut self.grammar else { return };
        if whole && grammar.is_complete() {
            self.finish = Some(Ok(Finish::Stop));
        } else if self.finish.is_some() && !(whole && grammar.may_end()) {
            let message = format!(
                "after {} tokens, as many as the answer may have, it does not yet satisfy the JSON schema; allow more, \
                 or bound the schema's strings (maxLength) and arrays (maxItems)",
                self.written
            );
            self.finish = Some(Err(InferenceError::new(ErrorKind::Unfinished, message)));
        }
    }

    pub(super) fn response(self) -> Result<ChatResponse> {
        let finish = self.finish.unwrap_or(Ok(Finish::Length))?;
        let control = self.control;
        let text = self.writer.finish(self.stopped, |piece| control.text(piece));
        if self.grammar.is_some()
            && let Err(error) = serde_json::from_str::<serde_json::Value>(&text)
        {
            let message = format!(
                "the document satisfies the JSON schema, but no reader takes it ({error}); bound its numbers or its depth"
            );
            return Err(InferenceError::new(ErrorKind::Unfinished, message));
        }
        let first = self.first.unwrap_or(self.begun);
        Ok(ChatResponse {
            text,
            finish,
            usage: Usage {
                prompt_tokens: self.prompt.len() as u32,
                cached_tokens: self.cached as u32,
                answer_tokens: self.written,
                prefill_seconds: (first - self.begun).as_secs_f64(),
                decode_seconds: first.elapsed().as_secs_f64(),
            },
            answered_by: String::new(),
        })
    }
}
