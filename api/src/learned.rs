//! What the device has learned of its models' times and memory, kept from one run of the service to the next.

use crate::config::Config;
use reelsmith_scheduler::learned::Learned;
use std::io::{self, Write};
use std::path::PathBuf;

/// Of each kind of device its own: a card's times are not the processor's.
fn file(config: &Config) -> PathBuf {
    config.data_dir.join(if config.device.cuda { "learned-cuda.json" } else { "learned-cpu.json" })
}

/// What was learned; nothing where there is no such file, or one that cannot be read, which the log then tells.
pub(crate) fn load(config: &Config) -> Learned {
    let path = file(config);
    let read = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Learned::default(),
        Err(error) => Err(error.to_string()),
    };
    read.unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), error, "what was learned of models cannot be read; it is learned anew");
        Learned::default()
    })
}

/// Keeps what was learned. That it could not be kept is told in the log: it can be learned again.
pub(crate) fn store(config: &Config, learned: &Learned) {
    let path = file(config);
    let written = || -> io::Result<()> {
        let mut whole = tempfile::NamedTempFile::new_in(&config.data_dir)?;
        whole.write_all(&serde_json::to_vec(learned)?)?;
        whole.persist(&path)?;
        Ok(())
    };
    if let Err(error) = written() {
        tracing::warn!(path = %path.display(), %error, "what was learned of models could not be kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use reelsmith_inference_core::ModelId;

    #[test]
    fn what_was_learned_is_there_again_and_damage_is_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = Some(dir.path().to_string_lossy().into_owned());
        let config = Config::layered(&Flags { data_dir, ..Flags::default() }, &|name| {
            (name == "HOME").then(|| dir.path().to_string_lossy().into_owned())
        })
        .unwrap();
        let model = ModelId::from("a");
        assert_eq!(load(&config).measured_run(&model, 10.0), None);
        let mut learned = Learned::default();
        learned.ran(&model, 10.0, 5.0);
        store(&config, &learned);
        assert_eq!(load(&config).measured_run(&model, 20.0), Some(10.0));
        let stored = std::fs::read(file(&config)).unwrap();
        for damaged in [&stored[..stored.len() / 2], b"[]", b"{\"version\":9}", b"\xff"] {
            std::fs::write(file(&config), damaged).unwrap();
            assert_eq!(load(&config).measured_run(&model, 10.0), None);
        }
    }
}
