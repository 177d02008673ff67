//! What callers of the service are not told: where on the machine its files lie.

use crate::config::{BlobSettings, Config};
use reelsmith_pipelines::{Event, JobEvent};
use std::path::Path;

/// Places of the configuration, and what stands for them in texts that leave the machine.
#[derive(Debug, Clone)]
pub struct Private {
    /// The longest first, so that a folder inside another is found under its own name.
    places: Vec<(String, &'static str)>,
}

impl Private {
    /// The places that `config` names.
    pub fn new(config: &Config) -> Self {
        let mut this = Self { places: Vec::new() };
        this.folder(&config.data_dir, "data_dir");
        this.folder(&config.models_dir, "models_dir");
        if let Some(dir) = &config.server.assets_dir {
            this.folder(dir, "assets_dir");
        }
        let tools = &config.tools;
        for (path, name) in
            [(&tools.espeak, "espeak-ng"), (&tools.ffmpeg, "ffmpeg"), (&tools.ffprobe, "ffprobe")]
        {
            if let Some(path) = path {
                this.folder(path, name);
            }
        }
        if let BlobSettings::S3 { endpoint, bucket, .. } = &config.blobs {
            this.place(format!("{endpoint}/{bucket}"), "the blob store");
            this.place(endpoint.clone(), "the blob store");
        }
        this.places.sort_by_key(|(place, _)| std::cmp::Reverse(place.len()));
        this
    }

    /// A path as it is configured, and as the system resolves it.
    fn folder(&mut self, path: &Path, name: &'static str) {
        self.place(path.to_string_lossy().into_owned(), name);
        if let Ok(resolved) = path.canonicalize() {
            self.place(resolved.to_string_lossy().into_owned(), name);
        }
    }

    fn place(&mut self, place: String, name: &'static str) {
        // A root or a dot stands in half of all texts and tells nothing.
        if place.len() > 2 {
            self.places.push((place, name));
        }
    }

    /// `text` with every place replaced by its name.
    pub fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (place, name) in &self.places {
            if text.contains(place) {
                text = text.replace(place, name);
            }
        }
        text
    }

    /// The event as callers are told it.
    pub fn event(&self, mut event: JobEvent) -> JobEvent {
        match &mut event.event {
            Event::State { message: Some(message), .. } | Event::StepFailed { message, .. } => {
                *message = self.hide(message);
            }
            _ => {}
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    #[test]
    fn places_are_hidden_as_configured_and_as_resolved() {
        let dir = tempfile::tempdir().expect("temp dir");
        let real = dir.path().join("real");
        std::fs::create_dir(&real).expect("folder");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).expect("link");
        let flags = Flags { data_dir: Some(link.to_str().expect("UTF-8").to_owned()), ..Flags::default() };
        let variable = |name: &str| match name {
            "HOME" => Some("/home/someone".to_owned()),
            "REELSMITH_SERVER_ASSETS_DIR" => Some(format!("{}/assets", link.display())),
            _ => None,
        };
        let private = Private::new(&Config::layered(&flags, &variable).expect("settings"));
        let text = format!(
            "could not write {0}/blobs/a, {1}/b and {0}/assets/c.png",
            link.display(),
            real.display()
        );
        assert_eq!(private.hide(&text), "could not write data_dir/blobs/a, data_dir/b and assets_dir/c.png");
        assert_eq!(private.hide("nothing of that kind"), "nothing of that kind");
    }
}
