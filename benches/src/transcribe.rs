//! Speed of the recogniser against faster-whisper: the same weights, beams, threads and cores, in turn, on five minutes
//! of people reading aloud. What they read is known, so that the errors of both are counted too.

mod ours;

pub(crate) use ours::{OursArgs, run_ours};

use crate::contender::Contender;
use crate::results::{machine, median, write};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What prepares the peer and the sounds.
const SETUP: &str = "benches/peers/transcribe_setup.sh";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of fetched models (`reelsmith models pull --set test`).
    #[arg(long, default_value_os_t = crate::models())]
    models: PathBuf,
    /// Python with the peer, as benches/peers/transcribe_setup.sh makes it.
    #[arg(long, default_value = ".cache/bench-transcribe/bin/python")]
    python: PathBuf,
    /// Speech, as the same script lays it out: f32 samples at 16 kHz.
    #[arg(long, default_value = ".cache/bench-transcribe/sounds")]
    sounds: PathBuf,
    /// Seconds of sound, at least.
    #[arg(long, default_value_t = 300.0)]
    seconds: f64,
    /// Rounds, after one that warms up.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Threads of either.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Texts followed at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,5")]
    beams: Vec<u32>,
    /// Windows decoded at a time, by both.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    batch: Vec<u32>,
    /// Precisions, by the peer's names.
    #[arg(long, value_delimiter = ',', default_value = "float32,int8")]
    precisions: Vec<String>,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// What is read aloud, by the names of the files: the beginning of Dickens' "A Tale of Two Cities", and from
/// Beckett's "Worstward Ho".
const READ: [(&str, &str); 2] = [
    (
        "two_cities",
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, \
         it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season \
         of darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had \
         nothing before us, we were all going direct to heaven, we were all going direct the other way. In short, the \
         period was so far like the present period that some of its noisiest authorities insisted on its being \
         received, for good or for evil, in the superlative degree of comparison only.",
    ),
    ("beckett", "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."),
];

/// One transcription.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Heard {
    cpu: f64,
    wall: f64,
    text: String,
    /// Each word and the second at which it begins.
    words: Vec<(String, f64)>,
}

/// What is asked of a contender, a line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ask {
    sound: PathBuf,
    beams: u32,
    batch: u32,
}

#[derive(Debug, Serialize)]
struct Row {
    precision: String,
    beams: u32,
    batch: u32,
    seconds: f64,
    ours: Vec<Heard>,
    peer: Vec<Heard>,
    our_errors: f64,
    peer_errors: f64,
    starts_apart: f64,
}

/// Runs the contest.
///
/// # Errors
/// If a model or a tool is missing or a contender fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.runs > 0, "at least one round is needed");
    let scratch = tempfile::tempdir()?;
    let sound = scratch.path().join("sound.f32");
    let laid = lay(args, &sound)?;
    let mut rows = Vec::new();
    for precision in &args.precisions {
        let [mut ours, mut peer] = contenders(args, precision)?;
        let ways = args.beams.iter().flat_map(|beams| args.batch.iter().map(move |batch| (*beams, *batch)));
        for (beams, batch) in ways {
            let ask = Ask { sound: sound.clone(), beams, batch };
            rows.push(contest(args, precision, (&mut ours, &mut peer), &ask, &laid)?);
        }
    }
    let markdown = table(args, &rows);
    println!("{markdown}");
    write(&args.out, "transcribe", &markdown, &rows)
}

/// Ours and the peer, each with its model loaded.
fn contenders(args: &Args, precision: &str) -> Result<[Contender; 2]> {
    let threads = args.threads.to_string();
    let ours = Contender::start(
        Command::new(std::env::current_exe()?)
            .arg("transcribe-ours")
            .arg("--models")
            .arg(&args.models)
            .args(["--threads", &threads, "--precision", precision]),
        SETUP,
    )?;
    let peer = Contender::start(
        Command::new(&args.python)
            .arg("benches/peers/transcribe_faster_whisper.py")
            .arg(args.models.join("whisper-base-ct2"))
            .args([precision, &threads]),
        SETUP,
    )?;
    Ok([ours, peer])
}

