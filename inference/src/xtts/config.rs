//! The shape of an XTTS-v2 checkpoint, from its `config.json` (`TTS/tts/configs/xtts_config.py`).

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Deserialize;
use std::ops::RangeInclusive;

/// Shapes and settings. Times and places are in tokens unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct XttsConfig {
    /// Width of a token in the GPT, and of a latent in the vocoder.
    pub width: usize,
    /// Blocks of the GPT.
    pub layers: usize,
    /// Heads of its attention, and of the conditioning encoder's.
    pub heads: usize,
    /// Tokens of the text's vocabulary.
    pub text_tokens: usize,
    /// The token before and the one after every text.
    pub text_marks: [u32; 2],
    /// Audio codes with the two marks.
    pub audio_tokens: usize,
    /// The token before and the one after all audio codes.
    pub audio_marks: [u32; 2],
    /// Most tokens of one text.
    pub most_text: usize,
    /// Most audio codes, as the training had them.
    pub most_audio: usize,
    /// How sampling goes where nobody says otherwise.
    pub sampling: SamplingDefaults,
    /// Seconds of the sample that the GPT is conditioned on, and into how long parts they are cut.
    pub conditioning: [f64; 2],
}

/// Settings that a checkpoint comes with.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct SamplingDefaults {
    /// Softmax temperature.
    #[serde(default = "temperature")]
    pub temperature: f32,
    /// What scores of tokens that were there are divided by.
    #[serde(default = "penalty")]
    pub repetition_penalty: f32,
    /// Most candidates for a token.
    #[serde(default = "fifty")]
    pub top_k: usize,
    /// Shares that the candidates must reach together.
    #[serde(default = "share")]
    pub top_p: f32,
}

fn temperature() -> f32 {
    0.75
}

fn penalty() -> f32 {
    10.0
}

fn fifty() -> usize {
    50
}

fn share() -> f32 {
    0.85
}

#[derive(Deserialize)]
struct File {
    model_args: Args,
    #[serde(flatten)]
    sampling: SamplingDefaults,
    #[serde(default = "thirty")]
    gpt_cond_len: f64,
    #[serde(default = "four")]
    gpt_cond_chunk_len: f64,
}

fn thirty() -> f64 {
    30.0
}

fn four() -> f64 {
    4.0
}

#[derive(Deserialize)]
struct Args {
    gpt_layers: usize,
    gpt_n_model_channels: usize,
    gpt_n_heads: usize,
    gpt_number_text_tokens: usize,
    gpt_start_text_token: u32,
    gpt_stop_text_token: u32,
    gpt_num_audio_tokens: usize,
    gpt_start_audio_token: u32,
    gpt_stop_audio_token: u32,
    gpt_max_audio_tokens: usize,
    gpt_max_text_tokens: usize,
    gpt_use_perceiver_resampler: bool,
    gpt_code_stride_len: usize,
    input_sample_rate: u32,
    output_sample_rate: u32,
    output_hop_length: usize,
    decoder_input_dim: usize,
    d_vector_dim: usize,
    cond_d_vector_in_each_upsampling_layer: bool,
}

impl XttsConfig {
    /// Reads a `config.json`, called `title` in errors.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the key that is missing, out of range, or of another kind of model (XTTS-v1).
    pub fn parse(json: &str, title: &str) -> Result<Self> {
        let unusable = |why: &str| {
            let message = format!("{title} is no usable configuration of XTTS-v2: {why}");
            InferenceError::new(ErrorKind::ModelCorrupt, message)
        };
        let file: File = serde_json::from_str(json).map_err(|error| unusable(&error.to_string()))?;
        file.model_args.check().map_err(|why| unusable(&why))?;
        let bounded = || {
            real("temperature", file.sampling.temperature.into(), 0.01..=10.0)?;
            real("repetition_penalty", file.sampling.repetition_penalty.into(), 0.1..=100.0)?;
            real("top_p", file.sampling.top_p.into(), 0.01..=1.0)?;
            whole("top_k", file.sampling.top_k, 1..=1 << 20)?;
            real("gpt_cond_len", file.gpt_cond_len, 1.0..=60.0)?;
            real("gpt_cond_chunk_len", file.gpt_cond_chunk_len, 1.0..=60.0)
        };
        bounded().map_err(|why| unusable(&why))?;
        let args = file.model_args;
        Ok(Self {
            width: args.gpt_n_model_channels,
            layers: args.gpt_layers,
            heads: args.gpt_n_heads,
            text_tokens: args.gpt_number_text_tokens,
            text_marks: [args.gpt_start_text_token, args.gpt_stop_text_token],
            audio_tokens: args.gpt_num_audio_tokens,
            audio_marks: [args.gpt_start_audio_token, args.gpt_stop_audio_token],
            most_text: args.gpt_max_text_tokens,
            most_audio: args.gpt_max_audio_tokens,
            sampling: file.sampling,
            conditioning: [file.gpt_cond_len, file.gpt_cond_chunk_len],
        })
    }

