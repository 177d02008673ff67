//! What Prometheus scrapes: requests, jobs by state, the device's queue and bytes, step durations.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of request durations, in seconds: around the 3 ms that a stored call may take.
const REQUEST_BUCKETS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
/// Upper bounds of step durations, in seconds: from a caption file to a long encode.
const STEP_BUCKETS: [f64; 9] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    /// The route's pattern, never the path, so that the number of series is bounded.
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: String,
}

/// What is read anew at each scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceView {
    /// Requests that wait.
    pub queued: u64,
    /// Bytes that loaded models and running requests take.
    pub used_bytes: u64,
    /// Bytes that they may take.
    pub budget_bytes: u64,
}

/// All series. Counting is lock-free or nearly so; [`Metrics::encode`] reads.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    streams: Gauge,
    jobs: Family<StateLabels, Gauge>,
    step_seconds: Family<StageLabels, Histogram, fn() -> Histogram>,
    step_failures: Family<StageLabels, Counter>,
    queue: Gauge,
    used: Gauge,
    budget: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut this = Self {
            registry: Registry::with_prefix("reelsmith"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            streams: Gauge::default(),
            jobs: Family::default(),
            step_seconds: Family::new_with_constructor(|| Histogram::new(STEP_BUCKETS)),
            step_failures: Family::default(),
            queue: Gauge::default(),
            used: Gauge::default(),
            budget: Gauge::default(),
        };
        this.register();
        this
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time until the answer began",
            self.request_seconds.clone(),
        );
        registry.register("http_event_streams", "Event streams open now", self.streams.clone());
        registry.register("jobs", "Unfinished jobs by state", self.jobs.clone());
        registry.register(
            "step_duration_seconds",
            "Time of finished steps by stage",
            self.step_seconds.clone(),
        );
        registry.register("step_failures", "Failed tries of steps by stage", self.step_failures.clone());
        registry.register("device_queue_depth", "Requests waiting for the device", self.queue.clone());
        registry.register("device_ledger_bytes", "Bytes admitted on the device", self.used.clone());
        registry.register("device_budget_bytes", "Bytes that may be admitted", self.budget.clone());
    }

    /// Counts an answered request. `route` is the pattern that matched, not the path.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels { method: method.into(), route: route.into(), status };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: route.into() };
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// An event stream opened (+1) or closed (-1).
    pub fn streams(&self, change: i64) {
        self.streams.inc_by(change);
    }

    /// A step finished after `seconds`.
    pub fn step_finished(&self, stage: &str, seconds: f64) {
        self.step_seconds.get_or_create(&StageLabels { stage: stage.into() }).observe(seconds);
    }

    /// A try of a step failed.
    pub fn step_failed(&self, stage: &str) {
        self.step_failures.get_or_create(&StageLabels { stage: stage.into() }).inc();
    }

    /// How many jobs are in that state now.
    pub fn jobs(&self, state: &str, count: u64) {
        self.jobs.get_or_create(&StateLabels { state: state.into() }).set(clamp(count));
    }

    /// The device as it is now.
    pub fn device(&self, view: DeviceView) {
        self.queue.set(clamp(view.queued));
        self.used.set(clamp(view.used_bytes));
        self.budget.set(clamp(view.budget_bytes));
    }

    /// Everything in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }
}

fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_carry_their_labels_and_values() {
        let metrics = Metrics::default();
        metrics.request("GET", "/api/v1/jobs/{id}", 200, Duration::from_millis(2));
        metrics.request("GET", "/api/v1/jobs/{id}", 200, Duration::from_millis(2));
        metrics.jobs("running", 3);
        metrics.step_finished("video", 12.0);
        metrics.device(DeviceView { queued: 2, used_bytes: 512, budget_bytes: 1024 });
        let text = metrics.encode();
        for line in [
            "reelsmith_http_requests_total{method=\"GET\",route=\"/api/v1/jobs/{id}\",status=\"200\"} 2",
            "reelsmith_http_request_duration_seconds_bucket{le=\"0.003\",route=\"/api/v1/jobs/{id}\"} 2",
            "reelsmith_jobs{state=\"running\"} 3",
            "reelsmith_step_duration_seconds_count{stage=\"video\"} 1",
            "reelsmith_device_queue_depth 2",
            "reelsmith_device_ledger_bytes 512",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
