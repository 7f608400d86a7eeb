//! The few names of the protocol that the upstream and the load share.

use http::HeaderName;

/// The revision without sessions.
pub(crate) const MODERN_REVISION: &str = "2026-07-28";

/// The newest revision with sessions.
pub(crate) const LEGACY_REVISION: &str = "2025-11-25";

/// The one tool of the upstream.
pub(crate) const TOOL: &str = "echo";

/// A path the upstream answers with the request's own body, no JSON looked at.
pub(crate) const RAW_PATH: &str = "/raw";

pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(crate) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(crate) const NAME: HeaderName = HeaderName::from_static("mcp-name");
