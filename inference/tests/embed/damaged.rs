use crate::support::cases::{Case, cases};
use crate::support::checkpoint::Tensors;
use crate::{minilm, open};
use reelsmith_graph::Target;
use reelsmith_inference::embed::footprint;
use reelsmith_inference_core::ErrorKind;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The folder of a small model that reads with the published tokeniser.
fn folder(case: &Case, change: impl FnOnce(&mut Value, &mut Tensors)) -> TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut config = case.json["config"].clone();
    let mut tensors = Tensors::default().filled(&case.shapes("/weights"), "", case.seed());
    change(&mut config, &mut tensors);
    fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
    fs::copy(minilm().join("tokenizer.json"), folder.path().join("tokenizer.json")).expect("copied");
    tensors.write(&folder.path().join("model.safetensors"));
    folder
}

#[track_caller]
fn refused(folder: &Path, kind: ErrorKind, says: &str) {
    let error = open(folder).map(drop).expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{says:?} is not in {error}");
}

#[test]
fn settings_that_no_network_has_are_refused_by_name() {
    let case = &cases("reranked")[0];
    for (key, value, says) in [
        ("model_type", json!("roberta"), "`model_type` is roberta; only bert"),
        ("hidden_act", json!("relu"), "`hidden_act` is relu"),
        ("position_embedding_type", json!("relative_key"), "only absolute"),
        ("is_decoder", json!(true), "only encoders"),
        ("num_attention_heads", json!(5), "no multiple"),
        ("num_attention_heads", json!(0), "`num_attention_heads` is 0"),
        ("hidden_size", json!(1_000_000_000u64), "it goes from 1 to"),
        ("num_hidden_layers", json!(100_000), "it goes from 1 to 128"),
        ("max_position_embeddings", json!(2), "it goes from 5"),
        ("vocab_size", json!(100), "tokenizer.json has tokens up to 30522"),
        ("vocab_size", json!(-1), "config.json"),
        ("num_hidden_layers", json!(3), "encoder.layer.2"),
        ("intermediate_size", json!(65), "is needed"),
    ] {
        let folder = folder(case, |config, _| config[key] = value);
        refused(folder.path(), ErrorKind::ModelCorrupt, says);
    }
}

#[test]
fn tensors_that_do_not_fit_are_refused_by_name() {
    let case = &cases("reranked")[0];
    let name = "bert.encoder.layer.0.attention.self.query.weight";
    let without = folder(case, |_, tensors| drop(tensors.take(name)));
    refused(without.path(), ErrorKind::ModelCorrupt, "encoder.layer.0.attention.self.query.weight");
    let more = folder(case, |_, tensors| {
        let extra = tensors.take(name);
        tensors.put(name, extra.clone());
        tensors.put("bert.encoder.layer.0.adapter.weight", extra);
    });
    refused(more.path(), ErrorKind::ModelCorrupt, "belong to no layer");
}

#[test]
fn names_of_older_conversions_are_known() {
    let case = &cases("reranked")[0];
    let old = folder(case, |_, tensors| {
        let names: Vec<String> =
            tensors.names().filter(|name| name.contains("LayerNorm")).map(str::to_owned).collect();
        for name in names {
            let tensor = tensors.take(&name);
            let old = name
                .replace("LayerNorm.weight", "LayerNorm.gamma")
                .replace("LayerNorm.bias", "LayerNorm.beta");
            tensors.put(&old, tensor);
        }
    });
    open(old.path()).map(drop).expect("it loads");
}

#[test]
fn what_sentence_transformers_would_do_and_this_does_not_is_refused() {
    let case = &cases("reranked")[0];
    let with = |name: &str, text: Value| {
        let folder = folder(case, |_, _| {});
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text.to_string()).expect("written");
        folder
    };
    let dense = json!([{ "type": "sentence_transformers.models.Dense" }]);
    refused(
        with("modules.json", dense).path(),
        ErrorKind::ModelCorrupt,
        "models.Dense, which is not supported",
    );
    let max = json!({ "pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": false });
    refused(with("1_Pooling/config.json", max).path(), ErrorKind::ModelCorrupt, "pooling by max_tokens");
    for known in [json!({ "pooling_mode": "cls" }), json!({ "pooling_mode_cls_token": true })] {
        open(with("1_Pooling/config.json", known).path()).map(drop).expect("it loads");
    }
    refused(
        with("sentence_bert_config.json", json!("x")).path(),
        ErrorKind::ModelCorrupt,
        "sentence_bert_config",
    );
}

#[test]
fn files_that_are_missing_or_cut_off_are_named() {
    let case = &cases("reranked")[0];
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = folder(case, |_, _| {});
        fs::remove_file(folder.path().join(name)).expect("removed");
        refused(folder.path(), ErrorKind::ModelMissing, name);
    }
    let folder = folder(case, |_, _| {});
    let file = folder.path().join("model.safetensors");
    let bytes = fs::read(&file).expect("read");
    fs::write(&file, &bytes[..bytes.len() - 100]).expect("written");
    refused(folder.path(), ErrorKind::ModelCorrupt, "cut off");
    assert_eq!(footprint(folder.path(), Target::CPU).expect_err("cut off").kind(), ErrorKind::ModelCorrupt);
}
