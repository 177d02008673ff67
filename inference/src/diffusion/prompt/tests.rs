//! Prompts to parts, to chunks, and what weights do, on any text.

use super::weights::{Part, WEIGHTS, parse};
use super::*;
use crate::diffusion::tokenizer::tests::hard_text;
use proptest::prelude::*;
use std::sync::LazyLock;

static BOTH: LazyLock<[Tokenizer; 2]> = LazyLock::new(|| {
    let path = crate::fetched::file("clip-vocabulary/bpe_simple_vocab_16e6.txt.gz");
    let first = Tokenizer::open(&path).expect("the published vocabulary");
    let second = first.clone().padded_with("!").expect("in the vocabulary");
    [first, second]
});

fn both() -> [&'static Tokenizer; 2] {
    BOTH.each_ref()
}

fn parts(prompt: &str) -> Vec<(String, f32)> {
    parse(prompt).expect("valid").into_iter().map(|part| (part.text, part.weight)).collect()
}

/// The tokens of text in a chunk.
fn text_of<'a>(chunk: &'a Chunk, tokenizer: &Tokenizer) -> &'a [u32] {
    // What is in no text here: the end mark.
    let end = chunk.ids.iter().position(|id| *id == tokenizer.end()).expect("every chunk has an end");
    &chunk.ids[1..end]
}

fn texts(prompt: &str) -> [Vec<String>; 2] {
    let chunks = tokenise(prompt, both()).expect("valid");
    std::array::from_fn(|n| {
        let decode = |chunk| both()[n].decode(text_of(chunk, both()[n])).trim().to_owned();
        chunks[n].iter().map(decode).collect()
    })
}

#[test]
fn weights_are_read_as_the_web_ui_reads_them() {
    let cases: &[(&str, &[(&str, f32)])] = &[
        ("", &[]),
        ("()[]", &[]),
        ("plain text", &[("plain text", 1.0)]),
        ("an (old) barn", &[("an ", 1.0), ("old", 1.1), (" barn", 1.0)]),
        ("an ((old)) barn", &[("an ", 1.0), ("old", 1.21), (" barn", 1.0)]),
        ("an [old] barn", &[("an ", 1.0), ("old", 1.0 / 1.1), (" barn", 1.0)]),
        ("an (old:1.3) barn", &[("an ", 1.0), ("old", 1.3), (" barn", 1.0)]),
        ("(a: +.5 )(b:1.)(c:0)", &[("a", 0.5), ("b", 1.0), ("c", 0.0)]),
        ("(a (b:1.5):2)", &[("a ", 2.0), ("b", 3.0)]),
        ("([even])", &[("even", 1.0)]),
        ("(a)(b)", &[("ab", 1.1)]),
        // Opened and never closed: to the end. Closed and never opened: text.
        ("a (b [c", &[("a ", 1.0), ("b ", 1.1), ("c", 1.0)]),
        ("a) b] c:1.3)", &[("a) b] c:1.3)", 1.0)]),
        ("(a:1.5)) b", &[("a", 1.5), (") b", 1.0)]),
        ("((a:1.5) b", &[("a", 1.65), (" b", 1.1)]),
        ("(a [b) c]", &[("a ", 1.1), ("b", 1.0), (" c", 1.0 / 1.1)]),
        // Signs without their meaning.
        (r"a \(b\) \[c\] \\ \d \", &[(r"a (b) [c] \ d ", 1.0)]),
        (r"(a \(b:1.5)", &[("a (b", 1.5)]),
        // Colons and numbers that close nothing.
        ("a:b :1.3 [c:1.5]", &[("a:b :1.3 ", 1.0), ("c:1.5", 1.0 / 1.1)]),
        ("(a:b) (c:1e3) (d:nan)", &[("a:b", 1.1), (" ", 1.0), ("c:1e3", 1.1), (" ", 1.0), ("d:nan", 1.1)]),
        (
            "a (((barn:1.3)) [by] the (lake:0.5), fog, (((moon))).",
            &[
                ("a ", 1.0),
                ("barn", 1.573),
                (" ", 1.1),
                ("by", 1.0),
                (" the ", 1.1),
                ("lake", 0.55),
                (", fog, ", 1.1),
                ("moon", 1.4641),
                (".", 1.1),
            ],
        ),
    ];
    for (prompt, expected) in cases {
        let found = parts(prompt);
        assert_eq!(found.len(), expected.len(), "{prompt}: {found:?}");
        for ((text, weight), (expected, wanted)) in found.iter().zip(*expected) {
            assert_eq!(text, expected, "{prompt}");
            assert!((weight - wanted).abs() < 1e-6, "{prompt}: {text} has {weight}, not {wanted}");
        }
    }
}

#[test]
fn a_weight_out_of_range_is_refused_with_the_part_it_is_on() {
    for (prompt, named) in [
        ("a (barn:4.1) b", "`barn` in the prompt has the weight 4.1; expected 0 to 4"),
        ("a (barn:-1) b", "`barn` in the prompt has the weight -1;"),
        ("((a:3):2)", "`a` in the prompt has the weight 6;"),
        ("((((((((((((((((deep))))))))))))))))", "`deep` in the prompt has the weight 4.59"),
        ("(a:1.2.3)", "`1.2.3` at `:1.2.3)` in the prompt is no number"),
        ("(a:.)", "`.` at `:.)`"),
    ] {
        let error = parse(prompt).expect_err(prompt);
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(named), "{prompt}: {error}");
    }
    let nines = "9".repeat(400);
    let error = parse(&format!("((x{}:{nines}):0)", "y".repeat(500))).expect_err("infinity times nothing");
    assert!(error.to_string().contains("NaN") && error.to_string().len() < 300, "{error}");
}

