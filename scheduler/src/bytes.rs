//! Sizes as people read them.

use std::fmt;

/// Shows bytes in the largest binary unit that leaves at least 1, with two decimals: `1.25 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Human(pub u64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        match UNITS.into_iter().find(|(_, shift)| self.0 >> shift > 0) {
            Some((unit, shift)) => write!(f, "{:.2} {unit}", self.0 as f64 / (1u64 << shift) as f64),
            None => write!(f, "{} B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_takes_its_own_unit() {
        let shown = [0, 1023, 1024, 5 << 19, 3 << 30, u64::MAX].map(|bytes| Human(bytes).to_string());
        assert_eq!(shown, ["0 B", "1023 B", "1.00 KiB", "2.50 MiB", "3.00 GiB", "16777216.00 TiB"]);
    }
}
