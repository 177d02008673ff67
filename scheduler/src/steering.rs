//! What steers a load or a run: it tells of the latest state, stops where nobody wants it any more, and lets others in.

use crate::device::Device;
use crate::queue::{Line, Piece};
use reelsmith_inference_core::image::Image;
use reelsmith_inference_core::{Control, Progress, Verdict};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Steers one load or run. A watch keeps the latest value only, and pieces of an answer wait without bound, so that a
/// slow listener never holds up the device.
pub(crate) struct Steering<'a> {
    line: &'a Line,
    /// Whom a run yields to; a load has the engine and goes on.
    device: Option<&'a Device>,
    stood_still: Mutex<Duration>,
}

impl<'a> Steering<'a> {
    pub(crate) fn of(line: &'a Line, device: Option<&'a Device>) -> Self {
        Self { line, device, stood_still: Mutex::default() }
    }

    /// For how long others had the device.
    pub(crate) fn stood_still(&self) -> Duration {
        *self.stood_still.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out the next samples of a speech.
    pub(crate) fn sound(&self, samples: &[f32]) {
        self.hand_out(Piece::Sound(samples.to_vec()));
    }

    fn hand_out(&self, piece: Piece) {
        self.line.handed_out.store(true, Ordering::Relaxed);
        // Nobody may be listening any more.
        let _ = self.line.pieces.send(piece);
    }
}

impl Control for Steering<'_> {
    fn step(&self, progress: Progress) -> Verdict {
        self.line.progress.send_replace(Some(progress));
        if let Some(device) = self.device {
            let begun = Instant::now();
            if device.yield_now(&self.line.stop) {
                *self.stood_still.lock().unwrap_or_else(PoisonError::into_inner) += begun.elapsed();
            }
        }
        if self.line.stop.is_cancelled() { Verdict::Cancel } else { Verdict::Continue }
    }

    fn preview(&self, image: Image) {
        self.line.preview.send_replace(Some(Arc::new(image)));
    }

    fn text(&self, piece: &str) {
        self.hand_out(Piece::Text(piece.to_owned()));
    }
}
