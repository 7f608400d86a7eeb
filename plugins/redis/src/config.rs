//! The keys of the `cluster` block with `kind: redis`, checked.

mod keys;
mod mistakes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use mcpg_plugin_sdk::Diagnostic;
use mcpg_plugin_sdk::cluster::{Error, ErrorKind, Nonce};
use redis::{ClientTlsConfig, TlsCertificates};
use url::Url;

pub use keys::{Config, TlsFiles};
pub(crate) use mistakes::find;

use crate::error::Secrets;

/// Checked settings, with every default filled in.
#[derive(Clone)]
pub(crate) struct Settings {
    url: Url,
    /// What every key on the server begins with.
    pub(crate) key_prefix: String,
    /// The TTL of a lease whose caller names none.
    pub(crate) lease_ttl: Duration,
    /// How long a replica counts as present after its last sign of life.
    pub(crate) peer_ttl: Duration,
    /// How often a replica gives a sign of life.
    pub(crate) peer_refresh_interval: Duration,
    /// How much of a lease's TTL passes before it is renewed, in percent.
    pub(crate) lease_renew_before_expiry_percent: u32,
    /// How many events wait for a slow subscriber before they are dropped.
    pub(crate) subscribe_pattern_buffer: usize,
    /// The name of this node.
    pub(crate) node_id: String,
    /// Certificates for `rediss://`.
    pub(crate) tls: Option<TlsFiles>,
}

impl Settings {
    /// Fills in the defaults.
    ///
    /// # Errors
    /// All mistakes, as long as there is one.
    pub(crate) fn new(config: Config) -> Result<Self, Vec<Diagnostic>> {
        let mistakes = find(&config);
        let Some(url) = mistakes::parse_url(&config.url).filter(|_| mistakes.is_empty()) else {
            return Err(mistakes);
        };
        let refresh_ms = config.peer_refresh_interval_ms;
        let percent = config.lease_renew_before_expiry_percent.clamp(1, 99);
        Ok(Self {
            url,
            key_prefix: config.key_prefix,
            lease_ttl: Duration::from_millis(config.lease_ttl_ms),
            peer_ttl: Duration::from_millis(config.peer_ttl_ms),
            peer_refresh_interval: Duration::from_millis(
                refresh_ms.unwrap_or((config.peer_ttl_ms / 2).max(1)),
            ),
            lease_renew_before_expiry_percent: u32::try_from(percent).unwrap_or(80),
            subscribe_pattern_buffer: usize::try_from(config.subscribe_pattern_buffer).unwrap_or(usize::MAX),
            node_id: config.node_id.unwrap_or_else(|| synthesise(&config.service_name)),
            tls: config.tls,
        })
    }

    /// What must not appear in a message: the password, as written in the URL and as meant by it.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let Some(written) = self.url.password() else {
            return Vec::new();
        };
        let meant = url::form_urlencoded::parse(format!("p={}", written.replace('+', "%2B")).as_bytes())
            .next()
            .map(|(_, meant)| meant.into_owned());
        let mut secrets = vec![written.to_owned()];
        secrets.extend(meant);
        secrets
    }

    /// The URL without what is secret or unknown in it.
    pub(crate) fn shown_url(&self) -> String {
        let host = self.url.host_str().unwrap_or("");
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}{}", self.url.scheme(), self.url.path())
    }
}

/// Shows everything but the credentials.
impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("url", &self.shown_url())
            .field("key_prefix", &self.key_prefix)
            .field("lease_ttl", &self.lease_ttl)
            .field("peer_ttl", &self.peer_ttl)
            .field("peer_refresh_interval", &self.peer_refresh_interval)
            .field(
                "lease_renew_before_expiry_percent",
                &self.lease_renew_before_expiry_percent,
            )
            .field("subscribe_pattern_buffer", &self.subscribe_pattern_buffer)
            .field("node_id", &self.node_id)
            .field("tls", &self.tls)
            .finish()
    }
}

/// The client library's view of the settings, with the certificates read.
///
/// # Errors
/// `Invalid`, naming the file or the part of the URL.
pub(crate) fn server(settings: &Settings, secrets: &Secrets) -> Result<redis::Client, Error> {
    let invalid = |error: &redis::RedisError| {
        Error::new(
            ErrorKind::Invalid,
            "the url or the certificates for redis cannot be used",
        )
        .with_context("cause", secrets.scrub(&error.to_string()))
    };
    let url = settings.url.as_str();
    if settings.url.scheme() != "rediss" {
        return redis::Client::open(url).map_err(|error| invalid(&error));
    }
    // Another part of the process may have chosen a provider already; then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = settings.tls.clone().unwrap_or_default();
    let client_tls = match (&files.client_cert, &files.client_key) {
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig {
            client_cert: read_file("client_cert", client_cert)?,
            client_key: read_file("client_key", client_key)?,
        }),
        _ => None,
    };
    let ca_cert = files.ca_cert.as_ref();
    let certificates = TlsCertificates {
        client_tls,
        root_cert: ca_cert.map(|path| read_file("ca_cert", path)).transpose()?,
    };
    redis::Client::build_with_tls(url, certificates).map_err(|error| invalid(&error))
}

fn read_file(key: &str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("cluster.tls.{key} cannot be read"))
            .with_context("file", path.display().to_string())
            .with_source(error)
    })
}

fn synthesise(service_name: &str) -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    let suffix = host.unwrap_or_else(|| {
        let nonce = Nonce::random().map_or(0, Nonce::as_u128);
        format!("{:08x}", nonce & 0xffff_ffff)
    });
    format!("{service_name}-{suffix}")
}
