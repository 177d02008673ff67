use crate::minilm;
use crate::support::cases::{Case, cases, relative_error};
use crate::support::checkpoint::{load_runtime, write};
use reelsmith_graph::Target;
use reelsmith_inference::embed::Reranker;
use reelsmith_inference_core::embed::{Rerank, RerankRequest};
use reelsmith_inference_core::{ErrorKind, NoControl};
use serde_json::json;
use std::fs;

/// The case's cross-encoder, whose `config.json` names `activation`.
fn open(case: &Case, activation: Option<&str>) -> reelsmith_inference_core::Result<Reranker> {
    load_runtime();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut config = case.json["config"].clone();
    if let Some(activation) = activation {
        config["sentence_transformers"] = json!({ "activation_fn": activation });
    }
    fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
    fs::copy(minilm().join("tokenizer.json"), folder.path().join("tokenizer.json")).expect("copied");
    write(&folder.path().join("model.safetensors"), &case.shapes("/weights"), "", case.seed());
    // The weights are read as the session starts.
    Reranker::open(folder.path(), Target::CPU, 2)
}

#[test]
fn documents_have_the_scores_of_sentence_transformers() {
    for case in cases("reranked") {
        let documents: Vec<String> = serde_json::from_value(case.json["documents"].clone()).expect("texts");
        for (activation, made) in [(Some("torch.nn.modules.linear.Identity"), "logits"), (None, "scores")] {
            let mut reranker = open(&case, activation).expect("it loads");
            for asked in ["short", "long"] {
                let query = case.json[asked].as_str().expect("a query").to_owned();
                let request = RerankRequest { query, documents: documents.clone() };
                let ranked = reranker.rerank(&request, &NoControl).expect("it reads");
                let error = relative_error(&ranked.scores, &case.floats(&format!("{asked}_{made}")));
                assert!(error <= 1e-4, "{} {asked} {made}: {error:e}", case.name);
            }
        }
    }
}

#[test]
fn an_activation_that_is_not_known_is_refused() {
    let case = &cases("reranked")[0];
    let error = open(case, Some("torch.nn.modules.activation.Softsign")).map(drop).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
    assert!(error.to_string().contains("the activation Softsign is not supported"), "{error}");
}

#[test]
fn nothing_to_judge_is_refused_and_anything_else_is_judged() {
    let mut reranker = open(&cases("reranked")[0], None).expect("it loads");
    let mut rerank = |query: &str, documents: &[&str]| {
        let documents = documents.iter().map(|text| (*text).to_owned()).collect();
        reranker.rerank(&RerankRequest { query: query.to_owned(), documents }, &NoControl)
    };
    let error = rerank("what?", &[]).expect_err("there are none");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("no documents"), "{error}");
    let ranked = rerank("", &["", "\u{0}", "😀", "word"]).expect("they are read");
    assert_eq!(ranked.scores.len(), 4);
    assert!(ranked.scores.iter().all(|score| (0.0..=1.0).contains(score)));
    assert_eq!(ranked.scores[0], ranked.scores[1], "a control character says nothing");
    let long = "many words ".repeat(100_000);
    assert_eq!(rerank(&long, &[&long, "short"]).expect("they are cut").scores.len(), 2);
}
