//! The layers of settings (defaults, file, environment, flags) and the reading of one value with its range.

use super::ConfigError;
use super::keys::KEYS;
use reelsmith_pipelines::names::did_you_mean;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a value was set, for the error message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "in {}", path.display()),
            Origin::Variable(name) => write!(f, "in the environment variable {name}"),
            Origin::Flag(name) => write!(f, "by {name}"),
        }
    }
}

/// Settings by name; a later layer overrides an earlier one.
#[derive(Debug, Default)]
pub struct Layers {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl Layers {
    /// Lays the file at `path` over what is there.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML, an unknown key (with its near matches), or a value
    /// that is a table or a list.
    pub fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            ConfigError(format!("could not read the configuration file {}: {e}", path.display()))
        })?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            ConfigError(format!("{} is not valid TOML:\n{e}", path.display()))
        })?;
        self.table(path, "", &table)
    }

    fn table(&mut self, path: &Path, prefix: &str, table: &toml::Table) -> Result<(), ConfigError> {
        for (name, value) in table {
            let name = format!("{prefix}{name}");
            let text = match value {
                toml::Value::Table(inner) => {
                    self.table(path, &format!("{name}."), inner)?;
                    continue;
                }
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(_) => {
                    return Err(ConfigError(format!(
                        "{name} in {} is a list; expected one value",
                        path.display()
                    )));
                }
                scalar => scalar.to_string(),
            };
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                let hint = did_you_mean(&name, KEYS.iter().map(|key| key.name));
                return Err(ConfigError(format!("unknown setting {name} in {}{hint}", path.display())));
            };
            self.values.insert(key.name, (text, Origin::File(path.to_path_buf())));
        }
        Ok(())
    }

    /// Lays the variables over what is there. Unknown ones are left alone, because orchestrators
    /// set some of their own with any prefix (`REELSMITH_PORT` for a Kubernetes service of that name).
    pub fn environment(&mut self, variable: &dyn Fn(&str) -> Option<String>) {
        for key in KEYS {
            let name = key.variable();
            if let Some(value) = variable(&name).filter(|value| !value.is_empty()) {
                self.values.insert(key.name, (value, Origin::Variable(name)));
            }
        }
    }

    /// Lays one flag over what is there.
    pub fn flag(&mut self, key: &'static str, flag: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.values.insert(key, (value, Origin::Flag(flag)));
        }
    }

    fn raw(&self, key: &'static str) -> Option<&(String, Origin)> {
        debug_assert!(KEYS.iter().any(|k| k.name == key), "{key} is not in KEYS");
        self.values.get(key)
    }

    fn wrong(key: &str, value: &str, origin: &Origin, expected: impl fmt::Display) -> ConfigError {
        ConfigError(format!("{key} is set to \"{value}\" {origin}; expected {expected}"))
    }

    /// A value as text.
    pub fn text(&self, key: &'static str) -> Option<String> {
        self.raw(key).map(|(value, _)| value.clone())
    }

    /// A path; one in the file is relative to the file.
    pub fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.raw(key).map(|(value, origin)| match origin {
            Origin::File(file) => file.parent().unwrap_or(Path::new("")).join(value),
            _ => PathBuf::from(value),
        })
    }

    /// `true` or `false` (also 1, 0, yes, no).
    pub fn boolean(&self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        self.raw(key)
            .map(|(value, origin)| match value.to_lowercase().as_str() {
                "true" | "1" | "yes" => Ok(true),
                "false" | "0" | "no" => Ok(false),
                _ => Err(Self::wrong(key, value, origin, "true or false")),
            })
            .transpose()
    }

    /// A whole number in `range`.
    pub fn number(&self, key: &'static str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        self.within(key, range, |value| value.parse().ok(), |n| n.to_string())
    }

    /// A number of bytes in `range`, as `1500000`, `512MiB` or `4GiB`.
    pub fn bytes(&self, key: &'static str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        self.within(key, range, parse_bytes, show_bytes)
    }

    /// A number in `range`, with or without a fraction.
    pub fn real(&self, key: &'static str, range: RangeInclusive<f32>) -> Result<Option<f32>, ConfigError> {
        let Some((value, origin)) = self.raw(key) else { return Ok(None) };
        match value.parse().ok().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let expected = format!("a number from {} to {}", range.start(), range.end());
                Err(Self::wrong(key, value, origin, expected))
            }
        }
    }

    /// A model: its name in the catalogue as it stands, or a path as [`Layers::path`] gives it.
    pub fn model(&self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        match is_path(&text) {
            true => self.path(key).map(|path| path.to_string_lossy().into_owned()),
            false => Some(text),
        }
    }

    fn within(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
        parse: impl Fn(&str) -> Option<u64>,
        show: impl Fn(u64) -> String,
    ) -> Result<Option<u64>, ConfigError> {
        let Some((value, origin)) = self.raw(key) else { return Ok(None) };
        match parse(value).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let expected = format!("{} to {}", show(*range.start()), show(*range.end()));
                Err(Self::wrong(key, value, origin, expected))
            }
        }
    }

    /// One of `choices`.
    pub fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        let Some((value, origin)) = self.raw(key) else { return Ok(None) };
        let found = choices.iter().find(|(name, _)| name == value).map(|(_, choice)| *choice);
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        found.map(Some).ok_or_else(|| Self::wrong(key, value, origin, names.join(" or ")))
    }

    /// Anything that parses; `expected` says what would.
    pub fn parsed<T: FromStr>(&self, key: &'static str, expected: &str) -> Result<Option<T>, ConfigError> {
        self.raw(key)
            .map(|(value, origin)| value.parse().map_err(|_| Self::wrong(key, value, origin, expected)))
            .transpose()
    }

    /// Names of hosts, parted by commas.
    pub fn hosts(&self, key: &'static str) -> Result<Vec<String>, ConfigError> {
        let Some((value, origin)) = self.raw(key) else { return Ok(Vec::new()) };
        let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        match names.iter().all(|name| !name.is_empty() && name.chars().all(plain)) {
            true => Ok(names),
            false => Err(Self::wrong(key, value, origin, "names without ports, parted by commas")),
        }
    }

    /// An http or https address without a trailing slash.
    pub fn address(&self, key: &'static str) -> Result<Option<String>, ConfigError> {
        let Some((value, origin)) = self.raw(key) else { return Ok(None) };
        let host = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
        match host {
            Some(host) if !host.is_empty() && !value.contains(char::is_whitespace) => {
                Ok(Some(value.trim_end_matches('/').to_string()))
            }
            _ => Err(Self::wrong(key, value, origin, "an address that begins with https:// or http://")),
        }
    }
}

