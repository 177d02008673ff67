//! Each command: what it writes, and what it refuses before anything is loaded.

use crate::desk::Desk;
use crate::desk::small::{Kept, write_weights};
use std::path::{Path, PathBuf};

fn size(path: &Path) -> (u32, u32) {
    image::image_dimensions(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An upscaler in Real-ESRGAN's form whose weights are 0, so that every pixel becomes the last bias.
fn plain_upscaler(path: &Path) {
    let mut layers = vec![("conv_first".to_owned(), 64, 3)];
    for (block, conv) in (1..=3).flat_map(|block| (1..=5).map(move |conv| (block, conv))) {
        let out = if conv < 5 { 32 } else { 64 };
        layers.push((format!("body.0.rdb{block}.conv{conv}"), out, 64 + 32 * (conv - 1)));
    }
    layers.extend(["conv_body", "conv_up1", "conv_up2", "conv_hr"].map(|name| (name.to_owned(), 64, 64)));
    layers.push(("conv_last".to_owned(), 3, 64));
    let tensors = layers.into_iter().flat_map(|(name, out, inside)| {
        let bias = if name == "conv_last" { vec![0.2, 0.4, 0.6] } else { vec![0.0; out] };
        let weight = vec![0.0; out * inside * 9];
        [
            (format!("{name}.weight"), vec![out, inside, 3, 3], weight),
            (format!("{name}.bias"), vec![out], bias),
        ]
    });
    write_weights(path, tensors);
}

#[test]
fn a_picture_is_enlarged_with_its_transparency_and_says_by_what() {
    let desk = Desk::new();
    plain_upscaler(&desk.path("own.safetensors"));
    let half = image::RgbaImage::from_fn(24, 16, |x, _| image::Rgba([9, 9, 9, if x < 12 { 0 } else { 255 }]));
    half.save(desk.path("base.png")).expect("written");
    let told = desk.run(&["upscale", "base.png", "--model", "own.safetensors", "--json"]).finished();
    assert_eq!(told["files"][0], "base-96x64.png");
    assert_eq!(told["recipe"]["upscaled"]["model"]["name"], "own");
    let large = image::open(desk.path("base-96x64.png")).expect("written").into_rgba8();
    assert_eq!(large.dimensions(), (96, 64));
    assert_eq!(large.get_pixel(80, 32).0, [51, 102, 153, 255]);
    assert_eq!(large.get_pixel(10, 32).0[3], 0);
    let sized = ["upscale", "base.png", "--model", "own.safetensors", "--size", "50x40", "--out", "b.webp"];
    assert_eq!(desk.run(&sized).code, 0);
    assert_eq!(size(&desk.path("b.webp")), (50, 40));

    desk.picture("small.png", 64, 36);
    let hero =
        ["make", "hero", "--picture", "small.png", "--size", "160x90", "--upscaler", "own.safetensors"];
    let told = desk.run(&[&hero[..], &["--json"]].concat()).finished();
    assert_eq!(told["recipe"]["upscaled"]["width"], 160);
    assert_eq!(size(&desk.path("hero.webp")), (160, 90));
    let image = ["make", "image", "a fox", "--model", "own.safetensors"];
    desk.run(&image).refused(2, "is a model for upscale, not for text-to-image");
}

#[test]
fn a_thumbnail_is_a_card_unless_a_picture_is_given_and_its_title_is_checked() {
    let desk = Desk::new();
    let card = desk.run(&[
        "make",
        "thumbnail",
        "--title",
        "The Moon is leaving us",
        "--out",
        "a/card.jpg",
        "--json",
    ]);
    let told = card.finished();
    assert_eq!(told["recipe"]["card"], "neither a picture nor a prompt is given");
    let checks = told["checks"].as_array().expect("checks");
    assert!(checks.len() == 4 && checks.iter().all(|check| check["ok"] == true), "{checks:?}");
    assert_eq!(size(&desk.path("a/card.jpg")), (1280, 720));

    desk.picture("base.png", 900, 900);
    let given = ["--title", "Two", "--picture", "base.png", "--preset", "tiktok", "--out", "b.jpg", "--json"];
    let told = desk.run(&[&["make", "thumbnail"][..], &given].concat()).finished();
    assert_eq!(told["recipe"]["image"]["name"], "base.png");
    assert_eq!(size(&desk.path("b.jpg")), (1080, 1920));

    let described = ["--title", "Three", "--prompt", "a red fox", "--out", "c.jpg", "--json"];
    let told = desk.run(&[&["make", "thumbnail"][..], &described].concat()).finished();
    let why = told["recipe"]["card"].as_str().expect("a reason");
    assert!(why.starts_with("no text-to-image model is named"), "{why}");

    let long = "many words ".repeat(100);
    for (title, says) in
        [(long.as_str(), "expected 1 to 100"), (" ", "expected 1 to 100"), ("月は離れていく", "no font here")]
    {
        desk.run(&["make", "thumbnail", "--title", title, "--out", "d.jpg"]).refused(2, says);
    }
    assert!(!desk.path("d.jpg").exists());
    desk.run(&["make", "thumbnail", "--title", "x", "--style", "no"]).refused(2, "no");
    desk.run(&["make", "thumbnail", "--title", "x", "--preset", "tiktak"])
        .refused(2, "did you mean `tiktok`");
}

#[test]
fn a_hero_of_a_large_picture_fits_its_bound_without_any_model() {
    let desk = Desk::new();
    desk.picture("base.png", 1400, 800);
    let hero =
        ["make", "hero", "--picture", "base.png", "--size", "1280x720", "--max-bytes", "30000", "--json"];
    let told = desk.run(&hero).finished();
    let quality = told["quality"].as_u64().expect("a quality");
    assert!((30..=92).contains(&quality), "{quality}");
    assert_eq!(size(&desk.path("hero.webp")), (1280, 720));
    assert!(std::fs::metadata(desk.path("hero.webp")).expect("written").len() <= 30_000);
    desk.run(&["make", "hero", "--picture", "base.png", "--size", "1280x720", "--max-bytes", "9"])
        .refused(2, "does not fit in 9 bytes");
    desk.run(&["make", "hero", "--picture", "base.png", "--out", "a.png"]).refused(2, "must end in .webp");
    desk.run(&["make", "hero"]).refused(2, "PROMPT");
}

#[test]
fn wrong_pictures_and_models_are_told_before_anything_is_loaded() {
    let desk = Desk::new();
    desk.picture("base.png", 64, 64);
    desk.picture("mask.png", 64, 32);
    for name in ["own.safetensors", "old.ckpt"] {
        std::fs::write(desk.path(name), "x").expect("written");
    }
    let image = |args: &[&str]| desk.run(&[&["make", "image", "a", "fox"][..], args].concat());
    image(&[]).refused(2, "no text-to-image model is named");
    image(&["--model", "kokoro-82m-fp32"]).refused(2, "is no model for text-to-image");
    image(&["--model", "old.ckpt"]).refused(2, "take the .safetensors form");
    let own = |args: &[&str]| image(&[&["--model", "own.safetensors"][..], args].concat());
    own(&["--size", "1001x1001"]).refused(2, "try 1024x1024, which SDXL was trained on");
    own(&["--init", "none.png"]).refused(2, "none.png");
    own(&["--init", "base.png", "--mask", "mask.png"]).refused(2, "--mask has 64x32 pixels and --init 64x64");
    own(&["--mask", "mask.png"]).refused(2, "--init");
    own(&["--lora", "none.safetensors:0.5"]).refused(2, "--lora: none.safetensors cannot be read");
    own(&["--control", "none.safetensors:base.png"]).refused(2, "--control: none.safetensors");
    own(&["--count", "2", "--out", "a.png"]).refused(2, "name a folder");
    own(&["--out", "a.gif"]).refused(2, ".webp");
    own(&["--sampler", "plms"]).refused(2, "dpmpp_2m_karras");
    desk.run(&["upscale", "base.png", "--scale", "17"]).refused(2, "16");
    desk.run(&["upscale", "base.png", "--model", "own.safetensors", "--size", "99999x1"])
        .refused(2, "99999x1");
}

#[test]
fn a_prompt_becomes_pictures_with_their_recipes_and_one_seed_the_same_bytes() {
    let desk = Desk::new();
    Kept::model().sdxl(&desk.path("sdxl"));
    let drawing = ["make", "image", "a (red:1.3) fox", "--model", "sdxl", "--size", "128x64", "--steps", "3"];
    let told = desk.run(&[&drawing[..], &["--seed", "7", "--count", "2", "--json"]].concat()).finished();
    let paths: Vec<PathBuf> = serde_json::from_value(told["files"].clone()).expect("paths");
    assert_eq!(paths.len(), 2, "{told}");
    assert!(paths.iter().all(|path| size(&desk.path(path.to_str().expect("UTF-8"))) == (128, 64)));
    let first = std::fs::read(desk.path(paths[0].to_str().expect("UTF-8"))).expect("a picture");
    assert!(first.windows(10).any(|bytes| bytes == b"Steps: 3, "), "the recipe is in the file");
    desk.run(&[&drawing[..], &["--seed", "7", "--out", "again.png"]].concat()).done();
    assert_eq!(std::fs::read(desk.path("again.png")).expect("a picture"), first);
    let painted = ["--init", "again.png", "--strength", "0.7", "--out", "changed.png", "--seed", "8"];
    desk.run(&[&drawing[..], &painted].concat()).done();
    assert_ne!(std::fs::read(desk.path("changed.png")).expect("a picture"), first);
}
