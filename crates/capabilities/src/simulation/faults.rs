//! How bad the network and the backend are.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;

/// Chances in thousandths and spans in milliseconds; what is not said is kind.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// The usual time of a request or an answer on its way.
    pub(crate) delay: Range<u64>,
    /// The chance that one takes `long_delay` instead.
    pub(crate) slow: u32,
    pub(crate) long_delay: Range<u64>,
    /// The chance that a request never arrives.
    pub(crate) lose_request: u32,
    /// The chance that an answer never arrives although the request was executed.
    pub(crate) lose_answer: u32,
    /// The chance that a second copy of a write is executed later.
    pub(crate) double: u32,
    /// The chance that a client library sends a write twice and reports what became of the second one.
    pub(crate) resend: u32,
    pub(crate) double_after: Range<u64>,
    /// The chance that a message is lost; half of the losses are noticed as a gap.
    pub(crate) lose_message: u32,
    /// The chance that watch events of one key are merged, and that pending ones become a resync.
    pub(crate) merge: u32,
    pub(crate) resync: u32,
    /// Within this time every call is answered, if only with an error.
    pub(crate) operation_timeout: Duration,
    /// How old a read may be.
    pub(crate) stale_reads: Duration,
    /// Whether a touch makes a new version and wakes watchers; drawn per run where not said.
    pub(crate) touches_write: Option<bool>,
}

impl Faults {
    /// Nothing goes wrong and everything takes a millisecond.
    pub(crate) fn none() -> Self {
        Self {
            delay: 1..2,
            slow: 0,
            long_delay: 1..2,
            lose_request: 0,
            lose_answer: 0,
            double: 0,
            resend: 0,
            double_after: 1..2,
            lose_message: 0,
            merge: 0,
            resync: 0,
            operation_timeout: Duration::from_secs(2),
            stale_reads: Duration::ZERO,
            touches_write: None,
        }
    }

    /// A bad day: everything that may happen does, now and then.
    pub(crate) fn usual() -> Self {
        Self {
            delay: 1..8,
            slow: 40,
            long_delay: 50..1_500,
            lose_request: 15,
            lose_answer: 20,
            double: 30,
            resend: 10,
            double_after: 1..30_000,
            lose_message: 100,
            merge: 100,
            resync: 10,
            ..Self::none()
        }
    }

    pub(super) fn draw_delay(&self, random: &mut Rng) -> Duration {
        let range = if chance(random, self.slow) {
            &self.long_delay
        } else {
            &self.delay
        };
        Duration::from_millis(random.u64(range.clone()))
    }

    pub(super) fn draw_double(&self, random: &mut Rng) -> Option<Duration> {
        chance(random, self.double).then(|| Duration::from_millis(random.u64(self.double_after.clone())))
    }

    pub(super) fn draw_age(&self, random: &mut Rng) -> Duration {
        let longest = u64::try_from(self.stale_reads.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(random.u64(0..=longest))
    }
}

pub(super) fn chance(random: &mut Rng, thousandths: u32) -> bool {
    random.u32(0..1_000) < thousandths
}