/// `4GiB`, `512MiB`, `64KiB` or plain bytes.
/// Whether a model is named by its path: catalogue ids have no slash and no such ending.
pub fn is_path(model: &str) -> bool {
    let ending = Path::new(model).extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    model.contains('/')
        || matches!(ending.as_str(), "safetensors" | "gguf" | "ckpt" | "pt" | "pth" | "bin" | "onnx")
}

fn parse_bytes(value: &str) -> Option<u64> {
    let units = [("KiB", 1u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    let (number, unit) = units
        .iter()
        .find_map(|(suffix, unit)| value.strip_suffix(suffix).map(|number| (number, *unit)))
        .unwrap_or((value, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// Bytes as a person reads them, exact where they are a whole number of a binary unit.
pub fn show_bytes(bytes: u64) -> String {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) if bytes.is_multiple_of(*unit) => format!("{}{name}", bytes / unit),
        Some((name, unit)) => format!("{:.1}{name}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_and_shown() {
        assert_eq!(parse_bytes("4GiB"), Some(4 << 30));
        assert_eq!(parse_bytes("512 MiB"), Some(512 << 20));
        assert_eq!(parse_bytes("123"), Some(123));
        assert_eq!(parse_bytes("4GB!"), None);
        assert_eq!(parse_bytes("99999999999999GiB"), None);
        assert_eq!(show_bytes(4 << 30), "4GiB");
        assert_eq!(show_bytes(1_500_000), "1.4MiB");
        assert_eq!(show_bytes(12), "12B");
    }
}
