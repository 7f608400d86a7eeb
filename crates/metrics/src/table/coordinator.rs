//! The coordinator as this replica uses it.

use super::{counter, durations, gauge, words};
use crate::metric::{Label, Metric, Unit};

/// The operations of all primitives.
pub const OPERATIONS: &[&str] = &[
    "get",
    "put",
    "delete",
    "list",
    "touch",
    "publish",
    "subscribe",
    "acquire",
    "renew",
    "release",
    "holder",
    "watch",
    "join",
    "peers",
    "peer_events",
    "leave",
];

/// The primitives of the contract.
pub const PRIMITIVES: &[&str] = &["key_value", "pubsub", "lease", "watch", "presence"];

/// How operations end: `ok`, or the kind of the error.
pub const RESULTS: &[&str] = &[
    "ok",
    "conflict",
    "not_held",
    "unavailable",
    "indeterminate",
    "invalid",
    "too_large",
    "denied",
    "closed",
    "internal",
    "abandoned",
];

const PRIMITIVE: Label = words("primitive", PRIMITIVES);
const OPERATION: Label = words("operation", OPERATIONS);

/// Whether the coordinator is reached.
pub const COORDINATOR_UP: Metric = gauge(
    "mcpg_coordinator_up",
    Unit::Truth,
    &[],
    "Whether this replica is connected to the coordinator",
);

/// How often the connection came back.
pub const COORDINATOR_RECONNECTS: Metric = counter(
    "mcpg_coordinator_reconnects_total",
    &[],
    "How often the connection to the coordinator came back",
);

/// Operations of the coordinator.
pub const COORDINATOR_OPERATIONS: Metric = counter(
    "mcpg_coordinator_operations_total",
    &[PRIMITIVE, OPERATION, words("result", RESULTS)],
    "Operations that this replica asked the coordinator for. `conflict` is everyday life, `unavailable` and `indeterminate` are \
     outages, `denied`, `too_large`, `invalid` and `internal` are mistakes that someone must look at; `abandoned`: nobody \
     waited for the end",
);

/// How long operations took.
pub const COORDINATOR_OPERATION_DURATION: Metric = durations(
    "mcpg_coordinator_operation_duration_seconds",
    &[PRIMITIVE, OPERATION],
    "Time that an operation of the coordinator took, whatever the result",
);

/// How often the coordinator lost its data.
pub const COORDINATOR_DATA_LOSSES: Metric = counter(
    "mcpg_coordinator_data_losses_total",
    &[],
    "How often this replica found that the coordinator had lost what the fleet wrote; all sessions end with it",
);
