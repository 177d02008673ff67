//! What the flags of a drawing do to the picture, and what its file says to programs of others.

use crate::desk::small::Kept;
use crate::desk::{Desk, cache};
use image::RgbImage;
use reelsmith_media::edges;
use reelsmith_media::picture::{Bitmap, load};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A desk with a small SDXL, and how it is asked for a picture.
struct Easel {
    desk: Desk,
    kept: Kept,
}

impl Easel {
    fn new() -> Self {
        let easel = Self { desk: Desk::new(), kept: Kept::model() };
        easel.kept.sdxl(&easel.desk.path("sdxl"));
        easel
    }

    fn args<'a>(&self, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let usual = ["make", "image", "a red fox", "--model", "sdxl", "--size", "64x128", "--steps", "3"];
        let seed: &[&str] = if more.contains(&"--seed") { &[] } else { &["--seed", "7"] };
        [&usual[..], &["--out", out], seed, more].concat()
    }

    /// The picture with these flags more.
    fn draw(&self, out: &str, more: &[&str]) -> RgbImage {
        self.desk.run(&self.args(out, more)).done();
        image::open(self.desk.path(out)).expect("a picture").into_rgb8()
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.desk.path(file)).expect("a file")
    }
}

/// Mean difference of two pictures in the columns or rows that are `within`, of 255.
fn apart(one: &RgbImage, other: &RgbImage, within: impl Fn(u32, u32) -> bool) -> f64 {
    let of = |picture: &RgbImage| -> Vec<f64> {
        let inside = picture.enumerate_pixels().filter(|(x, y, _)| within(*x, *y));
        inside.flat_map(|(_, _, pixel)| pixel.0.map(f64::from)).collect()
    };
    let (one, other) = (of(one), of(other));
    let sum: f64 = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).sum();
    sum / one.len() as f64
}

fn everywhere(_: u32, _: u32) -> bool {
    true
}

/// The photograph of the example, as an absolute path.
fn photograph() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pictures/dial.jpg");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn loras_and_another_vae_change_the_picture_and_a_weight_of_zero_does_not() {
    let easel = Easel::new();
    easel.kept.lora(&easel.desk.path("ink.safetensors"), "kohya");
    easel.kept.lora(&easel.desk.path("oil.safetensors"), "peft");
    easel.kept.vae(&easel.desk.path("vae"));
    let plain = easel.draw("plain.png", &[]);
    let inked = easel.draw("inked.png", &["--lora", "ink.safetensors:0.7"]);
    assert!(apart(&plain, &inked, everywhere) > 0.5, "{}", apart(&plain, &inked, everywhere));
    let both = easel.draw("both.png", &["--lora", "ink.safetensors:0.7", "--lora", "oil.safetensors"]);
    assert!(apart(&inked, &both, everywhere) > 0.5);
    assert!(easel.draw("none.png", &["--lora", "ink.safetensors:0"]) == plain);
    let first = easel.bytes("both.png");
    easel.draw("both.png", &["--lora", "ink.safetensors:0.7", "--lora", "oil.safetensors"]);
    assert!(easel.bytes("both.png") == first, "the same command gives the same bytes");
    let swapped = easel.draw("swapped.png", &["--vae", "vae"]);
    assert!(apart(&plain, &swapped, everywhere) > 0.5);
}

#[test]
fn controlnets_steer_by_edges_of_a_photograph_and_by_given_maps() {
    let easel = Easel::new();
    easel.kept.controlnet(&easel.desk.path("edges"), "one");
    easel.kept.controlnet(&easel.desk.path("depth"), "two");
    let photo = photograph();
    let plain = easel.draw("plain.png", &[]);
    let canny = easel.draw("canny.png", &["--control", &format!("canny=edges:{photo}")]);
    assert!(apart(&plain, &canny, everywhere) > 0.5);

    // The same edges, found beforehand and given as a map.
    let picture = load(Path::new(&photo)).expect("a photograph").cover(64, 128);
    let map: Bitmap = edges::canny(&picture, edges::LOW, edges::HIGH);
    assert!(map.pixels.contains(&255), "there are edges in it");
    map.save(&easel.desk.path("map.png"), &[]).expect("written");
    assert!(easel.draw("given.png", &["--control", "edges:map.png"]) == canny, "the same map");

    // Soft maps as of depth, of whatever size.
    easel.desk.picture("soft.png", 96, 192);
    let depth = easel.draw("depth.png", &["--control", "depth:soft.png:0.9"]);
    assert!(apart(&plain, &depth, everywhere) > 0.5);
    let late = easel.draw("late.png", &["--control", "depth:soft.png:0.9:0.6:1"]);
    assert!(apart(&late, &depth, everywhere) > 0.1 && apart(&late, &plain, everywhere) > 0.1);
    let two = ["--control", "depth:soft.png:0.9", "--control", "edges:map.png"];
    let both = easel.draw("two.png", &two);
    assert!(apart(&both, &depth, everywhere) > 0.1 && apart(&both, &canny, everywhere) > 0.1);
}

