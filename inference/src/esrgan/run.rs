//! One picture through the network, window by window and row by row.

use super::band::Band;
use super::pixels::{Plane, alpha_bounds, bled, flat_alpha, grey, window};
use super::resample::Resampler;
use super::tiles::{Cut, Part};
use crate::network::{Array, Feed, Network};
use crate::session::out_of_memory;
use reelsmith_graph::ncnn::{ENLARGED, PICTURE};
use reelsmith_inference_core::image::{Image, UpscaleRequest};
use reelsmith_inference_core::{Control, ErrorKind, InferenceError, Progress, Result, Verdict};

/// What a run works with.
pub(super) struct Run<'a> {
    pub(super) network: &'a mut Network,
    pub(super) factor: usize,
    /// Across and down.
    pub(super) cuts: &'a [Cut; 2],
    pub(super) control: &'a dyn Control,
}

/// A window, as its places across and down.
type At<'a> = [&'a Part; 2];

impl Run<'_> {
    /// The picture in the size wanted.
    pub(super) fn picture(&mut self, request: &UpscaleRequest) -> Result<Image> {
        let image = &*bled(&request.image);
        let channels = usize::from(image.channels);
        let enlarged = [image.width, image.height].map(|length| length as usize * self.factor);
        let wanted = [request.width as usize, request.height as usize];
        let mut pixels = room(wanted[0] * wanted[1] * channels)?;
        let mut resampler = Resampler::new(channels, enlarged, wanted);
        let [across, down] = self.cuts;
        let mut band =
            Band::new(room(enlarged[0] * down.most_kept() * self.factor * channels)?, enlarged[0], channels);
        let total = (across.parts.len() * down.parts.len()) as u64;
        let mut done = 0;
        for (n, part) in down.parts.iter().enumerate() {
            band.reach(part.kept.end * self.factor);
            for beside in &across.parts {
                let progress = Progress { done, total: Some(total), unit: "tiles" };
                self.tile(image, [beside, part], progress, &mut band)?;
                done += 1;
            }
            // The next windows add to the rows from there on.
            let finished = down.parts.get(n + 1).map_or(part.kept.end, |next| next.kept.start);
            band.finish(finished * self.factor, |row| {
                resampler.push(row, |row| pixels.extend(row.iter().map(|number| byte(*number))));
            });
        }
        Image::new(request.width, request.height, image.channels, pixels)
    }

    /// Enlarges the window `at` and adds what is taken of it to `band`.
    fn tile(&mut self, image: &Image, at: At<'_>, progress: Progress, band: &mut Band) -> Result<()> {
        let made = self.enlarged(image, Plane::Colour, at, progress)?;
        self.add(band, at, |_, place, pixel, share| {
            let colour = made.colour(place);
            match pixel {
                [number] => *number += share * grey(colour),
                pixel => pixel.iter_mut().zip(colour).for_each(|(sum, number)| *sum += share * number),
            }
        });
        if image.channels < 4 {
            return Ok(());
        }
        if let Some(alpha) = flat_alpha(image, at, self.size()) {
            self.add(band, at, |_, _, pixel, share| pixel[3] += share * alpha);
            return Ok(());
        }
        let made = self.enlarged(image, Plane::Alpha, at, progress)?;
        let bounds = alpha_bounds(image, at);
        self.add(band, at, |source, place, pixel, share| {
            let [least, most] = bounds[source];
            pixel[3] += share * grey(made.colour(place)).clamp(least, most);
        });
        Ok(())
    }

    fn size(&self) -> [usize; 2] {
        self.cuts.each_ref().map(|cut| cut.window)
    }

    /// The window `at`, enlarged.
    fn enlarged(&mut self, image: &Image, plane: Plane, at: At<'_>, progress: Progress) -> Result<Enlarged> {
        if self.control.step(progress) == Verdict::Cancel {
            return Err(InferenceError::cancelled());
        }
        let size = self.size();
        let numbers = window(image, plane, at, size);
        let shape = [1, 3, size[1], size[0]];
        let made = self.network.run(&[(PICTURE, Feed::Floats(&shape, &numbers))], &[ENLARGED])?;
        let [width, height] = size.map(|length| length * self.factor);
        let made = made.into_iter().next().filter(|made| made.shape == [1, 3, height, width]);
        match made.filter(|made| made.data.iter().all(|number| number.is_finite())) {
            Some(array) => Ok(Enlarged { array, width }),
            None => Err(InferenceError::new(
                ErrorKind::Engine,
                format!(
                    "the upscaler made no usable numbers of the {}x{} pixels at {}, {}; its file may be damaged, \
                     check it with `reelsmith models verify`",
                    size[0], size[1], at[0].start, at[1].start
                ),
            )),
        }
    }

    /// Hands each enlarged pixel that is taken of a window to `put`: the place of the picture's pixel among those
    /// taken, its own place in the enlarged window, the pixel in the band, and how much of it is taken.
    fn add(&self, band: &mut Band, at: At<'_>, mut put: impl FnMut(usize, [usize; 2], &mut [f32], f32)) {
        let ([across, down], factor) = (at, self.factor);
        let first = at.map(|part| (part.kept.start - part.start) * factor);
        let columns = self.cuts[0].shares(across, factor);
        for (y, row_share) in self.cuts[1].shares(down, factor).into_iter().enumerate() {
            let pixels = band.pixels(down.kept.start * factor + y, across.kept.start * factor);
            for (x, (pixel, share)) in pixels.zip(&columns).enumerate() {
                let source = y / factor * across.kept.len() + x / factor;
                put(source, [first[0] + x, first[1] + y], pixel, share * row_share);
            }
        }
    }
}

/// What the network made of a window.
struct Enlarged {
    /// (1, 3, height, width).
    array: Array,
    width: usize,
}

impl Enlarged {
    /// Red, green and blue in 0 ..= 1, beyond which the network goes a little.
    fn colour(&self, [x, y]: [usize; 2]) -> [f32; 3] {
        let plane = self.array.data.len() / 3;
        [0, 1, 2].map(|colour| self.array.data[colour * plane + y * self.width + x].clamp(0.0, 1.0))
    }
}

/// An empty list with room for `count`, or `OutOfMemory`.
fn room<T>(count: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(count).map_err(out_of_memory)?;
    Ok(list)
}

fn byte(number: f32) -> u8 {
    // A cast holds what lies outside within 0 and 255.
    (number * 255.0 + 0.5) as u8
}
