//! For how long the coordinator was away, and whether it is back for good. Pure: it is told the time.

use std::time::Duration;

use tokio::time::Instant;

use crate::member::OPERATION_TIMEOUT;

/// How long an outage may last before it turns a strict replica red: a pause of the backend must not take a whole fleet
/// out of its balancer.
pub(super) const GRACE: Duration = OPERATION_TIMEOUT.saturating_mul(3);

/// How long the coordinator has to answer without a break after such an outage.
pub(super) const SETTLED: Duration = OPERATION_TIMEOUT;

/// What is known of outages.
#[derive(Debug, Default)]
pub(super) struct Outage {
    away_since: Option<Instant>,
    back_since: Option<Instant>,
    is_long: bool,
}

impl Outage {
    /// The coordinator is away or not, at this moment. Says whether it counts as unsettled.
    pub(super) fn see(&mut self, now: Instant, is_away: bool) -> bool {
        if is_away {
            self.back_since = None;
            let since = *self.away_since.get_or_insert(now);
            self.is_long |= now - since >= GRACE;
        } else {
            self.away_since = None;
            let since = *self.back_since.get_or_insert(now);
            self.is_long &= now - since < SETTLED;
        }
        self.is_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sees the same for so many seconds; returns what was said at the last one.
    fn seconds(outage: &mut Outage, now: &mut Instant, count: u32, is_away: bool) -> bool {
        let mut said = false;
        for _ in 0..count {
            *now += Duration::from_secs(1);
            said = outage.see(*now, is_away);
        }
        said
    }

    #[test]
    fn a_short_outage_does_not_count_and_a_long_one_does() {
        let (mut outage, mut now) = (Outage::default(), Instant::now());
        assert!(!seconds(&mut outage, &mut now, 15, true));
        assert!(!seconds(&mut outage, &mut now, 1, false));
        assert!(!seconds(&mut outage, &mut now, 15, true), "counted from anew");
        assert!(seconds(&mut outage, &mut now, 1, true));
    }

    #[test]
    fn a_coordinator_that_comes_and_goes_is_not_back() {
        let (mut outage, mut now) = (Outage::default(), Instant::now());
        assert!(seconds(&mut outage, &mut now, 16, true));
        for _ in 0..5 {
            assert!(seconds(&mut outage, &mut now, 5, false));
            assert!(seconds(&mut outage, &mut now, 1, true));
        }
        assert!(!seconds(&mut outage, &mut now, 6, false));
    }
}
