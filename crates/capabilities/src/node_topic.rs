//! The one topic on which a replica is woken.
//!
//! What is said here may be lost: whoever is woken reads what it is about, and finds it by itself a little later if
//! nothing woke it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::owner::BootId;

/// What a replica is woken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WakeUp {
    /// `boot` has processed the closing of `session`.
    Ack {
        /// The closed session.
        session: String,
        /// Who acknowledges.
        boot: BootId,
    },
    /// There is mail under this name.
    Mail {
        /// The name of the mail in the replica's own mail scope.
        name: String,
    },
    /// Of a later release: to be ignored.
    #[serde(other)]
    Unknown,
}

/// The topic of the replica with this boot id.
pub fn topic(boot: &BootId) -> Bytes {
    Bytes::from(format!("node/{boot}"))
}

impl WakeUp {
    /// Reads a message; what cannot be read is unknown.
    pub fn read(payload: &[u8]) -> Self {
        serde_json::from_slice(payload).unwrap_or(Self::Unknown)
    }

    /// The message.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).expect("strings are always JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_and_what_is_unknown_is_ignored() {
        let boot = BootId::new("b");
        let ack = WakeUp::Ack {
            session: "s".to_owned(),
            boot,
        };
        assert_eq!(WakeUp::read(&ack.to_bytes()), ack);
        for other in [&br#"{"kind":"later","x":1}"#[..], b"", b"7"] {
            assert_eq!(WakeUp::read(other), WakeUp::Unknown);
        }
    }
}
