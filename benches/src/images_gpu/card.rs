//! The memory of the first card that is in use, by the driver.

use crate::cpu::KilledOnDrop;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A card that is looked at ten times a second.
pub(super) struct Card {
    _child: KilledOnDrop,
    most: Arc<AtomicU64>,
    told: Arc<AtomicBool>,
}

impl Card {
    /// Starts to look.
    ///
    /// # Errors
    /// If nvidia-smi cannot be started.
    pub(super) fn watch() -> Result<Self> {
        let mut command = Command::new("nvidia-smi");
        command.args(["--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--loop-ms=100"]);
        let child =
            command.stdout(Stdio::piped()).spawn().context("start nvidia-smi; it comes with the driver")?;
        let mut child = KilledOnDrop(child);
        let lines = BufReader::new(child.0.stdout.take().context("a child without an output")?).lines();
        let (most, told) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, heard) = (Arc::clone(&most), Arc::clone(&told));
        std::thread::spawn(move || {
            for megabytes in lines.map_while(Result::ok).filter_map(|line| line.trim().parse::<u64>().ok()) {
                seen.fetch_max(megabytes << 20, Ordering::Relaxed);
                heard.store(true, Ordering::Relaxed);
            }
        });
        Ok(Self { _child: child, most, told })
    }

    /// Forgets what was seen.
    pub(super) fn forget(&self) {
        self.most.store(0, Ordering::Relaxed);
    }

    /// The most bytes in use since then.
    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Ends; whether anything was ever told.
    pub(super) fn end(self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}
