//! A model's folder: the published safetensors with their `config.json`, or CTranslate2's `model.bin`. Both give
//! tensors under transformers' names, without `model.` before them.

use super::config::WhisperConfig;
use super::files::{corrupt, read};
use super::tokenizer::Tokenizer;
use reelsmith_graph::Weights;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The longest of the small files of a folder.
const MOST_BYTES: u64 = 1 << 22;

/// Everything of a model but its running networks.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its shape.
    pub config: WhisperConfig,
    /// Its tensors.
    pub weights: Weights,
    /// Its vocabulary.
    pub tokenizer: Tokenizer,
    /// Layers and heads of the decoder whose attention follows the sound.
    pub alignment_heads: Vec<[usize; 2]>,
    /// Ids that are never said, beside the special ones.
    pub suppressed: Vec<u32>,
}

/// `generation_config.json` of transformers, and `config.json` of CTranslate2 under other names.
#[derive(Debug, Default, Deserialize)]
struct Generation {
    alignment_heads: Option<Vec<[usize; 2]>>,
    #[serde(alias = "suppress_ids")]
    suppress_tokens: Option<Vec<i64>>,
}

/// Where the shards of a large model lie.
#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

impl Checkpoint {
    /// Reads the folder `path`.
    ///
    /// # Errors
    /// `ModelMissing` if a file is absent; `ModelCorrupt` if one is unusable or they do not fit each other.
    pub fn open(path: &Path) -> Result<Self> {
        let tokenizer = Tokenizer::open(&path.join("tokenizer.json"))?;
        let binary = path.join("model.bin");
        let (config, weights, generation) = match binary.is_file() {
            true => ctranslate2(path, &binary)?,
            false => safetensors(path)?,
        };
        if tokenizer.special().largest() as usize >= config.vocab_size {
            let (size, title) = (config.vocab_size, &weights.title);
            return Err(corrupt(format!("{title}: a vocabulary of {size} does not hold tokenizer.json's")));
        }
        let alignment_heads = heads(generation.alignment_heads, &config)?;
        let suppressed = generation.suppress_tokens.unwrap_or_default();
        let suppressed = suppressed.into_iter().filter_map(|id| u32::try_from(id).ok()).collect();
        Ok(Self { config, weights, tokenizer, alignment_heads, suppressed })
    }
}

/// The heads named, or, as openai-whisper's `model.py` has it where none are, all of the later half of the layers.
fn heads(named: Option<Vec<[usize; 2]>>, config: &WhisperConfig) -> Result<Vec<[usize; 2]>> {
    let (layers, heads) = (config.decoder_layers, config.decoder_attention_heads);
    let named = named.filter(|named| !named.is_empty());
    let Some(mut named) = named else {
        return Ok((layers / 2..layers)
            .flat_map(|layer| (0..heads).map(move |head| [layer, head]))
            .collect());
    };
    named.sort_unstable();
    named.dedup();
    match named.iter().find(|[layer, head]| *layer >= layers || *head >= heads) {
        None => Ok(named),
        Some(head) => Err(corrupt(format!("alignment head {head:?} of {layers} layers of {heads} heads"))),
    }
}

fn safetensors(path: &Path) -> Result<(WhisperConfig, Weights, Generation)> {
    let config = path.join("config.json");
    let config = WhisperConfig::parse(&read(&config, MOST_BYTES)?, &config.display().to_string())?;
    let weights = Weights::open(&shards(path)?)?;
    let weights = weights.renamed(|name| Some(name.strip_prefix("model.").unwrap_or(name).to_owned()));
    Ok((config, weights, optional(&path.join("generation_config.json"))?))
}

