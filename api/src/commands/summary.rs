//! What is told when a Short or an episode is finished: where the files are and what was made by what.

use super::{Context, print};
use crate::config::layers::show_bytes;
use crate::exit::{Failure, Outcome};
use crate::progress::Style;
use reelsmith_media::probe::Check;
use reelsmith_media::sound::Loudness;
use reelsmith_pipelines::report::{ModelFact, PictureMaker};
use reelsmith_pipelines::{PodcastReport, Report};
use reelsmith_storage::Job;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Tells it in the chosen style; `text` makes words of the report.
///
/// # Errors
/// The report that was just written cannot be read.
pub(super) fn tell<R: Serialize + DeserializeOwned>(
    context: &Context,
    job: &Job,
    paths: &[PathBuf],
    report: Option<&Path>,
    text: fn(&[PathBuf], &R) -> String,
) -> Outcome {
    let report: R = read(report)?;
    match context.reporter.teller().style() {
        Style::Json => context.reporter.teller().json(&json!({
            "kind": "finished", "job": job.id, "files": paths, "report": report,
        })),
        _ => print(text(paths, &report)),
    }
    Ok(())
}

fn read<R: DeserializeOwned>(path: Option<&Path>) -> Outcome<R> {
    let path = path.ok_or_else(|| Failure::failed("the job has no report; this is a defect of reelsmith"))?;
    let bytes = std::fs::read(path).map_err(|e| Failure::io(format!("read {}", path.display()), &e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Failure::failed(format!("{} is not a report: {e}", path.display())))
}

/// What is told of a Short.
pub(super) fn short(paths: &[PathBuf], report: &Report) -> String {
    let mut lines = head(&report.title, report.seconds, paths);
    lines.push(item("voice", format!("{}, seed {}", report.voice.voice, report.seed)));
    lines.extend(models(&report.models));
    lines.push(item("pictures", pictures(report)));
    lines.push(item("music", &report.music));
    lines.push(loudness(&report.loudness.loudness));
    lines.extend(checks(&report.checks));
    lines.join("\n")
}

/// What is told of an episode.
pub(super) fn podcast(paths: &[PathBuf], report: &PodcastReport) -> String {
    let mut lines = head(&report.title, report.seconds, paths);
    let voices: BTreeMap<&str, &str> =
        report.turns.iter().map(|turn| (turn.speaker.as_str(), turn.voice.as_str())).collect();
    let voices: Vec<String> = voices.iter().map(|(speaker, voice)| format!("{speaker} {voice}")).collect();
    lines.push(item("voices", format!("{}, seed {}", voices.join(", "), report.seed)));
    lines.extend(models(&report.models));
    let cues = [("intro", &report.intro), ("bed", &report.bed), ("outro", &report.outro)];
    let cues: Vec<String> = cues
        .into_iter()
        .filter(|(_, music)| music.as_str() != "none")
        .map(|(cue, music)| format!("{cue} {music}"))
        .collect();
    lines
        .push(item("music", if cues.is_empty() { "none: no file is named".into() } else { cues.join(", ") }));
    let cover = match report.cover.source {
        PictureMaker::Card => "designed",
        _ => "given",
    };
    lines.push(item("cover", cover));
    lines.push(item("chapters", report.chapters.len()));
    lines.push(loudness(&report.loudness.loudness));
    lines.extend(checks(&report.checks));
    lines.join("\n")
}

fn head(title: &str, seconds: f64, paths: &[PathBuf]) -> Vec<String> {
    let mut lines = vec![format!("\n{title} ({seconds:.1} s) is finished:")];
    lines.extend(paths.iter().map(|path| format!("  {:>9}  {}", size(path), path.display())));
    lines.push("Made by what:".to_owned());
    lines
}

fn loudness(Loudness { integrated_lufs, true_peak_dbtp, .. }: &Loudness) -> String {
    item("loudness", format!("{integrated_lufs:.2} LUFS, true peak {true_peak_dbtp:.2} dBTP"))
}

fn item(name: &str, text: impl std::fmt::Display) -> String {
    format!("  {name:<9}  {text}")
}

fn size(path: &Path) -> String {
    std::fs::metadata(path).map_or_else(|_| String::new(), |metadata| show_bytes(metadata.len()))
}

/// A line for each role; entries of one role and licence share it.
fn models(models: &[ModelFact]) -> Vec<String> {
    let mut rows: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for model in models {
        match rows.iter_mut().find(|(role, licence, _)| (*role, *licence) == (&model.role, &model.licence)) {
            Some((_, _, titles)) => titles.push(&model.title),
            None => rows.push((&model.role, &model.licence, vec![&model.title])),
        }
    }
    rows.into_iter()
        .map(|(role, licence, titles)| item(role, format!("{} ({licence})", titles.join(", "))))
        .collect()
}

fn pictures(report: &Report) -> String {
    let of = |maker| report.scenes.iter().filter(|scene| scene.picture.source == maker).count();
    let told = [
        (of(PictureMaker::Given), "given"),
        (of(PictureMaker::Model), "made by a model"),
        (of(PictureMaker::Card), "designed as cards"),
    ];
    let told = told.into_iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("{count} {how}"));
    told.collect::<Vec<_>>().join(", ")
}

/// How many passed, each that did not with its figure, and what was left out.
fn checks(checks: &[Check]) -> Vec<String> {
    let good = checks.iter().filter(|check| check.ok).count();
    let mut lines = vec![item("checks", format!("{good} of {} passed", checks.len()))];
    let failed = checks.iter().filter(|check| !check.ok || check.found.starts_with("without "));
    lines
        .extend(failed.map(|check| {
            item("", format!("{} is {}, expected {}", check.name, check.found, check.expected))
        }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(role: &str, title: &str, licence: &str) -> ModelFact {
        let (id, role) = (title.to_lowercase(), role.to_owned());
        ModelFact {
            id,
            title: title.into(),
            role,
            licence: licence.into(),
            commercial: true,
            files: Vec::new(),
        }
    }

    #[test]
    fn models_of_one_role_and_licence_share_a_line() {
        let lines = models(&[
            model("speak", "Kokoro", "Apache-2.0"),
            model("font", "Inter", "OFL-1.1"),
            model("font", "Anton", "OFL-1.1"),
        ]);
        assert_eq!(lines, ["  speak      Kokoro (Apache-2.0)", "  font       Inter, Anton (OFL-1.1)"]);
    }

    #[test]
    fn a_failed_check_and_what_was_left_out_are_told() {
        let check =
            |name: &str, ok| Check { name: name.into(), expected: "30".into(), found: "29".into(), ok };
        let lines = checks(&[check("frames", true), check("rate", false)]);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains("1 of 2") && lines[1].contains("rate is 29, expected 30"), "{lines:?}");
        let lines = checks(&[Check { found: "without 🎧".into(), ..check("title", true) }]);
        assert!(lines[0].contains("1 of 1") && lines[1].contains("title is without 🎧"), "{lines:?}");
    }
}
