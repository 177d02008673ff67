//! The autoencoder in bands against the same autoencoder whole, and against diffusers.

use super::{Checkpoint, TARGETS, array, assert_close, open};
use crate::support::cases::{cases, relative_error};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference::diffusion::bands::{Banded, Cut};
use reelsmith_inference::diffusion::vae::{VaeConfig, decoder, encoder};
use reelsmith_inference::network::{Array, Network, Processor};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::collections::BTreeMap;

/// How far bands may be from the whole, of the largest number.
const BAR: f32 = 1e-5;
/// Bands of one row, of heights that divide nothing, of whatever fits, and one band.
const CUTS: [Cut; 5] = [Cut::Rows(1), Cut::Rows(3), Cut::Rows(7), Cut::Bytes(30_000), Cut::Rows(4096)];

fn banded<'a>(config: &'a VaeConfig, weights: &'a Weights, target: Target, cut: Cut) -> Banded<'a> {
    Banded { config, weights, target, processor: Processor::Cpu(2), cut }
}

fn wave(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    Array::new(shape, (0..count).map(|n| (n as f32 * 0.7).sin() + (n as f32 * 0.013).cos() * 0.4).collect())
}

fn go_on(_: u64, _: u64) -> Result<()> {
    Ok(())
}

/// Both ways, whole and in bands.
struct Pair<'a> {
    config: &'a VaeConfig,
    weights: &'a Weights,
    target: Target,
    decoder: Network,
    encoder: Network,
}

impl<'a> Pair<'a> {
    fn of(config: &'a VaeConfig, weights: &'a Weights, target: Target) -> Self {
        let decoder = open("decoder", &decoder(config, weights, target).expect("the tensors are there"));
        let encoder = open("encoder", &encoder(config, weights, target).expect("the tensors are there"));
        Self { config, weights, target, decoder, encoder }
    }

    fn assert_same(&mut self, (height, width): (usize, usize), cuts: &[Cut], bar: f32) {
        let latents = wave(&[1, self.config.latent_channels, height, width]);
        let factor = self.config.factor();
        let picture = wave(&[1, 3, height * factor, width * factor]);
        let decoded = self.decoder.run(&[("latents", (&latents).into())], &["picture"]).expect("it runs");
        let encoded = self.encoder.run(&[("picture", (&picture).into())], &["moments"]).expect("it runs");
        for cut in cuts {
            let banded = banded(self.config, self.weights, self.target, *cut);
            for (what, made, whole) in [
                ("decoded", banded.decode(latents.clone(), go_on).expect("it runs in bands"), &decoded[0]),
                ("encoded", banded.encode(picture.clone(), go_on).expect("it runs in bands"), &encoded[0]),
            ] {
                assert_eq!(made.shape, whole.shape, "{what} {height}x{width} {cut:?}");
                let error = relative_error(&made.data, &whole.data);
                assert!(error <= bar, "{what} {height}x{width} {cut:?} {:?}: {error:e}", self.target);
            }
        }
    }
}

#[test]
fn bands_of_any_height_give_what_the_whole_gives_at_any_size() {
    for case in cases("vae") {
        let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
        let config = VaeConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
        for target in TARGETS {
            let mut pair = Pair::of(&config, &checkpoint.weights, target);
            for size in [(1, 1), (2, 9), (7, 5), (16, 3), (13, 8)] {
                pair.assert_same(size, &CUTS, BAR);
            }
        }
    }
}

#[test]
fn bands_give_what_diffusers_gives_both_ways() {
    for case in cases("vae") {
        let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
        let config = VaeConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
        for target in TARGETS {
            let banded = banded(&config, &checkpoint.weights, target, Cut::Rows(3));
            let made = one_by_one(&array(&case, "latents"), |one| banded.decode(one, go_on).unwrap());
            assert_close(&case, "decoded in bands", &made, "decoded", target);
            let made = one_by_one(&array(&case, "picture"), |one| banded.encode(one, go_on).unwrap());
            assert_close(&case, "encoded in bands", &made, "moments", target);
        }
    }
}

/// Of each picture of a batch.
fn one_by_one(batch: &Array, work: impl Fn(Array) -> Array) -> Array {
    let shape = [1, batch.shape[1], batch.shape[2], batch.shape[3]];
    let each = shape.iter().product();
    let mut made = batch.data.chunks_exact(each).map(|one| work(Array::new(&shape, one.to_vec())));
    let first = made.next().expect("a batch is never empty");
    made.fold(first, |mut all, one| {
        all.shape[0] += 1;
        all.data.extend(one.data);
        all
    })
}

#[test]
fn several_pictures_at_once_are_refused() {
    let weights = Weights::default();
    let config = VaeConfig::sdxl();
    let banded = banded(&config, &weights, Target::CPU, Cut::Rows(3));
    let error = banded.decode(wave(&[2, 4, 8, 8]), go_on).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
}

#[test]
fn other_levels_groups_and_depths_go_in_bands_too() {
    for (channels, groups, layers, quant) in [
        (&[8, 16, 24, 24][..], 4, 2, true),
        (&[12][..], 3, 1, false),
        (&[32, 16][..], 16, 1, false),
        (&[6, 6, 12][..], 2, 3, true),
    ] {
        let config = VaeConfig {
            latent_channels: 3 + groups % 3,
            block_out_channels: channels.to_vec(),
            layers_per_block: layers,
            norm_num_groups: groups,
            scaling_factor: 0.2,
            force_upcast: true,
        };
        let checkpoint = Checkpoint::of(&shapes(&config, quant), "", 5);
        let mut pair = Pair::of(&config, &checkpoint.weights, Target::CPU);
        pair.assert_same((7, 4), &[Cut::Rows(1), Cut::Rows(4), Cut::Bytes(50_000)], BAR);
    }
}

