//! Models as people name them: an entry of the catalogue, or a file or folder of their own.

mod hashes;

pub use hashes::Hashes;

use crate::config::layers::is_path;
use crate::exit::{Failure, Outcome};
use crate::library::Library;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::{Capability, Model};
use reelsmith_pipelines::images::ModelNote;
use reelsmith_pipelines::report::{FileFact, ModelFact};
use std::path::{Path, PathBuf};

/// A model that exists; its files may have to be fetched yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// An entry of the catalogue.
    Entry(ModelId),
    /// A `.safetensors` file or a diffusers folder, by its absolute path.
    Own(PathBuf),
}

impl Weights {
    /// The model called `name`, where `flag` asks for it. A relative path starts at the working directory.
    ///
    /// # Errors
    /// There is no such entry or path, the entry cannot do what is `wanted`, or the file is of a kind that
    /// is not read; the message says what to do.
    pub fn find(library: &Library, name: &str, wanted: Option<Capability>, flag: &str) -> Outcome<Self> {
        let entry = library.catalogue().get(&ModelId(name.to_owned())).ok();
        match entry {
            Some(model) => able(library, model, wanted, flag).map(Self::Entry),
            None if is_path(name) || Path::new(name).exists() => own(name, flag).map(Self::Own),
            None => Err(unknown(library, name, wanted, flag)),
        }
    }

    /// The name by which an engine knows it.
    pub fn id(&self) -> ModelId {
        match self {
            Self::Entry(id) => id.clone(),
            Self::Own(path) => ModelId(path.to_string_lossy().into_owned()),
        }
    }

    /// Its name for people: that of the entry, or of the file or folder.
    pub fn name(&self) -> String {
        match self {
            Self::Entry(id) => id.0.clone(),
            Self::Own(path) => stem(path),
        }
    }

    /// The catalogue's id, for what must be fetched.
    pub fn entry(&self) -> Option<&ModelId> {
        match self {
            Self::Entry(id) => Some(id),
            Self::Own(_) => None,
        }
    }

    /// Its name and hash, as a recipe states them. Reads whole files that are not known yet: not for an
    /// async thread.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn note(&self, library: &Library, hashes: &mut Hashes) -> Outcome<ModelNote> {
        match self {
            Self::Entry(id) => {
                let model = library.find(&id.0)?;
                let files: Vec<(String, String)> =
                    model.files_here().map(|f| (f.path.to_string(), f.sha256.to_string())).collect();
                Ok(ModelNote { name: self.name(), sha256: hashes::of_list(&files) })
            }
            Self::Own(path) => Ok(ModelNote { name: self.name(), sha256: hashes.of(path)? }),
        }
    }

    /// What a report says of it.
    pub fn fact(&self, library: &Library, note: &ModelNote, role: &str) -> ModelFact {
        match self {
            Self::Entry(id) => library.facts(std::slice::from_ref(id)).remove(0),
            Self::Own(path) => ModelFact {
                id: note.name.clone(),
                title: note.name.clone(),
                role: role.to_owned(),
                // Nobody but its owner knows what it may be used for.
                licence: "NOASSERTION".into(),
                commercial: false,
                files: vec![FileFact {
                    name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    sha256: note.sha256.clone(),
                    bytes: hashes::bytes(path),
                }],
            },
        }
    }
}

fn able(library: &Library, model: &Model, wanted: Option<Capability>, flag: &str) -> Outcome<ModelId> {
    match wanted {
        Some(wanted) if model.capability != Some(wanted) => {
            let message =
                format!("{flag}: {} is no model for {wanted}; {}", model.id, choice(library, wanted));
            Err(Failure::usage(message))
        }
        _ => Ok(model.id.clone()),
    }
}

fn unknown(library: &Library, name: &str, wanted: Option<Capability>, flag: &str) -> Failure {
    let said = match library.find(name) {
        Err(failure) => failure.message,
        Ok(_) => format!("there is no model {name}"),
    };
    let hint = wanted.map_or(String::new(), |wanted| format!("; {}", choice(library, wanted)));
    Failure::usage(format!("{flag}: {said}{hint}"))
}

/// What can be named where a model of that capability is wanted.
pub fn choice(library: &Library, wanted: Capability) -> String {
    let mut there: Vec<&str> = library.catalogue().able(wanted).map(|model| model.id.0.as_str()).collect();
    there.push(match wanted {
        Capability::TextToImage => "the path of an SDXL checkpoint (.safetensors, or a diffusers folder)",
        Capability::Embed | Capability::Rerank => "the path of a folder of transformers' with a BERT",
        Capability::Chat => "the path of a .gguf file",
        _ => "the path of a .safetensors file",
    });
    format!("name {}", there.join(", or "))
}

