//! How two lists of words compare.

/// Lower-case words without punctuation; a number up to three as a word.
pub(crate) fn plain(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('3', "three").replace("harbor", "harbour");
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The least number of words to change, over those there should be.
pub(crate) fn word_error_rate(expected: &[String], heard: &[String]) -> f64 {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in expected.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, found) in heard.iter().enumerate() {
            let substitute = diagonal + usize::from(word != found);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()] as f64 / expected.len() as f64
}

/// By how many seconds each word that both have, in the longest run of words common to both, begins later in the second.
pub(crate) fn later(expected: &[(String, f64)], heard: &[(String, f64)]) -> Vec<f64> {
    let spelt =
        |words: &[(String, f64)]| words.iter().map(|(word, _)| plain(word).concat()).collect::<Vec<_>>();
    let (a, b) = (spelt(expected), spelt(heard));
    let mut common = vec![vec![0u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = match a[i] == b[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut later) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            later.push(heard[j].1 - expected[i].1);
            (i, j) = (i + 1, j + 1);
        } else if common[i + 1][j] >= common[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    later
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_word_said_twice_is_not_taken_for_the_other_one() {
    let word = |text: &str, start| (text.to_owned(), start);
    let expected = [word("a", 1.0), word("b", 2.0), word("a", 5.0), word("c", 6.0)];
    let heard = [word(" A,", 1.25), word(" b", 1.5), word(" or", 5.0), word(" c.", 6.5)];
    assert_eq!(later(&expected, &heard), [0.25, -0.5, 0.5]);
}
