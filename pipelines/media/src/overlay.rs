//! A picture with transparency, ready to be blended over YUV frames.

/// Premultiplied BT.709 limited-range YUV 4:2:0 with coverage, placed on even coordinates.
///
/// Blending is `dst = src + dst * (255 - alpha) / 255` per plane, where `src` is already
/// multiplied by alpha.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Left edge in the frame, in pixels; even.
    pub x: usize,
    /// Top edge in the frame, in pixels; even.
    pub y: usize,
    /// Width in pixels; even.
    pub width: usize,
    /// Height in pixels; even.
    pub height: usize,
    /// Premultiplied luma, `width * height`.
    pub luma: Vec<u8>,
    /// Coverage of each luma sample, `width * height`; 0 is transparent.
    pub alpha: Vec<u8>,
    /// Premultiplied Cb, `width/2 * height/2`.
    pub cb: Vec<u8>,
    /// Premultiplied Cr, `width/2 * height/2`.
    pub cr: Vec<u8>,
    /// Coverage of each chroma sample, `width/2 * height/2`.
    pub chroma_alpha: Vec<u8>,
}
