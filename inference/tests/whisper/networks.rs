//! Encoder and decoder against transformers (`tests/reference/recogniser.py`), from both layouts.

use crate::support::cases::{Case, cases, relative_error};
use crate::support::checkpoint::{Tensors, load_runtime};
use crate::support::fill::uniform;
use reelsmith_graph::{Target, Weights};
use reelsmith_inference::network::Array;
use reelsmith_inference::whisper::config::WhisperConfig;
use reelsmith_inference::whisper::model::Networks;
use safetensors::Dtype;

const BAR: f32 = 1e-4;

fn checkpoint(case: &Case) -> (tempfile::TempDir, Weights) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("model.safetensors");
    let dtype = match case.json["dtype"].as_str().expect("as the script wrote it") {
        "f16" => Dtype::F16,
        "bf16" => Dtype::BF16,
        _ => Dtype::F32,
    };
    Tensors::of(dtype).filled(&case.shapes("/weights"), "", case.seed()).write(&file);
    let weights = Weights::open(&[file]).expect("as the script wrote it");
    let weights = weights.renamed(|name| Some(name.strip_prefix("model.").unwrap_or(name).to_owned()));
    (folder, weights)
}

fn config(case: &Case) -> WhisperConfig {
    WhisperConfig::parse(case.json["config"].to_string().as_bytes(), &case.name)
        .expect("as the script wrote it")
}

/// Every head, in the order of the layers.
fn all_heads(config: &WhisperConfig) -> Vec<[usize; 2]> {
    let heads = config.decoder_attention_heads;
    (0..config.decoder_layers).flat_map(|layer| (0..heads).map(move |head| [layer, head])).collect()
}

fn mel(case: &Case, config: &WhisperConfig) -> Array {
    let shape = [case.number("/windows") as usize, config.num_mel_bins, config.frames()];
    Array::new(&shape, uniform("mel", case.seed(), shape.iter().product()))
}

fn ids(case: &Case) -> Vec<Vec<u32>> {
    let steps = case.tensor("ids").shape[1];
    case.integers("ids").chunks(steps).map(|row| row.iter().map(|id| *id as u32).collect()).collect()
}

fn open(case: &Case, target: Target) -> Networks {
    load_runtime();
    let (_folder, weights) = checkpoint(case);
    let config = config(case);
    Networks::open(&config, &weights, &all_heads(&config), target, 2.into()).expect("as the script wrote it")
}

/// With operators of ours and without.
fn both(case: Case) -> [(std::rc::Rc<Case>, Target); 2] {
    let case = std::rc::Rc::new(case);
    [Target::CPU, Target::PLAIN].map(|target| (case.clone(), target))
}

#[test]
fn the_encoder_agrees_with_the_reference() {
    for case in cases("whisper-network") {
        for target in [Target::CPU, Target::PLAIN] {
            let mut networks = open(&case, target);
            let made = networks.encoded(&mel(&case, &config(&case))).unwrap();
            assert_eq!(made.shape, case.tensor("encoded").shape);
            let error = relative_error(&made.data, &case.floats("encoded"));
            println!("{}, fused {}: {error:e}", case.name, target.is_fused);
            assert!(error <= BAR, "{}: {error:e}", case.name);
        }
    }
}

#[test]
fn the_decoder_agrees_with_the_reference_however_the_tokens_come() {
    for (case, target) in cases("whisper-network").into_iter().flat_map(both) {
        let mut networks = open(&case, target);
        let sound = networks.hear(&mel(&case, &config(&case))).unwrap();
        let (ids, expected) = (ids(&case), case.floats("logits"));
        let (texts, steps, vocabulary) = (ids.len(), ids[0].len(), config(&case).vocab_size);
        let first = case.number("/first") as usize;
        // At once; some and then one by one; all one by one.
        for parts in [vec![steps], [vec![first], vec![1; steps - first]].concat(), vec![1; steps]] {
            let mut cache = networks.begin(texts);
            let mut made = vec![0.0; expected.len()];
            for part in parts {
                let from = cache.length();
                let tokens: Vec<Vec<u32>> = ids.iter().map(|row| row[from..from + part].to_vec()).collect();
                let wanted: Vec<usize> = (0..part).collect();
                let step = networks.step(&sound, &mut cache, &tokens, &wanted).unwrap();
                assert_eq!(step.logits.shape, [texts, part, vocabulary]);
                for (text, row) in step.logits.data.chunks(part * vocabulary).enumerate() {
                    let place = (text * steps + from) * vocabulary;
                    made[place..place + row.len()].copy_from_slice(row);
                }
            }
            let error = relative_error(&made, &expected);
            println!("{}: {error:e}", case.name);
            assert!(error <= BAR, "{}: {error:e}", case.name);
        }
    }
}

