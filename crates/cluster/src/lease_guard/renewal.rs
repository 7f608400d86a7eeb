//! The background work of a guard.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Validity;
use crate::{Error, ErrorKind, Grant, Lease, LeaseRequest, Moment, Result};

/// Timers may stand still while the machine is suspended, so none is set for longer than this: after a wake-up the
/// loss of a lease is then signalled soon.
const LONGEST_TIMER: Duration = Duration::from_secs(1);

pub(super) struct Renewal {
    lease: Arc<dyn Lease>,
    request: LeaseRequest,
    validity: Validity,
}

/// When the guard acts next.
struct Schedule {
    renew_at: Moment,
    /// Set when renewals are further apart than a third of the TTL: then the lease is read in between.
    confirm_at: Option<Moment>,
}

impl Schedule {
    fn after(sent: Moment, grant: &Grant) -> Self {
        let third = grant.ttl / 3;
        Self {
            renew_at: sent + grant.renew_after,
            confirm_at: (grant.renew_after > third).then(|| sent + third),
        }
    }

    fn due(&self) -> Moment {
        self.confirm_at
            .map_or(self.renew_at, |confirm_at| confirm_at.min(self.renew_at))
    }
}

impl Renewal {
    pub(super) fn new(lease: Arc<dyn Lease>, request: LeaseRequest, validity: Validity) -> Self {
        Self {
            lease,
            request,
            validity,
        }
    }

    /// Keeps the lease until it is lost.
    pub(super) async fn run(self, sent: Moment, grant: Grant) {
        let mut schedule = Schedule::after(sent, &grant);
        let mut pause = self.first_pause();
        while self.wait_for(schedule.due()).await {
            self.note_if_late(&schedule);
            let outcome = if schedule.due() < schedule.renew_at {
                self.confirm(&mut schedule).await
            } else {
                self.renew().await.map(|(sent, grant)| {
                    schedule = Schedule::after(sent, &grant);
                })
            };
            if outcome.is_ok() {
                pause = self.first_pause();
            } else {
                self.validity.note_trouble();
                schedule.confirm_at = None;
                schedule.renew_at = self.validity.now() + pause;
                pause = (pause * 2).min(self.request.ttl / 6);
            }
        }
        self.validity.lose();
    }

    /// Renews once and prolongs the validity.
    pub(super) async fn renew(&self) -> Result<(Moment, Grant)> {
        let sent = self.validity.now();
        let token = self.validity.token();
        let answer = self.bounded(self.lease.renew(&self.request, token)).await;
        match answer {
            Ok(grant) if grant.token == token && self.validity.extend(sent, grant.ttl) => Ok((sent, grant)),
            Ok(_) => {
                self.validity.lose();
                let message = "the lease was renewed too late or with another token";
                Err(Error::new(ErrorKind::NotHeld, message))
            }
            Err(error) => {
                if matches!(error.kind(), ErrorKind::NotHeld | ErrorKind::Closed) {
                    self.validity.lose();
                }
                Err(error)
            }
        }
    }

    /// Reads the lease between two renewals. A read may be old, so only a greater token proves a successor.
    async fn confirm(&self, schedule: &mut Schedule) -> Result<()> {
        let sent = self.validity.now();
        let holder = self.bounded(self.lease.holder(&self.request.name)).await?;
        let token = holder.map(|holder| holder.token);
        if token == Some(self.validity.token()) {
            schedule.confirm_at = Some(sent + self.request.ttl / 3);
            return Ok(());
        }
        if token > Some(self.validity.token()) {
            self.validity.lose();
        }
        Err(Error::new(ErrorKind::NotHeld, "the lease is not confirmed"))
    }

    /// Gives a call a third of the TTL, so that one that hangs can be repeated in time.
    async fn bounded<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let left = self.validity.valid_until().saturating_since(self.validity.now());
        let bound = left.min(self.request.ttl / 3);
        timeout(bound, call).await.unwrap_or_else(|_| {
            let message = "the lease call was not answered in time";
            Err(Error::new(ErrorKind::Indeterminate, message))
        })
    }

    /// Waits until `due`; `false` means that the lease was lost before.
    async fn wait_for(&self, due: Moment) -> bool {
        loop {
            let now = self.validity.now();
            if !self.validity.is_valid() {
                return false;
            }
            if now >= due {
                return true;
            }
            let next = due.min(self.validity.valid_until());
            sleep(next.saturating_since(now).min(LONGEST_TIMER)).await;
        }
    }

    fn note_if_late(&self, schedule: &Schedule) {
        let late = self.validity.now().saturating_since(schedule.due());
        if late > self.request.ttl / 6 {
            self.validity.note_trouble();
        }
    }

    fn first_pause(&self) -> Duration {
        (self.request.ttl / 48).max(Duration::from_millis(1))
    }
}
