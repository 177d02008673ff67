//! What the reports of all jobs have in common.

use super::recipe;
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::report::{FileFact, StepFact};
use crate::spec::GivenFile;
use reelsmith_media::probe::Check;
use reelsmith_media::sound::{LoudnessTarget, Mastered};
use reelsmith_storage::{Artifact, StepRecord};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

const VERSION: u32 = 1;

/// Stores a report.
///
/// # Errors
/// `Verification` if a check fails; it names every one that does.
pub(super) async fn keep(
    report: &impl Serialize,
    checks: &[Check],
    outputs: &[Artifact],
    context: &StepContext,
) -> Result<StepOutput> {
    hold(checks)?;
    let recipe = recipe("report", VERSION, &outputs.iter().collect::<Vec<_>>(), json!({}));
    let json = serde_json::to_vec_pretty(report).expect("texts and numbers are always JSON");
    let kept = Kept { name: "report.json".into(), media_type: "application/json", recipe: &recipe };
    let artifact = context.keep_bytes(json, kept).await?;
    Ok(StepOutput { artifacts: vec![artifact], detail: json!({ "checks": checks.len() }) })
}

/// Whether all checks hold.
///
/// # Errors
/// `Verification` names every one that does not.
pub(super) fn hold(checks: &[Check]) -> Result<()> {
    let bad: Vec<String> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{} is {} instead of {}", check.name, check.found, check.expected))
        .collect();
    match bad.is_empty() {
        true => Ok(()),
        false => {
            let message = format!("the finished files are not what was ordered: {}", bad.join(", "));
            Err(PipelineError::new(ErrorKind::Verification, message))
        }
    }
}

/// Loudness and true peak of the decoded sound.
pub(super) fn sound_checks(mastered: &Mastered, target: &LoudnessTarget) -> [Check; 2] {
    let loudness = mastered.loudness;
    [
        Check {
            name: "loudness".into(),
            expected: format!("{} LUFS ± {}", target.lufs, target.tolerance_lu),
            found: format!("{:.2} LUFS", loudness.integrated_lufs),
            ok: (loudness.integrated_lufs - target.lufs).abs() <= target.tolerance_lu,
        },
        Check {
            name: "true peak".into(),
            expected: format!("at most {} dBTP", target.true_peak_dbtp),
            found: format!("{:.2} dBTP", loudness.true_peak_dbtp),
            ok: loudness.true_peak_dbtp <= target.true_peak_dbtp,
        },
    ]
}

/// A figure and its upper bound.
pub(super) fn most(name: &str, unit: &str, limit: f64, found: f64) -> Check {
    Check {
        name: name.into(),
        expected: format!("at most {limit:.2} {unit}"),
        found: format!("{found:.2} {unit}"),
        ok: found <= limit + 1e-6,
    }
}

/// What a step found, as it stands in its record.
pub(super) fn found<T: DeserializeOwned>(record: &StepRecord) -> Result<T> {
    T::deserialize(&record.detail["found"]).map_err(|e| {
        let message = format!("the record of step {} is not what was expected: {e}", record.name);
        PipelineError::new(ErrorKind::Internal, message).with_source(e)
    })
}

/// What each step took.
pub(super) fn steps(records: &[StepRecord]) -> Vec<StepFact> {
    let fact = |record: &StepRecord| StepFact {
        step: record.name.clone(),
        seconds: record.seconds,
        cpu_seconds: record.detail["cpu_seconds"].as_f64(),
    };
    records.iter().map(fact).collect()
}

/// A finished file.
pub(super) fn file(artifact: &Artifact) -> FileFact {
    FileFact { name: artifact.name.clone(), sha256: artifact.digest.to_string(), bytes: artifact.bytes }
}

/// A file that was given.
pub(super) fn given(given: &GivenFile) -> FileFact {
    FileFact { name: given.name.clone(), sha256: given.sha256.clone(), bytes: given.bytes }
}
