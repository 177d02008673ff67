//! What is seen when: scenes in order, the crossfades between them, and what each frame shows.

use crate::motion::Motion;
use crate::overlay::Overlay;
use crate::picture::PictureSource;
use std::sync::Arc;

/// One still, moved over for a while.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The still; cropped about its centre to the frame's shape.
    pub picture: PictureSource,
    /// How long it lasts, in frames; at least 1.
    pub frames: u32,
    /// How the view moves over the still.
    pub motion: Motion,
    /// Stands still over the moving picture, faded in and out at the scene's ends.
    pub title: Option<Arc<Overlay>>,
}

/// All that is seen, apart from captions.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// Frame width in pixels; even.
    pub width: u32,
    /// Frame height in pixels; even.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Length of a crossfade, which is centred on the cut, so that it costs no time.
    pub crossfade_frames: u32,
    /// In order; at least one.
    pub scenes: Vec<Scene>,
}
