//! `reelsmith chat`.

use clap::Args;
use std::path::PathBuf;

/// `chat`
#[derive(Debug, Args)]
pub struct Chat {
    /// What to say; `-` reads it from standard input
    pub prompt: String,
    /// What frames the conversation
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// File with a JSON schema that the answer shall satisfy
    #[arg(long, value_name = "FILE")]
    pub json_schema: Option<PathBuf>,
    /// Language model on this machine, by catalogue id or path; without it, as the settings say
    #[arg(long)]
    pub model: Option<String>,
    /// Seed of every draw
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Tokens that the answer may have [default: 1024, or what the context leaves]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u32>,
    /// Text before which the answer ends; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// 0 always takes the likeliest token, 2 is wild
    #[arg(long, value_name = "T", default_value_t = 0.8)]
    pub temperature: f32,
    /// Tell the answer as JSON objects, one a line, on standard output
    #[arg(long)]
    pub json: bool,
}
