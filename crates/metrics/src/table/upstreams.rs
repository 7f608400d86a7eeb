//! The servers behind the gateway.

use super::{counter, durations, gauge, named, words};
use crate::metric::{Label, Metric, Unit};

const UPSTREAM: Label = named("upstream", "`mcp.federations[].name`");

/// How requests to an upstream end.
pub const UPSTREAM_OUTCOMES: &[&str] = &[
    "ok",
    "error",
    "not_sent",
    "lost",
    "session_gone",
    "invalid",
    "cancelled",
];

/// Whether an upstream answers.
pub const UPSTREAM_UP: Metric = gauge(
    "mcpg_upstream_up",
    Unit::Truth,
    &[UPSTREAM, words("era", &["legacy", "modern"])],
    "Whether the upstream can be used in this era of the protocol; 0 in both means that its tools fail",
);

/// Requests to an upstream.
pub const UPSTREAM_REQUESTS: Metric = counter(
    "mcpg_upstream_requests_total",
    &[UPSTREAM, words("outcome", UPSTREAM_OUTCOMES)],
    "Requests sent on behalf of clients, each attempt. `error`: the upstream answered with a JSON-RPC error; `not_sent`: it was not reached and \
     surely executed nothing; `lost`: it was lost in mid-call, the outcome is unknown; `session_gone`: it forgot the session, \
     which is opened again; `invalid`: it broke the protocol; `cancelled`: the call was cut off on this side",
);

/// How long requests to an upstream took.
pub const UPSTREAM_REQUEST_DURATION: Metric = durations(
    "mcpg_upstream_request_duration_seconds",
    &[UPSTREAM],
    "Time from sending a request to an upstream to its end, whatever the outcome",
);

/// How often an upstream came back.
pub const UPSTREAM_RESTARTS: Metric = counter(
    "mcpg_upstream_restarts_total",
    &[UPSTREAM],
    "How often the upstream was usable again after it had not been",
);

/// Sessions opened at an upstream.
pub const UPSTREAM_SESSIONS_OPENED: Metric = counter(
    "mcpg_upstream_sessions_opened_total",
    &[UPSTREAM],
    "Sessions opened at the upstream on behalf of client sessions",
);

/// Child processes of an upstream that is a program.
pub const UPSTREAM_PROCESSES_STARTED: Metric = counter(
    "mcpg_upstream_processes_started_total",
    &[UPSTREAM],
    "Processes started for an upstream that is a program: one for the catalogue and one per session that calls; without new \
     sessions a steady rise is a program that crashes",
);
