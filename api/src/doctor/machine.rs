//! The machine itself: processor, memory, disk, folders.

use super::{Check, State};
use crate::config::layers::show_bytes;
use crate::config::{Config, memory};
use crate::library::Library;
use std::path::{Path, PathBuf};

/// Room that a job's intermediate and finished files may take, with a margin: a 180 s video at
/// 8 Mbit/s is 180 MB, its sound as 32-bit samples 70 MB, and both exist twice for a moment.
const JOB_BYTES: u64 = 1 << 30;
/// Peak memory of the whole process tree while a Short is made; the bar of the project.
const JOB_MEMORY: u64 = 2 << 30;

pub(super) async fn all(config: &Config, library: &Library) -> Vec<Check> {
    let wanted = library.missing_bytes();
    vec![
        processor(),
        memory_check(config),
        writable("data directory", &config.data_dir, "--data-dir"),
        writable("models directory", &config.models_dir, "--models-dir"),
        space("disk space for jobs", &config.data_dir, JOB_BYTES),
        space("disk space for models", &config.models_dir, wanted),
    ]
}

#[cfg(target_arch = "x86_64")]
fn processor() -> Check {
    match std::arch::is_x86_feature_detected!("avx2") {
        true => Check::ok("processor", "x86-64 with AVX2"),
        false => Check {
            state: State::Warning,
            ..Check::ok("processor", "x86-64 without AVX2: frames are composed several times slower")
        },
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> Check {
    Check::ok("processor", std::env::consts::ARCH)
}

fn memory_check(config: &Config) -> Check {
    let budget = show_bytes(config.device.memory);
    match memory::total() {
        None => Check {
            state: State::Warning,
            ..Check::ok("memory", "the system does not tell how much there is")
        },
        Some(total) if total < JOB_MEMORY => Check {
            state: State::Warning,
            ..Check::ok(
                "memory",
                format!("{}; making a Short takes up to {}", show_bytes(total), show_bytes(JOB_MEMORY)),
            )
        },
        Some(total) => {
            Check::ok("memory", format!("{}, of which models may take {budget}", show_bytes(total)))
        }
    }
}

/// The nearest folder upwards that exists.
fn existing(dir: &Path) -> Option<PathBuf> {
    dir.ancestors().find(|dir| dir.is_dir()).map(Path::to_path_buf)
}

fn writable(name: &str, dir: &Path, flag: &str) -> Check {
    let tried = existing(dir)
        .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
        .and_then(|dir| Probe::write(&dir.join(format!(".reelsmith-probe-{}", std::process::id()))));
    match tried {
        Ok(()) => Check::ok(name, dir.display().to_string()),
        Err(error) => Check::bad(
            name,
            State::Broken,
            format!("{} cannot be written: {error}", dir.display()),
            format!("make it writable, or choose another with {flag}"),
        ),
    }
}

/// A file that is written for a moment to learn whether one may.
struct Probe;

impl Probe {
    fn write(path: &Path) -> std::io::Result<()> {
        std::fs::write(path, b"probe")?;
        std::fs::remove_file(path)
    }
}

fn space(name: &str, dir: &Path, wanted: u64) -> Check {
    let free = existing(dir).and_then(|dir| fs4::available_space(dir).ok());
    match free {
        None => {
            Check { state: State::Warning, ..Check::ok(name, "the system does not tell how much is free") }
        }
        Some(free) if free < wanted => Check::bad(
            name,
            State::Missing,
            format!("{} free at {}, {} needed", show_bytes(free), dir.display(), show_bytes(wanted)),
            "free some space, or choose another folder",
        ),
        Some(free) => Check::ok(name, format!("{} free at {}", show_bytes(free), dir.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_exist_yet_is_judged_by_its_parent() {
        let dir = tempfile::tempdir().expect("temp dir");
        assert_eq!(writable("x", &dir.path().join("a/b/c"), "--x").state, State::Ok);
        assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 0, "nothing stays behind");
        assert_eq!(writable("x", Path::new("/proc/none"), "--x").state, State::Broken);
    }

    #[test]
    fn too_little_room_says_how_much_is_needed() {
        let dir = tempfile::tempdir().expect("temp dir");
        let check = space("x", dir.path(), u64::MAX);
        assert!(check.blocks() && check.found.contains("needed"), "{check:?}");
        assert_eq!(space("x", dir.path(), 1).state, State::Ok);
    }
}
