//! Stores over small catalogues, and files to put in them.

use reelsmith_inference::store::{PullEvent, Pulled, Store, StoreConfig, StoreError};
use reelsmith_inference_core::{Catalogue, ModelId};
use sha2::Digest;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Bytes that look like weights, different for each seed.
pub(crate) fn weights(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        // Marsaglia, Xorshift RNGs, 2003: the triple (13, 17, 5).
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// The head of an entry.
pub(crate) fn entry(id: &str, extra: &str) -> String {
    format!(
        "id = \"{id}\"\ntitle = \"Test\"\n{extra}\n\
         [licence]\nspdx = \"MIT\"\ncommercial = true\nnote = \"made by the test\"\n"
    )
}

pub(crate) const LEXICON: &str = "kind = \"lexicon\"\nfamily = \"test\"";

/// A file whose content is `bytes`, from these sources.
pub(crate) fn file(path: &str, bytes: &[u8], sources: &[&str]) -> String {
    format!(
        "[[files]]\npath = \"{path}\"\nbytes = {}\nsha256 = \"{}\"\nsources = [{}]\n",
        bytes.len(),
        sha256(bytes),
        sources.join(", ")
    )
}

pub(crate) fn hub(path: &str) -> String {
    format!("{{ hub = {{ repo = \"o/r\", revision = \"v1\", path = \"{path}\" }} }}")
}

/// A package that no registry has: its name is reserved for nobody, its version is absurd.
pub(crate) const NO_PACKAGE: &str = "{ npm = [\"left-pad@999.0.0#f\"] }";

pub(crate) fn catalogue(entries: &[String]) -> Arc<Catalogue> {
    let named = entries.iter().enumerate().map(|(n, text)| (format!("{n}.toml"), text.clone()));
    Arc::new(Catalogue::parse(named).expect("the test's catalogue is valid"))
}

/// A configuration whose patience a test can afford.
pub(crate) fn config(endpoint: &str) -> StoreConfig {
    StoreConfig {
        hub_endpoint: endpoint.to_owned(),
        connect_timeout: Duration::from_secs(2),
        stall_timeout: Duration::from_millis(300),
        retry_delay: Duration::from_millis(5),
        ..StoreConfig::default()
    }
}

/// An address that refuses connections: the port was free a moment ago, and nobody listens.
pub(crate) fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

/// A store in a directory of its own, and what its pulls told.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) events: Arc<Mutex<Vec<PullEvent>>>,
}

impl Bench {
    pub(crate) fn new(entries: &[String], config: StoreConfig) -> Self {
        Self::over(catalogue(entries), config)
    }

    pub(crate) fn over(catalogue: Arc<Catalogue>, config: StoreConfig) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path().join("models"), catalogue, config);
        Self { dir, store, events: Arc::default() }
    }

    pub(crate) async fn pull(&self, id: &str) -> Result<Pulled, StoreError> {
        self.pull_until(id, CancellationToken::new(), |_| ()).await
    }

    pub(crate) async fn pull_until(
        &self,
        id: &str,
        cancel: CancellationToken,
        watch: impl Fn(&PullEvent) + Send + Sync + 'static,
    ) -> Result<Pulled, StoreError> {
        let events = Arc::clone(&self.events);
        let note = move |event: PullEvent| {
            watch(&event);
            events.lock().expect("no panic while held").push(event);
        };
        self.store.pull(&[ModelId::from(id)], note, cancel).await
    }

    pub(crate) fn place(&self, id: &str, path: &str) -> PathBuf {
        self.store.dir().join(id).join(path)
    }

    pub(crate) fn partial(&self, id: &str, path: &str) -> PathBuf {
        self.store.dir().join(".store/partial").join(id).join(path)
    }

    pub(crate) fn told(&self, wanted: impl Fn(&PullEvent) -> bool) -> usize {
        self.events.lock().expect("no panic while held").iter().filter(|event| wanted(event)).count()
    }
}

/// Waits until `condition` holds; a minute is taken for never.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < Duration::from_secs(60), "this never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Every file below `dir`.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found
}
