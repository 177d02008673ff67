//! A running ffmpeg under a guard: its progress and last words are kept, and it never outlives us.

use super::missing;
use crate::{ErrorKind, MediaError, Result};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the child reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing.
    None,
    /// What is written to [`Child::take_stdin`].
    Pipe,
}

/// What the child's standard output carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Data for [`Child::take_stdout`].
    Bytes,
    /// `-progress` lines, read by the guard itself.
    Progress,
}

/// A child process, killed and reaped when dropped.
///
/// Not `Send`: on Linux the kernel kills the child when the *thread* that started it ends, so the
/// guard must stay there. The pipes taken from it may be moved to other threads.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    program: String,
    what: String,
    stderr: Option<JoinHandle<String>>,
    progress: Option<Progress>,
    on_this_thread: PhantomData<*const ()>,
}

/// How far ffmpeg says it has come.
#[derive(Debug)]
struct Progress {
    frames: Arc<AtomicU64>,
    /// Disconnected when the child closes its standard output.
    ended: Receiver<()>,
}

impl Child {
    /// Starts ffmpeg with the options that every run shares.
    pub(super) fn start(
        program: &Path,
        what: &str,
        args: &[OsString],
        input: Input,
        output: Output,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["-hide_banner", "-nostats", "-loglevel", "warning", "-y"]);
        match input {
            Input::None => command.arg("-nostdin").stdin(Stdio::null()),
            Input::Pipe => command.stdin(Stdio::piped()),
        };
        if output == Output::Progress {
            command.args(["-progress", "pipe:1", "-stats_period", "0.2"]);
        }
        command.args(args);
        Self::spawn(program, command, what, output)
    }

    /// Starts a program that reads nothing and prints a result.
    pub(super) fn start_bare(program: &Path, what: &str, args: &[OsString]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null());
        Self::spawn(program, command, what, Output::Bytes)
    }

    fn spawn(program: &Path, mut command: Command, what: &str, output: Output) -> Result<Self> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Messages are searched for the C library's words, which are translated otherwise.
        command.env("LC_ALL", "C");
        tie_to_this_thread(&mut command);
        let mut child = command.spawn().map_err(|error| missing(program, error))?;
        let stderr = child.stderr.take().expect("stderr was asked to be piped");
        let stderr = Some(std::thread::spawn(move || last_lines(stderr)));
        let progress = match output {
            Output::Bytes => None,
            Output::Progress => {
                Some(Progress::follow(child.stdout.take().expect("stdout was asked to be piped")))
            }
        };
        // By its name alone, as it is known: `ffmpeg`.
        let program = Path::new(program.file_name().unwrap_or(program.as_os_str())).display().to_string();
        let what = what.to_owned();
        Ok(Self { child, program, what, stderr, progress, on_this_thread: PhantomData })
    }

    /// The program's name, for messages.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// The writing end of the child's input; dropping it tells the child that all was sent.
    ///
    /// # Panics
    /// If called twice, or for a child started with [`Input::None`].
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("stdin is taken once, and piped with Input::Pipe")
    }

    /// The reading end of the child's output.
    ///
    /// # Panics
    /// If called twice, or for a child started with [`Output::Progress`].
    pub fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("stdout is taken once, and free with Output::Bytes")
    }

    /// Frames that ffmpeg has encoded, by its last progress line; 0 without [`Output::Progress`].
    pub fn frames(&self) -> u64 {
        self.progress.as_ref().map_or(0, |progress| progress.frames.load(Ordering::Relaxed))
    }

    /// Ends the child at once; whoever writes to it or reads from it goes on.
    pub fn kill(&mut self) {
        // Fails only for a child that was already waited for.
        let _ = self.child.kill();
    }

    /// Waits for the child to end by itself, calling `on_progress` with the frames encoded several
    /// times a second, and kills it if the answer is to stop.
    ///
    /// # Errors
    /// `Cancelled`; else as [`Child::wait`].
    pub fn wait_with(mut self, mut on_progress: impl FnMut(u64) -> ControlFlow<()>) -> Result<()> {
        drop(self.child.stdin.take());
        while let Some(progress) = &self.progress {
            match progress.ended.recv_timeout(Duration::from_millis(100)) {
                Err(RecvTimeoutError::Timeout) => {
                    if on_progress(self.frames()).is_break() {
                        return Err(MediaError::cancelled());
                    }
                }
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.wait()
    }

    /// Waits for the child to end by itself.
    ///
    /// # Errors
    /// `DiskFull` if it found no space to write, `ToolFailed` with its last lines if it failed
    /// otherwise or was killed.
    pub fn wait(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status =
            self.child.wait().map_err(|error| MediaError::io(format!("wait for {}", self.what), error))?;
        let last_words = self.last_words();
        match status.success() {
            true => Ok(()),
            false => Err(failure(&self.what, &self.program, status, &last_words)),
        }
    }

    fn last_words(&mut self) -> String {
        let reader = self.stderr.take();
        reader.map(|reader| reader.join().unwrap_or_default()).unwrap_or_default()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only for a child that was already waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Progress {
    fn follow(stdout: ChildStdout) -> Self {
        let frames = Arc::new(AtomicU64::new(0));
        let (alive, ended) = sync_channel(0);
        let shared = Arc::clone(&frames);
        std::thread::spawn(move || read_progress(stdout, &shared, alive));
        Self { frames, ended }
    }
}

/// Reads `key=value` lines until the child closes its output, then drops `alive`.
fn read_progress(stdout: ChildStdout, frames: &AtomicU64, alive: SyncSender<()>) {
    for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
        if let Some(count) = line.strip_prefix("frame=").and_then(|text| text.trim().parse().ok()) {
            frames.store(count, Ordering::Relaxed);
        }
    }
    drop(alive);
}

/// The end of what a child wrote to its standard error, at most 4 KiB.
fn last_lines(mut stderr: ChildStderr) -> String {
    const KEPT: usize = 4096;
    let mut tail = VecDeque::with_capacity(2 * KEPT);
    let mut chunk = [0; KEPT];
    while let Ok(count @ 1..) = stderr.read(&mut chunk) {
        tail.extend(&chunk[..count]);
        tail.drain(..tail.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(tail.make_contiguous()).trim().to_owned()
}

/// What the C library calls ENOSPC, EDQUOT and EFBIG, as ffmpeg repeats it.
const NO_SPACE: [&str; 3] = ["No space left on device", "Disk quota exceeded", "File too large"];

fn failure(what: &str, program: &str, status: ExitStatus, last_words: &str) -> MediaError {
    if let Some(reason) = NO_SPACE.iter().find(|reason| last_words.contains(**reason)) {
        return MediaError::new(
            ErrorKind::DiskFull,
            format!("could not {what}: {reason}; free some space and run the same command again"),
        );
    }
    let said = match last_words.is_empty() {
        true => String::new(),
        false => format!("; its last words:\n{last_words}"),
    };
    MediaError::new(ErrorKind::ToolFailed, format!("could not {what}: {program} ended with {status}{said}"))
}

/// Keeps the terminal's Ctrl-C from the child, whose end is ours to order. On Linux also has the
/// kernel kill it when the thread that started it ends, however that comes about.
fn tie_to_this_thread(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        // SAFETY: between fork and exec only prctl and getppid are called, which are async-signal-safe,
        // and nothing is allocated: either error is a bare number.
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                match libc::getppid() as u32 == parent {
                    true => Ok(()),
                    // The parent ended while its child started.
                    false => Err(std::io::Error::from_raw_os_error(libc::ESRCH)),
                }
            });
        }
    }
}
