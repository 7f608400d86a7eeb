//! The keys of the `cluster` block with `kind: redis`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcpg_cluster::{Error, ErrorKind, Nonce};
use redis::{ClientTlsConfig, TlsCertificates};
use serde_json::{Map, Value};
use url::Url;

use crate::error::Secrets;

/// Checked settings, with every default filled in.
#[derive(Clone)]
pub struct Settings {
    pub(crate) url: Url,
    /// What every key on the server begins with.
    pub key_prefix: String,
    /// The TTL of a lease whose caller names none.
    pub lease_ttl: Duration,
    /// How long a replica counts as present after its last sign of life.
    pub peer_ttl: Duration,
    /// How often a replica gives a sign of life.
    pub peer_refresh_interval: Duration,
    /// How much of a lease's TTL passes before it is renewed, in percent.
    pub lease_renew_before_expiry_percent: u32,
    /// How many events wait for a slow subscriber before they are dropped.
    pub subscribe_pattern_buffer: usize,
    /// The name of this node.
    pub node_id: String,
    /// The name of the service that all nodes belong to.
    pub service_name: String,
    /// Certificates for `rediss://`.
    pub tls: Option<TlsFiles>,
}

/// Files in PEM format for TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates that the server's one is checked against, instead of the system's.
    pub ca_cert: Option<PathBuf>,
    /// The certificate that this client shows.
    pub client_cert: Option<PathBuf>,
    /// The key of that certificate.
    pub client_key: Option<PathBuf>,
}

/// All that is wrong with a configuration, one line for each mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMistakes(Vec<String>);

impl ConfigMistakes {
    /// The mistakes, each naming its key and what is expected.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ConfigMistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigMistakes {}

impl From<ConfigMistakes> for Error {
    fn from(mistakes: ConfigMistakes) -> Self {
        Self::new(ErrorKind::Invalid, mistakes.to_string())
    }
}

impl Settings {
    /// Checks the keys of a `cluster` block, without `kind`.
    ///
    /// # Errors
    /// All mistakes at once. None of them shows the URL, which may hold a password.
    pub fn from_json(block: &Value) -> Result<Self, ConfigMistakes> {
        let Value::Object(keys) = block else {
            return Err(ConfigMistakes(vec!["cluster: expected a map".to_owned()]));
        };
        let mut reader = Reader::new(keys.clone(), "cluster.");
        let url = reader.url();
        let settings = Self::read(&mut reader, url);
        reader.refuse_the_rest();
        match (settings, reader.mistakes) {
            (Some(settings), mistakes) if mistakes.is_empty() => Ok(settings),
            (_, mistakes) => Err(ConfigMistakes(mistakes)),
        }
    }

    /// Gives nothing only where the URL is missing, which is a mistake already.
    fn read(reader: &mut Reader, url: Option<Url>) -> Option<Self> {
        let key_prefix = reader
            .text("key_prefix")
            .unwrap_or_else(|| "mcpg:cluster:".to_owned());
        let lease_ttl = reader.milliseconds("lease_ttl_ms", 30_000);
        let peer_ttl = reader.milliseconds("peer_ttl_ms", 60_000);
        let half = u64::try_from(peer_ttl.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        let refresh = reader.milliseconds("peer_refresh_interval_ms", half);
        if refresh >= peer_ttl {
            reader.mistake("peer_refresh_interval_ms", "must be shorter than peer_ttl_ms");
        }
        let percent = reader
            .number("lease_renew_before_expiry_percent", 80)
            .clamp(1, 99);
        let buffer = reader.number("subscribe_pattern_buffer", 256);
        if !(1..=1_000_000).contains(&buffer) {
            reader.mistake("subscribe_pattern_buffer", "expected a number from 1 to 1000000");
        }
        let service_name = reader
            .filled_text("service_name")
            .unwrap_or_else(|| "mcpg".to_owned());
        let node_id = reader
            .filled_text("node_id")
            .unwrap_or_else(|| synthesise(&service_name));
        let tls = reader.tls(url.as_ref());
        Some(Self {
            url: url?,
            key_prefix,
            lease_ttl,
            peer_ttl,
            peer_refresh_interval: refresh,
            lease_renew_before_expiry_percent: u32::try_from(percent).unwrap_or(80),
            subscribe_pattern_buffer: usize::try_from(buffer).unwrap_or(256),
            node_id,
            service_name,
            tls,
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
            .field("service_name", &self.service_name)
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

/// Takes keys out of a map and collects what is wrong with them.
struct Reader {
    keys: Map<String, Value>,
    path: &'static str,
    mistakes: Vec<String>,
}

impl Reader {
    fn new(keys: Map<String, Value>, path: &'static str) -> Self {
        Self {
            keys,
            path,
            mistakes: Vec::new(),
        }
    }

    fn mistake(&mut self, key: &str, expected: &str) {
        self.mistakes.push(format!("{}{key}: {expected}", self.path));
    }

    /// A key that is there and not null.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.keys.remove(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.mistake(key, "expected text");
                None
            }
        }
    }

    fn filled_text(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.mistake(key, "must not be empty");
            return None;
        }
        Some(text)
    }

    fn number(&mut self, key: &str, default: u64) -> u64 {
        let Some(value) = self.take(key) else {
            return default;
        };
        value.as_u64().unwrap_or_else(|| {
            self.mistake(key, "expected a whole number that is not negative");
            default
        })
    }

    fn milliseconds(&mut self, key: &str, default: u64) -> Duration {
        const LONGEST: u64 = 24 * 60 * 60 * 1000;
        let mut number = self.number(key, default);
        if !(1..=LONGEST).contains(&number) {
            self.mistake(key, "expected milliseconds from 1 to 86400000");
            number = default;
        }
        Duration::from_millis(number)
    }

    fn url(&mut self) -> Option<Url> {
        const EXPECTED: &str = "expected a URL like redis://host:6379 or rediss://host:6379";
        if !self.keys.contains_key("url") {
            self.mistake("url", "is required");
            return None;
        }
        let text = self.text("url")?;
        let url = Url::parse(&text).ok().filter(|url| {
            let known = matches!(url.scheme(), "redis" | "rediss");
            known && url.host_str().is_some_and(|host| !host.is_empty()) && url.fragment().is_none()
        });
        if url.is_none() {
            self.mistake("url", EXPECTED);
        }
        url
    }

    fn tls(&mut self, url: Option<&Url>) -> Option<TlsFiles> {
        let block = self.take("tls")?;
        let Value::Object(keys) = block else {
            self.mistake("tls", "expected a map");
            return None;
        };
        let mut inner = Self::new(keys, "cluster.tls.");
        let files = TlsFiles {
            ca_cert: inner.filled_text("ca_cert").map(PathBuf::from),
            client_cert: inner.filled_text("client_cert").map(PathBuf::from),
            client_key: inner.filled_text("client_key").map(PathBuf::from),
        };
        if files.client_cert.is_some() != files.client_key.is_some() {
            inner.mistake("client_cert", "client_cert and client_key belong together");
        }
        inner.refuse_the_rest();
        self.mistakes.append(&mut inner.mistakes);
        if url.is_some_and(|url| url.scheme() != "rediss") {
            self.mistake("tls", "needs a rediss:// URL");
        }
        Some(files)
    }

    fn refuse_the_rest(&mut self) {
        for key in std::mem::take(&mut self.keys).into_iter().map(|(key, _)| key) {
            self.mistake(&key, "unknown key");
        }
    }
}

#[cfg(test)]
mod tests;
