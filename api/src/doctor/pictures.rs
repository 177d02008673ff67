//! The models that the settings name for pictures: whether they are here, can be read, and fit.

use super::models::{entry, unseen};
use super::{Check, State};
use crate::config::Config;
use crate::config::layers::show_bytes;
use crate::house::{device_config, engine};
use crate::library::Library;
use crate::weights::Weights;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::{Engine, Footprint};

/// A setting that names a model, and what it must be able to do.
type Setting<'a> = (&'static str, Option<&'a String>, Capability);

/// Looks at sizes, stamps and headers. One can do without: scenes then get designed cards.
pub(super) async fn all(config: &Config, library: &Library) -> Vec<Check> {
    let (config, library) = (config.clone(), library.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let images = &config.images;
        let settings: [Setting; 2] = [
            ("image_model", images.model.as_ref(), Capability::TextToImage),
            ("upscale_model", images.upscaler.as_ref(), Capability::Upscale),
        ];
        settings.into_iter().flat_map(|setting| of_setting(&config, &library, setting)).collect()
    });
    looked.await.unwrap_or_else(|error| vec![unseen("models of pictures", &error)])
}

fn of_setting(config: &Config, library: &Library, (setting, name, wanted): Setting) -> Vec<Check> {
    let Some(name) = name else {
        let found = match wanted {
            Capability::TextToImage => "not set: pictures are given files or designed cards",
            _ => "not set: `upscale` and `make hero` take the catalogue's usual one",
        };
        return vec![Check::ok(setting, found).optional()];
    };
    match Weights::find(library, name, Some(wanted), setting) {
        Err(failure) => {
            let mend = format!("set {setting} to a model that is there, or take it out of the settings");
            vec![Check::bad(setting, State::Missing, failure.message, mend).optional()]
        }
        Ok(weights) => {
            let mut checks: Vec<Check> = here(config, library, &weights);
            checks.push(fits(config, library, &weights, setting).optional());
            checks
        }
    }
}

/// The entry and all that it requires; of a person's own file, what it takes of the catalogue.
fn here(config: &Config, library: &Library, weights: &Weights) -> Vec<Check> {
    let known = library.for_short();
    let entries: Vec<_> = weights.entry().cloned().into_iter().collect();
    let needed = library.for_own(&entries).into_iter().filter(|id| !known.contains(id));
    needed.map(|id| entry(library, &id, config.hub.offline).optional()).collect()
}

/// Whether its headers can be read, and whether the device has room for it.
fn fits(config: &Config, library: &Library, weights: &Weights, setting: &str) -> Check {
    let name = format!("{setting} {}", weights.name());
    match engine(config, library).footprint(&weights.id()) {
        Err(error) => {
            Check::bad(name, State::Broken, error.to_string(), format!("name another with {setting}"))
        }
        Ok(needs) => room(name, needs, device_config(config).limit()),
    }
}

fn room(name: String, needs: Footprint, limit: u64) -> Check {
    let [weights, activation] = [needs.weights, needs.peak_activation].map(show_bytes);
    let takes = format!("takes about {} ({weights} weights, {activation} to run)", show_bytes(needs.total()));
    let limit_shown = show_bytes(limit);
    match needs.total() <= limit {
        true => Check::ok(name, format!("{takes} of {limit_shown}")),
        false => Check::bad(
            name,
            State::Broken,
            format!("{takes}, and models may take {limit_shown}"),
            "raise device.memory if the machine has more, or name a smaller model",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_room_says_what_it_takes_and_what_there_is() {
        let needs = Footprint { weights: 6 << 30, peak_activation: 3 << 29 };
        let told = room("image_model x".into(), needs, 8 << 30);
        assert_eq!(told.state, State::Ok);
        assert_eq!(told.found, "takes about 7.5GiB (6GiB weights, 1.5GiB to run) of 8GiB");
        let told = room("image_model x".into(), needs, 7 << 30).optional();
        assert!(told.state == State::Broken && !told.blocks(), "{told:?}");
        assert!(told.found.ends_with("and models may take 7GiB"), "{told:?}");
    }
}
