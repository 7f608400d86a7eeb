//! Sessions of legacy clients.

use super::{counter, gauge, words};
use crate::metric::{Metric, Unit};

/// Sessions that were opened.
pub const SESSIONS_CREATED: Metric = counter(
    "mcpg_sessions_created_total",
    &[],
    "Sessions that this replica opened",
);

/// Sessions that ended.
pub const SESSIONS_CLOSED: Metric = counter(
    "mcpg_sessions_closed_total",
    &[words("reason", &["deleted", "expired"])],
    "Sessions whose end this replica wrote: `deleted` by their client, or found `expired` by the leader. Over all replicas each \
     counts once; one without anything to clean up upstream expires in the coordinator and is not counted",
);

/// Messages that nobody read.
pub const MESSAGES_LOST: Metric = counter(
    "mcpg_messages_lost_total",
    &[],
    "Messages of upstreams outside of any call that were dropped because too many waited for a GET stream of their session; the \
     next stream is told how many",
);

/// Sessions in the cache.
pub const SESSIONS_REMEMBERED: Metric = gauge(
    "mcpg_sessions_remembered",
    Unit::Count,
    &[],
    "Sessions that this replica remembers, so that a request of them costs no coordinator operation",
);

/// Sessions that count against the limit.
pub const SESSIONS_MINTED_HERE: Metric = gauge(
    "mcpg_sessions_minted_here",
    Unit::Count,
    &[],
    "Sessions opened by this replica that may still live; at `gateway.server.max_sessions` new ones get 503",
);

/// Capabilities whose records stay on this replica.
pub const CAPABILITY_PINNED: Metric = gauge(
    "mcpg_capability_pinned",
    Unit::Truth,
    &[
        words(
            "capability",
            &["sessions", "delivery", "cancellation", "subscriptions"],
        ),
        words("store", &["memory", "file"]),
    ],
    "1 for a capability whose records this replica keeps for itself though there are others, which know nothing of them: \
     remove its `store` or `bus` from `mcp.configurations`",
);
