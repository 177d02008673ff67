//! Where log lines go: standard error, above the progress bars where there are any.

use crate::config::{Config, LogFormat};
use crate::exit::{Failure, Outcome};
use indicatif::MultiProgress;
use std::io::Write;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging for the process. `usual` is the filter where none is set.
///
/// # Errors
/// The configured filter cannot be read.
pub fn start(config: &Config, usual: &str, bars: &MultiProgress) -> Outcome {
    let text = config.log.filter.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(text).map_err(|e| {
        Failure::usage(format!("log.filter is set to \"{text}\", which is no tracing filter ({e}); try info"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(AboveBars(bars.clone()));
    // A second start in one process (tests) keeps the first.
    let _ = match config.log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    Ok(())
}

/// Writes to standard error while the bars are out of the way.
#[derive(Clone)]
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
