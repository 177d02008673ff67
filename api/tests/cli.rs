//! The built binary as a person meets it: messages, exit codes, and nothing left behind. None of these
//! needs a model.

use reelsmith_api::publish::OutputFolder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A home of its own: no models, no settings of the user.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("temp dir") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("file");
        self.path(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reelsmith"));
        for (name, _) in std::env::vars_os() {
            let ours = name.to_string_lossy().starts_with("REELSMITH_");
            if ours
                || ["HF_ENDPOINT", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"]
                    .iter()
                    .any(|n| name == *n)
            {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.dir.path()).current_dir(self.dir.path()).stdin(Stdio::null()).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args).output().expect("starts"))
    }
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ended = Self {
            code: output.status.code().expect("ended by itself"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }

    fn refused(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{}", self.stderr);
        for text in says {
            assert!(self.stderr.contains(text), "{text:?} is not in\n{}", self.stderr);
        }
    }

    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("one JSON value")
    }
}

const SCRIPT: &str = "---\ntitle: A test\n---\n\n## One\n\nThis is a sentence.\n";

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn wrong_command_lines_and_settings_end_with_2() {
    let home = Home::new();
    home.run(&["make", "shirt", "a.md"]).refused(2, &["shirt", "short"]);
    let file = home.write("config.toml", "[devise]\nthreads = 2\n");
    let file = file.to_str().expect("UTF-8");
    home.run(&["--config", file, "models", "list"])
        .refused(2, &["devise.threads", "did you mean `device.threads`"]);
    home.run(&["--config", "none.toml", "models", "list"]).refused(2, &["none.toml"]);
    let output =
        home.command(&["models", "list"]).env("REELSMITH_JOBS_SLOTS", "99").output().expect("starts");
    Ended::of(output).refused(2, &["jobs.slots", "REELSMITH_JOBS_SLOTS", "1 to 16"]);
}

#[test]
fn lists_come_as_tables_and_as_json() {
    let home = Home::new();
    let models = home.run(&["models", "list", "--json"]).json();
    let models = models.as_array().expect("a list");
    let kokoro = models.iter().find(|model| model["id"] == "kokoro-82m-fp32").expect("the voice model");
    assert_eq!(kokoro["state"], "absent");
    assert_eq!(kokoro["licence"]["spdx"], "Apache-2.0");
    assert_eq!(kokoro["bytes"], 325_532_232);
    let table = home.run(&["models", "list"]);
    assert!(table.stdout.lines().count() == models.len() + 1, "{}", table.stdout);
    let voices = home.run(&["voices", "list", "--json"]).json();
    assert_eq!(voices.as_array().map(Vec::len), Some(54));
    let presets = home.run(&["presets", "list", "--json"]).json();
    let named: Vec<&str> =
        presets.as_array().expect("a list").iter().filter_map(|p| p["name"].as_str()).collect();
    assert!(named.contains(&"youtube_shorts") && named.contains(&"tiktok"), "{named:?}");
    assert!(!home.path(".local").exists(), "a list writes nothing");
}

#[test]
fn a_preset_of_the_users_own_is_a_file() {
    let home = Home::new();
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../presets/tiktok.toml");
    let own =
        std::fs::read_to_string(built_in).expect("readable").replace("name = \"tiktok\"", "name = \"reels\"");
    std::fs::create_dir_all(home.path("data/presets")).expect("folder");
    home.write("data/presets/reels.toml", &own);
    let presets = home.run(&["--data-dir", "data", "presets", "list", "--json"]).json();
    let named: Vec<&str> =
        presets.as_array().expect("a list").iter().filter_map(|p| p["name"].as_str()).collect();
    assert!(named.contains(&"reels") && named.contains(&"tiktok"), "{named:?}");
    home.write("data/presets/reels.toml", "name = 3");
    home.run(&["--data-dir", "data", "presets", "list"]).refused(2, &["reels.toml"]);
}

#[test]
fn unknown_names_are_told_with_the_near_ones() {
    let home = Home::new();
    home.write("a.md", SCRIPT);
    home.run(&["models", "pull", "kokoro-82m-fp23"])
        .refused(2, &["kokoro-82m-fp23", "did you mean `kokoro-82m-fp32`"]);
    home.run(&["models", "verify", "kokoro"]).refused(2, &["did you mean", "kokoro-82m-fp16"]);
    home.run(&["models", "rm", "onnx", "--yes"]).refused(2, &["did you mean `onnxruntime`"]);
    home.run(&["make", "short", "a.md", "--preset", "youtube_short"]).refused(2, &["youtube_shorts"]);
    home.run(&["make", "short", "a.md", "--voice", "af_hart"]).refused(2, &["af_hart", "af_heart"]);
    let output = home
        .command(&["voices", "list"])
        .env("REELSMITH_VOICE_MODEL", "kokoro-voices")
        .output()
        .expect("starts");
    Ended::of(output).refused(2, &["voice_model", "kokoro-82m-fp32"]);
}

