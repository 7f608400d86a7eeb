//! The validated configuration: what the gateway's code reads.
//!
//! Every value here has passed all checks, has its default filled in and carries the type it is used as.

mod access;
mod address;
mod admin;
mod allowed;
mod audit;
mod binding;
mod command;
mod configurations;
mod expression;
mod federation;
mod http_backend;
mod json_schema;
mod logs;
mod mock;
mod network;
mod plugin;
mod server;
mod template;

pub use access::{Access, ApiKey};
pub use address::BindAddress;
pub use admin::{Admin, ReadinessMode};
pub use allowed::{AllowedHosts, AllowedOrigins};
pub use audit::{Audit, AuditSink, OnFailure, RedactPath, RedactStep};
pub use binding::{
    Backend, Capabilities, Prompt, PromptArgument, Resource, ResourceTemplate, Tool, ToolAnnotations,
};
pub use command::Command;
pub use configurations::{Bus, Configurations, Delivery, Store, Subscriptions};
pub use expression::ResultExpression;
pub use federation::{
    ClientIdentity, CommandTransport, Federation, HttpTransport, Import, NameFilter, Naming, Retry,
    SessionMode, Tls, Upstream, UpstreamProtocol, UpstreamTransport,
};
pub use http_backend::{BodyEscape, Http, HttpBody, JsonTemplate, StatusCodes, UrlTemplate};
pub use json_schema::JsonSchema;
pub use logs::{LogFormat, LogLevel, Logs};
pub use mock::{Ask, Mock, MockContent};
pub use network::is_public;
pub use plugin::PluginEntry;
pub use server::{Server, Transport};
pub use template::{ArgumentPath, Part, Template};

use serde_json::{Map, Value};

/// The whole configuration of one gateway process, validated.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// The gateway itself.
    pub gateway: Gateway,
    /// Which coordinator holds the shared state.
    pub cluster: Cluster,
    /// The plugins that may be loaded, in file order.
    pub plugins: Vec<PluginEntry>,
    /// Who may use the gateway.
    pub governance: Governance,
    /// What the gateway tells its operator.
    pub observability: Observability,
    /// What the gateway offers over MCP.
    pub mcp: Mcp,
}

/// The `gateway` block.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The listener for clients and its limits.
    pub server: Server,
    /// The listener for operators.
    pub admin: Admin,
    /// When an outage of the coordinator turns `/ready` red.
    pub readiness: ReadinessMode,
    /// Whether a coordinator that is weaker than wanted is refused instead of warned about.
    pub require_durable: bool,
}

/// The `cluster` block: a kind, and keys that only that kind understands.
#[derive(Clone)]
pub struct Cluster {
    /// The kind of coordinator; `single_node` when the block is absent.
    pub kind: String,
    /// Everything in the block besides `kind`, unread. Empty for `single_node`, which ignores it.
    pub settings: Map<String, Value>,
}

/// The `governance` block.
#[derive(Debug, Clone)]
pub struct Governance {
    /// Admission of clients.
    pub access: Access,
    /// What is written down of calls; `None` is nothing.
    pub audit: Option<Audit>,
}

/// The `observability` block.
#[derive(Debug, Clone)]
pub struct Observability {
    /// The log on standard error.
    pub logs: Logs,
    /// The numbers at `/metrics`.
    pub metrics: Metrics,
}

/// The `observability.metrics` block.
#[derive(Debug, Clone, Copy)]
pub struct Metrics {
    /// Whether anything is counted, and `/metrics` answered.
    pub enabled: bool,
}

/// The `mcp` block.
#[derive(Debug, Clone)]
pub struct Mcp {
    /// What the gateway offers from its own backends.
    pub capabilities: Capabilities,
    /// The upstream servers, in file order.
    pub federations: Vec<Federation>,
    /// How what the gateway does for clients is kept.
    pub configurations: Configurations,
}

impl AppConfig {
    /// Counts the own tools, prompts, resources and resource templates.
    pub fn bindings(&self) -> usize {
        let capabilities = &self.mcp.capabilities;
        capabilities.tools.len()
            + capabilities.prompts.len()
            + capabilities.resources.len()
            + capabilities.resource_templates.len()
    }
}

impl Cluster {
    /// The kind that is built in and needs no settings.
    pub const SINGLE_NODE: &'static str = "single_node";

    /// What the id of every coordinator's plugin begins with; its kind follows.
    pub const PLUGIN_PREFIX: &'static str = "dev.mcpg.cluster.";

    /// The id of the plugin that the kind needs; `None` for the built-in one.
    pub fn plugin_id(&self) -> Option<String> {
        (!self.is_single_node()).then(|| format!("{}{}", Self::PLUGIN_PREFIX, self.kind))
    }

    /// Tells whether the built-in coordinator of one process is chosen.
    pub fn is_single_node(&self) -> bool {
        self.kind == Self::SINGLE_NODE
    }
}

/// Shows the names of the settings only: their values may be credentials.
impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&String> = self.settings.keys().collect();
        formatter
            .debug_struct("Cluster")
            .field("kind", &self.kind)
            .field("settings", &names)
            .finish()
    }
}
