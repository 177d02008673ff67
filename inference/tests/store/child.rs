//! The part that plays the other process: started by `processes.rs` from this very binary, it reads
//! what to do from its working directory.

use crate::support::{catalogue, config};
use reelsmith_inference::Store;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The file that tells it.
pub(crate) const ORDER: &str = "order.json";

#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) dir: PathBuf,
    pub(crate) entries: Vec<String>,
    pub(crate) endpoint: String,
}

#[tokio::test]
#[ignore = "run by other tests as a process of its own"]
async fn pull_as_ordered() {
    let order = std::fs::read(ORDER).expect("an order in the working directory");
    let order: Order = serde_json::from_slice(&order).expect("an order");
    let config = reelsmith_inference::StoreConfig {
        stall_timeout: Duration::from_secs(60),
        ..config(&order.endpoint)
    };
    let store = Store::new(order.dir, catalogue(&order.entries), config);
    let tell = |event| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{event:?}").expect("the parent listens");
    };
    let pulled = store.pull(&["m".into()], tell, CancellationToken::new()).await.expect("pulled");
    println!("files fetched: {}", pulled.files);
}
