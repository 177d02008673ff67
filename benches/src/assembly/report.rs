//! Medians and ratios, as a table and as data.

use super::contenders::{Contender, Contest};
use super::{BITRATE, THREADS};
use crate::cpu::Cost;
use anyhow::Result;
use serde::Serialize;
use std::path::Path;

/// The outcome of a contest.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    ffmpeg: String,
    speed: String,
    load_at_end: String,
    sound_seconds: f64,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    runs: Vec<Cost>,
    cpu_seconds: f64,
    /// The median over the rounds of this contender's CPU time by that round's floor.
    ratio: f64,
}

impl Report {
    /// Sums up what was measured. `costs` are in the order in which they ran, each round beginning
    /// with the floor.
    pub(crate) fn new(contest: &Contest<'_>, costs: &[(Contender, Cost)]) -> Result<Self> {
        let rows = Contender::ALL.into_iter().filter_map(|contender| row(contender, costs)).collect();
        let sound = std::fs::read_to_string(contest.dir.join("ours-sound-seconds.txt"))?;
        Ok(Self {
            machine: machine(),
            ffmpeg: contest.ffmpeg.version().to_owned(),
            speed: contest.speed.to_owned(),
            load_at_end: std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned(),
            sound_seconds: sound.parse()?,
            rows,
        })
    }

    /// The table with what is needed to judge it.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "30 s, 1080x1920@30, 6 stills in motion, 0.5 s crossfades, word captions, narration over ducked \
             music, x264 `{}` at {} Mbit/s, {THREADS} threads. CPU is user and system time of all processes; \
             ratios are medians of each round's own ratio. {}; ffmpeg {}; load {}.\n\n\
             | | CPU s (median) | ratio to the floor | wall s | rounds |\n|---|---|---|---|---|\n",
            self.speed,
            BITRATE / 1_000_000,
            self.machine,
            self.ffmpeg,
            self.load_at_end
        );
        for row in &self.rows {
            let wall = median(row.runs.iter().map(|cost| cost.wall));
            text += &format!(
                "| {} | {:.2} | {:.3} | {wall:.1} | {} |\n",
                row.name,
                row.cpu_seconds,
                row.ratio,
                row.runs.len()
            );
        }
        text += &format!(
            "\nOf Reelsmith's time {:.2} s are the sound: mixed, ducked, and mastered to -14 LUFS and -1 dBTP on \
             the decoded file, which the others do not do. The floor's file equals Reelsmith's byte for byte.\n",
            self.sound_seconds
        );
        text
    }

    /// Writes `assembly.md` and `assembly.json`, with the speed in the name unless it is `veryfast`.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        let name =
            if self.speed == "veryfast" { "assembly".into() } else { format!("assembly-{}", self.speed) };
        std::fs::write(dir.join(format!("{name}.md")), self.markdown())?;
        std::fs::write(dir.join(format!("{name}.json")), serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }
}

fn row(contender: Contender, costs: &[(Contender, Cost)]) -> Option<Row> {
    let mut floor = f64::NAN;
    let (mut runs, mut ratios) = (Vec::new(), Vec::new());
    for (who, cost) in costs {
        if *who == Contender::Floor {
            floor = cost.cpu();
        }
        if *who == contender {
            runs.push(*cost);
            ratios.push(cost.cpu() / floor);
        }
    }
    if runs.is_empty() {
        return None;
    }
    let cpu_seconds = median(runs.iter().map(Cost::cpu));
    Some(Row { name: contender.name(), runs, cpu_seconds, ratio: median(ratios.into_iter()) })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores", model.trim_start_matches([' ', '\t', ':']))
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
            (Contender::Ours, cost(11.0)),
            (Contender::Floor, cost(20.0)),
            (Contender::Ours, cost(22.0)),
        ];
        let row = row(Contender::Ours, &costs).unwrap();
        assert!((row.ratio - 1.1).abs() < 1e-12);
        assert!((row.cpu_seconds - 16.5).abs() < 1e-12);
        assert!(super::row(Contender::MoviePy, &costs).is_none());
    }
}
