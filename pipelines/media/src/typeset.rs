//! Type: fonts from given files only, shaping, and text as outlines ready to be painted.
//!
//! No system font is ever consulted, so the same text gives the same pixels on every machine.
//! A character that the named family lacks is taken from the other loaded fonts; one that no
//! loaded font has (most emoji) is dropped, never drawn as an empty box: [`Fonts::missing`] says
//! which those are.

pub mod colour;
pub(crate) mod fit;
pub(crate) mod names;
pub(crate) mod raster;

use std::path::{Path as FilePath, PathBuf};

use cosmic_text::{
    Align, Attrs, Buffer, CacheKeyFlags, Command, Family, FontSystem, LayoutGlyph, Metrics, Shaping,
    SwashCache, Weight, Wrap, fontdb,
};
use tiny_skia::{Path, PathBuilder, Transform};

use crate::{ErrorKind, MediaError, Result};

/// The fonts that text may be set in.
pub struct Fonts {
    system: FontSystem,
    outlines: SwashCache,
    faces: Vec<LoadedFace>,
}

struct LoadedFace {
    family: String,
    weight: u16,
    id: fontdb::ID,
    /// Height of a capital letter, in ems.
    cap_height: f32,
}

/// How a run of text is set.
#[derive(Debug, Clone, Copy)]
pub struct Face<'a> {
    /// One of [`Fonts::families`].
    pub family: &'a str,
    /// Size in pixels per em.
    pub size: f32,
    /// Extra space between letters, in ems; may be negative.
    pub tracking: f32,
}

/// A run of text as one outline: the baseline starts at (0, 0), y grows downwards, pixels.
#[derive(Debug, Clone)]
pub struct Run {
    /// The letters; absent when nothing is visible (only spaces).
    pub path: Option<Path>,
    /// Advance width in pixels.
    pub width: f32,
}

impl Fonts {
    /// Loads font files (TrueType or OpenType).
    ///
    /// Fails with `Io` when a file cannot be read, `InvalidInput` when one holds no font or none is given.
    pub fn load(files: &[PathBuf]) -> Result<Fonts> {
        let mut db = fontdb::Database::new();
        // The order decides fallback; it must not depend on how the caller listed the files.
        let mut files: Vec<&PathBuf> = files.iter().collect();
        files.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
        for path in files {
            load_file(&mut db, path)?;
        }
        if db.is_empty() {
            return Err(MediaError::new(
                ErrorKind::InvalidInput,
                "no font was given; run `reelsmith models pull` to fetch the bundled set",
            ));
        }
        let mut system = FontSystem::new_with_locale_and_db("en-US".into(), db);
        let faces = measure_faces(&mut system)?;
        Ok(Fonts { system, outlines: SwashCache::new(), faces })
    }

