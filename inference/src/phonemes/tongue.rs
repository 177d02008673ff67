//! The languages that a voice may read, and what of their writing must be known before they are sounded out.

use super::{Accent, abbreviations};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// What a voice reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Sounded out by rules and lexicons of our own.
    English(Accent),
    /// Sounded out by espeak-ng.
    Other(Tongue),
}

/// A language that espeak-ng sounds out, as it did when Kokoro was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tongue {
    Spanish,
    French,
    Hindi,
    Italian,
    /// Of Brazil.
    Portuguese,
}

/// The languages that are asked of espeak-ng, by its names.
pub const ESPEAK_VOICES: [&str; 5] = [
    Tongue::Spanish.espeak(),
    Tongue::French.espeak(),
    Tongue::Hindi.espeak(),
    Tongue::Italian.espeak(),
    Tongue::Portuguese.espeak(),
];

/// Abbreviations that a name or a number follows, in lower case and without their last full stop, so that the stop
/// ends no sentence. Source of the titles: `_abbreviations` in coqui-tts, `TTS/tts/layers/xtts/tokenizer.py`; the rest
/// are those of dictionaries.
const SPANISH: &[&str] = &[
    "sr", "sra", "srta", "sres", "dr", "dra", "d", "dña", "prof", "profa", "ud", "uds", "núm", "pág", "págs",
    "art", "cap", "av", "avda", "c", "p.ej", "st", "sta", "sto", "lic", "ing", "gral", "vol", "fig", "tel",
];
const FRENCH: &[&str] = &[
    "m", "mm", "mme", "mmes", "mlle", "mr", "dr", "pr", "prof", "me", "st", "ste", "av", "bd", "art", "chap",
    "p", "pp", "vol", "fig", "n", "no", "p.ex", "tél", "env",
];
const ITALIAN: &[&str] = &[
    "sig", "sigg", "sig.ra", "sig.na", "dr", "dott", "dott.ssa", "prof", "prof.ssa", "ing", "avv", "arch",
    "on", "art", "pag", "pagg", "cap", "vol", "fig", "n", "p.es", "tel", "s",
];
const PORTUGUESE: &[&str] = &[
    "sr", "sra", "srta", "dr", "dra", "prof", "profa", "d", "exmo", "exma", "eng", "av", "núm", "pág",
    "págs", "art", "cap", "vol", "fig", "p.ex", "st", "sta", "sto", "tel",
];
const HINDI: &[&str] = &["डॉ", "श्री", "पं", "प्रो", "सं", "पृ"];

impl Language {
    /// What the voice called `voice` reads, by the first letter of its name (`lang_code` in `kokoro/pipeline.py` of
    /// hexgrad/kokoro).
    ///
    /// # Errors
    /// `InvalidRequest` for a language that nothing here sounds out.
    pub(crate) fn of(voice: &str) -> Result<Self> {
        let other = |tongue| Ok(Self::Other(tongue));
        match voice.as_bytes().first() {
            Some(b'b') => Ok(Self::English(Accent::Gb)),
            Some(b'e') => other(Tongue::Spanish),
            Some(b'f') => other(Tongue::French),
            Some(b'h') => other(Tongue::Hindi),
            Some(b'i') => other(Tongue::Italian),
            Some(b'p') => other(Tongue::Portuguese),
            Some(b'j') => Err(unreadable(voice, "Japanese")),
            Some(b'z') => Err(unreadable(voice, "Mandarin")),
            _ => Ok(Self::English(Accent::Us)),
        }
    }

    /// Its English name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::English(_) => "English",
            Self::Other(tongue) => tongue.name(),
        }
    }

    /// Whether the full stop after `body` belongs to it and the sentence goes on with `next`.
    pub(super) fn continues(self, body: &str, next: &str) -> bool {
        match self {
            Self::English(_) => abbreviations::continues(body, next),
            Self::Other(tongue) => {
                let mut letters = body.chars();
                let is_initial =
                    matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase());
                is_initial || tongue.abbreviations().contains(&body.to_lowercase().as_str())
            }
        }
    }
}

impl Tongue {
    fn name(self) -> &'static str {
        match self {
            Self::Spanish => "Spanish",
            Self::French => "French",
            Self::Hindi => "Hindi",
            Self::Italian => "Italian",
            Self::Portuguese => "Portuguese",
        }
    }

    /// The voice of espeak-ng that reads it (`LANG_CODES` in `kokoro/pipeline.py`).
    pub(super) const fn espeak(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::French => "fr-fr",
            Self::Hindi => "hi",
            Self::Italian => "it",
            Self::Portuguese => "pt-br",
        }
    }

    fn abbreviations(self) -> &'static [&'static str] {
        match self {
            Self::Spanish => SPANISH,
            Self::French => FRENCH,
            Self::Hindi => HINDI,
            Self::Italian => ITALIAN,
            Self::Portuguese => PORTUGUESE,
        }
    }
}

fn unreadable(voice: &str, language: &str) -> InferenceError {
    let message = format!(
        "the voice {voice:?} speaks {language}, whose characters nothing here turns into sounds; choose a voice of \
         another language (`reelsmith voices list`)"
    );
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_reads_the_language_that_its_name_begins_with() {
        for (voice, language) in [
            ("af_heart", "English"),
            ("bm_george", "English"),
            ("ef_dora", "Spanish"),
            ("ff_siwis", "French"),
            ("hf_alpha", "Hindi"),
            ("im_nicola", "Italian"),
            ("pf_dora", "Portuguese"),
        ] {
            assert_eq!(Language::of(voice).unwrap().name(), language, "{voice}");
        }
        for (voice, language) in [("jf_alpha", "Japanese"), ("zm_yunxi", "Mandarin")] {
            let error = Language::of(voice).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.to_string().contains(language), "{error}");
        }
    }

    #[test]
    fn an_abbreviation_ends_no_sentence() {
        let goes_on = |tongue, body, next| Language::Other(tongue).continues(body, next);
        assert!(goes_on(Tongue::Spanish, "Sr", "García"));
        assert!(goes_on(Tongue::French, "Mme", "Dupont"));
        assert!(goes_on(Tongue::Italian, "Dott.ssa", "Rossi"));
        assert!(goes_on(Tongue::Portuguese, "J", "Silva"));
        assert!(goes_on(Tongue::Hindi, "डॉ", "सिंह"));
        assert!(!goes_on(Tongue::Spanish, "casa", "El"));
    }
}
