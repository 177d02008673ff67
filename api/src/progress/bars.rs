//! One bar per stage on a terminal.

use super::stages::{StageView, Stages};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use reelsmith_pipelines::Event;

/// Steps of a bar: a thousandth of a stage.
const STEPS: u64 = 1000;

/// Bars of a running job.
pub(super) struct Bars {
    multi: MultiProgress,
    stages: Stages,
    bars: Vec<ProgressBar>,
}

impl Bars {
    pub(super) fn new(multi: MultiProgress) -> Self {
        Self { multi, stages: Stages::default(), bars: Vec::new() }
    }

    /// Draws what changed.
    pub(super) fn event(&mut self, event: &Event) {
        let changed = self.stages.apply(event);
        if matches!(event, Event::Planned { .. }) {
            self.lay();
        }
        if let Event::StepFailed { step, message, retry_in } = event {
            let next = retry_in.map_or(String::new(), |s| format!(" (again in {s:.0} s)"));
            let _ = self.multi.println(format!("{step} failed: {message}{next}"));
        }
        for index in changed {
            if let (Some(stage), Some(bar)) = (self.stages.stages.get(index), self.bars.get(index)) {
                draw(stage, bar);
            }
        }
    }

    fn lay(&mut self) {
        for bar in self.bars.drain(..) {
            bar.finish_and_clear();
            self.multi.remove(&bar);
        }
        let style = ProgressStyle::with_template("{prefix:>10} {bar:30.cyan/dim} {percent:>3}% {msg}")
            .expect("the template is a constant, checked by a test")
            .progress_chars("━╸─");
        for stage in &self.stages.stages {
            let bar = self.multi.add(ProgressBar::new(STEPS)).with_prefix(stage.name.clone());
            bar.set_style(style.clone());
            self.bars.push(bar);
        }
    }

    /// Leaves the bars as they are.
    pub(super) fn settle(&mut self) {
        for bar in self.bars.drain(..) {
            if !bar.is_finished() {
                bar.abandon();
            }
        }
    }
}

fn draw(stage: &StageView, bar: &ProgressBar) {
    bar.set_position((stage.share() * STEPS as f64) as u64);
    let parts = match stage.parts {
        0 | 1 => String::new(),
        parts => format!("{}/{parts} ", stage.finished()),
    };
    if stage.done() {
        let earlier = if stage.earlier == stage.parts {
            "done earlier".into()
        } else {
            format!("{:.1} s", stage.seconds)
        };
        bar.finish_with_message(format!("{parts}{earlier}"));
    } else if stage.begun() {
        bar.set_message(format!("{parts}{}", stage.detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{InMemoryTerm, ProgressDrawTarget, TermLike};
    use reelsmith_pipelines::{Stage, StepKey};

    #[test]
    fn stages_are_drawn_with_their_share_and_outcome() {
        let term = InMemoryTerm::new(20, 100);
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(term.clone())));
        let mut bars = Bars::new(multi);
        bars.event(&Event::Planned {
            stages: vec![Stage::many("voice", 2), Stage::one("video")],
            finished: vec![StepKey::part("voice", 0), StepKey::part("voice", 1)],
        });
        let step = StepKey::whole("video");
        bars.event(&Event::Progress {
            step: step.clone(),
            done: 450,
            total: Some(900),
            unit: "frames".into(),
        });
        bars.event(&Event::StepFinished { step, seconds: 12.34 });
        term.flush().expect("in memory");
        let shown = term.contents();
        assert!(shown.contains("voice") && shown.contains("2/2 done earlier"), "{shown}");
        assert!(shown.contains("video") && shown.contains("100% 12.3 s"), "{shown}");
    }
}
