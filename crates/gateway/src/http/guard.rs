//! Refuses requests that a browser was tricked into sending (DNS rebinding) and other foreign ones.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode, Uri};
use mcpg_config::app::{AllowedHosts, AllowedOrigins};

/// Who may speak to the gateway by which name.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) hosts: AllowedHosts,
    pub(super) origins: AllowedOrigins,
}

impl Guard {
    /// Checks the `Host` and `Origin` of a request.
    ///
    /// # Errors
    /// 403 and what to change, when one of them is not allowed.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        // A target in absolute form overrides the Host header (RFC 9112 section 3.2.2).
        let host = match uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => headers.get(HOST).and_then(|value| value.to_str().ok()),
        };
        if !host.is_some_and(|host| self.hosts.allows(host)) {
            return Err((
                StatusCode::FORBIDDEN,
                "this Host is not served here: add it to gateway.server.allowed_hosts",
            ));
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        if !origins.all(|origin| origin.to_str().is_ok_and(|origin| self.origins.allows(origin))) {
            return Err((
                StatusCode::FORBIDDEN,
                "this Origin is not allowed: add it to gateway.server.allowed_origins",
            ));
        }
        Ok(())
    }
}
