//! Near matches of a name that does not exist.

/// Names at least this similar (Jaro-Winkler, 0 to 1) are worth a "did you mean".
const NEAR: f64 = 0.8;
/// Near matches listed at most.
const LISTED: usize = 3;

/// How near a name counts that holds the wanted one: `heart` means `af_heart`.
const HOLDS: f64 = 0.9;
/// Fewer letters than this are held by too many names.
const HELD_BYTES: usize = 3;

/// Bytes of a name that can be a mistyped one. What is longer is near to nothing, as comparing it with many names would
/// take long.
const MOST_BYTES: usize = 1000;

/// The known names nearest to `name`, best first; at most three. Case does not count.
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > MOST_BYTES {
        return Vec::new();
    }
    let wanted = name.to_lowercase();
    let score = |known: &str| {
        let known = known.to_lowercase();
        let similar = strsim::jaro_winkler(&wanted, &known);
        match wanted.len() >= HELD_BYTES && known.contains(&wanted) {
            true => similar.max(HOLDS),
            false => similar,
        }
    };
    let mut scored: Vec<(f64, &str)> =
        known.into_iter().map(|known| (score(known), known)).filter(|(score, _)| *score >= NEAR).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(LISTED).map(|(_, known)| known).collect()
}

/// The end of a message about an unknown name: "; did you mean `a` or `b`?" where names are near, else
/// nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = near(name, known).iter().map(|known| format!("`{known}`")).collect();
    match quoted.is_empty() {
        true => String::new(),
        false => format!("; did you mean {}?", quoted.join(" or ")),
    }
}

/// "did you mean `a` or `b`?" for near matches, else "there are a, b, c".
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = did_you_mean(name, known.clone()).strip_prefix("; ") {
        return near.to_owned();
    }
    let mut all: Vec<&str> = known.into_iter().collect();
    all.sort_unstable();
    match all.is_empty() {
        true => "there are none".to_owned(),
        false => format!("there are {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_name() {
        assert_eq!(near("youtube_short", ["tiktok", "youtube_shorts"]), ["youtube_shorts"]);
        assert_eq!(near("af_hart", ["af_heart", "am_adam"])[0], "af_heart");
        assert!(near("zzz", ["af_heart", "am_adam"]).is_empty());
    }

    #[test]
    fn a_part_of_a_name_finds_it_unless_it_is_too_short() {
        assert_eq!(near("heart", ["af_heart", "am_adam"]), ["af_heart"]);
        assert_eq!(near("He", ["zz_he_zz"]), [""; 0]);
    }

    #[test]
    fn a_text_as_long_as_a_book_is_near_to_no_name() {
        let long = "ab".repeat(300_000);
        assert_eq!(near(&long, [&*long, "ab"]), [""; 0]);
    }

    #[test]
    fn nothing_is_said_where_nothing_is_near() {
        assert_eq!(did_you_mean("zzz", ["a", "b"]), "");
        assert_eq!(did_you_mean("tik-tok", ["tiktok", "zzz"]), "; did you mean `tiktok`?");
    }

    #[test]
    fn a_strange_name_gets_the_whole_list() {
        assert_eq!(hint("zzz", ["b", "a"]), "there are a, b");
        assert_eq!(hint("tiktak", ["tiktok", "reels"]), "did you mean `tiktok`?");
    }
}
