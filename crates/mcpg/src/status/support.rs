//! What a backend guarantees, in words.

use std::time::Duration;

use mcpg_cluster::{Support, Survival, TokenSurvival, TtlClock, WatchChanges};
use serde_json::{Value, json};

/// Every field of Support.
pub(super) fn told(support: &Support) -> Value {
    json!({
        "acked_survives_crash": survival(support.acked_survives_crash),
        "acked_survives_failover": support.acked_survives_failover.map(survival),
        "stale_reads_ms": millis(support.stale_reads),
        "tokens_survive_memory_loss": tokens(support.tokens_survive_memory_loss),
        "ttl_clock": clock(support.ttl_clock),
        "ttl_slack_ms": millis(support.ttl_slack.fixed),
        "ttl_slack_percent": support.ttl_slack.percent_of_ttl,
        "min_ttl_ms": millis(support.min_ttl),
        "max_ttl_ms": support.max_ttl.map(millis),
        "lease_ttl_ms": millis(support.lease_ttl),
        "watch_changes": match support.watch_changes {
            WatchChanges::Every => "every",
            WatchChanges::Latest => "latest",
            _ => UNKNOWN,
        },
        "watch_sees_expiry": support.watch_sees_expiry,
        "watch_lag_ms": millis(support.watch_lag),
        "max_value_bytes": support.max_value_bytes,
        "max_message_bytes": support.max_message_bytes,
    })
}

/// For what a later release of the contract adds.
const UNKNOWN: &str = "unknown";

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn survival(survival: Survival) -> String {
    match survival {
        Survival::No => "no".to_owned(),
        Survival::AllButLast(last) => format!("all but the last {last:?}"),
        Survival::ProcessCrash { machine_crash_loses } => {
            format!("a crash of the process yes, a crash of the machine loses {machine_crash_loses:?}")
        }
        Survival::Yes => "yes".to_owned(),
        _ => UNKNOWN.to_owned(),
    }
}

fn tokens(survival: TokenSurvival) -> &'static str {
    match survival {
        TokenSurvival::No => "no",
        TokenSurvival::ClockOnly => "while the clock of the server does not go back",
        TokenSurvival::UnlessRestored => "unless an older state is restored",
        TokenSurvival::Yes => "yes",
        _ => UNKNOWN,
    }
}

fn clock(clock: TtlClock) -> &'static str {
    match clock {
        TtlClock::Local => "this process",
        TtlClock::Server => "the server",
        TtlClock::ServerWallClock => "the wall clock of the server",
        TtlClock::LeaderTimer => "the elected leader",
        _ => UNKNOWN,
    }
}
