//! How a command ends: its exit code and what the person is told.

use std::fmt;

/// Why a command did not do what was asked, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something failed while the work was done, or something needed is missing: 1.
    Failure,
    /// The command line, the configuration or the script is wrong: 2.
    Usage,
    /// Ctrl-C or a termination signal: 130, as shells report it.
    Cancelled,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Cancelled => 130,
        }
    }

    /// The name used in `--json` output.
    pub fn name(self) -> &'static str {
        match self {
            Exit::Failure => "failure",
            Exit::Usage => "usage",
            Exit::Cancelled => "cancelled",
        }
    }
}

/// A command's failure: what happened, where, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// Printed as it is.
    pub message: String,
}

impl Failure {
    /// Work that failed, or something missing.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failure, message: message.to_string() }
    }

    /// Wrong input.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// Stopped by the person.
    pub fn cancelled(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Cancelled, message: message.to_string() }
    }

    /// A failed read or write; `doing` says what and where: "write out/a.mp4".
    pub fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull => "; free some space and run the same command again",
            std::io::ErrorKind::PermissionDenied => "; check who owns it, or choose another folder",
            _ => "",
        };
        Self::failed(format!("could not {doing}: {error}{hint}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What a command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Runs work that blocks on a thread for such work.
///
/// # Errors
/// Those of the work, and a program that is shutting down.
///
/// # Panics
/// As the work does.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Failure::failed("the program is shutting down")),
    }
}
