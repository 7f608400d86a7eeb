//! What an upstream is made from.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Uri};
use mcpg_config::app::{self, Federation, Import, Retry};
use mcpg_mcp::version::ProtocolVersion;
use rustls::ClientConfig;

use super::child::Program;
use super::error::SetupError;
use super::http::tls;

/// Everything that an upstream needs to know of its configuration, with certificates read and checked.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) name: String,
    /// The only revision to speak; `None` finds out.
    pub(super) pinned: Option<ProtocolVersion>,
    pub(super) import: Import,
    pub(super) retry: Retry,
    pub(super) max_response_bytes: usize,
    /// How long the session of one client may have nothing to do, where keeping it costs something.
    pub(super) idle: Duration,
    pub(super) timing: Timing,
    pub(super) transport: TransportSettings,
}

/// How the upstream is reached.
#[derive(Clone)]
pub(super) enum TransportSettings {
    Http(Box<HttpSettings>),
    Child(Arc<Program>),
}

/// Where an HTTP server is and how it is spoken to.
#[derive(Clone)]
pub(super) struct HttpSettings {
    pub(super) url: Uri,
    pub(super) headers: HeaderMap,
    pub(super) tls: ClientConfig,
    pub(super) connect_timeout: Duration,
}

/// How long the gateway waits on its own account. Calls of clients are timed by their driver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// For `server/discover` of a server that may be too old to answer it at all.
    pub(super) discover: Duration,
    /// For opening a session. A program may have to be fetched or compiled before it says its first word.
    pub(super) open: Duration,
    /// For any other request of the gateway itself, and for messages that only need to be accepted.
    pub(super) request: Duration,
    /// For the answer to a look at the upstream.
    pub(super) patience: Duration,
    /// Between two looks at an upstream that gives no stream whose end would tell of its death.
    pub(super) look: Duration,
    /// Between two looks at an upstream with an open stream.
    pub(super) look_streaming: Duration,
    /// How long changes of lists are collected before the lists are read again.
    pub(super) debounce: Duration,
    /// Before a broken stream is opened again, where the upstream does not say.
    pub(super) reopen: Duration,
}

impl Settings {
    /// Takes over the configuration of one federation.
    ///
    /// # Errors
    /// A certificate or key that cannot be used, or a URL that HTTP cannot carry.
    pub(crate) fn from_federation(
        federation: &Federation,
        max_response_bytes: usize,
    ) -> Result<Self, SetupError> {
        let upstream = &federation.upstream;
        let (transport, timing) = match &upstream.transport {
            app::UpstreamTransport::Http(http) => {
                let transport = TransportSettings::Http(Box::new(HttpSettings::new(http)?));
                (transport, Timing::default())
            }
            app::UpstreamTransport::Command(command) => {
                let program = Program::new(&federation.name, command)?;
                (TransportSettings::Child(Arc::new(program)), Timing::of_child())
            }
        };
        Ok(Self {
            name: federation.name.clone(),
            pinned: upstream
                .protocol_version
                .revision()
                .and_then(|revision| revision.parse().ok()),
            import: federation.import,
            retry: federation.retry,
            max_response_bytes,
            idle: federation.session_idle_timeout,
            timing,
            transport,
        })
    }
}

impl HttpSettings {
    fn new(http: &app::HttpTransport) -> Result<Self, SetupError> {
        let url: Uri = http
            .url
            .as_str()
            .parse()
            .map_err(|error| SetupError::new(format!("url {} cannot be used: {error}", http.url)))?;
        let secure = http.url.scheme() == "https";
        Ok(Self {
            url,
            headers: http.headers.clone(),
            tls: tls::client_config(secure, http.tls.as_ref())?,
            connect_timeout: http.connect_timeout,
        })
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            discover: Duration::from_secs(3),
            open: Duration::from_secs(10),
            request: Duration::from_secs(10),
            patience: Duration::from_secs(5),
            look: Duration::from_secs(3),
            look_streaming: Duration::from_secs(15),
            debounce: Duration::from_millis(50),
            reopen: Duration::from_secs(1),
        }
    }
}

impl Timing {
    /// For a server that is started by being spoken to.
    fn of_child() -> Self {
        Self {
            discover: Duration::from_secs(5),
            open: Duration::from_secs(60),
            ..Self::default()
        }
    }
}

/// Leaves out the headers, whose values are often credentials, and the certificates.
impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("name", &self.name)
            .field("pinned", &self.pinned)
            .field("import", &self.import)
            .field("retry", &self.retry)
            .field("max_response_bytes", &self.max_response_bytes)
            .finish_non_exhaustive()
    }
}
