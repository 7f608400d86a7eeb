//! The rules of `observability`.

use super::Checker;
use crate::app::{LogLevel, Logs, Metrics, Observability};
use crate::path::Path;
use crate::raw::RawObservability;

/// What of `gateway` the rules need.
pub(super) struct OfGateway {
    /// Whether there is a listener for operators.
    pub(super) listens: bool,
    /// Whether each request is to be a line in the log.
    pub(super) access_log: bool,
}

pub(super) fn validate(
    raw: &RawObservability,
    gateway: &OfGateway,
    checker: &mut Checker<'_>,
) -> Observability {
    let level = raw.logs.level;
    if gateway.access_log && matches!(level, LogLevel::Error | LogLevel::Warn) {
        checker.warn(
            &Path::of_keys("gateway.server.access_log"),
            format!(
                "no request is written: its line has the level info, and the log begins at {}",
                level.as_str()
            ),
            "set `observability.logs.level` to info, or remove `access_log`",
        );
    }
    if raw.metrics.enabled && !gateway.listens {
        checker.conflict(
            &Path::of_keys("observability.metrics.enabled"),
            "nobody can read the metrics: there is no listener for operators, which answers `/metrics`",
            "true where `gateway.admin.bind_address` is set, else false",
            "set `gateway.admin.bind_address`, as in `127.0.0.1:9090`",
        );
    }
    Observability {
        logs: Logs {
            level,
            format: raw.logs.format,
        },
        metrics: Metrics {
            enabled: raw.metrics.enabled,
        },
    }
}
