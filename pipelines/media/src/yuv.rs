//! YUV 4:2:0 frames as H.264 wants them: BT.709, limited range, chroma on the left luma sample.

mod blend;
mod convert;
pub(crate) mod kernel;
pub(crate) mod premultiplied;

pub use blend::{FULL, blend_overlay, crossfade};
pub use convert::from_rgb;
pub(crate) use convert::from_rgb_crop;
pub use kernel::Kernel;

/// One frame: the Y plane, then Cb, then Cr, each row by row without gaps (I420).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yuv420 {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

/// The three planes of a frame.
#[derive(Debug)]
pub struct Planes<T> {
    /// Luma, `width * height`.
    pub luma: T,
    /// Blue difference, `width/2 * height/2`.
    pub cb: T,
    /// Red difference, `width/2 * height/2`.
    pub cr: T,
}

impl Yuv420 {
    /// A black frame.
    ///
    /// # Panics
    /// If a side is 0 or odd.
    pub fn black(width: usize, height: usize) -> Self {
        assert!(width > 0 && height > 0 && width.is_multiple_of(2) && height.is_multiple_of(2));
        let mut data = vec![16; width * height];
        data.resize(width * height * 3 / 2, 128);
        Self { width, height, data }
    }

    /// In pixels; even.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels; even.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All planes, as they are piped to ffmpeg.
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    /// The planes.
    pub fn planes(&self) -> Planes<&[u8]> {
        let (luma, chroma) = self.data.split_at(self.width * self.height);
        let (cb, cr) = chroma.split_at(chroma.len() / 2);
        Planes { luma, cb, cr }
    }

    /// The planes, to be written.
    pub fn planes_mut(&mut self) -> Planes<&mut [u8]> {
        let (luma, chroma) = self.data.split_at_mut(self.width * self.height);
        let (cb, cr) = chroma.split_at_mut(chroma.len() / 2);
        Planes { luma, cb, cr }
    }

    /// A frame from its planes.
    pub(crate) fn from_planes(width: usize, height: usize, planes: Planes<Vec<u8>>) -> Self {
        let mut data = planes.luma;
        data.extend(planes.cb);
        data.extend(planes.cr);
        assert_eq!(data.len(), width * height * 3 / 2, "planes have the frame's size");
        Self { width, height, data }
    }
}
