//! The index of what a replica holds, by which a sweeper finds it when the replica is dead.

use bytes::Bytes;
use mcpg_cluster::Key;

use super::name::SubscriptionName;
use super::record::Holder;
use crate::owner::{BootId, OwnerPair};
use crate::store::{Fields, Format, FormatError};

/// What the names of subscriptions start with in the index `owner/<boot id>`, which has other things in it as well.
pub(super) const PREFIX: &str = "subscription/";

/// Points from a replica to a subscription that it holds, or is about to.
#[derive(Clone, Debug)]
pub(super) struct IndexEntry {
    pub(super) name: SubscriptionName,
    /// Who wrote the entry: who must be dead.
    pub(super) owner: OwnerPair,
}

pub(super) fn scope(boot: &BootId) -> String {
    format!("owner/{boot}")
}

pub(super) fn key(boot: &BootId, digest: &str) -> Key {
    Key::new(scope(boot), format!("{PREFIX}{digest}"))
}

impl IndexEntry {
    pub(super) fn of(name: &SubscriptionName, holder: &Holder) -> Self {
        Self {
            name: name.clone(),
            owner: holder.owner.clone(),
        }
    }

    pub(super) fn encode(&self) -> Result<Bytes, FormatError> {
        let mut fields = Fields::write(Format::NATIVE);
        fields.put("digest", self.name.digest())?;
        fields.put("upstream", self.name.upstream())?;
        fields.put("uri", self.name.uri())?;
        fields.put("owner", &self.owner)?;
        fields.into_bytes().map(Bytes::from)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        let digest: String = fields.require("digest")?;
        let (upstream, uri) = (fields.require("upstream")?, fields.require("uri")?);
        Ok(Self {
            name: SubscriptionName::of_record(&digest, upstream, uri),
            owner: fields.require("owner")?,
        })
    }
}
