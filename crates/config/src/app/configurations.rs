//! How what the gateway does for clients is kept.

use std::path::PathBuf;

/// The `mcp.configurations` block.
#[derive(Debug, Clone)]
pub struct Configurations {
    /// Where the records of client sessions are kept.
    pub sessions: Store,
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

impl Configurations {
    /// The capabilities whose records other replicas never see, each with the kind of its store.
    pub fn pinned(&self) -> Vec<(&'static str, &'static str)> {
        let stores = [("sessions", &self.sessions)];
        let pinned = stores.into_iter().filter(|(_, store)| **store != Store::Cluster);
        pinned
            .map(|(capability, store)| (capability, store.kind()))
            .collect()
    }
}

impl Store {
    /// The word in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Memory => "memory",
            Self::File { .. } => "file",
        }
    }
}
