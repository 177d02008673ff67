//! An engine whose models have chosen sizes and whose requests have chosen ends, with a meter of the
//! memory that is really held, independent of the scheduler's ledger.

use crate::plan::{End, Plan};
use reelsmith_inference_core::embed::{Embed, EmbedRequest, Embedding, Rerank, RerankRequest, Reranked};
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, TextToImage, Upscale, UpscaleRequest};
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, Voice};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, Footprint, InferenceError, ModelId, Progress, Resident, Result, Verdict,
};
use reelsmith_scheduler::{CancelToken, DeviceConfig, ScheduleError, Scheduler};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Able {
    #[default]
    Speak,
    Generate,
    Upscale,
    Embed,
    Rerank,
}

/// A model of the double.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Model {
    pub(crate) able: Able,
    /// As the catalogue states it.
    pub(crate) weights: u64,
    pub(crate) peak: u64,
    /// As the loaded model states it, where that differs.
    pub(crate) exact: Option<u64>,
    pub(crate) load: End,
    pub(crate) gated_load: bool,
    pub(crate) drop_panics: bool,
    pub(crate) price_panics: bool,
}

/// What really happened, as seen from inside the engine.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) held: BTreeMap<String, u64>,
    /// Models that run and the peak of each, the one at work last.
    pub(crate) active: Vec<(String, u64)>,
    pub(crate) most: u64,
    /// Ids in the order in which they began to run.
    pub(crate) begun: Vec<u64>,
    pub(crate) finished: Vec<u64>,
    /// Models in the order in which they were unloaded.
    pub(crate) unloaded: Vec<String>,
    /// Loads that took memory and then failed.
    pub(crate) failed_loads: u64,
    /// The engine's process was lost.
    pub(crate) lost: bool,
    /// What must never happen.
    pub(crate) wrong: Vec<String>,
}

/// The test's side of the double.
pub(crate) struct Desk {
    pub(crate) seen: Arc<Mutex<Seen>>,
    /// Told whenever a gated load or run has come to its gate.
    at_gate: Receiver<()>,
    /// Each message lets it take one step.
    gate: Sender<()>,
    /// Told when the engine itself is dropped.
    pub(crate) gone: Receiver<()>,
}

impl Desk {
    /// Waits until the gated call has come to its gate.
    pub(crate) fn arrived(&self) {
        self.at_gate.recv_timeout(Duration::from_secs(20)).expect("a gated call comes to its gate");
    }

    /// Lets the gated call go on to its next gate or its end.
    pub(crate) fn pass(&self) {
        self.gate.send(()).expect("the engine is there");
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    pub(crate) fn nothing_went_wrong(&self) {
        self.seen(|seen| assert!(seen.wrong.is_empty(), "{:?}", seen.wrong));
    }
}

struct Inside {
    models: BTreeMap<String, Model>,
    limit: u64,
    seen: Arc<Mutex<Seen>>,
    arrived: Sender<()>,
    gate: Mutex<Receiver<()>>,
}

impl Inside {
    fn see<T>(&self, note: impl FnOnce(&mut Seen) -> T) -> T {
        note(&mut self.seen.lock().unwrap())
    }

    fn wait_at_gate(&self) {
        let _ = self.arrived.send(());
        let _ = self.gate.lock().unwrap().recv_timeout(Duration::from_secs(20));
    }

    fn weigh(&self) {
        self.see(|seen| {
            let peaks: u64 = seen.active.iter().map(|(_, peak)| *peak).sum();
            let held = seen.held.values().sum::<u64>() + peaks;
            seen.most = seen.most.max(held);
            if held > self.limit {
                seen.wrong.push(format!("{held} bytes are held, the limit is {}", self.limit));
            }
        });
    }

    fn end(&self, end: End, what: &str) -> Result<()> {
        let held = self.see(|seen| seen.held.len());
        match end {
            End::Done => Ok(()),
            End::NeedsSpace if held <= 1 => Ok(()),
            End::NeedsRoom if held <= 2 => Ok(()),
            End::LostOnce if self.see(|seen| std::mem::replace(&mut seen.lost, true)) => Ok(()),
            End::Lost | End::LostOnce => {
                Err(InferenceError::new(ErrorKind::Lost, format!("{what} ends the process as planned")))
            }
            End::Fail => Err(InferenceError::new(ErrorKind::Engine, format!("{what} fails as planned"))),
            End::Panic => panic!("{what} panics as planned"),
            End::OutOfMemory | End::NeedsSpace | End::NeedsRoom => {
                Err(InferenceError::new(ErrorKind::OutOfMemory, format!("{what} finds no memory as planned")))
            }
        }
    }
}

pub(crate) struct Fake {
    inside: Arc<Inside>,
    gone: Sender<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.gone.send(());
    }
}

