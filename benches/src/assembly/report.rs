//! Medians and ratios, as a table and as data.

use super::contenders::{Contender, Contest};
use super::{BITRATE, THREADS};
use crate::cpu::Cost;
use crate::results::{machine, median, write};
use anyhow::Result;
use serde::Serialize;
use std::path::Path;

/// The outcome of a contest.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    ffmpeg: String,
    speed: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    runs: Vec<Cost>,
    cpu_seconds: f64,
    /// The median over the rounds of this contender's CPU time by that round's floor.
    ratio: f64,
    /// The same by the floor together with the sound's encoding, for who makes the sound too.
    ratio_with_sound: Option<f64>,
}

impl Report {
    /// Sums up what was measured. `costs` are in the order in which they ran, each round beginning
    /// with the floor and the sound's encoding.
    pub(crate) fn new(contest: &Contest<'_>, costs: &[(Contender, Cost)]) -> Self {
        let rows = Contender::ALL.into_iter().filter_map(|contender| row(contender, costs)).collect();
        Self {
            machine: machine(),
            ffmpeg: contest.ffmpeg.version().to_owned(),
            speed: contest.speed.to_owned(),
            rows,
        }
    }

    /// The table with what is needed to judge it.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "30 s, 1080x1920@30, 6 stills in motion, 0.5 s crossfades, word captions, narration over ducked \
             music, x264 `{}` at {} Mbit/s, {THREADS} threads. CPU is user and system time of all processes; \
             ratios are medians of each round's own ratio. {}; ffmpeg {}.\n\n\
             | | CPU s (median) | ratio to the floor | ratio to floor and AAC | wall s | rounds |\n\
             |---|---|---|---|---|---|\n",
            self.speed,
            BITRATE / 1_000_000,
            self.machine,
            self.ffmpeg
        );
        for row in &self.rows {
            let wall = median(row.runs.iter().map(|cost| cost.wall).collect());
            let with_sound = row.ratio_with_sound.map_or(String::new(), |ratio| format!("{ratio:.3}"));
            text += &format!(
                "| {} | {:.2} | {:.3} | {with_sound} | {wall:.1} | {} |\n",
                row.name,
                row.cpu_seconds,
                row.ratio,
                row.runs.len()
            );
        }
        text += "\nReelsmith's sound is mixed, ducked, and mastered to -14 LUFS and at most -1 dBTP, measured on the \
            decoded file; the others mix and encode theirs without a loudness target. The floor's file equals \
            Reelsmith's byte for byte.\n";
        text
    }

    /// Writes `assembly.md` and `assembly.json`, with the speed in the name unless it is `veryfast`.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let name = match self.speed.as_str() {
            "veryfast" => "assembly".to_owned(),
            other => format!("assembly-{other}"),
        };
        write(dir, &name, &self.markdown(), self)
    }
}

fn row(contender: Contender, costs: &[(Contender, Cost)]) -> Option<Row> {
    let (mut floor, mut aac) = (f64::NAN, f64::NAN);
    let (mut runs, mut ratios, mut with_sound) = (Vec::new(), Vec::new(), Vec::new());
    for (who, cost) in costs {
        match who {
            Contender::Floor => floor = cost.cpu(),
            Contender::Aac => aac = cost.cpu(),
            _ => {}
        }
        if *who == contender {
            runs.push(*cost);
            ratios.push(cost.cpu() / floor);
            with_sound.push(cost.cpu() / (floor + aac));
        }
    }
    if runs.is_empty() {
        return None;
    }
    let cpu_seconds = median(runs.iter().map(Cost::cpu).collect());
    let ratio_with_sound = contender.makes_sound().then(|| median(with_sound));
    Some(Row { name: contender.name(), runs, cpu_seconds, ratio: median(ratios), ratio_with_sound })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(user: f64) -> Cost {
        Cost { user, system: 0.0, wall: 0.0, peak_bytes: 0 }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine is twice as slow in the second round; the ratio must not see it.
        let costs = [
            (Contender::Floor, cost(10.0)),
            (Contender::Aac, cost(1.0)),
            (Contender::Ours, cost(11.0)),
            (Contender::Floor, cost(20.0)),
            (Contender::Aac, cost(2.0)),
            (Contender::Ours, cost(22.0)),
        ];
        let row = row(Contender::Ours, &costs).unwrap();
        assert!((row.ratio - 1.1).abs() < 1e-12);
        assert!((row.ratio_with_sound.unwrap() - 1.0).abs() < 1e-12);
        assert!((row.cpu_seconds - 16.5).abs() < 1e-12);
        assert!(super::row(Contender::MoviePy, &costs).is_none());
    }
}
