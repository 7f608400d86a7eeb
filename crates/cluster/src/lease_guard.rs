//! LeaseGuard: a lease that renews itself and knows when to stop.

mod acquire;
mod renewal;
mod validity;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use self::renewal::Renewal;
pub use self::validity::Validity;
use crate::{BootClock, Clock, Lease, LeaseRequest, Result, Token};

/// A held lease. While it lives a background task renews it; [`release`](Self::release) gives it back.
///
/// The lease counts as valid from before its last successful request was *sent*, for the TTL less a safety margin
/// (see [`safety_margin`]). A renewal that fails is repeated until then. Once lost, a guard never becomes valid
/// again. Dropped without release it stops renewing and counts as lost at once; the lease then runs out by itself.
///
/// Validity alone never justifies an effect that cannot be undone: between the check and the effect the process may
/// be paused for any time. What must be certain is a compare-and-set on a record that carries the token.
pub struct LeaseGuard {
    lease: Arc<dyn Lease>,
    request: LeaseRequest,
    validity: Validity,
    renewals: AbortHandle,
}

/// How a [`LeaseGuard`] measures.
#[derive(Clone)]
pub struct LeaseGuardOptions {
    /// The clock that validity is measured on; [`BootClock`] outside tests.
    pub clock: Arc<dyn Clock>,
    /// The time before the end of the TTL from which the lease counts as lost; [`safety_margin`] when `None`.
    pub margin: Option<Duration>,
}

impl Default for LeaseGuardOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(BootClock),
            margin: None,
        }
    }
}

impl fmt::Debug for LeaseGuardOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LeaseGuardOptions")
            .field("margin", &self.margin)
            .finish_non_exhaustive()
    }
}

/// The usual safety margin: a tenth of the TTL and at least 500 ms, but never more than a quarter of the TTL.
///
/// The last part is for TTLs under two seconds, which only tests have: half a second would leave them no validity.
pub fn safety_margin(ttl: Duration) -> Duration {
    let margin = (ttl / 10).max(Duration::from_millis(500));
    margin.min(ttl / 4)
}

impl LeaseGuard {
    /// Takes a lease and keeps it; `None` means that somebody holds it.
    ///
    /// An attempt of unknown outcome is repeated with the same nonce for at most one TTL.
    ///
    /// # Errors
    /// Those of [`Lease::acquire`]; `Invalid` for a margin that leaves no validity; `Unavailable` when the grant came
    /// so late that nothing of it was left.
    ///
    /// # Behavior
    /// - guard of a held lease is none: and the holder is not disturbed.
    /// - guard keeps the lease beyond its ttl: with the same token, and is valid all the time.
    /// - guard that is dropped lets the lease expire: it stops renewing.
    /// - guard says when its lease is lost: `lost` resolves and it is no longer valid.
    pub async fn acquire(
        lease: Arc<dyn Lease>,
        request: LeaseRequest,
        options: LeaseGuardOptions,
    ) -> Result<Option<Self>> {
        let Some(acquired) = acquire::acquire(&*lease, &request, &options).await? else {
            return Ok(None);
        };
        let validity = acquired.validity(&options);
        let renewal = Renewal::new(Arc::clone(&lease), request.clone(), validity.clone());
        let renewals = tokio::spawn(renewal.run(acquired.sent, acquired.grant)).abort_handle();
        Ok(Some(Self {
            lease,
            request,
            validity,
            renewals,
        }))
    }

    /// The token of this acquisition.
    pub fn token(&self) -> Token {
        self.validity.token()
    }

    /// What the lease was asked for with.
    pub fn request(&self) -> &LeaseRequest {
        &self.request
    }

    /// Whether the lease counts as held right now.
    pub fn is_valid(&self) -> bool {
        self.validity.is_valid()
    }

    /// Waits until the lease is lost.
    pub async fn lost(&self) {
        self.validity.lost().await;
    }

    /// A handle by which others see validity and loss.
    pub fn validity(&self) -> Validity {
        self.validity.clone()
    }

    /// Renews at once, as is needed before another replica may be called dead.
    ///
    /// # Errors
    /// Those of [`Lease::renew`]; after `NotHeld` the guard is lost.
    pub async fn renew_now(&self) -> Result<()> {
        let renewal = Renewal::new(
            Arc::clone(&self.lease),
            self.request.clone(),
            self.validity.clone(),
        );
        renewal.renew().await.map(drop)
    }

    /// Stops renewing and gives the lease back. From the call on the guard and its handles are not valid.
    ///
    /// # Errors
    /// Those of [`Lease::release`]; the lease then runs out by itself.
    ///
    /// # Behavior
    /// - guard release frees the lease at once: without waiting for the TTL.
    pub async fn release(self) -> Result<()> {
        self.renewals.abort();
        self.validity.lose();
        let (name, token) = (self.request.name.clone(), self.token());
        self.lease.release(&name, token).await
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.renewals.abort();
        self.validity.lose();
    }
}

impl fmt::Debug for LeaseGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LeaseGuard")
            .field("request", &self.request)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}
