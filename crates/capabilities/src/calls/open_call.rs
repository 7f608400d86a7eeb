//! The head of a call in the hands of its owner.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use mcpg_cluster::{ErrorKind, Expect, Moment, Version};
use mcpg_metrics::table::REFUSED_FENCES;
use tracing::debug;

use super::CallsError;
use super::appending::Tail;
use super::handle::{ATTEMPTS, Calls, give_way};
use super::head::{Birth, EndReason, Head, QuestionAnswer, State};
use super::index::IndexEntry;
use super::key::CallKey;
use crate::delivery::{Held, Reader};
use crate::owner::OwnerPair;
use crate::store::{Stored, WriteError};
use crate::weakness::{self, Weakness};

/// A head that stands, held by the owner of the call. There is one per call, and one step of it at a time.
///
/// Every step may be dropped or fail: the next one reads the head where its version has moved on, so nothing is
/// written that was not read.
#[derive(Debug)]
pub struct OpenCall {
    pub(super) calls: Calls,
    pub(super) entry: IndexEntry,
    indexed: Option<Version>,
    pub(super) stored: Stored<Head>,
    /// What is to stand in the head next, and how old that is which stands there.
    pub(super) tail: Tail,
    /// What the log takes of its principal's budget.
    pub(super) held: Held,
    /// When this replica knew that the head stood.
    opened: Moment,
    /// The numbers whose answers were handed out; they leave the head with the next write.
    taken: BTreeSet<u64>,
    /// That it was claimed is counted once, however often it is met.
    counted_claim: AtomicBool,
}

/// Why the call is no longer the owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client cancelled it: stop it and send nothing.
    Cancelled,
    /// Somebody found the owner dead and ended or replaced it: end it with "outcome unknown".
    Claimed,
    /// The head is gone, so nobody knows what happened to it: end it with "outcome unknown".
    Gone,
    /// The streams of its principal hold as much as they may. The call is still the owner's, who ends its stream with
    /// an error that says so: a last event of a few kilobytes is always taken.
    OverBudget,
}

/// What the owner sees in its head.
#[derive(Debug)]
pub enum Look {
    /// The call runs on. These answers came in since the last look, by the numbers of their questions.
    Runs(Vec<(u64, QuestionAnswer)>),
    /// The read was older than the write that it was to see: look again.
    Stale,
    /// The call is no longer the owner's.
    Refused(Refused),
}

/// How one attempt to write the head went.
pub(super) enum Put {
    Written,
    /// Another writer was first; what it wrote is known now.
    Lost,
    Gone,
}

/// Whose end of the call counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The owner's: the response may be sent.
    Mine,
    /// Another one's.
    Refused(Refused),
}

impl OpenCall {
    pub(super) fn new(
        calls: Calls,
        entry: IndexEntry,
        indexed: Option<Version>,
        stored: Stored<Head>,
    ) -> Self {
        Self {
            opened: calls.clock.now(),
            held: calls.budgets.hold(entry.call.session()),
            calls,
            entry,
            indexed,
            stored,
            tail: Tail::default(),
            taken: BTreeSet::new(),
            counted_claim: AtomicBool::new(false),
        }
    }

    /// Takes another way to the coordinator.
    #[cfg(test)]
    pub(super) fn go_by(&mut self, calls: Calls) {
        self.calls = calls;
    }

    /// The call.
    pub fn key(&self) -> &CallKey {
        &self.entry.call
    }

    /// Numbers a question and makes its answer welcome; the question is sent to the client after that.
    ///
    /// # Errors
    /// Why the head could not be written. The number, if it was given, is never used: the question fails.
    pub async fn ask(&mut self) -> Result<Result<u64, Refused>, CallsError> {
        let asked = self
            .write(|head| {
                head.asked += 1;
                head.pending.insert(head.asked);
            })
            .await?;
        // The version that was written may have been cancelled by the time it was read back.
        Ok(asked.and_then(|()| match self.refusal() {
            Some(refused) => Err(refused),
            None => Ok(self.stored.record.asked),
        }))
    }

    /// Which call of its id this is: it names the stream.
    pub fn birth(&self) -> Birth {
        self.entry.birth
    }

    /// The number that the next question of this call gets.
    pub fn next_question(&self) -> u64 {
        self.stored.record.asked + 1
    }

    /// Who reads the stream instead of the client's first connection, as far as this replica has seen.
    pub fn reader(&self) -> Option<&Reader> {
        self.stored.record.reader.as_ref()
    }

