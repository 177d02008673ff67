use super::*;
use proptest::prelude::*;

fn sampling(top_k: usize, top_p: f32, seed: u64) -> Sampling {
    Sampling { temperature: Some(0.75), top_k, top_p, repetition_penalty: 5.0, seed }
}

/// `distribution` of `tests/reference/xtts.py`: transformers' own steps over the same scores.
#[test]
fn candidates_have_the_shares_that_transformers_gives_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference/golden/xtts-0/expected.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        file.tensor(name).unwrap().data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    let past = file.tensor("past").unwrap();
    let mut was = vec![false; 40];
    past.data().as_chunks().0.iter().for_each(|b| was[i64::from_le_bytes(*b) as usize] = true);
    let made = shares(&penalised(&floats("scores"), &was, 5.0), 0.75, &sampling(12, 0.85, 0));
    let expected = floats("shares");
    assert!(expected.contains(&0.0), "some are no candidates");
    for (token, (made, expected)) in made.iter().zip(&expected).enumerate() {
        assert!((made - f64::from(*expected)).abs() < 1e-6, "{token}: {made} for {expected}");
    }
}

#[test]
fn draws_fall_as_often_as_the_shares_say() {
    let scores: Vec<f32> = [0.2f32, 0.5, 0.3].iter().map(|share| share.ln()).collect();
    let free = Sampling { temperature: Some(1.0), top_k: 3, top_p: 1.0, repetition_penalty: 1.0, seed: 7 };
    let mut sampler = Sampler::new(free, 3, &[]);
    let mut counts = [0; 3];
    (0..20_000).for_each(|_| counts[sampler.next(&scores).unwrap() as usize] += 1);
    for (count, share) in counts.iter().zip([0.2, 0.5, 0.3]) {
        assert!((f64::from(*count) / 20_000.0 - share).abs() < 0.015, "{counts:?}");
    }
}

#[test]
fn a_token_that_was_there_is_less_likely_whatever_its_sign() {
    let bent = penalised(&[2.0, -2.0, 2.0], &[true, true, false], 4.0);
    assert_eq!(bent, [0.5, -8.0, 2.0]);
    let greedy = Sampling { temperature: None, ..sampling(1, 1.0, 0) };
    let mut sampler = Sampler::new(greedy, 3, &[0]);
    assert_eq!(sampler.next(&[3.0, 1.0, 0.5]).unwrap(), 1);
    assert_eq!(sampler.next(&[3.0, 1.0, 0.65]).unwrap(), 2);
}

#[test]
fn a_score_that_is_no_number_is_told_as_damage() {
    let mut sampler = Sampler::new(sampling(2, 0.9, 0), 2, &[]);
    assert_eq!(sampler.next(&[f32::NAN, 1.0]).unwrap_err().kind(), ErrorKind::ModelCorrupt);
}

proptest! {
    #[test]
    fn a_seed_gives_the_same_tokens_and_only_candidates(
        scores in prop::collection::vec(-20f32..20.0, 2..60),
        top_k in 1usize..70,
        top_p in 0.01f32..=1.0,
        seed: u64,
    ) {
        let tokens = scores.len();
        let all = |seed| {
            let mut sampler = Sampler::new(sampling(top_k, top_p, seed), tokens, &[0]);
            (0..8).map(|_| sampler.next(&scores).unwrap()).collect::<Vec<_>>()
        };
        prop_assert_eq!(all(seed), all(seed));
        let made = shares(&scores, 0.75, &sampling(top_k, top_p, seed));
        prop_assert!((made.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        // One that is as good as the last candidate is one too.
        let mut sorted = scores.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let least = sorted[top_k.min(tokens) - 1];
        prop_assert!(made.iter().zip(&scores).all(|(share, score)| *share == 0.0 || *score >= least));
    }
}
