//! The `mcp.federations` list as it is written.

use crate::app::{SessionMode, UpstreamProtocol};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An upstream MCP server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFederation {
    /// The unique name of the upstream in logs and messages: 1 to 32 of a-z, 0-9, `_` and `-`. Required.
    #[schemars(regex(pattern = r"^[a-z0-9_-]{1,32}$"))]
    pub(crate) name: String,
    /// How the server is reached. Required.
    pub(crate) upstream: RawUpstream,
    /// What is taken over from the server. Default: everything.
    #[serde(default)]
    pub(crate) import: RawImport,
    /// How the names of the server are changed. Default: not at all.
    #[serde(default)]
    pub(crate) naming: RawNaming,
    /// Which names of the server are taken over. Default: all.
    #[serde(default)]
    pub(crate) filter: RawFilter,
    /// Whose session with the server serves a request.
    #[serde(default)]
    pub(crate) session: RawSession,
    /// How often a dead server is tried again.
    #[serde(default)]
    pub(crate) retry: RawRetry,
}

/// How an upstream server is reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUpstream {
    /// The MCP endpoint of the server, `http://` or `https://`. Default: none; either this or `command` is required.
    #[schemars(extend("examples" = ["https://mcp.example.com/mcp"]))]
    pub(crate) url: Option<String>,
    /// The program that is the server, spoken to over its standard input and output: a name looked up in `PATH`, or a path, relative to this file. No shell. Default: none; either this or `url` is required.
    #[schemars(length(min = 1))]
    pub(crate) command: Option<String>,
    /// The arguments of `command`. Default: none.
    pub(crate) args: Option<Vec<String>>,
    /// Variables added to the environment of `command`, which otherwise has only PATH, HOME, LANG and the like. Default: none.
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// The folder in which `command` runs, relative to this file. Default: where the gateway runs.
    pub(crate) cwd: Option<PathBuf>,
    /// The protocol revision spoken with the server: `auto` finds it out. Default: auto.
    #[serde(default)]
    pub(crate) protocol_version: UpstreamProtocol,
    /// Headers added to every request to `url`, as in `authorization: Bearer ${env.TOKEN}`. Default: none.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// Certificates for `https://`. Default: the roots of the system and no client certificate.
    pub(crate) tls: Option<RawTls>,
    /// How long one attempt to connect to `url` may take, in milliseconds. Default: 5000. Range: 1..=600000.
    #[schemars(range(min = 1, max = 600_000))]
    pub(crate) connect_timeout_ms: Option<u64>,
}

/// Certificates for `https://`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawTls {
    /// A PEM file with the authorities that may sign the server's certificate, relative to this file. Default: the roots of the system.
    pub(crate) ca_cert: Option<PathBuf>,
    /// A PEM file with the certificate chain that the gateway shows; needs `client_key`. Default: none.
    pub(crate) client_cert: Option<PathBuf>,
    /// A PEM file with the private key of `client_cert`. Default: none.
    pub(crate) client_key: Option<PathBuf>,
}

/// What is taken over from a server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawImport {
    /// Tools. Default: true.
    pub(crate) tools: bool,
    /// Prompts. Default: true.
    pub(crate) prompts: bool,
    /// Resources. Default: true.
    pub(crate) resources: bool,
    /// Resource templates. Default: true.
    pub(crate) resource_templates: bool,
}

impl Default for RawImport {
    fn default() -> Self {
        Self {
            tools: true,
            prompts: true,
            resources: true,
            resource_templates: true,
        }
    }
}

/// How the names of a server are changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawNaming {
    /// Put in front of every tool name: up to 32 of A-Z, a-z, 0-9, `_`, `.`, `/` and `-`. Default: nothing.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_./-]{0,32}$"))]
    pub(crate) tool_prefix: String,
    /// Put in front of every prompt name: up to 32 of A-Z, a-z, 0-9, `_`, `.`, `/` and `-`. Default: nothing.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_./-]{0,32}$"))]
    pub(crate) prompt_prefix: String,
}

/// Which names of a server are taken over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawFilter {
    /// Globs on the server's own names; only what one of them matches is taken over. Default: everything.
    pub(crate) include: Option<Vec<String>>,
    /// Globs on the server's own names; what one of them matches is left out, even if included. Default: nothing.
    pub(crate) exclude: Vec<String>,
}

/// Whose session with a server serves a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSession {
    /// `shared` (one for everybody), `per_session` (one per client session), or `auto` (per_session when the server gives out session ids, and for every `command`). Default: auto.
    pub(crate) mode: SessionMode,
    /// How long the process of a `command` that serves one client session may have nothing to do before it is stopped, in milliseconds. Default: 600000. Range: 1000..=86400000.
    #[schemars(range(min = 1_000, max = 86_400_000))]
    pub(crate) idle_timeout_ms: u64,
}

impl Default for RawSession {
    fn default() -> Self {
        Self {
            mode: SessionMode::default(),
            idle_timeout_ms: 600_000,
        }
    }
}

/// How often a dead server is tried again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawRetry {
    /// The wait before the second attempt, in milliseconds; it grows with each failure. Default: 250. Range: 1..=600000.
    #[schemars(range(min = 1, max = 600_000))]
    pub(crate) initial_ms: u64,
    /// The longest wait between two attempts, in milliseconds; at least `initial_ms`. Default: 5000. Range: 1..=3600000.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub(crate) max_ms: u64,
}

impl Default for RawRetry {
    fn default() -> Self {
        Self {
            initial_ms: 250,
            max_ms: 5_000,
        }
    }
}
