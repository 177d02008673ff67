use crate::support::cases::cases;
use crate::{cosine, embedder};
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::embed::{Embed, EmbedRequest};

/// The bar for the published model.
const LEAST: f64 = 0.9999;

#[test]
fn the_published_model_gives_the_directions_of_sentence_transformers() {
    for case in cases("sentences") {
        let texts: Vec<String> = serde_json::from_value(case.json["texts"].clone()).expect("texts");
        let made = embedder().embed(&EmbedRequest { texts: texts.clone() }, &NoControl).expect("it reads");
        let expected = case.floats("made");
        let width = case.tensor("made").shape[1];
        assert_eq!((made.len(), width), (texts.len(), embedder().width()));
        for ((text, ours), theirs) in texts.iter().zip(&made).zip(expected.chunks(width)) {
            let alike = cosine(&ours.vector, theirs);
            assert!(alike >= LEAST, "{}: {alike} for {text:?}", case.name);
        }
    }
}

#[test]
fn like_is_nearer_than_unlike() {
    let texts =
        ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose by half a point."];
    let request = EmbedRequest { texts: texts.map(str::to_owned).to_vec() };
    let made = embedder().embed(&request, &NoControl).expect("it reads");
    let near = cosine(&made[0].vector, &made[1].vector);
    let far = cosine(&made[0].vector, &made[2].vector);
    assert!(near > 0.6 && far < 0.2, "{near} and {far}");
}
