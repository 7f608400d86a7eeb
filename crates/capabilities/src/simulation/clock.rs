//! A replica's own clock.

use std::time::Duration;

use mcpg_cluster::{Clock, Moment};
use tokio::time::Instant;

/// A clock that starts anywhere and runs up to a tenth too fast or too slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriftingClock {
    start: Instant,
    offset: Duration,
    /// Thousandths of the true speed.
    speed: u32,
}

impl DriftingClock {
    pub(super) fn new(offset: Duration, speed: u32) -> Self {
        Self {
            start: Instant::now(),
            offset,
            speed,
        }
    }
}

impl Clock for DriftingClock {
    fn now(&self) -> Moment {
        Moment::from_start(self.offset + self.start.elapsed() * self.speed / 1_000)
    }
}
