//! How long anybody may wait.

/// Waiting so many times as long as in the longest queue of late, served in order of arrival, is as long as anybody may.
/// Tuned with `benches/scheduler`: less makes all wait longer in the mean.
const OF_LONGEST: f64 = 1.3;
/// The least patience, in seconds.
const LEAST: f64 = 2.0;
/// Seconds in which a queue of the past counts half.
const HALF_LIFE: f64 = 600.0;

/// The longest queue of late.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience {
    /// Seconds of work that it held, and when.
    longest: f64,
    at: f64,
}

impl Patience {
    /// A request came at `now` seconds of any clock, when as many seconds of work were `queued`.
    pub fn arrival(&mut self, now: f64, queued: f64) {
        if queued >= self.faded(now) {
            (self.longest, self.at) = (queued, now);
        }
    }

    /// Seconds after which a request goes before all that have waited less.
    pub fn seconds(&self, now: f64) -> f64 {
        (OF_LONGEST * self.faded(now)).max(LEAST)
    }

    fn faded(&self, now: f64) -> f64 {
        self.longest * 0.5f64.powf((now - self.at) / HALF_LIFE)
    }
}
