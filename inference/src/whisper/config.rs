//! The shape of a Whisper model, from its `config.json` or from its tensors.

use super::files::corrupt;
use reelsmith_graph::Weights;
use reelsmith_inference_core::Result;
use serde::Deserialize;

/// What `config.json` of a `WhisperForConditionalGeneration` says of its shape.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WhisperConfig {
    /// Width of a frame and of a token.
    pub d_model: usize,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Heads of its attention.
    pub encoder_attention_heads: usize,
    /// Width inside its feed-forward layers.
    pub encoder_ffn_dim: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// Heads of its attention.
    pub decoder_attention_heads: usize,
    /// Width inside its feed-forward layers.
    pub decoder_ffn_dim: usize,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Mel bands.
    pub num_mel_bins: usize,
    /// Frames that the encoder makes of one window, each of two mel frames.
    pub max_source_positions: usize,
    /// Tokens of the longest text.
    pub max_target_positions: usize,
    /// The activation, always `gelu`.
    #[serde(default = "gelu")]
    pub activation_function: String,
    /// Whether embeddings are multiplied; never so in a published model.
    #[serde(default)]
    pub scale_embedding: bool,
}

fn gelu() -> String {
    "gelu".to_owned()
}

/// The most of anything that a model has many of.
const MOST: usize = 1 << 18;
/// The vocabulary from which on a model knows several languages (openai-whisper, `model.py`, `is_multilingual`).
const MULTILINGUAL: usize = 51_865;
/// The most mel bands that have a frequency of their own.
const MOST_BANDS: usize = 200;

impl WhisperConfig {
    /// Reads a `config.json`, called `title` in errors.
    ///
    /// # Errors
    /// `ModelCorrupt` naming what is missing or wrong.
    pub fn parse(json: &[u8], title: &str) -> Result<Self> {
        let config: Self =
            serde_json::from_slice(json).map_err(|error| corrupt(format!("{title}: {error}")))?;
        config.checked(title)
    }

    /// The shape of a model of which there are only the tensors, under transformers' names, and `heads`: those of a
    /// layer, which no tensor's shape tells.
    ///
    /// # Errors
    /// `ModelCorrupt` where a tensor is missing.
    pub fn of(weights: &Weights, heads: usize) -> Result<Self> {
        let extent = |name: &str, axis: usize| {
            let shape = weights.get(name).and_then(|tensor| tensor.shape.get(axis));
            shape.copied().ok_or_else(|| corrupt(format!("{}: there is no `{name}`", weights.title)))
        };
        let layers = |part: &str| {
            (0..MOST).take_while(|n| weights.has(&format!("{part}.layers.{n}.fc1.weight"))).count()
        };
        let config = Self {
            d_model: extent("encoder.conv1.weight", 0)?,
            encoder_layers: layers("encoder"),
            encoder_attention_heads: heads,
            encoder_ffn_dim: extent("encoder.layers.0.fc1.weight", 0)?,
            decoder_layers: layers("decoder"),
            decoder_attention_heads: heads,
            decoder_ffn_dim: extent("decoder.layers.0.fc1.weight", 0)?,
            vocab_size: extent("decoder.embed_tokens.weight", 0)?,
            num_mel_bins: extent("encoder.conv1.weight", 1)?,
            max_source_positions: extent("encoder.embed_positions.weight", 0)?,
            max_target_positions: extent("decoder.embed_positions.weight", 0)?,
            activation_function: gelu(),
            scale_embedding: false,
        };
        config.checked(&weights.title)
    }

    /// Whether it knows several languages, and can translate.
    pub fn is_multilingual(&self) -> bool {
        self.vocab_size >= MULTILINGUAL
    }

    /// Mel frames of one window: 3000, of 10 ms each.
    pub fn frames(&self) -> usize {
        2 * self.max_source_positions
    }

    fn checked(self, title: &str) -> Result<Self> {
        let refused = |why: String| Err(corrupt(format!("{title}: {why}")));
        if self.activation_function != "gelu" || self.scale_embedding {
            let activation = &self.activation_function;
            return refused(format!("activation `{activation}` or scaled embeddings, which no Whisper has"));
        }
        for (name, value) in [
            ("d_model", self.d_model),
            ("encoder_layers", self.encoder_layers),
            ("encoder_ffn_dim", self.encoder_ffn_dim),
            ("decoder_layers", self.decoder_layers),
            ("decoder_ffn_dim", self.decoder_ffn_dim),
            ("vocab_size", self.vocab_size),
            ("max_source_positions", self.max_source_positions),
            ("max_target_positions", self.max_target_positions),
        ] {
            if !(1..=MOST).contains(&value) {
                return refused(format!("`{name}` is {value}; expected 1 to {MOST}"));
            }
        }
        if !(1..=MOST_BANDS).contains(&self.num_mel_bins) {
            return refused(format!("`num_mel_bins` is {}; expected 1 to {MOST_BANDS}", self.num_mel_bins));
        }
        for (name, heads) in [
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
        ] {
            if heads == 0 || !self.d_model.is_multiple_of(heads) {
                return refused(format!("`d_model` {} is no multiple of `{name}` {heads}", self.d_model));
            }
        }
        Ok(self)
    }
}
