//! One living replica per node id.

use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect, Key, Result, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;
use tracing::{debug, error, info};

use super::ReplicaParts;
use crate::owner::BootId;
use crate::timing::sleep_until;

const SCOPE: &str = "nodes";
/// How often a boot looks whether the lease of an earlier boot has run out.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Why a replica could not join the fleet.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum JoinError {
    /// Another replica with the same node id is alive.
    #[error("node id {node} is in use by another replica that is alive (boot {boot})")]
    NodeInUse {
        /// The node id.
        node: String,
        /// The boot id of the other replica.
        boot: BootId,
    },
    /// The coordinator did not do its part.
    #[error("{0}")]
    Coordinator(Error),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Occupant {
    boot: BootId,
    lease: String,
}

/// The record that says which boot uses a node id. It only lives as long as it is kept.
#[derive(Debug)]
pub(super) struct NodeRecord {
    key: Key,
    ttl: Duration,
}

impl NodeRecord {
    pub(super) fn new(parts: &ReplicaParts) -> Self {
        let lease_ttl = parts.support.lease_ttl;
        Self {
            key: Key::new(SCOPE, Bytes::from(parts.node.clone())),
            ttl: (lease_ttl * 4).max(parts.support.min_ttl),
        }
    }

    /// Writes this boot into the record, once the boot that stands there has no lease any more.
    pub(super) async fn take(&self, parts: &ReplicaParts, lease: &str) -> Result<(), JoinError> {
        let lease_ttl = parts.support.lease_ttl;
        let bound = lease_ttl + parts.support.ttl_slack.of(lease_ttl) + Duration::from_secs(1);
        let deadline = parts.clock.now() + bound;
        let mut told = false;
        loop {
            let found = self.read(parts).await.map_err(JoinError::Coordinator)?;
            let expect = match found {
                Some((occupant, _)) if occupant.boot == parts.boot => return Ok(()),
                Some((occupant, version)) => {
                    let holder = parts.lease.holder(occupant.lease.as_bytes()).await;
                    if holder.map_err(JoinError::Coordinator)?.is_some() {
                        if parts.clock.now() >= deadline {
                            return Err(JoinError::NodeInUse {
                                node: parts.node.clone(),
                                boot: occupant.boot,
                            });
                        }
                        if !std::mem::replace(&mut told, true) {
                            let seconds = bound.as_secs();
                            info!(
                                message = "Waiting for the lease of an earlier boot of this node to run out.",
                                node = parts.node, boot = %occupant.boot, at_most_seconds = seconds
                            );
                        }
                        sleep_until(parts.clock.as_ref(), parts.clock.now() + LOOK_AGAIN).await;
                        continue;
                    }
                    Expect::Version(version)
                }
                None => Expect::Absent,
            };
            match self.write(parts, lease, expect).await {
                // Read again: a write of unknown outcome shows there, and so does another boot that was first.
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Indeterminate) => {}
                Err(error) => return Err(JoinError::Coordinator(error)),
            }
        }
    }

    /// Keeps the record from running out.
    pub(super) async fn keep(&self, parts: &ReplicaParts, lease: &str) {
        if let Err(problem) = self.try_keep(parts, lease).await {
            debug!(message = "The record of this node id could not be kept.", node = parts.node, error = %problem);
        }
    }

    async fn try_keep(&self, parts: &ReplicaParts, lease: &str) -> Result<()> {
        match self.read(parts).await? {
            Some((occupant, version)) if occupant.boot == parts.boot => {
                self.write(parts, lease, Expect::Version(version)).await
            }
            Some((occupant, _)) => {
                error!(
                    message = "Another replica uses the node id of this one: give each replica its own.",
                    node = parts.node, boot = %occupant.boot
                );
                Ok(())
            }
            None => self.write(parts, lease, Expect::Absent).await,
        }
    }

    async fn read(&self, parts: &ReplicaParts) -> Result<Option<(Occupant, Version)>> {
        let Some(entry) = parts.key_value.get(&self.key).await? else {
            return Ok(None);
        };
        let occupant = serde_json::from_slice(&entry.value).map_err(|error| {
            Error::new(ErrorKind::Internal, "the record of a node id cannot be read")
                .with_context("cause", error.to_string())
        })?;
        Ok(Some((occupant, entry.version)))
    }

    async fn write(&self, parts: &ReplicaParts, lease: &str, expect: Expect) -> Result<()> {
        let occupant = Occupant {
            boot: parts.boot.clone(),
            lease: lease.to_owned(),
        };
        let value = Bytes::from(serde_json::to_vec(&occupant).expect("strings are always JSON"));
        let written = parts.key_value.put(&self.key, value, expect, Some(self.ttl));
        written.await.map(drop)
    }
}
