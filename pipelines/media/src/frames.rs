//! Composes frames: stills in motion, crossfades, titles and captions.

use crate::overlay::Overlay;
use std::sync::Arc;

/// Captions over time.
pub trait CaptionTrack: Sync {
    /// What is written over frame `frame`, counted from 0. Shared, not borrowed: a track draws its
    /// states when they are asked for and keeps only those near, so that a long video stays flat.
    fn overlay_at(&self, frame: u64) -> Option<Arc<Overlay>>;
}

/// No captions at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCaptions;

impl CaptionTrack for NoCaptions {
    fn overlay_at(&self, _: u64) -> Option<Arc<Overlay>> {
        None
    }
}
