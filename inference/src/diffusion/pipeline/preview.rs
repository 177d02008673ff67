//! A cheap look at latents: colours as a linear mixture of the four channels, at an eighth of the size.

use reelsmith_inference_core::image::Image;

/// Red, green and blue of each latent channel of SDXL, fitted by others (ComfyUI, `comfy/latent_formats.py`, class
/// `SDXL`), and what is added.
const COLOURS: [[f32; 3]; 4] = [
    [0.3651, 0.4232, 0.4341],
    [-0.2533, -0.0042, 0.1068],
    [0.1076, 0.1111, -0.0362],
    [-0.3165, -0.2492, -0.2188],
];
const SHIFT: [f32; 3] = [0.1084, -0.0175, -0.0011];

/// A picture of w x h pixels of latents (1, 4, h, w).
pub(super) fn of(latents: &[f32], shape: &[usize]) -> Image {
    let (height, width) = (shape[2], shape[3]);
    let plane = height * width;
    let colour = |n: usize, c: usize| {
        let mixture: f32 = (0..COLOURS.len()).map(|k| latents[k * plane + n] * COLOURS[k][c]).sum();
        ((mixture + SHIFT[c] + 1.0) * 127.5).clamp(0.0, 255.0) as u8
    };
    let pixels = (0..plane).flat_map(|n| (0..3).map(move |c| colour(n, c))).collect();
    Image { width: width as u32, height: height as u32, channels: 3, pixels }
}
