//! What is learned of memory, with an engine that really takes it: in a process of its own, one test at a time to the
//! end of its device, because what is measured is the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, Voice};
use reelsmith_inference_core::{Control, Engine, Footprint, ModelId, Resident, Result};
use reelsmith_scheduler::{CancelToken, DeviceConfig, Learned, Scheduler, Shutdown};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

const MIB: u64 = 1 << 20;
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What a model says that a run takes, what it takes, and whether it keeps that for the next one.
#[derive(Clone, Copy)]
struct Appetite {
    states: u64,
    takes: u64,
    keeps: bool,
}

struct Eater {
    appetite: Appetite,
    plate: Vec<u8>,
}

impl Speak for Eater {
    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn footprint(&self, _: &SpeakRequest) -> Footprint {
        Footprint { weights: MIB, peak_activation: self.appetite.states }
    }

    fn speak(&mut self, _: &SpeakRequest, _: &dyn Control) -> Result<Speech> {
        if self.plate.is_empty() {
            self.plate = vec![0; self.appetite.takes as usize];
        }
        self.plate.iter_mut().step_by(4096).for_each(|page| *page = std::hint::black_box(1));
        if !self.appetite.keeps {
            self.plate = Vec::new();
        }
        Ok(Speech { samples: Vec::new(), sample_rate: 1, words: Vec::new() })
    }
}

struct Kitchen(Appetite);

impl Engine for Kitchen {
    fn footprint(&self, _: &ModelId) -> Result<Footprint> {
        Ok(Footprint { weights: MIB, peak_activation: self.0.states })
    }

    fn load(&mut self, _: &ModelId, _: &dyn Control) -> Result<Resident> {
        Ok(Resident::Speak(Box::new(Eater { appetite: self.0, plate: Vec::new() })))
    }
}

fn start(appetite: Appetite, learned: Learned) -> Scheduler {
    let config = DeviceConfig::new("cpu", 2048 * MIB);
    Scheduler::start_with(config, Box::new(Kitchen(appetite)), learned).unwrap()
}

async fn eat(scheduler: &Scheduler) {
    let request = SpeakRequest { text: "a meal".into(), voice: "a".into(), speed: 1.0 };
    scheduler.speak(&"eater".into(), request, |_| {}, CancelToken::new()).await.unwrap();
}

/// What a run that states `states` is given now, in MiB.
fn given(learned: &Learned, states: u64) -> u64 {
    let stated = Footprint { weights: MIB, peak_activation: states };
    learned.footprint(&"eater".into(), stated).peak_activation / MIB
}

#[tokio::test]
async fn a_run_that_takes_more_than_it_says_is_given_that_the_next_time() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let scheduler = start(Appetite { states: 32 * MIB, takes: 300 * MIB, keeps: false }, Learned::default());
    assert_eq!(given(&scheduler.learned(), 32 * MIB), 32);
    eat(&scheduler).await;
    let after_one = given(&scheduler.learned(), 32 * MIB);
    assert!((300..400).contains(&after_one), "{after_one} MiB for a run that takes 300");
    eat(&scheduler).await;
    let after_two = given(&scheduler.learned(), 32 * MIB);
    assert!((300..400).contains(&after_two), "{after_two} MiB");
    scheduler.shutdown(Shutdown::Drain).await;
}

#[tokio::test]
async fn a_run_that_takes_less_than_it_says_gives_the_rest_back() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let scheduler =
        start(Appetite { states: 1000 * MIB, takes: 100 * MIB, keeps: false }, Learned::default());
    eat(&scheduler).await;
    let given = given(&scheduler.learned(), 1000 * MIB);
    assert!((100..200).contains(&given), "{given} MiB for a run that takes 100");
    scheduler.shutdown(Shutdown::Drain).await;
}

#[tokio::test]
async fn what_a_run_uses_that_an_earlier_one_left_behind_counts() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let scheduler = start(Appetite { states: 32 * MIB, takes: 300 * MIB, keeps: true }, Learned::default());
    for run in 0..30 {
        eat(&scheduler).await;
        let given = given(&scheduler.learned(), 32 * MIB);
        assert!((295..400).contains(&given), "{given} MiB after run {run}, and each takes 300");
    }
    scheduler.shutdown(Shutdown::Drain).await;
}

#[tokio::test]
async fn what_was_learned_is_there_in_the_next_run_of_the_service() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let appetite = Appetite { states: 32 * MIB, takes: 300 * MIB, keeps: false };
    let first = start(appetite, Learned::default());
    eat(&first).await;
    first.shutdown(Shutdown::Drain).await;
    let stored = serde_json::to_string(&first.learned()).unwrap();
    let second = start(appetite, serde_json::from_str(&stored).unwrap());
    assert_eq!(serde_json::to_string(&second.learned()).unwrap(), stored);
    assert!(given(&second.learned(), 32 * MIB) >= 300);
    eat(&second).await;
    assert!(given(&second.learned(), 32 * MIB) >= 300);
    second.shutdown(Shutdown::Drain).await;
}

