//! A hub on the loopback interface that answers each request as a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// First byte asked for, if the request had a range.
    pub(crate) from: Option<u64>,
}

/// What to answer.
pub(crate) enum Reply {
    /// The file, or the part asked for.
    File(Vec<u8>),
    /// The file, whatever part was asked for.
    Whole(Vec<u8>),
    /// As `File`, but the connection is closed after so many bytes of the body.
    Cut(Vec<u8>, usize),
    /// As `File`, but nothing comes after so many bytes of the body, and the connection stays open.
    Stuck(Vec<u8>, usize),
    /// As `File`, once the gate is opened.
    Gated(Vec<u8>, Arc<Notify>),
    /// A body under a length that is not its own.
    Declared(Vec<u8>, u64),
    /// A body without a length, ended by closing.
    Unmeasured(Vec<u8>),
    /// No answer at all.
    Silence,
    /// Only a status.
    Status(u16),
    /// Look elsewhere.
    Redirect(String),
}

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// `answer` is given each request for a file and how many there were before it.
    pub(crate) async fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &log, &*answer).await;
                });
            }
        });
        Self { endpoint: format!("http://{address}"), requests, task }
    }

    /// The requests for files so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic while held").clone()
    }
}

/// One request, one answer, then the connection is closed.
async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(&Request, usize) -> Reply + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "HEAD" {
        return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    }
    let range =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let from = range.and_then(|range| range.trim_end_matches('-').parse().ok());
    let request = Request { path: path.to_owned(), from };
    let before = {
        let mut log = log.lock().expect("no panic while held");
        log.push(request.clone());
        log.len() - 1
    };
    let reply = answer(&request, before);
    send(&mut stream, from, reply).await?;
    stream.shutdown().await
}

async fn send(stream: &mut TcpStream, from: Option<u64>, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::File(body) => {
            let part = head(stream, from, &body).await?;
            stream.write_all(part).await
        }
        Reply::Whole(body) => {
            let part = head(stream, None, &body).await?;
            stream.write_all(part).await
        }
        Reply::Cut(body, after) => {
            let part = head(stream, from, &body).await?;
            stream.write_all(&part[..after.min(part.len())]).await
        }
        Reply::Stuck(body, after) => {
            let part = head(stream, from, &body).await?;
            stream.write_all(&part[..after.min(part.len())]).await?;
            until_closed(stream).await
        }
        Reply::Gated(body, gate) => {
            gate.notified().await;
            let part = head(stream, from, &body).await?;
            stream.write_all(part).await
        }
        Reply::Declared(body, length) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await
        }
        Reply::Unmeasured(body) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
            stream.write_all(&body).await
        }
        Reply::Silence => until_closed(stream).await,
        Reply::Status(status) => {
            let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
        Reply::Redirect(to) => {
            let head = format!(
                "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await
        }
    }
}

/// Sends the head for `body` from byte `from` on and answers what has to follow.
async fn head<'a>(stream: &mut TcpStream, from: Option<u64>, body: &'a [u8]) -> std::io::Result<&'a [u8]> {
    let start = from.unwrap_or(0) as usize;
    if start >= body.len() {
        stream.write_all(b"HTTP/1.1 416 Range\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
        return Ok(&[]);
    }
    let (part, whole) = (&body[start..], body.len());
    let head = match from {
        None => format!("HTTP/1.1 200 OK\r\ncontent-length: {whole}\r\nconnection: close\r\n\r\n"),
        Some(from) => format!(
            "HTTP/1.1 206 Partial\r\ncontent-range: bytes {from}-{}/{whole}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            whole - 1,
            part.len()
        ),
    };
    stream.write_all(head.as_bytes()).await?;
    Ok(part)
}

/// Waits for the other side to give up.
async fn until_closed(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte).await? > 0 {}
    Ok(())
}
