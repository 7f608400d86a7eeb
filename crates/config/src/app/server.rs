//! The listener for clients and its limits.

use super::{AllowedHosts, AllowedOrigins, BindAddress};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// The `gateway.server` block.
#[derive(Debug, Clone)]
pub struct Server {
    /// How clients reach the gateway.
    pub transport: Transport,
    /// Where the gateway listens.
    pub bind_address: BindAddress,
    /// The path of the MCP endpoint, with its leading slash.
    pub mcp_path: String,
    /// The path that answers liveness probes, with its leading slash.
    pub health_path: String,
    /// Which `Origin` headers are let in.
    pub allowed_origins: AllowedOrigins,
    /// Which `Host` headers are let in.
    pub allowed_hosts: AllowedHosts,
    /// How long a call may stay silent (`request_timeout_ms`).
    pub request_timeout: Duration,
    /// How long a call may run before its answer becomes a stream (`upgrade_after_ms`).
    pub upgrade_after: Duration,
    /// How long a session outlives its last use (`session_idle_timeout_ms`).
    pub session_idle_timeout: Duration,
    /// How long what is known of a session is used unconfirmed (`session_cache_ms`).
    pub session_cache: Duration,
    /// How many sessions this process opens at most.
    pub max_sessions: usize,
    /// The largest request body in bytes (`max_request_body_mb`).
    pub max_request_body_bytes: usize,
    /// The largest upstream answer in bytes (`max_response_mb`).
    pub max_response_bytes: usize,
    /// How long a gateway that was told to stop still serves new work (`drain_delay_ms`).
    pub drain_delay: Duration,
    /// How long a stopping gateway waits for running calls (`shutdown_timeout_ms`).
    pub shutdown_timeout: Duration,
    /// Whether each request of a client is a line in the log.
    pub access_log: bool,
}

/// How clients reach the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Transport {
    /// Over HTTP, any number of them.
    #[default]
    Http,
    /// Over standard input and output: the one client that started the gateway.
    Stdio,
}
