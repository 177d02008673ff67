//! How far each stage of a job is, from its events; draws nothing.

use reelsmith_pipelines::{Event, StepKey};
use std::collections::{BTreeMap, BTreeSet};

/// One stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StageView {
    /// Name, for example `voice`.
    pub name: String,
    /// Steps in all.
    pub parts: u32,
    /// Steps that an earlier run had finished.
    pub earlier: u32,
    /// Seconds worked on by the steps of this run together.
    pub seconds: f64,
    /// What was last counted: `120/900 frames`.
    pub detail: String,
    finished: BTreeSet<StepKey>,
    running: BTreeMap<StepKey, f64>,
}

impl StageView {
    /// Finished share, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        let running: f64 = self.running.values().sum();
        ((self.finished.len() as f64 + running) / f64::from(self.parts.max(1))).clamp(0.0, 1.0)
    }

    /// All its steps are finished.
    pub(super) fn done(&self) -> bool {
        self.finished.len() as u64 >= u64::from(self.parts)
    }

    /// Finished steps.
    pub(super) fn finished(&self) -> usize {
        self.finished.len()
    }

    /// Some step has started.
    pub(super) fn begun(&self) -> bool {
        !self.running.is_empty() || !self.finished.is_empty()
    }
}

/// All stages of a job.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// In the order in which they run.
    pub stages: Vec<StageView>,
}

impl Stages {
    /// Takes note of an event; answers which stages changed.
    pub(super) fn apply(&mut self, event: &Event) -> Vec<usize> {
        match event {
            Event::Planned { stages, finished } => {
                self.stages = stages
                    .iter()
                    .map(|stage| StageView {
                        name: stage.name.clone(),
                        parts: stage.parts,
                        ..StageView::default()
                    })
                    .collect();
                for key in finished {
                    self.with(key, |stage| {
                        stage.earlier += 1;
                        stage.finished.insert(key.clone());
                    });
                }
                (0..self.stages.len()).collect()
            }
            Event::StepStarted { step, .. } => self.with(step, |stage| {
                stage.running.insert(step.clone(), 0.0);
            }),
            Event::Progress { step, done, total, unit } => self.with(step, |stage| {
                if let Some(total) = total.filter(|total| *total > 0) {
                    let share = (*done as f64 / total as f64).clamp(0.0, 1.0);
                    stage.running.insert(step.clone(), share);
                    stage.detail = format!("{done}/{total} {unit}");
                } else {
                    stage.detail = format!("{done} {unit}");
                }
            }),
            Event::StepFinished { step, seconds } => self.with(step, |stage| {
                stage.running.remove(step);
                stage.finished.insert(step.clone());
                stage.seconds += seconds;
                stage.detail.clear();
            }),
            Event::StepFailed { step, .. } => self.with(step, |stage| {
                stage.running.remove(step);
            }),
            Event::State { .. } => Vec::new(),
        }
    }

    fn with(&mut self, step: &StepKey, change: impl FnOnce(&mut StageView)) -> Vec<usize> {
        match self.stages.iter().position(|stage| stage.name == step.stage) {
            Some(index) => {
                change(&mut self.stages[index]);
                vec![index]
            }
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reelsmith_pipelines::Stage;

    fn planned() -> Stages {
        let mut stages = Stages::default();
        stages.apply(&Event::Planned {
            stages: vec![Stage::many("voice", 4), Stage::one("video")],
            finished: vec![StepKey::part("voice", 0)],
        });
        stages
    }

    #[test]
    fn a_resumed_stage_starts_with_what_is_finished() {
        let stages = planned();
        assert_eq!(stages.stages[0].share(), 0.25);
        assert_eq!(stages.stages[0].earlier, 1);
        assert_eq!(stages.stages[1].share(), 0.0);
    }

    #[test]
    fn shares_add_over_parts_and_end_at_one() {
        let mut stages = planned();
        let step = StepKey::part("voice", 1);
        assert_eq!(stages.apply(&Event::StepStarted { step: step.clone(), attempt: 1 }), [0]);
        let half = Event::Progress { step: step.clone(), done: 2, total: Some(4), unit: "sentences".into() };
        stages.apply(&half);
        assert_eq!(stages.stages[0].share(), 0.375);
        assert_eq!(stages.stages[0].detail, "2/4 sentences");
        for part in 1..4 {
            stages.apply(&Event::StepFinished { step: StepKey::part("voice", part), seconds: 1.5 });
        }
        assert!(stages.stages[0].done());
        assert_eq!((stages.stages[0].share(), stages.stages[0].seconds), (1.0, 4.5));
    }

    #[test]
    fn a_failed_step_loses_its_share_and_unknown_stages_are_passed_over() {
        let mut stages = planned();
        let step = StepKey::whole("video");
        stages.apply(&Event::Progress {
            step: step.clone(),
            done: 9,
            total: Some(10),
            unit: "frames".into(),
        });
        stages.apply(&Event::StepFailed { step, message: "killed".into(), retry_in: Some(1.0) });
        assert_eq!(stages.stages[1].share(), 0.0);
        assert!(stages.apply(&Event::StepStarted { step: StepKey::whole("other"), attempt: 1 }).is_empty());
    }
}
