//! How long to wait between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Waits that double from attempt to attempt up to a limit. Each is drawn from its upper half, so that many agents do not
/// come back to a receiver in step.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    random: RandomState,
    drawn: u64,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first.min(longest), random: RandomState::new(), drawn: 0 }
    }

    /// The next wait; it makes the one after it longer.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.longest);
        // The standard library's keyed hash of a counter: as random as a jitter has to be, and no dependency.
        let random = self.random.hash_one(self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        let half = wait / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(random % span.saturating_add(1))
    }

    /// Starts over after a success.
    pub(super) fn reset(&mut self) {
        self.next = self.first.min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        for full in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let full = Duration::from_millis(full);
            let wait = backoff.wait();
            assert!((full / 2..=full).contains(&wait), "{wait:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(100));
    }

    #[test]
    fn two_agents_wait_differently() {
        let waits = |mut backoff: Backoff| -> Vec<_> { (0..8).map(|_| backoff.wait()).collect() };
        let new = || Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        assert_ne!(waits(new()), waits(new()));
    }

    #[test]
    fn no_wait_is_possible() {
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).wait(), Duration::ZERO);
    }
}
