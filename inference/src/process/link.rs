//! The process of an engine, as the service holds it: started, called, watched, ended.

use super::wire::{self, Answer, Call, Down, Up};
use reelsmith_inference_core::cloning::ChunkSink;
use reelsmith_inference_core::transcribe::Sound;
use reelsmith_inference_core::{Control, ErrorKind, InferenceError, NoControl, Result, Verdict};
use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a process may take until it is ready for calls.
const START: Duration = Duration::from_secs(60);
/// How long a process may take to end once nobody speaks to it any more.
const END: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);

/// How the process is started: a program that calls [`super::serve`].
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// What it is given.
    pub arguments: Vec<OsString>,
    /// After how long without a step, a piece or an answer it is taken for hung, and ended.
    pub patience: Duration,
}

/// What a call needs of its caller on the way.
pub(super) struct Asking<'a> {
    control: &'a dyn Control,
    take: Option<&'a mut ChunkSink<'a>>,
    sound: Option<&'a Sound>,
}

impl Default for Asking<'_> {
    fn default() -> Self {
        Self { control: &NoControl, take: None, sound: None }
    }
}

impl<'a> Asking<'a> {
    pub(super) fn steered(control: &'a dyn Control) -> Self {
        Self { control, ..Self::default() }
    }

    /// With what takes the samples as they are made.
    pub(super) fn taking(self, take: &'a mut dyn FnMut(&[f32])) -> Self {
        Self { take: Some(take), ..self }
    }

    /// With what is listened to.
    pub(super) fn hearing(self, sound: &'a Sound) -> Self {
        Self { sound: Some(sound), ..self }
    }
}

/// What a call came to on the other side.
type Ended = std::result::Result<Answer, wire::Failed>;

/// A running process and the way to it. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    /// None in tests, whose other side is a thread.
    child: Option<Mutex<Child>>,
    patience: Duration,
    /// Why nobody answers any more.
    lost: OnceLock<String>,
}

