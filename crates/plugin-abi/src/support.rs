//! Support across the border. Times are in nanoseconds; a number that the host does not know counts as weakest.

use abi_stable::StableAbi;
use abi_stable::std_types::ROption;

/// What the backend guarantees.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct AbiSupport {
    /// What survives a crash.
    pub acked_survives_crash: AbiSurvival,
    /// What survives a fail-over, where there is one.
    pub acked_survives_failover: ROption<AbiSurvival>,
    /// How old a read may be.
    pub stale_reads: u64,
    /// One of the `TOKENS_` numbers of [`code`].
    pub tokens_survive_memory_loss: u8,
    /// One of the `CLOCK_` numbers of [`code`].
    pub ttl_clock: u8,
    /// One of the `CHANGES_` numbers of [`code`].
    pub watch_changes: u8,
    /// Whether a watch shows an expiry when it happens.
    pub watch_sees_expiry: bool,
    /// The fixed part of the slack.
    pub ttl_slack_fixed: u64,
    /// The share of the TTL that is slack.
    pub ttl_slack_percent: u32,
    /// The shortest TTL.
    pub min_ttl: u64,
    /// The longest TTL.
    pub max_ttl: ROption<u64>,
    /// The TTL of a lease whose holder has no wish.
    pub lease_ttl: u64,
    /// How late a watch may be.
    pub watch_lag: u64,
    /// The largest value in bytes.
    pub max_value_bytes: u64,
    /// The largest message in bytes.
    pub max_message_bytes: u64,
}

/// What of the acknowledged writes survives.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct AbiSurvival {
    /// One of the `SURVIVES_` numbers of [`code`].
    pub what: u8,
    /// The time that may be lost, for the two that have one.
    pub loses: u64,
}

/// Numbers of the alternatives in [`AbiSupport`].
pub mod code {
    /// Nothing is certain to survive.
    pub const SURVIVES_NOTHING: u8 = 0;
    /// All but the last moments.
    pub const SURVIVES_ALL_BUT_LAST: u8 = 1;
    /// All, when only the process crashes.
    pub const SURVIVES_PROCESS_CRASH: u8 = 2;
    /// All.
    pub const SURVIVES_ALL: u8 = 3;

    /// Tokens may start again.
    pub const TOKENS_NO: u8 = 0;
    /// Tokens grow while the server's clock does.
    pub const TOKENS_CLOCK_ONLY: u8 = 1;
    /// Tokens grow unless an older state is restored.
    pub const TOKENS_UNLESS_RESTORED: u8 = 2;
    /// Tokens always grow.
    pub const TOKENS_YES: u8 = 3;

    /// TTLs follow the server's wall clock.
    pub const CLOCK_SERVER_WALL: u8 = 0;
    /// TTLs follow a clock of this process.
    pub const CLOCK_LOCAL: u8 = 1;
    /// TTLs follow a timer of the server.
    pub const CLOCK_SERVER: u8 = 2;
    /// TTLs follow a timer of the leader.
    pub const CLOCK_LEADER: u8 = 3;

    /// A watch shows the latest change for certain.
    pub const CHANGES_LATEST: u8 = 0;
    /// A watch shows every change.
    pub const CHANGES_EVERY: u8 = 1;
}