    /// The families that were loaded, sorted.
    pub fn families(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.faces.iter().map(|face| face.family.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Checks that a family is loaded; the error lists near matches.
    pub fn require(&self, family: &str) -> Result<()> {
        self.face(family).map(|_| ())
    }

    /// The visible characters that no loaded font can draw, in order of appearance, each once.
    pub fn missing(&mut self, text: &str) -> Vec<char> {
        let mut missing = Vec::new();
        for ch in text.chars() {
            let ignorable = ch.is_whitespace() || ch.is_control() || is_joiner(ch);
            if !ignorable && !missing.contains(&ch) && !self.covers(ch) {
                missing.push(ch);
            }
        }
        missing
    }

    /// The text with every run of white space made one space and undrawable characters dropped.
    pub fn drawable(&mut self, text: &str) -> String {
        let missing = self.missing(text);
        let emoji_parts = !missing.is_empty();
        let kept: String = text
            .chars()
            .filter(|ch| !(missing.contains(ch) || emoji_parts && is_joiner(*ch)))
            .map(|ch| if ch.is_control() { ' ' } else { ch })
            .collect();
        kept.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Height of a capital letter, in pixels.
    pub fn cap_height(&self, face: &Face) -> Result<f32> {
        Ok(self.face(face.family)?.cap_height * face.size)
    }

    /// Sets one line of text. Call [`Fonts::drawable`] first on text that people wrote.
    pub fn run(&mut self, text: &str, face: &Face) -> Result<Run> {
        let (family, weight) = {
            let found = self.face(face.family)?;
            (found.family.clone(), found.weight)
        };
        let mut attrs = Attrs::new().family(Family::Name(&family)).weight(Weight(weight));
        attrs = attrs.cache_key_flags(CacheKeyFlags::DISABLE_HINTING);
        if face.tracking != 0.0 {
            attrs = attrs.letter_spacing(face.tracking);
        }
        let mut buffer = Buffer::new_empty(Metrics::new(face.size, face.size * 1.2));
        buffer.set_wrap(Wrap::None);
        buffer.set_text(text, &attrs, Shaping::Advanced, Some(Align::Left));
        buffer.shape_until_scroll(&mut self.system, false);
        let mut builder = PathBuilder::new();
        let mut width = 0.0_f32;
        for line in buffer.layout_runs() {
            for glyph in line.glyphs.iter().filter(|glyph| glyph.glyph_id != 0) {
                add_outline(&mut builder, &mut self.system, &mut self.outlines, glyph);
            }
            width = width.max(line.line_w);
        }
        // The last letter's tracking would push a centred line off its centre.
        width -= face.tracking * face.size;
        Ok(Run { path: builder.finish(), width: width.max(0.0) })
    }

    fn face(&self, family: &str) -> Result<&LoadedFace> {
        let known = self.families();
        let name = known[names::find("font family", family, &known)?];
        // Of several weights of one family the heaviest is meant: this is display type.
        let faces = self.faces.iter().filter(|face| face.family == name);
        Ok(faces.max_by_key(|face| face.weight).expect("the name was taken from these faces"))
    }

    fn covers(&mut self, ch: char) -> bool {
        let ids: Vec<(fontdb::ID, u16)> = self.faces.iter().map(|face| (face.id, face.weight)).collect();
        ids.iter().any(|(id, weight)| {
            let font = self.system.get_font(*id, Weight(*weight));
            font.is_some_and(|font| font.as_swash().charmap().map(ch) != 0)
        })
    }
}

/// Variation selectors and joiners: parts of emoji, invisible by themselves.
fn is_joiner(ch: char) -> bool {
    matches!(ch, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{2060}' | '\u{feff}')
}

fn load_file(db: &mut fontdb::Database, path: &FilePath) -> Result<()> {
    let data =
        std::fs::read(path).map_err(|e| MediaError::io(format!("read the font {}", path.display()), e))?;
    let before = db.len();
    db.load_font_data(data);
    match db.len() > before {
        true => Ok(()),
        false => Err(MediaError::new(
            ErrorKind::InvalidInput,
            format!("{} is not a font; give a TrueType or OpenType file", path.display()),
        )),
    }
}

fn measure_faces(system: &mut FontSystem) -> Result<Vec<LoadedFace>> {
    let listed: Vec<(fontdb::ID, String, u16)> = system
        .db()
        .faces()
        .map(|face| {
            let family = face.families.first().map_or_else(String::new, |(name, _)| name.clone());
            (face.id, family, face.weight.0)
        })
        .collect();
    let mut faces = Vec::with_capacity(listed.len());
    for (id, family, weight) in listed {
        let font = system.get_font(id, Weight(weight)).ok_or_else(|| {
            MediaError::new(
                ErrorKind::InvalidInput,
                format!("the font `{family}` is damaged; fetch it again"),
            )
        })?;
        let metrics = font.metrics();
        let cap = metrics.cap_height.unwrap_or(0.7 * f32::from(metrics.units_per_em));
        let cap_height = cap / f32::from(metrics.units_per_em);
        faces.push(LoadedFace { family, weight, id, cap_height });
    }
    Ok(faces)
}

fn add_outline(out: &mut PathBuilder, system: &mut FontSystem, cache: &mut SwashCache, glyph: &LayoutGlyph) {
    let key = glyph.physical((0.0, 0.0), 1.0).cache_key;
    let Some(commands) = cache.get_outline_commands_uncached(system, key) else { return };
    let dx = glyph.x + glyph.font_size * glyph.x_offset;
    let dy = glyph.y - glyph.font_size * glyph.y_offset;
    for command in commands.iter() {
        match command {
            Command::MoveTo(p) => out.move_to(dx + p.x, dy - p.y),
            Command::LineTo(p) => out.line_to(dx + p.x, dy - p.y),
            Command::QuadTo(c, p) => out.quad_to(dx + c.x, dy - c.y, dx + p.x, dy - p.y),
            Command::CurveTo(a, b, p) => {
                out.cubic_to(dx + a.x, dy - a.y, dx + b.x, dy - b.y, dx + p.x, dy - p.y);
            }
            Command::Close => out.close(),
        }
    }
}

/// A path moved by (x, y) pixels. The move is finite, so the path stays valid.
pub(crate) fn moved(path: &Path, x: f32, y: f32) -> Option<Path> {
    path.clone().transform(Transform::from_translate(x, y))
}
