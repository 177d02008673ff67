//! One picture through the network, window by window and row by row.

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

/// Enlarged rows of the picture's whole width.
struct Band {
    width: usize,
    channels: usize,
    /// The channels of each pixel, row by row.
    numbers: Vec<f32>,
}

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
        let mut band = Band::new(enlarged[0], down.most_kept() * self.factor, channels)?;
        let total = (across.parts.len() * down.parts.len()) as u64;
        let mut done = 0;
        for part in &down.parts {
            for beside in &across.parts {
                let progress = Progress { done, total: Some(total), unit: "tiles" };
                self.tile(image, [beside, part], progress, &mut band)?;
                done += 1;
            }
            for row in band.rows().take(part.kept.len() * self.factor) {
                resampler.push(row, |row| pixels.extend(row.iter().map(|number| byte(*number))));
            }
        }
        Image::new(request.width, request.height, image.channels, pixels)
    }

    /// Enlarges the window `at` and puts what is kept of it into `band`.
    fn tile(&mut self, image: &Image, at: [&Part; 2], progress: Progress, band: &mut Band) -> Result<()> {
        let made = self.enlarged(image, Plane::Colour, at, progress)?;
        self.each_kept(at, band, |_, pixel, place| match pixel {
            [number] => *number = grey(made.colour(place)),
            pixel => pixel[..3].copy_from_slice(&made.colour(place)),
        });
        if image.channels < 4 {
            return Ok(());
        }
        if let Some(alpha) = flat_alpha(image, at, self.cuts.each_ref().map(|cut| cut.window)) {
            self.each_kept(at, band, |_, pixel, _| pixel[3] = alpha);
            return Ok(());
        }
        let made = self.enlarged(image, Plane::Alpha, at, progress)?;
        let bounds = alpha_bounds(image, at);
        self.each_kept(at, band, |source, pixel, place| {
            let [least, most] = bounds[source];
            pixel[3] = grey(made.colour(place)).clamp(least, most);
        });
        Ok(())
    }

    /// The window `at`, enlarged.
    fn enlarged(
        &mut self,
        image: &Image,
        plane: Plane,
        at: [&Part; 2],
        progress: Progress,
    ) -> Result<Enlarged> {
        if self.control.step(progress) == Verdict::Cancel {
            return Err(InferenceError::cancelled());
        }
        let size = self.cuts.each_ref().map(|cut| cut.window);
        let numbers = window(image, plane, at, size);
        let shape = [1, 3, size[1], size[0]];
        let made = self.network.run(&[(PICTURE, Feed::Floats(&shape, &numbers))], &[ENLARGED])?;
        let [width, height] = size.map(|length| length * self.factor);
        let made = made.into_iter().next().filter(|made| made.shape == [1, 3, height, width]);
        let fits = made.as_ref().is_some_and(|made| made.data.iter().all(|number| number.is_finite()));
        match made {
            Some(array) if fits => Ok(Enlarged { array, width }),
            _ => Err(InferenceError::new(
                ErrorKind::Engine,
                format!(
                    "the upscaler made no usable numbers of the {}x{} pixels at {}, {}; its file may be damaged, check \
                     it with `reelsmith models verify`",
                    size[0], size[1], at[0].start, at[1].start
                ),
            )),
        }
    }

    /// Goes through the enlarged pixels that are kept of a window: the place of the picture's pixel among those
    /// kept, the pixel in the band, and its place in the enlarged window.
    fn each_kept(
        &self,
        [across, down]: [&Part; 2],
        band: &mut Band,
        mut put: impl FnMut(usize, &mut [f32], [usize; 2]),
    ) {
        let factor = self.factor;
        let (left, top) = (across.kept.start - across.start, down.kept.start - down.start);
        let (width, channels) = (band.width, band.channels);
        for y in 0..down.kept.len() * factor {
            let row = &mut band.numbers[(y * width + across.kept.start * factor) * channels..];
            let pixels = row.chunks_exact_mut(channels).take(across.kept.len() * factor);
            for (x, pixel) in pixels.enumerate() {
                let source = y / factor * across.kept.len() + x / factor;
                put(source, pixel, [left * factor + x, top * factor + y]);
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
    fn colour(&self, [x, y]: [usize; 2]) -> [f32; 3] {
        let plane = self.array.data.len() / 3;
        [0, 1, 2].map(|colour| self.array.data[colour * plane + y * self.width + x])
    }
}

impl Band {
    fn new(width: usize, height: usize, channels: usize) -> Result<Self> {
        let mut numbers = room(width * height * channels)?;
        numbers.resize(width * height * channels, 0.0);
        Ok(Self { width, channels, numbers })
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.numbers.chunks_exact(self.width * self.channels)
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
