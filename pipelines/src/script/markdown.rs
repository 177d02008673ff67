//! A script as Markdown: a line-by-line reader that keeps every byte's place.

use super::lines::{directive, is_definition, is_rule, link_target, strip_marker, trim_closing};
use super::place::{Document, Field, Source};
use super::values::{self, Places, SETTINGS};
use super::{PictureWish, Scene, Script, ScriptError, count_words, front_matter, inline, limits};
use std::ops::Range;

/// Parses a script written as Markdown; `name` stands for it in messages.
///
/// # Errors
/// The first mistake, with its line and column and what was expected.
pub fn parse_markdown(source: &str, name: &str) -> Result<Document, ScriptError> {
    let source = Source::new(name, source);
    check_size(&source, limits::SCRIPT_BYTES)?;
    let start = mark(&source);
    let mut script = Script::default();
    let mut places = Places::new();
    let body = match front_matter::find(&source, start)? {
        Some((settings, body)) => {
            front_matter::read(&source, settings, &mut |key, node| {
                values::take(&source, &mut script, &mut places, key, node, SETTINGS)
            })?;
            body
        }
        None => start,
    };
    let masked = mask_comments(&source, body)?;
    let mut reader = Reader { source: &source, script, places, paragraph: None };
    let mut at = body;
    for line in masked.split_inclusive('\n') {
        reader.line(line.trim_end(), at)?;
        at += line.len();
    }
    reader.close_paragraph();
    let Reader { script, places, .. } = reader;
    let document = Document { script, source, places };
    check(&document)?;
    Ok(document)
}

