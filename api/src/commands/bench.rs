//! `reelsmith bench images`: what image models cost on this machine, by model, size and count.

mod case;
mod tell;

use super::Context;
use crate::cli::BenchImages;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::engine;
use crate::interrupt::unless;
use crate::library::Library;
use crate::progress::Teller;
use crate::studio::ready;
use crate::weights::{Weights, choice};
use case::{Case, Measured, measure};
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_media::write_whole;
use serde_json::json;
use std::path::PathBuf;

/// Runs the command.
pub(super) async fn images(context: &mut Context, args: &BenchImages) -> Outcome {
    let library = context.library()?;
    let models = models(context, &library, args)?;
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Failure::io(format!("create {}", args.out.display()), &e))?;
    ready(&library, &models.iter().collect::<Vec<_>>(), context.reporter.teller(), &context.cancel).await?;
    let mut rows = Vec::new();
    for model in &models {
        rows.extend(of_model(context, &library, model, args).await?);
    }
    let head = tell::Head {
        reelsmith: env!("CARGO_PKG_VERSION"),
        onnxruntime: library.runtime_title(),
        device: if context.config.device.cuda { "cuda" } else { "cpu" },
        threads: context.config.device.threads,
        runs: args.runs,
    };
    let table = tell::table(&head, &rows);
    let facts = json!({ "machine": head, "cases": rows });
    let files = [
        ("images.md", table.clone()),
        ("images.json", format!("{facts:#}\n")),
        ("images.svg", tell::plot(&rows)),
    ];
    let written: Vec<PathBuf> = files.iter().map(|(name, _)| args.out.join(name)).collect();
    for (path, (_, text)) in written.iter().zip(&files) {
        write_whole(text.as_bytes(), path).map_err(Failure::failed)?;
    }
    context.reporter.settle();
    match args.json {
        true => context.reporter.teller().json(&facts),
        false => println!(
            "{table}\n{}",
            written.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join("\n")
        ),
    }
    Ok(())
}

/// Those that are named, or those of the settings.
fn models(context: &Context, library: &Library, args: &BenchImages) -> Outcome<Vec<Weights>> {
    let images = &context.config.images;
    let named: Vec<&String> = match args.models.as_slice() {
        [] => images.model.iter().chain(&images.upscaler).collect(),
        models => models.iter().collect(),
    };
    if named.is_empty() {
        let message = format!("no model is named; {} with --model", choice(library, Capability::TextToImage));
        return Err(Failure::usage(message));
    }
    named.into_iter().map(|name| Weights::find(library, name, None, "--model")).collect()
}

/// Loads the model once, and measures every case of it.
async fn of_model(
    context: &Context,
    library: &Library,
    model: &Weights,
    args: &BenchImages,
) -> Outcome<Vec<Measured>> {
    let cases = Case::all(args);
    let engine = engine(&context.config, library);
    let (id, runs) = (model.id(), args.runs);
    let (teller, cancel): (Teller, _) = (context.reporter.teller().clone(), context.cancel.clone());
    let measuring = blocking(move || {
        let mut engine = engine;
        let told = |text: &str| teller.note(text);
        measure(&mut engine, &id, &cases, runs, &told, &cancel)
    });
    unless(&context.cancel, measuring).await
}
