//! Files from the model hub: over HTTP, resumed where a connection broke off.

use super::StoreConfig;
use super::error::StoreError;
use super::fetch::Fault;
use super::lock::Lock;
use futures::StreamExt;
use reelsmith_inference_core::catalogue::{Hub, ModelFile};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use std::error::Error as StdError;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Attempts in a row that brought no new byte before the hub is given up for a file.
const BARREN_ATTEMPTS: u32 = 3;

/// Attempts at one file in all, however much each brings.
const ATTEMPTS: u32 = 50;

/// Longest answer to the question whether the hub is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// What arrives is written in pieces of this size.
const BUFFER: usize = 1 << 20;

/// A file on its way.
pub(super) struct Transfer<'a> {
    pub(super) file: &'a ModelFile,
    /// Where it grows.
    pub(super) partial: &'a Path,
    /// The entry's.
    pub(super) lock: &'a Arc<Lock>,
    /// Told the bytes on disk.
    pub(super) progress: &'a (dyn Fn(u64) + Sync),
}

impl Transfer<'_> {
    fn failed(&self, error: io::Error) -> StoreError {
        StoreError::io("write", self.partial, error)
    }
}

/// How an attempt ended short of the whole file.
enum Broken {
    /// Worth another attempt.
    Retry(String),
    /// The hub cannot be talked to; worth another attempt, and if that fails, for no file any more.
    Unreachable(String),
    /// It will never have this file.
    Hopeless(String),
    /// Not the hub's fault.
    Stop(StoreError),
}

/// The hub, as this pull has come to know it.
pub(super) struct HubClient {
    config: StoreConfig,
    client: OnceCell<Result<Client, String>>,
    /// Why it cannot be reached; found out once for all files.
    down: Mutex<Option<String>>,
    /// Whether that was told.
    told: AtomicBool,
}

impl HubClient {
    pub(super) fn new(config: &StoreConfig) -> Self {
        let hub_endpoint = config.hub_endpoint.trim_end_matches('/').to_owned();
        let config = StoreConfig { hub_endpoint, ..config.clone() };
        Self { config, client: OnceCell::new(), down: Mutex::new(None), told: AtomicBool::new(false) }
    }

    /// Why the hub is given up for this pull, if it is.
    pub(super) fn down(&self) -> Option<String> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a failure of the hub is news: each of its own is, that it is not there only once.
    pub(super) fn is_news(&self) -> bool {
        self.down().is_none() || !self.told.swap(true, Ordering::Relaxed)
    }

    /// Brings `partial` to the length of `file`, continuing what is there. Answers whether something
    /// was, in which case a wrong sha256 may be its fault.
    pub(super) async fn fetch(&self, hub: &Hub, transfer: &Transfer<'_>) -> Result<bool, Fault> {
        let Transfer { file, partial, .. } = *transfer;
        let client = self.reachable().await.map_err(Fault::Source)?;
        let url = self.url(hub);
        let resumed = length(partial).await > 0;
        let (mut barren, mut reason) = (0, String::new());
        for _ in 0..ATTEMPTS {
            let before = length(partial).await;
            if before == file.bytes {
                return Ok(resumed);
            }
            let ended = self.attempt(client, &url, transfer).await;
            let gained = length(partial).await > before;
            barren = if gained { 0 } else { barren + 1 };
            match ended {
                Ok(()) => reason = "it ended before the whole file had come".to_owned(),
                Err(Broken::Stop(error)) => return Err(Fault::Stop(error)),
                Err(Broken::Hopeless(said)) => return Err(Fault::Source(said)),
                Err(Broken::Retry(said)) => reason = said,
                Err(Broken::Unreachable(said)) if barren == BARREN_ATTEMPTS => {
                    return Err(Fault::Source(self.give_up(said)));
                }
                Err(Broken::Unreachable(said)) => reason = said,
            }
            if barren == BARREN_ATTEMPTS {
                break;
            }
            if !gained {
                tokio::time::sleep(self.config.retry_delay * (1 << barren)).await;
            }
        }
        match length(partial).await == file.bytes {
            true => Ok(resumed),
            false => Err(Fault::Source(reason)),
        }
    }

    /// One request and what comes of it.
    async fn attempt(&self, client: &Client, url: &str, transfer: &Transfer<'_>) -> Result<(), Broken> {
        let Transfer { file, partial, .. } = *transfer;
        if length(partial).await > file.bytes {
            truncate(partial).await.map_err(Broken::Stop)?;
        }
        let have = length(partial).await;
        let mut request = client.get(url);
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        if let Some(down) = self.down() {
            return Err(Broken::Hopeless(down));
        }
        let response = request.send().await.map_err(classify)?;
        let from = match accept(&response, have)? {
            Some(from) => from,
            None => {
                truncate(partial).await.map_err(Broken::Stop)?;
                return Err(Broken::Retry("it does not continue where the last attempt ended".into()));
            }
        };
        if let Some(rest) = response.content_length()
            && from.saturating_add(rest) != file.bytes
        {
            let offered = from.saturating_add(rest);
            return Err(Broken::Hopeless(format!("it offers {offered} bytes, not {}", file.bytes)));
        }
        receive(response, transfer, from).await
    }

