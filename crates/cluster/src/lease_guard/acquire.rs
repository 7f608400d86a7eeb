//! How a guard gets its lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{LeaseGuardOptions, Validity, safety_margin};
use crate::{Error, ErrorKind, Grant, Lease, LeaseRequest, Moment, Result};

/// A grant and the moment before its request was first sent.
pub(super) struct Acquired {
    pub(super) sent: Moment,
    pub(super) grant: Grant,
}

impl Acquired {
    pub(super) fn validity(&self, options: &LeaseGuardOptions) -> Validity {
        Validity::new(
            self.grant.token,
            Arc::clone(&options.clock),
            margin(self.grant.ttl, options),
            self.sent,
            self.grant.ttl,
        )
    }
}

pub(super) async fn acquire(
    lease: &dyn Lease,
    request: &LeaseRequest,
    options: &LeaseGuardOptions,
) -> Result<Option<Acquired>> {
    if margin(request.ttl, options) >= request.ttl {
        let message = "the safety margin leaves no validity";
        return Err(about(Error::new(ErrorKind::Invalid, message), request));
    }
    let sent = options.clock.now();
    let attempts = timeout(request.ttl, acquire_for_certain(lease, request));
    let Ok(answer) = attempts.await else {
        let message = "the lease was not granted within its own ttl";
        return Err(about(Error::new(ErrorKind::Indeterminate, message), request));
    };
    let Some(grant) = answer? else {
        return Ok(None);
    };
    let end = sent + grant.ttl.saturating_sub(margin(grant.ttl, options));
    if options.clock.now() >= end {
        lease.release(&request.name, grant.token).await?;
        let message = "the lease was granted too late to be used";
        return Err(about(Error::new(ErrorKind::Unavailable, message), request));
    }
    Ok(Some(Acquired { sent, grant }))
}

/// Repeats an attempt of unknown outcome: the nonce makes it the same attempt.
///
/// Once one outcome is unknown, a later `Unavailable` says nothing about that one.
async fn acquire_for_certain(lease: &dyn Lease, request: &LeaseRequest) -> Result<Option<Grant>> {
    let mut unknown_outcome = false;
    let mut pause = request.ttl / 48;
    loop {
        let error = match lease.acquire(request).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        unknown_outcome |= error.kind() == ErrorKind::Indeterminate;
        let passing = matches!(error.kind(), ErrorKind::Indeterminate | ErrorKind::Unavailable);
        if !(unknown_outcome && passing) {
            return Err(error);
        }
        sleep(pause.max(Duration::from_millis(1))).await;
        pause = (pause * 2).min(request.ttl / 6);
    }
}

fn margin(ttl: Duration, options: &LeaseGuardOptions) -> Duration {
    options.margin.unwrap_or_else(|| safety_margin(ttl))
}

fn about(error: Error, request: &LeaseRequest) -> Error {
    error.with_context("lease", crate::key::Shown(&request.name).to_string())
}
