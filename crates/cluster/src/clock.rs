//! The clock on which validity is measured.

use std::ops::Add;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A local clock that never goes back and goes on while the machine is suspended.
///
/// Only differences of moments of the same clock mean anything; moments never leave the process.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// A point on a [`Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// Builds the moment that lies `since_start` after the clock's own start.
    pub fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// The time since the clock's own start.
    pub fn since_start(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this moment, zero if it is not earlier.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// The operating system's clock since boot, which counts the time asleep.
///
/// The usual monotonic clock stands still while a laptop sleeps or a virtual machine is suspended; a lease
/// measured on it would look valid long after its successor took over.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Moment {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
        Moment(Duration::new(seconds, nanoseconds))
    }
}

/// Tokio's clock, which tests can pause and advance. It does not count suspend: not for production.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: tokio::time::Instant,
}

impl TokioClock {
    /// Builds a clock that starts now.
    pub fn new() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Moment {
        Moment(self.start.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_moves_forward() {
        let clock = BootClock;
        let first = clock.now();
        let bound = std::time::Instant::now() + Duration::from_secs(5);
        while clock.now() <= first {
            assert!(std::time::Instant::now() < bound, "the clock stands still");
        }
        assert!(first.since_start() > Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_tokio_clock_follows_paused_time() {
        let clock = TokioClock::new();
        let first = clock.now();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), first + Duration::from_secs(3));
        assert_eq!(first.saturating_since(clock.now()), Duration::ZERO);
    }
}
