//! The settings of where artifacts are kept.

use super::ConfigError;
use super::layers::Layers;

/// Where finished artifacts are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum BlobSettings {
    /// Under the data directory.
    Local,
    /// An S3 bucket.
    S3 {
        /// Address of the server.
        endpoint: String,
        /// Bucket, which must exist.
        bucket: String,
        /// Region.
        region: String,
        /// Access key.
        access_key: String,
        /// Secret key.
        secret_key: String,
    },
}

impl std::fmt::Debug for BlobSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("Local"),
            Self::S3 { endpoint, bucket, .. } => write!(f, "S3({endpoint}, {bucket}, keys hidden)"),
        }
    }
}

impl BlobSettings {
    pub(super) fn of(layers: &Layers) -> Result<Self, ConfigError> {
        let s3 = layers.choice("blobs", &[("local", false), ("s3", true)])?.unwrap_or(false);
        if !s3 {
            return Ok(Self::Local);
        }
        let needed = |key: &'static str| {
            layers.text(key).ok_or_else(|| ConfigError(format!("blobs is set to s3, which also needs {key}")))
        };
        Ok(Self::S3 {
            endpoint: layers
                .address("s3.endpoint")?
                .ok_or_else(|| ConfigError("blobs is set to s3, which also needs s3.endpoint".into()))?,
            bucket: needed("s3.bucket")?,
            region: layers.text("s3.region").unwrap_or_else(|| "us-east-1".into()),
            access_key: needed("s3.access_key")?,
            secret_key: needed("s3.secret_key")?,
        })
    }
}
