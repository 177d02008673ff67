//! What outlives a process: rows about jobs ([`jobs`], in SQLite) and immutable bytes named by
//! their sha256 ([`blobs`], in local files or S3).
//!
//! No type of the database or of the object store appears in a signature, so that either can be
//! replaced; what every implementation must do is written down once, in the conformance suites under
//! `tests/`.

pub mod blobs;
mod check;
pub mod digest;
pub mod error;
pub mod jobs;
pub mod limits;
pub mod sqlite;

pub use blobs::{BlobConfig, Blobs, ByteStream, S3Config};
pub use digest::Digest;
pub use error::{ErrorKind, Result, StorageError};
pub use jobs::{
    Artifact, Created, EventRecord, Job, JobPage, JobState, Jobs, ListJobs, NewJob, NewStep, StepRecord,
};
pub use sqlite::SqliteStore;
