//! The other side: the process in which the engine works, answering calls until nobody is left to make any.

use super::wire::{self, About, Answer, Ask, Call, Down, Failed, Request, Up};
use reelsmith_inference_core::cloning::{ChunkSink, CloneVoice};
use reelsmith_inference_core::image::Image;
use reelsmith_inference_core::transcribe::{Samples, Sound, TranscribeRequest};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, Footprint, InferenceError, Progress, Resident, Result, Verdict,
};
use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Samples of sound that are asked for at a time: a minute.
pub(super) const MOST_SAMPLES: usize = 60 * 16_000;

/// Serves whoever started this process, over the socket that it was given as standard input. Returns once they are
/// gone, with every model unloaded.
///
/// # Errors
/// Those of the socket, and `InvalidData` for what is no call.
pub fn serve(engine: Box<dyn Engine>) -> io::Result<()> {
    let stream = std::io::stdin().as_fd().try_clone_to_owned()?;
    serve_on(UnixStream::from(stream), engine)
}

/// The same over any socket.
///
/// # Errors
/// As [`serve`].
pub fn serve_on(stream: UnixStream, engine: Box<dyn Engine>) -> io::Result<()> {
    let host = Host { stream, engine: Mutex::new(engine), loaded: Mutex::default(), last: Mutex::new(0) };
    host.send(&Up::Ready)?;
    loop {
        match wire::receive(&host.stream) {
            Ok(Down::Call(call)) => match host.carry_out(&call) {
                Err(error) if is_gone(&error) => return Ok(()),
                carried_out => carried_out?,
            },
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Whether it says that nobody is on the other side any more.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// The locks are never contended: one thread works, and calls within a step of another are its own.
struct Host {
    stream: UnixStream,
    engine: Mutex<Box<dyn Engine>>,
    /// Models that nothing runs.
    loaded: Mutex<HashMap<u32, Resident>>,
    last: Mutex<u32>,
}

impl Host {
    fn send(&self, message: &Up) -> io::Result<()> {
        wire::send(&self.stream, message)
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<u32, Resident>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a call out and says what it came to.
    fn carry_out(&self, call: &Call<'_>) -> io::Result<()> {
        let done = catch_unwind(AssertUnwindSafe(|| self.answer(call)));
        self.send(&Up::Done(match done {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failed::from(&error)),
            // The model that was at work went with it: it was not among the loaded.
            Err(panic) => Err(Failed::Panic(message(&*panic))),
        }))
    }

    fn answer(&self, call: &Call<'_>) -> Result<Answer> {
        let engine = || self.engine.try_lock().map_err(|_| failed("a model is being loaded".to_owned()));
        match call {
            Call::ModelFootprint(model) => engine()?.footprint(model).map(Answer::Footprint),
            Call::Load(model) => {
                let mut resident = engine()?.load(model, &Relay(self))?;
                let about = about(&mut resident);
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                *last += 1;
                self.loaded().insert(*last, resident);
                Ok(Answer::Loaded(*last, about))
            }
            Call::Unload(resident) => {
                let resident = self.loaded().remove(resident);
                drop(resident);
                Ok(Answer::Nothing)
            }
            Call::Ask(id, ask) => {
                let resident = self.loaded().remove(id);
                let mut resident = resident.ok_or_else(|| failed(format!("model {id} is not loaded")))?;
                let answer = self.ask(&mut resident, ask);
                self.loaded().insert(*id, resident);
                answer
            }
        }
    }

    fn ask(&self, resident: &mut Resident, ask: &Ask<'_>) -> Result<Answer> {
        match ask {
            Ask::Footprint(request) => footprint(resident, request).map(Answer::Footprint),
            Ask::Perform(request, in_pieces) => self.perform(resident, request, *in_pieces),
            Ask::Voices => match resident {
                Resident::Speak(model) => Ok(Answer::Voices(model.voices())),
                _ => Err(misplaced()),
            },
            Ask::Profiles => cloner(resident)?.profiles().map(Answer::Profiles),
            Ask::RemoveProfile(name) => cloner(resident)?.remove_profile(name).map(|()| Answer::Nothing),
        }
    }

    fn perform(&self, resident: &mut Resident, request: &Request, in_pieces: bool) -> Result<Answer> {
        let relay = Relay(self);
        let mut hand_out = |samples: &[f32]| {
            // Whoever no longer listens is met at the next step.
            let _ = self.send(&Up::Samples(samples.to_vec()));
        };
        match (resident, request) {
            (Resident::Speak(model), Request::Speak(request)) => match in_pieces {
                true => model.speak_to(request, &mut hand_out, &relay).map(Answer::Speech),
                false => model.speak(request, &relay).map(Answer::Speech),
            },
            (resident @ Resident::Speak(_), Request::SpeakAs(request)) => {
                let chunks: Option<&mut ChunkSink<'_>> = if in_pieces { Some(&mut hand_out) } else { None };
                cloner(resident)?.speak_as(request, chunks, &relay).map(Answer::Speech)
            }
            (resident @ Resident::Speak(_), Request::CloneVoice(request)) => {
                cloner(resident)?.clone_voice(request, &relay).map(Answer::Profile)
            }
            (Resident::Transcribe(model), Request::Transcribe(options)) => {
                let sound = Sound::stream(Heard::over(&self.stream)?);
                let request = TranscribeRequest { sound, options: options.clone() };
                model.transcribe(&request, &relay).map(Answer::Transcript)
            }
            (Resident::TextToImage(model), Request::Generate(request)) => {
                model.generate(request, &relay).map(Answer::Generated)
            }
            (Resident::Upscale(model), Request::Upscale(request)) => {
                model.upscale(request, &relay).map(Answer::Image)
            }
            (Resident::Embed(model), Request::Embed(request)) => {
                model.embed(request, &relay).map(Answer::Embeddings)
            }
            (Resident::Rerank(model), Request::Rerank(request)) => {
                model.rerank(request, &relay).map(Answer::Reranked)
            }
            (Resident::Chat(model), Request::Chat(request)) => model.chat(request, &relay).map(Answer::Chat),
            _ => Err(misplaced()),
        }
    }
}

fn footprint(resident: &mut Resident, request: &Request) -> Result<Footprint> {
    Ok(match (resident, request) {
        (Resident::Speak(model), Request::Speak(request)) => model.footprint(request),
        (resident @ Resident::Speak(_), Request::SpeakAs(request)) => cloner(resident)?.footprint(request),
        (Resident::Transcribe(model), Request::Transcribe(options)) => {
            let sound = Sound::samples(Vec::new());
            model.footprint(&TranscribeRequest { sound, options: options.clone() })
        }
        (Resident::TextToImage(model), Request::Generate(request)) => model.footprint(request),
        (Resident::Upscale(model), Request::Upscale(request)) => model.footprint(request),
        (Resident::Embed(model), Request::Embed(request)) => model.footprint(request),
        (Resident::Rerank(model), Request::Rerank(request)) => model.footprint(request),
        (Resident::Chat(model), Request::Chat(request)) => model.footprint(request),
        _ => return Err(misplaced()),
    })
}

fn about(resident: &mut Resident) -> About {
    match resident {
        Resident::Speak(model) => About::Speak { clones: model.cloner().is_some() },
        Resident::Transcribe(model) => About::Transcribe { languages: model.languages() },
        Resident::TextToImage(_) => About::TextToImage,
        Resident::Upscale(model) => About::Upscale { factor: model.factor() },
        Resident::Embed(model) => About::Embed { width: model.width(), most_tokens: model.most_tokens() },
        Resident::Rerank(_) => About::Rerank,
        Resident::Chat(model) => About::Chat { context_length: model.context_length() },
    }
}

fn cloner(resident: &mut Resident) -> Result<&mut dyn CloneVoice> {
    match resident {
        Resident::Speak(model) => model.cloner().ok_or_else(misplaced),
        _ => Err(misplaced()),
    }
}

fn misplaced() -> InferenceError {
    failed("a model was asked for what it cannot do; this is a defect".to_owned())
}

fn failed(message: String) -> InferenceError {
    InferenceError::new(ErrorKind::Engine, message)
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// Asks the service how to go on, and does what it wants done in between.
struct Relay<'a>(&'a Host);

impl Relay<'_> {
    fn ask(&self, progress: Progress) -> io::Result<bool> {
        let Progress { done, total, unit } = progress;
        self.0.send(&Up::Step { done, total, unit: unit.to_owned() })?;
        loop {
            match wire::receive(&self.0.stream)? {
                Down::GoOn(go_on) => return Ok(go_on),
                Down::Call(call) => self.0.carry_out(&call)?,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }
}

impl Control for Relay<'_> {
    fn step(&self, progress: Progress) -> Verdict {
        match self.ask(progress) {
            Ok(true) => Verdict::Continue,
            // Nobody is there any more, where there was an error.
            Ok(false) | Err(_) => Verdict::Cancel,
        }
    }

    fn preview(&self, image: Image) {
        let _ = self.0.send(&Up::Preview(image));
    }

    fn text(&self, piece: &str) {
        let _ = self.0.send(&Up::Text(piece.to_owned()));
    }
}

/// Sound that lies with the service.
struct Heard {
    stream: UnixStream,
    seconds: Option<f64>,
}

impl Heard {
    fn over(stream: &UnixStream) -> Result<Self> {
        let stream = stream.try_clone().map_err(|error| failed(format!("the socket: {error}")))?;
        let mut heard = Self { stream, seconds: None };
        // What is wrong with it is told when it is listened to.
        let _ = heard.rewind();
        Ok(heard)
    }
}

impl Samples for Heard {
    fn read(&mut self, out: &mut [f32]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            let most = (out.len() - filled).min(MOST_SAMPLES);
            wire::send(&self.stream, &Up::Read(most as u64))?;
            let Down::Sound(samples) = wire::receive(&self.stream)? else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            let samples = samples.map_err(io::Error::other)?;
            let count = samples.len().min(most);
            out[filled..][..count].copy_from_slice(&samples[..count]);
            filled += count;
            if count < most {
                break;
            }
        }
        Ok(filled)
    }

    fn rewind(&mut self) -> io::Result<()> {
        wire::send(&self.stream, &Up::Rewind)?;
        let Down::Rewound(rewound) = wire::receive(&self.stream)? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        self.seconds = rewound.map_err(io::Error::other)?;
        Ok(())
    }

    fn seconds(&self) -> Option<f64> {
        self.seconds
    }
}
