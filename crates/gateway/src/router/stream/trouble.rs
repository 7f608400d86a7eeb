//! How the coordinator is doing, as one stream sees it.

use std::time::Duration;

use tokio::time::Instant;

use crate::router::head::{FIRST_PAUSE, LONGEST_PAUSE, PATIENCE};

/// How the coordinator is doing, as one stream sees it.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Since when something waits.
    since: Option<Instant>,
    /// Whether it has waited for so long that the client gets it without ids.
    pub(super) is_long: bool,
    /// Whether the head takes nothing, ever.
    pub(super) is_broken: bool,
    pause: Duration,
    /// Not before this moment is the head touched again.
    pub(super) retry_at: Option<Instant>,
}

impl Trouble {
    /// Something waits for the head.
    pub(super) fn waits(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// The head was written; something else may be waiting.
    pub(super) fn is_over(&mut self, waits: bool) {
        *self = Self::default();
        if waits {
            self.waits();
        }
    }

    /// When what waits has waited long.
    pub(super) fn long_from(&self) -> Option<Instant> {
        self.since.filter(|_| !self.is_long).map(|since| since + PATIENCE)
    }

    /// A step was in vain: the next one comes after a pause.
    pub(super) fn back_off(&mut self) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.retry_at = Some(Instant::now() + self.pause);
    }
}
