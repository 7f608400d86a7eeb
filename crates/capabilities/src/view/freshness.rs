//! When a view is fresh. Pure: it is told the time.

use std::collections::VecDeque;
use std::time::Duration;

use mcpg_cluster::Moment;

/// How many heartbeats may be on their way at once; one that is overtaken by so many proves nothing worth waiting for.
const ON_THEIR_WAY: usize = 8;

/// What is known of this replica's own heartbeats.
#[derive(Debug, Default)]
pub(super) struct Freshness {
    fresh_until: Option<Moment>,
    /// The moment before which everything in the feed has been processed for certain: the sending of the last
    /// heartbeat that came back, at first the moment from which the watch was live.
    proven: Option<Moment>,
    sent: VecDeque<(u64, Moment)>,
}

impl Freshness {
    /// A watch was asked for at `moment`; it shows everything from then on.
    pub(super) fn watch_started(&mut self, moment: Moment) {
        *self = Self {
            proven: Some(moment),
            ..Self::default()
        };
    }

    /// A heartbeat is about to be sent.
    pub(super) fn sending(&mut self, mark: u64, moment: Moment) {
        if self.sent.len() >= ON_THEIR_WAY {
            self.sent.pop_front();
        }
        self.sent.push_back((mark, moment));
    }

    /// The feed was listed anew: heartbeats that were sent before prove nothing about what came in between.
    pub(super) fn listed(&mut self) {
        self.fresh_until = None;
        self.sent.clear();
    }

    /// A heartbeat came back; one that was not sent since the last listing has no effect.
    pub(super) fn came_back(&mut self, mark: u64, validity: Duration) {
        let Some(at) = self.sent.iter().position(|(sent, _)| *sent == mark) else {
            return;
        };
        let moment = self.sent[at].1;
        self.sent.drain(..=at);
        self.proven = self.proven.max(Some(moment));
        self.fresh_until = self.fresh_until.max(Some(moment + validity));
    }

    /// Whether entries of the feed may have expired before they were processed here: events that come now may be old
    /// ones out of a buffer, behind which others were never put.
    pub(super) fn may_have_missed(&self, now: Moment, retention: Duration) -> bool {
        self.proven
            .is_none_or(|proven| now.saturating_since(proven) > retention / 2)
    }

    /// Nothing is known any more.
    pub(super) fn lose(&mut self) {
        self.listed();
    }

    /// The time since the last heartbeat that came back was sent; `None` when there is none that counts.
    pub(super) fn age(&self, now: Moment, validity: Duration) -> Option<Duration> {
        let until = self.fresh_until?;
        let left = until.saturating_since(now);
        Some(validity.saturating_sub(left) + now.saturating_since(until))
    }

    /// Whether the view is fresh.
    pub(super) fn is_fresh(&self, now: Moment) -> bool {
        self.fresh_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALIDITY: Duration = Duration::from_secs(2);
    const RETENTION: Duration = Duration::from_secs(20);

    fn at(seconds: u64) -> Moment {
        Moment::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_view_is_fresh_for_one_validity_from_the_sending() {
        let mut freshness = Freshness::default();
        freshness.watch_started(at(0));
        freshness.sending(1, at(1));
        assert!(!freshness.is_fresh(at(1)), "nothing has come back");
        freshness.came_back(1, VALIDITY);
        assert!(freshness.is_fresh(at(2)));
        assert_eq!(freshness.age(at(2), VALIDITY), Some(Duration::from_secs(1)));
        assert_eq!(freshness.age(at(9), VALIDITY), Some(Duration::from_secs(8)));
        assert!(!freshness.is_fresh(at(3)), "counted from the sending");
    }

    #[test]
    fn a_heartbeat_from_before_a_listing_counts_for_nothing() {
        let mut freshness = Freshness::default();
        freshness.watch_started(at(0));
        freshness.sending(1, at(1));
        freshness.listed();
        freshness.came_back(1, VALIDITY);
        assert!(!freshness.is_fresh(at(1)));
    }

    #[test]
    fn an_older_heartbeat_after_a_newer_one_takes_nothing_back() {
        let mut freshness = Freshness::default();
        freshness.watch_started(at(0));
        freshness.sending(1, at(1));
        freshness.sending(2, at(2));
        freshness.came_back(2, VALIDITY);
        freshness.came_back(1, VALIDITY);
        assert!(freshness.is_fresh(at(3)));
    }

    #[test]
    fn asleep_past_half_the_retention_nothing_in_a_buffer_is_trusted() {
        let mut freshness = Freshness::default();
        assert!(freshness.may_have_missed(at(0), RETENTION), "no watch yet");
        freshness.watch_started(at(0));
        assert!(!freshness.may_have_missed(at(10), RETENTION));
        assert!(freshness.may_have_missed(at(11), RETENTION));
        freshness.sending(1, at(8));
        freshness.came_back(1, VALIDITY);
        assert!(!freshness.may_have_missed(at(18), RETENTION));
        assert!(freshness.may_have_missed(at(19), RETENTION));
    }
}
