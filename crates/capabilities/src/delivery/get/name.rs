//! Where the GET streams of a session are recorded.

use bytes::Bytes;
use mcpg_cluster::Key;

const SCOPE: &str = "get";

/// The record of the GET streams of the session with this name.
pub fn key(session: &str) -> Key {
    Key::new(SCOPE, Bytes::copy_from_slice(session.as_bytes()))
}

/// The name of the session whose GET streams are recorded at `key`; `None` where that is no such record.
///
/// For whoever is told "look at this key" and has to find out what it is.
pub fn session_at(key: &Key) -> Option<&str> {
    if key.scope != SCOPE.as_bytes() {
        return None;
    }
    std::str::from_utf8(&key.name).ok()
}
