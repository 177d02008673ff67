//! What is stated against what is taken: in a process of its own for each, since memory is counted by process.
#![cfg(target_os = "linux")]

use crate::{SMALL, drawn, open, published};
use reelsmith_inference::esrgan;
use reelsmith_inference_core::image::{Upscale, UpscaleRequest};
use reelsmith_inference_core::{ErrorKind, NoControl};
use std::process::Command;

/// A figure of /proc/self/status, in bytes.
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("there");
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).expect("listed");
    line.split_whitespace().next().expect("a figure").parse::<u64>().expect("a figure") * 1024
}

#[test]
#[ignore = "run by another test as a process of its own"]
fn enlarge_and_measure() {
    let arguments = std::fs::read_to_string("arguments").unwrap();
    let [model, width, height, tile, channels] = arguments.split(' ').collect::<Vec<_>>()[..] else {
        panic!()
    };
    let number = |text: &str| text.parse::<u32>().unwrap();
    let image = drawn(number(width), number(height), number(channels) as u8);
    let (width, height) = (image.width * 4, image.height * 4);
    let request = UpscaleRequest { image, width, height, tile: number(tile) };
    crate::support::checkpoint::load_runtime();
    let before = status("VmRSS");
    let mut upscaler = open(model);
    let loaded = status("VmRSS") - before;
    // 5 sets the peak back to what is resident now (proc(5), clear_refs).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    upscaler.upscale(&request, &NoControl).unwrap();
    let peak = status("VmHWM") - before - loaded;
    let after = status("VmRSS") - before;
    let stated = upscaler.footprint(&request);
    println!("figures {loaded} {peak} {after} {} {}", stated.weights, stated.peak_activation);
}

/// Runs the ignored test `name` of this module as a process, with `arguments` in a file of its working directory.
fn alone(name: &str, arguments: &str) -> String {
    let dir = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(dir.path().join("arguments"), arguments).expect("written");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("footprint::{name}"), "--ignored", "--nocapture"])
        .current_dir(dir.path())
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn measured(arguments: &str) -> [u64; 5] {
    let said = alone("enlarge_and_measure", arguments);
    let line = said.lines().find_map(|line| line.strip_prefix("figures ")).expect("told");
    println!("{arguments}: {line}");
    let figures: Vec<u64> = line.split(' ').map(|figure| figure.parse().expect("a figure")).collect();
    figures.try_into().expect("five figures")
}

#[test]
fn what_is_stated_is_what_an_upscaler_takes() {
    let anime = "realesrgan-x4plus-anime";
    let cases = [
        (anime, "128 128 0 3"),
        (anime, "200 170 96 3"),
        ("realesrgan-x4plus", "64 48 0 3"),
        (SMALL, "256 256 0 3"),
        (SMALL, "600 500 0 3"),
        (SMALL, "600 400 200 4"),
    ];
    for (model, arguments) in cases {
        let [loaded, peak, after, weights, activation] = measured(&format!("{model} {arguments}"));
        assert!(loaded <= weights && peak <= activation, "{model} {arguments}");
        // A little of what a run took stays with the allocator.
        assert!(after <= weights + activation / 8 + (16 << 20), "{model} {arguments}: {after}");
        // Nor much more than that: what is stated keeps others off the device. Both parts together, because a
        // small run finds room that loading left with the allocator.
        let (stated, taken) = (weights + activation, loaded + loaded / 4 + 2 * peak);
        assert!(stated < taken + (32 << 20), "{model} {arguments}: {stated} for {taken}");
    }
}

#[test]
fn a_file_tells_what_it_will_take_before_it_is_loaded() {
    let stated = esrgan::footprint(&published(SMALL)).unwrap();
    let request = UpscaleRequest { image: drawn(64, 64, 3), width: 256, height: 256, tile: 0 };
    let loaded = open(SMALL).footprint(&request);
    assert_eq!(stated.weights, loaded.weights);
    assert!(loaded.peak_activation < stated.peak_activation);
}

/// Allows this process so many bytes of address space beyond what it has.
fn allow(more: u64) {
    let limit = status("VmSize") + more;
    let arguments = ["--pid", &std::process::id().to_string(), &format!("--as={limit}")];
    assert!(Command::new("prlimit").args(arguments).status().expect("prlimit of util-linux").success());
}

#[test]
#[ignore = "run by another test as a process of its own"]
fn enlarge_with_too_little() {
    let mut upscaler = open("realesrgan-x4plus-anime");
    let request = |side: u32| UpscaleRequest {
        image: drawn(side, side, 3),
        width: side * 4,
        height: side * 4,
        tile: 0,
    };
    allow(100 << 20);
    let error = upscaler.upscale(&request(160), &NoControl).expect_err("300 MB cannot be had");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error:?}");
    upscaler.upscale(&request(24), &NoControl).expect("what fits is enlarged afterwards");
}

#[test]
fn too_little_memory_is_told_and_what_fits_is_still_enlarged() {
    assert!(alone("enlarge_with_too_little", "").contains("1 passed"));
}