    /// Places of text that the checkpoint has, the two marks included (`GPT.__init__`).
    pub fn text_places(&self) -> usize {
        self.most_text + 2
    }

    /// Places of audio that it has.
    pub fn audio_places(&self) -> usize {
        self.most_audio + 3
    }

    /// Most codes that are made for one text (`max_gen_mel_tokens`).
    pub fn most_codes(&self) -> usize {
        self.most_audio - 3
    }
}

impl Args {
    /// What the graphs rely on, in ranges that a damaged file does not leave unnoticed.
    fn check(&self) -> std::result::Result<(), String> {
        whole("gpt_layers", self.gpt_layers, 1..=256)?;
        whole("gpt_n_model_channels", self.gpt_n_model_channels, 16..=1 << 14)?;
        whole("gpt_n_heads", self.gpt_n_heads, 1..=self.gpt_n_model_channels)?;
        whole("gpt_number_text_tokens", self.gpt_number_text_tokens, 4..=1 << 20)?;
        whole("gpt_num_audio_tokens", self.gpt_num_audio_tokens, 4..=1 << 20)?;
        whole("gpt_max_audio_tokens", self.gpt_max_audio_tokens, 8..=1 << 14)?;
        whole("gpt_max_text_tokens", self.gpt_max_text_tokens, 8..=1 << 14)?;
        let below = |name, token: u32, of: usize| whole(name, token as usize, 0..=of - 1);
        below("gpt_start_text_token", self.gpt_start_text_token, self.gpt_number_text_tokens)?;
        below("gpt_stop_text_token", self.gpt_stop_text_token, self.gpt_number_text_tokens)?;
        below("gpt_start_audio_token", self.gpt_start_audio_token, self.gpt_num_audio_tokens)?;
        below("gpt_stop_audio_token", self.gpt_stop_audio_token, self.gpt_num_audio_tokens)?;
        let fixed = [
            ("decoder_input_dim", self.decoder_input_dim == self.gpt_n_model_channels),
            ("gpt_n_heads", self.gpt_n_model_channels.is_multiple_of(self.gpt_n_heads)),
            ("d_vector_dim", self.d_vector_dim == 512),
            ("gpt_code_stride_len", self.gpt_code_stride_len == 1024),
            ("output_hop_length", self.output_hop_length == 256),
            ("input_sample_rate", self.input_sample_rate == 22050),
            ("output_sample_rate", self.output_sample_rate == 24000),
            ("cond_d_vector_in_each_upsampling_layer", self.cond_d_vector_in_each_upsampling_layer),
            ("gpt_use_perceiver_resampler", self.gpt_use_perceiver_resampler),
        ];
        match fixed.iter().find(|(_, fits)| !fits) {
            None => Ok(()),
            Some((name, _)) => Err(format!("`{name}` is not what version 2 has")),
        }
    }
}

fn whole(name: &str, value: usize, range: RangeInclusive<usize>) -> std::result::Result<(), String> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(format!("`{name}` is {value}; it goes from {} to {}", range.start(), range.end())),
    }
}

fn real(name: &str, value: f64, range: RangeInclusive<f64>) -> std::result::Result<(), String> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(format!("`{name}` is {value}; it goes from {} to {}", range.start(), range.end())),
    }
}
