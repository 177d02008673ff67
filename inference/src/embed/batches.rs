//! Which texts are read together.

/// Positions of one batch, padding included: what memory a run takes grows with them, and above some hundred a
/// processor is no better used.
pub(super) const POSITIONS: usize = 4096;

/// Positions above which a batch is closed rather than padded; below, starting a run costs more than padding.
const ENOUGH: usize = 512;
/// By how much a text may be shorter than the longest of its batch where that has enough, as a part.
const SLACK: f64 = 0.08;

/// Texts that go through the network together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// Their indices.
    pub(super) texts: Vec<usize>,
    /// Tokens of the longest.
    pub(super) length: usize,
}

/// Batches for texts of `lengths` tokens, the longest first, so that no later run takes more memory than the first.
pub(super) fn plan(lengths: &[usize]) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(lengths[*index]));
    let mut batches: Vec<Batch> = Vec::new();
    for index in order {
        match batches.last_mut().filter(|batch| batch.takes(lengths[index])) {
            Some(batch) => batch.texts.push(index),
            None => batches.push(Batch { texts: vec![index], length: lengths[index] }),
        }
    }
    batches
}

impl Batch {
    fn takes(&self, length: usize) -> bool {
        let positions = self.length * self.texts.len();
        let padding = (self.length - length) as f64 / self.length as f64;
        positions + self.length <= POSITIONS && (positions < ENOUGH || padding <= SLACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_is_read_once_and_no_batch_is_too_large(lengths in prop::collection::vec(2usize..600, 0..400)) {
            let batches = plan(&lengths);
            let mut seen: Vec<usize> = batches.iter().flat_map(|batch| batch.texts.clone()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            prop_assert!(batches.is_sorted_by_key(|batch| std::cmp::Reverse(batch.length)));
            for batch in &batches {
                let longest = batch.texts.iter().map(|index| lengths[*index]).max();
                prop_assert_eq!(longest, Some(batch.length));
                prop_assert!(batch.texts.len() == 1 || batch.length * batch.texts.len() <= POSITIONS);
            }
        }
    }

    #[test]
    fn little_is_padded() {
        // Sentences of 5 to 60 tokens, as many of each.
        let lengths: Vec<usize> = (0..1120).map(|n| 5 + n % 56).collect();
        let batches = plan(&lengths);
        let computed: usize = batches.iter().map(|batch| batch.length * batch.texts.len()).sum();
        let needed: usize = lengths.iter().sum();
        assert!((computed as f64) < 1.05 * needed as f64, "{computed} for {needed}");
        assert!(batches.len() < 60, "{} runs", batches.len());
    }
}
