//! What scripts of episodes mean, line by line.

use reelsmith_pipelines::dialogue::Turn;
use reelsmith_pipelines::script::parse_episode;
use std::time::{Duration, Instant};

fn turns(script: &str) -> Vec<Turn> {
    parse_episode(script, "episode.md").unwrap_or_else(|error| panic!("{error}")).script.turns
}

fn refused(script: &str) -> String {
    parse_episode(script, "episode.md").expect_err(script).to_string()
}

#[test]
fn a_chapter_pauses_once_and_another_speed_within_a_line_not_at_all() {
    let script = "Ada: One.\n# Two\nAda: [speed 1.2] Two. [speed 1] Three. [pause 0.7s] Four.\nBen: Five.\n# Six\n\
                  [pause 3s]\nAda: Six.\nBen: Seven.\n";
    let pauses: Vec<f64> = turns(script).iter().map(|turn| turn.pause).collect();
    assert_eq!(pauses, [0.0, 1.8, 0.0, 0.7, 0.35, 3.0, 0.35]);
}

#[test]
fn notes_and_addresses_are_not_spoken() {
    let script = "Ada: It is so.[^1] See [the paper][p].\n[^1]: A. Author, 1999.\n[p]: http://example.com/paper\n\
                  Ben: [pause 1s] Yes.\n";
    let said: Vec<String> = turns(script).into_iter().map(|turn| turn.text).collect();
    assert_eq!(said, ["It is so. See the paper.", "Yes."]);
}

#[test]
fn whoever_has_a_voice_may_be_called_anything() {
    let head = "---\nvoices: { Dr. Jones: hum, \"Mary, the cook\": hum, Agent 7: hum }\n---\n";
    let script = format!("{head}Dr. Jones: Hello.\nMary, the cook: Yes?\nAgent 7:7 of us.\n");
    let said: Vec<(String, String)> =
        turns(&script).into_iter().map(|turn| (turn.speaker, turn.text)).collect();
    let pair = |speaker: &str, text: &str| (speaker.to_owned(), text.to_owned());
    let expected = [pair("Dr. Jones", "Hello."), pair("Mary, the cook", "Yes?"), pair("Agent 7", "7 of us.")];
    assert_eq!(said, expected);
    for name in ["\"a: b\"", "\"\"", &"n".repeat(41)] {
        let error = refused(&format!("---\nvoices: {{ {name}: hum }}\n---\nAda: Hi.\n"));
        assert!(error.contains("this is no speaker's name"), "{error}");
    }
}

#[test]
fn a_colon_with_a_backslash_ends_no_name() {
    let turns = turns("Ada: There is this.\nNote\\: it rained.\nBen: Ratio 1\\:2.\n");
    let said: Vec<(&str, &str)> = turns.iter().map(|t| (t.speaker.as_str(), t.text.as_str())).collect();
    assert_eq!(said, [("Ada", "There is this. Note: it rained."), ("Ben", "Ratio 1:2.")]);
}

#[test]
fn a_pause_that_nobody_would_hear_is_an_error_where_it_stands() {
    let error = refused("Ada: Hello.\n\n[pause 5s]\n");
    assert!(error.starts_with("episode.md:3:1: nobody says anything after this pause"), "{error}");
    let error = refused("Ada: Hello. [pause 60s]\n[pause 60s]\nAda: Bye.\n");
    assert!(error.starts_with("episode.md:2:1: ") && error.contains("add up to 120 s"), "{error}");
}

#[test]
fn settings_are_read_in_a_moment_and_have_a_limit() {
    let keys = |count: usize| (0..count).map(|n| format!("  n{n}: h\n")).collect::<String>();
    let script = |count: usize| format!("---\nvoices:\n{}---\nn0: Hi.\n", keys(count));
    let start = Instant::now();
    assert_eq!(parse_episode(&script(5000), "episode.md").unwrap().script.voices.len(), 5000);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let error = refused(&script(10_000));
    assert!(error.starts_with("episode.md:1:1: the front matter that starts here is too long"), "{error}");
}
