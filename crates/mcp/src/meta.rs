//! The metadata every modern request carries in `params._meta`: reading it, adding it, taking it away.

use crate::error::ErrorObject;
use crate::object::Object;
use crate::params::Params;
use crate::raw;
use crate::version::ProtocolVersion;
use serde_json::value::RawValue;
use std::fmt;
use std::str::FromStr;

/// Key of the protocol version of a request.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// Key of the capabilities the client has for a request.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Key of the name and version of the client.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// Key of the lowest level of log messages the client wants for a request.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Key, in a result, of the name and version of the server.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// Key, in a notification, of the id of the `subscriptions/listen` request it belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// Key of the token that asks for progress notifications, in both eras.
pub const PROGRESS_TOKEN: &str = "progressToken";

/// The metadata of one modern request, checked.
#[derive(Debug, Clone)]
pub struct RequestMeta<'a> {
    /// The revision the request is written in.
    pub version: ProtocolVersion,
    /// The client's capabilities for this request, an object.
    pub client_capabilities: &'a RawValue,
    /// The client's name and version, an object.
    pub client_info: Option<&'a RawValue>,
    /// The lowest log level the client wants; without it no log message may be sent.
    pub log_level: Option<LogLevel>,
    /// The progress token, a string or a number.
    pub progress_token: Option<&'a RawValue>,
}

/// The same metadata for a request mcpg sends.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingMeta<'a> {
    /// The revision the request is written in.
    pub version: ProtocolVersion,
    /// The capabilities to declare, an object.
    pub client_capabilities: &'a RawValue,
    /// The name and version to give.
    pub client_info: Option<&'a RawValue>,
    /// The lowest log level wanted.
    pub log_level: Option<LogLevel>,
}

/// The severity of a log message; later ones are more severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the eight names of syslog explain themselves")]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

/// The raw metadata members, before any rule is applied to them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RawMeta<'a> {
    pub(crate) version: Option<&'a RawValue>,
    client_capabilities: Option<&'a RawValue>,
    client_info: Option<&'a RawValue>,
    log_level: Option<&'a RawValue>,
    progress_token: Option<&'a RawValue>,
}

impl<'a> RawMeta<'a> {
    /// Reads `_meta`; `None` if it is absent or not an object.
    pub(crate) fn parse(meta: Option<&'a RawValue>) -> Option<Self> {
        let object = Object::parse(meta?).ok()?;
        Some(Self {
            version: object.get_borrowed(PROTOCOL_VERSION),
            client_capabilities: object.get_borrowed(CLIENT_CAPABILITIES),
            client_info: object.get_borrowed(CLIENT_INFO),
            log_level: object.get_borrowed(LOG_LEVEL),
            progress_token: object.get_borrowed(PROGRESS_TOKEN),
        })
    }

    /// True if the client meant to write modern metadata.
    pub(crate) fn looks_modern(&self) -> bool {
        self.version.is_some() || self.client_capabilities.is_some()
    }

    /// Applies the rules to everything but the version, which the caller has compared with the header.
    pub(crate) fn check(&self, version: ProtocolVersion) -> Result<RequestMeta<'a>, ErrorObject> {
        let client_capabilities = self
            .client_capabilities
            .ok_or_else(|| missing(CLIENT_CAPABILITIES))?;
        require(
            raw::is_object(client_capabilities),
            CLIENT_CAPABILITIES,
            "an object",
        )?;
        require(
            self.client_info.is_none_or(raw::is_object),
            CLIENT_INFO,
            "an object",
        )?;
        require(
            self.progress_token.is_none_or(is_token),
            PROGRESS_TOKEN,
            "a string or a number",
        )?;
        let log_level = self.log_level.map(|level| {
            let level = raw::string(level).and_then(|level| level.parse().ok());
            level.ok_or_else(|| wrong(LOG_LEVEL, "a log level"))
        });
        Ok(RequestMeta {
            version,
            client_capabilities,
            client_info: self.client_info,
            log_level: log_level.transpose()?,
            progress_token: self.progress_token,
        })
    }
}

impl<'a> RequestMeta<'a> {
    /// Reads the metadata of a modern request.
    ///
    /// # Errors
    /// Invalid params (-32602) if `_meta` or a required member is missing or a member has the wrong type, and an
    /// unsupported version (-32022) if the version is none of the modern ones. The HTTP status of both is 400.
    pub fn parse(params: &Params<'a>) -> Result<Self, ErrorObject> {
        let meta = RawMeta::parse(params.meta).ok_or_else(|| missing("_meta"))?;
        let version = requested_version(&meta)?;
        match version.parse::<ProtocolVersion>() {
            Ok(version) if version.is_modern() => meta.check(version),
            _ => Err(ErrorObject::unsupported_version(
                ProtocolVersion::MODERN,
                &version,
            )),
        }
    }

    /// True if the client declared a capability, named by its path, for instance `elicitation.url`.
    #[must_use]
    pub fn has_capability(&self, path: &str) -> bool {
        crate::initialize::has_capability(self.client_capabilities, path)
    }
}

/// The version text of `_meta`, or the error for its absence.
pub(crate) fn requested_version<'a>(meta: &RawMeta<'a>) -> Result<std::borrow::Cow<'a, str>, ErrorObject> {
    let version = meta.version.ok_or_else(|| missing(PROTOCOL_VERSION))?;
    raw::string(version).ok_or_else(|| wrong(PROTOCOL_VERSION, "a string"))
}

/// Adds the metadata of a modern request to `params`, keeping all other members of `_meta`.
pub fn add(params: &mut Object<'_>, meta: &OutgoingMeta<'_>) {
    params.set_meta(PROTOCOL_VERSION, raw::from_string(meta.version.as_str()));
    params.set_meta(CLIENT_CAPABILITIES, meta.client_capabilities.to_owned());
    match meta.client_info {
        Some(client_info) => params.set_meta(CLIENT_INFO, client_info.to_owned()),
        None => params.remove_meta(CLIENT_INFO),
    }
    match meta.log_level {
        Some(level) => params.set_meta(LOG_LEVEL, raw::from_string(level.as_str())),
        None => params.remove_meta(LOG_LEVEL),
    }
}

/// Removes the modern metadata from `params` for a legacy upstream. The progress token and foreign members stay, and
/// `_meta` goes if nothing is left in it.
pub fn strip(params: &mut Object<'_>) {
    for key in [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL] {
        params.remove_meta(key);
    }
    if params
        .get("_meta")
        .is_some_and(|meta| Object::parse(meta).is_ok_and(|meta| meta.is_empty()))
    {
        params.remove("_meta");
    }
}

fn is_token(raw: &RawValue) -> bool {
    matches!(raw.get().as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9'))
}

fn missing(key: &str) -> ErrorObject {
    ErrorObject::invalid_params(format_args!("{key} is missing"))
}

fn wrong(key: &str, expected: &str) -> ErrorObject {
    ErrorObject::invalid_params(format_args!("{key} must be {expected}"))
}

fn require(condition: bool, key: &str, expected: &str) -> Result<(), ErrorObject> {
    if condition {
        Ok(())
    } else {
        Err(wrong(key, expected))
    }
}

impl LogLevel {
    /// All levels, least severe first.
    pub const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    /// The level on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }
}

/// The text names no log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLogLevel;

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or(UnknownLogLevel)
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for UnknownLogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unknown log level")
    }
}

impl std::error::Error for UnknownLogLevel {}

#[cfg(test)]
mod tests;
