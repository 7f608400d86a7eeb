//! Up to where one stream was told.

use super::feed::{Feed, Newer};
use super::level::Wants;

/// What one stream was told of levels. What another stream of the session was told proves nothing: its client may have
/// lost it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Teller {
    told: u64,
}

impl Teller {
    /// A stream that was told up to `position`: what its client says it has received, or for a new stream the position at
    /// which its session was opened.
    pub fn from(position: u64) -> Self {
        Self { told: position }
    }

    /// Up to where it was told.
    pub fn position(&self) -> u64 {
        self.told
    }

    /// What is to be told now; `None` when there is nothing. It counts as told only after [`told`](Self::told).
    pub fn due(&self, feed: &Feed, wants: Wants<'_>) -> Option<Newer> {
        let newer = feed.since(self.told, wants);
        (!newer.raised.is_empty()).then_some(newer)
    }

    /// It was told up to `position`, everything included.
    pub fn told(&mut self, position: u64) {
        self.told = position;
    }
}
