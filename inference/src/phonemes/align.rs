//! Which word each sound of a phrase belongs to. espeak-ng runs words together ("le-z ami", "dɛla"), makes several of
//! one ("25") and leaves some out, so its blanks tell little: the phrase is laid beside the same words read one by
//! one, with the least edits.

/// Sounds of a phrase or a word in Kokoro's alphabet, and the blanks between.
type Sounds = [char];

const BLANK: char = ' ';

/// What an edit costs: a sound for another, for a blank, for a stress or none; a stress or a blank for none.
const CHANGED: u32 = 3;
const NEVER: u32 = 9;
const DROPPED: u32 = 2;
const LIGHT: u32 = 1;

/// For each of `phrase` the word that it speaks, an index into `words`, which were read one by one; for a blank none.
/// The words are in order. Takes time and memory in proportion to the product of both lengths.
pub(super) fn align(phrase: &Sounds, words: &[Vec<char>]) -> Vec<Option<usize>> {
    if words.len() < 2 {
        return phrase.iter().map(|sound| (*sound != BLANK && !words.is_empty()).then_some(0)).collect();
    }
    let mut alone: Vec<(char, usize)> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            alone.push((BLANK, index));
        }
        alone.extend(word.iter().map(|sound| (*sound, index)));
    }
    let steps = table(phrase, &alone);
    let mut owners = vec![None; phrase.len()];
    let (mut at, mut beside) = (phrase.len(), alone.len());
    while at > 0 {
        let step = steps[at * (alone.len() + 1) + beside];
        match step {
            Step::Without => beside -= 1,
            Step::Beside | Step::Added => {
                at -= 1;
                beside -= usize::from(step == Step::Beside);
                // What was added belongs to what comes after it, where a blank is before it, else to what is before.
                let opens = at == 0 || phrase[at - 1] == BLANK;
                let next = if step == Step::Beside || opens { beside } else { beside.saturating_sub(1) };
                let owner = alone.get(next).or(alone.last()).map(|(_, word)| *word);
                owners[at] = owner.filter(|_| phrase[at] != BLANK);
            }
        }
    }
    in_order(&mut owners);
    owners
}

/// How a cell of the table is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A sound of the phrase beside one of the words.
    Beside,
    /// A sound that only the phrase has.
    Added,
    /// A sound that only the words have.
    Without,
}

/// The last step of the cheapest way to every pair of lengths, row by row.
fn table(phrase: &Sounds, alone: &[(char, usize)]) -> Vec<Step> {
    let width = alone.len() + 1;
    let mut steps = vec![Step::Without; (phrase.len() + 1) * width];
    let mut costs: Vec<u32> = std::iter::once(0)
        .chain(alone.iter().scan(0, |sum, (sound, _)| {
            *sum += weight(*sound);
            Some(*sum)
        }))
        .collect();
    for (at, sound) in phrase.iter().enumerate() {
        let mut diagonal = costs[0];
        costs[0] += weight(*sound);
        steps[(at + 1) * width] = Step::Added;
        for (beside, (other, _)) in alone.iter().enumerate() {
            let ways = [
                (diagonal + exchange(*sound, *other), Step::Beside),
                (costs[beside + 1] + weight(*sound), Step::Added),
                (costs[beside] + weight(*other), Step::Without),
            ];
            let (cost, step) = ways.into_iter().min_by_key(|(cost, _)| *cost).unwrap_or(ways[0]);
            diagonal = std::mem::replace(&mut costs[beside + 1], cost);
            steps[(at + 1) * width + beside + 1] = step;
        }
    }
    steps
}

fn is_light(sound: char) -> bool {
    matches!(sound, BLANK | 'ˈ' | 'ˌ' | 'ː')
}

fn weight(sound: char) -> u32 {
    if is_light(sound) { LIGHT } else { DROPPED }
}

fn exchange(sound: char, other: char) -> u32 {
    match sound == other {
        true => 0,
        false if is_light(sound) || is_light(other) => NEVER,
        false => CHANGED,
    }
}

/// A stress may be laid beside that of another word: owners never go back.
fn in_order(owners: &mut [Option<usize>]) {
    let mut last = 0;
    for owner in owners.iter_mut().flatten() {
        *owner = (*owner).max(last);
        last = *owner;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sounds of every word, as they were shared out.
    fn shared(phrase: &str, words: &[&str]) -> Vec<String> {
        let phrase: Vec<char> = phrase.chars().collect();
        let words: Vec<Vec<char>> = words.iter().map(|word| word.chars().collect()).collect();
        let mut shares = vec![String::new(); words.len()];
        for (sound, owner) in phrase.iter().zip(align(&phrase, &words)) {
            if let Some(owner) = owner {
                shares[owner].push(*sound);
            }
        }
        shares
    }

    #[test]
    fn words_run_together_made_of_several_or_changed_are_told_apart() {
        assert_eq!(shared("lez amˈi", &["le", "amˈi"]), ["lez", "amˈi"]);
        assert_eq!(shared("dla ʁˈy", &["də", "la", "ʁˈy"]), ["d", "la", "ʁˈy"]);
        assert_eq!(
            shared("tiˈene vˈeɪnti sˈinko ˈaɲos", &["tiˈene", "vˈeɪnti sˈinko", "ˈaɲos"]),
            ["tiˈene", "vˈeɪntisˈinko", "ˈaɲos"]
        );
        assert_eq!(shared("a kaza", &["a", "", "kaza"]), ["a", "", "kaza"]);
        assert_eq!(shared("ola", &["ola"]), ["ola"]);
    }

    proptest! {
        #[test]
        fn owners_are_in_order_and_every_sound_has_one(
            phrase in "[abts ˈ]{0,40}",
            words in prop::collection::vec("[abtsˈ]{0,8}( [abt]{1,3})?", 1..8),
        ) {
            let phrase: Vec<char> = phrase.chars().collect();
            let words: Vec<Vec<char>> = words.iter().map(|word| word.chars().collect()).collect();
            let owners = align(&phrase, &words);
            let mut last = 0;
            for (sound, owner) in phrase.iter().zip(&owners) {
                prop_assert_eq!(owner.is_none(), *sound == BLANK);
                if let Some(owner) = owner {
                    prop_assert!(*owner >= last && *owner < words.len());
                    last = *owner;
                }
            }
            prop_assert_eq!(owners.len(), phrase.len());
        }

        #[test]
        fn words_that_are_said_as_alone_keep_their_own_sounds(
            words in prop::collection::vec("[a-z]{1,8}", 1..12),
        ) {
            let phrase: Vec<char> = words.join(" ").chars().collect();
            let alone: Vec<Vec<char>> = words.iter().map(|word| word.chars().collect()).collect();
            let expected: Vec<Option<usize>> = words
                .iter()
                .enumerate()
                .flat_map(|(index, word)| {
                    let blank = (index > 0).then_some(None);
                    blank.into_iter().chain(std::iter::repeat_n(Some(index), word.len()))
                })
                .collect();
            prop_assert_eq!(align(&phrase, &alone), expected);
        }
    }
}
