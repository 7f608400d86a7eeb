//! Who owns a record: the words in which replicas speak of each other.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The random id of one boot of one replica: no other replica and no other boot ever has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct BootId(Arc<str>);

impl BootId {
    /// Takes an id that was drawn at boot or read from a record.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for BootId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<BootId> for String {
    fn from(id: BootId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The lease of the replica that owns a record, and the token of its acquisition.
///
/// Pairs are compared for equality only: which of two owners is the later one is told by the record's version. Tokens
/// of different leases have nothing to do with each other, so comparing them would keep a replica that booted early
/// from ever taking anything over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnerPair {
    /// The name of the owner's lease.
    pub lease: String,
    /// The token with which it was acquired.
    pub token: u64,
}

/// Tells whether an owner may be called dead.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Whether `owner` has surely lost its lease. `false` also means "not to be said now".
    ///
    /// # Errors
    /// The coordinator's; nothing may be taken over then.
    async fn is_dead(&self, owner: &OwnerPair) -> mcpg_cluster::Result<bool>;
}
