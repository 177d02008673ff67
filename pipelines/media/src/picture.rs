//! Still pictures: loaded from files within stated limits, cropped, resized and saved.

use std::path::PathBuf;
use std::sync::Arc;

/// An 8-bit sRGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Row by row from the top, three bytes a pixel: `width * height * 3`.
    pub rgb: Vec<u8>,
}

/// Where a picture comes from; a file is loaded only when it is needed.
#[derive(Debug, Clone)]
pub enum PictureSource {
    /// A JPEG, PNG or WebP file.
    File(PathBuf),
    /// A picture that is in memory anyway.
    Memory(Arc<Picture>),
}
