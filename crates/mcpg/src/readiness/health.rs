//! Looks again and again whether this replica and its coordinator are whole.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use mcpg_capabilities::fleet::Fleet;
use mcpg_cluster::{Connection, ConnectionStream};
use mcpg_config::app::ReadinessMode;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::outage::Outage;
use super::{Readiness, Reason};
use crate::member::OPERATION_TIMEOUT;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// For how long no sign of life from the coordinator is needed.
const QUIET: Duration = Duration::from_secs(1);

/// How long an answer of the coordinator may take before it counts as away. With [`QUIET`] and [`LOOK_EVERY`] it is less
/// than one operation timeout, after which an outage has to be told.
const ANSWER: Duration = Duration::from_secs(2);

const _: () = assert!(
    LOOK_EVERY.as_secs() + QUIET.as_secs() + ANSWER.as_secs() < OPERATION_TIMEOUT.as_secs(),
    "an outage has to be told within one operation timeout"
);

/// What is seen at one look.
#[derive(Clone, Copy, Debug)]
struct Seen {
    is_away: bool,
    has_lease: bool,
    /// Whether the coordinator's data was compared since the last reconnect.
    is_trusted: bool,
    has_fresh_view: bool,
    is_store_failing: bool,
}

/// Says whether the store of this replica's own sessions takes no writes.
pub(crate) type IsFailing = Box<dyn Fn() -> bool + Send>;

/// Looks again and again whether this replica and its coordinator are whole.
pub(crate) struct Health {
    readiness: Readiness,
    outage: Outage,
    /// How long a replica may be without a lease: a former one may still be running out.
    patience: Duration,
    /// Since when there is no lease, or no fresh view, though the coordinator is there.
    without_lease: Option<Instant>,
    without_view: Option<Instant>,
    is_store_failing: IsFailing,
}

impl Health {
    /// Begins with a replica about which nothing is known.
    pub(crate) fn new(readiness: Readiness, patience: Duration, is_store_failing: IsFailing) -> Self {
        Self {
            readiness,
            outage: Outage::default(),
            patience,
            without_lease: None,
            without_view: None,
            is_store_failing,
        }
    }

    /// Looks until it is dropped.
    pub(crate) async fn watch(mut self, fleet: Arc<Fleet>, mut connection: ConnectionStream) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_up, mut is_open) = (true, true);
        loop {
            tokio::select! {
                state = connection.next(), if is_open => match state {
                    Some(state) => is_up = matches!(state, Connection::Up(_)),
                    None => is_open = false,
                },
                _ = looks.tick() => {}
            }
            let is_away = !is_up || !answers(&fleet).await;
            let seen = Seen {
                is_away,
                has_lease: fleet.replica().owner().is_some(),
                is_trusted: fleet.incarnation().is_trusted(),
                has_fresh_view: fleet.view().is_fresh(),
                is_store_failing: (self.is_store_failing)(),
            };
            self.see(Instant::now(), seen);
        }
    }

    fn see(&mut self, now: Instant, seen: Seen) {
        let unsettled = self.outage.see(now, seen.is_away);
        let is_strict = self.readiness.mode() == ReadinessMode::Strict;
        self.readiness.set(Reason::CoordinatorAway, seen.is_away);
        self.readiness
            .set(Reason::CoordinatorUnsettled, is_strict && unsettled);
        self.readiness.set(Reason::StoreFailing, seen.is_store_failing);
        // As long as the coordinator is away, nothing of this is the replica's own fault.
        let is_settled = seen.is_trusted && !seen.is_away;
        let without_lease = held_back(&mut self.without_lease, now, is_settled && !seen.has_lease);
        self.readiness
            .set(Reason::Broken, without_lease > Some(self.patience));
        let without_view = held_back(&mut self.without_view, now, is_settled && !seen.has_fresh_view);
        self.readiness
            .set(Reason::ViewStale, without_view > Some(LOOK_EVERY * 2));
    }
}

/// For how long something has been the case without a break.
fn held_back(since: &mut Option<Instant>, now: Instant, holds: bool) -> Option<Duration> {
    if !holds {
        *since = None;
        return None;
    }
    Some(now - *since.get_or_insert(now))
}

