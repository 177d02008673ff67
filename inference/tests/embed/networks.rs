use crate::support::cases::{Case, cases, relative_error};
use crate::support::checkpoint::{load_runtime, write};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference::embed::{BertConfig, Head, IDS, MASK, SCORES, STATES, TYPES, bert};
use reelsmith_inference::network::{Array, Feed, Network};
use std::fs;

/// The bar for every network.
const BAR: f32 = 1e-4;

/// With fused operators and with the standard's alone.
const TARGETS: [Target; 2] = [Target::CPU, Target::PLAIN];

fn made(case: &Case, head: Head, target: Target) -> Array {
    load_runtime();
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("config.json"), case.json["config"].to_string()).expect("written");
    let config = BertConfig::read(folder.path()).expect("it is supported");
    let file = folder.path().join("model.safetensors");
    write(&file, &case.shapes("/weights"), "", case.seed());
    let weights = Weights::open(&[file]).expect("the file is whole");
    let model = bert(&config, &weights, head, target).expect("every tensor has its place");
    let mut network = Network::open("text encoder", &model, 2).expect("ONNX Runtime takes the graph");
    let shape = case.tensor(IDS).shape.clone();
    let inputs = [IDS, TYPES, MASK].map(|name| (name, case.integers(name)));
    let feeds = inputs.each_ref().map(|(name, numbers)| (*name, Feed::Ints(&shape, numbers)));
    let output = if head == Head::States { STATES } else { SCORES };
    network.run(&feeds, &[output]).expect("it runs").remove(0)
}

#[test]
fn every_token_has_the_state_that_transformers_gives_it() {
    for case in cases("bert") {
        for target in TARGETS {
            let made = made(&case, Head::States, target);
            let expected = case.floats("made");
            assert_eq!(made.shape, case.tensor("made").shape);
            let width = made.shape[2];
            // What stands at padded places means nothing.
            let states = |all: &[f32]| -> Vec<f32> {
                let rows = all.chunks(width).zip(case.integers(MASK));
                rows.filter(|(_, is)| *is == 1).flat_map(|(row, _)| row.to_vec()).collect()
            };
            let error = relative_error(&states(&made.data), &states(&expected));
            assert!(error <= BAR, "{} fused {}: {error:e}", case.name, target.is_fused);
        }
    }
}

#[test]
fn a_classifier_gives_the_logits_of_transformers() {
    for case in cases("classifier") {
        for target in TARGETS {
            let made = made(&case, Head::Classifier, target);
            assert_eq!(made.shape, case.tensor("made").shape);
            let error = relative_error(&made.data, &case.floats("made"));
            assert!(error <= BAR, "{} fused {}: {error:e}", case.name, target.is_fused);
        }
    }
}
