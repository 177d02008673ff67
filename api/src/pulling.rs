//! Fetching models while somebody watches: bars, lines or JSON from the store's events.

use crate::config::layers::show_bytes;
use crate::exit::{Failure, Outcome, blocking};
use crate::interrupt::unless;
use crate::library::{Library, store_failure};
use crate::progress::{Style, Teller};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use reelsmith_inference::store::{PullEvent, StoreErrorKind};
use reelsmith_inference_core::ModelId;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Fetches what of `ids` is not here, and tells about it.
///
/// # Errors
/// Offline or no source delivers; a full disk; cancelled.
pub async fn pull(
    library: &Library,
    ids: &[ModelId],
    teller: &Teller,
    cancel: &CancellationToken,
) -> Outcome {
    let watch = Arc::new(Watch::new(teller));
    let told = watch.clone();
    let result = library.store.pull(ids, move |event| told.event(&event), cancel.clone()).await;
    watch.finish();
    match result {
        Ok(_) => Ok(()),
        Err(error) if cancel.is_cancelled() => Err(Failure::cancelled(error)),
        Err(error) if error.kind() == StoreErrorKind::Offline => {
            let missing = library.missing(&library.closure(ids));
            let names: Vec<&str> = missing.iter().map(|id| id.0.as_str()).collect();
            Err(Failure::failed(format!(
                "{error}\nonline, this fetches them: reelsmith models pull {}",
                names.join(" ")
            )))
        }
        Err(error) => Err(store_failure(error)),
    }
}

/// Gets ready what is needed: refuses what its licence forbids and what was damaged, fetches what is
/// missing.
///
/// # Errors
/// As [`pull`], and for a model that may not be used or differs from its recorded sha256.
pub async fn provide(
    library: &Library,
    needed: &[ModelId],
    teller: &Teller,
    cancel: &CancellationToken,
) -> Outcome {
    library.check_licences(needed)?;
    let (here, ids) = (library.clone(), needed.to_vec());
    unless(cancel, blocking(move || here.check_changed(&ids))).await?;
    pull(library, needed, teller, cancel).await
}

/// Draws or writes one pull.
struct Watch {
    teller: Teller,
    bars: Mutex<Bars>,
}

impl Watch {
    fn new(teller: &Teller) -> Self {
        Self { teller: teller.clone(), bars: Mutex::new(Bars::new(teller.bars().clone())) }
    }

    fn event(&self, event: &PullEvent) {
        let line = match self.teller.style() {
            Style::Json => {
                if let Some(value) = as_json(event) {
                    self.teller.json(&value);
                }
                None
            }
            Style::Plain => as_line(event),
            Style::Bars => {
                // Bars that a panicking thread was drawing are still bars.
                self.bars.lock().unwrap_or_else(PoisonError::into_inner).event(event);
                as_line(event)
                    .filter(|_| matches!(event, PullEvent::FellBack { .. } | PullEvent::Waiting { .. }))
            }
        };
        if let Some(line) = line {
            self.teller.note(&line);
        }
    }

