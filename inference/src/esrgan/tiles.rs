//! How a picture is cut into windows that overlap: all of one size, so that the engine plans its memory once, and
//! spread evenly, so that none is larger than needed.

use std::ops::Range;

/// One side of the picture, cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// Length of every window.
    pub(super) window: usize,
    /// In order.
    pub(super) parts: Vec<Part>,
}

/// A window along one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it begins. It may end beyond the picture, by less than `multiple`.
    pub(super) start: usize,
    /// Whose pixels are taken from it.
    pub(super) kept: Range<usize>,
}

impl Cut {
    /// Cuts `length` pixels into windows of at most `most` pixels (more than twice `halo`), so that between what is
    /// kept of a window and its ends lie at least `halo` pixels, except at the ends of the picture. Windows begin
    /// and end at multiples of `multiple`.
    pub(super) fn new(length: usize, most: usize, halo: usize, multiple: usize) -> Self {
        let padded = length.next_multiple_of(multiple);
        let most = most - most % multiple;
        let halo = halo.next_multiple_of(multiple);
        if padded <= most.max(2 * halo + multiple) {
            return Self { window: padded, parts: vec![Part { start: 0, kept: 0..length }] };
        }
        let most = most.max(2 * halo + multiple);
        let count = (padded - 2 * halo).div_ceil(most - 2 * halo);
        let window = (padded + (count - 1) * 2 * halo).div_ceil(count).next_multiple_of(multiple);
        let starts: Vec<usize> =
            (0..count).map(|n| (padded - window) / multiple * n / (count - 1) * multiple).collect();
        // What two windows share is divided between them in its middle.
        let seam = |n: usize| (starts[n] + starts[n - 1] + window) / 2;
        let part = |n: usize| {
            let from = if n == 0 { 0 } else { seam(n) };
            let to = if n + 1 == count { length } else { seam(n + 1) };
            Part { start: starts[n], kept: from..to }
        };
        Self { window, parts: (0..count).map(part).collect() }
    }

    /// The most pixels that are kept of one window.
    pub(super) fn most_kept(&self) -> usize {
        self.parts.iter().map(|part| part.kept.len()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_pixel_is_kept_once_and_far_from_a_cut(
            length in 1usize..5000,
            halo in 0usize..40,
            more in 1usize..400,
            multiple in prop::sample::select(vec![1usize, 2, 4]),
        ) {
            let most = 2 * halo.next_multiple_of(multiple) + more.next_multiple_of(multiple);
            let cut = Cut::new(length, most, halo, multiple);
            let padded = length.next_multiple_of(multiple);
            prop_assert!(cut.window <= most.max(multiple) && cut.window % multiple == 0);
            let mut next = 0;
            for part in &cut.parts {
                prop_assert_eq!(part.kept.start, next);
                prop_assert!(part.kept.end > part.kept.start || length < multiple);
                prop_assert!(part.start % multiple == 0 && part.start + cut.window <= padded);
                prop_assert!(part.start == 0 || part.start + halo <= part.kept.start);
                prop_assert!(part.kept.end == length || part.kept.end + halo <= part.start + cut.window);
                next = part.kept.end;
            }
            prop_assert_eq!(next, length);
        }
    }

    #[test]
    fn windows_are_no_larger_than_needed() {
        let cut = Cut::new(300, 256, 16, 1);
        assert_eq!((cut.window, cut.parts.len()), (166, 2));
        assert_eq!(cut.parts[1], Part { start: 134, kept: 150..300 });
    }
}
