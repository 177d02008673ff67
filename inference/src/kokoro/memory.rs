//! What a request costs in memory, reckoned from its text before any of it is read.

use super::{MOST_MINUTES, SAMPLE_RATE, runs};
use reelsmith_inference_core::Footprint;
use reelsmith_inference_core::catalogue::Memory;
use reelsmith_inference_core::speech::SpeakRequest;

/// No published graph takes more of either; for a model that came without figures of its own.
pub(super) const LARGEST: Memory = Memory { weights_bytes: 640_000_000, peak_bytes: 540_000_000 };

/// What a run takes that says next to nothing, as a share of what the longest one takes. Measured runs lie
/// below the line from there: 0.2 of it at 0.2 of the length, 0.7 at two thirds.
const LEAST_SHARE: f64 = 0.2;

/// What the loaded model holds, and what comes on top for `request`: the activations of its longest run,
/// which grow with the seconds it speaks, and all its sound.
pub(super) fn footprint(memory: Memory, request: &SpeakRequest) -> Footprint {
    // A request that will be refused costs nothing, but must not be reckoned with.
    let speed = if request.speed.is_finite() { request.speed.clamp(0.5, 2.0) } else { 1.0 };
    let symbols = most_symbols_of(&request.text);
    let rate = runs::rate(&request.voice, speed);
    let longest = runs::most_symbols(rate);
    let share = LEAST_SHARE + (1.0 - LEAST_SHARE) * symbols.min(longest) as f64 / longest as f64;
    let seconds = runs::seconds(symbols, rate).min(MOST_MINUTES * 60.0);
    let sound = seconds * f64::from(SAMPLE_RATE) * size_of::<f32>() as f64;
    let activations = memory.peak_bytes as f64 * share;
    Footprint { weights: memory.weights_bytes, peak_activation: (activations + sound) as u64 }
}

/// More symbols than the text can have: a letter has two at most ("fox" has five), one that is named ten
/// ("W"), and a figure or a sign becomes a word or two.
fn most_symbols_of(text: &str) -> usize {
    let symbols = |c: char| match c {
        c if c.is_whitespace() => 1,
        c if c.is_lowercase() => 2,
        c if c.is_uppercase() => 10,
        ',' | '.' | ';' | ':' | '!' | '?' | '\'' | '"' | '’' | '“' | '”' | '(' | ')' => 2,
        _ => 16,
    };
    text.chars().map(symbols).sum()
}
