//! Token sequences through the network, batch by batch.

use super::batches::{Batch, plan};
use super::config::{BertConfig, CONFIG};
use super::files::corrupt;
use super::graph::{Head, IDS, MASK, SCORES, STATES, TYPES, bert};
use super::memory::Costs;
use super::wordpiece::{WordPiece, Words};
use crate::network::{Feed, Network, Processor};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::{Control, Footprint, InferenceError, Progress, Result, Verdict};
use std::path::Path;

/// The file with the weights.
pub(super) const WEIGHTS: &str = "model.safetensors";

/// A text, or a pair of texts, as the network reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) ids: Vec<u32>,
    /// Where the second text begins; the end where there is none.
    pub(super) second: usize,
    /// Whether tokens were left out at the end.
    pub(super) is_cut: bool,
}

/// Takes what the network made of one sequence: its index, the numbers, and how many belong to a token.
pub(super) type Taker<'a> = dyn FnMut(usize, &[f32], usize) -> Result<()> + 'a;

/// A loaded network with its tokeniser.
pub(super) struct Reader {
    pub(super) config: BertConfig,
    pub(super) most_tokens: usize,
    tokenizer: WordPiece,
    network: Network,
    head: Head,
    costs: Costs,
}

impl Reader {
    /// Loads the folder `model`; its texts have at most `most_tokens`, or as many as the network has places for.
    pub(super) fn open(
        model: &Path,
        most_tokens: Option<usize>,
        head: Head,
        target: Target,
        processor: Processor,
    ) -> Result<Self> {
        let config = BertConfig::read(model)?;
        let tokenizer = WordPiece::open(model)?;
        if tokenizer.size() > config.vocab_size {
            let why = format!(
                "`vocab_size` is {}, and tokenizer.json has tokens up to {}",
                config.vocab_size,
                tokenizer.size()
            );
            return Err(corrupt(&model.join(CONFIG), &why));
        }
        let weights = Weights::open(&[model.join(WEIGHTS)])?;
        let graph = bert(&config, &weights, head, target)?;
        // Every batch has another shape; a plan for each would be kept beside the memory that it plans.
        let network = Network::open_unplanned("text encoder", &graph, processor)?;
        let places = config.max_position_embeddings;
        let most_tokens = most_tokens.map_or(places, |most| most.clamp(3, places));
        let costs = Costs::of(&config, &graph);
        Ok(Self { config, most_tokens, tokenizer, network, head, costs })
    }

    /// All tokens of a text without marks: how many there are decides what of a pair is cut.
    pub(super) fn words(&self, text: &str) -> Words {
        self.tokenizer.words(text, usize::MAX - 1)
    }

    /// A text between its marks.
    pub(super) fn single(&self, text: &str) -> Sequence {
        let words = self.tokenizer.words(text, self.most_tokens - 2);
        let marks = self.tokenizer.marks();
        let ids: Vec<u32> = [marks.begin].into_iter().chain(words.ids).chain([marks.end]).collect();
        Sequence { second: ids.len(), ids, is_cut: words.is_cut }
    }

    /// Two texts with marks around and between; see [`pair`].
    pub(super) fn pair(&self, first: &Words, text: &str) -> Sequence {
        pair(&self.tokenizer, self.most_tokens, first, text)
    }

    /// What texts of these lengths in bytes take, of which `made` bytes are made.
    pub(super) fn footprint(&self, bytes: impl Iterator<Item = usize>, made: usize) -> Footprint {
        self.costs.footprint(bytes, self.most_tokens, made)
    }

