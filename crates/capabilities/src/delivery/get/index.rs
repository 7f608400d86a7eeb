//! The index of a replica's claims, by which a sweeper finds them when the replica is dead.

use bytes::Bytes;
use mcpg_cluster::Key;

use crate::owner::{BootId, OwnerPair};
use crate::store::{Fields, Format, FormatError};

/// What the names of sessions start with in the index `owner/<boot id>`, which has other things in it as well.
pub(super) const PREFIX: &str = "get/";

pub(super) fn scope(boot: &BootId) -> String {
    format!("owner/{boot}")
}

/// Points from a replica to the record of a session in which it holds streams of upstreams.
pub(super) fn key(boot: &BootId, session: &str) -> Key {
    Key::new(scope(boot), format!("{PREFIX}{session}"))
}

/// The name of the session that an entry points to.
pub(super) fn session_of(name: &[u8]) -> Option<&str> {
    std::str::from_utf8(name).ok()?.strip_prefix(PREFIX)
}

pub(super) fn encode(owner: &OwnerPair) -> Result<Bytes, FormatError> {
    let mut fields = Fields::write(Format::NATIVE);
    fields.put("owner", owner)?;
    fields.into_bytes().map(Bytes::from)
}
