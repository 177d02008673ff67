//! Step `transcript`: who said what and when, as subtitles, as text, and the chapters as players read them.

use super::rundown;
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::Result;
use crate::rundown::Rundown;
use crate::spec::Podcast;
use crate::steps::{recipe, spoken};
use crate::timing::Spoken;
use crate::workflows::podcast::voice_stage;
use reelsmith_media::captions::{CaptionWord, Cue};
use reelsmith_media::subtitles::{Said, srt_of_speakers, vtt_of_speakers};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write;

const VERSION: u32 = 1;

/// What the report says of the transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TranscriptFact {
    /// Words spoken.
    pub(super) spoken: usize,
    /// Words written down.
    pub(super) shown: usize,
    /// When the last cue goes, in seconds.
    pub(super) end: f64,
}

/// Writes it down.
///
/// Outputs: `transcript.srt`, `transcript.vtt`, `transcript.txt` and `chapters.json`. Detail: [`TranscriptFact`].
pub(crate) async fn run(podcast: &Podcast, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 1, "files")?;
    let (spoken, mut inputs) = spoken(context, &voice_stage(podcast)).await?;
    let (rundown, times) = rundown(context).await?;
    inputs.push(times);
    let turns = shown(podcast, &rundown, &spoken);
    let said: Vec<Said> = turns.iter().flat_map(|turn| turn.said()).collect();
    let fact = TranscriptFact {
        spoken: spoken
            .iter()
            .flat_map(|turn| &turn.words)
            .filter(|word| !word.text.trim().is_empty())
            .count(),
        shown: said.iter().map(|said| said.cue.words.len()).sum(),
        end: said.last().map_or(0.0, |said| said.cue.end),
    };
    let json = serde_json::to_string_pretty(&chapters(&rundown)).expect("texts and numbers are always JSON");
    let files = [
        ("transcript.srt", "application/x-subrip", srt_of_speakers(&said)),
        ("transcript.vtt", "text/vtt", vtt_of_speakers(&said)),
        ("transcript.txt", "text/plain; charset=utf-8", text(podcast, &rundown)),
        ("chapters.json", "application/json+chapters", json),
    ];
    let recipe = recipe("transcript", VERSION, &inputs.iter().collect::<Vec<_>>(), json!({}));
    let mut artifacts = Vec::new();
    for (name, media_type, text) in files {
        artifacts
            .push(context.keep_bytes(text, Kept { name: name.into(), media_type, recipe: &recipe }).await?);
    }
    let detail = serde_json::to_value(fact).expect("numbers are always JSON");
    Ok(StepOutput { artifacts, detail })
}

/// A turn as it is shown.
struct Shown<'a> {
    speaker: &'a str,
    cues: Vec<Cue>,
}

impl Shown<'_> {
    fn said(&self) -> impl Iterator<Item = Said<'_>> {
        let said = |(n, cue)| Said { speaker: self.speaker, begins: n == 0, cue };
        self.cues.iter().enumerate().map(said)
    }
}

fn shown<'a>(podcast: &'a Podcast, rundown: &Rundown, spoken: &[Spoken]) -> Vec<Shown<'a>> {
    let turns = podcast.turns.iter().zip(spoken).enumerate();
    let mut shown: Vec<Shown> = turns
        .map(|(n, (turn, spoken))| Shown { speaker: &turn.speaker, cues: passages(rundown.words(n, spoken)) })
        .collect();
    // What holds on after its last word goes when somebody else begins.
    for n in 1..shown.len() {
        let next = shown[n].cues.first().map_or(f64::INFINITY, |cue| cue.start);
        if let Some(last) = shown[n - 1].cues.last_mut() {
            last.end = last.end.min(next);
        }
    }
    shown
}

/// Characters of a line and of a cue, which has two lines: to be read beside a player (Netflix, "English Timed Text
/// Style Guide": 42 a line).
const LINE_CHARS: usize = 42;
const CUE_CHARS: usize = 2 * LINE_CHARS;
/// A sentence that ends after so many characters ends its cue.
const ENOUGH_CHARS: usize = 20;

