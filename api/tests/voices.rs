//! `reelsmith voices` of the built binary: a voice made of a sample that Kokoro spoke, by a small random XTTS-v2.

#[expect(dead_code, reason = "some of it is for other tests")]
mod desk;

use desk::{Desk, small};
use serde_json::Value;

const SAID: &str =
    "The ship left the harbor at dawn, and it carried three hundred letters to the other shore.";
const CONSENT: [&str; 6] = [
    "--by",
    "the speaker",
    "--on",
    "2026-11-21",
    "--statement",
    "I agree that my voice is cloned for this test.",
];

/// A desk with a sample of speech and a model that clones.
fn prepared() -> Desk {
    let desk = Desk::new();
    small::xtts(&desk.path("xtts"));
    desk.run(&["speak", SAID, "--out", "sample.wav"]).done();
    desk
}

fn clone(desk: &Desk, name: &str, sample: &str, model: &str) -> desk::Ended {
    let args = [&["voices", "clone", name, sample, "--model", model][..], &CONSENT].concat();
    desk.run(&args)
}

fn listed(desk: &Desk) -> Vec<Value> {
    let list = desk.run(&["voices", "list", "--json"]);
    list.done();
    serde_json::from_str(&list.stdout).expect("JSON")
}

#[test]
fn a_voice_is_cloned_listed_spoken_with_and_forgotten() {
    let desk = prepared();
    let cloned = clone(&desk, "ada", "sample.wav", "xtts");
    cloned.done();
    assert!(cloned.stdout.contains("reelsmith speak --model xtts --voice ada"), "{}", cloned.stdout);

    let all = listed(&desk);
    let ada = all.iter().find(|voice| voice["name"] == "ada").expect("it is listed");
    assert_eq!((&ada["language"], &ada["consent"]["by"]), (&"en".into(), &"the speaker".into()));
    assert!(all.iter().any(|voice| voice["name"] == "af_heart"));

    desk.run(&["speak", "hello there", "--model", "xtts", "--voice", "ada", "--out", "hello.wav"]).done();
    let spoken = std::fs::read(desk.path("hello.wav")).expect("a file");
    assert!(spoken.starts_with(b"RIFF") && spoken.len() > 2000, "{} bytes", spoken.len());
    desk.run(&["speak", "hello there", "--model", "xtts", "--voice", "ada", "--out", "again.wav"]).done();
    assert_eq!(std::fs::read(desk.path("again.wav")).expect("a file"), spoken);

    clone(&desk, "ada", "sample.wav", "xtts").refused(2, "there is a voice `ada` already");
    desk.run(&["voices", "rm", "ada"]).done();
    assert!(listed(&desk).iter().all(|voice| voice["name"] != "ada"));
    desk.run(&["voices", "rm", "ada"]).refused(2, "there is no voice `ada`");
    let unknown = ["speak", "hello", "--model", "xtts", "--voice", "ada", "--out", "none.wav"];
    desk.run(&unknown).refused(2, "there is no voice `ada`");
    assert!(!desk.path("none.wav").exists());
}

#[test]
fn what_no_voice_can_be_made_of_is_refused_with_the_reason() {
    let desk = prepared();
    desk.run(&["voices", "clone", "ada", "sample.wav", "--model", "xtts"]).refused(2, "--statement");
    clone(&desk, "Ada!", "sample.wav", "xtts").refused(2, "the name `Ada!`");
    clone(&desk, "ada", "none.wav", "xtts").refused(2, "none.wav");
    clone(&desk, "ada", "xtts/config.json", "xtts").refused(1, "config.json");
    clone(&desk, "ada", "sample.wav", "kokoro-82m-fp32").refused(2, "makes no voices of samples");
    desk.run(&["speak", "Hello.", "--out", "short.wav"]).done();
    clone(&desk, "ada", "short.wav", "xtts").refused(2, "it takes 3 to 30");
    assert!(listed(&desk).iter().all(|voice| voice["name"] != "ada"));
}
