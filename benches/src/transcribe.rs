//! Speed of the recogniser against faster-whisper and whisper.cpp: the same weights, beams, threads and cores, in turn,
//! on five minutes of people reading aloud. What they read is known, so that everybody's errors are counted too; and on
//! speech whose words have known times, when words are said to begin.

mod ours;
mod report;
mod sounds;
mod words;

pub(crate) use ours::{OursArgs, run_ours};

use crate::contender::Contender;
use crate::results::write;
use anyhow::{Result, ensure};
use report::{Report, Row, StartsRow};
use serde::{Deserialize, Serialize};
use sounds::{Sound, read_aloud, spoken};
use std::path::PathBuf;
use std::process::Command;
use words::{Starts, Word};

/// What prepares the peers and the sounds.
const SETUP: &str = "benches/peers/transcribe_setup.sh";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of fetched models (`reelsmith models pull --set test`).
    #[arg(long, default_value_os_t = crate::models())]
    models: PathBuf,
    /// Python with the peers, as benches/peers/transcribe_setup.sh makes it.
    #[arg(long, default_value = ".cache/bench-transcribe/bin/python")]
    python: PathBuf,
    /// Speech, as the same script lays it out: f32 samples at 16 kHz.
    #[arg(long, default_value = ".cache/bench-transcribe/sounds")]
    sounds: PathBuf,
    /// What Kokoro says for the times of words, a passage a line.
    #[arg(long, default_value = "benches/data/passages.txt")]
    passages: PathBuf,
    /// With whose voices.
    #[arg(long, value_delimiter = ',', default_value = "af_heart,am_michael,bf_emma,bm_george")]
    voices: Vec<String>,
    /// Seconds of each sound, at least; 0 of Kokoro leaves it out.
    #[arg(long, default_value_t = 300.0)]
    seconds: f64,
    /// See `seconds`.
    #[arg(long, default_value_t = 300.0)]
    spoken_seconds: f64,
    /// Rounds, after one that warms up.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Rounds in which whisper.cpp takes part, and the seconds of sound it is given: it takes long.
    #[arg(long, default_value_t = 1)]
    cpp_runs: usize,
    /// See `cpp-runs`.
    #[arg(long, default_value_t = 50.0)]
    cpp_seconds: f64,
    /// Threads of everybody.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Texts followed at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,5")]
    beams: Vec<u32>,
    /// Windows decoded at a time; whisper.cpp takes one.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    batch: Vec<u32>,
    /// Precisions, by faster-whisper's names.
    #[arg(long, value_delimiter = ',', default_value = "float32,int8")]
    precisions: Vec<String>,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// One transcription.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Heard {
    cpu: f64,
    wall: f64,
    text: String,
    /// Each word and the second at which it begins.
    words: Vec<Word>,
}

/// What is asked of a contender, a line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ask {
    sound: PathBuf,
    beams: u32,
    batch: u32,
}

/// Runs the contest.
///
/// # Errors
/// If a model or a tool is missing or a contender fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.runs > 0 && !args.voices.is_empty(), "at least one round and one voice are needed");
    let scratch = tempfile::tempdir()?;
    let read = read_aloud(args, scratch.path(), args.seconds)?;
    let short = read_aloud(args, scratch.path(), args.cpp_seconds)?;
    let said = match args.spoken_seconds > 0.0 {
        true => Some(spoken(args, scratch.path(), args.spoken_seconds)?),
        false => None,
    };
    let (mut rows, mut starts) = (Vec::new(), Vec::new());
    for precision in &args.precisions {
        let mut contest = Contest::start(args, precision)?;
        for beams in &args.beams {
            for batch in &args.batch {
                rows.push(contest.row(&read, *beams, *batch)?);
            }
            rows.extend(contest.row_of_cpp(&short, *beams)?);
        }
        starts.extend(contest.starts("PocketSphinx, people", &read)?);
        if let Some(said) = &said {
            starts.extend(contest.starts("Kokoro's durations", said)?);
        }
    }
    let report = Report { rows, starts };
    let markdown = report.table(args);
    println!("{markdown}");
    write(&args.out, "transcribe", &markdown, &report)
}

