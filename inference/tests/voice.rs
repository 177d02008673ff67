//! The voice, spoken by the real model.

use reelsmith_inference::kokoro::Kokoro;
use reelsmith_inference::runtime;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::speech::{Speak, SpeakRequest};
use std::path::PathBuf;

fn models() -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/reelsmith/models")
}

#[test]
fn says_hello() {
    let m = models();
    runtime::load_onnxruntime(&m.join("onnxruntime/libonnxruntime.so")).unwrap();
    for p in ["fp32", "fp16", "q8"] {
        let mut k = Kokoro::open(
            &m.join(format!("kokoro-82m-{p}/kokoro.onnx")),
            &m.join("kokoro-voices"),
            &m.join("g2p-en/oov.onnx"),
            2,
        )
        .unwrap();
        let text = "Hello world, this is Reelsmith speaking. It knows where every word lies — even this one.";
        let t = std::time::Instant::now();
        let s = k
            .speak(&SpeakRequest { text: text.into(), voice: "af_heart".into(), speed: 1.0 }, &NoControl)
            .unwrap();
        println!("{:?} for {}", t.elapsed(), s.samples.len() as f64 / 24000.0);
        for w in &s.words {
            println!("{:?}", w);
        }
    }
}
