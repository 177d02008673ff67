//! Where bytes are kept, and the clients that reach them.

use super::put::PART_BYTES;
use crate::{ErrorKind, Result, StorageError};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Where bytes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobConfig {
    /// Files below a directory of this machine, which is created if need be.
    Local {
        /// The directory.
        dir: PathBuf,
    },
    /// A bucket of S3 or of a server that speaks its protocol.
    S3(S3Config),
}

/// How to reach a bucket. `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Config {
    /// `https://…` or, with `allow_http`, `http://…`; none for Amazon's own.
    pub endpoint: Option<String>,
    /// The bucket, which must exist.
    pub bucket: String,
    /// The region; servers other than Amazon's usually take `us-east-1`.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// Allow an endpoint without TLS: for a server on the same machine or a private network.
    pub allow_http: bool,
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Config")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("access_key", &self.access_key)
            .field("secret_key", &"hidden")
            .field("allow_http", &self.allow_http)
            .finish()
    }
}

impl BlobConfig {
    /// The client, and the name of the place for messages.
    pub(super) async fn connect(&self) -> Result<(Arc<dyn ObjectStore>, String)> {
        match self {
            Self::Local { dir } => {
                let dir = dir.clone();
                super::blocking(move || open_local(&dir)).await?
            }
            Self::S3(config) => config.connect(),
        }
    }
}

fn open_local(dir: &Path) -> Result<(Arc<dyn ObjectStore>, String)> {
    let place = dir.display().to_string();
    std::fs::create_dir_all(dir).map_err(|error| StorageError::io(format_args!("create {place}"), error))?;
    let store = LocalFileSystem::new_with_prefix(dir)
        .map_err(|error| StorageError::object(format_args!("open {place}"), error))?;
    sweep(dir);
    Ok((Arc::new(store.with_fsync(true)), place))
}

/// A killed process leaves its staged file (`<digest>#<n>`) behind. One that nobody has written to
/// for a day belongs to nobody. Failing to remove it costs space only, so it is not an error.
fn sweep(dir: &Path) {
    const ABANDONED: Duration = Duration::from_secs(24 * 3600);
    let now = SystemTime::now();
    let folders = std::fs::read_dir(dir.join("sha256")).into_iter().flatten().flatten();
    for file in folders.flat_map(|folder| std::fs::read_dir(folder.path())).flatten().flatten() {
        let written = file.metadata().and_then(|meta| meta.modified());
        let age = written.ok().and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
        if file.file_name().to_string_lossy().contains('#') && age > ABANDONED {
            let removed = std::fs::remove_file(file.path());
            tracing::info!(file = %file.path().display(), ok = removed.is_ok(), "removed an abandoned upload");
        }
    }
}

impl S3Config {
    fn connect(&self) -> Result<(Arc<dyn ObjectStore>, String)> {
        let place = match &self.endpoint {
            Some(endpoint) => format!("{}/{}", endpoint.trim_end_matches('/'), self.bucket),
            None => format!("s3://{}", self.bucket),
        };
        self.check(&place)?;
        // The HTTP client is built without a TLS provider of its own; a second installation is refused
        // and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = self.builder().build();
        let store = store.map_err(|error| StorageError::object(format_args!("open {place}"), error))?;
        Ok((Arc::new(store), place))
    }

    fn check(&self, place: &str) -> Result<()> {
        let refused = |why: &str| Err(StorageError::new(ErrorKind::InvalidInput, format!("{place}: {why}")));
        let endpoint = self.endpoint.as_deref().unwrap_or("https://");
        if self.bucket.is_empty() || self.bucket.contains('/') {
            return refused("a bucket name is expected, without slashes");
        }
        if endpoint.starts_with("http://") && !self.allow_http {
            return refused("the endpoint has no TLS; use https://, or set allow_http for a server nearby");
        }
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return refused("the endpoint must start with https:// (or http:// with allow_http)");
        }
        if self.access_key.is_empty() || self.secret_key.is_empty() {
            return refused("the access key and the secret key must be given");
        }
        Ok(())
    }

    fn builder(&self) -> AmazonS3Builder {
        let options = ClientOptions::new()
            .with_allow_http(self.allow_http)
            // A whole download may take long; what must not happen is silence. The limit also covers
            // the upload of one part, so it allows for 140 kB/s.
            .with_timeout_disabled()
            .with_read_timeout(Duration::from_secs((PART_BYTES / 140_000) as u64))
            .with_connect_timeout(Duration::from_secs(5));
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        };
        let builder = AmazonS3Builder::new()
            .with_client_options(options)
            .with_retry(RetryConfig { backoff, max_retries: 4, retry_timeout: Duration::from_secs(90) })
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_virtual_hosted_style_request(false);
        match &self.endpoint {
            // TLS guards the body; without it the signature does, at the price of a second hash.
            Some(endpoint) => {
                builder.with_endpoint(endpoint).with_unsigned_payload(endpoint.starts_with("https://"))
            }
            None => builder.with_unsigned_payload(true),
        }
    }
}
