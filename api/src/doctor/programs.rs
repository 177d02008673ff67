//! ffmpeg, ffprobe and espeak-ng by trying them; pip and npm by asking them.

use super::{Check, State};
use crate::config::{Config, Tools};
use reelsmith_media::ffmpeg::Ffmpeg;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A program that says nothing for this long is taken as broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// The apt packages, where apt is how this machine installs.
fn install(package: &str, elsewhere: &str) -> String {
    match Path::new("/etc/debian_version").exists() {
        true => format!("sudo apt-get install --yes {package}"),
        false => elsewhere.to_owned(),
    }
}

/// Runs a program to its end, which comes within `patience`; its standard output, or why it failed.
/// The program is killed when this is dropped.
pub(crate) async fn run(program: &Path, args: &[&str], patience: Duration) -> Result<String, String> {
    let child = Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = match tokio::time::timeout(patience, child).await {
        Err(_) => return Err(format!("no answer within {} s", patience.as_secs())),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(output)) => output,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr).lines().last().unwrap_or("it failed without a word").to_owned()),
    }
}

/// The program given, else the first of its name in the folders of PATH.
pub(super) fn find(given: Option<&Path>, name: &str, path: &[PathBuf]) -> Option<PathBuf> {
    match given {
        Some(given) => given.is_file().then(|| given.to_path_buf()),
        None => path.iter().map(|dir| dir.join(OsStr::new(name))).find(|file| file.is_file()),
    }
}

