//! How much memory this machine, or the container around us, has.

use std::path::Path;
use std::process::Command;

/// Bytes of memory that this process may use: the machine's, or the container's limit where that
/// is lower. None where the system does not tell.
pub fn total() -> Option<u64> {
    let machine = machine_bytes();
    let container = cgroup_limit(Path::new("/sys/fs/cgroup"));
    match (machine, container) {
        (Some(machine), Some(container)) => Some(machine.min(container)),
        (one, other) => one.or(other),
    }
}

/// Bytes of the first NVIDIA card, as its driver's `nvidia-smi` tells them. None where there is none.
pub fn card() -> Option<u64> {
    let query = ["--query-gpu=memory.total", "--format=csv,noheader,nounits", "--id=0"];
    let told = Command::new("nvidia-smi").args(query).output().ok().filter(|told| told.status.success())?;
    Some(String::from_utf8(told.stdout).ok()?.trim().parse::<u64>().ok()? << 20)
}

fn machine_bytes() -> Option<u64> {
    // SAFETY: `sysconf` takes a plain number, touches no memory of ours and answers -1 when it does not know.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    Some(u64::try_from(pages).ok()?.saturating_mul(u64::try_from(size).ok()?)).filter(|bytes| *bytes > 0)
}

/// The limit of the control group whose files are in `root` (version 2, then 1); "max" is none.
fn cgroup_limit(root: &Path) -> Option<u64> {
    ["memory.max", "memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|name| std::fs::read_to_string(root.join(name)).ok())
        .and_then(|text| text.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_this_machine() {
        let bytes = total().expect("Linux and macOS tell their memory");
        assert!((1 << 28..1 << 50).contains(&bytes), "{bytes}");
    }

    #[test]
    fn reads_both_kinds_of_limit() {
        let root = tempfile::tempdir().expect("temp dir");
        assert_eq!(cgroup_limit(root.path()), None);
        std::fs::create_dir(root.path().join("memory")).expect("dir");
        std::fs::write(root.path().join("memory/memory.limit_in_bytes"), "2147483648\n").expect("v1");
        assert_eq!(cgroup_limit(root.path()), Some(1 << 31));
        std::fs::write(root.path().join("memory.max"), "max\n").expect("v2");
        assert_eq!(cgroup_limit(root.path()), None);
        std::fs::write(root.path().join("memory.max"), "1073741824\n").expect("v2");
        assert_eq!(cgroup_limit(root.path()), Some(1 << 30));
    }
}
