//! Answers that satisfy a JSON schema: before each token, those are ruled out after which no completion would.
//!
//! The schema is compiled to a grammar by `llguidance`, which refuses the keywords that it does not know instead of
//! ignoring them, and works within rations of steps and memory.

mod limits;

use super::vocabulary::Vocabulary;
use llama_cpp_2::token::LlamaToken;
use llguidance::api::{GrammarInit, TopLevelGrammar};
use llguidance::toktrie::{SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde_json::Value;
use std::sync::Arc;

/// Schemas have their options for llguidance itself under this key.
const OPTIONS: &str = "x-guidance";
/// The most characters of an error about a schema that are told.
const MOST_TOLD: usize = 600;

/// Compiles schemas for the vocabulary of one model.
pub(super) struct Grammars {
    factory: ParserFactory,
}

/// What an answer may still become.
pub(super) struct Grammar {
    matcher: Matcher,
}

/// A tokeniser as llguidance wants to have it.
struct Tokens {
    vocabulary: Arc<Vocabulary>,
    trie: TokTrie,
}

impl TokenizerEnv for Tokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            self.vocabulary.plain(text).into_iter().map(|token| token.0.unsigned_abs()).collect()
        })
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.vocabulary.is_exact()
    }
}

impl Grammars {
    /// Takes some hundred milliseconds for a large vocabulary.
    ///
    /// # Errors
    /// `ModelCorrupt` if the vocabulary has no token that ends an answer.
    pub(super) fn new(vocabulary: Arc<Vocabulary>) -> Result<Self> {
        let Some(end) = vocabulary.ending().next() else {
            return Err(InferenceError::new(
                ErrorKind::ModelCorrupt,
                "the model has no token that ends an answer",
            ));
        };
        let token = |n: usize| LlamaToken(n as i32);
        let words: Vec<Vec<u8>> = (0..vocabulary.len())
            .map(|n| match vocabulary.piece(token(n)) {
                [] => [&[TokTrie::SPECIAL_TOKEN_MARKER], format!("<[{n}]>").as_bytes()].concat(),
                piece => piece.to_vec(),
            })
            .collect();
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, end as u32), &words);
        Self::of(Arc::new(Tokens { vocabulary, trie }))
    }

    fn of(tokens: TokEnv) -> Result<Self> {
        let mut factory = ParserFactory::new_simple(&tokens).map_err(|error| {
            InferenceError::new(ErrorKind::Engine, format!("could not prepare for JSON schemas: {error}"))
        })?;
        factory.quiet();
        let limits = factory.limits_mut();
        (limits.verbose_errors, limits.max_grammar_size, limits.max_lexer_states) = (false, 200_000, 50_000);
        Ok(Self { factory })
    }

    /// Compiles a schema.
    ///
    /// # Errors
    /// `InvalidRequest` if it is no JSON schema, cannot be satisfied, or has a keyword that is not supported.
    pub(super) fn compile(&self, schema: &str) -> Result<Grammar> {
        let mut schema = match serde_json::from_str(schema) {
            Ok(Value::Object(schema)) => Value::Object(schema),
            Ok(Value::Bool(true)) => Value::Object(serde_json::Map::new()),
            Ok(Value::Bool(false)) => return refused("`false` allows nothing"),
            Ok(_) => return refused("it is neither an object nor true"),
            Err(error) => return refused(&format!("it is not JSON: {error}")),
        };
        if schema.get(OPTIONS).is_some() {
            return refused(&format!("the keyword `{OPTIONS}` is not supported"));
        }
        if let Err(why) = limits::check(&schema) {
            return refused(&why);
        }
        // One space where models write one: blanks without end are a way to never finish.
        let options = JsonCompileOptions {
            item_separator: ", ".into(),
            key_separator: ": ".into(),
            whitespace_flexible: false,
            ..JsonCompileOptions::default()
        };
        options.apply_to(&mut schema);
        let grammar = GrammarInit::Serialized(TopLevelGrammar::from_json_schema(schema));
        let parser = self.factory.create_parser_from_init_default(grammar);
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            None => Ok(Grammar { matcher }),
            Some(error) => refused(&error),
        }
    }
}

fn refused<T>(why: &str) -> Result<T> {
    let told: String = why.chars().take(MOST_TOLD).collect();
    Err(InferenceError::new(ErrorKind::InvalidRequest, format!("the JSON schema cannot be used: {told}")))
}

impl Grammar {
    /// The tokens that may come next.
    pub(super) fn allowed(&mut self) -> Result<SimpleVob> {
        self.matcher.compute_mask_or_eos().map_err(|error| too_much(&error))
    }

    /// Takes note of a token, and of those after it that are certain, which it returns.
    pub(super) fn accept(&mut self, token: i32) -> Result<Vec<i32>> {
        self.matcher.consume_token(token.unsigned_abs()).map_err(|error| too_much(&error))?;
        let certain = self.matcher.consume_ff_tokens();
        match self.matcher.get_error() {
            None => Ok(certain.into_iter().map(|token| token as i32).collect()),
            Some(error) => Err(too_much(&error)),
        }
    }

    /// Whether the document is complete and nothing can follow.
    pub(super) fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// Whether the document may end here.
    pub(super) fn may_end(&mut self) -> bool {
        self.matcher.is_accepting().unwrap_or(false)
    }
}

fn too_much(error: &impl std::fmt::Display) -> InferenceError {
    let told: String = error.to_string().chars().take(MOST_TOLD).collect();
    let message = format!("the JSON schema is too intricate to be followed: {told}");
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