/// The files of the weights: one, or those that an index names.
fn shards(path: &Path) -> Result<Vec<PathBuf>> {
    let single = path.join("model.safetensors");
    let index = path.join("model.safetensors.index.json");
    if single.is_file() || !index.is_file() {
        return Ok(vec![single]);
    }
    let map: Index = parsed(&index)?;
    let names: BTreeSet<&String> = map.weight_map.values().collect();
    let plain = |name: &&&String| Path::new(name.as_str()).components().count() == 1 && !name.contains("..");
    match names.iter().find(|name| !plain(name)) {
        None => Ok(names.into_iter().map(|name| path.join(name)).collect()),
        Some(name) => Err(corrupt(format!("{} names `{name}`, which lies elsewhere", index.display()))),
    }
}

fn ctranslate2(path: &Path, binary: &Path) -> Result<(WhisperConfig, Weights, Generation)> {
    let raw = Weights::open_ctranslate2(binary, "WhisperSpec")?;
    if raw.iter().any(|(name, _)| name.ends_with("weight_scale")) {
        return Err(InferenceError::new(
            ErrorKind::ModelCorrupt,
            format!("{} is quantised to 8 bits; take the fp16 or fp32 form of the model", binary.display()),
        ));
    }
    let number = raw.get("encoder/num_heads").map(|heads| heads.numbers()).transpose()?;
    let heads = number.and_then(|numbers| numbers.first().copied()).unwrap_or(0.0) as usize;
    let mut weights = raw.renamed(renamed);
    let names: Vec<String> = weights.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        for (joined, parts) in
            [("qkv_proj", &["q_proj", "k_proj", "v_proj"][..]), ("kv_proj", &["k_proj", "v_proj"])]
        {
            if let Some((layer, tensor)) = name.split_once(&format!(".{joined}.")) {
                let parts: Vec<String> =
                    parts.iter().map(|part| format!("{layer}.{part}.{tensor}")).collect();
                weights.split(&name, &parts.iter().map(String::as_str).collect::<Vec<_>>())?;
            }
        }
    }
    let config = WhisperConfig::of(&weights, heads)?;
    Ok((config, weights, optional(&path.join("config.json"))?))
}

/// transformers' name for a tensor of CTranslate2's (its `converters/transformers.py`, `WhisperLoader`); none for
/// numbers that mark something.
fn renamed(name: &str) -> Option<String> {
    let (part, rest) = name.split_once('/')?;
    let is_decoder = match part {
        "encoder" => false,
        "decoder" => true,
        _ => return None,
    };
    let (place, rest) = match rest.strip_prefix("layer_").and_then(|rest| rest.split_once('/')) {
        Some((layer, rest)) if layer.parse::<usize>().is_ok() => (format!("{part}.layers.{layer}."), rest),
        _ => (format!("{part}."), rest),
    };
    let (layer, tensor) = rest.rsplit_once('/')?;
    let layer = match (layer, is_decoder) {
        ("conv1" | "conv2", false) => layer,
        ("position_encodings", _) => "embed_positions",
        ("embeddings", true) => "embed_tokens",
        ("projection", true) => return Some(format!("proj_out.{tensor}")),
        ("layer_norm", _) => "layer_norm",
        ("self_attention/layer_norm", _) => "self_attn_layer_norm",
        ("self_attention/linear_0", _) => "self_attn.qkv_proj",
        ("self_attention/linear_1", _) => "self_attn.out_proj",
        ("attention/layer_norm", true) => "encoder_attn_layer_norm",
        ("attention/linear_0", true) => "encoder_attn.q_proj",
        ("attention/linear_1", true) => "encoder_attn.kv_proj",
        ("attention/linear_2", true) => "encoder_attn.out_proj",
        ("ffn/layer_norm", _) => "final_layer_norm",
        ("ffn/linear_0", _) => "fc1",
        ("ffn/linear_1", _) => "fc2",
        _ => return None,
    };
    let tensor = match tensor {
        "gamma" | "encodings" => "weight",
        "beta" => "bias",
        tensor => tensor,
    };
    Some(format!("{place}{layer}.{tensor}"))
}

fn optional<T: DeserializeOwned + Default>(path: &Path) -> Result<T> {
    if path.is_file() { parsed(path) } else { Ok(T::default()) }
}

fn parsed<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = read(path, MOST_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| corrupt(format!("{}: {error}", path.display())))
}
