//! A result that is written as it is made: to standard output, or to a file that appears only when it is whole.

use crate::exit::{Failure, Outcome};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Stdout, Write};
use std::path::{Path, PathBuf};

/// The name that stands for standard input or output.
pub(super) const STANDARD: &str = "-";

/// Where bytes go.
pub(super) struct Output {
    place: Place,
    /// Whether whoever read standard output has gone; what comes then is thrown away.
    is_over: bool,
}

enum Place {
    Standard(BufWriter<Stdout>),
    File(Unfinished),
}

/// A file under another name, removed unless it is finished.
struct Unfinished {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl Output {
    /// Opens `path`, or standard output where it is `-`.
    ///
    /// # Errors
    /// The file cannot be made there.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let place = match path == Path::new(STANDARD) {
            true => Place::Standard(BufWriter::new(io::stdout())),
            false => Place::File(Unfinished::create(path)?),
        };
        Ok(Self { place, is_over: false })
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The file that somebody else may write in our place; none for standard output.
    pub(super) fn temporary(&self) -> Option<&Path> {
        match &self.place {
            Place::Standard(_) => None,
            Place::File(out) => Some(&out.temporary),
        }
    }

    /// Writes bytes, and has them go out at once where they are read as they come.
    ///
    /// # Errors
    /// The disk is full, or refuses.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Outcome {
        if self.is_over {
            return Ok(());
        }
        let written = match &mut self.place {
            Place::Standard(out) => out.write_all(bytes).and_then(|()| out.flush()),
            Place::File(out) => out.file.write_all(bytes),
        };
        match written {
            // A reader that went away (`| head`) is no failure.
            Err(error)
                if error.kind() == ErrorKind::BrokenPipe && matches!(self.place, Place::Standard(_)) =>
            {
                self.is_over = true;
                Ok(())
            }
            written => written.map_err(|error| self.failure(&error)),
        }
    }

    /// Writes `bytes` over those at the beginning.
    ///
    /// # Errors
    /// It is standard output, or the disk refuses.
    pub(super) fn rewrite(&mut self, bytes: &[u8]) -> Outcome {
        let rewritten = match &mut self.place {
            Place::Standard(_) => Err(io::Error::from(ErrorKind::NotSeekable)),
            Place::File(out) => out
                .file
                .seek(SeekFrom::Start(0))
                .and_then(|_| out.file.write_all(bytes))
                .and_then(|()| out.file.seek(SeekFrom::End(0)).map(drop)),
        };
        rewritten.map_err(|error| self.failure(&error))
    }

    /// Gives a file its name.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub(super) fn finish(mut self) -> Outcome {
        let finished = match &mut self.place {
            Place::Standard(_) => Ok(()),
            Place::File(out) => out.finish(),
        };
        finished.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &io::Error) -> Failure {
        match &self.place {
            Place::Standard(_) => Failure::io("write to standard output", error),
            Place::File(out) => Failure::io(format!("write {}", out.path.display()), error),
        }
    }
}

impl Unfinished {
    fn create(path: &Path) -> Outcome<Self> {
        let failed = |error: &io::Error| Failure::io(format!("write {}", path.display()), error);
        let name = path.file_name().ok_or_else(|| {
            Failure::usage(format!("{} is no name of a file; name one with --out", path.display()))
        })?;
        if path.is_dir() {
            return Err(Failure::usage(format!("{} is a folder; name a file with --out", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or(Ok(()), std::fs::create_dir_all).map_err(|error| failed(&error))?;
        let hidden = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let temporary = path.with_file_name(hidden);
        let file = File::create(&temporary).map_err(|error| failed(&error))?;
        Ok(Self { file: BufWriter::new(file), temporary, path: path.to_path_buf(), is_finished: false })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.temporary, &self.path)?;
        self.is_finished = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/made.bin");
        let names = || std::fs::read_dir(path.parent().expect("a folder")).expect("there").count();
        let mut output = Output::open(&path).expect("opened");
        output.write(b"0000 and more").expect("written");
        assert!(!path.exists());
        drop(output);
        assert_eq!(names(), 0, "nothing is left of what was given up");
        let mut output = Output::open(&path).expect("opened");
        output.write(b"0000 and").expect("written");
        output.rewrite(b"1234").expect("rewritten");
        output.write(b" more").expect("written");
        output.finish().expect("finished");
        assert_eq!(std::fs::read(&path).expect("there"), b"1234 and more");
        assert_eq!(names(), 1);
        assert!(Output::open(folder.path()).is_err(), "a folder is no file");
    }
}