impl Engine for Fake {
    fn footprint(&self, model: &ModelId) -> Result<Footprint> {
        let unknown = || InferenceError::new(ErrorKind::UnknownModel, format!("no model {}", model.0));
        let found = self.inside.models.get(&model.0).ok_or_else(unknown)?;
        assert!(!found.price_panics, "pricing panics as planned");
        Ok(Footprint { weights: found.weights, peak_activation: found.peak })
    }

    fn load(&mut self, model: &ModelId, control: &dyn Control) -> Result<Resident> {
        let planned = self.inside.models[&model.0];
        if planned.gated_load {
            self.inside.wait_at_gate();
        }
        if control.step(Progress { done: 0, total: Some(1), unit: "files" }) == Verdict::Cancel {
            return Err(InferenceError::cancelled());
        }
        let bytes = planned.exact.unwrap_or(planned.weights);
        self.inside.see(|seen| {
            if seen.held.insert(model.0.clone(), bytes).is_some() {
                seen.wrong.push(format!("{} was loaded twice", model.0));
            }
        });
        // From here on dropping the model takes it out again, also when the end is not a good one.
        let resident = FakeModel { model: model.0.clone(), planned, inside: Arc::clone(&self.inside) };
        self.inside.see(|seen| seen.failed_loads += 1);
        self.inside.end(planned.load, "loading")?;
        self.inside.see(|seen| seen.failed_loads -= 1);
        if planned.exact.is_none() {
            self.inside.weigh();
        }
        Ok(match planned.able {
            Able::Speak => Resident::Speak(Box::new(resident)),
            Able::Generate => Resident::TextToImage(Box::new(resident)),
            Able::Upscale => Resident::Upscale(Box::new(resident)),
            Able::Embed => Resident::Embed(Box::new(resident)),
            Able::Rerank => Resident::Rerank(Box::new(resident)),
        })
    }
}

struct FakeModel {
    model: String,
    planned: Model,
    inside: Arc<Inside>,
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.inside.see(|seen| {
            seen.held.remove(&self.model);
            seen.unloaded.push(self.model.clone());
            if seen.active.iter().any(|(model, _)| *model == self.model) {
                seen.wrong.push(format!("{} was unloaded while it ran", self.model));
            }
        });
        assert!(!self.planned.drop_panics, "dropping panics as planned");
    }
}

impl FakeModel {
    fn needs(&self, text: &str) -> Footprint {
        let weights = self.planned.exact.unwrap_or(self.planned.weights);
        Footprint { weights, peak_activation: Plan::of(text).peak }
    }

    /// Does what the plan says; the answer says which question it belongs to.
    fn run(&self, text: &str, unit: &'static str, control: &dyn Control) -> Result<u64> {
        let plan = Plan::of(text);
        self.inside.see(|seen| {
            seen.begun.push(plan.id);
            if seen.active.iter().any(|(model, _)| *model == self.model) {
                seen.wrong.push(format!("{} began while it ran", self.model));
            }
            seen.active.push((self.model.clone(), plan.peak));
        });
        self.inside.weigh();
        let _idle = Idle(&self.inside);
        for done in 1..=plan.steps {
            if plan.gated {
                self.inside.wait_at_gate();
            }
            if control.step(Progress { done, total: Some(plan.steps), unit }) == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
            if self.planned.able == Able::Generate {
                control.preview(dot(done as u8));
            }
        }
        self.inside.end(plan.end, "the run")?;
        self.inside.see(|seen| seen.finished.push(plan.id));
        Ok(plan.id)
    }
}

impl Speak for FakeModel {
    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn footprint(&self, request: &SpeakRequest) -> Footprint {
        self.needs(&request.text)
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        let id = self.run(&request.text, "sentences", control)?;
        Ok(Speech { samples: Vec::new(), sample_rate: id as u32, words: Vec::new() })
    }
}

impl TextToImage for FakeModel {
    fn footprint(&self, request: &ImageRequest) -> Footprint {
        self.needs(&request.prompt)
    }

