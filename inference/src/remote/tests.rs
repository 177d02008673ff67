//! A server on the loopback interface that hangs, lies, breaks off and floods.

#![expect(clippy::disallowed_methods, reason = "a server that takes its time")]

use super::*;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::chat::Finish;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What the server does with a connection whose request it has read.
type Does = Arc<dyn Fn(usize, &mut TcpStream) + Send + Sync>;

struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `does` is given the number of each request, from 0.
    fn start(does: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, does): (_, Does) = (Arc::clone(&requests), Arc::new(does));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, does) = (Arc::clone(&log), Arc::clone(&does));
                std::thread::spawn(move || serve(stream, &log, &does));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>, does: &Does) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length:").and_then(|n| n.trim().parse::<usize>().ok())
            });
            if body.len() >= length.unwrap_or(0) {
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(text);
                    log.len() - 1
                };
                return does(number, &mut stream);
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

fn send(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}

fn status(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    send(
        stream,
        &format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"),
    );
}

/// The head of a stream of events that ends when the connection does.
const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn chunk(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":{text}}}}}]}}\n\n")
}

const END: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

fn hello(stream: &mut TcpStream) {
    send(stream, &format!("{STREAM}{}{}{END}", chunk("Hel"), chunk("lo 🐻")));
}

/// Little patience, so that tests are short.
fn impatient(server: &Server) -> RemoteConfig {
    RemoteConfig {
        read: Duration::from_millis(300),
        connect: Duration::from_millis(300),
        total: Duration::from_secs(5),
        backoff: Duration::from_millis(20),
        ..RemoteConfig::new(server.url.clone(), "m")
    }
}

fn ask(config: RemoteConfig) -> Result<ChatResponse> {
    Remote::new(config).unwrap().chat(&ChatRequest::new("Why?"), &NoControl)
}

/// The error of a server that does this to every request, which is one in bounded time.
fn failure(does: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> (InferenceError, usize) {
    let server = Server::start(does);
    let begun = Instant::now();
    let error = ask(impatient(&server)).expect_err("no answer");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    (error, server.requests().len())
}

#[test]
fn a_stream_is_an_answer_shown_in_pieces() {
    let server = Server::start(|_, stream| hello(stream));
    let shown = Mutex::new(Vec::new());
    struct Shown<'a>(&'a Mutex<Vec<String>>);
    impl Control for Shown<'_> {
        fn step(&self, _: Progress) -> Verdict {
            Verdict::Continue
        }
        fn text(&self, piece: &str) {
            self.0.lock().unwrap().push(piece.to_owned());
        }
    }
    let config = RemoteConfig { key: Some("secret".into()), ..impatient(&server) };
    let request = ChatRequest { seed: u64::MAX, max_tokens: Some(9), ..ChatRequest::new("Why?") };
    let answer = Remote::new(config).unwrap().chat(&request, &Shown(&shown)).unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("Hello 🐻", Finish::Stop));
    assert_eq!((answer.usage.prompt_tokens, answer.usage.answer_tokens), (7, 2));
    assert_eq!(answer.answered_by, "m at 127.0.0.1");
    assert_eq!(*shown.lock().unwrap(), ["Hel", "lo 🐻"]);
    let sent = server.requests().remove(0);
    assert!(
        sent.starts_with("POST /v1/chat/completions ") && sent.contains("authorization: Bearer secret"),
        "{sent}"
    );
    let body: serde_json::Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        (&body["model"], &body["stream"], &body["max_tokens"]),
        (&"m".into(), &true.into(), &9.into())
    );
    assert_eq!(body["seed"], i64::MAX);
}

#[test]
fn an_answer_in_one_piece_is_taken_too() {
    let server = Server::start(|_, stream| {
        let body =
            r#"{"choices":[{"message":{"role":"assistant","content":"Because."},"finish_reason":"length"}]}"#;
        status(stream, "200 OK", "content-type: application/json\r\n", body);
    });
    let answer = ask(impatient(&server)).unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("Because.", Finish::Length));
}

#[test]
fn what_may_pass_is_tried_again() {
    for first in ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"] {
        let server = Server::start(move |n, stream| match n {
            0 => status(stream, first, "", "later"),
            1 => drop(stream.shutdown(std::net::Shutdown::Both)),
            _ => hello(stream),
        });
        assert_eq!(ask(impatient(&server)).unwrap().text, "Hello 🐻");
        assert_eq!(server.requests().len(), 3);
    }
}

