//! The tables of the contest.

use super::sounds::Sound;
use super::words::{Starts, plain, word_error_rate};
use super::{Args, Heard};
use crate::results::{machine, median};
use serde::Serialize;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    pub(super) starts: Vec<StartsRow>,
}

/// Ours and a peer, transcribing one way.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    against: &'static str,
    precision: String,
    beams: u32,
    batch: u32,
    seconds: f64,
    ours: Vec<Heard>,
    peer: Vec<Heard>,
    our_errors: f64,
    peer_errors: f64,
}

/// Starts of words, of one who transcribes, against a reference.
#[derive(Debug, Serialize)]
pub(super) struct StartsRow {
    reference: String,
    precision: String,
    who: String,
    starts: Starts,
    errors: f64,
}

impl Row {
    pub(super) fn new(
        against: &'static str,
        precision: &str,
        (beams, batch): (u32, u32),
        sound: &Sound,
        [ours, peer]: [Vec<Heard>; 2],
    ) -> Self {
        let errors = |heard: &[Heard]| word_error_rate(&sound.text, &plain(&heard[0].text));
        Self {
            against,
            precision: precision.to_owned(),
            beams,
            batch,
            seconds: sound.seconds,
            our_errors: errors(&ours),
            peer_errors: errors(&peer),
            ours,
            peer,
        }
    }

    fn line(&self) -> String {
        let rtf = |all: &[Heard], of: fn(&Heard) -> f64| {
            median(all.iter().map(|heard| of(heard) / self.seconds).collect())
        };
        let ratio = |of: fn(&Heard) -> f64| {
            median(self.ours.iter().zip(&self.peer).map(|(a, b)| of(a) / of(b)).collect())
        };
        let [wall, cpu]: [fn(&Heard) -> f64; 2] = [|heard| heard.wall, |heard| heard.cpu];
        format!(
            "| {} | {} | {} | {} | {:.0} | {} | {:.3} | {:.3} | {:.3} | {:.3} | **{:.2}** | **{:.2}** | {:.2} % | {:.2} % |\n",
            self.against,
            self.precision,
            self.beams,
            self.batch,
            self.seconds,
            self.ours.len(),
            rtf(&self.ours, wall),
            rtf(&self.ours, cpu),
            rtf(&self.peer, wall),
            rtf(&self.peer, cpu),
            ratio(wall),
            ratio(cpu),
            self.our_errors * 100.0,
            self.peer_errors * 100.0,
        )
    }
}

impl StartsRow {
    pub(super) fn new(
        reference: &str,
        precision: &str,
        who: &str,
        starts: Starts,
        sound: &Sound,
        heard: &Heard,
    ) -> Self {
        let errors = word_error_rate(&sound.text, &plain(&heard.text));
        let [reference, precision, who] = [reference, precision, who].map(str::to_owned);
        Self { reference, precision, who, starts, errors }
    }

    fn line(&self) -> String {
        let Starts { words, heard, apart, most, later } = self.starts;
        let [apart, most, later] = [apart, most, later].map(|seconds| seconds * 1000.0);
        format!(
            "| {} | {} | {} | {heard} of {words} | **{apart:.0} ms** | {most:.0} ms | {later:+.0} ms | {:.2} % |\n",
            self.reference,
            self.precision,
            self.who,
            self.errors * 100.0,
        )
    }
}

impl Report {
    pub(super) fn table(&self, args: &Args) -> String {
        let rows: String = self.rows.iter().map(Row::line).collect();
        let starts: String = self.starts.iter().map(StartsRow::line).collect();
        format!(
            "Whisper base, {} threads, against peers with the same weights, in turn on people reading aloud; times of words on \
             everywhere, voice detection with all but whisper.cpp, which has fp16 where float32 is said and q8_0 where int8 \
             is. RTF is time by the seconds of sound (medians); the ratio is ours by the peer's (median of each round's \
             own). WER is of words, against what was read. {}.\n\n\
             | against | precision | beams | windows at a time | sound s | rounds | RTF wall | RTF CPU | peer RTF wall \
             | peer RTF CPU | wall ratio | CPU ratio | WER | peer WER |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n{rows}\n\
             Starts of words, 5 beams: how far they lie from those of a reference (median and 95 of 100 words), and by how much \
             later (median). PocketSphinx aligns the known text with people's voices in frames of 10 ms; its own starts lie \
             about 35 ms before the sound rises. Kokoro knows when it says what.\n\n\
             | reference | precision | who | words heard | apart | 95 % | later | WER |\n|---|---|---|---|---|---|---|---|\n{starts}",
            args.threads,
            machine(),
        )
    }
}
