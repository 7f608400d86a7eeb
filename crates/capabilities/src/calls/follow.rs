//! Reading the stream of a call at any replica.

use mcpg_cluster::{Expect, Version};
use mcpg_metrics::table::TAKE_OVERS;

use super::error::CallsError;
use super::handle::{ATTEMPTS, Calls, give_way};
use super::head::{Birth, EndReason, Head, State};
use super::key::CallKey;
use crate::delivery::{Logged, Reader};
use crate::owner::{BootId, OwnerPair};
use crate::store::{Stored, WriteError};

/// What a look at the stream of a call shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The call runs.
    Runs {
        /// What was said after the event that the reader has.
        events: Vec<Logged>,
        /// Its owner: when that is dead, [`Calls::end_if_dead`] ends the call.
        owner: Option<OwnerPair>,
        /// Where the owner's mail goes.
        boot: Option<BootId>,
        /// The version of the head.
        version: Version,
    },
    /// The call is over, and nothing follows.
    Over {
        /// What was said after the event that the reader has.
        events: Vec<Logged>,
        /// How it ended.
        over: Over,
        /// The number of the last event of the stream.
        last: u64,
    },
    /// The client has come back elsewhere: this connection is to be closed.
    Displaced,
    /// The log no longer reaches back to the event that the reader has.
    Trimmed,
    /// No such stream stands: it expired, or its id was used again.
    Gone,
    /// The read was older than what it was to show: look again.
    Stale,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Its last event is the response, unless it ended without one.
    Finished,
    /// The client cancelled it: there is no response.
    Cancelled,
    /// Its owner was lost: whoever reads the stream is told that the outcome is unknown.
    OwnerLost,
}

impl Calls {
    /// Makes a connection the reader of a stream, and reads what was said after the event with the number `after`.
    /// The stream of a call that is over is only read.
    ///
    /// # Errors
    /// Why it could not be settled; it may be tried again with the same reader.
    pub async fn take_up(
        &self,
        call: &CallKey,
        birth: Birth,
        after: u64,
        reader: &Reader,
    ) -> Result<Follow, CallsError> {
        let key = call.head();
        let mut stored = self.writer.read::<Head>(&key).await?;
        for attempt in 0..ATTEMPTS {
            let stands = match stored {
                Some(stored) if stored.record.is_of(birth) => stored,
                // Somebody minted the id, so the head has stood once; a stale read may be from before that.
                None if !self.config.stale_reads.is_zero() => return Ok(Follow::Stale),
                _ => return Ok(Follow::Gone),
            };
            if stands.record.state != State::Open || stands.record.reader.as_ref() == Some(reader) {
                return Ok(shown(&stands, after));
            }
            let mut head = stands.record;
            head.reader = Some(reader.clone());
            let ttl = Some(self.config.record_ttl);
            match self
                .writer
                .write(&key, head, Expect::Version(stands.version), ttl)
                .await
            {
                Ok(written) => return Ok(seen_by(&written, birth, after, reader)),
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }

    /// Reads what was said after the event with the number `after`, for a connection that took the stream up.
    ///
    /// # Errors
    /// Why the head could not be read.
    pub async fn follow(
        &self,
        call: &CallKey,
        birth: Birth,
        after: u64,
        reader: &Reader,
        at_least: Option<Version>,
    ) -> Result<Follow, CallsError> {
        let stored = self.writer.read::<Head>(&call.head()).await?;
        Ok(match stored {
            Some(stored) if Some(stored.version) < at_least => Follow::Stale,
            Some(stored) => seen_by(&stored, birth, after, reader),
            None if !self.config.stale_reads.is_zero() => Follow::Stale,
            None => Follow::Gone,
        })
    }

    /// Ends the call if its owner is dead; whether it is over now.
    ///
    /// # Errors
    /// Why that could not be settled.
    pub async fn end_if_dead(&self, call: &CallKey, birth: Birth) -> Result<bool, CallsError> {
        let key = call.head();
        let mut stored = self.writer.read::<Head>(&key).await?;
        for attempt in 0..ATTEMPTS {
            let Some(Stored { record, version }) = stored.filter(|stored| stored.record.is_of(birth)) else {
                return Ok(true);
            };
            if record.state != State::Open {
                return Ok(true);
            }
            let Some(owner) = &record.owner else {
                return Ok(false);
            };
            if !self.judge.is_dead(owner).await.map_err(CallsError::harmless)? {
                return Ok(false);
            }
            let mut head = record;
            head.end(EndReason::OwnerLost);
            let ttl = Some(self.config.record_ttl);
            match self.writer.write(&key, head, Expect::Version(version), ttl).await {
                Ok(_) => {
                    TAKE_OVERS.count(&["call"]);
                    return Ok(true);
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }
}

fn seen_by(stored: &Stored<Head>, birth: Birth, after: u64, reader: &Reader) -> Follow {
    let head = &stored.record;
    if !head.is_of(birth) {
        return Follow::Gone;
    }
    if head.reader.as_ref().is_some_and(|other| other != reader) {
        return Follow::Displaced;
    }
    shown(stored, after)
}

fn shown(stored: &Stored<Head>, after: u64) -> Follow {
    let head = &stored.record;
    let Some(events) = head.log.after(after) else {
        return Follow::Trimmed;
    };
    let over = match (head.state, head.reason) {
        (State::Open, _) => {
            return Follow::Runs {
                events,
                owner: head.owner.clone(),
                boot: head.boot.clone(),
                version: stored.version,
            };
        }
        (State::Cancelled, _) => Over::Cancelled,
        (State::Ended, Some(EndReason::OwnerLost)) => Over::OwnerLost,
        (State::Ended, _) => Over::Finished,
    };
    Follow::Over {
        events,
        over,
        last: head.log.last(),
    }
}
