//! The time at which entries expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcpg_cluster::{BootClock, Clock as _, Moment};

/// The wall clock as it was when the store was opened, going on by a clock that never steps.
#[derive(Debug)]
pub(crate) struct WallClock {
    opened_at: Duration,
    opened: Moment,
}

impl WallClock {
    pub(crate) fn new() -> Self {
        Self {
            // A clock before 1970 is taken for 1970: what is stored then lives longer.
            opened_at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            opened: BootClock.now(),
        }
    }

    /// Microseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        micros(self.opened_at + BootClock.now().saturating_since(self.opened))
    }

    /// When something with this TTL expires. A microsecond is added for the part of one that was cut off.
    pub(crate) fn expiry(now: u64, ttl: Duration) -> u64 {
        now.saturating_add(micros(ttl)).saturating_add(1)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
