//! What a header says about its network and its vocabulary, and whether that can be.
//!
//! The conditions are those that llama.cpp's `llama-model.cpp`, `llama-vocab.cpp` and `models/*.cpp` assert, or take
//! for granted.

use super::types::{F32, TEXT};
use super::{Header, Value};
use std::collections::HashSet;

/// The key of the vocabulary.
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
const TOKEN_TYPES: &str = "tokenizer.ggml.token_type";
/// llama.cpp's `LLAMA_TOKEN_TYPE_BYTE`.
const BYTE: i64 = 6;
/// GGUF's number of single precision.
const REAL: u32 = 6;

/// Families whose graphs were held against damaged files.
const ARCHITECTURES: [&str; 3] = ["llama", "qwen2", "deepseek2"];
const MOST_VOCABULARY: usize = 1 << 20;

/// Why a sound header is refused.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::llama) enum Refusal {
    /// It contradicts itself.
    Corrupt(String),
    /// It may be whole, but is of a kind that is not supported.
    Unsupported(String),
}

type Fitted<T> = Result<T, Refusal>;

/// What is worth knowing of a model before it is loaded.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::llama) struct Facts {
    /// Tokens of context that it was trained with.
    pub(in crate::llama) context: u32,
    /// Bytes that the key/value cache takes per token, in half precision.
    pub(in crate::llama) cache_per_token: u64,
    /// Numbers per token between layers.
    pub(in crate::llama) width: u64,
    /// Numbers per token inside of a layer.
    pub(in crate::llama) inner: u64,
    /// Tokens of the vocabulary.
    pub(in crate::llama) vocabulary: u64,
}

impl Facts {
    pub(super) fn of(header: &Header) -> Fitted<Self> {
        let file = File { header, architecture: architecture(header)? };
        file.check_kind()?;
        let layers = file.number("block_count", 1..=512)?;
        let width = file.number("embedding_length", 1..=1 << 17)?;
        let context = file.number("context_length", 1..=1 << 24)?;
        let (heads, cached) = (file.heads("attention.head_count", layers)?, file.cached_heads(layers)?);
        if heads % cached != 0 {
            return corrupt(format!(
                "`head_count` is {heads}, no multiple of `head_count_kv`, which is {cached}"
            ));
        }
        let head = file.check_head(width, heads, cached)?;
        file.check_experts(layers)?;
        file.check_reals()?;
        file.check_tensors()?;
        let vocabulary = file.check_vocabulary()?;
        let inner = file.per_layer("feed_forward_length", layers)?;
        Ok(Self {
            context: context as u32,
            cache_per_token: layers * cached * (head.0 + head.1) * 2,
            width,
            inner,
            vocabulary,
        })
    }
}

fn architecture(header: &Header) -> Fitted<&str> {
    let Some(name) = header.text("general.architecture") else {
        return corrupt("there is no `general.architecture`");
    };
    match ARCHITECTURES.contains(&name) {
        true => Ok(name),
        false => Err(Refusal::Unsupported(format!(
            "a model of the architecture `{}`; {} are supported",
            name.escape_default(),
            ARCHITECTURES.join(", ")
        ))),
    }
}

fn corrupt<T>(why: impl Into<String>) -> Fitted<T> {
    Err(Refusal::Corrupt(why.into()))
}

/// A header of a known architecture.
struct File<'a> {
    header: &'a Header,
    architecture: &'a str,
}

