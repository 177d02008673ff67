//! Input that cannot be right: an exit code, what to do, and no file under a final name.

use crate::desk::Desk;
use crate::desk::small::{Kept, write_weights};

/// What lies in the folder for pictures; none where it was never made.
fn written(desk: &Desk) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(desk.path("out")) else { return Vec::new() };
    entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn what_cannot_be_right_is_told_with_what_to_do_and_leaves_nothing() {
    let desk = Desk::new();
    Kept::model().sdxl(&desk.path("sdxl"));
    Kept::model().controlnet(&desk.path("control"), "one");
    desk.picture("base.png", 64, 64);
    desk.picture("other.png", 64, 72);
    std::fs::write(desk.path("old.ckpt"), "x").expect("written");
    // Stable Diffusion 1.5 has no second encoder, blocks at other places, and texts of 768 numbers.
    let key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
    let of = |part: &str, shape: [usize; 2]| {
        (format!("{key}.{part}.weight"), shape.to_vec(), vec![0.1; 4 * shape[0].max(shape[1])])
    };
    let parts = [of("lora_down", [4, 768]), of("lora_up", [320, 4])];
    write_weights(&desk.path("old-lora.safetensors"), parts.into_iter());
    std::fs::write(desk.path("cut.safetensors"), [200, 0, 0, 0, 0, 0, 0, 0, b'{']).expect("written");

    let image = |args: &[&str]| {
        let usual = ["make", "image", "a", "--seed", "1"];
        desk.run(&[&usual[..], args].concat())
    };
    let sdxl = |args: &[&str]| image(&[&["--model", "sdxl", "--steps", "2"][..], args].concat());
    let small = |args: &[&str]| sdxl(&[&["--size", "64x64"][..], args].concat());
    small(&["--init", "base.png", "--mask", "other.png"]).refused(2, "give a mask of its size");
    small(&["--lora", "old-lora.safetensors"])
        .refused(1, "this LoRA is for another base model; take one for SDXL");
    small(&["--lora", "old.ckpt"]).refused(2, "take the .safetensors form");
    small(&["--lora", "cut.safetensors"]).refused(1, "cut.safetensors");
    small(&["--lora", "old-lora.safetensors:9"]).refused(2, "from -4 to 4");
    small(&["--control", "sdxl/unet:base.png"]).refused(1, "describes no ControlNet");
    small(&["--vae", "control"]).refused(1, "describes no VAE");
    small(&["--control", "control:none.png"]).refused(2, "none.png");
    sdxl(&["--size", "0x64"]).refused(2, "expected multiples of 8 from 64 to 4096");
    sdxl(&["--size", "100000x100000"]).refused(2, "try 1024x1024");
    sdxl(&["--size", "4096x4096"]).refused(2, "upscale a smaller one");
    image(&["--model", "old.ckpt"]).refused(2, "take the .safetensors form");
    image(&["--model", "sdxl", "--steps", "1001"]).refused(2, "1..=1000");
    image(&["--model", "sdxl", "--steps", "0"]).refused(2, "1..=1000");
    small(&["--clip-skip", "7"]).refused(2, "clip-skip 7");
    small(&["--strength", "0.5"]).refused(2, "--init");

    // A program cannot be given one word of a megabyte; a sentence it can.
    let word = "fox ".repeat(25_000);
    let megabyte: Vec<&str> = std::iter::repeat_n(word.as_str(), 10).collect();
    small(&megabyte).refused(2, "the prompt");
    let noted = ["--out", "out/a.jpg", "--negative", &word[..80_000]];
    small(&noted).refused(2, "--no-metadata");
    assert_eq!(written(&desk), Vec::<String>::new());

    small(&[]).done();
    assert_eq!(written(&desk), ["a-1.png"], "the next one is served");
}
