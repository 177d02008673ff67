//! `embed`

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `embed`
#[derive(Debug, Args)]
pub struct Embed {
    /// The texts; a single `-` means the lines of standard input
    #[arg(required_unless_present = "lines")]
    pub texts: Vec<String>,
    /// The lines of this file in place of texts
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    pub lines: Option<PathBuf>,
    /// Embedding model: a catalogue id, or a folder of transformers' with a BERT
    #[arg(long, value_name = "MODEL", default_value = "all-minilm-l6-v2")]
    pub model: String,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Form::Jsonl)]
    pub format: Form,
    /// The file to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
}

/// Form of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One JSON object a line: index, embedding, tokens, and whether the text was cut
    Jsonl,
    /// NumPy's file of one array of f32, a row for each text; needs --out
    Npy,
}
