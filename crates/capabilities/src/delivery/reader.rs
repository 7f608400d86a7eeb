//! Who reads a stream.

use serde::{Deserialize, Serialize};

use crate::owner::BootId;
use crate::random;

/// The one connection to which a stream is sent. It stands in the stream's record: whoever finds another reader there
/// than itself has been replaced, because the client has come back elsewhere, and closes its connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reader {
    /// The replica that holds the connection: where its mail goes.
    pub boot: BootId,
    /// Tells two connections of one replica apart.
    pub nonce: u64,
}

impl Reader {
    /// A connection that this replica has just accepted.
    pub fn fresh(boot: BootId) -> Self {
        Self {
            boot,
            nonce: u64::from_be_bytes(random::bytes()),
        }
    }
}
