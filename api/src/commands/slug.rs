//! File names from titles and prompts.

/// Characters of a file's name at most, without its ending.
const SLUG_CHARS: usize = 60;
/// Bytes of it at most: file systems take 255, and a temporary name adds an ending and a process id.
const SLUG_BYTES: usize = 180;

/// A title as a file's name: lower-case letters and digits of any script, parted by single hyphens; `otherwise` where
/// it has none.
pub(super) fn slug(title: &str, otherwise: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        match c.is_alphanumeric() {
            true => slug.push(c),
            false if !slug.is_empty() && !slug.ends_with('-') && c != '\'' && c != '’' => slug.push('-'),
            false => {}
        }
    }
    let end = slug.char_indices().nth(SLUG_CHARS).map_or(slug.len(), |(at, _)| at);
    let cut = slug[..slug.floor_char_boundary(end.min(SLUG_BYTES))].trim_end_matches('-');
    if cut.is_empty() { otherwise.to_owned() } else { cut.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_safe_file_names() {
        for (title, expected) in [
            ("Three facts about water", "three-facts-about-water"),
            ("../../etc/passwd", "etc-passwd"),
            ("Don't   stop!!", "dont-stop"),
            ("Über Größe", "über-größe"),
            ("???", "short"),
            ("", "short"),
            (".hidden", "hidden"),
        ] {
            assert_eq!(slug(title, "short"), expected, "{title}");
        }
        assert!(slug(&"long ".repeat(100), "short").len() <= SLUG_CHARS);
        // Mathematical bold letters are letters of four bytes each.
        let bold = slug(&"\u{1d400}".repeat(100), "short");
        assert_eq!(bold.chars().count(), SLUG_BYTES / 4, "{bold}");
        assert!(slug(&format!("a{}", "\u{1d400}".repeat(100)), "short").len() <= SLUG_BYTES);
    }
}