/// Whether the coordinator gives signs of life: by the view's own heartbeats, or else when it is asked.
async fn answers(fleet: &Fleet) -> bool {
    if fleet.view().age().is_some_and(|age| age <= QUIET) {
        return true;
    }
    let asked = timeout(ANSWER, fleet.ask()).await;
    asked.is_ok_and(|answer| answer.is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const WHOLE: Seen = Seen {
        is_away: false,
        has_lease: true,
        is_trusted: true,
        has_fresh_view: true,
        is_store_failing: false,
    };

    fn health(mode: ReadinessMode) -> Health {
        let readiness = Readiness::starting(mode);
        readiness.remove(Reason::Starting);
        Health::new(readiness, Duration::from_secs(20), Box::new(|| false))
    }

    /// Sees the same for so many seconds; returns whether it is ready then, and the codes of the reasons.
    async fn seconds(health: &mut Health, count: u32, seen: Seen) -> (bool, Vec<Value>) {
        for _ in 0..count {
            tokio::time::advance(LOOK_EVERY).await;
            health.see(Instant::now(), seen);
        }
        let reasons = health.readiness.reasons();
        let codes = reasons.into_iter().map(|mut reason| reason["code"].take());
        (health.readiness.is_ready(), codes.collect())
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_at_once_and_turns_only_a_strict_replica_red() {
        let away = Seen {
            is_away: true,
            has_fresh_view: false,
            ..WHOLE
        };
        let mut standard = health(ReadinessMode::Standard);
        assert_eq!(
            seconds(&mut standard, 1, away).await,
            (true, vec!["coordinator_away".into()])
        );
        assert_eq!(
            seconds(&mut standard, 3600, away).await,
            (true, vec!["coordinator_away".into()])
        );
        assert_eq!(seconds(&mut standard, 1, WHOLE).await, (true, vec![]));
        let mut strict = health(ReadinessMode::Strict);
        assert_eq!(
            seconds(&mut strict, 15, away).await,
            (true, vec!["coordinator_away".into()])
        );
        let both = vec!["coordinator_away".into(), "coordinator_unsettled".into()];
        assert_eq!(seconds(&mut strict, 1, away).await, (false, both));
        let unsettled = vec!["coordinator_unsettled".into()];
        assert_eq!(seconds(&mut strict, 5, WHOLE).await, (false, unsettled));
        assert_eq!(seconds(&mut strict, 1, WHOLE).await, (true, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_without_a_lease_is_broken_unless_the_coordinator_is_to_blame() {
        let without = Seen {
            has_lease: false,
            ..WHOLE
        };
        let untrusted = Seen {
            is_trusted: false,
            ..without
        };
        let mut health = health(ReadinessMode::Standard);
        assert_eq!(seconds(&mut health, 60, untrusted).await, (true, vec![]));
        assert_eq!(seconds(&mut health, 21, without).await, (true, vec![]));
        assert_eq!(
            seconds(&mut health, 1, without).await,
            (false, vec!["broken".into()])
        );
        assert_eq!(seconds(&mut health, 1, WHOLE).await, (true, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_cannot_be_written_turns_its_replica_red() {
        let failing = Seen {
            is_store_failing: true,
            ..WHOLE
        };
        let mut health = health(ReadinessMode::Standard);
        assert_eq!(
            seconds(&mut health, 1, failing).await,
            (false, vec!["store_failing".into()])
        );
        assert_eq!(seconds(&mut health, 1, WHOLE).await, (true, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_view_that_stays_stale_is_told_and_turns_nobody_away() {
        let stale = Seen {
            has_fresh_view: false,
            ..WHOLE
        };
        let mut health = health(ReadinessMode::Strict);
        assert_eq!(seconds(&mut health, 3, stale).await, (true, vec![]));
        assert_eq!(
            seconds(&mut health, 1, stale).await,
            (true, vec!["view_stale".into()])
        );
        assert_eq!(seconds(&mut health, 1, WHOLE).await, (true, vec![]));
    }
}
