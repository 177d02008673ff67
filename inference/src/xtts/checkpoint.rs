//! The weights of XTTS-v2 on disk: `model.safetensors`, made once of the published `model.pth`.

use reelsmith_graph::Weights;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;

/// The script that converts the published file.
pub const CONVERSION: &str = "scripts/convert/xtts.py";

/// What is in a checkpoint without being a weight of the model's own: copies of the GPT under the name it is run by,
/// and networks of the training (`Xtts.get_compatible_checkpoint_state_dict`).
const SUPERFLUOUS: [&str; 5] = [
    "gpt.gpt_inference.",
    "gpt.gpt.wte.",
    "dvae.",
    "torch_mel_spectrogram_dvae.",
    "torch_mel_spectrogram_style_encoder.",
];

/// Opens the converted checkpoint at `path`; a trainer's `xtts.` in front of names is taken off.
///
/// # Errors
/// `ModelMissing` if there is none, `ModelCorrupt` if it is no safetensors file; both name the conversion where the
/// file is a pickle or only the pickle is there.
pub fn open(path: &Path) -> Result<Weights> {
    let how = |pickle: &Path| {
        format!(
            "convert the published file once: `python3 {CONVERSION} {} {}`",
            pickle.display(),
            path.with_file_name("model.safetensors").display()
        )
    };
    let is_pickle =
        path.extension().is_some_and(|end| ["pth", "pt", "ckpt"].iter().any(|pickle| end == *pickle));
    if is_pickle {
        let message = format!(
            "{} is a pickled PyTorch file, which is never loaded here; {}",
            path.display(),
            how(path)
        );
        return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
    }
    let pickle = path.with_file_name("model.pth");
    if !path.exists() && pickle.exists() {
        let message = format!("{} is not there; {}", path.display(), how(&pickle));
        return Err(InferenceError::new(ErrorKind::ModelMissing, message));
    }
    let weights = Weights::open(&[path.to_path_buf()])?;
    Ok(weights.renamed(|name| {
        let name = name.strip_prefix("xtts.").unwrap_or(name);
        (!SUPERFLUOUS.iter().any(|start| name.starts_with(start))).then(|| name.to_owned())
    }))
}
