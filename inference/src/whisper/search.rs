//! From sound to tokens: the likeliest ones, several texts at a time, or drawn by chance (openai-whisper,
//! `decoding.py`).

use super::model::{Networks, Sound};
use super::rules::Rules;
use crate::operators::exponential;
use reelsmith_inference_core::{InferenceError, Result, Verdict};
use std::borrow::Cow;

/// A text that was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// Without what steered the model and without the end.
    pub tokens: Vec<u32>,
    /// The logarithm of each token's probability.
    pub logs: Vec<f32>,
    /// Their sum, with that of the end.
    pub sum: f32,
    /// How likely the window is silent.
    pub no_speech: f32,
}

impl Said {
    /// Mean logarithm of the tokens' probabilities, the end included.
    pub fn log_probability(&self) -> f32 {
        self.sum / (self.tokens.len() + 1) as f32
    }

    /// By what the texts of a window are compared.
    fn rank(&self) -> f32 {
        self.sum / self.tokens.len().max(1) as f32
    }

    fn with(&self, id: u32, log: f32) -> Self {
        let mut longer = self.clone();
        longer.push(id, log);
        longer
    }

    fn push(&mut self, id: u32, log: f32) {
        self.tokens.push(id);
        self.logs.push(log);
        self.sum += log;
    }
}

/// How to look for a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// The likeliest token each time, or so many texts at a time.
    Beams(usize),
    /// So many texts drawn by chance, at a temperature, with a seed.
    Chance(usize, f32, u64),
}

impl Way {
    fn texts(self) -> usize {
        match self {
            Self::Beams(count) | Self::Chance(count, ..) => count.max(1),
        }
    }
}

/// What a search works with.
pub struct Search<'a> {
    /// The networks.
    pub networks: &'a mut Networks,
    /// What may be said.
    pub rules: &'a Rules,
    /// What steers the model.
    pub prompt: &'a [u32],
    /// Where in it the sound begins.
    pub start: usize,
    /// The id whose probability says that a window is silent.
    pub no_speech: u32,
    /// Asked once a token.
    pub go_on: &'a dyn Fn() -> Verdict,
}

impl Search<'_> {
    /// The best text of each window.
    ///
    /// # Errors
    /// `Cancelled`, `OutOfMemory` or `Engine`.
    pub fn run(&mut self, sound: &Sound, way: Way) -> Result<Vec<Said>> {
        let texts = way.texts();
        let mut state = State::new(self, sound, texts)?;
        let most = self.networks.config().max_target_positions / 2;
        let mut chance = match way {
            Way::Chance(_, _, seed) => Chance(seed),
            Way::Beams(_) => Chance(0),
        };
        let mut logits = std::mem::take(&mut state.first);
        for length in 0..most {
            if (self.go_on)() == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
            let vocabulary = self.networks.config().vocab_size;
            for (row, said) in logits.chunks_mut(vocabulary).zip(state.rows()) {
                self.rules.apply(row, &said.tokens);
                log_softmax(row);
            }
            match way {
                Way::Beams(2..) => state.follow(&logits, vocabulary, self.rules.end()),
                Way::Beams(_) => state.extend(&logits, vocabulary, self.rules.end(), likeliest),
                Way::Chance(_, temperature, _) => {
                    state.extend(&logits, vocabulary, self.rules.end(), |row| chance.draw(row, temperature));
                }
            }
            state.shrink();
            // A long prompt leaves fewer places than half of them.
            let is_full = state.cache.length() == self.networks.config().max_target_positions;
            if state.windows.is_empty() || length + 1 == most || is_full {
                break;
            }
            let ids: Vec<Vec<u32>> = state
                .rows()
                .map(|said| vec![said.tokens.last().copied().unwrap_or(self.rules.end())])
                .collect();
            let step = self.networks.step(&state.sound, &mut state.cache, &ids, &[0])?;
            logits = step.logits.data;
        }
        Ok(state.finish())
    }
}

