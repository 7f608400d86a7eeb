//! Which era and session a message is sent in, and the headers that say so.

use http::{HeaderMap, HeaderName, HeaderValue};
use mcpg_mcp::headers;
use mcpg_mcp::params::Params;
use mcpg_mcp::version::ProtocolVersion;

use super::session::Session;

#[derive(Debug, Clone, Copy)]
pub(super) enum Peer<'a> {
    /// Before there is a session: `initialize`.
    Opening,
    /// In a legacy session.
    Legacy(&'a Session),
    /// Without a session.
    Modern(ProtocolVersion),
}

impl<'a> Peer<'a> {
    pub(super) fn is_modern(self) -> bool {
        matches!(self, Self::Modern(_))
    }

    /// The session, if it has an id that the upstream could have forgotten.
    pub(super) fn identified_session(self) -> Option<&'a Session> {
        match self {
            Self::Legacy(session) if session.id.is_some() => Some(session),
            _ => None,
        }
    }

    /// Adds the headers that every message of this peer has.
    pub(super) fn add_headers(self, headers: &mut HeaderMap) {
        match self {
            Self::Opening => {}
            Self::Legacy(session) => {
                if session.version.has_version_header() {
                    headers.insert(headers::PROTOCOL_VERSION, version(session.version));
                }
                // An id was checked when the session was opened.
                if let Some(mut id) = session
                    .id
                    .as_deref()
                    .and_then(|id| HeaderValue::from_str(id).ok())
                {
                    id.set_sensitive(true);
                    headers.insert(headers::SESSION_ID, id);
                }
            }
            Self::Modern(revision) => {
                headers.insert(headers::PROTOCOL_VERSION, version(revision));
            }
        }
    }

    /// Adds the headers that repeat what the body of a modern request says.
    pub(super) fn add_request_headers(
        self,
        headers: &mut HeaderMap,
        method: &str,
        name: Option<&str>,
        parameters: &[(HeaderName, HeaderValue)],
    ) {
        if !self.is_modern() {
            return;
        }
        headers.insert(headers::METHOD, headers::encode_value(method));
        if let Some(name) = name.filter(|_| headers::name_source(method, &Params::default()).is_some()) {
            headers.insert(headers::NAME, headers::encode_value(name));
        }
        for (header, value) in parameters {
            headers.insert(header.clone(), value.clone());
        }
    }
}

fn version(revision: ProtocolVersion) -> HeaderValue {
    HeaderValue::from_static(revision.as_str())
}
