//! What an upstream is made from.

use std::time::Duration;

use http::{HeaderMap, Uri};
use mcpg_config::app::{Federation, Import, Retry};
use mcpg_mcp::version::ProtocolVersion;
use rustls::ClientConfig;

use super::error::SetupError;
use super::tls;

/// Everything that an upstream needs to know of its configuration, with certificates read and checked.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) name: String,
    pub(super) url: Uri,
    pub(super) headers: HeaderMap,
    pub(super) tls: ClientConfig,
    /// The only revision to speak; `None` finds out.
    pub(super) pinned: Option<ProtocolVersion>,
    pub(super) import: Import,
    pub(super) retry: Retry,
    pub(super) connect_timeout: Duration,
    pub(super) max_response_bytes: usize,
    pub(super) timing: Timing,
}

/// How long the gateway waits on its own account. Calls of clients are timed by their driver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// For `server/discover` of a server that may be too old to answer it at all.
    pub(super) discover: Duration,
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
        let url: Uri = upstream
            .url
            .as_str()
            .parse()
            .map_err(|error| SetupError::new(format!("url {} cannot be used: {error}", upstream.url)))?;
        let secure = upstream.url.scheme() == "https";
        Ok(Self {
            name: federation.name.clone(),
            url,
            headers: upstream.headers.clone(),
            tls: tls::client_config(secure, upstream.tls.as_ref())?,
            pinned: upstream
                .protocol_version
                .revision()
                .and_then(|revision| revision.parse().ok()),
            import: federation.import,
            retry: federation.retry,
            connect_timeout: upstream.connect_timeout,
            max_response_bytes,
            timing: Timing::default(),
        })
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            discover: Duration::from_secs(3),
            request: Duration::from_secs(10),
            patience: Duration::from_secs(5),
            look: Duration::from_secs(3),
            look_streaming: Duration::from_secs(15),
            debounce: Duration::from_millis(50),
            reopen: Duration::from_secs(1),
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
            .field("connect_timeout", &self.connect_timeout)
            .field("max_response_bytes", &self.max_response_bytes)
            .finish_non_exhaustive()
    }
}