#[test]
fn a_wrong_script_is_shown_with_a_caret() {
    let home = Home::new();
    home.write("a.md", "---\ntitle: A test\nvoise: af_heart\n---\n\n## One\n\nWords.\n");
    let ended = home.run(&["make", "short", "a.md"]);
    ended.refused(2, &["a.md:3:1", "voise", "^^^^^", "voice"]);
    home.write("b.md", "---\ntitle: A test\nvoice: af_hart\n---\n\n## One\n\nWords.\n");
    home.run(&["make", "short", "b.md"]).refused(2, &["b.md:3:8", "af_heart", "^"]);
    home.run(&["make", "short", "none.md"]).refused(2, &["none.md"]);
    assert!(!home.path("out").exists(), "a refused script creates no folder");
}

#[test]
fn without_network_the_message_names_what_to_fetch() {
    let home = Home::new();
    home.write("a.md", SCRIPT);
    let ended = home.run(&["--offline", "make", "short", "a.md", "--out", "out", "--json"]);
    ended.refused(1, &["reelsmith models pull"]);
    let last: Value = serde_json::from_str(ended.stdout.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["kind"], &last["exit_code"]), (&"error".into(), &1.into()));
    assert_eq!(names(&home.path("out")), Vec::<String>::new());
}

#[test]
fn a_folder_that_another_run_has_is_left_alone() {
    let home = Home::new();
    home.write("a.md", SCRIPT);
    let _held = OutputFolder::claim(&home.path("out")).expect("free");
    home.run(&["make", "short", "a.md", "--out", "out"])
        .refused(1, &["another run is writing into out", "--out"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let home = Home::new();
    home.write("a.md", SCRIPT);
    home.write("file", "");
    home.run(&["make", "short", "a.md", "--out", "file/out"]).refused(1, &["file/out"]);
}

#[test]
fn without_ffmpeg_the_message_says_how_to_get_it() {
    let home = Home::new();
    home.write("a.md", SCRIPT);
    let output =
        home.command(&["make", "short", "a.md"]).env("PATH", home.path("empty")).output().expect("starts");
    Ended::of(output).refused(1, &["ffmpeg", "install"]);
}

#[test]
fn removing_asks_and_refuses_where_nobody_can_answer() {
    let home = Home::new();
    home.run(&["models", "rm", "onnxruntime"]).refused(2, &["--yes"]);
    let ended = home.run(&["models", "rm", "onnxruntime", "--yes"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("needed by"), "{}", ended.stderr);
}

#[test]
fn non_commercial_models_are_refused_by_name_where_that_is_demanded() {
    let home = Home::new();
    let entry = "id = \"hoarse\"\nkind = \"voices\"\ntitle = \"A voice\"\nfamily = \"hoarse\"\n\n[licence]\n\
                 spdx = \"CC-BY-NC-4.0\"\ncommercial = false\nnote = \"none\"\n\n[[files]]\npath = \"a.bin\"\nbytes = 1\n\
                 sha256 = \"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d\"\n\
                 sources = [{ npm = [\"nothing@1.0.0#a.bin\"] }]\n";
    std::fs::create_dir_all(home.path("data/catalogue")).expect("folder");
    home.write("data/catalogue/hoarse.toml", entry);
    let args = ["--data-dir", "data", "models", "pull", "hoarse"];
    let output = home.command(&args).env("REELSMITH_COMMERCIAL_USE", "true").output().expect("starts");
    Ended::of(output).refused(2, &["hoarse (CC-BY-NC-4.0)"]);
}

#[test]
fn doctor_names_each_fault_and_its_mend() {
    let home = Home::new();
    let output =
        home.command(&["doctor", "--json"]).env("PATH", home.path("empty")).output().expect("starts");
    let ended = Ended::of(output);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(report["ok"], false);
    let checks = report["checks"].as_array().expect("checks");
    let check = |name: &str| {
        checks.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("{name}: {checks:?}"))
    };
    assert_eq!(check("ffmpeg")["state"], "missing");
    assert!(check("ffmpeg")["mend"].as_str().is_some_and(|mend| mend.contains("ffmpeg")));
    assert_eq!(check("model kokoro-82m-fp32")["mend"], "reelsmith models pull kokoro-82m-fp32");
    assert_eq!((&check("npm")["state"], &check("npm")["needed"]), (&"missing".into(), &false.into()));
    assert_eq!(check("data directory")["state"], "ok");
    assert_eq!(names(home.dir.path()), Vec::<String>::new(), "looking leaves nothing behind");
}

#[test]
fn doctor_looks_at_the_models_of_pictures_that_are_set() {
    let home = Home::new();
    let checks = |image_model: Option<&str>| -> Vec<Value> {
        let mut command = home.command(&["doctor", "--json"]);
        image_model.into_iter().for_each(|model| {
            command.env("REELSMITH_IMAGE_MODEL", model).env("REELSMITH_DEVICE_MEMORY", "8GiB");
        });
        let ended = Ended::of(command.output().expect("starts"));
        let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        report["checks"].as_array().expect("checks").clone()
    };
    let named = |checks: &[Value], name: &str| {
        let found = checks.iter().find(|check| check["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {checks:?}")).clone()
    };
    let says = |check: &Value, field: &str, text: &str| {
        assert!(check[field].as_str().is_some_and(|found| found.contains(text)), "{text:?}: {check}");
    };
    says(&named(&checks(None), "image_model"), "found", "not set");

    let set = checks(Some("sdxl-base-1.0"));
    let model = named(&set, "model sdxl-base-1.0");
    assert_eq!((&model["state"], &model["needed"]), (&"missing".into(), &false.into()));
    assert_eq!(model["mend"], "reelsmith models pull sdxl-base-1.0");
    assert_eq!(named(&set, "model clip-vocabulary")["state"], "missing");
    let room = named(&set, "image_model sdxl-base-1.0");
    assert_eq!(room["state"], "broken", "{room}");
    says(&room, "found", "and models may take 7GiB");
    says(&room, "mend", "device.memory");

    std::fs::write(home.path("cut.safetensors"), [200, 0, 0, 0, 0, 0, 0, 0, b'{']).expect("written");
    let own = home.path("cut.safetensors");
    let damaged = named(&checks(own.to_str()), "image_model cut");
    assert_eq!((&damaged["state"], &damaged["needed"]), (&"broken".into(), &false.into()));
    says(&damaged, "found", "cut.safetensors");
    let unknown = named(&checks(Some("sdxl-bass-1.0")), "image_model");
    says(&unknown, "found", "did you mean `sdxl-base-1.0`");
}

#[test]
fn ffmpeg_of_this_machine_encodes() {
    let home = Home::new();
    let ended = home.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks");
    for name in ["ffmpeg", "H.264 encoder (libx264)", "AAC encoder"] {
        let check = checks.iter().find(|check| check["name"] == name).expect(name);
        assert_eq!(check["state"], "ok", "{check}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    let mut child = home.command(&["voices", "list"]).stdout(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn the_first_ctrl_c_ends_a_look_at_programs_that_hang() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let begun = home.path("begun");
    assert!(Command::new("mkfifo").arg(&begun).status().expect("mkfifo runs").success());
    std::fs::create_dir(home.path("bin")).expect("folder");
    let hanging = format!("#!/bin/sh\necho begun > '{}'\nexec sleep 60\n", begun.display());
    for name in ["bin/ffmpeg", "bin/ffprobe"] {
        let program = home.write(name, &hanging);
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).expect("mode");
    }
    home.write("a.md", SCRIPT);
    let path = format!("{}:/usr/bin:/bin", home.path("bin").display());
    for args in [&["doctor"][..], &["make", "short", "a.md"]] {
        let mut child = home
            .command(args)
            .env("PATH", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        // Ends when the program writes into the pipe.
        let looked = Command::new("timeout").args(["60", "cat"]).arg(&begun).status().expect("cat runs");
        assert!(looked.success(), "{args:?} never looked for ffmpeg");
        let sent = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().expect("kill runs");
        assert!(sent.success());
        let asked = std::time::Instant::now();
        assert_eq!(child.wait().expect("ends").code(), Some(130), "{args:?}");
        assert!(asked.elapsed().as_secs() < 30, "{args:?} waited for the program");
    }
}
