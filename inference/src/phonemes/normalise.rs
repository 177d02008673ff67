//! What each written word sounds like in plain words: numbers, dates, money, units, abbreviations,
//! acronyms, addresses and symbols spelt out.
//!
//! Every rule looks at one written word and its neighbours and answers what that word says, so that the
//! sound of "$3.50" stays the sound of one written word.

mod address;
mod calendar;
mod figures;
mod money;
mod quantity;
mod shortened;
mod spelling;

pub(crate) use spelling::canonical;

use super::Accent;

/// A piece of what a written word says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Say {
    /// Words for the lexicon, single-spaced: ASCII letters, apostrophes and hyphens.
    Words(String),
    /// ASCII letters to be named one by one, with a plural or possessive `s` after them if `plural`.
    Letters { text: String, plural: bool },
    /// Letters that the lexicon cannot hold, for the network.
    Foreign(String),
    /// A short break, as a comma makes.
    Break,
}

impl Say {
    pub(crate) fn words(words: impl Into<String>) -> Vec<Self> {
        vec![Self::Words(words.into())]
    }

    pub(crate) fn letters(text: impl Into<String>) -> Self {
        Self::Letters { text: text.into(), plural: false }
    }
}

/// A written word in canonical spelling with the marks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plain<'a> {
    pub(crate) lead: &'a str,
    pub(crate) body: String,
    pub(crate) tail: &'a str,
}

/// One word of a sentence, its neighbours, and what is known about the language.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) sentence: &'a [Plain<'a>],
    pub(crate) at: usize,
    pub(crate) accent: Accent,
    /// Whether the lexicon holds a word in exactly this spelling.
    pub(crate) knows: &'a dyn Fn(&str) -> bool,
}

impl<'a> Context<'a> {
    fn body(&self) -> &'a str {
        &self.sentence[self.at].body
    }

    fn tail(&self) -> &'a str {
        self.sentence[self.at].tail
    }

    /// The next word's body, if no mark stands between.
    fn next(&self) -> Option<&'a str> {
        let next = self.sentence.get(self.at + 1)?;
        (self.tail().is_empty() && next.lead.is_empty()).then_some(next.body.as_str())
    }

    /// The next word's body, whatever stands between.
    fn following(&self) -> Option<&'a str> {
        Some(self.sentence.get(self.at + 1)?.body.as_str())
    }

    /// The body of the word before, if no mark but a full stop of an abbreviation stands between.
    fn previous(&self) -> Option<&'a str> {
        let previous = &self.sentence[self.at.checked_sub(1)?];
        matches!(previous.tail, "" | ".").then_some(previous.body.as_str())
    }

    /// Whether a quantity that ends here tells what kind the next word is ("a $5 bill", "this 2 kg box"), given
    /// the word `before` it; such a quantity stands in the singular.
    fn is_attribute(&self, before: Option<&str>) -> bool {
        const DETERMINERS: &[&str] =
            &["a", "an", "another", "each", "every", "her", "his", "my", "that", "the", "this"];
        const NO_NOUNS: &[&str] = &[
            "a", "above", "after", "ago", "an", "and", "apart", "are", "as", "at", "away", "before", "below",
            "between", "but", "by", "deep", "each", "every", "for", "from", "had", "has", "have", "he",
            "high", "if", "in", "into", "is", "it", "later", "long", "more", "of", "off", "on", "or", "out",
            "over", "per", "she", "so", "tall", "than", "that", "the", "they", "thick", "to", "under", "was",
            "we", "were", "when", "which", "while", "wide", "will", "with", "you",
        ];
        let is_determined = before.is_some_and(|b| DETERMINERS.contains(&b.to_lowercase().as_str()));
        let describes = |next: &str| next.starts_with(char::is_lowercase) && !NO_NOUNS.contains(&next);
        is_determined && self.next().is_some_and(describes)
    }

    /// The same place with another body: a part of the word, read by itself.
    fn part<T>(&self, body: &str, read: impl FnOnce(&Context<'_>) -> T) -> T {
        let alone = [Plain { lead: "", body: body.to_owned(), tail: "" }];
        read(&Context { sentence: &alone, at: 0, accent: self.accent, knows: self.knows })
    }
}

type Rule = fn(&Context<'_>) -> Option<Vec<Say>>;

/// In order of precedence: the first that answers is taken.
const RULES: &[Rule] = &[
    address::read,
    calendar::read,
    money::read,
    figures::phone,
    quantity::read,
    figures::read,
    shortened::read,
    spelling::read,
];

/// What the word at `context` says; empty if nothing can be said.
pub(crate) fn say(context: &Context<'_>) -> Vec<Say> {
    RULES.iter().find_map(|rule| rule(context)).unwrap_or_default()
}

/// What a part of a word says when it stands alone.
fn say_part(context: &Context<'_>, part: &str) -> Vec<Say> {
    if part.is_empty() { Vec::new() } else { context.part(part, say) }
}

/// A compiled pattern that is a constant of this program.
macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            regex::Regex::new($text).expect("a constant pattern that tests compile")
        });
    };
}
use pattern;

#[cfg(test)]
mod tests;
