//! The tables as a picture: bars of latency and of slowdown, on a logarithmic scale, one panel for each kind of trace.

use crate::figures::Figures;
use std::fmt::Write;

/// Extents in SVG's units.
const LABELS: f64 = 330.0;
const BARS: f64 = 300.0;
const NUMBERS: f64 = 70.0;
const ROW: f64 = 22.0;
const HEAD: f64 = 46.0;

/// What a column shows.
type Value = fn(&Figures) -> f64;

const COLUMNS: [(&str, Value); 2] =
    [("mean latency ÷ bound", |row| row.latency), ("p95 of slowdowns", |row| row.p95_slowdown)];

/// An SVG of all figures, those of one kind together.
pub fn plot(figures: &[Figures]) -> String {
    let panels: Vec<&[Figures]> = figures.chunk_by(|a, b| a.kind == b.kind).collect();
    let width = LABELS + COLUMNS.len() as f64 * (BARS + NUMBERS);
    let height: f64 = panels.iter().map(|panel| HEAD + ROW * panel.len() as f64).sum::<f64>() + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut top = 0.0;
    for panel in panels {
        head(&mut svg, &panel[0].kind, top);
        for (n, (_, value)) in COLUMNS.iter().enumerate() {
            bars(&mut svg, panel, *value, LABELS + n as f64 * (BARS + NUMBERS), top + HEAD);
        }
        for (n, row) in panel.iter().enumerate() {
            let y = top + HEAD + ROW * n as f64 + 15.0;
            let label = format!("{} ({})", row.contender, row.reload);
            let _ = writeln!(svg, "<text x=\"16\" y=\"{y:.1}\">{}</text>", escaped(&label));
        }
        top += HEAD + ROW * panel.len() as f64;
    }
    svg + "</svg>\n"
}

fn head(svg: &mut String, kind: &str, top: f64) {
    let y = top + 32.0;
    let _ = writeln!(svg, "<text x=\"16\" y=\"{y:.1}\" font-weight=\"600\">{}</text>", escaped(kind));
    for (n, (name, _)) in COLUMNS.iter().enumerate() {
        let x = LABELS + n as f64 * (BARS + NUMBERS);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#555\">{}</text>", escaped(name));
    }
}

/// From 1, which is the best there is, to the largest of the panel.
fn bars(svg: &mut String, panel: &[Figures], value: Value, left: f64, top: f64) {
    let largest = panel.iter().map(value).fold(std::f64::consts::E, f64::max).ln();
    for (n, row) in panel.iter().enumerate() {
        let (y, length) = (top + ROW * n as f64 + 4.0, BARS * value(row).max(1.0).ln() / largest);
        let colour = if row.contender.starts_with("Reelsmith") { "#1f6feb" } else { "#b0b7c3" };
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>",
            length.max(1.0),
            ROW - 7.0,
            left + length + 6.0,
            y + 12.0,
            value(row)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Contender;
    use crate::models::{Machine, models};
    use crate::trace::{Kind, trace};

    #[test]
    fn every_row_has_its_bars_and_a_longer_one_stands_for_more() {
        let (models, kind) = (models(), Kind::Burst);
        let traces = [trace(kind, 1, 20, &models)];
        let rows = [Contender::BytesLru, Contender::OneAtOnce]
            .map(|contender| Figures::of(&traces, &models, Machine::DISK, contender, kind));
        let svg = plot(&rows);
        assert_eq!(svg.matches("<rect x").count(), rows.len() * COLUMNS.len());
        let widths: Vec<f64> = svg
            .split("<rect x")
            .skip(1)
            .map(|bar| bar.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!(rows[0].latency > rows[1].latency && widths[0] > widths[1], "{widths:?}");
    }
}
