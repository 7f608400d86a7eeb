//! An upstream server and what is taken over from it.

use globset::GlobSet;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// One entry of `mcp.federations`.
#[derive(Debug, Clone)]
pub struct Federation {
    /// The unique name in the configuration and in logs.
    pub name: String,
    /// How the server is reached.
    pub upstream: Upstream,
    /// Which kinds of things are taken over.
    pub import: Import,
    /// How names are changed.
    pub naming: Naming,
    /// Which names are taken over.
    pub filter: NameFilter,
    /// Whose session with the upstream serves a request.
    pub session_mode: SessionMode,
    /// How long a process that serves one client session may have nothing to do.
    pub session_idle_timeout: Duration,
    /// How often a dead upstream is tried again.
    pub retry: Retry,
}

/// How an upstream server is reached.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Which revision of the protocol is spoken.
    pub protocol_version: UpstreamProtocol,
    /// Where the server is.
    pub transport: UpstreamTransport,
}

/// Where an upstream server is.
#[derive(Debug, Clone)]
pub enum UpstreamTransport {
    /// It runs by itself and is reached over HTTP.
    Http(HttpTransport),
    /// The gateway runs it and speaks to it over its standard input and output.
    Command(CommandTransport),
}

/// A server that is reached over HTTP.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    /// The MCP endpoint; `http` or `https`.
    pub url: Url,
    /// Headers added to each request; their values are marked sensitive.
    pub headers: HeaderMap,
    /// Certificates; absent means the system's roots and no client certificate.
    pub tls: Option<Tls>,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
}

/// A server that is a program.
#[derive(Clone)]
pub struct CommandTransport {
    /// A name to look up in `PATH`, or a path as absolute as the configuration file's own.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What is added to its environment. The values are often credentials.
    pub env: BTreeMap<String, String>,
    /// The folder in which it runs; absent means the gateway's own.
    pub cwd: Option<PathBuf>,
}

/// Leaves out the values of the environment, which are often credentials, and the arguments, which may be.
impl fmt::Debug for CommandTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.env.keys().collect();
        formatter
            .debug_struct("CommandTransport")
            .field("program", &self.program)
            .field("env", &names)
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

/// The `upstream.tls` block: files in PEM form, as absolute as the configuration file's own path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that may sign the server's certificate; absent means the system's.
    pub ca_cert: Option<PathBuf>,
    /// The certificate chain and the key that the gateway shows.
    pub client_identity: Option<ClientIdentity>,
}

/// A client certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Which revision of the protocol is spoken with an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum UpstreamProtocol {
    /// Found out by asking the server.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Revision 2025-03-26.
    #[serde(rename = "2025-03-26")]
    V2025_03_26,
    /// Revision 2025-06-18.
    #[serde(rename = "2025-06-18")]
    V2025_06_18,
    /// Revision 2025-11-25.
    #[serde(rename = "2025-11-25")]
    V2025_11_25,
    /// Revision 2026-07-28.
    #[serde(rename = "2026-07-28")]
    V2026_07_28,
}

/// Which kinds of things are taken over from an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Import {
    /// Tools.
    pub tools: bool,
    /// Prompts.
    pub prompts: bool,
    /// Resources.
    pub resources: bool,
    /// Resource templates.
    pub resource_templates: bool,
}

/// What is put in front of an upstream's names; empty means nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// In front of tool names.
    pub tool_prefix: String,
    /// In front of prompt names.
    pub prompt_prefix: String,
}

/// Which of an upstream's names are taken over.
#[derive(Debug, Clone, Default)]
pub struct NameFilter {
    pub(crate) include: Option<GlobSet>,
    pub(crate) exclude: GlobSet,
}

/// Whose session with the upstream serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SessionMode {
    /// One per client session when the upstream gives out session ids, else shared.
    #[default]
    Auto,
    /// One for everybody.
    Shared,
    /// One per client session.
    PerSession,
}

/// How long to wait between two attempts to reach a dead upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Before the second attempt.
    pub initial: Duration,
    /// At most, however many attempts have failed.
    pub max: Duration,
}

impl UpstreamProtocol {
    /// The revision as the protocol writes it; `None` for `auto`.
    pub fn revision(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::V2025_03_26 => Some("2025-03-26"),
            Self::V2025_06_18 => Some("2025-06-18"),
            Self::V2025_11_25 => Some("2025-11-25"),
            Self::V2026_07_28 => Some("2026-07-28"),
        }
    }
}

impl NameFilter {
    /// Tells whether a name, as the upstream writes it, is taken over.
    pub fn allows(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(name)) && !self.exclude.is_match(name)
    }
}
