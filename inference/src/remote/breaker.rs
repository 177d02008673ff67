//! A circuit breaker: who failed several times in a row is not asked for a while, then by one request on trial.

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::time::{Duration, Instant};

/// What is known of a server.
#[derive(Debug)]
pub(super) struct Breaker {
    most: u32,
    pause: Duration,
    failures: u32,
    until: Option<Instant>,
    /// One request is out on trial.
    trying: bool,
}

impl Breaker {
    /// Opens for `pause` after `most` failures in a row (at least 1).
    pub(super) fn new(most: u32, pause: Duration) -> Self {
        Self { most: most.max(1), pause, failures: 0, until: None, trying: false }
    }

    /// Lets a request through, or says when one may be tried.
    pub(super) fn admit(&mut self, name: &str) -> Result<()> {
        let Some(until) = self.until else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && !self.trying {
            self.trying = true;
            return Ok(());
        }
        let message = format!(
            "{name} failed {} times in a row and is left alone for {:.1} s more",
            self.failures,
            left.as_secs_f64()
        );
        Err(InferenceError::new(ErrorKind::Unavailable, message))
    }

    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.trying = false;
        if self.failures >= self.most {
            self.until = Some(Instant::now() + self.pause);
        }
    }

    pub(super) fn worked(&mut self) {
        (self.failures, self.until, self.trying) = (0, None, false);
    }

    /// Nothing was learnt.
    pub(super) fn released(&mut self) {
        self.trying = false;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a pause has to pass")]
mod tests {
    use super::*;

    #[test]
    fn it_opens_lets_one_try_and_closes_when_that_works() {
        let mut breaker = Breaker::new(2, Duration::from_millis(30));
        breaker.admit("s").unwrap();
        breaker.failed();
        breaker.admit("s").unwrap();
        breaker.failed();
        let error = breaker.admit("s").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("2 times in a row"), "{error}");
        std::thread::sleep(Duration::from_millis(40));
        breaker.admit("s").unwrap();
        assert!(breaker.admit("s").is_err(), "one is out on trial");
        breaker.failed();
        assert!(breaker.admit("s").is_err(), "the trial failed");
        std::thread::sleep(Duration::from_millis(40));
        breaker.admit("s").unwrap();
        breaker.released();
        breaker.admit("s").unwrap();
        breaker.worked();
        breaker.failed();
        breaker.admit("s").unwrap();
    }
}
