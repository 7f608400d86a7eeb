//! The rules of `observability`.

use super::Checker;
use crate::app::{Logs, Metrics, Observability};
use crate::path::Path;
use crate::raw::RawObservability;

/// `listens` tells whether there is a listener for operators.
pub(super) fn validate(raw: &RawObservability, listens: bool, checker: &mut Checker<'_>) -> Observability {
    if raw.metrics.enabled && !listens {
        checker.conflict(
            &Path::of_keys("observability.metrics.enabled"),
            "nobody can read the metrics: there is no listener for operators, which answers `/metrics`",
            "true where `gateway.admin.bind_address` is set, else false",
            "set `gateway.admin.bind_address`, as in `127.0.0.1:9090`",
        );
    }
    Observability {
        logs: Logs {
            level: raw.logs.level,
            format: raw.logs.format,
        },
        metrics: Metrics {
            enabled: raw.metrics.enabled,
        },
    }
}
