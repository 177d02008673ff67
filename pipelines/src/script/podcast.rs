//! The script of an episode: settings, then `# Chapter` headings and lines such as `Ada: Hello.`
//!
//! Lines are those of a dialogue ([`crate::dialogue`]); emphasis, links and comments are Markdown's. `docs/podcast.md`
//! is the reference.

use super::front_matter;
use super::inline;
use super::lines::{is_definition, is_rule, strip_marker, trim_closing};
use super::markdown::{READABLE, check_size, control_character, mark, mask_comments, unspeakable};
use super::node::{Node, Value};
use super::place::{Document, Source};
use super::values::{self, line, number};
use super::{Music, ScriptError, limits};
use crate::dialogue::{LOST_PAUSE, MOST_BYTES, MOST_NAME, NOBODY, Reader, Turn, USUAL_PAUSE, escaped};
use std::collections::BTreeMap;
use std::ops::Range;

/// Turns of a script at most: some hours of talk.
pub const TURNS: usize = 1000;
/// Characters of one turn at most: some three minutes.
pub const TURN_CHARS: usize = 3000;
/// Chapters of a script at most.
pub const CHAPTERS: usize = 100;
/// Characters of names of people and shows at most.
const NAME_CHARS: usize = 100;
/// Characters of a voice's name or of a mixture at most.
pub(crate) const VOICE_CHARS: usize = 200;
/// Characters of the description at most: what Apple Podcasts takes of an episode's.
const DESCRIPTION_CHARS: usize = 4000;
/// Silence before a chapter's first word, in seconds, where nothing is said of it: long enough for the music to rise.
const CHAPTER_PAUSE: f64 = 1.8;
/// Seconds for which the intro may be heard alone, and the outro.
const ALONE: (f64, f64) = (0.5, 60.0);
/// Silence between turns that a script may set, in seconds.
const PAUSE: (f64, f64) = (0.0, 10.0);

/// The settings of an episode, in the order in which they are documented.
const SETTINGS: &[&str] = &[
    "title",
    "author",
    "show",
    "description",
    "language",
    "voices",
    "speed",
    "pause",
    "music",
    "cover",
    "style",
    "seed",
];
const MUSIC: &[&str] = &["intro", "bed", "outro", "intro_seconds", "outro_seconds"];

/// A value of an episode's script that can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EpisodeField {
    /// The whole script.
    Script,
    /// A setting by its name; those of `music` are written `music.bed`.
    Setting(&'static str),
    /// The voice of a speaker.
    Voice(String),
    /// A turn, from 0.
    Turn(usize),
    /// A chapter's heading, from 0.
    Chapter(usize),
    /// The line of a pause after which nothing is said.
    LostPause,
}

/// An episode's script with the text it came from.
pub type EpisodeDocument = Document<Episode, EpisodeField>;

/// What the script of an episode says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Episode {
    /// Title of the episode.
    pub title: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// The show that it belongs to.
    pub show: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// The voice of each speaker.
    pub voices: BTreeMap<String, String>,
    /// Speaking rate of turns that name none, 0.5 to 2.
    pub speed: Option<f32>,
    /// Music before, under and after the voices.
    pub music: EpisodeMusic,
    /// A picture file.
    pub cover: Option<String>,
    /// Palette of the cover.
    pub style: Option<String>,
    /// Seed of every random draw.
    pub seed: Option<u64>,
    /// The chapters in order; none where there are no headings.
    pub chapters: Vec<ChapterStart>,
    /// What is said, in order.
    pub turns: Vec<Turn>,
}

/// Music before, under and after the voices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EpisodeMusic {
    /// Before the first word.
    pub intro: Option<Music>,
    /// Under the voices.
    pub bed: Option<Music>,
    /// After the last word.
    pub outro: Option<Music>,
    /// Seconds for which the intro is heard before the first word.
    pub intro_seconds: Option<f64>,
    /// Seconds for which the outro is heard after the last word.
    pub outro_seconds: Option<f64>,
}

/// Where a chapter begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChapterStart {
    /// Its heading.
    pub title: String,
    /// Its first turn, from 0.
    pub turn: usize,
}

