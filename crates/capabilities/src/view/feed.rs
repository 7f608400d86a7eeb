//! What stands in the feed: heartbeats of replicas, closings of sessions, and changes of catalogues.

use bytes::Bytes;
use mcpg_cluster::{Key, NamedEntry};
use serde::{Deserialize, Serialize};

use crate::owner::BootId;

/// The one scope whose order all replicas share.
pub(super) const SCOPE: &str = "feed";
pub(super) const HEARTBEATS: &str = "hb/";
const CLOSINGS: &str = "inv/";
const CATALOGUES: &str = "cat/";

/// The value of `hb/<boot>`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    /// Tells one heartbeat from the next.
    pub(super) mark: u64,
    /// The newest layout of records that the replica reads.
    pub(super) reads: u32,
}

/// The value of `inv/<session>` and of `cat/<upstream>/<version>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// The boots that wait for acknowledgements.
    pub(super) tell: Vec<BootId>,
}

/// What every replica must have heard before anybody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A session is closed.
    Closed { session: String },
    /// What an upstream lists has changed.
    Changed { upstream: String, version: u64 },
}

impl News {
    /// Where it stands in the feed.
    pub(super) fn key(&self) -> Key {
        let name = match self {
            Self::Closed { session } => format!("{CLOSINGS}{session}"),
            Self::Changed { upstream, version } => format!("{CATALOGUES}{upstream}/{version}"),
        };
        Key::new(SCOPE, Bytes::from(name))
    }

    /// What it is called in acknowledgements. The name of a session has one slash at the most, so
    /// nothing is mistaken for something else.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Closed { session } => session.clone(),
            Self::Changed { upstream, version } => format!("{CATALOGUES}{upstream}/{version}"),
        }
    }
}

/// An entry of the feed, read.
pub(super) enum Item {
    Heartbeat(BootId, Heartbeat),
    News(News, Closing),
    /// Of a later release, or damaged.
    Foreign,
}

pub(super) fn heartbeat_key(boot: &BootId) -> Key {
    Key::new(SCOPE, Bytes::from(format!("{HEARTBEATS}{boot}")))
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
        let news = if let Some(session) = name.strip_prefix(CLOSINGS) {
            Some(News::Closed {
                session: session.to_owned(),
            })
        } else {
            name.strip_prefix(CATALOGUES).and_then(changed)
        };
        match news {
            // News that cannot be read is news all the same.
            Some(news) => Self::News(
                news,
                serde_json::from_slice(&named.entry.value).unwrap_or_default(),
            ),
            None => Self::Foreign,
        }
    }
}

fn changed(name: &str) -> Option<News> {
    let (upstream, version) = name.rsplit_once('/')?;
    Some(News::Changed {
        upstream: upstream.to_owned(),
        version: version.parse().ok()?,
    })
}
