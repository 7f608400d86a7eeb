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
        /// What stands there, where that is small and never changes: it need not be read then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Content>,
    },
    /// Of a later release: to be ignored.
    #[serde(other)]
    Unknown,
}

/// A piece of mail inside the message that tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The version of the mail.
    pub version: u64,
    /// The mail.
    pub value: String,
}

/// The topic of the replica with this boot id.
pub fn topic(boot: &BootId) -> Bytes {
    Bytes::from(format!("node/{boot}"))
}

impl WakeUp {
    /// Tells of mail that has to be read.
    pub fn mail(name: String) -> Self {
        Self::Mail { name, content: None }
    }

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
        let content = Content {
            version: u64::MAX,
            value: r#"{"a":"\u{e9}"}"#.to_owned(),
        };
        let mail = WakeUp::Mail {
            name: "n/1".to_owned(),
            content: Some(content),
        };
        assert_eq!(WakeUp::read(&mail.to_bytes()), mail);
        // As an earlier release says it.
        let earlier = WakeUp::read(br#"{"kind":"mail","name":"n/2"}"#);
        assert_eq!(earlier, WakeUp::mail("n/2".to_owned()));
        for other in [&br#"{"kind":"later","x":1}"#[..], b"", b"7"] {
            assert_eq!(WakeUp::read(other), WakeUp::Unknown);
        }
    }
}
