//! What a person sees while a job runs: bars on a terminal, plain lines elsewhere, JSON on request.

mod bars;
mod lines;
mod stages;

use crate::exit::Failure;
use bars::Bars;
use indicatif::MultiProgress;
use lines::Plain;
use reelsmith_pipelines::{Event, JobEvent, JobId};
use serde_json::{Value, json};
use std::io::IsTerminal;

/// How to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Bars on standard error.
    Bars,
    /// Lines on standard error.
    Plain,
    /// One JSON object a line on standard output.
    Json,
}

impl Style {
    /// JSON if asked for, else bars if standard error is a terminal, else lines.
    pub fn choose(json: bool) -> Self {
        match (json, std::io::stderr().is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Bars,
            (false, false) => Style::Plain,
        }
    }
}

/// Tells remarks and objects; may be cloned into callbacks of other threads.
#[derive(Debug, Clone)]
pub struct Teller {
    style: Style,
    bars: MultiProgress,
}

impl Teller {
    /// The style chosen.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Where bars are drawn.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A remark for a person; in JSON `{"kind":"note", …}`.
    pub fn note(&self, text: &str) {
        match self.style {
            // A terminal that cannot be written to has nobody to tell.
            Style::Bars => drop(self.bars.println(text)),
            Style::Plain => eprintln!("{text}"),
            Style::Json => lines::json(&json!({"kind": "note", "message": text})),
        }
    }

    /// An object on standard output; nothing in the other styles.
    pub fn json(&self, value: &Value) {
        if self.style == Style::Json {
            lines::json(value);
        }
    }
}

/// Reports one job's progress.
pub struct Reporter {
    teller: Teller,
    sink: Sink,
    last: Option<Event>,
}

enum Sink {
    Bars(Bars),
    Plain(Plain),
    Json,
}

impl Reporter {
    /// A reporter of that style; bars are drawn through `bars`, so that log lines can stand above them.
    pub fn new(style: Style, bars: MultiProgress) -> Self {
        let sink = match style {
            Style::Bars => Sink::Bars(Bars::new(bars.clone())),
            Style::Plain => Sink::Plain(Plain::default()),
            Style::Json => Sink::Json,
        };
        Self { teller: Teller { style, bars }, sink, last: None }
    }

    /// What tells everything but the job's events.
    pub fn teller(&self) -> &Teller {
        &self.teller
    }

    /// The job has an id.
    pub fn job(&self, id: &JobId) {
        match self.teller.style {
            Style::Json => self.teller.json(&json!({"kind": "job", "job": id})),
            _ => self.teller.note(&format!("job {}", id.0)),
        }
    }

    /// Something happened to the job.
    pub fn event(&mut self, event: &JobEvent) {
        // Steps report by the clock: what has not moved need not be told again.
        if event.seq.is_none() && self.last.as_ref() == Some(&event.event) {
            return;
        }
        self.last = Some(event.event.clone());
        self.draw(&event.event, || serde_json::to_value(event));
    }

    /// Something happened that belongs to no job.
    pub fn step(&mut self, event: &Event) {
        self.draw(event, || serde_json::to_value(event));
    }

    fn draw(&mut self, event: &Event, json: impl FnOnce() -> serde_json::Result<Value>) {
        match &mut self.sink {
            Sink::Bars(bars) => bars.event(event),
            Sink::Plain(plain) => plain.event(event),
            Sink::Json => self.teller.json(&json().unwrap_or(Value::Null)),
        }
    }

    /// The command failed: the last thing told.
    pub fn failure(&mut self, failure: &Failure) {
        self.settle();
        self.teller.json(&json!({
            "kind": "error", "error": failure.exit.name(), "exit_code": failure.exit.code(),
            "message": failure.message,
        }));
    }

    /// No further event: bars stay as they are.
    pub fn settle(&mut self) {
        if let Sink::Bars(bars) = &mut self.sink {
            bars.settle();
        }
    }
}
