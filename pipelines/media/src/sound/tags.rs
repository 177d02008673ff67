//! What an episode's file says of itself: title, author, chapters and cover, as ffmpeg reads them (FFMETADATA1).

use super::invalid;
use crate::publish::temporary;
use crate::{MediaError, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The most chapters: ID3's table of contents counts them in a byte ("ID3v2 Chapter Frame Addendum", section 3.2).
pub const MOST_CHAPTERS: usize = 255;

/// A part of an episode with a title.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// What it is called.
    pub title: String,
    /// In seconds.
    pub start: f64,
    /// In seconds, after `start`.
    pub end: f64,
}

/// Tags of an MP3 file. An empty text is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tags {
    /// Of the episode.
    pub title: String,
    /// Who made it.
    pub artist: String,
    /// The show that it belongs to.
    pub album: String,
    /// What it is about.
    pub comment: String,
    /// ISO 639-2 code, for example `eng`.
    pub language: String,
    /// In order, at most [`MOST_CHAPTERS`].
    pub chapters: Vec<Chapter>,
    /// A JPEG or PNG file.
    pub cover: Option<PathBuf>,
}

impl Tags {
    /// Writes them to a file beside `out`, which is removed when dropped.
    ///
    /// # Errors
    /// `InvalidInput` for too many chapters or one that does not end after its start; `DiskFull` or `Io`.
    pub(super) fn write(&self, out: &Path) -> Result<NamedTempFile> {
        if self.chapters.len() > MOST_CHAPTERS
            || self.chapters.iter().any(|c| milliseconds(c).1 <= milliseconds(c).0)
        {
            return Err(invalid(format!(
                "an episode has at most {MOST_CHAPTERS} chapters, each of a millisecond at least"
            )));
        }
        let mut file = temporary(out)?;
        let written = file.write_all(self.metadata().as_bytes()).and_then(|()| file.flush());
        written.map_err(|e| MediaError::io(format!("write {}", out.display()), e))?;
        Ok(file)
    }

    /// As ffmpeg's manual has it in "Metadata".
    fn metadata(&self) -> String {
        let mut text = String::from(";FFMETADATA1\n");
        let genre = "Podcast".to_owned();
        for (key, value) in [
            ("title", &self.title),
            ("artist", &self.artist),
            ("album", &self.album),
            ("comment", &self.comment),
            ("language", &self.language),
            ("genre", &genre),
        ] {
            if !value.is_empty() {
                writeln!(text, "{key}={}", escaped(value)).expect("writing to a String cannot fail");
            }
        }
        for chapter in &self.chapters {
            let ((start, end), title) = (milliseconds(chapter), escaped(&chapter.title));
            writeln!(text, "[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}")
                .expect("writing to a String cannot fail");
        }
        text
    }
}

fn milliseconds(chapter: &Chapter) -> (u64, u64) {
    let ms = |seconds: f64| (seconds.max(0.0) * 1000.0).round() as u64;
    (ms(chapter.start), ms(chapter.end))
}

/// Line ends would begin another tag.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '=' | ';' | '#' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_ffmpeg_is_escaped() {
        let tags = Tags {
            title: "a=b; #1 \\ c\n[CHAPTER]".into(),
            chapters: vec![Chapter { title: "One".into(), start: 0.0, end: 1.5 }],
            ..Tags::default()
        };
        assert_eq!(
            tags.metadata(),
            ";FFMETADATA1\ntitle=a\\=b\\; \\#1 \\\\ c [CHAPTER]\ngenre=Podcast\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\n\
             END=1500\ntitle=One\n"
        );
    }
}
