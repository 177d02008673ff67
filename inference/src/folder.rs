//! What a folder with a published model says of itself.

use reelsmith_graph::weights::open_regular;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Bytes of the longest `config.json` that is looked at.
const MOST: u64 = 1 << 20;

/// The folder's `config.json`, where it has one that is JSON.
pub(crate) fn config(folder: &Path) -> Option<Value> {
    let mut bytes = Vec::new();
    open_regular(&folder.join("config.json")).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
