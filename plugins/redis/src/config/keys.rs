//! The keys of the `cluster` block with `kind: redis`, as they are written.

use std::path::PathBuf;

use mcpg_plugin_sdk::schemars::JsonSchema;
use mcpg_plugin_sdk::serde::Deserialize;

/// The keys of the `cluster` block with `kind: redis`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(crate = "mcpg_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "mcpg_plugin_sdk::schemars")]
pub struct Config {
    /// The server, as redis://host:port/database or rediss://host:port/database, with user and password where needed. Required.
    pub(super) url: String,
    /// What every key and channel begins with; one per deployment. Default: mcpg:cluster:.
    #[serde(default = "key_prefix")]
    pub(super) key_prefix: String,
    /// The TTL of a lease whose caller names none, in milliseconds. Default: 30000. Range: 1..=86400000.
    #[serde(default = "lease_ttl_ms")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(super) lease_ttl_ms: u64,
    /// How long a replica counts as present after its last sign of life, in milliseconds. Default: 60000. Range: 1..=86400000.
    #[serde(default = "peer_ttl_ms")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(super) peer_ttl_ms: u64,
    /// How often a replica gives a sign of life, in milliseconds; less than peer_ttl_ms. Default: half of peer_ttl_ms. Range: 1..=86400000.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(super) peer_refresh_interval_ms: Option<u64>,
    /// How much of a lease's TTL has passed when it is renewed, in percent; what is outside of 1..=99 is set to the nearest. Default: 80.
    #[serde(default = "lease_renew_before_expiry_percent")]
    pub(super) lease_renew_before_expiry_percent: i64,
    /// How many events wait for a slow subscriber before it gets a gap. Default: 256. Range: 1..=1000000.
    #[serde(default = "subscribe_pattern_buffer")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) subscribe_pattern_buffer: u64,
    /// The name of this node, different for each replica. Default: service_name-$HOSTNAME, with a random ending where there is no HOSTNAME.
    #[schemars(length(min = 1, max = 255))]
    pub(super) node_id: Option<String>,
    /// The name of the service that all replicas belong to; the default of node_id begins with it. Default: mcpg.
    #[serde(default = "service_name")]
    #[schemars(length(min = 1, max = 200))]
    pub(super) service_name: String,
    /// Certificates for rediss://. Default: the certificates of the system.
    pub(super) tls: Option<TlsFiles>,
}

/// Files in PEM format for TLS.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(crate = "mcpg_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "mcpg_plugin_sdk::schemars")]
pub struct TlsFiles {
    /// The certificates that the server's one is checked against. Default: those of the system.
    #[schemars(extend("format" = "path"))]
    pub ca_cert: Option<PathBuf>,
    /// The certificate that this client shows; needs client_key. Default: none.
    #[schemars(extend("format" = "path"))]
    pub client_cert: Option<PathBuf>,
    /// The key of client_cert. Default: none.
    #[schemars(extend("format" = "path"))]
    pub client_key: Option<PathBuf>,
}

fn key_prefix() -> String {
    "mcpg:cluster:".to_owned()
}

fn lease_ttl_ms() -> u64 {
    30_000
}

fn peer_ttl_ms() -> u64 {
    60_000
}

fn lease_renew_before_expiry_percent() -> i64 {
    80
}

fn subscribe_pattern_buffer() -> u64 {
    256
}

fn service_name() -> String {
    "mcpg".to_owned()
}
