//! Why storage failed: a small closed kind for the program, a message for the person.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;

/// The result of anything in this crate.
pub type Result<T> = std::result::Result<T, StorageError>;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such job, step or object.
    NotFound,
    /// The change is not allowed in the present state.
    Conflict,
    /// A value cannot be stored or asked for as it is: malformed, out of range.
    InvalidInput,
    /// A value exceeds a stated limit of [`crate::limits`].
    TooLarge,
    /// The store refused the credentials, or the files' permissions forbid the access.
    Denied,
    /// No space is left, or a quota is used up.
    DiskFull,
    /// Stored data is not what was stored: a differing sha256, a malformed database.
    Corrupt,
    /// The database was written by a newer version of the program.
    Incompatible,
    /// The store cannot be reached or is overloaded; trying again later may succeed.
    Unavailable,
}

/// An error with what happened, what to do about it, and its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StorageError {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StorageError {
    /// An error whose `message` tells a person what happened, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same, with the error underneath kept for the log.
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// A failed read or write; `doing` says what and where: "write /data/a.bin".
    pub(crate) fn io(doing: impl Display, error: io::Error) -> Self {
        let kind = io_kind(&error).unwrap_or(ErrorKind::Unavailable);
        Self::new(kind, format!("could not {doing}: {error}{}", advice(kind))).with_source(error)
    }

    /// A failure of the object store, judged by its variant and by the causes underneath.
    pub(crate) fn object(doing: impl Display, error: object_store::Error) -> Self {
        let kind = object_kind(&error);
        Self::new(kind, format!("could not {doing}: {error}{}", advice(kind))).with_source(error)
    }

    /// A failure of the database.
    pub(crate) fn sql(doing: impl Display, error: sqlx::Error) -> Self {
        let kind = sql_kind(&error);
        Self::new(kind, format!("could not {doing}: {error}{}", advice(kind))).with_source(error)
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::DiskFull => "; free some space and try again",
        ErrorKind::Denied => "; check the credentials and permissions of the store",
        ErrorKind::Corrupt => "; restore the file from a backup",
        ErrorKind::Incompatible => "; it was written by a newer version of the program: use that one",
        _ => "",
    }
}

fn io_kind(error: &io::Error) -> Option<ErrorKind> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(ErrorKind::DiskFull),
        io::ErrorKind::NotFound => Some(ErrorKind::NotFound),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(ErrorKind::Denied),
        io::ErrorKind::FileTooLarge => Some(ErrorKind::TooLarge),
        _ => None,
    }
}

fn object_kind(error: &object_store::Error) -> ErrorKind {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => ErrorKind::Conflict,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ErrorKind::Denied,
        Error::InvalidPath { .. } | Error::UnknownConfigurationKey { .. } => ErrorKind::InvalidInput,
        other => causes(other)
            .find_map(|cause| cause.downcast_ref::<io::Error>().and_then(io_kind))
            .unwrap_or(ErrorKind::Unavailable),
    }
}

/// The error and everything underneath it, outermost first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn sql_kind(error: &sqlx::Error) -> ErrorKind {
    match error {
        sqlx::Error::RowNotFound => ErrorKind::NotFound,
        sqlx::Error::Database(database) => {
            database.code().and_then(|code| code.parse().ok()).map_or(ErrorKind::Unavailable, sqlite_kind)
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => ErrorKind::Corrupt,
        sqlx::Error::Io(error) => io_kind(error).unwrap_or(ErrorKind::Unavailable),
        sqlx::Error::Migrate(error) => migrate_kind(error),
        _ => ErrorKind::Unavailable,
    }
}

fn migrate_kind(error: &sqlx::migrate::MigrateError) -> ErrorKind {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => ErrorKind::Incompatible,
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => sql_kind(error),
        _ => ErrorKind::Unavailable,
    }
}

/// SQLite's primary result code is the low byte of the extended one (sqlite.org/rescode.html).
fn sqlite_kind(code: i32) -> ErrorKind {
    match code & 0xff {
        13 => ErrorKind::DiskFull,
        11 | 26 => ErrorKind::Corrupt,
        3 | 8 | 23 => ErrorKind::Denied,
        18 => ErrorKind::TooLarge,
        19 => ErrorKind::Conflict,
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// What the kernel answers when a disk is full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_found_under_the_stores_own_error() {
        let full =
            std::fs::File::options().write(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();
        let wrapped = object_store::Error::Generic { store: "test", source: Box::new(full) };
        let error = StorageError::object("write an object", wrapped);
        assert_eq!(error.kind(), ErrorKind::DiskFull);
        assert!(error.to_string().contains("free some space"), "{error}");
    }
}
