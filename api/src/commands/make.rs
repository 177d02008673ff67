//! `reelsmith make short`: the whole line in this process, from a script to files in a folder.

use super::Context;
use super::slug::slug;
use super::summary;
use crate::cli::Short as Args;
use crate::exit::{Failure, Outcome};
use crate::house::{DataOwner, House, locate_ffmpeg, pipeline_failure, presets};
use crate::interrupt::unless;
use crate::library::Library;
use crate::painters::{self, Painters};
use crate::progress::Style;
use crate::publish::OutputFolder;
use crate::pulling::provide;
use futures::StreamExt;
use reelsmith_pipelines::names::did_you_mean;
use reelsmith_pipelines::script::{self, Field, Music, limits};
use reelsmith_pipelines::{Document, Files, JobId, Presets, ShortOptions, Submitted};
use reelsmith_storage::{Artifact, Job, JobState};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Told after a cancelled run.
const RESUME: &str = "run the same command again to resume; finished steps are kept";
/// Told after a failed one, whose own message says what to do first.
const KEPT: &str = "finished steps are kept; the same command goes on after them";
/// How often it is looked whether the data directory has become free.
const WAIT_STEP: Duration = Duration::from_millis(200);

/// Runs the command.
pub(super) async fn short(context: &mut Context, args: &Args) -> Outcome {
    let document = read_script(&args.script)?;
    let library = context.library()?;
    check_names(&document, args, &library, &presets(&context.config)?)?;
    let painters = Painters::wanted(&context.config, &library, &document)?;
    unless(&context.cancel, locate_ffmpeg(&context.config)).await?;
    let folder = OutputFolder::claim(&args.out)?;
    let needed = painters::needed(&library, painters.as_ref());
    provide(&library, &needed, context.reporter.teller(), &context.cancel).await.map_err(resumable)?;
    let owner = own_data(context).await?;
    let opening = House::open(&context.config, library, owner, painters);
    let house = unless(&context.cancel, opening).await.map_err(resumable)?;
    let outcome = make(context, &house, &document, args, &folder).await;
    house.shutdown().await;
    outcome
}

async fn make(
    context: &mut Context,
    house: &House,
    document: &Document,
    args: &Args,
    folder: &OutputFolder,
) -> Outcome {
    let beside = args.script.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = Files::Beside(beside.to_path_buf());
    let options = options(args);
    let preparing =
        async { house.runner.prepare(document, &options, &files).await.map_err(pipeline_failure) };
    let short = unless(&context.cancel, preparing).await.map_err(resumable)?;
    let told = last_event(house, &short.id(), context.reporter.teller().style()).await?;
    let submitted = house.runner.submit(short).await.map_err(pipeline_failure)?;
    context.reporter.job(&submitted.id);
    let job = follow(context, house, &submitted, told).await?;
    context.reporter.settle();
    match job.state {
        JobState::Succeeded => {}
        JobState::Cancelled => return Err(Failure::cancelled(format!("cancelled; {RESUME}"))),
        _ => {
            let why = job.error.as_deref().unwrap_or("the job failed without a message");
            return Err(Failure::failed(format!("{why}\n{KEPT}")));
        }
    }
    // A Ctrl-C that came too late to stop the job does not keep its files from their reader.
    let cancel = match context.cancel.is_cancelled() {
        true => CancellationToken::new(),
        false => context.cancel.clone(),
    };
    let paths = publish(house, &job, folder, &cancel).await.map_err(resumable)?;
    summary::tell(context, &job, &paths)
}

/// Reads the script, bounded, and parses it by the ending of its name.
fn read_script(path: &Path) -> Outcome<Document> {
    let name = path.display().to_string();
    let failed = |e: std::io::Error| Failure::usage(format!("could not read the script {name}: {e}"));
    let mut bytes = Vec::new();
    let limit = limits::SCRIPT_BYTES as u64 + 1;
    std::fs::File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Failure::usage(format!("{name}:{line}: this is not UTF-8 text; save the script as UTF-8"))
    })?;
    let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let parsed = if json { script::parse_json(&text, &name) } else { script::parse_markdown(&text, &name) };
    parsed.map_err(Failure::usage)
}

/// Names that do not exist are told before anything is fetched or loaded.
fn check_names(document: &Document, args: &Args, library: &Library, presets: &Presets) -> Outcome {
    if let Some(name) = args.preset.as_ref().or(document.script.preset.as_ref()) {
        presets.get(name).map_err(|error| match args.preset {
            Some(_) => pipeline_failure(error),
            None => Failure::usage(document.error(Field::Preset, error.to_string(), "a preset's name")),
        })?;
    }
    let Some(voice) = args.voice.as_ref().or(document.script.voice.as_ref()) else { return Ok(()) };
    let voices = library.voices();
    if voices.iter().any(|known| known.name == *voice) {
        return Ok(());
    }
    let near = did_you_mean(voice, voices.iter().map(|known| known.name.as_str()));
    let message = format!("there is no voice {voice}{near}");
    Err(Failure::usage(match args.voice {
        Some(_) => format!("{message} (`reelsmith voices list` shows all)"),
        None => document.error(Field::Voice, message, "one of `reelsmith voices list`").to_string(),
    }))
}

