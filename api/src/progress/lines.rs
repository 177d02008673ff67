//! Plain lines for logs and pipes, and JSON lines for programs.

use super::stages::Stages;
use reelsmith_pipelines::Event;
use serde_json::Value;
use std::io::Write;

/// A stage's share is told anew each time it has grown by this much.
const TOLD_EVERY: f64 = 0.25;

/// Plain lines on standard error.
#[derive(Default)]
pub(super) struct Plain {
    stages: Stages,
    told: Vec<f64>,
}

impl Plain {
    /// Tells what is worth a line.
    pub(super) fn event(&mut self, event: &Event) {
        for line in self.lines(event) {
            eprintln!("{line}");
        }
    }

    fn lines(&mut self, event: &Event) -> Vec<String> {
        let changed = self.stages.apply(event);
        let stages = &self.stages.stages;
        self.told.resize(stages.len(), 0.0);
        match event {
            Event::Planned { .. } => {
                self.told.fill(0.0);
                let done = stages.iter().filter(|stage| stage.done());
                done.map(|stage| format!("{}: done earlier", stage.name)).collect()
            }
            Event::StepFailed { step, message, retry_in } => {
                let next = retry_in.map_or(String::new(), |s| format!(" (again in {s:.0} s)"));
                vec![format!("{step} failed: {message}{next}")]
            }
            Event::StepFinished { .. } | Event::Progress { .. } => {
                changed.into_iter().filter_map(|index| tell(&stages[index], &mut self.told[index])).collect()
            }
            Event::StepStarted { .. } | Event::State { .. } => Vec::new(),
        }
    }
}

fn tell(stage: &super::stages::StageView, told: &mut f64) -> Option<String> {
    let share = stage.share();
    if stage.done() && *told < 1.0 {
        *told = 1.0;
        return Some(format!("{}: done in {:.1} s", stage.name, stage.seconds));
    }
    // The last unit is not the end: the step still stores what it made.
    if share - *told < TOLD_EVERY || share >= 1.0 {
        return None;
    }
    *told = share;
    let detail = if stage.detail.is_empty() { String::new() } else { format!(" ({})", stage.detail) };
    Some(format!("{}: {:.0} %{detail}", stage.name, share * 100.0))
}

/// One JSON object on a line of standard output. A reader that went away is no reason to stop the work.
pub(super) fn json(value: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use reelsmith_pipelines::{Stage, StepKey};

    #[test]
    fn a_thousand_frames_make_a_handful_of_lines() {
        let mut plain = Plain::default();
        plain.lines(&Event::Planned { stages: vec![Stage::one("video")], finished: Vec::new() });
        let step = StepKey::whole("video");
        let mut lines = Vec::new();
        for done in 1..=1000 {
            let event =
                Event::Progress { step: step.clone(), done, total: Some(1000), unit: "frames".into() };
            lines.extend(plain.lines(&event));
        }
        lines.extend(plain.lines(&Event::StepFinished { step, seconds: 2.0 }));
        assert_eq!(lines[0], "video: 25 % (250/1000 frames)");
        assert_eq!(lines.last().map(String::as_str), Some("video: done in 2.0 s"));
        assert!(lines.len() <= 5, "{lines:?}");
    }

    #[test]
    fn what_is_done_earlier_is_said_once() {
        let mut plain = Plain::default();
        let finished = vec![StepKey::whole("sound")];
        let lines = plain.lines(&Event::Planned { stages: vec![Stage::one("sound")], finished });
        assert_eq!(lines, ["sound: done earlier"]);
    }
}
