//! Streams of legacy calls.

use super::{counter, gauge, words};
use crate::metric::{Metric, Unit};

/// Connections on which a stream is sent.
pub const STREAMS_OPEN: Metric = gauge(
    "mcpg_streams_open",
    Unit::Count,
    &[words("stream", &["call", "resumed"])],
    "Connections on which this replica sends the stream of a legacy call: of a `call` that it runs itself, or one that a \
     client has `resumed` here",
);

/// How resumptions began.
pub const STREAMS_RESUMED: Metric = counter(
    "mcpg_streams_resumed_total",
    &[words(
        "found",
        &[
            "running",
            "finished",
            "cancelled",
            "owner_lost",
            "trimmed",
            "broken",
            "gone",
        ],
    )],
    "Streams that clients resumed here, by what was found: a call that is `running`, `finished`, `cancelled` or whose replica \
     was lost (`owner_lost`: its outcome is unknown); or a log that begins too late (`trimmed`), lacks a part (`broken`) or is \
     `gone`",
);

/// Why connections ended.
pub const STREAMS_CLOSED: Metric = counter(
    "mcpg_streams_closed_total",
    &[words(
        "reason",
        &[
            "ended",
            "client_gone",
            "overflow",
            "displaced",
            "paused",
            "session_closed",
            "stopping",
        ],
    )],
    "Connections of such streams that ended, by reason: `ended` with the call, left by the client (`client_gone`), cut because \
     the client reads too slowly (`overflow`) or has come back elsewhere (`displaced`), `paused` because the upstream lets go \
     of the gateway, `session_closed`, or `stopping` because this replica does",
);

/// Streams for which a client has no room left.
pub const STREAMS_OVER_BUDGET: Metric = counter(
    "mcpg_streams_over_budget_total",
    &[],
    "Streams of calls that ended with an error because the streams of their client hold as much as \
     `mcp.configurations.delivery.bytes_per_principal` allows",
);
