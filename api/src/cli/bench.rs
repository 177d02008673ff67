//! `bench images`, `bench voice` and `bench text`

use super::values;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be measured: latency, throughput, load time and memory, as a table, JSON and a plot.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Text-to-image models and upscalers
    Images(Images),
    /// Models that speak, and models that write down what is said
    Voice(Voice),
    /// Language models, and models that turn texts into vectors
    Text(Text),
}

impl Bench {
    /// How often, and where the results go.
    pub fn runs(&self) -> &Runs {
        match self {
            Self::Images(args) => &args.runs,
            Self::Voice(args) => &args.runs,
            Self::Text(args) => &args.runs,
        }
    }
}

/// How often, and where the results go.
#[derive(Debug, Args)]
pub struct Runs {
    /// Measured runs of each, after one that warms up
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,
    /// Folder that receives the table, the JSON and the plot
    #[arg(long, value_name = "DIR", default_value = "bench")]
    pub out: PathBuf,
    /// Tell the result as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `bench images`
#[derive(Debug, Args)]
pub struct Images {
    /// Text-to-image models and upscalers, by catalogue id or path; none means those of the settings
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// Sizes: of the picture made, or of the picture given to an upscaler
    #[arg(long, value_delimiter = ',', default_value = "512x512,1024x1024", value_name = "WxH")]
    pub size: Vec<values::Size>,
    /// Pictures of one request, for text-to-image
    #[arg(long, value_delimiter = ',', default_value = "1", value_name = "N")]
    pub count: Vec<u32>,
    /// Denoise steps, for text-to-image
    #[arg(long, default_value_t = 20)]
    pub steps: u32,
    /// Guidance scale, for text-to-image
    #[arg(long, default_value_t = 5.0)]
    pub guidance: f32,
    /// How often, and where the results go.
    #[command(flatten)]
    pub runs: Runs,
}

/// `bench voice`
#[derive(Debug, Args)]
pub struct Voice {
    /// Models that speak or transcribe, by catalogue id or path; none means those of the settings
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// Sentences of one text, for models that speak
    #[arg(long, value_delimiter = ',', default_value = "1,8", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub sentences: Vec<u32>,
    /// Voice, for models that speak
    #[arg(long, default_value = crate::house::DEFAULT_VOICE)]
    pub voice: String,
    /// Texts followed at a time, for models that transcribe
    #[arg(long, value_delimiter = ',', default_value = "1,5", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub beams: Vec<u32>,
    /// What is transcribed, up to five minutes of it [default: eight sentences of the voice of the settings]
    #[arg(long, value_name = "FILE")]
    pub sound: Option<PathBuf>,
    /// How often, and where the results go.
    #[command(flatten)]
    pub runs: Runs,
}

/// `bench text`
#[derive(Debug, Args)]
pub struct Text {
    /// Language models and embedding models, by catalogue id or path; none means that of the settings and all-minilm-l6-v2
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// Words of the prompt, for language models
    #[arg(long, value_delimiter = ',', default_value = "20,500", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub prompt: Vec<u32>,
    /// Tokens of the answer, for language models
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub tokens: u32,
    /// Texts of one request, for embedding models
    #[arg(long, value_delimiter = ',', default_value = "1,64", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub texts: Vec<u32>,
    /// How often, and where the results go.
    #[command(flatten)]
    pub runs: Runs,
}
