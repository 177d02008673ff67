//! The engine takes nothing from the store that is not verified.

use crate::damage::flip;
use crate::server::{Reply, Server};
use crate::support::*;
use reelsmith_inference::LocalEngine;
use reelsmith_inference_core::{Engine, ErrorKind, NoControl, Progress, Verdict};

/// An entry that the engine would load, whose files are not what an engine can read.
async fn bench() -> (Bench, Server) {
    let bytes = weights(1, 10_000);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Reply::File(body.clone())).await;
    let one = |id: &str, kind: &str, path: &str| {
        entry(id, &format!("kind = \"{kind}\"\nfamily = \"kokoro-82m\"")) + &file(path, &bytes, &[&hub("f")])
    };
    let model = "kind = \"model\"\nfamily = \"kokoro-82m\"\ncapability = \"speak\"\n\
                 requires = [\"voices\", \"lexicon\", \"runtime\"]";
    let entries = [
        entry("speaker", model)
            + "[memory]\nweights_bytes = 3\npeak_bytes = 4\n"
            + &file("kokoro.onnx", &bytes, &[&hub("f")]),
        one("voices", "voices", "a.bin"),
        one("lexicon", "lexicon", "oov.onnx"),
        one("runtime", "runtime", "library.so"),
    ];
    (Bench::new(&entries, config(&server.endpoint)), server)
}

fn load(bench: &Bench) -> (ErrorKind, String) {
    let mut engine = LocalEngine::new(bench.store.clone(), 1);
    match engine.load(&"speaker".into(), &NoControl) {
        Ok(_) => panic!("these files are noise"),
        Err(error) => (error.kind(), error.to_string()),
    }
}

#[tokio::test]
async fn missing_and_damaged_files_are_refused_before_an_engine_sees_them() {
    let (bench, _server) = bench().await;
    let (kind, said) = load(&bench);
    assert_eq!(kind, ErrorKind::ModelMissing);
    assert!(said.contains("reelsmith models pull"), "{said}");
    bench.pull("speaker").await.expect("pulled");
    for (id, path) in
        [("speaker", "kokoro.onnx"), ("voices", "a.bin"), ("lexicon", "oov.onnx"), ("runtime", "library.so")]
    {
        flip(&bench.place(id, path), 5000);
        let (kind, said) = load(&bench);
        assert_eq!(kind, ErrorKind::ModelCorrupt);
        assert!(said.contains(&format!("reelsmith models pull {id}")), "{said}");
        bench.pull(id).await.expect("mended");
    }
}

#[tokio::test]
async fn a_library_that_is_none_is_refused_by_name() {
    let (bench, _server) = bench().await;
    bench.pull("speaker").await.expect("pulled");
    let place = bench.place("runtime", "library.so");
    let error = reelsmith_inference::runtime::load_onnxruntime(&place);
    // Another test of this process may have loaded the real one, which then stays.
    if let Err(error) = error {
        assert_eq!(error.kind(), ErrorKind::RuntimeMissing);
        let said = error.to_string();
        assert!(said.contains("library.so") && said.contains("reelsmith models pull onnxruntime"), "{said}");
    }
}

#[tokio::test]
async fn footprints_are_the_catalogues_and_only_models_have_one() {
    let (bench, _server) = bench().await;
    let mut engine = LocalEngine::new(bench.store.clone(), 1);
    let footprint = engine.footprint(&"speaker".into()).expect("a model");
    assert_eq!((footprint.weights, footprint.peak_activation), (3, 4));
    assert_eq!(engine.footprint(&"voices".into()).expect_err("no model").kind(), ErrorKind::InvalidRequest);
    let error = engine.footprint(&"speeker".into()).expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::UnknownModel);
    assert!(error.to_string().contains("`speaker`"), "{error}");
    let cancel = |_: Progress| Verdict::Cancel;
    let cancelled = engine.load(&"speaker".into(), &cancel).err().expect("cancelled");
    assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
}
