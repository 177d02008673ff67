//! Pictures given on the command line: read once, hashed, brought to the size that is asked for.

use super::media_failure;
use crate::exit::{Failure, Outcome};
use reelsmith_inference_core::image::Image;
use reelsmith_media::picture::{Bitmap, load_bitmap};
use reelsmith_pipelines::images::{InputNote, to_image};
use reelsmith_storage::Digest;
use std::path::Path;

/// A picture from a file.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) bitmap: Bitmap,
    pub(super) note: InputNote,
}

impl Input {
    /// Reads it. Not for an async thread.
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let bitmap = load_bitmap(path).map_err(media_failure)?;
        let bytes = std::fs::read(path).map_err(|e| Failure::io(format!("read {}", path.display()), &e))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { bitmap, note: InputNote { name, sha256: Digest::of(&bytes).to_string() } })
    }

    /// Width and height, in pixels.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.bitmap.width, self.bitmap.height)
    }

    /// Its middle in colour, filling just this size.
    pub(super) fn rgb(&self, (width, height): (u32, u32)) -> Outcome<Image> {
        image(self.bitmap.clone().into_picture().cover(width, height).into())
    }

    /// The same in grey.
    pub(super) fn grey(&self, (width, height): (u32, u32)) -> Outcome<Image> {
        let covered: Bitmap = self.bitmap.clone().into_picture().cover(width, height).into();
        image(covered.into_grey())
    }
}

fn image(bitmap: Bitmap) -> Outcome<Image> {
    to_image(bitmap).map_err(Failure::failed)
}
