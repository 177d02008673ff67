//! Measurements as a table and as a plot.

use super::measure::Measured;
use serde::Serialize;
use std::fmt::Write;

/// What was measured on.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    pub(super) reelsmith: &'static str,
    pub(super) onnxruntime: String,
    pub(super) device: &'static str,
    pub(super) threads: usize,
    pub(super) runs: u32,
}

/// A Markdown table.
pub(super) fn table(head: &Head, rows: &[Measured]) -> String {
    let mut text = format!(
        "Reelsmith {}, {}, {} ({} threads), medians of {} runs after one that warms up.\n\n\
         | model | task | asked | s | first s | throughput | load s | reckoned GB | peak GB |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        head.reelsmith, head.onnxruntime, head.device, head.threads, head.runs
    );
    for row in rows {
        let gigabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e9);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.3} | {} | {:.2} {} | {:.2} | {} | {} |",
            row.model,
            row.task,
            row.case,
            row.median(),
            row.first().map_or(String::new(), |first| format!("{first:.3}")),
            row.throughput(),
            row.unit,
            row.load_seconds,
            gigabytes(row.footprint_bytes),
            row.peak_bytes.map_or("not measured".to_owned(), gigabytes),
        );
    }
    text
}

/// Extents of the plot, in SVG's units.
const LABELS: f64 = 330.0;
const BARS: f64 = 420.0;
const ROW: f64 = 34.0;

/// Seconds of one request as bars, every run a tick.
pub(super) fn plot(rows: &[Measured]) -> String {
    let longest = rows.iter().flat_map(|row| &row.seconds).fold(0.0f64, |most, seconds| most.max(*seconds));
    let scale = BARS / longest.max(1e-9);
    let (width, height) = (LABELS + BARS + 110.0, ROW * (rows.len() as f64 + 1.6));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\" font-weight=\"600\">Seconds of one request</text>\n"
    );
    for (n, row) in rows.iter().enumerate() {
        let top = ROW * (n as f64 + 1.3);
        let label = format!("{}  {}", row.model, row.case);
        let slowest = row.seconds.iter().fold(0.0f64, |most, seconds| most.max(*seconds));
        let end = LABELS + slowest * scale;
        let _ = writeln!(svg, "<text x=\"16\" y=\"{:.1}\">{}</text>", top + 17.0, escaped(&label));
        let bar = row.median() * scale;
        let _ = writeln!(
            svg,
            "<rect x=\"{LABELS}\" y=\"{top:.1}\" width=\"{bar:.1}\" height=\"24\" rx=\"3\" fill=\"#4a6fa5\"/>"
        );
        for seconds in &row.seconds {
            let x = LABELS + seconds * scale;
            let (y, bottom) = (top + 4.0, top + 20.0);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{bottom:.1}\" stroke=\"#c8553d\" stroke-width=\"2\"/>"
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\">{:.2} s</text>",
            end + 14.0,
            top + 17.0,
            row.median()
        );
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Measured {
        Measured {
            model: "a<b".into(),
            task: "upscale".into(),
            case: "128x96".into(),
            amount: 2.0,
            unit: "pictures a minute",
            unit_seconds: 60.0,
            load_seconds: 0.5,
            seconds: vec![3.0, 1.0, 2.0],
            first_seconds: vec![0.25, 0.5],
            footprint_bytes: 1_500_000_000,
            peak_bytes: None,
        }
    }

    #[test]
    fn a_row_tells_the_middle_run_and_what_it_makes_a_minute() {
        let head = Head { reelsmith: "0", onnxruntime: "o".into(), device: "cpu", threads: 2, runs: 3 };
        let text = table(&head, &[row()]);
        assert!(
            text.contains("| a<b | upscale | 128x96 | 2.000 | 0.375 | 60.00 pictures a minute | 0.50 | 1.50 | not measured |"),
            "{text}"
        );
    }

    #[test]
    fn the_plot_has_a_tick_for_every_run_and_no_bare_sign() {
        let svg = plot(&[row()]);
        assert_eq!(svg.matches("<line").count(), 3);
        assert!(svg.contains("a&lt;b") && svg.ends_with("</svg>\n"));
    }
}
