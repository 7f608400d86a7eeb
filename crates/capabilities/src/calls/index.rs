//! The index of a replica's calls, by which a sweeper finds them when the replica is dead.

use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::Key;

use super::head::Birth;
use super::key::CallKey;
use crate::owner::{BootId, OwnerPair};
use crate::store::{Fields, Format, FormatError};

/// What the names of calls start with in the index `owner/<boot id>`, which has other things in it as well.
pub(super) const PREFIX: &str = "call/";

/// Points from a replica to one of its calls. The name is the birth of the head, so no two entries share one and
/// removing an entry never removes that of a later call with the same id.
#[derive(Clone, Debug)]
pub(super) struct IndexEntry {
    pub(super) call: CallKey,
    pub(super) birth: Birth,
    /// Who wrote the entry. It says who must be dead for a head that does not stand yet.
    pub(super) owner: OwnerPair,
    /// How long the head would live after its last write.
    pub(super) ttl: Duration,
}

pub(super) fn scope(boot: &BootId) -> String {
    format!("owner/{boot}")
}

impl IndexEntry {
    pub(super) fn key(&self, boot: &BootId) -> Key {
        Key::new(scope(boot), format!("{PREFIX}{}", self.birth))
    }

    pub(super) fn encode(&self) -> Result<Bytes, FormatError> {
        let mut fields = Fields::write(Format::NATIVE);
        fields.put("session", self.call.session())?;
        fields.put("id", self.call.id())?;
        fields.put("birth", &self.birth)?;
        fields.put("owner", &self.owner)?;
        fields.put("ttl_ms", &u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX))?;
        fields.into_bytes().map(Bytes::from)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        let (session, id): (String, String) = (fields.require("session")?, fields.require("id")?);
        Ok(Self {
            call: CallKey::of(&session, &id).map_err(|error| FormatError::Malformed(error.to_string()))?,
            birth: fields.require("birth")?,
            owner: fields.require("owner")?,
            ttl: Duration::from_millis(fields.require("ttl_ms")?),
        })
    }
}
