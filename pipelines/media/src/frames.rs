//! Composes frames: stills in motion, crossfades, titles and captions.

mod stills;

use crate::overlay::Overlay;
use crate::timeline::{Layer, Timeline};
use crate::yuv::{Kernel, Yuv420, blend_overlay, crossfade};
use crate::{MediaError, Result, motion};
use std::sync::Arc;
use stills::Stills;

/// Captions over time.
pub trait CaptionTrack: Sync {
    /// What is written over frame `frame`, counted from 0. May be drawn when it is asked for.
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

/// Renders any frame of a timeline. Holds the stills of the scenes that are seen and of the one
/// that follows, which is loaded on another thread, so that its memory does not grow with the video.
pub struct Compositor<'a> {
    timeline: &'a Timeline,
    captions: &'a dyn CaptionTrack,
    kernel: Kernel,
    sampler: motion::Sampler,
    stills: Stills<'a>,
    /// The scene that comes in a crossfade; none until there is one.
    incoming: Option<Yuv420>,
}

impl<'a> Compositor<'a> {
    /// A compositor for `timeline` with `captions` on top. Starts to load the first still.
    ///
    /// # Errors
    /// `InvalidInput` if the timeline cannot be rendered.
    pub fn new(timeline: &'a Timeline, captions: &'a dyn CaptionTrack) -> Result<Self> {
        timeline.validate()?;
        let kernel = Kernel::detect();
        let sampler = motion::Sampler::new(kernel);
        let mut stills = Stills::new(timeline);
        stills.prefetch(0);
        Ok(Self { timeline, captions, kernel, sampler, stills, incoming: None })
    }

    /// A frame of the right size to render into.
    pub fn buffer(&self) -> Yuv420 {
        Yuv420::black(self.timeline.width as usize, self.timeline.height as usize)
    }

    /// Renders frame `frame`, counted from 0, over whatever `out` held.
    ///
    /// # Errors
    /// As [`crate::picture::load`], if a scene's picture cannot be loaded.
    ///
    /// # Panics
    /// If `out` is not of the timeline's size.
    pub fn render(&mut self, frame: u64, out: &mut Yuv420) -> Result<()> {
        let shown = self.timeline.at(frame);
        self.stills.keep(shown.base.scene..shown.base.scene + 3);
        self.layer(shown.base, out)?;
        if let Some((layer, weight)) = shown.next {
            let mut incoming = self.incoming.take().unwrap_or_else(|| self.buffer());
            self.layer(layer, &mut incoming)?;
            crossfade(self.kernel, out, &incoming, weight);
            self.incoming = Some(incoming);
        }
        self.stills.prefetch(shown.next.map_or(shown.base, |(next, _)| next).scene + 1);
        let (scene, opacity) = shown.title;
        if let Some(title) = &self.timeline.scenes[scene].title {
            blend_overlay(self.kernel, out, title, opacity);
        }
        if let Some(caption) = self.captions.overlay_at(frame) {
            blend_overlay(self.kernel, out, &caption, 255);
        }
        Ok(())
    }

    fn layer(&mut self, layer: Layer, out: &mut Yuv420) -> Result<()> {
        let still = self.stills.get(layer.scene)?;
        let view = self.timeline.scenes[layer.scene].motion.at(layer.position);
        let window = view.window((still.width(), still.height()), (out.width(), out.height()));
        self.sampler.render(still, window, out);
        Ok(())
    }
}

impl std::fmt::Debug for Compositor<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Compositor").field("kernel", &self.kernel).finish_non_exhaustive()
    }
}

/// The error where loading a picture panicked: the decoder met what it did not foresee in the file.
fn panicked(scene: usize) -> MediaError {
    MediaError::new(
        crate::ErrorKind::InvalidInput,
        format!(
            "the picture of scene {} made the decoder fail; export it again in another format",
            scene + 1
        ),
    )
}