#[test]
fn a_server_says_when_to_come_back() {
    let server = Server::start(|n, stream| match n {
        0 => status(stream, "429 Too Many Requests", "retry-after: 1\r\n", ""),
        _ => hello(stream),
    });
    let begun = Instant::now();
    ask(impatient(&server)).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    let (error, asked) =
        failure(|_, stream| status(stream, "429 Too Many Requests", "retry-after: 3600\r\n", "full"));
    assert_eq!((error.kind(), asked), (ErrorKind::Unavailable, 1));
    assert!(error.to_string().contains("3600 s") && error.to_string().contains("full"), "{error}");
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for (line, kind) in [
        ("401 Unauthorized", ErrorKind::Denied),
        ("403 Forbidden", ErrorKind::Denied),
        ("400 Bad Request", ErrorKind::InvalidRequest),
        // The model is not there; another server, or this machine, may have it.
        ("404 Not Found", ErrorKind::Unavailable),
        ("302 Found", ErrorKind::Unavailable),
    ] {
        let (error, asked) = failure(move |_, stream| {
            status(
                stream,
                line,
                "location: http://127.0.0.1:1/\r\n",
                r#"{"error":{"message":"no such thing"}}"#,
            );
        });
        assert_eq!((error.kind(), asked), (kind, 1), "{error}");
        assert!(error.to_string().contains("no such thing"), "{error}");
    }
}

#[test]
fn a_server_that_hangs_is_given_up() {
    let hang = |_: usize, _: &mut TcpStream| std::thread::sleep(Duration::from_secs(20));
    let (error, asked) = failure(hang);
    assert_eq!((error.kind(), asked), (ErrorKind::Unavailable, 3));
    assert!(error.to_string().contains("silent"), "{error}");
    let (error, _) = failure(|_, stream| {
        send(stream, &format!("{STREAM}{}", chunk("Hel")));
        std::thread::sleep(Duration::from_secs(20));
    });
    assert!(error.to_string().contains("silent"), "{error}");
}

#[test]
fn half_a_stream_is_no_answer_and_is_not_asked_for_twice() {
    let (error, asked) = failure(|_, stream| send(stream, &format!("{STREAM}{}", chunk("Hel"))));
    assert_eq!((error.kind(), asked), (ErrorKind::Unavailable, 1));
    assert!(error.to_string().contains("middle of the answer"), "{error}");
    let (error, asked) = failure(|_, stream| {
        send(stream, &STREAM.replace("connection", "content-length: 90000\r\nconnection"));
        send(stream, &chunk("Hel"));
    });
    assert_eq!((error.kind(), asked), (ErrorKind::Unavailable, 1));
    let (error, _) = failure(|_, stream| {
        send(
            stream,
            &format!("{STREAM}{}data: {{\"error\":{{\"message\":\"out of memory\"}}}}\n\n", chunk("Hel")),
        );
    });
    assert!(error.to_string().contains("out of memory"), "{error}");
}

#[test]
fn rubbish_is_no_answer() {
    for rubbish in [
        "data: {\n\n",
        "data: <html>\n\n",
        "data: []\n\n",
        "data: {\"choices\":7}\n\n",
        "",
        "data: [DONE]\n\n",
    ] {
        let (error, asked) = failure(move |_, stream| send(stream, &format!("{STREAM}{rubbish}")));
        assert_eq!((error.kind(), asked), (ErrorKind::Unavailable, 3), "{rubbish:?}: {error}");
    }
    let (error, _) = failure(|_, stream| send(stream, "SSH-2.0-OpenSSH\r\n"));
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn a_flood_is_cut_off() {
    let flood = |head: &'static str, piece: String| {
        failure(move |_, stream| {
            send(stream, head);
            while stream.write_all(piece.as_bytes()).is_ok() {}
        })
    };
    let (error, _) = flood(STREAM, "x".repeat(1 << 16));
    assert!(error.to_string().contains("line without end"), "{error}");
    let (error, _) = flood(STREAM, chunk(&"x".repeat(1 << 16)));
    assert!(error.to_string().contains("bytes"), "{error}");
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    let (error, _) = flood(json, " ".repeat(1 << 16));
    assert!(error.to_string().contains("more than"), "{error}");
    let (error, _) = flood("HTTP/1.1 400 Bad\r\nconnection: close\r\n\r\n", "x".repeat(1 << 16));
    assert!(error.to_string().len() < 600, "{error}");
}

