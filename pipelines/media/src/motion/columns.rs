//! Where the samples of an output row lie in an input row: computed once a frame, used by each row.

/// Bits of a position below the point.
pub(super) const POSITION: u32 = 16;

/// A row's two weights sum to this.
pub(super) const ONE: i32 = 1 << 14;

/// Sixteen outputs, prepared for four shuffles of eight input samples each, two in a register.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// The first input sample of each four outputs, in the order of [`FOURS`].
    pub(super) base: [u32; 4],
    /// Byte shuffles that pair each output's left and right sample, four outputs a half.
    pub(super) shuffle: [[u8; 32]; 2],
    /// The weights of those pairs.
    pub(super) weights: [[i16; 16]; 2],
}

/// Which four outputs are computed in which half of the two registers: packing them works within
/// halves, and leaves them in order when the first register holds outputs 0 to 3 and 8 to 11.
#[cfg(target_arch = "x86_64")]
const FOURS: [usize; 4] = [0, 2, 1, 3];

/// Where output samples lie between input samples along one axis.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// The input sample to the left of each output.
    pub(super) left: Vec<usize>,
    /// The weights of that sample and the next, summing to [`ONE`].
    pub(super) weights: Vec<[i16; 2]>,
    /// Whole sixteens of outputs, and once more the last sixteen, which may overlap the ones before;
    /// empty where the outputs lie too far apart for a shuffle, or are fewer.
    #[cfg(target_arch = "x86_64")]
    pub(super) blocks: Vec<Block>,
    /// One past the last input sample that a block reads.
    #[cfg(target_arch = "x86_64")]
    pub(super) reach: usize,
}

/// The position of output `index` on an axis of `input` samples, as (left sample, 16-bit fraction).
/// `origin` is where the first cell begins, `phase` where in its cell a sample lies.
pub(super) fn position(origin: f64, step: f64, phase: f64, index: usize, input: usize) -> (usize, u32) {
    let at = origin + (index as f64 + phase) * step - phase;
    let last = ((input - 1) << POSITION) as i64;
    let fixed = ((at * f64::from(1u32 << POSITION)).round() as i64).clamp(0, last) as usize;
    // The last sample is reached as the right one of the last pair.
    let left = (fixed >> POSITION).min(input - 2);
    (left, (fixed - (left << POSITION)) as u32)
}

impl Columns {
    /// Recomputes the positions of `output` samples; `input` is at least 2.
    pub(super) fn place(&mut self, origin: f64, step: f64, phase: f64, output: usize, input: usize) {
        self.left.clear();
        self.weights.clear();
        for index in 0..output {
            let (left, fraction) = position(origin, step, phase, index, input);
            let right = ((fraction + 2) >> (POSITION - 14)) as i16;
            self.left.push(left);
            self.weights.push([ONE as i16 - right, right]);
        }
        #[cfg(target_arch = "x86_64")]
        self.place_blocks();
    }

    #[cfg(target_arch = "x86_64")]
    fn place_blocks(&mut self) {
        self.blocks.clear();
        self.reach = self.left.iter().max().map_or(0, |left| left + 8);
        let count = self.left.len();
        let near =
            |at: usize| (at..at + 16).step_by(4).all(|four| self.left[four + 3] - self.left[four] <= 6);
        let starts = (0..count / 16).map(|block| 16 * block).chain(count.checked_sub(16));
        if starts.clone().all(near) {
            self.blocks.extend(starts.map(|at| Block::new(&self.left[at..], &self.weights[at..])));
        }
    }

    /// The first input sample that is used, and the one after the last.
    pub(super) fn span(&self) -> std::ops::Range<usize> {
        let first = self.left.first().copied().unwrap_or(0);
        first..self.left.last().map_or(0, |left| left + 2)
    }
}

#[cfg(target_arch = "x86_64")]
impl Block {
    /// The block of the outputs whose places and weights come first in the slices.
    fn new(left: &[usize], weights: &[[i16; 2]]) -> Self {
        let base = std::array::from_fn(|four| left[4 * FOURS[four]] as u32);
        let shuffle = std::array::from_fn(|register| {
            std::array::from_fn(|byte| {
                let first = 4 * FOURS[2 * register + byte / 16];
                let output = first + byte % 16 / 4;
                // Two bytes a sample; bytes 0 and 1 are the left sample, 2 and 3 the right one.
                (2 * (left[output] - left[first]) + byte % 4) as u8
            })
        });
        let weights = std::array::from_fn(|register| {
            std::array::from_fn(|index| {
                let output = 4 * FOURS[2 * register + index / 8] + index % 8 / 2;
                weights[output][index % 2]
            })
        });
        Self { base, shuffle, weights }
    }
}
