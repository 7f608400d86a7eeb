//! What stands in the feed: heartbeats of replicas, and closings of sessions.

use bytes::Bytes;
use mcpg_cluster::{Key, NamedEntry};
use serde::{Deserialize, Serialize};

use crate::owner::BootId;

/// The one scope whose order all replicas share.
pub(super) const SCOPE: &str = "feed";
pub(super) const HEARTBEATS: &str = "hb/";
const CLOSINGS: &str = "inv/";

/// The value of `hb/<boot>`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    /// Tells one heartbeat from the next.
    pub(super) mark: u64,
    /// The newest layout of records that the replica reads.
    pub(super) reads: u32,
}

/// The value of `inv/<session>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// The boots that wait for acknowledgements.
    pub(super) tell: Vec<BootId>,
}

/// An entry of the feed, read.
pub(super) enum Item {
    Heartbeat(BootId, Heartbeat),
    Closing(String, Closing),
    /// Of a later release, or damaged.
    Foreign,
}

pub(super) fn heartbeat_key(boot: &BootId) -> Key {
    Key::new(SCOPE, Bytes::from(format!("{HEARTBEATS}{boot}")))
}

pub(super) fn closing_key(session: &str) -> Key {
    Key::new(SCOPE, Bytes::from(format!("{CLOSINGS}{session}")))
}

/// The boot whose heartbeat stands under `name`.
pub(super) fn boot_of(name: &[u8]) -> Option<BootId> {
    let boot = std::str::from_utf8(name).ok()?.strip_prefix(HEARTBEATS)?;
    Some(BootId::new(boot))
}

impl Item {
    pub(super) fn read(named: &NamedEntry) -> Self {
        let Ok(name) = std::str::from_utf8(&named.name) else {
            return Self::Foreign;
        };
        if let Some(boot) = name.strip_prefix(HEARTBEATS) {
            return match serde_json::from_slice(&named.entry.value) {
                Ok(heartbeat) => Self::Heartbeat(BootId::new(boot), heartbeat),
                Err(_) => Self::Foreign,
            };
        }
        match name.strip_prefix(CLOSINGS) {
            // A closing that cannot be read is a closing all the same.
            Some(session) => Self::Closing(
                session.to_owned(),
                serde_json::from_slice(&named.entry.value).unwrap_or_default(),
            ),
            None => Self::Foreign,
        }
    }
}
