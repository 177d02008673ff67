//! Whole pictures: seams, alpha, grey, sizes, refusals, cancelling.

use crate::support::cases::cases;
use crate::{LARGE, SMALL, drawn, enlarged, largest_difference, open, picture, psnr};
use proptest::prelude::*;
use reelsmith_inference::esrgan::{Esrgan, MOST_SIDE};
use reelsmith_inference_core::image::{Image, Upscale, UpscaleRequest};
use reelsmith_inference_core::{Control, ErrorKind, NoControl, Progress, Verdict};
use std::sync::Mutex;

#[test]
fn windows_that_see_far_enough_leave_no_trace() {
    let mut upscaler = open(SMALL);
    let image = drawn(230, 150, 3);
    let whole = enlarged(&mut upscaler, &image, 0);
    for tile in [96, 131] {
        let made = enlarged(&mut upscaler, &image, tile);
        // Sums are made in another order, so that a number may fall on the other side between two bytes.
        assert!(largest_difference(&made.pixels, &whole.pixels) <= 1, "{tile}");
        let differing = made.pixels.iter().zip(&whole.pixels).filter(|(a, b)| a != b).count();
        assert!(differing * 10_000 <= whole.pixels.len(), "{tile}: {differing}");
    }
}

#[test]
fn windows_of_the_large_network_leave_no_seam() {
    let mut upscaler = open(LARGE);
    let photograph = picture(&cases("photo")[0], "photograph");
    let rows = photograph.pixels.chunks_exact(photograph.width as usize * 3).skip(40).take(64);
    let image = Image::new(130, 64, 3, rows.flat_map(|row| row[..130 * 3].to_vec()).collect()).unwrap();
    let whole = enlarged(&mut upscaler, &image, 0);
    let made = enlarged(&mut upscaler, &image, 96);
    let found = psnr(&made.pixels, &whole.pixels);
    assert!(found > 45.0, "{found} dB");
    // Steps from column to column are those of the whole picture, at the seam as elsewhere.
    let step = |image: &Image, x: usize| -> f64 {
        let width = image.width as usize;
        let rows = image.pixels.chunks_exact(width * 3);
        let steps = rows.map(|row| {
            (0..3).map(|c| f64::from(row[x * 3 + c]) - f64::from(row[x * 3 + c - 3])).sum::<f64>()
        });
        steps.sum::<f64>() / f64::from(image.height * 3)
    };
    println!("{found} dB, {} levels", largest_difference(&made.pixels, &whole.pixels));
    for x in 1..whole.width as usize {
        let more = (step(&made, x) - step(&whole, x)).abs();
        assert!(more < 0.5, "column {x}: {more} levels");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let image = drawn(120, 100, 4);
    let mut upscaler = open(SMALL);
    let first = enlarged(&mut upscaler, &image, 96);
    assert_eq!(first, enlarged(&mut upscaler, &image, 96));
    assert_eq!(first, enlarged(&mut open(SMALL), &image, 96));
}

#[test]
fn grey_stays_grey() {
    let mut upscaler = open(SMALL);
    let image = drawn(40, 30, 1);
    let made = enlarged(&mut upscaler, &image, 0);
    let rgb = Image::new(40, 30, 3, image.pixels.iter().flat_map(|grey| [*grey; 3]).collect()).unwrap();
    let coloured = enlarged(&mut upscaler, &rgb, 0);
    for (grey, colour) in made.pixels.iter().zip(coloured.pixels.chunks_exact(3)) {
        let luma = 0.299 * f32::from(colour[0]) + 0.587 * f32::from(colour[1]) + 0.114 * f32::from(colour[2]);
        assert!((f32::from(*grey) - luma).abs() <= 1.0, "{grey} {colour:?}");
    }
}

/// A red disc on what is transparent, whose hidden colour is `hidden`.
fn disc(hidden: [u8; 3]) -> Image {
    let pixels = (0..48 * 48).flat_map(|at| {
        let (x, y) = (at % 48, at / 48);
        let inside = (x - 24i32).pow(2) + (y - 24i32).pow(2) < 15 * 15;
        if inside { [220, 30, 40, 255] } else { [hidden[0], hidden[1], hidden[2], 0] }
    });
    Image::new(48, 48, 4, pixels.collect()).expect("a picture")
}

#[test]
fn what_is_transparent_has_no_say_in_what_is_seen() {
    let mut upscaler = open(SMALL);
    let [black, green] = [[0, 0, 0], [0, 255, 0]].map(|hidden| enlarged(&mut upscaler, &disc(hidden), 0));
    assert_eq!(black, green, "hidden colours have no effect");
    for pixel in black.pixels.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
        assert!(pixel[0] > 180 && pixel[1] < 70 && pixel[2] < 80, "a fringe: {pixel:?}");
    }
    let alpha = |x: usize, y: usize| black.pixels[(y * 192 + x) * 4 + 3];
    assert_eq!((alpha(96, 96), alpha(2, 2), alpha(96, 20)), (255, 0, 0));
    // The edge is a pixel of the given picture wide at most, to both sides.
    let between = (0..192).filter(|x| !matches!(alpha(*x, 96), 0 | 255)).count();
    assert!((1..=16).contains(&between), "{between} pixels of two edges");
}

#[test]
fn an_opaque_picture_stays_opaque_and_is_worth_one_run_a_tile() {
    let mut upscaler = open(SMALL);
    let rgb = drawn(60, 50, 3);
    let pixels = rgb.pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let asked = Mutex::new(0);
    let count = |_: Progress| {
        *asked.lock().unwrap() += 1;
        Verdict::Continue
    };
    let request =
        UpscaleRequest { image: Image::new(60, 50, 4, pixels).unwrap(), width: 240, height: 200, tile: 0 };
    let made = upscaler.upscale(&request, &count).unwrap();
    assert_eq!(asked.into_inner().unwrap(), 1);
    let plain = enlarged(&mut upscaler, &rgb, 0);
    for (with, without) in made.pixels.chunks_exact(4).zip(plain.pixels.chunks_exact(3)) {
        assert_eq!((&with[..3], with[3]), (without, 255));
    }
}