impl File<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.header.values.get(&format!("{}.{key}", self.architecture))
    }

    fn within(&self, key: &str, value: i128, range: &std::ops::RangeInclusive<u64>) -> Fitted<u64> {
        match u64::try_from(value).ok().filter(|value| range.contains(value)) {
            Some(value) => Ok(value),
            None => corrupt(format!("`{key}` is {value}; expected {} to {}", range.start(), range.end())),
        }
    }

    fn optional(&self, key: &str, range: std::ops::RangeInclusive<u64>) -> Fitted<Option<u64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Whole(value)) => self.within(key, *value, &range).map(Some),
            Some(other) => corrupt(format!("`{key}` is {other:?}, no whole number")),
        }
    }

    fn number(&self, key: &str, range: std::ops::RangeInclusive<u64>) -> Fitted<u64> {
        match self.optional(key, range)? {
            Some(value) => Ok(value),
            None => corrupt(format!("there is no `{}.{key}`", self.architecture)),
        }
    }

    /// A number for all layers, or one for each of them; the largest.
    fn per_layer(&self, key: &str, layers: u64) -> Fitted<u64> {
        let range = 1..=1 << 24;
        let Some(Value::Numbers(numbers)) = self.get(key) else { return self.number(key, range) };
        if numbers.len() as u64 != layers {
            return corrupt(format!("`{key}` has {} numbers for {layers} layers", numbers.len()));
        }
        let checked = numbers.iter().map(|n| self.within(key, i128::from(*n), &range));
        checked.collect::<Fitted<Vec<u64>>>()?.into_iter().max().map_or_else(|| corrupt("no layers"), Ok)
    }

    /// Heads, which must be as many in every layer.
    fn heads(&self, key: &str, layers: u64) -> Fitted<u64> {
        match self.get(key) {
            Some(Value::Numbers(numbers)) if numbers.iter().any(|n| *n != numbers[0]) => {
                Err(Refusal::Unsupported(format!("a model whose `{key}` differs from layer to layer")))
            }
            Some(Value::Numbers(_)) => {
                let heads = self.per_layer(key, layers)?;
                self.within(key, i128::from(heads), &(1..=1024))
            }
            _ => self.number(key, 1..=1024),
        }
    }

    fn cached_heads(&self, layers: u64) -> Fitted<u64> {
        match self.get("attention.head_count_kv") {
            None => self.heads("attention.head_count", layers),
            Some(_) => self.heads("attention.head_count_kv", layers),
        }
    }

    /// Numbers of a key and of a value of one head.
    fn check_head(&self, width: u64, heads: u64, cached: u64) -> Fitted<(u64, u64)> {
        let key = self.optional("attention.key_length", 1..=1024)?.unwrap_or(width / heads);
        let value = self.optional("attention.value_length", 1..=1024)?.unwrap_or(width / heads);
        let turned = self.optional("rope.dimension_count", 2..=1024)?.unwrap_or(key);
        if turned % 2 != 0 || key == 0 || value == 0 || key > 1024 || value > 1024 {
            return corrupt(format!(
                "a head has keys of {key} and values of {value} numbers, {turned} of them turned"
            ));
        }
        if self.architecture != "deepseek2" {
            return match key == value
                && key == turned
                && (key * heads == width || self.architecture == "llama")
            {
                true => Ok((key, value)),
                false => corrupt(format!(
                    "keys have {key} numbers, values {value}, of which `rope.dimension_count` turns {turned}"
                )),
            };
        }
        let whole = self.optional("attention.key_length_mla", 1..=1024)?.unwrap_or(key);
        let whole_value = self.optional("attention.value_length_mla", 1..=1024)?;
        let rank = self.number("attention.kv_lora_rank", 1..=1 << 16)?;
        self.optional("attention.q_lora_rank", 1..=1 << 16)?;
        let is_latent = self.get("attention.key_length_mla").is_some();
        // The cache has one latent key for all heads, or a key for each: llama.cpp takes the file's word for it.
        let fits = match is_latent {
            true => whole_value.is_some() && cached == 1 && key == rank + turned,
            false => whole_value.is_none() && cached == heads,
        };
        if !fits {
            return corrupt(format!(
                "keys of {key} numbers for {cached} of {heads} heads do not fit a latent of {rank}, {turned} of them turned"
            ));
        }
        // A scale that changes with the place needs to know from where on.
        let scaled = ["attention.temperature_scale", "attention.temperature_length"];
        if scaled.iter().any(|key| self.get(key).is_some()) {
            let why = "a model with `attention.temperature_scale`".to_owned();
            return Err(Refusal::Unsupported(why));
        }
        match turned < whole && turned < key {
            true => Ok((key, value)),
            false => corrupt(format!("of keys of {whole} numbers `rope.dimension_count` turns {turned}")),
        }
    }

    fn check_experts(&self, layers: u64) -> Fitted<()> {
        let experts = self.optional("expert_count", 0..=1024)?.unwrap_or(0);
        let used = self.optional("expert_used_count", 0..=1024)?.unwrap_or(0);
        if used > experts || (experts > 0 && used == 0) {
            return corrupt(format!("`expert_used_count` is {used} of {experts}"));
        }
        let groups = self.optional("expert_group_count", 0..=1024)?.unwrap_or(0);
        let used_groups = self.optional("expert_group_used_count", 0..=1024)?.unwrap_or(0);
        let grouped = groups < 2 || (experts % groups == 0 && (1..groups).contains(&used_groups));
        if !grouped || (groups > 0 && groups >= experts) {
            return corrupt(format!("`expert_group_count` is {groups} of {experts} experts"));
        }
        if self.architecture == "deepseek2" {
            self.optional("leading_dense_block_count", 0..=layers)?;
            self.number("expert_shared_count", 0..=64)?;
            self.number("expert_feed_forward_length", 1..=1 << 24)?;
            self.optional("expert_gating_func", 0..=2)?;
            if experts == 0 {
                return corrupt("`expert_count` is 0 in a network of experts");
            }
        }
        Ok(())
    }

    fn check_reals(&self) -> Fitted<()> {
        let ranges = [
            ("attention.layer_norm_rms_epsilon", 0.0, 1.0),
            ("rope.freq_base", 1.0, 1e12),
            ("rope.scaling.factor", 0.0, 1e6),
            ("rope.scale_linear", 0.0, 1e6),
            ("rope.scaling.attn_factor", 0.0, 1e6),
            ("rope.scaling.yarn_log_multiplier", 0.0, 1e6),
            ("expert_weights_scale", 0.0, 1e6),
        ];
        for (key, least, most) in ranges {
            match self.get(key) {
                None => {}
                Some(Value::Real(number)) if (least..=most).contains(number) => {}
                Some(other) => return corrupt(format!("`{key}` is {other:?}; expected {least} to {most}")),
            }
        }
        let scaling = self.header.text(&format!("{}.rope.scaling.type", self.architecture));
        match scaling.is_none_or(|name| ["none", "linear", "yarn", "longrope"].contains(&name)) {
            true => Ok(()),
            false => corrupt("`rope.scaling.type` is none that is known"),
        }
    }

    /// One file with a whole network that writes text from left to right.
    fn check_kind(&self) -> Fitted<()> {
        let unsupported = |why: &str| Err(Refusal::Unsupported(why.to_owned()));
        if self.header.text("general.type").is_some_and(|kind| kind != "model") {
            return unsupported("it holds no model but something that goes with one");
        }
        let parts = |value: &Value| *value != Value::Whole(0) && *value != Value::Whole(1);
        if self.header.values.get("split.count").is_some_and(parts) {
            return unsupported("one of several files; join them with llama-gguf-split --merge");
        }
        let other = |key: &str, usual: Value| self.get(key).is_some_and(|value| *value != usual);
        if other("attention.causal", Value::Bool(true)) || other("pooling_type", Value::Whole(0)) {
            return unsupported("a network that makes vectors, not text");
        }
        match other("nextn_predict_layers", Value::Whole(0)) {
            true => unsupported("a network with layers that predict further tokens"),
            false => Ok(()),
        }
    }

    /// Vectors are added and multiplied in single precision alone.
    fn check_tensors(&self) -> Fitted<()> {
        let vector = |extents: [u64; 4]| extents[1..] == [1; 3];
        for tensor in &self.header.tensors {
            if vector(tensor.extents) && tensor.kind != F32 {
                return corrupt(format!("the vector `{}` is not in single precision", tensor.name));
            }
        }
        Ok(())
    }

    fn check_vocabulary(&self) -> Fitted<u64> {
        let values = &self.header.values;
        let Some(Value::Texts(tokens)) = values.get(TOKENS) else {
            return corrupt(format!("there is no `{TOKENS}`"));
        };
        let count = tokens.len();
        if !(3..=MOST_VOCABULARY).contains(&count) {
            return corrupt(format!("`{TOKENS}` has {count} tokens; expected 3 to {MOST_VOCABULARY}"));
        }
        let mut seen = HashSet::with_capacity(count);
        if let Some(twice) = tokens.iter().find(|token| token.is_empty() || !seen.insert(token.as_str())) {
            let token: String = twice.chars().take(40).collect();
            return corrupt(format!("`{TOKENS}` has the token {token:?} twice, or an empty one"));
        }
        self.check_token_types(tokens)?;
        match values.get("tokenizer.ggml.scores") {
            None => {}
            Some(Value::Other(REAL, scores)) if *scores == count as u64 => {}
            Some(_) => return corrupt(format!("`tokenizer.ggml.scores` are not {count} numbers")),
        }
        self.check_model(&seen)?;
        self.check_special(count)?;
        Ok(count as u64)
    }

    /// A byte is named by its value: llama.cpp cuts it out of the name.
    fn check_token_types(&self, tokens: &[String]) -> Fitted<()> {
        let types = match self.header.values.get(TOKEN_TYPES) {
            None => return Ok(()),
            Some(Value::Numbers(types)) if types.len() == tokens.len() => types,
            Some(_) => return corrupt(format!("`{TOKEN_TYPES}` are not {} numbers", tokens.len())),
        };
        match tokens.iter().zip(types).find(|(token, kind)| **kind == BYTE && byte(token).is_none()) {
            Some((token, _)) => corrupt(format!("the token {token:?} is marked as a byte")),
            None => Ok(()),
        }
    }

    fn check_model(&self, tokens: &HashSet<&str>) -> Fitted<()> {
        match self.header.text("tokenizer.ggml.model") {
            Some("gpt2") => match self.header.values.get("tokenizer.ggml.merges") {
                Some(Value::Other(TEXT, _)) => Ok(()),
                _ => corrupt("there is no `tokenizer.ggml.merges`"),
            },
            // What no token covers is written in bytes, which llama.cpp takes for granted.
            Some("llama") => match (0..=255u8).find(|n| !tokens.contains(format!("<0x{n:02X}>").as_str())) {
                Some(n) => corrupt(format!("`{TOKENS}` has no token <0x{n:02X}>")),
                None => Ok(()),
            },
            Some(other) => Err(Refusal::Unsupported(format!(
                "a vocabulary of the kind `{}`; gpt2 (byte pairs) and llama (sentence pieces) are supported",
                other.escape_default()
            ))),
            None => corrupt("there is no `tokenizer.ggml.model`"),
        }
    }

    fn check_special(&self, count: usize) -> Fitted<()> {
        let special = |key: &str| key.starts_with("tokenizer.ggml.") && key.ends_with("_token_id");
        for (key, value) in self.header.values.iter().filter(|(key, _)| special(key)) {
            match value {
                Value::Whole(id) if (0..count as i128).contains(id) => {}
                other => return corrupt(format!("`{key}` is {other:?}, of {count} tokens")),
            }
        }
        match self.header.values.contains_key("tokenizer.ggml.eos_token_id") {
            true => Ok(()),
            false => corrupt("there is no `tokenizer.ggml.eos_token_id`"),
        }
    }
}

/// The byte that a token of the form `<0x0A>` stands for.
fn byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>').filter(|digits| digits.len() == 2)?;
    u8::from_str_radix(digits, 16).ok()
}
