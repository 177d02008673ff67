//! What a request took of memory, beside what it was reckoned to take.
//!
//! Measured is the resident memory of the whole process (proc(5)): its present size (`VmRSS`), and its highest
//! (`VmHWM`) since `clear_refs` was written. Mapped weight files count as far as they are read in, and so does
//! whatever else the process does meanwhile. The kernel keeps the figures to a few hundred kilobytes.

use reelsmith_inference_core::Footprint;
use serde::Serialize;

/// An answer, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Served<A> {
    /// The answer.
    pub answer: A,
    /// Memory.
    pub memory: MemoryUse,
}

/// Memory of one request, reckoned and measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryUse {
    /// What the model said before the run.
    pub estimate: Footprint,
    /// The model was loaded for this request, so that its weights are in what was measured.
    pub loaded: bool,
    /// What was measured; none where the device's memory is not this process's, or the system does not tell.
    pub measured: Option<Measured>,
}

/// Resident memory of the process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// When it began.
    pub before: u64,
    /// At its highest until the end.
    pub peak: u64,
}

impl Measured {
    /// What came on top of what was there.
    pub fn rise(self) -> u64 {
        self.peak.saturating_sub(self.before)
    }

    /// Of one piece of work and the next.
    pub(crate) fn then(self, next: Self) -> Self {
        Self { before: self.before, peak: self.peak.max(next.peak) }
    }
}

/// Measures from its start on. Of two at once in a process, the later one cuts the earlier one short: only the
/// thread that owns a device measures.
#[derive(Debug)]
pub struct Meter {
    /// The process's folder in /proc.
    process: String,
    before: u64,
    /// What the highest was, where it could not be set back: lower peaks than this are not seen.
    hidden: u64,
}

impl Meter {
    /// Starts measuring; none where the system does not tell.
    pub fn start() -> Option<Self> {
        Self::start_of(None)
    }

    /// The same for another process.
    pub fn start_of(process: Option<u32>) -> Option<Self> {
        let process = process.map_or("/proc/self".to_owned(), |id| format!("/proc/{id}"));
        // 5 sets the highest back to the present (proc(5), clear_refs); some containers do not allow it.
        let is_reset = std::fs::write(format!("{process}/clear_refs"), "5").is_ok();
        let hidden = if is_reset { 0 } else { status(&process, "VmHWM:")? };
        let before = status(&process, "VmRSS:")?;
        Some(Self { process, before, hidden })
    }

    /// What was measured so far; none where an earlier peak hides it.
    pub fn read(&self) -> Option<Measured> {
        let peak = status(&self.process, "VmHWM:").filter(|peak| *peak > self.hidden)?;
        Some(Measured { before: self.before, peak })
    }

    /// By how many bytes the process has grown since: what is held on to, as against what was held for a moment.
    pub fn grown(&self) -> Option<i64> {
        status(&self.process, "VmRSS:")?.checked_signed_diff(self.before)
    }
}

/// A figure of a process's `status`, in bytes.
fn status(process: &str, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("{process}/status")).ok()?;
    let figure = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(figure.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const MORE: usize = 200 << 20;

    /// Memory whose pages are really there.
    fn held() -> Vec<u8> {
        let mut bytes = vec![0u8; MORE];
        bytes.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        std::hint::black_box(bytes)
    }

    #[test]
    fn what_was_held_for_a_moment_is_measured_and_what_went_before_is_not() {
        drop(held());
        let idle = Meter::start().expect("Linux tells");
        let nothing = idle.read().expect("it was set back");
        assert!(nothing.rise() < MORE as u64 / 4, "{nothing:?}");
        let busy = Meter::start().expect("Linux tells");
        drop(held());
        let found = busy.read().expect("it was set back");
        let near = MORE as u64 / 16;
        assert!((MORE as u64 - near..=MORE as u64 + MORE as u64 / 4).contains(&found.rise()), "{found:?}");
    }

    #[test]
    fn a_peak_that_an_earlier_one_hides_is_not_made_up() {
        let hidden = Meter { process: "/proc/self".into(), before: 1, hidden: u64::MAX };
        assert_eq!(hidden.read(), None);
    }

    #[test]
    fn two_pieces_of_work_are_one_from_the_first_to_the_highest() {
        let load = Measured { before: 10, peak: 50 };
        let both = load.then(Measured { before: 40, peak: 45 });
        assert_eq!((both, both.rise()), (load, 40));
    }
}