/// Parses the script of an episode; `name` stands for it in messages.
///
/// # Errors
/// The first mistake, with its line and column and what was expected.
pub fn parse_episode(source: &str, name: &str) -> Result<EpisodeDocument, ScriptError> {
    let source = Source::new(name, source);
    check_size(&source, MOST_BYTES)?;
    let start = mark(&source);
    let mut parser = Parser {
        source: &source,
        episode: Episode::default(),
        places: BTreeMap::new(),
        reader: Reader::new(USUAL_PAUSE),
        pause: USUAL_PAUSE,
    };
    let body = match front_matter::find(&source, start)? {
        Some((settings, body)) => {
            front_matter::read(&source, settings, &mut |key, node| parser.setting(key, node))?;
            body
        }
        None => start,
    };
    let masked = mask_comments(&source, body)?;
    let first = source.position(body).line;
    let mut at = body;
    for (number, line) in masked.split_inclusive('\n').enumerate() {
        parser.line(line.trim_end(), at, first + number)?;
        at += line.len();
    }
    let Parser { mut episode, mut places, reader, .. } = parser;
    let lost = reader.lost_pause();
    episode.turns = reader.turns;
    if let Some(line) = lost {
        let before = source.text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
        places.insert(EpisodeField::LostPause, before..before);
    }
    let document = Document { script: episode, source, places };
    check(&document)?;
    if lost.is_some() {
        return Err(document.error(EpisodeField::LostPause, LOST_PAUSE, EXPECTED));
    }
    Ok(document)
}

struct Parser<'a> {
    source: &'a Source,
    episode: Episode,
    places: BTreeMap<EpisodeField, Range<usize>>,
    reader: Reader,
    /// Silence between turns.
    pause: f64,
}

impl Parser<'_> {
    fn setting(&mut self, (name, at): (&str, &Range<usize>), node: &Node) -> Result<(), ScriptError> {
        let (source, episode) = (self.source, &mut self.episode);
        match name {
            "title" => episode.title = Some(line(source, node, "a title", limits::TITLE_CHARS)?),
            "author" => episode.author = Some(line(source, node, "a name", NAME_CHARS)?),
            "show" => episode.show = Some(line(source, node, "a show's name", NAME_CHARS)?),
            "description" => {
                episode.description = Some(line(source, node, "a description", DESCRIPTION_CHARS)?);
            }
            "language" => episode.language = Some(line(source, node, "a language, for example `en-GB`", 35)?),
            "voices" => return self.voices(node),
            "speed" => {
                episode.speed = Some(number(source, node, "a speaking rate", limits::SPEED)? as f32);
            }
            "pause" => {
                self.pause = number(source, node, "a pause in seconds", PAUSE)?;
                self.reader.usual_pause(self.pause);
            }
            "music" => return self.music(node),
            "cover" => episode.cover = Some(path(source, node)?),
            "style" => episode.style = Some(line(source, node, "a palette's name", 100)?),
            "seed" => episode.seed = Some(values::seed(source, node)?),
            _ => return Err(values::unknown_key(source, name, at, SETTINGS)),
        }
        let known = SETTINGS.iter().find(|known| **known == name);
        self.places.extend(known.map(|name| (EpisodeField::Setting(name), node.range.clone())));
        Ok(())
    }

    fn voices(&mut self, node: &Node) -> Result<(), ScriptError> {
        for (speaker, at, node) in map(self.source, node, "a voice for each speaker, as `Ada: bf_emma`")? {
            let chars = speaker.chars().count();
            if speaker.trim() != speaker || speaker.contains([':', '\n']) || !(1..=MOST_NAME).contains(&chars)
            {
                let expected =
                    format!("1 to {MOST_NAME} characters without a colon, as a line may begin with them");
                return Err(self.source.error(at.clone(), "this is no speaker's name", expected));
            }
            let expected = "a voice's name or a mixture, for example `bf_emma`";
            let voice = line(self.source, node, expected, VOICE_CHARS)?;
            self.reader.known(speaker);
            self.episode.voices.insert(speaker.clone(), voice);
            self.places.insert(EpisodeField::Voice(speaker.clone()), node.range.clone());
        }
        Ok(())
    }

    fn music(&mut self, node: &Node) -> Result<(), ScriptError> {
        let expected = "`intro:`, `bed:` or `outro:`, each with a sound file, below `music:`";
        for (name, at, node) in map(self.source, node, expected)? {
            let (source, music) = (self.source, &mut self.episode.music);
            let seconds = || number(source, node, "seconds of music alone", ALONE).map(Some);
            let field = match name.as_str() {
                "intro" => (&mut music.intro, "music.intro"),
                "bed" => (&mut music.bed, "music.bed"),
                "outro" => (&mut music.outro, "music.outro"),
                "intro_seconds" => {
                    music.intro_seconds = seconds()?;
                    continue;
                }
                "outro_seconds" => {
                    music.outro_seconds = seconds()?;
                    continue;
                }
                other => return Err(values::unknown_key(source, other, at, MUSIC)),
            };
            *field.0 = Some(values::music(source, node)?);
            self.places.insert(EpisodeField::Setting(field.1), node.range.clone());
        }
        Ok(())
    }

    /// Reads line `number` of the script, which starts at byte `at`.
    fn line(&mut self, line: &str, at: usize, number: usize) -> Result<(), ScriptError> {
        let text = line.trim_start();
        let range = at + line.len() - text.len()..at + line.len();
        if text.is_empty() {
            return Ok(());
        }
        if let Some(message) = control_character(text, '\t') {
            return Err(self.source.error(range, message, READABLE));
        }
        if text.starts_with('#') {
            return self.heading(text, range);
        }
        // `[^1]: a source` and `[name]: an address` are for readers.
        if is_definition(text) {
            return Ok(());
        }
        let problem = match is_rule(text) {
            true => Some("a rule says nothing here"),
            false => unspeakable(text),
        };
        if let Some(problem) = problem {
            let expected = "lines such as `Ada: Hello.`; `[pause 1s]` is silence, `# ` starts a chapter";
            return Err(self.source.error(range, problem, expected));
        }
        let before = self.reader.turns.len();
        let text = strip_marker(text).0;
        let spoken = inline::spoken(text);
        let read = match escaped(text) {
            true => self.reader.goes_on(&spoken, number),
            false => self.reader.line(&spoken, number),
        };
        read.map_err(|why| self.source.error(range.clone(), why, EXPECTED))?;
        for turn in before..self.reader.turns.len() {
            self.places.insert(EpisodeField::Turn(turn), range.clone());
        }
        Ok(())
    }

    fn heading(&mut self, text: &str, range: Range<usize>) -> Result<(), ScriptError> {
        let level = text.bytes().take_while(|b| *b == b'#').count();
        let rest = &text[level..];
        let title = inline::spoken(trim_closing(rest.trim()));
        let chars = title.chars().count();
        let problem = match level {
            2.. => Some("chapters have no parts; every heading is written with one `#`".to_owned()),
            _ if !rest.starts_with([' ', '\t']) => Some("a space is missing after `#`".to_owned()),
            _ if chars == 0 => Some("the chapter's title is missing".to_owned()),
            _ if chars > limits::TITLE_CHARS => Some(format!("the chapter's title has {chars} characters")),
            _ => None,
        };
        if let Some(problem) = problem {
            let expected = format!("`# ` and a chapter's title of 1 to {} characters", limits::TITLE_CHARS);
            return Err(self.source.error(range, problem, expected));
        }
        self.reader.part(self.pause.max(CHAPTER_PAUSE));
        self.places.insert(EpisodeField::Chapter(self.episode.chapters.len()), range);
        self.episode.chapters.push(ChapterStart { title, turn: self.reader.turns.len() });
        Ok(())
    }
}