    /// The client, if the hub answers at all. Asked once a pull; those who ask meanwhile wait.
    async fn reachable(&self) -> Result<&Client, String> {
        if let Some(down) = self.down() {
            return Err(down);
        }
        let probe = async {
            let client = client(&self.config)?;
            let request = client.head(&self.config.hub_endpoint).timeout(PROBE_TIMEOUT);
            match request.send().await {
                Err(error) => Err(self.give_up(reason(&error))),
                Ok(response) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    Err(self.give_up("the proxy asks for credentials".to_owned()))
                }
                Ok(_) => Ok(client),
            }
        };
        self.client.get_or_init(|| probe).await.as_ref().map_err(Clone::clone)
    }

    fn give_up(&self, reason: String) -> String {
        let said = format!("{} cannot be reached: {reason}", self.config.hub_endpoint);
        self.down.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(said).clone()
    }

    /// The hub's address of a file, as its own client library forms it
    /// (`huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE`).
    fn url(&self, hub: &Hub) -> String {
        let path: Vec<String> = hub.path.as_str().split('/').map(escape).collect();
        format!("{}/{}/resolve/{}/{}", self.config.hub_endpoint, hub.repo, hub.revision, path.join("/"))
    }
}

/// Where the answer's body begins in the file; `None` if it fits nowhere.
fn accept(response: &Response, have: u64) -> Result<Option<u64>, Broken> {
    let status = response.status();
    match status {
        StatusCode::OK => Ok(Some(0)),
        StatusCode::PARTIAL_CONTENT => {
            let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
            let start = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok());
            Ok((start == Some(have)).then_some(have))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(None),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Broken::Retry(format!("it answered {status}")))
        }
        status if status.is_server_error() => Err(Broken::Retry(format!("it answered {status}"))),
        status => Err(Broken::Hopeless(format!("it answered {status}"))),
    }
}

/// Writes the body from the byte `from` of the file on. What arrived stays there on any error.
async fn receive(response: Response, transfer: &Transfer<'_>, from: u64) -> Result<(), Broken> {
    let bytes = transfer.file.bytes;
    let mut writer = Writer::open(transfer, from).map_err(Broken::Stop)?;
    let mut done = from;
    let mut body = response.bytes_stream();
    let mut ended = Ok(());
    while let Some(piece) = body.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                ended = Err(classify(error));
                break;
            }
        };
        done += piece.len() as u64;
        if done > bytes {
            ended = Err(Broken::Hopeless(format!("it sends more than {bytes} bytes")));
            break;
        }
        if writer.add(&piece).await.map_err(Broken::Stop)? {
            (transfer.progress)(done);
        }
    }
    writer.flush().await.map_err(Broken::Stop)?;
    (transfer.progress)(done.min(bytes));
    ended
}

/// Appends to the partial file, in large pieces, where blocking is allowed.
struct Writer<'a> {
    transfer: &'a Transfer<'a>,
    file: Arc<File>,
    buffer: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn open(transfer: &'a Transfer<'a>, from: u64) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        match from {
            0 => options.create(true).write(true).truncate(true),
            _ => options.append(true),
        };
        let file = options.open(transfer.partial).map_err(|error| transfer.failed(error))?;
        Ok(Self { transfer, file: Arc::new(file), buffer: Vec::with_capacity(BUFFER) })
    }

    /// Takes `piece`; true if the buffer went to the disk.
    async fn add(&mut self, piece: &[u8]) -> Result<bool, StoreError> {
        self.buffer.extend_from_slice(piece);
        let full = self.buffer.len() >= BUFFER;
        if full {
            self.flush().await?;
        }
        Ok(full)
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let buffer = std::mem::replace(&mut self.buffer, Vec::with_capacity(BUFFER));
        let (file, lock) = (Arc::clone(&self.file), Arc::clone(self.transfer.lock));
        let written = tokio::task::spawn_blocking(move || {
            // Held until the last byte is down, even if the pull is dropped meanwhile.
            let _lock = lock;
            (&*file).write_all(&buffer)
        });
        written.await.map_err(StoreError::lost)?.map_err(|error| self.transfer.failed(error))
    }
}

fn classify(error: reqwest::Error) -> Broken {
    let said = reason(&error);
    match error.is_connect() || (error.is_timeout() && !error.is_body()) {
        true => Broken::Unreachable(said),
        false => Broken::Retry(said),
    }
}

/// The innermost cause: those around it say where in the HTTP stack it was met, and the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn StdError = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A client that never follows a redirection from https to http.
fn client(config: &StoreConfig) -> Result<Client, String> {
    crate::tls::provide();
    Client::builder()
        .user_agent(concat!("reelsmith/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.stall_timeout)
        .https_only(config.hub_endpoint.starts_with("https:"))
        .build()
        .map_err(|error| {
            format!("no HTTPS client can be made ({}); are ca-certificates installed?", reason(&error))
        })
}

/// Percent-encodes what is not unreserved in a path segment (RFC 3986, section 2.3).
fn escape(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = |byte: u8| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(escaped).collect()
}

async fn length(path: &Path) -> u64 {
    tokio::fs::metadata(path).await.map_or(0, |metadata| metadata.len())
}

async fn truncate(path: &Path) -> Result<(), StoreError> {
    let emptied = tokio::fs::OpenOptions::new().write(true).truncate(true).open(path).await;
    emptied.map(drop).map_err(|error| StoreError::io("empty", path, error))
}
