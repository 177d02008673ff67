//! Letters read by name: FBI, GPUs, H2O.

use super::Accent;

/// The names of A to Z in Kokoro's phonemes. Source: misaki's gold lexicons, as `misaki-rs` carries them.
const US: [&str; 26] = [
    "ˈA",
    "bˈi",
    "sˈi",
    "dˈi",
    "ˈi",
    "ˈɛf",
    "ʤˈi",
    "ˈAʧ",
    "ˈI",
    "ʤˈA",
    "kˈA",
    "ˈɛl",
    "ˈɛm",
    "ˈɛn",
    "ˈO",
    "pˈi",
    "kjˈu",
    "ˈɑɹ",
    "ˈɛs",
    "tˈi",
    "jˈu",
    "vˈi",
    "dˈʌbᵊlju",
    "ˈɛks",
    "wˈI",
    "zˈi",
];
const GB: [&str; 26] = [
    "ˈA",
    "bˈiː",
    "sˈiː",
    "dˈiː",
    "ˈiː",
    "ˈɛf",
    "ʤˈiː",
    "ˈAʧ",
    "ˈI",
    "ʤˈA",
    "kˈA",
    "ˈɛl",
    "ˈɛm",
    "ˈɛn",
    "ˈQ",
    "pˈiː",
    "kjˈuː",
    "ˈɑː",
    "ˈɛs",
    "tˈiː",
    "jˈuː",
    "vˈiː",
    "dˈʌbᵊljuː",
    "ˈɛks",
    "wˈI",
    "zˈɛd",
];

/// The phonemes of the ASCII letters of `text` by name, the last one stressed most; a plural or
/// possessive `s` after them if `plural`.
pub(crate) fn spelled(text: &str, plural: bool, accent: Accent) -> String {
    let names = match accent {
        Accent::Us => &US,
        Accent::Gb => &GB,
    };
    let letters: Vec<usize> = text
        .bytes()
        .filter(u8::is_ascii_alphabetic)
        .map(|b| usize::from(b.to_ascii_uppercase() - b'A'))
        .collect();
    let mut phonemes = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let name = names[*letter];
        if at + 1 == letters.len() {
            phonemes.push_str(name);
        } else {
            phonemes.push_str(&name.replace('ˈ', "ˌ"));
        }
    }
    if plural {
        let ending = match text.bytes().next_back().map(|b| b.to_ascii_uppercase()) {
            Some(b'S' | b'X' | b'H') => "ᵻz",
            Some(b'F') => "s",
            _ => "z",
        };
        phonemes.push_str(ending);
    }
    phonemes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_letter_is_stressed_and_plurals_are_voiced() {
        assert_eq!(spelled("FBI", false, Accent::Us), "ˌɛfbˌiˈI");
        assert_eq!(spelled("GPU", true, Accent::Us), "ʤˌipˌijˈuz");
        assert_eq!(spelled("SOS", true, Accent::Gb), "ˌɛsˌQˈɛsᵻz");
        assert_eq!(spelled("z", false, Accent::Gb), "zˈɛd");
    }
}
