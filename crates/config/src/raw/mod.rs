//! The configuration as it is written: one plain struct per block, one doc line per key.
//!
//! The doc lines are the descriptions of the published schema; the ranges and patterns here are what the schema check enforces.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod binding;
pub(crate) mod command;
pub(crate) mod configurations;
pub(crate) mod federation;
pub(crate) mod gateway;
pub(crate) mod http_backend;
pub(crate) mod mock;
pub(crate) mod plugins;
pub(crate) mod tagged;

use crate::app::{LogFormat, LogLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The configuration of an mcpg gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConfig {
    /// The gateway itself.
    pub(crate) gateway: gateway::RawGateway,
    /// Which coordinator holds the state that replicas share. Default: absent, which means `kind: single_node`.
    pub(crate) cluster: Option<RawCluster>,
    /// The plugin libraries that may be loaded; every `cluster.kind` but `single_node` needs one. Default: none.
    pub(crate) plugins: Vec<plugins::RawPlugin>,
    /// Who may use the gateway.
    pub(crate) governance: RawGovernance,
    /// What the gateway tells its operator.
    pub(crate) observability: RawObservability,
    /// What the gateway offers over MCP.
    pub(crate) mcp: RawMcp,
}

/// Which coordinator holds the state that replicas share.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RawCluster {
    /// The kind of coordinator. `single_node` is built in, serves one process and ignores every other key of this block; any other kind is the plugin dev.mcpg.cluster.KIND. Required.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub(crate) kind: String,
    #[serde(flatten)]
    pub(crate) settings: Map<String, Value>,
}

/// Who may use the gateway, and what is written down about it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawGovernance {
    /// Admission of clients.
    pub(crate) access: access::RawAccess,
    /// One line for every call of a tool, prompt or resource: who, when, what and how it ended.
    pub(crate) audit: audit::RawAudit,
}

/// What the gateway tells its operator.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawObservability {
    /// The log on standard error.
    pub(crate) logs: RawLogs,
    /// The numbers at `/metrics`.
    pub(crate) metrics: RawMetrics,
}

/// The numbers at `/metrics`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawMetrics {
    /// Answers `/metrics` on the listener for operators (`gateway.admin.bind_address`), in the Prometheus text format. Default: false.
    pub(crate) enabled: bool,
}

/// The log on standard error.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawLogs {
    /// The least important level that is written: error, warn, info, debug or trace. Default: info.
    pub(crate) level: LogLevel,
    /// How lines look: `human` or `json`. Default: human on a terminal, json elsewhere.
    pub(crate) format: Option<LogFormat>,
}

/// What the gateway offers over MCP.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawMcp {
    /// What the gateway offers from its own backends.
    pub(crate) capabilities: binding::RawCapabilities,
    /// Upstream MCP servers whose tools, prompts and resources the gateway offers as its own. Default: none.
    pub(crate) federations: Vec<federation::RawFederation>,
    /// How what the gateway does for clients is kept, each thing for itself.
    pub(crate) configurations: configurations::RawConfigurations,
}
