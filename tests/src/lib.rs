//! End-to-end tests of the whole product: the built `reelsmith` binary on real models, and the shape of the house.
//!
//! This library holds what those tests share: where the binary and the tools are, running it, measuring it.

pub mod media;
pub mod process;
pub mod run;
pub mod speech;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests package lies in the workspace's root")
}

/// The built `reelsmith` binary, beside the test binary that asks.
///
/// # Panics
/// When it has not been built: `cargo test --workspace` builds it.
pub fn reelsmith() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let binary = test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("reelsmith");
    assert!(binary.is_file(), "{} is missing: run `cargo build --package reelsmith`", binary.display());
    binary
}

/// The Python of the tests' tools (`make setup-test` prepares it).
///
/// # Panics
/// When it is not there.
pub fn python() -> PathBuf {
    let tools = env_path("REELSMITH_TEST_TOOLS").unwrap_or_else(|| cache().join("tools"));
    let python = tools.join("venv/bin/python");
    assert!(python.is_file(), "{} is missing: run `make setup-test`", python.display());
    python
}

/// The directory that models and tools are cached in.
pub fn cache() -> PathBuf {
    let base = env_path("XDG_CACHE_HOME")
        .or_else(|| env_path("HOME").map(|home| home.join(".cache")))
        .expect("HOME is set");
    base.join("reelsmith")
}

#[expect(clippy::disallowed_methods, reason = "the product's config module is not linked here")]
fn env_path(name: &str) -> Option<PathBuf> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// `reelsmith` with its state in `home`, so that tests never meet each other's or the user's jobs.
pub fn command(home: &Path) -> Command {
    let mut command = Command::new(reelsmith());
    command.env("REELSMITH_DATA_DIR", home).env_remove("REELSMITH_CONFIG").current_dir(root());
    command
}