/// ffmpeg and ffprobe are there, new enough, and encode what is needed.
pub(super) async fn ffmpeg(tools: &Tools) -> Vec<Check> {
    let mend = install("ffmpeg", "install ffmpeg 5.0 or later with your package manager");
    for (name, given) in [("ffmpeg", &tools.ffmpeg), ("ffprobe", &tools.ffprobe)] {
        if find(given.as_deref(), name, &tools.path).is_none() {
            let found =
                given.as_ref().map_or("not on PATH".into(), |path| format!("no file {}", path.display()));
            return vec![Check::bad(name, State::Missing, found, mend)];
        }
    }
    let (program, prober) = (tools.ffmpeg.clone(), tools.ffprobe.clone());
    let located =
        tokio::task::spawn_blocking(move || Ffmpeg::locate(program.as_deref(), prober.as_deref())).await;
    let located = match located {
        Ok(Ok(located)) => located,
        Ok(Err(error)) => {
            let state = refused(tools).await;
            return vec![Check::bad("ffmpeg", state, error.to_string(), mend)];
        }
        Err(error) => return vec![Check::bad("ffmpeg", State::Broken, error.to_string(), mend)],
    };
    let version =
        Check::ok("ffmpeg", format!("{} at {}", located.version(), located.ffmpeg_path().display()));
    let video = ["-f", "lavfi", "-i", "testsrc2=size=128x128:rate=30", "-frames:v", "5", "-c:v", "libx264"];
    let audio = ["-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "0.2", "-c:a", "aac"];
    let (video, audio) = tokio::join!(
        encodes(&located, "H.264 encoder (libx264)", &video, &mend),
        encodes(&located, "AAC encoder", &audio, &mend)
    );
    vec![version, video, audio]
}

/// What is wrong with programs that are there and were refused: those that state their version can only
/// be too old.
async fn refused(tools: &Tools) -> State {
    for (name, given) in [("ffmpeg", &tools.ffmpeg), ("ffprobe", &tools.ffprobe)] {
        let Some(program) = find(given.as_deref(), name, &tools.path) else { return State::Missing };
        let said = run(&program, &["-version"], PATIENCE).await.unwrap_or_default();
        let mut words = said.split_whitespace();
        if !matches!((words.next(), words.next()), (Some("ffmpeg" | "ffprobe"), Some("version"))) {
            return State::Broken;
        }
    }
    State::TooOld
}

/// Tries a few frames: an encoder that is listed may still not work.
async fn encodes(ffmpeg: &Ffmpeg, name: &str, args: &[&str], mend: &str) -> Check {
    let mut all = vec!["-nostdin", "-hide_banner", "-loglevel", "error"];
    all.extend(args);
    all.extend(["-f", "null", "-"]);
    match run(ffmpeg.ffmpeg_path(), &all, PATIENCE).await {
        Ok(_) => Check::ok(name, "encodes"),
        Err(error) => Check::bad(name, State::Broken, error, mend),
    }
}

/// espeak-ng is there and has every language that is asked of it; wanted only for voices of other languages.
pub(super) async fn espeak(tools: &Tools) -> Check {
    let mend = install("espeak-ng", "install espeak-ng with your package manager");
    let Some(program) = find(tools.espeak.as_deref(), "espeak-ng", &tools.path) else {
        let found = "not found; needed only for voices of other languages than English";
        return Check::bad("espeak-ng", State::Missing, found, mend).optional();
    };
    for language in reelsmith_inference::phonemes::ESPEAK_VOICES {
        if let Err(error) = run(&program, &["-q", "-v", language, "--ipa", "a"], PATIENCE).await {
            return Check::bad("espeak-ng", State::Broken, format!("{language}: {error}"), mend).optional();
        }
    }
    let version = run(&program, &["--version"], PATIENCE).await.unwrap_or_default();
    let version = version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let found = format!("{} at {}", version.unwrap_or("of an unknown version"), program.display());
    Check::ok("espeak-ng", found).optional()
}

/// The package clients, wanted only where the model hub cannot be reached.
pub(super) async fn clients(config: &Config) -> Vec<Check> {
    let tools = &config.tools;
    let pip = client("pip", tools.pip.as_deref(), &["pip", "pip3"], "python3-pip", tools).await;
    let npm = client("npm", tools.npm.as_deref(), &["npm"], "npm", tools).await;
    vec![pip, npm]
}

async fn client(name: &str, given: Option<&Path>, names: &[&str], package: &str, tools: &Tools) -> Check {
    let mend = install(package, &format!("install {name} with your package manager"));
    let Some(program) = names.iter().find_map(|name| find(given, name, &tools.path)) else {
        let found = "not found; needed only where the model hub cannot be reached";
        return Check::bad(name, State::Missing, found, mend).optional();
    };
    match run(&program, &["--version"], PATIENCE).await {
        Ok(version) => {
            let version = version.lines().next().unwrap_or_default();
            let short = version.split(" from ").next().unwrap_or(version);
            Check::ok(name, format!("{short} at {}", program.display())).optional()
        }
        Err(error) => Check::bad(name, State::Broken, error, mend).optional(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(dir: &Path) -> Tools {
        Tools { path: vec![dir.to_path_buf()], ..Tools::default() }
    }

    #[tokio::test]
    async fn an_empty_path_means_missing_with_the_line_that_mends_it() {
        let dir = tempfile::tempdir().expect("temp dir");
        let checks = ffmpeg(&tools(dir.path())).await;
        assert_eq!(checks.len(), 1);
        assert_eq!((checks[0].state, checks[0].blocks()), (State::Missing, true));
        assert!(checks[0].mend.as_deref().is_some_and(|mend| mend.contains("ffmpeg")));
    }

    #[tokio::test]
    async fn espeak_is_missed_without_standing_in_the_way_and_broken_where_it_lacks_a_language() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temp dir");
        let check = espeak(&tools(dir.path())).await;
        assert_eq!((check.state, check.blocks()), (State::Missing, false));
        assert!(check.mend.as_deref().is_some_and(|mend| mend.contains("espeak-ng")));
        let program = dir.path().join("espeak-ng");
        let says =
            "#!/bin/sh\n[ \"$3\" != hi ] || { echo no such voice >&2; exit 1; }\necho eSpeak NG: 1.51 Data\n";
        std::fs::write(&program, says).expect("script");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("mode");
        let check = espeak(&tools(dir.path())).await;
        assert_eq!((check.state, check.blocks()), (State::Broken, false));
        assert_eq!(check.found, "hi: no such voice");
    }

    #[tokio::test]
    async fn an_old_ffmpeg_is_told_apart_from_a_broken_one() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temp dir");
        for (says, expected) in [("ffmpeg version 4.4.2 x", State::TooOld), ("nonsense", State::Broken)] {
            let program = dir.path().join("ffmpeg");
            std::fs::write(&program, format!("#!/bin/sh\necho '{says}'\n")).expect("script");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("mode");
            let given = Tools { ffmpeg: Some(program.clone()), ffprobe: Some(program), ..Tools::default() };
            let checks = ffmpeg(&given).await;
            assert_eq!(checks[0].state, expected, "{:?}", checks[0]);
        }
    }
}
