//! What a schema may ask for. Its regular expressions are worked on by functions that call themselves once for each
//! repetition, so that a few bytes could ask for more than the stack holds.

use serde_json::Value;

/// Repetitions of a regular expression, nested ones multiplied.
const MOST_REPETITIONS: u64 = 2_000;
/// Bytes of a regular expression.
const MOST_PATTERN: usize = 1_000;
/// Characters of a string, where a bound is given.
const MOST_LENGTH: f64 = 10_000.0;
/// Items of an array or properties of an object, where a bound is given.
const MOST_ITEMS: f64 = 500.0;
/// Alternatives or properties named in one place.
const MOST_NAMED: usize = 1_000;
/// Digits of a number that others are multiples of, as a number: its remainders are states of an automaton.
const MOST_DIVISOR: u64 = 1_000;
/// The largest bound of a number that is followed; beyond it doubles are not whole any more.
const MOST_NUMBER: f64 = 9_007_199_254_740_992.0;

/// Refuses what is too much, by its keyword.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(object) => {
            for (keyword, value) in object {
                check_keyword(keyword, value)?;
                check(value)?;
            }
            Ok(())
        }
        Value::Array(list) => {
            list.iter().try_for_each(check)?;
            count(list.len(), "a list")
        }
        _ => Ok(()),
    }
}

fn check_keyword(keyword: &str, value: &Value) -> Result<(), String> {
    let most = |most: f64| match value.as_f64().filter(|number| number.abs() > most) {
        Some(number) => Err(format!("`{keyword}` is {number}; at most {most} is supported")),
        None => Ok(()),
    };
    match (keyword, value) {
        ("pattern", Value::String(pattern)) => check_pattern(pattern),
        ("patternProperties", Value::Object(patterns)) => {
            patterns.keys().try_for_each(|pattern| check_pattern(pattern))?;
            count(patterns.len(), keyword)
        }
        ("properties" | "$defs" | "definitions", Value::Object(named)) => count(named.len(), keyword),
        ("minLength" | "maxLength", _) => most(MOST_LENGTH),
        ("minItems" | "maxItems" | "minProperties" | "maxProperties", _) => most(MOST_ITEMS),
        ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", _) => most(MOST_NUMBER),
        ("multipleOf", Value::Number(divisor)) => check_divisor(&divisor.to_string()),
        _ => Ok(()),
    }
}

fn count(count: usize, what: &str) -> Result<(), String> {
    match count > MOST_NAMED {
        true => Err(format!("{what} has {count} entries; at most {MOST_NAMED} are supported")),
        false => Ok(()),
    }
}

fn check_divisor(divisor: &str) -> Result<(), String> {
    let digits: String = divisor.chars().filter(char::is_ascii_digit).collect();
    let plain = divisor.chars().all(|c| c.is_ascii_digit() || c == '.');
    match plain
        && digits.trim_end_matches('0').parse::<u64>().is_ok_and(|n| n <= MOST_DIVISOR)
        && divisor.len() < 16
    {
        true => Ok(()),
        false => Err(format!(
            "`multipleOf` is {divisor}; at most {MOST_DIVISOR} is supported, or a decimal fraction with as few digits"
        )),
    }
}

fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.len() > MOST_PATTERN {
        let bytes = pattern.len();
        return Err(format!("a `pattern` has {bytes} bytes; at most {MOST_PATTERN} are supported"));
    }
    let count = repetitions(pattern);
    match count > MOST_REPETITIONS {
        true => Err(format!(
            "a `pattern` repeats {count} times, nested repetitions multiplied; at most {MOST_REPETITIONS} are supported"
        )),
        false => Ok(()),
    }
}

/// How often a pattern repeats parts a counted number of times: what stands side by side is added, what is nested
/// multiplied.
fn repetitions(pattern: &str) -> u64 {
    // Of every group that is open the repetitions so far, and those of its last part.
    let mut groups: Vec<(u64, u64)> = Vec::new();
    let (mut count, mut last) = (0u64, 0u64);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '{' => {
                let counts = rest.as_str().split('}').next().unwrap_or_default();
                let most = counts.split(',').filter_map(|n| n.trim().parse::<u64>().ok()).max();
                last = last.max(1).saturating_mul(most.unwrap_or(1).max(1));
                continue;
            }
            ')' if !groups.is_empty() => {
                let inner = count.saturating_add(last);
                let (outer, before) = groups.pop().unwrap_or_default();
                (count, last) = (outer.saturating_add(before), inner);
                continue;
            }
            '(' => {
                groups.push((count, last));
                (count, last) = (0, 0);
                continue;
            }
            '\\' => drop(rest.next()),
            _ => {}
        }
        count = count.saturating_add(std::mem::take(&mut last));
    }
    let open = groups.iter().flat_map(|(count, last)| [*count, *last]);
    open.chain([count, last]).fold(0, u64::saturating_add)
}
