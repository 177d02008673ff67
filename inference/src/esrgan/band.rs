//! Rows of the enlarged picture that are being put together.

/// Rows of the whole width: those that are not finished yet.
pub(super) struct Band {
    width: usize,
    channels: usize,
    /// The picture's row that is the first here.
    first: usize,
    /// The channels of each pixel, row by row.
    numbers: Vec<f32>,
}

impl Band {
    /// At the top of a picture; `numbers` is empty and has room for the most rows that there will be.
    pub(super) fn new(numbers: Vec<f32>, width: usize, channels: usize) -> Self {
        Self { width, channels, first: 0, numbers }
    }

    /// Adds rows of zeros up to the picture's row `end`.
    pub(super) fn reach(&mut self, end: usize) {
        self.numbers.resize((end - self.first) * self.width * self.channels, 0.0);
    }

    /// The pixels of the picture's row `row`, from `column` on.
    pub(super) fn pixels(&mut self, row: usize, column: usize) -> impl Iterator<Item = &mut [f32]> {
        let begin = (row - self.first) * self.width;
        let row = &mut self.numbers[(begin + column) * self.channels..(begin + self.width) * self.channels];
        row.chunks_exact_mut(self.channels)
    }

    /// Hands the rows before the picture's row `end` to `take`, in order, and keeps the others.
    pub(super) fn finish(&mut self, end: usize, take: impl FnMut(&[f32])) {
        let done = (end - self.first) * self.width * self.channels;
        self.numbers[..done].chunks_exact(self.width * self.channels).for_each(take);
        self.numbers.drain(..done);
        self.first = end;
    }
}