#[test]
fn what_the_mask_keeps_stays_and_the_rest_goes_by_the_prompt() {
    let easel = Easel::new();
    easel.desk.picture("base.png", 64, 128);
    let below = |y: u32| if y >= 64 { image::Luma([255]) } else { image::Luma([0u8]) };
    let mask = image::GrayImage::from_fn(64, 128, |_, y| below(y));
    mask.save(easel.desk.path("mask.png")).expect("written");
    image::GrayImage::new(64, 128).save(easel.desk.path("nothing.png")).expect("written");
    let painted = |out: &str, mask: &str, word: &str| {
        easel.draw(out, &["--init", "base.png", "--strength", "0.9", "--mask", mask, word])
    };
    // What the autoencoder alone makes of the picture: nothing is painted anew.
    let kept = painted("kept.png", "nothing.png", "only");
    assert!(painted("other.png", "nothing.png", "never") == kept, "the prompt has no part in it");
    let (one, two) = (painted("one.png", "mask.png", "only"), painted("two.png", "mask.png", "never"));
    // Latents of 8 pixels, and a decoder that looks around itself: away from the border of the mask. Its norms
    // look at the whole picture, so that what is kept shifts with what is painted, in both prompts alike.
    let (above, under) = (|_, y: u32| y < 40, |_, y: u32| y >= 64);
    assert!(apart(&one, &kept, above) < apart(&one, &kept, under));
    let (stays, goes) = (apart(&one, &two, above), apart(&one, &two, under));
    assert!(stays * 4.0 < goes, "{stays} where it is kept, {goes} where it is painted");
    let little = easel.draw("little.png", &["--init", "base.png", "--strength", "0.34"]);
    let much = easel.draw("much.png", &["--init", "base.png", "--strength", "1"]);
    assert!(apart(&little, &kept, everywhere) < apart(&much, &kept, everywhere));
}

/// What Pillow reads in the files.
fn read_back(easel: &Easel, files: &[&str]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/readback.py");
    let python = cache().join("tools/venv/bin/python");
    assert!(python.is_file(), "{} is missing: run `make setup-test`", python.display());
    let paths = files.iter().map(|file| easel.desk.path(file));
    let output = Command::new(python).arg(script).args(paths).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_format_says_how_it_was_made_unless_told_not_to_and_memory_is_measured() {
    let easel = Easel::new();
    let files = ["a.png", "a.webp", "a.jpg"];
    let mut recipes = Vec::new();
    for file in files {
        let more = ["--negative", "grau, trüb 🦊", "--json"];
        let told = easel.desk.run(&easel.args(file, &more)).finished();
        let memory = &told["memory"][0];
        assert_eq!((&memory["model"], &memory["loaded"]), (&Value::from("sdxl"), &Value::from(true)));
        let reckoned =
            memory["estimate"]["weights"].as_u64().zip(memory["estimate"]["peak_activation"].as_u64());
        let (weights, activation) = reckoned.expect("figures");
        let bytes = |name: &str| memory["measured"][name].as_u64().expect("Linux tells");
        let rise = bytes("peak") - bytes("before");
        // Weights and activation are a few megabytes; the rest is what the engine itself takes.
        assert!(rise > 10 << 20 && rise <= weights + activation, "{rise} of {weights} + {activation}");
        recipes.push(told["recipe"].clone());
    }
    for (said, recipe) in read_back(&easel, &files).iter().zip(&recipes) {
        let text = said["parameters"].as_str().expect("a text");
        assert!(text.starts_with("a red fox\nNegative prompt: grau, trüb 🦊\nSteps: 3, "), "{text}");
        let json: Value = serde_json::from_str(said["reelsmith"].as_str().expect("a text")).expect("JSON");
        assert_eq!((&json, &json["seed"]), (recipe, &Value::from(7)));
    }
    let silent = ["b.png", "b.webp", "b.jpg"];
    silent.iter().for_each(|file| {
        let told = easel.desk.run(&easel.args(file, &["--no-metadata"]));
        told.done();
        assert!(
            told.stdout.contains("memory of sdxl: ") && told.stdout.contains(" measured"),
            "{}",
            told.stdout
        );
    });
    for said in read_back(&easel, &silent) {
        assert_eq!((&said["parameters"], &said["reelsmith"]), (&Value::Null, &Value::Null));
    }

    let drawn = ["--model", "sdxl", "--steps", "1", "--seed", "3"];
    let cover = ["make", "thumbnail", "--title", "Foxes", "--prompt", "a red fox", "--out", "c.jpg"];
    easel.desk.run(&[&cover[..], &drawn].concat()).done();
    easel.desk.picture("small.png", 96, 54);
    let hero = ["make", "hero", "--picture", "small.png", "--size", "96x54", "--out", "d.webp"];
    easel.desk.run(&hero).done();
    let said = read_back(&easel, &["c.jpg", "d.webp"]);
    assert!(said[0]["parameters"].as_str().expect("a text").contains("Seed: 3, "), "{said:?}");
    assert!(said[1]["reelsmith"].as_str().expect("a text").contains("small.png"), "{said:?}");
}
