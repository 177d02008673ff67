//! The memory of a process and of all it started, from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Resident bytes of process `root` and all its descendants at this moment, shared pages counted once each process
/// (so never too low).
pub fn tree_resident_bytes(root: u32) -> u64 {
    let parents = parents();
    let mut tree = BTreeSet::from([root]);
    // Parents may have larger numbers than their children, so repeat until nothing is added.
    loop {
        let before = tree.len();
        tree.extend(
            parents
                .iter()
                .filter(|(_, parent)| tree.contains(parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if tree.len() == before {
            return tree.into_iter().map(resident_bytes).sum();
        }
    }
}

/// Parent of each process.
fn parents() -> BTreeMap<u32, u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, field(pid, "PPid:")?))).collect()
}

fn resident_bytes(pid: u32) -> u64 {
    field::<u64>(pid, "VmRSS:").unwrap_or(0) * 1024
}

fn field<T: std::str::FromStr>(pid: u32, name: &str) -> Option<T> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A descendant of `root` whose program is called `name`.
pub fn descendant(root: u32, name: &str) -> Option<u32> {
    let parents = parents();
    let below = |pid: u32| {
        std::iter::successors(Some(pid), |pid| parents.get(pid).copied())
            .take(64)
            .any(|ancestor| ancestor == root)
    };
    let named = |pid: &u32| field::<String>(*pid, "Name:").as_deref() == Some(name);
    parents.keys().copied().filter(named).find(|pid| *pid != root && below(*pid))
}

/// Sends `signal` ("INT", "KILL" …) to process `pid`.
///
/// # Panics
/// When `kill` cannot be run.
pub fn signal(pid: u32, signal: &str) {
    std::process::Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(pid.to_string())
        .status()
        .expect("kill runs");
}
