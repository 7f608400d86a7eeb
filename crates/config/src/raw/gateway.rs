//! The `gateway` block as it is written.

use crate::app::{ReadinessMode, Transport};
use schemars::JsonSchema;
use serde::Deserialize;

/// The gateway itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawGateway {
    /// The listener for clients and its limits.
    pub(crate) server: RawServer,
    /// The listener for operators.
    pub(crate) admin: RawAdmin,
    /// Whether `/ready` turns red while the coordinator is away: `standard` never, `strict` after 15 seconds, until it has answered for 5 seconds. Default: standard.
    pub(crate) readiness: ReadinessMode,
    /// Refuses to start on a coordinator that keeps less than the gateway would like, instead of warning. Default: false.
    pub(crate) require_durable: bool,
}

/// The listener for operators.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawAdmin {
    /// Where `/ready`, `/health`, `/cluster` and, where enabled, `/metrics` are answered, as host:port; port 0 lets the system choose. Default: nowhere.
    #[schemars(extend("examples" = ["127.0.0.1:9090"]))]
    pub(crate) bind_address: Option<String>,
}

/// The listener for clients and its limits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawServer {
    /// How clients reach the gateway: `http`, or `stdio` for the one client that started it, which needs no key. Default: http.
    pub(crate) transport: Transport,
    /// Where the gateway listens, as host:port; port 0 lets the system choose. Default: 127.0.0.1:8787.
    pub(crate) bind_address: String,
    /// The path of the MCP endpoint. Default: /mcp.
    pub(crate) mcp_path: String,
    /// The path that answers liveness probes. Default: /health.
    pub(crate) health_path: String,
    /// The `Origin` headers that are let in: origins (`https://app.example`), hosts, or `*` for all. Default: the loopback names and the bind host.
    pub(crate) allowed_origins: Option<Vec<String>>,
    /// The `Host` headers that are let in: hosts with or without a port, or `*` for all. Default: the loopback names and the bind host.
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// How long a call may stay silent (no progress, message or answered question) before it fails, in milliseconds. Default: 30000. Range: 1..=86400000.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(crate) request_timeout_ms: u64,
    /// How long a call may run before its answer becomes an event stream, in milliseconds. Default: 250. Range: 0..=60000.
    #[schemars(range(min = 0, max = 60_000))]
    pub(crate) upgrade_after_ms: u64,
    /// How long a session outlives its last use, in milliseconds. Default: 900000. Range: 100..=2592000000.
    #[schemars(range(min = 100, max = 2_592_000_000_u64))]
    pub(crate) session_idle_timeout_ms: u64,
    /// How long what is known of a session is used before it is confirmed again, in milliseconds. Default: 2000. Range: 200..=10000.
    #[schemars(range(min = 200, max = 10_000))]
    pub(crate) session_cache_ms: u64,
    /// How many sessions this process opens at most; beyond it clients get 503 with Retry-After. Default: 1000000. Range: 1..=100000000.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) max_sessions: u32,
    /// The largest request body, in MiB. Default: 4. Range: 1..=1024.
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) max_request_body_mb: u32,
    /// The largest answer of an upstream, in MiB. Default: 16. Range: 1..=1024.
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) max_response_mb: u32,
    /// How long a gateway that got SIGTERM still serves new work while `/ready` is red already, in milliseconds; without a listener for operators it does not wait. Default: 5000. Range: 0..=3600000.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub(crate) drain_delay_ms: u64,
    /// How long a stopping gateway waits for running calls, in milliseconds. Default: 30000. Range: 0..=3600000.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub(crate) shutdown_timeout_ms: u64,
    /// Writes one line at level info for each request of a client. Default: false.
    pub(crate) access_log: bool,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            transport: Transport::Http,
            bind_address: "127.0.0.1:8787".to_owned(),
            mcp_path: "/mcp".to_owned(),
            health_path: "/health".to_owned(),
            allowed_origins: None,
            allowed_hosts: None,
            request_timeout_ms: 30_000,
            upgrade_after_ms: 250,
            session_idle_timeout_ms: 900_000,
            session_cache_ms: 2_000,
            max_sessions: 1_000_000,
            max_request_body_mb: 4,
            max_response_mb: 16,
            drain_delay_ms: 5_000,
            shutdown_timeout_ms: 30_000,
            access_log: false,
        }
    }
}
