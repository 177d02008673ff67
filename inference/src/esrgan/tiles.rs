//! How a picture is cut into windows that overlap: all of one size, so that the engine plans its memory once, and
//! spread evenly, so that none is larger than needed.

use std::ops::Range;

/// How far windows overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overlap {
    /// Pixels between a seam, where one window's part ends and the next begins, and the ends of the windows.
    pub(super) halo: usize,
    /// Pixels on each side of a seam where both windows are mixed; at most `halo`.
    pub(super) mixed: usize,
    /// Windows begin and end at multiples of this.
    pub(super) multiple: usize,
}

/// One side of the picture, cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// Length of every window.
    pub(super) window: usize,
    /// Pixels on each side of a seam where two windows are mixed.
    pub(super) mixed: usize,
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
    /// The seams to the parts beside it, before and after.
    seams: [Option<usize>; 2],
}

impl Cut {
    /// Cuts `length` pixels into windows of at most `most`, or of the least that there can be.
    pub(super) fn new(length: usize, most: usize, overlap: Overlap) -> Self {
        let Overlap { mixed, multiple, .. } = overlap;
        let padded = length.next_multiple_of(multiple);
        let shared = 2 * overlap.halo.next_multiple_of(multiple);
        // What is mixed at one seam must not reach what is mixed at the next.
        let least = shared + (3 * mixed + 1).next_multiple_of(multiple);
        let most = (most - most % multiple).max(least);
        if padded <= most {
            let whole = Part { start: 0, kept: 0..length, seams: [None, None] };
            return Self { window: padded, mixed, parts: vec![whole] };
        }
        let count = (padded - shared).div_ceil(most - shared);
        let window = (padded + (count - 1) * shared).div_ceil(count).next_multiple_of(multiple);
        let steps = (padded - window) / multiple;
        let starts: Vec<usize> = (0..count).map(|n| steps * n / (count - 1) * multiple).collect();
        // In the middle of what two windows share.
        let seam = |n: usize| (1..count).contains(&n).then(|| (starts[n] + starts[n - 1] + window) / 2);
        let part = |n: usize| {
            let seams = [seam(n), seam(n + 1)];
            let from = seams[0].map_or(0, |seam| seam - mixed);
            let to = seams[1].map_or(length, |seam| (seam + mixed).min(length));
            Part { start: starts[n], kept: from..to, seams }
        };
        Self { window, mixed, parts: (0..count).map(part).collect() }
    }

    /// The most pixels that are taken of one window.
    pub(super) fn most_kept(&self) -> usize {
        self.parts.iter().map(|part| part.kept.len()).max().unwrap_or(0)
    }

    /// How much of each enlarged pixel is taken from `part`, 0 to 1: all of it away from seams, and around them
    /// less and less of the one window and the rest of the other.
    pub(super) fn shares(&self, part: &Part, factor: usize) -> Vec<f32> {
        let width = (2 * self.mixed * factor) as f32;
        let share = |at: usize| {
            // How far beyond the beginning of what is mixed, as a part of its width; a seam without is a step.
            let beyond = |seam: usize| {
                let begin = ((seam - self.mixed) * factor) as f32;
                if width == 0.0 {
                    f32::from(at >= seam * factor)
                } else {
                    ((at as f32 + 0.5 - begin) / width).clamp(0.0, 1.0)
                }
            };
            let [before, after] = part.seams;
            before.map_or(1.0, beyond) * after.map_or(1.0, |seam| 1.0 - beyond(seam))
        };
        (part.kept.start * factor..part.kept.end * factor).map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlaps() -> impl Strategy<Value = Overlap> {
        let multiple = prop::sample::select(vec![1usize, 2, 4]);
        (0usize..40, 0usize..9, multiple).prop_map(|(halo, mixed, multiple)| Overlap {
            halo,
            mixed: mixed.min(halo),
            multiple,
        })
    }

    proptest! {
        #[test]
        fn every_pixel_is_taken_once_and_far_from_a_cut(
            length in 1usize..3000,
            overlap in overlaps(),
            more in 1usize..400,
            factor in 1usize..5,
        ) {
            let Overlap { halo, mixed, multiple } = overlap;
            let least = 2 * halo.next_multiple_of(multiple) + (3 * mixed + 1).next_multiple_of(multiple);
            let most = least - multiple + more.next_multiple_of(multiple);
            let cut = Cut::new(length, most, overlap);
            let padded = length.next_multiple_of(multiple);
            prop_assert!(cut.window <= most && cut.window.is_multiple_of(multiple));
            let mut taken = vec![0.0; length * factor];
            for part in &cut.parts {
                prop_assert!(part.start % multiple == 0 && part.start + cut.window <= padded);
                prop_assert!(part.start == 0 || part.start + halo <= part.kept.start + mixed);
                let end = part.start + cut.window;
                prop_assert!(part.kept.end == length || part.kept.end + halo <= end + mixed);
                let shares = cut.shares(part, factor);
                prop_assert_eq!(shares.len(), part.kept.len() * factor);
                taken[part.kept.start * factor..].iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
            }
            prop_assert!(taken.iter().all(|sum: &f32| (sum - 1.0).abs() < 1e-6), "{:?}", taken);
            // In order, and no more than two windows meet.
            prop_assert!(cut.parts.windows(2).all(|two| two[0].kept.start < two[1].kept.start));
        }
    }

    #[test]
    fn windows_are_no_larger_than_needed() {
        let cut = Cut::new(300, 256, Overlap { halo: 16, mixed: 4, multiple: 1 });
        assert_eq!((cut.window, cut.parts.len()), (166, 2));
        assert_eq!(cut.parts[1], Part { start: 134, kept: 146..300, seams: [Some(150), None] });
    }

    #[test]
    fn one_window_gives_way_to_the_next_evenly() {
        let cut = Cut::new(20, 12, Overlap { halo: 2, mixed: 1, multiple: 1 });
        assert_eq!(cut.parts[0].kept, 0..11);
        assert_eq!(cut.shares(&cut.parts[0], 2)[16..], [1.0, 1.0, 0.875, 0.625, 0.375, 0.125]);
        assert_eq!(cut.shares(&cut.parts[1], 2)[..6], [0.125, 0.375, 0.625, 0.875, 1.0, 1.0]);
    }
}
