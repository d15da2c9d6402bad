//! Randomness as a value that is handed around, so that a test can fix the seed.

use std::sync::{Arc, Mutex, PoisonError};

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use time::OffsetDateTime;
use uuid::Uuid;

/// A cryptographically strong source of random bytes. Cheap to clone; clones share the stream.
#[derive(Clone, Debug)]
pub struct Random(Arc<Mutex<ChaCha20Rng>>);

impl Random {
    /// Seeded by the operating system.
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::from_os_rng())))
    }

    /// The same bytes for the same seed: for tests only.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        // A poisoned lock only means that another thread panicked between two bytes: the stream is still random.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut out);
        out
    }

    /// A UUID v7: ordered by `now`, 74 random bits.
    pub fn uuid(&self, now: OffsetDateTime) -> Uuid {
        let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(self.bytes()).checked_rem(bound).unwrap_or(0)
    }

    /// `delay` lengthened by up to a half, so that many who wait don't come back together.
    pub fn jitter(&self, delay: std::time::Duration) -> std::time::Duration {
        let half = u64::try_from(delay.as_micros() / 2).unwrap_or(u64::MAX);
        delay + std::time::Duration::from_micros(self.below(half.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(Random::seeded(7).bytes::<32>(), Random::seeded(7).bytes::<32>());
        assert_ne!(Random::seeded(7).bytes::<32>(), Random::seeded(8).bytes::<32>());
    }

    #[test]
    fn ids_are_ordered_by_time() {
        let random = Random::seeded(1);
        let early = random.uuid(OffsetDateTime::UNIX_EPOCH);
        let late = random.uuid(OffsetDateTime::UNIX_EPOCH + time::Duration::SECOND);
        assert!(early < late);
        assert_eq!(late.get_version_num(), 7);
    }
}
