//! Small models with random weights, as the reference scripts describe them (`tests/reference/models.py`): with the
//! names and shapes that published ones have.

#[path = "../../../inference/tests/support/fill.rs"]
mod fill;

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The name of a tensor, its shape and its numbers.
pub(crate) type Tensor = (String, Vec<usize>, Vec<f32>);

/// Writes a safetensors file of these tensors in f32.
pub(crate) fn write_weights(path: &Path, tensors: impl Iterator<Item = Tensor>) {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, shape, numbers) in tensors {
        let start = data.len();
        data.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(name, entry);
    }
    let header = Value::Object(header).to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    fs::write(path, file).expect("written");
}

/// What the reference keeps of its small SDXL: configurations, names and shapes.
pub(crate) struct Kept(Value);

impl Kept {
    /// SDXL.
    pub(crate) fn model() -> Self {
        Self::of("sdxl-0")
    }

    fn of(case: &str) -> Self {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden");
        let case = fs::read_to_string(golden.join(case).join("case.json")).expect("the golden case");
        Self(serde_json::from_str(&case).expect("JSON"))
    }

    /// A checkpoint in diffusers' layout.
    pub(crate) fn sdxl(&self, folder: &Path) {
        for part in ["unet", "vae", "text_encoder", "text_encoder_2"] {
            self.network(&folder.join(part), part, &format!("{part}."), 0);
        }
    }

    /// An autoencoder with other weights.
    pub(crate) fn vae(&self, folder: &Path) {
        self.network(folder, "vae", "vae.", 5);
    }

    /// A ControlNet, whose weights go by `name`.
    pub(crate) fn controlnet(&self, folder: &Path, name: &str) {
        self.network(folder, "controlnet", &format!("control.{name}."), 0);
    }

    /// The LoRA `name` of the reference: `kohya`, `peft` …
    pub(crate) fn lora(&self, path: &Path, name: &str) {
        let lora = &self.0["loras"][name];
        let alphas =
            lora["alphas"].as_object().expect("alphas").iter().map(|(key, alpha)| {
                (key.clone(), Vec::new(), vec![alpha.as_f64().expect("a number") as f32])
            });
        write_weights(path, filled(&lora["weights"], &format!("lora.{name}."), 0).chain(alphas));
    }

    fn network(&self, folder: &Path, part: &str, prefix: &str, seed: u64) {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join("config.json"), self.0[part]["config"].to_string()).expect("written");
        let path = folder.join("diffusion_pytorch_model.safetensors");
        write_weights(&path, filled(&self.0[part]["weights"], prefix, seed));
    }
}

/// A folder with a small XTTS-v2 that reads letters of English.
pub(crate) fn xtts(folder: &Path) {
    // Places for as much text as the real model reads: a part is cut by its letters.
    const TEXT: usize = 402;
    let Kept(case) = Kept::of("xtts-0");
    let mut config = case["config"].clone();
    config["model"] = "xtts".into();
    config["model_args"]["gpt_max_text_tokens"] = TEXT.into();
    let mut shapes = case["weights"].clone();
    shapes["gpt.text_pos_embedding.emb.weight"][0] = (TEXT + 2).into();
    let tensors = filled(&shapes, "", 0).map(|(name, shape, mut numbers)| {
        // What is divided by, or whose root is taken, is about one.
        if name.ends_with("running_var") || name.ends_with("mel_stats") {
            numbers.iter_mut().for_each(|number| *number += 1.0);
        }
        (name, shape, numbers)
    });
    fs::create_dir_all(folder).expect("a folder");
    write_weights(&folder.join("model.safetensors"), tensors);
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    let marks = ["[STOP]", "[UNK]", "[SPACE]", "[en]", "[fr]", "[START]"].map(str::to_owned);
    let tokens = marks.iter().cloned().chain(('a'..='z').map(String::from));
    let tokens: Map<String, Value> = tokens.enumerate().map(|(id, token)| (token, json!(id))).collect();
    let added: Vec<Value> =
        marks.iter().enumerate().map(|(id, mark)| json!({ "id": id, "content": mark })).collect();
    let vocabulary = json!({
        "added_tokens": added, "normalizer": null, "pre_tokenizer": { "type": "Whitespace" },
        "model": { "vocab": tokens, "merges": [] },
    });
    fs::write(folder.join("vocab.json"), vocabulary.to_string()).expect("written");
}

/// Tensors of these names and shapes, whose numbers go by the names with `prefix` before them.
fn filled(shapes: &Value, prefix: &str, seed: u64) -> impl Iterator<Item = Tensor> {
    let shapes: BTreeMap<String, Vec<usize>> =
        serde_json::from_value(shapes.clone()).expect("names and shapes");
    shapes.into_iter().map(move |(name, shape)| {
        let numbers = fill::filled(&format!("{prefix}{name}"), &shape, seed);
        (name, shape, numbers)
    })
}