fn options(args: &Args) -> ShortOptions {
    ShortOptions {
        preset: args.preset.clone(),
        voice: args.voice.clone(),
        speed: args.speed,
        seed: args.seed,
        music: args.music.clone().map(given_music),
        max_seconds: args.max_seconds,
        ..ShortOptions::default()
    }
}

/// A file named on the command line is relative to the caller's folder, not to the script's.
fn given_music(text: String) -> Music {
    match Music::from(text) {
        // Told as what was typed: a mood that does not exist, or an address.
        wrong if wrong.check().is_err() => wrong,
        Music::File(path) => {
            let absolute = std::path::absolute(&path).map(|path| path.to_string_lossy().into_owned());
            Music::File(absolute.unwrap_or(path))
        }
        other => other,
    }
}

/// Claims the data directory; waits for another `make`, but not for a service, which may never end.
async fn own_data(context: &Context) -> Outcome<DataOwner> {
    let dir = context.config.data_dir.display();
    let mut told = false;
    loop {
        let owner = match DataOwner::claim(&context.config, "make short")? {
            Ok(owner) => return Ok(owner),
            Err(owner) => owner,
        };
        let who = owner
            .as_ref()
            .map_or("another reelsmith".into(), |o| format!("`reelsmith {}` (process {})", o.command, o.pid));
        if owner.is_some_and(|owner| owner.command == "serve") {
            return Err(Failure::failed(format!(
                "{who} runs the jobs in {dir}; send it the script (POST /api/v1/jobs), stop it, or choose another --data-dir"
            )));
        }
        if !told {
            context.reporter.teller().note(&format!("{who} is using {dir}; waiting until it ends"));
            told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(WAIT_STEP) => {}
            () = context.cancel.cancelled() => return Err(Failure::cancelled("cancelled while waiting")),
        }
    }
}

/// The last event of earlier runs: a person is not told them again. Programs get all.
async fn last_event(house: &House, id: &JobId, style: Style) -> Outcome<Option<u64>> {
    if style == Style::Json {
        return Ok(None);
    }
    let mut last = 0;
    loop {
        let events = house.jobs.events_after(&id.0, last, 0).await.map_err(Failure::failed)?;
        match events.last() {
            Some(event) => last = event.seq,
            None => return Ok(Some(last)),
        }
    }
}

/// Tells the job's events until it is over; Ctrl-C cancels it.
async fn follow(
    context: &mut Context,
    house: &House,
    submitted: &Submitted,
    after: Option<u64>,
) -> Outcome<Job> {
    let id = &submitted.id;
    let mut events = Box::pin(house.runner.events(id, after));
    let mut cancelled = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => context.reporter.event(&event),
                Some(Err(error)) => return Err(pipeline_failure(error)),
                None => break,
            },
            () = context.cancel.cancelled(), if !cancelled => {
                cancelled = true;
                context.reporter.teller().note("cancelling; press Ctrl-C again to stop at once");
                // A job that ends before it is stopped is published below.
                house.runner.cancel(id).await.map_err(pipeline_failure)?;
            }
        }
    }
    house.runner.wait(id).await.map_err(pipeline_failure)
}

/// Writes the finished artifacts into the folder, all or none.
async fn publish(
    house: &House,
    job: &Job,
    folder: &OutputFolder,
    cancel: &CancellationToken,
) -> Outcome<Vec<PathBuf>> {
    let artifacts = house.runner.artifacts(&JobId(job.id.clone())).await.map_err(pipeline_failure)?;
    let title = job.spec.get("title").and_then(|title| title.as_str()).unwrap_or_default();
    let stem = slug(title, "short");
    let mut files: Vec<(Artifact, String)> = Vec::new();
    for (name, ending) in PUBLISHED {
        let Some(artifact) = artifacts.iter().find(|artifact| artifact.name == name) else {
            return Err(Failure::failed(format!(
                "job {} has no {name}; this is a defect of reelsmith",
                job.id
            )));
        };
        files.push((artifact.clone(), format!("{stem}.{ending}")));
    }
    let blobs = &house.blobs;
    folder
        .publish(&files, |artifact, path| {
            let digest = artifact.digest;
            // Copying may be given up; the renames that follow it are not divided.
            unless(cancel, async move {
                blobs.get_to_file(&digest, &path).await.map(drop).map_err(Failure::failed)
            })
        })
        .await
}

/// Artifacts that a person gets, and the endings of their names.
const PUBLISHED: [(&str, &str); 5] = [
    ("video.mp4", "mp4"),
    ("captions.srt", "srt"),
    ("captions.vtt", "vtt"),
    ("thumbnail.jpg", "jpg"),
    ("report.json", "json"),
];

fn resumable(failure: Failure) -> Failure {
    match failure.exit {
        crate::exit::Exit::Cancelled => Failure::cancelled(format!("cancelled; {RESUME}")),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_cannot_be_read_say_why() {
        let dir = tempfile::tempdir().expect("temp dir");
        let missing = read_script(&dir.path().join("none.md")).expect_err("missing");
        assert!(missing.message.contains("none.md"), "{missing}");
        let path = dir.path().join("latin.md");
        std::fs::write(&path, b"---\ntitle: caf\xe9\n---\n").expect("script");
        let wrong = read_script(&path).expect_err("not UTF-8");
        assert!(wrong.message.contains("latin.md:2: this is not UTF-8"), "{wrong}");
        assert_eq!(wrong.exit, crate::exit::Exit::Usage);
    }
}
