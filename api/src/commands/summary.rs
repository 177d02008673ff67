//! What is told when a Short is finished: where the files are and what was made by what.

use super::{Context, print};
use crate::config::layers::show_bytes;
use crate::exit::{Failure, Outcome};
use crate::progress::Style;
use reelsmith_storage::Job;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Tells it in the chosen style.
///
/// # Errors
/// The report that was just written cannot be read.
pub(super) fn tell(context: &Context, job: &Job, paths: &[PathBuf]) -> Outcome {
    let report = report(paths)?;
    match context.reporter.teller().style() {
        Style::Json => context.reporter.teller().json(&json!({
            "kind": "finished", "job": job.id, "files": paths, "report": report,
        })),
        _ => print(text(paths, &report)),
    }
    Ok(())
}

fn report(paths: &[PathBuf]) -> Outcome<Value> {
    let Some(path) = paths.iter().find(|path| path.extension().is_some_and(|e| e == "json")) else {
        return Ok(Value::Null);
    };
    let bytes = std::fs::read(path).map_err(|e| Failure::io(format!("read {}", path.display()), &e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Failure::failed(format!("{} is not JSON: {e}", path.display())))
}

fn text(paths: &[PathBuf], report: &Value) -> String {
    let mut lines = vec!["Finished:".to_owned()];
    lines.extend(paths.iter().map(|path| format!("  {:<60} {:>9}", path.display(), size(path))));
    lines.push("Made by:".to_owned());
    lines.extend(models(report));
    lines.extend(scenes(report));
    lines.extend(loudness(report));
    lines.extend(checks(report));
    lines.join("\n")
}

fn size(path: &Path) -> String {
    std::fs::metadata(path).map_or_else(|_| String::new(), |metadata| show_bytes(metadata.len()))
}

fn each<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().map_or(&[], Vec::as_slice)
}

fn models(report: &Value) -> Vec<String> {
    let line = |model: &Value| {
        let word = |name: &str| model[name].as_str().unwrap_or("?").to_owned();
        format!("  {:<9} {} ({})", word("role"), word("title"), word("licence"))
    };
    each(report, "models").iter().map(line).collect()
}

fn scenes(report: &Value) -> Option<String> {
    let sources: Vec<&str> =
        each(report, "scenes").iter().filter_map(|scene| scene["picture"]["source"].as_str()).collect();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for source in sources {
        match counts.iter_mut().find(|(known, _)| *known == source) {
            Some((_, count)) => *count += 1,
            None => counts.push((source, 1)),
        }
    }
    let told: Vec<String> = counts.iter().map(|(source, count)| format!("{count} {source}")).collect();
    (!told.is_empty()).then(|| format!("  {:<9} {}", "pictures", told.join(", ")))
}

fn loudness(report: &Value) -> Option<String> {
    let loudness = &report["loudness"];
    let lufs = loudness["integrated_lufs"].as_f64()?;
    let peak = loudness["true_peak_dbtp"].as_f64()?;
    Some(format!("  {:<9} {lufs:.2} LUFS, true peak {peak:.2} dBTP", "loudness"))
}

fn checks(report: &Value) -> Option<String> {
    let checks = each(report, "checks");
    let good = checks.iter().filter(|check| check["ok"] == true).count();
    (!checks.is_empty()).then(|| format!("  {:<9} {good} of {} passed", "checks", checks.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_models_sources_loudness_and_checks() {
        let report = json!({
            "models": [{"role": "speak", "title": "Kokoro 82M", "licence": "Apache-2.0"}],
            "scenes": [{"picture": {"source": "card"}}, {"picture": {"source": "given"}}, {"picture": {"source": "card"}}],
            "loudness": {"integrated_lufs": -14.02, "true_peak_dbtp": -1.3},
            "checks": [{"ok": true}, {"ok": true}],
        });
        let text = text(&[PathBuf::from("/nowhere/a.mp4")], &report);
        for part in
            ["/nowhere/a.mp4", "Kokoro 82M (Apache-2.0)", "2 card, 1 given", "-14.02 LUFS", "2 of 2 passed"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
