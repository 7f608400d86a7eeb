//! How a call is named.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::Key;

use crate::sessions::SessionId;

/// The longest JSON-RPC id, as JSON text, whose call can be seen by other replicas.
pub const LARGEST_ID_BYTES: usize = 8 * 1024;

const SCOPE: &str = "call/";

/// Names one call: its session, by its name, which carries the principal, and its JSON-RPC id as canonical JSON text, so that `1` and `"1"` are two calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallKey {
    session: Arc<str>,
    id: Arc<str>,
}

/// The id of a call is longer than [`LARGEST_ID_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCall {
    /// The length of the id.
    pub bytes: usize,
}

impl fmt::Display for InvalidCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "a request id of {} bytes is longer than {LARGEST_ID_BYTES} bytes: use a shorter one",
            self.bytes
        )
    }
}

impl std::error::Error for InvalidCall {}

impl CallKey {
    /// Names the call of `session` whose id is the JSON text `id`.
    ///
    /// # Errors
    /// [`InvalidCall`] for an id that is too long to be the name of a record.
    pub fn new(session: &SessionId, id: &str) -> Result<Self, InvalidCall> {
        Self::of(session.name(), id)
    }

    pub(super) fn of(session: &str, id: &str) -> Result<Self, InvalidCall> {
        if id.len() > LARGEST_ID_BYTES {
            return Err(InvalidCall { bytes: id.len() });
        }
        Ok(Self {
            session: session.into(),
            id: id.into(),
        })
    }

    /// The name of the session that the call belongs to.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The JSON text of the call's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The record of the call's head.
    pub fn head(&self) -> Key {
        Key::new(
            format!("{SCOPE}{}", self.session),
            Bytes::copy_from_slice(self.id.as_bytes()),
        )
    }

    /// The call whose head is at `key`; `None` where that is no head of a call.
    ///
    /// For whoever is told "look at this key" and has to find out what it is.
    pub fn from_head(key: &Key) -> Option<Self> {
        let scope = std::str::from_utf8(&key.scope).ok()?;
        let id = std::str::from_utf8(&key.name).ok()?;
        Self::of(scope.strip_prefix(SCOPE)?, id).ok()
    }
}