#[test]
fn what_is_damaged_is_refused_with_a_message() {
    let model = |rest: &str| format!(r#"{{"version":1,"mean":1.0,"models":[{{"model":"a",{rest}}}]}}"#);
    let good = model(r#""load":1.5,"run":0.25,"peaks":[{"class":20,"ratio":1.5}]"#);
    let learned: Learned = serde_json::from_str(&good).unwrap();
    assert_eq!((learned.load_seconds(&"a".into(), 1), learned.run_seconds(&"a".into(), 4.0)), (1.5, 1.0));
    assert_eq!(serde_json::to_string(&learned).unwrap(), good, "nothing is lost");
    let twice = r#"{"class":3,"ratio":1.0},{"class":3,"ratio":2.0}"#;
    let many: Vec<String> = (0..17).map(|class| format!(r#"{{"class":{class},"ratio":1.0}}"#)).collect();
    let same = r#"{"model":"a","load":null,"run":null,"peaks":[]}"#;
    let all = vec![same; 257].join(",");
    for (damaged, told) in [
        (good.replace("\"version\":1", "\"version\":2"), "version 2"),
        (good.replace("1.5,\"run\"", "-1.5,\"run\""), "-1.5 seconds"),
        (good.replace("\"mean\":1.0", "\"mean\":1e300"), "seconds"),
        (good.replace("\"ratio\":1.5", "\"ratio\":-1"), "ratio of -1"),
        (good.replace("\"ratio\":1.5", "\"ratio\":null"), "null"),
        (good.replace("\"class\":20", "\"class\":65"), "class 65"),
        (good.replace("\"mean\"", "\"means\""), "means"),
        (model(&format!(r#""load":null,"run":null,"peaks":[{twice}]"#)), "twice"),
        (model(&format!(r#""load":null,"run":null,"peaks":[{}]"#, many.join(","))), "17 classes"),
        (format!(r#"{{"version":1,"mean":null,"models":[{same},{same}]}}"#), "twice"),
        (format!(r#"{{"version":1,"mean":null,"models":[{all}]}}"#), "257 models"),
        (good[..good.len() / 2].to_owned(), "EOF"),
    ] {
        let error = serde_json::from_str::<Learned>(&damaged).unwrap_err().to_string();
        assert!(error.contains(told), "{damaged}: {error}");
    }
}

#[test]
fn what_is_learned_of_ever_more_models_is_bounded() {
    let mut learned = Learned::default();
    for n in 0..1000 {
        let model = ModelId(format!("model-{n}"));
        learned.loaded(&model, f64::from(n));
        learned.ran(&model, 1.0, 1.0);
        learned.peaked(&model, 100 * MIB, 200 * MIB);
    }
    let stored = serde_json::to_string(&learned).unwrap();
    assert_eq!(stored.matches("model-").count(), 256);
    assert!(stored.contains("model-999") && !stored.contains("model-743\""), "the latest are kept");
    assert_eq!(serde_json::from_str::<Learned>(&stored).unwrap().load_seconds(&"model-999".into(), 1), 999.0);
}

/// Runs a model at a gate, so that what it was given can be seen while it runs.
struct Gated {
    arrived: Sender<()>,
    gate: Arc<Mutex<Receiver<()>>>,
}

impl Speak for Gated {
    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn footprint(&self, _: &SpeakRequest) -> Footprint {
        Footprint { weights: MIB, peak_activation: 32 * MIB }
    }

    fn speak(&mut self, _: &SpeakRequest, _: &dyn Control) -> Result<Speech> {
        self.arrived.send(()).unwrap();
        self.gate.lock().unwrap().recv().unwrap();
        Ok(Speech { samples: Vec::new(), sample_rate: 1, words: Vec::new() })
    }
}

struct Gate(Sender<()>, Arc<Mutex<Receiver<()>>>);

impl Engine for Gate {
    fn footprint(&self, _: &ModelId) -> Result<Footprint> {
        Ok(Footprint { weights: MIB, peak_activation: 32 * MIB })
    }

    fn load(&mut self, _: &ModelId, _: &dyn Control) -> Result<Resident> {
        Ok(Resident::Speak(Box::new(Gated { arrived: self.0.clone(), gate: Arc::clone(&self.1) })))
    }
}

#[tokio::test]
async fn what_a_run_is_given_is_what_was_learned_and_never_more_than_there_is() {
    let _alone = ONE_AT_A_TIME.lock().await;
    for (ratio, expected) in [(0.5, 18), (4.0, 141), (1000.0, 1791)] {
        let stored = format!(
            r#"{{"version":1,"mean":null,"models":[{{"model":"eater","load":null,"run":null,
            "peaks":[{{"class":26,"ratio":{ratio}}}]}}]}}"#
        );
        let (arrived, at_gate) = channel();
        let (pass, gate) = channel();
        let engine = Box::new(Gate(arrived, Arc::new(Mutex::new(gate))));
        let learned = serde_json::from_str(&stored).unwrap();
        let config = DeviceConfig::new("cpu", 2048 * MIB);
        let scheduler = Scheduler::start_with(config, engine, learned).unwrap();
        let running = tokio::spawn({
            let scheduler = scheduler.clone();
            async move { eat(&scheduler).await }
        });
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(move || at_gate.recv().unwrap()).await.unwrap();
        let given = scheduler.snapshot().running.unwrap().bytes;
        assert_eq!(given.div_ceil(MIB), expected, "{ratio} times the 32 MiB that it states");
        pass.send(()).unwrap();
        running.await.unwrap();
        scheduler.shutdown(Shutdown::Drain).await;
    }
}
