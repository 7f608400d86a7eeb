//! The part of a guard that others look at.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::{Clock, Moment, Token};

/// Whether a lease counts as held, seen from anywhere in the process.
#[derive(Clone)]
pub struct Validity {
    shared: Arc<Shared>,
}

struct Shared {
    token: Token,
    clock: Arc<dyn Clock>,
    margin: Duration,
    /// Nanoseconds on the clock; only grows.
    valid_until: AtomicU64,
    /// Nanoseconds on the clock at which the last renewal was late or failed, at first the acquisition.
    undisturbed_since: AtomicU64,
    lost: watch::Sender<bool>,
}

impl Validity {
    pub(super) fn new(
        token: Token,
        clock: Arc<dyn Clock>,
        margin: Duration,
        sent: Moment,
        ttl: Duration,
    ) -> Self {
        let valid_until = sent + ttl.saturating_sub(margin);
        let undisturbed_since = nanoseconds(clock.now());
        Self {
            shared: Arc::new(Shared {
                token,
                clock,
                margin,
                valid_until: AtomicU64::new(nanoseconds(valid_until)),
                undisturbed_since: AtomicU64::new(undisturbed_since),
                lost: watch::Sender::new(false),
            }),
        }
    }

    /// The token of the acquisition.
    pub fn token(&self) -> Token {
        self.shared.token
    }

    /// Whether the lease counts as held right now.
    pub fn is_valid(&self) -> bool {
        !*self.shared.lost.borrow() && self.now() < self.valid_until()
    }

    /// The moment on the guard's clock up to which the lease is valid if nothing else happens.
    pub fn valid_until(&self) -> Moment {
        let nanoseconds = self.shared.valid_until.load(Ordering::Acquire);
        Moment::from_start(Duration::from_nanos(nanoseconds))
    }

    /// How long no renewal or confirmation has failed or been late.
    ///
    /// Another replica may be called dead only by one that was undisturbed for a full TTL: otherwise the first to come
    /// back after an outage would call dead who is merely a moment later.
    pub fn undisturbed_for(&self) -> Duration {
        let since = self.shared.undisturbed_since.load(Ordering::Acquire);
        self.now()
            .saturating_since(Moment::from_start(Duration::from_nanos(since)))
    }

    /// Waits until the lease is lost, released or its guard dropped.
    pub async fn lost(&self) {
        let mut lost = self.shared.lost.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    pub(super) fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// Prolongs validity after a renewal that was sent at `sent`; one that is over already stays over.
    pub(super) fn extend(&self, sent: Moment, ttl: Duration) -> bool {
        if !self.is_valid() {
            self.lose();
            return false;
        }
        let until = sent + ttl.saturating_sub(self.shared.margin);
        self.shared
            .valid_until
            .fetch_max(nanoseconds(until), Ordering::AcqRel);
        true
    }

    pub(super) fn note_trouble(&self) {
        self.shared
            .undisturbed_since
            .fetch_max(nanoseconds(self.now()), Ordering::AcqRel);
    }

    pub(super) fn lose(&self) {
        self.shared.lost.send_replace(true);
    }
}

impl fmt::Debug for Validity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Validity")
            .field("token", &self.shared.token)
            .field("valid", &self.is_valid())
            .finish_non_exhaustive()
    }
}

fn nanoseconds(moment: Moment) -> u64 {
    u64::try_from(moment.since_start().as_nanos()).unwrap_or(u64::MAX)
}
