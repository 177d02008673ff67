//! What a request counts beside others: by how soon it matters, and by what its tenant has had of late.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Seconds in which what a tenant has used counts half.
const HALF_LIFE: f64 = 300.0;
/// Seconds of use that nobody is held back for.
const GRACE: f64 = 10.0;
/// Nobody counts less, whatever he has used.
const LEAST: f64 = 1.0 / 16.0;
/// Tenants of which anything is kept.
const MOST_TENANTS: usize = 256;

/// How soon an answer matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody waits for it: as if it took a quarter of the time.
    Interactive,
    /// Most requests.
    #[default]
    Normal,
    /// Whenever there is time: as if it took four times as long, and with four times the patience.
    Background,
}

impl Priority {
    /// What a request of it counts.
    pub fn weight(self) -> f64 {
        match self {
            Self::Interactive => 4.0,
            Self::Normal => 1.0,
            Self::Background => 0.25,
        }
    }
}

/// What tenants have used of late.
#[derive(Debug, Clone, Default)]
pub struct Shares(HashMap<String, Used>);

#[derive(Debug, Clone, Copy)]
struct Used {
    /// Seconds of the device, over the tenant's share.
    seconds: f64,
    at: f64,
}

impl Used {
    fn faded(self, now: f64) -> f64 {
        self.seconds * 0.5f64.powf((now - self.at) / HALF_LIFE)
    }
}

impl Shares {
    /// A tenant of this share, above 0, had the device for so many seconds until `now` of any clock.
    pub fn used(&mut self, tenant: &str, share: f64, seconds: f64, now: f64) {
        let before = self.of_late(tenant, now);
        if self.0.len() >= MOST_TENANTS && !self.0.contains_key(tenant) {
            let least = self.0.iter().min_by(|(_, a), (_, b)| a.faded(now).total_cmp(&b.faded(now)));
            if let Some(least) = least.map(|(tenant, _)| tenant.clone()) {
                self.0.remove(&least);
            }
        }
        self.0.insert(tenant.to_owned(), Used { seconds: before + seconds / share, at: now });
    }

    /// Seconds that a tenant has used of late, over its share.
    pub fn of_late(&self, tenant: &str, now: f64) -> f64 {
        self.0.get(tenant).map_or(0.0, |used| used.faded(now))
    }
}

/// What a request counts whose tenant has used so many seconds of late, where `least` is the least that any tenant has
/// who asks for something now: exactly 1 for that one, and so for all where there is one tenant.
pub fn fair_weight(of_late: f64, least: f64) -> f64 {
    ((GRACE + least) / (GRACE + of_late)).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_alone_counts_as_if_there_were_no_shares() {
        let mut shares = Shares::default();
        for second in 0..1000 {
            let now = f64::from(second);
            shares.used("", 1.0, 1.0, now);
            let of_late = shares.of_late("", now);
            assert_eq!(fair_weight(of_late, of_late).to_bits(), 1.0f64.to_bits());
        }
    }

    #[test]
    fn use_of_the_past_is_forgotten_and_nobody_sinks_without_end() {
        let mut shares = Shares::default();
        shares.used("greedy", 1.0, 1e6, 0.0);
        assert_eq!(fair_weight(shares.of_late("greedy", 0.0), 0.0), LEAST);
        shares.used("twice", 2.0, 600.0, 0.0);
        assert_eq!(shares.of_late("twice", 0.0), 300.0, "twice the share, half as much used");
        assert_eq!(shares.of_late("twice", HALF_LIFE), 150.0);
        assert!(fair_weight(shares.of_late("greedy", 30.0 * HALF_LIFE), 0.0) > 0.9);
    }

    #[test]
    fn tenants_are_bounded() {
        let mut shares = Shares::default();
        shares.used("greedy", 1.0, 1e3, 0.0);
        for n in 0..10 * MOST_TENANTS {
            shares.used(&format!("tenant-{n}"), 1.0, 1.0, n as f64);
        }
        assert_eq!(shares.0.len(), MOST_TENANTS);
        assert!(shares.of_late("greedy", 0.0) > 0.0, "who used most is remembered");
    }
}