fn own(name: &str, flag: &str) -> Outcome<PathBuf> {
    let refused = |why: &str| Err(Failure::usage(format!("{flag}: {name} {why}")));
    let path = std::path::absolute(name).map_err(|e| Failure::usage(format!("{flag}: {name}: {e}")))?;
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if matches!(ending.as_str(), "ckpt" | "pt" | "pth" | "bin") {
        return refused(
            "is a pickled file, which can run any code when it is read; take the .safetensors form of it",
        );
    }
    match std::fs::metadata(&path) {
        Err(error) => refused(&format!("cannot be read: {error}")),
        Ok(found) if found.is_dir() && !hashes::has_weights(&path) => refused(
            "is a folder without .safetensors files; name a folder of diffusers' or transformers', or a file",
        ),
        Ok(found) if found.is_file() && !["safetensors", "param", "gguf"].contains(&ending.as_str()) => {
            refused("is no .safetensors file (nor an upscaler's .param, nor a language model's .gguf)")
        }
        Ok(_) if path.to_str().is_none() => refused("has a name that is not UTF-8; rename it"),
        Ok(_) => Ok(path),
    }
}

/// A file's name without its ending, a folder's name as it is.
fn stem(path: &Path) -> String {
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};

    fn library(dir: &Path) -> Library {
        let home = dir.to_str().expect("UTF-8").to_owned();
        let config = Config::layered(&Flags::default(), &|name| (name == "HOME").then(|| home.clone()));
        Library::open(&config.expect("defaults")).expect("catalogue")
    }

    #[test]
    fn entries_and_paths_are_told_apart_and_faults_are_named() {
        let dir = tempfile::tempdir().expect("temp dir");
        let library = library(dir.path());
        let file = dir.path().join("own.safetensors");
        std::fs::write(&file, "x").expect("file");
        let find = |name: &str, wanted| Weights::find(&library, name, wanted, "--model");
        let path = file.to_str().expect("UTF-8");
        assert_eq!(find(path, Some(Capability::TextToImage)).expect("a file"), Weights::Own(file.clone()));
        let entry = find("kokoro-82m-fp32", Some(Capability::Speak)).expect("an entry");
        assert_eq!(entry.entry(), Some(&ModelId::from("kokoro-82m-fp32")));
        std::fs::create_dir(dir.path().join("folder")).expect("folder");
        std::fs::write(dir.path().join("old.ckpt"), "x").expect("file");
        let within = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
        for (name, says) in [
            ("kokoro-82m-fp32".to_owned(), "is no model for text-to-image; name "),
            ("kokoro-82m-fp23".to_owned(), "did you mean `kokoro-82m-fp32`"),
            (within("none.safetensors"), "cannot be read"),
            (within("old.ckpt"), "take the .safetensors form"),
            (within("folder"), "without .safetensors files"),
        ] {
            let failure = find(&name, Some(Capability::TextToImage)).expect_err(says);
            assert!(failure.message.contains(says), "{says:?} is not in {failure}");
            assert_eq!(failure.exit, crate::exit::Exit::Usage);
        }
    }

    #[test]
    fn the_hash_of_a_model_is_that_of_its_file_or_of_the_list_of_its_files() {
        let dir = tempfile::tempdir().expect("temp dir");
        let library = library(dir.path());
        let mut hashes = Hashes::open(dir.path().join("hashes.json"));
        let file = dir.path().join("abc.safetensors");
        std::fs::write(&file, "abc").expect("file");
        let note = Weights::Own(file.clone()).note(&library, &mut hashes).expect("readable");
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(note, ModelNote { name: "abc".into(), sha256: abc.into() });
        std::fs::write(&file, "abcd").expect("file");
        let changed = Weights::Own(file).note(&library, &mut hashes).expect("readable");
        assert_ne!(changed.sha256, abc, "a file of another size is hashed anew");

        let folder = dir.path().join("model");
        std::fs::create_dir_all(folder.join("unet")).expect("folder");
        std::fs::write(folder.join("unet/a.safetensors"), "abc").expect("file");
        let one = Weights::Own(folder.clone()).note(&library, &mut hashes).expect("readable");
        assert_eq!(one, ModelNote { name: "model".into(), sha256: abc.into() });
        std::fs::write(folder.join("model_index.json"), "{}").expect("file");
        std::fs::write(folder.join("README.md"), "not weights").expect("file");
        let two = Weights::Own(folder).note(&library, &mut hashes).expect("readable");
        // printf '%s' {} | sha256sum, then both lines through sha256sum.
        let lines = format!(
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  model_index.json\n{abc}  unet/a.safetensors\n"
        );
        assert_eq!(two.sha256, hashes::of_bytes(lines.as_bytes()));
    }
}
