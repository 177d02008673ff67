//! Near matches of a name that does not exist.

/// Names at least this similar (Jaro-Winkler, 0 to 1) are worth a "did you mean".
const NEAR: f64 = 0.8;
/// Near matches listed at most.
const LISTED: usize = 3;

/// The known names nearest to `name`, best first; at most three.
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|k| (strsim::jaro_winkler(&name, &k.to_lowercase()), k))
        .filter(|(score, _)| *score >= NEAR)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(LISTED).map(|(_, k)| k).collect()
}

/// "did you mean `a` or `b`?" for near matches, else "there are a, b, c".
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = near(name, known.clone());
    if !near.is_empty() {
        let quoted: Vec<String> = near.iter().map(|n| format!("`{n}`")).collect();
        return format!("did you mean {}?", quoted.join(" or "));
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
    fn a_strange_name_gets_the_whole_list() {
        assert_eq!(hint("zzz", ["b", "a"]), "there are a, b");
        assert_eq!(hint("tiktak", ["tiktok", "reels"]), "did you mean `tiktok`?");
    }
}
