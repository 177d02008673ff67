//! The settings of the HTTP service.

use super::ConfigError;
use super::layers::Layers;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The HTTP service.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Largest request body, in bytes.
    pub max_body: usize,
    /// Names under which a service on a loopback address may be called, beside `localhost`.
    pub hosts: Vec<String>,
    /// Connections at once.
    pub max_connections: usize,
    /// Requests answered at once, to the last byte.
    pub max_requests: usize,
    /// Event streams open at once.
    pub max_streams: usize,
    /// How long the head of a request may take, and how long an idle connection is kept.
    pub head: Duration,
    /// How long a request may take until its answer begins, and its caller to take a piece of it.
    pub timeout: Duration,
    /// How long open requests may take to end at shutdown.
    pub drain: Duration,
    /// Folder whose files scripts sent to the API may name.
    pub assets_dir: Option<PathBuf>,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl Server {
    pub(super) fn of(layers: &Layers) -> Result<Self, ConfigError> {
        let seconds = |key, usual| {
            Ok::<_, ConfigError>(Duration::from_secs(layers.number(key, 1..=600)?.unwrap_or(usual)))
        };
        Ok(Self {
            listen: layers
                .parsed("listen", "an address and a port, for example 127.0.0.1:8787")?
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8787))),
            max_body: layers.bytes("server.max_body", KIB..=64 * MIB)?.unwrap_or(MIB) as usize,
            hosts: layers.hosts("server.hosts")?,
            max_connections: layers.number("server.max_connections", 1..=200_000)?.unwrap_or(11_000) as usize,
            max_requests: layers.number("server.max_requests", 1..=100_000)?.unwrap_or(256) as usize,
            max_streams: layers.number("server.max_streams", 1..=100_000)?.unwrap_or(10_000) as usize,
            head: seconds("server.head_seconds", 10)?,
            timeout: seconds("server.timeout_seconds", 30)?,
            drain: seconds("server.drain_seconds", 20)?,
            assets_dir: layers.path("server.assets_dir"),
        })
    }
}