#[test]
fn half_precision_goes_in_bands_as_on_a_card() {
    let case = cases("vae").swap_remove(0);
    let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
    let config = VaeConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
    // The graphs for a card, run here: operators that have no half precision on a CPU are computed in f32.
    let exact = banded(&config, &checkpoint.weights, Target::PLAIN, Cut::Rows(3));
    let half = Banded { target: Target::CUDA, ..exact };
    let latents = wave(&[1, config.latent_channels, 7, 5]);
    let wanted = exact.decode(latents.clone(), go_on).unwrap();
    let error = relative_error(&half.decode(latents, go_on).unwrap().data, &wanted.data);
    assert!(error > 1e-7 && error < 1e-2, "{error:e}");
}

#[test]
fn every_band_is_told_and_a_run_can_be_cancelled_before_any_of_them() {
    let case = cases("vae").swap_remove(0);
    let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
    let config = VaeConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
    let banded = banded(&config, &checkpoint.weights, Target::CPU, Cut::Rows(4));
    let latents = wave(&[1, config.latent_channels, 9, 4]);
    let mut told = Vec::new();
    let note = |done, total| {
        told.push((done, total));
        Ok(())
    };
    banded.decode(latents.clone(), note).unwrap();
    let total = told.len() as u64;
    assert!(total > 60, "{total}");
    assert_eq!(told, (0..total).map(|n| (n, total)).collect::<Vec<_>>());
    for last in [0, 1, total / 2, total - 1] {
        let mut asked = 0;
        let until = |done, _| {
            asked += 1;
            if done == last { Err(InferenceError::cancelled()) } else { Ok(()) }
        };
        let error = banded.decode(latents.clone(), until).unwrap_err();
        assert_eq!((error.kind(), asked), (ErrorKind::Cancelled, last + 1));
    }
}

#[test]
fn numbers_that_are_none_end_the_work_where_they_come_up() {
    let case = cases("vae").swap_remove(0);
    let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
    let config = VaeConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
    let banded = banded(&config, &checkpoint.weights, Target::CPU, Cut::Rows(2));
    for bad in [f32::NAN, f32::INFINITY] {
        let mut latents = wave(&[1, config.latent_channels, 8, 4]);
        latents.data[17] = bad;
        let (mut asked, mut all) = (0, 0);
        let note = |_, total| {
            (asked, all) = (asked + 1, total);
            Ok(())
        };
        let error = banded.decode(latents, note).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Engine);
        assert!(error.to_string().contains("NaN"), "{error}");
        assert!(asked < all / 4, "{asked} of {all} bands");
    }
}

/// The tensors of an autoencoder of this shape.
fn shapes(config: &VaeConfig, quant: bool) -> BTreeMap<String, Vec<usize>> {
    let (channels, latent) = (&config.block_out_channels, config.latent_channels);
    let (first, last) = (channels[0], channels[channels.len() - 1]);
    let mut made = Shapes(BTreeMap::new());
    made.conv("encoder.conv_in", 3, first, 3);
    made.conv("encoder.conv_out", last, 2 * latent, 3);
    made.conv("decoder.conv_in", latent, last, 3);
    made.conv("decoder.conv_out", first, 3, 3);
    made.vectors("encoder.conv_norm_out", last);
    made.vectors("decoder.conv_norm_out", first);
    if quant {
        made.conv("quant_conv", 2 * latent, 2 * latent, 1);
        made.conv("post_quant_conv", latent, latent, 1);
    }
    for side in ["encoder", "decoder"] {
        let middle = format!("{side}.mid_block");
        (0..2).for_each(|n| made.resnet(&format!("{middle}.resnets.{n}"), last, last));
        made.vectors(&format!("{middle}.attentions.0.group_norm"), last);
        for name in ["to_q", "to_k", "to_v", "to_out.0"] {
            made.layer(&format!("{middle}.attentions.0.{name}"), vec![last, last]);
        }
    }
    let mut up = channels.clone();
    up.reverse();
    for (block, resampler, channels, depth) in [
        ("encoder.down_blocks", "downsamplers", channels, config.layers_per_block),
        ("decoder.up_blocks", "upsamplers", &up, config.layers_per_block + 1),
    ] {
        let mut from = channels[0];
        for (n, to) in channels.iter().enumerate() {
            for k in 0..depth {
                made.resnet(&format!("{block}.{n}.resnets.{k}"), from, *to);
                from = *to;
            }
            if n + 1 < channels.len() {
                made.conv(&format!("{block}.{n}.{resampler}.0.conv"), from, from, 3);
            }
        }
    }
    made.0
}

struct Shapes(BTreeMap<String, Vec<usize>>);

impl Shapes {
    fn layer(&mut self, name: &str, shape: Vec<usize>) {
        self.0.insert(format!("{name}.bias"), vec![shape[0]]);
        self.0.insert(format!("{name}.weight"), shape);
    }

    fn conv(&mut self, name: &str, from: usize, to: usize, kernel: usize) {
        self.layer(name, vec![to, from, kernel, kernel]);
    }

    fn vectors(&mut self, name: &str, channels: usize) {
        self.layer(name, vec![channels]);
    }

    fn resnet(&mut self, name: &str, from: usize, to: usize) {
        self.vectors(&format!("{name}.norm1"), from);
        self.conv(&format!("{name}.conv1"), from, to, 3);
        self.vectors(&format!("{name}.norm2"), to);
        self.conv(&format!("{name}.conv2"), to, to, 3);
        if from != to {
            self.conv(&format!("{name}.conv_shortcut"), from, to, 1);
        }
    }
}
