//! The `mcp.configurations` block as it is written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// How what the gateway does for clients is kept, each thing for itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConfigurations {
    /// The client sessions.
    pub(crate) sessions: RawSessions,
    /// The streams of legacy clients, which they may resume.
    pub(crate) delivery: RawDelivery,
    /// The cancels of legacy clients.
    pub(crate) cancellation: RawCancellation,
    /// What clients subscribed to.
    pub(crate) subscriptions: RawSubscriptions,
}

/// The client sessions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSessions {
    /// Where their records are kept.
    pub(crate) store: RawStore,
}

/// Where records are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawStore {
    /// `cluster`: in the coordinator that `cluster.kind` names. `memory`: in this process. `file`: in a folder of this process, where they survive its end. With `memory` and `file` no other replica knows them. Default: cluster.
    pub(crate) kind: String,
    /// The folder of the kind `file`, for one process alone; it is made where there is none. A relative path belongs to the folder of the configuration file. Default: none.
    pub(crate) dir: Option<PathBuf>,
}

impl Default for RawStore {
    fn default() -> Self {
        Self {
            kind: "cluster".to_owned(),
            dir: None,
        }
    }
}

/// The streams of legacy clients, which they may resume.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawDelivery {
    /// Where their events are kept and how replicas hear of them.
    pub(crate) bus: RawBus,
    /// How many events are kept per stream, and messages for a client that has no stream open; beyond it the oldest are gone. Default: 1000. Range: 1..=100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) max_events: u32,
    /// How many bytes of events are kept per stream; beyond it the oldest are gone. Default: 4194304. Range: 65536..=1073741824.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub(crate) max_bytes: u64,
    /// How long an event is kept, in milliseconds. Default: 300000. Range: 1000..=86400000.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub(crate) max_age_ms: u64,
    /// How many bytes of events are kept for one client (an API key, or a session without one) over all replicas; beyond it streams of this client end with an error. At least `max_bytes`. Default: 67108864. Range: 1048576..=1099511627776.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub(crate) bytes_per_principal: u64,
}

impl Default for RawDelivery {
    fn default() -> Self {
        Self {
            bus: RawBus::default(),
            max_events: 1000,
            max_bytes: 4 * 1024 * 1024,
            max_age_ms: 300_000,
            bytes_per_principal: 64 * 1024 * 1024,
        }
    }
}

/// The cancels of legacy clients.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawCancellation {
    /// How replicas hear of them.
    pub(crate) bus: RawBus,
}

/// How replicas hear of each other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawBus {
    /// `cluster`: over the coordinator that `cluster.kind` names. `memory`: not at all, each replica is alone with what runs in its process. Default: cluster.
    pub(crate) kind: String,
}

impl Default for RawBus {
    fn default() -> Self {
        Self {
            kind: "cluster".to_owned(),
        }
    }
}

/// What clients subscribed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSubscriptions {
    /// Where it is kept who is interested in what.
    pub(crate) store: RawStore,
    /// How many resources one session may be subscribed to; beyond it a subscription is refused. Default: 1000. Range: 1..=100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) max_per_session: u32,
}

impl Default for RawSubscriptions {
    fn default() -> Self {
        Self {
            store: RawStore::default(),
            max_per_session: 1000,
        }
    }
}
