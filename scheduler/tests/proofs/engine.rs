//! An engine that lets the test act at every call it gets, and end the call as it likes.

use crate::stage::Stage;
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, Voice};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, Footprint, InferenceError, ModelId, Progress, Resident, Result, Verdict,
};
use std::panic::resume_unwind;
use std::sync::Arc;

/// Calls of [`Point::Load`] in one load.
pub(crate) const FILES: u64 = 2;

/// A model: its name, its weights, and the peak of a run that asks for none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) weights: u64,
    pub(crate) peak: u64,
}

/// What is asked of a model. It travels in the request's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: u64,
    pub(crate) peak: u64,
}

/// Where the engine is when it lets the test act. Numbers are those of requests, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Price(&'static str),
    /// Before it reads one of the [`FILES`].
    Load(&'static str),
    Begin(u64),
    Step(u64),
    End(u64),
    Unload(&'static str),
}

/// How the call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Go,
    OutOfMemory,
    Fail,
    Panic,
}

impl Fate {
    fn come(self) -> Result<()> {
        let error = |kind, message: &str| Err(InferenceError::new(kind, message.to_owned()));
        match self {
            Self::Go => Ok(()),
            Self::OutOfMemory => error(ErrorKind::OutOfMemory, "no memory, as planned"),
            Self::Fail => error(ErrorKind::Engine, "fails as planned"),
            // Not `panic!`, whose message would be printed thousands of times.
            Self::Panic => resume_unwind(Box::new("panics as planned")),
        }
    }
}

/// The engine.
pub(crate) struct Double(pub(crate) Arc<Stage>);

impl Engine for Double {
    fn footprint(&self, model: &ModelId) -> Result<Footprint> {
        let Model { name, weights, peak } = self.0.model(&model.0);
        self.0.at(Point::Price(name)).come()?;
        Ok(Footprint { weights, peak_activation: peak })
    }

    fn load(&mut self, model: &ModelId, control: &dyn Control) -> Result<Resident> {
        let model = self.0.model(&model.0);
        self.0.world().load(model);
        // From here on dropping the model gives its memory back, also when the end is not a good one.
        let resident = Loaded { model, stage: Arc::clone(&self.0) };
        for done in 0..FILES {
            self.0.at(Point::Load(model.name)).come()?;
            if control.step(Progress { done, total: Some(FILES), unit: "files" }) == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
        }
        self.0.world().weigh();
        Ok(Resident::Speak(Box::new(resident)))
    }
}

struct Loaded {
    model: Model,
    stage: Arc<Stage>,
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.stage.world().unload(self.model.name);
        if self.stage.at(Point::Unload(self.model.name)) == Fate::Panic && !std::thread::panicking() {
            resume_unwind(Box::new("panics as planned"));
        }
    }
}

/// Takes a run's memory out again, however the run ends.
struct Running<'a>(&'a Stage);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.world().end();
    }
}

impl Speak for Loaded {
    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn footprint(&self, request: &SpeakRequest) -> Footprint {
        let (_, plan) = read(request);
        Footprint { weights: self.model.weights, peak_activation: plan.peak }
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        let (id, plan) = read(request);
        self.stage.world().begin(id, self.model.name, plan.peak);
        let _running = Running(&self.stage);
        self.stage.at(Point::Begin(id)).come()?;
        for done in 1..=plan.steps {
            self.stage.at(Point::Step(id)).come()?;
            let progress = Progress { done, total: Some(plan.steps), unit: "sentences" };
            if control.step(progress) == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
        }
        self.stage.at(Point::End(id)).come()?;
        self.stage.world().finished.push(id);
        Ok(Speech { samples: Vec::new(), sample_rate: id as u32, words: Vec::new() })
    }
}

/// A request with its number.
pub(crate) fn write(id: u64, plan: Plan) -> SpeakRequest {
    SpeakRequest { text: format!("{id} {} {}", plan.steps, plan.peak), voice: "double".into(), speed: 1.0 }
}

fn read(request: &SpeakRequest) -> (u64, Plan) {
    let numbers: Vec<u64> = request.text.split(' ').map(|number| number.parse().unwrap()).collect();
    let [id, steps, peak] = numbers[..] else { panic!("{:?} is no plan", request.text) };
    (id, Plan { steps, peak })
}
