//! Both sides over one socket: an engine of made-up models on a thread, called as from another process.

use super::link::Link;
use super::{Launch, ProcessEngine, serve_on};
use reelsmith_inference_core::image::Image;
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, Voice};
use reelsmith_inference_core::transcribe::{
    Sound, Transcribe, TranscribeOptions, TranscribeRequest, Transcript,
};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, Footprint, InferenceError, ModelId, NoControl, Progress, Resident, Result,
    Verdict,
};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Speaks a sample a letter, a step each; what it is to do beyond stands in the text.
struct Speaker;

impl Speak for Speaker {
    fn voices(&self) -> Vec<Voice> {
        vec![Voice { name: "one".into(), language: "en".into() }]
    }

    fn footprint(&self, request: &SpeakRequest) -> Footprint {
        Footprint { weights: 7, peak_activation: request.text.len() as u64 }
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        self.speak_to(request, &mut |_| {}, control)
    }

    fn speak_to(
        &mut self,
        request: &SpeakRequest,
        take: &mut dyn FnMut(&[f32]),
        control: &dyn Control,
    ) -> Result<Speech> {
        let total = request.text.len() as u64;
        let mut samples = Vec::new();
        for (done, letter) in (0u64..).zip(request.text.bytes()) {
            if control.step(Progress { done, total: Some(total), unit: "letters" }) == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
            match letter {
                b'!' => panic!("a letter too loud"),
                b'?' => return Err(InferenceError::new(ErrorKind::OutOfMemory, "no room for a question")),
                _ => {}
            }
            control.preview(Image::new(1, 1, 1, vec![letter])?);
            control.text(&char::from(letter).to_string());
            take(&[f32::from(letter)]);
            samples.push(f32::from(letter));
        }
        Ok(Speech { samples, sample_rate: 1, words: Vec::new() })
    }
}

/// Hears the sum of all samples, each time that it listens.
struct Listener;

impl Transcribe for Listener {
    fn languages(&self) -> Vec<String> {
        vec!["en".into()]
    }

    fn footprint(&self, request: &TranscribeRequest) -> Footprint {
        Footprint { weights: 1, peak_activation: u64::from(request.options.beams) }
    }

    fn transcribe(&mut self, request: &TranscribeRequest, _: &dyn Control) -> Result<Transcript> {
        let (mut duration, mut sums) = (0.0, Vec::new());
        for _ in 0..2 {
            let mut sound = request.sound.open();
            sound.rewind().expect("it is there");
            duration = sound.seconds().expect("it is known");
            let (mut sum, mut window) = (0.0, vec![0.0; 1_300_000]);
            loop {
                let count = sound.read(&mut window).expect("it is there");
                sum += window[..count].iter().map(|sample| f64::from(*sample)).sum::<f64>();
                if count < window.len() {
                    break;
                }
            }
            sums.push(sum.to_string());
        }
        Ok(Transcript { language: Some(sums.join(" ")), duration, ..Transcript::default() })
    }
}

struct Made;

impl Engine for Made {
    fn footprint(&self, model: &ModelId) -> Result<Footprint> {
        Ok(Footprint { weights: model.0.len() as u64, peak_activation: 0 })
    }

    fn load(&mut self, model: &ModelId, control: &dyn Control) -> Result<Resident> {
        control.step(Progress { done: 0, total: None, unit: "entries" });
        match model.0.as_str() {
            "speaker" => Ok(Resident::Speak(Box::new(Speaker))),
            "listener" => Ok(Resident::Transcribe(Box::new(Listener))),
            other => Err(InferenceError::new(ErrorKind::UnknownModel, format!("there is no {other}"))),
        }
    }
}

/// An engine whose other side is a thread, and the means to cut the way to it.
fn engine(patience: Duration) -> (ProcessEngine, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let cut = ours.try_clone().unwrap();
    std::thread::spawn(move || serve_on(theirs, Box::new(Made)));
    assert!(matches!(super::wire::receive(&ours).unwrap(), super::wire::Up::Ready));
    ours.set_read_timeout(Some(patience)).unwrap();
    let launch = Launch { program: "/nonexistent/reelsmith".into(), arguments: vec![], patience };
    let link = Arc::new(Link::over(ours, None, patience));
    (ProcessEngine { launch, link: Mutex::new(Some(link)) }, cut)
}

const PATIENCE: Duration = Duration::from_secs(60);

fn speaker(engine: &mut ProcessEngine) -> Box<dyn Speak> {
    match engine.load(&ModelId::from("speaker"), &NoControl).unwrap() {
        Resident::Speak(model) => model,
        _ => panic!("another model"),
    }
}

fn say(text: &str) -> SpeakRequest {
    SpeakRequest { text: text.into(), voice: "one".into(), speed: 1.0 }
}

/// Notes what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Control for Notes {
    fn step(&self, Progress { done, total, unit }: Progress) -> Verdict {
        self.0.lock().unwrap().push(format!("{done} of {total:?} {unit}"));
        Verdict::Continue
    }

    fn preview(&self, image: Image) {
        self.0.lock().unwrap().push(format!("{:?}", image.pixels));
    }

    fn text(&self, piece: &str) {
        self.0.lock().unwrap().push(piece.into());
    }
}

