//! When each word is said: from the attention of chosen heads to the sound, along which a path is found by dynamic time
//! warping (openai-whisper, `timing.py`).

mod split;

use super::tokenizer::Tokenizer;
use crate::network::Array;
use split::split;

/// Frames of the encoder a second.
const FRAMES: f64 = 50.0;
/// Frames over which the median is taken.
const MEDIAN: usize = 7;
/// What clings to the word after it, and to the word before it.
const BEFORE: &str = "\"'“¿([{-";
const AFTER: &str = "\"'.。,，!！?？:：”)]}、";
/// What ends a sentence, in words of its own.
const SENTENCE_ENDS: &str = ".。!！?？";
/// A word is at most twice as long as the median word, and that is at most so many seconds.
const LONGEST_MEDIAN: f64 = 0.7;

/// A word and when it is said, in seconds from the beginning of its window.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// Its text; empty where it went into its neighbour.
    pub text: String,
    /// How many tokens it has.
    pub tokens: usize,
    /// In seconds.
    pub start: f64,
    /// In seconds.
    pub end: f64,
    /// Mean probability of its tokens.
    pub probability: f32,
}

/// The words of `tokens`, which are of `language` and whose probabilities have the logarithms `logs`.
///
/// `scores` (1, heads, tokens and what surrounds them, frames) tells how much each token attends to each frame, of
/// which the first `frames` are sound; `before` tokens of it come before the one that stands before the first word, and
/// the last one is the end.
pub fn align(
    tokenizer: &Tokenizer,
    language: &str,
    (tokens, logs): (&[u32], &[f32]),
    scores: &Array,
    before: usize,
    frames: usize,
) -> Vec<Timed> {
    let rows = scores.shape[2] - 1;
    let matrix = attention(scores, frames.clamp(1, scores.shape[3]));
    let width = matrix.len() / scores.shape[2];
    let path = warp(&matrix[before * width..rows * width], width);
    let begins = |token: usize| path[token] as f64 / FRAMES;
    let mut words = Vec::new();
    let mut at = 0;
    for (text, count) in split(tokenizer, tokens, language) {
        let logs = &logs[at..at + count];
        let probability = logs.iter().map(|log| log.exp()).sum::<f32>() / count as f32;
        words.push(Timed { text, tokens: count, start: begins(at), end: begins(at + count), probability });
        at += count;
    }
    words
}

/// The heads' attention to the first `frames` frames, made comparable over the tokens, smoothed over time and averaged:
/// (tokens, frames).
fn attention(scores: &Array, frames: usize) -> Vec<f32> {
    let [_, heads, rows, all] = scores.shape[..] else { unreachable!("scores have four axes") };
    let mut mean = vec![0.0; rows * frames];
    let mut smooth = vec![0.0; frames];
    for head in scores.data.chunks(rows * all).take(heads) {
        let mut shares: Vec<f32> = head.chunks(all).flat_map(|row| softmax(&row[..frames])).collect();
        standardise(&mut shares, frames);
        for (row, sum) in shares.chunks(frames).zip(mean.chunks_mut(frames)) {
            median(row, &mut smooth);
            sum.iter_mut().zip(&smooth).for_each(|(sum, value)| *sum += value / heads as f32);
        }
    }
    mean
}

