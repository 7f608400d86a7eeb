//! Sessions at an upstream, and the ways to send something to it.

use std::fmt;
use std::sync::Arc;

use mcpg_capabilities::owner::{BootId, OwnerPair};
use mcpg_mcp::version::ProtocolVersion;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A legacy session at an upstream: plain data, so that it can be written into a shared record.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The id that the upstream gave; `None` when it gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The revision of the session.
    #[serde(serialize_with = "write_version", deserialize_with = "read_version")]
    pub(crate) version: ProtocolVersion,
    /// The replica to which it is tied; `None` when every replica can use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<Home>,
}

/// A session is the same whoever holds on to it: its replica may get another lease.
impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, self.version) == (&other.id, other.version)
    }
}

impl Eq for Session {}

/// The replica that runs the child process which a session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Home {
    /// Where its mail goes.
    pub(crate) boot: BootId,
    /// By which it is told whether it lives.
    pub(crate) owner: OwnerPair,
}

/// Whom a session is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Whoever has no own one, the gateway included.
    Everybody,
    /// One client session.
    OneClient,
}

impl Session {
    pub(super) fn new(id: Option<String>, version: ProtocolVersion) -> Self {
        Self {
            id,
            version,
            home: None,
        }
    }
}

/// Who a session is opened for.
#[derive(Debug, Clone)]
pub(crate) struct ClientProfile {
    /// The revision that the client speaks.
    pub(crate) version: ProtocolVersion,
    /// The capabilities that the client declared (raw JSON object).
    pub(crate) capabilities: Arc<RawValue>,
    /// The client's name and version (raw JSON object). Where it gave none, the gateway gives its own.
    pub(crate) client_info: Option<Arc<RawValue>>,
}

/// How something is sent to an upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Via<'a> {
    /// In this legacy session.
    Session(&'a Session),
    /// In the legacy session that everybody without an own one shares.
    Shared,
    /// Without a session, in the modern era.
    Modern,
}

/// Whoever knows a session id can act in the session: it does not belong into a log.
impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_ref().map(|_| "…");
        formatter
            .debug_struct("Session")
            .field("id", &id)
            .field("version", &self.version)
            .field("home", &self.home)
            .finish()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn write_version<S: Serializer>(version: &ProtocolVersion, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(version.as_str())
}

fn read_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProtocolVersion, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_survives_its_record_and_hides_its_id() {
        for id in [Some("abc".to_owned()), None] {
            let mut session = Session::new(id, ProtocolVersion::V2025_06_18);
            session.home = session.id.as_ref().map(|_| Home {
                boot: BootId::new("boot"),
                owner: OwnerPair {
                    lease: "lease".to_owned(),
                    token: 7,
                },
            });
            let text = serde_json::to_string(&session).expect("plain data");
            let read = serde_json::from_str::<Session>(&text).expect("what was written");
            assert_eq!(read, session);
            assert_eq!(read.home, session.home);
            assert!(!format!("{session:?}").contains("abc"));
        }
        assert!(serde_json::from_str::<Session>(r#"{"id":"a","version":"1999-01-01"}"#).is_err());
    }
}