#[test]
fn a_server_that_fails_again_and_again_is_left_alone() {
    let server =
        Server::start(|n, stream| if n < 4 { status(stream, "500 Oh", "", "") } else { hello(stream) });
    let config =
        RemoteConfig { retries: 1, failures: 2, pause: Duration::from_millis(400), ..impatient(&server) };
    let mut remote = Remote::new(config).unwrap();
    let request = ChatRequest::new("Why?");
    for _ in 0..2 {
        assert_eq!(remote.chat(&request, &NoControl).unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(server.requests().len(), 4);
    let error = remote.chat(&request, &NoControl).unwrap_err();
    assert!(error.to_string().contains("left alone"), "{error}");
    assert_eq!(server.requests().len(), 4, "it was not asked");
    std::thread::sleep(Duration::from_millis(450));
    assert_eq!(remote.chat(&request, &NoControl).unwrap().text, "Hello 🐻");
}

#[test]
fn a_person_may_cancel_while_the_server_is_silent() {
    let server = Server::start(|_, _| std::thread::sleep(Duration::from_secs(20)));
    let config = RemoteConfig { read: Duration::from_secs(10), ..impatient(&server) };
    let begun = Instant::now();
    let control = move |_: Progress| match begun.elapsed() > Duration::from_millis(200) {
        true => Verdict::Cancel,
        false => Verdict::Continue,
    };
    let error = Remote::new(config).unwrap().chat(&ChatRequest::new("Why?"), &control).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_document_is_held_against_the_schema() {
    let schema = r#"{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}"#;
    let answered = |text: &'static str| {
        let server = Server::start(move |_, stream| send(stream, &format!("{STREAM}{}{END}", chunk(text))));
        let request = ChatRequest { schema: Some(schema.into()), ..ChatRequest::new("Why?") };
        Remote::new(impatient(&server)).unwrap().chat(&request, &NoControl)
    };
    assert_eq!(answered("{\"a\": 1}").unwrap().text, "{\"a\": 1}");
    for lie in ["{\"a\": \"1\"}", "{}", "Sure! {\"a\": 1}", "{\"a\": 1"] {
        assert_eq!(answered(lie).unwrap_err().kind(), ErrorKind::Unavailable, "{lie}");
    }
    let request = ChatRequest { schema: Some("{".into()), ..ChatRequest::new("Why?") };
    let remote =
        Remote::new(RemoteConfig::new("http://127.0.0.1:1", "m")).unwrap().chat(&request, &NoControl);
    assert_eq!(remote.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[test]
fn a_stop_string_that_the_server_ignores_still_ends_the_answer() {
    let server = Server::start(|_, stream| {
        send(stream, &format!("{STREAM}{}{}{}{END}", chunk("one E"), chunk("ND two"), chunk(" three")));
    });
    let request = ChatRequest { stop: vec!["END".into()], ..ChatRequest::new("Why?") };
    let answer = Remote::new(impatient(&server)).unwrap().chat(&request, &NoControl).unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("one ", Finish::Stop));
}

#[test]
fn nobody_is_there() {
    let error =
        ask(RemoteConfig { retries: 0, ..RemoteConfig::new("http://127.0.0.1:1/v1", "m") }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no connection"), "{error}");
    for url in ["", "localhost:1", "ftp://a", "http://"] {
        let refused = Remote::new(RemoteConfig::new(url, "m")).err().expect("it is refused");
        assert_eq!(refused.kind(), ErrorKind::InvalidRequest, "{url}");
    }
}

#[test]
fn several_are_asked_at_once() {
    let server = Server::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(200));
        hello(stream);
    });
    let request = ChatRequest::new("Why?");
    let asked: Vec<Asked<'_>> = (0..4).map(|_| Asked { request: &request, control: &NoControl }).collect();
    let begun = Instant::now();
    let answers = Remote::new(impatient(&server)).unwrap().chat_together(&asked);
    assert!(answers.iter().all(Result::is_ok) && answers.len() == 4);
    assert!(begun.elapsed() < Duration::from_millis(700), "{:?}", begun.elapsed());
}
