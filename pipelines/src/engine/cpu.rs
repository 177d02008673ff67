//! Processor time of this process and of the children that it has waited for.

/// Ticks a second in `/proc`: Linux shows 100 to programs on every architecture it runs on
/// (`USER_HZ`, proc(5)).
const TICKS: f64 = 100.0;

/// Processor seconds used so far; `None` where the system does not tell.
pub(super) fn seconds() -> Option<f64> {
    parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Sums user and system time of the process and of its waited-for children (fields 14 to 17).
fn parse(stat: &str) -> Option<f64> {
    // The second field is the program's name in brackets and may hold anything.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let ticks: Vec<f64> =
        after_name.split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>().ok()?;
    (ticks.len() == 4).then(|| ticks.iter().sum::<f64>() / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_fields_are_added_whatever_the_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 100 20 300 4 20 0 1 0 5 6";
        assert_eq!(parse(stat), Some(4.24));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn it_grows_with_work() {
        let before = seconds().unwrap();
        let mut sum = 0u64;
        while seconds().unwrap() < before + 0.03 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(seconds().unwrap() > before);
    }
}
