//! Pure media: frames, captions, cards, sound, encoding and probing. Knows no model, job or store.

pub mod captions;
pub mod cards;
pub mod cover;
pub mod decode;
mod dice;
mod ease;
pub mod edges;
pub mod encode;
pub mod error;
pub mod ffmpeg;
pub mod frames;
pub mod motion;
pub mod overlay;
pub mod picture;
pub mod probe;
mod publish;
pub mod sound;
pub mod subtitles;
pub mod thumbnail;
pub mod timeline;
pub mod typeset;
pub mod yuv;

/// As the tests from outside call this crate, whose helpers the tests within share.
#[cfg(test)]
extern crate self as reelsmith_media;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub use error::{ErrorKind, MediaError, Result};
pub use publish::write_whole;

/// Told how many of how many units are done; answers whether to go on. Called on the working thread.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) -> std::ops::ControlFlow<()> + Sync);
