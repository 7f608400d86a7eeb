//! The audit log.

use super::{counter, gauge, named, words};
use crate::metric::{Label, Metric, Unit};

const SINK: Label = named("sink", "the path of the file, or `stderr`");

/// Lines of the audit log.
pub const AUDIT_LINES: Metric = counter(
    "mcpg_audit_lines_total",
    &[SINK, words("result", &["written", "lost"])],
    "Lines of the audit log: `written` ones are on the disk, `lost` ones are not and never will be",
);

/// Whether lines wait for a sink that fails.
pub const AUDIT_FAILING: Metric = gauge(
    "mcpg_audit_failing",
    Unit::Truth,
    &[SINK],
    "Whether the last attempt to write lines of the audit log has failed; with `on_failure: fail_closed` calls are refused then",
);
