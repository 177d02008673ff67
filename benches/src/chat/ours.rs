//! Our contender: the engine, without a device around it.

use super::{Asked, Cost};
use anyhow::{Context, Result};
use reelsmith_inference::llama::{Llama, LlamaConfig};
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::chat::{Asked as Question, Chat, ChatRequest, Sampling};
use std::io::BufRead;
use std::path::PathBuf;
use std::time::Instant;

/// A document whose texts a model may fill as it likes.
const SCHEMA: &str = r#"{"type": "object", "properties": {
    "name": {"type": "string", "maxLength": 40}, "country": {"type": "string", "maxLength": 40},
    "description": {"type": "string", "maxLength": 240}, "inhabitants": {"type": "integer", "minimum": 0, "maximum": 99999},
    "sights": {"type": "array", "items": {"type": "string", "maxLength": 40}, "minItems": 2, "maxItems": 3}},
    "required": ["name", "country", "description", "inhabitants", "sights"], "additionalProperties": false}"#;

/// What `chat` gives its contender.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    model: PathBuf,
    threads: usize,
    context: u32,
}

/// Answers each line with what it took.
///
/// # Errors
/// If the model cannot be loaded or does not answer.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    let config = LlamaConfig { context: args.context, ..LlamaConfig::new(args.threads) };
    let mut model = Llama::open(&args.model, "ours", config)?;
    for line in std::io::stdin().lock().lines() {
        let asked: Asked = serde_json::from_str(&line?)?;
        println!("{}", serde_json::to_string(&cost(&mut model, &asked)?)?);
    }
    Ok(())
}

fn cost(model: &mut Llama, asked: &Asked) -> Result<Cost> {
    let request = |n: usize| ChatRequest {
        sampling: Sampling::greedy(),
        max_tokens: Some(asked.tokens),
        schema: asked.schema.then(|| SCHEMA.to_owned()),
        ..ChatRequest::new(if n == 0 { asked.prompt.clone() } else { format!("{} {n}", asked.prompt) })
    };
    let requests: Vec<ChatRequest> = (0..asked.together).map(request).collect();
    let questions: Vec<Question<'_>> =
        requests.iter().map(|request| Question { request, control: &NoControl }).collect();
    let begun = Instant::now();
    let mut total = Cost { prompt_tokens: 0, prefill_seconds: 0.0, answer_tokens: 0, decode_seconds: 0.0 };
    let (mut decode, mut prefill) = (0.0, 0.0f64);
    for answer in model.chat_together(&questions) {
        let usage = answer.context("no answer")?.usage;
        anyhow::ensure!(usage.cached_tokens == 0 || asked.tokens > 1, "a prompt was known");
        total.prompt_tokens += usage.prompt_tokens;
        total.prefill_seconds += usage.prefill_seconds;
        total.answer_tokens += usage.answer_tokens;
        decode += usage.decode_seconds;
        prefill = prefill.max(usage.prefill_seconds);
    }
    // Of several: from when all had their first token to when all had ended.
    let joint = begun.elapsed().as_secs_f64() - prefill;
    total.decode_seconds = if asked.together == 1 { decode } else { joint };
    Ok(total)
}
