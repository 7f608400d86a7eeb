//! What clients send.

use super::{counter, durations, gauge, words};
use crate::metric::{Metric, Unit};

/// The methods that requests are counted by. The last one stands for all that the protocol does not know: what clients
/// make up must not become a time series.
pub const METHODS: &[&str] = &[
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
    "server/discover",
    "subscriptions/listen",
    "tasks/list",
    "tasks/get",
    "tasks/result",
    "tasks/update",
    "tasks/cancel",
    "other",
];

/// The eras of the protocol; a request that is refused before its era is known has none.
pub const ERAS: &[&str] = &["legacy", "modern", "none"];

/// How requests end.
pub const OUTCOMES: &[&str] = &["ok", "error", "refused", "unavailable", "cancelled", "timeout"];

/// The HTTP methods that responses are counted by.
pub const VERBS: &[&str] = &["POST", "GET", "DELETE", "other"];

/// The HTTP statuses that responses are counted by.
pub const STATUSES: &[&str] = &[
    "200", "202", "204", "400", "401", "403", "404", "405", "406", "408", "413", "415", "500", "503", "other",
];

/// Requests that have ended.
pub const REQUESTS: Metric = counter(
    "mcpg_requests_total",
    &[
        words("method", METHODS),
        words("era", ERAS),
        words("outcome", OUTCOMES),
    ],
    "JSON-RPC requests of clients that have ended, each once, those of a batch singly. `ok`: there was a result, also one \
     with `isError`; `error`: a JSON-RPC error; `refused`: an HTTP status of 400 to 499 before it was executed; `unavailable`: \
     503, the coordinator was not reached; `cancelled`: by the client, by its going away (modern), or with its session; \
     `timeout`: silent for longer than `gateway.server.request_timeout_ms`",
);

/// How long requests took.
pub const REQUEST_DURATION: Metric = durations(
    "mcpg_request_duration_seconds",
    &[words("method", METHODS), words("era", ERAS)],
    "Time from reading a request to its end, whatever the outcome",
);

/// Requests that run.
pub const REQUESTS_IN_FLIGHT: Metric = gauge(
    "mcpg_requests_in_flight",
    Unit::Count,
    &[],
    "JSON-RPC requests of clients that are being executed here, also those whose client went away",
);

/// Answers on the level of HTTP.
pub const HTTP_RESPONSES: Metric = counter(
    "mcpg_http_responses_total",
    &[words("verb", VERBS), words("status", STATUSES)],
    "HTTP responses of the MCP listener by the status they began with, also those to what is no JSON-RPC request",
);

/// Calls that became streams.
pub const CALLS_UPGRADED: Metric = counter(
    "mcpg_calls_upgraded_total",
    &[words("era", &["legacy", "modern"])],
    "Calls whose response became an event stream, because they took longer than `gateway.server.upgrade_after_ms` or had \
     something to say; in the legacy era each costs coordinator writes",
);

/// The causes of [`CANCELS`].
pub const CANCEL_CAUSES: &[&str] = &["client", "disconnect", "session_closed", "timeout"];

/// Calls that were cut off.
pub const CANCELS: Metric = counter(
    "mcpg_cancels_total",
    &[words("cause", CANCEL_CAUSES)],
    "Calls that were cut off before their executor had finished, so that the upstream was told to stop",
);
