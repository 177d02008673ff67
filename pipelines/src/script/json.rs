//! A script as JSON.

use super::node::{self, Node, Value};
use super::place::{Document, Field, Source};
use super::values::{self, Places, SETTINGS};
use super::{PictureWish, Scene, Script, ScriptError, limits, markdown};

const SCENE_KEYS: &[&str] = &["heading", "text", "picture", "pause"];

/// Parses a script written as JSON; `name` stands for it in messages.
///
/// # Errors
/// The first mistake, with its line and column and what was expected.
pub fn parse_json(source: &str, name: &str) -> Result<Document, ScriptError> {
    let source = Source::new(name, source);
    markdown::check_size(&source, super::limits::SCRIPT_BYTES)?;
    // serde_json first: what is not JSON shall not pass for being YAML.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&source.text) {
        return Err(syntax(&source, &error));
    }
    let root = node::read(&source, 0..source.text.len(), "a script as a JSON object")?;
    let mut script = Script::default();
    let mut places = Places::new();
    let known: Vec<&str> = SETTINGS.iter().copied().chain(["scenes"]).collect();
    for (key, at, node) in map(&source, &root, "a script: an object with `scenes`")? {
        match (key.as_str(), &node.value) {
            (_, Value::Null) if known.contains(&key.as_str()) && key != "scenes" => {}
            ("scenes", _) => script.scenes = scenes(&source, node, &mut places)?,
            _ => values::take(&source, &mut script, &mut places, (key, at), node, &known)?,
        }
    }
    let document = Document { script, source, places };
    markdown::check(&document)?;
    Ok(document)
}

fn syntax(source: &Source, error: &serde_json::Error) -> ScriptError {
    let line_start: usize =
        source.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    // serde_json counts bytes, and 0 for the end of the line before.
    let at = (line_start + error.column().saturating_sub(1)).min(source.text.len());
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    source.error(at..at, message, "JSON (RFC 8259)")
}

type Entry = (String, std::ops::Range<usize>, Node);

fn map<'a>(source: &Source, node: &'a Node, expected: &str) -> Result<&'a [Entry], ScriptError> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        other => {
            let at = node.range.start..node.range.start + 1;
            Err(source.error(at, format!("found {}", other.describe()), expected))
        }
    }
}

fn scenes(source: &Source, node: &Node, places: &mut Places) -> Result<Vec<Scene>, ScriptError> {
    let Value::List(items) = &node.value else {
        let message = format!("found {}", node.value.describe());
        return Err(source.error(node.range.clone(), message, "`scenes`: a list of scenes"));
    };
    items.iter().enumerate().map(|(number, item)| scene(source, number, item, places)).collect()
}

fn scene(source: &Source, number: usize, node: &Node, places: &mut Places) -> Result<Scene, ScriptError> {
    let mut scene = Scene::default();
    places.insert(Field::Scene(number), node.range.clone());
    for (key, at, node) in map(source, node, "a scene: an object with `text`")? {
        let field = match (key.as_str(), &node.value) {
            ("heading" | "picture" | "pause", Value::Null) => continue,
            ("heading", _) => {
                scene.heading = Some(values::line(source, node, "a heading", limits::HEADING_CHARS)?);
                Field::Heading(number)
            }
            ("text", Value::Text(text)) => {
                scene.text = paragraphs(text);
                Field::Text(number)
            }
            ("text", other) => {
                let message = format!("found {}", other.describe());
                return Err(source.error(node.range.clone(), message, "narration: a text"));
            }
            ("picture", _) => {
                scene.picture = Some(picture(source, node)?);
                Field::Picture(number)
            }
            ("pause", _) => {
                scene.pause = Some(values::number(source, node, "a pause in seconds", limits::PAUSE)?);
                Field::ScenePause(number)
            }
            _ => return Err(values::unknown_key(source, key, at, SCENE_KEYS)),
        };
        places.insert(field, node.range.clone());
    }
    Ok(scene)
}

fn picture(source: &Source, node: &Node) -> Result<PictureWish, ScriptError> {
    let expected = "a picture: {\"file\": path} or {\"prompt\": description}";
    match map(source, node, expected)? {
        [(key, _, value)] if key == "file" => {
            let path = values::line(source, value, "a path", limits::PATH_CHARS)?;
            match values::not_a_path(&path) {
                Some(problem) => Err(source.error(value.range.clone(), problem, expected)),
                None => Ok(PictureWish::File(path)),
            }
        }
        [(key, _, value)] if key == "prompt" => {
            values::line(source, value, "a description", limits::PROMPT_CHARS).map(PictureWish::Prompt)
        }
        [(key, at, _)] => Err(values::unknown_key(source, key, at, &["file", "prompt"])),
        entries => {
            let at = node.range.start..node.range.start + 1;
            Err(source.error(at, format!("found {} keys", entries.len()), expected))
        }
    }
}

/// Paragraphs parted by one empty line, white space inside them made single.
fn paragraphs(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.is_empty(), open, out.last_mut()) {
            (true, _, _) => open = false,
            (false, true, Some(last)) => {
                last.push(' ');
                last.push_str(&words.join(" "));
            }
            (false, _, _) => {
                out.push(words.join(" "));
                open = true;
            }
        }
    }
    out.join("\n\n")
}
