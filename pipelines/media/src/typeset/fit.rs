//! Fits text to a box: the largest size in at most so many lines, the lines balanced.

use std::ops::Range;

use super::{Face, Fonts};
use crate::Result;

/// Measuring size in pixels per em; outlines are unhinted, so widths scale linearly from it.
const MEASURE: f32 = 100.0;

/// The room and the rules for a block of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Width in pixels.
    pub width: f32,
    /// Height in pixels.
    pub height: f32,
    /// At most so many lines; a text that would fall under `smallest` may take more.
    pub lines: usize,
    /// Size limits in pixels per em.
    pub smallest: f32,
    pub largest: f32,
    /// Distance of baselines, in ems.
    pub leading: f32,
}

/// Text cut into lines and the size that makes them fit.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Pixels per em.
    pub size: f32,
    /// The words of each line, as indices into `words`.
    pub lines: Vec<Range<usize>>,
    /// The words as they are to be set (over-long ones cut, the last ended with an ellipsis if cut).
    pub words: Vec<String>,
}

/// Words, and how far into one long line each begins and ends, in ems.
struct Measured {
    words: Vec<String>,
    spans: Vec<(f32, f32)>,
}

impl Measured {
    fn line(&self, range: Range<usize>) -> f32 {
        self.spans[range.end - 1].1 - self.spans[range.start].0
    }
}

/// Finds the largest setting of `text` in `room`. Text that cannot fit at the smallest size loses
/// its last words to an ellipsis, so the result never leaves the room.
pub(crate) fn fit(fonts: &mut Fonts, text: &str, face: &Face, room: &Room) -> Result<Block> {
    let measured = measure(fonts, text.split_whitespace().flat_map(cut_long), face)?;
    let best = best_block(&measured, room, room.lines);
    if best.size >= room.smallest {
        return Ok(best);
    }
    let lines = ((room.height / room.smallest - 1.0) / room.leading).floor().max(0.0) as usize + 1;
    let lines = lines.max(room.lines);
    let whole = best_block(&measured, room, lines);
    if whole.size >= room.smallest {
        return Ok(whole);
    }
    shorten(fonts, &measured.words, face, room, lines)
}

/// The most words that fit with an ellipsis after them; at least one, however small.
fn shorten(fonts: &mut Fonts, words: &[String], face: &Face, room: &Room, lines: usize) -> Result<Block> {
    let (mut low, mut high) = (1, words.len());
    let mut best = None;
    while low <= high {
        let middle = (low + high) / 2;
        let mut kept = words[..middle].to_vec();
        if let (Some(last), true) = (kept.last_mut(), middle < words.len()) {
            *last = format!("{}…", last.trim_end_matches(['…', ',', '.', ';', ':', '-']));
        }
        let block = best_block(&measure(fonts, kept.into_iter(), face)?, room, lines);
        if block.size >= room.smallest || middle == 1 {
            low = middle + 1;
            best = Some(block);
        } else {
            high = middle - 1;
        }
    }
    Ok(best.unwrap_or_else(|| Block { size: room.smallest, lines: Vec::new(), words: Vec::new() }))
}

fn measure(fonts: &mut Fonts, words: impl Iterator<Item = String>, face: &Face) -> Result<Measured> {
    let face = Face { size: MEASURE, ..*face };
    let space = space(fonts, &face)?;
    let mut measured = Measured { words: words.collect(), spans: Vec::new() };
    let mut pen = 0.0;
    for word in &measured.words {
        let width = fonts.run(word, &face)?.width / MEASURE;
        measured.spans.push((pen, pen + width));
        pen += width + space;
    }
    Ok(measured)
}

/// Width of a word space, in ems.
pub(crate) fn space(fonts: &mut Fonts, face: &Face) -> Result<f32> {
    let face = Face { size: MEASURE, ..*face };
    let (with, without) = (fonts.run("n n", &face)?.width, fonts.run("nn", &face)?.width);
    Ok((with - without) / MEASURE)
}

/// A word of more letters than any line should hold, in pieces.
fn cut_long(word: &str) -> Vec<String> {
    const LONGEST: usize = 22;
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(LONGEST).map(|piece| piece.iter().collect()).collect()
}

fn best_block(text: &Measured, room: &Room, most_lines: usize) -> Block {
    let mut best = Block { size: 0.0, lines: Vec::new(), words: text.words.clone() };
    for lines in balance(text, most_lines.min(text.words.len())) {
        let widest = lines.iter().map(|line| text.line(line.clone())).fold(0.01, f32::max);
        // The last line needs no leading below it: an em box is enough.
        let tall = (lines.len() as f32 - 1.0) * room.leading + 1.0;
        let size = (room.width / widest).min(room.height / tall).min(room.largest);
        // One more line must pay for itself, or a short title is stacked like a ladder.
        let gain = if best.size > 0.7 * room.largest { 1.22 } else { 1.06 };
        if size > best.size * gain || best.size < room.smallest && size > best.size {
            best.size = size;
            best.lines = lines;
        }
    }
    best
}

/// The words cut into one line, two lines and so on up to `most`, of widths as equal as can be
/// (least sum of fourth powers, which keeps the widest line short and leaves no widow).
fn balance(text: &Measured, most: usize) -> Vec<Vec<Range<usize>>> {
    let n = text.words.len();
    let mut cost = vec![vec![f32::INFINITY; n + 1]; most + 1];
    let mut from = vec![vec![0; n + 1]; most + 1];
    cost[0][0] = 0.0;
    for line in 1..=most {
        for end in line..=n {
            for start in (line - 1)..end {
                let here = cost[line - 1][start] + text.line(start..end).powi(4);
                if here < cost[line][end] {
                    cost[line][end] = here;
                    from[line][end] = start;
                }
            }
        }
    }
    let traced = |count: usize| {
        let mut lines = Vec::with_capacity(count);
        let mut end = n;
        for line in (1..=count).rev() {
            lines.push(from[line][end]..end);
            end = from[line][end];
        }
        lines.reverse();
        lines
    };
    (1..=most).map(traced).collect()
}