/// Bytes of a byte order mark at the start.
pub(super) fn mark(source: &Source) -> usize {
    if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

/// Refuses a text that is too long before anything reads it.
pub(super) fn check_size(source: &Source, most: usize) -> Result<(), ScriptError> {
    match source.text.len() <= most {
        true => Ok(()),
        false => {
            let message = format!("the script has {} bytes", source.text.len());
            Err(source.error(0..0, message, format!("at most {most} bytes")))
        }
    }
}

/// The body with comments turned into spaces, so that every place stays what it was.
pub(super) fn mask_comments(source: &Source, body: usize) -> Result<String, ScriptError> {
    let text = &source.text[body..];
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find("<!--") {
        let open = at + found;
        out.push_str(&text[at..open]);
        if text[..open].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1 {
            out.push_str("<!--");
            at = open + 4;
            continue;
        }
        let Some(length) = text[open..].find("-->") else {
            let range = body + open..body + open + 4;
            return Err(source.error(range, "the comment that starts here does not end", "`-->`"));
        };
        at = open + length + 3;
        out.extend(text[open..at].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
    }
    out.push_str(&text[at..]);
    Ok(out)
}

struct Reader<'a> {
    source: &'a Source,
    script: Script,
    places: Places,
    /// Text of the paragraph being read and its bytes in the source.
    paragraph: Option<(String, Range<usize>)>,
}

impl Reader<'_> {
    /// Reads one line that starts at byte `at` of the source.
    fn line(&mut self, line: &str, at: usize) -> Result<(), ScriptError> {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim_start();
        let range = at + indent..at + line.len();
        if text.is_empty() {
            self.close_paragraph();
            return Ok(());
        }
        if let Some(message) = control_character(text, '\t') {
            return Err(self.source.error(range, message, READABLE));
        }
        if text.starts_with('#') {
            return self.heading(text, range);
        }
        if is_rule(text) {
            self.open_scene(None, range);
            return Ok(());
        }
        if text.starts_with("![") {
            return self.picture_link(text, range);
        }
        if let Some((word, value)) = directive(text) {
            return self.directive(word, value, range);
        }
        if is_definition(text) {
            self.close_paragraph();
            return Ok(());
        }
        self.narration(text, range)
    }

    fn narration(&mut self, text: &str, range: Range<usize>) -> Result<(), ScriptError> {
        if let Some(problem) = unspeakable(text) {
            return Err(self.source.error(range, problem, "narration in plain sentences"));
        }
        let (text, item) = strip_marker(text);
        if item {
            self.close_paragraph();
        }
        // A backslash before a word with a colon: narration that only looks like a directive.
        let text = match text.strip_prefix('\\') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
            _ => text,
        };
        match &mut self.paragraph {
            Some((paragraph, bytes)) => {
                paragraph.push(' ');
                paragraph.push_str(text);
                bytes.end = range.end;
            }
            None => self.paragraph = Some((text.to_owned(), range)),
        }
        Ok(())
    }

    /// Ends the paragraph being read and gives it to the scene.
    fn close_paragraph(&mut self) {
        let Some((text, range)) = self.paragraph.take() else { return };
        let spoken = inline::spoken(&text);
        if spoken.is_empty() {
            return;
        }
        let number = self.scene(&range);
        let scene = &mut self.script.scenes[number];
        if !scene.text.is_empty() {
            scene.text.push_str("\n\n");
        }
        scene.text.push_str(&spoken);
        self.places.entry(Field::Text(number)).and_modify(|r| r.end = range.end).or_insert(range);
    }

    /// The scene being read; opens the first one if there is none.
    fn scene(&mut self, at: &Range<usize>) -> usize {
        if self.script.scenes.is_empty() {
            self.open_scene(None, at.clone());
        }
        self.script.scenes.len() - 1
    }

    fn open_scene(&mut self, heading: Option<String>, range: Range<usize>) {
        self.close_paragraph();
        let number = self.script.scenes.len();
        if heading.is_some() {
            self.places.insert(Field::Heading(number), range.clone());
        }
        self.places.insert(Field::Scene(number), range);
        self.script.scenes.push(Scene { heading, ..Scene::default() });
    }

    fn heading(&mut self, text: &str, range: Range<usize>) -> Result<(), ScriptError> {
        let level = text.bytes().take_while(|b| *b == b'#').count();
        let rest = &text[level..];
        let title = inline::spoken(trim_closing(rest.trim()));
        let (what, max) = match level {
            1 => ("a title", limits::TITLE_CHARS),
            _ => ("a heading", limits::HEADING_CHARS),
        };
        let expected = format!("`{} ` and {what} of 1 to {max} characters", "#".repeat(level.min(2)));
        let chars = title.chars().count();
        let problem = match level {
            3.. => Some("scenes have no parts; every heading is written with `##`".to_owned()),
            _ if !rest.starts_with([' ', '\t']) => Some("a space is missing after `#`".to_owned()),
            _ if chars == 0 => Some(format!("{what} is missing")),
            _ if chars > max => Some(format!("{what} has {chars} characters")),
            1 if self.script.title.is_some() => Some("the script has a title already".to_owned()),
            1 if !self.script.scenes.is_empty() || self.paragraph.is_some() => {
                Some("the title comes before the first scene".to_owned())
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(self.source.error(range, problem, expected));
        }
        match level {
            1 => {
                self.places.insert(Field::Title, range);
                self.script.title = Some(title);
            }
            _ => self.open_scene(Some(title), range),
        }
        Ok(())
    }

    fn picture_link(&mut self, text: &str, range: Range<usize>) -> Result<(), ScriptError> {
        let expected = "`![what it shows](path of a JPEG, PNG or WebP file)` on a line of its own";
        let Some(path) = link_target(text) else {
            return Err(self.source.error(range, "the picture cannot be read", expected));
        };
        let problem = match path.chars().count() {
            0 => Some("the picture's path is empty".to_owned()),
            n if n > limits::PATH_CHARS => Some(format!("the picture's path has {n} characters")),
            _ => values::not_a_path(&path),
        };
        match problem {
            Some(problem) => Err(self.source.error(range, problem, expected)),
            None => self.picture(PictureWish::File(path), range),
        }
    }

    fn picture(&mut self, wish: PictureWish, range: Range<usize>) -> Result<(), ScriptError> {
        self.close_paragraph();
        let number = self.scene(&range);
        let scene = &mut self.script.scenes[number];
        if scene.picture.is_some() {
            let message = "the scene has a picture already";
            return Err(self.source.error(
                range,
                message,
                "one picture a scene; `## ` starts the next scene",
            ));
        }
        scene.picture = Some(wish);
        self.places.insert(Field::Picture(number), range);
        Ok(())
    }

    fn directive(&mut self, word: &str, value: &str, range: Range<usize>) -> Result<(), ScriptError> {
        let value = inline::unescape(&value.split_whitespace().collect::<Vec<_>>().join(" "));
        match word {
            "picture" => {
                let chars = value.chars().count();
                if chars == 0 || chars > limits::PROMPT_CHARS {
                    let message = format!("the picture's description has {chars} characters");
                    let expected = format!(
                        "`picture: ` and a description of 1 to {} characters; a file is written \
                         `![what it shows](path)`",
                        limits::PROMPT_CHARS
                    );
                    return Err(self.source.error(range, message, expected));
                }
                self.picture(PictureWish::Prompt(value), range)
            }
            "pause" => self.pause(&value, range),
            word => Err(self.source.error(
                range.start..range.start + word.len(),
                format!("`{word}:` means nothing here"),
                format!(
                    "`picture:` or `pause:` in a scene; settings such as `title:` stand in the front matter; \
                     narration that starts so is written `\\{word}:`"
                ),
            )),
        }
    }

    fn pause(&mut self, value: &str, range: Range<usize>) -> Result<(), ScriptError> {
        self.close_paragraph();
        let (low, high) = limits::PAUSE;
        let number = self.scene(&range);
        let pause = value.parse().ok().filter(|p| (low..=high).contains(p));
        match (pause, self.script.scenes[number].pause) {
            (Some(_), Some(_)) => {
                Err(self.source.error(range, "the scene has a pause already", "one `pause:` a scene"))
            }
            (Some(pause), None) => {
                self.script.scenes[number].pause = Some(pause);
                self.places.insert(Field::ScenePause(number), range);
                Ok(())
            }
            (None, _) => {
                let expected =
                    format!("`pause: ` and seconds from {low} to {high}, for example `pause: 0.8`");
                Err(self.source.error(range, format!("found `{value}`"), expected))
            }
        }
    }
}

