//! Byte ranges and validators of HTTP (RFC 9110, sections 13 and 14), for immutable bytes.

use std::ops::Range;

/// What a `Range` header asks of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All of it: no header, a unit other than bytes, several ranges, or a malformed header, all of
    /// which a server may answer with the whole (section 14.2).
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// Nothing that exists: 416.
    Unsatisfiable,
}

/// Reads a `Range` header for a representation of `length` bytes.
pub fn asked(header: Option<&str>, length: u64) -> Asked {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else { return Asked::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Asked::Whole };
    match (digits(first), digits(last)) {
        (Some(first), None) if last.is_empty() => within(first, length, length),
        (Some(first), Some(last)) if last >= first => {
            within(first, last.saturating_add(1).min(length), length)
        }
        (None, Some(0)) if first.is_empty() => Asked::Unsatisfiable,
        (None, Some(suffix)) if first.is_empty() => within(length.saturating_sub(suffix), length, length),
        _ => Asked::Whole,
    }
}

fn within(start: u64, end: u64, length: u64) -> Asked {
    if start < length { Asked::Part(start..end) } else { Asked::Unsatisfiable }
}

fn digits(text: &str) -> Option<u64> {
    let all_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // A number too large for 64 bits is larger than any representation.
    all_digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether a list of entity tags (`If-None-Match`) names `etag`; weak tags compare by their text.
pub fn names_tag(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether `If-Range` lets the range stand: only the same strong tag does. A date never does, since
/// nothing here has one.
pub fn range_stands(if_range: Option<&str>, etag: &str) -> bool {
    if_range.is_none_or(|tag| tag.trim() == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Asked::{Part, Unsatisfiable, Whole};

    #[test]
    fn the_forms_of_a_range() {
        let cases = [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-99", Part(0..100)),
            ("bytes=10-", Part(10..100)),
            ("bytes=90-1000", Part(90..100)),
            ("bytes=-1", Part(99..100)),
            ("bytes=-1000", Part(0..100)),
            ("bytes=99-18446744073709551615", Part(99..100)),
            ("bytes=0-99999999999999999999999", Part(0..100)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=0-1,5-6", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("items=0-1", Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(asked(Some(header), 100), expected, "{header}");
        }
        assert_eq!(asked(None, 100), Whole);
        assert_eq!(asked(Some("bytes=0-"), 0), Unsatisfiable);
    }

    #[test]
    fn validators_compare_strongly_where_they_must() {
        assert!(names_tag("\"a\", W/\"b\"", "\"b\"") && names_tag("*", "\"b\""));
        assert!(!names_tag("\"a\"", "\"b\""));
        assert!(range_stands(None, "\"b\"") && range_stands(Some("\"b\""), "\"b\""));
        assert!(!range_stands(Some("W/\"b\""), "\"b\"") && !range_stands(Some("Sat, 01 Jan 2000"), "\"b\""));
    }
}
