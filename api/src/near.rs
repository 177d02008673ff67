//! Near matches of a mistyped name, so that an error can say what was probably meant.

/// Similarity (Jaro-Winkler, 0 to 1) from which a name counts as near.
const NEAR: f64 = 0.78;
/// Names listed at most.
const LISTED: usize = 5;

/// The known names nearest to `unknown`, best first; those that contain it count as near too.
pub fn near<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = unknown.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let candidate = name.to_lowercase();
            let contains = wanted.len() >= 3 && candidate.contains(&wanted);
            let score = strsim::jaro_winkler(&wanted, &candidate).max(if contains { 0.9 } else { 0.0 });
            (score >= NEAR).then_some((score, name))
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(LISTED).map(|(_, name)| name).collect()
}

/// `; did you mean a or b?`, or the empty string when nothing is near.
pub fn did_you_mean<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = near(unknown, known);
    match near.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, rest)) => format!("; did you mean {} or {last}?", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["youtube_shorts", "tiktok", "af_heart", "af_bella"];

    #[test]
    fn finds_a_slip_and_a_part_and_nothing_for_nonsense() {
        assert_eq!(near("youtube_short", KNOWN), ["youtube_shorts"]);
        assert_eq!(near("heart", KNOWN), ["af_heart"]);
        assert_eq!(near("zzzzqq", KNOWN), [""; 0]);
        assert_eq!(did_you_mean("tik-tok", KNOWN), "; did you mean tiktok?");
        assert_eq!(did_you_mean("zzzzqq", KNOWN), "");
    }

    #[test]
    fn lists_the_best_first() {
        assert_eq!(near("af_heat", KNOWN)[0], "af_heart");
    }
}
