//! Names that a person types: a wrong one is answered with the near matches.

use crate::{ErrorKind, MediaError, Result};

/// The position of `name` in `known`, ignoring case.
///
/// Otherwise an `InvalidInput` error that names the closest known names, or all of them.
pub(crate) fn find(what: &str, name: &str, known: &[&str]) -> Result<usize> {
    if let Some(found) = known.iter().position(|k| k.eq_ignore_ascii_case(name.trim())) {
        return Ok(found);
    }
    let wanted = name.trim().to_lowercase();
    let mut near: Vec<(f64, &str)> =
        known.iter().map(|k| (strsim::jaro_winkler(&wanted, &k.to_lowercase()), *k)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let close: Vec<&str> = near.iter().filter(|(score, _)| *score > 0.75).take(3).map(|(_, k)| *k).collect();
    let hint = match close.is_empty() {
        true => format!("known: {}", known.join(", ")),
        false => format!("did you mean {}?", close.join(" or ")),
    };
    Err(MediaError::new(ErrorKind::InvalidInput, format!("there is no {what} `{name}`; {hint}")))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_wrong_name_is_answered_with_the_near_ones() {
        let known = ["midnight", "ember", "aurora"];
        assert_eq!(find("palette", "Ember", &known).expect("known"), 1);
        let near = find("palette", "midnigt", &known).expect_err("unknown").to_string();
        assert!(near.contains("did you mean midnight"), "{near}");
        let far = find("palette", "xyz", &known).expect_err("unknown").to_string();
        assert!(far.contains("midnight, ember, aurora"), "{far}");
    }
}