#[test]
fn any_size_can_be_had_and_looks_the_same() {
    let mut upscaler = open(SMALL);
    let image = drawn(64, 48, 3);
    let whole = enlarged(&mut upscaler, &image, 0);
    // The mean colour of each quarter is that of the picture in every size.
    let quarters = |image: &Image| -> Vec<f64> {
        let (width, height) = (image.width as usize, image.height as usize);
        let mut sums = [(0.0, 0.0); 4 * 3];
        for (at, pixel) in image.pixels.chunks_exact(3).enumerate() {
            let quarter = usize::from(at % width * 2 >= width) + 2 * usize::from(at / width * 2 >= height);
            for (channel, value) in pixel.iter().enumerate() {
                let (sum, count) = &mut sums[quarter * 3 + channel];
                *sum += f64::from(*value);
                *count += 1.0;
            }
        }
        sums.iter().map(|(sum, count)| sum / count).collect()
    };
    for (width, height) in [(2, 2), (64, 48), (100, 30), (128, 96), (255, 193), (600, 400)] {
        let request = UpscaleRequest { image: image.clone(), width, height, tile: 0 };
        let made = upscaler.upscale(&request, &NoControl).unwrap();
        assert_eq!(
            (made.width, made.height, made.pixels.len()),
            (width, height, (width * height * 3) as usize)
        );
        if width >= 64 && width % 2 == 0 {
            for (a, b) in quarters(&made).iter().zip(quarters(&whole)) {
                assert!((a - b).abs() < 1.5, "{width}x{height}: {a} {b}");
            }
        }
    }
    let request = UpscaleRequest { image: drawn(1, 1, 3), width: 1, height: 1, tile: 0 };
    upscaler.upscale(&request, &NoControl).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_picture_of_one_colour_stays_that(width in 1u32..70, height in 1u32..70, to in 1u32..200, grey in 0u8..=255) {
        thread_local!(static UPSCALER: std::cell::RefCell<Esrgan> = std::cell::RefCell::new(open(SMALL)));
        let image = Image::new(width, height, 1, vec![grey; (width * height) as usize]).unwrap();
        let request = UpscaleRequest { image, width: to, height: 201 - to, tile: 0 };
        let made = UPSCALER.with_borrow_mut(|upscaler| upscaler.upscale(&request, &NoControl)).unwrap();
        // The network draws a little into an even surface and more at its border.
        let far = made.pixels.iter().map(|pixel| pixel.abs_diff(grey)).max().unwrap();
        prop_assert!(far <= 24, "{far}");
    }
}

#[test]
fn sizes_beyond_bounds_are_refused_before_anything_is_taken() {
    let mut upscaler = open(SMALL);
    let mut refused = |image: Image, width: u32, height: u32, tile: u32, says: &str| {
        let request = UpscaleRequest { image, width, height, tile };
        let started = std::time::Instant::now();
        assert_eq!(upscaler.footprint(&request).peak_activation, 0);
        let error = upscaler.upscale(&request, &NoControl).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(started.elapsed().as_millis() < 500);
    };
    let small = drawn(8, 8, 3);
    for (width, height) in [(0, 8), (8, 0), (100_000, 8), (8, 100_000), (u32::MAX, u32::MAX)] {
        refused(small.clone(), width, height, 0, "1 to 16384");
        let image = Image { width, height, channels: 3, pixels: Vec::new() };
        refused(image, 8, 8, 0, "1 to 16384");
    }
    for tile in [1, 95] {
        refused(small.clone(), 8, 8, tile, "96 or more");
    }
    refused(Image { channels: 2, ..small.clone() }, 8, 8, 0, "2 channels");
    refused(Image { pixels: vec![0; 10], ..small.clone() }, 8, 8, 0, "10 bytes");
    refused(Image { channels: 0, pixels: Vec::new(), ..small }, 8, 8, 0, "0 channels");
    assert_eq!(MOST_SIDE, 16_384);
}

/// Cancels at the given tile and remembers what it was told.
struct CancelAt(u64, Mutex<Vec<Progress>>);

impl Control for CancelAt {
    fn step(&self, progress: Progress) -> Verdict {
        self.1.lock().expect("no test panics with it").push(progress);
        if progress.done >= self.0 { Verdict::Cancel } else { Verdict::Continue }
    }
}

#[test]
fn it_can_be_cancelled_before_every_tile_and_goes_on_with_the_next_request() {
    let mut upscaler = open(SMALL);
    let image = drawn(200, 130, 3);
    let request = UpscaleRequest { image: image.clone(), width: 400, height: 260, tile: 96 };
    let control = CancelAt(2, Mutex::default());
    let error = upscaler.upscale(&request, &control).expect_err("it is cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let steps = control.1.into_inner().unwrap();
    assert_eq!(steps.iter().map(|progress| progress.done).collect::<Vec<_>>(), [0, 1, 2]);
    let total = steps[0].total.unwrap();
    assert!(total >= 6 && steps.iter().all(|p| p.total == Some(total) && p.unit == "tiles"), "{steps:?}");
    let all = CancelAt(u64::MAX, Mutex::default());
    upscaler.upscale(&request, &all).unwrap();
    assert_eq!(all.1.into_inner().unwrap().len() as u64, total);
}
