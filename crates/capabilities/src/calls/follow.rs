//! Reading the stream of a call at any replica.

use mcpg_cluster::{Expect, Version};
use mcpg_metrics::table::TAKE_OVERS;

use super::CallsError;
use super::handle::{ATTEMPTS, Calls, give_way};
use super::head::{Birth, EndReason, Head, State};
use super::key::CallKey;
use crate::delivery::{Loaded, Logged, Reader};
use crate::owner::{BootId, OwnerPair};
use crate::store::{Stored, WriteError};
use crate::weakness::{self, Weakness};

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
        /// Whose connection this one has just replaced: it is to be told. The owner tells it too when it sees the change.
        former: Option<Reader>,
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
    /// Something that was logged is lost: the stream ends with an error, since nothing may be skipped.
    Broken,
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
                None => return self.absent(call).await,
                Some(_) => return Ok(Follow::Gone),
            };
            if stands.record.state != State::Open || stands.record.reader.as_ref() == Some(reader) {
                return self.shown(call, &stands, after).await;
            }
            let mut head = stands.record;
            let replaced = head.reader.replace(reader.clone());
            let ttl = Some(self.config.record_ttl);
            match self
                .writer
                .write(&key, head, Expect::Version(stands.version), ttl)
                .await
            {
                Ok(written) => {
                    let mut seen = self.seen_by(call, &written, birth, after, reader).await?;
                    if let Follow::Runs { former, .. } = &mut seen {
                        *former = replaced;
                    }
                    return Ok(seen);
                }
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
        match stored {
            Some(stored) if Some(stored.version) < at_least => Ok(Follow::Stale),
            Some(stored) => self.seen_by(call, &stored, birth, after, reader).await,
            None => self.absent(call).await,
        }
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

    async fn seen_by(
        &self,
        call: &CallKey,
        stored: &Stored<Head>,
        birth: Birth,
        after: u64,
        reader: &Reader,
    ) -> Result<Follow, CallsError> {
        let head = &stored.record;
        if !head.is_of(birth) {
            return Ok(Follow::Gone);
        }
        let is_another = head.reader.as_ref().is_some_and(|other| other != reader);
        if is_another && !weakness::has(Weakness::NeverDisplaced) {
            return Ok(Follow::Displaced);
        }
        self.shown(call, stored, after).await
    }

    async fn shown(&self, call: &CallKey, stored: &Stored<Head>, after: u64) -> Result<Follow, CallsError> {
        let head = &stored.record;
        let Some(pieces) = head.log.after(after) else {
            return Ok(Follow::Trimmed);
        };
        let loaded = self.bodies.load(call.session(), pieces).await;
        let events = match loaded.map_err(CallsError::harmless)? {
            Loaded::Events(events) => events,
            Loaded::Missing => return Ok(Follow::Broken),
            Loaded::Stale => return Ok(Follow::Stale),
        };
        let over = match (head.state, head.reason) {
            (State::Open, _) => {
                return Ok(Follow::Runs {
                    events,
                    owner: head.owner.clone(),
                    boot: head.boot.clone(),
                    version: stored.version,
                    former: None,
                });
            }
            (State::Cancelled, _) => Over::Cancelled,
            (State::Ended, Some(EndReason::OwnerLost)) => Over::OwnerLost,
            (State::Ended, _) => Over::Finished,
        };
        Ok(Follow::Over {
            events,
            over,
            last: head.log.last(),
        })
    }

    /// What it means that no head was found. Somebody minted the id of the stream, so its head has stood once, and a
    /// read that may be old may be from before that: there, a write that fails where a head is tells.
    async fn absent(&self, call: &CallKey) -> Result<Follow, CallsError> {
        let stale_reads = self.config.stale_reads;
        if stale_reads.is_zero() {
            return Ok(Follow::Gone);
        }
        let ttl = Some(stale_reads * 2);
        match self
            .writer
            .write(&call.head(), Head::gone(), Expect::Absent, ttl)
            .await
        {
            Ok(_) => Ok(Follow::Gone),
            Err(WriteError::Conflict(_)) => Ok(Follow::Stale),
            Err(error) => Err(error.into()),
        }
    }
}
