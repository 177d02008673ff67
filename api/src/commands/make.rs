//! `reelsmith make short` and `make podcast`: the whole line in this process, from a script to files in a folder.

mod podcast;
mod short;

pub(super) use podcast::podcast;
pub(super) use short::short;

use super::Context;
use super::slug::slug;
use crate::exit::{Failure, Outcome};
use crate::house::{DataOwner, House, pipeline_failure};
use crate::interrupt::unless;
use crate::progress::Style;
use crate::publish::OutputFolder;
use futures::StreamExt;
use reelsmith_pipelines::script::Music;
use reelsmith_pipelines::spec::GivenFile;
use reelsmith_pipelines::{Files, JobId, JobSpec, Submitted};
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

/// What a command makes of a job.
struct Product {
    /// The command, as others are told who wait for it.
    command: &'static str,
    /// Name of the files where the title has none.
    stem: &'static str,
    /// Artifacts that a person gets, and the endings of their names.
    files: &'static [(&'static str, &'static str)],
}

impl Product {
    /// The name of a published file.
    fn name(&self, title: &str, ending: &str) -> String {
        format!("{}.{ending}", slug(title, self.stem))
    }

    /// The report among the published files.
    fn report<'a>(&self, paths: &'a [PathBuf]) -> Option<&'a Path> {
        let at = self.files.iter().position(|(name, _)| *name == "report.json")?;
        paths.get(at).map(PathBuf::as_path)
    }
}

/// Files that a script names stand beside it.
fn beside(script: &Path) -> Files {
    Files::Beside(folder_of(script).to_path_buf())
}

fn folder_of(script: &Path) -> &Path {
    script.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses a job whose files would take the place of what it is made of: its script and the files given.
fn spare<'a>(
    script: &Path,
    given: impl Iterator<Item = &'a GivenFile>,
    (folder, title): (&Path, &str),
    product: &Product,
) -> Outcome {
    let given = given.map(|file| folder_of(script).join(&file.name));
    let sources: Vec<PathBuf> = std::iter::once(script.to_path_buf()).chain(given).collect();
    for (_, ending) in product.files {
        let target = folder.join(product.name(title, ending));
        // Where there is nothing yet, nothing is lost.
        let Ok(there) = target.canonicalize() else { continue };
        if sources.iter().any(|source| source.canonicalize().is_ok_and(|source| source == there)) {
            return Err(Failure::usage(format!(
                "{} is what the job is made of, and would be replaced by what it makes; choose another folder with \
                 --out, or another title",
                target.display()
            )));
        }
    }
    Ok(())
}

/// Submits a job, tells how it goes, and publishes what it made.
async fn run_job(
    context: &mut Context,
    house: &House,
    spec: impl JobSpec,
    folder: &OutputFolder,
    product: &Product,
) -> Outcome<(Job, Vec<PathBuf>)> {
    let told = last_event(house, &spec.id(), context.reporter.teller().style()).await?;
    let submitted = house.runner.submit(spec).await.map_err(pipeline_failure)?;
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
    let paths = publish(house, &job, folder, product, &cancel).await.map_err(resumable)?;
    Ok((job, paths))
}

/// The name and text of a script, of which no more is read than one byte above `most`.
fn read_text(path: &Path, most: usize) -> Outcome<(String, String)> {
    let name = path.display().to_string();
    let failed = |e: std::io::Error| Failure::usage(format!("could not read the script {name}: {e}"));
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    std::fs::File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Failure::usage(format!("{name}:{line}: this is not UTF-8 text; save the script as UTF-8"))
    })?;
    Ok((name, text))
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
async fn own_data(context: &Context, command: &str) -> Outcome<DataOwner> {
    let dir = context.config.data_dir.display();
    let mut told = false;
    loop {
        let owner = match DataOwner::claim(&context.config, command)? {
            Ok(owner) => return Ok(owner),
            Err(owner) => owner,
        };
        let who = owner
            .as_ref()
            .map_or("another reelsmith".into(), |o| format!("`reelsmith {}` (process {})", o.command, o.pid));
        if owner.is_some_and(|owner| owner.command == "serve") {
            return Err(Failure::failed(format!(
                "{who} runs the jobs in {dir}; send it the script (POST /api/v1/jobs), stop it, or choose another \
                 --data-dir"
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
    product: &Product,
    cancel: &CancellationToken,
) -> Outcome<Vec<PathBuf>> {
    let artifacts = house.runner.artifacts(&JobId(job.id.clone())).await.map_err(pipeline_failure)?;
    let title = job.spec.get("title").and_then(|title| title.as_str()).unwrap_or_default();
    let mut files: Vec<(Artifact, String)> = Vec::new();
    for (name, ending) in product.files {
        let Some(artifact) = artifacts.iter().find(|artifact| artifact.name == *name) else {
            return Err(Failure::failed(format!(
                "job {} has no {name}; this is a defect of reelsmith",
                job.id
            )));
        };
        files.push((artifact.clone(), product.name(title, ending)));
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
    fn what_a_job_is_made_of_is_not_written_over() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = |name: &str| dir.path().join(name);
        for name in ["rain.txt", "theme.mp3", "rain.jpg"] {
            std::fs::write(path(name), "mine").expect("file");
        }
        let product = Product { command: "x", stem: "x", files: &[("a", "txt"), ("b", "jpg"), ("c", "mp3")] };
        let given = |name: &str| GivenFile { name: name.into(), sha256: String::new(), bytes: 4 };
        let spared = |script: &str, files: &[GivenFile], title: &str| {
            spare(&path(script), files.iter(), (dir.path(), title), &product)
        };
        let refused = spared("rain.txt", &[], "Rain").expect_err("the script");
        assert_eq!(refused.exit, crate::exit::Exit::Usage);
        assert!(refused.message.contains("rain.txt") && refused.message.contains("--out"), "{refused}");
        let cover = [given("./rain.jpg")];
        assert!(spared("script.md", &cover, "Rain").expect_err("the cover").message.contains("rain.jpg"));
        let absolute = [given(path("theme.mp3").to_str().expect("UTF-8"))];
        assert!(spared("script.md", &absolute, "Theme").is_err());
        assert!(spared("script.md", &absolute, "Rain").is_ok(), "older files of a job are replaced");
    }
}
