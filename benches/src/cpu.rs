//! CPU time and peak memory of a child and all it started.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a program cost, with its children.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// User CPU seconds.
    pub(crate) user: f64,
    /// System CPU seconds.
    pub(crate) system: f64,
    /// Wall-clock seconds.
    pub(crate) wall: f64,
    /// Peak resident memory of its largest process, in bytes.
    pub(crate) peak_bytes: u64,
}

impl Cost {
    /// User and system time together.
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// A child that does not outlive us, however we end.
#[derive(Debug)]
pub(crate) struct KilledOnDrop(pub(crate) std::process::Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `command` to its end.
///
/// # Errors
/// If it cannot be started or fails; its error output goes to ours.
pub(crate) fn measure(command: &mut Command) -> Result<Cost> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let child = child.with_context(|| format!("start {:?}", command.get_program()))?;
    let mut status = 0;
    // SAFETY: all-zero bytes are a valid `rusage`, which holds nothing but numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live variables; the child is ours and was not waited for.
    let pid = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    if pid < 0 {
        return Err(std::io::Error::last_os_error()).context("wait for a contender");
    }
    if status != 0 {
        bail!("{:?} failed with wait status {status}", command.get_program());
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok(Cost {
        user: seconds(usage.ru_utime),
        system: seconds(usage.ru_stime),
        wall: start.elapsed().as_secs_f64(),
        // Linux counts in KiB.
        peak_bytes: usage.ru_maxrss as u64 * 1024,
    })
}

/// CPU seconds that this process and its ended children have taken so far.
pub(crate) fn own_seconds() -> f64 {
    let of = |who| {
        // SAFETY: all-zero bytes are a valid `rusage`, and the pointer is to a live variable.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(who, &mut usage);
            usage
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        seconds(usage.ru_utime) + seconds(usage.ru_stime)
    };
    of(libc::RUSAGE_SELF) + of(libc::RUSAGE_CHILDREN)
}
