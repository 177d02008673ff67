use super::{Checkpoint, TARGETS, array, assert_close, open};
use crate::support::cases::cases;
use reelsmith_inference::diffusion::vae::{VaeConfig, decoder, encoder};

#[test]
fn the_autoencoder_gives_what_diffusers_gives_both_ways() {
    for case in cases("vae") {
        let checkpoint = Checkpoint::of(&case.shapes("/weights"), "", case.seed());
        let config = VaeConfig::parse(&case.json["config"].to_string(), &case.name).unwrap();
        for target in TARGETS {
            let mut network = open("decoder", &decoder(&config, &checkpoint.weights, target).unwrap());
            let latents = array(&case, "latents");
            let made = network.run(&[("latents", (&latents).into())], &["picture"]).unwrap();
            assert_close(&case, "decoded", &made[0], "decoded", target);
            let mut network = open("encoder", &encoder(&config, &checkpoint.weights, target).unwrap());
            let picture = array(&case, "picture");
            let made = network.run(&[("picture", (&picture).into())], &["moments"]).unwrap();
            assert_close(&case, "moments", &made[0], "moments", target);
        }
    }
}
