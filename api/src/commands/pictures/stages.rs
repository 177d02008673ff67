//! The stages of one command that makes a picture, told as its requests go through them.

use crate::progress::Reporter;
use reelsmith_inference_core::Progress;
use reelsmith_inference_core::image::Image;
use reelsmith_pipelines::{Event, Stage, StepKey};
use std::future::Future;
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a request counts, and the stage that is.
type Units = &'static [(&'static str, &'static str)];

/// Tells how far a command is.
pub(in crate::commands) struct Stages<'a> {
    reporter: &'a mut Reporter,
    cancel: CancellationToken,
    loading: &'static str,
    units: Units,
    running: Option<(StepKey, Instant)>,
}

impl<'a> Stages<'a> {
    /// A command that goes through the stages of these names.
    pub(in crate::commands) fn new(
        reporter: &'a mut Reporter,
        cancel: &CancellationToken,
        names: &[&str],
    ) -> Self {
        let stages = names.iter().map(|name| Stage::one(name)).collect();
        reporter.step(&Event::Planned { stages, finished: Vec::new() });
        Self { reporter, cancel: cancel.clone(), loading: "model", units: &[], running: None }
    }

    /// The next requests are in the stage that their unit names; whatever else they count is loading.
    pub(in crate::commands) fn names(&mut self, loading: &'static str, units: Units) {
        (self.loading, self.units) = (loading, units);
    }

    /// Waits for a request and tells its progress; Ctrl-C cancels it.
    pub(in crate::commands) async fn watch<T, E, F>(
        &mut self,
        ask: impl FnOnce(Box<dyn Fn(Progress) + Send + Sync>, CancellationToken) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.watch_with_previews(|told, _, cancel| ask(told, cancel), async |_| {}).await
    }

    /// The same, and has each preview shown.
    pub(super) async fn watch_with_previews<T, E, F>(
        &mut self,
        ask: impl FnOnce(
            Box<dyn Fn(Progress) + Send + Sync>,
            Box<dyn Fn(&Image) + Send + Sync>,
            CancellationToken,
        ) -> F,
        show: impl AsyncFn(Image),
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let (tell, mut told) = watch::channel(None);
        let (paint, mut painted) = watch::channel(None);
        let progress = Box::new(move |at: Progress| {
            tell.send_replace(Some(at));
        });
        let preview = Box::new(move |image: &Image| {
            paint.send_replace(Some(image.clone()));
        });
        let mut asked = std::pin::pin!(ask(progress, preview, self.cancel.clone()));
        loop {
            tokio::select! {
                biased;
                answer = &mut asked => {
                    let last = *told.borrow();
                    last.into_iter().for_each(|at| self.progress(at));
                    self.end(answer.is_ok());
                    return answer;
                }
                Ok(()) = told.changed() => {
                    let latest = *told.borrow_and_update();
                    latest.into_iter().for_each(|at| self.progress(at));
                }
                Ok(()) = painted.changed() => {
                    let latest = painted.borrow_and_update().clone();
                    if let Some(image) = latest {
                        show(image).await;
                    }
                }
            }
        }
    }

    fn progress(&mut self, at: Progress) {
        let known = self.units.iter().find(|(unit, _)| *unit == at.unit);
        let stage = known.map_or(self.loading, |(_, stage)| *stage);
        if self.running.as_ref().is_none_or(|(step, _)| step.stage != stage) {
            self.end(true);
            let step = StepKey::whole(stage);
            self.reporter.step(&Event::StepStarted { step: step.clone(), attempt: 1 });
            self.running = Some((step, Instant::now()));
        }
        let Progress { done, total, unit } = at;
        let (step, unit) = (StepKey::whole(stage), unit.to_owned());
        self.reporter.step(&Event::Progress { step, done, total, unit });
    }

    /// The running stage is over.
    fn end(&mut self, good: bool) {
        if let Some((step, begun)) = self.running.take().filter(|_| good) {
            self.reporter.step(&Event::StepFinished { step, seconds: begun.elapsed().as_secs_f64() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Style;
    use indicatif::{InMemoryTerm, MultiProgress, ProgressDrawTarget, TermLike};
    use std::sync::Mutex;

    fn at(done: u64, unit: &'static str) -> Progress {
        Progress { done, total: Some(4), unit }
    }

    #[tokio::test]
    async fn each_unit_is_told_in_its_stage_and_previews_are_shown() {
        let term = InMemoryTerm::new(20, 100);
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(term.clone())));
        let mut reporter = Reporter::new(Style::Bars, bars);
        let mut stages = Stages::new(&mut reporter, &CancellationToken::new(), &["model", "draw", "decode"]);
        stages.names("model", &[("steps", "draw"), ("tiles", "decode")]);
        let shown = Mutex::new(Vec::new());
        let asked = stages.watch_with_previews(
            |told, preview, _| async move {
                for now in [at(4, "files"), at(1, "steps"), at(4, "steps"), at(2, "tiles")] {
                    told(now);
                    tokio::task::yield_now().await;
                }
                preview(&Image::new(1, 1, 1, vec![7]).expect("a pixel"));
                tokio::task::yield_now().await;
                Ok::<_, ()>("done")
            },
            async |image| shown.lock().expect("unpoisoned").push(image.pixels[0]),
        );
        assert_eq!(asked.await, Ok("done"));
        assert_eq!(*shown.lock().expect("unpoisoned"), [7]);
        reporter.settle();
        term.flush().expect("in memory");
        let lines: Vec<String> = term.contents().lines().map(str::to_owned).collect();
        for (line, name) in lines.iter().zip(["model", "draw", "decode"]) {
            assert!(line.contains(name) && line.contains("100% 0.0 s"), "{lines:?}");
        }
        assert_eq!(lines.len(), 3, "{lines:?}");
    }

    #[tokio::test]
    async fn a_request_that_fails_leaves_its_stage_unfinished() {
        let term = InMemoryTerm::new(20, 100);
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(term.clone())));
        let mut reporter = Reporter::new(Style::Bars, bars);
        let mut stages = Stages::new(&mut reporter, &CancellationToken::new(), &["model"]);
        let failed = stages.watch(|told, _| async move {
            told(at(1, "files"));
            Err::<(), _>("no memory")
        });
        assert_eq!(failed.await, Err("no memory"));
        reporter.settle();
        term.flush().expect("in memory");
        assert!(term.contents().contains("25% 1/4 files"), "{}", term.contents());
    }
}
