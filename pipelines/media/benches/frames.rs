//! The inner loops of the compositor on a frame of 1080x1920, each kernel beside its scalar twin.
//!
//! `cargo bench -p reelsmith-media --bench frames`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reelsmith_media::motion::{Sampler, View};
use reelsmith_media::overlay::Overlay;
use reelsmith_media::picture::Picture;
use reelsmith_media::yuv::{Kernel, Yuv420, blend_overlay, crossfade, from_rgb};
use std::hint::black_box;

const FRAME: (usize, usize) = (1080, 1920);

fn noise(width: u32, height: u32) -> Picture {
    let mut state = 1u32;
    let rgb = (0..width * height * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    Picture { width, height, rgb: rgb.collect() }
}

fn kernels() -> [(&'static str, Kernel); 2] {
    [("detected", Kernel::detect()), ("scalar", Kernel::Scalar)]
}

fn sample(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sample");
    group.throughput(Throughput::Elements(1)).sample_size(30);
    for width in [1210, 1512] {
        let still = from_rgb(&noise(width, width * 16 / 9));
        let size = (still.width(), still.height());
        let window = View { x: 0.37, y: 0.61, zoom: 1.06 }.window(size, FRAME);
        let mut out = Yuv420::black(FRAME.0, FRAME.1);
        for (name, kernel) in kernels() {
            let mut sampler = Sampler::new(kernel);
            group.bench_function(BenchmarkId::new(name, width), |bencher| {
                bencher.iter(|| sampler.render(black_box(&still), window, &mut out));
            });
        }
    }
}

fn blend(criterion: &mut Criterion) {
    let (width, height) = (960, 260);
    let overlay = Overlay {
        x: 60,
        y: 1200,
        width,
        height,
        luma: vec![100; width * height],
        alpha: (0..width * height).map(|index| (index % 256) as u8).collect(),
        cb: vec![60; width * height / 4],
        cr: vec![60; width * height / 4],
        chroma_alpha: vec![120; width * height / 4],
    };
    let mut group = criterion.benchmark_group("blend");
    group.sample_size(30);
    let next = Yuv420::black(FRAME.0, FRAME.1);
    for (name, kernel) in kernels() {
        let mut out = Yuv420::black(FRAME.0, FRAME.1);
        group.bench_function(BenchmarkId::new("caption", name), |bencher| {
            bencher.iter(|| blend_overlay(kernel, black_box(&mut out), &overlay, 255));
        });
        group.bench_function(BenchmarkId::new("crossfade", name), |bencher| {
            bencher.iter(|| crossfade(kernel, black_box(&mut out), &next, 100));
        });
    }
}

fn convert(criterion: &mut Criterion) {
    let picture = noise(1512, 2688);
    let mut group = criterion.benchmark_group("still");
    group.sample_size(20);
    group.bench_function("rgb to yuv 1512x2688", |bencher| bencher.iter(|| from_rgb(black_box(&picture))));
    group.bench_function("cover 1080x1920", |bencher| bencher.iter(|| picture.cover(1080, 1920)));
}

criterion_group!(benches, sample, blend, convert);
criterion_main!(benches);
