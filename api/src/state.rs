//! What the HTTP handlers share.

use crate::config::Config;
use crate::error::{ApiError, ApiResult, Code};
use crate::house::House;
use crate::metrics::{DeviceView, Metrics};
use crate::private::Private;
use crate::readiness::Readiness;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The running service.
pub struct App {
    /// The parts, wired.
    pub house: House,
    /// Settings.
    pub config: Config,
    /// Series.
    pub metrics: Metrics,
    /// Places for requests.
    pub requests: Arc<Semaphore>,
    /// Held while a job is admitted and submitted, so that two callers do not both take the last place.
    pub admission: Mutex<()>,
    /// Whether jobs can be run.
    pub readiness: Readiness,
    /// What callers are not told.
    pub private: Private,
    /// Places for event streams.
    streams: Arc<Semaphore>,
    /// Cancelled when the service begins to stop.
    pub stopping: CancellationToken,
}

/// A place for an event stream; dropping it gives it back.
pub struct StreamPlace {
    app: Arc<App>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.app.metrics.streams(-1);
    }
}

impl App {
    /// The service over wired parts.
    pub fn new(house: House, config: Config) -> Arc<Self> {
        Arc::new(Self {
            requests: Arc::new(Semaphore::new(config.server.max_requests)),
            admission: Mutex::new(()),
            readiness: Readiness::default(),
            private: Private::new(&config),
            streams: Arc::new(Semaphore::new(config.server.max_streams)),
            metrics: Metrics::default(),
            stopping: CancellationToken::new(),
            house,
            config,
        })
    }

    /// A place for an event stream.
    ///
    /// # Errors
    /// `Unavailable` when all are taken.
    pub fn stream_place(self: &Arc<Self>) -> ApiResult<StreamPlace> {
        let permit = self.streams.clone().try_acquire_owned().map_err(|_| {
            ApiError::new(
                Code::Unavailable,
                "too many event streams at once; try again later, or ask for the job's state",
            )
        })?;
        self.metrics.streams(1);
        Ok(StreamPlace { app: self.clone(), _permit: permit })
    }

    /// Refuses new work while stopping.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn accepting(&self) -> ApiResult<()> {
        match self.stopping.is_cancelled() {
            false => Ok(()),
            true => Err(ApiError::new(Code::Unavailable, "the service is shutting down; try again later")),
        }
    }

    /// Reads the device for the metrics.
    pub fn device_view(&self) -> DeviceView {
        self.house.device_view()
    }
}