#[test]
fn the_attention_to_the_sound_is_the_references() {
    for (case, target) in cases("whisper-network").into_iter().flat_map(both) {
        let mut networks = open(&case, target);
        let config = config(&case);
        let sound = networks.hear(&mel(&case, &config)).unwrap();
        let ids = ids(&case);
        let mut cache = networks.begin(ids.len());
        let made = networks.aligned(&sound, &mut cache, &ids, &[0]).unwrap().alignment.unwrap();
        let (windows, texts, steps) = (sound.windows(), ids.len() / sound.windows(), ids[0].len());
        let (heads, frames) = (config.decoder_attention_heads, config.max_source_positions);
        assert_eq!(made.shape, [windows, config.decoder_layers * heads, texts * steps, frames]);
        // (layers, windows, texts, heads, steps, frames) in the reference.
        let expected = case.floats("attention");
        for (place, scores) in made.data.chunks(frames).enumerate() {
            let (step, rest) = (place % steps, place / steps);
            let (text, rest) = (rest % texts, rest / texts);
            let (head, window) =
                (rest % (config.decoder_layers * heads), rest / (config.decoder_layers * heads));
            let (layer, head) = (head / heads, head % heads);
            let at = (((layer * windows + window) * texts + text) * heads + head) * steps + step;
            let error = relative_error(&softmax(scores), &expected[at * frames..][..frames]);
            assert!(error <= BAR, "{}: {error:e}", case.name);
        }
    }
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[test]
fn texts_that_go_on_after_a_choice_are_as_if_there_had_been_none() {
    for case in cases("whisper-network") {
        let mut networks = open(&case, Target::CPU);
        let sound = networks.hear(&mel(&case, &config(&case))).unwrap().chosen(&[0]);
        let ids = &ids(&case)[0];
        let (other, half): (Vec<u32>, usize) = (ids.iter().rev().copied().collect(), ids.len() / 2);
        let mut cache = networks.begin(2);
        let rows = |from: usize, to: usize| vec![other[from..to].to_vec(), ids[from..to].to_vec()];
        networks.step(&sound, &mut cache, &rows(0, half), &[0]).unwrap();
        cache.choose(&[1, 0, 1]);
        let tail = vec![ids[half..].to_vec(), other[half..].to_vec(), ids[half..].to_vec()];
        let made = networks.step(&sound, &mut cache, &tail, &[ids.len() - half - 1]).unwrap().logits;
        for (row, whole) in made.data.chunks(made.shape[2]).zip([ids, &other, ids]) {
            let mut cache = networks.begin(1);
            let alone =
                networks.step(&sound, &mut cache, std::slice::from_ref(whole), &[whole.len() - 1]).unwrap();
            assert!(relative_error(row, &alone.logits.data) <= BAR, "{}", case.name);
        }
    }
}

#[test]
fn products_in_eight_bits_come_near() {
    for case in cases("whisper-network") {
        let mut networks = open(&case, Target::CPU_8_BIT);
        let made = networks.encoded(&mel(&case, &config(&case))).unwrap();
        let error = relative_error(&made.data, &case.floats("encoded"));
        let sound = networks.hear(&mel(&case, &config(&case))).unwrap();
        let ids = ids(&case);
        let mut cache = networks.begin(ids.len());
        let wanted: Vec<usize> = (0..ids[0].len()).collect();
        let made = networks.step(&sound, &mut cache, &ids, &wanted).unwrap().logits;
        let other = relative_error(&made.data, &case.floats("logits"));
        println!("{}: encoder {error:e}, decoder {other:e}", case.name);
        // Rounding is felt, and stays small; on fresh cases of random weights up to 0.063 was seen.
        assert!(1e-4 < error && error <= 0.1 && other <= 0.1, "{}: {error:e}, {other:e}", case.name);
    }
}

#[test]
fn missing_and_superfluous_tensors_are_named() {
    let case = cases("whisper-network").remove(0);
    let (_folder, weights) = checkpoint(&case);
    let config = config(&case);
    let refused = |weights: &Weights| {
        let opened = Networks::open(&config, weights, &[], Target::CPU, 2.into());
        opened.map(drop).expect_err("it is refused").to_string()
    };
    load_runtime();
    let names: Vec<&str> = weights.iter().map(|(name, _)| name).collect();
    for name in names {
        let fewer = weights.renamed(|other| (other != name).then(|| other.to_owned()));
        let said = refused(&fewer);
        assert!(said.contains(name), "{name}: {said}");
    }
    let more =
        weights.renamed(|name| Some(name.replace("encoder.layer_norm.bias", "encoder.layer_norm.other")));
    assert!(refused(&more).contains("encoder.layer_norm.bias"));
}
