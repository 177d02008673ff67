//! The words of a text, plain enough to be looked up.

/// Lower-case words without punctuation and without a plural or possessive `s`.
pub(crate) fn of(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’').filter_map(plain).collect()
}

fn plain(word: &str) -> Option<String> {
    let word = word.to_lowercase().replace('’', "'");
    let word = word.trim_matches('\'').trim_end_matches("'s").to_string();
    match word.len() {
        0 => None,
        1..=3 => Some(word),
        _ => Some(match word.strip_suffix("ies") {
            Some(stem) => format!("{stem}y"),
            None if word.ends_with("ss") || word.ends_with("us") => word,
            None => word.strip_suffix('s').map_or(word.clone(), str::to_string),
        }),
    }
}

/// Words that carry little: never the one to stress in a title.
pub(crate) fn is_light(word: &str) -> bool {
    const LIGHT: [&str; 66] = [
        "a", "an", "the", "of", "to", "in", "on", "at", "and", "or", "but", "is", "was", "are", "were",
        "for", "with", "from", "by", "as", "that", "this", "it", "its", "his", "her", "my", "your", "our",
        "their", "be", "than", "about", "we", "you", "they", "he", "she", "i", "not", "no", "so", "if",
        "when", "what", "why", "how", "who", "where", "which", "will", "would", "can", "could", "has",
        "have", "had", "do", "does", "did", "into", "there", "then", "just", "very", "every",
    ];
    LIGHT.contains(&word)
}
