//! A script written back as Markdown.

use super::{PictureWish, Scene, Script};
use std::fmt::Write;

/// Markdown that parses to `script` again.
pub(super) fn markdown(script: &Script) -> String {
    let mut out = front_matter(script);
    for (number, scene) in script.scenes.iter().enumerate() {
        if !out.is_empty() {
            out.push('\n');
        }
        match &scene.heading {
            Some(heading) => writeln!(out, "## {}\n", escape(heading).replace('#', "\\#")),
            None if number > 0 => writeln!(out, "***\n"),
            None => Ok(()),
        }
        .expect("writing to a String cannot fail");
        self::scene(&mut out, scene);
    }
    out
}

fn front_matter(script: &Script) -> String {
    let settings = Script { scenes: Vec::new(), ..script.clone() };
    let value = serde_json::to_value(settings).expect("strings and numbers are always JSON");
    let lines: Vec<String> = super::values::SETTINGS
        .iter()
        .filter_map(|key| value.get(key).map(|value| format!("{key}: {value}\n")))
        .collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("---\n{}---\n", lines.concat()),
    }
}

fn scene(out: &mut String, scene: &Scene) {
    let mut lines = Vec::new();
    match &scene.picture {
        Some(PictureWish::File(path)) => lines.push(format!("![](<{}>)", escape(path))),
        Some(PictureWish::Prompt(prompt)) => lines.push(format!("picture: {}", escape(prompt))),
        None => {}
    }
    if let Some(pause) = scene.pause {
        lines.push(format!("pause: {pause}"));
    }
    lines.extend(scene.text.split("\n\n").map(paragraph));
    out.push_str(&lines.join("\n\n"));
    out.push('\n');
}

/// Escapes every character that means something inside a line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>&~|".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Escapes also what means something at the start of a line.
fn paragraph(text: &str) -> String {
    let escaped = escape(text);
    if super::lines::directive(text).is_some() {
        return format!("\\{escaped}");
    }
    let digits = escaped.bytes().take_while(u8::is_ascii_digit).count();
    match escaped.chars().next() {
        Some('#' | '-' | '+' | '=') => format!("\\{escaped}"),
        Some('0'..='9') if escaped[digits..].starts_with(['.', ')']) => {
            format!("{}\\{}", &escaped[..digits], &escaped[digits..])
        }
        _ => escaped,
    }
}
