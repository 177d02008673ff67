//! LoRA: changes of low rank to the weights of UNet and text encoders (Hu et al., 2021), under the key names of
//! kohya's scripts and of diffusers/PEFT. Applied to the weights as a graph is written; the checkpoint stays as it is.

mod keys;

use super::checkpoint::Checkpoint;
use keys::{Key, Network, Role, layer_in};
use reelsmith_graph::Weights;
use reelsmith_graph::weights::{Adapter, Tensor};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A LoRA, opened.
#[derive(Debug, Clone)]
pub struct Lora {
    title: String,
    modules: BTreeMap<(Network, String), Module>,
}

/// The change of one layer.
#[derive(Debug, Clone, Default)]
struct Module {
    up: Option<Tensor>,
    down: Option<Tensor>,
    alpha: Option<f32>,
}

impl Lora {
    /// Opens a `.safetensors` file.
    ///
    /// # Errors
    /// `ModelMissing`; `ModelCorrupt` if it is no LoRA, of a kind that is not supported (LoHa, LoKr, DoRA …), or
    /// damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let weights = Weights::open(&[path.to_path_buf()])?;
        let title = path.display().to_string();
        let mut modules: BTreeMap<(Network, String), Module> = BTreeMap::new();
        for (name, tensor) in weights.iter() {
            let Key { network, layer, role } = Key::parse(name).map_err(|why| corrupt(&title, &why))?;
            let module = modules.entry((network, layer)).or_default();
            match role {
                Role::Up => module.up = Some(tensor.clone()),
                Role::Down => module.down = Some(tensor.clone()),
                Role::Alpha => match tensor.numbers()?.as_slice() {
                    [alpha] => module.alpha = Some(*alpha),
                    _ => return Err(corrupt(&title, &format!("`{name}` is no single number"))),
                },
            }
        }
        if modules.is_empty() {
            return Err(corrupt(&title, "it has no tensors"));
        }
        let mut lora = Self { title, modules };
        lora.take_metadata(&weights.metadata)?;
        Ok(lora)
    }

    /// Diffusers writes PEFT's settings beside the tensors, the numerator of the scale among them.
    fn take_metadata(&mut self, metadata: &BTreeMap<String, String>) -> Result<()> {
        let Some(text) = metadata.get("lora_adapter_metadata") else { return Ok(()) };
        let settings: Value = serde_json::from_str(text).map_err(|error| {
            corrupt(&self.title, &format!("its `lora_adapter_metadata` is no JSON: {error}"))
        })?;
        for ((network, _), module) in &mut self.modules {
            let setting = |name: &str| &settings[format!("{}.{name}", network.prefix())];
            for kind in ["use_dora", "use_rslora"] {
                if setting(kind).as_bool() == Some(true) {
                    return Err(corrupt(&self.title, &format!("it sets `{kind}`, which is not supported")));
                }
            }
            if setting("alpha_pattern").as_object().is_some_and(|pattern| !pattern.is_empty()) {
                return Err(corrupt(
                    &self.title,
                    "it sets an alpha for single layers, which is not supported",
                ));
            }
            module.alpha = module.alpha.or(setting("lora_alpha").as_f64().map(|alpha| alpha as f32));
        }
        Ok(())
    }

    /// Adds the changes, times `weight`, to the networks of `checkpoint`; none if one does not fit.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the layer that the checkpoint lacks or has in another shape: the LoRA is for another
    /// base model.
    pub fn apply(&self, checkpoint: &mut Checkpoint, weight: f32) -> Result<()> {
        let layers = checkpoint.unet.config.layers_per_block;
        let mut places: HashMap<Network, keys::Places> = HashMap::new();
        let mut changes = BTreeMap::new();
        for ((network, layer), module) in &self.modules {
            let weights = network.weights(checkpoint);
            let places = places.entry(*network).or_insert_with(|| keys::Places::of(weights));
            let Some(names) = layer_in(places, *network, layer, layers) else {
                return Err(self.other_base(&format!("`{layer}` is no layer of {}", weights.title)));
            };
            for (part, name) in names.iter().enumerate() {
                let adapter = self.adapter(layer, module, weight, (part, names.len()))?;
                self.check_shape(name, weights.get(name), &adapter)?;
                if changes.insert((*network, name.clone()), adapter).is_some() {
                    return Err(corrupt(&self.title, &format!("it changes `{name}` twice, under two names")));
                }
            }
        }
        for ((network, name), adapter) in changes {
            network.weights_mut(checkpoint).adapt(&name, adapter);
        }
        Ok(())
    }

    /// The change of part `part` of `parts` equal ones, along the outputs, of a layer.
    fn adapter(
        &self,
        layer: &str,
        module: &Module,
        weight: f32,
        (part, parts): (usize, usize),
    ) -> Result<Adapter> {
        let (Some(up), Some(down)) = (&module.up, &module.down) else {
            return Err(corrupt(&self.title, &format!("`{layer}` has only one of its two matrices")));
        };
        let rank = down.shape.first().copied().unwrap_or(0);
        let rows = up.shape.first().copied().unwrap_or(0);
        let fits = rows.checked_mul(rank).is_some_and(|count| count as u64 == up.count());
        if rank == 0 || rows == 0 || rows % parts != 0 || !fits || down.count() == 0 {
            let (up, down) = (&up.shape, &down.shape);
            return Err(corrupt(
                &self.title,
                &format!("the matrices {up:?} and {down:?} of `{layer}` do not fit"),
            ));
        }
        let alpha = module.alpha.unwrap_or(rank as f32);
        if !alpha.is_finite() {
            return Err(corrupt(&self.title, &format!("the alpha of `{layer}` is {alpha}")));
        }
        let each = rows / parts;
        Ok(Adapter {
            up: up.rows(part * each, each),
            down: down.clone(),
            scale: weight * alpha / rank as f32,
        })
    }

    fn check_shape(&self, name: &str, tensor: Option<&Tensor>, adapter: &Adapter) -> Result<()> {
        let tensor = tensor.expect("the place was found among the weights");
        let rows = tensor.shape[0];
        let columns: u64 = tensor.count() / rows.max(1) as u64;
        let taken = adapter.down.count() / adapter.down.shape[0] as u64;
        if adapter.up.shape[0] == rows && taken == columns {
            return Ok(());
        }
        let change = (adapter.up.shape[0], taken);
        Err(self.other_base(&format!(
            "`{name}` is {rows} x {columns} there, and the change is {} x {}",
            change.0, change.1
        )))
    }

    fn other_base(&self, why: &str) -> InferenceError {
        corrupt(&self.title, &format!("{why}: this LoRA is for another base model; take one for SDXL"))
    }
}

fn corrupt(title: &str, why: &str) -> InferenceError {
    InferenceError::new(ErrorKind::ModelCorrupt, format!("{title}: {why}"))
}
