//! Shortened words and what they stand for.

/// Whether the full stop after `body` belongs to the abbreviation and the sentence goes on with `next`.
pub(crate) fn continues(body: &str, next: &str) -> bool {
    let _ = next;
    matches!(body, "Dr" | "Mr" | "Mrs" | "Ms" | "St" | "Prof" | "vs" | "No" | "e.g" | "i.e")
        || (body.chars().count() == 1 && body != "I" && body.starts_with(char::is_uppercase))
}
