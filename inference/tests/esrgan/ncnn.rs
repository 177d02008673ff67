//! The published weights against the `ncnn` package, and against a photograph (`tests/reference/upscale.py`).

use crate::support::cases::cases;
use crate::{enlarged, open, picture, psnr};
use reelsmith_inference_core::image::Image;

#[test]
fn the_published_networks_make_what_ncnn_makes_of_them() {
    for case in cases("ncnn") {
        let id = case.json["model"].as_str().unwrap();
        let made = enlarged(&mut open(id), &picture(&case, "pixels"), 0);
        let expected = picture(&case, "enlarged");
        assert_eq!((made.width, made.height), (expected.width, expected.height), "{id}");
        let found = psnr(&made.pixels, &expected.pixels);
        println!("{}: {found:.1} dB", case.name);
        // The bar is 45; a single wrong tap or border lies far below what rounding leaves.
        assert!(found >= 70.0, "{}: {found} dB", case.name);
    }
}

#[test]
fn a_worn_photograph_comes_nearer_to_what_it_was_than_bicubic_brings_it() {
    for case in cases("photo") {
        let photograph = picture(&case, "photograph");
        let id = case.json["model"].as_str().unwrap();
        let made = enlarged(&mut open(id), &picture(&case, "small"), 0);
        let bicubic = picture(&case, "bicubic");
        for (what, measure) in MEASURES {
            let (ours, theirs) = (measure(&photograph, &made), measure(&photograph, &bicubic));
            println!("{} {what}: {ours:.4}, bicubic {theirs:.4}", case.name);
            assert!(ours > theirs, "{} {what}: {ours} against {theirs}", case.name);
        }
    }
}

type Measure = fn(&Image, &Image) -> f64;

const MEASURES: [(&str, Measure); 3] =
    [("PSNR", |a, b| psnr(&a.pixels, &b.pixels)), ("SSIM", ssim), ("gradients", gradients)];

/// Luma.
fn grey(image: &Image) -> Vec<f64> {
    let luma = |pixel: &[u8]| {
        0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])
    };
    image.pixels.chunks_exact(3).map(luma).collect()
}

/// Structural similarity (Wang et al., 2004) of luma in squares of 8 pixels, every 4 pixels.
fn ssim(a: &Image, b: &Image) -> f64 {
    const SIDE: usize = 8;
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    let (width, height) = (a.width as usize, a.height as usize);
    let (a, b) = (grey(a), grey(b));
    let square = |x: usize, y: usize| {
        let places = (0..SIDE * SIDE).map(|n| (y + n / SIDE) * width + x + n % SIDE);
        let count = (SIDE * SIDE) as f64;
        let sums = places.fold([0.0; 5], |[ma, mb, aa, bb, ab], at| {
            let (a, b) = (a[at], b[at]);
            [ma + a, mb + b, aa + a * a, bb + b * b, ab + a * b]
        });
        let [ma, mb, aa, bb, ab] = sums.map(|sum| sum / count);
        let (va, vb, both) = (aa - ma * ma, bb - mb * mb, ab - ma * mb);
        (2.0 * ma * mb + c1) * (2.0 * both + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    };
    let rows = (0..height - SIDE).step_by(4);
    let all: Vec<f64> = rows
        .flat_map(|y| (0..width - SIDE).step_by(4).map(move |x| (x, y)))
        .map(|(x, y)| square(x, y))
        .collect();
    all.iter().sum::<f64>() / all.len() as f64
}

/// Mean likeness of the gradients of luma (Xue et al., "Gradient Magnitude Similarity Deviation", 2014, equation 4,
/// at full size).
fn gradients(a: &Image, b: &Image) -> f64 {
    const STABLE: f64 = 170.0;
    let (width, height) = (a.width as usize, a.height as usize);
    let magnitudes = |image: &Image| {
        let grey = grey(image);
        let at = move |x: usize, y: usize| {
            let column = |x: usize| (y - 1..=y + 1).map(|y| grey[y * width + x]).sum::<f64>();
            let row = |y: usize| (x - 1..=x + 1).map(|x| grey[y * width + x]).sum::<f64>();
            ((column(x + 1) - column(x - 1)) / 3.0).hypot((row(y + 1) - row(y - 1)) / 3.0)
        };
        (1..height - 1)
            .flat_map(|y| (1..width - 1).map(move |x| (x, y)))
            .map(|(x, y)| at(x, y))
            .collect::<Vec<_>>()
    };
    let (a, b) = (magnitudes(a), magnitudes(b));
    let likeness = |(a, b): (&f64, &f64)| (2.0 * a * b + STABLE) / (a * a + b * b + STABLE);
    a.iter().zip(&b).map(likeness).sum::<f64>() / a.len() as f64
}
