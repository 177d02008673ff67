//! Word times: ours against two independent aligners on the speech of `benches/data/passages.txt`.

use crate::results::{median, percentile, write};
use crate::voice::speaker::Models;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    models: Models,
    /// Precision that speaks.
    #[arg(long, default_value = "fp32")]
    precision: String,
    /// Who speaks, one after the other.
    #[arg(long, value_delimiter = ',', default_value = "af_heart,am_michael,bf_emma,bm_george")]
    voices: Vec<String>,
    /// Passages of plain words, a line each.
    #[arg(long, default_value = "benches/data/passages.txt")]
    passages: PathBuf,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// What captions_align.py prints for one passage.
#[derive(Debug, Deserialize)]
struct Aligned {
    pocketsphinx: Option<Vec<[f64; 2]>>,
    whisper: Vec<Option<f64>>,
}

/// Errors of word starts and ends in seconds, ours minus the aligner's.
#[derive(Debug, Default, Serialize)]
struct Row {
    voice: String,
    words: usize,
    passages: usize,
    passages_aligned: usize,
    pocketsphinx_starts: Vec<f64>,
    pocketsphinx_ends: Vec<f64>,
    whisper_starts: Vec<f64>,
}

/// Speaks, aligns and compares.
///
/// # Errors
/// If a model or a tool is missing or fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let passages = std::fs::read_to_string(&args.passages)
        .with_context(|| format!("read {}", args.passages.display()))?;
    let passages: Vec<&str> = passages.lines().collect();
    let rows = args.voices.iter().map(|voice| measure(args, voice, &passages)).collect::<Result<Vec<_>>>()?;
    let markdown = table(args, &rows);
    println!("{markdown}");
    write(&args.out, "captions", &markdown, &rows)
}

fn measure(args: &Args, voice: &str, passages: &[&str]) -> Result<Row> {
    let scratch = tempfile::tempdir()?;
    let speech = args.models.speak_all(&args.precision, voice, passages, scratch.path())?;
    let words: Vec<Vec<&str>> =
        speech.iter().map(|s| s.words.iter().map(|w| w.text.as_str()).collect()).collect();
    let listed = scratch.path().join("words.json");
    std::fs::write(&listed, serde_json::to_vec(&words)?)?;
    let aligned: Vec<Aligned> = args.models.script("captions_align.py", &[scratch.path(), &listed])?;
    let mut row = Row { voice: voice.to_owned(), passages: passages.len(), ..Row::default() };
    for (speech, aligned) in speech.iter().zip(&aligned) {
        row.words += speech.words.len();
        if let Some(times) = &aligned.pocketsphinx {
            row.passages_aligned += 1;
            for (word, [start, end]) in speech.words.iter().zip(times) {
                row.pocketsphinx_starts.push(word.start - start);
                row.pocketsphinx_ends.push(word.end - end);
            }
        }
        let heard = speech.words.iter().zip(&aligned.whisper);
        row.whisper_starts.extend(heard.filter_map(|(word, start)| Some(word.start - (*start)?)));
    }
    eprintln!("{voice}: median {:.0} ms", 1e3 * median(absolute(&row.pocketsphinx_starts)));
    Ok(row)
}

fn absolute(errors: &[f64]) -> Vec<f64> {
    errors.iter().map(|e| e.abs()).collect()
}

fn table(args: &Args, rows: &[Row]) -> String {
    let mut text = format!(
        "Error of word times in ms, Kokoro {}, as they come: nothing is subtracted. PocketSphinx (forced alignment, 10 ms \
         frames) is the judge; its own starts lie about 35 ms before the sound rises, which its part of the \
         bias is. Whisper base (cross-attention) is the second opinion.\n\n\
         | voice | words aligned | start: median | start: 95 % | start: bias | end: median | Whisper, start: median | 95 % |\n\
         |---|---|---|---|---|---|---|---|\n",
        args.precision
    );
    let all = |of: fn(&Row) -> &Vec<f64>| rows.iter().flat_map(of).copied().collect::<Vec<f64>>();
    let total = Row {
        voice: "**all**".to_owned(),
        words: rows.iter().map(|r| r.words).sum(),
        pocketsphinx_starts: all(|r| &r.pocketsphinx_starts),
        pocketsphinx_ends: all(|r| &r.pocketsphinx_ends),
        whisper_starts: all(|r| &r.whisper_starts),
        ..Row::default()
    };
    for row in rows.iter().chain([&total]) {
        let starts = absolute(&row.pocketsphinx_starts);
        let whisper = absolute(&row.whisper_starts);
        text += &format!(
            "| {} | {} of {} | **{:.0}** | **{:.0}** | {:+.0} | {:.0} | {:.0} | {:.0} |\n",
            row.voice,
            starts.len(),
            row.words,
            1e3 * median(starts.clone()),
            1e3 * percentile(starts, 0.95),
            1e3 * median(row.pocketsphinx_starts.clone()),
            1e3 * median(absolute(&row.pocketsphinx_ends)),
            1e3 * median(whisper.clone()),
            1e3 * percentile(whisper, 0.95),
        );
    }
    text
}
