//! Support: what a backend promises, as far as promises differ.

use std::time::Duration;

/// What this backend, on this server with these settings, guarantees.
///
/// Start from [`Support::weakest`] and raise what is known to hold: what could not be found out counts as weakest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Support {
    /// Whether an acknowledged write is still there after the backend crashed.
    pub acked_survives_crash: Survival,
    /// Whether an acknowledged write is still there after a fail-over; `None` where nothing fails over.
    pub acked_survives_failover: Option<Survival>,
    /// How old a read may be; zero means linearizable.
    pub stale_reads: Duration,
    /// Whether lease tokens go on growing when the backend lost its memory.
    pub tokens_survive_memory_loss: TokenSurvival,
    /// The clock that TTLs run on.
    pub ttl_clock: TtlClock,
    /// How late an entry or a lease may expire.
    pub ttl_slack: TtlSlack,
    /// The shortest TTL of entries and leases.
    pub min_ttl: Duration,
    /// The longest TTL of entries and leases; `None` is no limit.
    pub max_ttl: Option<Duration>,
    /// The TTL of a lease whose holder has no wish of its own.
    pub lease_ttl: Duration,
    /// What a watch shows of several changes to one key.
    pub watch_changes: WatchChanges,
    /// Whether a watch shows an expiry when it happens, not only at the next comparison.
    pub watch_sees_expiry: bool,
    /// How late a watch may show a change while everything works.
    pub watch_lag: Duration,
    /// The largest value in bytes.
    pub max_value_bytes: usize,
    /// The largest message in bytes.
    pub max_message_bytes: usize,
}

impl Support {
    /// The support of a backend about which nothing is known.
    pub fn weakest() -> Self {
        Self {
            acked_survives_crash: Survival::No,
            acked_survives_failover: Some(Survival::No),
            stale_reads: Duration::from_secs(30),
            tokens_survive_memory_loss: TokenSurvival::No,
            ttl_clock: TtlClock::ServerWallClock,
            ttl_slack: TtlSlack {
                fixed: Duration::from_secs(2),
                percent_of_ttl: 100,
            },
            min_ttl: Duration::from_secs(10),
            max_ttl: Some(Duration::from_secs(24 * 60 * 60)),
            lease_ttl: Duration::from_secs(15),
            watch_changes: WatchChanges::Latest,
            watch_sees_expiry: false,
            watch_lag: Duration::from_secs(5),
            max_value_bytes: 64 * 1024,
            max_message_bytes: 64 * 1024,
        }
    }
}

/// What of the acknowledged writes survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Survival {
    /// Nothing is certain to survive.
    No,
    /// All but those of the last moments.
    AllButLast(Duration),
    /// All when the server process crashes; all but the last moments when its machine does.
    ProcessCrash {
        /// What a crash of the machine may cost.
        machine_crash_loses: Duration,
    },
    /// All.
    Yes,
}

/// When lease tokens go on growing although the backend lost its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenSurvival {
    /// They may start again.
    No,
    /// As long as the server's clock does not go back.
    ClockOnly,
    /// Unless an operator restores an older state.
    UnlessRestored,
    /// Always.
    Yes,
}

/// The clock that TTLs run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TtlClock {
    /// A monotonic clock of this process.
    Local,
    /// A timer of the server that does not follow its wall clock.
    Server,
    /// The server's wall clock: a step of it moves every expiry.
    ServerWallClock,
    /// A timer of the elected leader, which may start again with a new leader.
    LeaderTimer,
}

/// How late an expiry may be: a fixed time and a share of the TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlSlack {
    /// The part that is the same for every TTL.
    pub fixed: Duration,
    /// The part that grows with the TTL, in percent of it.
    pub percent_of_ttl: u32,
}

impl TtlSlack {
    /// No slack: what has expired is gone at that moment.
    pub const NONE: Self = Self {
        fixed: Duration::ZERO,
        percent_of_ttl: 0,
    };

    /// How late something with this TTL may expire.
    pub fn of(&self, ttl: Duration) -> Duration {
        let share = ttl.saturating_mul(self.percent_of_ttl) / 100;
        self.fixed.saturating_add(share)
    }
}

/// What a watch shows of several changes to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchChanges {
    /// Each of them, unless the reader is so slow that it must resync.
    Every,
    /// The latest for certain; those before may be left out.
    Latest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_is_a_fixed_part_and_a_share_of_the_ttl() {
        let slack = TtlSlack {
            fixed: Duration::from_secs(1),
            percent_of_ttl: 50,
        };
        assert_eq!(slack.of(Duration::from_secs(10)), Duration::from_secs(6));
        assert_eq!(TtlSlack::NONE.of(Duration::from_secs(10)), Duration::ZERO);
    }
}
