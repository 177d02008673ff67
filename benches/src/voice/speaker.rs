//! What the measurements of the voice share: the models, speech in files, results in files.

use crate::models;
use anyhow::{Context, Result, ensure};
use reelsmith_inference::kokoro::Kokoro;
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech};
use std::path::{Path, PathBuf};
use std::process::Command;

/// In place of a precision: the small student of the voice.
pub(crate) const STUDENT: &str = "student";

/// Where the models are and who speaks.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Models {
    /// Directory of fetched models (`reelsmith models pull --set test`).
    #[arg(long, default_value_os_t = models())]
    pub(crate) models: PathBuf,
    /// Python with the peers, as benches/peers/voice_setup.sh makes it.
    #[arg(long, default_value = ".cache/bench-voice/bin/python")]
    pub(crate) python: PathBuf,
    /// Who speaks.
    #[arg(long, default_value = "af_heart")]
    pub(crate) voice: String,
}

impl Models {
    /// The graph of a precision.
    pub(crate) fn model(&self, precision: &str) -> PathBuf {
        self.models.join(format!("kokoro-82m-{precision}/kokoro.onnx"))
    }

    /// Loads the voice, or its student.
    pub(crate) fn open(&self, precision: &str, threads: usize) -> Result<Kokoro> {
        load_onnxruntime(&self.models.join("onnxruntime/libonnxruntime.so"))?;
        let oov = self.models.join("g2p-en/oov.onnx");
        if precision == STUDENT {
            return Ok(Kokoro::open_student(&self.models.join("hibari-heart/af_heart.onnx"), &oov, threads)?);
        }
        Ok(Kokoro::open(&self.model(precision), &self.models.join("kokoro-voices"), &oov, threads)?)
    }

    /// Speaks `texts` into `dir` as 000.f32, 001.f32 … for the scripts of benches/peers.
    pub(crate) fn speak_all(
        &self,
        precision: &str,
        voice: &str,
        texts: &[&str],
        dir: &Path,
    ) -> Result<Vec<Speech>> {
        let mut kokoro = self.open(precision, 2)?;
        let mut all = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let request = SpeakRequest { text: (*text).to_owned(), voice: voice.to_owned(), speed: 1.0 };
            let speech = kokoro.speak(&request, &NoControl).with_context(|| format!("speak {text:?}"))?;
            let bytes: Vec<u8> = speech.samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            std::fs::write(dir.join(format!("{at:03}.f32")), bytes)?;
            all.push(speech);
        }
        Ok(all)
    }

    /// Runs a script of benches/peers and reads the JSON that it prints. Its first argument is the directory
    /// of the recogniser's model.
    pub(crate) fn script<T: serde::de::DeserializeOwned>(&self, script: &str, args: &[&Path]) -> Result<T> {
        let mut command = Command::new(&self.python);
        command.arg(Path::new("benches/peers").join(script));
        command.arg(self.models.join("whisper-base-ct2")).args(args);
        let output = command.output().with_context(|| {
            format!("start {}; benches/peers/voice_setup.sh makes it", self.python.display())
        })?;
        ensure!(output.status.success(), "{script} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).with_context(|| format!("{script} printed no JSON"))
    }
}
