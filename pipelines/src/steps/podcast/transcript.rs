//! Step `transcript`: who said what and when, as subtitles, as text, and the chapters as players read them.

use super::rundown;
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::Result;
use crate::rundown::Rundown;
use crate::spec::Podcast;
use crate::steps::facts::most;
use crate::steps::{recipe_of_many, spoken};
use crate::timing::Spoken;
use crate::workflows::podcast::voice_stage;
use reelsmith_media::captions::{CaptionWord, Cue};
use reelsmith_media::probe::Check;
use reelsmith_media::subtitles::{Said, srt_of_speakers, vtt_of_speakers};
use serde_json::{Value, json};
use std::fmt::Write;

const VERSION: u32 = 2;

/// Writes it down.
///
/// Outputs: `transcript.srt`, `transcript.vtt`, `transcript.txt` and `chapters.json`. Detail: `words`.
pub(crate) async fn run(podcast: &Podcast, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 1, "files")?;
    let (spoken, mut inputs) = spoken(context, &voice_stage(podcast)).await?;
    let (rundown, times) = rundown(context).await?;
    inputs.push(times);
    let turns = shown(podcast, &rundown, &spoken);
    let said: Vec<Said> = turns.iter().flat_map(|turn| turn.said()).collect();
    let words: usize = said.iter().map(|said| said.cue.words.len()).sum();
    let json = serde_json::to_string_pretty(&chapters(&rundown)).expect("texts and numbers are always JSON");
    let files = [
        ("transcript.srt", "application/x-subrip", srt_of_speakers(&said)),
        ("transcript.vtt", "text/vtt", vtt_of_speakers(&said)),
        ("transcript.txt", "text/plain; charset=utf-8", text(podcast, &rundown)),
        ("chapters.json", "application/json+chapters", json),
    ];
    let recipe = recipe_of_many("transcript", VERSION, &inputs, json!({}));
    let mut artifacts = Vec::new();
    for (name, media_type, text) in files {
        artifacts
            .push(context.keep_bytes(text, Kept { name: name.into(), media_type, recipe: &recipe }).await?);
    }
    Ok(StepOutput { artifacts, detail: json!({ "words": words }) })
}

/// Whether a written `.srt` says all that was spoken, in order and under the names of who did, and is over with the
/// episode.
pub(super) fn checks(srt: &str, podcast: &Podcast, spoken: &[Spoken], seconds: f64) -> [Check; 2] {
    let Written { text, end } = read(srt);
    let turns = podcast.turns.iter().zip(spoken);
    let turns = turns.filter_map(|(turn, spoken)| {
        let words: Vec<&str> = spoken.words.iter().map(|word| word.text.trim()).collect();
        let words = words.join(" ");
        (!words.trim().is_empty()).then(|| format!("{}: {words}", turn.speaker))
    });
    // As an arrow is written: many players would read a line with another as times.
    let told = turns.collect::<Vec<_>>().join(" ").replace("-->", "→");
    let count = |text: &str| text.split_whitespace().count();
    let same = text.split_whitespace().eq(told.split_whitespace());
    let (expected, found) = (count(&told), count(&text));
    let found = if same || expected != found { found.to_string() } else { "others".to_owned() };
    let words = Check { name: "transcript words".into(), expected: expected.to_string(), found, ok: same };
    [most("transcript end", "s", seconds, end), words]
}

/// What a `.srt` says.
struct Written {
    /// The lines of all cues.
    text: String,
    /// When the last one goes, in seconds.
    end: f64,
}

fn read(srt: &str) -> Written {
    let mut written = Written { text: String::new(), end: 0.0 };
    for cue in srt.split("\n\n") {
        // A number, times, and the text.
        let mut lines = cue.lines().skip(1);
        let Some((_, end)) = lines.next().and_then(|times| times.split_once(" --> ")) else { continue };
        let parts = end.replace(',', ".");
        written.end =
            parts.split(':').filter_map(|part| part.parse::<f64>().ok()).fold(0.0, |s, part| s * 60.0 + part);
        for line in lines {
            written.text.push_str(line);
            written.text.push('\n');
        }
    }
    written
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
    // What comes before the first heading is a chapter too, without a turn of its own in the script.
    let before = rundown.chapters.len().saturating_sub(podcast.chapters.len());
    let first = std::iter::repeat_n(0, before).chain(podcast.chapters.iter().map(|chapter| chapter.turn));
    let mut chapters = first.zip(&rundown.chapters).peekable();
    for (n, (turn, time)) in podcast.turns.iter().zip(&rundown.turns).enumerate() {
        while let Some((_, chapter)) = chapters.next_if(|(first, _)| *first <= n) {
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
    use crate::rundown::TurnTime;
    use crate::spec::PodcastChapter;
    use proptest::prelude::*;
    use reelsmith_inference_core::speech::SpokenWord;
    use reelsmith_media::sound::Chapter;

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

    #[test]
    fn a_chapter_stands_before_its_first_turn_however_its_start_is_rounded() {
        let mut podcast = Podcast::of_turns(3);
        let chapter = |turn: usize| PodcastChapter { title: format!("Chapter {turn}"), turn };
        podcast.chapters = vec![chapter(1), chapter(2)];
        let time =
            |start: f64| TurnTime { at: start, cut_from: 0.0, cut_to: 1.0, start, end: start + 0.9997 };
        let part = |title: &str, start: f64, end: f64| Chapter { title: title.into(), start, end };
        let rundown = Rundown {
            turns: vec![time(0.0), time(0.9997), time(1.9997)],
            chapters: vec![part("All", 0.0, 1.0), part("Chapter 1", 1.0, 2.0), part("Chapter 2", 2.0, 3.0)],
            intro: None,
            bed: None,
            outro: None,
            seconds: 3.0,
        };
        let text = text(&podcast, &rundown);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once("] ").map_or(line, |l| l.1))
            .collect();
        let told = ["All", "All", "Ada: Turn 0.", "Chapter 1", "Ada: Turn 1.", "Chapter 2", "Ada: Turn 2."];
        assert_eq!(lines, told);
    }

    #[test]
    fn what_a_written_transcript_lacks_is_found() {
        let podcast = Podcast::of_turns(2);
        let said = |text: &str| {
            let word = |text: &str| SpokenWord { text: text.to_owned(), range: 0..0, start: 0.0, end: 0.3 };
            Spoken { seconds: 1.0, sample_rate: 24_000, words: text.split(' ').map(word).collect() }
        };
        let spoken = [said("Turn 0."), said("Turn 1.")];
        let whole = "1\n00:00:00,000 --> 00:00:01,000\nAda: Turn\n0.\n\n2\n00:01:00,500 --> 00:01:02,250\nAda: Turn 1.\n\n";
        let ok = |srt: &str, seconds| checks(srt, &podcast, &spoken, seconds).map(|check| check.ok);
        assert_eq!(ok(whole, 62.25), [true, true]);
        assert_eq!(ok(whole, 62.0), [false, true]);
        for (from, to) in [("Turn 1.", "Turn"), ("Turn 1.", "Turn 2."), ("Ada: Turn 1.", "Turn 1.")] {
            assert_eq!(ok(&whole.replace(from, to), 70.0), [true, false], "{to}");
        }
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