impl Link {
    /// Starts the process and waits until it is ready.
    ///
    /// # Errors
    /// `Lost` with the reason if there is none.
    pub(super) fn start(launch: &Launch) -> Result<Self> {
        let failed = |error: io::Error| {
            let program = launch.program.display();
            let message = format!("the engine's process ({program}) cannot be started: {error}");
            InferenceError::new(ErrorKind::Lost, message).with_source(error)
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let child = Command::new(&launch.program)
            .arg0("reelsmith")
            .args(&launch.arguments)
            .stdin(OwnedFd::from(theirs))
            // Native libraries may print; nobody's output is theirs to write to.
            .stdout(Stdio::null())
            // Ctrl-C is for the service, which ends the process when its work is put by.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let link = Self::over(ours, Some(child), launch.patience);
        link.wait_at_most(START);
        match wire::receive::<Up>(&link.stream) {
            Ok(Up::Ready) => {}
            Ok(_) => return Err(link.lose("it speaks another language than this program")),
            Err(error) => return Err(link.lose(&link.reason(&error, START))),
        }
        link.wait_at_most(link.patience);
        Ok(link)
    }

    /// A link to whoever holds the other end.
    pub(super) fn over(stream: UnixStream, child: Option<Child>, patience: Duration) -> Self {
        Self { stream, child: child.map(Mutex::new), patience, lost: OnceLock::new() }
    }

    fn wait_at_most(&self, patience: Duration) {
        let set = self.stream.set_read_timeout(Some(patience));
        set.expect("a socket takes a time-out above nothing");
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// The id of the process.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.as_ref().map(|child| child.lock().unwrap_or_else(PoisonError::into_inner).id())
    }

    /// Has a call carried out.
    ///
    /// # Errors
    /// Those of the call; `Lost` if the process ends, hangs or is gone already.
    pub(super) fn call(&self, call: &Call<'_>, asking: Asking<'_>) -> Result<Answer> {
        if let Some(why) = self.lost.get() {
            return Err(gone(why));
        }
        // Should what is asked back panic, the other side waits for an answer that never comes.
        let unanswered = Unanswered(self);
        let ended = self.converse(call, asking);
        std::mem::forget(unanswered);
        match ended {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failed)) => Err(failed.raise()),
            Err(error) => Err(self.lose(&self.reason(&error, self.patience))),
        }
    }

    fn converse(&self, call: &Call<'_>, asking: Asking<'_>) -> io::Result<Ended> {
        let Asking { control, mut take, sound } = asking;
        self.send(&Down::Call(Cow::Borrowed(call)))?;
        loop {
            match wire::receive(&self.stream)? {
                Up::Ready => return Err(io::ErrorKind::InvalidData.into()),
                Up::Step { done, total, unit } => {
                    let verdict = control.step(wire::progress(done, total, &unit));
                    // A call within the step may have met the end.
                    if self.is_lost() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.send(&Down::GoOn(verdict == Verdict::Continue))?;
                }
                Up::Preview(image) => control.preview(image),
                Up::Text(piece) => control.text(&piece),
                Up::Samples(samples) => {
                    if let Some(take) = &mut take {
                        take(&samples);
                    }
                }
                Up::Read(most) => self.send(&Down::Sound(read(sound, most)))?,
                Up::Rewind => self.send(&Down::Rewound(rewind(sound)))?,
                Up::Done(done) => return Ok(done),
            }
        }
    }

    fn send(&self, message: &Down<'_>) -> io::Result<()> {
        wire::send(&self.stream, message)
    }

    fn reason(&self, error: &io::Error, patience: Duration) -> String {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("it did not answer for {} s", patience.as_secs_f64())
            }
            io::ErrorKind::InvalidData => format!("what it says makes no sense: {error}"),
            _ => match self.end() {
                Some(status) => ended(status),
                None => "it is gone".to_owned(),
            },
        }
    }

    /// Gives the process up; it is ended if it has not ended by itself.
    fn lose(&self, why: &str) -> InferenceError {
        self.kill();
        let why = self.lost.get_or_init(|| why.to_owned());
        tracing::error!(why = %why, "the engine's process is lost, and what it had loaded");
        gone(why)
    }

    fn kill(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        if let Some(child) = &self.child {
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// How the process ended, if it does soon.
    #[expect(clippy::disallowed_methods, reason = "there is no wait for a process with an end to it")]
    fn end(&self) -> Option<ExitStatus> {
        let mut child = self.child.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        while begun.elapsed() < END {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(LOOK),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
        None
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The end of the stream is what tells it to end.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        self.end();
        self.kill();
    }
}

/// Loses the link when it is dropped.
struct Unanswered<'a>(&'a Link);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.lose("a call was broken off");
    }
}

fn gone(why: &str) -> InferenceError {
    let message = format!("the engine's process is lost: {why}; the next request starts another");
    InferenceError::new(ErrorKind::Lost, message)
}

fn ended(status: ExitStatus) -> String {
    match status.signal() {
        // What the kernel sends when memory runs out.
        Some(9) => "it was killed, as the system does when memory runs out".to_owned(),
        Some(signal) => format!("it was ended by signal {signal}"),
        None => format!("it ended with {status}"),
    }
}

fn read(sound: Option<&Sound>, most: u64) -> std::result::Result<Vec<f32>, String> {
    let sound = sound.ok_or("nothing is listened to")?;
    let mut samples = vec![0.0; usize::try_from(most).unwrap_or(usize::MAX).min(super::host::MOST_SAMPLES)];
    let count = sound.open().read(&mut samples).map_err(|error| error.to_string())?;
    samples.truncate(count);
    Ok(samples)
}

fn rewind(sound: Option<&Sound>) -> std::result::Result<Option<f64>, String> {
    let mut samples = sound.ok_or("nothing is listened to")?.open();
    samples.rewind().map_err(|error| error.to_string())?;
    Ok(samples.seconds())
}
