//! How much a source may ask for: token buckets per source, uploads per person.
//!
//! They live in this replica's memory. What else is counted per account or per person is counted in the owning service's database.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::error::Error;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::source;

/// Sources that one bucket set remembers before it forgets the idle ones.
const SWEEP_AT: usize = 50_000;

/// What is counted on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Every request of a source.
    Requests,
    /// Sign-in, registration and anything else that tries a password, a token or a code, of a source.
    Credentials,
    /// Requests for support by guests, of a source.
    GuestRequests,
    /// Uploads of a person, or of a guest's source.
    Uploads,
}

/// How many in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens of a full bucket.
    pub count: u32,
    /// In which an empty bucket fills.
    pub per: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl Kind {
    /// The member of `settings.limits`.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Requests => "requests_per_minute_per_source",
            Self::Credentials => "sign_in_attempts_per_minute_per_source",
            Self::GuestRequests => "guest_requests_per_hour_per_source",
            Self::Uploads => "uploads_per_hour_per_person",
        }
    }

    /// What holds while the setting is not known.
    pub fn default_rate(self) -> Rate {
        match self {
            Self::Requests => Rate { count: 600, per: MINUTE },
            Self::Credentials => Rate { count: 30, per: MINUTE },
            Self::GuestRequests => Rate { count: 10, per: HOUR },
            Self::Uploads => Rate { count: 120, per: HOUR },
        }
    }
}

/// Whose bucket: an address, or a person's id.
pub type Bucket = u128;

/// The bucket of a source.
pub fn of_source(source: IpAddr) -> Bucket {
    match source::key(source) {
        // Above every IPv6 prefix, whose lower half is empty, so that no two sources share a bucket.
        IpAddr::V4(v4) => u128::from(u32::from(v4)) | (0xffff << 32),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

struct Buckets {
    rate: Rate,
    limiter: DefaultKeyedRateLimiter<Bucket>,
}

impl Buckets {
    fn new(rate: Rate) -> Self {
        let burst = NonZeroU32::new(rate.count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(rate.per / burst.get()).unwrap_or(Quota::per_minute(burst)).allow_burst(burst);
        Self { rate, limiter: RateLimiter::keyed(quota) }
    }
}

/// Token buckets per portal and kind.
#[derive(Default)]
pub struct Limits {
    buckets: Mutex<HashMap<(String, Kind), Arc<Buckets>>>,
    clock: DefaultClock,
}

impl Limits {
    /// Takes one token of a bucket. `rate` is the setting of this moment; a changed one starts with full buckets.
    ///
    /// # Errors
    /// 429 with the time until the next token.
    pub fn take(&self, portal: &str, kind: Kind, bucket: Bucket, rate: Rate) -> Result<(), Error> {
        let buckets = self.buckets(portal, kind, rate);
        if buckets.limiter.len() > SWEEP_AT {
            buckets.limiter.retain_recent();
        }
        buckets.limiter.check_key(&bucket).map_err(|not_until| Error::RateLimited {
            code: "rate_limited".into(),
            retry_after: not_until.wait_time_from(self.clock.now()).max(Duration::from_secs(1)),
        })
    }

    fn buckets(&self, portal: &str, kind: Kind, rate: Rate) -> Arc<Buckets> {
        let mut all = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (portal.to_owned(), kind);
        match all.get(&key) {
            Some(buckets) if buckets.rate == rate => buckets.clone(),
            _ => {
                let buckets = Arc::new(Buckets::new(rate));
                all.insert(key, buckets.clone());
                buckets
            }
        }
    }

    /// Forgets buckets that are full again; called every minute.
    pub fn sweep(&self) {
        let all: Vec<_> = self.buckets.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for buckets in all {
            buckets.limiter.retain_recent();
            buckets.limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Bucket {
        of_source(IpAddr::from([192, 0, 2, last]))
    }

    fn per_minute(count: u32) -> Rate {
        Rate { count, per: MINUTE }
    }

    #[test]
    fn a_source_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_touched() {
        let limits = Limits::default();
        for _ in 0..3 {
            assert!(limits.take("demo", Kind::Requests, address(1), per_minute(3)).is_ok());
        }
        let refused = limits.take("demo", Kind::Requests, address(1), per_minute(3)).unwrap_err();
        assert_eq!(refused.http_status(), 429);
        assert!(refused.retry_after().unwrap() <= Duration::from_secs(20));
        assert!(limits.take("demo", Kind::Requests, address(2), per_minute(3)).is_ok());
        assert!(limits.take("other", Kind::Requests, address(1), per_minute(3)).is_ok());
        assert!(limits.take("demo", Kind::Uploads, address(1), per_minute(3)).is_ok());
    }

    #[test]
    fn a_changed_setting_holds_at_once() {
        let limits = Limits::default();
        assert!(limits.take("demo", Kind::Requests, address(1), per_minute(1)).is_ok());
        assert!(limits.take("demo", Kind::Requests, address(1), per_minute(1)).is_err());
        assert!(limits.take("demo", Kind::Requests, address(1), per_minute(100)).is_ok());
    }
}
