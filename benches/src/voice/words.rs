//! Words right: Whisper base reads the speech of `benches/data/sentences.tsv` back.

use super::speaker::Models;
use crate::results::write;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    models: Models,
    /// Precisions to read back; fp16 fails at some sentences (docs/adr/0004).
    #[arg(long, value_delimiter = ',', default_value = "fp32,q8")]
    precisions: Vec<String>,
    /// Written form TAB spoken form, a line each.
    #[arg(long, default_value = "benches/data/sentences.tsv")]
    sentences: PathBuf,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// What voice_words.py prints.
#[derive(Debug, Serialize, Deserialize)]
struct Heard {
    wer: f64,
    errors: u64,
    words: u64,
    sentences: Vec<Sentence>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sentence {
    expected: String,
    heard: String,
    errors: u64,
    words: u64,
}

#[derive(Debug, Serialize)]
struct Row {
    precision: String,
    heard: Heard,
}

/// Speaks, has it read back, and counts.
///
/// # Errors
/// If a model or a tool is missing or fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let sentences = std::fs::read_to_string(&args.sentences)
        .with_context(|| format!("read {}", args.sentences.display()))?;
    let written: Vec<&str> = sentences.lines().map(|l| l.split_once('\t').map_or(l, |(w, _)| w)).collect();
    let mut rows = Vec::new();
    for precision in &args.precisions {
        let scratch = tempfile::tempdir()?;
        args.models.speak_all(precision, &args.models.voice, &written, scratch.path())?;
        let heard = read_back(&args.models, scratch.path(), &args.sentences)?;
        eprintln!("{precision}: word error rate {:.4}", heard.wer);
        rows.push(Row { precision: precision.clone(), heard });
    }
    let markdown = table(args, &rows);
    println!("{markdown}");
    write(&args.out, "words", &markdown, &rows)
}

fn read_back(models: &Models, speech: &Path, sentences: &Path) -> Result<Heard> {
    models.script("voice_words.py", &[speech, sentences])
}

fn table(args: &Args, rows: &[Row]) -> String {
    let count = rows.first().map_or(0, |row| row.heard.sentences.len());
    let mut text = format!(
        "{count} sentences with numbers, names, dates, abbreviations and questions, spoken by {} and read back by \
         Whisper base; both sides through Whisper's English normaliser.\n\n\
         | precision | words | errors | word error rate | sentences without an error |\n|---|---|---|---|---|\n",
        args.models.voice
    );
    for Row { precision, heard } in rows {
        let whole = heard.sentences.iter().filter(|s| s.errors == 0).count();
        text += &format!(
            "| {precision} | {} | {} | **{:.4}** | {whole} of {count} |\n",
            heard.words, heard.errors, heard.wer
        );
    }
    if let Some(row) = rows.first() {
        text += &format!(
            "\nWhat was heard otherwise ({}):\n\n| expected | heard | errors |\n|---|---|---|\n",
            row.precision
        );
        for s in row.heard.sentences.iter().filter(|s| s.errors > 0) {
            text += &format!("| {} | {} | {} |\n", s.expected, s.heard, s.errors);
        }
    }
    text
}
