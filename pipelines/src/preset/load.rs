//! Reading presets: those that are built in and those of a user's directory, strictly checked.

use super::Preset;
use crate::error::{ErrorKind, PipelineError, Result};
use crate::names;
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::path::Path;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../presets");

/// Bytes of a preset file; they have about two thousand.
const FILE_BYTES: u64 = 64 * 1024;

/// The presets there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Presets {
    by_name: BTreeMap<String, Preset>,
}

impl Presets {
    /// The built-in presets, and those of `user_dir` if one is given: every `*.toml` file in it. A
    /// user's preset replaces the built-in one of its name.
    ///
    /// # Errors
    /// `InvalidInput` names the file, the place and the rule that it breaks.
    pub fn load(user_dir: Option<&Path>) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for file in BUILT_IN.files().filter(|f| f.path().extension().is_some_and(|e| e == "toml")) {
            let text = file.contents_utf8().expect("the built-in presets are UTF-8: a test loads them");
            let preset = parse(text, file.path())?;
            by_name.insert(preset.name.clone(), preset);
        }
        for path in user_dir.map(toml_files).transpose()?.unwrap_or_default() {
            let preset = parse(&read(&path)?, &path)?;
            by_name.insert(preset.name.clone(), preset);
        }
        Ok(Self { by_name })
    }

    /// The preset of that name.
    ///
    /// # Errors
    /// `UnknownName`, listing the near matches.
    pub fn get(&self, name: &str) -> Result<&Preset> {
        self.by_name.get(name).ok_or_else(|| {
            let hint = names::hint(name, self.names());
            PipelineError::new(ErrorKind::UnknownName, format!("there is no preset `{name}`; {hint}"))
        })
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_name.keys().map(String::as_str)
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Preset> {
        self.by_name.values()
    }
}

