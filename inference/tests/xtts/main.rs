//! XTTS-v2 against coqui-tts: random weights under the true names, the same inputs, numbers within 1e-4 of the
//! largest (`tests/reference/xtts.py` made them).

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod support;

mod networks;
mod voices;

use crate::support::cases::Case;
use crate::support::checkpoint::{Tensors, load_runtime};
use crate::support::fill::{filled, uniform};
use reelsmith_graph::Weights;
use reelsmith_inference::xtts::checkpoint;
use reelsmith_inference::xtts::config::XttsConfig;

/// A checkpoint on disk as the case describes it, opened.
struct Model {
    _folder: tempfile::TempDir,
    config: XttsConfig,
    weights: Weights,
}

impl Model {
    fn of(case: &Case) -> Self {
        load_runtime();
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("model.safetensors");
        tensors(case).write(&path);
        let config =
            XttsConfig::parse(&case.json["config"].to_string(), &case.name).expect("a configuration");
        Self { config, weights: checkpoint::open(&path).expect("a checkpoint"), _folder: folder }
    }
}

/// The case's weights; what is divided by, or whose root is taken, is about one, as the script has it.
fn tensors(case: &Case) -> Tensors {
    let mut tensors = Tensors::default();
    for (name, shape) in case.shapes("/weights") {
        let mut numbers = filled(&name, &shape, case.seed());
        if name.ends_with("running_var") || name.ends_with("mel_stats") {
            numbers.iter_mut().for_each(|number| *number += 1.0);
        }
        tensors.floats(&name, &shape, &numbers);
    }
    tensors
}

/// The sample that the case's voice is taken from, and its rate.
fn sample(case: &Case) -> (Vec<f32>, u32) {
    let rate = case.number("/rate") as u32;
    let count = (1.6 * f64::from(rate)) as usize;
    (uniform("sample", case.seed(), count).iter().map(|sample| 0.5 * sample).collect(), rate)
}
