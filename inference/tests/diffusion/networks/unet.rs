use super::{Checkpoint, TARGETS, array, assert_close, open};
use crate::support::cases::{Case, cases};
use reelsmith_inference::diffusion::condition::sinusoids;
use reelsmith_inference::diffusion::config::UnetConfig;
use reelsmith_inference::diffusion::controlnet::{ControlNetConfig, controlnet};
use reelsmith_inference::diffusion::{checkpoint::layout, unet::unet};
use reelsmith_inference::network::{Array, Feed};

/// What UNet and ControlNet take of a case: sample, time, added and text.
pub(crate) fn inputs(case: &Case, config: &UnetConfig) -> [(&'static str, Array); 4] {
    let time =
        case.floats("timestep").iter().flat_map(|t| sinusoids(*t, config.blocks[0].channels)).collect();
    let batch = case.tensor("sample").shape[0];
    let (pooled, sizes) = (array(case, "pooled"), array(case, "sizes"));
    let added: Vec<f32> = pooled
        .data
        .chunks(pooled.shape[1])
        .zip(sizes.data.chunks(6))
        .flat_map(|(pooled, sizes)| {
            let sizes = sizes.iter().flat_map(|size| sinusoids(*size, config.size_width));
            pooled.iter().copied().chain(sizes).collect::<Vec<f32>>()
        })
        .collect();
    [
        ("sample", array(case, "sample")),
        ("time", Array::new(&[batch, config.blocks[0].channels], time)),
        ("added", Array::new(&[batch, config.projection], added)),
        ("text", array(case, "text")),
    ]
}

#[test]
fn the_unet_gives_what_diffusers_gives_steered_or_not() {
    for case in cases("unet") {
        let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
        let weights = layout::attending(checkpoint.weights.clone()).unwrap();
        let config = UnetConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
        let inputs = inputs(&case, &config);
        let residuals: Vec<(String, Array)> = (0..)
            .map(|n| format!("residual_{n}"))
            .take_while(|name| case.has(name))
            .map(|name| (name.clone(), array(&case, &name)))
            .collect();
        for target in TARGETS {
            let mut feeds: Vec<(&str, Feed<'_>)> = inputs.iter().map(|(name, a)| (*name, a.into())).collect();
            let mut network = open("UNet", &unet(&config, &weights, target, false).unwrap());
            let made = network.run(&feeds, &["noise"]).unwrap();
            assert_close(&case, "alone", &made[0], "plain", target);
            let mut network = open("UNet", &unet(&config, &weights, target, true).unwrap());
            feeds.extend(residuals.iter().map(|(name, a)| (name.as_str(), a.into())));
            let made = network.run(&feeds, &["noise"]).unwrap();
            assert_close(&case, "steered", &made[0], "steered", target);
        }
    }
}

#[test]
fn the_controlnet_gives_what_diffusers_gives() {
    for case in cases("unet") {
        let checkpoint = Checkpoint::of(&case.shapes("/controlnet_weights"), "controlnet.", case.seed());
        let weights = layout::attending(checkpoint.weights.clone()).unwrap();
        let config = ControlNetConfig::parse(&case.json["controlnet"].to_string(), &case.name).unwrap();
        let (inputs, hint) = (inputs(&case, &config.unet), array(&case, "hint"));
        let strength = [case.number("/scale") as f32];
        for target in TARGETS {
            let mut network = open("ControlNet", &controlnet(&config, &weights, target).unwrap());
            let mut feeds: Vec<(&str, Feed<'_>)> = inputs.iter().map(|(name, a)| (*name, a.into())).collect();
            feeds.extend([("hint", (&hint).into()), ("strength", Feed::Floats(&[], &strength))]);
            let names: Vec<String> =
                (0..).map(|n| format!("residual_{n}")).take_while(|name| case.has(name)).collect();
            let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
            for (name, made) in outputs.iter().zip(network.run(&feeds, &outputs).unwrap()) {
                assert_close(&case, name, &made, name, target);
            }
        }
    }
}