fn toml_files(dir: &Path) -> Result<Vec<std::path::PathBuf>> {
    let failed = |e| PipelineError::io(format_args!("read the preset directory {}", dir.display()), e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    let failed = |e| PipelineError::io(format_args!("read the preset {}", path.display()), e);
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES {
        return Err(invalid(path, format!("it has {bytes} bytes; a preset has at most {FILE_BYTES}")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn invalid(path: &Path, problem: impl std::fmt::Display) -> PipelineError {
    let text = format!("the preset {} cannot be used: {problem}", path.display());
    PipelineError::new(ErrorKind::InvalidInput, text)
}

fn parse(text: &str, path: &Path) -> Result<Preset> {
    let preset: Preset = toml::from_str(text).map_err(|e| invalid(path, e.to_string().trim_end()))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if preset.name != stem {
        return Err(invalid(path, format!("its name is `{}`, but the file is `{stem}.toml`", preset.name)));
    }
    check(&preset).map_err(|problem| invalid(path, problem))?;
    Ok(preset)
}

/// The ranges that the fields state.
fn check(preset: &Preset) -> std::result::Result<(), String> {
    let Preset { video, audio, duration, captions, cover, file, .. } = preset;
    let named = preset.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    ensure(named && !preset.name.is_empty(), "name", "lower-case letters, digits and `_`", &preset.name)?;
    for (key, pixels) in [("video.width", video.width), ("video.height", video.height)] {
        within(key, f64::from(pixels), 2.0, 7680.0)?;
        ensure(pixels % 2 == 0, key, "an even number of pixels", pixels)?;
    }
    within("video.fps", f64::from(video.fps), 1.0, 120.0)?;
    within("video.bitrate_bps", video.bitrate_bps as f64, 100e3, 200e6)?;
    within("video.crossfade_s", video.crossfade_s, 0.0, 2.0)?;
    encoder_speed(&video.encoder_speed)?;
    within("audio.bitrate_bps", f64::from(audio.bitrate_bps), 64e3, 320e3)?;
    ensure(audio.sample_rate == 48_000, "audio.sample_rate", "48000", audio.sample_rate)?;
    ensure(audio.channels == 2, "audio.channels", "2", audio.channels)?;
    within("audio.lufs", audio.lufs, -40.0, -5.0)?;
    within("audio.tolerance_lu", audio.tolerance_lu, 0.05, 2.0)?;
    within("audio.true_peak_dbtp", audio.true_peak_dbtp, -9.0, 0.0)?;
    within("duration.platform_max_s", duration.platform_max_s, 1.0, 43_200.0)?;
    within("duration.default_max_s", duration.default_max_s, 1.0, duration.platform_max_s)?;
    for (key, fraction) in [
        ("captions.left", captions.left),
        ("captions.top", captions.top),
        ("captions.right", captions.right),
        ("captions.bottom", captions.bottom),
    ] {
        within(key, f64::from(fraction), 0.0, 0.4)?;
    }
    for (key, pixels) in [("cover.width", cover.width), ("cover.height", cover.height)] {
        within(key, f64::from(pixels), 64.0, 4096.0)?;
        ensure(pixels % 2 == 0, key, "an even number of pixels", pixels)?;
    }
    within("cover.max_bytes", cover.max_bytes as f64, 10e3, 1e9)?;
    within("file.max_bytes", file.max_bytes as f64, 1e6, 1e13)?;
    look(preset)?;
    rules(preset)
}

fn look(preset: &Preset) -> std::result::Result<(), String> {
    let mut palettes = reelsmith_media::cards::palette_names();
    palettes.push("auto");
    let music: Vec<&str> = crate::script::MOODS.iter().copied().chain(["none"]).collect();
    for (key, name, known) in
        [("style.palette", &preset.style.palette, palettes), ("style.music", &preset.style.music, music)]
    {
        let expected = format!("a name that exists; {}", names::hint(name, known.iter().copied()));
        ensure(known.contains(&name.as_str()), key, &expected, format_args!("`{name}`"))?;
    }
    Ok(())
}

/// Every rule says when and where it was read.
fn rules(preset: &Preset) -> std::result::Result<(), String> {
    let day = &time::format_description::well_known::Iso8601::DATE;
    for (section, rule) in [
        ("video", &preset.video.rule),
        ("audio", &preset.audio.rule),
        ("duration", &preset.duration.rule),
        ("captions", &preset.captions.rule),
        ("cover", &preset.cover.rule),
        ("file", &preset.file.rule),
        ("style", &preset.style.rule),
    ] {
        let dated = time::Date::parse(&rule.as_of, day).is_ok();
        ensure(dated, &format!("{section}.rule.as_of"), "a day as YYYY-MM-DD", &rule.as_of)?;
        let sourced =
            rule.source.starts_with("https://") || (rule.source == "house" && !rule.note.is_empty());
        let wanted = "an https address, or `house` with the reason in `note`";
        ensure(sourced, &format!("{section}.rule.source"), wanted, &rule.source)?;
    }
    Ok(())
}

/// Names of x264 (`x264 --help`, "preset"), slowest last; `placebo` is left out for want of any gain.
const SPEEDS: &[&str] =
    &["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"];

/// Whether x264 knows a speed of that name.
pub(crate) fn encoder_speed(name: &str) -> std::result::Result<(), String> {
    match SPEEDS.contains(&name) {
        true => Ok(()),
        false => {
            let hint = names::hint(name, SPEEDS.iter().copied());
            Err(format!("encoder_speed is `{name}`, which x264 does not know; {hint}"))
        }
    }
}

fn within(key: &str, value: f64, low: f64, high: f64) -> std::result::Result<(), String> {
    ensure((low..=high).contains(&value), key, &format!("from {low} to {high}"), value)
}

fn ensure(
    holds: bool,
    key: &str,
    expected: &str,
    found: impl std::fmt::Display,
) -> std::result::Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(format!("{key} is {found}, expected {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_presets_are_valid_and_say_what_the_platforms_ask_for() {
        let presets = Presets::load(None).unwrap();
        assert_eq!(presets.names().collect::<Vec<_>>(), ["tiktok", "youtube_shorts"]);
        for (name, bitrate, default_max) in
            [("youtube_shorts", 8_000_000, 60.0), ("tiktok", 6_000_000, 180.0)]
        {
            let preset = presets.get(name).unwrap();
            assert_eq!((preset.video.width, preset.video.height, preset.video.fps), (1080, 1920, 30));
            assert_eq!(preset.video.bitrate_bps, bitrate);
            assert_eq!((preset.audio.bitrate_bps, preset.audio.lufs), (256_000, -14.0));
            assert_eq!((preset.audio.tolerance_lu, preset.audio.true_peak_dbtp), (0.1, -1.0));
            assert_eq!(preset.duration.default_max_s, default_max);
            assert_eq!(preset.duration.platform_max_s, 180.0);
        }
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_near_ones() {
        let error = Presets::load(None).unwrap().get("youtube_short").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownName);
        assert!(error.to_string().contains("did you mean `youtube_shorts`?"), "{error}");
    }

    fn reels() -> String {
        let text = BUILT_IN.get_file("tiktok.toml").unwrap().contents_utf8().unwrap();
        text.replace("name = \"tiktok\"", "name = \"reels\"").replace("6_000_000", "5_000_000")
    }

    #[test]
    fn adding_a_platform_is_adding_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("reels.toml"), reels()).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "not a preset").unwrap();
        let presets = Presets::load(Some(dir.path())).unwrap();
        assert_eq!(presets.names().collect::<Vec<_>>(), ["reels", "tiktok", "youtube_shorts"]);
        assert_eq!(presets.get("reels").unwrap().video.bitrate_bps, 5_000_000);
    }

    #[test]
    fn a_broken_preset_is_refused_by_file_and_key() {
        let cases = [
            ("width = 1080", "width = 1081", "video.width"),
            ("fps = 30", "fps = 0", "video.fps"),
            ("fps = 30", "fsp = 30", "unknown field `fsp`"),
            ("as_of = \"2026-11-21\"", "as_of = \"recently\"", "rule.as_of"),
            ("source = \"house\"", "source = \"somebody\"", "rule.source"),
            ("encoder_speed = \"veryfast\"", "encoder_speed = \"veryfats\"", "did you mean `veryfast`"),
            ("encoder_speed = \"veryfast\"", "encoder_speed = \"placebo\"", "there are fast, faster"),
            ("palette = \"auto\"", "palette = \"autp\"", "did you mean `auto`?"),
            ("default_max_s = 180.0", "default_max_s = 500.0", "duration.default_max_s"),
            ("name = \"reels\"", "name = \"reel\"", "the file is `reels.toml`"),
        ];
        for (right, wrong, told) in cases {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("reels.toml"), reels().replacen(right, wrong, 1)).unwrap();
            let error = Presets::load(Some(dir.path())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let text = error.to_string();
            assert!(text.contains("reels.toml") && text.contains(told), "{text}");
        }
    }
}