    /// Reads the sequences in batches and hands out what is made of each, in no order that means anything.
    pub(super) fn read(
        &mut self,
        sequences: &[Sequence],
        unit: &'static str,
        control: &dyn Control,
        take: &mut Taker<'_>,
    ) -> Result<()> {
        let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.ids.len()).collect();
        let (batches, total) = (plan(&lengths), sequences.len());
        let mut done = 0;
        let told = |done: usize| {
            let progress = Progress { done: done as u64, total: Some(total as u64), unit };
            match control.step(progress) {
                Verdict::Continue => Ok(()),
                Verdict::Cancel => Err(InferenceError::cancelled()),
            }
        };
        for (at, batch) in batches.iter().enumerate() {
            told(done)?;
            self.run(batch, sequences, at + 1 == batches.len(), take)?;
            done += batch.texts.len();
        }
        told(done)
    }

    fn run(
        &mut self,
        batch: &Batch,
        sequences: &[Sequence],
        is_last: bool,
        take: &mut Taker<'_>,
    ) -> Result<()> {
        let (rows, shape) = (batch.texts.len(), [batch.texts.len(), batch.length]);
        let Padded { ids, types, mask } = batch.padded(sequences, self.tokenizer.marks().pad);
        let feeds = [
            (IDS, Feed::Ints(&shape, &ids)),
            (TYPES, Feed::Ints(&shape, &types)),
            (MASK, Feed::Ints(&shape, &mask)),
        ];
        let output = match self.head {
            Head::States => STATES,
            Head::Classifier => SCORES,
        };
        let made = match is_last {
            true => self.network.run_last(&feeds, &[output])?,
            false => self.network.run(&feeds, &[output])?,
        };
        let made = &made[0];
        let width = made.shape[made.shape.len() - 1];
        for (index, each) in batch.texts.iter().zip(made.data.chunks_exact(made.data.len() / rows)) {
            let tokens = match self.head {
                Head::States => sequences[*index].ids.len(),
                Head::Classifier => 1,
            };
            take(*index, &each[..tokens * width], width)?;
        }
        Ok(())
    }
}

/// The inputs of a batch, (texts, tokens of the longest).
struct Padded {
    ids: Vec<i64>,
    types: Vec<i64>,
    mask: Vec<i64>,
}

impl Batch {
    fn padded(&self, sequences: &[Sequence], pad: u32) -> Padded {
        let count = self.texts.len() * self.length;
        let mut padded = Padded { ids: vec![pad.into(); count], types: vec![0; count], mask: vec![0; count] };
        for (row, index) in self.texts.iter().enumerate() {
            let Sequence { ids, second, .. } = &sequences[*index];
            for (at, token) in ids.iter().enumerate() {
                let place = row * self.length + at;
                padded.ids[place] = i64::from(*token);
                padded.types[place] = i64::from(at >= *second);
                padded.mask[place] = 1;
            }
        }
        padded
    }
}

/// All of a text and what fits of another with marks around and between, `most` tokens in all: where they are too long
/// together, the end of the first is left out too.
pub(super) fn pair(tokenizer: &WordPiece, most: usize, first: &Words, text: &str) -> Sequence {
    let marks = tokenizer.marks();
    // As many as tell which of the two is longer.
    let second = tokenizer.words(text, most.max(first.ids.len()));
    let [a, b] = shares([first.ids.len(), second.ids.len()], most - 3);
    let is_cut = first.is_cut || second.is_cut || a < first.ids.len() || b < second.ids.len();
    let mut ids = vec![marks.begin];
    ids.extend(&first.ids[..a]);
    ids.push(marks.end);
    let at = ids.len();
    ids.extend(&second.ids[..b]);
    ids.push(marks.end);
    Sequence { ids, second: at, is_cut }
}

/// How many tokens of either text stay where both have at most `most` together: the longer one is cut to the length of
/// the other, then both alike (`LongestFirst` of the tokenizers library, `utils/truncation.rs`).
fn shares([a, b]: [usize; 2], most: usize) -> [usize; 2] {
    if a + b <= most {
        return [a, b];
    }
    let (short, long) = (a.min(b), a.max(b));
    let [short, long] = match short > most || short + short.max(most - short) > most {
        true => [most / 2, most / 2 + most % 2],
        false => [short, long.min(most - short)],
    };
    if a <= b { [short, long] } else { [long, short] }
}

#[cfg(test)]
mod tests {
    use super::shares;
    use proptest::prelude::*;

    #[test]
    fn the_longer_text_is_cut_first() {
        assert_eq!(shares([3, 4], 7), [3, 4]);
        assert_eq!(shares([3, 40], 10), [3, 7]);
        assert_eq!(shares([40, 3], 10), [7, 3]);
        assert_eq!(shares([40, 41], 11), [5, 6]);
        assert_eq!(shares([41, 40], 11), [6, 5]);
        assert_eq!(shares([6, 9], 10), [5, 5]);
    }

    proptest! {
        #[test]
        fn what_stays_fits_and_fills_the_room(a in 0usize..700, b in 0usize..700, most in 2usize..600) {
            let [x, y] = shares([a, b], most);
            prop_assert!(x <= a && y <= b);
            prop_assert_eq!(x + y, (a + b).min(most));
        }
    }
}
