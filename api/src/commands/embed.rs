//! `reelsmith embed`: texts to vectors, as many as come, in memory that does not grow with them.

use super::Context;
use super::output::{Output, STANDARD};
use super::pictures::stages::Stages;
use crate::cli::embed::{Embed as Args, Form};
use crate::exit::{Failure, Outcome, blocking};
use crate::house::pipeline_failure;
use crate::interrupt::unless;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::embed::{EmbedRequest, Embedding};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Texts of one request, and bytes above which it takes no more of them.
const TEXTS: usize = 2048;
const BYTES: usize = 8 << 20;
/// The longest text, in bytes: a model reads some hundred words of it.
const MOST: usize = 64 << 20;

/// Bytes of NumPy's header with its magic (NEP 1), of which data begins at a multiple of 64.
const HEADER: usize = 128;

/// Runs the command.
pub(super) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let library = context.library()?;
    let model = Weights::find(&library, &args.model, Some(Capability::Embed), "--model")?;
    if args.format == Form::Npy && args.out == Path::new(STANDARD) {
        let message =
            "an array is written with its length first, which is known last: name a file with --out";
        return Err(Failure::usage(message));
    }
    let texts = Texts::open(args)?;
    let (teller, cancel) = (context.reporter.teller(), &context.cancel);
    let studio = Studio::open(&context.config, &library, &[&model], teller, cancel).await?;
    let done = embed(context, &studio, &model.id(), args, texts).await;
    studio.close().await;
    done
}

async fn embed(
    context: &mut Context,
    studio: &Studio,
    model: &ModelId,
    args: &Args,
    mut texts: Texts,
) -> Outcome {
    let cancel = context.cancel.clone();
    let mut stages = Stages::new(&mut context.reporter, &cancel, &["model", "embed"]);
    stages.names("model", &[("texts", "embed")]);
    let mut made = Made { output: Output::open(&args.out)?, form: args.format, rows: 0, width: 0 };
    loop {
        let reading = blocking(move || {
            let chunk = texts.next_chunk()?;
            Ok((texts, chunk))
        });
        let chunk;
        (texts, chunk) = unless(&cancel, reading).await?;
        if chunk.is_empty() || made.output.is_over() {
            break;
        }
        let request = EmbedRequest { texts: chunk };
        let embeddings = stages
            .watch(|told, cancel| studio.scheduler.embed(model, request, told, cancel))
            .await
            .map_err(|error| pipeline_failure(error.into()))?;
        made = blocking(move || {
            made.add(&embeddings)?;
            Ok(made)
        })
        .await?;
    }
    context.reporter.settle();
    match made.rows {
        0 => Err(Failure::usage("there are no texts: the input is empty")),
        _ => blocking(move || made.finish()).await,
    }
}

/// What is embedded.
enum Texts {
    Given(Vec<String>),
    Lines { reader: Box<dyn BufRead + Send>, name: String, line: usize },
}

impl Texts {
    fn open(args: &Args) -> Outcome<Self> {
        if let Some(path) = &args.lines {
            let name = path.display().to_string();
            let file =
                File::open(path).map_err(|error| Failure::usage(format!("--lines: {name}: {error}")))?;
            return Ok(Self::Lines { reader: Box::new(BufReader::new(file)), name, line: 0 });
        }
        match args.texts.as_slice() {
            [only] if only == STANDARD => {
                let reader = Box::new(BufReader::new(std::io::stdin()));
                Ok(Self::Lines { reader, name: "standard input".into(), line: 0 })
            }
            texts => Ok(Self::Given(texts.to_vec())),
        }
    }

    /// The next texts; none at the end.
    fn next_chunk(&mut self) -> Outcome<Vec<String>> {
        match self {
            Self::Given(texts) => Ok(std::mem::take(texts)),
            Self::Lines { reader, name, line } => {
                let (mut chunk, mut bytes) = (Vec::new(), 0);
                while chunk.len() < TEXTS && bytes < BYTES {
                    let Some(text) = next_line(reader.as_mut(), name, *line + 1)? else { break };
                    *line += 1;
                    bytes += text.len();
                    chunk.push(text);
                }
                Ok(chunk)
            }
        }
    }
}

/// The next line without its end.
fn next_line(reader: &mut dyn BufRead, name: &str, line: usize) -> Outcome<Option<String>> {
    let mut bytes = Vec::new();
    let read = reader.take(MOST as u64 + 1).read_until(b'\n', &mut bytes);
    read.map_err(|error| Failure::io(format!("read {name}"), &error))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > MOST {
        return Err(Failure::usage(format!("{name}: line {line} has more than {MOST} bytes; split it")));
    }
    let text = String::from_utf8(bytes);
    let text =
        text.map_err(|_| Failure::usage(format!("{name}: line {line} is not UTF-8; convert the file")))?;
    let end = text.trim_end_matches('\n').trim_end_matches('\r').len();
    Ok(Some(text[..end].to_owned()))
}

/// What has been written.
struct Made {
    output: Output,
    form: Form,
    rows: usize,
    width: usize,
}

impl Made {
    fn add(&mut self, embeddings: &[Embedding]) -> Outcome {
        let mut bytes = Vec::new();
        if self.rows == 0 {
            self.width = embeddings.first().map_or(0, |embedding| embedding.vector.len());
            if self.form == Form::Npy {
                bytes.extend(header(0, self.width));
            }
        }
        for embedding in embeddings {
            match self.form {
                Form::Npy => bytes.extend(embedding.vector.iter().flat_map(|number| number.to_le_bytes())),
                Form::Jsonl => {
                    let Embedding { vector, tokens, truncated } = embedding;
                    let row = json!({ "index": self.rows, "embedding": vector, "tokens": tokens, "truncated": truncated });
                    bytes.extend(row.to_string().as_bytes());
                    bytes.push(b'\n');
                }
            }
            self.rows += 1;
        }
        self.output.write(&bytes)
    }

    fn finish(mut self) -> Outcome {
        if self.form == Form::Npy {
            self.output.rewrite(&header(self.rows, self.width))?;
        }
        self.output.finish()
    }
}

/// The header of a NumPy file of f32, rows first (NEP 1, version 1.0).
fn header(rows: usize, width: usize) -> Vec<u8> {
    let about = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let length = HEADER - bytes.len() - 2;
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{about:<width$}\n", width = length - 1).as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_its_length_whatever_the_array() {
        for (rows, width) in [(0, 0), (1, 384), (usize::MAX, 16_384)] {
            let header = header(rows, width);
            assert_eq!((header.len(), header[HEADER - 1]), (HEADER, b'\n'));
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])), HEADER - 10);
        }
    }

    #[test]
    fn lines_keep_their_order_and_their_gaps() {
        let text = "one\r\n\n three \nlast";
        let mut texts = Texts::Lines { reader: Box::new(text.as_bytes()), name: "x".into(), line: 0 };
        assert_eq!(texts.next_chunk().expect("read"), ["one", "", " three ", "last"]);
        assert!(texts.next_chunk().expect("read").is_empty());
        let mut wrong = Texts::Lines { reader: Box::new(&b"a\n\xff\n"[..]), name: "x".into(), line: 0 };
        assert!(wrong.next_chunk().expect_err("refused").message.contains("x: line 2 is not UTF-8"));
        let many = "x\n".repeat(TEXTS + 1);
        let mut texts =
            Texts::Lines { reader: Box::new(std::io::Cursor::new(many)), name: "x".into(), line: 0 };
        assert_eq!(texts.next_chunk().expect("read").len(), TEXTS);
        assert_eq!(texts.next_chunk().expect("read").len(), 1);
    }
}