/// What may stand on a line.
const EXPECTED: &str = "`Name: what is said`, with `[pause 0.5s]` and `[speed 1.2]` where wanted";

type Entry = (String, Range<usize>, Node);

fn map<'a>(source: &Source, node: &'a Node, expected: &str) -> Result<&'a [Entry], ScriptError> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        other => Err(source.error(node.range.clone(), format!("found {}", other.describe()), expected)),
    }
}

fn path(source: &Source, node: &Node) -> Result<String, ScriptError> {
    let path = line(source, node, "the path of a picture", limits::PATH_CHARS)?;
    match values::not_a_path(&path) {
        Some(problem) => {
            Err(source.error(node.range.clone(), problem, "the path of a JPEG, PNG or WebP file"))
        }
        None => Ok(path),
    }
}

fn check(document: &EpisodeDocument) -> Result<(), ScriptError> {
    let Episode { turns, chapters, .. } = &document.script;
    if turns.is_empty() {
        return Err(document.error(EpisodeField::Script, "nobody says anything", NOBODY));
    }
    if turns.len() > TURNS {
        let message = format!("the script has {} turns", turns.len());
        let expected = format!("at most {TURNS}; divide the episode");
        return Err(document.error(EpisodeField::Turn(TURNS), message, expected));
    }
    if chapters.len() > CHAPTERS {
        let message = format!("the script has {} chapters", chapters.len());
        return Err(document.error(EpisodeField::Chapter(CHAPTERS), message, format!("at most {CHAPTERS}")));
    }
    for (number, chapter) in chapters.iter().enumerate() {
        let end = chapters.get(number + 1).map_or(turns.len(), |next| next.turn);
        if chapter.turn == end {
            let field = EpisodeField::Chapter(number);
            return Err(document.error(field, "nobody says anything in this chapter", EXPECTED));
        }
    }
    for (number, turn) in turns.iter().enumerate() {
        let chars = turn.text.chars().count();
        let problem = match super::count_words(&turn.text) {
            0 => format!("{} says nothing that can be spoken", turn.speaker),
            _ if chars > TURN_CHARS => format!("{} says {chars} characters at a stretch", turn.speaker),
            _ => continue,
        };
        let expected =
            format!("words, at most {TURN_CHARS} characters of them; `[pause 0s]` begins another turn");
        return Err(document.error(EpisodeField::Turn(number), problem, expected));
    }
    Ok(())
}
