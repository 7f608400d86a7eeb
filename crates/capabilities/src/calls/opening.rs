//! Opening the head of a call.

use mcpg_cluster::{Expect, Moment, Version};
use mcpg_metrics::table::REFUSED_FENCES;
use tracing::debug;

use super::CallsError;
use super::handle::{ATTEMPTS, Calls, give_way};
use super::head::{Birth, EndReason, Head, State};
use super::index::IndexEntry;
use super::key::CallKey;
use super::open_call::OpenCall;
use crate::owner::OwnerPair;
use crate::store::{Stored, WriteError};
use crate::weakness::{self, Weakness};

/// A call that has no head yet. Nothing was written as long as [`open`](Self::open) was not called.
#[derive(Debug)]
pub struct Opening {
    calls: Calls,
    entry: IndexEntry,
    started: Moment,
    /// The version of the index entry once it stands.
    indexed: Option<Version>,
    /// Whether a head of this opening may stand or may still appear.
    may_stand: bool,
}

/// How an opening went.
#[derive(Debug)]
pub enum Opened {
    /// The head stands: every replica finds the call.
    Open(Box<OpenCall>),
    /// The client cancelled the call before: stop it and send nothing.
    Cancelled,
    /// A living call of another opening has the same id in this session: the client made a mistake.
    Duplicate,
    /// So late that the marker of a cancel may have come and gone. The call has no head: end it with "outcome unknown".
    TooLate,
    /// Somebody found this replica dead and ended the call: end it with "outcome unknown".
    Claimed,
}

/// What became of an opening that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// No head of it lives and none will: the result may be sent.
    Free,
    /// A head of it stood after all and the client cancelled the call: send nothing.
    Cancelled,
    /// A head of it stood after all and somebody ended or replaced it.
    Claimed,
}

/// What a head that stands already means for the opening.
enum Met {
    Decided(Opened),
    Replace(Box<Head>, Version),
}

impl Opening {
    pub(super) fn new(calls: Calls, call: CallKey, owner: OwnerPair, started: Moment) -> Self {
        let entry = IndexEntry {
            call,
            birth: Birth::fresh(),
            owner,
            ttl: calls.config.record_ttl,
        };
        Self {
            calls,
            entry,
            started,
            indexed: None,
            may_stand: false,
        }
    }

    /// Writes the index entry and then the head, two operations where nothing stands in the way.
    ///
    /// After an error, or when this future was dropped, call it again - it finds its own head - or
    /// [`abandon`](Self::abandon) it.
    ///
    /// # Errors
    /// [`CallsError::Unavailable`]: no head stands by this attempt. [`CallsError::Indeterminate`]: one may stand or may
    /// still appear. In both cases the call goes on; I4 wants its result to reach the client.
    pub async fn open(&mut self) -> Result<Opened, CallsError> {
        let opened = self.try_to_open().await?;
        if !matches!(opened, Opened::Open(_)) {
            // No head of this call lives, so nothing has to find it.
            self.remove_index().await;
        }
        Ok(opened)
    }

