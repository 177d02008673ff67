//! Voices: one style vector per length of text.

use super::session::STYLE;
use reelsmith_inference_core::speech::{Mixture, Voice};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Rows of a voice: a style for every number of symbols from 1 to this.
pub(crate) const ROWS: usize = 510;

/// Bytes of a voice file: [`ROWS`] x 1 x [`STYLE`] little-endian f32.
const VOICE_BYTES: usize = ROWS * STYLE * 4;

/// Loaded voices that are kept; half a megabyte each.
const MOST_KEPT: usize = 8;

/// The voices of a directory, read when they first speak.
pub(crate) struct Voices {
    files: BTreeMap<String, PathBuf>,
    loaded: HashMap<String, Vec<f32>>,
}

impl Voices {
    /// Lists `<voice>.bin` of `directory`.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let missing = || {
            let message = format!(
                "{} holds no voices; fetch them with `reelsmith models pull kokoro-voices`",
                directory.display()
            );
            InferenceError::new(ErrorKind::ModelMissing, message)
        };
        let entries = std::fs::read_dir(directory).map_err(|e| missing().with_source(e))?;
        let files: BTreeMap<String, PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "bin"))
            .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
            .collect();
        if files.is_empty() { Err(missing()) } else { Ok(Self { files, loaded: HashMap::new() }) }
    }

    /// Every voice, sorted by name.
    pub(crate) fn list(&self) -> Vec<Voice> {
        self.files
            .keys()
            .map(|name| Voice { name: name.clone(), language: language(name).to_owned() })
            .collect()
    }

    /// The style of `voice`, which may be a mixture, for `symbols` symbols (1 ..= [`ROWS`], the padding not counted).
    pub(crate) fn style(&mut self, voice: &str, symbols: usize) -> Result<&[f32]> {
        if !self.loaded.contains_key(voice) {
            let styles = self.mixed(&Mixture::parse(voice)?)?;
            if self.loaded.len() >= MOST_KEPT {
                self.loaded.clear();
            }
            self.loaded.insert(voice.to_owned(), styles);
        }
        let row = symbols.clamp(1, ROWS) - 1;
        Ok(&self.loaded[voice][row * STYLE..][..STYLE])
    }

    /// The table of a mixture: the sum of its voices' by their shares.
    fn mixed(&self, mixture: &Mixture<'_>) -> Result<Vec<f32>> {
        let mut mixed = vec![0.0; ROWS * STYLE];
        for (name, share) in &mixture.parts {
            let styles = read(self.files.get(*name).ok_or_else(|| self.unknown(name))?)?;
            mixed.iter_mut().zip(styles).for_each(|(sum, number)| *sum += share * number);
        }
        Ok(mixed)
    }

    /// Whether there is such a voice, or are those of a mixture.
    pub(crate) fn check(&self, voice: &str) -> Result<()> {
        let mixture = Mixture::parse(voice)?;
        match mixture.parts.iter().find(|(name, _)| !self.files.contains_key(*name)) {
            None => Ok(()),
            Some((name, _)) => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, voice: &str) -> InferenceError {
        let mut near: Vec<(f64, &str)> =
            self.files.keys().map(|name| (strsim::jaro_winkler(voice, name), name.as_str())).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let near: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
        let message = format!("no voice is called {voice:?}; near it are {}", near.join(", "));
        InferenceError::new(ErrorKind::UnknownModel, message)
    }
}

fn read(path: &Path) -> Result<Vec<f32>> {
    let corrupt = |why: String| {
        let message =
            format!("{} {why}; fetch it again with `reelsmith models pull kokoro-voices`", path.display());
        InferenceError::new(ErrorKind::ModelCorrupt, message)
    };
    let bytes = std::fs::read(path).map_err(|e| corrupt("cannot be read".to_owned()).with_source(e))?;
    if bytes.len() != VOICE_BYTES {
        return Err(corrupt(format!("has {} bytes where a voice has {VOICE_BYTES}", bytes.len())));
    }
    let styles: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if styles.iter().all(|s| s.is_finite()) {
        Ok(styles)
    } else {
        Err(corrupt("holds numbers that are not finite".to_owned()))
    }
}

/// The language a voice was trained on, from the first letter of its name (VOICES.md of
/// hexgrad/Kokoro-82M), as a BCP 47 tag.
pub fn language(voice: &str) -> &'static str {
    match voice.as_bytes().first() {
        Some(b'b') => "en-GB",
        Some(b'e') => "es",
        Some(b'f') => "fr-FR",
        Some(b'h') => "hi",
        Some(b'i') => "it",
        Some(b'j') => "ja",
        Some(b'p') => "pt-BR",
        Some(b'z') => "zh",
        _ => "en-US",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_the_sum_of_its_voices_by_their_shares() {
        let mut voices = Voices::open(&crate::fetched::file("kokoro-voices")).expect("they are listed");
        let mut style = |voice: &str| voices.style(voice, 40).expect("it is read").to_vec();
        let (heart, adam) = (style("af_heart"), style("am_adam"));
        let mixed = style("af_heart:3+am_adam:1");
        for ((mixed, heart), adam) in mixed.iter().zip(&heart).zip(&adam) {
            assert!((mixed - (0.75 * heart + 0.25 * adam)).abs() < 1e-6);
        }
        assert_eq!(style("af_heart:0.3"), heart);
        let error = voices.check("af_heart+am_adma").expect_err("unknown");
        assert!(error.to_string().contains("am_adam"), "{error}");
    }

    #[test]
    fn all_voices_are_there_and_whole() {
        let directory = crate::fetched::file("kokoro-voices");
        let mut voices = Voices::open(&directory).expect("they are listed");
        let names: Vec<String> = voices.list().into_iter().map(|voice| voice.name).collect();
        assert!(names.len() == 54 && names.is_sorted());
        let mut styles: Vec<Vec<f32>> = Vec::new();
        for name in &names {
            for symbols in [1, ROWS] {
                let style = voices.style(name, symbols).expect("it is read");
                assert_eq!(style.len(), STYLE);
                assert!(!styles.iter().any(|other| other == style), "{name} has another's style");
                styles.push(style.to_vec());
            }
        }
    }
}
