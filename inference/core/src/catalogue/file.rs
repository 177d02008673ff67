//! One file of an entry: where it lies, what it must be, where it can be had.

use super::source::Source;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// A file's longest accepted size; larger ones are a slip of the pen. 1 PiB.
const MAX_BYTES: u64 = 1 << 50;

/// A file of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Where it lies under the entry's directory.
    pub path: RelativePath,
    /// Its exact size.
    pub bytes: u64,
    /// Its sha256.
    pub sha256: Sha256,
    /// The only platform it is for; absent: any.
    pub platform: Option<Platform>,
    /// Where to have it from, in the order to be tried: the hub before registries.
    pub sources: Vec<Source>,
}

impl ModelFile {
    pub(super) fn check(&self) -> Result<(), String> {
        let path = &self.path;
        if self.bytes == 0 || self.bytes > MAX_BYTES {
            return Err(format!("`bytes` of `{path}` is {}; expected 1 to {MAX_BYTES}", self.bytes));
        }
        if self.sources.is_empty() {
            return Err(format!("`{path}` has no source"));
        }
        let registries_began = self.sources.iter().position(|source| !source.is_hub());
        let last_hub = self.sources.iter().rposition(Source::is_hub);
        if registries_began.zip(last_hub).is_some_and(|(registry, hub)| hub > registry) {
            return Err(format!("`{path}` lists a hub source after a registry; the hub comes first"));
        }
        self.sources.iter().try_for_each(|source| source.check().map_err(|said| format!("`{path}`: {said}")))
    }
}

/// A path below a directory that can never lead out of it: `/`-separated names of ASCII letters,
/// digits, blanks and `._+-=,@~()[]`, none of which begins with a dot or a blank.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

impl RelativePath {
    /// As written, with `/` between the names.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place it names under `dir`.
    pub fn under(&self, dir: &Path) -> PathBuf {
        self.0.split('/').fold(dir.to_owned(), |path, name| path.join(name))
    }

    /// Whether both cannot lie in one directory: equal but for case, or one inside the other.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let (a, b) = (self.0.to_ascii_lowercase(), other.0.to_ascii_lowercase());
        a == b || a.starts_with(&format!("{b}/")) || b.starts_with(&format!("{a}/"))
    }
}

impl TryFrom<String> for RelativePath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " ._+-=,@~()[]".contains(c);
        let safe =
            |name: &str| !name.is_empty() && !name.starts_with(['.', ' ']) && name.chars().all(allowed);
        match path.len() <= 200 && path.split('/').all(safe) {
            true => Ok(Self(path)),
            false => Err(format!(
                "`{path}` is not a plain relative path (names of ASCII letters, digits, blanks and \
                 `._+-=,@~()[]`, none beginning with a dot or a blank, separated by `/`, at most 200 characters)"
            )),
        }
    }
}

impl From<RelativePath> for String {
    fn from(path: RelativePath) -> Self {
        path.0
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sha256 digest; written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(pub [u8; 32]);

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let parse = || {
            let mut digest = [0; 32];
            let pairs = text.as_bytes().chunks_exact(2);
            if text.len() != 64 {
                return None;
            }
            for (byte, pair) in digest.iter_mut().zip(pairs) {
                *byte = digit(pair[0])? << 4 | digit(pair[1])?;
            }
            Some(Self(digest))
        };
        parse().ok_or_else(|| format!("`{text}` is no sha256 of 64 lower-case hex digits"))
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An operating system and a processor, as Rust names them: `linux-x86_64`, `macos-aarch64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform(String);

impl Platform {
    /// The platform that this binary was built for.
    pub fn here() -> Self {
        Self(format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH))
    }

    /// Whether this binary was built for it.
    pub fn is_here(&self) -> bool {
        *self == Self::here()
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Platform {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const KNOWN: [&str; 4] = ["linux-x86_64", "linux-aarch64", "macos-aarch64", "macos-x86_64"];
        match KNOWN.contains(&text.as_str()) {
            true => Ok(Self(text)),
            false => Err(format!("`{text}` is no platform; expected one of {}", KNOWN.join(", "))),
        }
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.0
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
