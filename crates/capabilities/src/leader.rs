//! Work that one replica at a time does for all.
//!
//! The lease only saves work: validity alone never justifies an effect that cannot be undone, so everything that a
//! leader writes is a compare-and-set or may be repeated.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, Lease, LeaseGuard, LeaseGuardOptions, LeaseRequest, Result};
use mcpg_metrics::table::{LEADER, TAKE_OVERS};
use tracing::debug;

use crate::owner::BootId;
use crate::timing::sleep_until;

/// The name of the leader's lease; its holder is a boot.
pub const LEASE: &str = "leader";

/// How often the lease is asked for at least: a leader that dies is missed until another one leads.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the leader does again and again, pauses included.
pub trait Work: Send {
    /// Does it once and rests. It may be dropped at any await.
    fn round(&mut self) -> impl Future<Output = ()> + Send;
}

/// How one replica becomes the leader.
#[derive(Clone)]
pub struct Leadership {
    /// The leases.
    pub lease: Arc<dyn Lease>,
    /// The clock that leases are measured on.
    pub clock: Arc<dyn Clock>,
    /// Who leads.
    pub boot: BootId,
    /// How long the leader's lease lasts without renewal.
    pub ttl: Duration,
}

impl std::fmt::Debug for Leadership {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Leadership")
            .field("boot", &self.boot)
            .finish_non_exhaustive()
    }
}

impl Leadership {
    /// Does `work` again and again while this replica leads; whatever it is at is dropped when the lease is lost. At
    /// `stop` the lease is given back, so that another replica leads at once.
    pub async fn run(&self, work: &mut impl Work, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            match self.acquire().await {
                Ok(Some(guard)) => {
                    debug!(message = "This replica leads.", boot = %self.boot);
                    let _leading = Leading::begin();
                    let validity = guard.validity();
                    let leading = async {
                        loop {
                            work.round().await;
                        }
                    };
                    tokio::select! {
                        biased;
                        () = &mut stop => {
                            give_back(guard).await;
                            return;
                        }
                        () = validity.lost() => {}
                        () = leading => {}
                    }
                    debug!(message = "This replica leads no more.", boot = %self.boot);
                }
                Ok(None) => {}
                Err(error) => debug!(message = "The leader's lease could not be asked for.", %error),
            }
            let pause = (self.ttl / 3).min(LONGEST_PAUSE);
            let again = sleep_until(self.clock.as_ref(), self.clock.now() + pause);
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = again => {}
            }
        }
    }

    async fn acquire(&self) -> Result<Option<LeaseGuard>> {
        let request = LeaseRequest::new(LEASE, self.boot.as_str().to_owned(), self.ttl)?;
        let options = LeaseGuardOptions {
            clock: Arc::clone(&self.clock),
            margin: None,
        };
        LeaseGuard::acquire(Arc::clone(&self.lease), request, options).await
    }
}

/// Shown while it lives.
struct Leading;

impl Leading {
    fn begin() -> Self {
        TAKE_OVERS.count(&["leadership"]);
        LEADER.set(&[], 1.0);
        Self
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        LEADER.set(&[], 0.0);
    }
}

async fn give_back(guard: LeaseGuard) {
    if let Err(error) = guard.release().await {
        debug!(message = "The leader's lease was not given back and runs out.", %error);
    }
}