    async fn try_to_open(&mut self) -> Result<Opened, CallsError> {
        if self.is_late() {
            return self.too_late().await;
        }
        self.write_index().await?;
        if weakness::has(Weakness::TwoRecords) {
            let key = weakness::beside(&self.entry.call.head());
            if self.calls.writer.read::<Head>(&key).await?.is_some() {
                return Ok(Opened::Cancelled);
            }
        }
        let mut stored = None;
        for attempt in 0..ATTEMPTS {
            if self.is_late() {
                return self.too_late().await;
            }
            let owner = self.entry.owner.clone();
            let mut head = Head::open(owner, self.calls.config.boot.clone(), self.entry.birth);
            let mut expect = Expect::Absent;
            if let Some(found) = stored.take() {
                match self.meet(found, head).await? {
                    Met::Decided(opened) => return Ok(opened),
                    Met::Replace(next, version) => (head, expect) = (*next, Expect::Version(version)),
                }
            }
            match self.put_head(head, expect).await {
                Ok(written) => return self.confirm(written).await,
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }

    /// Makes sure that no head of this opening lives or will appear, for a call that goes on or ends without one.
    ///
    /// Costs nothing when nothing was sent, which is the case for every call that is answered quickly.
    ///
    /// # Errors
    /// Why that could not be settled. Try again in the background; the result need not wait for it (I4). A head that
    /// appears later is ended by the sweeper or its TTL.
    pub async fn abandon(&mut self) -> Result<Released, CallsError> {
        let released = if self.may_stand {
            let released = self.bury().await?;
            self.may_stand = false;
            released
        } else {
            Released::Free
        };
        self.remove_index().await;
        Ok(released)
    }

    async fn write_index(&mut self) -> Result<(), CallsError> {
        if self.indexed.is_none() {
            let key = self.entry.key(&self.calls.config.boot);
            let value = self.entry.encode()?;
            let written = self.calls.writer.create_unique(&key, value, self.entry.ttl).await;
            // An entry of unknown outcome points to nothing and expires: the head was not sent.
            self.indexed = Some(written.map_err(CallsError::harmless)?);
        }
        Ok(())
    }

    async fn remove_index(&mut self) {
        if let Some(version) = self.indexed.take() {
            let key = self.entry.key(&self.calls.config.boot);
            let deleted = self.calls.key_value.delete(&key, Expect::Version(version)).await;
            if let Err(error) = deleted {
                debug!(message = "An index entry is left to expire.", %key, %error);
            }
        }
    }

    async fn put_head(&mut self, head: Head, expect: Expect) -> Result<Stored<Head>, WriteError<Head>> {
        let before = self.may_stand;
        // Set before the write is sent: this future may be dropped while it is under way.
        self.may_stand = true;
        let key = self.entry.call.head();
        let written = self
            .calls
            .writer
            .write(&key, head, expect, Some(self.entry.ttl))
            .await;
        if let Err(WriteError::Conflict(_) | WriteError::Unavailable(_)) = &written {
            self.may_stand = before;
        }
        written
    }

    /// What a write that was applied means: other writers may have changed the head since.
    async fn confirm(&mut self, stored: Stored<Head>) -> Result<Opened, CallsError> {
        match stored.record.state {
            State::Open if !stored.record.is_of(self.entry.birth) => Ok(self.claimed()),
            // This replica may have been paused before or while the head was sent.
            State::Open if self.is_late() => self.too_late().await,
            State::Open => Ok(Opened::Open(self.opened(stored))),
            State::Cancelled => Ok(Opened::Cancelled),
            State::Ended => Ok(self.claimed()),
        }
    }

    async fn meet(&mut self, found: Stored<Head>, next: Head) -> Result<Met, CallsError> {
        let Stored { record, version } = found;
        let own = record.is_of(self.entry.birth);
        Ok(match record.state {
            State::Cancelled => Met::Decided(Opened::Cancelled),
            State::Ended if own => Met::Decided(self.claimed()),
            State::Ended => Met::Replace(Box::new(record.replaced_by(next)), version),
            // An earlier attempt of this very opening.
            State::Open if own => Met::Decided(Opened::Open(self.opened(Stored { record, version }))),
            State::Open if self.is_dead(record.owner.as_ref()).await? => {
                Met::Replace(Box::new(record.replaced_by(next)), version)
            }
            State::Open => Met::Decided(Opened::Duplicate),
        })
    }

    /// Somebody found this replica dead before its head stood.
    fn claimed(&self) -> Opened {
        REFUSED_FENCES.count(&["call"]);
        Opened::Claimed
    }

    async fn is_dead(&self, owner: Option<&OwnerPair>) -> Result<bool, CallsError> {
        match owner {
            Some(owner) => self
                .calls
                .judge
                .is_dead(owner)
                .await
                .map_err(CallsError::harmless),
            // Nobody could be asked for it: such a head is not written by any release.
            None => Ok(false),
        }
    }

    fn opened(&mut self, stored: Stored<Head>) -> Box<OpenCall> {
        Box::new(OpenCall::new(
            self.calls.clone(),
            self.entry.clone(),
            self.indexed.take(),
            stored,
        ))
    }

    fn is_late(&self) -> bool {
        let elapsed = self.calls.clock.now().saturating_since(self.started);
        elapsed > self.entry.ttl / 2 && !weakness::has(Weakness::NeverTooLate)
    }

    async fn too_late(&mut self) -> Result<Opened, CallsError> {
        self.abandon().await?;
        Ok(Opened::TooLate)
    }

    /// Ends the head of this opening, or puts an ended one where it would appear.
    async fn bury(&self) -> Result<Released, CallsError> {
        let (key, writer) = (self.entry.call.head(), &self.calls.writer);
        let mut stored = writer.read::<Head>(&key).await?;
        for attempt in 0..ATTEMPTS {
            let (head, expect) = match stored {
                None => (Head::ended(self.entry.birth, EndReason::Finished), Expect::Absent),
                Some(Stored { record, version }) => match (record.state, record.is_of(self.entry.birth)) {
                    (State::Open, true) => {
                        let mut head = record;
                        head.end(EndReason::Finished);
                        (head, Expect::Version(version))
                    }
                    (State::Cancelled, _) => return Ok(Released::Cancelled),
                    (State::Ended, true) if record.reason == Some(EndReason::OwnerLost) => {
                        return Ok(Released::Claimed);
                    }
                    // Ended by an earlier attempt, or never stood: another record keeps a late copy out.
                    (State::Ended | State::Open, _) => return Ok(Released::Free),
                },
            };
            match writer.write(&key, head, expect, Some(self.entry.ttl)).await {
                Ok(_) => return Ok(Released::Free),
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }
}
