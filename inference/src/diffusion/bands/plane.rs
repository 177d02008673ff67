//! A plane of activations in the host's memory, in the bands that made it.

use super::moments::Moments;
use crate::network::Array;
use std::collections::VecDeque;
use std::ops::Range;

/// (1, channels, height, width), made from the top down and let go of from the top down.
pub(super) struct Plane {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// The row that each begins with, and its numbers: (1, channels, rows, width).
    parts: VecDeque<(usize, Array)>,
    /// Of each group, where they were taken.
    pub(super) moments: Vec<Moments>,
}

impl Plane {
    /// Of no rows yet; `groups` are measured, none if 0.
    pub(super) fn new(channels: usize, width: usize, groups: usize) -> Self {
        let moments = vec![Moments::default(); groups];
        Self { channels, height: 0, width, parts: VecDeque::new(), moments }
    }

    /// All at once, not measured.
    pub(super) fn of(array: Array) -> Self {
        let mut plane = Self::new(array.shape[1], array.shape[3], 0);
        plane.push(array);
        plane
    }

    /// Adds rows at the bottom.
    pub(super) fn push(&mut self, band: Array) {
        if !self.moments.is_empty() {
            let each = band.data.len() / self.moments.len();
            let groups = band.data.chunks_exact(each.max(1));
            self.moments.iter_mut().zip(groups).for_each(|(all, group)| *all = all.and(Moments::of(group)));
        }
        let first = self.height;
        self.height += band.shape[2];
        self.parts.push_back((first, band));
    }

    /// A copy of these rows.
    pub(super) fn band(&self, rows: &Range<usize>) -> Array {
        let mut data = Vec::with_capacity(self.channels * rows.len() * self.width);
        let overlap = |first: usize, part: &Array| {
            rows.start.saturating_sub(first)..rows.end.saturating_sub(first).min(part.shape[2])
        };
        let parts = self.parts.iter().map(|(first, part)| (overlap(*first, part), part));
        let parts: Vec<_> = parts.filter(|(rows, _)| !rows.is_empty()).collect();
        for channel in 0..self.channels {
            for (rows, part) in &parts {
                let first = channel * part.shape[2];
                data.extend_from_slice(
                    &part.data[(first + rows.start) * self.width..(first + rows.end) * self.width],
                );
            }
        }
        Array::new(&[1, self.channels, rows.len(), self.width], data)
    }

    /// Lets go of what lies above `row`, as far as it is whole bands.
    pub(super) fn let_go(&mut self, row: usize) {
        while self.parts.front().is_some_and(|(first, part)| first + part.shape[2] <= row) {
            self.parts.pop_front();
        }
    }

    /// All of it.
    pub(super) fn into_array(self) -> Array {
        self.band(&(0..self.height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_went_in_until_they_are_let_go_of(
            heights in prop::collection::vec(1usize..5, 1..6), channels in 1usize..4, width in 1usize..5,
            at in 0.0f64..1.0, to in 0.0f64..1.0,
        ) {
            let height: usize = heights.iter().sum();
            let number = |channel: usize, row: usize, x: usize| (channel * 1000 + row * 10 + x) as f32;
            let rows = |rows: Range<usize>| {
                let mut data = Vec::new();
                for channel in 0..channels {
                    for row in rows.clone() {
                        data.extend((0..width).map(|x| number(channel, row, x)));
                    }
                }
                Array::new(&[1, channels, rows.len(), width], data)
            };
            let mut plane = Plane::new(channels, width, 0);
            for more in heights {
                plane.push(rows(plane.height..plane.height + more));
            }
            let start = (at * height as f64) as usize;
            let wanted = start..start + ((to * (height - start) as f64) as usize).max(1);
            plane.let_go(wanted.start);
            prop_assert_eq!(plane.band(&wanted), rows(wanted));
            prop_assert_eq!(plane.height, height);
        }
    }
}
