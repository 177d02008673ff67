//! The built binary, run in a folder of its own with the models of this machine.

pub(crate) mod small;

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder to work in.
pub(crate) struct Desk {
    dir: TempDir,
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("temp dir") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A picture of soft colours with a little grain.
    pub(crate) fn picture(&self, name: &str, width: u32, height: u32) -> PathBuf {
        let pixel = |x: u32, y: u32| {
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 28;
            image::Rgb([(x * 200 / width + grain) as u8, (y * 200 / height + grain) as u8, 90])
        };
        image::RgbImage::from_fn(width, height, pixel).save(self.path(name)).expect("written");
        self.path(name)
    }

    /// Runs it with the models of this machine and settings of nobody.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_with_settings(&[&["--config", "/dev/null"][..], args].concat())
    }

    /// Runs it with the models of this machine; `args` name a file of settings.
    pub(crate) fn run_with_settings(&self, args: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_reelsmith"))
            .args(["--offline", "--models-dir"])
            .arg(cache().join("models"))
            .args(args)
            .env("HOME", self.dir.path())
            .env_remove("REELSMITH_IMAGE_MODEL")
            .env_remove("REELSMITH_UPSCALE_MODEL")
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .expect("starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(!stderr.contains("panicked"), "{stderr}");
        Ended { code: output.status.code().expect("ended by itself"), stdout, stderr }
    }
}

impl Ended {
    pub(crate) fn refused(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(self.stderr.contains(says), "{says:?} is not in\n{}", self.stderr);
    }

    pub(crate) fn done(&self) {
        assert_eq!(self.code, 0, "{}", self.stderr);
    }

    /// The last line of `--json` output.
    pub(crate) fn finished(&self) -> Value {
        self.done();
        let last = self.stdout.lines().last().expect("a line");
        let value: Value = serde_json::from_str(last).expect("JSON");
        assert_eq!(value["kind"], "finished");
        value
    }
}

/// The directory of this machine's models and of the tests' tools.
#[expect(clippy::disallowed_methods, reason = "tests find the shared cache as the product does")]
pub(crate) fn cache() -> PathBuf {
    let cache = std::env::var("XDG_CACHE_HOME").ok().filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = std::env::home_dir().expect("a home directory");
    cache.unwrap_or_else(|| home.join(".cache")).join("reelsmith")
}
