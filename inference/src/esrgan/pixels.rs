//! Pixels to numbers and back: windows of a picture as the networks take them, and colours for what is transparent.

use super::tiles::Part;
use reelsmith_inference_core::image::Image;
use std::borrow::Cow;
use std::collections::VecDeque;

/// What of a picture goes through the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    /// Red, green and blue; a grey picture has them alike.
    Colour,
    /// The alpha, as a grey picture.
    Alpha,
}

/// Parts of red, green and blue in grey (ITU-R BT.601, 2.5.1).
const GREY: [f32; 3] = [0.299, 0.587, 0.114];

/// The window that begins at `across` and `down` as (3, height, width) in 0 ..= 1. Beyond the picture's ends, where
/// the windows' multiples lead, it is mirrored.
pub(super) fn window(image: &Image, plane: Plane, [across, down]: [&Part; 2], size: [usize; 2]) -> Vec<f32> {
    let [width, height] = size;
    let (columns, rows) = (image.width as usize, image.height as usize);
    let channels = usize::from(image.channels);
    let mut numbers = Vec::with_capacity(3 * width * height);
    for colour in 0..3 {
        let channel = match (plane, channels) {
            (Plane::Alpha, _) => 3,
            (Plane::Colour, 1) => 0,
            (Plane::Colour, _) => colour,
        };
        for y in 0..height {
            let row = mirrored(down.start + y, rows) * columns;
            let number = |x: usize| {
                let pixel = row + mirrored(across.start + x, columns);
                f32::from(image.pixels[pixel * channels + channel]) / 255.0
            };
            numbers.extend((0..width).map(number));
        }
    }
    numbers
}

fn mirrored(at: usize, length: usize) -> usize {
    if at < length { at } else { (2 * length - 2).saturating_sub(at) }
}

/// Grey of a colour.
pub(super) fn grey(colour: [f32; 3]) -> f32 {
    GREY.iter().zip(colour).map(|(part, colour)| part * colour).sum()
}

/// The least and the greatest alpha around each pixel that is kept of a window, itself and its eight neighbours,
/// in 0 ..= 1.
pub(super) fn alpha_bounds(image: &Image, [across, down]: [&Part; 2]) -> Vec<[f32; 2]> {
    let (width, height) = (image.width as usize, image.height as usize);
    let around = |at: usize, length: usize| at.saturating_sub(1)..(at + 2).min(length);
    let bounds = |x: usize, y: usize| {
        let pixels = around(y, height).flat_map(|y| around(x, width).map(move |x| (y * width + x) * 4 + 3));
        let values = pixels.map(|at| f32::from(image.pixels[at]) / 255.0);
        values.fold([1.0f32, 0.0f32], |[least, most], value| [least.min(value), most.max(value)])
    };
    down.kept.clone().flat_map(|y| across.kept.clone().map(move |x| bounds(x, y))).collect()
}

/// The alpha that all pixels of a window have, if they have one alpha.
pub(super) fn flat_alpha(image: &Image, [across, down]: [&Part; 2], size: [usize; 2]) -> Option<f32> {
    let (width, height) = (image.width as usize, image.height as usize);
    let columns = across.start..(across.start + size[0]).min(width);
    let mut alphas = (down.start..(down.start + size[1]).min(height))
        .flat_map(|y| columns.clone().map(move |x| image.pixels[(y * width + x) * 4 + 3]));
    let first = alphas.next()?;
    alphas.all(|alpha| alpha == first).then(|| f32::from(first) / 255.0)
}

/// The picture with the colours of its visible pixels spread over those that are wholly transparent, whose own
/// colours nobody sees but which the network would draw into the edges. Alpha stays as it is.
pub(super) fn bled(image: &Image) -> Cow<'_, Image> {
    let hidden = |pixel: &[u8]| pixel[3] == 0;
    let count = image.pixels.chunks_exact(4).filter(|pixel| hidden(pixel)).count();
    if image.channels != 4 || count == 0 || count == image.pixels.len() / 4 {
        return Cow::Borrowed(image);
    }
    let mut image = image.clone();
    let mut known: Vec<bool> = image.pixels.chunks_exact(4).map(|pixel| !hidden(pixel)).collect();
    let size = [image.width as usize, image.height as usize];
    let is_edge = |at: &usize| known[*at] && beside(*at, size).any(|next| !known[next]);
    let mut open: VecDeque<usize> = (0..known.len()).filter(is_edge).collect();
    while let Some(at) = open.pop_front() {
        for next in beside(at, size) {
            if !known[next] {
                known[next] = true;
                image.pixels.copy_within(at * 4..at * 4 + 3, next * 4);
                open.push_back(next);
            }
        }
    }
    Cow::Owned(image)
}

/// The pixels that share a side with the pixel `at`.
fn beside(at: usize, [width, height]: [usize; 2]) -> impl Iterator<Item = usize> {
    let (x, y) = (at % width, at / width);
    let left = (x > 0).then(|| at - 1);
    let right = (x + 1 < width).then(|| at + 1);
    let above = (y > 0).then(|| at - width);
    let below = (y + 1 < height).then(|| at + width);
    [left, right, above, below].into_iter().flatten()
}
