//! A wire that can be cut: forwards connections to a server until it has carried so many bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// A cuttable wire to `target`.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    wire: Arc<Wire>,
}

struct Wire {
    way: Way,
    /// Bytes that may still pass that way before the cut.
    left: AtomicU64,
    /// After the cut, later connections work again.
    heals: AtomicBool,
    cuts: AtomicU64,
    dead: watch::Sender<u64>,
}

impl Proxy {
    /// Cuts every connection once `bytes` have passed `way`; refuses later ones unless it `heals`.
    pub(crate) async fn start(target: u16, way: Way, bytes: u64, heals: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Arc::new(Wire {
            way,
            left: AtomicU64::new(bytes),
            heals: AtomicBool::new(heals),
            cuts: AtomicU64::new(0),
            dead: watch::Sender::new(0),
        });
        tokio::spawn(accept(listener, SocketAddr::from(([127, 0, 0, 1], target)), Arc::clone(&wire)));
        Self { port, wire }
    }

    /// How often the wire was cut.
    pub(crate) fn cuts(&self) -> u64 {
        self.wire.cuts.load(Ordering::SeqCst)
    }
}

impl Wire {
    fn is_down(&self) -> bool {
        self.cuts.load(Ordering::SeqCst) > 0 && !self.heals.load(Ordering::SeqCst)
    }

    /// Accounts for `bytes` and cuts once too many have passed.
    fn carry(&self, way: Way, bytes: u64) {
        if way != self.way || self.cuts.load(Ordering::SeqCst) > 0 {
            return;
        }
        let before = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(bytes)));
        if before.unwrap_or(0) <= bytes {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            self.dead.send_modify(|cuts| *cuts += 1);
        }
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, wire: Arc<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        if wire.is_down() {
            continue; // Dropping it resets the connection.
        }
        let Ok(server) = TcpStream::connect(target).await else { continue };
        let (wire, mut dead) = (Arc::clone(&wire), wire.dead.subscribe());
        tokio::spawn(async move {
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::select! {
                () = copy(from_client, to_server, Way::Up, &wire) => {}
                () = copy(from_server, to_client, Way::Down, &wire) => {}
                _ = dead.changed() => {}
            }
        });
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, wire: &Wire) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        wire.carry(way, read as u64);
    }
}
