//! What is stated against what is taken: in a process of its own for each, since memory is counted by process.
#![cfg(target_os = "linux")]

use crate::{minilm, open};
use reelsmith_inference::engine::LocalEngine;
use reelsmith_inference::{Store, StoreConfig, embed};
use reelsmith_inference_core::embed::{Embed, EmbedRequest};
use reelsmith_inference_core::{Catalogue, Engine, ModelId, NoControl, Resident};
use std::process::Command;
use std::sync::Arc;

/// A figure of /proc/self/status, in bytes.
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("there");
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).expect("listed");
    line.split_whitespace().next().expect("a figure").parse::<u64>().expect("a figure") * 1024
}

/// So many texts of so many words.
fn texts(arguments: &str) -> EmbedRequest {
    let (count, words) = arguments.split_once(' ').expect("two numbers");
    let text = "word ".repeat(words.parse().expect("a number"));
    EmbedRequest { texts: vec![text; count.parse().expect("a number")] }
}

#[test]
#[ignore = "run by another test as a process of its own"]
fn embed_and_measure() {
    let request = texts(&std::fs::read_to_string("arguments").unwrap());
    crate::support::checkpoint::load_runtime();
    let before = status("VmRSS");
    let mut embedder = open(&minilm()).unwrap();
    embedder.embed(&texts("1 1"), &NoControl).unwrap();
    let loaded = status("VmRSS") - before;
    // 5 sets the peak back to what is resident now (proc(5), clear_refs).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    embedder.embed(&request, &NoControl).unwrap();
    let peak = status("VmHWM") - before - loaded;
    let stated = embedder.footprint(&request);
    println!("figures {loaded} {peak} {} {}", stated.weights, stated.peak_activation);
}

fn measured(arguments: &str) -> [u64; 4] {
    let dir = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(dir.path().join("arguments"), arguments).expect("written");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "footprint::embed_and_measure", "--ignored", "--nocapture"])
        .current_dir(dir.path())
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let line = said.lines().find_map(|line| line.strip_prefix("figures ")).expect("told");
    println!("{arguments}: {line}");
    let figures: Vec<u64> = line.split(' ').map(|figure| figure.parse().expect("a figure")).collect();
    figures.try_into().expect("four figures")
}

#[test]
fn what_is_stated_is_what_a_reader_takes() {
    let cases = ["1 3", "8 40", "100 20", "2000 12", "64 300"].map(|case| (case, measured(case)));
    for (arguments, [loaded, peak, weights, activation]) in cases {
        assert!(
            loaded <= weights && peak <= activation,
            "{arguments}: {loaded} {peak} {weights} {activation}"
        );
        // Nor much more than that: what is stated keeps others off the device.
        assert!(weights < 2 * loaded + (8 << 20), "{weights} for {loaded}");
        // A text may have as many tokens as bytes; these have a fifth of that, and shares grow with its square.
        assert!(activation < 8 * peak + (32 << 20), "{arguments}: {activation} for {peak}");
    }
}

#[test]
fn the_engine_loads_the_published_model_from_the_store_and_a_folder_from_its_path() {
    let catalogue = Arc::new(Catalogue::builtin().expect("valid"));
    let root = minilm().parent().expect("the cache").to_path_buf();
    let store = Store::new(root, catalogue, StoreConfig { offline: true, ..StoreConfig::default() });
    let mut engine = LocalEngine::new(store, 2);
    let own = ModelId(minilm().to_string_lossy().into_owned());
    for id in [ModelId::from("all-minilm-l6-v2"), own] {
        let stated = engine.footprint(&id).expect("known");
        let Resident::Embed(mut model) = engine.load(&id, &NoControl).expect("it loads") else {
            panic!("{id} is loaded as something else");
        };
        assert!(model.footprint(&texts("64 300")).total() <= stated.total(), "the largest is announced");
        assert_eq!(model.embed(&texts("2 3"), &NoControl).expect("it reads").len(), 2);
    }
    let stated = embed::footprint(&minilm(), reelsmith_graph::Target::CPU).expect("readable");
    assert!(stated.weights > 90_000_000);
}
