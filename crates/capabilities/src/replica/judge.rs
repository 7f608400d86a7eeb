//! Who may be called dead.

use async_trait::async_trait;
use mcpg_cluster::{ErrorKind, LeaseRequest, Result};

use super::Replica;
use crate::owner::{Judge, OwnerPair};
use crate::weakness::{self, Weakness};

#[async_trait]
impl Judge for Replica {
    /// An owner is dead when its lease is gone, no renewal of this replica's own lease has failed or been late for a
    /// full TTL, and this replica then renews its own lease once more. Otherwise the first replica to come back after
    /// an outage would bury all those that come back a moment later.
    async fn is_dead(&self, owner: &OwnerPair) -> Result<bool> {
        let Some(guard) = self.guard() else {
            return Ok(false);
        };
        if weakness::has(Weakness::JudgesAtOnce) {
            return self.lease_is_gone(owner).await;
        }
        let disturbed = || {
            guard.validity().undisturbed_for() < self.lease_ttl() && !weakness::has(Weakness::JudgesDisturbed)
        };
        if disturbed() {
            return Ok(false);
        }
        if !self.lease_is_gone(owner).await? {
            return Ok(false);
        }
        match guard.renew_now().await {
            Ok(()) => Ok(!disturbed()),
            Err(error) if error.kind() == ErrorKind::NotHeld => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Replica {
    async fn lease_is_gone(&self, owner: &OwnerPair) -> Result<bool> {
        if self.parts.support.stale_reads.is_zero() {
            let holder = self.parts.lease.holder(owner.lease.as_bytes()).await?;
            // A lease is named after one boot of one replica, so whoever holds it is that owner, alive. After an outage
            // longer than a lease it holds it with another token, and its calls have gone on meanwhile.
            return Ok(holder.is_none());
        }
        // A read may be older than the lease itself; only a write tells.
        let request = LeaseRequest::new(
            owner.lease.clone(),
            self.parts.boot.as_str().to_owned(),
            self.parts.support.min_ttl,
        )?;
        let Some(grant) = self.parts.lease.acquire(&request).await? else {
            return Ok(false);
        };
        self.parts.lease.release(&request.name, grant.token).await?;
        Ok(true)
    }
}
