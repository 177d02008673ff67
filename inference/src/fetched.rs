//! Where the tests find the models that `make setup-test` fetches.

use std::path::PathBuf;

/// A file of the default model directory.
///
/// # Panics
/// If it is not there.
pub(crate) fn file(path: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache"))).expect("a home directory");
    let path = cache.join("reelsmith/models").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-test`", path.display());
    path
}
