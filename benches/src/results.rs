//! What every table needs: the machine, medians, files.

use anyhow::{Context, Result};
use serde::Serialize;
use std::path::Path;

/// Writes `<name>.md` and `<name>.json` to `out`.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(out: &Path, name: &str, markdown: &str, raw: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(raw)? + "\n";
    std::fs::create_dir_all(out)
        .and_then(|()| std::fs::write(out.join(format!("{name}.md")), markdown))
        .and_then(|()| std::fs::write(out.join(format!("{name}.json")), json))
        .with_context(|| format!("write to {}", out.display()))
}

/// The processor and the load, for the head of a table.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    format!("{}, {cores} cores; load {}", model.trim_start_matches([' ', '\t', ':']), load.join(" "))
}

/// The value in the middle, or between the two in the middle; of nothing, NaN.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(low).zip(values.get(high)).map_or(f64::NAN, |(low, high)| (low + high) / 2.0)
}

/// The value below which `part` (0 to 1) of the values lie; of nothing, NaN.
pub(crate) fn percentile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * part).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert!(median(vec![]).is_nan());
        assert_eq!(percentile((0..=100).map(f64::from).collect(), 0.95), 95.0);
    }
}
