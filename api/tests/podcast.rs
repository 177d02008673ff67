//! `reelsmith make podcast` of the built binary: what is wrong is told with exit code 2 before anything is opened.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[expect(clippy::disallowed_methods, reason = "tests find the shared model cache as the product does")]
fn run(folder: &Path, args: &[&str]) -> Output {
    let cache = std::env::var("XDG_CACHE_HOME").ok().filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| std::env::home_dir().expect("a home directory").join(".cache"));
    Command::new(env!("CARGO_BIN_EXE_reelsmith"))
        .args(["--offline", "--config", "/dev/null", "--models-dir"])
        .arg(cache.join("reelsmith/models"))
        .args(["make", "podcast"])
        .args(args)
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("it starts")
}

#[test]
fn what_is_wrong_is_told_before_anything_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).expect("written");
    write("talk.md", b"---\nvoices: { Ada: bf_emma }\n---\nAda: Hello.\nBen: Hello.\n");
    write("alone.md", b"af_heart: Hello.\n");
    write("hello.txt", b"af_heart: Hello.\n");
    write("latin.md", b"Ada: caf\xe9\n");
    write("empty.md", b"# One\n");
    write("long.md", "Ada: word\n".repeat(110_000).as_bytes());
    for (args, says) in [
        (&["none.md"][..], "could not read the script none.md"),
        (&["latin.md"], "latin.md:1: this is not UTF-8"),
        (&["empty.md"], "empty.md:1:1: nobody says anything"),
        (&["long.md"], "at most 1048576 bytes"),
        (&["talk.md"], "talk.md:5:1: Ben has no voice"),
        (&["talk.md", "--voice", "Ben=am_adm"], "there is no voice `am_adm`; did you mean `am_adam`"),
        (&["talk.md", "--voice", "Eve=am_adam"], "nobody is called `Eve`"),
        (&["talk.md", "--voice", "am_adam"], "SPEAKER=VOICE"),
        (&["alone.md", "--speed", "9"], "0.5 to 2"),
        (&["alone.md", "--seed", "x"], "invalid value"),
    ] {
        let output = run(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {says:?} is not in {said}");
        assert!(!folder.path().join("out").exists(), "{args:?} leaves nothing");
    }
    for (args, says) in [
        (&["alone.md", "--bed", "clam"][..], "unknown mood `clam`"),
        (&["alone.md", "--intro", "none.mp3"], "cannot be read"),
        (&["alone.md", "--cover", "none.png"], "cannot be read"),
        (&["alone.md", "--outro", "talk.md"], "music.outro: `"),
        (&["hello.txt", "--out", "."], "hello.txt is what the job is made of"),
    ] {
        let output = run(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {says:?} is not in {said}");
    }
}