/// Those who take part, each with its model loaded in one precision.
struct Contest<'a> {
    args: &'a Args,
    precision: &'a str,
    ours: Contender,
    faster: Contender,
    cpp: Option<Contender>,
}

impl<'a> Contest<'a> {
    fn start(args: &'a Args, precision: &'a str) -> Result<Self> {
        let threads = args.threads.to_string();
        let ours = Contender::start(
            Command::new(std::env::current_exe()?)
                .arg("transcribe-ours")
                .arg("--models")
                .arg(&args.models)
                .args(["--threads", &threads, "--precision", precision]),
            SETUP,
        )?;
        let peer = |script: &str| {
            Contender::start(
                Command::new(&args.python)
                    .arg(format!("benches/peers/{script}"))
                    .arg(args.models.join("whisper-base-ct2"))
                    .args([precision, &threads]),
                SETUP,
            )
        };
        let cpp = (args.cpp_runs > 0).then(|| peer("transcribe_whisper_cpp.py")).transpose()?;
        Ok(Self { args, precision, ours, faster: peer("transcribe_faster_whisper.py")?, cpp })
    }

    /// All rounds of one way to transcribe, beside faster-whisper.
    fn row(&mut self, sound: &Sound, beams: u32, batch: u32) -> Result<Row> {
        let line = serde_json::to_string(&Ask { sound: sound.path.clone(), beams, batch })?;
        // The first round warms the caches.
        let rounds = self.args.runs + 1;
        rounds_of(("faster-whisper", self.precision), (&mut self.ours, &mut self.faster), &line, rounds, 1)
            .map(|heard| Row::new("faster-whisper", self.precision, (beams, batch), sound, heard))
    }

    /// The same beside whisper.cpp, where it takes part.
    fn row_of_cpp(&mut self, sound: &Sound, beams: u32) -> Result<Option<Row>> {
        let Some(cpp) = &mut self.cpp else { return Ok(None) };
        let line = serde_json::to_string(&Ask { sound: sound.path.clone(), beams, batch: 1 })?;
        let heard =
            rounds_of(("whisper.cpp", self.precision), (&mut self.ours, cpp), &line, self.args.cpp_runs, 0)?;
        Ok(Some(Row::new("whisper.cpp", self.precision, (beams, 1), sound, heard)))
    }

    /// When words begin, by ours and by faster-whisper, as against `reference`; with as many texts as are usual.
    fn starts(&mut self, reference: &str, sound: &Sound) -> Result<Vec<StartsRow>> {
        let line = serde_json::to_string(&Ask { sound: sound.path.clone(), beams: 5, batch: 1 })?;
        let mut rows = Vec::new();
        for (who, contender) in [("ours", &mut self.ours), ("faster-whisper", &mut self.faster)] {
            let heard = contender.ask::<Heard>(&line)?;
            let starts = Starts::of(&sound.words, &heard.words);
            eprintln!("{} {who} against {reference}: {starts:?}", self.precision);
            rows.push(StartsRow::new(reference, self.precision, who, starts, sound, &heard));
        }
        Ok(rows)
    }
}

/// What both heard in `rounds` rounds, of which the first `unseen` are not counted.
fn rounds_of(
    (name, precision): (&str, &str),
    (ours, peer): (&mut Contender, &mut Contender),
    line: &str,
    rounds: usize,
    unseen: usize,
) -> Result<[Vec<Heard>; 2]> {
    let mut heard = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let (a, b) = (ours.ask::<Heard>(line)?, peer.ask::<Heard>(line)?);
        eprintln!("{precision} {line} round {round}: ours {:.1}, {name} {:.1} CPU s", a.cpu, b.cpu);
        if round >= unseen {
            heard[0].push(a);
            heard[1].push(b);
        }
    }
    Ok(heard)
}
