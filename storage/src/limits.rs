//! How large a row may get. Rows stay small so that a million jobs stay fast; what is large is an
//! artifact and lives in [`crate::Blobs`].

/// Characters of a job's id, kind, tenant, of a step's name, an event's kind, an artifact's name.
pub const NAME_CHARS: usize = 128;
/// Bytes of a job's spec as JSON.
pub const SPEC_BYTES: usize = 1 << 20;
/// Bytes of an event's body as JSON.
pub const EVENT_BYTES: usize = 16 << 10;
/// Bytes of an artifact's recipe, and of a step's detail, as JSON.
pub const RECIPE_BYTES: usize = 64 << 10;
/// Bytes of a job's error message; a longer one is cut at a character, with an ellipsis.
pub const MESSAGE_BYTES: usize = 8 << 10;
/// Artifacts of one step.
pub const STEP_OUTPUTS: usize = 1024;
/// Rows of one page of jobs or events.
pub const PAGE_ROWS: u32 = 500;
/// Bytes of an object that is read into memory; a larger one is read to a file or as a stream.
pub const IN_MEMORY_BYTES: u64 = 32 << 20;
