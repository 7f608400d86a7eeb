//! This process among the replicas: its one lease, its node id, and who may be called dead.
//!
//! There is one lease per replica and none per call or session. A record that a replica owns carries the pair of its
//! lease's name and token; whoever finds the lease gone may claim the record, and from then on the former owner's
//! writes are refused by compare-and-set, however late they come.

pub mod boots;

mod judge;
mod living;
mod node;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{
    Clock, Error, ErrorKind, KeyValue, Lease, LeaseGuard, LeaseGuardOptions, LeaseRequest, Result, Support,
};
use parking_lot::Mutex;
use tracing::{debug, info, warn};

pub use mcpg_cluster::Validity;

pub use self::node::JoinError;
use self::node::NodeRecord;
use crate::owner::{BootId, OwnerPair};
use crate::timing::sleep_until;

/// What a replica is made of.
#[derive(Clone)]
pub struct ReplicaParts {
    /// The node id of the configuration.
    pub node: String,
    /// The random id of this boot.
    pub boot: BootId,
    /// Where node ids are recorded.
    pub key_value: Arc<dyn KeyValue>,
    /// The leases.
    pub lease: Arc<dyn Lease>,
    /// The clock that leases are measured on.
    pub clock: Arc<dyn Clock>,
    /// What the backend guarantees; with it the TTL of the lease.
    pub support: Support,
}

/// This process among the replicas.
pub struct Replica {
    parts: ReplicaParts,
    guard: Mutex<Option<Arc<LeaseGuard>>>,
    node: NodeRecord,
    /// What was found out lately about the leases of others.
    seen: living::Seen,
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Replica")
            .field("node", &self.parts.node)
            .field("boot", &self.parts.boot)
            .field("owner", &self.owner())
            .finish_non_exhaustive()
    }
}

impl Replica {
    /// Takes the replica's lease and makes sure that its node id is used by nobody else who is alive.
    ///
    /// After a crash the lease of the earlier boot may still be running; its end is waited for.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(parts: ReplicaParts) -> Result<Arc<Self>, JoinError> {
        let node = NodeRecord::new(&parts);
        let replica = Arc::new(Self {
            guard: Mutex::new(None),
            node,
            seen: living::Seen::default(),
            parts,
        });
        let acquired = replica.acquire().await.map_err(JoinError::Coordinator)?;
        if !acquired {
            let message = "the lease of a fresh boot id is held by somebody else";
            return Err(JoinError::Coordinator(Error::new(ErrorKind::Internal, message)));
        }
        replica.node.take(&replica.parts, &replica.lease_name()).await?;
        // Before anything is owned that a sweeper would have to find.
        replica.note_boot().await.map_err(JoinError::Coordinator)?;
        Ok(replica)
    }

    /// The pair that records of this replica carry; `None` while it holds no lease.
    pub fn owner(&self) -> Option<OwnerPair> {
        let guard = self.guard()?;
        Some(OwnerPair {
            lease: self.lease_name(),
            token: guard.token().get(),
        })
    }

    /// The same, with the lease itself: what is held with it is to be let go of when it is lost, even if there is another
    /// one by then.
    pub fn hold(&self) -> Option<(OwnerPair, Validity)> {
        let validity = self.guard()?.validity();
        let owner = OwnerPair {
            lease: self.lease_name(),
            token: validity.token().get(),
        };
        Some((owner, validity))
    }

    /// The id of this boot.
    pub fn boot(&self) -> &BootId {
        &self.parts.boot
    }

    /// The node id of the configuration.
    pub fn node(&self) -> &str {
        &self.parts.node
    }

    /// How long the lease lasts without renewal.
    pub fn lease_ttl(&self) -> Duration {
        self.parts.support.lease_ttl
    }

    /// The longest time from the death of a replica until its records can be claimed.
    pub fn take_over_bound(&self) -> Duration {
        let ttl = self.parts.support.lease_ttl;
        ttl + self.parts.support.ttl_slack.of(ttl) + Duration::from_secs(1)
    }

    /// Takes a new lease whenever the present one is lost, and keeps the node id, until it is dropped.
    pub async fn run(&self) -> Infallible {
        tokio::select! {
            biased;
            never = self.keep_lease() => never,
            never = self.keep_node() => never,
        }
    }

    /// Gives the lease up as if it were lost: after the coordinator lost its data, no claim made with it stands.
    pub fn renounce(&self) {
        // Dropping the guard says `lost` to everybody who holds on to it.
        self.guard.lock().take();
    }

    /// Gives the lease back: from now on the replica owns nothing.
    ///
    /// # Errors
    /// The coordinator's; the lease then runs out by itself.
    pub async fn leave(&self) -> Result<()> {
        let guard = self.guard.lock().take();
        match guard.and_then(Arc::into_inner) {
            Some(guard) => guard.release().await,
            None => Ok(()),
        }
    }

    fn guard(&self) -> Option<Arc<LeaseGuard>> {
        let guard = self.guard.lock();
        guard.as_ref().filter(|guard| guard.is_valid()).map(Arc::clone)
    }

    fn lease_name(&self) -> String {
        format!("replica/{}/{}", self.parts.node, self.parts.boot)
    }

    async fn note_boot(&self) -> Result<()> {
        match self.owner() {
            Some(owner) => boots::note(&self.parts, &owner).await,
            None => Ok(()),
        }
    }

    async fn acquire(&self) -> Result<bool> {
        let request = LeaseRequest::new(
            self.lease_name(),
            self.parts.boot.as_str().to_owned(),
            self.lease_ttl(),
        )?;
        let options = LeaseGuardOptions {
            clock: Arc::clone(&self.parts.clock),
            margin: None,
        };
        let guard = LeaseGuard::acquire(Arc::clone(&self.parts.lease), request, options).await?;
        let acquired = guard.is_some();
        if let Some(guard) = guard {
            *self.guard.lock() = Some(Arc::new(guard));
        }
        Ok(acquired)
    }

    async fn keep_lease(&self) -> Infallible {
        let pause = self.lease_ttl() / 12;
        loop {
            let held = self.guard.lock().as_ref().map(|guard| guard.validity());
            if let Some(held) = held {
                held.lost().await;
                warn!(
                    message = "The lease of this replica is lost; it takes a new one.",
                    node = self.parts.node
                );
            }
            self.guard.lock().take();
            match self.acquire().await {
                Ok(true) => {
                    info!(
                        message = "This replica has a lease again.",
                        node = self.parts.node
                    );
                    // Whoever took it for dead may have forgotten the boot, and what it owns from now on is found by that.
                    if let Err(error) = self.note_boot().await {
                        debug!(message = "The entry of this boot could not be renewed yet.", %error);
                    }
                    continue;
                }
                Ok(false) => debug!("The former lease of this replica has not run out yet."),
                Err(error) => debug!(message = "No lease could be taken.", %error),
            }
            sleep_until(self.parts.clock.as_ref(), self.parts.clock.now() + pause).await;
        }
    }

    async fn keep_node(&self) -> Infallible {
        loop {
            let clock = self.parts.clock.as_ref();
            sleep_until(clock, clock.now() + self.lease_ttl()).await;
            self.node.keep(&self.parts, &self.lease_name()).await;
            if let Err(error) = self.note_boot().await {
                debug!(message = "The entry of this boot could not be kept.", %error);
            }
        }
    }
}