    /// Reads the head, after a wake-up that told of a write with version `at_least`, or without one.
    ///
    /// Cancels are seen here, and each answer is handed out once. [`Look::Stale`] only comes where reads may be stale.
    ///
    /// # Errors
    /// Why the head could not be read; the answers are still there.
    pub async fn look(&mut self, at_least: Option<Version>) -> Result<Look, CallsError> {
        let stored = self.calls.writer.read::<Head>(&self.entry.call.head()).await?;
        match stored {
            Some(stored) if Some(stored.version) < at_least => Ok(Look::Stale),
            // What the owner itself has written is no older than that.
            Some(stored) if stored.version < self.stored.version => Ok(Look::Stale),
            Some(stored) => {
                self.stored = stored;
                Ok(self.seen())
            }
            None if self.may_be_stale() => Ok(Look::Stale),
            None => Ok(Look::Refused(Refused::Gone)),
        }
    }

    /// Ends the call. The response is sent after this said [`Ended::Mine`]; then [`tidy`](Self::tidy) up.
    ///
    /// # Errors
    /// Why the end could not be settled. I4 wants the result to reach the client nevertheless: send it to the live
    /// connection, and go on ending until this answers.
    pub async fn end(&mut self) -> Result<Ended, CallsError> {
        if self.is_finished() {
            return Ok(Ended::Mine);
        }
        if weakness::has(Weakness::TwoRecords) {
            let key = weakness::beside(&self.entry.call.head());
            if self.calls.writer.read::<Head>(&key).await?.is_some() {
                return Ok(Ended::Refused(Refused::Cancelled));
            }
        }
        match self.write(|head| head.end(EndReason::Finished)).await? {
            Ok(()) => Ok(Ended::Mine),
            // An attempt before this one was applied without anybody knowing.
            Err(_) if self.is_finished() => Ok(Ended::Mine),
            Err(refused) => Ok(Ended::Refused(refused)),
        }
    }

    /// Cancels the call, for a client whose cancel reached the owner itself. Who reads the stream elsewhere finds no
    /// response then.
    ///
    /// # Errors
    /// Why that could not be settled; it may be tried again.
    pub async fn cancel(&mut self) -> Result<Result<(), Refused>, CallsError> {
        let written = self.write(Head::cancel).await?;
        // An attempt before this one, or another replica, was first: it is what the client wanted.
        Ok(written.or_else(|refused| match refused {
            Refused::Cancelled => Ok(()),
            refused => Err(refused),
        }))
    }

    /// The version of the head, as far as this replica has seen.
    pub fn version(&self) -> Version {
        self.stored.version
    }

