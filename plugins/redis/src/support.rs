//! What this server, as it is configured now, guarantees.

use std::collections::HashMap;
use std::time::Duration;

use mcpg_plugin_sdk::cluster::{
    Error, ErrorKind, Result, Support, Survival, TokenSurvival, TtlClock, TtlSlack, WatchChanges,
};
use redis::aio::MultiplexedConnection;

/// The largest value and message: above the largest body that a client may send by default, since an answer of a
/// client is kept whole, and small enough that one of them does not hold up the others for long.
pub(crate) const LARGEST_BYTES: usize = 8 * 1024 * 1024;
pub(crate) const MIN_TTL: Duration = Duration::from_millis(1);
pub(crate) const MAX_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How often a watch compares, whatever it was told or not told meanwhile.
pub(crate) const RESYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What an append-only file that is synced every second may lose: a second and the time a late sync may take.
const EVERY_SECOND_LOSES: Duration = Duration::from_secs(2);

/// Reads what the server says about itself.
///
/// # Errors
/// `Denied` for a server that evicts keys: records would vanish without anybody having deleted them. `Unavailable`
/// for a replica, which takes no writes.
pub(crate) async fn read(connection: &mut MultiplexedConnection) -> Result<Support> {
    let info: Option<String> = redis::cmd("INFO").query_async(connection).await.ok();
    let fsync: Option<HashMap<String, String>> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("appendfsync")
        .query_async(connection)
        .await
        .ok();
    let fsync = fsync.and_then(|mut found| found.remove("appendfsync"));
    judge(&fields(info.as_deref().unwrap_or("")), fsync.as_deref())
}

fn fields(info: &str) -> HashMap<&str, &str> {
    info.lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .collect()
}

fn judge(info: &HashMap<&str, &str>, fsync: Option<&str>) -> Result<Support> {
    if let Some(policy) = info
        .get("maxmemory_policy")
        .filter(|policy| **policy != "noeviction")
    {
        let message = "redis evicts keys when its memory is full; set maxmemory-policy to noeviction";
        return Err(Error::new(ErrorKind::Denied, message).with_context("maxmemory-policy", *policy));
    }
    if info.get("role") == Some(&"slave") {
        let message = "this redis server is a replica and takes no writes";
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    let append_only = info.get("aof_enabled") == Some(&"1");
    let alone = info.get("role") == Some(&"master") && info.get("connected_slaves") == Some(&"0");
    let mut support = Support::weakest();
    support.acked_survives_crash = match fsync {
        Some("always") if append_only => Survival::Yes,
        Some("everysec") if append_only => Survival::AllButLast(EVERY_SECOND_LOSES),
        _ => Survival::No,
    };
    support.acked_survives_failover = if alone { None } else { Some(Survival::No) };
    support.stale_reads = Duration::ZERO;
    support.tokens_survive_memory_loss = if append_only {
        TokenSurvival::Yes
    } else {
        TokenSurvival::ClockOnly
    };
    support.ttl_clock = TtlClock::ServerWallClock;
    // The server rounds to milliseconds and reads its clock once per round of its loop.
    support.ttl_slack = TtlSlack {
        fixed: Duration::from_millis(10),
        percent_of_ttl: 0,
    };
    support.min_ttl = MIN_TTL;
    support.max_ttl = Some(MAX_TTL);
    support.watch_changes = WatchChanges::Latest;
    support.watch_sees_expiry = false;
    support.watch_lag = RESYNC_INTERVAL * 2;
    support.max_value_bytes = LARGEST_BYTES;
    support.max_message_bytes = LARGEST_BYTES;
    Ok(support)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALONE: &str = "role:master\r\nconnected_slaves:0\r\nmaxmemory_policy:noeviction\r\n";

    #[test]
    fn what_cannot_be_read_counts_as_weakest() {
        let support = judge(&fields(""), None).unwrap();
        assert_eq!(support.acked_survives_crash, Survival::No);
        assert_eq!(support.acked_survives_failover, Some(Survival::No));
        assert_eq!(support.tokens_survive_memory_loss, TokenSurvival::ClockOnly);
        let unknown_sync = format!("{ALONE}aof_enabled:1\r\n");
        let support = judge(&fields(&unknown_sync), None).unwrap();
        assert_eq!(support.acked_survives_crash, Survival::No);
    }

    #[test]
    fn an_append_only_file_is_worth_what_its_sync_is() {
        let info = format!("{ALONE}aof_enabled:1\r\n");
        let crash = |fsync| judge(&fields(&info), Some(fsync)).unwrap().acked_survives_crash;
        assert_eq!(crash("always"), Survival::Yes);
        assert_eq!(crash("everysec"), Survival::AllButLast(EVERY_SECOND_LOSES));
        assert_eq!(crash("no"), Survival::No);
        let support = judge(&fields(ALONE), Some("always")).unwrap();
        assert_eq!(support.acked_survives_crash, Survival::No);
        assert_eq!(support.acked_survives_failover, None);
    }

    #[test]
    fn a_server_that_evicts_or_replicates_is_refused() {
        let evicting = judge(&fields("maxmemory_policy:allkeys-lru\r\n"), None).unwrap_err();
        assert_eq!(evicting.kind(), ErrorKind::Denied);
        assert!(evicting.to_string().contains("allkeys-lru"), "{evicting}");
        let replica = judge(&fields("role:slave\r\n"), None).unwrap_err();
        assert_eq!(replica.kind(), ErrorKind::Unavailable);
    }
}
