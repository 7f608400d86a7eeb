//! The sweeper: ends what dead replicas left unfinished, and answers mail that nobody will read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use mcpg_cluster::{Cursor, KeyValue};
use tracing::{debug, info};

use crate::calls::{Calls, ToWake};
use crate::delivery::get::GetStreams;
use crate::mailbox::{Mailbox, Note};
use crate::owner::{BootId, Judge};
use crate::replica::boots;
use crate::subscriptions::Subscriptions;

/// How many readers are woken at once.
const WAKES_AT_ONCE: usize = 16;
/// How often one round follows the other, in parts of the lease TTL, but never sooner than the shortest pause.
const ROUNDS_PER_LEASE: u32 = 6;
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// How many things of one boot are dealt with in one round: a crash must not make the sweeper the next trouble.
const AT_ONCE: usize = 200;

/// Goes through what dead replicas left behind. One replica does it at a time, as the leader; that two do it for a
/// while harms nobody, because every write of it compares.
#[derive(Clone)]
pub struct Sweeper {
    /// Where the boots are listed.
    pub key_value: Arc<dyn KeyValue>,
    /// Who says who is dead.
    pub judge: Arc<dyn Judge>,
    /// The calls that may have to be ended.
    pub calls: Calls,
    /// The mail that may have to be answered.
    pub mailbox: Mailbox,
    /// The streams of upstreams that may have to be taken over, where they are shared.
    pub gets: Option<GetStreams>,
    /// The subscriptions that may have to be taken over, where they are shared.
    pub subscriptions: Option<Subscriptions>,
}

impl std::fmt::Debug for Sweeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sweeper").finish_non_exhaustive()
    }
}

impl Sweeper {
    /// The pause between two rounds where leases last for `lease_ttl`: what a dead replica leaves is to be found soon
    /// after its lease is gone. A round costs one list, and one look at the lease of each other replica.
    pub fn pause(lease_ttl: Duration) -> Duration {
        (lease_ttl / ROUNDS_PER_LEASE).max(SHORTEST_PAUSE)
    }

    /// Goes through all boots once. What fails is tried again in the next round.
    pub async fn round(&self) {
        let boots = match boots::list(self.key_value.as_ref()).await {
            Ok(boots) => boots,
            Err(error) => {
                debug!(message = "Dead replicas could not be looked for.", %error);
                return;
            }
        };
        for boot in boots.into_iter().filter(|boot| boot.id != *self.calls.boot()) {
            match self.judge.is_dead(&boot.owner).await {
                Ok(true) => self.sweep(&boot.id).await,
                Ok(false) => {}
                Err(error) => debug!(message = "A replica could not be judged.", boot = %boot.id, %error),
            }
        }
    }

    async fn sweep(&self, boot: &BootId) {
        // What cannot be done for one sort of things does not hold up the others.
        let done = [
            self.end_calls(boot).await,
            self.adopt_streams(boot).await,
            self.take_over(boot).await,
            self.answer_mail(boot).await,
        ];
        if done.iter().all(|done| *done) {
            info!(message = "Nothing of a dead replica is left.", %boot);
            if let Err(error) = boots::forget(self.key_value.as_ref(), boot).await {
                debug!(message = "The entry of a dead replica is left to expire.", %boot, %error);
            }
        }
    }

    /// Ends one round's worth of calls; whether none is left.
    async fn end_calls(&self, boot: &BootId) -> bool {
        let mut cursor: Option<Cursor> = None;
        let mut ended = 0;
        loop {
            match self.calls.end_of(boot, cursor.as_ref(), AT_ONCE).await {
                Ok(sweep) => {
                    self.wake(sweep.readers).await;
                    if sweep.kept > 0 {
                        return false;
                    }
                    ended += sweep.ended;
                    cursor = sweep.next;
                }
                Err(error) => {
                    debug!(message = "The calls of a dead replica could not be ended.", %boot, %error);
                    return false;
                }
            }
            if cursor.is_none() {
                return true;
            }
            if ended >= AT_ONCE {
                return false;
            }
        }
    }

    /// Takes over one round's worth of upstream streams; whether none is left.
    async fn adopt_streams(&self, boot: &BootId) -> bool {
        match &self.gets {
            Some(gets) => gets.adopt_from(boot, AT_ONCE).await,
            None => true,
        }
    }

    /// Takes over one round's worth of subscriptions; whether none is left.
    async fn take_over(&self, boot: &BootId) -> bool {
        let Some(subscriptions) = &self.subscriptions else {
            return true;
        };
        let mut cursor: Option<Cursor> = None;
        loop {
            match subscriptions.take_over_from(boot, cursor.as_ref(), AT_ONCE).await {
                Ok(sweep) if sweep.kept > 0 || sweep.taken_over >= AT_ONCE => return false,
                Ok(sweep) => cursor = sweep.next,
                Err(error) => {
                    debug!(message = "The subscriptions of a dead replica could not be taken over.", %boot, %error);
                    return false;
                }
            }
            if cursor.is_none() {
                return true;
            }
        }
    }

    /// Tells the readers of streams that were ended. Who is not told finds out when it looks by itself.
    async fn wake(&self, readers: Vec<ToWake>) {
        let waking = readers.into_iter().map(|reader| self.wake_one(reader));
        stream::iter(waking).buffered(WAKES_AT_ONCE).collect::<()>().await;
    }

    async fn wake_one(&self, ToWake { boot, at, version }: ToWake) {
        if let Err(error) = self.mailbox.wake(&boot, &Note { at, version }).await {
            debug!(message = "The reader of a dead replica's stream was not woken.", %boot, %error);
        }
    }

    /// Answers one round's worth of mail; whether none is left.
    async fn answer_mail(&self, boot: &BootId) -> bool {
        match self.mailbox.answer_for(boot, None, AT_ONCE).await {
            Ok(sweep) => sweep.next.is_none(),
            Err(error) => {
                debug!(message = "The mail of a dead replica could not be answered.", %boot, %error);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