/// A turn's words in cues of about a sentence: every word in one, in order.
fn passages(words: Vec<CaptionWord>) -> Vec<Cue> {
    let mut passages: Vec<Vec<CaptionWord>> = Vec::new();
    for word in words.into_iter().filter(|word| !word.text.trim().is_empty()) {
        let goes_on = |last: &&mut Vec<CaptionWord>| {
            let chars = width(last);
            let ended = last
                .last()
                .is_some_and(|word| word.text.trim_end_matches(['"', '”']).ends_with(['.', '!', '?']));
            chars + 1 + word.text.chars().count() <= CUE_CHARS && !(ended && chars >= ENOUGH_CHARS)
        };
        match passages.last_mut().filter(goes_on) {
            Some(last) => last.push(word),
            None => passages.push(vec![word]),
        }
    }
    passages.into_iter().map(cue).collect()
}

/// Characters of words on one line.
fn width(words: &[CaptionWord]) -> usize {
    words.iter().map(|word| word.text.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

/// On one line where they fit, else on two that are as equal as can be.
fn cue(words: Vec<CaptionWord>) -> Cue {
    let (start, end) =
        (words.first().map_or(0.0, |word| word.start), words.last().map_or(0.0, |word| word.end));
    let widest = |cut: &usize| width(&words[..*cut]).max(width(&words[*cut..]));
    let cut = (1..words.len()).filter(|_| width(&words) > LINE_CHARS).min_by_key(widest);
    let lines = match cut {
        Some(cut) => vec![0..cut, cut..words.len()],
        None => std::iter::once(0..words.len()).collect(),
    };
    Cue { start, end, words, lines }
}

/// Chapters and turns with their times, to be read.
fn text(podcast: &Podcast, rundown: &Rundown) -> String {
    let mut out = format!("{}\n", podcast.title);
    let mut chapters = rundown.chapters.iter().peekable();
    for (turn, time) in podcast.turns.iter().zip(&rundown.turns) {
        while let Some(chapter) = chapters.next_if(|chapter| chapter.start <= time.start) {
            write!(out, "\n[{}] {}\n", stamp(chapter.start), chapter.title).expect(STRING);
        }
        write!(out, "\n[{}] {}: {}\n", stamp(time.start), turn.speaker, turn.text).expect(STRING);
    }
    out
}

const STRING: &str = "writing to a String cannot fail";

fn stamp(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{:02}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// As the Podcasting 2.0 namespace has it ("JSON Chapters", version 1.2.0).
fn chapters(rundown: &Rundown) -> Value {
    let ms = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
    let chapters = rundown.chapters.iter();
    let chapters =
        chapters.map(|c| json!({ "startTime": ms(c.start), "endTime": ms(c.end), "title": c.title }));
    json!({ "version": "1.2.0", "chapters": chapters.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<CaptionWord> {
        let word = |(n, text): (usize, &str)| CaptionWord {
            text: text.to_owned(),
            start: n as f64 * 0.4,
            end: n as f64 * 0.4 + 0.3,
        };
        text.split_whitespace().enumerate().map(word).collect()
    }

    #[test]
    fn a_cue_holds_about_a_sentence_on_two_lines_at_most() {
        let text = "The Earth is a poor clock. Tides slow it down, so its days do not quite fit our seconds. Indeed.";
        let lines: Vec<Vec<String>> = passages(words(text)).iter().map(Cue::text_lines).collect();
        let second = vec!["Tides slow it down, so its days", "do not quite fit our seconds."];
        assert_eq!(lines, [vec!["The Earth is a poor clock."], second, vec!["Indeed."]]);
    }

    proptest! {
        #[test]
        fn every_word_is_shown_once_and_no_cue_is_too_long(text in "([a-z]{1,12}[.,!]? ){0,60}") {
            let words = words(&text);
            let cues = passages(words.clone());
            let shown: Vec<CaptionWord> = cues.iter().flat_map(|cue| cue.words.clone()).collect();
            prop_assert_eq!(shown, words);
            for cue in &cues {
                prop_assert!(width(&cue.words) <= CUE_CHARS && cue.lines.len() <= 2 && cue.start < cue.end);
                let lined: usize = cue.lines.iter().map(|line| line.len()).sum();
                prop_assert_eq!(lined, cue.words.len());
            }
        }
    }
}