#[test]
fn a_short_prompt_is_one_chunk_as_diffusers_has_it() {
    let [first, second] = tokenise("a photo of a cat!", both()).expect("valid");
    let mut ids = [49_407; CHUNK_TOKENS];
    ids[..7].copy_from_slice(&[49_406, 320, 1125, 539, 320, 2368, 256]);
    assert_eq!(first, [Chunk { ids, weights: [1.0; CHUNK_TOKENS] }]);
    ids[6..].fill(0);
    ids[7] = 49_407;
    assert_eq!(second, [Chunk { ids, weights: [1.0; CHUNK_TOKENS] }]);
}

#[test]
fn weights_lie_on_the_tokens_of_their_part_in_both_encoders() {
    let chunks = tokenise("wow! (black cat!:1.3), [dog]", both()).expect("valid");
    let low = (1.0f64 / 1.1) as f32;
    let expected = [1.0, 1.0, 1.0, 1.3, 1.3, 1.3, 1.0, low, 1.0, 1.0];
    for encoder in chunks {
        assert_eq!(encoder[0].weights[..10], expected);
        assert!(encoder[0].weights[10..].iter().all(|weight| *weight == 1.0));
    }
}

#[test]
fn a_prompt_is_cut_where_a_reader_would() {
    // 73 tokens, then a word of four.
    let words = vec!["cat"; 73].join(" ");
    let long = "antidisestablishmentarianism";
    assert!(both()[0].encode(long).len() > 2);
    for encoder in texts(&format!("{words} {long} dog")) {
        assert_eq!(encoder, [words.clone(), format!("{long} dog")]);
    }
    // A comma in the last 20 places is the better place, and one before them is not.
    let cats = |n| vec!["cat"; n].join(" ");
    for encoder in texts(&format!("{}, {}", cats(60), cats(30))) {
        assert_eq!(encoder, [format!("{} ,", cats(60)), cats(30)]);
    }
    for encoder in texts(&format!("{}, {}", cats(50), cats(30))) {
        assert_eq!(encoder, [format!("{} , {}", cats(50), cats(24)), cats(6)]);
    }
    // Neither is one before them when what is next needs the places behind.
    for encoder in texts(&format!("{}, {} a-b-c-d-e-f", cats(49), cats(15))) {
        assert_eq!(encoder, [format!("{} , {}", cats(49), cats(15)), "a - b - c - d - e - f".to_owned()]);
    }
    // So is one between words without a blank.
    for encoder in texts(&vec!["blue cat"; 40].join(",")) {
        assert!(encoder[0].ends_with(" ,") && encoder[1].starts_with("blue"), "{encoder:?}");
    }
    // Longer than a chunk and without a blank: at the end of a word; longer and one word: anywhere.
    for encoder in texts(&vec!["antidisestablishmentarianism"; 40].join("-")) {
        assert!(
            encoder.len() > 1 && encoder.iter().all(|text| text.ends_with([' ', '-', 'm'])),
            "{encoder:?}"
        );
    }
    assert!(texts(&"日本".repeat(100))[0].len() > 1);
}

#[test]
fn encoders_that_count_differently_are_cut_at_one_place() {
    let prompt = vec!["wow!!! so good!!"; 30].join(", ");
    let [first, second] = texts(&prompt);
    assert_eq!(first.len(), second.len());
    let plain = |text: &String| text.replace([' ', '\u{fffd}'], "");
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(plain(one), plain(other));
    }
    assert_eq!(plain(&first.concat()), prompt.replace(' ', ""));
}

#[test]
fn a_prompt_and_its_negative_have_chunks_of_one_number() {
    let long = vec!["cat"; 200].join(" ");
    for (positive, negative) in [("cat", long.as_str()), (&long, "cat"), ("", ""), (&long, "")] {
        let pair = tokenise_pair(positive, negative, both()).expect("valid");
        let count = if positive.len() + negative.len() > 100 { 3 } else { 1 };
        for n in 0..2 {
            assert_eq!((pair.positive[n].len(), pair.negative[n].len()), (count, count));
            let shorter = if positive.len() < negative.len() { &pair.positive[n] } else { &pair.negative[n] };
            shorter[1..].iter().for_each(|chunk| assert_eq!(*chunk, Chunk::empty(both()[n])));
        }
    }
}