    /// Makes head and index entry live for another TTL, and looks at the head where somebody else wrote it.
    ///
    /// The owner calls it at least every quarter of the TTL, and at once when it has a lease again after it lost the
    /// former: the head then carries the new pair. It also finds what no wake-up told, where a replica died between a
    /// write and its wake-up. After [`Look::Stale`] call it again soon.
    ///
    /// # Errors
    /// Why they could not be touched; they live on for what is left of their TTL.
    pub async fn keep_alive(&mut self, owner: &OwnerPair) -> Result<Look, CallsError> {
        // First the index: it must never be gone before what it points to.
        self.touch_index().await?;
        let aged = self.aged();
        let is_current = aged <= self.stored.record.log.base();
        if self.stored.record.owner.as_ref() != Some(owner) || !is_current {
            let renew = |head: &mut Head| {
                head.owner = Some(owner.clone());
                head.log.forget_to(aged);
            };
            let written = self.write(renew).await?;
            self.held.set(self.stored.record.log.bytes());
            return Ok(match written {
                Ok(()) => self.seen(),
                Err(refused) => Look::Refused(refused),
            });
        }
        let key = self.entry.call.head();
        for attempt in 0..ATTEMPTS {
            if let Some(refused) = self.refusal() {
                return Ok(Look::Refused(refused));
            }
            let version = self.stored.version;
            match self.calls.key_value.touch(&key, self.entry.ttl, version).await {
                Ok(version) => {
                    self.stored.version = version;
                    return Ok(self.seen());
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(CallsError::harmless(error)),
            }
            match self.calls.writer.read::<Head>(&key).await? {
                Some(stored) if stored.version > version => self.stored = stored,
                Some(_) => return Ok(Look::Stale),
                None if self.may_be_stale() => return Ok(Look::Stale),
                None => return Ok(Look::Refused(Refused::Gone)),
            }
            give_way(attempt).await;
        }
        Err(CallsError::contended())
    }

    /// Removes what only a living call needs, once it is over. Best effort: what is left expires.
    pub async fn tidy(mut self) {
        if weakness::has(Weakness::DeletesEndedHeads) {
            let key = self.entry.call.head();
            let _ = self.calls.key_value.delete(&key, Expect::Any).await;
        }
        if let Some(version) = self.indexed.take() {
            let key = self.entry.key(&self.calls.config.boot);
            let deleted = self.calls.key_value.delete(&key, Expect::Version(version)).await;
            if let Err(error) = deleted {
                debug!(message = "An index entry is left to expire.", %key, %error);
            }
        }
    }

    async fn touch_index(&mut self) -> Result<(), CallsError> {
        let key = self.entry.key(&self.calls.config.boot);
        if let Some(version) = self.indexed {
            match self.calls.key_value.touch(&key, self.entry.ttl, version).await {
                Ok(version) => {
                    self.indexed = Some(version);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Conflict => self.indexed = None,
                Err(error) => return Err(CallsError::harmless(error)),
            }
        }
        // Touched by an attempt of unknown outcome, or gone: creating it returns what is there or makes it anew.
        let created = self
            .calls
            .writer
            .create_unique(&key, self.entry.encode()?, self.entry.ttl)
            .await;
        self.indexed = Some(created.map_err(CallsError::harmless)?);
        Ok(())
    }

    /// Changes the head by compare-and-set as long as it is the owner's.
    async fn write(&mut self, mut change: impl FnMut(&mut Head)) -> Result<Result<(), Refused>, CallsError> {
        for attempt in 0..ATTEMPTS {
            if let Some(refused) = self.refusal() {
                return Ok(Err(refused));
            }
            let mut next = self.next();
            change(&mut next);
            match self.put(next).await? {
                Put::Written => return Ok(Ok(())),
                Put::Gone => return Ok(Err(Refused::Gone)),
                Put::Lost => give_way(attempt).await,
            }
        }
        Err(CallsError::contended())
    }

    /// The head as it stands, without what was handed out.
    pub(super) fn next(&self) -> Head {
        let mut next = self.stored.record.clone();
        next.answers.retain(|number, _| !self.taken.contains(number));
        next
    }

    /// Writes the head once, where it is still the one that was read.
    pub(super) async fn put(&mut self, next: Head) -> Result<Put, CallsError> {
        let (key, ttl) = (self.entry.call.head(), Some(self.entry.ttl));
        let expect = Expect::Version(self.stored.version);
        let again = weakness::has(Weakness::RecreatesHeads).then(|| next.clone());
        match self.calls.writer.write(&key, next, expect, ttl).await {
            Ok(stored) => {
                self.stored = stored;
                Ok(Put::Written)
            }
            Err(WriteError::Conflict(Some(stored))) => {
                self.stored = stored;
                Ok(Put::Lost)
            }
            Err(WriteError::Conflict(None)) if self.may_be_stale() => Err(CallsError::stale()),
            Err(WriteError::Conflict(None)) => {
                if let Some(again) = again {
                    self.stored = self.calls.writer.write(&key, again, Expect::Absent, ttl).await?;
                    return Ok(Put::Written);
                }
                Ok(Put::Gone)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a read that finds no head may simply be older than the head.
    fn may_be_stale(&self) -> bool {
        let stale_reads = self.calls.config.stale_reads;
        let age = self.calls.clock.now().saturating_since(self.opened);
        !stale_reads.is_zero() && age <= stale_reads
    }

    pub(super) fn refusal(&self) -> Option<Refused> {
        let head = &self.stored.record;
        let refused = match head.state {
            _ if head.state != State::Cancelled && !head.is_of(self.entry.birth) => Refused::Claimed,
            State::Open => return None,
            State::Cancelled => Refused::Cancelled,
            State::Ended => Refused::Claimed,
        };
        if refused == Refused::Claimed && !self.is_finished() {
            self.count_claim();
        }
        Some(refused)
    }

    fn count_claim(&self) {
        if !self.counted_claim.swap(true, Ordering::Relaxed) {
            REFUSED_FENCES.count(&["call"]);
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        let head = &self.stored.record;
        head.state == State::Ended && head.is_of(self.entry.birth) && head.reason == Some(EndReason::Finished)
    }

    fn seen(&mut self) -> Look {
        if let Some(refused) = self.refusal() {
            return Look::Refused(refused);
        }
        let answers: Vec<_> = self
            .stored
            .record
            .answers
            .iter()
            .filter(|(number, _)| !self.taken.contains(number))
            .map(|(number, answer)| (*number, answer.clone()))
            .collect();
        self.taken.extend(answers.iter().map(|(number, _)| *number));
        Look::Runs(answers)
    }
}