    fn generate(&mut self, request: &ImageRequest, control: &dyn Control) -> Result<Generated> {
        let id = self.run(&request.prompt, "steps", control)?;
        Ok(Generated { images: vec![dot(id as u8)], seeds: vec![id] })
    }
}

impl Upscale for FakeModel {
    fn factor(&self) -> u32 {
        4
    }

    fn footprint(&self, request: &UpscaleRequest) -> Footprint {
        self.needs(std::str::from_utf8(&request.image.pixels).unwrap())
    }

    fn upscale(&mut self, request: &UpscaleRequest, control: &dyn Control) -> Result<Image> {
        let id = self.run(std::str::from_utf8(&request.image.pixels).unwrap(), "tiles", control)?;
        Ok(dot(id as u8))
    }
}

impl Embed for FakeModel {
    fn width(&self) -> usize {
        1
    }

    fn most_tokens(&self) -> usize {
        1
    }

    fn footprint(&self, request: &EmbedRequest) -> Footprint {
        self.needs(&request.texts[0])
    }

    fn embed(&mut self, request: &EmbedRequest, control: &dyn Control) -> Result<Vec<Embedding>> {
        let id = self.run(&request.texts[0], "texts", control)?;
        Ok(vec![direction(id)])
    }
}

impl Rerank for FakeModel {
    fn footprint(&self, request: &RerankRequest) -> Footprint {
        self.needs(&request.query)
    }

    fn rerank(&mut self, request: &RerankRequest, control: &dyn Control) -> Result<Reranked> {
        let id = self.run(&request.query, "documents", control)?;
        Ok(Reranked { scores: vec![id as f32] })
    }
}

/// An embedding of one number.
pub(crate) fn direction(id: u64) -> Embedding {
    Embedding { vector: vec![id as f32], tokens: 1, truncated: false }
}

/// A picture of one grey pixel.
pub(crate) fn dot(value: u8) -> Image {
    Image::new(1, 1, 1, vec![value]).unwrap()
}

struct Idle<'a>(&'a Inside);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.see(|seen| seen.active.pop());
    }
}

pub(crate) fn config(limit: u64, queue_capacity: usize) -> DeviceConfig {
    // Models of a few bytes take nothing that could be measured.
    let reserve_bytes = 50;
    let bare = DeviceConfig::new("fake", limit + reserve_bytes);
    DeviceConfig { reserve_bytes, queue_capacity, host_memory: false, ..bare }
}

pub(crate) fn start(limit: u64, queue_capacity: usize, models: &[(&str, Model)]) -> (Scheduler, Desk) {
    start_as(config(limit, queue_capacity), limit, models)
}

pub(crate) fn start_as(config: DeviceConfig, limit: u64, models: &[(&str, Model)]) -> (Scheduler, Desk) {
    let (arrived, at_gate) = channel();
    let (gate, passes) = channel();
    let (gone, ended) = channel();
    let seen = Arc::default();
    let models = models.iter().map(|(name, model)| ((*name).to_owned(), *model)).collect();
    let inside = Inside { models, limit, seen: Arc::clone(&seen), arrived, gate: Mutex::new(passes) };
    let engine = Fake { inside: Arc::new(inside), gone };
    let scheduler = Scheduler::start(config, Box::new(engine)).unwrap();
    (scheduler, Desk { seen, at_gate, gate, gone: ended })
}

pub(crate) type Answer = std::result::Result<Speech, ScheduleError>;

/// Makes a request on a task of its own.
pub(crate) fn ask(
    scheduler: &Scheduler,
    model: &str,
    plan: Plan,
    cancel: &CancelToken,
) -> tokio::task::JoinHandle<Answer> {
    let (scheduler, model, cancel) = (scheduler.clone(), ModelId(model.into()), cancel.clone());
    tokio::spawn(async move { scheduler.speak(&model, plan.request(), |_| {}, cancel).await })
}

pub(crate) async fn serve(scheduler: &Scheduler, model: &str, plan: Plan) -> Answer {
    scheduler.speak(&ModelId(model.into()), plan.request(), |_| {}, CancelToken::new()).await
}

/// Waits until the scheduler's snapshot is as it should become.
pub(crate) async fn until(
    scheduler: &Scheduler,
    what: &str,
    holds: impl Fn(&reelsmith_scheduler::Snapshot) -> bool,
) {
    let waiting = async {
        while !holds(&scheduler.snapshot()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}: {:?}", scheduler.snapshot()));
}

pub(crate) fn small() -> Model {
    Model { weights: 100, peak: 10, ..Model::default() }
}