/// Texts that grow.
struct State<'a> {
    sound: Cow<'a, Sound>,
    cache: super::model::Cache,
    texts: usize,
    /// Those that are not finished, by their places in the result.
    windows: Vec<Window>,
    done: Vec<Said>,
    /// Logits after the prompt, a row for each text.
    first: Vec<f32>,
}

struct Window {
    place: usize,
    /// Texts that may grow; in a search for the likeliest one, all of them do.
    growing: Vec<Growing>,
    finished: Vec<Said>,
}

#[derive(Clone)]
struct Growing {
    said: Said,
    is_finished: bool,
}

impl<'a> State<'a> {
    fn new(search: &mut Search<'_>, sound: &'a Sound, texts: usize) -> Result<Self> {
        let count = sound.windows();
        let mut cache = search.networks.begin(count);
        let prompt = vec![search.prompt.to_vec(); count];
        let wanted = [search.start, search.prompt.len() - 1];
        let made = search.networks.step(sound, &mut cache, &prompt, &wanted)?.logits;
        let vocabulary = made.shape[2];
        let (mut windows, mut first, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (place, pair) in made.data.chunks(2 * vocabulary).enumerate() {
            let (start, last) = pair.split_at(vocabulary);
            let mut start = start.to_vec();
            log_softmax(&mut start);
            let said = Said { no_speech: start[search.no_speech as usize].exp(), ..Said::default() };
            windows.push(Window {
                place,
                growing: vec![Growing { said, is_finished: false }; texts],
                finished: Vec::new(),
            });
            (0..texts).for_each(|_| first.extend_from_slice(last));
            rows.extend(std::iter::repeat_n(place, texts));
        }
        cache.choose(&rows);
        Ok(Self {
            sound: Cow::Borrowed(sound),
            cache,
            texts,
            windows,
            done: vec![Said::default(); count],
            first,
        })
    }

    /// The texts, in the order of the rows of a step.
    fn rows(&self) -> impl Iterator<Item = &Said> {
        self.windows.iter().flat_map(|window| window.growing.iter().map(|text| &text.said))
    }

    /// Every text gets the token that `choose` takes for it.
    fn extend(&mut self, logs: &[f32], vocabulary: usize, end: u32, mut choose: impl FnMut(&[f32]) -> u32) {
        let texts = self.windows.iter_mut().flat_map(|window| window.growing.iter_mut());
        for (text, row) in texts.zip(logs.chunks(vocabulary)).filter(|(text, _)| !text.is_finished) {
            let id = choose(row);
            match id == end {
                true => {
                    text.said.sum += row[id as usize];
                    text.is_finished = true;
                }
                false => text.said.push(id, row[id as usize]),
            }
        }
    }

    /// Of all texts with one more token, those that are likeliest go on.
    fn follow(&mut self, logs: &[f32], vocabulary: usize, end: u32) {
        let (texts, mut chosen) = (self.texts, Vec::new());
        let rows: Vec<&[f32]> = logs.chunks(vocabulary).collect();
        for (n, window) in self.windows.iter_mut().enumerate() {
            // Before the first token all texts are one.
            let is_first = window.growing[0].said.tokens.is_empty();
            let different = if is_first { 1 } else { texts };
            let mut all: Vec<(f32, usize, u32)> = Vec::new();
            for (place, text) in window.growing[..different].iter().enumerate() {
                let best = best(rows[n * texts + place], texts + 1);
                all.extend(best.into_iter().map(|(log, id)| (text.said.sum + log, place, id)));
            }
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut growing = Vec::new();
            for (sum, place, id) in all {
                let (said, log) = (&window.growing[place].said, rows[n * texts + place][id as usize]);
                if id == end {
                    if window.finished.len() < texts {
                        window.finished.push(Said { sum, ..said.clone() });
                    }
                    continue;
                }
                growing.push(Growing { said: said.with(id, log), is_finished: false });
                chosen.push(n * texts + place);
                if growing.len() == texts {
                    break;
                }
            }
            // The last places are filled where fewer tokens are allowed than texts are followed.
            while let Some(last) = growing.last().filter(|_| growing.len() < texts).cloned() {
                growing.push(last);
                chosen.extend(chosen.last().copied());
            }
            if growing.is_empty() {
                chosen.extend((0..texts).map(|place| n * texts + place));
                window.growing.iter_mut().for_each(|text| text.is_finished = true);
                continue;
            }
            window.growing = growing;
            if window.finished.len() >= texts {
                window.growing.iter_mut().for_each(|text| text.is_finished = true);
            }
        }
        self.cache.choose(&chosen);
    }

    /// Takes out the windows whose texts are all finished. As that moves what the others attend to, it waits until half
    /// of them are.
    fn shrink(&mut self) {
        let is_open = |window: &Window| window.growing.iter().any(|text| !text.is_finished);
        let open: Vec<usize> =
            self.windows.iter().enumerate().filter(|(_, window)| is_open(window)).map(|(n, _)| n).collect();
        if open.len() * 2 > self.windows.len() {
            return;
        }
        let mut left = Vec::new();
        for (n, window) in std::mem::take(&mut self.windows).into_iter().enumerate() {
            match open.contains(&n) {
                true => left.push(window),
                false => {
                    let place = window.place;
                    self.done[place] = window.best();
                }
            }
        }
        self.windows = left;
        if !open.is_empty() {
            self.sound = Cow::Owned(self.sound.chosen(&open));
            let texts = self.texts;
            let rows: Vec<usize> = open.iter().flat_map(|n| (0..texts).map(move |t| n * texts + t)).collect();
            self.cache.choose(&rows);
        }
    }

    fn finish(mut self) -> Vec<Said> {
        for window in std::mem::take(&mut self.windows) {
            let place = window.place;
            self.done[place] = window.best();
        }
        self.done
    }
}

impl Window {
    fn best(self) -> Said {
        let count = self.growing.len();
        let mut all = self.finished;
        // Those that were cut short stand in where too few came to their end.
        if all.len() < count {
            all.extend(self.growing.into_iter().map(|text| text.said));
        }
        all.into_iter().max_by(|a, b| a.rank().total_cmp(&b.rank())).unwrap_or_default()
    }
}

/// Logits to logarithms of probabilities, in place.
fn log_softmax(row: &mut [f32]) {
    let most = exponential::most(row);
    let shift = most + exponential::sum(row, most).ln();
    row.iter_mut().for_each(|logit| *logit -= shift);
}

fn likeliest(row: &[f32]) -> u32 {
    // The first of equals, as in the reference.
    let best = row
        .iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (id, log)| if *log > best.1 { (id, *log) } else { best });
    best.0 as u32
}

/// The `count` likeliest tokens that are allowed, the likeliest first.
fn best(row: &[f32], count: usize) -> Vec<(f32, u32)> {
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
    for (id, log) in row.iter().enumerate().filter(|(_, log)| **log > f32::NEG_INFINITY) {
        if best.len() == count && best[count - 1].0 >= *log {
            continue;
        }
        let place = best.partition_point(|(other, _)| other >= log);
        best.insert(place, (*log, id as u32));
        best.truncate(count);
    }
    best
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance(u64);

impl Chance {
    /// In 0 .. 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A token by its probability at `temperature`.
    fn draw(&mut self, row: &[f32], temperature: f32) -> u32 {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |log: &f32| f64::from((log - most) / temperature).exp();
        let mut left = self.next() * row.iter().map(weight).sum::<f64>();
        let found = row.iter().position(|log| {
            left -= weight(log);
            left < 0.0
        });
        found.map_or_else(|| likeliest(row), |id| id as u32)
    }
}
