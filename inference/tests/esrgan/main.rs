//! Real-ESRGAN: against spandrel and ncnn, over tiles, with alpha and in grey, at any size, and with what is wrong.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod support;

mod damaged;
mod footprint;
mod ncnn;
mod pictures;
mod rrdb;

use reelsmith_inference::esrgan::Esrgan;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::image::{Image, Upscale, UpscaleRequest};
use std::path::PathBuf;
use support::cases::Case;
use support::checkpoint::{load_runtime, model_file};

/// The small published network: four times, and far enough seen by its windows to leave nothing out.
const SMALL: &str = "realesr-animevideov3-x4";
/// The large one: four times.
const LARGE: &str = "realesrgan-x4plus";

fn published(id: &str) -> PathBuf {
    model_file(&format!("{id}/{id}.param"))
}

fn open(id: &str) -> Esrgan {
    load_runtime();
    Esrgan::open(&published(id), 2).expect("it loads")
}

/// The picture that a case holds as (height, width, 3) bytes.
fn picture(case: &Case, name: &str) -> Image {
    let [height, width, 3] = case.tensor(name).shape[..] else { panic!("{}: {name}", case.name) };
    let pixels = case.integers(name).iter().map(|byte| *byte as u8).collect();
    Image::new(width as u32, height as u32, 3, pixels).expect("a picture")
}

fn enlarged(upscaler: &mut Esrgan, image: &Image, tile: u32) -> Image {
    let factor = upscaler.factor();
    let (width, height) = (image.width * factor, image.height * factor);
    let request = UpscaleRequest { image: image.clone(), width, height, tile };
    let made = upscaler.upscale(&request, &NoControl).expect("it is enlarged");
    assert_eq!((made.width, made.height, made.channels), (width, height, image.channels));
    made
}

fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// Peak signal-to-noise ratio in dB.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255f64.powi(2) / (squares / a.len() as f64).max(1e-9)).log10()
}

/// Waves of all lengths, with an edge: something that has no period of its own.
fn drawn(width: u32, height: u32, channels: u8) -> Image {
    let value = |x: u32, y: u32, channel: u8| {
        let (x, y) = (f64::from(x), f64::from(y));
        let waves = (x * x / 90.0 + f64::from(channel)).sin() + (y * y / 70.0 + x / 9.0).cos();
        let edge = if x + y > f64::from(width + height) / 2.0 { 60.0 } else { 0.0 };
        (waves * 45.0 + 98.0 + edge) as u8
    };
    let pixels = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |channel| value(x, y, channel))));
    Image::new(width, height, channels, pixels.collect()).expect("a picture")
}