/// All rounds of one way to transcribe.
fn contest(
    args: &Args,
    precision: &str,
    (ours, peer): (&mut Contender, &mut Contender),
    ask: &Ask,
    (seconds, read): &(f64, Vec<String>),
) -> Result<Row> {
    let Ask { beams, batch, .. } = *ask;
    let line = serde_json::to_string(ask)?;
    let (mut us, mut them) = (Vec::new(), Vec::new());
    for round in 0..=args.runs {
        let (a, b) = (ours.ask::<Heard>(&line)?, peer.ask::<Heard>(&line)?);
        eprintln!(
            "{precision} beams {beams} batch {batch} round {round}: ours {:.1}, peer {:.1} CPU s",
            a.cpu, b.cpu
        );
        // The first round warms the caches.
        if round > 0 {
            us.push(a);
            them.push(b);
        }
    }
    Ok(Row {
        precision: precision.to_owned(),
        beams,
        batch,
        seconds: *seconds,
        our_errors: word_error_rate(read, &plain(&us[0].text)),
        peer_errors: word_error_rate(read, &plain(&them[0].text)),
        starts_apart: apart(&us[0].words, &them[0].words),
        ours: us,
        peer: them,
    })
}

/// Writes the sounds one after the other with a second between, until they are long enough; gives how long they are and
/// the words in them.
fn lay(args: &Args, sound: &Path) -> Result<(f64, Vec<String>)> {
    let (mut bytes, mut words) = (Vec::new(), Vec::new());
    let seconds = |bytes: &[u8]| bytes.len() as f64 / 64_000.0;
    while seconds(&bytes) < args.seconds {
        for (name, text) in READ {
            let path = args.sounds.join(format!("{name}.f32"));
            bytes.extend(
                std::fs::read(&path).with_context(|| format!("read {}; {SETUP} makes it", path.display()))?,
            );
            bytes.extend(vec![0; 64_000]);
            words.extend(plain(text));
        }
    }
    std::fs::write(sound, &bytes)?;
    Ok((seconds(&bytes), words))
}

/// Lower-case words without punctuation.
fn plain(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The least number of words to change, over those there should be.
fn word_error_rate(expected: &[String], heard: &[String]) -> f64 {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in expected.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, found) in heard.iter().enumerate() {
            let substitute = diagonal + usize::from(word != found);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()] as f64 / expected.len() as f64
}

/// The median distance in seconds of the starts of each word of ours and the nearest of the same spelling of theirs.
fn apart(ours: &[(String, f64)], theirs: &[(String, f64)]) -> f64 {
    let nearest = |(word, start): &(String, f64)| {
        let same = theirs.iter().filter(|(other, _)| plain(other) == plain(word));
        same.map(|(_, other)| (other - start).abs()).min_by(f64::total_cmp)
    };
    median(ours.iter().filter_map(nearest).collect())
}

fn table(args: &Args, rows: &[Row]) -> String {
    let mut text = format!(
        "Whisper base, {} threads, against faster-whisper with the same weights, voice detection and \
         word times on, {} rounds in turn. RTF is time by the seconds of sound (medians); the ratio is ours by the peer's \
         (median of each round's own). WER is of words, against what was read. {}.\n\n\
         | precision | beams | windows at a time | sound s | RTF wall | RTF CPU | peer RTF wall | peer RTF CPU | wall ratio \
         | CPU ratio | WER | peer WER | word starts apart, median |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        args.threads,
        args.runs,
        machine(),
    );
    for row in rows {
        let rtf =
            |all: &[Heard], of: fn(&Heard) -> f64| median(all.iter().map(|h| of(h) / row.seconds).collect());
        let ratio = |of: fn(&Heard) -> f64| {
            median(row.ours.iter().zip(&row.peer).map(|(a, b)| of(a) / of(b)).collect())
        };
        text += &format!(
            "| {} | {} | {} | {:.0} | {:.3} | {:.3} | {:.3} | {:.3} | **{:.2}** | **{:.2}** | {:.2} % | {:.2} % | {:.0} ms |\n",
            row.precision,
            row.beams,
            row.batch,
            row.seconds,
            rtf(&row.ours, |h| h.wall),
            rtf(&row.ours, |h| h.cpu),
            rtf(&row.peer, |h| h.wall),
            rtf(&row.peer, |h| h.cpu),
            ratio(|h| h.wall),
            ratio(|h| h.cpu),
            row.our_errors * 100.0,
            row.peer_errors * 100.0,
            row.starts_apart * 1000.0,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_words_and_starts_by_the_nearest_word() {
        let rate = |a: &str, b: &str| word_error_rate(&plain(a), &plain(b));
        assert_eq!(rate("The cat, sat down.", "the cat sat down"), 0.0);
        assert_eq!(rate("the cat sat down", "the dog sat"), 0.5);
        let word = |text: &str, start| (text.to_owned(), start);
        let theirs = [word("a", 1.0), word(" A.", 5.0), word("b", 2.0)];
        assert_eq!(apart(&[word("a", 4.5), word("b", 2.25), word("c", 9.0)], &theirs), 0.375);
    }
}