    fn finish(&self) {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What is worth a line where no bar can move.
fn as_line(event: &PullEvent) -> Option<String> {
    match event {
        PullEvent::Planned { files: 0, .. } => None,
        PullEvent::Planned { models, files, bytes } => {
            let names: Vec<&str> = models.iter().map(|model| model.0.as_str()).collect();
            Some(format!("fetching {files} files, {}: {}", show_bytes(*bytes), names.join(", ")))
        }
        PullEvent::Waiting { model } => Some(format!("{model}: another process is fetching it; waiting")),
        PullEvent::FellBack { model, file, source, reason } => {
            Some(format!("{model}/{file}: not to be had from {source} ({reason}); trying the next source"))
        }
        PullEvent::Ready { model } => Some(format!("{model}: here and verified")),
        _ => None,
    }
}

fn as_json(event: &PullEvent) -> Option<Value> {
    Some(match event {
        PullEvent::Planned { models, files, bytes } => {
            json!({"kind": "pull_planned", "models": models, "files": files, "bytes": bytes})
        }
        PullEvent::Waiting { model } => json!({"kind": "pull_waiting", "model": model}),
        PullEvent::Started { model, file, bytes, source } => {
            json!({"kind": "pull_started", "model": model, "file": file, "bytes": bytes, "source": source})
        }
        PullEvent::Archive { package, bytes } => {
            json!({"kind": "pull_archive", "package": package, "bytes": bytes})
        }
        PullEvent::Progress { model, file, done, bytes } => {
            json!({"kind": "pull_progress", "model": model, "file": file, "done": done, "bytes": bytes})
        }
        PullEvent::FellBack { model, file, source, reason } => json!({
            "kind": "pull_fell_back", "model": model, "file": file, "source": source, "reason": reason,
        }),
        PullEvent::Finished { model, file, bytes } => {
            json!({"kind": "pull_finished", "model": model, "file": file, "bytes": bytes})
        }
        PullEvent::Ready { model } => json!({"kind": "pull_ready", "model": model}),
        _ => return None,
    })
}

/// A bar for the whole, and one for each file on its way.
struct Bars {
    multi: MultiProgress,
    whole: Option<ProgressBar>,
    files: HashMap<String, ProgressBar>,
    archives: HashMap<String, ProgressBar>,
}

impl Bars {
    fn new(multi: MultiProgress) -> Self {
        Self { multi, whole: None, files: HashMap::new(), archives: HashMap::new() }
    }

    fn event(&mut self, event: &PullEvent) {
        match event {
            PullEvent::Planned { bytes, files, .. } if *files > 0 => {
                let bar = self.add("models", Some(*bytes));
                self.whole = Some(bar);
            }
            PullEvent::Started { model, file, bytes, source } => {
                let bar = self.add(&format!("{model}/{file}"), Some(*bytes));
                bar.set_message(format!("from {source}"));
                self.files.insert(key(model, file), bar);
            }
            PullEvent::Archive { package, bytes } => {
                if !self.archives.contains_key(package) {
                    let bar = self.add(package, None);
                    self.archives.insert(package.clone(), bar);
                }
                self.archives[package].set_position(*bytes);
            }
            PullEvent::Progress { model, file, done, .. } => {
                if let Some(bar) = self.files.get(&key(model, file)) {
                    bar.set_position(*done);
                }
            }
            PullEvent::FellBack { model, file, .. } => self.remove(&key(model, file)),
            PullEvent::Finished { model, file, bytes } => {
                self.remove(&key(model, file));
                if let Some(whole) = &self.whole {
                    whole.inc(*bytes);
                }
            }
            _ => {}
        }
    }

    fn add(&self, name: &str, bytes: Option<u64>) -> ProgressBar {
        let (bar, template) = match bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{prefix:<40!} {bar:20.cyan/dim} {bytes:>10}/{total_bytes:<10} {bytes_per_sec:>12} {wide_msg}",
            ),
            None => (ProgressBar::new_spinner(), "{prefix:<40!} {spinner} {bytes:>10} {bytes_per_sec:>12}"),
        };
        let style =
            ProgressStyle::with_template(template).expect("the templates are constants, checked by a test");
        bar.set_style(style.progress_chars("━╸─"));
        self.multi.add(bar).with_prefix(name.to_owned())
    }

    fn remove(&mut self, key: &str) {
        if let Some(bar) = self.files.remove(key) {
            bar.finish_and_clear();
        }
    }

    fn clear(&mut self) {
        let files = self.files.drain().map(|(_, bar)| bar);
        for bar in files.chain(self.archives.drain().map(|(_, bar)| bar)).chain(self.whole.take()) {
            bar.finish_and_clear();
        }
    }
}

fn key(model: &ModelId, file: &str) -> String {
    format!("{model}/{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_draws_without_fault_and_leaves_no_bar_behind() {
        let mut bars = Bars::new(MultiProgress::new());
        let (model, file) = (ModelId("m".into()), "f".to_owned());
        bars.event(&PullEvent::Planned { models: vec![model.clone()], files: 1, bytes: 10 });
        bars.event(&PullEvent::Archive { package: "p@1.0.0".into(), bytes: 3 });
        let started =
            PullEvent::Started { model: model.clone(), file: file.clone(), bytes: 10, source: "hub".into() };
        bars.event(&started);
        bars.event(&PullEvent::Progress { model: model.clone(), file: file.clone(), done: 4, bytes: 10 });
        assert_eq!(bars.files["m/f"].position(), 4);
        bars.event(&PullEvent::Finished { model, file, bytes: 10 });
        assert!(bars.files.is_empty());
        assert_eq!(bars.whole.as_ref().map(ProgressBar::position), Some(10));
        bars.clear();
        assert!(bars.whole.is_none() && bars.archives.is_empty());
    }
}
