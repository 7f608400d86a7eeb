//! How what the gateway does for clients is kept.

use std::path::PathBuf;
use std::time::Duration;

/// The `mcp.configurations` block.
#[derive(Debug, Clone)]
pub struct Configurations {
    /// Where the records of client sessions are kept.
    pub sessions: Store,
    /// The streams of legacy clients.
    pub delivery: Delivery,
    /// How replicas hear of cancels.
    pub cancellation: Bus,
    /// What clients subscribed to.
    pub subscriptions: Subscriptions,
}

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// In the coordinator, where every replica finds them.
    Cluster,
    /// In this process.
    Memory,
    /// In a folder that this process alone uses.
    File {
        /// The folder.
        dir: PathBuf,
    },
}

/// How replicas hear of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// Over the coordinator.
    Cluster,
    /// Not at all.
    Memory,
}

/// The streams of legacy clients, and how much is kept of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Where their events are.
    pub bus: Bus,
    /// How many events are kept per stream.
    pub max_events: u64,
    /// How many bytes of events are kept per stream.
    pub max_bytes: u64,
    /// How long an event is kept.
    pub max_age: Duration,
    /// How many bytes are kept for one client over all replicas.
    pub bytes_per_principal: u64,
}

/// What clients subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriptions {
    /// Where the records are kept.
    pub store: Store,
    /// How many resources one session may be subscribed to.
    pub max_per_session: usize,
}

impl Configurations {
    /// The capabilities that other replicas take no part in, each with the kind of its store or bus.
    pub fn pinned(&self) -> Vec<(&'static str, &'static str)> {
        let kinds = [
            ("sessions", self.sessions.kind()),
            ("delivery", self.delivery.bus.kind()),
            ("cancellation", self.cancellation.kind()),
            ("subscriptions", self.subscriptions.store.kind()),
        ];
        let pinned = kinds.into_iter().filter(|(_, kind)| *kind != CLUSTER);
        pinned.collect()
    }
}

const CLUSTER: &str = "cluster";
const MEMORY: &str = "memory";

impl Store {
    /// The word in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cluster => CLUSTER,
            Self::Memory => MEMORY,
            Self::File { .. } => "file",
        }
    }
}

impl Bus {
    /// The word in the configuration.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cluster => CLUSTER,
            Self::Memory => MEMORY,
        }
    }
}
