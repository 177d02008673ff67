//! Speed of language models against llama.cpp as another project builds it (xllamacpp): the same file, prompts,
//! threads and cores, in turn. Ours alone: answers under a JSON schema against free ones, four at once against one.

mod ours;

pub(crate) use ours::{OursArgs, run_ours};

use crate::contender::Contender;
use crate::results::{machine, median, write};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::process::Command;

/// What prepares the peer.
const SETUP: &str = "benches/peers/chat_setup.sh";
/// Tokens of context of either.
const CONTEXT: u32 = 2048;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds; in each everything is measured once, in turn.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Models: file names under the model directory.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf,qwen2.5-coder-1.5b-instruct/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    )]
    models: Vec<PathBuf>,
    /// Threads of either.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Tokens of a long answer.
    #[arg(long, default_value_t = 64)]
    tokens: u32,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// What is asked of a contender.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    prompt: String,
    tokens: u32,
    /// Ours only: under a JSON schema.
    schema: bool,
    /// Ours only: so many at once.
    together: usize,
}

/// What it took, all answers together.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    prompt_tokens: u32,
    prefill_seconds: f64,
    answer_tokens: u32,
    decode_seconds: f64,
}

impl Cost {
    fn prefill(self) -> f64 {
        f64::from(self.prompt_tokens) / self.prefill_seconds
    }

    /// The first token belongs to the prompt.
    fn decode(self) -> f64 {
        f64::from(self.answer_tokens.saturating_sub(1)) / self.decode_seconds
    }
}

/// Tokens a second.
#[derive(Debug, Clone, Serialize)]
struct Rates {
    model: String,
    what: &'static str,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// A prompt of some 400 tokens that begins differently in each round, so that nothing of it is known.
fn long_prompt(round: usize) -> String {
    format!("Round {round}. ")
        + &"The river carries sand from the hills to the sea, and leaves it where it slows. ".repeat(24)
}

/// Measures and reports.
///
/// # Errors
/// If a contender cannot be started or fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut all = Vec::new();
    for model in &args.models {
        all.extend(measure(args, &crate::models().join(model))?);
    }
    let table = table(&all);
    println!("{table}");
    write(&args.out, "chat", &table, &all)
}

fn measure(args: &Args, model: &std::path::Path) -> Result<Vec<Rates>> {
    let name = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let numbers = [args.threads.to_string(), CONTEXT.to_string()];
    let python = ".cache/bench-chat/bin/python";
    let mut theirs = Contender::start(
        Command::new(python).arg("benches/peers/chat_llama.py").arg(model).args(&numbers),
        SETUP,
    )?;
    let own = std::env::current_exe()?;
    let mut ours =
        Contender::start(Command::new(own).arg("chat-ours").arg(model).args(&numbers), "cargo build")?;
    let rates = |what| Rates { model: name.clone(), what, ours: Vec::new(), theirs: Vec::new() };
    let [mut prefill, mut decode, mut schema, mut together] =
        ["prefill", "decode", "JSON schema, against free", "four at once, against one"].map(rates);
    for round in 0..=args.runs {
        let ask = |prompt: String, tokens, schema, together| Asked { prompt, tokens, schema, together };
        let question = format!("Question {round}: describe a harbour town at length.");
        let mut both = |asked: Asked| -> Result<(Cost, Cost)> {
            let line = serde_json::to_string(&asked)?;
            Ok((ours.ask(&line)?, theirs.ask(&line)?))
        };
        let (our_long, their_long) = both(ask(long_prompt(round), 1, false, 1))?;
        let (free, their_free) = both(ask(question.clone(), args.tokens, false, 1))?;
        let bound: Cost =
            ours.ask(&serde_json::to_string(&ask(question.clone(), args.tokens * 4, true, 1))?)?;
        let four: Cost = ours.ask(&serde_json::to_string(&ask(question, args.tokens, false, 4))?)?;
        // The first round warms up.
        if round == 0 {
            continue;
        }
        prefill.ours.push(our_long.prefill());
        prefill.theirs.push(their_long.prefill());
        decode.ours.push(free.decode());
        decode.theirs.push(their_free.decode());
        schema.ours.push(bound.decode());
        schema.theirs.push(free.decode());
        together.ours.push(four.decode());
        together.theirs.push(free.decode());
    }
    Ok(vec![prefill, decode, schema, together])
}

fn table(all: &[Rates]) -> String {
    let mut table = format!(
        "Tokens a second, median of {} rounds; {}\n\n| model | what | ours | llama.cpp, or ours free and alone | ratio |\n|---|---|---|---|---|\n",
        all.first().map_or(0, |rates| rates.ours.len()),
        machine()
    );
    for Rates { model, what, ours, theirs } in all {
        let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let (ours, theirs) = (median(ours.clone()), median(theirs.clone()));
        table += &format!("| {model} | {what} | {ours:.1} | {theirs:.1} | {:.2} |\n", median(ratios));
    }
    table
}
