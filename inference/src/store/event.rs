//! What a pull tells while it runs.

use reelsmith_inference_core::ModelId;

/// One thing that happened during a pull. Files are named as in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PullEvent {
    /// What is missing, before anything is fetched. Zero files: all was there.
    Planned {
        /// Entries with a missing file, what is required first.
        models: Vec<ModelId>,
        /// Missing files.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Another process works on this entry; the pull waits for it.
    Waiting {
        /// The entry.
        model: ModelId,
    },
    /// A file is being fetched from a source.
    Started {
        /// The entry.
        model: ModelId,
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// Where from, for a person.
        source: String,
    },
    /// A registry client has received so much of an archive, which may serve many files.
    Archive {
        /// `package@version`.
        package: String,
        /// Bytes so far; the total is not known.
        bytes: u64,
    },
    /// So much of a file is on disk, not yet verified.
    Progress {
        /// The entry.
        model: ModelId,
        /// The file.
        file: String,
        /// Bytes so far; less than before when a source had to be given up.
        done: u64,
        /// The file's size.
        bytes: u64,
    },
    /// A source failed; the next one is tried.
    FellBack {
        /// The entry.
        model: ModelId,
        /// The file.
        file: String,
        /// Where it was not to be had.
        source: String,
        /// Why.
        reason: String,
    },
    /// A file is verified and in place.
    Finished {
        /// The entry.
        model: ModelId,
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
    },
    /// All files of an entry are verified and in place.
    Ready {
        /// The entry.
        model: ModelId,
    },
}