fn softmax(row: &[f32]) -> Vec<f32> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = row.iter().map(|score| (score - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Takes the mean over the tokens from every frame, and divides by the deviation.
fn standardise(shares: &mut [f32], frames: usize) {
    let rows = (shares.len() / frames) as f32;
    for frame in 0..frames {
        let column = || shares.iter().skip(frame).step_by(frames).copied();
        let mean = column().sum::<f32>() / rows;
        let deviation = (column().map(|share| (share - mean).powi(2)).sum::<f32>() / rows).sqrt();
        for share in shares.iter_mut().skip(frame).step_by(frames) {
            // Where all tokens attend alike, nothing is to be learned.
            *share = if deviation > 0.0 { (*share - mean) / deviation } else { 0.0 };
        }
    }
}

/// The median of the values around each, mirrored at the ends.
fn median(row: &[f32], out: &mut [f32]) {
    let (half, count) = (MEDIAN / 2, row.len());
    if count <= half {
        return out.copy_from_slice(row);
    }
    let mirrored = |at: usize| {
        // Before the beginning the distance is the mirrored place.
        let at = at.abs_diff(half);
        row[if at < count { at } else { 2 * (count - 1) - at }]
    };
    for (at, out) in out.iter_mut().enumerate() {
        let mut around: [f32; MEDIAN] = std::array::from_fn(|n| mirrored(at + n));
        *out = *around.select_nth_unstable_by(half, f32::total_cmp).1;
    }
}

/// The cheapest way from the first token in the first frame to the last in the last, where each step goes on by one
/// token, one frame or both: the frame in which each token begins.
fn warp(matrix: &[f32], frames: usize) -> Vec<usize> {
    let tokens = matrix.len() / frames;
    // Where a step came from: both, the token before, the frame before.
    let mut steps = vec![0u8; (tokens + 1) * (frames + 1)];
    let mut above = vec![f32::INFINITY; frames + 1];
    above[0] = 0.0;
    for token in 1..=tokens {
        let mut left = f32::INFINITY;
        let mut costs = vec![f32::INFINITY; frames + 1];
        for frame in 1..=frames {
            let (both, token_before, frame_before) = (above[frame - 1], above[frame], left);
            let (cost, step) = if both < token_before && both < frame_before {
                (both, 0)
            } else if token_before < both && token_before < frame_before {
                (token_before, 1)
            } else {
                (frame_before, 2)
            };
            left = cost - matrix[(token - 1) * frames + frame - 1];
            costs[frame] = left;
            steps[token * (frames + 1) + frame] = step;
        }
        above = costs;
    }
    let mut begins = vec![0; tokens];
    let (mut token, mut frame) = (tokens, frames);
    while token > 0 && frame > 0 {
        begins[token - 1] = frame - 1;
        match steps[token * (frames + 1) + frame] {
            0 => (token, frame) = (token - 1, frame - 1),
            1 => token -= 1,
            _ => frame -= 1,
        }
    }
    begins
}

/// The median duration of words that have one, at most [`LONGEST_MEDIAN`] seconds.
pub fn median_duration(words: &[Timed]) -> f64 {
    let mut durations: Vec<f64> =
        words.iter().map(|word| word.end - word.start).filter(|duration| *duration != 0.0).collect();
    durations.sort_by(f64::total_cmp);
    match durations.len() {
        0 => 0.0,
        count => durations[(count - 1) / 2].midpoint(durations[count / 2]).min(LONGEST_MEDIAN),
    }
}

/// Shortens what is too long beside the end of a sentence, as silence there goes to one of its neighbours, and lets
/// punctuation cling to words.
pub fn tidy(words: &mut [Timed], median: f64) {
    let longest = 2.0 * median;
    for n in 1..words.len() {
        if median > 0.0 && words[n].end - words[n].start > longest {
            if is_of(SENTENCE_ENDS, &words[n].text) {
                words[n].end = words[n].start + longest;
            } else if is_of(SENTENCE_ENDS, &words[n - 1].text) {
                words[n].start = words[n].end - longest;
            }
        }
    }
    cling(words);
}

fn is_of(marks: &str, text: &str) -> bool {
    !text.is_empty() && marks.contains(text)
}

/// Joins punctuation with the word after or before it. Their times stay those of the word.
fn cling(words: &mut [Timed]) {
    let Some(mut following) = words.len().checked_sub(1) else { return };
    for n in (0..following).rev() {
        if words[n].text.starts_with(' ') && is_of(BEFORE, words[n].text.trim()) {
            let (text, tokens) = (std::mem::take(&mut words[n].text), std::mem::take(&mut words[n].tokens));
            words[following].text.insert_str(0, &text);
            words[following].tokens += tokens;
        } else {
            following = n;
        }
    }
    let mut previous = 0;
    for n in 1..words.len() {
        if !words[previous].text.ends_with(' ') && is_of(AFTER, &words[n].text) {
            let (text, tokens) = (std::mem::take(&mut words[n].text), std::mem::take(&mut words[n].tokens));
            words[previous].text.push_str(&text);
            words[previous].tokens += tokens;
        } else {
            previous = n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, start: f64, end: f64) -> Timed {
        Timed { text: text.to_owned(), tokens: 1, start, end, probability: 1.0 }
    }

    #[test]
    fn a_path_goes_where_the_attention_is() {
        // Three tokens: the first for 2 frames, the second for 1, the third for 3.
        let mut matrix = vec![-1.0; 18];
        for (token, frame) in [(0, 0), (0, 1), (1, 2), (2, 3), (2, 4), (2, 5)] {
            matrix[token * 6 + frame] = 1.0;
        }
        assert_eq!(warp(&matrix, 6), [0, 2, 3]);
        // More tokens than frames.
        assert_eq!(warp(&[0.0; 5], 1), [0; 5]);
    }

    #[test]
    fn a_median_mirrors_the_ends() {
        let mut out = [0.0; 5];
        median(&[9.0, 1.0, 2.0, 8.0, 3.0], &mut out);
        // Around the first: 8 2 1 9 1 2 8.
        assert_eq!(out, [2.0, 2.0, 3.0, 3.0, 2.0]);
        let mut short = [0.0; 2];
        median(&[4.0, 5.0], &mut short);
        assert_eq!(short, [4.0, 5.0]);
    }

    #[test]
    fn punctuation_clings_and_silence_beside_a_sentence_goes_to_nobody() {
        let mut words = vec![
            word(" \"", 0.0, 0.1),
            word("Well", 0.1, 0.5),
            word(".", 0.5, 0.6),
            word(" Now", 0.6, 5.0),
            word("!", 5.0, 9.0),
            word(" then", 9.0, 9.4),
        ];
        let median = 0.4;
        tidy(&mut words, median);
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["", " \"Well.", "", " Now!", "", " then"]);
        assert!((words[3].start - 4.2).abs() < 1e-9, "{words:?}");
        assert_eq!(words.iter().map(|word| word.tokens).sum::<usize>(), 6);
    }
}
