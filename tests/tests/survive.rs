//! What a person meets when things go wrong: a clear message that says what to do, a non-zero exit code, and nothing
//! half-made under a final name.

use reelsmith_tests::run::{Ended, make_short, run, run_with};
use reelsmith_tests::{cache, process};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const SCRIPT: &str = "---\ntitle: A test\nseed: 1\nmusic: none\n---\n\n## One\n\nThis is a short sentence.\n\n## Two\n\nAnd this is another one.\n";

/// A script, an output folder and a home of its own.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dir.path().join("script.md"), script).expect("written");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn make(&self) -> Command {
        make_short(&self.path("home"), &self.path("script.md"), &self.path("out"))
    }

    /// Names in the output folder, without the lock file.
    fn published(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("out")).into_iter().flatten().flatten();
        entries
            .filter_map(|e| e.file_name().into_string().ok())
            .filter(|name| name != ".reelsmith.lock")
            .collect()
    }

    /// Asserts that `ended` is a failure that says all of `says`, and that nothing was published.
    fn assert_refused(&self, ended: &Ended, says: &[&str]) {
        assert_ne!(ended.code(), 0, "{}", ended.stderr);
        for text in says {
            assert!(ended.stderr.contains(text), "the message should say {text:?}:\n{}", ended.stderr);
        }
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert_eq!(self.published(), Vec::<String>::new(), "nothing is published");
    }
}

#[test]
fn unknown_names_list_the_near_matches() {
    let desk = Desk::new(SCRIPT);
    desk.assert_refused(
        &run(desk.make().args(["--preset", "youtube_short"])),
        &["youtube_short", "youtube_shorts"],
    );
    desk.assert_refused(&run(desk.make().args(["--voice", "af_hart"])), &["af_hart", "af_heart"]);
    desk.assert_refused(&run(desk.make().args(["--music", "clam"])), &["`clam`", "`calm`"]);
    let pull = run(reelsmith_tests::command(&desk.path("home")).args(["models", "pull", "kokoro-82m-fp23"]));
    assert_ne!(pull.code(), 0);
    assert!(pull.stderr.contains("kokoro-82m-fp32"), "{}", pull.stderr);
}

#[test]
fn empty_and_overlong_scripts_are_refused() {
    let empty = Desk::new("");
    empty.assert_refused(&run(&mut empty.make()), &["script.md"]);
    let long = Desk::new(&format!("## One\n\n{}\n", "Many words make a very long film. ".repeat(200)));
    long.assert_refused(&run(&mut long.make()), &["60"]);
}

#[test]
fn a_wrong_line_is_named_by_line_and_column() {
    let desk = Desk::new("---\ntitle: A test\nvoise: af_heart\n---\n\n## One\n\nWords.\n");
    desk.assert_refused(&run(&mut desk.make()), &["script.md:3:1", "voise", "voice"]);
}

#[test]
fn a_missing_or_corrupt_picture_is_named() {
    let script = "## One\n\n![a picture](picture.png)\n\nThis is a short sentence.\n";
    let missing = Desk::new(script);
    missing.assert_refused(&run(&mut missing.make()), &["picture.png"]);
    let corrupt = Desk::new(script);
    std::fs::write(corrupt.path("picture.png"), b"\x89PNG\r\n\x1a\nnot really").expect("written");
    corrupt.assert_refused(&run(&mut corrupt.make()), &["picture.png"]);
}

#[test]
fn an_enormous_picture_is_refused_from_its_header() {
    let desk = Desk::new("## One\n\n![a picture](picture.png)\n\nThis is a short sentence.\n");
    std::fs::write(desk.path("picture.png"), png_header(60_000, 60_000)).expect("written");
    let ended = run(&mut desk.make());
    desk.assert_refused(&ended, &["picture.png", "60000"]);
    assert!(ended.peak_bytes < 300_000_000, "{} bytes for a header", ended.peak_bytes);
}

/// A PNG that announces `width` x `height` RGB pixels and has none of them (PNG specification, sections 5.2 and 11.2.1).
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut ihdr = b"IHDR".to_vec();
    ihdr.extend(width.to_be_bytes());
    ihdr.extend(height.to_be_bytes());
    ihdr.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(13u32.to_be_bytes());
    png.extend(&ihdr);
    png.extend(crc32(&ihdr).to_be_bytes());
    png.extend([0, 0, 0, 0]);
    png.extend(b"IDAT");
    png.extend(crc32(b"IDAT").to_be_bytes());
    png
}

/// CRC-32 as PNG uses it (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn without_ffmpeg_the_message_says_how_to_get_it() {
    let desk = Desk::new(SCRIPT);
    desk.assert_refused(&run(desk.make().env("PATH", desk.path("nowhere"))), &["ffmpeg", "install"]);
}

