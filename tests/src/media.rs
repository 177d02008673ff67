//! Finished files as ffmpeg and ffprobe see them, which are not ours.

use std::path::Path;
use std::process::Command;

/// Standard output and standard error of a program that must succeed.
///
/// # Panics
/// When it does not.
pub fn output(program: &str, arguments: &[&str], file: &Path, rest: &[&str]) -> (String, String) {
    let output = Command::new(program).args(arguments).arg(file).args(rest).output().expect("starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// Integrated loudness in LUFS and true peak in dBTP, as ffmpeg's own meter sees them on the decoded file.
///
/// # Panics
/// When ffmpeg cannot decode it.
pub fn loudness(file: &Path) -> (f64, f64) {
    let meter = ["-af", "ebur128=peak=true", "-f", "null", "-"];
    let (_, log) = output("ffmpeg", &["-hide_banner", "-nostats", "-i"], file, &meter);
    let summary = log.rsplit_once("Summary:").expect("the meter's summary").1;
    let value = |name: &str| -> f64 {
        let line =
            summary.lines().find(|line| line.trim_start().starts_with(name)).expect("a line of the summary");
        line.split_whitespace().nth(1).expect("a value").parse().expect("a number")
    };
    (value("I:"), value("Peak:"))
}
