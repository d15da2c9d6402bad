//! Until when an answer is of use. Deadlines come from the client and shrink at each hop; work whose deadline passed is not begun.

use std::time::{Duration, Instant};

use crate::error::Error;

/// What a request may take when nobody said less.
pub const DEFAULT: Duration = Duration::from_secs(10);

/// A moment of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// So much time from now, at most [`DEFAULT`].
    pub fn within(time: Duration) -> Self {
        Self(Instant::now() + time.min(DEFAULT))
    }

    /// For background work that no caller waits for.
    pub fn background() -> Self {
        Self(Instant::now() + Duration::from_secs(60))
    }

    /// What is left; `Deadline` when nothing is.
    pub fn remaining(self) -> Result<Duration, Error> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(Error::Deadline)
    }

    /// Whether it passed.
    pub fn is_over(self) -> bool {
        Instant::now() >= self.0
    }

    /// As tokio wants it.
    pub fn instant(self) -> tokio::time::Instant {
        self.0.into()
    }

    /// Waits for `work`, at most until the deadline.
    pub async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::time::timeout_at(self.instant(), work).await.map_err(|_| Error::Deadline)
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::within(DEFAULT)
    }
}

/// Reads gRPC's `grpc-timeout` header: at most eight digits and a unit.
pub fn parse_grpc_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_timeout_is_read_in_every_unit() {
        assert_eq!(parse_grpc_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_grpc_timeout("3S"), Some(Duration::from_secs(3)));
        for bad in ["", "S", "10", "123456789S", "-1S", "1x", "é"] {
            assert_eq!(parse_grpc_timeout(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn nothing_is_left_after_the_deadline() {
        assert_eq!(Deadline::within(Duration::ZERO).remaining(), Err(Error::Deadline));
    }
}
