//! The seventeen languages that XTTS-v2 was trained on.

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// A language of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their names say all")]
pub enum Language {
    English,
    Spanish,
    French,
    German,
    Italian,
    Portuguese,
    Polish,
    Turkish,
    Russian,
    Dutch,
    Czech,
    Arabic,
    Chinese,
    Hungarian,
    Korean,
    Japanese,
    Hindi,
}

use Language::*;

/// Codes that the vocabulary's tags are made of, and characters after which a text is cut
/// (`VoiceBpeTokenizer.char_limits`).
const ALL: [(Language, &str, usize); 17] = [
    (English, "en", 250),
    (Spanish, "es", 239),
    (French, "fr", 273),
    (German, "de", 253),
    (Italian, "it", 213),
    (Portuguese, "pt", 203),
    (Polish, "pl", 224),
    (Turkish, "tr", 226),
    (Russian, "ru", 182),
    (Dutch, "nl", 251),
    (Czech, "cs", 186),
    (Arabic, "ar", 166),
    (Chinese, "zh-cn", 82),
    (Hungarian, "hu", 224),
    (Korean, "ko", 95),
    (Japanese, "ja", 71),
    (Hindi, "hi", 150),
];

impl Language {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|(language, ..)| *language)
    }

    /// The language of a code, with or without a region: `pt`, `pt-BR`, `zh-cn`.
    ///
    /// # Errors
    /// `InvalidRequest` naming those that there are.
    pub fn parse(code: &str) -> Result<Self> {
        let plain = code.split(['-', '_']).next().unwrap_or_default().to_lowercase();
        let matches = |known: &&(Language, &str, usize)| known.1.split('-').next() == Some(&*plain);
        ALL.iter().find(matches).map(|(language, ..)| *language).ok_or_else(|| {
            let known: Vec<&str> = ALL.iter().map(|(_, code, _)| *code).collect();
            let message = format!("the model does not speak `{code}`; it speaks {}", known.join(", "));
            InferenceError::new(ErrorKind::InvalidRequest, message)
        })
    }

    /// Its code, as the model's vocabulary has it.
    pub fn code(self) -> &'static str {
        self.entry().1
    }

    /// Most characters that are said at once.
    pub fn limit(self) -> usize {
        self.entry().2
    }

    fn entry(self) -> &'static (Language, &'static str, usize) {
        ALL.iter().find(|(language, ..)| *language == self).expect("every language is in the table")
    }
}
