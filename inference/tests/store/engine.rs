//! The engine takes nothing from the store that is not verified.

use crate::damage::flip;
use crate::server::{Reply, Server};
use crate::support::*;
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference::{LocalEngine, Store, StoreConfig};
use reelsmith_inference_core::speech::SpeakRequest;
use reelsmith_inference_core::{Catalogue, Engine, ErrorKind, NoControl, Progress, Resident, Verdict};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// The models of this machine, where `make setup-test` puts them.
fn installed() -> Store {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache"))).expect("a home");
    let catalogue = Arc::new(Catalogue::builtin().expect("valid"));
    Store::new(
        cache.join("reelsmith/models"),
        catalogue,
        StoreConfig { offline: true, ..StoreConfig::default() },
    )
}

#[test]
fn the_real_model_is_loaded_from_the_store_and_speaks() {
    let mut engine = LocalEngine::new(installed(), 2);
    let steps = AtomicU64::new(0);
    let count = |progress: Progress| {
        assert_eq!(progress.total, Some(4), "the model and the three entries it requires");
        steps.fetch_add(1, Ordering::Relaxed);
        Verdict::Continue
    };
    let resident = engine.load(&"kokoro-82m-fp32".into(), &count);
    let resident = resident.unwrap_or_else(|error| panic!("{error}; run `make setup-test`"));
    let Resident::Speak(mut voice) = resident else {
        panic!("{} in place of a voice", resident.capability())
    };
    assert_eq!(steps.load(Ordering::Relaxed), 4);
    assert_eq!(voice.voices().len(), 54);
    let request = SpeakRequest { text: "Hello.".into(), voice: "af_heart".into(), speed: 1.0 };
    let speech = voice.speak(&request, &NoControl).expect("spoken");
    let seconds = speech.samples.len() as f64 / f64::from(speech.sample_rate);
    assert!((0.2..3.0).contains(&seconds), "{seconds} s");
    let loudest = speech.samples.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
    assert!((0.02..=1.0).contains(&loudest), "{loudest}");
}

/// The library that a process of its own shall load, in its working directory.
const LIBRARY: &str = "library.so";

#[test]
#[ignore = "run by another test as a process of its own: a process can load one library only"]
fn load_the_library_of_the_working_directory() {
    match load_onnxruntime(Path::new(LIBRARY)) {
        Ok(()) => println!("loaded"),
        Err(error) => println!("{:?}: {error}", error.kind()),
    }
}

#[test]
fn a_library_that_is_none_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let library = dir.path().join(LIBRARY);
    let attempt = || {
        let out = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "engine::load_the_library_of_the_working_directory",
                "--ignored",
                "--nocapture",
            ])
            .current_dir(dir.path())
            .output()
            .expect("run");
        assert!(out.status.success(), "no crash");
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let refused = |why: &str| {
        let said = attempt();
        for part in ["RuntimeMissing", LIBRARY, why, "reelsmith models pull onnxruntime"] {
            assert!(said.contains(part), "`{part}` in: {said}");
        }
    };
    refused("there is no such file");
    std::fs::write(&library, weights(1, 10_000)).expect("written");
    refused("the system's loader refuses it");
    // The C library, which this very process has mapped, is a library, but another.
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    let other = maps.split_whitespace().find(|word| word.contains("/libc.so")).expect("linked to it");
    std::fs::copy(other, &library).expect("copied");
    refused("it is another library");
    let real = installed().path(&"onnxruntime".into(), "libonnxruntime.so").expect("run `make setup-test`");
    std::fs::copy(real, &library).expect("copied");
    assert!(attempt().contains("loaded"));
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
