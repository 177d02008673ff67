use super::{Checkpoint, TARGETS, assert_close, open};
use crate::support::cases::cases;
use reelsmith_inference::diffusion::checkpoint::layout;
use reelsmith_inference::diffusion::clip::{ClipConfig, text_encoder};
use reelsmith_inference::network::Feed;

#[test]
fn both_text_encoders_give_what_transformers_gives_after_every_layer() {
    for case in cases("clip") {
        let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
        let weights = layout::text(checkpoint.weights.clone());
        let config = ClipConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
        let (ids, shape) = (case.integers("ids"), case.tensor("ids").shape.clone());
        let rows = ids.chunks(shape[1]).enumerate();
        let ends: Vec<i64> = rows
            .map(|(n, row)| (n * shape[1] + row.iter().position(|id| *id == 99).unwrap()) as i64)
            .collect();
        for target in TARGETS {
            let mut network = open("text encoder", &text_encoder(&config, &weights, target).unwrap());
            let is_pooled = case.name.contains("-g-");
            let mut feeds = vec![("ids", Feed::Ints(&shape, &ids))];
            let layers: Vec<String> = (1..=config.num_hidden_layers).map(|n| format!("hidden_{n}")).collect();
            let mut outputs: Vec<&str> = layers.iter().map(String::as_str).collect();
            let count = [ends.len()];
            if is_pooled {
                feeds.push(("ends", Feed::Ints(&count, &ends)));
                outputs.push("pooled");
            }
            let made = network.run(&feeds, &outputs).unwrap();
            for (name, made) in outputs.iter().zip(&made) {
                // transformers gives the last state after the final normalisation or before it, by version.
                if *name != format!("hidden_{}", config.num_hidden_layers) {
                    assert_close(&case, name, made, name, target);
                }
            }
        }
    }
}
