//! `reelsmith chat` of the built binary, with the small model and a server of one answer.

#[expect(dead_code, reason = "some of it is for other tests")]
mod desk;

use desk::Desk;
use std::io::{Read, Write};
use std::net::TcpListener;

const MODEL: &str = "smollm2-135m-instruct";

/// A server that answers every request with `body`, in a thread that lasts as long as the test; its address.
fn server(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/v1", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = vec![0; 1 << 16];
            let _ = stream.read(&mut asked);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    address
}

const ANSWER: &str = r#"{"choices":[{"message":{"content":"From afar."},"finish_reason":"stop"}]}"#;

/// A file of settings with a server.
fn settings(desk: &Desk, url: &str, more: &str) {
    let text = format!("[chat]\nurl = \"{url}\"\nremote_model = \"far\"\nretries = 0\n{more}\n");
    std::fs::write(desk.path("settings.toml"), text).expect("written");
}

#[test]
fn the_model_of_this_machine_answers_the_same_for_the_same_seed() {
    let desk = Desk::new();
    let ask = ["chat", "Name a colour.", "--model", MODEL, "--max-tokens", "12", "--seed", "3"];
    let first = desk.run(&ask);
    first.done();
    assert!(!first.stdout.trim().is_empty() && first.stderr.contains(MODEL), "{}", first.stderr);
    assert_eq!(desk.run(&ask).stdout, first.stdout);
    let told = desk.run(&[&ask[..], &["--json"]].concat()).finished();
    assert_eq!(told["text"].as_str().map(str::trim), Some(first.stdout.trim()));
    assert_eq!(told["answered_by"], MODEL);
}

#[test]
fn an_answer_under_a_schema_is_a_document() {
    let desk = Desk::new();
    let schema =
        r#"{"type": "object", "properties": {"colour": {"enum": ["red", "green"]}}, "required": ["colour"]}"#;
    std::fs::write(desk.path("schema.json"), schema).expect("written");
    let asked = desk.run(&["chat", "A colour.", "--model", MODEL, "--json-schema", "schema.json"]);
    asked.done();
    let document: serde_json::Value = serde_json::from_str(&asked.stdout).expect("JSON");
    assert!(["red", "green"].contains(&document["colour"].as_str().expect("a colour")));
}

#[test]
fn the_order_of_the_settings_decides_and_falls_back() {
    let desk = Desk::new();
    settings(&desk, &server("200 OK", ANSWER), "order = \"remote\"");
    let far = ["--config", "settings.toml", "chat", "Where are you?"];
    let answer = desk.run_with_settings(&far);
    answer.done();
    assert_eq!(answer.stdout.trim(), "From afar.");
    assert!(answer.stderr.contains("far at 127.0.0.1"), "{}", answer.stderr);

    // A server that fails leaves it to the model of this machine.
    settings(&desk, &server("503 Busy", "{}"), &format!("model = \"{MODEL}\"\norder = \"remote-first\""));
    let near = desk.run_with_settings(&[&far[..], &["--max-tokens", "8"]].concat());
    near.done();
    assert!(near.stderr.contains(&format!("{MODEL}:")), "{}", near.stderr);

    // A model that is not there leaves it to the server.
    let absent = "model = \"qwen2.5-7b-instruct\"\norder = \"local-first\"";
    settings(&desk, &server("200 OK", ANSWER), absent);
    let other = desk.run_with_settings(&far);
    other.done();
    assert_eq!(other.stdout.trim(), "From afar.");
    assert!(other.stderr.contains("not on this machine"), "{}", other.stderr);
}

#[test]
fn wrong_input_is_refused_with_what_to_do() {
    let desk = Desk::new();
    desk.run(&["chat", "x", "--model", "kokoro-82m-fp32"]).refused(2, "is no model for chat");
    desk.run(&["chat", " ", "--model", MODEL]).refused(2, "the last message is empty");
    desk.run(&["chat", "x", "--model", MODEL, "--json-schema", "none.json"]).refused(1, "none.json");
    std::fs::write(desk.path("never.json"), r#"{"type": "string", "minLength": 5, "maxLength": 2}"#)
        .expect("written");
    desk.run(&["chat", "x", "--model", MODEL, "--json-schema", "never.json"]).refused(2, "schema");
    std::fs::write(desk.path("lies.gguf"), b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f")
        .expect("written");
    desk.run(&["chat", "x", "--model", "lies.gguf"]).refused(1, "lies.gguf");
    settings(&desk, "http://user:secret@127.0.0.1:1/v1", "order = \"remote\"");
    let told = desk.run_with_settings(&["--config", "settings.toml", "chat", "x"]);
    told.refused(2, "chat.key");
    assert!(!told.stderr.contains("secret"), "{}", told.stderr);
}
