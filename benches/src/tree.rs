//! Processor time and memory of a process and of all it started, from `/proc` (proc(5)).

/// What a process tree has used and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    /// Processor seconds so far, children that have ended included.
    pub(crate) cpu_seconds: f64,
    /// Resident bytes, shared pages counted in each process.
    pub(crate) resident_bytes: u64,
}

/// Ticks a second of `/proc/<pid>/stat`, the same on every architecture that Linux runs on.
const TICKS: f64 = 100.0;

/// The tree under `root`; `None` if it has ended.
pub(crate) fn usage(root: u32) -> Option<Usage> {
    let mut total = process(root)?;
    for child in children(root) {
        // One that ended meanwhile is counted in its parent the next time.
        let usage = usage(child).unwrap_or_default();
        total.cpu_seconds += usage.cpu_seconds;
        total.resident_bytes += usage.resident_bytes;
    }
    Some(total)
}

fn process(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything. The first after it is
    // the state, a zombie's memory being none; the times are the 14th to the 17th of all, the pages the 24th.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    let ticks: f64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    let pages: u64 = fields.get(21)?.parse().ok()?;
    Some(Usage { cpu_seconds: ticks / TICKS, resident_bytes: pages * page_bytes() })
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf takes a number and touches no memory of ours.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_childs_memory_and_time_are_counted() {
        let own = usage(std::process::id()).unwrap();
        let mut child = Command::new("sh");
        // Holds a few megabytes and burns some time, then waits to be told to end.
        child
            .args(["-c", "x=$(seq 200000); i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; read _"]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        let with_child = usage(std::process::id()).unwrap();
        let alone = usage(child.id()).unwrap();
        assert!(alone.cpu_seconds > 0.0 && alone.resident_bytes > 2 << 20, "{alone:?}");
        assert!(with_child.cpu_seconds >= own.cpu_seconds + alone.cpu_seconds);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(usage(child.id()), None);
    }
}
