//! This replica among the others.

use super::{counter, gauge, words};
use crate::metric::{Metric, Unit};

/// Whether the view is fresh.
pub const VIEW_FRESH: Metric = gauge(
    "mcpg_view_fresh",
    Unit::Truth,
    &[],
    "Whether this replica may use what it remembers of sessions; while it may not, each request of a session asks the coordinator",
);

/// How old the view is.
pub const VIEW_AGE: Metric = gauge(
    "mcpg_view_age_seconds",
    Unit::Seconds,
    &[],
    "Time since the heartbeat was sent that the view rests on; above `gateway.server.session_cache_ms` the view is not fresh, \
     and it is infinite while there is none",
);

/// Whether the replica has its lease.
pub const REPLICA_LEASE_HELD: Metric = gauge(
    "mcpg_replica_lease_held",
    Unit::Truth,
    &[],
    "Whether this replica holds the lease that proves to the others that it lives",
);

/// Whether the replica leads.
pub const LEADER: Metric = gauge(
    "mcpg_leader",
    Unit::Truth,
    &[],
    "Whether this replica does the chores of the fleet at the moment; 1 on exactly one replica most of the time",
);

/// Take-overs of what others owned.
pub const TAKE_OVERS: Metric = counter(
    "mcpg_take_overs_total",
    &[words(
        "what",
        &[
            "call",
            "leadership",
            "upstream_session",
            "upstream_stream",
            "mailbox_request",
            "subscription",
        ],
    )],
    "What this replica took over: a `call`, `mailbox_request`, `subscription` or `upstream_stream` (the GET stream of an \
     upstream session) of a replica that is dead, the `leadership`, an `upstream_session` that had to be opened again",
);

/// Writes that came too late.
pub const REFUSED_FENCES: Metric = counter(
    "mcpg_refused_fences_total",
    &[words("record", &["call", "lease"])],
    "Writes of this replica that were refused because a successor had claimed what it wrote: it had been paused or cut off. \
     Rare is fine, steady is not",
);

/// Writes of unknown outcome.
pub const UNDECIDED_WRITES: Metric = counter(
    "mcpg_undecided_writes_total",
    &[],
    "Writes whose outcome stayed unknown although it was tried to settle them",
);

/// Requests to other replicas.
pub const MAILBOX_REQUESTS: Metric = counter(
    "mcpg_mailbox_requests_total",
    &[words(
        "outcome",
        &["answered", "not_started", "unknown", "unavailable"],
    )],
    "Requests of this replica to another one, by what came of them: `not_started` was surely not executed, `unknown` may have been",
);