#[test]
fn a_prompt_too_long_is_refused_at_once() {
    let since = std::time::Instant::now();
    let fits = vec!["cat"; 1200].join(" ");
    assert_eq!(tokenise(&fits, both()).expect("the most")[1].len(), MOST_CHUNKS);
    for (prompt, named) in [
        (fits + " cat", "16 chunks of 75"),
        ("x".repeat(1 << 20), "1048576 bytes; at most 100000"),
        ("(".repeat(MOST_BYTES + 1), "100001 bytes"),
        ("(a".repeat(50_000), "the weight"),
        ("[a".repeat(50_000), "16 chunks"),
        ("😀".repeat(25_000), "16 chunks"),
        (": ".repeat(50_000), "16 chunks"),
    ] {
        let error = tokenise(&prompt, both()).expect_err(named);
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(named) && error.to_string().len() < 300, "{error}");
    }
    assert_eq!(tokenise(&"(".repeat(MOST_BYTES), both()).expect("no text")[0].len(), 1);
    assert!(since.elapsed().as_secs() < 30, "took {:?}", since.elapsed());
}

#[test]
fn a_weight_moves_its_token_and_no_other() {
    let empty = [1.0f32, 2.0, 3.0, 4.0];
    let hidden = [3.0f32, 0.1, 0.2, f32::MIN_POSITIVE, 5.0, 2.0, -1.0, 8.0];
    let mut weighed = hidden;
    weigh(&mut weighed, &empty, &[1.5, 1.0, 0.0, 2.0], 2).expect("fits");
    assert_eq!(weighed[..2], [4.0, 2.0 + (0.1 - 2.0) * 1.5]);
    assert_eq!(
        weighed[2..4].iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        [0.2f32.to_bits(), f32::MIN_POSITIVE.to_bits()]
    );
    // The second chunk has the same positions of the empty prompt.
    assert_eq!(weighed[4..], [1.0, 2.0, -5.0, 12.0]);
    for (hidden, empty, weights, width) in
        [(8, 4, 3, 2), (8, 6, 4, 2), (8, 0, 4, 2), (8, 4, 4, 0), (8, 3, 4, 2)]
    {
        let error = weigh(&mut vec![0.0; hidden], &vec![0.0; empty], &vec![1.0; weights], width);
        assert_eq!(error.expect_err("does not fit").kind(), ErrorKind::Engine);
    }
}

proptest! {
    #[test]
    fn the_parts_are_the_text_without_its_signs(prompt in "[a-c ,\u{e9}()\\[\\]]{0,60}") {
        let signs = ['(', ')', '[', ']'];
        let found = parse(&prompt).expect("too few signs for a weight out of range at this length");
        let joined: String = found.iter().map(|part| part.text.as_str()).collect();
        // Signs that close nothing are text.
        prop_assert_eq!(joined.replace(signs, ""), prompt.replace(signs, ""));
        prop_assert!(!joined.contains(['(', '[']));
        for pair in found.windows(2) {
            prop_assert!(pair[0].weight != pair[1].weight);
        }
    }

    #[test]
    fn a_text_with_its_signs_escaped_is_one_part(text in "[a-c \\\\()\\[\\]:.0-9]{1,60}") {
        let escape = |c: char| if "\\()[]".contains(c) { format!("\\{c}") } else { c.to_string() };
        let escaped: String = text.chars().map(escape).collect();
        prop_assert_eq!(parse(&escaped).expect("no weights"), [Part { text, weight: 1.0 }]);
    }

    #[test]
    fn no_prompt_makes_the_parser_panic_or_leave_its_range(prompt in hard_text()) {
        for part in parse(&prompt).unwrap_or_default() {
            prop_assert!(WEIGHTS.contains(&part.weight) && !part.text.is_empty());
        }
    }

    #[test]
    fn the_chunks_hold_every_token_once_in_order_and_with_its_weight(
        pieces in prop::collection::vec(hard_text(), 0..12),
    ) {
        let prompt = pieces.concat().replace("<|", "< |");
        let Ok(parts) = parse(&prompt) else { return Ok(()) };
        let Ok(chunks) = tokenise(&prompt, both()) else { return Ok(()) };
        prop_assert_eq!(chunks[0].len(), chunks[1].len());
        for (chunks, tokenizer) in chunks.iter().zip(both()) {
            let expected: Vec<(u32, f32)> = parts
                .iter()
                .flat_map(|part| tokenizer.encode(&part.text).into_iter().map(|id| (id, part.weight)))
                .collect();
            let mut found = Vec::new();
            for chunk in chunks {
                let text = text_of(chunk, tokenizer);
                found.extend(text.iter().copied().zip(chunk.weights[1..].iter().copied()));
                prop_assert_eq!(chunk.ids[0], tokenizer.begin());
                prop_assert!(text.len() <= CHUNK_TOKENS - 2);
                prop_assert!(chunk.ids[text.len() + 2..].iter().all(|id| *id == tokenizer.pad()));
                prop_assert!(chunk.weights[text.len() + 1..].iter().all(|weight| *weight == 1.0));
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn weights_of_one_keep_every_bit(bits in prop::collection::vec(any::<u32>(), 12)) {
        let hidden: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
        let mut weighed = hidden.clone();
        weigh(&mut weighed, &[0.5; 6], &[1.0; 4], 3).expect("fits");
        prop_assert_eq!(weighed.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), bits);
    }
}
