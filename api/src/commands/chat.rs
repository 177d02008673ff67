//! `reelsmith chat`: one question, its answer as it comes.

mod local;

use super::Context;
use crate::cli::chat::Chat as Args;
use crate::config::chat::Order;
use crate::exit::{Exit, Failure, Outcome, blocking};
use crate::house::{pipeline_failure, start_device};
use crate::library::Library;
use crate::progress::Style;
use crate::pulling::provide;
use crate::weights::Weights;
use local::Local;
use reelsmith_inference::remote::Remote;
use reelsmith_inference::router::Router;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::chat::{
    Chat, ChatRequest, ChatResponse, MOST_BYTES, MOST_SCHEMA_BYTES, Message, Role, Sampling,
};
use reelsmith_inference_core::{Control, InferenceError, Progress, Verdict};
use reelsmith_scheduler::{Scheduler, Shutdown};
use serde_json::json;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// Runs the command.
pub(super) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let request = request(args).await?;
    request.check().map_err(failure)?;
    let library = context.library()?;
    // A model that is named on the command line is one on this machine.
    let order = if args.model.is_some() { Order::Local } else { context.config.chat.order };
    let (mut answerers, mut device): (Vec<Box<dyn Chat>>, _) = (Vec::new(), None);
    if order != Order::Remote {
        match local(context, &library, args, order).await {
            Ok((local, scheduler)) => {
                device = Some(scheduler);
                answerers.push(Box::new(local));
            }
            // The server may still answer.
            Err(failure) if order != Order::Local && failure.exit != Exit::Cancelled => {
                context.reporter.teller().note(&format!("not on this machine: {failure}"));
            }
            Err(failure) => return Err(failure),
        }
    }
    if let (Some(config), true) = (&context.config.chat.remote, order != Order::Local) {
        let remote = Box::new(Remote::new(config.clone()).map_err(failure)?);
        let place = if order == Order::RemoteFirst { 0 } else { answerers.len() };
        answerers.insert(place, remote);
    }
    let answer = answer(context, Router::new(answerers).map_err(failure)?, request).await;
    if let Some(device) = device {
        device.shutdown(Shutdown::Cancel).await;
    }
    answer
}

/// The request as the flags say it.
async fn request(args: &Args) -> Outcome<ChatRequest> {
    let (prompt, schema) = (args.prompt.clone(), args.json_schema.clone());
    let (prompt, schema) = blocking(move || {
        let prompt = if prompt == "-" { standard_input()? } else { prompt };
        Ok((prompt, schema.map(|path| schema_file(&path)).transpose()?))
    })
    .await?;
    let system = args.system.iter().map(|text| Message { role: Role::System, content: text.clone() });
    let question = Message { role: Role::User, content: prompt };
    Ok(ChatRequest {
        messages: system.chain([question]).collect(),
        sampling: Sampling { temperature: args.temperature, ..Sampling::default() },
        seed: args.seed,
        max_tokens: args.max_tokens,
        stop: args.stop.clone(),
        schema,
    })
}

fn standard_input() -> Outcome<String> {
    let mut text = String::new();
    // One byte more than may be, so that what is too much is seen.
    let mut input = std::io::stdin().lock().take(MOST_BYTES as u64 + 1);
    input.read_to_string(&mut text).map_err(|e| Failure::io("read the standard input", &e))?;
    Ok(text)
}

fn schema_file(path: &Path) -> Outcome<String> {
    let reading = |e: std::io::Error| Failure::io(format!("read the JSON schema {}", path.display()), &e);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(reading)?;
    file.take(MOST_SCHEMA_BYTES as u64 + 1).read_to_string(&mut text).map_err(reading)?;
    Ok(text)
}

/// The model on this machine, behind a device. It is fetched first, unless it only stands in for a server.
async fn local(
    context: &Context,
    library: &Library,
    args: &Args,
    order: Order,
) -> Outcome<(Local, Scheduler)> {
    let (name, flag) = match &args.model {
        Some(name) => (name, "--model"),
        None => (&context.config.chat.model, "chat.model"),
    };
    let model = Weights::find(library, name, Some(Capability::Chat), flag)?;
    let entries: Vec<_> = model.entry().cloned().into_iter().collect();
    let needed = library.closure(&entries);
    if order != Order::RemoteFirst {
        provide(library, &needed, context.reporter.teller(), &context.cancel).await?;
    }
    library.check_licences(&needed)?;
    let scheduler = start_device(&context.config, library)?;
    Ok((Local::new(scheduler.clone(), model.id()), scheduler))
}

/// Shows the answer as it comes.
struct Shown {
    style: Style,
    cancel: CancellationToken,
    /// The reader went away.
    closed: AtomicBool,
}

impl Control for Shown {
    fn step(&self, _: Progress) -> Verdict {
        match self.cancel.is_cancelled() || self.closed.load(Ordering::Relaxed) {
            true => Verdict::Cancel,
            false => Verdict::Continue,
        }
    }

    fn text(&self, piece: &str) {
        let mut out = std::io::stdout().lock();
        let written = match self.style {
            Style::Json => writeln!(out, "{}", json!({ "kind": "text", "text": piece })),
            _ => write!(out, "{piece}"),
        };
        if written.and_then(|()| out.flush()).is_err() {
            self.closed.store(true, Ordering::Relaxed);
        }
    }
}

async fn answer(context: &Context, mut router: Router, request: ChatRequest) -> Outcome {
    let teller = context.reporter.teller();
    let (style, cancel) = (teller.style(), context.cancel.clone());
    let ended = blocking(move || {
        let shown = Shown { style, cancel, closed: AtomicBool::new(false) };
        let answer = router.chat(&request, &shown);
        Ok((answer, shown.closed.into_inner()))
    });
    let (answer, closed) = ended.await?;
    // A reader that went away (`| head`) is no failure.
    if closed {
        return Ok(());
    }
    let answer = answer.map_err(failure)?;
    finished(context, &answer);
    Ok(())
}

fn finished(context: &Context, answer: &ChatResponse) {
    let teller = context.reporter.teller();
    if teller.style() == Style::Json {
        let mut told = serde_json::to_value(answer).unwrap_or_default();
        told["kind"] = "finished".into();
        return teller.json(&told);
    }
    if !answer.text.ends_with('\n') {
        super::print("");
    }
    let usage = answer.usage;
    let rate = f64::from(usage.answer_tokens) / usage.decode_seconds.max(1e-9);
    let cut = if answer.finish.name() == "length" { ", cut at its limit" } else { "" };
    teller.note(&format!(
        "{}: {} tokens in, {} out, {rate:.1} a second{cut}",
        answer.answered_by, usage.prompt_tokens, usage.answer_tokens
    ));
}

fn failure(error: InferenceError) -> Failure {
    pipeline_failure(error.into())
}