#[test]
fn what_is_told_on_the_way_comes_over_in_its_order() {
    let (mut engine, _cut) = engine(PATIENCE);
    let mut model = speaker(&mut engine);
    assert_eq!(model.voices()[0].name, "one");
    assert_eq!(model.footprint(&say("abc")), Footprint { weights: 7, peak_activation: 3 });
    let (notes, mut taken) = (Notes::default(), Vec::new());
    let speech = model.speak_to(&say("ab"), &mut |samples| taken.extend_from_slice(samples), &notes).unwrap();
    assert_eq!((speech.samples, taken), (vec![97.0, 98.0], vec![97.0, 98.0]));
    let told = ["0 of Some(2) letters", "[97]", "a", "1 of Some(2) letters", "[98]", "b"];
    assert_eq!(*notes.0.lock().unwrap(), told);
    assert_eq!(engine.footprint(&ModelId::from("four")).unwrap().weights, 4);
    let Err(unknown) = engine.load(&ModelId::from("painter"), &NoControl) else { panic!("loaded") };
    assert_eq!(
        (unknown.kind(), unknown.to_string()),
        (ErrorKind::UnknownModel, "there is no painter".into())
    );
}

#[test]
fn sound_is_read_where_it_lies_as_often_as_it_is_wanted() {
    let (mut engine, _cut) = engine(PATIENCE);
    let Resident::Transcribe(mut model) = engine.load(&ModelId::from("listener"), &NoControl).unwrap() else {
        panic!("another model")
    };
    // More than is asked for at a time, and no multiple of it.
    let sound = Sound::samples(vec![1.0; 2_000_001]);
    let request = TranscribeRequest { sound, options: TranscribeOptions { beams: 3, ..Default::default() } };
    assert_eq!((model.languages(), model.footprint(&request).peak_activation), (vec!["en".into()], 3));
    let heard = model.transcribe(&request, &NoControl).unwrap();
    assert_eq!(heard.language.unwrap(), "2000001 2000001");
    assert!((heard.duration - 2_000_001.0 / 16_000.0).abs() < 1e-9);
}

#[test]
fn another_model_runs_within_a_step_of_one() {
    let (mut engine, _cut) = engine(PATIENCE);
    let mut outer = speaker(&mut engine);
    let inner = Mutex::new(speaker(&mut engine));
    let within = |at: Progress| {
        if at.done == 1 {
            let speech = inner.lock().unwrap().speak(&say("xyz"), &NoControl).unwrap();
            assert_eq!(speech.samples.len(), 3);
        }
        Verdict::Continue
    };
    assert_eq!(outer.speak(&say("abc"), &within).unwrap().samples, [97.0, 98.0, 99.0]);
}

#[test]
fn a_cancelled_or_failed_request_leaves_the_model_to_the_next() {
    let (mut engine, _cut) = engine(PATIENCE);
    let mut model = speaker(&mut engine);
    let cancel = |at: Progress| if at.done == 2 { Verdict::Cancel } else { Verdict::Continue };
    assert_eq!(model.speak(&say("abc"), &cancel).unwrap_err().kind(), ErrorKind::Cancelled);
    let short = model.speak(&say("a?"), &NoControl).unwrap_err();
    assert_eq!((short.kind(), short.to_string()), (ErrorKind::OutOfMemory, "no room for a question".into()));
    assert_eq!(model.speak(&say("a"), &NoControl).unwrap().samples, [97.0]);
}

#[test]
fn a_panic_there_is_a_panic_here_and_other_models_go_on() {
    let (mut engine, _cut) = engine(PATIENCE);
    let (mut model, mut other) = (speaker(&mut engine), speaker(&mut engine));
    let panic = catch_unwind(AssertUnwindSafe(|| model.speak(&say("a!"), &NoControl))).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "a letter too loud");
    assert_eq!(other.speak(&say("a"), &NoControl).unwrap().samples, [97.0]);
    let gone = model.speak(&say("a"), &NoControl).unwrap_err();
    assert!(gone.to_string().contains("not loaded"), "{gone}");
}

#[test]
fn the_end_of_the_process_is_told_at_every_step() {
    for at in 0..3 {
        let (mut engine, cut) = engine(PATIENCE);
        let mut model = speaker(&mut engine);
        let sever = |progress: Progress| {
            if progress.done == at {
                cut.shutdown(std::net::Shutdown::Both).unwrap();
            }
            Verdict::Continue
        };
        let lost = model.speak(&say("abc"), &sever).unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::Lost, "{lost}");
        assert_eq!(model.speak(&say("abc"), &NoControl).unwrap_err().kind(), ErrorKind::Lost);
        assert_eq!(model.footprint(&say("abc")), Footprint::default());
        drop(model);
        // It is started anew, which this one cannot be.
        let Err(another) = engine.load(&ModelId::from("speaker"), &NoControl) else { panic!("loaded") };
        assert!(another.to_string().contains("/nonexistent/reelsmith"), "{another}");
    }
}

#[test]
fn whoever_does_not_answer_is_given_up() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let patience = Duration::from_millis(50);
    ours.set_read_timeout(Some(patience)).unwrap();
    let launch = Launch { program: "/nonexistent/reelsmith".into(), arguments: vec![], patience };
    let link = Mutex::new(Some(Arc::new(Link::over(ours, None, patience))));
    let engine = ProcessEngine { launch, link };
    let hung = engine.footprint(&ModelId::from("speaker")).unwrap_err();
    assert_eq!(hung.kind(), ErrorKind::Lost);
    assert!(hung.to_string().contains("did not answer for 0.05 s"), "{hung}");
    drop(theirs);
}