#[test]
fn ffmpeg_killed_half_way_publishes_nothing_and_the_next_run_finishes() {
    let desk = Desk::new(SCRIPT);
    let mut killed = 0;
    // Every ffmpeg that encodes is killed, whatever it encodes, until the run gives up.
    let ended = run_with(&mut desk.make(), |pid| {
        if let Some(ffmpeg) = encoding(pid, &["-c:a", "-c:v"]) {
            process::signal(ffmpeg, "KILL");
            killed += 1;
        }
    });
    assert!(killed > 0, "ffmpeg was never seen");
    desk.assert_refused(&ended, &["ffmpeg"]);
    let again = run(&mut desk.make());
    assert_eq!(again.code(), 0, "{}", again.stderr);
    assert_eq!(desk.published().len(), 5);
}

/// The ffmpeg of `pid` that was started with one of these arguments; it is also asked for its version.
fn encoding(pid: u32, arguments: &[&str]) -> Option<u32> {
    let ffmpeg = process::descendant(pid, "ffmpeg")?;
    let line = std::fs::read_to_string(format!("/proc/{ffmpeg}/cmdline")).ok()?;
    line.split('\0').any(|argument| arguments.contains(&argument)).then_some(ffmpeg)
}

#[test]
fn ctrl_c_cancels_cleanly_and_the_same_command_resumes() {
    let desk = Desk::new(SCRIPT);
    let mut interrupted = false;
    let ended = run_with(&mut desk.make(), |pid| {
        if !interrupted && encoding(pid, &["libx264"]).is_some() {
            process::signal(pid, "INT");
            interrupted = true;
        }
    });
    assert!(interrupted, "ffmpeg was never seen");
    assert_eq!(ended.code(), 130, "{}", ended.stderr);
    desk.assert_refused(&ended, &["again"]);
    let again = run(&mut desk.make());
    assert_eq!(again.code(), 0, "{}", again.stderr);
    assert_eq!(desk.published().len(), 5);
}

#[test]
fn two_runs_on_one_output_folder_do_not_mix() {
    let desk = Desk::new(SCRIPT);
    let mut second = None;
    let first = run_with(&mut desk.make(), |_| {
        if second.is_none() && desk.path("out/.reelsmith.lock").exists() {
            let home = desk.path("another home");
            second = Some(run(&mut make_short(&home, &desk.path("script.md"), &desk.path("out"))));
        }
    });
    let second = second.expect("the first run claims its folder");
    assert_ne!(second.code(), 0);
    assert!(second.stderr.contains("another run"), "{}", second.stderr);
    assert_eq!(first.code(), 0, "{}", first.stderr);
    assert_eq!(desk.published().len(), 5);
}

#[test]
fn a_model_file_with_one_byte_changed_is_refused() {
    let desk = Desk::new(SCRIPT);
    let models = copy_of_models(&desk.path("models"));
    let model = models.join("kokoro-82m-fp32/kokoro.onnx");
    let mut bytes = std::fs::read(&model).expect("the voice's model is here: run `make setup-test`");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&model, bytes).expect("written");
    let ended = run(desk.make().arg("--models-dir").arg(&models));
    desk.assert_refused(&ended, &["kokoro", "sha256", "models pull"]);
}

/// The models of this machine, copied, so that a test may spoil them.
fn copy_of_models(to: &Path) -> PathBuf {
    let from = cache().join("models");
    let status =
        Command::new("cp").args(["--recursive", "--preserve=timestamps"]).arg(&from).arg(to).status();
    assert!(status.expect("cp runs").success(), "{} is missing: run `make setup-test`", from.display());
    to.to_path_buf()
}

#[test]
fn without_models_and_network_the_message_names_the_command() {
    let desk = Desk::new(SCRIPT);
    let ended = run(desk.make().arg("--models-dir").arg(desk.path("no models")));
    desk.assert_refused(&ended, &["models pull"]);
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing() {
    let desk = Desk::new(SCRIPT);
    let home = desk.path("home");
    std::fs::create_dir_all(&home).expect("made");
    let ended = run(&mut on_a_small_disk(&desk.make(), &home));
    assert!(
        ended.stderr.contains(MOUNTED),
        "no small disk could be mounted, which takes root or user namespaces: {}",
        ended.stderr
    );
    // What failed, where, and what to do, in our words and not in those of `mount`.
    let said = ended.stderr.split_once(MOUNTED).expect("found above").1;
    let place = home.to_str().expect("UTF-8");
    assert!(said.contains("could not ") && said.contains(place), "{said}");
    desk.assert_refused(
        &ended,
        &["No space left on device", "free some space and run the same command again"],
    );
}

/// Printed once the small disk is there.
const MOUNTED: &str = "the small disk is mounted";

/// The same command with a file system of 3 MB at `home`, in a mount namespace of its own: room for the rows, not
/// for the film. Whoever may not mount is made root of a user namespace first.
fn on_a_small_disk(make: &Command, home: &Path) -> Command {
    let inside = format!(
        r#"mount -t tmpfs -o size=3m tmpfs "{}" && echo "{MOUNTED}" >&2 && exec "$0" "$@""#,
        home.display()
    );
    let alone =
        |unshare: &mut Command| unshare.arg("true").output().is_ok_and(|tried| tried.status.success());
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !alone(Command::new("unshare").arg("--mount")) {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", &inside]).arg(make.get_program()).args(make.get_args());
    command.current_dir(make.get_current_dir().expect("set"));
    command.envs(make.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}
