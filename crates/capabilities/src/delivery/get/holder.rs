//! Who holds a stream.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::owner::{BootId, OwnerPair};
use crate::random;

/// The one connection to which a GET stream is attached. Whoever finds another one in the record has been replaced,
/// because the client has come back elsewhere, and closes its connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// The replica as an owner: with another token, or without a lease, it holds nothing any more.
    pub owner: OwnerPair,
    /// Where its mail goes.
    pub boot: BootId,
    /// Tells two connections of one replica apart.
    pub nonce: u64,
}

impl Holder {
    /// A connection that this replica has just accepted.
    pub fn fresh(owner: OwnerPair, boot: BootId) -> Self {
        Self {
            owner,
            boot,
            nonce: u64::from_be_bytes(random::bytes()),
        }
    }
}

/// Tells whether what a replica holds still reaches clients.
#[async_trait]
pub trait Living: Send + Sync {
    /// Whether `owner` has its lease, with the same token. The answer may be a moment old.
    ///
    /// # Errors
    /// The coordinator's; nothing is decided then.
    async fn lives(&self, owner: &OwnerPair) -> mcpg_cluster::Result<bool>;
}