/// Why a line cannot be spoken, if so.
pub(super) fn unspeakable(line: &str) -> Option<&'static str> {
    match line {
        t if t.starts_with("```") || t.starts_with("~~~") => Some("a block of code cannot be spoken"),
        t if t.starts_with('|') => Some("a table cannot be spoken"),
        t if t.contains("![") && !t.contains("\\![") => Some("a picture stands on a line of its own"),
        _ => None,
    }
}

/// What holds for every script, Markdown or JSON.
pub(super) fn check(document: &Document) -> Result<(), ScriptError> {
    let scenes = &document.script.scenes;
    if scenes.iter().all(|scene| count_words(&scene.text) == 0) {
        return Err(document.error(
            Field::Script,
            "the script says nothing",
            "at least one sentence of narration",
        ));
    }
    if scenes.len() > limits::SCENES {
        let message = format!("the script has {} scenes", scenes.len());
        return Err(document.error(
            Field::Scene(limits::SCENES),
            message,
            format!("at most {}", limits::SCENES),
        ));
    }
    scenes.iter().enumerate().try_for_each(|(number, scene)| check_scene(document, number, scene))
}

fn check_scene(document: &Document, number: usize, scene: &Scene) -> Result<(), ScriptError> {
    let words = count_words(&scene.text);
    if words == 0 {
        let expected = "at least one sentence of narration in every scene";
        return Err(document.error(Field::Scene(number), "this scene says nothing", expected));
    }
    // What parts paragraphs is the only control character that is left of a narration.
    if let Some(message) = control_character(&scene.text, '\n') {
        return Err(document.error(Field::Text(number), message, READABLE));
    }
    let chars = scene.text.chars().count();
    let found = match (words > limits::SCENE_WORDS, chars > limits::SCENE_CHARS) {
        (true, _) => format!("this scene has {words} words"),
        (false, true) => format!("this scene has {chars} characters"),
        (false, false) => return Ok(()),
    };
    let expected = format!(
        "at most {} words and {} characters a scene (a video of 60 s holds about 170 words); `## ` starts the \
         next scene",
        limits::SCENE_WORDS,
        limits::SCENE_CHARS
    );
    Err(document.error(Field::Text(number), found, expected))
}

/// What is expected instead of a control character.
pub(super) const READABLE: &str = "readable text in UTF-8";

/// Names the first control character of a text, but for `allowed`.
pub(super) fn control_character(text: &str, allowed: char) -> Option<String> {
    let found = text.chars().find(|c| c.is_control() && *c != allowed)?;
    Some(format!("found the control character U+{:04X}", u32::from(found)))
}
