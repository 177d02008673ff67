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

/// Words and their widths in ems, with the width of a space.
struct Measured {
    words: Vec<String>,
    widths: Vec<f32>,
    space: f32,
}

impl Measured {
    fn line(&self, range: Range<usize>) -> f32 {
        let gaps = range.len().saturating_sub(1) as f32 * self.space;
        self.widths[range].iter().sum::<f32>() + gaps
    }
}

/// Finds the largest setting of `text` in `room`. Text that cannot fit at the smallest size loses
/// its last words to an ellipsis, so the result never leaves the room.
pub(crate) fn fit(fonts: &mut Fonts, text: &str, face: &Face, room: &Room) -> Result<Block> {
    let mut measured = measure(fonts, text, face)?;
    let mut best = best_block(&measured, room, room.lines);
    let most = (room.height / (room.smallest * room.leading)).floor().max(1.0) as usize;
    if best.size < room.smallest {
        best = best_block(&measured, room, most.max(room.lines));
    }
    while best.size < room.smallest && measured.words.len() > 1 {
        measured.words.pop();
        let last = measured.words.last_mut().expect("more than one word was left");
        *last = format!("{}…", last.trim_end_matches(['…', ',', '.', ';', ':', '-']));
        let text = measured.words.join(" ");
        measured = measure(fonts, &text, face)?;
        best = best_block(&measured, room, most.max(room.lines));
    }
    Ok(best)
}

fn measure(fonts: &mut Fonts, text: &str, face: &Face) -> Result<Measured> {
    let face = Face { size: MEASURE, ..*face };
    let words: Vec<String> = text.split_whitespace().flat_map(cut_long).collect();
    let mut widths = Vec::with_capacity(words.len());
    for word in &words {
        widths.push(fonts.run(word, &face)?.width / MEASURE);
    }
    Ok(Measured { words, widths, space: space(fonts, &face)? })
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
    for count in 1..=most_lines.min(text.words.len()) {
        let lines = balance(text, count);
        let widest = lines.iter().map(|line| text.line(line.clone())).fold(0.01, f32::max);
        // The last line needs no leading below it: an em box is enough.
        let tall = (count as f32 - 1.0) * room.leading + 1.0;
        let size = (room.width / widest).min(room.height / tall).min(room.largest);
        // One more line must pay for itself, or a short title is stacked like a ladder.
        if size > best.size * 1.04 {
            best.size = size;
            best.lines = lines;
        }
    }
    best
}

/// Cuts the words into exactly `count` lines of widths as equal as can be (least sum of fourth
/// powers, which keeps the widest line short and leaves no widow).
fn balance(text: &Measured, count: usize) -> Vec<Range<usize>> {
    let n = text.words.len();
    let mut cost = vec![vec![f32::INFINITY; n + 1]; count + 1];
    let mut from = vec![vec![0; n + 1]; count + 1];
    cost[0][0] = 0.0;
    for line in 1..=count {
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
    let mut lines = Vec::with_capacity(count);
    let mut end = n;
    for line in (1..=count).rev() {
        lines.push(from[line][end]..end);
        end = from[line][end];
    }
    lines.reverse();
    lines
}
